"""How clients trust a controller: files at the door, and what becomes of them when others renew them."""

from pathlib import Path

import grpc
import pytest

from nasfleet.errors import InvalidInputError
from nasfleet.transport import Trust, read_trust, way
from nasfleet_testing.certificates import issue, make_authority


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    make_authority(tmp_path / "pki")
    return tmp_path / "pki" / "ca.crt"


def test_nothing_given_is_plain_text() -> None:
    assert read_trust("", "") is None


@pytest.mark.parametrize(("token", "name"), [("token", ""), ("", "controller.nasfleet.svc")])
def test_a_token_is_never_sent_in_plain_text(token: str, name: str) -> None:
    with pytest.raises(InvalidInputError, match="without --ca"):
        read_trust("", token, name)


def test_files_are_looked_at_at_the_door(authority: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"--ca .*none\.crt cannot be read"):
        read_trust(str(tmp_path / "none.crt"), "")
    with pytest.raises(InvalidInputError, match="holds no certificates in PEM"):
        read_trust(str(authority.with_suffix(".key")), "")
    with pytest.raises(InvalidInputError, match=r"--token-file .* cannot be read"):
        read_trust(str(authority), str(tmp_path / "none"))
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(InvalidInputError, match="is empty"):
        read_trust(str(authority), str(tmp_path / "empty"))


def test_a_new_channel_is_made_when_the_certificates_have_changed_and_only_then(authority: Path, tmp_path: Path) -> None:
    secured = way("127.0.0.1:1", Trust(authority), ())
    first = secured.channel()
    assert secured.channel() is first
    make_authority(tmp_path / "next")
    (tmp_path / "next" / "ca.crt").replace(authority)
    second = secured.channel()
    assert second is not first
    assert secured.channels == [first, second]
    for channel in secured.channels:
        channel.close()


def test_a_certificate_of_ones_own_comes_with_its_key_and_over_tls_only(authority: Path) -> None:
    for name in ("one", "other"):
        issue(authority.parent, name, "client")
    certificate, key = (str(authority.with_name(f"one.{kind}")) for kind in ("crt", "key"))
    trust = read_trust(str(authority), "", "", certificate, key)
    assert trust == Trust(authority, pair=(Path(certificate), Path(key)))
    with pytest.raises(InvalidInputError, match=r"--client-certificate .*one\.crt is given without --ca"):
        read_trust("", "", "", certificate, key)
    with pytest.raises(InvalidInputError, match=r"--client-certificate .*one\.crt is given without --client-key"):
        read_trust(str(authority), "", "", certificate)
    with pytest.raises(InvalidInputError, match=r"--client-key .*one\.key is given without --client-certificate"):
        read_trust(str(authority), "", "", "", key)
    with pytest.raises(InvalidInputError, match=r"--client-key .*other\.key are no certificate and its key"):
        read_trust(str(authority), "", "", certificate, str(authority.with_name("other.key")))


def test_a_renewed_certificate_of_ones_own_is_shown_from_the_next_channel_on(authority: Path) -> None:
    for name in ("mine", "next"):
        issue(authority.parent, name, "client")
    secured = way("127.0.0.1:1", Trust(authority, pair=(authority.with_name("mine.crt"), authority.with_name("mine.key"))), ())
    first = secured.channel()
    authority.with_name("next.crt").replace(authority.with_name("mine.crt"))
    assert secured.channel() is first, "a certificate was used whose key is not there yet"
    authority.with_name("next.key").replace(authority.with_name("mine.key"))
    assert secured.channel() is not first
    for channel in secured.channels:
        channel.close()


@pytest.mark.parametrize("content", [None, b"", b"half of a certifi"])
def test_while_the_file_is_none_the_last_channel_stays(authority: Path, content: bytes | None) -> None:
    secured = way("127.0.0.1:1", Trust(authority), ())
    first = secured.channel()
    if content is None:
        authority.unlink()
    else:
        authority.write_bytes(content)
    assert secured.channel() is first
    first.close()


def test_in_plain_text_there_is_one_channel() -> None:
    plain = way("127.0.0.1:1", None, ())
    assert isinstance(plain.channel(), grpc.Channel)
    assert plain.channel() is plain.channel()
    plain.channel().close()
