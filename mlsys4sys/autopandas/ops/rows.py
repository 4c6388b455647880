"""Which rows, in which order: sorting, dropping duplicates and missing values, the first and the largest ones.

All of these pick rows by position, so the pick is computed on codes and compared with the goal before it is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import combinations, permutations
from typing import Any

import numpy as np

from mlsys4sys.autopandas.expression import CELL, FUNCTION, POSITION, Expr, call, escaped, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops.grouping import Groups, ranks
from mlsys4sys.autopandas.ops.parts import distinct, flat, hashable, label_shown, some, step
from mlsys4sys.autopandas.table import Bools, Codes, Column, Table

FAMILY = "rows"


def proposals(table: Table, goal: Goal, _others: Sequence[Table], *, last: bool) -> Iterator[Expr]:
    """Picks of rows; last: exactly the goal's rows."""
    if table.shape_kind not in ("frame", "series") or not table.rows:
        return
    yield from distinct(_last(table, goal) if last else _middle(table, goal), 40 if last else 14)


class Picks:
    """The goal's columns that the table has, to compare picks of rows with."""

    def __init__(self, table: Table, goal: Goal) -> None:
        self.table, self.goal = table, goal
        self.shared: list[tuple[Codes, Codes]] = []
        if table.shape_kind == "frame" and goal.shape_kind == "frame":
            place = {code: i for i, code in enumerate(table.label_codes)}
            self.shared = [
                (table.columns[place[code]].codes, goal.columns[j].codes)
                for j, code in enumerate(goal.label_codes) if code in place
            ]  # fmt: skip
            if len(self.shared) < len(goal.labels):
                self.shared = []
        elif (
            table.shape_kind == "series"
            and goal.shape_kind in ("series", "list", "array", "index")
            and len(goal.columns) == 1
        ):
            self.shared = [(table.columns[0].codes, goal.columns[0].codes)]
        self.possible = bool(self.shared)

    def fit(self, rows: Codes) -> bool:
        """Whether these rows in this order are the goal's."""
        return 0 < len(rows) == self.goal.rows and all((have[rows] == wanted).all() for have, wanted in self.shared)

    def index_kept(self, rows: Codes) -> bool:
        """Whether the goal has the rows' own labels."""
        levels = self.table.index
        return len(levels) == len(self.goal.index) and all(
            (a.codes[rows] == b.codes).all() for a, b in zip(levels, self.goal.index, strict=True)
        )

    def finished(self, rows: Codes, expr: Expr) -> Iterator[Expr]:
        """The program, its index counted anew where the goal has it so."""
        if self.index_kept(rows) or self.goal.shape_kind not in ("frame", "series"):
            yield self.selected(expr)
            return
        yield step(self.selected(expr), ".reset_index(drop=True)", op="reset_index", cost=0.6)
        if self.table.plain_index is False and len(self.goal.labels) > len(self.table.labels):
            yield step(expr, ".reset_index()", op="reset_index", cost=0.6)

    def selected(self, expr: Expr) -> Expr:
        """The goal's columns alone."""
        if self.goal.shape_kind != "frame" or self.goal.label_codes == self.table.label_codes:
            return expr
        labels = [self.table.book.cell(code) for code in self.goal.label_codes]
        return step(expr, f"[{literal(labels)}]", op="select", cost=0.8, labels=len(labels))


def _last(table: Table, goal: Goal) -> Iterator[Expr]:
    picks = Picks(table, goal)
    if not picks.possible:
        return
    for make in (
        _deduplicated,
        _without_nulls,
        _ordered,
        _ordered_by_rule,
        _largest,
        _grouped_picks,
        _counted,
        _repeated,
    ):
        for rows, expr in make(table, goal):
            if len(rows) == goal.rows and picks.fit(rows):
                yield from picks.finished(rows, expr)


Pick = tuple[Codes, Expr]


def _subsets(table: Table) -> list[tuple[int, ...]]:
    usable = [i for i, c in enumerate(table.columns) if hashable(c)]
    singles = [(i,) for i in usable]
    pairs = list(combinations(usable, 2)) if len(usable) <= 8 else []
    return [*singles, *pairs]


