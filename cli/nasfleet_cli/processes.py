"""Programs that the command line starts and stops: a controller and trainers, each a process with its own log.

Every program runs in a session of its own, so that Ctrl-C reaches the command line alone, and holds the other end of a pipe
(`--exit-with-parent`): it ends when that pipe does, whether the command line closes it or is killed.
"""

import contextlib
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from nasfleet.errors import InvalidInputError, UnavailableError

START_SECONDS = 60.0
STOP_SECONDS = 10.0
_TAIL_LINES = 12
_USAGE_EXIT_CODE = 2  # programs end with it if what they were told is wrong: starting them again would not help


class ProgramEndedError(UnavailableError):
    """A program ended that was needed; the message has the end of its log."""


@dataclass(frozen=True, slots=True)
class Serving:
    """Where a controller serves: gRPC at `address`, Prometheus metrics at `metrics`; both HOST:PORT."""

    address: str
    metrics: str | None

    @classmethod
    def parse(cls, line: str) -> Self:
        """Return what a line like `{"event": "serving", "address": ...}` says.

        Raises:
            InvalidInputError: if it says something else.
        """
        try:
            fields = json.loads(line)
            return cls(address=fields["address"], metrics=fields.get("metrics"))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InvalidInputError(f"{line!r} does not say where a controller serves") from error


class Program:
    """One process; `log` takes what it says, except for its standard output if that is a pipe, to read its first line from."""

    def __init__(self, name: str, module: str, arguments: Sequence[str], log: Path, *, piped: bool = False) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.log = log
        with log.open("ab") as errors:
            self._log_start = errors.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments, "--exit-with-parent"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if piped else errors,
                stderr=errors,
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )

    @property
    def process_id(self) -> int:
        """Return the process's number."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Return how it ended, or None while it runs."""
        return self._process.poll()

    def first_line(self, seconds: float) -> str:
        """Return the first line of its piped output; the rest is read and dropped, so that the pipe never fills.

        Raises:
            ProgramEndedError: if it ends, or says nothing for so long.
        """
        lines: queue.Queue[bytes] = queue.Queue()
        output = self._process.stdout
        assert output is not None

        def read() -> None:
            lines.put(output.readline())
            with output:
                while output.read(4096):
                    pass

        threading.Thread(target=read, daemon=True).start()
        try:
            line = lines.get(timeout=seconds)
        except queue.Empty:
            raise ProgramEndedError(f"the {self.name} said nothing for {seconds:.0f} s; {self.last_words()}") from None
        if not line:
            raise self.ended()
        return line.decode()

    def ended(self) -> ProgramEndedError:
        """Return the error that says how it ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(STOP_SECONDS)
        lines = self._last_lines()
        if self.exit_code == _USAGE_EXIT_CODE and lines:
            return ProgramEndedError(lines[-1])
        return ProgramEndedError(f"the {self.name} ended with exit code {self.exit_code}; {self.last_words()}")

    def last_words(self) -> str:
        """Return the end of what this process wrote to its log, and where the log is."""
        return "\n".join([f"the end of its log ({self.log}):", *(self._last_lines() or ["(it wrote nothing)"])])

    def _last_lines(self) -> list[str]:
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace").splitlines()[-_TAIL_LINES:]

    def wait(self, seconds: float) -> None:
        """Wait until it has ended, or raise subprocess.TimeoutExpired."""
        self._process.wait(seconds)

    def ask_to_stop(self) -> None:
        """Close its pipe: it hands back what it holds and ends."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ask it to stop, and kill it if it has not ended after so long, or if waiting is interrupted."""
        self.ask_to_stop()
        try:
            self.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()


def start_controller(state: Path, metrics: str = "") -> tuple[Program, Serving]:
    """Return a controller on this state directory that serves on a free loopback port, and where.

    Raises:
        ProgramEndedError: if it does not serve; the message says why.
    """
    arguments = ["--state", str(state), "--listen", "127.0.0.1:0", "--metrics", metrics]
    program = Program("controller", "nasfleet_controller", arguments, state / "logs" / "controller.log", piped=True)
    try:
        return program, Serving.parse(program.first_line(START_SECONDS))
    except BaseException:
        program.stop()
        raise


class Trainers:
    """The trainers of one machine; one that dies is started again, a few times."""

    MOST_RESTARTS = 5

    def __init__(self, arguments: Sequence[Sequence[str]], logs: Path) -> None:
        self._arguments = [list(given) for given in arguments]
        self._logs = logs
        self._restarts = [0] * len(arguments)
        self.programs: list[Program] = []
        try:
            for index in range(len(arguments)):
                self.programs.append(self._started(index))
        except BaseException:
            self.stop()
            raise

    def revive(self) -> list[str]:
        """Start those again that died, and return a line on each.

        Raises:
            ProgramEndedError: if one says that it was started wrongly, or dies again and again.
        """
        notices = []
        for index, program in enumerate(self.programs):
            if not program.exit_code:  # it runs, or was told to leave
                continue
            if program.exit_code == _USAGE_EXIT_CODE or self._restarts[index] >= self.MOST_RESTARTS:
                raise program.ended()
            notices.append(f"{program.name} ended with exit code {program.exit_code} and was started again; see {program.log}")
            self._restarts[index] += 1
            program.stop()
            self.programs[index] = self._started(index)
        return notices

    def stop(self) -> None:
        """Stop them all, at the same time."""
        for program in self.programs:
            program.ask_to_stop()
        with contextlib.ExitStack() as stack:
            for program in self.programs:
                stack.callback(program.stop)

    def _started(self, index: int) -> Program:
        name = f"trainer-{index}"
        return Program(name, "nasfleet_trainer", ["--name", name, *self._arguments[index]], self._logs / f"{name}.log")
