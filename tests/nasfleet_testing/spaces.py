"""Generated search spaces, for laws that hold in every space."""

from hypothesis import strategies as st

from nasfleet.spaces.decision import Choice, Decision, Index, Subset, When

_texts = st.text(max_size=4).filter(str.isprintable)
_options = _texts | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()


@st.composite
def decision_lists(draw: st.DrawFn) -> tuple[Decision, ...]:
    """Return decisions of one kind each, but for subsets, of which there are several."""
    choices = draw(st.lists(st.lists(_options, min_size=1, max_size=5, unique=True), min_size=1, max_size=4))
    nodes = draw(st.lists(st.integers(1, 5), max_size=3))
    anchors = draw(st.integers(0, 4))
    decisions: list[Decision] = [Choice(f"choice{n}", f"choice{n}", tuple(options)) for n, options in enumerate(choices)]
    decisions += [Index(f"node{n}", "node", candidates) for n, candidates in enumerate(nodes)]
    decisions += [Subset(f"layer{n}/inputs", "inputs", n) for n in range(anchors)]
    return tuple(decisions)


@st.composite
def conditional_lists(draw: st.DrawFn) -> tuple[Decision, ...]:
    """Return a few small decisions, some of which arise only with certain options of an earlier one."""
    decisions: list[Decision] = []
    deciders: list[Choice] = []
    for number in range(draw(st.integers(1, 5))):
        options = tuple(range(draw(st.integers(1, 3))))
        when = None
        if deciders and draw(st.booleans()):
            decider = draw(st.sampled_from(deciders))
            when = When(decider.name, tuple(draw(st.sets(st.sampled_from(decider.options), min_size=1))))
        choice = Choice(f"choice{number}", f"choice{number}", options, when)
        if when is None:
            deciders.append(choice)
        decisions.append(choice)
    decisions += [Subset(f"layer{number}/inputs", "inputs", number) for number in range(draw(st.integers(0, 2)))]
    return tuple(decisions)
