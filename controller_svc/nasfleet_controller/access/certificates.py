"""The controller's own certificate: read from files that others renew, and used from the next handshake on."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import structlog

from nasfleet.errors import InvalidInputError
from nasfleet.transport import check_pair, read_file

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM: the certificate with what it hangs from, its key, and whose certificates clients must have, if any."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


def server_credentials(files: Certificates) -> grpc.ServerCredentials:
    """Return credentials that follow the files; what is no pair of certificate and key while they are renewed is passed over.

    Raises:
        InvalidInputError: if they are none at the beginning.
    """
    latest = _Latest(files)
    return grpc.dynamic_ssl_server_credentials(latest.configuration, latest.renewed, files.client_ca is not None)


class _Latest:
    def __init__(self, files: Certificates) -> None:
        _check(files)
        self._files = files
        self._content = _read(files)
        self.configuration = _configuration(self._content)

    def renewed(self) -> Any:
        """Return what the files hold if that is new; None to go on with what was there. gRPC asks at each handshake."""
        try:
            content = _read(self._files)
            if content == self._content:
                return None
            _check(self._files)
            if _read(self._files) != content:  # half of it was of before; the next handshake is soon enough
                return None
        except InvalidInputError as error:
            log.warning("certificate_passed_over", error=str(error))
            return None
        self._content = content
        log.info("certificate_renewed", file=str(self._files.certificate))
        return _configuration(content)


_Content = tuple[bytes, bytes, bytes | None]


def _read(files: Certificates) -> _Content:
    client_ca = None if files.client_ca is None else read_file(files.client_ca, "--tls-client-ca")
    return read_file(files.certificate, "--tls-certificate"), read_file(files.key, "--tls-key"), client_ca


def _check(files: Certificates) -> None:
    check_pair(files.certificate, files.key, "tls")
    if files.client_ca is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(files.client_ca)
        except (ssl.SSLError, OSError) as error:
            raise InvalidInputError(f"--tls-client-ca {files.client_ca} holds no certificates in PEM: {error}") from error


def _configuration(content: _Content) -> Any:
    certificate, key, client_ca = content
    return grpc.ssl_server_certificate_configuration([(key, certificate)], root_certificates=client_ca)
