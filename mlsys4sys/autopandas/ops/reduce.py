"""Tables to series, scalars, lists and dictionaries: whole-frame reductions on both axes, counts, describe."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from mlsys4sys.autopandas.expression import CELL, COMPARE, ENTRY, OUTPUT, Expr, call, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops.grouping import close
from mlsys4sys.autopandas.ops.groupwise import STATISTICS
from mlsys4sys.autopandas.ops.parts import distinct, flat, hashable, is_frame, step
from mlsys4sys.autopandas.table import Codes, Column, Floats, Table

FAMILY = "reduce"

REDUCTIONS: dict[str, tuple[Callable[[Floats], Floats], float]] = {
    "sum": (lambda x: np.nansum(x, axis=0), 0.8),
    "mean": (lambda x: np.nanmean(x, axis=0), 0.9),
    "max": (lambda x: np.nanmax(x, axis=0), 1.0),
    "min": (lambda x: np.nanmin(x, axis=0), 1.0),
    "count": (lambda x: (~np.isnan(x)).sum(axis=0).astype(float), 1.1),
    "median": (lambda x: np.nanmedian(x, axis=0), 1.3),
    "std": (lambda x: np.nanstd(x, axis=0, ddof=1), 1.3),
    "var": (lambda x: np.nanvar(x, axis=0, ddof=1), 1.6),
    "prod": (lambda x: np.nanprod(x, axis=0), 1.8),
}
"""Reductions of numbers over rows: the function on a matrix (rows, columns), and what the call costs."""


def proposals(table: Table, goal: Goal, _others: Sequence[Table], *, last: bool) -> Iterator[Expr]:
    """Reductions; before the last step only those that later steps use."""
    if table.shape_kind not in ("frame", "series", "index") or not table.columns or not table.rows:
        return
    yield from distinct(_last(table, goal) if last else _middle(table, goal), 40 if last else 6)


def _last(table: Table, goal: Goal) -> Iterator[Expr]:
    if goal.shape_kind == "scalar":
        yield from _scalars(table, goal)
    if goal.shape_kind in ("list", "array", "index"):
        yield from _lists(table, goal)
    if goal.shape_kind == "dict":
        yield from _dicts(table)
    if table.shape_kind == "index":
        return
    yield from _counts(table, goal)
    if table.shape_kind == "frame" and goal.shape_kind in ("series", "list", "array", "frame"):
        for expr in _reduced(table, goal):
            if goal.shape_kind == "frame":
                yield from _framed(table, expr, goal)
            else:
                yield expr if goal.shape_kind == "series" else step(expr, ".tolist()", op="tolist", cost=0.6)
    if goal.shape_kind in ("frame", "series"):
        yield from _described(table, goal)
    if goal.shape_kind == "series":
        yield from _statistics(table, goal)
    if table.shape_kind == "frame" and goal.shape_kind == "frame":
        yield from _report(table, goal)


def _framed(table: Table, expr: Expr, goal: Goal) -> Iterator[Expr]:
    if len(goal.labels) == 1 and goal.rows == len(table.labels):
        yield step(expr, f".to_frame({literal(goal.labels[0])})", op="to_frame", cost=0.9)
    elif len(goal.labels) == 2:
        yield step(expr, ".reset_index()", op="reset_index", cost=0.6)
        if all(isinstance(label, str) for label in goal.labels):
            axis = step(expr, f".rename_axis({literal(goal.labels[0])})", op="rename_axis", cost=0.8)
            yield step(axis, f".reset_index(name={literal(goal.labels[1])})", op="reset_index", cost=0.8)
    if goal.rows == 1:
        yield step(expr, ".to_frame().T", op="T", cost=1.5)


def _numbers(table: Table, *, booleans: bool = True) -> tuple[list[int], Floats]:
    kinds = ("num", "bool") if booleans else ("num",)
    places = [i for i, c in enumerate(table.columns) if c.kind in kinds]
    return places, np.array([table.columns[i].numbers for i in places]).T.reshape(table.rows, len(places))


def _reduced(table: Table, goal: Goal) -> Iterator[Expr]:
    """Over rows or columns, compared with the goal before they are written."""
    places, matrix = _numbers(table)
    wanted = _flat_numbers(goal)
    everything = len(places) == len(table.columns)
    only = "" if everything else "numeric_only=True"
    if len(places) and wanted is not None:
        for name, (reduce, cost) in REDUCTIONS.items():
            argument = "" if everything or name == "count" else only
            down, across = _quietly(reduce, matrix), _quietly(reduce, matrix.T)
            if len(down) == len(wanted) and (name != "count" or everything) and close(down[None], wanted)[0]:
                yield step(table.expr, f".{name}({argument})", op="reduce", cost=cost)
            if len(across) == len(wanted) and (name != "count" or everything) and close(across[None], wanted)[0]:
                more = f", {argument}" if argument else ""
                yield step(table.expr, f".{name}(axis=1{more})", op="reduce", cost=cost + 0.2)
        if len(wanted) == len(places):
            for q in (0.25, 0.75, 0.9, 0.95):
                if close(_quietly(_quantile(q), matrix)[None], wanted)[0]:
                    yield step(
                        table.expr,
                        f".quantile({q}{'' if everything else ', numeric_only=True'})",
                        op="quantile",
                        cost=1.8,
                    )
    if goal.rows == len(table.columns):
        yield from _per_column(table, wanted)
    if goal.rows == table.rows:
        yield from _per_row(table, goal, wanted)


def _quantile(q: float) -> Callable[[Floats], Floats]:
    return lambda x: np.nanquantile(x, q, axis=0)


def _per_column(table: Table, wanted: Floats | None) -> Iterator[Expr]:
    if wanted is not None:
        nulls = np.array([float(c.null.sum()) for c in table.columns])
        present = table.rows - nulls
        unique = np.array([float(len(c.distinct)) for c in table.columns])
        for made, text, cost in (
            (nulls, ".isna().sum()", 1.0),
            (present, ".count()", 1.0),
            (present, ".notna().sum()", 1.2),
            (unique, ".nunique()", 1.1),
            (nulls / max(table.rows, 1), ".isna().mean()", 1.4),
            (100 * nulls / max(table.rows, 1), ".isna().mean().mul(100)", 1.7),
            (np.round(100 * nulls / max(table.rows, 1), 2), ".isna().mean().mul(100).round(2)", 2.2),
        ):
            if close(made[None], wanted)[0]:
                yield step(table.expr, text, op="nunique" if "nunique" in text else "reduce", cost=cost)
        yield from _comparisons(table, wanted, across=False)
    for text, cost in (
        (".max()", 1.2),
        (".min()", 1.2),
        (".iloc[0]", 1.8),
        (".iloc[-1]", 1.9),
        (".mode().iloc[0]", 1.8),
        (".dtypes", 1.6),
    ):
        yield step(table.expr, text, op="reduce", cost=cost)
    if all(c.kind in ("num", "bool") for c in table.columns):
        yield step(table.expr, ".idxmax()", op="idxmax", cost=1.4)
        yield step(table.expr, ".idxmin()", op="idxmax", cost=1.5)
    if all(c.kind == "bool" for c in table.columns):
        yield step(table.expr, ".any()", op="reduce", cost=1.3)
        yield step(table.expr, ".all()", op="reduce", cost=1.3)
    yield step(table.expr, ".isna().any()", op="reduce", cost=1.6)


def _per_row(table: Table, goal: Goal, wanted: Floats | None) -> Iterator[Expr]:
    cells = goal.columns[0].distinct if goal.columns else frozenset()
    places, _ = _numbers(table)
    if cells and cells <= set(table.label_codes):
        if len(places) == len(table.columns):
            yield step(table.expr, ".idxmax(axis=1)", op="idxmax", cost=1.3)
            yield step(table.expr, ".idxmin(axis=1)", op="idxmax", cost=1.5)
        elif len(places) > 1:
            labels = literal([table.labels[i] for i in places])
            yield step(table.expr, f"[{labels}].idxmax(axis=1)", op="idxmax", cost=1.6, labels=len(places))
            yield step(table.expr, f"[{labels}].idxmin(axis=1)", op="idxmax", cost=1.8, labels=len(places))
    if wanted is not None:
        nulls = np.array([c.null for c in table.columns]).sum(axis=0).astype(float)
        for made, text in ((nulls, ".isna().sum(axis=1)"), (len(table.columns) - nulls, ".count(axis=1)")):
            if close(made[None], wanted)[0]:
                yield step(table.expr, text, op="reduce", cost=1.3)
        unique = np.array(
            [len(set(row) - {0}) for row in zip(*(c.codes.tolist() for c in table.columns), strict=True)], dtype=float
        )
        if close(unique[None], wanted)[0]:
            yield step(table.expr, ".nunique(axis=1)", op="nunique", cost=1.6)
        yield from _comparisons(table, wanted, across=True)
    if goal.columns and goal.columns[0].kind == "bool":
        if all(c.kind == "bool" for c in table.columns):
            yield step(table.expr, ".any(axis=1)", op="reduce", cost=1.2)
            yield step(table.expr, ".all(axis=1)", op="reduce", cost=1.2)
        yield step(table.expr, ".isna().any(axis=1)", op="reduce", cost=1.4)
        yield step(table.expr, ".duplicated()", op="reduce", cost=1.3)
    if cells and len({c.kind for c in table.columns}) == 1 and cells <= table.cells:
        yield step(table.expr, ".bfill(axis=1).iloc[:, 0]", op="bfill", cost=1.9)
        if all(c.kind == "str" for c in table.columns):
            yield step(table.expr, ".sum(axis=1)", op="reduce", cost=1.8)


def _comparisons(table: Table, wanted: Floats, *, across: bool) -> Iterator[Expr]:
    """How many cells of each column, or of each row, are above, below or equal to a number: ``(df > 4).sum()``."""
    places, matrix = _numbers(table, booleans=False)
    if not places or len(places) < len(table.columns) or matrix.size > MOST_COMPARED or (wanted % 1 != 0).any():
        return
    cells = np.unique(matrix[~np.isnan(matrix)])
    bounds = sorted({0.0, *cells[:40].tolist(), *(np.round(cells[:40]) - 1).tolist()}, key=lambda k: (k != 0, abs(k)))
    axis = 1 if across else 0
    found = 0
    for sign, compare in ((">", np.greater), ("<", np.less), ("==", np.equal), (">=", np.greater_equal)):
        for k in bounds:
            with np.errstate(all="ignore"):
                held = compare(matrix, k)
            if held.any() and not held.all() and close(held.sum(axis=axis)[None].astype(float), wanted)[0]:
                number = literal(int(k) if float(k).is_integer() else k)
                cost = 1.0 if k == 0 else 1.5 if k % 5 == 0 else 1.9
                made = Expr(f"{{0:sum}} {sign} {number}", (table.expr,), COMPARE, "compare", cost, (CELL,) * (k != 0))
                yield step(made, f".sum({'axis=1' if across else ''})", op="reduce", cost=0.8)
                found += 1
                if found >= 8:
                    return


MOST_COMPARED = 5000
"""Cells that are compared with numbers."""


def _quietly(reduce: Callable[[Floats], Floats], matrix: Floats) -> Floats:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return np.asarray(reduce(matrix), dtype=np.float64) if matrix.size else np.empty(0)


def _flat_numbers(goal: Goal) -> Floats | None:
    """The goal's one line of numbers; None where it has another shape."""
    if goal.shape_kind == "frame":
        if len(goal.labels) in (1, 2) and goal.columns[-1].kind == "num":
            return goal.columns[-1].numbers
        if goal.rows == 1 and all(c.kind == "num" for c in goal.columns):
            return np.array([c.numbers[0] for c in goal.columns])
        return None
    return goal.columns[0].numbers if len(goal.columns) == 1 and goal.columns[0].kind == "num" else None


