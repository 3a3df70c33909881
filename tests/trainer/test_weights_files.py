"""Weights as files: named by their content, complete or not there, and readable by what was exported."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

import pytest
import safetensors.torch
import torch

from nasfleet.names import TrialName
from nasfleet_trainer.failures import TrainerUnableError
from nasfleet_trainer.weights import keep_weights

TRIAL = TrialName.parse("namespaces/default/searches/digits/trials/7")
STATE = {"classifier.weight": torch.arange(6.0).reshape(2, 3).t(), "layers.0.norm.num_batches_tracked": torch.tensor(9)}


def path_of(uri: str) -> Path:
    return Path(url2pathname(urlparse(uri).path))


def test_file_is_named_by_its_content_and_told_by_its_manifest(tmp_path: Path) -> None:
    path = path_of(keep_weights(tmp_path / "new folder", TRIAL, STATE, {"value": 0.5}))
    assert path.stem == hashlib.sha256(path.read_bytes()).hexdigest()
    manifest = json.loads((path.parent / "trial-7.json").read_text())
    assert manifest == {
        "trial": "namespaces/default/searches/digits/trials/7",
        "weights": path.name,
        "sha256": path.stem,
        "bytes": path.stat().st_size,
        "value": 0.5,
    }
    loaded = safetensors.torch.load_file(path)
    assert loaded.keys() == STATE.keys()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in STATE.items())


def test_writing_again_changes_nothing(tmp_path: Path) -> None:
    uris = {keep_weights(tmp_path, TRIAL, STATE, {}) for _ in range(2)}
    assert len(uris) == 1
    assert sorted(path.suffix for path in tmp_path.rglob("*.*")) == [".json", ".safetensors"]


def test_interrupted_write_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        keep_weights(tmp_path, TRIAL, STATE, {})
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_weights_that_cannot_be_written_are_the_trainers_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "default").write_text("a file where a folder should be")
    with pytest.raises(TrainerUnableError, match=r"weights cannot be written below .*make room or give another folder"):
        keep_weights(tmp_path, TRIAL, STATE, {})

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TrainerUnableError, match="No space left on device"):
        keep_weights(tmp_path / "other", TRIAL, STATE, {})
