"""Trees against hand-made heuristics: ``python -m benchmarks.neurocuts FOLDER --json FILE``.

FOLDER holds rule sets in ClassBench's format. Time and bytes are the paper's metric (`tree.measure`); every tree that
is counted, a peer's or ours, is proven equal to the linear scan first. Then lookups: millions of packets a second on
one core and on two, the best of many short rounds over 100,000 corners of rules; and DPDK on the same rules
and packets where its ``dpdk-test-acl`` is installed.

``--budgets 5 --budgets 60`` instead follows single searches as they go on: what they have after each of these seconds,
and which share of the gain over the best baseline comes by the first of them. Seeds are the outer loop and the smaller
sets come first, so that a run that is cut short has something to say; three seeds of 12 sets take 36 minutes on two
quiet cores.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.machine import machine
from mlsys4sys import _native
from mlsys4sys.neurocuts import PAPER, RuleSet, Space, baselines
from mlsys4sys.neurocuts.lookup import Lookup
from mlsys4sys.neurocuts.policy import Policy, shipped
from mlsys4sys.neurocuts.search import Point, TreeSearch
from mlsys4sys.neurocuts.tree import Tree, measure
from mlsys4sys.neurocuts.verify import certify
from mlsys4sys.search import Budget

CAPS = {"32": 32.0, "100": 100.0, "any": 1e9}
"""Bytes per rule."""
LINEAR_PACKETS = 2000


def peers(rules: RuleSet, seconds: float) -> dict[str, Any]:
    """Each baseline's figures, or why there are none."""
    found: dict[str, Any] = {}
    for name in baselines.NAMES:
        started = time.perf_counter()
        tree = baselines.build(name, rules, budget_s=seconds)
        if tree is None:
            found[name] = {"ended": f"not done in {seconds:.0f} s, or larger than 4 million cells"}
            continue
        found[name] = figures(tree, rules) | {"build_s": round(time.perf_counter() - started, 3)}
    return found


def figures(tree: Tree, rules: RuleSet) -> dict[str, Any]:
    """Time and bytes of a tree, after its proof."""
    started = time.perf_counter()
    certificate = certify(tree, rules)
    if not certificate:
        raise SystemExit(f"a tree is wrong: {certificate.counterexample}")
    metric = measure(tree)
    proof_ms = 1e3 * (time.perf_counter() - started)
    return {"time": metric.time, "bytes_per_rule": round(metric.bytes_per_rule, 2), "proof_ms": round(proof_ms, 1)}


def searched(
    rules: RuleSet, space: Space, seconds: float, seed: int, policy: Policy | None
) -> tuple[dict[str, Any], Tree | None]:
    """The least time within each cap, and the tree within 100 bytes per rule; seconds of processor time."""
    search = TreeSearch(rules, caps=(32.0, 100.0, 0.0), space=space, seed=seed, policy=policy, threads=2, cpu_time=True)
    search.run(Budget(seconds=seconds))
    found: dict[str, Any] = {"expansions": search.expansions}
    tree = None
    for name, cap in CAPS.items():
        fitting: list[Point] = [point for point in search.points() if point.bytes <= cap * len(rules)]
        if fitting:
            made = search.tree(min(fitting, key=lambda point: (point.time, point.bytes)))
            found[name] = figures(made, rules)
            tree = made if name == "100" else tree
    return found, tree


def best_peer(found: dict[str, Any], cap: float) -> int | None:
    """The least time of the baselines within a cap."""
    times = [row["time"] for row in found.values() if "time" in row and row["bytes_per_rule"] <= cap]
    return min(times, default=None)


def lookups(tree: Tree, rules: RuleSet, rounds: int = 60) -> dict[str, Any]:
    """Rates of the kernel; answers are compared with the linear scan first."""
    packets, _ = corners(rules)
    table = Lookup(tree, rules)
    out = np.empty(len(packets), np.int32)
    wrong = table.classify(packets[:LINEAR_PACKETS]) != rules.classify_linear(packets[:LINEAR_PACKETS])
    if wrong.any():
        raise SystemExit("a lookup is wrong")
    rates = {}
    for threads in (1, 2):
        best = min(_timed(table, packets, out, threads) for _ in range(rounds))
        rates[f"mpps_{threads}"] = round(len(packets) / best / 1e6, 1)
    packet = tuple(packets[0].tolist())
    started = time.perf_counter()
    for _ in range(20_000):
        table.one(packet)
    one_us = (time.perf_counter() - started) / 20_000 * 1e6
    real = round(table.size_bytes / len(rules), 1)
    return {**rates, "one_us": round(one_us, 2), "real_bytes_per_rule": real, "kernel": _native.lookup_kernel()}


