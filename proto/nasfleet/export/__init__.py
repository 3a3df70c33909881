"""Architectures in forms for use elsewhere: a JSON document, stand-alone PyTorch source, a drawing for terminals."""

from nasfleet.export.document import json_document
from nasfleet.export.drawing import drawing
from nasfleet.export.pytorch import pytorch_source

__all__ = ["drawing", "json_document", "pytorch_source"]