# Counts of values


def _counts(table: Table, goal: Goal) -> Iterator[Expr]:
    if goal.shape_kind not in ("series", "frame", "dict") or (goal.shape_kind == "frame" and not goal.columns):
        return
    columns = table.columns if table.shape_kind == "frame" else table.columns[:1]
    for c in columns:
        if not hashable(c) or not c.distinct:
            continue
        ref = (
            step(table.expr, f"[{literal(c.label)}]", op="", cost=0.1, labels=1)
            if table.shape_kind == "frame"
            else table.expr
        )
        yield from _cut_counts(goal, c, ref)
        if len(c.distinct) >= goal.rows:
            yield from _value_counts(goal, c, ref)
    if (
        flat(table)
        and len(table.labels) <= 4
        and len(goal.everything) - 1 > 1
        and all(hashable(c) for c in table.columns)
        and len(set(zip(*(c.codes.tolist() for c in table.columns), strict=True))) < table.rows
    ):
        counted = step(table.expr, ".value_counts()", op="value_counts", cost=1.2)
        yield counted
        if goal.shape_kind == "frame":
            yield step(counted, f".reset_index(name={literal(goal.labels[-1])})", op="reset_index", cost=0.8)


def _cut_counts(goal: Goal, c: Column, ref: Expr) -> Iterator[Expr]:
    """``pd.cut(df['age'], edges).value_counts()``, intervals without any counted too."""
    cells = goal.index[0].cells if len(goal.index) == 1 else []
    if (
        goal.shape_kind != "series"
        or c.kind != "num"
        or not cells
        or not all(isinstance(x, pd.Interval) for x in cells)
    ):
        return
    edges = sorted({edge for cell in cells for edge in (cell.left, cell.right)})
    edges = [int(edge) if float(edge).is_integer() else edge for edge in edges]
    right = "" if cells[0].closed == "right" else ", right=False"
    arguments = [f"{literal(edges)}{right}", *([str(len(cells))] if len(cells) > 1 else [])]
    for argument in arguments:
        cut = call(f"pd.cut({{0:arg}}, {argument})", ref, op="cut", cost=1.2 + 0.3 * len(edges) * (argument[0] == "["))
        counted = step(cut, ".value_counts()", op="value_counts", cost=0.9)
        yield counted
        yield step(counted, ".sort_index()", op="sort_index", cost=0.6)
        yield step(cut, ".value_counts(sort=False)", op="value_counts", cost=1.2)


