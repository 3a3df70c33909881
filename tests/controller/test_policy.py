import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from nasfleet.catalogue import ConvChain, SearchSpaceSection
from nasfleet.spaces.building import build_space
from nasfleet.spaces.conditions import settled
from nasfleet.spaces.decision import Choice, Decision, Index, Subset, When
from nasfleet_controller.strategies.heads import OneOfHead, SubsetHead
from nasfleet_controller.strategies.policy import Policy
from nasfleet_testing.spaces import decision_lists

Decisions = tuple[Decision, ...]
Shapes = dict[str, tuple[int, ...]]
EVERY_KIND: Decisions = (
    Choice("0/size", "size", (1, 3, 5)),
    Subset("0/inputs", "inputs", 0),
    Index("0/node", "node", 1),
    Choice("1/size", "size", (1, 3, 5)),
    Subset("1/inputs", "inputs", 1),
    Index("1/node", "node", 2),
    Subset("2/inputs", "inputs", 2),
    Index("2/node", "node", 3),
)


def make_policy(
    decisions: Decisions, *, initial_range: float = 0.08, units: int = 35, layers: int = 2, seed: int = 1
) -> Policy:
    generator = torch.Generator().manual_seed(seed)
    return Policy(
        decisions,
        hidden_units=units,
        layers=layers,
        embedding_size=units,
        initial_range=initial_range,
        generator=generator,
    )


def conv_chain(layers: int) -> Decisions:
    return build_space(SearchSpaceSection(space=ConvChain(layers=layers))).decisions


def every_architecture(decisions: Decisions) -> Tensor:
    return torch.tensor([*itertools.product(*(range(d.bound) for d in decisions for _ in range(d.width)))])


def draw(policy: Policy, decisions: Decisions, count: int, seed: int = 1) -> Tensor:
    return policy.sample(decisions, count, torch.Generator().manual_seed(seed))


def test_parameters_have_the_shapes_of_the_paper() -> None:
    policy = make_policy(conv_chain(6))

    shapes = {name: tuple(weights.shape) for name, weights in policy.named_parameters()}

    lstm = {f"lstm.{name}_l{layer}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh") for layer in (0, 1)}
    assert {shapes.pop(name) for name in lstm} == {(4 * 35, 35), (4 * 35,)}
    softmax: Shapes = {"logits.weight": (4, 35), "logits.bias": (4,), "embedding": (4, 35)}
    attention: Shapes = {
        "previous.weight": (35, 35),
        "current.weight": (35, 35),
        "attention.weight": (1, 35),
        "embedding": (6, 35),
    }
    heads = [
        softmax,
        softmax,
        softmax,
        attention,
    ]  # height, width, count and inputs, each shared by all layers
    expected = {f"heads.{kind}.{name}": shape for kind, head in enumerate(heads) for name, shape in head.items()}
    assert shapes == expected | {"first_input": (35,)}


def test_every_weight_starts_uniform_within_the_initial_range() -> None:
    policy = make_policy(conv_chain(6))

    weights = torch.cat([parameter.detach().flatten() for parameter in policy.parameters()])

    assert weights.abs().max() <= 0.08
    # A uniform variate on (-r, r) has the standard deviation r / sqrt(3); 20,000 of them come within 2 % of it.
    assert math.isclose(weights.std().item(), 0.08 / math.sqrt(3), rel_tol=0.02)
    assert all(parameter.detach().abs().sum() > 0 for parameter in policy.parameters())


def sampled_log_probs(policy: Policy, decisions: Decisions, count: int) -> tuple[Tensor, Tensor]:
    """Return tokens and their log-probabilities according to the logits that the sampler itself drew from."""
    seen: list[Tensor] = []

    def keep(_module: torch.nn.Module, _inputs: object, logits: Tensor) -> None:
        seen.append(logits)

    for head in policy.heads:
        scorer = head.attention if isinstance(head, SubsetHead) else head.logits
        assert isinstance(scorer, torch.nn.Linear)
        scorer.register_forward_hook(keep)
    tokens = draw(policy, decisions, count)
    log_probs, column = [], 0
    for decision, logits in zip(decisions, seen, strict=True):
        taken = tokens[:, column : column + decision.width]
        column += decision.width
        if isinstance(decision, Subset):
            chances = logits.squeeze(2).sigmoid()
            log_probs.append(torch.where(taken == 1, chances, 1 - chances).log())
        else:
            log_probs.append(logits[:, : decision.bound].softmax(1).gather(1, taken).log())
    return tokens, torch.cat(log_probs, dim=1)


