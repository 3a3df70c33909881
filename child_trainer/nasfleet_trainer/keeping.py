"""Which children's weights a process keeps, as their search asks: none, those that are the best so far, or all.

Of a gang only rank 0 keeps any: the others have the same.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import nn

from nasfleet.catalogue.search import Weights
from nasfleet.measurement import Measurement
from nasfleet.names import TrialName
from nasfleet.reward import reward_of
from nasfleet_trainer.tasks.task import ChildRun
from nasfleet_trainer.weights import keep_weights


class Keeping:
    """The children of one search in this process.

    Which child is the best of a search, only the controller knows; the best of this process is enough to keep that one.
    """

    def __init__(self) -> None:
        self._best_reward = -math.inf

    def keep(self, run: ChildRun, network: nn.Module, measurement: Measurement, facts: Mapping[str, Any]) -> Measurement:
        """Return the measurement with the URI of the weights, if the search keeps these.

        Args:
            run: whose weights these are.
            network: as it was measured.
            measurement: what it was measured at.
            facts: what their manifest says beside tokens, seed, value and parameters; of JSON's types.

        Raises:
            TrainerUnableError: if they cannot be written.
        """
        reward = reward_of(run.spec.reward, measurement)
        wanted = run.spec.weights is Weights.ALL or (run.spec.weights is Weights.BEST and reward >= self._best_reward)
        self._best_reward = max(self._best_reward, reward)
        if not wanted or run.artifacts_dir is None or run.rank > 0:
            return measurement
        trained = {"value": measurement.value, "parameters": measurement.parameters}
        said = {"tokens": run.tokens, "seed": run.seed, **facts, **trained}
        return replace(
            measurement, weights_uri=keep_weights(run.artifacts_dir, TrialName.parse(run.trial), network.state_dict(), said)
        )
