"""A task as one graph: nodes for columns, index levels, labels and tables; edges say how their cells relate.

Relations between a column of an input and one of the output are what a reader looks for: the same label, the same
cells, cells that became labels, sums, running sums, shifted or rounded numbers, substrings. All come from integer
codes (:mod:`.table`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlsys4sys.autopandas.table import NULL, Column, Table

Bytes = NDArray[np.uint8]

COLUMN_ROLES = ("column", "index", "labels", "table")
KINDS = ("num", "bool", "date", "delta", "str", "obj")
SHAPES = ("frame", "series", "index", "array", "list", "dict", "scalar")

NODE = (
    "input0", "input1", "later_input", "output", *COLUMN_ROLES, *KINDS, *(f"is_{name}" for name in SHAPES), "rows_log",
    "width_log", "place", "first", "last",
    "unique", "distinct_share", "distinct_log", "null_share", "rising", "falling", "counts_rows", "whole", "negative",
    "zero_one", "size_log", "unit",
    "small", "label_str", "label_int", "label_none", "label_tuple", "label_bool", "label_date", "separators",
    "length_log", "one_word", "constant",
    "lists", "plain_index", "levels2", "columns2", "digits_in_text", "upper", "lower", "sum_one", "has_name",
    "decimals", "ties_adjacent",
)  # fmt: skip
"""What is known of a node, each in [0, 1]."""

EDGE = (
    "holds", "held", "sibling_before", "sibling_after", "across", "back", "inputs", "label_equal", "label_within",
    "label_in_cells", "cells_hold_label", "size_equal",
    "equal", "bag_equal", "sets_equal", "share_of_b", "share_of_a", "prefix", "suffix", "subsequence", "reversed",
    "sorted_up", "sorted_down", "dropped_null",
    "filled", "unique_of", "sum_in", "mean_in", "max_in", "min_in", "count_in", "median_in", "cumsum", "diff", "shift",
    "unshift", "rank", "round", "abs", "plus",
    "times", "sum_equal", "max_equal", "min_equal", "substring", "contains", "same_letters", "length_of",
    "part_of_date", "kind_equal", "rows_distinct",
    "rows_present", "rows_twice", "repeat", "tile", "counts_of", "determines", "pair_unique", "pair_rows",
    "rows_equal", "rows_less", "rows_more", "width_equal",
    "width_less", "width_more", "cells_bag", "cells_in", "cells_out", "index_equal", "labels_equal", "transposed",
    "rows_in", "index_from_cells", "melted",
    "flags_of", "joined", "mapped", "both_numbers", "order_kept", "total_share", "one_of_group",
    "group_sum", "group_mean", "group_max", "group_min", "group_count", "group_first", "group_last", "group_median",
    "group_nunique", "group_size", "group_cumsum", "group_shift", "group_rank", "pair_sum", "pair_difference",
    "pair_product", "pair_ratio", "running_in", "differences_in", "ranks_in", "rounded_in", "halves_in",
    "upper_in", "lower_in", "title_in", "piece_in", "lengths_in", "start_in", "moment_in", "groups_are_rows",
    "keys_are_rows",
)  # fmt: skip
"""What is known of an edge, each in [0, 1]."""

_NODE = {name: i for i, name in enumerate(NODE)}
_EDGE = {name: i for i, name in enumerate(EDGE)}
MOST_COLUMNS = 12
"""Columns of a table that get a node; the rest of a wide table looks like them."""


@dataclass(frozen=True, slots=True)
class Graph:
    """A task as arrays. Values are 0 to 255 for 0 to 1."""

    nodes: Bytes
    """Shape (nodes, len(NODE))."""
    sources: NDArray[np.int16]
    """Shape (edges,)."""
    targets: NDArray[np.int16]
    """Shape (edges,)."""
    edges: Bytes
    """Shape (edges, len(EDGE))."""
    tables: tuple[int, ...]
    """The node of each table: the inputs in order, then the output."""
    columns: tuple[tuple[int, ...], ...]
    """For each input, the nodes of its columns, then of its index levels."""


def graph(inputs: Sequence[Table], output: Table) -> Graph:
    """The graph of a task, or of a partial result on its way to the output."""
    made = _Builder()
    parts = [made.table(table, min(i, 2)) for i, table in enumerate(inputs[:4])]
    goal = made.table(output, 3)
    for nodes, table in zip(parts, inputs, strict=False):
        made.between(nodes, goal, table, output)
    for i, nodes in enumerate(parts[1:3], 1):
        made.keys(parts[0], nodes, inputs[0], inputs[i])
    return made.finish(parts, goal)


@dataclass(slots=True)
class _Nodes:
    head: int
    columns: list[tuple[int, Column]]
    index: list[tuple[int, Column]]
    labels: list[tuple[int, Column]]

    @property
    def all(self) -> list[tuple[int, Column]]:
        return [*self.columns, *self.index, *self.labels]


class _Builder:
    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self.pairs: list[tuple[int, int]] = []
        self.facts: list[dict[str, float]] = []

    def node(self, facts: dict[str, float]) -> int:
        self.rows.append(facts)
        return len(self.rows) - 1

    def edge(self, a: int, b: int, facts: dict[str, float]) -> None:
        self.pairs.append((a, b))
        self.facts.append(facts)

    def table(self, table: Table, origin: int) -> _Nodes:
        place = NODE[origin]
        common = {
            place: 1.0,
            f"is_{table.shape_kind}": 1.0,
            "rows_log": _log(table.rows),
            "width_log": _log(len(table.columns)),
        }
        plain = {
            "plain_index": float(table.plain_index),
            "levels2": float(len(table.index) > 1),
            "columns2": float(table.levels > 1),
        }
        head = self.node(
            {**common, **plain, "table": 1.0, "has_name": float(any(level.label is not None for level in table.index))}
        )
        columns = list(table.columns[:MOST_COLUMNS])
        made = _Nodes(head, [], [], [])
        for i, column in enumerate(columns):
            facts = {
                "column": 1.0,
                "place": i / max(1, len(columns) - 1),
                "first": float(i == 0),
                "last": float(i == len(columns) - 1),
            }
            made.columns.append((self.node({**common, **facts, **column_facts(column)}), column))
        for i, level in enumerate(table.index[:3]):
            made.index.append(
                (self.node({**common, "index": 1.0, "place": i / 2, **plain, **column_facts(level)}), level)
            )
        for i, level in enumerate(_label_levels(table)):
            made.labels.append((self.node({**common, "labels": 1.0, "place": i / 2, **column_facts(level)}), level))
        for node, _ in made.all:
            self.edge(node, head, {"held": 1.0})
            self.edge(head, node, {"holds": 1.0})
        self._siblings(made)
        return made

    def _siblings(self, made: _Nodes) -> None:
        both = [*made.columns, *made.index]
        for i, (a, first) in enumerate(both):
            for b, second in both[i + 1 :]:
                facts = _dependence(first, second)
                self.edge(a, b, {"sibling_after": 1.0, **facts})
                facts = {**facts, "determines": _determines(second, first)}
                self.edge(b, a, {"sibling_before": 1.0, **facts})

    def between(self, part: _Nodes, goal: _Nodes, table: Table, output: Table) -> None:
        relation = {**table_relation(table, output), **_key_facts([c for _, c in part.columns], output)}
        self.edge(part.head, goal.head, {"across": 1.0, **relation})
        self.edge(goal.head, part.head, {"back": 1.0, **relation})
        facts = {node: _Facts(column) for node, column in (*part.all, *goal.all)}
        sources = [facts[a] for a, _ in (*part.columns, *part.index)]
        made = _Derived(sources)
        for a, _ in part.all:
            for b, _ in goal.all:
                found = relate(facts[a], facts[b])
                if not found.get("equal"):
                    found |= made.shares(facts[a], facts[b])
                if found:
                    self.edge(a, b, {"across": 1.0, **found})
                    self.edge(b, a, {"back": 1.0, **found})

    def keys(self, first: _Nodes, second: _Nodes, one: Table, two: Table) -> None:
        self.edge(first.head, second.head, {"inputs": 1.0, **table_relation(one, two)})
        for a, left in (*first.columns, *first.index):
            for b, right in (*second.columns, *second.index):
                common = len(left.distinct & right.distinct)
                same = float(left.label == right.label and left.label is not None)
                if not common and not same:
                    continue
                facts = {
                    "inputs": 1.0,
                    "label_equal": same,
                    "share_of_a": common / max(1, len(left.distinct)),
                    "share_of_b": common / max(1, len(right.distinct)),
                }
                self.edge(a, b, {**facts, "across": 1.0})
                self.edge(b, a, {**facts, "back": 1.0})

    def finish(self, parts: Sequence[_Nodes], goal: _Nodes) -> Graph:
        nodes = _filled(self.rows, _NODE)
        edges = _filled(self.facts, _EDGE)
        pairs = np.array(self.pairs, dtype=np.int16).reshape(-1, 2)
        columns = tuple(tuple(node for node, _ in (*part.columns, *part.index)) for part in parts)
        return Graph(nodes, pairs[:, 0], pairs[:, 1], edges, (*(part.head for part in parts), goal.head), columns)


def _filled(rows: Sequence[dict[str, float]], places: dict[str, int]) -> Bytes:
    out = np.zeros((len(rows), len(places)))
    for row, facts in zip(out, rows, strict=True):
        row[[places[name] for name in facts]] = list(facts.values())
    return np.rint(np.clip(out, 0, 1) * 255).astype(np.uint8)


def _log(count: float) -> float:
    return min(1.0, float(np.log1p(count)) / 5)


def _label_levels(table: Table) -> list[Column]:
    """The column labels as columns of cells, a level each."""
    if table.shape_kind != "frame" or not table.labels:
        return []
    labels = table.value.columns
    return [
        Column(labels.names[i], labels.get_level_values(i).to_numpy(dtype=object), table.book)
        for i in range(min(2, labels.nlevels))
    ]


def column_facts(column: Column) -> dict[str, float]:
    """What a column is like on its own."""
    codes, rows = column.codes, max(1, len(column.codes))
    label = column.label
    facts = {
        column.kind: 1.0,
        "unique": float(column.unique),
        "distinct_share": len(column.distinct) / rows,
        "distinct_log": _log(len(column.distinct)),
        "null_share": float((codes == NULL).mean()) if len(codes) else 0.0,
        "constant": float(len(column.distinct) == 1),
        "ties_adjacent": float((codes[1:] == codes[:-1]).mean()) if len(codes) > 1 else 0.0,
        "label_str": float(isinstance(label, str)),
        "label_int": float(isinstance(label, int | np.integer)),
        "label_none": float(label is None),
        "label_tuple": float(isinstance(label, tuple)),
        "label_date": float(isinstance(label, pd.Timestamp)),
    }
    if column.kind in ("num", "bool", "date", "delta"):
        facts |= _number_facts(column)
    elif column.kind == "str":
        facts |= _text_facts(column)
    else:
        facts["lists"] = float(any(isinstance(cell, list) for cell in column.cells))
    return facts


def _number_facts(column: Column) -> dict[str, float]:
    numbers = column.numbers[np.isfinite(column.numbers)]
    if not len(numbers):
        return {}
    steps = np.diff(numbers)
    facts = {"rising": float((steps >= 0).all()), "falling": float((steps <= 0).all())}
    if column.kind != "num":
        return facts
    size = float(np.abs(numbers).max())
    whole = float((numbers == np.rint(numbers)).mean())
    return facts | {
        "counts_rows": float(len(numbers) == len(column.numbers) and (steps == 1).all()),
        "whole": whole,
        "decimals": float(whole < 1 and (np.abs(numbers - np.round(numbers, 3)) <= 1e-9).all()),
        "negative": float((numbers < 0).any()),
        "zero_one": float(((numbers == 0) | (numbers == 1)).all()),
        "unit": float(((numbers >= 0) & (numbers <= 1)).all()),
        "small": float((np.abs(numbers) <= len(column.numbers)).all()),
        "size_log": min(1.0, np.log10(1 + size) / 8),
        "sum_one": float(abs(float(numbers.sum()) - 1) < 1e-6),
    }


def _text_facts(column: Column) -> dict[str, float]:
    cells = [cell for cell in column.cells if isinstance(cell, str)] or [""]
    return {
        "rising": float(cells == sorted(cells)),
        "separators": sum(any(s in cell for s in "_-/|,; ") for cell in cells) / len(cells),
        "length_log": min(1.0, float(np.log1p(np.mean([len(cell) for cell in cells]))) / 4),
        "one_word": float(all(cell.isalpha() for cell in cells)),
        "digits_in_text": sum(any(letter.isdigit() for letter in cell) for cell in cells) / len(cells),
        "upper": float(all(cell.isupper() for cell in cells)),
        "lower": float(all(cell.islower() for cell in cells)),
    }


def _dependence(first: Column, second: Column) -> dict[str, float]:
    pairs = len(set(zip(first.codes.tolist(), second.codes.tolist(), strict=True)))
    return {
        "pair_unique": float(pairs == len(first.codes)),
        "determines": _determines(first, second),
        "kind_equal": float(first.kind == second.kind),
    }


def _determines(first: Column, second: Column) -> float:
    seen: dict[int, int] = {}
    return float(
        all(seen.setdefault(a, b) == b for a, b in zip(first.codes.tolist(), second.codes.tolist(), strict=True))
    )


class _Facts:
    """What relations need of a column, computed once."""

    __slots__ = (
        "code", "codes", "column", "label", "numbers", "numeric", "present", "rounded", "set", "sorted", "summary",
    )  # fmt: skip

    def __init__(self, column: Column) -> None:
        self.column = column
        self.codes = column.codes
        self.set = column.distinct
        self.label = column.label
        self.code = column.book.code(column.label) if column.label is not None else NULL
        self.numeric = column.kind in ("num", "bool")
        self.numbers = column.numbers if self.numeric else None
        self.present = self.codes[self.codes != NULL]
        self.sorted = np.sort(self.codes)
        self.rounded: frozenset[float] | None = None
        cells = [x for x in self.numbers.tolist() if x == x] if self.numbers is not None else []
        self.summary = _Summary(cells) if cells and all(x - x == 0 for x in cells) else None

    def shown(self) -> frozenset[float]:
        """The numbers, to nine digits, as a set."""
        if self.rounded is None:
            assert self.numbers is not None
            self.rounded = frozenset(float(f"{x:.9g}") for x in self.numbers.tolist() if x == x)
        return self.rounded


def relate(a: _Facts, b: _Facts) -> dict[str, float]:
    """How an output column ``b`` may come from an input column ``a``; empty where nothing links them."""
    common = len(a.set & b.set)
    facts: dict[str, float] = {}
    if a.code != NULL and a.code == b.code:
        facts["label_equal"] = 1.0
    elif (isinstance(b.label, tuple) and a.label in b.label) or (
        isinstance(a.label, str) and a.label and isinstance(b.label, str) and (a.label in b.label or b.label in a.label)
    ):
        facts["label_within"] = 1.0
    if b.code != NULL and b.code in a.set:
        facts["label_in_cells"] = 1.0
    if a.code != NULL and a.code in b.set:
        facts["cells_hold_label"] = 1.0
    if common:
        facts |= _shared_cells(a, b, common)
    if a.numeric and b.numeric:
        facts |= _number_relations(a, b)
    if "equal" not in facts and len(a.codes) == len(b.codes) and not a.numeric:
        facts |= _text_relations(a, b)
    if facts or len(a.codes) == len(b.codes):
        facts |= _sizes(a, b)
    return facts


def _key_facts(columns: Sequence[Column], output: Table) -> dict[str, float]:
    """Whether the output has as many rows as a column, or a pair of them, has different cells: rows of groups."""
    rows = output.rows if output.shape_kind in ("frame", "series") else 0
    tied = [c for c in columns if 1 < len(c.distinct) < len(c.codes)]
    pairs = [(a, b) for i, a in enumerate(tied[:5]) for b in tied[i + 1 : 5]]
    counts = [len(set(zip(a.codes.tolist(), b.codes.tolist(), strict=True))) for a, b in pairs]
    return {
        "groups_are_rows": float(any(len(c.distinct) == rows for c in tied)),
        "keys_are_rows": float(any(count == rows < len(pairs[0][0].codes) for count in counts)),
    }


MOST_KEYS, MOST_VALUES = 5, 5
"""Columns by which groups are formed, and columns of numbers, whose results are looked for in the output."""


class _Derived:
    """What calls on the columns of a table would give, as sets: found in the output in whatever order and part.

    Relations of whole columns (:func:`relate`) are lost when rows are filtered, sorted or grouped later on; these stay.
    """

    def __init__(self, columns: Sequence[_Facts]) -> None:
        self.made: dict[int, dict[str, set[Any]]] = {}
        self.keys = [f for f in columns if 1 < len(f.set) < len(f.codes)][:MOST_KEYS]
        numeric = [f for f in columns if f.numeric and f.numbers is not None and len(f.set) > 1][:MOST_VALUES]
        self.groups: list[list[int]] = [key.codes.tolist() for key in self.keys]
        if len(self.keys) > 1:
            self.groups.append((self.keys[0].codes * 1_000_003 + self.keys[1].codes).tolist())
        for value in numeric:
            self.made[id(value)] = self._of_numbers(value, numeric)
        for key, groups in zip(self.keys, self.groups, strict=False):
            self.made.setdefault(id(key), {})["group_size"] = set(map(float, Counter(groups).values()))
        for column in columns:
            if column.column.kind == "str":
                self.made.setdefault(id(column), {}).update(_of_texts(column.column.cells))
            elif column.column.kind == "date":
                self.made.setdefault(id(column), {})["moment_in"] = _of_dates(column.column)

    def _of_numbers(self, value: _Facts, others: Sequence[_Facts]) -> dict[str, set[Any]]:
        assert value.numbers is not None
        x = value.numbers
        cells = x.tolist()
        grouped: dict[str, list[float]] = {name: [] for name in _GROUPED}
        for groups in self.groups:
            _grouped(cells, groups, grouped)
        made = {name: _nine(numbers) for name, numbers in grouped.items()}
        present = [cell for cell in cells if cell == cell]
        steps = list(pairwise(cells))
        made["running_in"] = _nine(accumulate(present))
        made["differences_in"] = _nine([b - a for a, b in steps] + [b / a - 1 for a, b in steps if a])
        made["ranks_in"] = set(map(float, range(1, len(present) + 1)))
        finite = [cell for cell in present if cell - cell == 0]
        made["rounded_in"] = _nine(
            [round(c) for c in finite] + [round(c, 1) for c in finite] + [abs(c) for c in finite]
        )
        made["halves_in"] = _nine([(a + b) / 2 for a, b in steps] + [a + b for a, b in steps])
        for name in ("pair_sum", "pair_difference", "pair_product", "pair_ratio"):
            made[name] = set()
        for other in others:
            if other is not value and other.numbers is not None:
                both = list(zip(cells, other.numbers.tolist(), strict=True))
                made["pair_sum"] |= _nine([a + b for a, b in both])
                made["pair_difference"] |= _nine([a - b for a, b in both] + [b - a for a, b in both])
                made["pair_product"] |= _nine([a * b for a, b in both])
                made["pair_ratio"] |= _nine([a / b for a, b in both if b] + [b / a for a, b in both if a])
        return made

    def shares(self, a: _Facts, b: _Facts) -> dict[str, float]:
        """How much of ``b`` each call on ``a`` gives; what is not more than ``a`` itself holds is left out."""
        made = self.made.get(id(a))
        if made is None or not b.set:
            return {}
        facts: dict[str, float] = {}
        numbers, texts = b.shown() if b.numeric else frozenset(), None
        for name, cells in made.items():
            if name in _TEXTS and (b.column.kind == "str" or name == "moment_in"):
                texts = texts or {str(cell) for cell in b.column.cells}
                facts[name] = len(texts & cells) / len(texts)
            elif name not in _TEXTS and numbers:
                facts[name] = len(numbers & cells) / len(numbers)
        own = a.shown() if a.numeric and b.numeric else frozenset[float]()
        least = len(numbers & own) / len(numbers) if numbers else 0.0
        return {name: share for name, share in facts.items() if share > least}


_GROUPED = (
    "group_sum", "group_mean", "group_max", "group_min", "group_count", "group_first", "group_last", "group_median",
    "group_nunique", "group_cumsum", "group_shift", "group_rank",
)  # fmt: skip
_TEXTS = frozenset({"upper_in", "lower_in", "title_in", "piece_in", "start_in", "moment_in"})


def _nine(numbers: Iterable[float]) -> set[Any]:
    """Numbers to nine digits, as :meth:`_Facts.shown` has them."""
    return {float(f"{x:.9g}") for x in numbers if x - x == 0}


def _grouped(x: Sequence[float], groups: Sequence[int], made: dict[str, list[float]]) -> None:
    """Add what calls on groups give. Plain Python: on a dozen cells numpy takes ten times as long."""
    parts: dict[int, list[float]] = {}
    for number, group in zip(x, groups, strict=True):
        if number == number:
            parts.setdefault(group, []).append(number)
    for cells in parts.values():
        count, ordered = len(cells), sorted(cells)
        total = sum(cells)
        made["group_sum"].append(total)
        made["group_mean"].append(total / count)
        made["group_max"].append(ordered[-1])
        made["group_min"].append(ordered[0])
        made["group_first"].append(cells[0])
        made["group_last"].append(cells[-1])
        made["group_count"].append(float(count))
        made["group_median"].append((ordered[count // 2] + ordered[(count - 1) // 2]) / 2)
        made["group_nunique"].append(float(len(set(cells))))
        made["group_cumsum"] += accumulate(cells)
        made["group_shift"] += [b - a for a, b in pairwise(cells)]
        made["group_rank"] += range(1, count + 1)


def _of_texts(cells: Sequence[Any]) -> dict[str, set[Any]]:
    texts = [cell for cell in cells if isinstance(cell, str)]
    pieces = {piece for text in texts for piece in _PIECES.split(text) if piece != text}
    return {
        "upper_in": {text.upper() for text in texts},
        "lower_in": {text.lower() for text in texts},
        "title_in": {text.title() for text in texts},
        "piece_in": pieces,
        "start_in": {text[:k] for text in texts for k in (1, 2, 3)} | {text[-1:] for text in texts},
        "lengths_in": {float(len(text)) for text in texts},
    }


_PIECES = re.compile(r"\W+|_")


def _of_dates(column: Column) -> set[Any]:
    moments = [moment for moment in column.series if isinstance(moment, pd.Timestamp)]
    return {
        text
        for moment in moments
        for text in (
            str(moment.year), str(moment.month), str(moment.day), str(moment.weekday()), str(moment.quarter),
            moment.strftime("%Y-%m"), moment.day_name(), moment.month_name(), str(moment.date()),
        )
    }  # fmt: skip


def _sizes(a: _Facts, b: _Facts) -> dict[str, float]:
    rows, n = len(b.codes), len(a.codes)
    return {
        "size_equal": float(rows == n),
        "rows_distinct": float(rows == len(a.set)),
        "rows_present": float(rows == len(a.present) < n),
        "rows_twice": float(rows > n and n > 0 and rows % n == 0),
        "kind_equal": float(a.column.kind == b.column.kind),
        "both_numbers": float(a.numeric and b.numeric),
    }


def _shared_cells(a: _Facts, b: _Facts, common: int) -> dict[str, float]:
    x, y = a.codes, b.codes
    n, m = len(x), len(y)
    facts = {"share_of_a": common / len(a.set), "share_of_b": common / len(b.set), "sets_equal": float(a.set == b.set)}
    if n == m:
        equal = bool((x == y).all())
        facts["equal"] = float(equal)
        facts["bag_equal"] = float(equal or (a.sorted == b.sorted).all())
        facts["reversed"] = float(not equal and (x[::-1] == y).all())
        holes = x == NULL
        facts["filled"] = float(
            holes.any() and not (y == NULL).all() and (x[~holes] == y[~holes]).all() and (y[holes] != NULL).any()
        )
        facts["order_kept"] = float((x == y).mean())
        if facts["bag_equal"] and not equal:
            facts |= _sorted_relations(b)
        facts["shift"] = float(n > 1 and (x[:-1] == y[1:]).all() and y[0] == NULL)
        facts["unshift"] = float(n > 1 and (x[1:] == y[:-1]).all() and y[-1] == NULL)
    elif m < n:
        facts["prefix"] = float((x[:m] == y).all())
        facts["suffix"] = float((x[n - m :] == y).all())
        facts["subsequence"] = float(_is_subsequence(y.tolist(), x.tolist()))
        facts["dropped_null"] = float(len(a.present) == m and (a.present == y).all())
        facts["unique_of"] = float(m == len(a.set) and m == len(b.set) and a.set == b.set)
    elif n and m % n == 0:
        facts["repeat"] = float((np.repeat(x, m // n) == y).all())
        facts["tile"] = float((np.tile(x, m // n) == y).all())
    else:
        facts["joined"] = float((y[:n] == x).all() or (y[m - n :] == x).all())
    return facts


def _sorted_relations(b: _Facts) -> dict[str, float]:
    values = b.numbers if b.numeric else None
    if values is not None:
        clean = values[~np.isnan(values)]
        return {"sorted_up": float((np.diff(clean) >= 0).all()), "sorted_down": float((np.diff(clean) <= 0).all())}
    cells = [str(cell) for cell in b.column.cells]
    return {"sorted_up": float(cells == sorted(cells)), "sorted_down": float(cells == sorted(cells, reverse=True))}


def _is_subsequence(few: list[int], many: list[int]) -> bool:
    rest = iter(many)
    return all(cell in rest for cell in few)


def _number_relations(a: _Facts, b: _Facts) -> dict[str, float]:
    assert a.numbers is not None
    assert b.numbers is not None
    mine, theirs = a.summary, b.summary
    if mine is None or theirs is None:
        return {}
    shown = b.shown()
    facts = {name: 1.0 for name, value in zip(_SUMMARY_IN, mine.rounded, strict=True) if value in shown}
    if abs(mine.total - theirs.total) <= 1e-6 * max(1.0, abs(mine.total)):
        facts["sum_equal"] = 1.0
    if abs(mine.top - theirs.top) <= 1e-9 * max(1.0, abs(mine.top)):
        facts["max_equal"] = 1.0
    if abs(mine.low - theirs.low) <= 1e-9 * max(1.0, abs(mine.low)):
        facts["min_equal"] = 1.0
    if b.set and theirs.whole and theirs.total == len(a.codes):
        facts["counts_of"] = 1.0
    if len(a.numbers) == len(b.numbers):
        facts |= {name: value for name, value in _row_relations(a.numbers, b.numbers).items() if value}
    return facts


_SUMMARY_IN = ("sum_in", "mean_in", "max_in", "min_in", "median_in", "count_in", "total_share")


class _Summary:
    """A column of numbers in a few, missing ones left out."""

    __slots__ = ("low", "rounded", "top", "total", "whole")

    def __init__(self, cells: list[float]) -> None:
        count, ordered = len(cells), sorted(cells)
        self.total, self.top, self.low = sum(cells), ordered[-1], ordered[0]
        self.whole = all(cell == round(cell) for cell in cells)
        median = (ordered[count // 2] + ordered[(count - 1) // 2]) / 2
        values = (self.total, self.total / count, self.top, self.low, median, float(count))
        share = cells[0] / self.total if self.total else None
        self.rounded = (*(float(f"{x:.9g}") for x in values), None if share is None else float(f"{share:.9g}"))


def _row_relations(x: NDArray[np.float64], y: NDArray[np.float64]) -> dict[str, float]:
    tolerance, holes = 1e-9 + 1e-6 * np.abs(y), np.isnan(y)
    tolerance[holes | np.isinf(y)] = 0

    def same(z: NDArray[np.float64]) -> float:
        return float(((np.abs(z - y) <= tolerance) | (z == y) | (holes & np.isnan(z))).all())

    facts = {
        "cumsum": same(np.cumsum(np.nan_to_num(x))),
        "round": float(same(np.round(x)) or same(np.round(x, 1)) or same(np.round(x, 2))),
        "abs": same(np.abs(x)),
    }
    facts["diff"] = same(np.concatenate([[np.nan], np.diff(x)]))
    order = np.argsort(np.argsort(x, kind="stable"), kind="stable") + 1.0
    facts["rank"] = float(np.allclose(order, y, atol=1.01) and (y > 0).all())
    with np.errstate(all="ignore"):
        gap, ratio = (y - x)[~np.isnan(y - x)], (y / x)[~np.isnan(y / x)]
    facts["plus"] = float(len(gap) > 1 and abs(gap[0]) > 0 and np.allclose(gap, gap[0]))
    facts["times"] = float(
        len(ratio) > 1 and np.isfinite(ratio).all() and ratio[0] not in (0, 1) and np.allclose(ratio, ratio[0])
    )
    facts["mapped"] = _determined(x, y)
    return facts


def _determined(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Ties in ``x`` are ties in ``y``, and there are ties."""
    seen: dict[float, float] = {}
    for a, b in zip(x.tolist(), y.tolist(), strict=True):
        if seen.setdefault(a, b) != b and b == b:
            return 0.0
    return float(len(seen) < len(x))


