"""The searches that a process works for: announced by the controller, decoded once, and with their tasks loaded once."""

from collections import OrderedDict
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

# A loaded task holds its data set, on the device if it computes there: only those of the searches worked for last are kept.
MOST_LOADED = 4


@dataclass(frozen=True, slots=True)
class Place:
    """Where children are trained: the device as torch names it, where data sets are found and weights are put.

    The other trainers of a gang reach this one at `gang_host`; empty if they do not.
    """

    device: str = "cpu"
    data_dir: Path | None = None
    artifacts_dir: Path | None = None
    gang_host: str = ""


@dataclass(frozen=True, slots=True)
class Search:
    """One search as it was announced last; it is small and kept, since the controller announces it once a stream."""

    announcement: SearchAnnouncement
    spec: SearchSpec


@dataclass(slots=True)
class Loaded:
    """What was made of a search's spec, is large and can be made again."""

    spaces: dict[int | None, SearchSpace] = field(default_factory=dict)  # by depth
    task: Task | None = None
    inline_task: InlineTask | None = None


class Searches:
    """All searches that were announced to this process, those that it works for loaded."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._searches: dict[str, Search] = {}
        self._unreadable: dict[str, str] = {}
        self._loaded: OrderedDict[str, Loaded] = OrderedDict()  # the one used last at the end

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
        self._searches[announcement.search] = Search(announcement, spec)
        if known is not None and known.spec.task != spec.task:
            self._loaded.pop(announcement.search, None)
        elif announcement.search in self._loaded:
            self._loaded[announcement.search].spaces.clear()

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
        try:
            description = self._space(assignment).decode(tokens)
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
            rank=assignment.gang.rank,
            world_size=max(1, assignment.gang.size),
        )

    def _artifacts_dir(self, spec: SearchSpec) -> Path | None:
        if spec.artifacts is None:
            return self._place.artifacts_dir
        return Path(spec.artifacts.removeprefix("file://"))

    def _space(self, assignment: Assignment) -> SearchSpace:
        layers = assignment.layers if assignment.HasField("layers") else None
        spaces = self._loaded_of(assignment).spaces
        if layers not in spaces:
            spaces[layers] = build_space(self.of(assignment).spec.search_space, layers)
        return spaces[layers]

    def task(self, assignment: Assignment) -> Task:
        """Return the loaded task of a search; it may import torch or a user's package.

        Raises:
            TrainerUnableError: if it cannot be loaded here.
        """
        loaded = self._loaded_of(assignment)
        if loaded.task is None:
            loaded.task = load_task(self.of(assignment).spec)
        return loaded.task

    def inline_task(self, assignment: Assignment) -> InlineTask:
        """Return the loaded task of a search that runs inline."""
        loaded = self._loaded_of(assignment)
        if loaded.inline_task is None:
            loaded.inline_task = load_inline_task(self.of(assignment).spec)
        return loaded.inline_task

    def _loaded_of(self, assignment: Assignment) -> Loaded:
        name = search_name(assignment)
        if name not in self._loaded and len(self._loaded) >= MOST_LOADED:
            self._loaded.popitem(last=False)  # before the new one is made, so that the device never holds both
        loaded = self._loaded.setdefault(name, Loaded())
        self._loaded.move_to_end(name)
        return loaded


def search_name(assignment: Assignment) -> str:
    """Return the name of the search that an assignment belongs to."""
    return assignment.trial.partition("/trials/")[0]