def duplicated(columns: Sequence[Column], keep: str) -> Bools:
    """Rows that are equal to an earlier (``first``), a later (``last``) or any other row (``False``)."""
    code = np.zeros(len(columns[0].codes), dtype=np.int64)
    for c in columns:
        code = code * (int(c.codes.max(initial=0)) + 1) + c.codes
        _, code = np.unique(code, return_inverse=True)
    _, first, counts = np.unique(code, return_index=True, return_counts=True)
    if keep == "False":
        return np.asarray(counts[code] > 1)
    if keep == "last":
        _, first = np.unique(code[::-1], return_index=True)
        first = len(code) - 1 - first
    mask = np.ones(len(code), dtype=bool)
    mask[first] = False
    return mask


def _deduplicated(table: Table, goal: Goal) -> Iterator[Pick]:
    if not all(hashable(c) for c in table.columns):
        whole: list[tuple[int, ...]] = []
    else:
        whole = [tuple(range(len(table.columns)))]
    if goal.rows >= table.rows:
        return
    subsets = whole + ([s for s in _subsets(table) if len(s) < len(table.columns)] if flat(table) else [])
    for subset in subsets:
        labels = [table.columns[i].label for i in subset]
        every = len(subset) == len(table.columns)
        for keep in ("first", "last", "False"):
            rows = np.flatnonzero(~duplicated([table.columns[i] for i in subset], keep))
            arguments = [] if every else [f"subset={literal(labels)}"]
            if keep != "first":
                arguments.append(f"keep={literal(keep) if keep != 'False' else keep}")
            cost = 0.9 + 0.2 * (len(labels) if not every else 0) + {"first": 0, "last": 0.4, "False": 0.6}[keep]
            yield rows, step(table.expr, f".drop_duplicates({', '.join(arguments)})", op="drop_duplicates", cost=cost)


def _without_nulls(table: Table, _goal: Goal) -> Iterator[Pick]:
    null = np.array([c.null for c in table.columns]).T
    if not null.any():
        return
    for text, rows, cost in dropna_options(table, null):
        yield rows, step(table.expr, text, op="dropna", cost=cost)


def dropna_options(table: Table, null: Bools) -> Iterator[tuple[str, Codes, float]]:
    """The calls of ``dropna`` that differ: text, rows kept, cost."""
    yield ".dropna()", np.flatnonzero(~null.any(axis=1)), 0.8
    if table.shape_kind != "frame" or table.duplicate_labels:
        return
    yield ".dropna(how='all')", np.flatnonzero(~null.all(axis=1)), 1.1
    holes = [i for i in range(null.shape[1]) if null[:, i].any()]
    for size in (1, 2):
        for chosen in combinations(holes, size):
            labels = [table.labels[i] for i in chosen]
            yield (
                f".dropna(subset={literal(labels)})",
                np.flatnonzero(~null[:, list(chosen)].any(axis=1)),
                0.9 + 0.2 * size,
            )
            if size == 2:
                yield (
                    f".dropna(subset={literal(labels)}, how='all')",
                    np.flatnonzero(~null[:, list(chosen)].all(axis=1)),
                    1.7,
                )
    for least in range(2, null.shape[1]):
        yield f".dropna(thresh={least})", np.flatnonzero((~null).sum(axis=1) >= least), 1.9


def sort_rows(columns: Sequence[Column], ascending: Sequence[bool]) -> Codes:
    """Rows in order, equal ones as they are, missing ones last."""
    keys = []
    for c, up in zip(columns, ascending, strict=True):
        rank = ranks(c)
        rank = rank if up else rank.max(initial=0) - rank
        keys.append(np.where(c.null, np.iinfo(np.int64).max, rank))
    return np.lexsort(keys[::-1])


def sort_text(labels: Sequence[Hashable], ascending: Sequence[bool]) -> str:
    """The call of ``sort_values``."""
    way = ""
    if not any(ascending):
        way = ", ascending=False"
    elif not all(ascending):
        way = f", ascending={literal(list(ascending))}"
    return f".sort_values({some(labels)}{way})"


