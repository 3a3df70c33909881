"""A controller that asks clients for certificates: whoever shows one of the right authority is let in, nobody else is."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from nasfleet.catalogue import Synthetic
from nasfleet.client import Client
from nasfleet.errors import UnavailableError
from nasfleet.transport import Trust
from nasfleet_cli.main import cli
from nasfleet_testing.certificates import issue, make_authority
from nasfleet_testing.programs import SEARCH, RunningController, controller, settled, synthetic_search, trainer

TRIALS = 4


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for authority in ("pki", "others"):
        make_authority(folder / authority)
        issue(folder / authority, "client", "client", "/CN=researcher")
    issue(folder / "pki", "server", "server")
    return folder / "pki"


@pytest.fixture(scope="module")
def asking(pki: Path) -> Iterator[RunningController]:
    pair = ("--tls-certificate", str(pki / "server.crt"), "--tls-key", str(pki / "server.key"))
    with controller(pki / "state", "127.0.0.1:0", *pair, "--tls-client-ca", str(pki / "ca.crt")) as running:
        yield running


@pytest.fixture
def trust(pki: Path) -> Trust:
    return Trust(pki / "ca.crt", pair=(pki / "client.crt", pki / "client.key"))


def test_who_shows_none_is_not_let_in(asking: RunningController, pki: Path) -> None:
    with Client(asking.address, Trust(pki / "ca.crt")) as client, pytest.raises(UnavailableError):
        client.get_fleet()


def test_who_shows_one_of_another_authority_is_not_let_in(asking: RunningController, trust: Trust, pki: Path) -> None:
    others = pki.parent / "others"
    stranger = replace(trust, pair=(others / "client.crt", others / "client.key"))
    with Client(asking.address, stranger) as client, pytest.raises(UnavailableError):
        client.get_fleet()


def test_a_trainer_and_the_command_line_show_theirs_and_work(
    asking: RunningController, trust: Trust, pki: Path, tmp_path: Path
) -> None:
    files = {"--ca": "ca.crt", "--client-certificate": "client.crt", "--client-key": "client.key"}
    shown = [word for option, file in files.items() for word in (option, str(pki / file))]
    with Client(asking.address, trust) as client, trainer(asking.address, tmp_path / "trainer.log", *shown) as working:
        client.ensure_search(SEARCH, synthetic_search(TRIALS, 2, Synthetic()))
        deadline = time.monotonic() + 60
        while settled(client) < TRIALS:
            assert time.monotonic() < deadline, working.log
            time.sleep(0.2)
    result = CliRunner().invoke(cli, ["get", "trials", "probe", "--controller", asking.address, *shown])
    assert (result.exit_code, result.output.count("succeeded")) == (0, TRIALS), result.output
