"""Layers that later children begin with: of each place, width and activation the weights that were trained last.

They are files below the search's artifacts, so that children on all machines that share these inherit from each other. Each is
put in place as a whole; of two that are put there at once either may stay.
"""

from pathlib import Path

import safetensors.torch
import torch

from nasfleet.names import TrialName
from nasfleet.spaces.mlp import Mlp, MlpLayer
from nasfleet_trainer.failures import TrainerUnableError
from nasfleet_trainer.networks.mlp import MlpNetwork
from nasfleet_trainer.weights import put_in_place


def layers_folder(artifacts_dir: Path | None, trial: str) -> Path:
    """Return where the layers of a search are.

    Raises:
        TrainerUnableError: if this trainer was told no place for artifacts.
    """
    if artifacts_dir is None:
        raise TrainerUnableError(
            "inheritLayers keeps layers beside the weights, and this trainer was told no place for them: "
            "give spec.artifacts, or start the trainer with --artifacts"
        )
    search = TrialName.parse(trial).search
    return artifacts_dir / search.namespace / search.search_id / "layers"


def inherit(network: MlpNetwork, description: Mlp, folder: Path) -> list[int]:
    """Load into the hidden layers what was trained last; return the numbers of those for which there was anything that fits.

    Raises:
        TrainerUnableError: if a file is there and cannot be read.
    """
    return [
        number for number, layer in enumerate(description.layers) if _load(network.layers[number], _path(folder, number, layer))
    ]


def bequeath(network: MlpNetwork, description: Mlp, folder: Path) -> None:
    """Put the hidden layers where later children find them.

    Raises:
        TrainerUnableError: if they cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, layer in enumerate(description.layers):
            state = {name: tensor.detach().cpu() for name, tensor in network.layers[number].state_dict().items()}
            put_in_place(_path(folder, number, layer), safetensors.torch.save(state))
    except OSError as error:
        raise TrainerUnableError(
            f"layers cannot be written to {folder} ({error.strerror}): make room or give another"
        ) from error


def _path(folder: Path, number: int, layer: MlpLayer) -> Path:
    return folder / f"layer{number}-{layer.width}-{layer.activation}.safetensors"


def _load(layer: torch.nn.Module, path: Path) -> bool:
    try:
        state = safetensors.torch.load(path.read_bytes())
    except FileNotFoundError:
        return False
    except (OSError, safetensors.SafetensorError) as error:
        raise TrainerUnableError(f"{path} cannot be read ({error}): remove it, or give the right to read it") from error
    own = layer.state_dict()
    if {name: tensor.shape for name, tensor in state.items()} != {name: tensor.shape for name, tensor in own.items()}:
        return False  # the layer before it had another width
    layer.load_state_dict(state)
    return True
