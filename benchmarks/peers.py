"""Lookups of other schools: ``python -m benchmarks.peers FOLDER --json benchmarks/results/peers.json``.

FOLDER holds rule sets in ClassBench's format. Tuple space search, TupleMerge, a bit-selection tree and plain walks of
the heuristics' trees, all ours and in C++, beside the tree of a search of two seconds in the SIMD kernel: packets a
second on one core (processor time, the best of interleaved rounds over 100,000 corners of rules), bytes a rule, build
time, and updates a second where there are any. All of them are compared with a linear scan over `--packets` packets of
the set: corners, their neighbours, insides, noise. About five minutes on two cores.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import machine
from mlsys4sys.datasets import rules as generated
from mlsys4sys.neurocuts import ClassifierBuilder, RuleSet
from mlsys4sys.neurocuts.peers import LookupPeer, lookup_baselines

ROUNDS = 9
AT_ONCE = 100_000


class Ours:
    """The tree of a search, in the SIMD kernel."""

    name = "ours"
    updatable = False

    def build(self, rules: RuleSet) -> bool:
        self.classifier = ClassifierBuilder(budget_s=2.0, threads=1).build(rules)
        return True

    def solve(self, packets: NDArray[np.uint32]) -> NDArray[np.int32]:
        return self.classifier.classify(packets)

    @property
    def size_bytes(self) -> int:
        return self.classifier.stats.size_bytes


def checked(rules: RuleSet, packets: int, seed: int) -> NDArray[np.uint32]:
    """Packets that find mistakes."""
    return generated.trace(rules.low, rules.high, packets, corners=0.6, misses=0.1, seed=seed, maxima=rules.maxima)


def one_set(rules: RuleSet, packets: int) -> dict[str, Any]:
    """All lookups on one set."""
    trace = generated.trace(rules.low, rules.high, 100_000, corners=1.0, maxima=rules.maxima)
    rows: dict[str, Any] = {}
    ready: list[Any] = []
    contenders: list[Any] = [Ours(), *lookup_baselines(budget_s=5.0)]
    for peer in contenders:
        began = time.process_time()
        if not peer.build(rules):
            rows[peer.name] = None
            continue
        rows[peer.name] = {"build_s": round(time.process_time() - began, 3)}
        rows[peer.name]["bytes_per_rule"] = round(peer.size_bytes / max(len(rules), 1), 1)
        ready.append(peer)
    best = {peer.name: np.inf for peer in ready}
    for _ in range(ROUNDS):
        for peer in ready:
            part = trace[:5_000] if peer.name == "linear" else trace
            began = time.process_time()
            peer.solve(part)
            best[peer.name] = min(best[peer.name], (time.process_time() - began) / len(part))
    for peer in ready:
        rows[peer.name]["mpps"] = round(1e-6 / best[peer.name], 2)
        if peer.updatable:
            rows[peer.name]["updates_per_s"] = round(churned(peer, len(rules)))
    return {"rules": len(rules), "lookups": rows, **agreement(ready, rules, packets)}


def churned(peer: LookupPeer, rules: int) -> float:
    """Removals and insertions a second, the best of five."""
    which = np.random.default_rng(0).integers(0, rules, 20_000)
    rates = []
    for _ in range(5):
        began = time.process_time()
        rates.append(peer.churn(which) / (time.process_time() - began))
    return max(rates)


def agreement(ready: list[Any], rules: RuleSet, packets: int) -> dict[str, Any]:
    """Packets that any lookup answers otherwise than the linear scan in C++."""
    linear = next(peer for peer in ready if peer.name == "linear")
    differences = compared = 0
    for seed, start in enumerate(range(0, packets, AT_ONCE)):
        words = checked(rules, min(AT_ONCE, packets - start), seed)
        expected = linear.solve(words)
        compared += len(words)
        for peer in ready:
            if peer is not linear:
                differences += int((peer.solve(words) != expected).sum())
    return {"packets_compared": compared, "differences": differences}


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "output", type=click.Path(path_type=Path), help="Where to write everything.")
@click.option(
    "--packets", default=850_000, show_default=True, help="Packets of each set that all lookups must agree on."
)
@click.option("--only", default="", help="Comma-separated names of rule sets; all by default.")
def main(folder: Path, output: Path | None, packets: int, only: str) -> None:
    """Measure, print a line a lookup and write the results."""
    results: dict[str, Any] = {"machine": machine("numpy"), "sets": {}}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(("LICENSE", "README")) or (only and path.name not in only.split(",")):
            continue
        row = results["sets"][path.name] = one_set(RuleSet.from_classbench(path), packets)
        click.echo(f"{path.name}: {row['differences']} differences over {row['packets_compared']} packets")
        for name, one in row["lookups"].items():
            click.echo(f"  {name:<11} {json.dumps(one)}")
        if output:
            output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
