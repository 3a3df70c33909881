"""The trials of a search that are not settled: which wait, in which order, and which are leased to whom."""

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import replace

from nasfleet_controller.snapshots import HeldLease, OpenTrial


class OpenTrials:
    """Trials by number; those without a lease wait in a queue, unless they wait for a twin in training."""

    def __init__(self, trials: Iterable[OpenTrial], with_twins: Collection[int] = ()) -> None:
        self._trials = {trial.number: trial for trial in trials}
        self._with_twins = set(with_twins)
        self._queue = deque(
            trial.number for trial in self._trials.values() if trial.lease is None and trial.number not in self._with_twins
        )

    def __len__(self) -> int:
        return len(self._trials)

    def __getitem__(self, number: int) -> OpenTrial:
        return self._trials[number]

    @property
    def queued(self) -> int:
        """How many wait for a trainer."""
        return len(self._queue)

    @property
    def with_twins(self) -> int:
        """How many wait for a twin in training."""
        return len(self._with_twins)

    @property
    def running(self) -> int:
        """How many are leased."""
        return len(self._trials) - len(self._queue) - len(self._with_twins)

    @property
    def leases(self) -> dict[int, HeldLease]:
        """The leases, by the number of their trial."""
        return {number: trial.lease for number, trial in self._trials.items() if trial.lease is not None}

    def tokens(self) -> dict[int, tuple[int, ...]]:
        """Return the tokens of all, by number."""
        return {number: trial.tokens for number, trial in self._trials.items()}

    def next_queued(self) -> int:
        """Return the number of the trial to lease next."""
        return self._queue[0]

    def append(self, trial: OpenTrial, *, has_twin: bool = False) -> None:
        """Take in a new trial, which waits behind all others, or for its twin."""
        self._trials[trial.number] = trial
        if has_twin:
            self._with_twins.add(trial.number)
        else:
            self._queue.append(trial.number)

    def queue(self, number: int) -> None:
        """Have a trial that waited for its twin wait for a trainer, before all others."""
        self._with_twins.remove(number)
        self._queue.appendleft(number)

    def lease_next(self, lease: HeldLease) -> int:
        """Lease the next trial; return its number."""
        number = self._queue.popleft()
        self._trials[number] = replace(self._trials[number], lease=lease)
        return number

    def requeue(self, trial: OpenTrial) -> None:
        """Have a leased trial wait again, before all others, with what is on its account by now."""
        self._trials[trial.number] = replace(trial, lease=None)
        self._queue.appendleft(trial.number)

    def pop(self, number: int) -> OpenTrial:
        """Return a trial that is leased or waits for its twin; it is settled and gone from here."""
        self._with_twins.discard(number)
        return self._trials.pop(number)
