"""A search space of one's own: small graphs of operations. The search that uses it, ../own-space.yaml, stands a folder above.

A space is whatever has `decisions`: here a function that returns them in an `AssignmentSpace`. It is called with the parameters
of the search document, once, by the command line; controller and trainers get the decisions alone.
"""

from nasfleet.spaces.assignment_space import AssignmentSpace
from nasfleet.spaces.decision import Choice, Decision, Index, Subset

OPERATIONS = ("convolution", "separableConvolution", "maximumPooling", "identity")


def graph(nodes: int = 4) -> AssignmentSpace:
    """Return the space of graphs in which each node has an operation, a source, and shortcuts from earlier nodes."""
    return AssignmentSpace(tuple(decision for node in range(nodes) for decision in _node(node)))


def _node(number: int) -> tuple[Decision, ...]:
    """Return the decisions of one node. Those of one kind share a head of the policy, whatever node they belong to."""
    return (
        Choice(f"operation{number}", "operation", OPERATIONS),
        Index(f"source{number}", "source", candidates=number + 1),  # the input, or a node before this one
        Subset(f"shortcuts{number}", "shortcuts", candidates=number),  # any of the nodes before this one
    )
