"""What the controller program is told when it starts; the environment is read here and nowhere else."""

import argparse
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from nasfleet.address import Address, parse_address
from nasfleet.errors import InvalidInputError
from nasfleet.names import DEFAULT_AUDIENCE
from nasfleet.tracing import asks_for_traces
from nasfleet_controller.access.certificates import Certificates


class Authentication(enum.Enum):
    """How the controller knows who calls."""

    NONE = "None"
    KUBERNETES = "Kubernetes"


@dataclass(frozen=True, slots=True)
class ControllerConfig:
    """Settings of the controller program.

    Attributes:
        state: directory of the store, the lock and the artifacts; made if it is not there.
        listen: where gRPC is served; loopback by default, since there is no authentication on one machine.
        metrics: where Prometheus scrapes; None for nowhere.
        health: where grpc.health.v1 alone is served, always in plain text; None for nowhere.
        store_url: SQLAlchemy URL of the store; by default a SQLite file in the state directory.
        certificates: for TLS; None for plain text.
        authentication: how callers are known; with NONE whoever reaches the address may do everything.
        kubeconfig: a file that says which cluster reviews callers; empty for the service account of the pod.
        audience: for whom the tokens of callers are.
        operator_account: user name of the operator, who may do everything that can be asked; empty for nobody.
        traces: whether OpenTelemetry's own variables ask for traces; it reads the rest of them itself.
        exit_with_parent: stop when standard input ends, so that nothing is left behind if the parent is killed.
    """

    state: Path
    listen: Address
    metrics: Address | None
    health: Address | None
    store_url: str
    certificates: Certificates | None
    authentication: Authentication
    kubeconfig: str
    audience: str
    operator_account: str
    traces: bool
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
            health=parse_address(chosen.health, "--health", any_port=True, or_nothing=True),
            store_url=chosen.store_url or f"sqlite:///{state / 'nasfleet.db'}",
            certificates=_certificates(chosen),
            authentication=_authentication(chosen),
            kubeconfig=chosen.kubeconfig,
            audience=chosen.audience,
            operator_account=chosen.operator_account,
            traces=asks_for_traces(environment),
            exit_with_parent=chosen.exit_with_parent,
        )


def _certificates(chosen: argparse.Namespace) -> Certificates | None:
    if not chosen.tls_certificate and not chosen.tls_key:
        if chosen.tls_client_ca:
            raise InvalidInputError(f"--tls-client-ca {chosen.tls_client_ca} is given without --tls-certificate and --tls-key")
        return None
    for option in ("tls_certificate", "tls_key"):
        if not getattr(chosen, option):
            raise InvalidInputError(f"--{option.replace('_', '-')} is not given: TLS needs the certificate and its key")
    client_ca = Path(chosen.tls_client_ca) if chosen.tls_client_ca else None
    return Certificates(Path(chosen.tls_certificate), Path(chosen.tls_key), client_ca)


def _authentication(chosen: argparse.Namespace) -> Authentication:
    try:
        authentication = Authentication(chosen.authentication)
    except ValueError:
        names = " or ".join(one.value for one in Authentication)
        raise InvalidInputError(f"--authentication is {chosen.authentication!r}: give {names}") from None
    if authentication is not Authentication.NONE and not chosen.tls_certificate:
        raise InvalidInputError(f"--authentication {authentication.value} needs --tls-certificate: tokens go over TLS only")
    return authentication


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
    option("health", "", "HOST:PORT of grpc.health.v1 alone, in plain text, for probes that know no TLS; empty for none")
    option("tls-certificate", "", "file with the certificate for TLS, in PEM; its renewal is followed; empty for plain text")
    option("tls-key", "", "file with its key")
    option("tls-client-ca", "", "file with the certificates that clients' own must be signed by; empty to ask for none")
    option("authentication", "None", "None, or Kubernetes: a token on every call, reviewed by the cluster")
    option("kubeconfig", "", "file that says which cluster reviews them; empty for the service account of the pod")
    option("audience", DEFAULT_AUDIENCE, "for whom those tokens have to be")
    option("operator-account", "", "user name of the operator, as in system:serviceaccount:NAMESPACE:NAME")
    option("store-url", "", "SQLAlchemy URL of the store, if not a SQLite file in the state directory")
    parser.add_argument("--exit-with-parent", action="store_true", help="stop when standard input ends")
    return parser
