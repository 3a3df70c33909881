"""What the store is told and what it gives back: every change of a search is one of these records, committed in groups.

A record says what happened, in full, so that the state after a restart is the state before it. Times are Unix seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from nasfleet.catalogue import SearchSpec
from nasfleet.measurement import EpochMeasurement, Failure, Measurement
from nasfleet.names import PoolName, SearchName
from nasfleet_controller.strategies.strategy import Update


class SearchState(Enum):
    """Where a search is in its life; numbers are those of `nasfleet.v1.SearchState`."""

    RUNNING = 1
    SUSPENDED = 2
    COMPLETED = 3
    CANCELLED = 4

    @property
    def ended(self) -> bool:
        """Nothing is leased any more, unless its budget is raised."""
        return self in {SearchState.COMPLETED, SearchState.CANCELLED}


class TrialState(Enum):
    """Where a trial is in its life; numbers are those of `nasfleet.v1.TrialState`."""

    QUEUED = 1
    RUNNING = 2
    SUCCEEDED = 3
    FAILED = 4


@dataclass(frozen=True, slots=True)
class SearchCreated:
    """A search was declared; it begins in state RUNNING, or SUSPENDED if its spec says so."""

    search_id: int
    name: SearchName
    uid: str
    spec: SearchSpec
    state: SearchState
    at: float


@dataclass(frozen=True, slots=True)
class Prior:
    """A trial of an earlier search: its number there, and what a strategy is taught of it."""

    number: int
    tokens: tuple[int, ...]
    layers: int | None
    reward: float


@dataclass(frozen=True, slots=True)
class SearchWarmed:
    """A search begins with what trials of an earlier one showed, best first; committed with its creation, and kept for good."""

    search_id: int
    source_uid: str
    priors: tuple[Prior, ...]


@dataclass(frozen=True, slots=True)
class SearchChanged:
    """Its declaration was changed where that is allowed."""

    search_id: int
    spec: SearchSpec


@dataclass(frozen=True, slots=True)
class SearchMoved:
    """It entered a state, or is still in it; `running_seconds` is what it spent in RUNNING before that."""

    search_id: int
    state: SearchState
    message: str
    running_seconds: float
    at: float


@dataclass(frozen=True, slots=True)
class SearchDeleted:
    """It is gone, with its trials, attempts, epochs and policy."""

    search_id: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """One architecture, as the strategy wrote it."""

    number: int
    tokens: tuple[int, ...]
    canonical_hash: str
    duplicate: bool = False
    """The same network, in this spelling or another, was proposed before in this search."""


@dataclass(frozen=True, slots=True)
class BatchProposed:
    """Architectures proposed together, under one policy version and at one depth."""

    search_id: int
    batch: int
    policy_version: int
    layers: int | None
    proposals: tuple[Proposal, ...]
    at: float

    @property
    def duplicates(self) -> int:
        """How many of these networks were proposed before."""
        return sum(proposal.duplicate for proposal in self.proposals)


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """A trial was leased; its state is RUNNING from here on.

    `waited_seconds`, which is not stored, is how long the slot had been free.
    """

    fence: int
    search_id: int
    number: int
    trainer: str
    instance_id: str
    at: float
    waited_seconds: float = 0.0
    pool: PoolName | None = None


@dataclass(frozen=True, slots=True)
class EpochsMeasured:
    """Epochs of a child in training; the same epoch of the same fence may come twice."""

    fence: int
    search_id: int
    number: int
    epochs: tuple[EpochMeasurement, ...]


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """A lease ended: with a measurement (no failure) or with a failure; `outcome_id` is absent if no trainer said so."""

    fence: int
    outcome_id: str | None
    failure: Failure | None
    trainer_seconds: float
    at: float


@dataclass(frozen=True, slots=True)
class LateOutcome:
    """An outcome whose lease had been taken back before: kept, never counted."""

    fence: int
    outcome_id: str


@dataclass(frozen=True, slots=True)
class TrialRequeued:
    """A trial waits for another trainer; its state is QUEUED again."""

    search_id: int
    number: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class TrialSettled:
    """A trial is done for good: measured (SUCCEEDED) or given up (FAILED).

    `settle_order` counts the settled trials of the search from 1. `reward` is absent for a loss or a timeout.
    `epochs_saved` are those that the task would have gone on for, had its child not been stopped early.
    The measurement's epochs are stored under `fence`, as those of EpochsMeasured.
    """

    search_id: int
    number: int
    fence: int
    settle_order: int
    state: TrialState
    reward: float | None
    measurement: Measurement | None
    failure: Failure | None
    at: float
    epochs_saved: int = 0


@dataclass(frozen=True, slots=True)
class TrialReused:
    """A trial is done for good without an attempt: it has the reward, and the state, of trial `source`, the same network."""

    search_id: int
    number: int
    source: int
    settle_order: int
    state: TrialState
    reward: float
    at: float
    stopped_early: bool = False


@dataclass(frozen=True, slots=True)
class BatchLearned:
    """Settled trials were learned from, once and for all; without an update if none of them had a reward.

    Committed in one transaction: the trials are marked, the update and its checkpoint stored. Of the checkpoints the last
    three and every hundredth are kept.
    """

    search_id: int
    numbers: tuple[int, ...]
    update: Update | None
    at: float


@dataclass(frozen=True, slots=True)
class PoolDeclared:
    """A pool is to be as the operator declared it: the labels of its trainers, their service account and their number."""

    name: PoolName
    labels: Mapping[str, str]
    service_account: str
    wanted_size: int


@dataclass(frozen=True, slots=True)
class PoolDeleted:
    """A pool is no more."""

    name: PoolName


Record = (
    SearchCreated
    | SearchWarmed
    | SearchChanged
    | SearchMoved
    | SearchDeleted
    | BatchProposed
    | AttemptStarted
    | EpochsMeasured
    | AttemptEnded
    | LateOutcome
    | TrialRequeued
    | TrialSettled
    | TrialReused
    | BatchLearned
    | PoolDeclared
    | PoolDeleted
)
