"""Certificates and tokens renewed under two hundred streams: does any call fail, is any trial lost?

    python benchmarks/certificate_rotation.py [--minutes 10] [--every 60] [--streams 200]

A real API server reviews tokens, a real controller serves TLS, one process hosts the trainers, whose children only wait. Every
so many seconds the controller gets another certificate of the same authority, and the trainers and a client another token; each
token ends after twice that time, and every stream with it. Up to five times a second a client connects anew and asks for the
search; a call that fails is tried once more. It needs Go, or KUBEBUILDER_ASSETS, for the programs of Kubernetes
(tests/cluster/programs.py).
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from running import machine

from nasfleet.catalogue import Budget, ConvChain, Random, SearchSpaceSection, SearchSpec, Synthetic
from nasfleet.client import Client
from nasfleet.errors import NasfleetError
from nasfleet.transport import Trust
from nasfleet_testing.control_plane import control_plane
from nasfleet_testing.guarded_controller import OPERATOR, RESEARCHER, TRAINER, guarded_controller, prepare
from nasfleet_testing.processes import program
from nasfleet_testing.tokens import token

MANIFESTS = Path(__file__).parents[1] / "operator" / "manifests"
POOL, SEARCH = "namespaces/vision/pools/gpu", "namespaces/vision/searches/waiting"
CALL_SECONDS = 0.2


def main() -> None:
    """Print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--every", type=float, default=60.0, help="seconds between two renewals [%(default)s]")
    parser.add_argument("--streams", type=int, default=200)
    chosen = parser.parse_args()
    print(f"{machine()}; {chosen.streams} streams, {chosen.minutes:g} minutes, renewed every {chosen.every:g} s", flush=True)
    with tempfile.TemporaryDirectory(prefix="nasfleet-benchmark-") as folder:
        for name, figure in measure(Path(folder), chosen).items():
            print(f"  {name}: {figure}")


def asked(address: str, trust: Trust) -> bool:
    """Return whether a call over a new connection was answered."""
    try:
        with Client(address, trust) as client:
            client.get_search(SEARCH)
    except NasfleetError:
        return False
    return True


def measure(folder: Path, chosen: argparse.Namespace) -> dict[str, int]:
    """Return how often what happened."""
    spec = SearchSpec(
        search_space=SearchSpaceSection(space=ConvChain(layers=3)),
        strategy=Random(),
        task=Synthetic(epochs=1, epoch_seconds=10.0),
        budget=Budget(trials=1_000_000),
        parallelism=2 * chosen.streams,
    )
    with control_plane(folder / "plane") as plane:
        prepare(plane, MANIFESTS)
        with guarded_controller(plane, folder / "controller") as guarded, guarded.client(OPERATOR, seconds=36_000) as operator:
            operator.ensure_pool(POOL, labels={}, service_account=TRAINER[1], wanted_size=1)
            operator.ensure_search(SEARCH, spec)
            trainers = guarded.trust(TRAINER, seconds=2 * chosen.every, pod="gpu-0")
            person = guarded.trust(RESEARCHER, seconds=2 * chosen.every)
            flags = {"--controller": guarded.address, "--ca": trainers.ca, "--token-file": trainers.token, "--pool": POOL}
            flags |= {"--name": "gpu-0", "--agents": chosen.streams, "--device": "cpu"}
            command = (sys.executable, "-m", "nasfleet_trainer", *(str(word) for pair in flags.items() for word in pair))
            with program(command, folder / "trainers.log") as process:
                calls = renewals = again = failed = 0
                end = time.monotonic() + 60 * chosen.minutes
                renewal = time.monotonic() + chosen.every
                while (now := time.monotonic()) < end:
                    if now >= renewal:
                        guarded.renew()
                        for trust, account, pod in ((trainers, TRAINER, "gpu-0"), (person, RESEARCHER, "")):
                            assert trust.token is not None
                            part = trust.token.with_suffix(".part")  # as a kubelet does: whole or not at all
                            part.write_text(token(plane, *account, seconds=2 * chosen.every, pod=pod))
                            part.replace(trust.token)
                        renewal, renewals = renewal + chosen.every, renewals + 1
                    calls += 1
                    if not asked(guarded.address, person):
                        again += 1
                        failed += not asked(guarded.address, person)
                    time.sleep(CALL_SECONDS)
                log = process.log
            settled = list(operator.list_trials(SEARCH, filter="state = SUCCEEDED"))
            certificates = guarded.process.log.count("certificate_renewed")
    return {
        "renewals": renewals,
        "certificates that the controller took up": certificates,
        "calls of the client": calls,
        "calls tried again": again,
        "calls that failed all the same": failed,
        "streams that ended with their token": log.count("stream_broken"),
        "trainers refused": log.count("refuses trainer"),
        "trials measured": len(settled),
        "of these in more than one attempt": sum(trial.attempt_count > 1 for trial in settled),
    }


if __name__ == "__main__":
    main()
