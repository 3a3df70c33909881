"""The same no-op trials with Optuna and a journal file, the storage that it offers to many processes on one machine."""

import multiprocessing
import tempfile
import time
from pathlib import Path
from threading import Barrier

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from nasfleet.catalogue import SearchSpaceSection
from nasfleet.spaces.building import build_space

STUDY = "noop"


def trials_per_second(space: SearchSpaceSection, processes: int, trials: int) -> float:
    """Return how many random trials of a space so many processes do per second, all of them together."""
    bounds = [decision.bound for decision in build_space(space).decisions for _ in range(decision.width)]
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="nasfleet-benchmark-") as folder:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        path = str(Path(folder) / "journal.log")
        optuna.create_study(study_name=STUDY, storage=_storage(path), direction="maximize")
        ready = context.Barrier(processes + 1)
        share = trials // processes
        workers = [context.Process(target=_work, args=(path, bounds, share, ready)) for _ in range(processes)]
        for worker in workers:
            worker.start()
        ready.wait()
        began = time.monotonic()
        for worker in workers:
            worker.join()
        return share * processes / (time.monotonic() - began)


def _storage(path: str) -> JournalStorage:
    return JournalStorage(JournalFileBackend(path))


def _work(path: str, bounds: list[int], trials: int, ready: Barrier) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.load_study(study_name=STUDY, storage=_storage(path), sampler=optuna.samplers.RandomSampler())

    def objective(trial: optuna.Trial) -> float:
        return float(sum(trial.suggest_categorical(str(token), range(bound)) for token, bound in enumerate(bounds)))

    ready.wait()
    study.optimize(objective, n_trials=trials)
