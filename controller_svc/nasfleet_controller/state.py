"""All searches and the whole fleet as one state without I/O: what is said to it becomes records and orders.

Records are to be committed; orders are staged on connections and published after that commit. `now` is monotonic and rules
leases, `at` is Unix time and goes into records; both in seconds.
"""

from collections.abc import Collection, Sequence

from nasfleet.errors import UnavailableError
from nasfleet.measurement import Failure, FailureKind, Measurement, NotFiniteError
from nasfleet.names import PoolName, SearchName
from nasfleet_controller.assignments import assignment_of
from nasfleet_controller.connection import Connection, StreamTakenOverError
from nasfleet_controller.demand import demand_of
from nasfleet_controller.dispatcher import Dispatcher
from nasfleet_controller.gatherings import gather, too_few
from nasfleet_controller.lowerings import Lowerings
from nasfleet_controller.moment import Moment
from nasfleet_controller.outcomes import Outcomes
from nasfleet_controller.rate import Rate
from nasfleet_controller.rebalancing import wanted_back
from nasfleet_controller.records import (
    AttemptEnded,
    EpochsMeasured,
    LateOutcome,
    PoolDeclared,
    PoolDeleted,
    Record,
    SearchChanged,
    SearchCreated,
    SearchDeleted,
    SearchWarmed,
    TrialReused,
    TrialSettled,
)
from nasfleet_controller.reports import Outcome, OutcomeStatus, Report
from nasfleet_controller.restoring import restore_leases
from nasfleet_controller.search import Search
from nasfleet_controller.snapshots import HeldLease
from nasfleet_controller.streams import Streams
from nasfleet_controller.trainers import Lease, Trainer, TrainerProfile

STALL_SECONDS = 5.0
EXPIRY_SECONDS = 0.25  # looking through all leases after every heartbeat would cost more than all the rest


