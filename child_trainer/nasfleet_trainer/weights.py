"""Trained weights as files: safetensors named by their content, and for each trial a manifest that says what they are."""

import hashlib
import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from nasfleet.names import TrialName
from nasfleet_trainer.failures import TrainerUnableError


def keep_weights(artifacts_dir: Path, trial: TrialName, state: Mapping[str, Tensor], facts: Mapping[str, Any]) -> str:
    """Write the weights and then their manifest, `{namespace}/{search}/trial-{number}.json`; return the weights' URI.

    Neither file is ever seen half written, and writing them again changes nothing.

    Args:
        artifacts_dir: where all searches keep their artifacts.
        trial: whose weights these are.
        state: the network's parameters and buffers, by name.
        facts: what the manifest says beside the trial, the file and its SHA-256; of JSON's types.

    Raises:
        TrainerUnableError: if they cannot be written.
    """
    content = safetensors.torch.save({name: tensor.detach().cpu().contiguous() for name, tensor in state.items()})
    digest = hashlib.sha256(content).hexdigest()
    folder = artifacts_dir.absolute() / trial.search.namespace / trial.search.search_id
    path = folder / f"{digest}.safetensors"
    manifest = {"trial": str(trial), "weights": path.name, "sha256": digest, "bytes": len(content), **facts}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        put_in_place(path, content)
        put_in_place(folder / f"trial-{trial.number}.json", (json.dumps(manifest, indent=2) + "\n").encode())
    except OSError as error:
        raise TrainerUnableError(
            f"weights cannot be written below {artifacts_dir} ({error.strerror}): make room or give another folder"
        ) from error
    return path.as_uri()


def put_in_place(path: Path, content: bytes) -> None:
    """Put a file in place at once, when all of it is on the disk."""
    part = path.with_suffix(f".{uuid.uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