def _sort(table: Table, chosen: Sequence[int], ascending: Sequence[bool]) -> Expr:
    if table.shape_kind == "series":
        return step(
            table.expr,
            f".sort_values({'' if ascending[0] else 'ascending=False'})",
            op="sort_values",
            cost=0.9 + 0.2 * (not ascending[0]),
        )
    labels = [table.columns[i].label for i in chosen]
    cost = 0.8 + 0.2 * (not all(ascending)) + 0.3 * (len(set(ascending)) > 1)
    return step(table.expr, sort_text(labels, ascending), op="sort_values", cost=cost, labels=len(labels))


def _ordered(table: Table, goal: Goal) -> Iterator[Pick]:
    if goal.rows != table.rows:
        return
    usable = [i for i, c in enumerate(table.columns) if c.kind != "obj"]
    for i in usable:
        for up in (True, False):
            yield from _by_one_column(table, i, up=up)
    if table.shape_kind == "frame":
        tied = [i for i in usable if not table.columns[i].unique]
        for i in tied[:6]:
            for j in usable[:8]:
                if i != j:
                    for ups in ((True, True), (True, False), (False, True), (False, False)):
                        yield sort_rows([table.columns[i], table.columns[j]], ups), _sort(table, [i, j], ups)
        for chosen in permutations(tied[:4], 2):
            for k in usable[:6]:
                if k not in chosen:
                    columns = [table.columns[i] for i in (*chosen, k)]
                    yield sort_rows(columns, [True] * 3), _sort(table, [*chosen, k], [True] * 3)
    if not table.plain_index and all(level.kind != "obj" for level in table.index):
        for up in (True, False):
            text = f".sort_index({'' if up else 'ascending=False'})"
            yield (
                sort_rows(table.index, [up] * len(table.index)),
                step(table.expr, text, op="sort_index", cost=0.9 + 0.3 * (not up)),
            )
    yield np.arange(table.rows)[::-1], step(table.expr, ".iloc[::-1]", op="iloc", cost=1.6)


def _by_one_column(table: Table, i: int, *, up: bool) -> Iterator[Pick]:
    """Sorted by one column: equal numbers in the order that numpy's usual sort leaves them in, or as they were."""
    c = table.columns[i]
    stable, expr = sort_rows([c], [up]), _sort(table, [i], [up])
    if not isinstance(c.array, np.ndarray) or c.array.dtype.kind not in "iuf" or c.null.any() or c.unique:
        yield stable, expr
        return
    line = c.array if up else c.array[::-1]
    usual = np.argsort(line, kind="quicksort")
    usual = usual if up else (len(line) - 1 - usual)[::-1]
    yield usual, expr
    if (usual != stable).any():
        head = expr.template.removesuffix(")")
        text = f"{head}{'' if head.endswith('(') else ', '}kind='stable')"
        yield stable, Expr(text, expr.parts, expr.level, expr.op, expr.cost + 0.4, expr.tags)


SORT_KEYS: tuple[tuple[str, str, Callable[[Any], Any], float], ...] = (
    ("str", "lambda s: s.str.lower()", lambda cell: str(cell).lower(), 1.6),
    ("str", "lambda s: s.str.len()", lambda cell: len(str(cell)), 1.7),
    ("str", "lambda s: s.str.extract(r'(\\d+)')[0].astype(int)", lambda cell: int(re.findall(r"\d+", cell)[0]), 2.4),
    ("num", "abs", abs, 1.5),
)
"""Rules to sort by: the kind of column, the argument ``key``, what it does to a cell, cost."""


def _ordered_by_rule(table: Table, goal: Goal) -> Iterator[Pick]:
    if goal.rows != table.rows:
        return
    for c in table.columns:
        for kind, text, rule, cost in SORT_KEYS:
            if c.kind != kind or c.null.any() or ("extract" in text and not all(re.search(r"\d", x) for x in c.cells)):
                continue
            made = Column(None, np.array([rule(cell) for cell in c.cells]), table.book)
            first = "" if table.shape_kind == "series" else f"{literal(c.label)}, "
            for up in (True, False):
                way = "" if up else "ascending=False, "
                sort = f".sort_values({first}{way}key={escaped(text)})"
                tags = (FUNCTION,) if "lambda" in text else ()
                yield sort_rows([made], [up]), step(table.expr, sort, op="sort_values", cost=cost, labels=1, tags=tags)


