"""The searches that a process works for: announced by the controller, decoded once, and with their tasks loaded once."""

from dataclasses import dataclass, field
from pathlib import Path

from nasfleet.catalogue.search import SearchSpec
from nasfleet.codec import spec_from_proto
from nasfleet.errors import InvalidInputError
from nasfleet.spaces.building import build_space
from nasfleet.spaces.space import InvalidTokensError, SearchSpace
from nasfleet.v1.fleet_pb2 import Assignment, SearchAnnouncement
from nasfleet_trainer.failures import CannotBuildError, TrainerUnableError
from nasfleet_trainer.tasks.loading import load_inline_task, load_task
from nasfleet_trainer.tasks.task import ChildRun, InlineTask, Task


@dataclass(frozen=True, slots=True)
class Place:
    """Where children are trained: the device as torch names it, and where data sets are found and weights are put."""

    device: str = "cpu"
    data_dir: Path | None = None
    artifacts_dir: Path | None = None


@dataclass
class Search:
    """One search as it was announced last."""

    announcement: SearchAnnouncement
    spec: SearchSpec
    spaces: dict[int | None, SearchSpace] = field(default_factory=dict)  # by depth

    def space(self, layers: int | None) -> SearchSpace:
        """Return the space at this depth."""
        if layers not in self.spaces:
            self.spaces[layers] = build_space(self.spec.search_space, layers)
        return self.spaces[layers]


class Searches:
    """All searches that were announced to this process."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._searches: dict[str, Search] = {}
        self._unreadable: dict[str, str] = {}
        self._tasks: dict[str, Task] = {}
        self._inline_tasks: dict[str, InlineTask] = {}

    def announce(self, announcement: SearchAnnouncement) -> None:
        """Take in a search, or what has changed in it; a task stays loaded unless it is another one now."""
        known = self._searches.get(announcement.search)
        if known is not None and known.announcement == announcement:
            return
        self._unreadable.pop(announcement.search, None)
        try:
            spec = spec_from_proto(announcement.spec)
        except InvalidInputError as error:
            self._searches.pop(announcement.search, None)
            self._unreadable[announcement.search] = str(error)
            return
        if known is not None and known.spec.task != spec.task:
            self._tasks.pop(announcement.search, None)
            self._inline_tasks.pop(announcement.search, None)
        self._searches[announcement.search] = Search(announcement, spec)

    def of(self, assignment: Assignment) -> Search:
        """Return the search that an assignment belongs to.

        Raises:
            TrainerUnableError: if it was announced in words that this version does not know, or not at all.
        """
        name = search_name(assignment)
        if name in self._unreadable:
            raise TrainerUnableError(f"{name} says {self._unreadable[name]}; give trainer and controller the same version")
        search = self._searches.get(name)
        if search is None:
            raise TrainerUnableError(f"{name} was assigned but never announced; controller and trainer do not fit together")
        return search

    def child_run(self, assignment: Assignment) -> ChildRun:
        """Return the child network of an assignment, decoded.

        Raises:
            CannotBuildError: if its tokens are none of the space.
        """
        search = self.of(assignment)
        tokens = tuple(assignment.tokens)
        space = search.space(assignment.layers if assignment.HasField("layers") else None)
        try:
            description = space.decode(tokens)
        except InvalidTokensError as error:
            raise CannotBuildError(str(error)) from error
        return ChildRun(
            description=description,
            tokens=tokens,
            seed=assignment.seed,
            spec=search.spec,
            trial=assignment.trial,
            device=self._place.device,
            data_dir=self._place.data_dir,
            artifacts_dir=self._artifacts_dir(search.spec),
        )

    def _artifacts_dir(self, spec: SearchSpec) -> Path | None:
        if spec.artifacts is None:
            return self._place.artifacts_dir
        scheme, separator, rest = spec.artifacts.rpartition("://")
        if separator and scheme != "file":
            raise TrainerUnableError(f"artifacts go to {spec.artifacts}, which is no directory; give a path or file:///path")
        return Path(rest)

    def task(self, assignment: Assignment) -> Task:
        """Return the loaded task of a search; it may import torch or a user's package.

        Raises:
            TrainerUnableError: if it cannot be loaded here.
        """
        name = search_name(assignment)
        if name not in self._tasks:
            self._tasks[name] = load_task(self.of(assignment).spec)
        return self._tasks[name]

    def inline_task(self, assignment: Assignment) -> InlineTask:
        """Return the loaded task of a search that runs inline."""
        name = search_name(assignment)
        if name not in self._inline_tasks:
            self._inline_tasks[name] = load_inline_task(self.of(assignment).spec)
        return self._inline_tasks[name]


def search_name(assignment: Assignment) -> str:
    """Return the name of the search that an assignment belongs to."""
    return assignment.trial.partition("/trials/")[0]
