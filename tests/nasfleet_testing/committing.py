"""Commits batches to the store at argv[1] until it is killed, and says on standard output which are durable."""

import itertools
import sys

from nasfleet.names import SearchName
from nasfleet_controller.records import BatchProposed, Proposal, SearchCreated, SearchState
from nasfleet_controller.store.store import Store
from nasfleet_testing.histories import spec

BATCH = 20


def batch(number: int) -> BatchProposed:
    first = number * BATCH
    proposals = tuple(Proposal(n, (n % 7,), f"{n:016x}") for n in range(first, first + BATCH))
    return BatchProposed(1, number, 0, None, proposals, 1.0)


def main() -> None:
    with Store(sys.argv[1]) as store:
        known = store.load().searches
        if not known:
            store.commit([SearchCreated(1, SearchName("default", "s"), "uid", spec(), SearchState.RUNNING, 1.0)])
        for number in itertools.count(known[0].batches if known else 0):
            store.commit([batch(number)])
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
