"""What benchmarks/runtime.py measures, of one contender in a process of its own.

``python -m benchmarks.runtime_measures NAME`` prints one JSON object: the measure's name to its figure.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.runtime_contenders import CONTENDERS, WORKERS, Contender, first_cell, nothing

ROLLOUT_S = 7e-3
LARGE = 100_000_000
"""Bytes."""


def median_us(action: Callable[[], Any], budget_s: float = 1.0, most: int = 3000) -> tuple[float, float]:
    """The median and the 99th percentile of an action's time, in microseconds."""
    times: list[float] = []
    until = time.perf_counter() + budget_s
    while len(times) < most and (len(times) < 5 or time.perf_counter() < until):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return 1e6 * statistics.median(times), 1e6 * sorted(times)[int(0.99 * len(times))]


def repeated(action: Callable[[], float], times: int = 5, budget_s: float = 3.0) -> float:
    """The median of several runs of an action that times itself; of fewer where that takes too long."""
    until = time.perf_counter() + budget_s
    found = [action()]
    while len(found) < times and time.perf_counter() < until:
        found.append(action())
    return statistics.median(found)


def timed(action: Callable[[], Any]) -> float:
    """Seconds of one run."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def spin(seconds: float) -> int:
    """Work for as many seconds of this process's CPU."""
    until = time.process_time() + seconds
    count = 0
    while time.process_time() < until:
        count += 1
    return count


def loop(count: int) -> int:
    """A fixed amount of work, whatever else runs."""
    total = 0
    for number in range(count):
        total += number & 7
    return total


def bare(count: int, tasks: int, ready: Any, go: Any) -> None:
    """What a bare process does: the tasks, one after the other."""
    loop(count)
    ready.release()
    go.acquire()
    for _ in range(tasks):
        loop(count)
    ready.release()


# -- the measures; each yields names and figures


def latency(contender: Contender) -> Iterator[tuple[str, float]]:
    """An empty task alone."""
    for _ in range(200):
        contender.result(contender.submit(nothing))
    median, tail = median_us(lambda: contender.result(contender.submit(nothing)), budget_s=2)
    yield "empty task, end to end, p50 us", median
    yield "empty task, end to end, p99 us", tail


def submission(contender: Contender) -> Iterator[tuple[str, float]]:
    """The call that submits, and the one that gets what is there."""
    mean: list[float] = []
    single: list[float] = []
    until = time.perf_counter() + 3
    while len(mean) < 5 and time.perf_counter() < until:
        ticks = [time.perf_counter()]
        waiting = []
        for _ in range(1000):
            waiting.append(contender.submit(nothing))
            ticks.append(time.perf_counter())
        contender.results(waiting)
        mean.append(1e3 * (ticks[-1] - ticks[0]))
        single.append(1e6 * statistics.median(b - a for a, b in pairwise(ticks)))
    yield "submit, mean of 1,000, us", statistics.median(mean)
    yield "submit, p50 of 1,000, us", statistics.median(single)

    def alone_us() -> float:
        started = time.perf_counter()
        future = contender.submit(nothing)
        taken = time.perf_counter() - started
        contender.result(future)
        return 1e6 * taken

    yield "submit to an idle runtime, us", repeated(alone_us, 501)
    future = contender.submit(nothing)
    contender.result(future)
    yield "get of a finished object, us", median_us(lambda: contender.result(future))[0]


def throughput(contender: Contender) -> Iterator[tuple[str, float]]:
    """Ten thousand empty tasks."""
    contender.bulk(1000)
    yield "10,000 empty tasks, /s", 10_000 / repeated(lambda: timed(lambda: contender.bulk(10_000)), 5)


def dataflow(contender: Any) -> Iterator[tuple[str, float]]:
    """Actors, nested tasks, chains."""
    if "actors" in contender.verbs:
        add = contender.actor()
        contender.result(add(1))
        yield "actor call, us", median_us(lambda: contender.result(add(1)))[0]

        def pipelined() -> None:
            for waiting in [add(1) for _ in range(10_000)]:
                contender.result(waiting)

        def pipelined_by_get() -> None:
            contender.results([add(1) for _ in range(10_000)])

        single = not hasattr(contender, "library")  # dask's actor futures have no gather
        yield (
            "actor calls, pipelined, /s",
            10_000 / repeated(lambda: timed(pipelined if single else pipelined_by_get), 3),
        )
    if "nested" in contender.verbs:
        spawn = contender.nested()
        contender.result(spawn(10))
        yield "a task that spawns and gets 10, us", median_us(lambda: contender.result(spawn(10)))[0]
    if "chain" in contender.verbs:

        def chain() -> None:
            link = contender.submit(identity, 0)
            for _ in range(99):
                link = contender.submit(identity, link)
            contender.result(link)

        yield "a chain of 100 tasks, ms", median_us(chain)[0] / 1e3
    if "wait" in contender.verbs:
        done = [contender.submit(nothing) for _ in range(100)]
        contender.results(done)
        yield "wait for 1 of 100, us", median_us(lambda: contender.wait(done), most=500)[0]


