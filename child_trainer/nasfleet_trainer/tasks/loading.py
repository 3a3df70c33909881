"""Which object a search's task is: built in, by its block, or the user's own, by `package.module:object`."""

import importlib
from typing import cast

from nasfleet.catalogue.language_modeling import LanguageModeling
from nasfleet.catalogue.lunar_lander import LunarLander
from nasfleet.catalogue.search import SearchSpec
from nasfleet.catalogue.tasks import ImageClassification, PluginTask, Synthetic, Tabular
from nasfleet_trainer.failures import TrainerUnableError
from nasfleet_trainer.tasks.task import InlineTask, Task

_Section = ImageClassification | Tabular | Synthetic | PluginTask | LanguageModeling | LunarLander

# By name, so that the agent imports no torch.
_PROCESS_TASKS: dict[type[_Section], str] = {
    ImageClassification: "nasfleet_trainer.tasks.image_classification:ImageClassificationTask",
    LanguageModeling: "nasfleet_trainer.tasks.language_modeling:LanguageModelingTask",
    LunarLander: "nasfleet_trainer.tasks.lunar_lander:LunarLanderTask",
}
_INLINE_TASKS: dict[type[_Section], str] = {
    Synthetic: "nasfleet_trainer.tasks.synthetic:SyntheticTask",
    Tabular: "nasfleet_trainer.tasks.tabular:TabularTask",
}


def runs_inline(spec: SearchSpec) -> bool:
    """Return whether the search's task runs in the agent's own event loop and not in a process of its own."""
    return type(spec.task) in _INLINE_TASKS


def load_inline_task(spec: SearchSpec) -> InlineTask:
    """Return the task of a search that `runs_inline`."""
    return cast("InlineTask", _load(_INLINE_TASKS[type(spec.task)])(spec.task))


def load_task(spec: SearchSpec) -> Task:
    """Return the task of any other search: a built-in one is made with its section, a user's with its parameters.

    Raises:
        TrainerUnableError: if it cannot be imported or made here; the message says what to do.
    """
    if not isinstance(spec.task, PluginTask):
        return cast("Task", _load(_PROCESS_TASKS[type(spec.task)])(spec.task))
    factory = _load(spec.task.object)
    try:
        task = factory(**spec.task.parameters)
    except (Exception, SystemExit) as error:
        given = ", ".join(spec.task.parameters) or "none"
        raise TrainerUnableError(
            f"{spec.task.object} failed when called with its parameters ({given}): {type(error).__name__}: {error}; "
            "correct spec.task.plugin.parameters"
        ) from error
    if not callable(getattr(task, "train", None)):
        raise TrainerUnableError(
            f"{spec.task.object} gives a {type(task).__name__} without a method train(run, report); add it"
        )
    return cast("Task", task)


def _load(path: str) -> type:
    module_name, _, object_name = path.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise TrainerUnableError(
            f"{path} cannot be imported here: {error}; start the trainer in the folder that holds it, or install it there"
        ) from error
    except (Exception, SystemExit) as error:
        raise TrainerUnableError(
            f"{path} cannot be imported here: {type(error).__name__}: {error}; correct {module_name}"
        ) from error
    try:
        return cast("type", getattr(module, object_name))
    except AttributeError as error:
        raise TrainerUnableError(f"{module_name} has no {object_name}; correct spec.task.plugin.object") from error
