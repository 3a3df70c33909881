"""CIFAR-10 in either of its published layouts: five batches of records, or five pickles; the test batch is never opened."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasfleet_trainer.datasets.labelled_images import LabelledImages
from nasfleet_trainer.datasets.restricted_pickle import load_arrays
from nasfleet_trainer.failures import TrainerUnableError

CLASSES = 10
_PIXELS = 3 * 32 * 32
_BINARY = ("cifar-10-batches-bin", "data_batch_{}.bin")
_PYTHON = ("cifar-10-batches-py", "data_batch_{}")
_BATCHES = range(1, 6)
_Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]


def read_cifar10(data_dir: Path) -> LabelledImages:
    """Return the training images, 32 x 32 with three channels; the binary layout first where both are there.

    Raises:
        TrainerUnableError: if neither layout is there, or a file is missing, cut short or damaged.
    """
    for (folder, pattern), read in ((_BINARY, _read_binary), (_PYTHON, _read_python)):
        if (data_dir / folder).is_dir():
            paths = [data_dir / folder / pattern.format(number) for number in _BATCHES]
            return _assembled(paths, [read(path, _content(path)) for path in paths])
    raise TrainerUnableError(
        f"{data_dir} holds neither {_BINARY[0]} nor {_PYTHON[0]}: unpack CIFAR-10 there, or name the folder that holds it "
        "with --data-dir"
    )


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _damaged(path, f"cannot be read ({error.strerror})") from error


def _read_binary(path: Path, content: bytes) -> _Batch:
    """Return a batch of records: a byte for the label, then the pixels, by channel and row."""
    record = 1 + _PIXELS
    if not content or len(content) % record:
        raise _damaged(path, f"has {len(content)} bytes, which is no whole number of records of {record}")
    records = np.frombuffer(content, np.uint8).reshape(-1, record)
    return records[:, 1:], records[:, 0].astype(np.int64)


def _read_python(path: Path, content: bytes) -> _Batch:
    """Return a batch of a pickled mapping: `data` [N, 3072] of bytes and a list of `labels`, named by bytes or texts."""
    try:
        pickled = load_arrays(content)
    except pickle.UnpicklingError as error:
        raise _damaged(path, f"is no pickle of a batch ({error})") from error
    data, labels = _entry(path, pickled, "data"), _entry(path, pickled, "labels")
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape[1:] != (_PIXELS,) or not len(data):
        raise _damaged(path, f"holds data that is no array of bytes [N, {_PIXELS}]")
    if not isinstance(labels, list) or len(labels) != len(data) or not all(type(label) is int for label in labels):
        raise _damaged(path, f"has {len(data)} images, but not as many whole numbers as labels")
    return data, np.array(labels, np.int64)


def _entry(path: Path, pickled: Any, name: str) -> Any:
    if isinstance(pickled, dict):
        for key in (name.encode(), name):
            if key in pickled:
                return pickled[key]
    raise _damaged(path, f"is a pickle without {name}")


def _assembled(paths: list[Path], batches: list[_Batch]) -> LabelledImages:
    longest = max(len(labels) for _, labels in batches)
    for path, (_, labels) in zip(paths, batches, strict=True):
        if len(labels) < longest:
            raise _damaged(path, f"has {len(labels)} images where another batch has {longest}")
        unknown = labels[(labels < 0) | (labels >= CLASSES)]
        if len(unknown):
            raise _damaged(path, f"has the label {unknown[0]}, but the labels are 0 to {CLASSES - 1}")
    images = np.concatenate([data for data, _ in batches]).reshape(-1, 3, 32, 32)
    return LabelledImages(images, np.concatenate([labels for _, labels in batches]), CLASSES)


def _damaged(path: Path, fault: str) -> TrainerUnableError:
    return TrainerUnableError(f"{path} {fault}: unpack CIFAR-10 again")
