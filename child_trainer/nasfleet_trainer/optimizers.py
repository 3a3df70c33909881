"""What trains a child: the task's own optimiser, or the one that was chosen with the network."""

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from nasfleet.catalogue.conv_chain import ChildOptimizer
from nasfleet.catalogue.tasks import ImageClassification


def build_optimizer(network: nn.Module, recipe: ImageClassification, name: str | None) -> Optimizer:
    """Return the optimiser of this name over all parameters; step size, momentum and weight decay are the recipe's."""
    parameters, rate, decay = network.parameters(), recipe.learning_rate, recipe.weight_decay
    match name:
        case ChildOptimizer.ADAM:
            return Adam(parameters, lr=rate, weight_decay=decay, fused=True)
        case ChildOptimizer.ADAM_W:
            return AdamW(parameters, lr=rate, weight_decay=decay, fused=True)
        case ChildOptimizer.RMS_PROP:
            return RMSprop(parameters, lr=rate, weight_decay=decay, foreach=True)
        case _:
            nesterov = recipe.momentum > 0
            return SGD(parameters, lr=rate, momentum=recipe.momentum, nesterov=nesterov, weight_decay=decay, fused=True)