@pytest.mark.parametrize("decisions", [EVERY_KIND, conv_chain(5)])
def test_scores_of_sampled_tokens_are_the_log_probabilities_they_were_sampled_with(decisions: Decisions) -> None:
    policy = make_policy(decisions, initial_range=0.8)

    tokens, expected = sampled_log_probs(policy, decisions, 50)
    log_probs, _ = policy.score(decisions, tokens)

    torch.testing.assert_close(log_probs, expected, atol=1e-5, rtol=0)


def test_probabilities_of_all_architectures_sum_to_one() -> None:
    policy = make_policy(EVERY_KIND, initial_range=0.8)

    log_probs, _ = policy.score(EVERY_KIND, every_architecture(EVERY_KIND))

    assert log_probs.sum(dim=1).exp().sum().item() == pytest.approx(1.0, abs=1e-5)


def test_architectures_are_sampled_as_often_as_their_probability_says() -> None:
    policy = make_policy(EVERY_KIND, initial_range=1.5, units=4)
    architectures = every_architecture(EVERY_KIND)
    probabilities = policy.score(EVERY_KIND, architectures)[0].sum(dim=1).exp()
    place_of = {tuple(tokens): place for place, tokens in enumerate(architectures.tolist())}

    count = 40_000
    drawn = torch.tensor([place_of[tuple(tokens)] for tokens in draw(policy, EVERY_KIND, count).tolist()]).bincount()

    expected = probabilities * count
    chi_squared = ((drawn - expected) ** 2 / expected).sum().item()
    degrees = len(architectures) - 1
    # The statistic has this mean and the standard deviation sqrt(2 x degrees) if the sampler is right.
    assert abs(chi_squared - degrees) < 5 * math.sqrt(2 * degrees)


@given(decisions=decision_lists())
@settings(max_examples=25, deadline=None)
def test_sampled_tokens_are_valid_and_can_be_scored_in_every_space(decisions: Decisions) -> None:
    policy = make_policy(decisions, units=3)
    bounds = torch.tensor([decision.bound for decision in decisions for _ in range(decision.width)])

    tokens = draw(policy, decisions, 5)
    log_probs, entropies = policy.score(decisions, tokens)

    assert tokens.shape == log_probs.shape == entropies.shape == (5, len(bounds))
    assert ((tokens >= 0) & (tokens < bounds)).all()
    assert (log_probs <= 0).all()
    assert (entropies >= 0).all()


def test_skips_have_the_probability_of_the_set_selection_formula() -> None:
    # P(0 feeds 1) = sigmoid(v tanh(W_prev h_0 + W_curr h_1)) with one hidden unit, computed by hand.
    head = SubsetHead(hidden_units=1, embedding_size=1, most_ways=1)
    set_weights(head, {"previous.weight": [[2.0]], "current.weight": [[-1.0]], "attention.weight": [[3.0]]})
    expected = 1 / (1 + math.exp(-3.0 * math.tanh(2.0 * 0.5 - 1.0 * 0.25)))

    hidden = torch.tensor([[[0.5], [0.25]]])
    chosen, entropies = head.score(hidden, torch.tensor([[1]]), (0, 1))
    not_chosen, _ = head.score(hidden, torch.tensor([[0]]), (0, 1))

    assert chosen.exp().item() == pytest.approx(expected, abs=1e-6)
    assert not_chosen.exp().item() == pytest.approx(1 - expected, abs=1e-6)
    entropy = -(expected * math.log(expected) + (1 - expected) * math.log(1 - expected))
    assert entropies.item() == pytest.approx(entropy, abs=1e-6)


