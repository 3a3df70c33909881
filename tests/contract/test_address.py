"""Every program reads HOST:PORT alike, and says what to give instead of what it cannot be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasfleet.address import LARGEST_PORT, Address, parse_address
from nasfleet.errors import InvalidInputError

_hosts = st.from_regex(r"[a-z0-9][-a-z0-9.]{0,20}|\[[0-9a-f:]{2,20}\]", fullmatch=True)


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
        assert address.host
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


def test_port_0_and_nothing_at_all_are_for_those_who_ask_for_them() -> None:
    assert parse_address("here:0", "--listen", any_port=True) == Address("here", 0)
    assert parse_address("", "--metrics", or_nothing=True) is None
    with pytest.raises(InvalidInputError, match=r"1 to 65535, or 0 for any free one, for example .*50051, or nothing$"):
        parse_address("here", "--metrics", any_port=True, or_nothing=True)
