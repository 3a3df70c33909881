"""A pod whose one container is a process of this machine: started again when it ends, probed, and told to leave in time."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from nasfleet_testing.api_calls import Raw
from nasfleet_testing.pod_translation import Translation, port_of

LOOK_SECONDS = 0.1  # how often it is asked whether it is ready yet; a real kubelet waits out the period
FIRST_BACKOFF_SECONDS = 0.5  # a real kubelet: 10 s
LAST_BACKOFF_SECONDS = 10.0
Report = Callable[[dict[str, Any]], Coroutine[Any, Any, None]]


def timestamp() -> str:
    """Return now as Kubernetes writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class LocalPod:
    """A pod that runs here; `report` is called with its whole status whenever that changes."""

    def __init__(self, pod: Raw, folder: Path, local: Translation, report: Report) -> None:
        (self.container,) = pod["spec"]["containers"]
        self.local = local
        self.log = folder / "log"
        self._command = local.command(self.container)
        self._environment = local.environment(pod, self.container)
        self._folder = folder
        self._report = report
        self._start = timestamp()
        self._transitions: dict[str, tuple[bool, str]] = {}
        self._leave = asyncio.Event()
        self._changed = asyncio.Event()
        self._over = False
        self._grace_seconds = 0.0
        self._process: asyncio.subprocess.Process | None = None
        self._reason = ""  # why it was killed, if not by its own fault
        self._failure: dict[str, str] = {}
        self._ready = self._started = False
        self._restarts = 0
        self._state: dict[str, Any] = {"waiting": {"reason": "ContainerCreating"}}
        self._last: dict[str, Any] = {}

    @property
    def process_id(self) -> int:
        """The number of the process that is the container now."""
        assert self._process is not None, "the container has not started yet"
        return self._process.pid

    @property
    def evicted(self) -> bool:
        """Whether it has failed and stays to be seen, until somebody deletes it."""
        return bool(self._failure)

    def kill(self, reason: str) -> None:
        """Kill the container as from outside; `reason` is what its status says of it, "OOMKilled" for example."""
        self._reason = reason
        self._kill()

    def leave(self, grace_seconds: float) -> None:
        """Tell the container to end, and end it after the grace period; it is not started again."""
        self._grace_seconds = grace_seconds
        self._leave.set()

    def evict(self, message: str) -> None:
        """End the pod at once as a kubelet does that runs out of something: it has failed then."""
        self._failure = {"reason": "Evicted", "message": message}
        self.leave(0)

    async def run(self) -> None:
        """Run the container again and again until it is told to leave."""
        reporting = asyncio.create_task(self._report_changes())
        try:
            await self._run_until_told_to_leave()
            self._over = True
            self._tell()
            await reporting
        finally:
            reporting.cancel()

    async def _run_until_told_to_leave(self) -> None:
        backoff = 0.0
        while not self._leave.is_set():
            ended = {"terminated": await self._run_once()}
            self._ready = self._started = False
            if self._leave.is_set():
                self._state = ended
                break
            self._restarts += 1
            self._last, self._state = ended, {"waiting": {"reason": "CrashLoopBackOff"}}
            if backoff:  # the first time it is started again at once
                self._tell()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._leave.wait(), backoff)
            backoff = min(max(2 * backoff, FIRST_BACKOFF_SECONDS), LAST_BACKOFF_SECONDS)

    async def _run_once(self) -> dict[str, Any]:
        """Run the container until it ends or must; return how it ended."""
        start, self._reason = timestamp(), ""
        with self.log.open("ab") as log:
            command = ("setpriv", "--pdeathsig", "KILL", "--", *self._command)
            self._process = process = await asyncio.create_subprocess_exec(
                *command, env=self._environment, cwd=self._folder, stdout=log, stderr=log, start_new_session=True
            )
        self._state = {"running": {"startedAt": start}}
        tasks = [asyncio.create_task(work) for work in (process.wait(), self._leave.wait(), self._probe())]
        try:
            self._tell()
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if process.returncode is None:
                process.terminate()
                seconds = self._grace_seconds if self._leave.is_set() else 5.0
                await asyncio.wait(tasks[:1], timeout=seconds)
        finally:
            self._kill()
            for task in tasks[1:]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        code = await process.wait()
        reason = self._reason or ("Completed" if code == 0 else "Error")
        code = code if code >= 0 else 128 - code
        return {"exitCode": code, "reason": reason, "startedAt": start, "finishedAt": timestamp()}

    def _kill(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _probe(self) -> None:
        """Keep readiness as the probes say; return when the container must be started anew."""
        startup, readiness, liveness = (self.container.get(f"{kind}Probe") for kind in ("startup", "readiness", "liveness"))
        if startup is not None and not await self._becomes_good(startup):
            return
        self._started, self._ready = True, readiness is None
        self._tell()
        following = asyncio.create_task(self._follow(readiness)) if readiness is not None else None
        try:
            await (self._becomes_bad(liveness) if liveness is not None else asyncio.Event().wait())
        finally:
            if following is not None:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)

    async def _follow(self, readiness: Raw) -> None:
        while True:
            while not await self._becomes_good(readiness):
                pass
            self._ready = True
            self._tell()
            await self._becomes_bad(readiness)
            self._ready = False
            self._tell()

    async def _becomes_good(self, probe: Raw) -> bool:
        """Wait for a success; return False if none came in the time that the probe allows."""
        with suppress(TimeoutError):
            async with asyncio.timeout(probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3)):
                while not await self._passes(probe):  # noqa: ASYNC110 - nothing tells of it but asking
                    await asyncio.sleep(LOOK_SECONDS)
                return True
        return False

    async def _becomes_bad(self, probe: Raw) -> None:
        """Wait for as many failures in a row as the probe allows."""
        failures = 0
        while failures < probe.get("failureThreshold", 3):
            await asyncio.sleep(probe.get("periodSeconds", 10))
            failures = 0 if await self._passes(probe) else failures + 1

    async def _passes(self, probe: Raw) -> bool:
        asked = probe["httpGet"]
        port = self.local.ports[port_of(self.container, asked["port"])]
        timeout = aiohttp.ClientTimeout(total=probe.get("timeoutSeconds", 1))
        try:
            async with aiohttp.request("GET", f"http://127.0.0.1:{port}{asked.get('path', '/')}", timeout=timeout) as response:
                return response.status < 400
        except (aiohttp.ClientError, TimeoutError):
            return False

    def _tell(self) -> None:
        """Have the status reported as it is now."""
        self._changed.set()

    async def _report_changes(self) -> None:
        """Report one status after the other: of two calls at once the older could be answered last."""
        over = False
        while not over:
            await self._changed.wait()
            self._changed.clear()
            over = self._over
            await self._report(self._status())

    def _status(self) -> dict[str, Any]:
        container = {
            "name": self.container["name"],
            "image": self.container["image"],
            "imageID": self.container["image"],
            "ready": self._ready,
            "started": self._started,
            "restartCount": self._restarts,
            "state": self._state,
            "lastState": self._last,
        }
        truths = {"Initialized": True, "ContainersReady": self._ready, "Ready": self._ready}
        return {
            "phase": "Failed" if self._failure else "Running",
            **self._failure,
            "startTime": self._start,
            "hostIP": "127.0.0.1",
            "podIP": "127.0.0.1",
            "podIPs": [{"ip": "127.0.0.1"}],
            "conditions": [self._condition(kind, truth) for kind, truth in truths.items()] + self._disruption(),
            "containerStatuses": [container],
        }

    def _condition(self, kind: str, truth: bool) -> dict[str, str]:  # noqa: FBT001
        if self._transitions.get(kind, (None, ""))[0] is not truth:
            self._transitions[kind] = (truth, timestamp())
        return {"type": kind, "status": str(truth), "lastTransitionTime": self._transitions[kind][1]}

    def _disruption(self) -> list[dict[str, str]]:
        if not self._failure:
            return []
        return [self._condition("DisruptionTarget", truth=True) | {"reason": "TerminationByKubelet"}]
