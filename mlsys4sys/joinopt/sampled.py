"""Sub-plan sizes counted on a sample (online) or on everything (offline, the oracle)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

from mlsys4sys import cache
from mlsys4sys._native import JoinCounter, SampleEstimator, pair_ids
from mlsys4sys.joinopt import keys as key_classes
from mlsys4sys.joinopt.cardinality import Estimates, Floats, Masks
from mlsys4sys.joinopt.counting import Edge, Ids, forest_of
from mlsys4sys.joinopt.engine import Engine
from mlsys4sys.joinopt.formula import Formula, class_domains, engine_rows, table_rows
from mlsys4sys.joinopt.problem import JoinGraph, Mask, bits
from mlsys4sys.joinopt.sample import SampleConfig
from mlsys4sys.joinopt.statistics import Statistics, Table
from mlsys4sys.joinopt.store import Rows, SampleStore, StoreKeeper

log = logging.getLogger(__name__)

SIGMA_GUESS = 1.5
"""Uncertainty of one guessed predicate, in natural logarithms."""
SIGMA_UNSEEN = 2.0
"""Uncertainty of a join of which no row was seen on the sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """One way to count: the ids of one class, sampled by one anchor (or all of them, on tables kept whole)."""

    klass: int
    anchor: int
    """-1: nothing is sampled, the counts are exact."""
    weights: Floats | None
    """What each id counted over stands for; nothing when every id counts once."""
    limit: int
    """Ids of the class that are counted over."""
    covered: Mask
    """Relations whose joins with the sampled rows are complete."""
    attached: Mask
    """Relations with a column in the class; a subset needs one of them."""


