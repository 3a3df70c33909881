"""Where metrics are served: at an IPv4 address, and at an IPv6 address as every other option takes it."""

from urllib.request import urlopen

import pytest

from nasfleet.address import parse_address
from nasfleet_controller.metrics import ControllerMetrics


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_metrics_are_served_where_they_are_said_to_be(host: str) -> None:
    served = ControllerMetrics().serve(parse_address(f"{host}:0", "--metrics", any_port=True))
    assert str(served).startswith(f"{host}:")
    with urlopen(f"http://{served}/metrics", timeout=10) as answer:
        assert b"nasfleet_build_info" in answer.read()