def _value_counts(goal: Goal, c: Column, ref: Expr) -> Iterator[Expr]:
    values, counts = np.unique(c.codes[c.codes != 0], return_counts=True)
    wanted = (
        goal.columns[-1].numbers
        if goal.shape_kind != "dict" and goal.columns and goal.columns[-1].kind == "num"
        else None
    )
    place = goal.index[0] if goal.shape_kind == "series" and goal.index else None
    if goal.shape_kind == "frame":
        place = goal.index[0] if not goal.plain_index else goal.columns[0]
    if goal.shape_kind == "dict":
        yield step(step(ref, ".value_counts()", op="value_counts", cost=0.9), ".to_dict()", op="to_dict", cost=0.8)
        return
    if place is None or wanted is None or not place.distinct <= c.distinct:
        return
    have = dict(zip(values.tolist(), counts.tolist(), strict=True))
    made = np.array([float(have.get(code, 0)) for code in place.codes.tolist()])
    total = float(counts.sum())
    for option, factor, percent in (
        ("", 1.0, ""),
        ("normalize=True", 1 / total, ""),
        ("normalize=True", 100 / total, ".mul(100)"),
    ):
        if not close((made * factor)[None], wanted)[0]:
            continue
        cost = 0.9 + 0.4 * bool(option) + 0.4 * bool(percent)
        counted = step(ref, f".value_counts({option}){percent}", op="value_counts", cost=cost)
        ordered = bool((np.diff(wanted) <= 0).all())
        options = [counted]
        if not ordered or len(set(made)) < len(made):
            options = (
                [*options, step(counted, ".sort_index()", op="sort_index", cost=0.7)]
                if ordered
                else [step(counted, ".sort_index()", op="sort_index", cost=0.7), counted]
            )
        for expr in options:
            if goal.shape_kind == "frame":
                if goal.plain_index and len(goal.labels) == 2:
                    label = goal.labels[-1]
                    named = f"name={literal(label)}" if label not in ("count", "proportion") else ""
                    axis = expr
                    if goal.labels[0] != c.label and isinstance(goal.labels[0], str):
                        axis = step(expr, f".rename_axis({literal(goal.labels[0])})", op="rename_axis", cost=0.8)
                    yield step(axis, f".reset_index({named})", op="reset_index", cost=0.6 + 0.2 * bool(named))
                elif not goal.plain_index:
                    yield step(expr, f".to_frame({literal(goal.labels[-1])})", op="to_frame", cost=0.8)
            else:
                yield expr


