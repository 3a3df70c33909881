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
    """Return new costs by pod, in the order to write them: each idle pod is then cheaper than any busy one.

    Either the idle ones become cheaper or the busy ones dearer, whichever changes fewer. The pod that decided comes last,
    so that who is interrupted on the way decides alike when it goes on.
    """
    if not idle or not busy:
        return {}
    ceiling = min(pod.deletion_cost for pod in busy)
    floor = max(pod.deletion_cost for pod in idle)
    cheaper = [pod for pod in sorted(idle, key=_cost_and_name) if pod.deletion_cost >= ceiling]
    dearer = [pod for pod in sorted(busy, key=_cost_and_name, reverse=True) if pod.deletion_cost <= floor]
    if len(cheaper) <= len(dearer):
        return {pod.name: ceiling - 1 for pod in cheaper}
    return {pod.name: floor + 1 for pod in dearer}


def _cost_and_name(pod: Pod) -> tuple[int, str]:
    return pod.deletion_cost, pod.name
