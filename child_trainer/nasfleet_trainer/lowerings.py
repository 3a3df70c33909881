"""Search spaces that the controller asks to be lowered: each in a process of its own, since that runs code of the user.

The process is new each time, so that a module that was corrected in place is read again, and it is killed when it takes too
long. What was asked on one stream is answered on that one: with the stream go the questions and the answers that wait.
"""

import asyncio
from collections.abc import Callable

import structlog

from nasfleet.v1.fleet_pb2 import Lowered, Lowering
from nasfleet.v1.trial_pb2 import Failure
from nasfleet_trainer.failures import classify
from nasfleet_trainer.searches import Place
from nasfleet_trainer.slot_process import SlotProcess

log = structlog.get_logger()


class Lowerings:
    """The questions of one stream at a time; `on_answer` is told whenever `take` has something to give."""

    def __init__(self, place: Place, threads: int) -> None:
        self._place = place
        self._threads = threads
        self._tasks: set[asyncio.Task[Lowered]] = set()
        self._answers: list[Lowered] = []

    def start(self, lowering: Lowering, on_answer: Callable[[], None]) -> None:
        """Begin to lower a space."""

        def ended(task: asyncio.Task[Lowered]) -> None:
            self._tasks.discard(task)
            if not task.cancelled():
                self._answers.append(task.result())
                on_answer()

        task = asyncio.create_task(self._answer(lowering))
        self._tasks.add(task)
        task.add_done_callback(ended)

    def take(self) -> list[Lowered]:
        """Return the answers that have not been given yet."""
        taken, self._answers = self._answers, []
        return taken

    async def drop(self) -> None:
        """End what is under way and forget what was asked: nobody waits for it any more."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._answers.clear()

    async def _answer(self, lowering: Lowering) -> Lowered:
        process = SlotProcess(self._place, self._threads)
        try:
            async with asyncio.timeout(lowering.timeout_seconds):
                answer = await process.lower(lowering)
        except TimeoutError:
            answer = Failure(
                message=f"{lowering.space.object} did not return within {lowering.timeout_seconds:g} s; correct it"
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, the controller has to hear that there is no answer
            answer = Failure(message=classify(error).message)
        finally:
            await process.close()
        if isinstance(answer, Failure):
            answer = Lowered(lowering=lowering.lowering, unable=answer.message)
        log.info("space_lowered", object=lowering.space.object, result=answer.WhichOneof("result"))
        return answer
