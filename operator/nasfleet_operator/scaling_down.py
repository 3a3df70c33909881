"""Which pods go first when a pool shrinks: those whose trainers have nothing to do.

Of several pods Kubernetes deletes first those that are not ready, then those of the lowest deletion cost. So all that
costs must tell apart is the pods whose trainers are at work from the others, and often they do already.
"""

from collections.abc import Iterable, Mapping, Sequence

from nasfleet_operator.observed import Pod
from nasfleet_operator.views import TrainerView


def idle_and_busy(pods: Iterable[Pod], trainers: Mapping[str, TrainerView]) -> tuple[list[Pod], list[Pod]]:
    """Return the pods that may go first and those whose trainers hold leases.

    A pod that is not ready goes first whatever it costs; one that the controller does not know has nothing to lose.
    """
    idle: list[Pod] = []
    busy: list[Pod] = []
    for pod in pods:
        trainer = trainers.get(pod.name)
        (busy if pod.ready and trainer is not None and trainer.leases else idle).append(pod)
    return idle, busy


def deletion_costs(idle: Sequence[Pod], busy: Sequence[Pod]) -> dict[str, int]:
    """Return new costs by pod, so that each idle pod is cheaper than any busy one, by changing as few as possible.

    Either the idle ones become cheaper or the busy ones dearer: never more are changed than the smaller of both numbers.
    """
    if not idle or not busy:
        return {}
    ceiling = min(pod.deletion_cost for pod in busy)
    floor = max(pod.deletion_cost for pod in idle)
    cheaper = {pod.name: ceiling - 1 for pod in idle if pod.deletion_cost >= ceiling}
    dearer = {pod.name: floor + 1 for pod in busy if pod.deletion_cost <= floor}
    return cheaper if len(cheaper) <= len(dearer) else dearer
