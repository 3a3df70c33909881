"""What is declared and goes while no watch tells of it is missed soon, also if it was the last of its kind."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from nasfleet.client import Client
from nasfleet_operator.controller import GrpcController
from nasfleet_operator.kinds import POOLS
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.operators import pool
from nasfleet_testing.processes import eventually
from nasfleet_testing.programs import free_address
from nasfleet_testing.stepped_operators import Stage, api_server, operator_config, pool_key


async def test_the_last_pool_is_missed_though_no_watch_tells_that_it_went(
    control_plane: ControlPlane, operator_account: Path
) -> None:
    nobody = free_address()
    config = replace(operator_config(operator_account, nobody), relist_seconds=0.2)
    with Client(nobody) as client, ThreadPoolExecutor(1) as threads:
        async with api_server(config) as operators, api_server(operator_config(control_plane.kubeconfig)) as user:
            stage = Stage(user, operators, GrpcController(client, threads), config, "relisting")
            await stage.prepare()
            await stage.create(POOLS, pool("gpus", replicas=0))
            operator = stage.new_operator()
            await operator.look()
            working = asyncio.create_task(operator.run())
            await stage.delete(POOLS, "gpus")
            key = pool_key(stage)
            await asyncio.to_thread(eventually, lambda: operator.cache.pool(key) is None, "no pool", within=20.0)
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working
            await stage.delete_namespace()
