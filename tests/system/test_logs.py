"""A failure can be followed through the logs of both programs by the name of its trial."""

from pathlib import Path

from nasfleet.catalogue import FailureRates, Synthetic
from nasfleet.client import Client
from nasfleet.v1.search_pb2 import SEARCH_STATE_COMPLETED
from nasfleet_testing.processes import eventually, said
from nasfleet_testing.programs import SEARCH, controller, synthetic_search, trainer


def test_a_failure_is_named_alike_by_the_trainer_that_had_it_and_by_the_controller(tmp_path: Path) -> None:
    task = Synthetic(failures=FailureRates(crashed=1.0))
    with (
        controller(tmp_path / "state") as running,
        Client(running.address) as client,
        trainer(running.address, tmp_path / "trainers.log", "--name", "here", "--agents", "2") as trainers,
    ):
        client.ensure_search(SEARCH, synthetic_search(2, 2, task))
        eventually(lambda: client.get_search(SEARCH).state == SEARCH_STATE_COMPLETED, "the end of the search")
        trials = {f"{SEARCH}/trials/{number}" for number in range(2)}
        failed = said(trainers.log, "child_failed")
        assert {one["trial"] for one in failed} == trials
        assert {one["trainer"] for one in failed} <= {"here-0", "here-1"}
        given_up = said(running.process.log, "trial_given_up")
        assert {(one["search"], one["trial"]) for one in given_up} == {(SEARCH, trial) for trial in trials}
        assert {one["kind"] for one in (*failed, *given_up)} == {"crashed"}
        assert [one["state"] for one in said(running.process.log, "search_moved")] == ["COMPLETED"]