def _turned(table: Table, goal: Goal) -> Iterator[Expr]:
    """``agg([…]).T``: a row a column, a column a function."""
    names = {"sum", "mean", "min", "max", "count", "std", "median", "nunique", "var"}
    functions = [label for label in goal.labels if isinstance(label, str) and label in names]
    if (
        not functions
        or len(goal.labels) - len(functions) > 1
        or goal.rows > len(table.labels)
        or goal.shape_kind != "frame"
    ):
        return
    places = _numbers(table)[0]
    labels = [table.labels[i] for i in places]
    base = table.expr
    if len(places) < len(table.labels):
        base = step(base, ".select_dtypes('number')", op="select_dtypes", cost=0.9)
    if goal.rows == len(labels):
        turned = step(step(base, f".agg({literal(functions)})", op="reduce", cost=1.2), ".T", op="T", cost=0.9)
        flat_form = len(functions) < len(goal.labels)
        yield step(turned, ".reset_index()", op="reset_index", cost=0.6) if flat_form else turned


def _by_column(table: Table, goal: Goal) -> Iterator[Expr]:
    """``agg`` with a dictionary: each column by a function of its own."""
    names = ("sum", "mean", "max", "min", "count", "median", "std", "nunique")
    if goal.shape_kind == "series" and 1 < goal.rows <= len(table.labels) and goal.columns[0].kind == "num":
        chosen: dict[Any, str] = {}
        for label_code, target in zip(goal.index[0].codes.tolist(), goal.columns[0].numbers.tolist(), strict=True):
            if label_code not in table.label_codes:
                return
            column = table.columns[table.label_codes.index(label_code)]
            found = next((name for name in names if _is_statistic(column, name, target)), None)
            if found is None:
                return
            chosen[column.label] = found
        if len(set(chosen.values())) > 1:
            cost = 1.2 + 0.6 * len(chosen)
            yield step(table.expr, f".agg({literal(chosen)})", op="reduce", cost=cost, tags=(ENTRY,) * len(chosen))
    elif goal.shape_kind == "frame" and set(goal.label_codes) <= set(table.label_codes) and len(goal.index) == 1:
        rows = goal.index[0].cells
        if not all(cell in names for cell in rows if isinstance(cell, str)) or not all(
            isinstance(c, str) for c in rows
        ):
            return
        lists = {
            table.columns[table.label_codes.index(code)].label: [
                r for r, gone in zip(rows, c.null.tolist(), strict=True) if not gone
            ]
            for code, c in zip(goal.label_codes, goal.columns, strict=True)
        }
        if len({tuple(value) for value in lists.values()}) > 1 and all(lists.values()):
            yield step(table.expr, f".agg({literal(lists)})", op="reduce", cost=1.2 + 0.4 * len(lists))


