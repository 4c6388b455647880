"""Anytime search for trees: the fewest bytes for each worst-case time (`native/neurocuts_search.h`).

Several searches with seeds of their own run side by side on threads (they hold no lock and share nothing), and the best
point of any of their frontiers counts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mlsys4sys import _native
from mlsys4sys.neurocuts.policy import Policy
from mlsys4sys.neurocuts.problem import RuleSet
from mlsys4sys.neurocuts.tree import Tree
from mlsys4sys.search import Budget

SLICE_S = 0.5
INFEASIBLE = 1e29


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """What a search may do.

    Attributes:
        max_cuts: Most pieces of a cut; NeuroCuts' own actions end at 32.
        splits: Splits at up to 15 ends of rules, chosen freely. NeuroCuts has none.
        partitions: Dividing rules instead of space.
    """

    max_cuts: int = 1024
    splits: bool = True
    partitions: bool = True


PAPER = Space(max_cuts=32, splits=False)
"""The actions of the NeuroCuts paper (section 4): up to 32 equal cuts, partitions."""


@dataclass(frozen=True, slots=True)
class Point:
    """A tree that a search can make: its time and bytes by the paper's metric."""

    time: int
    bytes: float
    searcher: int


@dataclass
class TreeSearch:
    """Searches side by side.

    Args:
        rules: What to build trees for.
        caps: Bytes per rule within which the least time is sought; 0 for any size.
        policy: The network that chooses partitions; without it a rule of thumb does.
        threads: Searches; None for one a processor.
        cpu_time: Seconds count the processor time of each search, not the clock on the wall.
    """

    rules: RuleSet
    caps: tuple[float, ...] = (32.0, 100.0, 0.0)
    space: Space = field(default_factory=Space)
    seed: int = 0
    policy: Policy | None = None
    threads: int | None = None
    cpu_time: bool = False

    def __post_init__(self) -> None:
        count = self.threads or len(os.sched_getaffinity(0))
        rules, space = self.rules, self.space
        weights = self.policy.flat() if self.policy is not None else []
        self._searches = [
            _native.TreeSearch(
                rules.low,
                rules.high,
                rules.maxima,
                max_cuts=space.max_cuts,
                splits=space.splits,
                partitions=space.partitions,
                seed=self.seed * 1009 + number,
                caps=list(self.caps),
                weights=weights,
                cpu_time=self.cpu_time,
            )
            for number in range(count)
        ]

    @property
    def expansions(self) -> int:
        """Actions tried so far."""
        return sum(search.expansions for search in self._searches)

    def run(self, budget: Budget, report: Callable[[], None] | None = None) -> None:
        """Search until the budget ends; an evaluation is an action tried. ``report`` is called every half second."""
        spent = 0.0
        with ThreadPoolExecutor(len(self._searches)) as pool:
            while not budget.exhausted or self.cpu_time:
                seconds, expansions = self._slice(budget)
                if self.cpu_time and budget.seconds is not None:
                    seconds = min(SLICE_S, budget.seconds - spent)
                    spent += seconds
                    if seconds <= 0:
                        return
                before = self.expansions
                for ended in [pool.submit(search.run, seconds, expansions) for search in self._searches]:
                    ended.result()
                if self.expansions == before:
                    return  # nothing is left to try
                budget.used += self.expansions - before
                if report is not None:
                    report()

    def _slice(self, budget: Budget) -> tuple[float, int]:
        seconds = SLICE_S if budget.seconds is None else min(SLICE_S, max(1e-3, budget.seconds - budget.elapsed_s))
        if budget.evaluations is None:
            return seconds, -1
        return 1e9, max(1, (budget.evaluations - budget.used) // len(self._searches))

    def points(self) -> list[Point]:
        """The Pareto frontier of all searches, quickest first."""
        best: list[Point] = []
        for time, column in enumerate(zip(*self._frontiers(), strict=True)):
            searcher = int(np.argmin(column))
            least = float(column[searcher])
            if least < INFEASIBLE and (not best or least < best[-1].bytes):
                best.append(Point(time, least, searcher))
        return best

    def _frontiers(self) -> Iterator[NDArray[np.float32]]:
        for search in self._searches:
            yield search.frontier()

    def tree(self, point: Point) -> Tree:
        """The tree of a point."""
        arrays = self._searches[point.searcher].tree(point.time)
        return Tree(columns=self.rules.columns, rules=len(self.rules), **arrays)