def dpdk(path: Path, rules: RuleSet) -> float | None:
    """DPDK's ACL library (AVX2) on one core, over the packets of `lookups`, in millions a second."""
    if shutil.which("dpdk-test-acl") is None or rules.columns != 5:
        return None
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder, "trace")
        packets, row = corners(rules)
        np.savetxt(trace, np.c_[packets, row], fmt="%d", delimiter="\t")
        command = "dpdk-test-acl --no-huge --no-pci --no-telemetry -l 1 -m 6144 -- --rulenum=20000 --tracenum=100000"
        command += (
            f" --tracestep=256 --bldcat=1 --runcat=1 --iter=60 --alg=avx2 --verbose=0 --rulesf={path} --tracef={trace}"
        )
        done = subprocess.run(command.split(), capture_output=True, text=True, timeout=300, check=False)
    found = re.search(r"([\d.]+) pkt/sec", done.stdout)
    return round(float(found[1]) / 1e6, 1) if found else None


def corners(rules: RuleSet) -> tuple[Any, Any]:
    """100,000 corners of rules drawn alike, and the rules that they are of."""
    rng = np.random.default_rng(0)
    row = rng.integers(0, len(rules), 100_000)
    packets = np.where(rng.random((len(row), rules.columns)) < 0.5, rules.low[row], rules.high[row])
    return packets.astype(np.uint32), row


def _timed(table: Lookup, packets: Any, out: Any, threads: int) -> float:
    started = time.perf_counter()
    table.classify(packets, out=out, threads=threads)
    return time.perf_counter() - started


def run_set(path: Path, budget_s: float, seeds: int, long_s: float) -> dict[str, Any]:
    """Everything about one rule set."""
    rules = RuleSet.from_classbench(path)
    found: dict[str, Any] = {
        "rules": len(rules),
        "peers": peers(rules, 5.0),
        "ours": [],
        "without": [],
        "load": os.getloadavg()[0],
    }
    tree, policy = None, shipped()
    for seed in range(seeds):
        result, made = searched(rules, Space(), budget_s, seed, policy)
        found["ours"].append(result)
        found["without"].append(searched(rules, Space(), budget_s, seed, None)[0])
        tree = tree or made
    found["short"] = searched(rules, Space(), budget_s / 10, 0, policy)[0]
    found["paper"] = searched(rules, PAPER, budget_s, 0, policy)[0]
    if long_s:
        found["long"] = searched(rules, Space(), long_s, 0, policy)[0]
    found["lookups"] = lookups(tree, rules) if tree is not None else {}
    found["lookups"]["dpdk_mpps"] = dpdk(path, rules)
    return found


def followed(rules: RuleSet, budgets: tuple[float, ...], seed: int) -> dict[str, Any]:
    """One search, and the least time within each cap after each budget; seconds of processor time of each thread."""
    search = TreeSearch(rules, caps=(32.0, 100.0, 0.0), seed=seed, policy=shipped(), threads=2, cpu_time=True)
    found: dict[str, Any] = {}
    spent = 0.0
    for budget in budgets:
        search.run(Budget(seconds=budget - spent))
        spent = budget
        row: dict[str, Any] = {"expansions": search.expansions}
        for name, cap in CAPS.items():
            fitting = [point for point in search.points() if point.bytes <= cap * len(rules)]
            if fitting:
                row[name] = figures(search.tree(min(fitting, key=lambda point: (point.time, point.bytes))), rules)
        found[f"{budget:g}"] = row
    return found


def follow(paths: list[Path], budgets: tuple[float, ...], seeds: int, output: Path | None) -> None:
    """Searches followed through their budgets, a line a search."""
    results: dict[str, Any] = {"machine": machine("numpy"), "budgets": budgets, "sets": {}}
    loaded = sorted(((path, RuleSet.from_classbench(path)) for path in paths), key=lambda pair: len(pair[1]))
    for seed in range(seeds):
        for path, rules in loaded:
            row = results["sets"].setdefault(path.name, {"rules": len(rules), "peers": peers(rules, 5.0), "seeds": []})
            row["seeds"].append(followed(rules, budgets, seed))
            click.echo(f"{path.name}, seed {seed}: {json.dumps(row['seeds'][-1])}")
            results["summary"] = shares(results["sets"], budgets)
            if output:
                output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    click.echo(json.dumps(results["summary"], indent=1))


