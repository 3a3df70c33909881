"""What `nasfleet doctor` looks at: each check is a function that returns what it found, and the fix where one is needed."""

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from nasfleet.errors import NasfleetError
from nasfleet_cli.extras import PACKAGES
from nasfleet_cli.state_lock import is_held
from nasfleet_cli.target import Target, answers, serving_at

OLDEST_PYTHON = (3, 11)
_GIBIBYTE = 2**30
_FEW_BYTES = 2 * _GIBIBYTE
_TOO_FEW_BYTES = 200 * 2**20
_DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn"}


class Level(Enum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; `fix` is empty if all is well."""

    level: Level
    what: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the checks look."""

    target: Target
    data_dir: Path | None


Check = Callable[[Surroundings], Iterator[Finding]]


def check_python(_: Surroundings) -> Iterator[Finding]:
    """Check the interpreter's version."""
    what = f"Python {platform.python_version()} on {platform.platform(terse=True)}, {os.cpu_count()} cores"
    if sys.version_info >= OLDEST_PYTHON:
        yield Finding(Level.OK, what)
    else:
        yield Finding(Level.FAIL, what, f"use Python {'.'.join(map(str, OLDEST_PYTHON))} or later")


def check_packages(_: Surroundings) -> Iterator[Finding]:
    """Check that the packages of the controller and of trainers are installed."""
    for extra, packages in PACKAGES.items():
        missing = [_DISTRIBUTIONS.get(name, name) for name in packages if importlib.util.find_spec(name) is None]
        if missing:
            yield Finding(Level.FAIL, f"{extra}: {', '.join(missing)} not installed", f"pip install 'nasfleet[{extra}]'")
        else:
            yield Finding(Level.OK, f"{extra}: all packages installed")


def check_torch(_: Surroundings) -> Iterator[Finding]:
    """Check that torch can be imported, and what it computes on."""
    try:
        torch = importlib.import_module("torch")
    except ModuleNotFoundError:
        return  # said by check_packages
    except Exception as error:  # noqa: BLE001 - a broken installation raises anything
        yield Finding(Level.FAIL, f"torch cannot be imported: {error}", "install it again: pip install --force-reinstall torch")
        return
    version = f"torch {torch.__version__}"
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / _GIBIBYTE
        yield Finding(Level.OK, f"{version} on {torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}, {memory:.0f} GiB")
    elif shutil.which("nvidia-smi"):
        fix = "install a torch that fits the driver: see pytorch.org"
        yield Finding(Level.WARN, f"{version} does not see the GPU that nvidia-smi is there for", fix)
    else:
        yield Finding(Level.OK, f"{version} on the processor")


def check_grpc(_: Surroundings) -> Iterator[Finding]:
    """Check gRPC, and that protobuf runs on its fast implementation."""
    from google.protobuf.internal import api_implementation

    yield Finding(Level.OK, f"gRPC {importlib.metadata.version('grpcio')}")
    version, implementation = importlib.metadata.version("protobuf"), api_implementation.Type()
    if implementation == "upb":
        yield Finding(Level.OK, f"protobuf {version} on upb")
        return
    fix = "unset PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION and install protobuf's binary wheel"
    yield Finding(Level.FAIL, f"protobuf {version} runs on {implementation!r}, many times slower", fix)


def check_data(where: Surroundings) -> Iterator[Finding]:
    """Check which data sets can be trained on."""
    if importlib.util.find_spec("sklearn") is not None:
        yield Finding(Level.OK, "data set digits (comes with scikit-learn)")
    if where.data_dir is None:
        yield Finding(Level.OK, "no data directory is given: cifar10 and folders of images need --data-dir")
        return
    if not where.data_dir.is_dir():
        yield Finding(Level.FAIL, f"the data directory {where.data_dir} is not there", "make it, or correct --data-dir")
        return
    yield _cifar10(where.data_dir)
    folders = sorted(path.name for path in where.data_dir.iterdir() if path.is_dir() and not path.name.startswith("cifar-10"))
    yield Finding(Level.OK, f"folders in {where.data_dir}: {', '.join(folders) or 'none'}")


def _cifar10(data_dir: Path) -> Finding:
    try:
        cifar10 = importlib.import_module("nasfleet_trainer.datasets.cifar10")
        examples = cifar10.read_cifar10(data_dir)
    except ModuleNotFoundError as error:
        return Finding(
            Level.WARN, f"data set cifar10 not looked at: {error.name} is not installed", "pip install 'nasfleet[trainer]'"
        )
    except NasfleetError as error:
        return Finding(Level.WARN, "data set cifar10 is not there", str(error))
    return Finding(Level.OK, f"data set cifar10: {len(examples):,} training images")


def check_state(where: Surroundings) -> Iterator[Finding]:
    """Check that the state directory can be written, by us, and has room."""
    state = where.target.state
    above = next(path for path in (state.absolute(), *state.absolute().parents) if path.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        yield Finding(
            Level.FAIL, f"the state directory {state} cannot be written", "give another --state, or the right to write"
        )
        return
    yield Finding(Level.OK, f"state directory {state} ({'in use' if above == state.absolute() else 'will be made'})")
    yield _free_space(above)


def _free_space(place: Path) -> Finding:
    free = shutil.disk_usage(place).free
    what = f"{free / _GIBIBYTE:.1f} GiB free for results and weights"
    if free < _TOO_FEW_BYTES:
        return Finding(Level.FAIL, what, "make room, or give --state on another disk")
    if free < _FEW_BYTES:
        return Finding(Level.WARN, what, "trained weights may need more: make room, or set spec.weights to None")
    return Finding(Level.OK, what)


def check_controller(where: Surroundings) -> Iterator[Finding]:
    """Check whether a controller runs that commands can talk to."""
    named = where.target.controller
    if named is not None:
        if answers(named, where.target.trust):
            yield Finding(Level.OK, f"the controller at {named} answers")
        else:
            yield Finding(Level.FAIL, f"no controller answers at {named}", "start it there, or correct --controller")
        return
    serving = serving_at(where.target.state)
    if serving is not None and answers(serving.address):
        yield Finding(Level.OK, f"a controller serves {where.target.state} at {serving.address}")
    elif is_held(where.target.state):
        fix = "end that process, or give another --state"
        yield Finding(Level.FAIL, f"a process holds {where.target.state}, but no controller answers for it", fix)
    else:
        yield Finding(Level.OK, "no controller runs here; commands start one when they need it")


def check_prometheus(_: Surroundings) -> Iterator[Finding]:
    """Check whether Prometheus is there; it is optional."""
    found = shutil.which("prometheus")
    fix = "optional: install it to keep the metrics that controller and trainers serve"
    yield Finding(Level.OK, f"Prometheus at {found}") if found else Finding(Level.WARN, "Prometheus is not installed", fix)


CHECKS: tuple[Check, ...] = (
    check_python,
    check_packages,
    check_torch,
    check_grpc,
    check_data,
    check_state,
    check_controller,
    check_prometheus,
)
