"""The ids of a trial's trace and of its spans. They follow from names alone, so that a trace goes on after a restart. Pure."""

import hashlib


def trace_id(uid: str, number: int) -> int:
    """Return the id of the trace of a trial of the search with this uid."""
    return _number(f"{uid}:{number}", 16)


def span_id(trace: int, name: str, ordinal: int) -> int:
    """Return the id of a span of this name in a trace; of several of one name each has its own ordinal."""
    return _number(f"{trace:032x}:{name}:{ordinal}", 8)


def _number(text: str, size: int) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=size).digest()) or 1  # 0 is no id
