"""The runtime under fire: ``python -m benchmarks.runtime_faults chaos|leaks`` prints what was lost or left behind."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.runtime_contenders import family
from mlsys4sys import runtime

CHAOS_TASKS = 20_000
KILL_EVERY_S = 0.05
MODULUS = 1_000_003
PARENTS = 3


def combine(number: int, *parents: int) -> int:
    """A value that is right only if every parent's is."""
    value = number
    for parent in parents:
        value = (value * 31 + parent) % MODULUS
    return value


def workers() -> list[int]:
    """Processes of this one's runtime, its zygote apart."""
    return family()[2:]


def assassin(stop: threading.Event, killed: list[int]) -> None:
    """Kills a worker from time to time."""
    chance = random.Random(0)
    while not stop.wait(KILL_EVERY_S):
        alive = workers()
        if alive:
            victim = chance.choice(alive)
            try:
                os.kill(victim, signal.SIGKILL)
                killed.append(victim)
            except ProcessLookupError:
                continue


def chaos() -> dict[str, Any]:
    """Tasks that depend on each other, while workers are killed; every value against a serial evaluation."""
    chance = random.Random(1)
    plan = [
        [chance.randrange(max(0, i - 500), i) for _ in range(chance.randint(0, PARENTS))] if i else []
        for i in range(CHAOS_TASKS)
    ]
    wanted: list[int] = []
    for number, parents in enumerate(plan):
        wanted.append(combine(number, *(wanted[parent] for parent in parents)))
    runtime.init(num_cpus=2)
    stop, killed = threading.Event(), list[int]()
    threading.Thread(target=assassin, args=(stop, killed), daemon=True).start()
    slow = runtime.remote(max_retries=1000)(slowly)
    started = time.perf_counter()
    refs: list[Any] = []
    for number, parents in enumerate(plan):
        refs.append(slow.remote(number, *(refs[parent] for parent in parents)))
    got = runtime.get(refs)
    taken = time.perf_counter() - started
    stop.set()
    figures = runtime.stats()
    runtime.shutdown()
    return {
        "tasks": CHAOS_TASKS,
        "workers killed": len(killed),
        "runs again": figures.retried,
        "results wrong": sum(a != b for a, b in zip(got, wanted, strict=True)),
        "results lost": sum(value is None for value in got),
        "finished": figures.finished,
        "seconds": round(taken, 2),
    }


def slowly(number: int, *parents: int) -> int:
    """`combine`, after a fifth of a millisecond of work."""
    until = time.perf_counter() + 2e-4
    while time.perf_counter() < until:
        pass
    return combine(number, *parents)


def held() -> dict[str, int]:
    """Processes, descriptors, shared segments and memory of this process."""
    status = Path("/proc/self/status").read_text()
    links = [str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    return {
        "processes": len(family()),
        "descriptors": len(links),
        "segments": sum("memfd:" in link for link in links),
        "resident MB": int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) // 1024,
    }


def nothing() -> None:
    """The empty task."""


def double(array: Any) -> Any:
    """An array for an array."""
    return array + array


def leaks(cycles: int = 1000, tasks: int = 100_000, arrays: int = 10_000) -> dict[str, Any]:
    """Starts and ends, tasks and arrays: what is held before, between and after."""
    empty, twice = runtime.remote(nothing), runtime.remote(double)
    runtime.init(num_cpus=2)
    runtime.get(empty.remote())
    runtime.shutdown()
    found: dict[str, Any] = {"before": held()}
    for _ in range(cycles):
        runtime.init(num_cpus=2)
        runtime.get(empty.remote())
        runtime.shutdown()
    found[f"after {cycles} cycles"] = held()
    runtime.init(num_cpus=2)
    batch = min(tasks, 10_000)
    runtime.get([empty.remote() for _ in range(batch)])
    found["running, 1 batch of tasks"] = held()
    for _ in range(tasks // batch - 1):
        runtime.get([empty.remote() for _ in range(batch)])
    found[f"running, {tasks} tasks"] = held()
    array = np.ones(20_000)
    for round_ in range(arrays // 50):
        runtime.get([twice.remote(runtime.put(array)) for _ in range(50)])
        if round_ == 3:  # the pool of segments has filled
            found["running, 200 arrays"] = held()
    found[f"running, {arrays} arrays"] = held()
    runtime.shutdown()
    found["after"] = held()
    return found


if __name__ == "__main__":
    print(json.dumps({"chaos": chaos, "leaks": leaks}[sys.argv[1]]()), flush=True)
