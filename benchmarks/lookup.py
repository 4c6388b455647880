"""Lookups, tuned on measured time: ``python -m benchmarks.lookup FOLDER --json benchmarks/results/lookup.json``.

FOLDER holds rule sets in ClassBench's format. Each is built twice, within 500 and within 120 bytes of real memory per
rule, then looked up on one core and on two, over 100,000 corners of rules, which the builder never saw (it draws its
own packets). DPDK's ACL library runs on the same rules and packets before and after; its better run counts. Then rule
sets of 100,000 rules from our generator, changes while lookups go on, single packets from Python, and a cold start.

A rate is the sum over slices of 4,096 packets of each slice's best time, so that other programs on the machine disturb
little. All answers are compared with the linear scan on a sample, all trees are proven. About ten minutes on two cores.

``--orders-s 2`` instead compares builds of two seconds of processor time with the portfolio of constants in the order
that the network foresees, in its fixed order, and without it (`results/lookup-orders.json`; five minutes).
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import machine
from benchmarks.neurocuts import corners, dpdk
from mlsys4sys import _native
from mlsys4sys.datasets import rules as generated
from mlsys4sys.neurocuts import Classifier, ClassifierBuilder, RuleSet
from mlsys4sys.neurocuts import portfolio as portfolios
from mlsys4sys.neurocuts.lookup import Lookup
from mlsys4sys.neurocuts.tune import nanoseconds, tune
from mlsys4sys.neurocuts.updates import Updates

SLICE = 4096
ROUNDS = 40
BATCH = 100
"""Rules that come or go together."""
PACE = 600_000
"""Changes a second, in a second run that holds this rate instead of making as many as it can."""
CHECKED = 2000
"""Packets that are compared with the linear scan."""
LARGE = ("acl-edge", "ipc-gateway", "fw-perimeter")


def rate(classify: Any, packets: NDArray[np.uint32], rounds: int = ROUNDS) -> float:
    """Millions of packets a second on one core; see the top of this file."""
    out = np.empty(len(packets), np.int32)
    starts = range(0, len(packets), SLICE)
    best = np.full(len(starts), np.inf)
    for _ in range(rounds):
        for place, start in enumerate(starts):
            began = time.perf_counter()
            classify(packets[start : start + SLICE], out=out[start : start + SLICE])
            best[place] = min(best[place], time.perf_counter() - began)
    return float(len(packets) / best.sum() / 1e6)


def threads(classify: Any, packets: NDArray[np.uint32], rounds: int = ROUNDS) -> dict[str, float]:
    """One thread against two over ten times the packets, in turns: the best calls of each.

    ``cpu``: processor time of a packet with two threads over that with one; what the two cost each other, which other
    programs on the machine hardly change. Without them ``gain`` comes to two over it.
    """
    many = np.tile(packets, (10, 1))
    out = np.empty(len(many), np.int32)
    wall, cpu = np.empty((rounds, 2)), np.empty((rounds, 2))
    for number in range(rounds):
        for count in (1, 2):
            began, spent = time.perf_counter(), time.process_time()
            classify(many, out=out, threads=count)
            wall[number, count - 1] = time.perf_counter() - began
            cpu[number, count - 1] = time.process_time() - spent
    single, double = (len(many) / wall.min(axis=0) / 1e6).tolist()
    shared = np.median(cpu, axis=0)
    return {
        "1": round(single, 1),
        "2": round(double, 1),
        "gain": round(double / single, 2),
        "cpu": round(float(shared[1] / shared[0]), 3),
    }


def built(rules: RuleSet, max_bytes: float, budget_s: float) -> tuple[Classifier, dict[str, Any]]:
    """A tuned classifier and its figures."""
    packets, _ = corners(rules)
    classifier = ClassifierBuilder(objective="latency", budget_s=budget_s, max_bytes_per_rule=max_bytes).build(rules)
    wrong = classifier.classify(packets[:CHECKED]) != rules.classify_linear(packets[:CHECKED])
    if wrong.any():
        raise SystemExit("a lookup is wrong")
    row = {
        "mpps": round(rate(classifier.classify, packets), 1),
        "bytes_per_rule": round(classifier.lookup.size_bytes / len(rules), 1),
        "build_s": round(classifier.build_s, 1),
    }
    return classifier, row


def one_set(path: Path, budget_s: float) -> dict[str, Any]:
    """Everything about one rule set."""
    rules = RuleSet.from_classbench(path)
    packets, _ = corners(rules)
    found: dict[str, Any] = {"rules": len(rules), "load": round(os.getloadavg()[0], 1)}
    peers = [dpdk(path, rules)]
    classifier, found["500"] = built(rules, 500, budget_s)
    found["threads"] = threads(classifier.classify, packets)
    packet = tuple(packets[0].tolist())
    best = min(_timed(lambda: [classifier.lookup.one(packet) for _ in range(1000)]) for _ in range(20))
    found["one_us"] = round(best * 1e3, 2)
    _, found["120"] = built(rules, 120, budget_s)
    peers.append(dpdk(path, rules))
    found["dpdk_mpps"] = max((peer for peer in peers if peer), default=None)
    return found


def _timed(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def large(profile: str, budget_s: float) -> dict[str, Any]:
    """100,000 rules of a profile of our generator, within 100 bytes per rule."""
    made = generated.generate(profile, 100_000, seed=1)
    rules = RuleSet(fields=RuleSet.parse_classbench("").fields, low=made.low, high=made.high)
    return {"rules": len(rules), **built(rules, 100, budget_s)[1]}


def updates(path: Path, budget_s: float, seconds: float = 3.0) -> dict[str, Any]:
    """A tenth of the rules comes and goes in batches of 100 while another thread looks packets up.

    Lookups are timed by the processor time of the median call, of 32,768 packets each, so that waiting for Python's
    lock counts for neither side. First there are as many changes as can be made, then `PACE` of them a second. At the
    end the answers are compared with the linear scan of the rules as they are.
    """
    rules = RuleSet.from_classbench(path)
    order = np.random.default_rng(0).permutation(len(rules))
    first = np.sort(order[len(rules) // 10 :])
    moving = order[: len(rules) // 10]
    places = np.searchsorted(first, moving)
    classifier = ClassifierBuilder(objective="latency", budget_s=budget_s, max_bytes_per_rule=300).build(
        rules.take(first)
    )
    changing = Updates(classifier.rules, classifier.tree, classifier.constants)
    packets, _ = corners(rules)
    asked = packets[: 8 * SLICE]
    out = np.empty(len(asked), np.int32)
    chosen = [np.arange(at, at + BATCH) % len(moving) for at in range(0, len(moving), BATCH)]
    batches = [(rules.low[moving[rows]], rules.high[moving[rows]], places[rows]) for rows in chosen]

    def looked_up(seconds: float) -> float:
        calls, ends = list[float](), time.perf_counter() + seconds
        while time.perf_counter() < ends:
            started = time.thread_time()
            changing.classify(asked, out=out)
            calls.append(time.thread_time() - started)
        return len(asked) / statistics.median(calls) / 1e6

    rest = looked_up(0.5)
    changes, busy, ended, held = 0, 0.0, threading.Event(), list[NDArray[np.int32]]()
    pace, origin = 0.0, (0.0, 0)

    def change() -> None:
        nonlocal changes, busy
        for batch in itertools.cycle(batches):
            if pace and (ahead := origin[0] + (changes - origin[1]) / pace - time.perf_counter()) > 0:
                time.sleep(ahead)
            held.append(changing.insert_many(*batch))
            changes += BATCH
            if len(held) > 5:
                changing.remove_many(held.pop(0))
                changes += BATCH
            busy = time.thread_time()
            if ended.is_set():
                return

    writer = threading.Thread(target=change)
    writer.start()
    time.sleep(0.2)
    began, before, busy_before = time.perf_counter(), changes, busy
    during = looked_up(seconds)
    done, took, worked = changes - before, time.perf_counter() - began, busy - busy_before
    origin, pace = (time.perf_counter(), changes), PACE
    paced = looked_up(seconds)
    sustained = (changes - origin[1]) / (time.perf_counter() - origin[0])
    ended.set()
    writer.join()
    now, ids = changing.current()
    wanted = np.append(ids, -1)[now.classify_linear(packets[:CHECKED])]
    if (changing.classify(packets[:CHECKED]) != wanted).any():
        raise SystemExit("an answer after changes is wrong")
    pairs = list(zip(rules.low[moving[:500]].tolist(), rules.high[moving[:500]].tolist(), strict=True))
    singles = [list(zip(low, high, strict=True)) for low, high in pairs]
    began = time.perf_counter()
    made = [changing.insert(rule, 0) for rule in singles]
    inserted = time.perf_counter()
    for number in made:
        changing.remove(number)
    return {
        "changes_a_second": round(done / took),
        "changes_a_cpu_second": round(done / worked),
        "mpps_at_rest": round(rest, 1),
        "mpps_meanwhile": round(during, 1),
        "kept": round(during / rest, 2),
        "sustained_a_second": round(sustained),
        "kept_sustained": round(paced / rest, 2),
        "rebuilds": changing.rebuilds,
        "insert_us": round((inserted - began) / len(made) * 1e6, 1),
        "remove_us": round((time.perf_counter() - inserted) / len(made) * 1e6, 1),
    }


def orders(rules: RuleSet, seconds: float, seed: int) -> dict[str, Any]:
    """What a short build finds with the portfolio in the network's order, in its fixed order, and without it.

    All have the same processor time and are timed in turns over packets that none of them saw.
    """
    portfolio = portfolios.shipped()
    assert portfolio is not None
    packets, _ = corners(rules)
    arms = {"network": portfolio, "fixed": portfolios.unlearned(portfolio), "random": None}
    tables = {}
    for name, one in arms.items():
        tree, _, _ = tune(
            rules, seconds=seconds, max_bytes_per_rule=120, seed=seed, portfolio=one, clock=time.process_time
        )
        tables[name] = Lookup(tree, rules)
    least = dict.fromkeys(arms, np.inf)
    for _ in range(6):
        for name, table in tables.items():
            least[name] = min(least[name], nanoseconds(table, packets[: 8 * SLICE], rounds=3))
    return {name: round(1e3 / ns, 2) for name, ns in least.items()}


def order_shares(found: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """How the network's order does against the others: on how many sets it is better, and by how much at the median."""
    out: dict[str, Any] = {}
    for other in ("fixed", "random"):
        gains = {
            name: float(np.mean([row["network"] for row in rows]) / np.mean([row[other] for row in rows]) - 1)
            for name, rows in found.items()
        }
        large = [gain for name, gain in gains.items() if name.endswith("10k")]
        out[f"against {other}"] = {
            "better": round(float(np.mean([gain > 0 for gain in gains.values()])), 2),
            "median": round(float(np.median(list(gains.values()))), 3),
            "median, 10k": round(float(np.median(large)), 3) if large else None,
            "worst": round(min(gains.values()), 3),
        }
    return out