def test_skips_stand_in_the_order_of_their_anchors_and_candidates() -> None:
    # With v = W_prev = 1 and W_curr = 0 a skip's logit is tanh(h_j): it tells which candidate each token is about.
    head = SubsetHead(hidden_units=1, embedding_size=1, most_ways=2)
    set_weights(head, {"previous.weight": [[1.0]], "current.weight": [[0.0]], "attention.weight": [[1.0]]})

    log_probs, _ = head.score(torch.tensor([[[0.1], [0.2], [0.3]]]), torch.tensor([[1, 1, 1]]), (0, 1, 2))

    logits = (log_probs.exp() / (1 - log_probs.exp())).log()
    torch.testing.assert_close(logits, torch.tensor([[0.1, 0.1, 0.2]]).tanh())


def test_after_an_anchor_the_mean_of_its_vector_and_those_of_the_chosen_is_read() -> None:
    head = SubsetHead(hidden_units=1, embedding_size=2, most_ways=2)
    set_weights(head, {"embedding": [[1.0, 0.0], [0.0, 2.0], [4.0, 4.0]]})

    read = head.embed(torch.tensor([[1, 0, 1]]), (0, 1, 2))

    torch.testing.assert_close(read, torch.tensor([[[1.0, 0.0], [0.5, 1.0], [2.5, 2.0]]]))


def test_equal_logits_have_the_entropy_of_a_fair_draw() -> None:
    policy = make_policy(EVERY_KIND)
    for parameter in policy.parameters():
        torch.nn.init.zeros_(parameter)

    log_probs, entropies = policy.score(EVERY_KIND, draw(policy, EVERY_KIND, 3))

    fair = torch.tensor([3, 1, 3, 2, 2, 2, 2, 3]).log().expand(3, -1)
    torch.testing.assert_close(entropies, fair)
    torch.testing.assert_close(log_probs, -fair)


def test_logits_known_by_hand_have_the_entropy_of_their_softmax() -> None:
    # softmax(log 1, log 2, log 5) = 1/8, 2/8, 5/8; with two ways it is 1/3, 2/3.
    head = OneOfHead(hidden_units=1, embedding_size=1, most_ways=3)
    set_weights(head, {"logits.weight": [[0.0]] * 3, "logits.bias": [math.log(1), math.log(2), math.log(5)]})

    log_probs, entropies = head.score(torch.zeros(1, 2, 1), torch.tensor([[2, 1]]), (3, 2))

    entropies_by_hand = [-sum(p * math.log(p) for p in chances) for chances in ((1 / 8, 2 / 8, 5 / 8), (1 / 3, 2 / 3))]
    torch.testing.assert_close(log_probs.exp(), torch.tensor([[5 / 8, 2 / 3]]))
    torch.testing.assert_close(entropies, torch.tensor([entropies_by_hand]))


def test_gradient_of_masked_ways_is_zero_and_finite() -> None:
    head = OneOfHead(hidden_units=1, embedding_size=1, most_ways=3)

    log_probs, entropies = head.score(torch.ones(1, 1, 1), torch.tensor([[0]]), (2,))
    torch.autograd.backward((log_probs + entropies).sum())

    gradient = head.logits.bias.grad
    assert gradient is not None
    assert gradient.isfinite().all()
    assert gradient[2] == 0
    assert gradient[0] != 0


@pytest.mark.parametrize("changed", [0, 6], ids=["a choice", "a skip"])
def test_later_tokens_depend_on_what_was_chosen_before(changed: int) -> None:
    decisions = conv_chain(3)
    policy = make_policy(decisions, initial_range=0.8)
    tokens = torch.zeros(2, 12, dtype=torch.long)
    tokens[1, changed] = 1

    log_probs, _ = policy.score(decisions, tokens)

    before, after = log_probs[:, :changed], log_probs[:, changed + 1 :]
    torch.testing.assert_close(before[0], before[1])
    assert (after[0] - after[1]).abs().max() > 1e-4


def test_a_shallower_space_is_scored_as_the_beginning_of_a_deeper_one() -> None:
    shallow, deep = conv_chain(2), conv_chain(4)
    policy = make_policy(deep)
    tokens = draw(policy, deep, 6)
    width = sum(decision.width for decision in shallow)

    torch.testing.assert_close(policy.score(shallow, tokens[:, :width])[0], policy.score(deep, tokens)[0][:, :width])


