"""From rules to a classifier: heuristics at once, then search, and a proof before anything is handed out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from numpy.typing import ArrayLike

from mlsys4sys.errors import InputError, VerificationError
from mlsys4sys.neurocuts import baselines
from mlsys4sys.neurocuts import portfolio as portfolios
from mlsys4sys.neurocuts.policy import Policy, resolve
from mlsys4sys.neurocuts.problem import RuleSet
from mlsys4sys.neurocuts.search import Space, TreeSearch
from mlsys4sys.neurocuts.solution import Classifier
from mlsys4sys.neurocuts.tree import BINTH, Kind, Tree, from_nodes, measure, single_leaf
from mlsys4sys.neurocuts.tune import tune
from mlsys4sys.neurocuts.verify import certify
from mlsys4sys.search import Budget

FLOOR = ("cutsplit", "hypersplit", "efficuts", "hicuts")
"""Baselines that are tried first, quickest first; those with nodes of several columns have no lookup kernel."""
MAX_BYTES_PER_RULE = 100.0


@dataclass(kw_only=True)
class ClassifierBuilder:
    """Builds classifiers.

    Args:
        objective: ``"time"``: fewest memory accesses of the worst packet, then fewest bytes; ``"space"``: the reverse;
            a weight w in [0, 1]: least w·log(time) + (1 - w)·log(bytes), NeuroCuts' reward (its section 4.2);
            ``"latency"``: least measured time of a lookup on this machine (`mlsys4sys.neurocuts.tune`).
        budget_s: Seconds of the whole build, heuristics and proof included, of wall time.
        seed: What the search's chance comes from. Runs with ``expansions`` instead of seconds repeat exactly.
        max_bytes_per_rule: Bound on size, by the paper's metric, where a tree within it exists; None for any size. With
            ``"latency"`` it bounds the memory that lookups really use.
        space: What the search may do; `mlsys4sys.neurocuts.search.PAPER` keeps to the paper's actions.
        policy: The network that guides the search: ``"shipped"``, a `Policy`, the path of its weights, or None for
            none. With ``"latency"`` None also turns off the network that orders what is tried first.
        threads: Searches side by side; None for one a processor.
        expansions: Actions to try, instead of ``budget_s``; with ``"latency"`` trees to time.
        traffic: A sample of packets, shape (n, columns), for ``"latency"``; None for corners and insides of rules.
            Half of it chooses among trees, the other half has the last word.
        report: Called now and then with a line on how far it is.
    """

    objective: str | float = "time"
    budget_s: float = 30.0
    seed: int = 0
    max_bytes_per_rule: float | None = MAX_BYTES_PER_RULE
    space: Space = field(default_factory=Space)
    policy: Policy | str | Path | None = "shipped"
    threads: int | None = None
    expansions: int | None = None
    traffic: ArrayLike | None = None
    report: Callable[[str], None] | None = None

    def __post_init__(self) -> None:
        if self.objective not in ("time", "space", "latency") and not (
            isinstance(self.objective, int | float) and 0 <= self.objective <= 1
        ):
            raise InputError(
                f"objective must be 'time', 'space', 'latency' or a number in 0..1, not {self.objective!r}"
            )
        if not self.budget_s > 0:
            raise InputError(f"budget_s must be above 0, not {self.budget_s}")

    def build(self, rules: RuleSet) -> Classifier:
        """The best proven classifier within the budget; never worse than the best heuristic.

        Raises:
            InputError: The rules have more than 16 columns.
            VerificationError: No tree could be proven (a bug; the linear scan would still be right).
        """
        started = time.perf_counter()
        if rules.columns > 16:
            raise InputError(f"rules have {rules.columns} columns of 32 bits; at most 16 are supported")
        if self.objective == "latency":
            return self._timed(rules, started)
        found = list(self._floor(rules))
        found += self._searched(rules, started)
        found.sort(key=lambda candidate: self._cost(rules, candidate.time, candidate.bytes))
        for candidate in found:
            tree = candidate.tree()
            certificate = certify(tree, rules)
            if certificate:
                return Classifier(
                    rules=rules,
                    tree=tree,
                    certificate=certificate,
                    origin=candidate.origin,
                    build_s=time.perf_counter() - started,
                )
        raise VerificationError(f"no tree for these {len(rules)} rules could be proven: please report this")

    def _timed(self, rules: RuleSet, started: float) -> Classifier:
        tree, timed, _ = tune(
            rules,
            seconds=0.95 * self.budget_s if self.expansions is None else math.inf,
            trees=self.expansions,
            traffic=None if self.traffic is None else rules.packets(self.traffic),
            max_bytes_per_rule=self.max_bytes_per_rule,
            seed=self.seed,
            portfolio=self._portfolio(),
            report=self.report,
        )
        certificate = certify(tree, rules)
        if not certificate:
            raise VerificationError(f"a tuned tree is wrong ({certificate.counterexample}): please report this")
        build_s = time.perf_counter() - started
        return Classifier(
            rules=rules,
            tree=tree,
            certificate=certificate,
            origin="tuned",
            build_s=build_s,
            constants=timed.constants,
        )

    def _portfolio(self) -> portfolios.Portfolio | None:
        found = portfolios.shipped()
        return found if found is None or self.policy is not None else portfolios.unlearned(found)

    def _floor(self, rules: RuleSet) -> Iterator[_Candidate]:
        yield _candidate("linear scan", _in_leaves(rules))
        limit = min(2.0, self.budget_s / 10) if self.expansions is None else 2.0
        for name in FLOOR:
            tree = baselines.build(name, rules, budget_s=limit)
            if tree is not None:
                yield _candidate(name, tree)

    def _searched(self, rules: RuleSet, started: float) -> list[_Candidate]:
        cap = 0.0 if self.max_bytes_per_rule is None else self.max_bytes_per_rule
        caps = (cap,) if self.objective == "time" else (20.0, 32.0, cap)
        search = TreeSearch(
            rules, caps=caps, space=self.space, seed=self.seed, policy=resolve(self.policy), threads=self.threads
        )

        def report() -> None:
            if self.report is not None and (points := search.points()):
                best = min(points, key=lambda point: self._cost(rules, point.time, point.bytes))
                per_rule = best.bytes / max(len(rules), 1)
                self.report(f"{search.expansions} tried: {best.time} accesses, {per_rule:.1f} bytes per rule")

        left = self.budget_s - (time.perf_counter() - started)
        if self.expansions is not None:
            search.run(Budget(evaluations=self.expansions), report)
        elif left > 0:
            search.run(Budget(seconds=left), report)
        return [
            _Candidate("search", point.time, point.bytes, lambda point=point: search.tree(point))  # type: ignore[misc]
            for point in search.points()
        ]

    def _cost(self, rules: RuleSet, worst: float, size: float) -> tuple[float, ...]:
        """What is least for the best tree; trees beyond the bound on size come last."""
        cap = self.max_bytes_per_rule
        over = max(0.0, size - cap * max(len(rules), 1)) if cap is not None else 0.0
        if self.objective == "time":
            return over, worst, size
        if self.objective == "space":
            return over, size, worst
        weight = float(self.objective)
        return over, weight * math.log(worst) + (1 - weight) * math.log(size), worst


@dataclass(frozen=True, slots=True)
class _Candidate:
    origin: str
    time: float
    bytes: float
    tree: Callable[[], Tree]


def _candidate(origin: str, tree: Tree) -> _Candidate:
    metric = measure(tree)
    return _Candidate(origin, metric.time, metric.bytes, lambda: tree)


def _in_leaves(rules: RuleSet) -> Tree:
    """The linear scan, in leaves of 16 rules side by side, so that its time counts what it looks at."""
    if len(rules) <= BINTH:
        return single_leaf(rules)
    starts = range(0, len(rules), BINTH)
    nodes = [(Kind.PARTITION, 0, 0, 0, 0, 0, len(starts))]
    nodes += [(Kind.LEAF, 0, 0, 0, 0, start, min(BINTH, len(rules) - start)) for start in starts]
    return from_nodes(rules, nodes, children=range(1, len(starts) + 1), rule_ids=range(len(rules)))
