"""Who is let in where the controller asks Kubernetes who calls: real TLS, real tokens, real reviews, a real API server."""

import asyncio
import contextlib
import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from click.testing import CliRunner
from grpc_health.v1 import health_pb2, health_pb2_grpc

from nasfleet.catalogue import Budget, ConvChain, Random, SearchSpaceSection, SearchSpec, Synthetic
from nasfleet.client import Client
from nasfleet.errors import ForbiddenError, NasfleetError, NotFoundError, TooOftenError, UnauthenticatedError, UnavailableError
from nasfleet.transport import Trust, read_trust
from nasfleet.v1.fleet_pb2 import Hello, Outcome, OutcomeStatus, Progress, WorkRequest, WorkResponse
from nasfleet.v1.fleet_pb2_grpc import FleetServiceStub
from nasfleet.v1.trial_pb2 import EpochMeasurement, Measurement
from nasfleet_cli.kubectl import Cluster, Service
from nasfleet_cli.main import cli
from nasfleet_controller.access.reviews import UNKNOWN_OF_HOST_AT_ONCE
from nasfleet_testing.certificates import make_authority
from nasfleet_testing.control_plane import ControlPlane, write_kubeconfig
from nasfleet_testing.guarded_controller import OPERATOR, RESEARCHER, TRAINER, Guarded, guarded_controller, prepare
from nasfleet_testing.processes import program
from nasfleet_testing.relay import relay
from nasfleet_testing.tokens import token

MANIFESTS = Path(__file__).parents[2] / "operator" / "manifests"
POOL = "namespaces/vision/pools/gpu"
MINE, THEIRS = "namespaces/vision/searches/mine", "namespaces/language/searches/theirs"
SPEC = SearchSpec(
    search_space=SearchSpaceSection(space=ConvChain(layers=3)),
    strategy=Random(),
    task=Synthetic(),
    budget=Budget(trials=1000),
    parallelism=100,
)
Stream = grpc.aio.StreamStreamCall[WorkRequest, WorkResponse]


