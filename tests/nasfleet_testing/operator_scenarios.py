"""The kinds of pass that an operator makes: the state before them, what users do, and when it has been carried out."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nasfleet_operator.cache import Key
from nasfleet_testing.operators import pool, search
from nasfleet_testing.stage_acts import (
    LABELS,
    WAITING,
    Do,
    changing,
    changing_search,
    creating,
    deleting_pool,
    deleting_search,
    deleting_search_without_controller,
    half_busy,
    letting_the_old_objects_go,
    long_idle,
    making_anew_beside_the_old_objects,
    nothing,
    scaling,
    template,
    with_pool,
    with_search,
)
from nasfleet_testing.stage_portraits import (
    goes,
    has,
    has_image,
    is_degraded,
    is_forgotten,
    is_gone,
    is_left_behind,
    parallelism_is,
    spares_the_busy,
)
from nasfleet_testing.stepped_operators import POOL, SEARCH, Stage, pool_key, search_key


@dataclass(frozen=True, slots=True)
class Act:
    """What a user does, and what is so once it has been carried out."""

    do: Do
    done: Callable[[Stage], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of pass.

    Attributes:
        name: of what users do.
        effects: what it must have had.
        before: how the state before it comes about.
        acts: what users do, one after the other.
        key: what the passes are about.
        hasty: users do the next thing while no operator is there, if one was killed; else the next one comes first.
    """

    name: str
    effects: frozenset[str]
    before: Do
    acts: tuple[Act, ...]
    key: Callable[[Stage], Key] = pool_key
    hasty: bool = False


CREATE_POOL = Act(creating(pool(POOL, LABELS, replicas=1)), lambda it: has(it, 1))
CREATE_SEARCH = Act(creating(search(SEARCH)), lambda it: goes(it, WAITING))
DELETE_POOL = Act(deleting_pool, is_forgotten)
DELETE_SEARCH = Act(deleting_search, is_gone)
DECLARED = frozenset({"declare pool", "apply Deployment", "write status", "announce"})
DECLARED_SEARCH = frozenset({"declare search", "write status", "announce"})
SET_UP = frozenset({"apply ConfigMap", "apply PodDisruptionBudget"})

POOL_SCENARIOS = (
    Scenario("create a pool", DECLARED | SET_UP, nothing, (CREATE_POOL,)),
    Scenario("scale up", DECLARED, with_pool(1), (Act(scaling(2), lambda it: has(it, 2)),)),
    Scenario(
        "scale down",
        DECLARED | {"set deletion cost"},
        half_busy(4),
        (Act(scaling(2), lambda it: spares_the_busy(it, 2)),),
    ),
    Scenario(
        "autoscale up",
        DECLARED | {"set replicas"},
        with_search(parallelism=2),
        (Act(creating(pool(POOL, replicas=0, autoscaling={"maxReplicas": 3, "idleSeconds": 3600})), lambda it: has(it, 2)),),
    ),
    Scenario(
        "autoscale down",
        DECLARED | {"set replicas", "set deletion cost"},
        long_idle,
        (Act(changing({"autoscaling": {"minReplicas": 0}}), lambda it: spares_the_busy(it, 1)),),
    ),
    Scenario("suspend a pool", DECLARED, with_pool(1), (Act(changing({"suspend": True}), lambda it: has(it, 0)),)),
    Scenario(
        "change the template",
        DECLARED - {"declare pool"},
        with_pool(2),
        (Act(changing({"image": "trainer:2"}), lambda it: has_image(it, "trainer:2")),),
    ),
    Scenario(
        "correct a template that was refused",
        DECLARED | SET_UP,
        nothing,
        (
            Act(
                creating(pool(POOL, LABELS, replicas=1, **template("Sometimes"))), lambda it: is_degraded(it, "TemplateRefused")
            ),
            Act(changing(template("Always")), lambda it: has(it, 1)),
        ),
    ),
    Scenario("create a pool and delete it", DECLARED | {"forget pool"}, nothing, (CREATE_POOL, DELETE_POOL), hasty=True),
    Scenario("make a pool anew", DECLARED | {"forget pool"}, with_pool(2), (DELETE_POOL, CREATE_POOL), hasty=True),
    Scenario(
        "make a pool anew beside the old objects",
        DECLARED | SET_UP,
        with_pool(2),
        (
            Act(making_anew_beside_the_old_objects, lambda it: is_degraded(it, "NameTaken")),
            Act(letting_the_old_objects_go, lambda it: has(it, 1)),
        ),
    ),
)
SEARCH_SCENARIOS = tuple(
    Scenario(name, effects, before, acts, search_key, hasty)
    for name, effects, before, acts, hasty in (
        ("declare a search", DECLARED_SEARCH | {"set finalizer"}, nothing, (CREATE_SEARCH,), False),
        (
            "change a search",
            DECLARED_SEARCH - {"announce"},
            with_search(),
            (Act(changing_search(parallelism=7), lambda it: parallelism_is(it, 7)),),
            False,
        ),
        (
            "suspend a search and resume it",
            DECLARED_SEARCH,
            with_search(),
            (
                Act(changing_search(suspend=True), lambda it: goes(it, "Suspended")),
                Act(changing_search(suspend=False), lambda it: goes(it, WAITING)),
            ),
            False,
        ),
        (
            "declare a search and delete it",
            DECLARED_SEARCH | {"set finalizer", "forget search"},
            nothing,
            (CREATE_SEARCH, DELETE_SEARCH),
            True,
        ),
        (
            "delete a search while the controller is gone",
            frozenset({"write status", "announce", "set finalizer"}),
            with_search(),
            (Act(deleting_search_without_controller, is_left_behind),),
            False,
        ),
    )
)
SCENARIOS = (*POOL_SCENARIOS, *SEARCH_SCENARIOS)
