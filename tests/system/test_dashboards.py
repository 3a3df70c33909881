"""Every panel has data of a real search, and alerts fire for what is really broken, as a real Prometheus sees it.

No alert fires while all is well. Those that need hours are played to promtool in tests/monitoring.
"""

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from nasfleet.address import parse_address
from nasfleet.catalogue import (
    ChoiceDecision,
    Choices,
    FailureRates,
    PoolSelector,
    Random,
    Reinforce,
    SearchSpaceSection,
    Synthetic,
    TrialSettings,
)
from nasfleet.client import Client
from nasfleet.errors import NotFoundError
from nasfleet_monitoring.__main__ import DASHBOARDS
from nasfleet_operator.metrics import OperatorMetrics
from nasfleet_testing.alerts import at_once
from nasfleet_testing.panels import without_data
from nasfleet_testing.processes import Process, eventually
from nasfleet_testing.programs import RunningController, controller, free_address, synthetic_search, trainer
from nasfleet_testing.prometheus import Prometheus, prometheus

SEARCHES = "namespaces/default/searches"
POOL = "namespaces/default/pools/here"
AGENTS = 20
TASK = Synthetic(epochs=3, epoch_seconds=0.1, failures=FailureRates(not_finite=0.05))
ENDLESS = 1_000_000


@dataclass(frozen=True, slots=True)
class Fleet:
    """A fleet that works, and who looks on."""

    controller: RunningController
    client: Client
    trainers: Process
    operator: OperatorMetrics
    seen: Prometheus


@contextmanager
def fleet(folder: Path) -> Iterator[Fleet]:
    """Run a controller, trainers and the metrics of an operator, and a Prometheus that scrapes them and has the alerts."""
    trainers_at, operator_at = free_address(), free_address()
    flags = ("--pool", POOL, "--agents", str(AGENTS), "--metrics-port", trainers_at.rpartition(":")[2])
    log = Path("/dev/null")  # a file has a limit like the store's
    with controller(folder / "state", log=log) as running, Client(running.address) as client:
        jobs = {"controller": running.metrics, "trainers": trainers_at, "operator": operator_at}
        with (
            prometheus(folder / "prometheus", jobs, at_once()) as seen,
            trainer(running.address, folder / "trainers.log", *flags) as trainers,
        ):
            operator = OperatorMetrics()
            operator.watch_state(lambda: 0, lambda: 1, lambda: 1)
            operator.serve(parse_address(operator_at, "--metrics"))
            eventually(lambda: len(client.get_fleet().trainers) == AGENTS, "all trainers")
            client.ensure_pool(POOL, labels={"kind": "here"}, service_account="", wanted_size=AGENTS)
            yield Fleet(running, client, trainers, operator, seen)


def operate(operator: OperatorMetrics, *, well: bool) -> None:
    """Do what an operator does in a moment, well or badly."""
    for number in range(10):
        operator.count_pass("TrainerPool", 0.01)
        operator.count_call("patch", "deployments", 200 if number else 409)
        if not well or number == 0:
            operator.count_failure("TrainerPool", "ConflictError" if well else "InvalidInputError")


def missing(seen: Prometheus) -> list[str]:
    """Return what has no data, by dashboard."""
    return [f"{name}: {what}" for name, dashboard in DASHBOARDS.items() for what in without_data(seen, dashboard.panels)]


@pytest.mark.timeout(180)
def test_every_panel_has_data_and_no_alert_fires_while_all_is_well(tmp_path: Path) -> None:
    with fleet(tmp_path) as here:
        specs = {"learns": Reinforce(batch_size=8), "at-random": Random()}
        for name, strategy in specs.items():
            here.client.ensure_search(f"{SEARCHES}/{name}", synthetic_search(ENDLESS, 16, TASK, strategy=strategy))

        def everything_is_there() -> bool:
            operate(here.operator, well=True)
            with pytest.raises(NotFoundError):
                here.client.get_search(f"{SEARCHES}/nowhere")
            time.sleep(0.5)
            return not missing(here.seen)

        try:
            eventually(everything_is_there, "data in every panel")
        except AssertionError:
            pytest.fail("no data: " + "; ".join(missing(here.seen)))
        # A moment without is enough: each has to hold for minutes before anybody is told.
        eventually(lambda: here.seen.firing() == {}, "no alert", within=10)


@pytest.mark.timeout(240)
@pytest.mark.skipif(sys.platform != "linux", reason="limits of other processes are set as on Linux")
def test_alerts_fire_for_what_is_really_broken(tmp_path: Path) -> None:
    with fleet(tmp_path) as here:

        def fires(name: str) -> None:
            eventually(lambda: name in here.seen.firing(), name)
            description = here.seen.firing()[name]
            assert re.fullmatch(r"[^<{]+\.", description), description

        break_searches(here)
        for name in ("NasfleetNetworksFail", "NasfleetTrialsWait", "NasfleetDuplicatesHigh"):
            fires(name)
        here.client.ensure_pool(POOL, labels={"kind": "here"}, service_account="", wanted_size=AGENTS + 5)
        fires("NasfleetTrainersMissing")
        operate(here.operator, well=False)
        eventually(lambda: here.seen.value("nasfleet_operator_reconcile_errors_total") > 0, "a scrape")
        operate(here.operator, well=False)
        fires("NasfleetOperatorPassesFail")
        here.trainers.pause()
        fires("NasfleetTrainersSilent")
        here.trainers.proceed()
        fires("NasfleetLeasesExpire")
        here.trainers.kill()
        fires("NasfleetTargetDown")
        with trainer(here.controller.address, tmp_path / "unseen.log"):
            fires("NasfleetTrainersNotScraped")
        import resource

        resource.prlimit(here.controller.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        fires("NasfleetStoreNotWritable")
        here.controller.process.kill()
        fires("NasfleetControllerDown")


def break_searches(here: Fleet) -> None:
    """Declare searches: of networks that fail, that no trainer suits, of two networks in all, of trials that take hours."""
    failing = Synthetic(epoch_seconds=0.1, failures=FailureRates(out_of_memory=0.3, crashed=0.3))
    short = TrialSettings(lease_seconds=5.0)
    tiny = SearchSpaceSection(space=Choices(decisions=(ChoiceDecision(name="width", options=(1, 2)),)))
    specs = {
        "fails": synthetic_search(ENDLESS, 8, failing),
        "waits": synthetic_search(8, 8, TASK, trainer_pool_selector=PoolSelector(match_labels={"kind": "elsewhere"})),
        "repeats": synthetic_search(ENDLESS, 8, Synthetic(epoch_seconds=0.1), search_space=tiny),
        "lasts": synthetic_search(8, 8, Synthetic(epoch_seconds=3600), trial=short),
    }
    for name, spec in specs.items():
        here.client.ensure_search(f"{SEARCHES}/{name}", spec)
