"""Row counts from table sizes and distinct counts alone: what DuckDB's own optimizer works with."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from mlsys4sys.joinopt.cardinality import Estimates, Floats, Masks
from mlsys4sys.joinopt.counting import subset_matrix
from mlsys4sys.joinopt.engine import Engine
from mlsys4sys.joinopt.problem import JoinGraph, Mask, Relation
from mlsys4sys.joinopt.statistics import Statistics, Table, quote

GUESS = 0.2
"""Share of rows that DuckDB lets through any filter but an equality, and any join predicate but an equality."""
LOG_GUESS = float(np.log(GUESS))
UNKNOWN_ROWS = 1000.0
"""Rows of a leaf that is no base table."""
_EQUALITY = re.compile(
    r'^\(?\s*(?:"(?:[^"]|"")*"|\w+)\.(?:"((?:[^"]|"")*)"|(\w+))\s*=\s*(\'(?:[^\']|\'\')*\'|[-+\w.]+)\s*\)?$'
)


NativeFormula = tuple[list[float], list[tuple[Mask, float]], list[Mask], float]
"""Logarithms of the rows of each relation; relations and logarithm of the distinct values of each class, most first;
relations of other predicates; logarithm of what those keep."""


class Formula:
    """Products of base rows over distinct counts, bound to one graph.

    Each equality class of ``k`` relations divides ``k - 1`` times by its largest distinct count; classes whose
    relations are connected already divide no more (the most distinct ones count first).
    Source: DuckDB's ``cardinality_estimator.cpp`` (2.0), after Moerkotte, Neumann and Steidl's bounds.
    """

    def __init__(self, graph: JoinGraph, base: Floats, domains: Floats) -> None:
        self.graph = graph
        self.log_base = np.log(np.maximum(base, 1e-3))
        order = np.argsort(-domains, kind="stable")
        self.classes = [(np.uint64(graph.class_masks[k]), float(np.log(domains[k]))) for k in order]
        self.others = [np.uint64(predicate.relations) for predicate in graph.others]

    @property
    def native(self) -> NativeFormula:
        """As the native search takes it."""
        classes = [(int(relations), log_domain) for relations, log_domain in self.classes]
        return self.log_base.tolist(), classes, [int(relations) for relations in self.others], LOG_GUESS

    def log_rows(self, masks: Masks) -> Floats:
        """The natural logarithm of the rows of each subset."""
        inside = subset_matrix(masks, self.graph.size)
        total: Floats = inside.astype(float) @ self.log_base
        merges = inside.sum(axis=1) - 1
        for relations, log_domain in self.classes:
            used = np.minimum(np.maximum(np.bitwise_count(masks & relations).astype(np.int64) - 1, 0), merges)
            total = total - used * log_domain
            merges = merges - used
        for relations in self.others:
            total = total + LOG_GUESS * ((masks & relations) == relations)
        return total


def class_domains(graph: JoinGraph, tables: Sequence[Table | None], statistics: Statistics) -> Floats:
    """For each equality class, the most distinct values any of its columns has."""
    found = []
    for group in graph.classes:
        counts = [1.0]
        for column in group:
            table = tables[column.relation]
            known = table is not None and column.name.lower() in table.columns
            counts.append(statistics.distinct(table, column.name.lower()) if known and table else UNKNOWN_ROWS)
        found.append(max(counts))
    return np.array(found)


def engine_rows(relation: Relation, table: Table | None, statistics: Statistics) -> float:
    """DuckDB's estimate of a filtered leaf: an equality keeps one of the distinct values, anything else a fifth."""
    rows = float(table.rows) if table else UNKNOWN_ROWS
    shares = [1.0]
    for text in relation.filters:
        match = _EQUALITY.match(text)
        name = (match[1] or match[2] or "").lower() if match else ""
        known = table is not None and name in table.columns
        shares.append(1 / statistics.distinct(table, name) if known and table else GUESS)
    return max(1.0, rows * min(shares))


class BoundFormula:
    """A formula's answers for one graph."""

    def __init__(self, graph: JoinGraph, base_rows: Floats, formula: Formula, leaf_sigma: Floats) -> None:
        self.graph, self.base_rows, self._formula, self._leaf_sigma = graph, base_rows, formula, leaf_sigma

    @property
    def native(self) -> NativeFormula:
        """The formula as the native search takes it."""
        return self._formula.native

    def estimate(self, subsets: Sequence[Mask] | Masks) -> Estimates:
        """Rows, and an uncertainty that grows with every join."""
        masks = np.asarray(subsets, dtype=np.uint64)
        inside = subset_matrix(masks, self.graph.size)
        variance = inside @ self._leaf_sigma**2 + np.maximum(inside.sum(axis=1) - 1, 0) * 0.7**2
        return Estimates(np.maximum(np.exp(self._formula.log_rows(masks)), 1.0), np.sqrt(variance))


class EngineFormula:
    """What DuckDB itself believes."""

    name = "formula"

    def __init__(self, engine: Engine) -> None:
        self.statistics = Statistics(engine)

    def bind(self, graph: JoinGraph) -> BoundFormula:
        """Looks up sizes and distinct counts; reads no table."""
        self.statistics.refresh()
        tables = [self.statistics.resolve(relation.table) for relation in graph.relations]
        pairs = zip(graph.relations, tables, strict=True)
        base = np.array([engine_rows(relation, table, self.statistics) for relation, table in pairs])
        formula = Formula(graph, base, class_domains(graph, tables, self.statistics))
        sigma = np.array([1.0 if relation.filters else 0.0 for relation in graph.relations])
        return BoundFormula(graph, table_rows(tables), formula, sigma)


class ExactBase:
    """Filtered base tables counted, the rest by DuckDB's formula."""

    name = "base"

    def __init__(self, engine: Engine) -> None:
        self.statistics = Statistics(engine)
        self._counts: dict[tuple[str, str, tuple[str, ...]], float] = {}

    def bind(self, graph: JoinGraph) -> BoundFormula:
        """Counts each filtered leaf once."""
        self.statistics.refresh()
        tables = [self.statistics.resolve(relation.table) for relation in graph.relations]
        base = np.array([self._rows(r, table) for r, table in zip(graph.relations, tables, strict=True)])
        formula = Formula(graph, base, class_domains(graph, tables, self.statistics))
        return BoundFormula(graph, table_rows(tables), formula, np.zeros(graph.size))

    def _rows(self, relation: Relation, table: Table | None) -> float:
        if table is None or not relation.filters:
            return float(table.rows) if table else UNKNOWN_ROWS
        key = (table.sql, relation.alias, relation.filters)
        if key not in self._counts:
            where = " AND ".join(f"({text})" for text in relation.filters)
            sql = f"SELECT count(*) FROM {table.sql} AS {quote(relation.alias)} WHERE {where}"
            row = self.statistics.engine.connection.cursor().execute(sql).fetchone()
            self._counts[key] = float(row[0]) if row else 0.0
        return self._counts[key]


def table_rows(tables: Sequence[Table | None]) -> Floats:
    """Rows of each table before any filter."""
    return np.array([float(table.rows) if table else UNKNOWN_ROWS for table in tables])