def _largest(table: Table, goal: Goal) -> Iterator[Pick]:
    n = goal.rows
    if not 0 < n < table.rows or n > 20:
        return
    for c in table.columns:
        if c.kind == "num":
            label = f", {literal(c.label)}" if table.shape_kind == "frame" else ""
            for method, up in (("nlargest", False), ("nsmallest", True)):
                yield (
                    sort_rows([c], [up])[:n],
                    step(
                        table.expr, f".{method}({n}{label})", op=method, cost=1.2, labels=bool(label), tags=(POSITION,)
                    ),
                )
    if table.shape_kind == "frame":
        for i, c in enumerate(table.columns):
            if c.kind != "obj":
                for up in (True, False):
                    yield (
                        sort_rows([c], [up])[:n],
                        step(_sort(table, [i], [up]), f".head({n})", op="head", cost=1.5, tags=(POSITION,)),
                    )


def _grouped_picks(table: Table, goal: Goal) -> Iterator[Pick]:
    """Rows of each group: the first, the last, those with the largest value, small groups left out."""
    if not flat(table) or goal.rows >= table.rows:
        return
    for k, key in enumerate(table.columns):
        if not hashable(key) or not 1 <= len(key.distinct) < table.rows:
            continue
        yield from _of_groups(table, goal, Groups([key]), [k])
    usable = [i for i, c in enumerate(table.columns) if hashable(c) and not c.unique]
    for pair in list(combinations(usable, 2))[:10]:
        groups = Groups([table.columns[i] for i in pair])
        if 1 < groups.count < table.rows:
            yield from _of_groups(table, goal, groups, pair)


def _of_groups(table: Table, goal: Goal, groups: Groups, chosen: Sequence[int]) -> Iterator[Pick]:
    by = some([table.columns[i].label for i in chosen])
    labels = len(chosen)
    members = groups.members
    for n in range(1, 4):
        if sum(min(n, len(rows)) for rows in members) == goal.rows:
            tags = (POSITION,)
            yield (
                np.sort(np.concatenate([rows[:n] for rows in members])),
                step(
                    table.expr,
                    f".groupby({by}).head({n})",
                    op="groupby.head",
                    cost=1.1 + 0.2 * n,
                    labels=labels,
                    tags=tags,
                ),
            )
            yield (
                np.sort(np.concatenate([rows[-n:] for rows in members])),
                step(
                    table.expr,
                    f".groupby({by}).tail({n})",
                    op="groupby.head",
                    cost=1.3 + 0.2 * n,
                    labels=labels,
                    tags=tags,
                ),
            )
            for v, column_ in enumerate(table.columns):
                if v not in chosen and column_.kind in ("num", "date", "str"):
                    yield from _top_of_groups(table, groups, by, v, n, labels)
    for n in range(4):
        at = [rows[n] for rows in members if len(rows) > n]
        if len(at) == goal.rows:
            yield (
                np.sort(np.array(at)),
                step(
                    table.expr, f".groupby({by}).nth({n})", op="groupby.nth", cost=1.6, labels=labels, tags=(POSITION,)
                ),
            )
    for n in (1, 2):  # the second best of each group
        if sum(len(rows) > n for rows in members) == goal.rows:
            for v, column_ in enumerate(table.columns):
                if v not in chosen and column_.kind in ("num", "date", "str") and not column_.null.any():
                    yield from _nth_of_groups(table, groups, by, v, n, labels)
    if groups.count == goal.rows:
        yield (
            np.sort(np.array([rows[-1] for rows in members])),
            step(table.expr, f".groupby({by}).nth(-1)", op="groupby.nth", cost=1.7, labels=labels, tags=(POSITION,)),
        )
    yield from _extremes(table, goal, groups, by, chosen)
    sizes = groups.sizes[groups.ids]
    for text, keep in (
        (" > 1", sizes > 1),
        (" == 1", sizes == 1),
        (" >= 3", sizes >= 3),
        (" == 2", sizes == 2),
        (" >= 2", sizes == -1),
    ):
        if keep.sum() == goal.rows and not keep.all():
            first = literal(table.columns[chosen[0]].label)
            yield (
                groups.rows[keep],
                step(
                    table.expr,
                    f"[{{0}}.groupby({by})[{first}].transform('size'){text}]",
                    op="groupby.filter",
                    cost=1.8,
                    labels=labels,
                ),
            )


