"""The digits are scikit-learn's own, whichever way they are read."""

import gzip
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

from nasfleet_trainer.datasets import digits
from nasfleet_trainer.failures import TrainerUnableError


def test_digits_are_the_first_fifteen_hundred_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits

    published, examples = load_digits(), digits.read_digits()
    assert len(examples) == 1500
    np.testing.assert_array_equal(examples.labels, published.target[:1500])
    np.testing.assert_allclose(examples.images[:, 0] * (16 / 255), published.images[:1500], atol=0.04)


def installed_at(path: Path | None) -> Callable[[str], ModuleSpec | None]:
    return lambda name: None if path is None else ModuleSpec(name, None, origin=str(path / "__init__.py"))


def test_missing_package_and_damaged_file_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "find_spec", installed_at(None))
    with pytest.raises(TrainerUnableError, match=r"not installed here: install nasfleet\[trainer\]"):
        digits.read_digits()
    monkeypatch.setattr(digits, "find_spec", installed_at(tmp_path))
    with pytest.raises(TrainerUnableError, match=r"digits\.csv\.gz cannot be read .*install scikit-learn again"):
        digits.read_digits()
    file = tmp_path / "datasets" / "data" / "digits.csv.gz"
    file.parent.mkdir(parents=True)
    for content in (b"no archive", gzip.compress(b"a note"), gzip.compress(b"1,2,3\n" * 1000)[:-12]):
        file.write_bytes(content)
        with pytest.raises(TrainerUnableError, match=r"digits\.csv\.gz cannot be read"):
            digits.read_digits()
