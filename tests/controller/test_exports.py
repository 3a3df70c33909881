"""Exported source tries itself on images as those of the search."""

from dataclasses import replace

import pytest

from nasfleet.catalogue import ConvChain, LunarLander, MlpChoices, SearchSpaceSection
from nasfleet.catalogue.tasks import Dataset, ImageClassification, Synthetic
from nasfleet.names import TrialName
from nasfleet.v1.results_pb2 import ExportFormat
from nasfleet_controller.records import TrialState
from nasfleet_controller.servicers.exports import export
from nasfleet_controller.store.trials import StoredTrial
from nasfleet_testing.specs import smallest_spec

TRIAL = StoredTrial(
    name=TrialName.parse("namespaces/default/searches/digits/trials/1"),
    batch=0,
    policy_version=0,
    layers=None,
    tokens=(0, 0, 0),
    canonical_hash="0" * 16,
    state=TrialState.QUEUED,
    reward=None,
    measurement=None,
    failure=None,
    attempt_count=0,
    trainer=None,
    proposed_at=0.0,
    started_at=None,
    ended_at=None,
    duplicate=False,
    reused_from=None,
    stopped_early=False,
)


@pytest.mark.parametrize(
    ("task", "images"),
    [
        (ImageClassification(), "2, 1, 8, 8"),
        (ImageClassification(dataset=Dataset.CIFAR10), "2, 3, 32, 32"),
        (ImageClassification(dataset=Dataset.FOLDER, image_size=48), "2, 3, 48, 48"),
        (Synthetic(), "2, 3, 32, 32"),
    ],
)
def test_exported_source_tries_itself_on_images_of_the_searchs_size(task: ImageClassification | Synthetic, images: str) -> None:
    spec = smallest_spec(task=task, search_space=SearchSpaceSection(space=ConvChain(layers=1)))
    exported = export(TRIAL, spec, ExportFormat.EXPORT_FORMAT_PYTORCH)
    assert f"images = torch.zeros({images})\n" in exported.content


def test_exported_source_of_an_agent_reads_observations_and_values_actions() -> None:
    spec = smallest_spec(task=LunarLander(), search_space=SearchSpaceSection(space=MlpChoices(layers=1)))
    exported = export(replace(TRIAL, tokens=(0, 0)), spec, ExportFormat.EXPORT_FORMAT_PYTORCH)
    assert "inputs: int = 8, outputs: int = 4" in exported.content
    assert export(replace(TRIAL, tokens=(0, 0)), spec, ExportFormat.EXPORT_FORMAT_TEXT).content.startswith("layer  width")
