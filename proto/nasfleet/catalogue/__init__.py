"""Every parameter of a search and of a trainer pool, described once: all that reads or explains them reads these classes."""

from nasfleet.catalogue.cell_tree import CellActivation, CellCombination, CellNode, CellTree, GivenCell
from nasfleet.catalogue.conv_chain import AnchorOrder, ChildOptimizer, ConvActivation, ConvChain, LayerType, PoolOperation
from nasfleet.catalogue.convergence import Convergence
from nasfleet.catalogue.early_stopping import Median, SuccessiveHalving
from nasfleet.catalogue.gang import Gang
from nasfleet.catalogue.language_modeling import Corpus, LanguageModeling, TextUnit
from nasfleet.catalogue.lunar_lander import EpsilonDecay, LanderScore, LunarLander
from nasfleet.catalogue.mlp import MlpActivation, MlpChoices
from nasfleet.catalogue.pool import (
    Autoscaling,
    TrainerPoolDocument,
    TrainerPoolSpec,
)
from nasfleet.catalogue.problems import InvalidParametersError, Problem
from nasfleet.catalogue.rewards import (
    Accuracy,
    BestOfLastEpochsCubed,
    InversePerplexity,
    InverseSquaredPerplexity,
    NegativeError,
)
from nasfleet.catalogue.search import (
    Budget,
    Duplicates,
    PoolSelector,
    Retries,
    SearchDocument,
    SearchSpec,
    TrialSettings,
    Weights,
)
from nasfleet.catalogue.spaces import (
    ChoiceDecision,
    Choices,
    Growth,
    PluginSpace,
    SearchSpaceSection,
)
from nasfleet.catalogue.strategies import (
    Batching,
    Bayesian,
    Evolution,
    Exhaustive,
    Grid,
    GridLevels,
    Random,
    Reinforce,
    Sampler,
)
from nasfleet.catalogue.tasks import Dataset, FailureRates, ImageClassification, PluginTask, Precision, Synthetic, Tabular
from nasfleet.catalogue.toleration import TaintEffect, Toleration, TolerationOperator
from nasfleet.catalogue.warm_start import WarmStart

__all__ = [
    "Accuracy",
    "AnchorOrder",
    "Autoscaling",
    "Batching",
    "Bayesian",
    "BestOfLastEpochsCubed",
    "Budget",
    "CellActivation",
    "CellCombination",
    "CellNode",
    "CellTree",
    "ChildOptimizer",
    "ChoiceDecision",
    "Choices",
    "ConvActivation",
    "ConvChain",
    "Convergence",
    "Corpus",
    "Dataset",
    "Duplicates",
    "EpsilonDecay",
    "Evolution",
    "Exhaustive",
    "FailureRates",
    "Gang",
    "GivenCell",
    "Grid",
    "GridLevels",
    "Growth",
    "ImageClassification",
    "InvalidParametersError",
    "InversePerplexity",
    "InverseSquaredPerplexity",
    "LanderScore",
    "LanguageModeling",
    "LayerType",
    "LunarLander",
    "Median",
    "MlpActivation",
    "MlpChoices",
    "NegativeError",
    "PluginSpace",
    "PluginTask",
    "PoolOperation",
    "PoolSelector",
    "Precision",
    "Problem",
    "Random",
    "Reinforce",
    "Retries",
    "Sampler",
    "SearchDocument",
    "SearchSpaceSection",
    "SearchSpec",
    "SuccessiveHalving",
    "Synthetic",
    "Tabular",
    "TaintEffect",
    "TextUnit",
    "Toleration",
    "TolerationOperator",
    "TrainerPoolDocument",
    "TrainerPoolSpec",
    "TrialSettings",
    "WarmStart",
    "Weights",
]
