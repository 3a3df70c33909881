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
        pair: files with the client's own certificate, in PEM, and its key, for a controller that asks for one; None for none.
    """

    ca: Path
    token: Path | None = None
    server_name: str = ""
    pair: tuple[Path, Path] | None = None

    def certificates(self) -> str:
        """Return the certificates as they are now, or raise InvalidInputError."""
        content = read_file(self.ca, "--ca")
        _check(content, self.ca)
        return content.decode("ascii")


def read_trust(
    ca: str, token_file: str, server_name: str = "", client_certificate: str = "", client_key: str = ""
) -> Trust | None:
    """Return the trust that a program was told of by its options; None for plain text.

    The options: --ca, --token-file, --server-name, --client-certificate and --client-key.

    Raises:
        InvalidInputError: if a file is not what its option wants, or a token would go over the wire in plain text.
    """
    pair = {"--client-certificate": client_certificate, "--client-key": client_key}
    if not ca:
        for option, value in ({"--token-file": token_file, "--server-name": server_name} | pair).items():
            if value:
                raise InvalidInputError(f"{option} {value} is given without --ca: a client shows itself over TLS only")
        return None
    for given, missing in (tuple(pair), tuple(pair)[::-1]):
        if pair[given] and not pair[missing]:
            raise InvalidInputError(f"{given} {pair[given]} is given without {missing}")
    own = (Path(client_certificate), Path(client_key)) if client_certificate else None
    trust = Trust(Path(ca), Path(token_file) if token_file else None, server_name, own)
    trust.certificates()
    if trust.pair is not None:
        check_pair(*trust.pair, "client")
    if trust.token is not None and not read_file(trust.token, "--token-file").strip():
        raise InvalidInputError(f"--token-file {token_file} is empty: it is to hold a token for the controller")
    return trust


@dataclass(frozen=True, slots=True)
class _Files:
    """What the files of a trust hold: certificates of authorities, and the client's own with its key, or neither."""

    authorities: bytes
    certificate: bytes | None = None
    key: bytes | None = None


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
        self._files: _Files | None = None
        self.channels: list[Channel] = []

    def channel(self) -> Channel:
        """Return a channel by what the files of certificates hold now; the last one if they cannot be used."""
        if self._trust is None:
            return self.channels[-1] if self.channels else self._add(self._plain(self._address, options=self._options))
        try:
            files = _read(self._trust)
            if files != self._files:
                self._add(self._secured(self._trust, files))
                self._files = files
        except InvalidInputError:
            if not self.channels:
                raise
        return self.channels[-1]

    def _secured(self, trust: Trust, files: _Files) -> Channel:
        _check(files.authorities, trust.ca)
        if trust.pair is not None:
            check_pair(*trust.pair, "client")
        credentials = _credentials(files, trust.token)
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


def _read(trust: Trust) -> _Files:
    authorities = read_file(trust.ca, "--ca")
    if trust.pair is None:
        return _Files(authorities)
    certificate, key = trust.pair
    return _Files(authorities, read_file(certificate, "--client-certificate"), read_file(key, "--client-key"))


def _credentials(files: _Files, token: Path | None) -> grpc.ChannelCredentials:
    encrypted = grpc.ssl_channel_credentials(files.authorities, private_key=files.key, certificate_chain=files.certificate)
    if token is None:
        return encrypted
    return grpc.composite_channel_credentials(encrypted, grpc.metadata_call_credentials(_SendToken(token)))


def _check(certificates: bytes, file: Path) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=certificates.decode("ascii"))
    except (ssl.SSLError, UnicodeError, ValueError) as error:
        raise InvalidInputError(f"--ca {file} holds no certificates in PEM ({error})") from error


def check_pair(certificate: Path, key: Path, whose: str) -> None:
    """Raise InvalidInputError if these are no certificate and its key; options are --WHOSE-certificate and --WHOSE-key."""

    def refuse_passphrase() -> str:
        raise InvalidInputError(f"--{whose}-key {key} has a passphrase: give the key without one")

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, refuse_passphrase)
    except (ssl.SSLError, OSError) as error:
        pair = f"--{whose}-certificate {certificate} and --{whose}-key {key}"
        raise InvalidInputError(f"{pair} are no certificate and its key: {error}") from error


def read_file(file: Path, option: str) -> bytes:
    """Return what a file holds that an option names, or raise InvalidInputError."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidInputError(f"{option} {file} cannot be read: {error.strerror}") from error
