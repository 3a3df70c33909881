"""Three hundred children in training at once, as a real Prometheus sees them; and every metric is in the reference."""

import re
import urllib.request
from pathlib import Path

import pytest

from nasfleet.catalogue import FailureRates, Reinforce, Synthetic
from nasfleet.client import Client
from nasfleet.measurement import FailureKind
from nasfleet.v1.search_pb2 import SEARCH_STATE_COMPLETED
from nasfleet_testing.alerts import ADDED_LABELS
from nasfleet_testing.processes import eventually
from nasfleet_testing.programs import SEARCH, controller, free_address, rows, synthetic_search, trainer
from nasfleet_testing.prometheus import Prometheus, prometheus

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
CHILDREN = 300
POOL = "namespaces/default/pools/here"
TRAINERS = 340  # more than that: at any moment some are between two children
TRIALS = 700
OF_A_SCRAPE = {"__name__"} | ADDED_LABELS


def documented() -> dict[str, tuple[str, set[str]]]:
    """Return type and labels of every metric of the controller and of trainers in the reference, by name."""
    page = REFERENCE.read_text().partition("## Operator\n")[0]
    cells = (line.split("|")[1:5] for line in page.splitlines() if line.startswith("| `"))
    found = {
        name.strip().strip("`"): (kind.strip(), {label.strip() for label in labels.split(",")} - {""})
        for name, kind, labels, _ in cells
    }
    assert len(found) > 30
    return found


def test_reference_names_every_metric_that_is_served_and_no_other(tmp_path: Path) -> None:
    metrics = free_address()
    with (
        controller(tmp_path / "state") as running,
        Client(running.address) as client,
        trainer(running.address, tmp_path / "trainers.log", "--metrics-port", metrics.rpartition(":")[2]),
    ):
        eventually(lambda: len(client.get_fleet().trainers) == 1, "a trainer")
        pages = [urllib.request.urlopen(f"http://{address}/metrics").read().decode() for address in (running.metrics, metrics)]
    types = dict(re.findall(r"^# TYPE (nasfleet_\w+) (\w+)$", "\n".join(pages), re.MULTILINE))
    assert types == {name: kind for name, (kind, _) in documented().items()}


@pytest.mark.timeout(120)
def test_hundreds_of_children_at_once_as_prometheus_sees_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state, metrics = tmp_path / "state", free_address()
    flags = ("--pool", POOL, "--agents", str(TRAINERS), "--metrics-port", metrics.rpartition(":")[2])
    task = Synthetic(epochs=3, epoch_seconds=1, failures=FailureRates(not_finite=0.02))
    with controller(state) as running, Client(running.address) as client:
        jobs = {"controller": running.metrics, "trainers": metrics}
        with prometheus(tmp_path / "prometheus", jobs) as seen, trainer(running.address, tmp_path / "trainers.log", *flags):
            eventually(lambda: len(client.get_fleet().trainers) == TRAINERS, "all trainers")
            client.ensure_pool(POOL, labels={}, service_account="", wanted_size=TRAINERS)
            spec = synthetic_search(TRIALS, TRAINERS + 100, task, strategy=Reinforce())
            client.ensure_search(SEARCH, spec)
            eventually(lambda: client.get_search(SEARCH).state == SEARCH_STATE_COMPLETED, "the end of the search")
            check_hundreds(seen)
            check_pool(seen)
            check_counts(seen, state)
            check_reference(seen)
            with capsys.disabled():
                print(f"\n{scrapes(seen)}")  # noqa: T201  # figures to be read


def check_hundreds(seen: Prometheus) -> None:
    for gauge in ("nasfleet_trials_in_flight", "nasfleet_children_in_training", "nasfleet_trainer_children"):
        assert seen.value(f"max_over_time({gauge}[5m])") >= CHILDREN, gauge


def check_pool(seen: Prometheus) -> None:
    of_pool = f'{{pool="{POOL}"}}'
    assert seen.value(f"nasfleet_pool_wanted_trainers{of_pool}") == seen.value(f"nasfleet_trainers{of_pool}") == TRAINERS
    assert seen.value(f"max_over_time(nasfleet_pool_wanted_slots{of_pool}[5m])") == TRAINERS + 100


def check_counts(seen: Prometheus, state: Path) -> None:
    eventually(lambda: seen.value("nasfleet_reward_count") >= TRIALS, "a scrape after the end", within=10)
    settled = rows(state, "SELECT count(*), count(reward) FROM trials WHERE settle_order IS NOT NULL")[0]
    assert (seen.value("nasfleet_reward_count"), seen.value("nasfleet_trials_settled_total")) == settled == (TRIALS, TRIALS)
    epochs = rows(state, "SELECT count(*) FROM epochs")[0][0]
    assert seen.value("nasfleet_epochs_total") == seen.value("nasfleet_epoch_seconds_count") == epochs
    begun = f"count(*) FILTER (WHERE failure_kind IS NOT {FailureKind.RETURNED.value})"  # what waited may have gone back
    attempts, failed = rows(state, f"SELECT {begun}, count(failure_kind) FROM attempts")[0]
    eventually(lambda: seen.value("nasfleet_trainer_outcomes_total") == attempts, "a scrape of the trainers", within=10)
    assert seen.value("nasfleet_attempts_failed_total") == failed


def check_reference(seen: Prometheus) -> None:
    """See that each metric of the reference has data, of its type, with its labels, and that there are no others."""
    types = seen.types()
    found: dict[str, tuple[str, set[str]]] = {}
    for labels, _ in seen.query('last_over_time({__name__=~"nasfleet_.+"}[5m])'):
        name = labels["__name__"]
        family = next(part for part in (name, re.sub("_[a-z]+$", "", name)) if part in types)
        name = family if types[family] == "histogram" else name
        found.setdefault(name, (types[family], set()))[1].update(labels.keys() - OF_A_SCRAPE)
    assert found == documented()


def scrapes(seen: Prometheus) -> str:
    """Return how long the longest scrape took and how many series it brought, for each of the two programs."""
    found = []
    for job in ("controller", "trainers"):
        series = seen.value(f"max_over_time(scrape_samples_scraped{{job='{job}'}}[5m])")
        seconds = seen.value(f"max_over_time(scrape_duration_seconds{{job='{job}'}}[5m])")
        found.append(f"{job}: {series:.0f} series, longest scrape {1000 * seconds:.0f} ms")
    return "; ".join(found)