class BoundSample:
    """Counts for one graph. Filters are evaluated once, when bound; messages are kept between questions."""

    def __init__(
        self, graph: JoinGraph, tables: Sequence[Table | None], store: SampleStore, statistics: Statistics
    ) -> None:
        self.graph, self._tables, self._store, self._statistics = graph, tables, store, statistics
        self.base_rows = table_rows(tables)
        self._index = [store.index.get(table.sql, -1) if table else -1 for table in tables]
        self._home = [-1 if i < 0 or store.layout.whole[i] else store.home(i) for i in self._index]
        self._select_all(range(graph.size), self._home)
        known = 0
        for r in range(graph.size):
            known |= self._filter(r) << r
        self._known = known
        self._forest = forest_of(graph, known)
        self._keys = self._class_keys()
        self._leaf_rows, self._leaf_sigma = self._leaves()
        self._roots = self._all_roots()
        self._estimator = self._native()
        self._counters: dict[tuple[int, int], JoinCounter] = {}

    def _select_all(self, relations: Iterable[int], anchors: Sequence[int]) -> None:
        """Evaluate the filters of these relations on the rows that an anchor kept, all at once."""
        self._store.select_all(
            [(self._index[r], anchors[r], self.graph.relations[r]) for r in relations if self._index[r] >= 0]
        )

    def _filter(self, r: int) -> bool:
        """Run a leaf's filters on the side store; whether that was possible."""
        if self._index[r] < 0:
            return False
        try:
            self._selected(r, self._home[r])
        except duckdb.Error as error:
            log.info("%s: filters cannot be sampled (%s)", self.graph.relations[r].alias, error)
            return False
        return True

    def _selected(self, r: int, anchor: int) -> Rows | None:
        return self._store.select(self._index[r], anchor, self.graph.relations[r])

    def _class_keys(self) -> list[int]:
        """For each equality class of the graph, the class of keys in the store, or -1."""
        found = []
        for group in key_classes.graph_keys(self.graph, list(self._tables)):
            classes = {self._store.class_of.get(column, -1) for column in group}
            found.append(classes.pop() if len(classes) == 1 else -1)
        return found

    # -- single relations ------------------------------------------------------------------------------------------

    def _leaves(self) -> tuple[Floats, Floats]:
        pairs = [self._leaf(r) for r in range(self.graph.size)]
        return np.array([rows for rows, _ in pairs]), np.array([sigma for _, sigma in pairs])

    def _leaf(self, r: int) -> tuple[float, float]:
        table, i = self._tables[r], self._index[r]
        if not self._known >> r & 1 or table is None:
            return engine_rows(self.graph.relations[r], table, self._statistics), SIGMA_GUESS
        selected = self._selected(r, self._home[r])
        if selected is None:
            return float(table.rows), 0.0
        if self._home[r] < 0:
            return float(len(selected)), 0.0
        weights = self._store.row_weights(i)
        total, seen = weights.sum(), weights[selected]
        if not seen.any():
            # Rows kept only because others refer to them carry no weight, but tell more than nothing.
            share = max(0.5, float(len(selected))) / max(len(weights), 1)
            return table.rows * share, SIGMA_UNSEEN / 2 if len(selected) else SIGMA_UNSEEN
        # A ratio: the table's own size is known, and with it what the sample missed.
        share = min(1.0, seen.sum() / total)
        spread = 2 * (1 - share) * (seen**2).sum() / seen.sum() ** 2
        return float(table.rows * share), float(np.sqrt(np.log1p(spread)))

    # -- where to count --------------------------------------------------------------------------------------------

    def _all_roots(self) -> list[Root]:
        roots = []
        for klass, key in enumerate(self._keys):
            if key < 0:
                continue
            roots.append(self._root(klass, -1, None, self._store.domain(key)))
            for number, anchor in enumerate(self._store.layout.anchors):
                if anchor.key == key and (not anchor.within or self._holders(klass, anchor.within)):
                    weights = self._store.core(number)[1]
                    roots.append(self._root(klass, number, weights, len(weights)))
        return [root for root in roots if root.attached]

    def _root(self, klass: int, number: int, weights: Floats | None, limit: int) -> Root:
        within = self._store.layout.anchors[number].within if number >= 0 else None

        def enter(edge: Edge) -> bool:
            i = self._index[edge.relation]
            if any(self._keys[k] < 0 for k in self._forest.parts.get(edge.klass, (edge.klass,))):
                return False
            if self._store.layout.whole[i]:
                return True
            if number < 0:
                return False
            if number not in self._store.layout.kept[i]:
                return False
            here = edge.klass == klass or klass in self._forest.parts.get(edge.klass, ())
            sql = self._store.layout.tables[i]
            return here or any((sql, name.lower()) in self._store.complete[number] for name in edge.columns)

        covered, attached = self._forest.reach(klass, enter)
        if within:
            # Only the keys of that table are sampled: a subset without it would be undercounted.
            attached &= self._holders(klass, within)
        composite = [edge for edge in self._forest.edges if klass in self._forest.parts.get(edge.klass, ())]
        if not within:
            attached |= covered & sum(1 << r for r in {e.relation for e in composite if e.relation < self.graph.size})
        return Root(klass=klass, anchor=number, weights=weights, limit=limit, covered=covered, attached=attached)

    def _holders(self, klass: int, within: tuple[str, str]) -> Mask:
        """Relations whose column in a class is the one that a denser anchor drew its keys from."""
        found = 0
        for edge in self._forest.edges:
            table = self._tables[edge.relation] if edge.relation < self.graph.size else None
            if table and edge.klass == klass and table.sql == within[0]:
                found |= (within[1] in {name.lower() for name in edge.columns}) << edge.relation
        return found

    # -- counting --------------------------------------------------------------------------------------------------

    def _counter(self, root: Root) -> JoinCounter:
        """Message passing over the rows that one anchor kept (ids of the root class renumbered)."""
        # Whole tables need no root class of their own: what hangs together is counted by one counter.
        key = (root.anchor, root.klass if root.anchor >= 0 else root.covered)
        if key not in self._counters:
            self._counters[key] = self._attach(root)
        return self._counters[key]

    def _attach(self, root: Root) -> JoinCounter:
        forest, ids = self._forest, self._edge_ids(root)
        domains = [self._domain(klass, root) for klass in range(len(self._keys))]
        pending: list[tuple[int, int, Ids]] = []
        for klass, parts in forest.parts.items():
            members = [edge for edge in forest.edges if edge.klass == klass and edge in ids]
            if not members or any(self._keys[part] < 0 for part in parts):
                domains.append(0)
                continue
            numbered, back = pair_ids([ids[edge] for edge in members], [domains[part] for part in parts])
            domains.append(len(back[0]))
            pending += [(edge.relation, klass, own) for edge, own in zip(members, numbered, strict=True)]
            connector = forest.connector[klass]
            pending.append((connector, klass, np.arange(len(back[0]), dtype=np.int32)))
            pending += [(connector, part, own) for part, own in zip(parts, back, strict=True)]
        pending += [
            (edge.relation, edge.klass, parts[0]) for edge, parts in ids.items() if edge.klass not in forest.parts
        ]
        counter = JoinCounter(self.graph.size + len(forest.parts), self.graph.size, domains)
        for relation, klass, own in pending:
            counter.attach(relation, klass, own)
        return counter

    def _domain(self, klass: int, root: Root) -> int:
        if klass == root.klass:
            return root.limit
        return self._store.domain(self._keys[klass]) if self._keys[klass] >= 0 else 0

    def _edge_ids(self, root: Root) -> dict[Edge, list[Ids]]:
        """The ids of every relation that the root covers, one array for each part of the edge's class."""
        self._select_all(bits(root.covered & self._known), [root.anchor] * self.graph.size)
        found = {}
        for edge in self._forest.edges:
            if edge.relation < self.graph.size and root_covers(root, edge.relation):
                parts = self._forest.parts.get(edge.klass)
                if parts is None and self._keys[edge.klass] >= 0:
                    found[edge] = [self._same(edge, root)]
                elif parts is not None:
                    pairs = zip(edge.columns, parts, strict=True)
                    found[edge] = [self._ids(edge.relation, name, part, root) for name, part in pairs]
        return found

    def _same(self, edge: Edge, root: Root) -> Ids:
        ids = self._ids(edge.relation, edge.columns[0], edge.klass, root)
        for name in edge.columns[1:]:
            ids = np.where(self._ids(edge.relation, name, edge.klass, root) == ids, ids, np.int32(-1))
        return ids

    def _ids(self, r: int, column: str, klass: int, root: Root) -> Ids:
        get = self._store.core_ids if klass == root.klass and root.anchor >= 0 else self._store.ids
        ids, selected = get(self._index[r], column.lower(), root.anchor), self._selected(r, root.anchor)
        return ids if selected is None else ids[selected]

    def estimate(self, subsets: Sequence[Mask] | Masks) -> Estimates:
        """Rows of each subset: counted where a root covers it, extrapolated by the formula elsewhere."""
        masks = np.ascontiguousarray(subsets, dtype=np.uint64)
        for number in self._estimator.missing(masks):
            self._estimator.attach(number, self._counter(self._roots[number]))
        return Estimates(*self._estimator.estimate(masks))

    def _native(self) -> SampleEstimator:
        """Everything that estimates are made of, counters apart, which are made when they are needed."""
        graph, domains = self.graph, class_domains(self.graph, self._tables, self._statistics)
        formula = Formula(graph, self._leaf_rows, domains).native
        dropped = []
        for edge in self._forest.dropped:
            kept = sum(1 << e.relation for e in self._forest.edges if e.klass == edge.klass) & graph.everything
            dropped.append((1 << edge.relation, kept, float(domains[edge.klass])))
        leaves = self._leaf_rows.tolist(), self._leaf_sigma.tolist()
        made = SampleEstimator(list(graph.adjacency), *leaves, formula, dropped)
        for root in self._roots:
            # Exact ones first, then the densest sample.
            anchor = self._store.layout.anchors[root.anchor] if root.anchor >= 0 else None
            bonus = 128.0 if anchor is None else 64.0 * (anchor.within is not None)
            made.add_root(root.covered, root.attached, bonus, root.klass, root.limit, root.weights)
        return made


