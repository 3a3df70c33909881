"""What kills an operator before or after one of its effects, and notes pass for pass which effects it had.

An effect is known by what it does and what it is about ("write status: TrainersMissing, ScalingUp"): so a failpoint means the
same in every play, though a pass more or less was made before it. Only effects that are about the same are counted.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from nasfleet_operator.cluster import Cluster
from nasfleet_operator.controller import Controller
from nasfleet_operator.plan import DeclarePool, DeclareSearch

TOGETHER = frozenset({"set deletion cost"})
"""Effects of one plan that are under way at once, as the executor has it: what is after one need not be before the next."""


class KilledError(Exception):
    """The operator is no more; the test makes a new one."""


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect in the life of an operator: `nth` of those that do the same about the same, counted from 0."""

    does: str
    about: str
    nth: int

    def __str__(self) -> str:
        about = f": {self.about}" if self.about else ""
        return f"{self.does}{about} #{self.nth}" if self.nth else f"{self.does}{about}"


@dataclass(frozen=True, slots=True)
class Failpoint:
    """A place in the life of an operator: before an effect, or after it."""

    effect: Effect
    after: bool

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} {self.effect}"


@dataclass(slots=True)
class Failpoints:
    """The effects that were had, pass for pass in their order, and at which of them the operator is killed, once."""

    kill_at: Failpoint | None = None
    passes: list[list[Effect]] = field(default_factory=lambda: [[]])
    failed: set[Effect] = field(default_factory=set)
    was_hit: bool = False

    def arm(self, kill_at: Failpoint | None) -> None:
        """Begin to count anew, and kill there."""
        self.kill_at, self.passes, self.failed, self.was_hit = kill_at, [[]], set(), False

    def begin_pass(self) -> None:
        """Note that what comes belongs to another pass."""
        self.passes.append([])

    async def had(self, does: str, about: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """Have an effect, unless the operator is killed before it."""
        nth = sum((one.does, one.about) == (does, about) for effects in self.passes for one in effects)
        effect = Effect(does, about, nth)
        self.passes[-1].append(effect)
        self._kill(Failpoint(effect, after=False))
        try:
            answer = await call()
        except Exception:
            self.failed.add(effect)
            raise
        self._kill(Failpoint(effect, after=True))
        return answer

    def all(self) -> Iterator[Failpoint]:
        """Yield where an operator that has these effects can be killed: every place before, between and after them, once.

        What is after an effect and before the next of its pass is one place: nothing happens in between. What was refused had
        no effect, so there is no place after it.
        """
        for effects in self.passes:
            for effect in effects:
                yield Failpoint(effect, after=False)
                is_last = effect is effects[-1]
                if effect not in self.failed and (is_last or effect.does in TOGETHER):
                    yield Failpoint(effect, after=True)

    def _kill(self, here: Failpoint) -> None:
        if here == self.kill_at and not self.was_hit:
            self.was_hit = True
            raise KilledError(str(here))


class _Watched:
    """Any of the operator's Protocols, whose effects pass the failpoints."""

    EFFECTS: ClassVar[Mapping[str, Callable[..., str]]] = {}
    """By the method that has an effect, what it is about."""

    def __init__(self, inner: Any, points: Failpoints) -> None:
        self._inner = inner
        self._points = points

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        about = self.EFFECTS.get(name)
        if about is None:
            return method

        async def had(*arguments: Any, **named: Any) -> Any:
            does = f"apply {arguments[0]['kind']}" if name == "apply" else name.replace("_", " ")
            return await self._points.had(does, about(*arguments, **named), lambda: method(*arguments, **named))

        return had


def _applied(manifest: Mapping[str, Any]) -> str:
    if manifest["kind"] != "Deployment":
        return ""
    spec = manifest["spec"]
    return f"{spec['replicas']} of {spec['template']['spec']['containers'][0]['image']}"


def _told(_: object, status: Mapping[str, Any]) -> str:
    """Return what a status says above all: why it is ready or not, and what else holds."""
    conditions: Sequence[Mapping[str, Any]] = status["conditions"]
    reasons = (one["reason"] for one in conditions if one["type"] == "Ready" or one["status"] == "True")
    return ", ".join(dict.fromkeys(reasons))


def _declared_pool(pool: DeclarePool) -> str:
    return f"{pool.wanted_size} wanted, {len(pool.cordoned)} cordoned, {len(pool.gone)} gone"


def _declared_search(search: DeclareSearch) -> str:
    return f"parallelism {search.spec.parallelism}{', suspended' if search.spec.suspend else ''}"


class WatchedCluster(_Watched):
    """A Cluster whose effects pass the failpoints."""

    EFFECTS: ClassVar = {
        "apply": _applied,
        "write_status": _told,
        "set_replicas": lambda _, before, replicas: f"{before} to {replicas}",
        "set_deletion_cost": lambda _, __, cost: f"{cost}",  # of which pod is its number: the names are drawn
        "set_finalizer": lambda _, *, present: "on" if present else "off",
        "announce": lambda event: event.reason,
    }


class WatchedController(_Watched):
    """A Controller whose effects pass the failpoints."""

    EFFECTS: ClassVar = {
        "declare_pool": _declared_pool,
        "forget_pool": lambda _: "",
        "declare_search": _declared_search,
        "forget_search": lambda _: "",
    }


def watched(cluster: Cluster, controller: Controller, points: Failpoints) -> tuple[Cluster, Controller]:
    """Return both with their effects passing the failpoints."""
    return WatchedCluster(cluster, points), WatchedController(controller, points)  # type: ignore[return-value]
