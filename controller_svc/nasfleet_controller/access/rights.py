"""What each call needs: the right that kubectl would need for the same about the resource of that name. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nasfleet.errors import ForbiddenError, UnavailableError
from nasfleet.names import ALL_NAMESPACES, PoolName, SearchName, TrialName, parse_namespace
from nasfleet.v1 import fleet_pb2
from nasfleet_controller.access.caller import Caller

GROUP = "nasfleet.dev"
SEARCHES, POOLS = "architecturesearches", "trainerpools"
CHANGING = frozenset({"update", "delete"})


@dataclass(frozen=True, slots=True)
class Right:
    """To do something to a resource; an empty namespace is all of them, an empty name all in it."""

    verb: str
    resource: str
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        place = f"namespace {self.namespace}" if self.namespace else "all namespaces"
        return f"{self.verb} {self.resource}.{GROUP}{f' {self.name}' if self.name else ''} in {place}"


def rights(method: str, request: Any) -> tuple[Right, ...]:
    """Return what a call needs, all of it; `method` is as in `Service/Method`.

    Raises:
        InvalidInputError: if the request names no resource that could be had a right on.
        ForbiddenError: if nobody has said what the method needs.
    """
    needed = _NEEDED.get(method)
    if needed is None:
        raise ForbiddenError(f"nobody may call {method}")
    return needed(request)


def refuse_stranger(caller: Caller, hello: fleet_pb2.Hello, account_of: Callable[[PoolName], str | None]) -> None:
    """Refuse a trainer that is not the pod that its token is for, or whose pool is of another account.

    Args:
        caller: whose token it is.
        hello: what the trainer says of itself.
        account_of: gives the service account of a pool; None if the pool was not declared.

    Raises:
        InvalidInputError: if the pool's name is none.
        ForbiddenError: saying what does not fit.
        UnavailableError: if the pool was not declared yet.
    """
    account, pool = caller.service_account, PoolName.parse(hello.pool)
    if account is None or not caller.pod:
        raise ForbiddenError(f"{caller.user} is no pod: a trainer sends the token of its pod's service account")
    if account[0] != pool.namespace:
        raise ForbiddenError(f"{caller.user} may not work for {pool}: it is of namespace {account[0]}")
    prefix, _, number = hello.trainer.rpartition("-")
    if hello.trainer != caller.pod and not (prefix == caller.pod and number.isdecimal()):
        raise ForbiddenError(f"pod {caller.pod} may not call itself trainer {hello.trainer}: let --name be the pod's name")
    declared = account_of(pool)
    if declared is None:
        raise UnavailableError(f"{pool} is not declared yet: the operator does so")
    if declared != account[1]:
        raise ForbiddenError(f"{caller.user} may not work for {pool}, whose service account is {declared}")


def _search(verb: str, name: str) -> Right:
    found = SearchName.parse(name)
    return Right(verb, SEARCHES, found.namespace, found.search_id)


def _of_search(verb: str, field: str = "name") -> Callable[[Any], tuple[Right, ...]]:
    return lambda request: (_search(verb, getattr(request, field)),)


def _of_trial(verb: str) -> Callable[[Any], tuple[Right, ...]]:
    return lambda request: (_search(verb, str(TrialName.parse(request.name).search)),)


def _of_pool(verb: str) -> Callable[[Any], tuple[Right, ...]]:
    def needed(request: Any) -> tuple[Right, ...]:
        pool = PoolName.parse(request.name)
        return (Right(verb, POOLS, pool.namespace, pool.pool_id),)

    return needed


def _ensure_search(request: Any) -> tuple[Right, ...]:
    search = _search("update", request.name)
    # Its strategy is taught by the trials of the other one.
    earlier = request.spec.warm_start.search if request.spec.HasField("warm_start") else ""
    return (search, Right("get", SEARCHES, search.namespace, earlier)) if earlier else (search,)


def _list_searches(request: Any) -> tuple[Right, ...]:
    return (Right("list", SEARCHES, "" if request.parent == ALL_NAMESPACES else parse_namespace(request.parent)),)


def _get_fleet(request: Any) -> tuple[Right, ...]:
    if not request.pool:
        return (Right("list", POOLS),)
    pool = PoolName.parse(request.pool)
    return (Right("get", POOLS, pool.namespace, pool.pool_id),)


_NEEDED: Mapping[str, Callable[[Any], tuple[Right, ...]]] = {
    "SearchService/EnsureSearch": _ensure_search,
    "SearchService/GetSearch": _of_search("get"),
    "SearchService/ListSearches": _list_searches,
    "SearchService/WatchSearch": _of_search("watch"),
    "SearchService/SuspendSearch": _of_search("update"),
    "SearchService/ResumeSearch": _of_search("update"),
    "SearchService/CancelSearch": _of_search("update"),
    "SearchService/DeleteSearch": _of_search("delete"),
    "ResultsService/ListTrials": _of_search("get", "parent"),
    "ResultsService/GetTrial": _of_trial("get"),
    "ResultsService/WatchTrials": _of_search("watch", "parent"),
    "ResultsService/ListBestTrials": _of_search("get", "parent"),
    "ResultsService/ExportArchitecture": _of_trial("get"),
    "FleetService/EnsurePool": _of_pool("update"),
    "FleetService/DeletePool": _of_pool("delete"),
    "FleetService/GetFleet": _get_fleet,
    # Trainers are named without their namespace.
    "FleetService/DrainTrainers": lambda _: (Right("update", POOLS),),
}