def identity(value: Any) -> Any:
    """A link of a chain."""
    return value


def large(contender: Any) -> Iterator[tuple[str, float]]:
    """100 MB to a task."""
    array = np.ones(LARGE // 8)
    if "put" in contender.verbs:
        yield "put of 100 MB, first, ms", 1e3 * timed(lambda: contender.put(array))
        time.sleep(0.05)
        puts, reads = [], []
        for _ in range(7):
            started = time.perf_counter()
            stored = contender.put(array)
            puts.append(time.perf_counter() - started)
            contender.result(contender.submit(first_cell, stored))
            started = time.perf_counter()
            contender.result(contender.submit(first_cell, stored))
            reads.append(time.perf_counter() - started)
            del stored
            gc.collect()
            time.sleep(0.05)
        yield "put of 100 MB, recycled, ms", 1e3 * statistics.median(puts)
        yield "a task reads 100 MB, ms", 1e3 * statistics.median(reads)
    else:
        reading = repeated(lambda: timed(lambda: contender.result(contender.submit(first_cell, array))), 5)
        yield "a task reads 100 MB, ms", 1e3 * reading


def work(contender: Contender) -> Iterator[tuple[str, float]]:
    """Tasks of 7 ms against two bare processes, in turn."""
    trial = 100_000
    count = int(trial * ROLLOUT_S / min(timed(lambda: loop(trial)) for _ in range(9)))
    tasks = 300
    context = multiprocessing.get_context("forkserver")
    ready, go = context.Semaphore(0), context.Semaphore(0)

    def alone() -> float:
        both = [context.Process(target=bare, args=(count, tasks // WORKERS, ready, go)) for _ in range(WORKERS)]
        for process in both:
            process.start()
        for _ in both:
            ready.acquire()
        started = time.perf_counter()
        for _ in both:
            go.release()
        for _ in both:
            ready.acquire()
        taken = time.perf_counter() - started
        for process in both:
            process.join()
        return taken

    ratios = []
    for _ in range(5):
        reference = alone()
        ours = timed(lambda: contender.results([contender.submit(loop, count) for _ in range(tasks)]))
        ratios.append(reference / ours)
    yield "7 ms tasks, speed-up over two bare processes", statistics.median(ratios)


def rollouts(contender: Any) -> Iterator[tuple[str, float]]:
    """Log-normal rollouts of 7 ms in the mean: as they come, against rounds of one a worker."""
    if "wait" not in contender.verbs:
        return
    drawn = np.random.default_rng(0).lognormal(0, 1, 160)
    seconds = [float(s) for s in ROLLOUT_S * drawn / drawn.mean()]

    def barrier() -> None:
        for start in range(0, len(seconds), WORKERS):
            contender.results([contender.submit(spin, s) for s in seconds[start : start + WORKERS]])

    def streamed() -> None:
        left = iter(seconds)
        running = [contender.submit(spin, next(left)) for _ in range(2 * WORKERS)]
        while running:
            done, running = contender.wait(running)
            contender.results(done)
            running += [contender.submit(spin, s) for _, s in zip(done, left, strict=False)]

    yield (
        "log-normal rollouts, wait over barrier",
        repeated(lambda: timed(barrier) / timed(streamed)),
    )


def kills(contender: Any) -> Iterator[tuple[str, float]]:
    """SIGKILL of a worker to the result of the second attempt."""
    if "retries" not in contender.verbs:
        return
    times = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(6):
            mark = Path(folder, str(number))
            waiting = contender.submit(dies_once, str(mark))
            while not mark.exists() or not mark.read_text():
                time.sleep(1e-3)
            pid = int(mark.read_text())
            started = time.perf_counter()
            os.kill(pid, signal.SIGKILL)
            contender.result(waiting)
            times.append(time.perf_counter() - started)
    yield "SIGKILL of a worker to the retried result, ms", 1e3 * statistics.median(times[1:])


def dies_once(mark: str) -> int:
    """Says who runs it and waits to be killed; the second attempt answers."""
    if Path(mark).exists():
        return 1
    Path(mark).write_text(str(os.getpid()))
    time.sleep(60)
    return 0


MEASURES = (latency, submission, throughput, dataflow, large, work, rollouts, kills)


def measure(name: str) -> dict[str, float]:
    """All figures of one contender, in this process."""
    contender = CONTENDERS[name][1]()
    contender.results([contender.submit(nothing) for _ in range(WORKERS)])
    found: dict[str, float] = {}
    for each in MEASURES:
        found.update(each(contender))
    contender.close()
    return found


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])), flush=True)
    os._exit(0)  # a peer's threads must not hold the figures back