def _nth_of_groups(table: Table, groups: Groups, by: str, v: int, n: int, labels: int) -> Iterator[Pick]:
    """The row of each group that stands at a place after sorting."""
    of = np.full(table.rows, -1, dtype=np.int64)
    of[groups.rows] = groups.ids
    for up in (False, True):
        for order, ordered in _by_one_column(table, v, up=up):
            seen = np.zeros(groups.count, dtype=np.int64)
            rows = []
            for row in order[of[order] >= 0].tolist():
                if seen[of[row]] == n:
                    rows.append(row)
                seen[of[row]] += 1
            text = f".groupby({by}).nth({n})"
            made = step(ordered, text, op="groupby.nth", cost=1.3, labels=labels, tags=(POSITION,))
            yield np.array(rows, dtype=np.int64), made


def _top_of_groups(table: Table, groups: Groups, by: str, v: int, n: int, labels: int) -> Iterator[Pick]:
    """The first rows of each group after sorting."""
    of = np.full(table.rows, -1, dtype=np.int64)
    of[groups.rows] = groups.ids
    sorts = [pick for up in (True, False) for pick in _by_one_column(table, v, up=up)]
    for order, ordered in sorts:
        order = order[of[order] >= 0]
        seen = np.zeros(groups.count, dtype=np.int64)
        rows = []
        for row in order.tolist():
            if seen[of[row]] < n:
                seen[of[row]] += 1
                rows.append(row)
        picked = np.array(rows, dtype=np.int64)
        yield (
            picked,
            step(
                ordered,
                f".groupby({by}).head({n})",
                op="groupby.head",
                cost=1.1 + 0.2 * n,
                labels=labels,
                tags=(POSITION,),
            ),
        )
        if n == 1 and labels >= 1:
            subset = by if by.startswith("[") else f"[{by}]"
            yield (
                picked,
                step(ordered, f".drop_duplicates(subset={subset})", op="drop_duplicates", cost=1.0, labels=labels),
            )
        kept = np.sort(picked)
        yield (
            kept,
            step(
                step(
                    ordered,
                    f".groupby({by}).head({n})",
                    op="groupby.head",
                    cost=1.1 + 0.2 * n,
                    labels=labels,
                    tags=(POSITION,),
                ),
                ".sort_index()",
                op="sort_index",
                cost=0.9,
            ),
        )


def _extremes(table: Table, goal: Goal, groups: Groups, by: str, chosen: Sequence[int]) -> Iterator[Pick]:
    for v, c in enumerate(table.columns):
        if v in chosen or c.kind not in ("num", "date"):
            continue
        label = literal(c.label)
        places = groups.positions(c)
        for agg in ("max", "min"):
            if (places[agg] < 0).any():
                continue
            numbers = c.numbers
            best = numbers[places[agg]]
            keep = numbers[groups.rows] == best[groups.ids]
            if keep.sum() == goal.rows:
                yield (
                    groups.rows[keep],
                    step(
                        table.expr,
                        f"[{{0}}[{label}] == {{0}}.groupby({by})[{label}].transform({literal(agg)})]",
                        op="groupby.transform",
                        cost=1.5,
                        labels=len(chosen) + 1,
                    ),
                )
            if groups.count == goal.rows:
                yield (
                    places[agg],
                    step(
                        table.expr,
                        f".loc[{{0}}.groupby({by})[{label}].idx{agg}()]",
                        op="groupby.idx",
                        cost=1.3,
                        labels=len(chosen) + 1,
                    ),
                )


