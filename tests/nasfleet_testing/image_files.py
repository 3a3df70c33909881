"""Small data sets in the layouts in which images are published."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

BATCHES = range(1, 6)


def cifar10_batches(images_each: int = 4) -> list[tuple[NDArray[np.uint8], list[int]]]:
    """Return five batches of random images [N, 3072] and their labels."""
    generator = np.random.default_rng(5)
    return [
        (generator.integers(0, 256, (images_each, 3072), np.uint8), generator.integers(0, 10, images_each).tolist())
        for _ in BATCHES
    ]


def write_binary(data_dir: Path, images_each: int = 4) -> Path:
    """Write the binary layout below `data_dir`, its test batch unreadable; return the folder."""
    folder = data_dir / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    for number, (pixels, labels) in zip(BATCHES, cifar10_batches(images_each), strict=True):
        (folder / f"data_batch_{number}.bin").write_bytes(np.column_stack([np.array(labels, np.uint8), pixels]).tobytes())
    (folder / "test_batch.bin").write_text("no search reads this")
    return folder


def write_python(data_dir: Path, dump: Callable[[Any], bytes], images_each: int = 4) -> Path:
    """Write the Python layout below `data_dir`, its test batch unreadable; return the folder."""
    folder = data_dir / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for number, (pixels, labels) in zip(BATCHES, cifar10_batches(images_each), strict=True):
        batch = {b"batch_label": b"one of 5", b"labels": labels, b"data": pixels, b"filenames": [b"a.png"] * len(labels)}
        (folder / f"data_batch_{number}").write_bytes(dump(batch))
    (folder / "test_batch").write_text("no search reads this")
    return folder


def dumped_by_python_2(batch: dict[bytes, Any]) -> bytes:
    """Return the pickle that Python 2 made, as the published files are: its texts are bytes without an encoding."""
    return b"\x80\x02" + _python_2(batch) + b"."


def dumped_by_python_3(batch: dict[bytes, Any]) -> bytes:
    """Return the pickle that Python 3 makes for others to read, as repacked files are."""
    return pickle.dumps({key.decode(): value for key, value in batch.items()}, protocol=2)


def _python_2(value: Any) -> bytes:
    match value:
        case bytes():
            return b"T" + len(value).to_bytes(4, "little") + value
        case int():
            return b"J" + value.to_bytes(4, "little", signed=True)
        case list():
            return b"](" + b"".join(map(_python_2, value)) + b"e"
        case dict():
            return b"}(" + b"".join(_python_2(key) + _python_2(item) for key, item in value.items()) + b"u"
        case np.ndarray():
            empty = (
                b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n" + _python_2(0) + b"\x85" + _python_2(b"b") + b"tR"
            )
            kind = b"cnumpy\ndtype\n" + _python_2(b"u1") + _python_2(0) + _python_2(1) + b"\x87R"
            kind += b"(" + b"".join(map(_python_2, (3, b"|"))) + b"NNN" + b"".join(map(_python_2, (-1, -1, 0))) + b"tb"
            shape = _python_2(value.shape[0]) + _python_2(value.shape[1]) + b"\x86"
            return empty + b"(" + _python_2(1) + shape + kind + b"\x89" + _python_2(value.tobytes()) + b"tb"
        case _:
            raise TypeError(value)


def write_folder(folder: Path, images_each: int = 3, side: int = 12) -> Path:
    """Write two classes of images, dark ones and bright ones; return the folder."""
    for name, grey in (("bright", 200), ("dark", 20)):
        (folder / name).mkdir(parents=True)
        for number in range(images_each):
            Image.new("RGB", (side, side + number), (grey, grey, grey)).save(folder / name / f"{number}.png")
    return folder
