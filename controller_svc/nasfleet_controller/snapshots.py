"""What a controller goes on from: its searches, their trials that are not done with, and its pools, as the store has them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from nasfleet.catalogue import SearchSpec
from nasfleet.names import PoolName, SearchName
from nasfleet_controller.early_stopping import TrialCurve
from nasfleet_controller.records import PoolDeclared, SearchState, SearchWarmed, TrialState
from nasfleet_controller.strategies.strategy import Credit, Update


@dataclass(frozen=True, slots=True)
class HeldLease:
    """The lease under which a trial is held, and by whom."""

    fence: int
    trainer: str
    instance_id: str
    pool: PoolName | None = None


@dataclass(frozen=True, slots=True)
class OpenTrial:
    """A trial that is not settled; the counts are of its ended attempts, by class of failure."""

    number: int
    batch: int
    policy_version: int
    layers: int | None
    tokens: tuple[int, ...]
    lost: int = 0
    model_failures: int = 0
    timeouts: int = 0
    lease: HeldLease | None = None
    canonical_hash: str = ""


@dataclass(frozen=True, slots=True)
class KnownReward:
    """What the first trial of a network that has a reward came to."""

    number: int
    state: TrialState
    reward: float
    stopped_early: bool = False


@dataclass(frozen=True, slots=True)
class SettledTrial:
    """A settled trial that has not been learned from."""

    number: int
    batch: int
    policy_version: int
    layers: int | None
    tokens: tuple[int, ...]
    reward: float | None
    settle_order: int


@dataclass(frozen=True, slots=True)
class TrialTimes:
    """When a trial was proposed, since when it is where it is (waiting, leased, or settled), and its attempts so far."""

    proposed_at: float
    since: float
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class SearchSnapshot:
    """A search as the store has it.

    Attributes:
        running_seconds: time spent in RUNNING.
        moved_at: up to when `running_seconds` counts; for a search that has ended, when it did.
        proposed: number of trials proposed; the next number.
        batches: number of batches proposed; the next batch.
        succeeded, failed, lost: settled trials: measured, given up with the failure reward, given up without.
        trainer_seconds: of all ended attempts.
        best: number and reward of the best trial; the earlier one among equals.
        average_reward: moving average of the rewards in settle order, decay 0.95.
        hashes: canonical hashes of all proposals.
        known: rewards by canonical hash, for a search that reuses them.
        warmed: what it began with, if it began with anything.
        curves: by number of the trial, for a search that stops children early.
        open_trials: by number.
        unlearned: settled trials that wait to be learned from, by settle order; empty for a strategy that does not learn.
        update: the last update, with its checkpoint.
        credits: of the last settled trials with a reward, by settle order, as far back as its strategy looks.
        mean_rewards: those of the last updates, in order; as many as a stopping rule may ask for.
        times: of `open_trials` and `unlearned`, by number; nothing is decided by them.
    """

    search_id: int
    name: SearchName
    uid: str
    spec: SearchSpec
    state: SearchState
    message: str
    created_at: float
    moved_at: float
    running_seconds: float
    proposed: int = 0
    batches: int = 0
    succeeded: int = 0
    failed: int = 0
    lost: int = 0
    trainer_seconds: float = 0.0
    best: tuple[int, float] | None = None
    average_reward: float | None = None
    hashes: frozenset[str] = frozenset()
    open_trials: tuple[OpenTrial, ...] = ()
    unlearned: tuple[SettledTrial, ...] = ()
    update: Update | None = None
    credits: tuple[Credit, ...] = ()
    mean_rewards: tuple[float, ...] = ()
    known: Mapping[str, KnownReward] = field(default_factory=dict)
    curves: tuple[TrialCurve, ...] = ()
    warmed: SearchWarmed | None = None
    times: Mapping[int, TrialTimes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a controller needs to go on: searches by id, the largest fence and search id ever given, pools by name."""

    searches: tuple[SearchSnapshot, ...] = field(default=())
    last_fence: int = 0
    last_search_id: int = 0
    pools: tuple[PoolDeclared, ...] = ()
