"""Pickles of arrays, texts and numbers only: whatever else a file names is refused before it is called.

CIFAR-10's Python layout is a pickle, and a pickle may run anything; so may one that somebody put in its place.
"""

import pickle
from io import BytesIO
from typing import Any

import numpy as np
from numpy._core import multiarray

_ALLOWED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    # The same function under its name before and since NumPy 2.
    ("numpy.core.multiarray", "_reconstruct"): multiarray._reconstruct,  # noqa: SLF001 - what pickles of arrays call
    ("numpy._core.multiarray", "_reconstruct"): multiarray._reconstruct,  # noqa: SLF001
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) == ("_codecs", "encode"):
            return _latin1
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is no array") from None


def _latin1(text: str, _encoding: str = "latin1") -> bytes:
    """Return the bytes that Python 3 wrote as text into a pickle of protocol 2."""
    return text.encode("latin1")


def load_arrays(content: bytes) -> Any:
    """Return the object in a pickle; texts of Python 2 come as bytes.

    Raises:
        pickle.UnpicklingError: if it holds anything else than arrays and plain values, or is cut short.
    """
    try:
        return _ArrayUnpickler(BytesIO(content), encoding="bytes").load()
    except pickle.UnpicklingError:
        raise
    except Exception as error:  # damaged pickles raise whatever the damage leads to
        raise pickle.UnpicklingError(str(error) or type(error).__name__) from error
