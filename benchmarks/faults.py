"""Faults put into trees, and what the proof says: ``python -m benchmarks.faults FOLDER --json FILE``.

FOLDER holds rule sets in ClassBench's format; those of at most ``--most`` rules are taken. Of each kind of fault 1,000
are put into proven trees (a heuristic's, a search's, one tuned for measured time with bit selections), spread over the
sets. A fault is *caught* when the proof names a packet and the broken tree really answers that packet wrongly, *named*
when the tree is refused as malformed or as one that cannot be proven (a rule in two parts), and *harmless* when the
proof holds: then 20,000 corners and insides of rules are looked up in the broken tree, and one wrong answer ends the
run. About four minutes on one core.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import machine
from mlsys4sys.errors import InputError
from mlsys4sys.neurocuts import RuleSet, baselines
from mlsys4sys.neurocuts.lookup import Lookup
from mlsys4sys.neurocuts.portfolio import Constants
from mlsys4sys.neurocuts.search import TreeSearch
from mlsys4sys.neurocuts.tree import Kind, Tree, walk
from mlsys4sys.neurocuts.tune import build, default_traffic
from mlsys4sys.neurocuts.verify import certify
from mlsys4sys.search import Budget

Arrays = dict[str, NDArray[Any]]
PROBES = 20_000


def _pick(tree: Tree, kinds: tuple[Kind, ...], least: int, rng: np.random.Generator) -> int | None:
    """A node of some kinds with at least so many children or rules."""
    nodes = np.flatnonzero(np.isin(tree.kind, kinds) & (tree.count >= least))
    return int(rng.choice(nodes)) if len(nodes) else None


def rule_lost(tree: Tree, arrays: Arrays, rng: np.random.Generator) -> bool:
    """A leaf forgets one of its rules."""
    leaf = _pick(tree, (Kind.LEAF,), 1, rng)
    if leaf is None:
        return False
    first, count = int(tree.first[leaf]), int(tree.count[leaf])
    gone = int(rng.integers(count))
    arrays["rule_ids"][first + gone : first + count - 1] = tree.rule_ids[first + gone + 1 : first + count]
    arrays["count"][leaf] -= 1
    return True


def rule_exchanged(tree: Tree, arrays: Arrays, rng: np.random.Generator) -> bool:
    """A leaf has another rule in place of one."""
    leaf = _pick(tree, (Kind.LEAF,), 1, rng)
    if leaf is None:
        return False
    first, count = int(tree.first[leaf]), int(tree.count[leaf])
    arrays["rule_ids"][first + int(rng.integers(count))] = rng.integers(tree.rules)
    arrays["rule_ids"][first : first + count].sort()
    return True


def rules_reordered(tree: Tree, arrays: Arrays, rng: np.random.Generator) -> bool:
    """Two rules of a leaf change places."""
    leaf = _pick(tree, (Kind.LEAF,), 2, rng)
    if leaf is None:
        return False
    first = int(tree.first[leaf])
    a, b = rng.choice(int(tree.count[leaf]), 2, replace=False) + first
    arrays["rule_ids"][[a, b]] = arrays["rule_ids"][[b, a]]
    return True


INNER = (Kind.CUT, Kind.SPLIT, Kind.BITS)


def _cells(tree: Tree, rng: np.random.Generator, kinds: tuple[Kind, ...] = INNER) -> NDArray[np.int64] | None:
    node = _pick(tree, kinds, 2, rng)
    return None if node is None else np.arange(int(tree.count[node])) + int(tree.first[node])


def cells_swapped(tree: Tree, arrays: Arrays, rng: np.random.Generator) -> bool:
    """Two cells of a node change places."""
    cells = _cells(tree, rng)
    if cells is None:
        return False
    pair = rng.choice(cells, 2, replace=False)
    arrays["children"][pair] = arrays["children"][pair[::-1]]
    return True


def cell_lost(tree: Tree, arrays: Arrays, rng: np.random.Generator) -> bool:
    """A cell is empty."""
    cells = _cells(tree, rng)
    if cells is None:
        return False
    arrays["children"][rng.choice(cells)] = -1
    return True


def cell_doubled(tree: Tree, arrays: Arrays, rng: np.random.Generator) -> bool:
    """A cell shows what its neighbour shows."""
    cells = _cells(tree, rng)
    if cells is None:
        return False
    at = int(rng.integers(len(cells) - 1))
    arrays["children"][cells[at]] = arrays["children"][cells[at + 1]]
    return True


def part_lost(tree: Tree, arrays: Arrays, rng: np.random.Generator) -> bool:
    """A part of a partition is not searched."""
    cells = _cells(tree, rng, (Kind.PARTITION,))
    if cells is None:
        return False
    arrays["children"][rng.choice(cells)] = -1
    return True


def cut_moved(tree: Tree, arrays: Arrays, rng: np.random.Generator) -> bool:
    """A cut begins one cell before or after."""
    node = _pick(tree, (Kind.CUT,), 2, rng)
    if node is None:
        return False
    arrays["base"][node] = (int(tree.base[node]) + (1 if rng.random() < 0.5 else -1)) % 2**32
    return True


def cut_resized(tree: Tree, arrays: Arrays, rng: np.random.Generator) -> bool:
    """The cells of a cut are half or twice as wide."""
    node = _pick(tree, (Kind.CUT,), 2, rng)
    if node is None:
        return False
    arrays["shift"][node] = np.clip(int(tree.shift[node]) + (1 if rng.random() < 0.5 else -1), 0, 31)
    return True


def column_exchanged(tree: Tree, arrays: Arrays, rng: np.random.Generator) -> bool:
    """A node looks at another column."""
    node = _pick(tree, INNER, 2, rng)
    if node is None:
        return False
    arrays["dim"][node] = (int(tree.dim[node]) + int(rng.integers(1, tree.columns))) % tree.columns
    return True


def bit_exchanged(tree: Tree, arrays: Arrays, rng: np.random.Generator) -> bool:
    """A bit selection takes another bit in place of one."""
    node = _pick(tree, (Kind.BITS,), 2, rng)
    if node is None:
        return False
    mask = int(tree.mask[node])
    ours = [bit for bit in range(32) if mask >> bit & 1]
    others = [bit for bit in range(32) if not mask >> bit & 1]
    if not others:
        return False
    arrays["mask"][node] = mask ^ (1 << int(rng.choice(ours))) ^ (1 << int(rng.choice(others)))
    return True


def boundary_moved(tree: Tree, arrays: Arrays, rng: np.random.Generator) -> bool:
    """A boundary of a split lies one further."""
    node = _pick(tree, (Kind.SPLIT,), 2, rng)
    if node is None:
        return False
    at = int(tree.base[node]) + int(rng.integers(int(tree.count[node]) - 1))
    arrays["bounds"][at] = (int(tree.bounds[at]) + (1 if rng.random() < 0.5 else -1)) % 2**32
    return True


FAULTS: dict[str, Callable[[Tree, Arrays, np.random.Generator], bool]] = {
    fault.__name__.replace("_", " "): fault
    for fault in (
        rule_lost,
        rule_exchanged,
        rules_reordered,
        cells_swapped,
        cell_lost,
        cell_doubled,
        part_lost,
        cut_moved,
        cut_resized,
        column_exchanged,
        bit_exchanged,
        boundary_moved,
    )
}


def broken(tree: Tree, fault: str, rng: np.random.Generator) -> Tree | None:
    """A copy with one fault; None where the tree has nothing that could have it."""
    arrays: Arrays = {name: array.copy() for name, array in tree.arrays().items()}
    if not FAULTS[fault](tree, arrays, rng):
        return None
    return Tree(columns=tree.columns, rules=tree.rules, **arrays)


def trees(rules: RuleSet) -> list[Tree]:
    """Proven trees that have all kinds of nodes between them."""
    search = TreeSearch(rules, threads=1)
    search.run(Budget(evaluations=2000))
    points = search.points()
    tuned = build(rules, Constants(bits=True, leaf=2, memory=1e-5), default_traffic(rules))
    parted = build(rules, Constants(tests=((0, 24.0), (1, 24.0)), parts=0b11_10_01_00), default_traffic(rules))
    made = [search.tree(points[len(points) // 2]), tuned, parted, baselines.build("cutsplit", rules)]
    found = [tree for tree in made if tree is not None]
    if not all(certify(tree, rules) for tree in found):
        raise SystemExit("a tree is wrong before any fault")
    return found


def judged(rules: RuleSet, found: list[Tree], fault: str, count: int, rng: np.random.Generator) -> dict[str, int]:
    """What the proof says of some faults of a kind."""
    outcome = {"caught": 0, "named": 0, "harmless": 0}
    able = [tree for tree in found if broken(tree, fault, rng) is not None]
    probes = default_traffic(rules, PROBES)
    wanted = rules.classify_linear(probes) if able else None
    for number in range(count if able else 0):
        tree = broken(able[number % len(able)], fault, rng)
        assert tree is not None
        certificate = certify(tree, rules)
        if certificate:
            if (_answers(tree, rules, probes) != wanted).any():
                raise SystemExit(f"{fault}: the proof holds, and a packet is answered wrongly")
            outcome["harmless"] += 1
        elif certificate.packet is None:
            outcome["named"] += 1
        else:
            right = rules.classify_linear([certificate.packet])[0]
            if right != certificate.expected or walk(tree, rules, [certificate.packet])[0] == right:
                raise SystemExit(f"{fault}: the packet that the proof names is answered rightly")
            outcome["caught"] += 1
    return outcome


def _answers(tree: Tree, rules: RuleSet, packets: NDArray[np.uint32]) -> NDArray[np.int32]:
    try:
        return Lookup(tree, rules).classify(packets)
    except InputError:  # no layout for such nodes
        return walk(tree, rules, packets)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "output", type=click.Path(path_type=Path), help="Where to write everything.")
@click.option("--faults", default=1000, show_default=True, help="Of each kind.")
@click.option("--most", default=2000, show_default=True, help="Rules of the largest set that is taken.")
def main(folder: Path, output: Path | None, faults: int, most: int) -> None:
    """Break trees, print a line a kind and write the results."""
    paths = [path for path in sorted(folder.iterdir()) if not path.name.startswith(("LICENSE", "README"))]
    loaded = [rules for rules in map(RuleSet.from_classbench, paths) if len(rules) <= most]
    made = [(rules, trees(rules)) for rules in loaded]
    results: dict[str, Any] = {"machine": machine("numpy"), "rule_sets": len(loaded), "faults": {}}
    rng = np.random.default_rng(0)
    for fault in FAULTS:
        total = {"caught": 0, "named": 0, "harmless": 0}
        able = [(rules, found) for rules, found in made if any(broken(tree, fault, rng) for tree in found)]
        for place, (rules, found) in enumerate(able):
            share = faults * (place + 1) // len(able) - faults * place // len(able)
            for name, value in judged(rules, found, fault, share, rng).items():
                total[name] += value
        results["faults"][fault] = {**total, "escaped": 0}
        click.echo(f"{fault}: {json.dumps(results['faults'][fault])}")
        if output:
            output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
