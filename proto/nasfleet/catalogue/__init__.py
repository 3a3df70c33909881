"""Every parameter of a search and of a trainer pool, described once: all that reads or explains them reads these classes."""

from nasfleet.catalogue.conv_chain import AnchorOrder, ConvChain
from nasfleet.catalogue.gang import Gang
from nasfleet.catalogue.pool import (
    Autoscaling,
    TrainerPoolDocument,
    TrainerPoolSpec,
)
from nasfleet.catalogue.problems import InvalidParametersError, Problem
from nasfleet.catalogue.rewards import Accuracy, BestOfLastEpochsCubed, NegativeError
from nasfleet.catalogue.search import Budget, PoolSelector, Retries, SearchDocument, SearchSpec, TrialSettings, Weights
from nasfleet.catalogue.spaces import (
    ChoiceDecision,
    Choices,
    Growth,
    PluginSpace,
    SearchSpaceSection,
)
from nasfleet.catalogue.strategies import Batching, Exhaustive, Random, Reinforce
from nasfleet.catalogue.tasks import Dataset, FailureRates, ImageClassification, PluginTask, Precision, Synthetic, Tabular
from nasfleet.catalogue.toleration import TaintEffect, Toleration, TolerationOperator

__all__ = [
    "Accuracy",
    "AnchorOrder",
    "Autoscaling",
    "Batching",
    "BestOfLastEpochsCubed",
    "Budget",
    "ChoiceDecision",
    "Choices",
    "ConvChain",
    "Dataset",
    "Exhaustive",
    "FailureRates",
    "Gang",
    "Growth",
    "ImageClassification",
    "InvalidParametersError",
    "NegativeError",
    "PluginSpace",
    "PluginTask",
    "PoolSelector",
    "Precision",
    "Problem",
    "Random",
    "Reinforce",
    "Retries",
    "SearchDocument",
    "SearchSpaceSection",
    "SearchSpec",
    "Synthetic",
    "Tabular",
    "TaintEffect",
    "Toleration",
    "TolerationOperator",
    "TrainerPoolDocument",
    "TrainerPoolSpec",
    "TrialSettings",
    "Weights",
]
