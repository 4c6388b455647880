"""Rows over time: resampled spans, also those without rows; windows within groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from mlsys4sys.autopandas.expression import LABEL, Expr, call, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops.keys import BINS, binned, on_grid, spacing
from mlsys4sys.autopandas.ops.parts import distinct, flat, hashable, label_set, step
from mlsys4sys.autopandas.table import Column, Table

FAMILY = "window"

RESAMPLED = (("sum", 0.0), ("mean", 0.1), ("count", 0.4), ("max", 0.5), ("min", 0.5), ("first", 0.6), ("last", 0.6))


def proposals(table: Table, goal: Goal, _others: Sequence[Table], *, last: bool) -> Iterator[Expr]:
    """Resampling by the spans that the goal's dates show; before the last step by days and months."""
    if table.shape_kind not in ("frame", "series") or table.rows < 2:
        return
    yield from distinct(_last(table, goal) if last else _middle(table, goal), 36 if last else 10)


def _last(table: Table, goal: Goal) -> Iterator[Expr]:
    if goal.shape_kind not in ("frame", "series"):
        return
    for column, on in _times(table):
        for place in goal.everything:
            if place.kind == "date" and place.unique and place.distinct:
                yield from _resampled(table, goal, place, column, on)
                yield from _filled_in(table, goal, place, column, on)
    if flat(table) and goal.shape_kind in ("series", "frame"):
        yield from _windows(table, goal)


def _times(table: Table) -> list[tuple[Column, str]]:
    """Columns and indexes of moments, each with the argument ``on`` that names it."""
    out: list[tuple[Column, str]] = []
    if isinstance(table.value.index, pd.DatetimeIndex):
        out.append((table.index[0], ""))
    if table.shape_kind == "frame" and not table.duplicate_labels:
        out += [
            (column, f", on={literal(column.label)}")
            for column in table.columns
            if column.kind == "date" and pd.api.types.is_datetime64_any_dtype(column.series.dtype)
        ]
    return out


def _resampled(table: Table, goal: Goal, place: Column, column: Column, on: str) -> Iterator[Expr]:
    """Spans of which some are empty, which is why no grouping of the rows alone gives the goal."""
    values = [c for c in table.columns if c is not column]
    wanted = label_set(goal)
    for freq, unit, how in BINS:
        if not on_grid(place, unit, how) or not _spans(place, freq, column):
            continue
        numbers = [c for c in values if c.kind in ("num", "bool")]
        labels = [c.label for c in values if table.book.code(c.label) in wanted] or [c.label for c in numbers]
        gaps = len(place.distinct) > binned(column.series, unit, how).nunique()
        for agg, cost in RESAMPLED:
            head = f".resample({literal(freq)}{on})"
            if table.shape_kind == "series" or (len(labels) == len(values) and goal.shape_kind == "frame"):
                select = ""
            else:
                select = f"[{literal(labels if goal.shape_kind == 'frame' else labels[0])}]" if labels else ""
            expr = step(table.expr, f"{head}{select}.{agg}()", op="resample", cost=1.4 + cost, labels=len(labels))
            tails = _TAILS if gaps and agg in _GAPPED else ()
            for made in (expr, *(step(expr, tail, op=op, cost=more) for tail, op, more in tails)):
                yield step(made, ".reset_index()", op="reset_index", cost=0.6) if _in_columns(place, goal) else made
        if set(goal.labels) == {"open", "high", "low", "close"}:
            for c in numbers:
                select = "" if table.shape_kind == "series" else f"[{literal(c.label)}]"
                text = f".resample({literal(freq)}{on}){select}.ohlc()"
                yield step(table.expr, text, op="resample", cost=1.2, labels=1)
        sizes = step(table.expr, f".resample({literal(freq)}{on}).size()", op="resample", cost=1.6)
        if _in_columns(place, goal):
            yield step(sizes, f".reset_index(name={literal(goal.labels[-1])})", op="reset_index", cost=0.8)
        else:
            yield sizes
        return


_GAPPED = frozenset({"mean", "last", "first", "max"})
"""Aggregates of which an empty span has none."""

_TAILS = ((".ffill()", "ffill", 0.7), (".interpolate()", "interpolate", 0.9), (".fillna(0)", "fillna", 0.9))


def _in_columns(place: Column, goal: Goal) -> bool:
    return goal.shape_kind == "frame" and any(place is c for c in goal.columns)


def _spans(place: Column, freq: str, column: Column) -> bool:
    """Whether the goal's moments follow one another at that frequency, and span the table's."""
    moments = pd.DatetimeIndex(place.series.dropna().sort_values())
    if len(moments) < 2 or len(moments) > 2000:
        return False
    expected = pd.date_range(moments[0], moments[-1], freq=freq)
    low, high = np.nanmin(column.numbers), np.nanmax(column.numbers)
    width = (high - low) / 1e9 / max(len(moments) - 1, 1)
    near = abs((moments[-1] - moments[0]).total_seconds() / max(len(moments) - 1, 1) - width) <= 2 * width + 1
    return len(expected) == len(moments) and bool((expected == moments).all()) and near


