"""A trial's network in the form that somebody wants to take along."""

from dataclasses import dataclass

from nasfleet.catalogue import Dataset, ImageClassification, LunarLander, SearchSpec
from nasfleet.errors import ConflictError, InvalidInputError
from nasfleet.export import drawing, json_document, pytorch_source
from nasfleet.spaces.building import build_space
from nasfleet.v1.results_pb2 import ExportFormat
from nasfleet_controller.store.trials import StoredTrial


@dataclass(frozen=True, slots=True)
class Export:
    """A file: its content and a fitting name."""

    content: str
    file_name: str


def export(trial: StoredTrial, spec: SearchSpec, wanted: ExportFormat.ValueType) -> Export:
    """Return the network of a trial as a file.

    Raises:
        ConflictError: if its space cannot be written in that form.
        InvalidInputError: if there is no such form.
    """
    network = build_space(spec.search_space, trial.layers).decode(trial.tokens)
    if wanted not in ExportFormat.values():
        raise InvalidInputError(f"format is {wanted}: give one of {', '.join(ExportFormat.keys())}")
    try:
        match wanted:
            case ExportFormat.EXPORT_FORMAT_PYTORCH:
                content, suffix = pytorch_source(network, *_images(spec)), "py"
            case ExportFormat.EXPORT_FORMAT_TEXT:
                content, suffix = drawing(network), "txt"
            case _:
                content, suffix = json_document(network), "json"
    except InvalidInputError as error:
        raise ConflictError(f"trial {trial.name} cannot be exported in that form: {error}") from error
    return Export(content, f"{trial.name.search.search_id}-{trial.name.number}.{suffix}")


def _images(spec: SearchSpec) -> tuple[int, int, int]:
    """Return channels, classes and side of the search's images; the exported module takes others as arguments."""
    match spec.task:
        case ImageClassification(dataset=Dataset.DIGITS):
            return (1, 10, 8)
        case ImageClassification(dataset=Dataset.FOLDER):
            return (3, 10, spec.task.image_size)
        case LunarLander():
            return (8, 4, 1)  # an observation is one pixel of eight channels
        case _:
            return (3, 10, 32)
