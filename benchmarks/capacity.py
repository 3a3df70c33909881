"""What a fleet costs its controller: memory and processor time, in plain text and over TLS, without and with a policy.

    python benchmarks/capacity.py [--trainers 0,500,1000] [--seconds 60]

Each trainer has a connection of its own and a child that it holds for hours, so that it says every five seconds that it is
there. Trainers share a process, which shares the machine with the controller; tokens are not asked for. The policy is that of
`reinforce`, at its defaults.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from running import Controller, controller, machine
from waiting_trainers import waiting_trainers

from nasfleet.catalogue import Budget, ConvChain, Random, Reinforce, SearchSpaceSection, SearchSpec, Synthetic
from nasfleet.transport import Trust
from nasfleet_testing.certificates import issue, make_authority

POOL, SEARCH = "namespaces/default/pools/gpu", "namespaces/default/searches/waiting"
SETTLE_SECONDS = 10.0
STRATEGIES: dict[str, Random | Reinforce] = {"random": Random(), "reinforce": Reinforce()}


def measure(running: Controller, strategy: str, trust: Trust | None, count: int, seconds: float) -> tuple[float, float]:
    """Return the memory of the controller in MB and its load in cores, with so many trainers."""
    spec = SearchSpec(
        search_space=SearchSpaceSection(space=ConvChain()),
        strategy=STRATEGIES[strategy],
        task=Synthetic(epoch_seconds=36_000),
        budget=Budget(trials=10**6),
        parallelism=2 * count + 1,  # trials that are given ahead of time too, which these trainers never give back
    )
    running.client.ensure_pool(POOL, labels={}, service_account="", wanted_size=count)
    running.client.ensure_search(SEARCH, spec)
    with waiting_trainers(running.address, POOL, [f"gpu-{number}" for number in range(count)], trust):
        while running.busy_trainers() < count:
            time.sleep(0.5)
        time.sleep(SETTLE_SECONDS)
        began, used = time.monotonic(), running.processor_seconds()
        time.sleep(seconds)
        load = (running.processor_seconds() - used) / (time.monotonic() - began)
        return running.resident_megabytes(), load


def table(folder: Path, counts: Sequence[int], seconds: float) -> None:
    """Print a line for each size of fleet, each with a controller of its own."""
    make_authority(folder / "pki")
    issue(folder / "pki", "server", "server")
    tls = ("--tls-certificate", str(folder / "pki" / "server.crt"), "--tls-key", str(folder / "pki" / "server.key"))
    for strategy in STRATEGIES:
        for name, options, trust in (("plain", (), None), ("TLS", tls, Trust(folder / "pki" / "ca.crt"))):
            for count in counts:
                with controller(*options, trust=trust) as running:
                    memory, load = measure(running, strategy, trust, count, seconds)
                print(f"| {strategy} | {name} | {count:,} | {memory:.0f} MB | {load:.3f} |", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainers", type=lambda text: [int(word) for word in text.split(",")], default=[0, 500, 1000])
    parser.add_argument("--seconds", type=float, default=60.0)
    chosen = parser.parse_args()
    print(f"{machine()}; load before {os.getloadavg()[0]:.1f}")
    print("| strategy | transport | trainers | memory | cores |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="nasfleet-benchmark-") as folder:
        table(Path(folder), chosen.trainers, chosen.seconds)


if __name__ == "__main__":
    main()