def _filled_in(table: Table, goal: Goal, place: Column, column: Column, on: str) -> Iterator[Expr]:
    """A row for each day that has none."""
    if goal.rows <= table.rows or not column.unique or not column.distinct <= place.distinct:
        return
    moments = pd.DatetimeIndex(place.series.sort_values())
    freq = spacing(moments)
    if not freq:
        return
    zero = goal.book.code(0)
    fill = ", fill_value=0" if zero in goal.cells and zero not in table.cells else ""
    label = literal(column.label)
    keyed = step(table.expr, f".set_index({label})", op="set_index", cost=0.6, labels=1) if on else table.expr
    tails = [(f".asfreq({literal(freq)}{fill})", 1.2), (f".resample({literal(freq)}).ffill()", 1.4)]
    tails += [(f".resample({literal(freq)}).interpolate()", 1.6), (f".resample({literal(freq)}).bfill()", 1.8)]
    for text, cost in tails:
        expr = step(keyed, text, op="resample", cost=cost)
        yield step(expr, ".reset_index()", op="reset_index", cost=0.6) if _in_columns(place, goal) else expr


def _windows(table: Table, goal: Goal) -> Iterator[Expr]:
    """``groupby(…)['v'].rolling(n)``."""
    if goal.shape_kind != "series" or goal.rows != table.rows or goal.columns[0].kind != "num":
        return
    for key in table.columns:
        if not hashable(key) or not 1 < len(key.distinct) < table.rows or len(goal.index) not in (1, 2):
            continue
        if len(goal.index) == 2 and not goal.index[0].distinct <= key.distinct:
            continue
        for c in table.columns:
            if c is key or c.kind != "num":
                continue
            for n in (2, 3):
                for agg in ("mean", "sum"):
                    text = f"{{0}}.groupby({literal(key.label)})[{literal(c.label)}].rolling({n}).{agg}()"
                    expr = call(text, table.expr, op="rolling", cost=2.2, tags=(LABEL, LABEL))
                    if len(goal.index) == 1:
                        expr = step(expr, ".reset_index(level=0, drop=True)", op="reset_index", cost=0.9)
                    yield expr


PARTS = ("year", "month", "day", "day_name()", "month_name()", "quarter", "hour", "day_of_week", "date")


def _parts(table: Table, goal: Goal) -> Iterator[Expr]:
    """Parts of dates as columns of their own, where the goal shows them: as keys or labels of a step that follows."""
    for column in table.columns:
        series = column.series
        if column.kind != "date" or not pd.api.types.is_datetime64_any_dtype(series.dtype):
            continue
        ref = f"{{0}}[{literal(column.label)}].dt"
        formats = [f"strftime({literal(form)})" for form in ("%Y-%m", "%b", "%B", "%Y")]
        for part in (*PARTS, *formats):
            name = part.partition("(")[0].removesuffix("_name")
            if name in table.labels:
                continue
            made = (
                series.dt.strftime(part[10:-2])
                if part.startswith("strf")
                else getattr(series.dt, part.removesuffix("()"))
            )
            values = Column(name, (made() if callable(made) else made).to_numpy(), table.book)
            label = "month" if part.startswith("strf") else name
            if goal.shows(values, least=0.8) and values.distinct and label not in table.labels:
                yield step(table.expr, f".assign({label}={ref}.{part})", op="dt", cost=1.5, labels=1)


def _middle(table: Table, goal: Goal) -> Iterator[Expr]:
    if flat(table):
        yield from _parts(table, goal)
    for column, on in _times(table)[:1]:
        numbers = [c.label for c in table.columns if c.kind == "num" and c is not column]
        if not numbers or table.shape_kind != "frame":
            continue
        for freq in ("D", "MS"):
            text = f".resample({literal(freq)}{on})[{literal(numbers)}].sum()"
            yield step(table.expr, text, op="resample", cost=1.8, labels=len(numbers))
        dates = [place for place in goal.everything if place.kind == "date" and place.unique]
        for freq, unit, how in BINS:
            if any(on_grid(place, unit, how) and _spans(place, freq, column) for place in dates):
                for label in numbers[:2]:
                    text = f".resample({literal(freq)}{on})[{literal(label)}].sum()"
                    yield step(table.expr, text, op="resample", cost=1.6, labels=1)
                break


def random(table: Table, rng: np.random.Generator, _others: Sequence[Table]) -> Expr | None:
    """Resampling that somebody might write."""
    if not flat(table):
        return None
    times = _times(table)
    numbers = [c for c in table.columns if c.kind == "num"]
    if not times or not numbers:
        return None
    column, on = times[0]
    span = (np.nanmax(column.numbers) - np.nanmin(column.numbers)) / 8.64e13
    freq = "MS" if span > 45 else "W" if span > 14 else "D"
    label = literal(numbers[int(rng.integers(len(numbers)))].label)
    agg = str(rng.choice(["sum", "mean", "max", "count"]))
    expr = step(table.expr, f".resample({literal(freq)}{on})[{label}].{agg}()", op="resample", cost=1.5, labels=1)
    return step(expr, ".reset_index()", op="reset_index", cost=0.6) if rng.random() < 0.5 else expr


__all__ = ["FAMILY", "proposals", "random"]
