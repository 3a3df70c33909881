"""What the controller program is told when it starts; the environment is read here and nowhere else."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from nasfleet.errors import InvalidInputError

LARGEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port to listen on; port 0 lets the system choose a free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, option: str) -> Self:
        """Return the parts of HOST:PORT, or raise InvalidInputError that names the option."""
        host, colon, port = text.rpartition(":")
        if not colon or not host or not port.isdigit() or int(port) > LARGEST_PORT:
            raise InvalidInputError(
                f"{option} is {text!r}: give HOST:PORT, for example 127.0.0.1:50051; port 0 means any free one"
            )
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ControllerConfig:
    """Settings of the controller program.

    Attributes:
        state: directory of the store, the lock and the artifacts; made if it is not there.
        listen: where gRPC is served; loopback by default, since there is no authentication on one machine.
        metrics: where Prometheus scrapes; None for nowhere.
        store_url: SQLAlchemy URL of the store; by default a SQLite file in the state directory.
        exit_with_parent: stop when standard input ends, so that nothing is left behind if the parent is killed.
    """

    state: Path
    listen: Address
    metrics: Address | None
    store_url: str
    exit_with_parent: bool

    @classmethod
    def read(cls, arguments: Sequence[str], environment: Mapping[str, str]) -> Self:
        """Return the settings of a command line; options win over NASFLEET_... variables, these over defaults."""
        chosen = _parser(environment).parse_args(arguments)
        state = Path(chosen.state).expanduser().resolve()
        return cls(
            state=state,
            listen=Address.parse(chosen.listen, "--listen"),
            metrics=Address.parse(chosen.metrics, "--metrics") if chosen.metrics else None,
            store_url=chosen.store_url or f"sqlite:///{state / 'nasfleet.db'}",
            exit_with_parent=chosen.exit_with_parent,
        )


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nasfleet controller", description="Serve searches to trainers and to people.")

    def option(name: str, default: str, text: str) -> None:
        variable = "NASFLEET_" + name.upper().replace("-", "_")
        parser.add_argument(
            f"--{name}", default=environment.get(variable, default), help=f"{text} [{variable}; {default or 'none'}]"
        )

    option("state", "nasfleet-state", "directory of the store and the artifacts")
    option("listen", "127.0.0.1:50051", "HOST:PORT of the gRPC services")
    option("metrics", "127.0.0.1:9464", "HOST:PORT of the Prometheus metrics; empty for none")
    option("store-url", "", "SQLAlchemy URL of the store, if not a SQLite file in the state directory")
    parser.add_argument("--exit-with-parent", action="store_true", help="stop when standard input ends")
    return parser
