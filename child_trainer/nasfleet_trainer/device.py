"""What a trainer computes on, found without importing torch: the driver's own tool knows."""

import shutil
import subprocess
from dataclasses import dataclass

from nasfleet.errors import InvalidInputError

_QUERY_SECONDS = 30.0
_MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Device:
    """A device: as torch names it, as people do, and its memory if known."""

    kind: str
    name: str
    memory_bytes: int | None


CPU = Device("cpu", "cpu", None)
UNSEEN_GPU = Device("cuda", "cuda", None)


def find_device(wanted: str) -> Device:
    """Return the device for "auto", "cpu" or "cuda"; "auto" takes a GPU if there is one.

    A GPU that is wanted and that the driver's tool does not see may be one of another make. If torch sees none either, each
    search that needs it is told so.
    """
    if wanted == "cpu":
        return CPU
    return _first_gpu() or (UNSEEN_GPU if wanted == "cuda" else CPU)


def require_gpu() -> None:
    """Look for a GPU on behalf of somebody who waits for the answer.

    Raises:
        InvalidInputError: if there is none.
    """
    if _first_gpu() is None:
        raise InvalidInputError("--device is cuda, but nvidia-smi finds no GPU; install the driver, or give --device cpu")


def _first_gpu() -> Device | None:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    query = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        found = subprocess.run(query, capture_output=True, text=True, check=True, timeout=_QUERY_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return None
    return read_query(found.stdout)


def read_query(output: str) -> Device | None:
    """Return the first device of nvidia-smi's answer, `NVIDIA H200, 143771` in MiB; None if it names none."""
    name, comma, memory = output.partition("\n")[0].rpartition(",")
    if not comma:
        return None
    memory = memory.strip()
    # "[N/A]" on devices that share the machine's memory.
    return Device("cuda", name.strip(), int(memory) * _MEBIBYTE if memory.isdecimal() else None)