def _statistics(table: Table, goal: Goal) -> Iterator[Expr]:
    """``df['v'].agg(['min', 'mean'])``, ``df['v'].describe()[['25%', '75%']]``."""
    names = goal.index[0].cells if len(goal.index) == 1 else []
    if not 2 <= len(names) <= 8 or goal.columns[0].kind != "num" or not all(isinstance(n, str) for n in names):
        return
    wanted = goal.columns[0].numbers.tolist()
    for position, column in enumerate(table.columns):
        if column.kind not in ("num", "bool"):
            continue
        ref = table.ref(position) if table.shape_kind == "frame" else table.expr
        if all(n in REDUCTIONS and _is_statistic(column, n, w) for n, w in zip(names, wanted, strict=True)):
            yield step(ref, f".agg({literal(names)})", op="reduce", cost=1.2 + 0.2 * len(names))
        elif all(n in STATISTICS for n in names):
            yield step(ref, f".describe()[{literal(names)}]", op="describe", cost=1.4 + 0.2 * len(names))


_OF_COLUMNS: tuple[tuple[str, Callable[[Column], float], float], ...] = (
    (".isna().sum()", lambda c: float(c.null.sum()), 0.3),
    (".isna().mean()", lambda c: float(c.null.mean()), 0.4),
    (".isna().mean().mul(100)", lambda c: 100 * float(c.null.mean()), 0.7),
    (".count()", lambda c: float((~c.null).sum()), 0.4),
    (".nunique()", lambda c: float(len(c.distinct)), 0.4),
    *(
        (f".{name}(numeric_only=True)", lambda c, name=name: _number_of(c, name), 0.4)
        for name in ("mean", "median", "min", "max", "std", "sum")
    ),
)
"""Figures that are asked of every column."""


def _number_of(column: Column, name: str) -> float:
    if column.kind not in ("num", "bool"):
        return float("nan")
    return float(_quietly(REDUCTIONS[name][0], column.numbers[:, None])[0])


def _report(table: Table, goal: Goal) -> Iterator[Expr]:
    """A row a column, figures side by side: ``pd.DataFrame({'missing': df.isna().sum(), 'kinds': df.nunique()})``."""
    named = len(goal.index) == 1 and not goal.plain_index
    level = goal.index[0] if named else goal.columns[0] if len(goal.columns) > 2 else None
    wanted = list(goal.columns if named else goal.columns[1:])
    if level is None or len(wanted) < 2 or not 1 < goal.rows <= len(table.columns):
        return
    places = dict(zip(table.label_codes, table.columns, strict=True))
    codes = level.codes.tolist()
    if not set(codes) <= set(places) or len(set(codes)) < len(codes) or any(c.kind != "num" for c in wanted):
        return
    entries = []
    cost = 1.0
    for column in wanted:
        for text, figure, price in _OF_COLUMNS:
            made = np.array([figure(places[code]) for code in codes])
            rounding = ""
            if not np.allclose(made, column.numbers, equal_nan=True):
                digits = next((d for d in (1, 2) if np.allclose(np.round(made, d), column.numbers, equal_nan=True)), 0)
                if not digits or (made == np.rint(made)).all():
                    continue
                rounding = f".round({digits})"
            entries.append(f"{literal(column.label)}: {{0}}{text}{rounding}")
            cost += price + 0.4 * bool(rounding)
            break
        else:
            return
    report = call("pd.DataFrame({{" + ", ".join(entries) + "}})", table.expr, op="reduce", cost=cost,
                  tags=(OUTPUT,) * len(entries))  # fmt: skip
    if not named:
        report = step(report, f".rename_axis({literal(level.label)}).reset_index()", op="reset_index", cost=0.7)
    yield report