def _text_relations(a: _Facts, b: _Facts) -> dict[str, float]:
    left, right = a.column.cells, b.column.cells
    rows = max(1, len(left))
    facts: dict[str, float] = {}
    if b.column.kind == "str" and a.column.kind == "str":
        pairs = [(x, y) for x, y in zip(left, right, strict=True) if isinstance(x, str) and isinstance(y, str) and y]
        facts["substring"] = sum(y in x for x, y in pairs) / rows
        facts["contains"] = sum(x in y for x, y in pairs) / rows
        facts["same_letters"] = sum(x.lower() == y.lower() for x, y in pairs) / rows
    elif b.numeric and a.column.kind == "str":
        assert b.numbers is not None
        found = [(x, y) for x, y in zip(left, b.numbers.tolist(), strict=True) if isinstance(x, str) and np.isfinite(y)]
        facts["length_of"] = sum(y == len(x) for x, y in found) / rows
        facts["contains"] = sum(str(int(y)) in x for x, y in found) / rows
    elif a.column.kind == "date":
        facts["part_of_date"] = _date_part(a.column, right)
    if a.set and len(a.set) < rows:
        seen: dict[int, int] = {}
        facts["mapped"] = float(
            all(seen.setdefault(x, y) == y for x, y in zip(a.codes.tolist(), b.codes.tolist(), strict=True))
        )
    if b.column.kind == "bool" or (b.numeric and b.numbers is not None and np.isin(b.numbers, (0, 1)).all()):
        facts["flags_of"] = facts.get("mapped", 0.0)
    return {name: value for name, value in facts.items() if value}