def shares(found: dict[str, dict[str, Any]], budgets: tuple[float, ...]) -> dict[str, Any]:
    """How much less time than the best baseline, and the first budget's share of the last one's gain.

    Medians over sets of medians over seeds.
    """
    first, last = f"{min(budgets):g}", f"{max(budgets):g}"
    out: dict[str, Any] = {}
    for name, cap in CAPS.items():
        gains: dict[str, list[float]] = {}
        early: dict[str, list[float]] = {}
        for set_name, row in found.items():
            peer = best_peer(row["peers"], cap)
            times = {
                f"{budget:g}": [
                    seed[f"{budget:g}"][name]["time"] for seed in row["seeds"] if name in seed[f"{budget:g}"]
                ]
                for budget in budgets
            }
            if not peer or not all(times.values()):
                continue
            gain = {budget: peer - statistics.median(values) for budget, values in times.items()}
            for budget, value in gain.items():
                gains.setdefault(budget, []).append(value / peer)
            if gain[last] > 0:
                for group in ("all", set_name.rsplit("_", 1)[-1]):
                    early.setdefault(group, []).append(gain[first] / gain[last])
        out[f"<= {name} B/rule"] = {
            "less time": {key: round(statistics.median(values), 3) for key, values in gains.items()},
            "worst": {key: round(min(values), 3) for key, values in gains.items()},
            f"{first} s of {last} s": {key: round(statistics.median(values), 3) for key, values in early.items()},
            f"{first} s of {last} s, worst": {key: round(min(values), 3) for key, values in early.items()},
            "sets": len(gains.get(last, [])),
        }
    return out


def summary(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """How much less time than the best baseline within the same bytes: the median over sets, and the worst."""
    rows: dict[str, list[float]] = {}
    for row in found.values():
        for name, cap in CAPS.items():
            peer = best_peer(row["peers"], cap)
            ours = [seed[name]["time"] for seed in row["ours"] if name in seed]
            if peer and ours:
                rows.setdefault(f"<= {name} B/rule", []).append(1 - statistics.median(ours) / peer)
                if name in row["paper"]:
                    rows.setdefault(f"<= {name} B/rule, the paper's actions", []).append(
                        1 - row["paper"][name]["time"] / peer
                    )
    return {
        name: {"median": round(statistics.median(gains), 3), "worst": round(min(gains), 3), "sets": len(gains)}
        for name, gains in rows.items()
    } | {"the policy's share, <= 100 B/rule": policys_share(found)}


def policys_share(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """With against without the network at the same processor time, within 100 bytes per rule, means of the seeds.

    ``better``: share of the sets where the time is less, or the same in fewer bytes; ``time``: median of how much less.
    """
    better, gains = [], {"all": [], "10k": []}  # type: ignore[var-annotated]
    for name, row in found.items():
        means = {
            side: [statistics.fmean(seed["100"][key] for seed in row[side]) for key in ("time", "bytes_per_rule")]
            for side in ("ours", "without")
        }
        better.append(means["ours"] < means["without"])
        gain = 1 - means["ours"][0] / means["without"][0]
        gains["all"].append(gain)
        if name.endswith("10k"):
            gains["10k"].append(gain)
    return {"better": round(statistics.fmean(better), 3)} | {
        f"time, {name}": round(statistics.median(values), 3) for name, values in gains.items() if values
    }


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@click.option("--json", "output", type=click.Path(path_type=Path), help="Where to write everything.")
@click.option("--budget-s", default=5.0, show_default=True, help="Seconds of each search.")
@click.option("--seeds", default=3, show_default=True, help="Searches of each set.")
@click.option("--long-s", default=0.0, show_default=True, help="Seconds of one longer search of each set; 0: none.")
@click.option("--budgets", multiple=True, type=float, help="Follow searches through these seconds; nothing else.")
@click.option("--only", default="", help="Comma-separated names of rule sets; all by default.")
def main(
    folder: Path,
    output: Path | None,
    budget_s: float,
    seeds: int,
    long_s: float,
    budgets: tuple[float, ...],
    only: str,
) -> None:
    """Measure, print a table and write the results."""
    paths = [path for path in sorted(folder.iterdir()) if not path.name.startswith(("LICENSE", "README"))]
    paths = [path for path in paths if not only or path.name in only.split(",")]
    if budgets:
        follow(paths, tuple(sorted(budgets)), seeds, output)
        return
    results: dict[str, Any] = {"machine": machine("numpy"), "budget_s": budget_s, "long_s": long_s, "sets": {}}
    for path in paths:
        results["sets"][path.name] = row = run_set(path, budget_s, seeds, long_s)
        click.echo(f"{path.name}: {json.dumps({key: row[key] for key in ('ours', 'paper', 'lookups')})}")
        results["summary"] = summary(results["sets"])
        if output:
            output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    click.echo(json.dumps(results["summary"], indent=1))


if __name__ == "__main__":
    main()
