"""A space that grows while it is searched: what was learned of its first layers holds for the deeper networks too."""

from statistics import fmean

import torch

from nasfleet.catalogue import ChildOptimizer, ConvActivation, ConvChain, Growth, LayerType, Reinforce, SearchSpaceSection
from nasfleet.spaces.building import build_space, layers_at
from nasfleet.spaces.conv_layers import ConvLayer
from nasfleet.spaces.conv_net import ConvNet
from nasfleet_controller.strategies.reinforce import ReinforceStrategy, build_reinforce
from nasfleet_controller.strategies.strategy import Credit

BATCH = 40
GROWS_AFTER = 80 * BATCH
SPACE = SearchSpaceSection(
    space=ConvChain(
        layers=2,
        strides=True,
        layer_types=tuple(LayerType),
        activations=tuple(ConvActivation),
        pool_after=(1, 3),
        optimizers=tuple(ChildOptimizer),
        learning_rates=(0.1, 0.01),
    ),
    growth=Growth(layers=2, every_trials=GROWS_AFTER, max_layers=4),
)
QUICK = Reinforce(
    learning_rate=0.02, baseline_decay=0.8, batch_size=BATCH, hidden_units=16, embedding_size=16, layers=1, entropy_weight=0.01
)


def share_of_tanh(network: ConvNet) -> float:
    """Return how many of the layers are convolutions with a hyperbolic tangent, trained by Adam: 1 at the best."""
    layers = fmean(isinstance(layer, ConvLayer) and layer.activation == "Tanh" for layer in network.layers)
    return (layers + (network.optimizer == "Adam")) / 2


def searched(strategy: ReinforceStrategy, batches: range) -> list[float]:
    """Return the mean reward of each batch; the strategy learns from every one."""
    means = []
    for batch in batches:
        first = batch * BATCH
        layers = layers_at(SPACE, first)
        drawn = strategy.propose(batch, first, BATCH)
        space = build_space(SPACE, layers)
        rewards = [share_of_tanh(space.decode(tokens)) for tokens in drawn]
        credited = enumerate(zip(drawn, rewards, strict=True), start=first)
        strategy.observe([Credit(number, each, layers, reward, strategy.version) for number, (each, reward) in credited])
        means.append(fmean(rewards))
    return means


def test_networks_are_good_from_the_first_deeper_ones_on() -> None:
    learned = searched(build_reinforce(SPACE, QUICK, 1), range(81))
    fresh = searched(build_reinforce(SPACE, QUICK, 1), range(80, 81))

    assert layers_at(SPACE, GROWS_AFTER - 1) == 2
    assert layers_at(SPACE, GROWS_AFTER) == 4
    # By chance a layer is right once in twenty times, the optimiser once in four.
    assert learned[0] < 0.25
    assert fresh[0] < 0.25
    assert learned[79] > 0.7
    assert learned[80] > 0.9 * learned[79]


def test_growing_changes_nothing_about_the_first_layers() -> None:
    strategy = build_reinforce(SPACE, QUICK, 1)
    searched(strategy, range(10))
    shallow, deep = (build_space(SPACE, layers).decisions for layers in (2, 4))
    tokens = torch.tensor(strategy.propose(80, GROWS_AFTER, BATCH))
    width = sum(decision.width for decision in shallow)

    of_shallow, of_deep = strategy._policy.score(shallow, tokens[:, :width])[0], strategy._policy.score(deep, tokens)[0]

    torch.testing.assert_close(of_deep[:, :width], of_shallow)