@pytest.fixture(scope="module")
def guarded(control_plane: ControlPlane, operator_account: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    prepare(control_plane, MANIFESTS)
    with guarded_controller(control_plane, tmp_path_factory.mktemp("guarded")) as one:
        with one.client(OPERATOR) as operator:
            for name in (MINE, THEIRS):
                operator.ensure_search(name, SPEC)
            for namespace in ("vision", "language"):
                operator.ensure_pool(
                    f"namespaces/{namespace}/pools/gpu", labels={}, service_account="nasfleet-trainer", wanted_size=1
                )
        yield one


def hello(trainer: str = "gpu-0", pool: str = POOL, instance: str = "") -> WorkRequest:
    name = instance or f"{pool}/{trainer}"
    return WorkRequest(hello=Hello(protocol_version=1, instance_id=name, trainer=trainer, pool=pool, slots=1, device="cpu"))


async def greeted(guarded: Guarded, trust: Trust, request: WorkRequest) -> tuple[grpc.aio.Channel, Stream, WorkResponse]:
    """Open a stream and say hello; return what is answered first."""
    assert trust.token is not None
    channel = guarded.channel()
    call = FleetServiceStub(channel).Work(metadata=(("authorization", f"Bearer {trust.token.read_text()}"),))
    await call.write(request)
    first = await call.read()
    assert isinstance(first, WorkResponse), await call.details()
    return channel, call, first


async def over(call: Stream) -> None:
    """Read a stream to its end, which is not told before all that came first is read."""
    with contextlib.suppress(grpc.aio.AioRpcError):
        while await asyncio.wait_for(call.read(), 30) is not grpc.aio.EOF:
            pass


async def refused_stream(guarded: Guarded, trust: Trust, request: WorkRequest) -> tuple[grpc.StatusCode, str]:
    """Open a stream that is refused; return how."""
    assert trust.token is not None
    async with guarded.channel() as channel:
        call = FleetServiceStub(channel).Work(metadata=(("authorization", f"Bearer {trust.token.read_text()}"),))
        await call.write(request)
        await over(call)
        return await call.code(), await call.details() or ""


class TestBadClients:
    """Each of these comes to the controller of a cluster, and is refused."""

    def test_without_a_token(self, guarded: Guarded) -> None:
        with (
            Client(guarded.address, Trust(guarded.authority)) as client,
            pytest.raises(UnauthenticatedError, match="without a token"),
        ):
            client.get_search(MINE)

    def test_in_plain_text(self, guarded: Guarded) -> None:
        with Client(guarded.address) as client, pytest.raises(UnavailableError):
            client.get_search(MINE)

    def test_that_trusts_another_authority_does_not_send_its_token(self, guarded: Guarded, tmp_path: Path) -> None:
        make_authority(tmp_path / "other")
        trust = replace(guarded.trust(RESEARCHER), ca=tmp_path / "other" / "ca.crt")
        with Client(guarded.address, trust) as client, pytest.raises(UnavailableError, match=r"(?i)certificate|handshake|ssl"):
            client.get_search(MINE)

    def test_with_a_token_that_has_ended(self, guarded: Guarded) -> None:
        with guarded.client(RESEARCHER, seconds=-5) as client, pytest.raises(UnauthenticatedError, match="not good here"):
            client.get_search(MINE)

    def test_with_a_token_for_the_api_server(self, guarded: Guarded) -> None:
        audience = "https://kubernetes.default.svc"
        with (
            guarded.client(RESEARCHER, audience=audience) as client,
            pytest.raises(UnauthenticatedError, match="not good here"),
        ):
            client.get_search(MINE)

    async def test_with_the_token_of_another_account_than_its_pool_has(self, guarded: Guarded) -> None:
        trust = guarded.trust(("vision", "other-trainer"), pod="gpu-0")
        code, details = await refused_stream(guarded, trust, hello())
        assert (code, "service account is nasfleet-trainer" in details) == (grpc.StatusCode.PERMISSION_DENIED, True)

    def test_that_asks_for_a_search_of_another_namespace(self, guarded: Guarded) -> None:
        with guarded.client(RESEARCHER) as client:
            with pytest.raises(
                ForbiddenError, match=r"may not get architecturesearches\.nasfleet\.dev theirs in namespace language"
            ):
                client.get_search(THEIRS)
            with pytest.raises(ForbiddenError):
                list(client.list_trials(THEIRS))
            with pytest.raises(ForbiddenError):
                list(client.list_searches("namespaces/-"))
            with pytest.raises(ForbiddenError):
                client.delete_search(THEIRS)

    async def test_with_a_message_that_is_too_large(self, guarded: Guarded) -> None:
        trust = guarded.trust(RESEARCHER)
        with Client(guarded.address, trust) as client, pytest.raises(NasfleetError, match="too large"):
            client.get_search("namespaces/" + "x" * 5_000_000)

    def test_that_connects_and_says_nothing_is_let_go_and_keeps_nobody_waiting(self, guarded: Guarded) -> None:
        host, _, port = guarded.address.rpartition(":")
        silent = [socket.create_connection((host, int(port))) for _ in range(50)]
        try:
            with guarded.client(RESEARCHER) as client:
                assert client.get_search(MINE).name == MINE
            for one in silent:
                one.settimeout(30)
                while one.recv(4096):  # what a server says first
                    pass
        finally:
            for one in silent:
                one.close()

    async def test_under_the_instance_of_another_trainer_gets_none_of_its_leases(self, guarded: Guarded) -> None:
        channel, call, _ = await greeted(guarded, guarded.trust(TRAINER, pod="gpu-0"), hello())
        try:
            fence = await leased(call)
            thief = hello(pool="namespaces/language/pools/gpu", instance=f"{POOL}/gpu-0")
            thief.hello.held_fences.append(fence)
            code, details = await refused_stream(guarded, guarded.trust(("language", "nasfleet-trainer"), pod="gpu-0"), thief)
            assert (code, "another trainer" in details) == (grpc.StatusCode.FAILED_PRECONDITION, True)
            assert await acknowledged(call, fence, "mine") == "OUTCOME_STATUS_COUNTED"
        finally:
            await channel.close(None)

    async def test_that_speaks_of_leases_of_others_is_not_listened_to(self, guarded: Guarded) -> None:
        """Fences are numbers, easy to guess."""
        channel, call, _ = await greeted(guarded, guarded.trust(TRAINER, pod="gpu-0"), hello())
        forger = guarded.trust(("language", "nasfleet-trainer"), pod="gpu-1")
        others, talk, _ = await greeted(guarded, forger, hello("gpu-1", "namespaces/language/pools/gpu"))
        try:
            fence = await leased(call)
            await talk.write(WorkRequest(progress=[Progress(fence=fence, epochs=[EpochMeasurement(epoch=1, value=0.99)])]))
            assert await acknowledged(talk, fence, "forged") == "OUTCOME_STATUS_LATE"  # so the epochs have been heard
            assert await acknowledged(call, fence, "true") == "OUTCOME_STATUS_COUNTED"
            with guarded.client(OPERATOR) as operator:
                trials = [operator.get_trial(one.name) for one in operator.list_trials(MINE) if one.HasField("measurement")]
            assert trials
            assert not [trial.name for trial in trials if "0.99" in str(trial)], "a curve with forged epochs"
        finally:
            await channel.close(None)
            await others.close(None)

    async def test_with_a_fence_that_is_no_longer_valid_changes_nothing(self, guarded: Guarded) -> None:
        trust = guarded.trust(TRAINER, pod="gpu-1")
        channel, call, _ = await greeted(guarded, trust, hello("gpu-1"))
        try:
            fence = await leased(call)
            assert await acknowledged(call, fence, "first") == "OUTCOME_STATUS_COUNTED"
            assert await acknowledged(call, fence, "another") == "OUTCOME_STATUS_LATE"
        finally:
            await channel.close(None)

    def test_that_makes_ever_new_tokens_up_keeps_no_other_host_out(self, guarded: Guarded, tmp_path: Path) -> None:
        said = set()
        with relay(guarded.address, source="127.0.0.7") as bad:
            for connection in range(4):  # each from a port of its own
                made_up = tmp_path / f"token-{connection}"
                with Client(bad.address, Trust(guarded.authority, made_up)) as client:
                    for number in range(UNKNOWN_OF_HOST_AT_ONCE // 3):
                        made_up.write_text(f"made-up-{connection}-{number}")
                        with pytest.raises((UnauthenticatedError, TooOftenError)) as refused:
                            client.get_search(MINE)
                        said.add(type(refused.value))
            with guarded.client(RESEARCHER) as client:  # with a token of its own that nobody has seen
                assert client.get_search(MINE).name == MINE
        assert said == {UnauthenticatedError, TooOftenError}

    async def test_that_floods_with_unknown_methods_keeps_nobody_waiting(self, guarded: Guarded) -> None:
        async with guarded.channel() as channel:
            unknown = channel.unary_unary("/nasfleet.v1.SearchService/Everything")
            calls = [unknown(b"") for _ in range(2000)]
            with guarded.client(RESEARCHER) as client:
                found = await asyncio.to_thread(client.get_search, MINE)
            codes = {await call.code() for call in calls}
        assert found.name == MINE
        # What is too much for one connection is cancelled by HTTP/2 itself.
        assert grpc.StatusCode.UNIMPLEMENTED in codes
        assert codes <= {grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.CANCELLED}


async def leased(call: Stream) -> int:
    """Return the fence of the next assignment."""
    while True:
        response = await asyncio.wait_for(call.read(), 30)
        assert isinstance(response, WorkResponse), await call.details()
        if response.assignments:
            return response.assignments[0].fence


async def acknowledged(call: Stream, fence: int, outcome: str) -> str:
    """Say that a trial is measured; return the name of the answer."""
    measured = Measurement(value=0.5, parameters=1, multiply_adds=1, seconds=1.0, trainer_seconds=1.0)
    await call.write(WorkRequest(outcomes=[Outcome(outcome_id=outcome, fence=fence, measurement=measured)]))
    while True:
        response = await asyncio.wait_for(call.read(), 30)
        assert isinstance(response, WorkResponse), await call.details()
        for answer in response.acknowledgements:
            if answer.outcome_id == outcome:
                return OutcomeStatus.Name(answer.status)


class TestTrainers:
    async def test_pod_of_the_pool_gets_work(self, guarded: Guarded) -> None:
        channel, _, first = await greeted(guarded, guarded.trust(TRAINER, pod="gpu-0"), hello())
        await channel.close(None)
        assert first.HasField("welcome")

    @pytest.mark.parametrize(
        ("request_", "pod", "code", "why"),
        [
            (hello("gpu-7"), "gpu-0", grpc.StatusCode.PERMISSION_DENIED, "may not call itself trainer gpu-7"),
            (hello("gpu-0-x"), "gpu-0", grpc.StatusCode.PERMISSION_DENIED, "may not call itself"),
            (hello(), "", grpc.StatusCode.PERMISSION_DENIED, "is no pod"),
            (
                hello(pool="namespaces/language/pools/gpu"),
                "gpu-0",
                grpc.StatusCode.PERMISSION_DENIED,
                "it is of namespace vision",
            ),
            (hello(pool=""), "gpu-0", grpc.StatusCode.INVALID_ARGUMENT, "is no name of the form"),
            (hello(pool="namespaces/vision/pools/new"), "gpu-0", grpc.StatusCode.UNAVAILABLE, "is not declared yet"),
        ],
        ids=["another pod", "number of an agent that is none", "no pod", "another namespace", "no pool", "unknown pool"],
    )
    async def test_whoever_is_not_what_it_says_gets_none(
        self, guarded: Guarded, request_: WorkRequest, pod: str, code: grpc.StatusCode, why: str
    ) -> None:
        found, details = await refused_stream(guarded, guarded.trust(TRAINER, pod=pod), request_)
        assert (found, why in details) == (code, True), details

    async def test_stream_on_which_nothing_is_said_is_ended(self, guarded: Guarded) -> None:
        trust = guarded.trust(TRAINER, pod="gpu-0")
        assert trust.token is not None
        async with guarded.channel() as channel:
            call = FleetServiceStub(channel).Work(metadata=(("authorization", f"Bearer {trust.token.read_text()}"),))
            await over(call)
            assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert "no hello came within 20 s" in str(await call.details())

    async def test_whoever_says_very_much_is_listened_to_no_faster_than_it_may_and_others_are(self, guarded: Guarded) -> None:
        """Five hundred at once, then a hundred a second: the last of 800 messages is heard after three seconds."""
        channel, call, _ = await greeted(guarded, guarded.trust(TRAINER, pod="gpu-0"), hello())
        others, quiet, _ = await greeted(guarded, guarded.trust(TRAINER, pod="gpu-1"), hello("gpu-1"))
        began = time.monotonic()
        heard = {}

        async def hears(of: Stream, who: str) -> None:
            assert await acknowledged(of, 10**9, "last") == "OUTCOME_STATUS_LATE"
            heard[who] = time.monotonic() - began

        for _ in range(800):
            await call.write(WorkRequest())
        await asyncio.gather(hears(call, "busy"), hears(quiet, "quiet"))
        assert heard["busy"] > 2.5
        assert heard["quiet"] < heard["busy"]
        for one in (channel, others):
            await one.close(None)

    async def test_stream_ends_with_its_token(self, guarded: Guarded) -> None:
        channel, call, _ = await greeted(guarded, guarded.trust(TRAINER, pod="gpu-0", seconds=4), hello())
        began = time.monotonic()
        await over(call)
        assert await call.code() is grpc.StatusCode.UNAUTHENTICATED
        assert "open it again with the next one" in str(await call.details())
        assert time.monotonic() - began < 10
        await channel.close(None)


class TestPeople:
    def test_with_the_rights_of_their_namespace_do_there_what_they_want(self, guarded: Guarded) -> None:
        with guarded.client(RESEARCHER) as client:
            assert client.suspend_search(MINE).name == MINE
            assert client.resume_search(MINE).name == MINE
            listed = [search.name for search in client.list_searches("namespaces/vision")]
            assert MINE in listed
            assert THEIRS not in listed
            with pytest.raises(NotFoundError):
                client.get_search("namespaces/vision/searches/none")
            with pytest.raises(ForbiddenError, match="may not list trainerpools"):
                client.get_fleet()

    def test_with_the_rights_of_their_namespace_watch_a_search_though_the_fleet_is_not_shown_to_them(
        self, guarded: Guarded
    ) -> None:
        trust = guarded.trust(RESEARCHER)
        where = ("--controller", guarded.address, "--ca", str(trust.ca), "--token-file", str(trust.token))
        ended = "namespaces/vision/searches/short"
        with guarded.client(OPERATOR) as operator:
            operator.ensure_search(ended, replace(SPEC, task=Synthetic(epoch_seconds=3600.0)))
            watching = threading.Timer(3.0, lambda: operator.cancel_search(ended))
            watching.start()
            result = CliRunner().invoke(cli, ["watch", "short", "-n", "vision", "--plain", *where])
            watching.join()
        assert result.exit_code == 0, result.output
        assert "trainers are not shown" in result.output

    def test_who_calls_too_often_is_asked_to_wait_and_others_are_not(self, guarded: Guarded) -> None:
        with guarded.client(("language", "researcher")) as busy, guarded.client(RESEARCHER) as other:
            with pytest.raises(TooOftenError, match="more than 50 times a second"):
                [busy.get_search(THEIRS) for _ in range(2000)]
            assert other.get_search(MINE).name == MINE

    def test_changes_are_written_down_with_who_made_them(self, guarded: Guarded) -> None:
        with guarded.client(RESEARCHER) as client:
            client.suspend_search(MINE)
            client.resume_search(MINE)
        lines = guarded.process.log.splitlines()
        assert any(
            '"changed"' in line and "system:serviceaccount:vision:researcher" in line and "SuspendSearch" in line
            for line in lines
        )
        assert "eyJ" not in guarded.process.log, "a token was logged"


class TestCommandLine:
    def test_that_names_certificates_and_token_is_let_in(self, guarded: Guarded) -> None:
        trust = guarded.trust(RESEARCHER)
        where = ("--controller", guarded.address, "--ca", str(trust.ca), "--token-file", str(trust.token))
        result = CliRunner().invoke(cli, ["get", "searches", "-n", "vision", *where])
        assert (result.exit_code, "mine" in result.output) == (0, True), result.output
        result = CliRunner().invoke(cli, ["get", "trials", "theirs", "-n", "language", *where])
        assert (result.exit_code, "may not get architecturesearches" in result.output) == (2, True), result.output

    def test_that_names_a_context_gets_both_from_the_cluster(
        self, guarded: Guarded, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        plane, mine = guarded.plane, tmp_path / "kubeconfig"
        write_kubeconfig(mine, plane.address, plane.folder / "pki" / "ca.crt", plane.tokens["admin"], "vision")
        for name, value in plane.environment(mine).items():
            monkeypatch.setenv(name, value)
        cluster = Cluster("test", Service.parse("nasfleet/nasfleet-controller:50051"), "researcher")
        with pytest.raises(NotFoundError, match="no ConfigMap nasfleet-controller-ca"), cluster.trust():
            pass
        with replace(cluster, service_account="").trust() as none:
            assert none is None
        place = ("--namespace", "nasfleet", f"--from-file=ca.crt={guarded.authority}")
        plane.do("create", "configmap", "nasfleet-controller-ca", *place)
        try:
            with cluster.trust() as trust, Client(guarded.address, trust) as client:
                assert client.get_search(MINE).name == MINE
                with pytest.raises(ForbiddenError):
                    client.get_search(THEIRS)
            other = json.dumps({"data": {"audience": "another-controller"}})
            plane.do("patch", "configmap", "nasfleet-controller-ca", "--namespace=nasfleet", f"--patch={other}")
            with cluster.trust() as trust, Client(guarded.address, trust) as client, pytest.raises(UnauthenticatedError):
                client.get_search(MINE)
        finally:
            plane.do("delete", "configmap", "nasfleet-controller-ca", "--namespace=nasfleet")


def test_health_is_told_to_probes_that_know_neither_tls_nor_tokens(guarded: Guarded) -> None:
    with grpc.insecure_channel(guarded.health) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        listed = channel.unary_unary("/nasfleet.v1.SearchService/ListSearches")
        with pytest.raises(grpc.RpcError) as refused:
            listed(b"", timeout=5)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_certificate_that_is_renewed_is_used_at_the_next_handshake_and_streams_go_on(guarded: Guarded) -> None:
    before = served_certificate(guarded)
    with guarded.client(RESEARCHER) as client:
        watching = client.watch_search(MINE)
        assert next(watching).name == MINE
        guarded.renew()
        assert served_certificate(guarded) != before
        client.suspend_search(MINE)
        assert next(watching).name == MINE
        client.resume_search(MINE)
    assert read_trust(str(guarded.authority), "") is not None


def served_certificate(guarded: Guarded) -> bytes:
    trusted = ssl.create_default_context(cafile=str(guarded.authority))
    host, _, port = guarded.address.rpartition(":")
    with socket.create_connection((host, int(port))) as plain, trusted.wrap_socket(plain, server_hostname=host) as secured:
        certificate = secured.getpeercert(binary_form=True)
    assert certificate
    return certificate


def test_trainer_goes_on_while_its_token_and_the_certificate_are_renewed_under_it(guarded: Guarded, tmp_path: Path) -> None:
    """Tokens last six seconds and are renewed every two, the certificate likewise; no trial is lost, none counted twice."""
    name = "namespaces/vision/searches/renewed"
    search = replace(SPEC, budget=Budget(trials=60), task=Synthetic(epoch_seconds=0.2), parallelism=2)
    trust = guarded.trust(TRAINER, pod="gpu-1", seconds=6)
    assert trust.token is not None
    flags = {
        "--controller": guarded.address,
        "--ca": str(trust.ca),
        "--token-file": str(trust.token),
        "--pool": POOL,
        "--name": "gpu-1",
        "--device": "cpu",
    }
    command = (sys.executable, "-m", "nasfleet_trainer", *(word for pair in flags.items() for word in pair))
    with guarded.client(OPERATOR) as operator, program(command, tmp_path / "trainer.log") as trainer:
        operator.suspend_search(MINE)  # whose trials this trainer would take too
        try:
            operator.ensure_search(name, search)
            deadline = time.monotonic() + 60
            while operator.get_search(name).counts.succeeded < search.budget.trials:
                assert time.monotonic() < deadline, trainer.log
                time.sleep(2)
                trust.token.write_text(token(guarded.plane, *TRAINER, pod="gpu-1", seconds=6))
                guarded.renew()
            trials = list(operator.list_trials(name))
        finally:
            operator.resume_search(MINE)
    assert trainer.log.count("stream_broken") >= 1, "no stream ended with its token"
    assert [trial.number for trial in trials] == list(range(search.budget.trials))
    assert {trial.attempt_count for trial in trials} == {1}, "a trial was lost with a stream"
    assert {trial.trainer for trial in trials} == {"gpu-1"}
