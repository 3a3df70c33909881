"""What the controller program is told when it starts; the environment is read here and nowhere else."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from nasfleet.address import Address, parse_address


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
            listen=parse_address(chosen.listen, "--listen", any_port=True),
            metrics=parse_address(chosen.metrics, "--metrics", any_port=True, or_nothing=True),
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