def _is_statistic(column: Column, name: str, target: float) -> bool:
    if name == "count":
        made = float((~column.null).sum())
    elif name == "nunique":
        made = float(len(column.distinct))
    elif column.kind not in ("num", "bool"):
        return False
    else:
        made = float(_quietly(REDUCTIONS[name][0], column.numbers[:, None])[0])
    return bool(close(np.array([[made]]), np.array([target]))[0])


def _counted_cells(table: Table, goal: Goal) -> Iterator[Expr]:
    """How often each value occurs, in each column or in all."""
    if not is_frame(table) or len(table.labels) < 2 or not all(map(hashable, table.columns)):
        return
    if not goal.index or not goal.index[0].distinct or not goal.index[0].distinct <= table.cells:
        return
    if goal.shape_kind == "frame" and set(goal.label_codes) == set(table.label_codes):
        counted = step(table.expr, ".apply(pd.Series.value_counts)", op="value_counts", cost=1.8)
        yield counted
        yield step(counted, ".fillna(0)", op="fillna", cost=1.0)
    elif (
        goal.shape_kind == "series"
        and goal.columns[0].kind == "num"
        and np.nansum(goal.columns[0].numbers) <= table.rows * len(table.labels)
    ):
        counted = step(
            step(table.expr, ".stack()", op="stack", cost=1.0), ".value_counts()", op="value_counts", cost=0.9
        )
        yield counted
        yield step(counted, ".sort_index()", op="sort_index", cost=0.7)


def _described(table: Table, goal: Goal) -> Iterator[Expr]:
    if table.shape_kind == "frame" and flat(table):
        yield from _turned(table, goal)
        yield from _by_column(table, goal)
        yield from _counted_cells(table, goal)
    words = {table.book.code(word) for word in ("count", "mean", "std", "min", "max")}
    if words <= goal.index_cells or words <= goal.column_label_parts:
        for part in (table.expr, *_shown_part(table, goal)):
            expr = step(part, ".describe()", op="describe", cost=0.9)
            yield expr
            yield step(expr, ".T", op="T", cost=0.8)
    if (
        flat(table)
        and goal.shape_kind == "frame"
        and goal.label_codes == tuple(table.label_codes[i] for i in _numbers(table)[0])
    ):
        if goal.index_cells == goal.column_label_parts:
            only = "" if len(_numbers(table)[0]) == len(table.labels) else "numeric_only=True"
            yield step(table.expr, f".corr({only})", op="corr", cost=1.3)
            yield step(table.expr, f".cov({only})", op="corr", cost=1.8)
        names = {"sum", "mean", "min", "max", "count", "std", "median", "nunique"}
        rows = goal.index[0].cells
        if all(isinstance(cell, str) and cell in names for cell in rows):
            yield step(table.expr, f".agg({literal(rows)})", op="reduce", cost=1.2 + 0.2 * len(rows))
    if (
        goal.shape_kind == "frame"
        and table.shape_kind == "frame"
        and goal.label_codes == table.label_codes
        and goal.rows < table.rows
    ):
        yield step(table.expr, ".mode()", op="mode", cost=1.8)


def _shown_part(table: Table, goal: Goal) -> Iterator[Expr]:
    """Some of the columns, where the goal names no others, in its order."""
    for shown in (list(goal.labels), list(goal.index[0].cells)):
        known = table.shape_kind == "frame" and all(label in table.labels for label in shown)
        if known and 0 < len(shown) < len(table.labels):
            yield step(table.expr, f"[{literal(shown)}]", op="select", cost=0.4, labels=len(shown))


# Scalars, lists, dictionaries


def _matching(table: Table, value: int) -> Iterator[Expr]:
    """How many cells, or rows with such a cell, equal a constant."""
    grid = np.array([c.codes for c in table.columns])
    codes, counts = np.unique(grid[grid != 0], return_counts=True)
    if len(codes) > 200:
        return
    for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
        rows = int((grid == code).any(axis=0).sum())
        text = f"({{0}} == {literal(table.book.cell(code))})" if count == value or rows == value else ""
        if count == value:
            yield call(f"{text}.sum().sum()", table.expr, op="reduce", cost=2.2, tags=(CELL,))
        if rows == value:
            yield call(f"{text}.any(axis=1).sum()", table.expr, op="reduce", cost=2.4, tags=(CELL,))