def _counted(table: Table, goal: Goal) -> Iterator[Pick]:
    n = goal.rows
    if 0 < n < table.rows:
        yield np.arange(n), step(table.expr, f".head({n})", op="head", cost=1.8, tags=(POSITION,))
        yield (
            np.arange(table.rows - n, table.rows),
            step(table.expr, f".tail({n})", op="tail", cost=1.9, tags=(POSITION,)),
        )
        for start, stop in ((1, None), (None, -1), (1, -1), (2, None), (None, -2)):
            rows = np.arange(table.rows)[start:stop]
            if len(rows) == n:
                text = f".iloc[{'' if start is None else start}:{'' if stop is None else stop}]"
                yield rows, step(table.expr, text, op="iloc", cost=1.9, tags=(POSITION,))
        for every in range(2, 6):
            for start in range(every):
                rows = np.arange(start, table.rows, every)
                if len(rows) == n:
                    yield (
                        rows,
                        step(table.expr, f".iloc[{start or ''}::{every}]", op="iloc", cost=2.2, tags=(POSITION,)),
                    )


def _repeated(table: Table, goal: Goal) -> Iterator[Pick]:
    """Rows several times: as often as a column says, or all as often."""
    if goal.rows <= table.rows or goal.rows > 5000:
        return
    rows = np.arange(table.rows)
    for c in table.columns:
        times = c.numbers
        if c.kind == "num" and (times >= 0).all() and times.sum() == goal.rows and (times == np.rint(times)).all():
            ref = f"{{0}}[{literal(c.label)}]" if table.shape_kind == "frame" else "{0}"
            text = f".loc[{{0}}.index.repeat({ref})]"
            yield np.repeat(rows, times.astype(np.int64)), step(table.expr, text, op="loc", cost=1.8, labels=1)
    times_all, rest = divmod(goal.rows, table.rows)
    if not rest:
        text = f".loc[{{0}}.index.repeat({times_all})]"
        yield np.repeat(rows, times_all), step(table.expr, text, op="loc", cost=2.0, tags=(POSITION,))
        copies = call(f"pd.concat([{{0}}] * {times_all})", table.expr, op="concat", cost=2.0, tags=(POSITION,))
        yield np.tile(rows, times_all), copies


def _middle(table: Table, goal: Goal) -> Iterator[Expr]:
    """Steps that drop rows or bring them in order, before something that depends on it."""
    null = [c for c in table.columns if c.null.any()]
    if null:
        yield step(table.expr, ".dropna()", op="dropna", cost=0.9)
        if table.shape_kind == "frame" and not table.duplicate_labels:
            for c in null[:3]:
                yield step(table.expr, f".dropna(subset=[{literal(c.label)}])", op="dropna", cost=1.0, labels=1)
    if not flat(table):
        return
    usable = [c for c in table.columns if hashable(c)]
    if len(usable) == len(table.columns) and duplicated(usable, "first").any():
        yield step(table.expr, ".drop_duplicates()", op="drop_duplicates", cost=0.9)
    likely = [c for c in usable if label_shown(goal, c) and not c.unique]
    for c in likely[:2]:
        yield step(
            table.expr, f".drop_duplicates(subset=[{literal(c.label)}])", op="drop_duplicates", cost=1.2, labels=1
        )
    for i, c in enumerate(table.columns):
        if (
            c.kind in ("num", "date")
            and not (np.diff(ranks(c)) >= 0).all()
            and (label_shown(goal, c) or c.kind == "date")
        ):
            for up in (True, False):
                yield _sort(table, [i], [up])
    yield from _likely_masks(table, goal)
    if goal.rows < table.rows and likely:
        by = literal(likely[0].label)
        yield step(table.expr, f".groupby({by}).head(1)", op="groupby.head", cost=1.5, labels=1)


