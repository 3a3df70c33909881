"""Drawing anew what was proposed before, for a search that resamples duplicates. Pure, given the strategy's draws."""

from collections.abc import Callable, Collection, Sequence

RESAMPLES = 16
"""A policy that has made up its mind, or a space that is used up, gives nothing new however often it is asked."""

Tokens = tuple[int, ...]


def resampled(
    drawn: Sequence[Tokens],
    proposed: Collection[str],
    redraw: Callable[[int], Sequence[Tokens]],
    canonical: Callable[[Tokens], str],
) -> list[Tokens]:
    """Return a batch with each network that is known drawn anew, until it is new or has been drawn `RESAMPLES` times again.

    What stands at a place depends on what stands before it and never on what follows, so that the first ones of a batch are
    the same however many are wanted.

    Args:
        drawn: the first of the batch, as many as are wanted.
        proposed: canonical hashes of all earlier batches.
        redraw: gives the whole batch drawn anew, another one for each attempt, counted from 1.
        canonical: gives the canonical hash of an architecture.
    """
    batch, hashes = list(drawn), list(map(canonical, drawn))
    for attempt in range(1, RESAMPLES + 1):
        known = [place for place, found in enumerate(hashes) if found in proposed or found in hashes[:place]]
        if not known:
            break
        again = redraw(attempt)
        for place in known:
            batch[place], hashes[place] = again[place], canonical(again[place])
    return batch