def _scalars(table: Table, goal: Goal) -> Iterator[Expr]:
    value = goal.value
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        if value == table.rows:
            yield Expr("len({0})", (table.expr,), op="reduce", cost=1.0)
        if is_frame(table):
            if value == len(table.labels):
                yield step(table.expr, ".shape[1]", op="reduce", cost=1.4)
            if value == sum(int(c.null.sum()) for c in table.columns):
                yield step(table.expr, ".isna().sum().sum()", op="reduce", cost=1.4)
            if value == int(np.array([c.null for c in table.columns]).any(axis=0).sum()):
                yield step(table.expr, ".isna().any(axis=1).sum()", op="reduce", cost=1.9)
            yield step(table.expr, ".duplicated().sum()", op="reduce", cost=1.6)
            yield from islice(_matching(table, int(value)), 8)
            yield step(table.expr, ".size", op="reduce", cost=1.7)
    if isinstance(value, bool | np.bool_):
        yield step(
            table.expr, ".isna().any().any()" if table.shape_kind == "frame" else ".isna().any()", op="reduce", cost=1.5
        )
        yield step(table.expr, ".empty", op="reduce", cost=1.8)
    if (
        table.shape_kind == "frame"
        and all(c.kind in ("num", "bool") for c in table.columns)
        and isinstance(value, int | float | np.number)
    ):
        for name in ("sum", "max", "min"):
            yield step(table.expr, f".{name}().{name}()", op="reduce", cost=1.3)
        yield step(table.expr, ".to_numpy().mean()", op="reduce", cost=1.7)


LABEL_PICKS = (
    (".select_dtypes('number').columns", 1.4),
    (".columns[{0}.isna().any()]", 1.6),
    (".select_dtypes(exclude='number').columns", 1.6),
    (".columns[{0}.notna().all()]", 1.8),
    (".select_dtypes('object').columns", 1.8),
    (".columns[1:]", 2.0),
    (".columns[:-1]", 2.2),
)
"""Some of a frame's labels: text, cost."""


def _lists(table: Table, goal: Goal) -> Iterator[Expr]:
    if goal.shape_kind == "array" and getattr(goal.value, "ndim", 1) == 2 and table.shape_kind == "frame":
        yield step(table.expr, ".to_numpy()", op="tolist", cost=0.8)
        return
    finish = {"list": ".tolist()", "array": ".to_numpy()", "index": ""}[goal.shape_kind]
    wanted = goal.columns[0] if len(goal.columns) == 1 else None
    if table.shape_kind == "index":
        yield step(table.expr, finish, op="tolist", cost=0.6)
        return
    if table.shape_kind == "frame" and wanted is not None:
        if wanted.codes.tolist() == list(table.label_codes):
            yield step(table.expr, f".columns{finish}", op="tolist", cost=0.9)
        elif wanted.distinct <= set(table.label_codes):
            for text, cost in LABEL_PICKS:
                yield step(table.expr, f"{text}{finish}", op="tolist", cost=cost)
    if (
        wanted is not None
        and not table.plain_index
        and goal.rows == table.rows
        and len(table.index) == 1
        and wanted.key == table.index[0].key
    ):
        yield step(table.expr, f".index{finish}", op="tolist", cost=0.9)
    for c in table.columns:
        ref = f"[{literal(c.label)}]" if table.shape_kind == "frame" else ""
        if wanted is not None and hashable(c):
            unique = _first_seen(c)
            if wanted.key == c.key:
                yield step(table.expr, f"{ref}{finish}", op="tolist", cost=0.7, labels=1)
            elif wanted.codes.tolist() == unique.tolist():
                yield step(
                    table.expr,
                    f"{ref}.unique(){'.tolist()' if goal.shape_kind == 'list' else ''}",
                    op="unique",
                    cost=0.9,
                    labels=1,
                )
            elif set(wanted.codes.tolist()) == set(unique.tolist()) and len(unique) == goal.rows:
                yield Expr(
                    f"sorted({{0}}{ref}.unique())" if goal.shape_kind == "list" else f"np.sort({{0}}{ref}.unique())",
                    (table.expr,),
                    op="unique",
                    cost=1.3,
                )
            elif len(wanted.codes) == 0 or wanted.distinct < c.distinct:
                yield step(table.expr, f"{ref}.mode().tolist()", op="mode", cost=1.8, labels=1)
    if (
        table.shape_kind == "frame"
        and goal.shape_kind == "list"
        and goal.value
        and isinstance(goal.value[0], list | tuple)
    ):
        yield from _tuples(table, goal)
    if table.shape_kind == "frame" and goal.shape_kind == "list" and goal.value and isinstance(goal.value[0], dict):
        yield step(table.expr, ".to_dict('records')", op="to_dict", cost=1.0)