def _likely_masks(table: Table, goal: Goal) -> Iterator[Expr]:
    """Rows of one value of a column with few, before an aggregate that no longer shows which rows there were."""
    if goal.rows >= table.rows or len(table.expr.ops) > 1:
        return
    made = 0
    few = [c for c in table.columns if hashable(c) and 1 < len(c.distinct) <= 6 and not c.unique and c.kind != "date"]
    few = [c for c in few if c.array.dtype.kind != "f"]
    few.sort(key=lambda c: (label_shown(goal, c), c.kind != "bool", len(c.distinct)))
    for c in few[:3]:
        ref = f"{{0}}[{literal(c.label)}]"
        if c.kind == "bool" and not c.null.any():
            yield step(table.expr, f"[{ref}]", op="mask", cost=1.2, labels=1)
            yield step(table.expr, f"[~{ref}]", op="mask", cost=1.5, labels=1)
            continue
        for code in sorted(c.distinct, key=lambda code: code not in goal.words):
            if made < 8:
                made += 1
                text = f"[{ref} == {literal(table.book.cell(code))}]"
                yield step(table.expr, text, op="mask", cost=1.6, labels=1, tags=(CELL,))
    for c in table.columns:
        if c.kind == "num" and (c.numbers > 0).any() and (c.numbers <= 0).any():
            yield step(table.expr, f"[{{0}}[{literal(c.label)}] > 0]", op="mask", cost=1.8, labels=1)


def random(table: Table, rng: np.random.Generator, _others: Sequence[Table]) -> Expr | None:
    """A sort or a pick of rows that somebody might write."""
    if not flat(table) or table.rows < 2:
        return None
    columns = table.columns
    null = np.array([c.null for c in columns]).T
    choices: list[tuple[float, Expr]] = []
    sortable = [i for i, c in enumerate(columns) if c.kind in ("num", "date", "str")]
    if sortable:
        count = 1 + int(rng.random() < 0.3 and len(sortable) > 1)
        chosen = rng.choice(len(sortable), size=count, replace=False).tolist()
        ups = [bool(rng.random() < 0.6) for _ in chosen]
        choices.append((3.0, _sort(table, [sortable[i] for i in chosen], ups)))
    if null.any():
        options = list(dropna_options(table, null))
        text, _, cost = options[int(rng.integers(len(options)))]
        choices.append((2.0, step(table.expr, text, op="dropna", cost=cost)))
    keys = [c for c in columns if hashable(c) and not c.unique]
    if keys:
        key = literal(keys[int(rng.integers(len(keys)))].label)
        choices.append(
            (
                1.5,
                step(
                    table.expr,
                    f".drop_duplicates(subset=[{key}]{rng.choice(['', ', keep=' + chr(39) + 'last' + chr(39)])})",
                    op="drop_duplicates",
                    cost=1.1,
                ),
            )
        )
        choices.append(
            (0.7, step(table.expr, f".groupby({key}).head({int(rng.integers(1, 3))})", op="groupby.head", cost=1.4))
        )
        numbers = [c for c in columns if c.kind == "num" and not c.null.any()]
        if numbers:
            value = literal(numbers[int(rng.integers(len(numbers)))].label)
            choices.append(
                (
                    0.8,
                    step(
                        table.expr,
                        f".loc[{{0}}.groupby({key})[{value}].idx{rng.choice(['max', 'min'])}()]",
                        op="groupby.idx",
                        cost=1.5,
                    ),
                )
            )
    if all(hashable(c) for c in columns) and duplicated(columns, "first").any():
        choices.append((2.5, step(table.expr, ".drop_duplicates()", op="drop_duplicates", cost=0.9)))
    numbers = [c for c in columns if c.kind == "num"]
    if numbers:
        value = literal(numbers[int(rng.integers(len(numbers)))].label)
        n = int(rng.integers(1, min(4, table.rows) + 1))
        method = str(rng.choice(["nlargest", "nsmallest"]))
        choices.append((0.8, step(table.expr, f".{method}({n}, {value})", op=method, cost=1.4, tags=(POSITION,))))
    if not choices:
        return None
    weights = np.array([w for w, _ in choices])
    return choices[int(rng.choice(len(choices), p=weights / weights.sum()))][1]


__all__ = ["FAMILY", "Picks", "proposals", "random"]
