"""The command `nasfleet` as a process of its own, in a folder of its own."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

NASFLEET = [sys.executable, "-m", "nasfleet_cli"]
SECONDS = 120.0
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def search_file(folder: Path, *, name: str = "tiny", trials: int = 12, epoch_seconds: float = 0.02, more: str = "") -> Path:
    """Write a search that trains nothing, and return its file."""
    file = folder / f"{name}.yaml"
    file.write_text(
        f"""\
apiVersion: nasfleet.dev/v1alpha1
kind: ArchitectureSearch
metadata: {{name: {name}}}
spec:
  searchSpace:
    convChain: {{layers: 2}}
  strategy:
    random: {{batchSize: 4}}
  task:
    synthetic: {{epochs: 3, epochSeconds: {epoch_seconds}}}
  budget: {{trials: {trials}}}
{more}"""
    )
    return file


def nasfleet(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; standard error comes after standard output."""
    return subprocess.run(
        [*NASFLEET, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=SECONDS,
    )


def descendants(process_id: int) -> list[int]:
    """Return the numbers of all processes that descend from this one."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = [tuple(map(int, line.split())) for line in listed.splitlines()]
    found, todo = [], [process_id]
    while todo:
        above = todo.pop()
        below = [child for child, parent in parents if parent == above]
        found += below
        todo += below
    return found


def child(process_id: int, module: str) -> int:
    """Return the number of the process below this one that runs a module, the first if there are several."""
    for number in sorted(descendants(process_id)):
        command = Path(f"/proc/{number}/cmdline")
        if command.exists() and f"\0{module}\0" in command.read_text():
            return number
    raise LookupError(module)


def wait_for_child(process_id: int, module: str) -> int:
    """Return the number of the first process below this one that runs a module, once there is one, or raise LookupError."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return child(process_id, module)
        except LookupError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def wait_until_gone(process_ids: list[int]) -> list[int]:
    """Return those of these processes that are still there after a while; none, it is hoped."""
    deadline = time.monotonic() + 30
    while True:
        left = [number for number in process_ids if _runs(number)]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.05)


def _runs(process_id: int) -> bool:
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@dataclass(slots=True)
class Terminal:
    """The command in a terminal of its own; `text` is all that it drew, without the colours and movements."""

    process_id: int
    descriptor: int
    text: str = ""

    @classmethod
    def run(cls, folder: Path, *arguments: str) -> "Terminal":
        """Start the command."""
        process_id, descriptor = pty.fork()
        if process_id == 0:
            os.chdir(folder)
            os.environ.update(TERM="xterm-256color", COLUMNS="100", LINES="40")
            os.execv(NASFLEET[0], [*NASFLEET, *arguments])
        return cls(process_id, descriptor)

    def read_until(self, pattern: str) -> str:
        """Read until a pattern was drawn, or raise TimeoutError; return what was drawn since the last call."""
        deadline, start = time.monotonic() + SECONDS, len(self.text)
        while not re.search(pattern, self.text[start:]):
            if time.monotonic() > deadline or not self._read():
                raise TimeoutError(f"{pattern!r} was not drawn in {self.text[start:][-4000:]!r}")
        return self.text[start:]

    def press(self, keys: bytes) -> None:
        """Type something."""
        os.write(self.descriptor, keys)

    def wait(self) -> int:
        """Read to the end and return the exit code."""
        while self._read():
            pass
        os.close(self.descriptor)
        return os.waitstatus_to_exitcode(os.waitpid(self.process_id, 0)[1])

    def kill(self) -> None:
        """Kill the command, and nothing else."""
        os.kill(self.process_id, signal.SIGKILL)
        self.wait()

    def _read(self) -> bool:
        ready, _, _ = select.select([self.descriptor], [], [], SECONDS)
        if not ready:
            return False
        try:
            drawn = os.read(self.descriptor, 65_536)
        except OSError:  # Linux: the other end was closed
            return False
        self.text += _ESCAPES.sub("", drawn.decode(errors="replace")).replace("\r", "")
        return bool(drawn)
