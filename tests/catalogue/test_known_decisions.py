"""A declaration without decisions is the same declaration once they are known, and never another."""

from dataclasses import replace

from hypothesis import assume, given, settings

from nasfleet.catalogue import PluginSpace, SearchSpaceSection, SearchSpec
from nasfleet.catalogue.known_decisions import keeping_decisions, with_space
from nasfleet.document import changes
from nasfleet_testing.spaces import decision_lists
from nasfleet_testing.specs import blocks, smallest_spec, specs

_plugins = blocks(PluginSpace)
_few = settings(max_examples=40, deadline=None)


def without_decisions(plugin: PluginSpace) -> SearchSpec:
    return smallest_spec(search_space=SearchSpaceSection(space=replace(plugin, decisions=())))


@_few
@given(_plugins, decision_lists())
def test_what_is_declared_again_without_decisions_is_what_is_known(plugin: PluginSpace, found: tuple) -> None:
    declared = without_decisions(plugin)
    known = with_space(declared, replace(plugin, decisions=found))
    assert keeping_decisions(declared, known) == known
    assert changes(known, keeping_decisions(declared, known)) == ((), ())


@_few
@given(specs, specs)
def test_any_other_declaration_stays_as_it_is(declared: SearchSpec, known: SearchSpec) -> None:
    ours, theirs = declared.search_space.space, known.search_space.space
    if isinstance(ours, PluginSpace) and isinstance(theirs, PluginSpace):
        assume(ours.decisions or (ours.object, ours.parameters) != (theirs.object, theirs.parameters))
    assert keeping_decisions(declared, known) == declared


@_few
@given(_plugins, _plugins, decision_lists())
def test_decisions_of_another_object_or_other_parameters_are_not_taken(
    one: PluginSpace, other: PluginSpace, found: tuple
) -> None:
    assume((one.object, one.parameters) != (other.object, other.parameters))
    declared = without_decisions(one)
    assert keeping_decisions(declared, with_space(declared, replace(other, decisions=found))) == declared