def test_proposals_follow_from_weights_and_generator() -> None:
    decisions = conv_chain(3)
    policy = make_policy(decisions)

    assert torch.equal(draw(policy, decisions, 8, seed=3), draw(policy, decisions, 8, seed=3))
    assert not torch.equal(draw(policy, decisions, 8, seed=3), draw(policy, decisions, 8, seed=4))


# A convolution has a height and a count, a pooling a size; both have inputs.
CONDITIONAL: Decisions = (
    Choice("0/type", "type", ("conv", "pool")),
    Choice("0/height", "height", (1, 3, 5), When("0/type", ("conv",))),
    Choice("0/size", "size", (2, 3), When("0/type", ("pool",))),
    Subset("0/inputs", "inputs", 0),
    Choice("1/type", "type", ("conv", "pool")),
    Choice("1/height", "height", (1, 3, 5), When("1/type", ("conv",))),
    Choice("1/size", "size", (2, 3), When("1/type", ("pool",))),
    Subset("1/inputs", "inputs", 1),
)


def test_probabilities_of_all_that_can_arise_sum_to_one() -> None:
    policy = make_policy(CONDITIONAL, initial_range=0.8)
    architectures = {settled(CONDITIONAL, tokens) for tokens in every_architecture(CONDITIONAL).tolist()}

    log_probs, _ = policy.score(CONDITIONAL, torch.tensor(sorted(architectures)))

    assert len(architectures) == 5 * 5 * 2
    assert log_probs.sum(dim=1).exp().sum().item() == pytest.approx(1.0, abs=1e-5)


def test_architectures_with_conditions_are_sampled_as_often_as_their_probability_says() -> None:
    policy = make_policy(CONDITIONAL, initial_range=1.5, units=4)
    count = 40_000

    drawn = draw(policy, CONDITIONAL, count)

    architectures, times = drawn.unique(dim=0, return_counts=True)
    assert [settled(CONDITIONAL, tokens) for tokens in architectures.tolist()] == [tuple(a) for a in architectures.tolist()]
    expected = policy.score(CONDITIONAL, architectures)[0].sum(dim=1).exp() * count
    assert len(architectures) == 50
    chi_squared = ((times - expected) ** 2 / expected).sum().item()
    assert abs(chi_squared - 49) < 5 * math.sqrt(2 * 49)


def gradients(policy: Policy, tokens: list[int]) -> list[Tensor | None]:
    policy.zero_grad()
    log_probs, entropies = policy.score(CONDITIONAL, torch.tensor([tokens]))
    torch.autograd.backward((log_probs + entropies).sum())
    return [None if weights.grad is None else weights.grad.clone() for weights in policy.parameters()]


def test_what_does_not_arise_changes_neither_score_nor_gradient() -> None:
    policy = make_policy(CONDITIONAL, initial_range=0.8)
    # Both layers are poolings: whatever heights stand there, no height was chosen.
    one, other = [1, 0, 1, 1, 0, 0, 1], [1, 2, 1, 1, 1, 0, 1]

    assert torch.equal(*(policy.score(CONDITIONAL, torch.tensor([tokens]))[0] for tokens in (one, other)))
    for mine, theirs in zip(gradients(policy, one), gradients(policy, other), strict=True):
        assert mine is not None
        assert theirs is not None
        assert torch.equal(mine, theirs)


def test_what_does_not_arise_teaches_its_head_nothing_and_is_certain() -> None:
    policy = make_policy(CONDITIONAL, initial_range=0.8)
    heights = policy.heads[1]

    gradients(policy, [1, 0, 1, 1, 0, 0, 1])
    log_probs, entropies = policy.score(CONDITIONAL, torch.tensor([[1, 0, 1, 1, 0, 0, 1]]))

    assert all(weights.grad is not None and not weights.grad.any() for weights in heights.parameters())
    assert log_probs[0, [1, 4]].tolist() == entropies[0, [1, 4]].tolist() == [0, 0]
    assert (entropies[0, [0, 2, 3, 5, 6]] > 0).all()


def set_weights(module: torch.nn.Module, weights: dict[str, list[list[float]] | list[float]]) -> None:
    for name, values in weights.items():
        module.get_parameter(name).data = torch.tensor(values)
