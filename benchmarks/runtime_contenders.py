"""The runtimes that benchmarks/runtime.py compares, each behind the few verbs that its measures use.

A contender that lacks a verb leaves it out and its cell in the table stays empty. ``python -m
benchmarks.runtime_contenders NAME`` starts one and prints how long that took and what it weighs; this module imports
nothing that would weigh.
"""

from __future__ import annotations

import concurrent.futures as futures
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

WORKERS = 2


def nothing() -> None:
    """The empty task."""


def first_cell(array: Any) -> float:
    """Reads a large array."""
    return float(array[0])


class Counter:
    """The actor that is called."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, amount: int) -> int:
        """One call."""
        self.count += amount
        return self.count


class Contender:
    """A runtime under test: ``__init__`` starts it."""

    verbs = frozenset[str]()
    """Which of put, actors, nested, chain, retries, wait it has."""

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        """A future."""
        raise NotImplementedError

    def result(self, future: Any) -> Any:
        """Its value."""
        return future.result()

    def results(self, waiting: Sequence[Any]) -> list[Any]:
        """All values."""
        return [self.result(future) for future in waiting]

    def bulk(self, count: int) -> None:
        """Run ``count`` empty tasks by whatever call of the library is made for it."""
        self.results([self.submit(nothing) for _ in range(count)])

    def close(self) -> None:
        """End it."""


class Ours(Contender):
    """mlsys4sys.runtime on its local backend; ``address`` names others."""

    verbs = frozenset({"put", "actors", "nested", "chain", "retries", "wait"})
    address = "local"

    def __init__(self) -> None:
        from mlsys4sys import runtime

        self.library: Any = runtime
        runtime.init(self.address, num_cpus=WORKERS)
        self.made: dict[Any, Any] = {}

    def remote(self, function: Callable[..., Any]) -> Any:
        """The remote function of a plain one."""
        if function not in self.made:
            self.made[function] = self.library.remote(function)
        return self.made[function]

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return self.remote(function).remote(*args)

    def result(self, future: Any) -> Any:
        return self.library.get(future)

    def results(self, waiting: Sequence[Any]) -> list[Any]:
        return list(self.library.get(waiting))

    def bulk(self, count: int) -> None:
        task = self.remote(nothing)
        self.results([task.remote() for _ in range(count)])

    def put(self, value: Any) -> Any:
        """A reference to the value."""
        return self.library.put(value)

    def wait(self, waiting: list[Any]) -> tuple[list[Any], list[Any]]:
        """One that is done, and the rest."""
        done, rest = self.library.wait(waiting)
        return done, rest

    def actor(self) -> Callable[[int], Any]:
        """The remote method of a new actor."""
        call: Callable[[int], Any] = self.library.remote(Counter).remote().add.remote
        return call

    def nested(self) -> Callable[[int], Any]:
        """A remote function that spawns tasks and gets them."""
        library, leaf = self.library, self.library.remote(nothing)

        def spawn(count: int) -> int:
            return len(library.get([leaf.remote() for _ in range(count)]))

        call: Callable[[int], Any] = self.library.remote(spawn).remote
        return call

    def close(self) -> None:
        self.library.shutdown()


class Ray(Ours):
    """Ray itself, by its own calls."""

    def __init__(self) -> None:
        os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
        import ray

        self.library = ray
        ray.init(address="local", num_cpus=WORKERS, include_dashboard=False, log_to_driver=False, logging_level=50)
        self.made = {}


class Dask(Contender):
    """dask.distributed's LocalCluster, one thread a process."""

    verbs = frozenset({"put", "actors", "nested", "chain", "wait"})

    def __init__(self) -> None:
        from dask.distributed import Client

        self.client = Client(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None)

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return self.client.submit(function, *args, pure=False)

    def results(self, waiting: Sequence[Any]) -> list[Any]:
        return list(self.client.gather(list(waiting)))

    def put(self, value: Any) -> Any:
        """A future of the value."""
        return self.client.scatter(value, direct=True)

    def wait(self, waiting: list[Any]) -> tuple[list[Any], list[Any]]:
        """Those that are done, and the rest."""
        from dask.distributed import wait

        found = wait(waiting, return_when="FIRST_COMPLETED")
        return list(found.done), list(found.not_done)

    def actor(self) -> Callable[[int], Any]:
        """The method of a new actor."""
        call: Callable[[int], Any] = self.client.submit(Counter, actor=True).result().add
        return call

    def nested(self) -> Callable[[int], Any]:
        """A task that spawns tasks and gets them."""

        def spawn(count: int) -> int:
            from dask.distributed import worker_client

            with worker_client() as client:
                return len(client.gather([client.submit(nothing, pure=False) for _ in range(count)]))

        return lambda count: self.client.submit(spawn, count, pure=False)

    def close(self) -> None:
        self.client.cluster.close()
        self.client.close()


