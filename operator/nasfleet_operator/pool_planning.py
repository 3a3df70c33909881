"""What is done for a pool in one pass: its size is decided, the controller told, idle pods made cheap, its objects applied.

In this order, so that a trainer which may go gets no further trial before its pod can be deleted.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from nasfleet.catalogue import TrainerPoolSpec
from nasfleet.names import PoolName
from nasfleet_operator.announcements import announcements
from nasfleet_operator.conditions import settle
from nasfleet_operator.deployment import belongs_to, pool_name, selector, service_account
from nasfleet_operator.failure_kinds import FailureKind
from nasfleet_operator.observed import PoolObserved, Unreadable
from nasfleet_operator.plan import ApplyObject, DeclarePool, Effect, ForgetPool, Plan, SetDeletionCost, SetReplicas
from nasfleet_operator.pod_losses import recent_losses
from nasfleet_operator.pod_problems import Problem, noticed_in, problem_of, refused_pods
from nasfleet_operator.pool_intent import PoolIntent, gone_trainers, intend, living_pods, own_pods, trainers_by_name
from nasfleet_operator.pool_status import PoolSight, Rollout, pool_verdicts, worth_telling
from nasfleet_operator.reporting import report
from nasfleet_operator.sameness import agrees, difference
from nasfleet_operator.scaling_down import deletion_costs, idle_and_busy
from nasfleet_operator.settings import Settings
from nasfleet_operator.views import FleetView, PoolView, TrainerState


def plan_pool(observed: PoolObserved, settings: Settings, now: float) -> Plan:
    """Return what is to be done for a pool; `now` in Unix seconds."""
    if observed.pool.deleted_at is not None:
        return Plan()  # What it owns is deleted with it, by Kubernetes.
    match observed.pool.declared:
        case Unreadable(message=message):
            return _plan_unreadable(observed, message, settings, now)
        case spec:
            return _plan_readable(observed, spec, settings, now)


def plan_absent_pool(name: PoolName, fleet: FleetView | None) -> Plan:
    """Return what is to be done about a pool that the API server does not have: nobody else has the controller forget it.

    As long as its pods are going their trainers are to be held for what they are, so it is forgotten after they went.
    """
    if fleet is None or fleet.pool is None or any(trainer.state is not TrainerState.LOST for trainer in fleet.trainers):
        return Plan()
    return Plan((ForgetPool(name),))


def _plan_readable(observed: PoolObserved, spec: TrainerPoolSpec, settings: Settings, now: float) -> Plan:
    intent = intend(observed, spec, settings, now)
    if intent.replicas != spec.replicas:
        # It comes back as what the pool declares, in a new generation; somebody else may have declared otherwise meanwhile.
        return Plan((SetReplicas(observed.pool.identity, spec.replicas, intent.replicas),))
    altered = tuple(_altered(observed, intent, now))
    hindrances = (*_taken(observed), *_refused(observed))
    problems = (*hindrances, *altered, *_present_problems(observed, settings, now))
    # Nobody is told to go as long as nobody can.
    blocked = bool(hindrances)
    shrinks = len(intent.pods) > intent.wanted and not blocked
    effects = (
        *_declare(observed, intent, shrinks=shrinks),
        *(_make_idle_cheap(observed, intent) if shrinks else ()),
        *(() if blocked else _apply(observed, intent, now)),
    )
    sight = PoolSight(
        wanted=intent.wanted,
        suspended=spec.suspend,
        rollout=_rollout(observed, as_desired=blocked or bool(altered) or _as_desired(intent.deployment, observed.deployment)),
        gated=sum(pod.gated for pod in intent.pods),
        problems=problems,
        losses=recent_losses(own_pods(observed), observed.lost, now - settings.recent_seconds),
    )
    return _told(observed, effects, sight, intent.again_in, settings, now)


def _plan_unreadable(observed: PoolObserved, message: str, settings: Settings, now: float) -> Plan:
    found = observed.deployment
    ours = found is not None and belongs_to(observed.pool.identity, found)
    sight = PoolSight(
        wanted=found["spec"].get("replicas", 1) if found is not None and ours else 0,
        suspended=False,
        rollout=_rollout(observed, as_desired=True),
        gated=0,
        problems=(Problem(FailureKind.INVALID_SPEC, detail=message), *_present_problems(observed, settings, now)),
        losses=recent_losses(own_pods(observed), observed.lost, now - settings.recent_seconds),
    )
    return _told(observed, (), sight, None, settings, now)


def _declare(observed: PoolObserved, intent: PoolIntent, *, shrinks: bool) -> Iterator[Effect]:
    """Tell the controller what differs from what it was told; while the pool shrinks its idle trainers get no trials."""
    if observed.fleet is None or FailureKind.DECLARATION_REFUSED in observed.refusals:
        return
    idle, _ = idle_and_busy(intent.pods, intent.trainers)
    cordoned = frozenset(pod.name for pod in idle if pod.name in intent.trainers) if shrinks else frozenset()
    account, labels = service_account(intent.deployment), observed.pool.labels
    told = PoolView(labels=labels, service_account=account, wanted_size=intent.wanted, cordoned=cordoned)
    if intent.gone or not _same_declaration(told, observed.fleet.pool):
        name = pool_name(observed.pool.identity)
        yield DeclarePool(name, labels, account, intent.wanted, cordoned, intent.gone)


def _same_declaration(told: PoolView, known: PoolView | None) -> bool:
    return known is not None and (
        (told.labels, told.service_account, told.wanted_size, told.cordoned)
        == (known.labels, known.service_account, known.wanted_size, known.cordoned)
    )


def _make_idle_cheap(observed: PoolObserved, intent: PoolIntent) -> Iterator[Effect]:
    if intent.wanted == 0:
        return
    idle, busy = idle_and_busy(intent.pods, intent.trainers)
    for name, cost in deletion_costs(idle, busy).items():
        yield SetDeletionCost(observed.pool.identity.namespace, name, cost)


def _apply(observed: PoolObserved, intent: PoolIntent, now: float) -> Iterator[Effect]:
    for manifest, found in _objects(observed, intent):
        if found is None:
            yield ApplyObject(manifest)
        # One that is being deleted is made anew when it is gone.
        elif "deletionTimestamp" not in found["metadata"] and not _held(observed, manifest, now):
            because = difference(manifest, found)
            yield from () if because is None else (ApplyObject(manifest, because),)


def _altered(observed: PoolObserved, intent: PoolIntent, now: float) -> Iterator[Problem]:
    """Yield what is altered again and again, until it has stayed as it was applied for as long as nobody touched it."""
    for manifest, found in _objects(observed, intent):
        last = observed.applied.get(manifest["kind"])
        if last is None or found is None or not last.contested(manifest):
            continue
        if last.held(manifest, now) or not agrees(manifest, found):
            detail = f"{manifest['kind']} {manifest['metadata']['name']}, {last.because}"
            yield Problem(FailureKind.ALTERED_BY_OTHERS, detail=detail)


def _held(observed: PoolObserved, manifest: Mapping[str, Any], now: float) -> float:
    last = observed.applied.get(manifest["kind"])
    return 0.0 if last is None else last.held(manifest, now)


def _objects(observed: PoolObserved, intent: PoolIntent) -> tuple[tuple[Mapping[str, Any], Mapping[str, Any] | None], ...]:
    """Return each manifest beside what is there; pods mount what they trust, so that comes first."""
    made = (intent.deployment, observed.deployment), (intent.budget, observed.budget)
    return made if intent.trust is None else ((intent.trust, observed.trust), *made)


def _as_desired(manifest: Mapping[str, Any], found: Mapping[str, Any] | None) -> bool:
    return found is not None and agrees(manifest, found)


def _taken(observed: PoolObserved) -> tuple[Problem, ...]:
    found = (
        ("Deployment", observed.deployment),
        ("PodDisruptionBudget", observed.budget),
        ("ConfigMap", observed.trust if observed.certificates else None),
    )
    return tuple(
        Problem(FailureKind.NAME_TAKEN, detail=f"{kind} {there['metadata']['name']} is not controlled by this pool")
        for kind, there in found
        if there is not None and not belongs_to(observed.pool.identity, there)
    )


def _refused(observed: PoolObserved) -> tuple[Problem, ...]:
    return tuple(Problem(kind, detail=message) for kind, message in observed.refusals.items())


def _present_problems(observed: PoolObserved, settings: Settings, now: float) -> Iterator[Problem]:
    found = observed.deployment
    if found is not None and belongs_to(observed.pool.identity, found) and (problem := refused_pods(found)) is not None:
        yield problem
    for pod in living_pods(observed):
        if (problem := problem_of(pod, now - settings.recent_seconds, now)) is not None:
            yield problem
    if observed.fleet is None:
        yield Problem(FailureKind.CONTROLLER_UNAVAILABLE)


def _rollout(observed: PoolObserved, *, as_desired: bool) -> Rollout:
    found = observed.deployment
    if found is None or not belongs_to(observed.pool.identity, found):
        return Rollout()
    return Rollout.of(found, as_desired=as_desired)


def _told(
    observed: PoolObserved,
    effects: tuple[Effect, ...],
    sight: PoolSight,
    again_in: float | None,
    settings: Settings,
    now: float,
) -> Plan:
    pool = observed.pool
    conditions = settle(pool_verdicts(sight), pool.conditions, pool.generation, now)
    facts = {
        "observedGeneration": pool.generation,
        "replicas": sight.rollout.total,
        "readyReplicas": sight.rollout.ready,
        "updatedReplicas": sight.rollout.updated,
        "selector": ",".join(f"{key}={value}" for key, value in sorted(selector(pool.identity).items())),
    }
    written = report(pool.identity, pool.status, facts, _work(observed), conditions, settings.count_seconds, now)
    news = announcements(pool.identity, conditions, worth_telling, observed.announced, now - settings.announce_seconds)
    noticed = (noticed_in(pod, now) for pod in living_pods(observed))
    soon = min((seconds for seconds in noticed if seconds), default=None)
    looks = (again_in, written.due_in, soon, settings.retry_seconds if sight.problems or sight.losses else None)
    soonest = min((seconds for seconds in looks if seconds is not None), default=None)
    return Plan((*effects, *written.effects, *news), soonest)


def _work(observed: PoolObserved) -> Mapping[str, Any]:
    """Return how many trainers are idle and busy; as last told if the controller does not answer."""
    if observed.fleet is None:
        return {name: observed.pool.status.get(name) for name in ("idleTrainers", "busyTrainers")}
    trainers = trainers_by_name(observed)
    gone = gone_trainers(observed.pods, trainers)
    states = [trainer for name, trainer in trainers.items() if name not in gone]
    return {
        "idleTrainers": sum(trainer.state is TrainerState.IDLE for trainer in states),
        "busyTrainers": sum(trainer.leases > 0 for trainer in states),
    }
