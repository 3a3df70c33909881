"""The chart on a real cluster: kubelets, containers, and a search that survives what befalls its fleet, step by step.

Every trial is counted once throughout: the last step looks at all of them.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nasfleet.errors import ForbiddenError, UnauthenticatedError
from nasfleet.v1.trial_pb2 import TRIAL_STATE_FAILED, TRIAL_STATE_SUCCEEDED
from nasfleet_testing.alerts import alerts
from nasfleet_testing.chart import NAMESPACE
from nasfleet_testing.real_cluster import policies
from nasfleet_testing.real_cluster.cluster import RealCluster, real_cluster
from nasfleet_testing.real_cluster.images import images, nasfleet
from nasfleet_testing.real_cluster.monitoring import watching
from nasfleet_testing.real_cluster.nodes import DNS, NAMES
from nasfleet_testing.real_cluster.release import RunningRelease
from nasfleet_testing.real_cluster.waiting import until

Note = Callable[[str], None]
ENDLESS = 100_000  # trials; the last step gives it its end


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    folder = tmp_path_factory.mktemp("cluster")
    archives = [*images(folder / "images"), nasfleet(folder / "images", "2")]
    with real_cluster(folder / "run", archives) as one:
        for name in NAMES:
            gpus = {"nvidia.com/gpu": "4"}
            patch = json.dumps({"status": {"capacity": gpus, "allocatable": gpus}})
            one.plane.do("patch", "node", name, "--subresource=status", "--type=merge", f"--patch={patch}")
        yield one


@pytest.fixture(scope="module")
def release(cluster: RealCluster) -> RunningRelease:
    made = RunningRelease(cluster.plane, cluster.folder / "release")
    made.prepare()
    return made


@pytest.fixture
def note(capsys: pytest.CaptureFixture[str]) -> Note:
    """Say something measured while the tests run."""

    def said(text: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"[{text}] ")
            sys.stdout.flush()

    return said


def settled(release: RunningRelease, name: str) -> int:
    with release.client() as client:
        counts = client.get_search(name).counts
        return counts.succeeded + counts.failed


def more(release: RunningRelease, name: str, count: int = 5) -> Callable[[], bool]:
    """Return a condition: that a search has settled so many more trials than now."""
    before = settled(release, name)
    return lambda: settled(release, name) >= before + count


SEARCH = f"namespaces/{NAMESPACE}/searches/digits"


def test_install_and_measure_the_first_reward(release: RunningRelease, note: Note) -> None:
    began = time.monotonic()
    release.install("1")
    note(f"installed after {time.monotonic() - began:.0f} s")
    release.plane.do("create", "serviceaccount", "researcher", "--namespace", NAMESPACE)
    whom = f"--serviceaccount={NAMESPACE}:researcher"
    release.plane.do("create", "rolebinding", "researcher", "--clusterrole=edit", whom, "--namespace", NAMESPACE)
    release.pool("gpu", replicas=2)
    release.example("digits.yaml", "digits", budget={"trials": ENDLESS})
    until(lambda: settled(release, SEARCH) >= 1, "a first reward")
    note(f"first reward {time.monotonic() - began:.0f} s after an empty cluster")


def test_results_are_there_from_outside_for_those_who_may(release: RunningRelease) -> None:
    with release.client() as client:
        assert client.get_search(SEARCH).name == SEARCH
        assert client.list_best_trials(SEARCH, 1)[0].HasField("measurement")
    release.plane.do("create", "serviceaccount", "stranger", "--namespace", NAMESPACE)
    with release.client("stranger") as client, pytest.raises(ForbiddenError):
        client.get_search(SEARCH)
    with release.client(token="made.up.token") as client, pytest.raises(UnauthenticatedError):
        client.get_search(SEARCH)


def test_policies_allow_and_deny_what_they_say(release: RunningRelease, cluster: RealCluster) -> None:
    for namespace in ("monitoring", "elsewhere"):
        release.plane.do("create", "namespace", namespace)
        release.runner(namespace, "somebody")
    until(partial(has_trainers, release, 2), "both trainers")
    [controller], [operator], [trainer, *_] = map(release.pods, ("controller", "operator", "trainer"))
    ip = {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in (controller, operator, trainer)}
    brain, hand, mine = ip
    elsewhere = json.loads(release.plane.do("get", "pod", "somebody", "--namespace", "elsewhere", "--output=json"))
    stranger = elsewhere["status"]["podIP"]
    service, dns = f"nasfleet-controller.{NAMESPACE}.svc.cluster.local", DNS
    api_host, _, api_port = release.plane.address.rpartition(":")
    expected = {
        (NAMESPACE, mine, service, 50051): True,
        (NAMESPACE, mine, dns, 53): True,
        (NAMESPACE, mine, stranger, 5353): False,
        (NAMESPACE, mine, ip[brain], 9464): False,
        (NAMESPACE, mine, api_host, int(api_port)): False,
        (NAMESPACE, mine, ip[hand], 9466): False,
        (NAMESPACE, hand, service, 50051): True,
        (NAMESPACE, hand, api_host, int(api_port)): True,
        (NAMESPACE, hand, ip[mine], 9465): False,
        (NAMESPACE, brain, api_host, int(api_port)): True,
        (NAMESPACE, brain, ip[mine], 9465): False,
        ("monitoring", "somebody", ip[brain], 9464): True,
        ("monitoring", "somebody", ip[hand], 9466): True,
        ("monitoring", "somebody", ip[mine], 9465): True,
        ("monitoring", "somebody", ip[brain], 50051): False,
        ("elsewhere", "somebody", ip[brain], 50051): False,
        ("elsewhere", "somebody", service, 50051): False,
        ("elsewhere", "somebody", ip[brain], 9464): False,
        ("elsewhere", "somebody", ip[hand], 9466): False,
        ("elsewhere", "somebody", ip[mine], 9465): True,
    }
    silent = [probe for probe in expected if not release.connects(*probe)]
    assert not silent, "probes that show nothing"
    policies.enforce(release.plane, cluster.machines)
    try:
        assert {probe: release.connects(*probe) for probe in expected} == expected
        with release.client() as client:
            assert client.get_search(SEARCH).name == SEARCH
    finally:
        policies.lift(cluster.machines)


def test_installation_is_well_as_its_own_test_says(release: RunningRelease) -> None:
    assert "Succeeded" in release.helm("test", NAMESPACE, "--timeout", "3m")


def test_prometheus_scrapes_through_the_policies_what_the_controller_counts(
    release: RunningRelease, cluster: RealCluster
) -> None:
    mine = {"watched-by": "us"}
    monitors = {"enabled": True, "interval": "1s", "labels": mine}
    until(partial(has_trainers, release, 2), "both trainers")
    with watching(release.plane, mine) as prometheus:
        policies.enforce(release.plane, cluster.machines)
        try:
            # Only now, so that no connection is older than the policies.
            release.install("1", "upgrade", monitoring={"podMonitors": monitors, "rules": {"enabled": True, "labels": mine}})
            until(lambda: prometheus.value("count(up == 1)") == 4, "controller, operator and two trainers being scraped")
            suspend(release, suspended=True)
            until(lambda: prometheus.value("sum(nasfleet_trials_settled_total)") == settled(release, SEARCH), "the same count")
            assert prometheus.value('sum(nasfleet_trainers{state!="lost"})') == 2
            assert prometheus.value("count(nasfleet_trainer_build_info)") == 2
            nodes = {labels["node"] for labels, _ in prometheus.query("nasfleet_trainer_build_info")}
            assert nodes == {pod["spec"]["nodeName"] for pod in release.pods("trainer")}
            assert set(prometheus.rules()) == {alert.name for alert in alerts()}
        finally:
            policies.lift(cluster.machines)
            suspend(release, suspended=False)


def suspend(release: RunningRelease, *, suspended: bool) -> None:
    patch = json.dumps({"spec": {"suspend": suspended}})
    release.plane.do("patch", "nas", "digits", "--namespace", NAMESPACE, "--type=merge", f"--patch={patch}")


def test_scale_up_and_down_while_it_runs(release: RunningRelease, note: Note) -> None:
    for size in (4, 1, 3):
        release.plane.do("scale", "trainerpool/gpu", f"--replicas={size}", "--namespace", NAMESPACE)
        seconds = until(partial(has_trainers, release, size), f"{size} trainers")
        note(f"{size} trainers after {seconds:.0f} s")
    until(more(release, SEARCH), "trials of the three")


def has_trainers(release: RunningRelease, size: int) -> bool:
    """Return whether there are so many trainers, all ready, and none that goes."""
    pods = release.pods("trainer")
    return len(pods) == size and all(is_ready(pod) and "deletionTimestamp" not in pod["metadata"] for pod in pods)


def is_ready(pod: dict[str, Any]) -> bool:
    """Return whether a pod answers its probe."""
    return any((one["type"], one["status"]) == ("Ready", "True") for one in pod["status"].get("conditions", ()))


def test_operator_is_killed(release: RunningRelease) -> None:
    before = release.pods("operator")[0]["metadata"]["uid"]
    release.kill("operator")
    release.plane.do("scale", "trainerpool/gpu", "--replicas=4", "--namespace", NAMESPACE)
    until(partial(has_trainers, release, 4), "the size that was asked for while no operator was there")
    assert release.pods("operator")[0]["metadata"]["uid"] != before


def test_controller_is_killed(release: RunningRelease, note: Note) -> None:
    before = settled(release, SEARCH)
    release.kill("controller")
    seconds = until(lambda: settled(release, SEARCH) >= before + 5, "trials after the restart")
    note(f"five trials more after {seconds:.0f} s")


def test_upgrade_to_another_image_while_it_runs(release: RunningRelease) -> None:
    release.install("2", "upgrade")
    assert release.tags("controller") == {"2"}
    until(more(release, SEARCH), "trials after the upgrade")
    until(lambda: release.tags("trainer") == {"2"}, "trainers of the new image")


def test_node_of_trainers_is_lost(release: RunningRelease, cluster: RealCluster, note: Note) -> None:
    [lost] = set(NAMES) - {release.node_of("controller")}
    cluster.fail(lost)
    seconds = until(lambda: all_elsewhere(release, lost), "trainers on the other node")
    note(f"replaced after {seconds:.0f} s")
    until(more(release, SEARCH), "trials of those that are left")
    cluster.start(lost)
    until(partial(has_trainers, release, 4), "all trainers again")


def all_elsewhere(release: RunningRelease, lost: str) -> bool:
    living = [pod for pod in release.pods("trainer") if "deletionTimestamp" not in pod["metadata"]]
    return len(living) == 4 and all(pod["spec"].get("nodeName") not in {lost, None} for pod in living)


def test_node_of_the_controller_is_lost(release: RunningRelease, cluster: RealCluster, note: Note) -> None:
    """Its pod stays Terminating, since the volume might be in use: somebody has to say that the node is out of service."""
    lost = release.node_of("controller")
    before = settled(release, SEARCH)
    cluster.fail(lost)
    until(lambda: "deletionTimestamp" in release.pods("controller")[0]["metadata"], "a pod that Kubernetes wants to go")
    taint = "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"
    release.plane.do("taint", "node", lost, taint)
    seconds = until(lambda: is_served_elsewhere(release, lost), "a controller on the other node")
    note(f"served again {seconds:.0f} s after the taint")
    seconds += until(lambda: settled(release, SEARCH) >= before + 5, "trials on the other node")
    note(f"trials again {seconds:.0f} s after it")
    assert release.node_of("controller") != lost
    release.plane.do("taint", "node", lost, f"{taint}-")
    cluster.start(lost)


def is_served_elsewhere(release: RunningRelease, lost: str) -> bool:
    return any(pod["spec"].get("nodeName") not in {lost, None} and is_ready(pod) for pod in release.pods("controller"))


def assert_each_trial_is_counted_once(release: RunningRelease) -> None:
    """None is missing, the counts are those of the trials, and of several attempts at one trial one alone counts."""
    with release.client() as client:
        trials, counts = list(client.list_trials(SEARCH)), client.get_search(SEARCH).counts
        states = Counter(trial.state for trial in trials)
        assert sorted(trial.number for trial in trials) == list(range(len(trials)))
        assert states[TRIAL_STATE_SUCCEEDED] == counts.succeeded
        assert states[TRIAL_STATE_FAILED] == counts.failed + counts.lost
        tried_again = [client.get_trial(trial.name) for trial in trials if trial.attempt_count > 1]
    assert tried_again, "nothing was lost on the way, so this says nothing"
    for trial in tried_again:
        counted = [attempt for attempt in trial.attempts if attempt.HasField("end_time") and not attempt.HasField("failure")]
        assert len(counted) == (trial.state == TRIAL_STATE_SUCCEEDED), trial


def test_uninstall_leaves_the_data(release: RunningRelease, cluster: RealCluster) -> None:
    trials = settled(release, SEARCH) + 20
    patch = json.dumps({"spec": {"budget": {"trials": trials}}})
    release.plane.do("patch", "nas", "digits", "--namespace", NAMESPACE, "--type=merge", f"--patch={patch}")
    until(lambda: settled(release, SEARCH) >= trials, "the end of the search")
    assert_each_trial_is_counted_once(release)
    release.helm("uninstall", NAMESPACE, "--wait")
    assert release.plane.do("get", "pvc", "--namespace", NAMESPACE, "--output=name").strip()
    assert release.plane.do("get", "architecturesearch", "--namespace", NAMESPACE, "--output=name").strip()
    assert Path(cluster.folder / "release" / "state").exists()
