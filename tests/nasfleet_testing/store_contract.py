"""What every database must do to be a store; a back end is a subclass with a `store_url` fixture."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest
from sqlalchemy import create_engine, func, select

from nasfleet.catalogue import SuccessiveHalving, Synthetic
from nasfleet.errors import NotFoundError
from nasfleet.measurement import EpochMeasurement, Failure, FailureKind, Measurement
from nasfleet.names import SearchName, TrialName
from nasfleet_controller.early_stopping import TrialCurve
from nasfleet_controller.filters import InvalidFilterError
from nasfleet_controller.records import (
    AttemptEnded,
    AttemptStarted,
    BatchLearned,
    BatchProposed,
    EpochsMeasured,
    LateOutcome,
    Proposal,
    Record,
    SearchCreated,
    SearchDeleted,
    SearchMoved,
    SearchState,
    TrialRequeued,
    TrialReused,
    TrialSettled,
    TrialState,
)
from nasfleet_controller.store import writing
from nasfleet_controller.store.paging import InvalidPageTokenError
from nasfleet_controller.store.results import TrialQuery
from nasfleet_controller.store.schema import high_marks, metadata, policy_updates
from nasfleet_controller.store.store import Store
from nasfleet_controller.strategies.strategy import Update
from nasfleet_testing.histories import History, spec

SEARCH = SearchName("default", "digits")
CRASH = Failure(FailureKind.CRASHED, "division by zero", "Traceback ...")


def created(search_id: int = 1, name: SearchName = SEARCH) -> SearchCreated:
    return SearchCreated(search_id, name, f"uid-{search_id}", spec(), SearchState.RUNNING, 1.0)


def proposed(count: int, *, search_id: int = 1, first: int = 0, hashes: int = 1_000_000) -> BatchProposed:
    proposals = tuple(Proposal(n, (n % 2, 1), f"{n % hashes:016x}") for n in range(first, first + count))
    return BatchProposed(search_id, first // max(count, 1), 0, None, proposals, 2.0)


def measured(number: int, reward: float, *, search_id: int = 1, order: int | None = None, parameters: int = 10) -> list[Record]:
    fence = search_id * 1_000_000 + number
    curve = (EpochMeasurement(1, reward / 2, 0.5, 1.0), EpochMeasurement(2, reward, 0.5))
    measurement = Measurement(reward, curve, 1.0, 1.0, parameters)
    settled = TrialSettled(search_id, number, fence, order or number + 1, TrialState.SUCCEEDED, reward, measurement, None, 5.0)
    return [
        AttemptStarted(fence, search_id, number, f"trainer-{number % 3}", "instance", 3.0),
        AttemptEnded(fence, f"outcome-{fence}", None, 1.0, 5.0),
        settled,
    ]


def learned(version: int) -> BatchLearned:
    return BatchLearned(1, (version,), Update(version, 0.5, 0.5, 1.0, 1.0, 0, b"checkpoint %d" % version), 6.0)


def flat(groups: list[list[Record]]) -> list[Record]:
    return [record for group in groups for record in group]


class StoreContract:
    """Tests for any `store_url`."""

    @pytest.fixture
    def store(self, store_url: str) -> Iterator[Store]:
        with Store(store_url) as opened:
            yield opened

    @pytest.mark.parametrize("seed", range(10))
    def test_state_after_reopening_is_the_state_that_the_records_told(self, store_url: str, seed: int) -> None:
        history, rng = History(seed).take(150), Random(seed)
        cuts = sorted({0, len(history.records), *rng.sample(range(len(history.records)), 12)})
        with Store(store_url) as store:
            for start, end in pairwise(cuts):
                store.commit(history.records[start:end])
        with Store(store_url) as store:
            assert store.load() == history.expected()

    def test_new_store_is_empty(self, store: Store) -> None:
        assert store.load().searches == ()
        assert (store.load().last_fence, store.load().last_search_id) == (0, 0)

    def test_commit_that_fails_leaves_nothing_behind(self, store: Store) -> None:
        store.commit([created()])
        before = store.load()
        with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
            store.commit([proposed(3), created()])
        assert store.load() == before
        store.commit([proposed(3)])
        assert store.load().searches[0].proposed == 3

    def test_commit_that_dies_between_its_rows_leaves_none_of_them(
        self, store_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class PowerCutError(BaseException):
            pass

        def cut(*_arguments: object) -> None:
            raise PowerCutError

        with Store(store_url) as store:
            store.commit([created()])
            with monkeypatch.context() as patched:
                patched.setattr(writing, "write_updates", cut)
                with pytest.raises(PowerCutError):
                    store.commit([proposed(3)])
        with Store(store_url) as store:
            assert store.load().searches[0].proposed == 0

    def test_numbers_of_a_deleted_search_do_not_come_again(self, store: Store) -> None:
        store.commit([created(1), created(2, SearchName("default", "other")), proposed(1, search_id=2)])
        store.commit(measured(0, 0.5, search_id=2))
        store.commit([SearchDeleted(2)])
        assert [search.search_id for search in store.load().searches] == [1]
        assert (store.load().last_fence, store.load().last_search_id) == (2_000_000, 2)

    def test_deleted_search_takes_all_of_its_rows_along(self, store: Store, store_url: str) -> None:
        store.commit([created(), proposed(2), *measured(0, 0.5), learned(1)])
        store.commit([SearchDeleted(1)])
        engine = create_engine(store_url)
        with engine.connect() as connection:
            left = {table.name: connection.scalar(select(func.count()).select_from(table)) for table in metadata.sorted_tables}
            marks = set(connection.scalars(select(high_marks.c.name)))
        engine.dispose()
        assert {"fence", "search_id"} <= marks
        assert left.pop("high_marks") == len(marks)
        assert set(left.values()) == {0}

    def test_of_the_checkpoints_the_last_three_and_every_hundredth_are_kept(self, store: Store, store_url: str) -> None:
        store.commit([created(), proposed(210)])
        for first in (1, 2, 3, 4, 9, 99, 102, 205):
            until = {1: 2, 2: 3, 3: 4, 4: 9, 9: 99, 99: 102, 102: 205, 205: 206}[first]
            store.commit([learned(version) for version in range(first, until)])
        engine = create_engine(store_url)
        with engine.connect() as connection:
            kept = select(policy_updates.c.version).where(policy_updates.c.checkpoint.is_not(None))
            assert sorted(connection.scalars(kept)) == [100, 200, 203, 204, 205]
            assert connection.scalar(select(func.count()).select_from(policy_updates)) == 205
        engine.dispose()
        assert store.load().searches[0].update == learned(205).update

    def test_epochs_that_come_twice_are_kept_once(self, store: Store) -> None:
        epochs = (EpochMeasurement(1, 0.5, 1.0),)
        store.commit([created(), proposed(1), *measured(0, 0.5)[:1]])
        for _ in range(2):
            store.commit([EpochsMeasured(1_000_000, 1, 0, epochs), EpochsMeasured(1_000_000, 1, 0, epochs)])
        assert store.results.trial(TrialName(SEARCH, 0)).curve == epochs

    def test_late_outcome_is_noted_but_the_one_that_counted_is_never_late(self, store: Store) -> None:
        store.commit([created(), proposed(2), *measured(0, 0.5), *measured(1, 0.6)])
        store.commit([LateOutcome(1_000_000, "another"), LateOutcome(1_000_001, "outcome-1000001")])
        assert [store.results.trial(TrialName(SEARCH, n)).attempts[0].late for n in (0, 1)] == [True, False]
        assert store.results.outcome_of(1_000_000) == "outcome-1000000"
        assert store.results.outcome_of(77) is None

    def test_trial_comes_with_its_curve_and_its_attempts(self, store: Store) -> None:
        first = AttemptStarted(7, 1, 0, "trainer-9", "instance", 3.0)
        gone = Failure(FailureKind.LEASE_EXPIRED, "nothing was heard")
        lost: list[Record] = [first, AttemptEnded(7, None, gone, 0.5, 4.0), TrialRequeued(1, 0, gone)]
        store.commit([created(), proposed(1), *lost, *measured(0, 0.5)])
        details = store.results.trial(TrialName(SEARCH, 0))
        assert [(one.fence, one.failure) for one in details.attempts] == [(7, gone), (1_000_000, None)]
        assert [epoch.value for epoch in details.curve] == [0.25, 0.5]
        assert (details.trial.attempt_count, details.trial.trainer, details.trial.failure) == (2, "trainer-0", gone)
        assert (details.trial.state, details.trial.reward) == (TrialState.SUCCEEDED, 0.5)

    def test_what_each_seed_gave_and_the_steps_come_back(self, store: Store) -> None:
        started, ended, settled = measured(0, 0.5)
        assert isinstance(settled, TrialSettled)
        of_seeds = Measurement(0.5, (), 1.0, 1.0, seed_values=(0.25, 0.1 + 0.2, 0.75), steps=2**40)
        store.commit([created(), proposed(2), started, ended, replace(settled, measurement=of_seeds), *measured(1, 0.5)])
        assert store.results.trial(TrialName(SEARCH, 0)).trial.measurement == of_seeds
        other = store.results.trial(TrialName(SEARCH, 1)).trial.measurement
        assert other is not None
        assert (other.seed_values, other.steps) == ((), None)
        page = store.results.page(TrialQuery(SEARCH, "steps > 1000"), 10)
        assert [trial.name.number for trial in page.trials] == [0]

    def test_text_that_others_say_comes_back_but_for_what_no_database_holds(self, store: Store) -> None:
        said = Failure(FailureKind.CRASHED, "Mäßig\0 \U0001f9e0 'quoted' %s :name", "\r\n\ttraceback\x01" * 10_000)
        store.commit([created(), proposed(1), AttemptStarted(7, 1, 0, "trainer-\0", "instance", 3.0)])
        store.commit([AttemptEnded(7, "outcome", said, 0.5, 4.0), TrialRequeued(1, 0, said)])
        details = store.results.trial(TrialName(SEARCH, 0))
        kept = replace(said, message=said.message.replace("\0", "\ufffd"))
        assert (details.trial.failure, details.attempts[0].failure) == (kept, kept)
        assert details.attempts[0].trainer == "trainer-\ufffd"

    def test_filter_with_what_no_database_holds_is_refused(self, store: Store) -> None:
        store.commit([created()])
        for field in ("trainer", "canonical_hash"):
            with pytest.raises(InvalidFilterError, match="text without NUL"):
                store.results.page(TrialQuery(SEARCH, f'{field} = "a\0b"'), 10)

    def test_what_is_not_there_is_named(self, store: Store) -> None:
        with pytest.raises(NotFoundError, match="namespaces/default/searches/digits"):
            store.results.search(SEARCH)
        with pytest.raises(NotFoundError, match="namespaces/default/searches/digits"):
            store.results.page(TrialQuery(SEARCH), 10)
        store.commit([created(), proposed(1)])
        with pytest.raises(NotFoundError, match="trials/5"):
            store.results.trial(TrialName(SEARCH, 5))

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", list(range(10))),
            ("reward > 0.6", [7, 8, 9]),
            ("NOT reward > 0.6", [0, 1, 2, 3, 4, 5, 6]),
            ("state = SUCCEEDED AND parameters >= 1003 AND parameters < 1006", [3, 4, 5]),
            ("state != SUCCEEDED", [0]),
            ("number = 1 OR number = 2 AND reward > 0.15", [2]),
            ("(number = 2 AND reward > 0.15) OR number = 1", [1, 2]),
            ('trainer = "trainer-0"', [3, 6, 9]),
            ("canonical_hash = 0000000000000004", [4]),
            ("parameters < 1e300 AND number <= 99999999999999999999", [1, 2, 3, 4, 5, 6, 7, 8, 9]),
            ("reward = 0.5 OR layers = 2", [5]),
            ("attempt_count < 9999999999 AND NOT layers = -9999999999 AND batch > -1.5 AND number > 8", [9]),
            ('trainer = "\\x00" OR trainer = "Trainer-0" OR number = 4', [4]),
        ],
    )
    def test_filter_chooses_the_trials_that_it_describes(self, store: Store, text: str, expected: list[int]) -> None:
        store.commit([created(), proposed(10), *flat([measured(n, n / 10, parameters=1000 + n) for n in range(1, 10)])])
        page = store.results.page(TrialQuery(SEARCH, text), 100)
        assert [trial.name.number for trial in page.trials] == expected
        assert page.total == len(expected)

    @pytest.mark.parametrize(
        "order_by", ["", "reward", "reward desc", "parameters desc, reward", "trainer, number desc", "state"]
    )
    def test_pages_together_are_the_whole_in_order(self, store: Store, order_by: str) -> None:
        rewards = [measured(n, (n * 7 % 5) / 10, order=n, parameters=n % 3) for n in range(1, 24)]
        store.commit([created(), proposed(30), *flat(rewards)])
        query = TrialQuery(SEARCH, "number != 4", order_by)
        whole = store.results.page(query, 100).trials
        pages, token = [], ""
        while not pages or token:
            page = store.results.page(query, 4, token)
            pages += page.trials
            token = page.next_page_token
            assert page.total == 29
        assert pages == list(whole)
        assert len({trial.name.number for trial in pages}) == 29

    def test_order_puts_the_best_first_and_trials_without_a_reward_last(self, store: Store) -> None:
        store.commit([created(), proposed(4), *measured(0, 0.1), *measured(2, 0.9), *measured(3, 0.1)])
        numbers = [trial.name.number for trial in store.results.page(TrialQuery(SEARCH, "", "reward desc"), 10).trials]
        assert numbers == [2, 0, 3, 1]
        numbers = [trial.name.number for trial in store.results.page(TrialQuery(SEARCH, "", "reward, number desc"), 10).trials]
        assert numbers == [3, 0, 2, 1]

    def test_page_token_serves_its_own_query_only(self, store: Store) -> None:
        other = SearchName("default", "other")
        store.commit([created(), proposed(4), created(2, other), proposed(4, search_id=2)])
        query = TrialQuery(SEARCH, "number >= 0", "number")
        token = store.results.page(query, 2).next_page_token
        strangers = [
            TrialQuery(SEARCH, "number >= 1", "number"),
            TrialQuery(SEARCH, "number >= 0"),
            TrialQuery(other, query.filter),
        ]
        for stranger in strangers:
            with pytest.raises(InvalidPageTokenError, match="repeat parent, filter and order_by"):
                store.results.page(stranger, 2, token)
        for nonsense in ("x", "é", "eyJhIjogMX0=", token[:-4]):
            with pytest.raises(InvalidPageTokenError, match="page_token"):
                store.results.page(query, 2, nonsense)

    def test_filter_that_cannot_be_read_is_refused(self, store: Store) -> None:
        store.commit([created()])
        with pytest.raises(InvalidFilterError, match="known fields"):
            store.results.page(TrialQuery(SEARCH, "rewrad > 1"), 10)

    def test_best_trials_are_different_measured_networks(self, store: Store) -> None:
        rewards = {0: 0.5, 1: -0.2, 2: 0.5, 3: 0.9, 4: 0.9, 5: 0.1}
        failed = [
            AttemptStarted(6, 1, 6, "trainer-0", "instance", 3.0),
            AttemptEnded(6, "o", CRASH, 1.0, 5.0),
            TrialSettled(1, 6, 6, 7, TrialState.FAILED, 5.0, None, CRASH, 5.0),
        ]
        store.commit([created(), proposed(7, hashes=3), *flat([measured(n, reward) for n, reward in rewards.items()]), *failed])
        assert [trial.name.number for trial in store.results.best(SEARCH, 10)] == [3, 4, 2]
        assert [trial.name.number for trial in store.results.best(SEARCH, 1)] == [3]
        assert store.load().searches[0].best == (3, 0.9)

    def test_trial_whose_reward_is_reused_and_trial_that_was_stopped_say_so(self, store: Store) -> None:
        halving = SuccessiveHalving(teach=False)
        declared = replace(created(), spec=replace(spec(), task=Synthetic(epochs=9), early_stopping=halving))
        start, end, settled = measured(0, 0.5)
        assert isinstance(settled, TrialSettled)
        assert settled.measurement is not None
        stopped = replace(settled, measurement=replace(settled.measurement, stopped_early=True))
        reused = TrialReused(1, 2, 0, 2, TrialState.SUCCEEDED, 0.5, 6.0, stopped_early=True)
        batch = proposed(3, hashes=2)
        batch = replace(batch, proposals=(*batch.proposals[:2], replace(batch.proposals[2], duplicate=True)))
        store.commit([declared, batch, start, end, stopped, reused])
        first, second, third = (store.results.trial(TrialName(SEARCH, n)).trial for n in range(3))
        assert [trial.duplicate for trial in (first, second, third)] == [False, False, True]
        assert [trial.reused_from for trial in (first, second, third)] == [None, None, 0]
        assert [trial.stopped_early for trial in (first, second, third)] == [True, False, True]
        assert first.measurement is not None
        assert first.measurement.stopped_early
        assert (third.measurement, third.reward, third.attempt_count) == (None, 0.5, 0)
        query = TrialQuery(SEARCH, "duplicate = true AND reused_from = 0 AND NOT stopped_early = false")
        assert [trial.name.number for trial in store.results.page(query, 10).trials] == [2]
        loaded = store.load().searches[0]
        assert [(trial.number, trial.reward) for trial in loaded.unlearned] == [(0, None), (2, None)]
        assert loaded.curves == (TrialCurve(0, ((1, 0.25), (2, 0.5)), measured=True),)

    def test_settled_trials_come_in_the_order_of_settling(self, store: Store) -> None:
        store.commit(
            [created(), proposed(5), *measured(3, 0.1, order=1), *measured(1, 0.2, order=2), *measured(2, 0.3, order=3)]
        )
        assert [trial.name.number for _, trial in store.results.settled(1, 0, 2).trials] == [3, 1]
        rest = store.results.settled(1, 2, 2)
        assert ([trial.name.number for _, trial in rest.trials], rest.complete) == ([2], False)
        store.commit([SearchMoved(1, SearchState.COMPLETED, "done", 9.0, 9.0)])
        assert store.results.settled(1, 3, 2).complete
        assert not store.results.settled(1, 2, 1).complete

    def test_readers_see_what_was_committed_while_a_commit_is_under_way(self, store: Store) -> None:
        store.commit([created(), proposed(2)])
        with store._writer.begin() as connection:
            connection.execute(policy_updates.delete())
            assert store.results.page(TrialQuery(SEARCH), 10).total == 2
