"""Machines of a test: each is a network, mount, pid and host name of its own, held by one process whose end is the machine's.

Killing that process is a node's failure, and is all there is to tidying up: what runs in the machine, its mounts, its routes
and its firewall go with it. The tests themselves run in a network and a mount namespace of their own (`make e2e`), so that
nothing of this is seen on the machine that they run on. Cgroups of version 1 alone are shared with it: they are removed at
the end.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nasfleet_testing.processes import eventually

CGROUPS = Path("/sys/fs/cgroup")
# What a kubelet wants to find, and would else write for the whole machine.
SYSCTLS: Mapping[str, int] = {"vm/overcommit_memory": 1, "vm/panic_on_oom": 0, "kernel/panic": 10, "kernel/panic_on_oops": 1}
_SETUP = """\
set -e
mount -t tmpfs tmpfs /run
mkdir -p {folder}/lib {folder}/log {folder}/sysctls
mount --bind {folder}/lib /var/lib
mount --bind {folder}/log /var/log
{sysctls}
hostname {name}
ip link set lo up
{cgroups}
touch {folder}/ready
exec env --ignore-signal=CHLD sleep infinity
"""


@dataclass(slots=True)
class Machine:
    """A machine that runs, until it is killed."""

    name: str
    folder: Path
    group: str
    process: subprocess.Popen[bytes]
    programs: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def init(self) -> int:
        """The process that is the machine."""
        [child] = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(child)

    def do(self, *command: str, stdin: bytes | None = None) -> str:
        """Run a command in it, which must succeed; return what it printed."""
        done = subprocess.run(self._inside(*command), input=stdin, capture_output=True, check=False, timeout=300)
        assert done.returncode == 0, f"{self.name}: {' '.join(command)}: {done.stderr.decode()[-4000:]}"
        return done.stdout.decode()

    def start(self, name: str, *command: str) -> None:
        """Start a program in it; what it says is in its folder."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.programs[name] = subprocess.Popen(self._inside(*command), stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def log(self, name: str) -> str:
        """Return what a program has said."""
        return (self.folder / f"{name}.log").read_text()

    def kill(self) -> None:
        """End it as a loss of power would."""
        if self.process.poll() is None:  # else its number may be another's by now
            with contextlib.suppress(ProcessLookupError, ValueError, FileNotFoundError):
                os.kill(self.init, signal.SIGKILL)
            self.process.kill()
            self.process.wait(30)
        for program in self.programs.values():
            program.kill()
            program.wait(30)
        remove_groups(self.group)

    def _inside(self, *command: str) -> Sequence[str]:
        join = f'{_join_groups(self.group)}exec "$@"'
        return ("nsenter", "-t", str(self.init), "-n", "-m", "-p", "-u", "--", "sh", "-c", join, "sh", *command)


@contextlib.contextmanager
def machine(name: str, folder: Path, group: str) -> Iterator[Machine]:
    """Have a machine, its disk in a folder; one that was there before is found as it was left."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ready").unlink(missing_ok=True)
    for path, value in SYSCTLS.items():
        file = folder / "sysctls" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{value}\n")
    setup = _SETUP.format(
        folder=folder,
        name=name,
        sysctls="\n".join(f"mount --bind {folder}/sysctls/{path} /proc/sys/{path}" for path in SYSCTLS),
        cgroups=_make_groups(group) + _join_groups(group),
    )
    unshare = (
        "unshare",
        "--net",
        "--mount",
        "--pid",
        "--uts",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "--propagation",
        "private",
    )
    with (folder / "setup.log").open("ab") as log:
        process = subprocess.Popen(
            ("setpriv", "--pdeathsig", "KILL", "--", *unshare, "sh", "-c", setup), stdout=log, stderr=log
        )
    made = Machine(name, folder, group, process)

    def is_ready() -> bool:
        assert process.poll() is None, (folder / "setup.log").read_text()
        return (folder / "ready").exists()

    try:
        eventually(is_ready, f"machine {name}")
        yield made
    finally:
        made.kill()


def _hierarchies() -> list[Path]:
    return [one for one in sorted(CGROUPS.iterdir()) if one.is_dir() and not one.is_symlink() and one.name != "unified"]


def _make_groups(group: str) -> str:
    lines = [f"mkdir -p {one}/{group}" for one in _hierarchies()]
    # Beside the processes that are in no group, a whole group would count as one of them.
    lines.append(f"echo 2048 > {CGROUPS}/cpu/{group}/cpu.shares")
    # A group without processors and memory nodes takes no process.
    lines += [f"cat {CGROUPS}/cpuset/{name} > {CGROUPS}/cpuset/{group}/{name}" for name in ("cpuset.cpus", "cpuset.mems")]
    return "\n".join(lines) + "\n"


def _join_groups(group: str) -> str:
    return "".join(f"echo 0 > {one}/{group}/cgroup.procs\n" for one in _hierarchies())


def remove_groups(group: str) -> None:
    """Remove the groups of a machine that is no more, deepest first."""
    for hierarchy in (*_hierarchies(), CGROUPS / "unified"):
        top = hierarchy / group
        if top.exists():
            folders = [*(folder for folder in top.rglob("*") if folder.is_dir()), top]
            for folder in sorted(folders, key=lambda one: len(one.parts), reverse=True):
                with contextlib.suppress(OSError):  # a process that is just ending
                    folder.rmdir()
