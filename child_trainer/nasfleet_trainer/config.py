"""The settings of a trainer process, from its flags; NASFLEET_<FLAG> in the environment stands in for a flag."""

import argparse
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nasfleet.address import LARGEST_PORT, parse_address
from nasfleet.errors import InvalidInputError
from nasfleet.names import PoolName
from nasfleet.tracing import asks_for_traces
from nasfleet.transport import Trust, read_trust

_PREFIX = "NASFLEET_"
_DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a trainer process is told.

    Attributes:
        controller: HOST:PORT of the controller.
        trust: for TLS; None for plain text.
        name: what people call this trainer; with several agents each gets a number behind it.
        pool: the name of the pool that it belongs to; empty on one machine.
        labels: what a search's trainerPoolSelector is matched with, unless the pool was declared with others.
        slots: children that one agent trains at once.
        agents: trainers in this process.
        threads: processor threads of one child.
        device: "auto", "cpu" or "cuda".
        data_dir: where data sets are.
        artifacts_dir: where trained weights go, unless the search says where.
        metrics_host: where metrics and probes are served.
        metrics_port: where metrics and probes are served; 0 for nowhere.
        grace_seconds: how long children may go on after the trainer was told to leave.
        exit_with_parent: leave at once when standard input ends.
        traces: whether OpenTelemetry's own variables ask for traces; it reads the rest of them itself.
        gang_host: where the other trainers of a gang reach this one; empty for being in no gang.
    """

    controller: str
    trust: Trust | None
    name: str
    pool: str
    labels: Mapping[str, str]
    slots: int
    agents: int
    threads: int
    device: str
    data_dir: Path | None
    artifacts_dir: Path | None
    metrics_host: str
    metrics_port: int
    grace_seconds: float
    exit_with_parent: bool
    traces: bool
    gang_host: str


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> Config:
    """Return the settings; a wrong flag ends the process with code 2 and a message that names it."""
    parser = _parser(environment)
    given = parser.parse_args(arguments)
    try:
        trust = read_trust(given.ca, given.token_file, given.server_name, given.client_certificate, given.client_key)
        traces = asks_for_traces(environment)
    except InvalidInputError as error:
        parser.error(str(error))
    return Config(
        controller=given.controller,
        trust=trust,
        name=given.name,
        pool=given.pool,
        labels=dict(given.label),
        slots=given.slots,
        agents=given.agents,
        threads=given.threads or max(1, (given.cores or _all_cores()) // (given.slots * given.agents)),
        device=given.device,
        data_dir=given.data_dir,
        artifacts_dir=given.artifacts,
        metrics_host=given.metrics_host,
        metrics_port=given.metrics_port,
        grace_seconds=given.grace,
        exit_with_parent=given.exit_with_parent,
        traces=traces,
        gang_host=given.gang_host,
    )


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nasfleet-trainer", description="Train child networks for a controller.")

    def add(flag: str, default: str | None, text: str, **how: object) -> None:
        variable = _PREFIX + flag.upper().replace("-", "_")
        how["default"] = environment.get(variable, default)
        parser.add_argument(f"--{flag}", help=f"{text} [{variable}]", **how)  # type: ignore[arg-type] # argparse's own keywords

    address = _PREFIX + "CONTROLLER"
    add(
        "controller", None, "address of the controller", type=_address, metavar="HOST:PORT", required=address not in environment
    )
    add("ca", "", "file with the certificates that the controller's is signed by, in PEM; empty for plain text")
    add("token-file", "", "file with the token that is sent with every call")
    add("server-name", "", "name in the controller's certificate, if that is not the host of its address")
    add("client-certificate", "", "file with a certificate to show the controller, if it asks for one")
    add("client-key", "", "file with the key of that certificate")
    add("name", platform.node(), "what people call this trainer", type=_text)
    add("pool", "", "the pool that it belongs to: namespaces/NAMESPACE/pools/POOL", type=_pool)
    parser.add_argument(
        "--label",
        action="append",
        type=_label,
        metavar="KEY=VALUE",
        default=[_label(label) for label in environment.get(_PREFIX + "LABELS", "").split(",") if label],
        help=f"what a search selects trainers by; may be repeated [{_PREFIX}LABELS: KEY=VALUE,KEY=VALUE]",
    )
    add("slots", "1", "children that each agent trains at once", type=_count)
    add("agents", "1", "trainers in this process", type=_count)
    add("cores", "0", "processor cores that the children share; 0 for all that this process may run on", type=_cores)
    add("threads", None, "processor threads of a child; default: the cores, shared out", type=_count)
    add("device", "auto", "what to compute on", choices=_DEVICES)
    add("data-dir", None, "where data sets are", type=Path)
    add("artifacts", None, "where trained weights go, unless the search says where", type=Path)
    add("metrics-host", "127.0.0.1", "where metrics, /livez and /readyz are served")
    add("metrics-port", "0", "their port; 0 for nowhere", type=_port)
    add("grace", "30", "seconds that children may go on after the trainer was told to leave", type=_seconds)
    add("gang-host", "127.0.0.1", "host or IP address at which the other trainers of a gang reach this one; empty for no gang")
    parser.add_argument("--exit-with-parent", action="store_true", help="leave at once when standard input ends")
    return parser


def _all_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _text(given: str) -> str:
    if not given:
        raise argparse.ArgumentTypeError("is empty; give a name")
    return given


def _pool(given: str) -> str:
    if given:
        try:
            PoolName.parse(given)
        except InvalidInputError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
    return given


def _address(given: str) -> str:
    try:
        return str(parse_address(given, "the address"))
    except InvalidInputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _label(given: str) -> tuple[str, str]:
    key, equals, value = given.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"{given!r} is no label; give KEY=VALUE")
    return key, value


def _count(given: str) -> int:
    if not given.isdecimal() or int(given) < 1:
        raise argparse.ArgumentTypeError(f"{given!r} is no count; give a whole number, 1 or more")
    return int(given)


def _cores(given: str) -> int:
    if not given.isdecimal():
        raise argparse.ArgumentTypeError(f"{given!r} is no count of cores; give a whole number, or 0 for all")
    return int(given)


def _port(given: str) -> int:
    if not given.isdecimal() or int(given) > LARGEST_PORT:
        raise argparse.ArgumentTypeError(f"{given!r} is no port; give 0 to {LARGEST_PORT}")
    return int(given)


def _seconds(given: str) -> float:
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{given!r} is no time; give seconds, 0 or more")
    return seconds
