"""What a process keeps of the searches that it works, or has worked, for."""

import gc
import weakref

from nasfleet.catalogue.tasks import PluginTask, Synthetic
from nasfleet.v1.fleet_pb2 import Assignment
from nasfleet_testing.scripted_controller import announce, assign
from nasfleet_trainer.searches import MOST_LOADED, Place, Searches

POISON = PluginTask(object="nasfleet_testing.poison_task:PoisonTask", parameters={})


def assignment_of(number: int) -> Assignment:
    return assign(number, search=f"namespaces/default/searches/probe-{number}")


def announced(count: int) -> Searches:
    searches = Searches(Place())
    for number in range(count):
        searches.announce(announce(POISON, search=f"namespaces/default/searches/probe-{number}"))
    return searches


def loaded(searches: Searches, number: int) -> "weakref.ref[object]":
    return weakref.ref(searches.task(assignment_of(number)))


def test_only_the_tasks_used_last_stay_loaded_and_every_search_stays_known() -> None:
    count = 3 * MOST_LOADED
    searches = announced(count)
    tasks = [loaded(searches, number) for number in range(count)]
    gc.collect()
    assert [task() is not None for task in tasks] == [False] * (count - MOST_LOADED) + [True] * MOST_LOADED
    run = searches.child_run(assignment_of(0))
    assert run.spec.task == POISON
    assert searches.task(assignment_of(0)) is searches.task(assignment_of(0))


def test_a_task_in_use_stays_loaded_while_others_come_and_go() -> None:
    searches = announced(3 * MOST_LOADED)
    task = loaded(searches, 0)
    for number in range(1, 3 * MOST_LOADED):
        searches.task(assignment_of(number))
        assert searches.task(assignment_of(0)) is task()


def test_a_search_that_changes_keeps_its_task_unless_that_has_changed() -> None:
    searches = Searches(Place())
    searches.announce(announce(Synthetic()))
    task = searches.inline_task(assign(1))
    searches.announce(announce(Synthetic(), timeout=5.0))
    assert searches.inline_task(assign(1)) is task
    searches.announce(announce(Synthetic(epochs=2)))
    assert searches.inline_task(assign(1)) is not task