def root_covers(root: Root, relation: int) -> bool:
    """Whether the rows of a relation take part in counts at this root."""
    return bool(root.covered >> relation & 1)


class Sampled:
    """Counts every sub-plan on a universe sample, drawn at the first question and then kept."""

    name = "sampled"

    def __init__(
        self,
        engine: Engine,
        *,
        config: SampleConfig | None = None,
        folder: Path | None = None,
        report: Callable[[str], None] | None = None,
    ) -> None:
        """Nothing is read before the first question.

        Args:
            engine: The database; it is only read.
            config: How much to keep.
            folder: Where samples of database files are kept; by default in the user's cache folder.
            report: Told when a sample is drawn, which takes about a second for ten million rows.
        """
        self.statistics = Statistics(engine)
        self._keeper = StoreKeeper(
            self.statistics, config or SampleConfig(), folder or default_folder(engine), report=report
        )

    def forget(self) -> None:
        """Drop what was counted for filters, as after a restart; the sample is kept."""
        store = self._keeper.current()
        if store is not None:
            store.forget()

    def bind(self, graph: JoinGraph) -> BoundSample:
        """Evaluates the filters on the sample; draws the sample first if it is missing, stale or lacks a key."""
        tables = self._resolve(graph)
        current = self._keeper.current()
        known = current.layout.keys if current else ()
        wanted = key_classes.extend(known, graph, tables, self.statistics)
        store = self._keeper.store(wanted, {table.sql for table in tables if table})
        return BoundSample(graph, tables, store, self.statistics)

    def prepare(self, graphs: Sequence[JoinGraph]) -> None:
        """Draw one sample that serves all these graphs, instead of a new one whenever a query joins in a new way."""
        current = self._keeper.current()
        wanted = current.layout.keys if current else ()
        names: set[str] = set()
        for graph in graphs:
            tables = self._resolve(graph)
            wanted = key_classes.extend(wanted, graph, tables, self.statistics)
            names |= {table.sql for table in tables if table}
        if names:
            self._keeper.store(wanted, names)

    def _resolve(self, graph: JoinGraph) -> list[Table | None]:
        self.statistics.refresh()
        return [self.statistics.resolve(relation.table) for relation in graph.relations]


class Exact(Sampled):
    """The oracle: the same counts on everything. Copies the tables into memory, so: offline only."""

    name = "exact"

    def __init__(self, engine: Engine) -> None:
        self.statistics = Statistics(engine)
        self._keeper = StoreKeeper(self.statistics, SampleConfig(whole_rows=1 << 62), None)


def default_folder(engine: Engine) -> Path | None:
    """The cache for samples of database files; nothing for a database in memory."""
    row = (
        engine.connection.cursor()
        .execute("SELECT path FROM duckdb_databases() WHERE database_name = current_database()")
        .fetchone()
    )
    return cache.folder("joinopt", "samples") if row and row[0] else None
