"""A real PostgreSQL server for all tests of a process, on a port of this machine, and a new database for each of them.

Without its programs the tests that want it are skipped, but not where CI is set.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from nasfleet_testing.lacking import lacking
from nasfleet_testing.processes import PATIENCE_SECONDS, eventually
from nasfleet_testing.programs import free_address

PASSWORD = "p@ss:w/rd %41"  # what a URL has to spell otherwise
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",  # the machine itself does not crash here
    "shared_buffers": "16MB",
    "max_connections": "40",
    "password_encryption": "scram-sha-256",
    "log_min_messages": "warning",
}
_ACCESS = """\
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
"""


class MissingServerError(Exception):
    """There is no PostgreSQL server to start."""


class PostgresqlServer:
    """A server with a superuser, `postgres`, and an owner of databases, `nasfleet`; it can be stopped, killed and started."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._port = free_address().rpartition(":")[2]
        self._running: subprocess.Popen[bytes] | None = None
        self._numbers = count()

    @property
    def data(self) -> Path:
        """The folder with its databases and its configuration."""
        return self._folder / "data"

    def url(self, database: str, user: str = "nasfleet", password: str = PASSWORD) -> str:
        """Return the URL of a database, as a controller is given it."""
        return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{self._port}/{database}"

    def administrator(self) -> dict[str, str]:
        """Return the variables that make psql and the like be the superuser, and be found."""
        where = {"PGHOST": "127.0.0.1", "PGPORT": self._port, "PGUSER": "postgres", "PGPASSWORD": PASSWORD}
        return where | {"PATH": f"{self._programs}{os.pathsep}{os.environ['PATH']}"}

    def make(self) -> None:
        """Make the databases of a new server, and start it."""
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self._do(
            "initdb", f"--pgdata={self.data}", "--username=postgres", f"--pwfile={secret}", "--no-locale", "--encoding=UTF8"
        )
        (self.data / "pg_hba.conf").write_text(_ACCESS)
        self.start()
        self.sql("CREATE ROLE nasfleet LOGIN PASSWORD '" + PASSWORD + "'")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        chosen = _SETTINGS | {"port": self._port, "unix_socket_directories": str(self._folder)}
        options = [f"--{name}={value}" for name, value in chosen.items()]
        command = _as_other_user(str(self._programs / "postgres"), "-D", str(self.data), *options)
        with (self._folder / "log").open("ab") as log:
            self._running = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder)
        eventually(self._answers, f"a PostgreSQL server; {self.log}")

    def want_tls(self, certificates: Path) -> None:
        """Have it let nobody in without TLS from now on, with the certificate `server` of a folder."""
        for kind in ("crt", "key"):
            file = self.data / f"server.{kind}"
            shutil.copy(certificates / file.name, file)
            file.chmod(0o600)
            shutil.chown(file, self.data.owner(), self.data.group())
        (self.data / "pg_hba.conf").write_text(_ACCESS.replace("host ", "hostssl "))
        self.sql("ALTER SYSTEM SET ssl = on")
        self.stop()
        self.start()

    def stop(self) -> None:
        """End it as an administrator does, whoever is connected."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it as a loss of power would."""
        self._end(signal.SIGKILL)
        # What it left behind must be gone before another may start on the same data.
        eventually(lambda: not self._answers(), "an end of the server")

    @property
    def log(self) -> str:
        """What it has said so far."""
        return (self._folder / "log").read_text()

    def sql(self, statement: str, *values: Any, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as the superuser; return its rows."""
        import psycopg

        with closing(psycopg.connect(self.url(database, "postgres"), autocommit=True)) as connection:
            answer = connection.execute(statement, values or None)  # type: ignore[call-overload]  # any text
            return answer.fetchall() if answer.description else []

    @contextmanager
    def database(self) -> Iterator[str]:
        """Have a new database of the user `nasfleet`; give its name."""
        name = f"test_{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name} OWNER nasfleet")
        yield name
        self.sql(f"DROP DATABASE {name} WITH (FORCE)")

    def _end(self, by: signal.Signals) -> None:
        assert self._running is not None
        self._running.send_signal(by)
        self._running.wait(PATIENCE_SECONDS)
        self._running = None

    def _answers(self) -> bool:
        ready = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", self._port]
        return subprocess.run(ready, check=False).returncode == 0

    def _do(self, program: str, *arguments: str) -> None:
        command = _as_other_user(str(self._programs / program), *arguments)
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self._folder)
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"


def _as_other_user(*command: str) -> list[str]:
    """Return the command that runs another as somebody who is not root, as which no PostgreSQL server runs."""
    if os.geteuid() != 0:
        return [*command]
    user = _other_user()
    ids = (f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
    return ["setpriv", *ids, "--pdeathsig=KILL", *command]


def _other_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _programs() -> Path:
    """Return the folder of the newest server that is installed, as Debian lays them out, or of the one in PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda program: int(program.parts[4]))
    in_path = shutil.which("postgres")
    if found or in_path:
        return found[-1].parent if found else Path(str(in_path)).resolve().parent
    raise MissingServerError("no PostgreSQL server is installed here: apt-get install postgresql")


@contextmanager
def postgresql_server() -> Iterator[PostgresqlServer]:
    """Run a server of one's own, with the defaults of these tests.

    Raises:
        MissingServerError: if none is installed.
    """
    programs = _programs()
    # Not in pytest's folders: the server's user may not enter them, and the path of a socket has 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="nasfleet-", ignore_cleanup_errors=True) as folder:
        if os.geteuid() == 0:
            os.chown(folder, _other_user().pw_uid, _other_user().pw_gid)
        server = PostgresqlServer(programs, Path(folder))
        try:
            server.make()
            yield server
        finally:
            if server._running is not None:
                server.kill()


@contextmanager
def _or_skip() -> Iterator[None]:
    try:
        yield
    except MissingServerError as missing:
        lacking(str(missing))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    """The server that the tests of this process share."""
    with _or_skip(), postgresql_server() as server:
        yield server


@pytest.fixture
def own_server() -> Iterator[PostgresqlServer]:
    """A server of the test's own, to be stopped and killed."""
    with _or_skip(), postgresql_server() as server:
        yield server


@pytest.fixture
def new_postgresql(own_server: PostgresqlServer) -> PostgresqlServer:
    """A server as it is after its installation: nobody made a user of ours."""
    own_server.sql("DROP ROLE nasfleet")
    return own_server


@pytest.fixture
def database(postgresql: PostgresqlServer) -> Iterator[str]:
    """The name of a database of the test's own."""
    with postgresql.database() as name:
        yield name


@pytest.fixture
def postgresql_url(postgresql: PostgresqlServer, database: str) -> str:
    """The URL of a database of the test's own."""
    return postgresql.url(database)