class Pool(Contender):
    """A pool of concurrent.futures."""

    verbs = frozenset({"wait"})

    def __init__(self, pool: futures.Executor) -> None:
        self.pool = pool

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return self.pool.submit(function, *args)

    def wait(self, waiting: list[Any]) -> tuple[list[Any], list[Any]]:
        """Those that are done, and the rest."""
        done, rest = futures.wait(waiting, return_when=futures.FIRST_COMPLETED)
        return list(done), list(rest)

    def close(self) -> None:
        self.pool.shutdown()


def loky() -> Contender:
    """The reusable executor of loky."""
    from loky import get_reusable_executor

    return Pool(get_reusable_executor(max_workers=WORKERS))


def processes(method: str) -> Contender:
    """ProcessPoolExecutor."""
    return Pool(futures.ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context(method)))


class MultiprocessingPool(Contender):
    """multiprocessing.Pool."""

    def __init__(self) -> None:
        self.pool = multiprocessing.get_context("forkserver").Pool(WORKERS)

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return self.pool.apply_async(function, args)

    def result(self, future: Any) -> Any:
        return future.get()

    def close(self) -> None:
        self.pool.terminate()
        self.pool.join()


class Joblib(Contender):
    """joblib's Parallel: it has no futures, so a task alone is a call of Parallel."""

    def __init__(self) -> None:
        import joblib

        self.joblib = joblib
        self.parallel = joblib.Parallel(n_jobs=WORKERS)
        self.parallel.__enter__()

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return self.joblib.delayed(function)(*args)

    def result(self, future: Any) -> Any:
        return self.parallel([future])[0]

    def results(self, waiting: Sequence[Any]) -> list[Any]:
        return list(self.parallel(waiting))

    def close(self) -> None:
        self.parallel.__exit__(None, None, None)


CONTENDERS: dict[str, tuple[str, Callable[[], Contender]]] = {
    "mlsys4sys": ("mlsys4sys", Ours),
    "Ray": ("ray", Ray),
    "dask.distributed": ("distributed", Dask),
    "loky": ("loky", loky),
    "ProcessPoolExecutor (forkserver)": ("concurrent.futures", lambda: processes("forkserver")),
    "ProcessPoolExecutor (fork)": ("concurrent.futures", lambda: processes("fork")),
    "ThreadPoolExecutor": ("concurrent.futures", lambda: Pool(futures.ThreadPoolExecutor(WORKERS))),
    "multiprocessing.Pool": ("multiprocessing", MultiprocessingPool),
    "joblib": ("joblib", Joblib),
}
"""Name: the module that must be installed, and how it is started."""


def family() -> list[int]:
    """This process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        parents.setdefault(parent, []).append(int(folder.name))
    found = [os.getpid()]
    for pid in found:
        found += parents.get(pid, [])
    return found


def pss_mb() -> float:
    """Proportional set size of the family, in MB."""
    total = 0
    for pid in family():
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total / 1024


def start(name: str) -> dict[str, float]:
    """Seconds from the import to the first results, and what the processes weigh after a hundred tasks."""
    started = time.perf_counter()
    contender = CONTENDERS[name][1]()
    contender.results([contender.submit(nothing) for _ in range(WORKERS)])
    taken = time.perf_counter() - started
    contender.bulk(100)
    weight = pss_mb()
    contender.close()
    return {"start to first result, s": taken, "memory with 2 workers, PSS MB": weight}


if __name__ == "__main__":
    print(json.dumps(start(sys.argv[1])), flush=True)
    os._exit(0)  # a peer's threads must not hold the figures back