def _tuples(table: Table, goal: Goal) -> Iterator[Expr]:
    """Rows as lists or tuples: of all columns, or of those that hold the cells."""
    as_lists, width = isinstance(goal.value[0], list), len(goal.value[0])
    chosen: list[Column] = []
    if width != len(table.columns) and goal.rows == table.rows and all(len(row) == width for row in goal.value):
        for place in range(width):
            codes = [table.book.code(row[place]) for row in goal.value]
            twin = next((c for c in table.columns if c not in chosen and c.codes.tolist() == codes), None)
            if twin is None:
                return
            chosen.append(twin)
    labels = literal([c.label for c in chosen])
    picked = step(table.expr, f"[{labels}]", op="select", cost=0.4, labels=width) if chosen else table.expr
    if as_lists:
        yield step(picked, ".to_numpy().tolist()", op="tolist", cost=1.0)
        return
    if 1 < len(chosen) <= 4:
        refs = [step(table.expr, f"[{literal(c.label)}]", op="", cost=0.1, labels=1) for c in chosen]
        inside = ", ".join(f"{{{i}:arg}}" for i in range(len(refs)))
        yield call(f"list(zip({inside}))", *refs, op="tolist", cost=1.0)
    yield call("list({0}.itertuples(index=False, name=None))", picked, op="tolist", cost=1.2)


def _first_seen(c: Column) -> Codes:
    values, first = np.unique(c.codes, return_index=True)
    return np.asarray(values[np.argsort(first)])


def _dicts(table: Table) -> Iterator[Expr]:
    if table.shape_kind == "series":
        yield step(table.expr, ".to_dict()", op="to_dict", cost=0.8)
        return
    if table.shape_kind != "frame":
        return
    yield step(table.expr, ".to_dict()", op="to_dict", cost=1.0)
    yield step(table.expr, ".to_dict('list')", op="to_dict", cost=1.1)
    yield step(table.expr, ".to_dict('index')", op="to_dict", cost=1.3)
    yield step(table.expr, ".T.to_dict('list')", op="to_dict", cost=1.6)
    if flat(table):
        for a in table.columns:
            for b in table.columns:
                if a is not b and a.unique and hashable(a):
                    yield step(
                        table.expr,
                        f".set_index({literal(a.label)})[{literal(b.label)}].to_dict()",
                        op="to_dict",
                        cost=1.2,
                        labels=2,
                    )
                elif a is not b and hashable(a):
                    yield step(
                        table.expr,
                        f".groupby({literal(a.label)})[{literal(b.label)}].agg(list).to_dict()",
                        op="to_dict",
                        cost=1.6,
                        labels=2,
                    )
            if a.unique and len(table.labels) > 2:
                keyed = step(table.expr, f".set_index({literal(a.label)})", op="set_index", cost=0.8, labels=1)
                yield step(keyed, ".to_dict('index')", op="to_dict", cost=1.1)
                yield step(step(keyed, ".T", op="T", cost=0.8), ".to_dict('list')", op="to_dict", cost=1.1)


def _middle(table: Table, goal: Goal) -> Iterator[Expr]:
    if table.shape_kind == "frame" and goal.shape_kind != "frame":
        places, _ = _numbers(table)
        only = "" if len(places) == len(table.columns) else "numeric_only=True"
        if places and len(goal.index) == 2 and all(level.distinct <= set(table.label_codes) for level in goal.index):
            yield step(table.expr, f".corr({only})", op="corr", cost=1.4)
        if places:
            yield step(table.expr, f".sum({only})", op="reduce", cost=1.2)
            yield step(table.expr, f".mean({only})", op="reduce", cost=1.3)
    if table.shape_kind == "frame" and goal.shape_kind in ("frame", "series") and flat(table):
        for c in table.columns:
            if hashable(c) and 1 < len(c.distinct) < table.rows and goal.shows(c, least=0.5):
                yield step(table.expr, f"[{literal(c.label)}].value_counts()", op="value_counts", cost=1.2, labels=1)


def random(table: Table, rng: np.random.Generator, _others: Sequence[Table]) -> Expr | None:
    """A reduction or count that somebody might write."""
    if not is_frame(table):
        return None
    places, _ = _numbers(table)
    only = "" if len(places) == len(table.columns) else "numeric_only=True"
    options: list[tuple[str, str]] = [(".isna().sum()", "reduce"), (".nunique()", "nunique")]
    if places:
        name = str(rng.choice(["sum", "mean", "max", "min", "median", "std"]))
        options += [(f".{name}({only})", "reduce")] * 2 + [(".describe()", "describe"), (f".corr({only})", "corr")]
        if len(places) > 1:
            options += [(f".{name}(axis=1{', ' + only if only else ''})", "reduce")]
    keys = [c for c in table.columns if hashable(c) and 1 < len(c.distinct) < table.rows]
    if keys and table.levels == 1:
        key = literal(keys[int(rng.integers(len(keys)))].label)
        options += [(f"[{key}].value_counts()", "value_counts")] * 5
    text, op = options[int(rng.integers(len(options)))]
    return step(table.expr, text, op=op, cost=1.2)


__all__ = ["FAMILY", "REDUCTIONS", "proposals", "random"]
