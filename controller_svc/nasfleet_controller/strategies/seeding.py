"""Seeds of independent random streams, so that neither timing nor the order of requests changes what is drawn."""

from hashlib import blake2b


def stream_seed(seed: int, purpose: str, number: int = 0) -> int:
    """Return the 64-bit seed of the `number`-th stream for a purpose in a search with this seed."""
    return int.from_bytes(blake2b(f"{seed}/{purpose}/{number}".encode(), digest_size=8).digest())
