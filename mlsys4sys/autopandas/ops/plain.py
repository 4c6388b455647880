"""Lists, arrays and dictionaries by themselves: sorted, paired, turned, made into a table; and tuples of figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import pandas as pd

from mlsys4sys.autopandas.expression import Expr, call, column, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops.parts import distinct
from mlsys4sys.autopandas.table import Table

FAMILY = "plain"

_Form = tuple[str, str, float]
"""What is printed, the call's canonical name, nats."""

_TO_LIST: tuple[_Form, ...] = (
    ("sorted({0})", "sort_values", 0.8),
    ("sorted({0}, reverse=True)", "sort_values", 1.1),
    ("{0}[::-1]", "iloc", 1.0),
    ("list(dict.fromkeys({0}))", "unique", 1.2),
    ("sorted(set({0}))", "unique", 1.1),
    ("[item for part in {0} for item in part]", "explode", 1.4),
    ("np.cumsum({0}).tolist()", "cumulative", 1.4),
    ("np.diff({0}).tolist()", "diff", 1.4),
)
_TO_ARRAY: tuple[_Form, ...] = (
    ("np.array({0})", "tolist", 0.8),
    ("np.diff({0})", "diff", 1.0),
    ("np.cumsum({0})", "cumulative", 1.0),
    ("np.sort({0})", "sort_values", 1.0),
    ("np.unique({0})", "unique", 1.0),
    ("np.flip({0})", "iloc", 1.2),
)
_TO_SCALAR: tuple[_Form, ...] = (
    ("len({0})", "reduce", 0.8),
    ("sum({0})", "reduce", 0.9),
    ("max({0})", "reduce", 0.9),
    ("min({0})", "reduce", 0.9),
    ("np.mean({0})", "reduce", 1.1),
    ("len(set({0}))", "nunique", 1.3),
)
_OF_MATRIX: tuple[_Form, ...] = (
    ("{0}.T", "T", 0.8),
    ("{0}.ravel()", "explode", 1.0),
    *((f"{{0}}.{name}(axis={axis})", "reduce", 1.0) for name in ("sum", "mean", "max", "min") for axis in (0, 1)),
)
_OF_DICT: dict[str, tuple[_Form, ...]] = {
    "list": (("list({0})", "tolist", 0.8), ("list({0}.values())", "tolist", 0.8), ("list({0}.items())", "tolist", 1.0)),
    "dict": (
        ("{{value: key for key, value in {0}.items()}}", "to_dict", 1.2),
        ("dict(sorted({0}.items()))", "sort_values", 1.2),
        ("dict(sorted({0}.items(), key=lambda item: item[1]))", "sort_values", 1.5),
        ("dict(sorted({0}.items(), key=lambda item: item[1], reverse=True))", "sort_values", 1.6),
    ),
    "scalar": (
        ("max({0}, key={0}.get)", "idxmax", 1.2),
        ("min({0}, key={0}.get)", "idxmax", 1.3),
        ("sum({0}.values())", "reduce", 1.1),
    ),
}
_OF_FRAMES: tuple[_Form, ...] = (
    ("pd.concat({0})", "concat", 0.7),
    ("pd.concat({0}, ignore_index=True)", "concat", 0.9),
    ("pd.concat({0}, axis=1)", "concat", 1.0),
)
_PAIRED: dict[str, tuple[_Form, ...]] = {
    "dict": (("dict(zip({0}, {1}))", "to_dict", 0.8),),
    "list": (("list(zip({0}, {1}))", "tolist", 0.8),),
    "series": (("pd.Series({1}, index={0})", "to_frame", 0.9),),
    "array": (
        ("np.add({0}, {1})", "arithmetic", 1.1),
        ("np.multiply({0}, {1})", "arithmetic", 1.1),
        ("np.subtract({0}, {1})", "arithmetic", 1.1),
        ("np.concatenate([{0}, {1}])", "concat", 1.1),
    ),
}
_PLAIN = ("list", "array", "index")


