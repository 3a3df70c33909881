"""Traces of trials as a real collector receives them: whole, across retries and restarts, and at no trial's cost."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nasfleet.catalogue import (
    ConvChain,
    FailureRates,
    Gang,
    ImageClassification,
    PluginTask,
    Reinforce,
    Retries,
    SearchSpaceSection,
    Synthetic,
    TrialSettings,
    Weights,
)
from nasfleet.client import Client
from nasfleet.tracing import FLUSH_SECONDS
from nasfleet.v1.search_pb2 import SEARCH_STATE_COMPLETED
from nasfleet_testing.collectors import Collector, Seen, collector
from nasfleet_testing.processes import eventually, said
from nasfleet_testing.programs import SEARCH, controller, free_address, rows, synthetic_search, trainer, training

POOL = "namespaces/default/pools/here"


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collector() as found:
        for name, value in found.variables.items():
            monkeypatch.setenv(name, value)
        yield found


def completed(client: Client) -> bool:
    return client.get_search(SEARCH).state == SEARCH_STATE_COMPLETED


def only(spans: list[Seen]) -> Seen:
    [span] = spans
    return span


def within(part: Seen, whole: Seen) -> bool:
    return whole.began <= part.began <= part.ended <= whole.ended


@pytest.mark.timeout(180)
def test_a_trial_is_one_trace_from_its_proposal_to_the_update_that_learned_from_it(tmp_path: Path, received: Collector) -> None:
    state = tmp_path / "state"
    spec = synthetic_search(
        4,
        2,
        ImageClassification(
            epochs=2, training_examples=100, validation_examples=50, batch_size=25, upsample_size=8, flip=False
        ),
        search_space=SearchSpaceSection(space=ConvChain(layers=2, filter_counts=(4, 8))),
        strategy=Reinforce(batch_size=2),
        weights=Weights.NONE,
    )
    with controller(state) as running, Client(running.address) as client:
        with trainer(running.address, tmp_path / "trainer.log", "--name", "one", "--pool", POOL) as one:
            client.ensure_search(SEARCH, spec)
            eventually(lambda: completed(client), "the end of the search")
            eventually(lambda: len(received.spans("learn")) == 4, "what was learned")
            assert one.terminate() == 0
        assert running.process.terminate() == 0
    assert len({root.trace for root in received.spans("trial")}) == len(received.spans("trial")) == 4
    stored = rows(state, "SELECT number, canonical_hash, reward, fence FROM trials ORDER BY number")
    assert stored
    for number, architecture, reward, fence in stored:
        root = only(received.spans("trial", trial=number))
        of_trial = [span for span in received.all() if span.trace == root.trace]
        assert {span.attributes.get("nasfleet.trial", number) for span in of_trial} == {number}
        assert root.parent == ""
        facts = {"search": SEARCH, "architecture": architecture, "reward": reward, "outcome": "succeeded", "attempts": 1}
        assert root.attributes.items() >= {f"nasfleet.{key}": value for key, value in facts.items()}.items()
        spans = {name: only([one for one in of_trial if one.name == name]) for name in ("queue", "attempt", "train", "learn")}
        assert {spans[name].parent for name in ("queue", "attempt", "learn")} == {root.span}
        assert within(spans["queue"], root)
        assert within(spans["attempt"], root)
        facts = {"attempt": 1, "fence": fence, "trainer": "one", "pool": POOL}
        assert spans["attempt"].attributes.items() >= {f"nasfleet.{key}": value for key, value in facts.items()}.items()
        train = spans["train"]
        assert (train.parent, train.service, root.service) == (
            spans["attempt"].span,
            "nasfleet-trainer",
            "nasfleet-controller",
        )
        facts = {"trainer": "one", "pool": POOL, "device": "cpu", "fence": fence, "outcome": "measured"}
        assert train.attributes.items() >= {f"nasfleet.{key}": value for key, value in facts.items()}.items()
        build = only([one for one in of_trial if one.name == "build"])
        epochs = sorted((one for one in of_trial if one.name == "epoch"), key=lambda one: one.attributes["nasfleet.epoch"])
        assert [epoch.attributes["nasfleet.epoch"] for epoch in epochs] == [1, 2]
        assert {one.parent for one in (build, *epochs)} == {train.span}
        assert all(within(one, train) for one in (build, *epochs))
        assert build.ended <= epochs[0].ended <= epochs[1].ended
        assert spans["learn"].began == root.ended
        assert spans["learn"].attributes["nasfleet.policy_version"] in {1, 2}
        assert not any(span.failed for span in of_trial)
    assert len(received.spans("load")) == 1  # the data set stays loaded


def test_attempts_at_a_trial_that_fails_are_in_its_one_trace_which_logs_name(tmp_path: Path, received: Collector) -> None:
    with controller(tmp_path / "state") as running, Client(running.address) as client:
        with trainer(running.address, tmp_path / "trainer.log") as one:
            client.ensure_search(SEARCH, synthetic_search(1, 1, Synthetic(failures=FailureRates(crashed=1.0))))
            eventually(lambda: completed(client), "the end of the search")
            assert one.terminate() == 0
        assert running.process.terminate() == 0
    root = only(received.spans("trial"))
    first, second = received.spans("attempt")
    assert {span.trace for span in received.all()} == {root.trace}
    assert [one.attributes["nasfleet.attempt"] for one in (first, second)] == [1, 2]
    assert first.ended <= second.began
    assert [one.parent for one in received.spans("train")] == [first.span, second.span]
    assert [wait.ended for wait in received.spans("queue")] == [first.began, second.began]
    assert received.spans("queue")[1].began == first.ended
    assert root.attributes.items() >= {"nasfleet.outcome": "failed", "nasfleet.attempts": 2, "nasfleet.reward": 0.0}.items()
    for span in (root, first, second, *received.spans("train")):
        assert span.failed
        assert span.attributes["nasfleet.failure"] == "crashed"
    lines = [
        *said(one.log, "child_failed"),
        *said(running.process.log, "attempt_failed"),
        *said(running.process.log, "trial_given_up"),
    ]
    assert [line["trace_id"] for line in lines] == 4 * [root.trace]


def test_a_trial_of_a_trainer_that_is_killed_goes_on_in_its_trace_with_another(tmp_path: Path, received: Collector) -> None:
    spec = synthetic_search(1, 1, Synthetic(epochs=3, epoch_seconds=0.5), trial=TrialSettings(lease_seconds=2))
    with controller(tmp_path / "state") as running, Client(running.address) as client:
        with trainer(running.address, tmp_path / "first.log", "--name", "first") as first:
            client.ensure_search(SEARCH, spec)
            eventually(lambda: len(received.spans("epoch")) == 1, "an epoch")
            first.kill()
        with trainer(running.address, tmp_path / "second.log", "--name", "second") as second:
            eventually(lambda: completed(client), "the end of the search")
            assert second.terminate() == 0
        assert running.process.terminate() == 0
    root = only(received.spans("trial"))
    lost, counted = received.spans("attempt")
    assert {span.trace for span in received.all()} == {root.trace}
    assert (lost.failed, lost.attributes["nasfleet.failure"]) == (True, "lease_expired")
    assert (counted.failed, root.failed, root.attributes["nasfleet.attempts"]) == (False, False, 2)
    assert [one.attributes["nasfleet.trainer"] for one in (lost, counted)] == ["first", "second"]
    train = only(received.spans("train"))  # that of the other never ended
    assert train.parent == counted.span
    epochs = [epoch for epoch in received.spans("epoch") if epoch.parent == train.span]
    assert [epoch.attributes["nasfleet.epoch"] for epoch in epochs] == [1, 2, 3]


@pytest.mark.timeout(180)
def test_each_trainer_of_a_gang_has_a_span_below_the_one_attempt(tmp_path: Path, received: Collector) -> None:
    task = PluginTask(object="nasfleet_testing.gang_task:OneRankDiverges")
    spec = synthetic_search(1, 1, task, gang=Gang(size=2), trial=TrialSettings(retries=Retries(model_failure=0)))
    with controller(tmp_path / "state") as running, Client(running.address) as client:
        with trainer(running.address, tmp_path / "trainers.log", "--name", "gang", "--agents", "2") as trainers:
            client.ensure_search(SEARCH, spec)
            eventually(lambda: completed(client), "the end of the search", within=120)
            assert trainers.terminate() == 0
        assert running.process.terminate() == 0
    attempt = only(received.spans("attempt"))
    assert {train.parent for train in received.spans("train")} == {attempt.span}
    assert {(one.attributes["nasfleet.trainer"], one.attributes["nasfleet.rank"]) for one in received.spans("train")} in (
        {("gang-0", 0), ("gang-1", 1)},
        {("gang-0", 1), ("gang-1", 0)},
    )


@pytest.mark.parametrize("how", ["terminated", "killed"])
def test_a_trace_goes_on_after_the_controller_is_started_anew(tmp_path: Path, received: Collector, how: str) -> None:
    state = tmp_path / "state"
    spec = synthetic_search(
        6,
        4,
        Synthetic(epochs=4, epoch_seconds=0.5),
        strategy=Reinforce(batch_size=3),
        trial=TrialSettings(lease_seconds=10),
    )
    with (
        controller(state) as first,
        Client(first.address) as client,
        trainer(first.address, tmp_path / "trainers.log", "--agents", "2") as trainers,
    ):
        client.ensure_search(SEARCH, spec)
        eventually(lambda: training(client) == 2, "children in training")
        ended_at = time.time()
        if how == "killed":
            first.process.kill()
        else:
            assert first.process.terminate() == 0
        with controller(state, first.address) as second:
            eventually(lambda: completed(client), "the end of the search")
            eventually(lambda: len(received.spans("learn")) == 6, "what was learned")
            assert trainers.terminate() == 0
            assert second.process.terminate() == 0
    roots = received.spans("trial")
    assert len({root.trace for root in roots}) == len(roots) == 6
    across = [attempt for attempt in received.spans("attempt") if attempt.began < ended_at < attempt.ended]
    assert len(across) >= 2
    for attempt in across:
        root = only(received.spans("trial", trial=attempt.attributes["nasfleet.trial"]))
        assert (attempt.parent, attempt.trace, attempt.attributes["nasfleet.attempt"]) == (root.span, root.trace, 1)
        assert root.began < ended_at < root.ended
        assert root.attributes["nasfleet.attempts"] == 1
    begun = [span for span in received.spans("train") if span.began < ended_at]
    assert {(span.parent, span.trace) for span in begun} <= {(attempt.span, attempt.trace) for attempt in across}
    assert len(begun) == 2
    known = {span.span for span in received.all()}
    assert {span.parent for span in received.all()} - {""} <= known


@pytest.mark.parametrize("state", ["off", "on"])
def test_opentelemetry_is_imported_by_programs_that_trace_and_by_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")  # each import is a line on standard error
    if state == "on":
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"http://{free_address()}")
    with controller(tmp_path / "state") as running, Client(running.address) as client:
        with trainer(running.address, tmp_path / "trainer.log") as one:
            client.ensure_search(SEARCH, synthetic_search(4, 2, Synthetic()))
            eventually(lambda: completed(client), "the end of the search")
            one.terminate()
        running.process.terminate()
    for log in (running.process.log, one.log):
        assert "import time:" in log
        assert ("opentelemetry" in log) is (state == "on")


def test_a_collector_that_is_away_costs_no_trial_and_delays_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trials = 600  # of several spans each: more than may wait to be sent
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://{free_address()}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "512")
    with controller(tmp_path / "state") as running, Client(running.address) as client:
        with trainer(running.address, tmp_path / "trainers.log", "--agents", "8") as trainers:
            client.ensure_search(SEARCH, synthetic_search(trials, 16, Synthetic(epochs=3)))
            eventually(lambda: completed(client), "the end of the search")
            counts = client.get_search(SEARCH).counts
            began = time.monotonic()
            assert trainers.terminate() == 0
        assert running.process.terminate() == 0
        seconds = time.monotonic() - began
    assert (counts.succeeded, counts.failed, counts.lost) == (trials, 0, 0)
    assert seconds < 2 * FLUSH_SECONDS + 8
    for log in (running.process.log, trainers.log):
        lines = said(log, "opentelemetry")
        assert any("UNAVAILABLE" in line["message"] for line in lines)
        assert len(lines) < 10
        assert all(line.startswith("{") for line in log.splitlines() if "UNAVAILABLE" in line)
