"""What a kubelet asks of a trainer process, answered beside the metrics: does it live, and is it ready for work?"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from nasfleet_trainer.agent import Agent

ANSWER_SECONDS = 2.0


class Probes:
    """`/livez` and `/readyz`; each is 200, or 503 with the reason in a line."""

    def __init__(self, agents: Sequence[Agent], loop: asyncio.AbstractEventLoop) -> None:
        self._agents = agents
        self._loop = loop

    def beside(self, metrics: WSGIApplication) -> WSGIApplication:
        """Return an application that answers the probes, and everything else as `metrics` does."""
        answers: dict[str, Callable[[], str]] = {"/livez": self._unlive, "/readyz": self._unready}

        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            probe = answers.get(environ["PATH_INFO"])
            if probe is None:
                return metrics(environ, start_response)
            reason = probe()
            status = "503 Service Unavailable" if reason else "200 OK"
            start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
            return [f"{reason or 'ok'}\n".encode()]

        return answer

    def _unlive(self) -> str:
        """Return why this process should be started anew, or nothing: it is asked from another thread than its loop's."""
        answered: Future[None] = Future()
        self._loop.call_soon_threadsafe(answered.set_result, None)
        try:
            answered.result(ANSWER_SECONDS)
        except TimeoutError:
            return f"the event loop has not answered within {ANSWER_SECONDS:g} s"
        return ""

    def _unready(self) -> str:
        """Return why no work should be expected of this process now, or nothing."""
        return next((reason for agent in self._agents if (reason := agent.unready)), "")
