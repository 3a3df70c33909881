"""What kills an operator before or after one of its effects, and notes which effects it had."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from nasfleet_operator.cluster import Cluster
from nasfleet_operator.controller import Controller


class KilledError(Exception):
    """The operator is no more; the test makes a new one."""


@dataclass(frozen=True, slots=True)
class Failpoint:
    """A place in the life of an operator: before or after the nth effect of a kind, counted from 0."""

    effect: str
    nth: int
    after: bool

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} {self.effect} #{self.nth}"


@dataclass(slots=True)
class Failpoints:
    """The effects that were had, in their order, and at which of them the operator is killed, once."""

    kill_at: Failpoint | None = None
    effects: list[str] = field(default_factory=list)
    was_hit: bool = False

    async def had(self, effect: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """Have an effect, unless the operator is killed before it."""
        nth = Counter(self.effects)[effect]
        self.effects.append(effect)
        self._kill(Failpoint(effect, nth, after=False))
        answer = await call()
        self._kill(Failpoint(effect, nth, after=True))
        return answer

    def _kill(self, here: Failpoint) -> None:
        if here == self.kill_at and not self.was_hit:
            self.was_hit = True
            raise KilledError(str(here))


class _Watched:
    """Any of the operator's Protocols, whose effects pass the failpoints."""

    EFFECTS: ClassVar[Mapping[str, Callable[..., str]]] = {}

    def __init__(self, inner: Any, points: Failpoints) -> None:
        self._inner = inner
        self._points = points

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        label = self.EFFECTS.get(name)
        if label is None:
            return method

        async def had(*arguments: Any, **named: Any) -> Any:
            return await self._points.had(label(*arguments), lambda: method(*arguments, **named))

        return had


class WatchedCluster(_Watched):
    """A Cluster whose effects pass the failpoints."""

    EFFECTS: ClassVar = {
        "apply": lambda manifest: f"apply {manifest['kind']}",
        "write_status": lambda *_: "write status",
        "set_replicas": lambda *_: "set replicas",
        "set_deletion_cost": lambda *_: "set deletion cost",
        "set_finalizer": lambda *_: "set finalizer",
        "announce": lambda *_: "announce",
    }


class WatchedController(_Watched):
    """A Controller whose effects pass the failpoints."""

    EFFECTS: ClassVar = {
        "declare_pool": lambda *_: "declare pool",
        "forget_pool": lambda *_: "forget pool",
        "declare_search": lambda *_: "declare search",
        "forget_search": lambda *_: "forget search",
    }


def watched(cluster: Cluster, controller: Controller, points: Failpoints) -> tuple[Cluster, Controller]:
    """Return both with their effects passing the failpoints."""
    return WatchedCluster(cluster, points), WatchedController(controller, points)  # type: ignore[return-value]
