"""What the operator program is told when it starts; the environment is read here and nowhere else."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from nasfleet.address import Address, parse_address
from nasfleet.errors import InvalidInputError
from nasfleet.names import DEFAULT_AUDIENCE
from nasfleet.transport import Trust, read_trust
from nasfleet_operator.settings import Settings

LARGEST_WORKERS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorConfig:
    """Settings of the operator program.

    Attributes:
        settings: what plans depend on.
        controller: HOST:PORT of the controller, as the operator reaches it.
        trust: for TLS with it, which its trainers speak then too; None for plain text.
        controller_timeout: for each call to it, in seconds.
        namespaces: those that are watched; none for all.
        kubeconfig: a file that says where the API server is; empty for the service account of the pod.
        context: a context of that file; empty for its current one.
        resync_seconds: everything is listed anew this often, since a watch that breaks may miss what goes.
        relist_seconds: what is declared is listed anew this often; see `resync`.
        poll_seconds: how often the controller is asked what has changed.
        workers: passes at once, over different resources.
        api_calls_per_second: to the API server, in the long run; twice as many at once.
        api_timeout: for each call to it, in seconds.
        metrics: where Prometheus scrapes; None for nowhere.
        liveness: where /healthz is served; None for nowhere.
        exit_with_parent: stop when standard input ends, so that nothing is left behind if the parent is killed.
    """

    settings: Settings
    controller: str
    trust: Trust | None
    controller_timeout: float = 5.0
    namespaces: tuple[str, ...]
    kubeconfig: str
    context: str
    resync_seconds: float
    relist_seconds: float = 60.0
    poll_seconds: float
    workers: int
    api_calls_per_second: float
    api_timeout: float = 30.0
    metrics: Address | None
    liveness: Address | None
    exit_with_parent: bool

    @classmethod
    def read(cls, arguments: Sequence[str], environment: Mapping[str, str]) -> Self:
        """Return the settings of a command line; options win over NASFLEET_OPERATOR_... variables, these over defaults.

        Raises:
            InvalidInputError: that names the option and the value that is wrong.
        """
        chosen = _parser(environment).parse_args(arguments)
        for required in ("controller", "trainer_image"):
            if not getattr(chosen, required):
                raise InvalidInputError(f"--{required.replace('_', '-')} is not given")
        controller = parse_address(chosen.controller, "--controller")
        for_trainers = parse_address(chosen.trainer_controller, "--trainer-controller", or_nothing=True)
        trust = read_trust(chosen.ca, chosen.token_file, chosen.server_name, chosen.client_certificate, chosen.client_key)
        settings = Settings(
            controller=str(for_trainers or controller),
            trainer_image=chosen.trainer_image,
            service_account=chosen.trainer_service_account,
            server_name=chosen.server_name,
            token_audience=chosen.audience,
            forget_after_seconds=_number("--forget-after-seconds", chosen.forget_after_seconds, 0, 86_400),
        )
        return cls(
            settings=settings,
            controller=str(controller),
            trust=trust,
            namespaces=tuple(name for name in chosen.namespaces.split(",") if name),
            kubeconfig=chosen.kubeconfig,
            context=chosen.context,
            resync_seconds=_number("--resync-seconds", chosen.resync_seconds, 1, 86_400),
            poll_seconds=_number("--poll-seconds", chosen.poll_seconds, 0.1, 3_600),
            workers=int(_number("--workers", chosen.workers, 1, LARGEST_WORKERS)),
            api_calls_per_second=_number("--api-calls-per-second", chosen.api_calls_per_second, 1, 10_000),
            metrics=parse_address(chosen.metrics, "--metrics", or_nothing=True),
            liveness=parse_address(chosen.liveness, "--liveness", or_nothing=True),
            exit_with_parent=chosen.exit_with_parent,
        )


def _number(option: str, text: str, least: float, most: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise InvalidInputError(f"{option} is {text!r}: give a number from {least:g} to {most:g}")
    return value


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nasfleet operator",
        description="Run the searches and the trainer pools that are declared in a Kubernetes cluster.",
    )

    def option(name: str, default: str, text: str) -> None:
        variable = "NASFLEET_OPERATOR_" + name.upper().replace("-", "_")
        parser.add_argument(
            f"--{name}", default=environment.get(variable, default), help=f"{text} [{variable}; {default or 'none'}]"
        )

    option("controller", "", "HOST:PORT of the controller, as the operator reaches it; required")
    option("trainer-controller", "", "HOST:PORT of the controller, as trainers reach it, if that differs")
    option(
        "ca",
        "",
        "file with the certificates that the controller's is signed by, in PEM; trainers get it too; none for plain text",
    )
    option("token-file", "", "file with the token that is sent to the controller with every call")
    option("server-name", "", "name in the controller's certificate, if that is not the host of its address")
    option("client-certificate", "", "file with a certificate to show the controller, if it asks for one")
    option("client-key", "", "file with the key of that certificate")
    option("audience", DEFAULT_AUDIENCE, "for whom the tokens of trainers are")
    option("trainer-image", "", "image of the trainers of pools that name none; required")
    option("trainer-service-account", "nasfleet-trainer", "service account of the trainers of pools that name none")
    option("namespaces", "", "namespaces to watch, with commas between them; none for all")
    option("kubeconfig", "", "file that says where the API server is; none for the service account of the pod")
    option("context", "", "context of that file; none for its current one")
    option("resync-seconds", "600", "how often everything is listed anew")
    option("poll-seconds", "2", "how often the controller is asked what has changed")
    option("forget-after-seconds", "60", "a deleted search waits this long for a controller that does not answer")
    option("workers", "8", "resources that are worked on at once")
    option("api-calls-per-second", "100", "calls to the API server in the long run, twice as many at once")
    option("metrics", "127.0.0.1:9466", "HOST:PORT of the Prometheus metrics; empty for none")
    option("liveness", "127.0.0.1:9467", "HOST:PORT of /healthz; empty for none")
    parser.add_argument("--exit-with-parent", action="store_true", help="stop when standard input ends")
    return parser
