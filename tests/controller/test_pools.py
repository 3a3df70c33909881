"""Which trainers serve which searches, by pool: declared labels, namespaces, cordons."""

from hypothesis import given
from hypothesis import strategies as st

from nasfleet.names import PoolName
from nasfleet_controller.dispatcher import Dispatcher
from nasfleet_controller.placing import Demand
from nasfleet_controller.records import PoolDeclared
from nasfleet_controller.trainers import TrainerProfile

GPU = PoolName("default", "gpu")
NAMESPACES = ("default", "other")
POOLS = (None, GPU, PoolName("default", "cpu"), PoolName("other", "gpu"))
LABELS = st.dictionaries(st.sampled_from("ab"), st.sampled_from("12"))
PROFILES = st.builds(
    TrainerProfile,
    st.uuids().map(str),
    st.sampled_from(["t0", "t1", "t2", "t3"]),
    st.integers(1, 3),
    st.sampled_from(POOLS),
    LABELS,
)
DEMANDS = st.lists(st.tuples(st.integers(0, 9), st.sampled_from(NAMESPACES), LABELS), max_size=4)
DECLARATIONS = st.lists(
    st.tuples(
        st.builds(PoolDeclared, st.sampled_from(POOLS[1:]), LABELS, st.just(""), st.integers(0, 3)),
        st.sets(st.sampled_from(["t0", "t1", "t2", "t3"])),
    ),
    max_size=4,
)


def declared(name: PoolName = GPU, wanted_size: int = 1, **labels: str) -> PoolDeclared:
    return PoolDeclared(name, labels, "", wanted_size)


def demand(namespace: str = "default", available: int = 9, **labels: str) -> Demand:
    return Demand(1, available, 0, 1.0, namespace, labels)


def served(dispatcher: Dispatcher, asked: Demand) -> set[str]:
    """Return the trainers that got some of what is asked for, which goes back again."""
    leases = [dispatcher.grant(placement, 0, 30.0, 0.0) for placement in dispatcher.place([asked], now=0.0)]
    for lease in leases:
        dispatcher.end(lease.fence, now=0.0)
    return {lease.instance_id for lease in leases}


def fleet(*profiles: TrainerProfile, pools: tuple[PoolDeclared, ...] = ()) -> Dispatcher:
    dispatcher = Dispatcher(0, pools)
    for profile in profiles:
        dispatcher.connect(profile, (), now=0.0)
    return dispatcher


def test_the_labels_of_a_declared_pool_count_and_those_of_its_trainers_do_not() -> None:
    dispatcher = fleet(TrainerProfile("a", "a", 1, GPU, {"kind": "old"}), TrainerProfile("b", "b", 1, None, {"kind": "old"}))
    assert served(dispatcher, demand(kind="old")) == {"a", "b"}
    assert dispatcher.declare(declared(kind="new"), ())
    assert served(dispatcher, demand(kind="old")) == {"b"}
    assert served(dispatcher, demand(kind="new")) == {"a"}
    dispatcher.connect(TrainerProfile("later", "later", 1, GPU), (), now=0.0)
    assert served(dispatcher, demand(kind="new")) == {"a", "later"}


def test_a_trainer_of_a_pool_serves_its_namespace_and_one_without_a_pool_serves_any() -> None:
    dispatcher = fleet(TrainerProfile("pooled", "p", 1, GPU), TrainerProfile("free", "f", 1))
    assert served(dispatcher, demand("default")) == {"pooled", "free"}
    assert served(dispatcher, demand("other")) == {"free"}


def test_a_cordon_holds_for_whoever_has_that_name_in_that_pool_until_the_pool_is_declared_anew() -> None:
    dispatcher = fleet(TrainerProfile("a", "t", 1, GPU), TrainerProfile("b", "t", 1, PoolName("default", "cpu")))
    dispatcher.declare(declared(), {"t", "later"})
    dispatcher.connect(TrainerProfile("c", "later", 1, GPU), (), now=0.0)
    assert served(dispatcher, demand()) == {"b"}
    assert not dispatcher.declare(declared(), ()), "nothing that is kept for good differs"
    assert served(dispatcher, demand()) == {"a", "b", "c"}


def test_a_cordoned_trainer_keeps_what_it_holds() -> None:
    dispatcher = fleet(TrainerProfile("a", "a", 1, GPU))
    [placement] = dispatcher.place([demand(available=1)], now=0.0)
    lease = dispatcher.grant(placement, 0, 30.0, 0.0)
    dispatcher.declare(declared(), {"a"})
    assert dispatcher.connect(TrainerProfile("a", "a", 1, GPU), (lease.fence,), now=0.0) == ([], [])
    assert dispatcher.leases == {lease.fence: lease}


@given(profiles=st.lists(PROFILES, max_size=8), declarations=DECLARATIONS, demands=DEMANDS)
def test_no_trainer_is_ever_given_what_its_pool_forbids(
    profiles: list[TrainerProfile],
    declarations: list[tuple[PoolDeclared, set[str]]],
    demands: list[tuple[int, str, dict[str, str]]],
) -> None:
    dispatcher = fleet(*profiles[::2])
    for pool, cordoned in declarations:
        dispatcher.declare(pool, cordoned)
    for profile in profiles[1::2]:
        dispatcher.connect(profile, (), now=0.0)
    asked = [Demand(index, available, 0, 1.0, *where) for index, (available, *where) in enumerate(demands)]
    for placement in dispatcher.place(asked, now=0.0):
        dispatcher.grant(placement, 0, 30.0, 0.0)
    last = {pool.name: (pool, cordoned) for pool, cordoned in declarations}
    for lease in dispatcher.leases.values():
        _, namespace, selector = demands[lease.search_id]
        profile = dispatcher.trainers[lease.instance_id].profile
        assert profile.pool is None or profile.pool.namespace == namespace
        pool, cordoned = last.get(profile.pool, (None, set()))
        assert profile.name not in cordoned
        assert selector.items() <= (profile.labels if pool is None else pool.labels).items()
