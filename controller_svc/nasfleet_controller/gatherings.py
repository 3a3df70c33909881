"""When the members of a gang are told of their trial, and what people are told of a gang that lacks trainers. Pure."""

from collections.abc import Mapping

from nasfleet_controller.assignments import assignment_of
from nasfleet_controller.reports import Report
from nasfleet_controller.search import Search
from nasfleet_controller.streams import Streams
from nasfleet_controller.trainers import Lease


def gather(leases: Mapping[int, Lease], searches: Mapping[int, Search], streams: Streams, report: Report, said_by: str) -> None:
    """Tell the others of a gang of their trial, once rank 0 has said where they meet.

    One without a stream is told nothing: when it is back it has lost the lease, and with it all have.
    """
    for fence, meeting in report.meetings:
        lease = leases.get(fence)
        if lease is None or said_by != lease.instance_id or lease.meeting is not None:
            continue
        lease.meeting = meeting
        search = searches[lease.search_id]
        for rank, member in enumerate(lease.members):
            if rank and streams.has(member):
                streams.assign(member, assignment_of(search, lease, rank), search.spec)


def too_few(size: int, count: int) -> str:
    """Return what a search waits for whose gang is larger than what there is of its trainers."""
    there = "1 is there" if count == 1 else f"{count} are there"
    return f"waits for a gang of {size} trainers on one kind of device, and {there}: start more, or declare a smaller gang"