class ControllerState:
    """The searches by id, the fleet, and the streams to it."""

    def __init__(
        self,
        searches: Sequence[Search],
        last_fence: int,
        last_search_id: int,
        moment: Moment,
        pools: Sequence[PoolDeclared] = (),
    ) -> None:
        self.searches = {search.search_id: search for search in searches}
        self.ids = {search.name: search.search_id for search in searches}
        self.dispatcher = Dispatcher(last_fence, pools)
        self.last_search_id = last_search_id
        self.streams = Streams()
        self.outcomes = Outcomes()
        self._expiry_at = moment.now  # the next look through the leases
        self.notices: dict[int, str] = {}
        self.lowerings = Lowerings(self.dispatcher, self.streams, self.notices)
        self.rates: dict[int, Rate] = {search_id: Rate() for search_id in self.searches}
        self._records: list[Record] = []
        restore_leases(self.dispatcher, searches, moment.now)

    def take_records(self) -> list[Record]:
        """Return what happened since the last call; it is to be committed before anybody is told."""
        taken, self._records = self._records, []
        return taken

    def named(self, name: SearchName) -> Search | None:
        """Return the search of that name, if there is one."""
        search_id = self.ids.get(name)
        return None if search_id is None else self.searches[search_id]

    def add(self, search: Search, *created: SearchCreated | SearchWarmed) -> None:
        """Take in a new search, and what it begins with."""
        self.searches[search.search_id] = search
        self.ids[search.name] = search.search_id
        self.rates[search.search_id] = Rate()
        self.last_search_id = search.search_id
        self._records += created

    def delete(self, search: Search, moment: Moment) -> None:
        """Forget a search: its leases are taken back, its records go."""
        if not search.state.ended:
            self.keep(search.cancel(moment.at), moment)
        del self.searches[search.search_id], self.ids[search.name], self.rates[search.search_id]
        self.notices.pop(search.search_id, None)
        self._records.append(SearchDeleted(search.search_id))

    def keep(self, records: Sequence[Record], moment: Moment) -> None:
        """Keep what a search says has happened, and tell the fleet of it: leases that ended are void from here on."""
        self._records += records
        for record in records:
            if isinstance(record, AttemptEnded):
                self._void(record, moment)
            elif isinstance(record, TrialSettled | TrialReused):
                self.rates[record.search_id].count(moment.now)
                self.notices.pop(record.search_id, None)
            elif isinstance(record, SearchChanged) and not self.searches[record.search_id].waits_for_space:
                self.notices.pop(record.search_id, None)

    def connect(self, connection: Connection, profile: TrainerProfile, held: Sequence[int], moment: Moment) -> None:
        """Take in a trainer's stream; an older one of the same process ends.

        Raises:
            ConflictError: if another trainer has its instance id.
        """
        self.dispatcher.refuse_impostor(profile)
        newer = f"a newer stream of trainer {profile.name} ({profile.instance_id}) has taken over"
        self.streams.end(profile.instance_id, StreamTakenOverError(newer))
        self.streams.open(connection)
        for earlier in self.dispatcher.earlier_processes(profile):
            earlier.draining = self.streams.orders_for(earlier.profile.instance_id).drain = True  # in case that it lives
            # A child that had begun may be what ended it: it counts as lost.
            self._take_back(earlier, f"trainer {profile.name} was started again", moment, begun=FailureKind.LEASE_EXPIRED)
        dropped, in_vain = self.dispatcher.connect(profile, held, moment.now)
        orders = self.streams.orders_for(profile.instance_id)
        orders.stopped += in_vain
        orders.drain = self.dispatcher.trainers[profile.instance_id].draining  # the order may not have reached the older stream
        for lease in dropped:
            self._fail(lease, None, Failure(FailureKind.RETURNED, "the trainer no longer had it when it came back"), moment)

    def disconnect(self, connection: Connection) -> None:
        """Take note that a stream ended, unless a newer one has taken over."""
        if self.streams.are_with(connection):
            self.streams.forget(connection)
            self.dispatcher.disconnect(connection.instance_id)

    def report(self, connection: Connection, report: Report, moment: Moment) -> None:
        """Take in what a trainer says, heartbeat included."""
        if not self.streams.are_with(connection):
            return
        self.dispatcher.hear(connection.instance_id, moment.now)
        if report.draining:
            self.dispatcher.leaves(connection.instance_id)
        for fence in report.started:
            lease = self.dispatcher.lease_of(connection.instance_id, fence)
            if lease is not None and (lease.size == 1 or lease.started_at is None):
                lease.started_at = moment.now
        gather(self.dispatcher.leases, self.searches, self.streams, report, connection.instance_id)
        for fence, epochs in report.progress:
            if (lease := self.dispatcher.lease_of(connection.instance_id, fence)) is not None and epochs:
                self.dispatcher.note_epoch(lease, epochs[-1].epoch, epochs[-1].value)
                self._records.append(EpochsMeasured(fence, lease.search_id, lease.number, epochs))
                if self.searches[lease.search_id].report(lease.number, epochs):
                    self.streams.orders_for(connection.instance_id).ended_early.append(fence)
        for answer in report.lowered:
            self.keep(self.lowerings.take(self.searches, connection, answer, moment), moment)
        for outcome in report.outcomes:
            status = self._take_outcome(connection, outcome, moment)
            self.streams.orders_for(connection.instance_id).acknowledged.append((outcome.outcome_id, status))

    def knows_outcome_of(self, fence: int) -> bool:
        """Return whether an outcome with this fence can be judged without asking the store."""
        given = fence <= self.dispatcher.last_fence
        return not given or fence in self.dispatcher.leases or fence in self.outcomes

    def notice(self, search: Search) -> str:
        """Return what people should know of why a search does not go on; empty if there is nothing."""
        notice, count = self.notices.get(search.search_id, ""), self.dispatcher.bookings.short.get(search.search_id)
        return notice if notice or count is None else too_few(search.spec.gang.size, count)

    def drain(self, names: Sequence[str]) -> list[str]:
        """Ask trainers to leave; return the names of those that are there."""
        found = self.dispatcher.tell_to_leave(names)
        for trainer in found:
            self.streams.orders_for(trainer.profile.instance_id).drain = True
        return sorted({trainer.profile.name for trainer in found})

    def declare_pool(self, pool: PoolDeclared, cordoned: Collection[str], gone: Collection[str], moment: Moment) -> None:
        """Make a pool be as declared; what trainers hold whose pods are gone goes back."""
        if self.dispatcher.declare(pool, cordoned):
            self._records.append(pool)
        for trainer in self.dispatcher.members(pool.name, gone):
            self._dismiss(trainer, moment)

    def delete_pool(self, name: PoolName) -> None:
        """Forget what a pool was declared to be, if it was."""
        if self.dispatcher.delete_pool(name):
            self._records.append(PoolDeleted(name))

    def advance(self, moment: Moment) -> None:
        """Do what is due: take back leases of silent trainers, end searches whose time is over, lease what waits."""
        if moment.now >= self._expiry_at + STALL_SECONDS:
            self.dispatcher.forgive(moment.now)
        if look := moment.now >= self._expiry_at:
            self._expiry_at = moment.now + EXPIRY_SECONDS
            self._expire(moment)
        for search in self.searches.values():
            self.keep([*search.end_if_due(moment.at), *search.clock(moment.at)], moment)
        self.lowerings.ask(self.searches, moment.now)
        self._assign(moment)
        if look:
            self._ask_back(moment)

    def _expire(self, moment: Moment) -> None:
        for lease in self.dispatcher.expired(moment.now):
            whose = "the trainer" if lease.size == 1 else "a trainer of the gang"
            why = f"nothing was heard of {whose} for {self.dispatcher.silence(lease, moment.now):.0f} s"
            self._fail(lease, None, Failure(FailureKind.LEASE_EXPIRED, why), moment)

    def _dismiss(self, trainer: Trainer, moment: Moment) -> None:
        why = f"the pod of trainer {trainer.profile.name} is gone"
        self.streams.end(trainer.profile.instance_id, UnavailableError(why))
        self.dispatcher.disconnect(trainer.profile.instance_id)
        self._take_back(trainer, why, moment)

    def _take_back(self, trainer: Trainer, why: str, moment: Moment, begun: FailureKind = FailureKind.RETURNED) -> None:
        for lease in tuple(trainer.leases.values()):
            kind = FailureKind.RETURNED if lease.started_at is None else begun
            self._fail(lease, None, Failure(kind, why), moment)

    def _ask_back(self, moment: Moment) -> None:
        """Ask for what waits behind a child though another trainer could begin it."""
        demands = {search_id: demand_of(search) for search_id, search in self.searches.items() if search.running}
        booked = self.dispatcher.bookings.against(-1)
        for lease in wanted_back(self.dispatcher.trainers.values(), demands, moment.now, booked):
            lease.wanted_back = True
            self.streams.orders_for(lease.instance_id).wanted_back.append(lease.fence)

    def _assign(self, moment: Moment) -> None:
        demands = [demand_of(search) for search in self.searches.values() if search.available]
        bookings = self.dispatcher.bookings
        asked = demands or bookings.line or bookings.short
        for placement in self.dispatcher.place(demands, moment.now) if asked else ():
            search = self.searches[placement.search_id]
            trainer = self.dispatcher.trainers[placement.instance_id]
            waited = moment.now - trainer.free_since if trainer.spare(1) else 0.0
            lease = self.dispatcher.grant(placement, search.next_queued(), search.spec.trial.lease_seconds, moment.now)
            held = HeldLease(lease.fence, trainer.profile.name, placement.instance_id, trainer.profile.pool)
            self.keep(search.start(held, waited, moment.at), moment)
            self.streams.assign(placement.instance_id, assignment_of(search, lease), search.spec)

    def _take_outcome(self, connection: Connection, outcome: Outcome, moment: Moment) -> OutcomeStatus:
        lease = self.dispatcher.leases.get(outcome.fence)
        if lease is None or connection.instance_id not in lease.members:
            if self.outcomes.ended(outcome.fence, outcome.outcome_id):
                return OutcomeStatus.DUPLICATE
            if outcome.fence <= self.dispatcher.last_fence:
                self._records.append(LateOutcome(outcome.fence, outcome.outcome_id))
            return OutcomeStatus.LATE
        if isinstance(outcome.result, Failure):
            self._fail(lease, outcome.outcome_id, outcome.result, moment, connection.instance_id)
        elif lease.instance_id != connection.instance_id:
            return OutcomeStatus.LATE  # the measurement of a gang is rank 0's
        else:
            self._measure(lease, outcome.outcome_id, outcome.result, moment)
        return OutcomeStatus.COUNTED

    def _measure(self, lease: Lease, outcome_id: str, measurement: Measurement, moment: Moment) -> None:
        try:
            records = self.searches[lease.search_id].measure(lease.number, outcome_id, measurement, moment.at)
        except NotFiniteError as error:
            self._fail(lease, outcome_id, Failure(FailureKind.NOT_FINITE, str(error)), moment)
        else:
            self.dispatcher.note_measured(lease)
            self.keep(records, moment)

    def _fail(
        self, lease: Lease, outcome_id: str | None, failure: Failure, moment: Moment, instance_id: str | None = None
    ) -> None:
        if failure.kind is FailureKind.TRAINER_UNABLE:
            name = self.dispatcher.mark_unable(lease, moment.now, instance_id).profile.name
            self.notices[lease.search_id] = f"{name} cannot run this search: {failure.message}"
        elif failure.kind is FailureKind.GANG_BROKEN:
            self.notices[lease.search_id] = f"a gang of this search broke: {failure.message}"
        seconds = 0.0 if lease.started_at is None else (moment.now - lease.started_at) * lease.size
        self.keep(self.searches[lease.search_id].fail(lease.number, outcome_id, failure, seconds, moment.at), moment)

    def _void(self, ended: AttemptEnded, moment: Moment) -> None:
        lease = self.dispatcher.leases[ended.fence]
        self.outcomes.remember(ended.fence, ended.outcome_id)
        if ended.outcome_id is None or lease.size > 1:  # whoever said it knows it already, and does nothing
            for member in lease.members:
                self.streams.orders_for(member).stopped.append(ended.fence)
        self.dispatcher.end(ended.fence, moment.now)