COLD = """
import sys, time
began = time.perf_counter()
import numpy as np
from mlsys4sys.neurocuts import Classifier
classifier = Classifier.load(sys.argv[1])
packets = np.load(sys.argv[2])
classifier.classify(packets)
print(time.perf_counter() - began)
"""


def cold_start(path: Path) -> float:
    """Seconds of a fresh process for the import, loading (proof included) and a million packets; best of five."""
    rules = RuleSet.from_classbench(path)
    classifier = ClassifierBuilder(objective="latency", budget_s=3).build(rules)
    packets, _ = corners(rules)
    with tempfile.TemporaryDirectory() as folder:
        saved, trace = Path(folder, "c"), Path(folder, "t.npy")
        classifier.save(saved)
        np.save(trace, np.tile(packets, (10, 1)))
        command = [sys.executable, "-c", COLD, str(saved), str(trace)]
        runs = [float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(5)]
    return min(runs)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@click.option("--json", "output", type=click.Path(path_type=Path), help="Where to write everything.")
@click.option("--budget-s", default=10.0, show_default=True, help="Seconds of each build.")
@click.option("--large-s", default=30.0, show_default=True, help="Seconds of each build of 100,000 rules.")
@click.option("--only", default="", help="Comma-separated names of rule sets; all by default.")
@click.option(
    "--orders-s",
    default=0.0,
    show_default=True,
    help="Instead: builds of so many seconds with and without the network.",
)
@click.option("--seeds", default=3, show_default=True, help="Builds of each set, with --orders-s.")
def main(
    folder: Path, output: Path | None, budget_s: float, large_s: float, only: str, orders_s: float, seeds: int
) -> None:
    """Measure, print a line a set and write the results."""
    if shutil.which("dpdk-test-acl") is None:
        click.echo("dpdk-test-acl is not installed: no figures of DPDK", err=True)
    results: dict[str, Any] = {"machine": machine("numpy"), "kernel": _native.lookup_kernel(), "budget_s": budget_s}
    results |= {"sets": {}, "large": {}, "updates": {}}

    def note(part: str, name: str, row: Any) -> None:
        results[part][name] = row
        click.echo(f"{part} {name}: {json.dumps(row)}")
        if output:
            output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")

    paths = [path for path in sorted(folder.iterdir()) if not path.name.startswith(("LICENSE", "README"))]
    paths = [path for path in paths if not only or path.name in only.split(",")]
    if orders_s:
        results = {"machine": machine("numpy"), "seconds": orders_s, "seeds": seeds, "orders": {}, "shares": {}}
        for path in paths:
            rules = RuleSet.from_classbench(path)
            note("orders", path.name, [orders(rules, orders_s, seed) for seed in range(seeds)])
            results["shares"] = order_shares(results["orders"])
        note("shares", "all", order_shares(results["orders"]))
        return
    for path in paths:
        note("sets", path.name, one_set(path, budget_s))
    for path in paths:
        if path.name in ("acl1_10k", "fw1_10k", "ipc1_10k"):
            note("updates", path.name, updates(path, budget_s))
    if paths and large_s:
        for profile in LARGE:
            note("large", profile, large(profile, large_s))
        results["cold_s"] = round(cold_start(paths[0]), 2)
        click.echo(f"cold start: {results['cold_s']} s")
    if output:
        output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