def proposals(table: Table, goal: Goal, others: Sequence[Table], *, last: bool) -> Iterator[Expr]:
    """Calls on inputs that are no tables; of tables only figures in tuples and arithmetic with such inputs."""
    if table.shape_kind in ("frame", "series"):
        found = chain(_tuples(table, goal), *(_arithmetic(table, goal, other) for other in others))
    else:
        found = chain(_alone(table, goal), _together(table, goal, others))
    yield from distinct(found, 40 if last else 8)


def _alone(table: Table, goal: Goal) -> Iterator[Expr]:
    forms: tuple[_Form, ...] = ()
    if table.shape_kind == "dict":
        forms = _OF_DICT.get(goal.shape_kind, ())
    elif table.shape_kind in _PLAIN:
        ends = {"list": _TO_LIST, "array": _TO_ARRAY, "scalar": _TO_SCALAR}
        forms = ends.get(goal.shape_kind, ())
        if table.shape_kind == "array" and table.value.ndim == 2 and goal.shape_kind == "array":
            forms = (*_OF_MATRIX, *forms)
        if table.shape_kind == "list" and table.value and all(_is_table(part) for part in table.value):
            forms = _OF_FRAMES
    for text, op, cost in forms:
        yield call(text, table.expr, op=op, cost=cost)


def _is_table(value: object) -> bool:
    return isinstance(value, pd.DataFrame | pd.Series)


def _together(table: Table, goal: Goal, others: Sequence[Table]) -> Iterator[Expr]:
    """Two or more lists side by side."""
    if table.shape_kind not in _PLAIN:
        return
    partners = [other for other in others if other.shape_kind in (*_PLAIN, "series") and other.rows]
    for other in partners:
        for text, op, cost in _PAIRED.get(goal.shape_kind, ()):
            yield call(text, table.expr, other.expr, op=op, cost=cost)
        if table.shape_kind == other.shape_kind == goal.shape_kind == "list":
            yield Expr("{0:product} + {1:product}", (table.expr, other.expr), 3, "concat", 1.0)
    if goal.shape_kind == "frame" and len(goal.labels) == len(partners) + 1:
        parts = [table, *partners]
        where = [next((i for i, p in enumerate(parts) if _shown_by(c.key, p)), None) for c in goal.columns]
        if None not in where:
            cells = ", ".join(f"{literal(label)}: {{{i}}}" for label, i in zip(goal.labels, where, strict=True))
            exprs = [part.expr for part in parts]
            yield call(f"pd.DataFrame({{{{{cells}}}}})", *exprs, op="to_frame", cost=1.0)


def _shown_by(key: object, part: Table) -> bool:
    return len(part.columns) == 1 and part.columns[0].key == key


def _arithmetic(table: Table, goal: Goal, other: Table) -> Iterator[Expr]:
    """A list of numbers for the columns of a frame, or for the rows of a series."""
    fits = other.rows == (len(table.labels) if table.shape_kind == "frame" else table.rows)
    cells = other.columns[0] if other.shape_kind in _PLAIN and len(other.columns) == 1 else None
    if cells is None or not fits or cells.kind != "num" or goal.shape_kind != table.shape_kind:
        return
    for sign in "*+-/":
        yield Expr(f"{{0:product}} {sign} {{1:product}}", (table.expr, other.expr), 3, "arithmetic", 0.9)


def _tuples(table: Table, goal: Goal) -> Iterator[Expr]:
    """Two figures in a tuple: the shape, the least and the greatest cell."""
    if not isinstance(goal.value, tuple) or len(goal.value) != 2:
        return
    if table.shape_kind == "frame" and goal.value == table.value.shape:
        yield call("{0}.shape", table.expr, op="reduce", cost=0.8)
    least, most = goal.columns[0].codes.tolist()
    for i, cells in enumerate(table.columns):
        if least in cells.distinct and most in cells.distinct:
            ref = column(table.expr, table.labels[i]) if table.shape_kind == "frame" else table.expr
            for pair in (("min", "max"), ("max", "min"), ("idxmin", "idxmax")):
                text = "({0}." + pair[0] + "(), {0}." + pair[1] + "())"
                yield call(text, ref, op="reduce", cost=1.4)


__all__ = ["FAMILY", "proposals"]
