"""What planning may cost: queries that are too quick to gain are left alone before anything is counted.

Everything here is known without a question to the engine: sizes of tables, and how many the query names. Planning is
then spent in stages, each only if what may still be gained pays for it: reading the text (0.3 ms), counting on the
sample (a millisecond or two), having DuckDB write its plan as SQL (5 to 40 ms).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlsys4sys.display import duration
from mlsys4sys.joinopt.catalogue import Catalogue
from mlsys4sys.joinopt.choice import PlanningCost, joinable_pairs
from mlsys4sys.joinopt.problem import JoinGraph

_WORD = re.compile(r'"(?:[^"]|"")+"|[A-Za-z_][A-Za-z0-9_]*')


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Seconds and shares, measured with DuckDB 2.0 at one thread; they only have to be right within a factor of two."""

    row_s: float = 12e-9
    """A row of a table that a query names, everything that is done with it included."""
    share: float = 0.15
    """Of a flat query's time, what another order of its joins saves on average."""
    count_s: float = 1.2e-3
    """Planning a flat query: so much,"""
    count_pair_s: float = 4e-7
    """and so much for each pair of joinable subsets, of those that are looked at."""
    decompiled_share: float = 0.03
    """The share for other queries: their joins are mostly along keys, and much of their time is not spent on joins."""
    decompile_s: float = 5e-3
    """Having DuckDB write its plan as SQL, and reading that: so much,"""
    decompile_table_s: float = 2e-3
    """and so much for every table named."""
    most_pairs: float = 1e4
    policy_relation_s: float = 1e-3
    """Asking the policy about a graph too large for exact search: so much for every relation."""

    def flat(self, graph: JoinGraph, rows: float, planning: PlanningCost) -> str:
        """Why a flat query is left alone before anything is counted; empty when it is not.

        Args:
            graph: Its joins.
            rows: Of all its tables together.
            planning: What DuckDB itself would spend on finding an order, which a given order saves.
        """
        if graph.size < 3:
            return "it joins two tables: their order hardly matters"
        own = planning.own(graph) - planning.forced(graph)
        gain = self.share * rows * self.row_s + own
        spent = self.count_s + self.count_pair_s * min(joinable_pairs(graph), self.most_pairs)
        return _too_quick(rows * self.row_s, gain, spent)

    def other(self, tables: int, rows: float) -> str:
        """The same for a query that only DuckDB itself can take apart.

        Args:
            tables: How many it names.
            rows: Of all of them together.
        """
        spent = self.decompile_s + self.decompile_table_s * tables
        return _too_quick(rows * self.row_s, self.decompiled_share * rows * self.row_s, spent)


def _too_quick(runs_s: float, gain_s: float, spent_s: float) -> str:
    if gain_s >= spent_s:
        return ""
    return (
        f"too quick to gain: it is expected to run {duration(runs_s)}, of which another order would save about"
        f" {duration(gain_s)}, less than the {duration(spent_s)} of planning one"
    )


def tables_named(sql: str, catalogue: Catalogue) -> list[int]:
    """Rows of the tables whose names stand in a text, each as often as it stands there."""
    sizes = catalogue.sizes
    words = (word.strip('"').lower() for word in _WORD.findall(sql))
    return [sizes[word] for word in words if word in sizes]
