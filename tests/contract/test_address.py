"""Every program reads HOST:PORT alike, and says what to give instead of what it cannot be."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasfleet.address import LARGEST_PORT, Address, parse_address
from nasfleet.errors import InvalidInputError

_names = st.from_regex(r"([a-z0-9_]([-a-zA-Z0-9_]{0,20}[a-z0-9])?\.){0,3}[a-z]([-a-z0-9]{0,9}[a-z])?\.?", fullmatch=True)
_hosts = _names | st.ip_addresses().map(str)


@given(host=_hosts, port=st.integers(1, LARGEST_PORT))
def test_an_address_is_read_back_as_it_is_written(host: str, port: int) -> None:
    assert parse_address(str(Address(host, port)), "--listen") == Address(host, port)


@given(st.text())
def test_any_text_is_read_or_refused_by_name(text: str) -> None:
    try:
        address = parse_address(text, "--listen", any_port=True)
    except InvalidInputError as error:
        assert str(error).startswith(f"--listen is {text!r}: give HOST:PORT")  # noqa: PT017 - or it is an address
    else:
        assert re.fullmatch(r"[-\w.]+|[0-9a-fA-F:.]+(%.+)?", address.host, re.ASCII)
        assert parse_address(str(address), "--listen", any_port=True) == address
        assert 0 <= address.port <= LARGEST_PORT


@pytest.mark.parametrize(
    "text", ["", "here", "here:", ":1", "here:0", "here:65536", "here:-1", "here:+1", "here:1 ", "a b:1", "here:²", "here:٣"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse_address(text, "--controller")
    assert str(refused.value) == (
        f"--controller is {text!r}: give HOST:PORT with a port from 1 to 65535, for example 127.0.0.1:50051"
    )


@pytest.mark.parametrize(
    "host",
    [
        *(
            "http://x",
            "a/b",
            "user@h",
            "x y",
            "-x",
            "x-",
            ".x",
            "a..b",
            "x?",
            "ä",
            "a" * 64,
            "a." * 127 + "a",
            "127.0.0",
            "1.2.3.256",
        ),
        *("::1", "[::1", "::1]", "[]", "[x]", "[127.0.0.1]", "[::1]]", "[[::1]]", "[1::2::3]", "x[::1]"),
    ],
)
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(InvalidInputError, match="give HOST:PORT"):
        parse_address(f"{host}:50051", "--controller")


@pytest.mark.parametrize(
    "host", ["localhost", "x", "controller.nasfleet.svc.cluster.local", "h200_1", "127.0.0.1", "0.0.0.0", "3com.x."]
)
def test_names_and_ipv4_addresses_are_hosts(host: str) -> None:
    assert parse_address(f"{host}:50051", "--controller") == Address(host, 50051)


@pytest.mark.parametrize("host", ["::", "::1", "2001:DB8::7", "::ffff:10.0.0.1", "fe80::1%eth0"])
def test_an_ipv6_address_has_brackets_where_it_is_written_and_none_where_it_is_bound(host: str) -> None:
    address = parse_address(f"[{host}]:50051", "--listen")
    assert (address, str(address)) == (Address(host, 50051), f"[{host}]:50051")


def test_port_0_and_nothing_at_all_are_for_those_who_ask_for_them() -> None:
    assert parse_address("here:0", "--listen", any_port=True) == Address("here", 0)
    assert parse_address("", "--metrics", or_nothing=True) is None
    with pytest.raises(InvalidInputError, match=r"1 to 65535, or 0 for any free one, for example .*50051, or nothing$"):
        parse_address("here", "--metrics", any_port=True, or_nothing=True)
