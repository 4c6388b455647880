"""Trees for measured speed: many are built, each in milliseconds, and timed; the fastest within a bound on memory wins.

A tree comes from a dozen constants (`native/neurocuts_latency.h`): how wide cuts may be, what memory costs, how rules
are parted at the top. Those of a portfolio are tried first (`mlsys4sys.neurocuts.portfolio`), then some are drawn at
random, then near the best found. Half of the trees are kept to less memory than is allowed, down to a quarter of it: a
small table is often the faster one, and what a search within less memory finds has to be found within more. Traffic is
used in three parts: trees are built for the first, timed on the second, and the winner is chosen among the best few of
each size on the third, in turns. So none wins that fits the packets it was built for by heart, or others by chance, or
that was timed while other programs left the machine to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlsys4sys import _native
from mlsys4sys.neurocuts.lookup import Lookup
from mlsys4sys.neurocuts.portfolio import Constants, Portfolio
from mlsys4sys.neurocuts.problem import RuleSet, Words
from mlsys4sys.neurocuts.tree import Tree

TRAFFIC = 131_072
"""Packets of the default traffic: of fewer, timed again and again, a processor learns the way by heart."""
SEEN = 8192
"""Packets that weigh branches while a tree is built."""
SLICE = 4096
"""Packets timed at once: short, so that some slice of each is not disturbed by other programs."""
FIRST = 8
"""Configurations that are timed before others are drawn near the best."""
SMALLEST = 0.25
"""Of the memory that is allowed: what trees are kept to at least now and then,"""
FEASIBLE = 60.0
"""but not to fewer bytes a rule than this: each takes 32 in its leaf alone."""
UNBOUNDED = 1000.0
"""Bytes a rule that stand for the bound where there is none."""
PATIENCE = 6.0
"""How many times the median a tree may take to build before its constants are given up."""
FINALISTS = 4
"""Of each size: more than half of the memory that is allowed, more than a quarter, and less."""
TURNS = 6
"""Of the finalists."""
PRICES = 6
"""Prices of memory that are tried until a table is small enough, each eight times the last, at the end twice."""
SMALL = Constants(leaf=16, base=6.0, tests=((-2, 0.93), (0, 24.0)), parts=0b10_10_01_00)
"""Constants of small trees, for where none was built in time."""
GIVE_UP = 200
"""Tables that may be too large at any price before no more are tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A tree and what its lookups took.

    Attributes:
        constants: What it was built with.
        ns: Nanoseconds a packet, on one core.
        size_bytes: Memory of its table.
    """

    constants: Constants
    ns: float
    size_bytes: int


_Made = tuple[Timed, Tree, Lookup]


def default_traffic(rules: RuleSet, count: int = TRAFFIC, seed: int = 0) -> Words:
    """Packets where no traffic is known: corners and insides of rules, drawn alike; shape (count, columns)."""
    rng = np.random.default_rng(seed)
    if not len(rules):
        return rng.integers(0, rules.maxima.astype(np.int64) + 1, (count, rules.columns)).astype(np.uint32)
    row = rng.integers(0, len(rules), count)
    low, high = rules.low[row].astype(np.int64), rules.high[row].astype(np.int64)
    corner = np.where(rng.random(low.shape) < 0.5, low, high)
    return np.where(rng.random((count, 1)) < 0.5, corner, rng.integers(low, high + 1)).astype(np.uint32)


def build(rules: RuleSet, constants: Constants, traffic: Words) -> Tree:
    """The tree of some constants; the same for the same arguments."""
    tree = _tried(rules, constants, traffic, 0.0, 0.0)
    assert tree is not None  # without a bound none is given up
    return tree


def fitting(
    rules: RuleSet, constants: Constants, traffic: Words, *, max_bytes: float, seconds: float = 0.0
) -> tuple[Constants, Tree, Lookup] | None:
    """A tree and its table, with a price of memory that is raised until the table is within a bound; None if none was.

    Args:
        rules: What to build a tree for.
        constants: What to begin with.
        traffic: Packets that weigh branches.
        max_bytes: Of the table, 0 for any size. Equal parts, which it keeps once, are counted each while a tree is
            built, so that half more is allowed until then.
        seconds: For all of it; 0 for any.
    """
    ends = time.perf_counter() + seconds
    for _ in range(PRICES):
        left = max(ends - time.perf_counter(), 1e-3) if seconds else 0.0
        tree = _tried(rules, constants, traffic, 1.5 * max_bytes, left)
        if tree is not None:
            table = Lookup(tree, rules)
            if not max_bytes or table.size_bytes <= max_bytes:
                return constants, tree, table
        if seconds and time.perf_counter() > ends:
            return None
        constants = replace(constants, memory=constants.memory * (2 if tree is not None else 8))
    return None


def _tried(rules: RuleSet, constants: Constants, traffic: Words, max_bytes: float, seconds: float) -> Tree | None:
    options: dict[str, Any] = {name: getattr(constants, name) for name in constants.__slots__}
    options["tests"] = list(constants.tests)
    arrays = _native.latency_tree(
        rules.low, rules.high, rules.maxima, traffic[:SEEN], max_bytes=max_bytes, seconds=seconds, **options
    )
    return None if arrays is None else Tree(columns=rules.columns, rules=len(rules), **arrays)


def nanoseconds(table: Lookup, traffic: Words, *, rounds: int, give_up: float = np.inf) -> float:
    """Processor time of a packet: the sum over slices of traffic of each slice's best round.

    Stops early, with what it has, when the second round is slower than ``give_up``.
    """
    starts = range(0, len(traffic), SLICE)
    best = np.full(len(starts), np.inf)
    out = np.empty(len(traffic), np.int32)
    for number in range(rounds):
        for place, start in enumerate(starts):
            packets, answers = traffic[start : start + SLICE], out[start : start + SLICE]
            began = time.thread_time()
            table.classify(packets, out=answers)
            best[place] = min(best[place], time.thread_time() - began)
        if number and best.sum() * 1e9 / len(traffic) > give_up:
            break
    return float(best.sum() * 1e9 / max(len(traffic), 1))


def tune(
    rules: RuleSet,
    *,
    seconds: float,
    trees: int | None = None,
    traffic: Words | None = None,
    max_bytes_per_rule: float | None = None,
    seed: int = 0,
    portfolio: Portfolio | None = None,
    clock: Callable[[], float] = time.perf_counter,
    report: Callable[[str], None] | None = None,
) -> tuple[Tree, Timed, list[Timed]]:
    """The fastest tree that was found, its figures, and the frontier of all (time, bytes) pairs that were measured.

    Args:
        rules: What to build a tree for.
        seconds: By the clock; at least one tree is built.
        trees: How many to time at most.
        traffic: A sample of packets, shape (n, columns); None for `default_traffic`.
        max_bytes_per_rule: Bound on the *real* memory of the table; where none is within it, the
            tree is as small as can be.
        seed: What constants and the order of traffic are drawn from.
        portfolio: What is tried first; None for constants drawn at random.
        clock: ``time.process_time`` to count processor time and not the clock on the wall.
        report: Called now and then with a line on how far it is.
    """
    latest = clock() + 0.9 * seconds
    rng = np.random.default_rng(seed)
    packets = default_traffic(rules, seed=seed) if traffic is None else traffic[rng.permutation(len(traffic))[:TRAFFIC]]
    seen, learned, held = _three(packets)
    limit = np.inf if max_bytes_per_rule is None else max_bytes_per_rule * max(len(rules), 1)
    found: list[Timed] = []
    kept: list[_Made] = []
    told = time.perf_counter()
    starts = [] if portfolio is None else portfolio.order(rules)
    with closing(_builds(rules, found, seen, limit, rng, latest, starts, clock)) as builds:
        for constants, tree, table in builds:
            best = min((row.ns for row in found), default=np.inf)
            ns = nanoseconds(table, learned, rounds=6, give_up=1.25 * best)
            row = Timed(constants=constants, ns=ns, size_bytes=table.size_bytes)
            found.append(row)
            kept = _finalists([*kept, (row, tree, table)], limit if np.isfinite(limit) else UNBOUNDED * len(rules))
            if report is not None and time.perf_counter() > told + 0.5:
                told = time.perf_counter()
                report(f"{len(found)} trees timed: {1e3 / min(best, ns):.1f} million packets a second")
            if clock() > latest or len(found) == trees:
                break
    if not found:  # nothing was built within the bound in time
        smallest = replace(SMALL, memory=1.0)
        tree = build(rules, smallest, seen)
        kept = [(Timed(constants=smallest, ns=np.inf, size_bytes=0), tree, Lookup(tree, rules))]
        found = [replace(kept[0][0], size_bytes=kept[0][2].size_bytes)]
    tree, chosen = _final(kept, held)
    return tree, chosen, frontier(found)


def _three(packets: Words) -> tuple[Words, Words, Words]:
    """To build for, to time on, and to choose by; all of them for each where they are few."""
    if len(packets) < 16:
        return packets, packets, packets
    first = min(len(packets) // 4, SEEN)
    second = (len(packets) + first) // 2
    return packets[:first], packets[first:second], packets[second:]


def _builds(
    rules: RuleSet,
    found: list[Timed],
    seen: Words,
    limit: float,
    rng: np.random.Generator,
    latest: float,
    starts: Sequence[Constants],
    clock: Callable[[], float],
) -> Generator[tuple[Constants, Tree, Lookup]]:
    """Tables to time; while one is timed the next is built on another processor, if there is one."""
    allowed = limit if np.isfinite(limit) else UNBOUNDED * max(len(rules), 1)
    least = min(allowed, max(SMALLEST * allowed, FEASIBLE * len(rules)))
    sizes = (limit, least) if least < 0.8 * allowed else (limit,)
    waiting = [(constants, size) for constants in starts for size in sizes]
    took: list[float] = []

    def following() -> tuple[Constants, float]:
        if waiting:
            return waiting.pop(0)
        spread = max(rng.uniform(-1, 1), 0.0)
        size = limit if spread == 0 else allowed * (least / allowed) ** spread
        return drawn(rng, rules, found), size

    def make(constants: Constants, size: float) -> tuple[Constants, Tree, Lookup] | None:
        bound = float(size) if np.isfinite(size) else 0.0
        left = max(latest - clock(), 0.01) if np.isfinite(latest) else 0.0
        if len(took) >= 3:
            patience = max(PATIENCE * float(np.median(took)), 0.1)
            left = min(left, patience) if left else patience
        began = time.perf_counter()
        made = fitting(rules, constants, seen, max_bytes=bound, seconds=left)
        if made is not None:
            took.append(time.perf_counter() - began)
        return made

    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(make, *following())
        failed = 0
        while failed < GIVE_UP:
            made = ahead.result()
            ahead = pool.submit(make, *following())
            if made is not None:
                yield made
            elif clock() > latest:
                return
            else:
                failed += 1


def frontier(found: list[Timed]) -> list[Timed]:
    """Those that none beats in both time and bytes, fastest first."""
    kept: list[Timed] = []
    for row in sorted(found, key=lambda row: (row.ns, row.size_bytes)):
        if not kept or row.size_bytes < kept[-1].size_bytes:
            kept.append(row)
    return kept


def _finalists(made: list[_Made], allowed: float) -> list[_Made]:
    """The best few of each size."""
    of_size: dict[int, list[_Made]] = {}
    for one in sorted(made, key=lambda one: one[0].ns):
        of_size.setdefault(min(int(allowed / one[0].size_bytes), 4).bit_length(), []).append(one)
    return [one for group in of_size.values() for one in group[:FINALISTS]]


def _final(kept: list[_Made], held: Words) -> tuple[Tree, Timed]:
    """The best of the finalists on traffic that none was chosen by, timed in turns."""
    times = np.full(len(kept), np.inf)
    for _ in range(TURNS):
        for place, (_row, _tree, table) in enumerate(kept):
            times[place] = min(times[place], nanoseconds(table, held, rounds=2))
    best = int(np.argmin(times))
    row, tree, _ = kept[best]
    return tree, replace(row, ns=float(times[best]))


def drawn(rng: np.random.Generator, rules: RuleSet, found: list[Timed]) -> Constants:
    """Constants to try next: at random, later near the best found."""
    fresh = _fresh(rng, rules)
    if len(found) < FIRST or rng.random() < 0.15:
        return fresh
    order = sorted(found, key=lambda row: row.ns)
    parent = order[min(int(rng.exponential(2.0)), len(order) - 1)].constants
    changes: dict[str, Any] = {"seed": int(rng.integers(1 << 30))}
    numbers: NDArray[Any] = rng.normal(0, 0.35, 4)
    changes |= {
        name: float(getattr(parent, name) * np.exp(step))
        for name, step in zip(("memory", "base", "rate", "block"), numbers, strict=True)
        if rng.random() < 0.5
    }
    for name in ("leaf", "max_bits", "bits", "noise"):
        if rng.random() < 0.15:
            changes[name] = getattr(fresh, name)
    if rng.random() < 0.15:
        changes |= {"tests": fresh.tests, "parts": fresh.parts}
    elif parent.tests and rng.random() < 0.3:
        changes["tests"] = tuple(
            (column, bits + float(rng.normal(0, 1.5 if column >= 0 else 0.1))) for column, bits in parent.tests
        )
    return replace(parent, **changes)


def _fresh(rng: np.random.Generator, rules: RuleSet) -> Constants:
    tests: tuple[tuple[int, float], ...] = ()
    parts = 0
    if rng.random() < 0.75:
        tests = tuple(_test(rng, rules) for _ in range(2))
        parts = int(
            rng.choice([0b10_01_01_00, 0b11_10_01_00, 0b01_01_01_00, 0b01_00_00_00, 0b10_10_01_00, 0b10_01_00_00])
        )
    return Constants(
        leaf=int(rng.choice([4, 8, 8, 8, 16, 16, 24])),
        max_bits=int(rng.integers(5, 17)),
        memory=float(10 ** rng.uniform(-4, -0.7)),
        base=float(np.exp(rng.uniform(1, 4.5))),
        rate=float(rng.uniform(0, 0.5) ** 2),
        block=float(rng.uniform(1.2, 5)),
        noise=float(rng.choice([0, 0, 0.1, 0.3])),
        bits=bool(rng.random() < 0.4),
        tests=tests,
        parts=parts,
        seed=int(rng.integers(1 << 30)),
    )


def _test(rng: np.random.Generator, rules: RuleSet) -> tuple[int, float]:
    """A column and a width that halves the rules somewhere, or a place in the list."""
    if rng.random() < 0.15:
        return -2, float(rng.uniform(0.1, 0.95))
    widths = [int(word).bit_length() for word in rules.maxima]
    odds = np.array(widths, float) ** 2
    column = int(rng.choice(len(widths), p=odds / odds.sum()))
    return column, float(rng.uniform(0.1, 0.97) * widths[column])
