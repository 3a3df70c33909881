"""A plan carried out: each effect in its order, what the API server answers put into the cache at once."""

import asyncio
from collections.abc import Iterable
from itertools import groupby
from typing import assert_never

import structlog

from nasfleet.errors import ConflictError, ForbiddenError, InvalidInputError, NasfleetError, NotFoundError
from nasfleet_operator.cache import Cache, Raw
from nasfleet_operator.cluster import Cluster
from nasfleet_operator.controller import Controller
from nasfleet_operator.failure_kinds import FailureKind
from nasfleet_operator.kinds import PODS, Kind, kind_of, kind_of_identity
from nasfleet_operator.plan import (
    Announce,
    ApplyObject,
    DeclarePool,
    DeclareSearch,
    Effect,
    ForgetPool,
    ForgetSearch,
    Plan,
    SetDeletionCost,
    SetFinalizer,
    SetReplicas,
    WriteStatus,
)

COSTS_AT_ONCE = 32
"""Of one plan; more would keep the calls of other passes waiting behind them."""

_DENIED = " denied "  # admission policies and webhooks have it: what was applied is at fault, not who applies

log = structlog.get_logger()


class RefusedError(NasfleetError):
    """The API server or the controller does not take what a pool asks for: tell its owner. The message is theirs."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def refusal_kind(error: InvalidInputError | ForbiddenError) -> FailureKind:
    """Return which failure it is that the API server refused an object: its owner's, the namespace's or ours."""
    if isinstance(error, InvalidInputError) or _DENIED in str(error):
        return FailureKind.TEMPLATE_REFUSED
    return FailureKind.QUOTA_EXCEEDED if "exceeded quota" in str(error) else FailureKind.OPERATOR_FORBIDDEN


class Executor:
    """Carries out plans, one effect after the other but for costs, which go out together; an error leaves the rest undone."""

    def __init__(self, cluster: Cluster, controller: Controller, cache: Cache) -> None:
        self._cluster = cluster
        self._controller = controller
        self._cache = cache

    async def carry_out(self, plan: Plan) -> None:
        """Have every effect of a plan.

        Raises:
            RefusedError: if the API server refuses an object, or the controller a pool.
            NasfleetError: if anything else goes wrong.
        """
        for is_cost, effects in groupby(plan.effects, lambda effect: isinstance(effect, SetDeletionCost)):
            if is_cost:
                await self._have_together(effects)
                continue
            for effect in effects:
                await self._have(effect)

    async def _have_together(self, effects: Iterable[Effect]) -> None:
        limit = asyncio.Semaphore(COSTS_AT_ONCE)

        async def have(effect: Effect) -> None:
            async with limit:
                await self._have(effect)

        try:
            async with asyncio.TaskGroup() as group:
                for effect in effects:
                    group.create_task(have(effect))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures

    async def _have(self, effect: Effect) -> None:
        match effect:
            case DeclarePool():
                await self._declare_pool(effect)
            case ForgetPool():
                await self._controller.forget_pool(effect.name)
            case DeclareSearch():
                await self._controller.declare_search(effect)
            case ForgetSearch():
                await self._controller.forget_search(effect.name)
            case Announce():
                await self._announce(effect)
            case _:
                await self._write(effect)

    async def _write(self, effect: ApplyObject | SetDeletionCost | SetReplicas | SetFinalizer | WriteStatus) -> None:
        cluster = self._cluster
        match effect:
            case ApplyObject(manifest):
                self._learn(kind_of(manifest["apiVersion"], manifest["kind"]), await self._apply(manifest))
            case SetDeletionCost(namespace, pod, cost):
                self._learn(PODS, await cluster.set_deletion_cost(namespace, pod, cost))
            case SetReplicas(pool, before, replicas):
                await cluster.set_replicas(pool, before, replicas)
            case SetFinalizer(target, present):
                answer = await cluster.set_finalizer(target, present=present)
                if present and answer is None:
                    # Whatever the plan has the controller make next, nobody would ever have it deleted.
                    raise ConflictError(f"{target.kind} {target.namespace}/{target.name} is gone")
                self._learn(kind_of_identity(target), answer)
            case WriteStatus(target, status):
                self._learn(kind_of_identity(target), await cluster.write_status(target, status))
            case _:
                assert_never(effect)

    async def _declare_pool(self, effect: DeclarePool) -> None:
        try:
            await self._controller.declare_pool(effect)
        except (InvalidInputError, ConflictError) as error:
            raise RefusedError(FailureKind.DECLARATION_REFUSED, str(error)) from error

    async def _apply(self, manifest: Raw) -> Raw | None:
        try:
            return await self._cluster.apply(manifest)
        except NotFoundError:
            return None  # its namespace has just gone, and the pool with it
        except (InvalidInputError, ForbiddenError) as error:
            raise RefusedError(refusal_kind(error), str(error)) from error

    async def _announce(self, effect: Announce) -> None:
        try:
            await self._cluster.announce(effect)
        except (InvalidInputError, ForbiddenError) as error:
            # As in a namespace that is going: what it tells of is in the status.
            log.warning("event_refused", event_name=effect.name, reason=effect.reason, error=str(error))

    def _learn(self, kind: Kind, answer: Raw | None) -> None:
        if answer is not None:
            self._cache.take(kind, answer)
