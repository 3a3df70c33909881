"""SearchService: searches declared, changed and watched."""

import asyncio
from collections.abc import AsyncGenerator, Callable

from nasfleet.codec import spec_from_proto, spec_to_proto
from nasfleet.names import ALL_NAMESPACES, SearchName, TrialName, parse_namespace
from nasfleet.v1 import search_pb2, search_pb2_grpc, trial_pb2
from nasfleet_controller.commands import SearchCommands
from nasfleet_controller.runner import Runner
from nasfleet_controller.servicers.errors import Context, translating, translating_stream
from nasfleet_controller.servicers.pages import page_size
from nasfleet_controller.store.paging import InvalidPageTokenError, last_values, page_token
from nasfleet_controller.views import SearchView

WATCH_SECONDS = 0.1


class SearchServicer(search_pb2_grpc.SearchServiceServicer):
    """Translates messages to commands and views to messages."""

    def __init__(self, runner: Runner, commands: SearchCommands, read_trial: Callable[[TrialName], trial_pb2.Trial]) -> None:
        self._runner = runner
        self._commands = commands
        self._read_trial = read_trial
        self._best: dict[int, trial_pb2.Trial] = {}

    @translating
    async def EnsureSearch(self, request: search_pb2.EnsureSearchRequest, context: Context) -> search_pb2.EnsureSearchResponse:
        """Make the search be as declared."""
        name = SearchName.parse(request.name)
        ensured = await self._commands.ensure(name, request.uid, spec_from_proto(request.spec), dry_run=request.dry_run)
        search = None if ensured.search is None else await self._message(ensured.search)
        return search_pb2.EnsureSearchResponse(search=search, created=ensured.created, changed_fields=ensured.changed_fields)

    @translating
    async def GetSearch(self, request: search_pb2.GetSearchRequest, context: Context) -> search_pb2.GetSearchResponse:
        """Return one search."""
        view = await self._commands.view(SearchName.parse(request.name))
        return search_pb2.GetSearchResponse(search=await self._message(view))

    @translating
    async def ListSearches(self, request: search_pb2.ListSearchesRequest, context: Context) -> search_pb2.ListSearchesResponse:
        """Return a page of the searches of a namespace, or of all."""
        query, size = ("searches", request.parent), page_size(request.page_size)
        namespace = None if request.parent == ALL_NAMESPACES else parse_namespace(request.parent)
        rest = await self._commands.views(namespace)
        if request.page_token:
            match last_values(request.page_token, query):
                case [int(last)]:
                    rest = [view for view in rest if view.search_id < last]
                case _:
                    raise InvalidPageTokenError(f"page_token {request.page_token!r} is none of ours: start again without it")
        page = rest[:size]
        return search_pb2.ListSearchesResponse(
            searches=[await self._message(view) for view in page],
            next_page_token=page_token(query, [page[-1].search_id]) if len(rest) > size else "",
        )

    @translating_stream
    async def WatchSearch(
        self, request: search_pb2.WatchSearchRequest, context: Context
    ) -> AsyncGenerator[search_pb2.WatchSearchResponse, None]:
        """Send the search whenever it has changed."""
        name, seen = SearchName.parse(request.name), 0
        while True:
            view = await self._commands.view(name)
            yield search_pb2.WatchSearchResponse(search=await self._message(view))
            if view.state.ended:
                return
            seen = await self._runner.changed(seen)
            await asyncio.sleep(WATCH_SECONDS)

    @translating
    async def SuspendSearch(
        self, request: search_pb2.SuspendSearchRequest, context: Context
    ) -> search_pb2.SuspendSearchResponse:
        """Suspend a search."""
        view = await self._commands.suspend(SearchName.parse(request.name))
        return search_pb2.SuspendSearchResponse(search=await self._message(view))

    @translating
    async def ResumeSearch(self, request: search_pb2.ResumeSearchRequest, context: Context) -> search_pb2.ResumeSearchResponse:
        """Resume a search."""
        view = await self._commands.resume(SearchName.parse(request.name))
        return search_pb2.ResumeSearchResponse(search=await self._message(view))

    @translating
    async def CancelSearch(self, request: search_pb2.CancelSearchRequest, context: Context) -> search_pb2.CancelSearchResponse:
        """Cancel a search."""
        view = await self._commands.cancel(SearchName.parse(request.name))
        return search_pb2.CancelSearchResponse(search=await self._message(view))

    @translating
    async def DeleteSearch(self, request: search_pb2.DeleteSearchRequest, context: Context) -> search_pb2.DeleteSearchResponse:
        """Delete a search."""
        await self._commands.delete(SearchName.parse(request.name))
        return search_pb2.DeleteSearchResponse()

    async def _message(self, view: SearchView) -> search_pb2.Search:
        message = search_to_proto(view)
        if view.best is not None:
            best = self._best.get(view.search_id)
            if best is None or best.number != view.best[0]:
                best = await asyncio.to_thread(self._read_trial, TrialName(view.name, view.best[0]))
                self._best[view.search_id] = best
            message.best_trial.CopyFrom(best)
        return message


def search_to_proto(view: SearchView) -> search_pb2.Search:
    """Return the message of a view, without its best trial."""
    message = search_pb2.Search(
        name=str(view.name),
        uid=view.uid,
        spec=spec_to_proto(view.spec),
        state=search_pb2.SearchState.ValueType(view.state.value),
        message=view.message,
        counts=search_pb2.TrialCounts(
            queued=view.queued,
            running=view.running,
            succeeded=view.succeeded,
            failed=view.failed,
            lost=view.lost,
            distinct=view.distinct,
        ),
        average_reward=view.average_reward,
        learner=_learner_to_proto(view),
        space_size="" if view.space_size is None else str(view.space_size),
        trainer_seconds=view.trainer_seconds,
        running_seconds=view.running_seconds,
        trials_per_second=view.trials_per_second,
    )
    if view.warmed is not None:
        message.warm_start.search_uid = view.warmed.source_uid
        message.warm_start.trials.extend(prior.number for prior in view.warmed.priors)
    message.create_time.FromNanoseconds(int(view.created_at * 1e9))
    if view.state.ended:
        message.end_time.FromNanoseconds(int(view.moved_at * 1e9))
    return message


def _learner_to_proto(view: SearchView) -> search_pb2.LearnerStatus:
    if (update := view.update) is None:
        return search_pb2.LearnerStatus()
    return search_pb2.LearnerStatus(
        policy_version=update.version,
        mean_reward=update.mean_reward,
        baseline=update.baseline,
        entropy=update.entropy,
        gradient_norm=update.gradient_norm,
        staleness=update.staleness,
    )
