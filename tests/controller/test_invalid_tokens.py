"""No strategy ever proposes tokens that the space refuses, whatever the policy's weights: there is nothing left to mask."""

import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from nasfleet.catalogue import Random, Reinforce, SearchSpaceSection
from nasfleet.catalogue.problems import InvalidParametersError
from nasfleet.errors import InvalidInputError
from nasfleet.spaces.building import build_space, layers_at
from nasfleet_controller.strategies.building import build_strategy
from nasfleet_controller.strategies.depths import Depths
from nasfleet_controller.strategies.policy import Policy
from nasfleet_testing.specs import blocks, smallest_spec

MOST_TOKENS = 200  # what takes longer to draw shows no more


@st.composite
def sections(draw: st.DrawFn) -> SearchSpaceSection:
    """Return any space of the catalogue, growth included, of a size that is drawn from in no time."""
    section = draw(blocks(SearchSpaceSection))
    try:
        deepest = Depths(section).deepest()
    except InvalidInputError:  # a plugin whose decisions only its package knows
        assume(False)
    assume(sum(decision.width for decision in deepest) <= MOST_TOKENS)
    return section  # type: ignore[no-any-return]  # what `blocks` makes is of the class that it is given


@given(sections(), st.integers(0, 10_000), st.sampled_from(["reinforce", "random"]))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_proposed_is_decoded(section: SearchSpaceSection, first_number: int, name: str) -> None:
    # Weights of up to 10 make a policy that is sure of itself, and of what it must not choose as well.
    reinforce = Reinforce(batch_size=8, hidden_units=4, embedding_size=4, layers=1, initial_range=10)
    try:
        spec = smallest_spec(search_space=section, strategy=reinforce if name == "reinforce" else Random(batch_size=8))
    except InvalidParametersError:
        assume(False)
    space = build_space(section, layers_at(section, first_number))
    for tokens in build_strategy(spec).propose(3, first_number, 8):
        assert space.encode(space.decode(tokens)) == tokens


@given(sections(), st.integers(0, 2**32))
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_policy_gives_all_of_its_probability_to_what_can_be_chosen(section: SearchSpaceSection, seed: int) -> None:
    decisions = Depths(section).deepest()
    generator = torch.Generator().manual_seed(seed)
    policy = Policy(decisions, hidden_units=4, layers=1, embedding_size=4, initial_range=3.0, generator=generator)
    position = min(seed % len(decisions), len(decisions) - 1)
    before = sum(decision.width for decision in decisions[:position])
    decision = decisions[position]
    assume(decision.width)
    drawn = policy.sample(decisions, 1, generator).repeat(decision.bound, 1)
    drawn[:, before] = torch.arange(decision.bound)
    log_probs, _ = policy.score(decisions, drawn)
    torch.testing.assert_close(log_probs[:, before].exp().sum(), torch.tensor(1.0))