def _date_part(column: Column, cells: Sequence[object]) -> float:
    shown = [str(cell).zfill(2) for cell in cells]
    moments = list(column.series)
    hits = 0
    for moment, text in zip(moments, shown, strict=True):
        if isinstance(moment, pd.Timestamp):
            parts = (
                f"{moment.year}",
                f"{moment.month:02d}",
                f"{moment.day:02d}",
                f"{moment.weekday():02d}",
                f"{moment.quarter:02d}",
            )
            hits += (
                text in parts
                or text.startswith(f"{moment.year}-{moment.month:02d}")
                or text in (moment.day_name(), moment.month_name())
            )
    return hits / max(1, len(shown))


def table_relation(table: Table, output: Table) -> dict[str, float]:
    """How an output as a whole relates to an input as a whole."""
    rows, wide = table.rows, len(table.columns)
    more, many = output.rows, len(output.columns)
    mine, theirs = table.cells, output.cells
    common = len(mine & theirs)
    facts = {
        "rows_equal": float(more == rows),
        "rows_less": float(more < rows),
        "rows_more": float(more > rows),
        "rows_twice": float(rows > 0 and more > rows and more % rows == 0),
        "width_equal": float(many == wide),
        "width_less": float(many < wide),
        "width_more": float(many > wide),
        "cells_in": common / max(1, len(theirs)),
        "cells_out": common / max(1, len(mine)),
        "transposed": float(rows == many and wide == more and rows != wide),
        "melted": float(wide > 1 and rows > 0 and any(more == rows * (wide - k) for k in (1, 2)) and more != rows),
    }
    if table.columns and output.columns:
        facts["cells_bag"] = float(rows * wide == more * many and _bag(table) == _bag(output))
        facts["labels_equal"] = float(table.label_codes == output.label_codes)
        facts["index_equal"] = float([c.key for c in table.index] == [c.key for c in output.index])
        if table.label_codes == output.label_codes:
            inside = set(zip(*(c.codes.tolist() for c in table.columns), strict=True))
            facts["rows_in"] = (
                float(np.mean([row in inside for row in zip(*(c.codes.tolist() for c in output.columns), strict=True)]))
                if more
                else 0.0
            )
        if output.index and not output.plain_index:
            facts["index_from_cells"] = max(
                (len(level.distinct & mine) / max(1, len(level.distinct)) for level in output.index), default=0.0
            )
    return facts


def _bag(table: Table) -> list[int]:
    return sorted(code for column in table.columns for code in column.codes.tolist())


__all__ = ["EDGE", "NODE", "Graph", "graph"]
