"""Whole rows as values: a row as a series, rows joined to text or lists, rows of totals, gaps pushed out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mlsys4sys.autopandas.expression import FUNCTION, LABEL, OUTPUT, POSITION, Expr, call, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops.grouping import Groups
from mlsys4sys.autopandas.ops.parts import distinct, flat, has_lists, hashable, is_frame, label_set, step
from mlsys4sys.autopandas.ops.text import SEPARATORS
from mlsys4sys.autopandas.table import NULL, Table

FAMILY = "lines"


def proposals(table: Table, goal: Goal, _others: Sequence[Table], *, last: bool) -> Iterator[Expr]:
    """What is compared row by row; nothing before the last step."""
    if last and is_frame(table) and table.rows:
        yield from distinct(_last(table, goal), 30)
    elif last and table.shape_kind == "series" and has_lists(table.columns[0]) and goal.shape_kind == "frame":
        yield from _of_lists(table, goal)


def _of_lists(table: Table, goal: Goal) -> Iterator[Expr]:
    """A series of lists as a frame: a column for each place, or for each word."""
    if goal.rows != table.rows:
        return
    lists = [cell for cell in table.columns[0].cells if isinstance(cell, list | tuple)]
    if all(isinstance(x, str) for cell in lists for x in cell):
        yield step(table.expr, ".str.join('|').str.get_dummies()", op="get_dummies", cost=1.4)
        exploded = step(table.expr, ".explode()", op="explode", cost=0.8)
        yield call("pd.get_dummies({0:arg}).groupby(level=0).max()", exploded, op="get_dummies", cost=1.6)
    if len(goal.labels) == max((len(cell) for cell in lists), default=0):
        plain = goal.label_codes == tuple(table.book.code(i) for i in range(len(goal.labels)))
        columns = "" if plain else f", columns={literal(list(goal.labels))}"
        index = "" if goal.plain_index else ", index={0}.index"
        text = f"pd.DataFrame({{0}}.tolist(){columns}{index})"
        yield call(text, table.expr, op="explode", cost=1.4 + 0.3 * bool(columns))


def _last(table: Table, goal: Goal) -> Iterator[Expr]:
    if goal.shape_kind == "series" and goal.index:
        yield from _one_row(table, goal)
        yield from _joined(table, goal)
        yield from _largest_in_groups(table, goal)
    if goal.shape_kind == "frame" and flat(table):
        yield from _totals(table, goal)
        yield from _pushed_up(table, goal)
        yield from _list_indicators(table, goal)


def _one_row(table: Table, goal: Goal) -> Iterator[Expr]:
    """A row as a series: the row of an extreme, of a label, or the first or last."""
    if goal.rows != len(table.labels) or goal.index[0].codes.tolist() != list(table.label_codes):
        return
    grid = np.array([c.codes for c in table.columns])
    for row in np.flatnonzero((grid == goal.columns[0].codes[:, None]).all(axis=0)).tolist():
        for c in table.columns:
            if c.kind in ("num", "date") and not c.null.all():
                for name, best in (("idxmax", np.nanargmax(c.numbers)), ("idxmin", np.nanargmin(c.numbers))):
                    if best == row:
                        text = f".loc[{{0}}[{literal(c.label)}].{name}()]"
                        yield step(table.expr, text, op="loc", cost=1.6, labels=1)
        if not table.plain_index and len(table.index) == 1:
            yield step(table.expr, f".loc[{literal(table.index[0].cells[row])}]", op="loc", cost=1.6, tags=(LABEL,))
        place = row if row <= table.rows // 2 else row - table.rows
        yield step(table.expr, f".iloc[{place}]", op="iloc", cost=1.8, tags=(POSITION,))


def _joined(table: Table, goal: Goal) -> Iterator[Expr]:
    """All cells of a row in one: a list, a tuple, or text."""
    if goal.rows != table.rows:
        return
    wanted = goal.columns[0]
    texts = [c for c in table.columns if c.kind == "str"]
    for columns in ([*table.columns], texts):
        if len(columns) < 2:
            continue
        base = table.expr
        if len(columns) < len(table.columns):
            labels = [c.label for c in columns]
            base = step(base, f"[{literal(labels)}]", op="select", cost=0.6, labels=len(labels))
        rows = list(zip(*(c.cells for c in columns), strict=True))
        if has_lists(wanted):
            for kind in (list, tuple):
                made = [table.book.code(kind(row)) for row in rows]
                if made == wanted.codes.tolist() and isinstance(wanted.cells[0], kind):
                    yield step(base, f".apply({kind.__name__}, axis=1)", op="reduce", cost=1.5)
        elif wanted.kind == "str" and len(columns) == len(texts) and not any(c.null.any() for c in columns):
            for separator in (*SEPARATORS[:-3], ""):
                if [separator.join(row) for row in rows] == wanted.cells:
                    yield step(base, f".agg({literal(separator)}.join, axis=1)", op="reduce", cost=1.5)
                    break


def _largest_in_groups(table: Table, goal: Goal) -> Iterator[Expr]:
    """``groupby(…)['v'].nlargest(n)``."""
    if len(goal.index) != 2 or goal.rows > table.rows:
        return
    for key in table.columns:
        if not hashable(key) or goal.index[0].distinct != key.distinct or len(key.distinct) == table.rows:
            continue
        sizes = Groups([key]).sizes
        for n in (1, 2, 3):
            if np.minimum(sizes, n).sum() == goal.rows:
                for c in table.columns:
                    if c.kind == "num" and c is not key:
                        head = f".groupby({literal(key.label)})[{literal(c.label)}]"
                        for method in ("nlargest", "nsmallest"):
                            text = f"{head}.{method}({n})"
                            yield step(table.expr, text, op=method, cost=1.8, labels=2, tags=(POSITION,))


def _totals(table: Table, goal: Goal) -> Iterator[Expr]:
    """A last row of sums or means."""
    if goal.rows != table.rows + 1 or goal.label_codes != table.label_codes:
        return
    if any((a.codes != b.codes[:-1]).any() for a, b in zip(table.columns, goal.columns, strict=True)):
        return
    numbers = [(a, b) for a, b in zip(table.columns, goal.columns, strict=True) if a.kind == "num"]
    rest = [(a, b) for a, b in zip(table.columns, goal.columns, strict=True) if a.kind != "num"]
    if not numbers or len(goal.index) != 1:
        return
    only = "numeric_only=True" if rest else ""
    for agg, function in (("sum", np.nansum), ("mean", np.nanmean)):
        if not all(np.isclose(function(a.numbers), b.numbers[-1]) for a, b in numbers):
            continue
        label = goal.index[0].cells[-1]
        if all(b.codes[-1] == NULL for _, b in rest) and isinstance(label, str):
            text = f"pd.concat([{{0}}, {{0}}.{agg}({only}).to_frame({literal(label)}).T])"
            yield call(text, table.expr, op="concat", cost=2.2, tags=(OUTPUT,))
        elif rest and all(isinstance(a.label, str) for a, _ in rest):
            named = {a.label: goal.book.cell(int(b.codes[-1])) for a, b in rest if b.codes[-1] != NULL}
            words = literal(named).removeprefix("{{").removesuffix("}}")
            row = f"pd.DataFrame([{{{{**{{0}}.{agg}({only}), {words}}}}}])"
            text = f"pd.concat([{{0}}, {row}], ignore_index=True)"
            yield call(text, table.expr, op="concat", cost=2.6, tags=(OUTPUT,) * len(rest))


def _pushed_up(table: Table, goal: Goal) -> Iterator[Expr]:
    """Each column without its missing cells, from the top."""
    if goal.label_codes != table.label_codes or goal.rows > table.rows or not any(c.null.any() for c in table.columns):
        return
    for a, b in zip(table.columns, goal.columns, strict=True):
        present = a.codes[a.codes != NULL]
        wanted = np.full(goal.rows, NULL)
        wanted[: len(present)] = present[: goal.rows]
        if len(present) > goal.rows or (b.codes != wanted).any():
            return
    text = ".apply(lambda s: pd.Series(s.dropna().to_numpy()))"
    yield step(table.expr, text, op="dropna", cost=1.6, tags=(FUNCTION,))


def _list_indicators(table: Table, goal: Goal) -> Iterator[Expr]:
    """A column of lists as indicators of what is in them."""
    for c in table.columns:
        if not has_lists(c) or goal.rows != table.rows or not all(isinstance(cell, list | tuple) for cell in c.cells):
            continue
        words = {x for cell in c.cells for x in cell if isinstance(x, str)}
        if len(words) < 2 or len({table.book.code(word) for word in words} & label_set(goal)) < len(words):
            continue
        text = f"{{0}}[{literal(c.label)}].str.join('|').str.get_dummies()"
        made = call(text, table.expr, op="get_dummies", cost=1.6, tags=(LABEL,))
        if len(goal.labels) == len(words):
            yield made
        else:
            rest = step(table.expr, f".drop(columns={literal(c.label)})", op="drop", cost=0.8, labels=1)
            yield call("{0}.join({1})", rest, made, op="join", cost=0.9)
            yield call("{0}.join({1})", table.expr, made, op="join", cost=1.2)


__all__ = ["FAMILY", "proposals"]
