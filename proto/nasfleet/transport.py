"""The way to a controller: plain text on loopback, or TLS with a token on every call.

The files are looked at again whenever it matters, since others renew them: the token for each call, the certificates whenever a
channel is asked for.
"""

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import grpc

from nasfleet.errors import InvalidInputError

Options = Sequence[tuple[str, Any]]
Channel = TypeVar("Channel")


@dataclass(frozen=True, slots=True)
class Trust:
    """How a client knows the controller, and what it shows of itself.

    Attributes:
        ca: file with the certificates, in PEM, of whoever signs the controller's.
        token: file with the token that is sent with every call; None for none.
        server_name: the name in the controller's certificate, if that is not the host of its address.
    """

    ca: Path
    token: Path | None = None
    server_name: str = ""

    def certificates(self) -> str:
        """Return the certificates as they are now, or raise InvalidInputError."""
        content = read_file(self.ca, "--ca")
        _check(content, self.ca)
        return content.decode("ascii")


def read_trust(ca: str, token: str, server_name: str = "") -> Trust | None:
    """Return the trust that a program was told of by --ca, --token-file and --server-name; None for plain text.

    Raises:
        InvalidInputError: if a file is not what its option wants, or a token would go over the wire in plain text.
    """
    if not ca:
        for option, value in (("--token-file", token), ("--server-name", server_name)):
            if value:
                raise InvalidInputError(f"{option} {value} is given without --ca: a token is sent over TLS only")
        return None
    trust = Trust(Path(ca), Path(token) if token else None, server_name)
    trust.certificates()
    if trust.token is not None and not read_file(trust.token, "--token-file").strip():
        raise InvalidInputError(f"--token-file {token} is empty: it is to hold a token for the controller")
    return trust


class Way(Generic[Channel]):
    """Channels to one controller; a new one is made when the certificates have changed.

    Those of before stay open until `channels` are closed, since somebody may still read from them.
    """

    def __init__(
        self, address: str, trust: Trust | None, options: Options, plain: Callable[..., Channel], secure: Callable[..., Channel]
    ) -> None:
        self._address = address
        self._trust = trust
        self._options = options
        self._plain = plain
        self._secure = secure
        self._certificates = b""
        self.channels: list[Channel] = []

    def channel(self) -> Channel:
        """Return a channel that trusts what the file of certificates holds now; the last one if it cannot be read."""
        if self._trust is None:
            return self.channels[-1] if self.channels else self._add(self._plain(self._address, options=self._options))
        try:
            content = read_file(self._trust.ca, "--ca")
            if content != self._certificates:
                self._add(self._secured(self._trust, content))
                self._certificates = content
        except InvalidInputError:
            if not self.channels:
                raise
        return self.channels[-1]

    def _secured(self, trust: Trust, certificates: bytes) -> Channel:
        _check(certificates, trust.ca)
        credentials = _credentials(certificates, trust.token)
        named = [("grpc.ssl_target_name_override", trust.server_name)] if trust.server_name else []
        return self._secure(self._address, credentials, options=[*self._options, *named])

    def _add(self, channel: Channel) -> Channel:
        self.channels.append(channel)
        return channel


def way(address: str, trust: Trust | None, options: Options) -> Way[grpc.Channel]:
    """Return the way to HOST:PORT for threads."""
    return Way(address, trust, options, grpc.insecure_channel, grpc.secure_channel)


def aio_way(address: str, trust: Trust | None, options: Options) -> Way[grpc.aio.Channel]:
    """Return the way to HOST:PORT for coroutines."""
    return Way(address, trust, options, grpc.aio.insecure_channel, grpc.aio.secure_channel)


class _SendToken(grpc.AuthMetadataPlugin):
    """Sends what a file holds at the moment of the call."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __call__(self, _context: grpc.AuthMetadataContext, callback: grpc.AuthMetadataPluginCallback) -> None:
        try:
            token = self._file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeError) as error:
            callback((), error)
        else:
            callback((("authorization", f"Bearer {token}"),), None)


def _credentials(certificates: bytes, token: Path | None) -> grpc.ChannelCredentials:
    encrypted = grpc.ssl_channel_credentials(certificates)
    if token is None:
        return encrypted
    return grpc.composite_channel_credentials(encrypted, grpc.metadata_call_credentials(_SendToken(token)))


def _check(certificates: bytes, file: Path) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=certificates.decode("ascii"))
    except (ssl.SSLError, UnicodeError, ValueError) as error:
        raise InvalidInputError(f"--ca {file} holds no certificates in PEM ({error})") from error


def read_file(file: Path, option: str) -> bytes:
    """Return what a file holds that an option names, or raise InvalidInputError."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidInputError(f"{option} {file} cannot be read: {error.strerror}") from error
