"""The operator program put together: the API server, the controller, kopf's watches and our passes, from start to stop."""

import asyncio
import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from itertools import product

import kopf
import structlog
from kubernetes.aio import config as kubernetes_config
from kubernetes.aio.client import ApiClient, Configuration

from nasfleet.client import Client
from nasfleet.errors import InvalidInputError, NotFoundError
from nasfleet.pacing import Pace
from nasfleet.parent import when_parent_is_gone
from nasfleet_operator.api_server import ApiServer
from nasfleet_operator.cluster import KubernetesCluster
from nasfleet_operator.config import OperatorConfig
from nasfleet_operator.controller import GrpcController
from nasfleet_operator.handlers import kopf_settings, watching
from nasfleet_operator.kinds import MADE
from nasfleet_operator.made_watch import watch_made
from nasfleet_operator.metrics import OperatorMetrics
from nasfleet_operator.operating import Operator

log = structlog.get_logger()


async def serve(config: OperatorConfig) -> None:
    """Serve until SIGTERM or SIGINT, or until the parent is gone if that is asked for.

    Raises:
        NasfleetError: if the API server or an address cannot be had, or the custom resources are not there.
    """
    metrics = OperatorMetrics()
    configuration = await configure(config)
    stop = asyncio.Event()
    if config.exit_with_parent:
        when_parent_is_gone(stop.set)
    async with operating(config, configuration, metrics) as (operator, server):
        if config.metrics:
            metrics.serve(config.metrics)
        working = asyncio.create_task(_work(config, operator, server), name="working")
        working.add_done_callback(lambda _: stop.set())
        try:
            _announce(config)
            await _watch(config, configuration, operator, stop)
        finally:
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working
    log.info("stopped")


@asynccontextmanager
async def operating(
    config: OperatorConfig, configuration: Configuration, metrics: OperatorMetrics
) -> AsyncIterator[tuple[Operator, ApiServer]]:
    """Give an operator that has seen everything once and works when told to, and what it calls."""
    pace = Pace(config.api_calls_per_second, burst=int(2 * config.api_calls_per_second))
    with (
        Client(config.controller, config.trust, timeout=config.controller_timeout) as rpc,
        # One call at a time for each worker, and one for polling.
        ThreadPoolExecutor(config.workers + 1, "controller") as threads,
    ):
        async with ApiClient(configuration) as client:
            server = ApiServer(client, pace, config.api_timeout, metrics.count_call)
            cluster = KubernetesCluster(server, config.namespaces or (None,))
            operator = Operator(cluster, GrpcController(rpc, threads), config, metrics)
            try:
                await operator.look()
            except NotFoundError as error:
                raise InvalidInputError(
                    f"the API server does not serve the custom resources of nasfleet ({error}): install them first"
                ) from error
            yield operator, server


async def configure(config: OperatorConfig) -> Configuration:
    """Return the way to the API server, or raise InvalidInputError."""
    configuration = Configuration()
    try:
        if config.kubeconfig:
            await kubernetes_config.load_kube_config(config.kubeconfig, config.context or None, configuration)  # type: ignore[no-untyped-call]
        else:
            kubernetes_config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]
    except kubernetes_config.ConfigException as error:
        raise InvalidInputError(f"{error}: give --kubeconfig, or run in a pod with a service account") from error
    return configuration


async def _work(config: OperatorConfig, operator: Operator, server: ApiServer) -> None:
    """Make passes, and watch what is made, until cancelled."""
    async with asyncio.TaskGroup() as group:
        group.create_task(operator.run())
        for kind, namespace in product(MADE, config.namespaces or (None,)):
            cache, add, on_relist = operator.cache, operator.queue.add, operator.listed_anew.set
            group.create_task(watch_made(server, kind, namespace, cache, add, on_relist))


async def _watch(config: OperatorConfig, configuration: Configuration, operator: Operator, stop: asyncio.Event) -> None:
    """Have kopf watch until a signal comes or somebody says stop."""
    liveness = config.liveness
    await kopf.operator(
        registry=watching(operator.cache, operator.queue.add, operator.listed_anew.set, configuration),
        settings=kopf_settings(),
        standalone=True,
        clusterwide=not config.namespaces,
        namespaces=config.namespaces,
        liveness_endpoint=f"http://{liveness}/healthz" if liveness else None,
        stop_flag=stop,
    )


def _announce(config: OperatorConfig) -> None:
    """Say that it serves: on standard output for who started it."""
    said = {"event": "serving", "metrics": str(config.metrics or ""), "liveness": str(config.liveness or "")}
    print(json.dumps(said), flush=True)  # noqa: T201 - the one line that a parent process waits for
    log.info(**said)
