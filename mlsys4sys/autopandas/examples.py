"""Tasks whose program is known: realistic tables, and calls as people chain them, each of which matters.

The calls are written the way a reviewer would write them, and their arguments are chosen by what a column is: groups
by columns with ties, aggregates of numbers, pivots where no cell is hit twice. Chains follow :data:`FOLLOWS`, for
example a pivot and then a ``fillna``, instead of being uniform. Neighbours that may change places stand in one order.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlsys4sys.autopandas.expression import (
    CELL,
    COMPARE,
    POSITION,
    PRODUCT,
    SUM,
    Expr,
    assign,
    call,
    column,
    literal,
    replaced,
    source,
)  # fmt: skip
from mlsys4sys.autopandas.memo import Failed, Memo
from mlsys4sys.autopandas.problem import Task
from mlsys4sys.autopandas.table import NULL, Codebook, Column, Table
from mlsys4sys.datasets import frames

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Step:
    """One call, and which columns play which part in it."""

    name: str
    """In pandas' words, one of :data:`CALLS`."""
    expr: Expr
    roles: tuple[tuple[str, Hashable], ...] = ()
    """Pairs of a role and the label of a column of the table that the call starts from."""


@dataclass(frozen=True, slots=True)
class Known:
    """A task and the program that made its output."""

    task: Task
    expr: Expr
    steps: tuple[Step, ...]
    partial: tuple[Any, ...] = field(default=(), repr=False)
    """The value before each step."""


class _Pass(Exception):  # noqa: N818 - a table on which a call makes no sense; never leaves this file
    """Try another call."""


@dataclass(frozen=True, slots=True)
class _View:
    """A table with its columns by what they may be used for."""

    table: Table
    rng: Rng
    others: tuple[Table, ...] = ()

    @property
    def expr(self) -> Expr:
        return self.table.expr

    @property
    def frame(self) -> pd.DataFrame:
        if self.table.shape_kind != "frame" or self.table.duplicate_labels or self.table.levels != 1:
            raise _Pass
        return self.table.value

    def columns(self, *kinds: str) -> list[Column]:
        if not isinstance(self.frame, pd.DataFrame):
            raise _Pass
        return [c for c in self.table.columns if not kinds or c.kind in kinds]

    def one(self, among: Sequence[Any]) -> Any:
        if not among:
            raise _Pass
        return among[int(self.rng.integers(len(among)))]

    def some(self, among: Sequence[Any], least: int, most: int) -> list[Any]:
        if len(among) < least:
            raise _Pass
        count = int(self.rng.integers(least, min(most, len(among)) + 1))
        return [among[i] for i in sorted(self.rng.choice(len(among), count, replace=False).tolist())]

    def coin(self, chance: float = 0.5) -> bool:
        return bool(self.rng.random() < chance)

    def numeric(self) -> list[Column]:
        return self.columns("num")

    def grouping(self) -> list[Column]:
        """Columns with ties: what people group by."""
        rows = self.table.rows
        found = [
            c for c in self.columns("str", "num", "bool", "date")
            if 1 < len(c.distinct) < rows and not (c.kind == "num" and (c.numbers != np.rint(c.numbers)).any())
        ]  # fmt: skip
        words = [c for c in found if c.kind in ("str", "bool")]
        return words if words and self.coin(0.75) else found

    def values(self, without: Sequence[Column]) -> list[Column]:
        return [c for c in self.numeric() if c not in without]


def _labels(columns: Sequence[Column]) -> list[Hashable]:
    return [c.label for c in columns]


def _one_or_list(labels: Sequence[Hashable]) -> str:
    return literal(labels[0]) if len(labels) == 1 else literal(list(labels))


def _roles(**roles: Sequence[Column]) -> tuple[tuple[str, Hashable], ...]:
    return tuple((role, c.label) for role, columns in roles.items() for c in columns)


def _filled(columns: Sequence[Column]) -> list[Column]:
    return [c for c in columns if c.distinct]


def _cell(v: _View, c: Column) -> Any:
    codes = sorted(c.distinct)
    if not codes:
        raise _Pass
    return v.table.book.cell(codes[int(v.rng.integers(len(codes)))])


# --- rows


def condition(v: _View) -> tuple[Expr, list[Column]]:
    """A boolean series over the table's rows, and its columns."""
    style = v.rng.random()
    if style < 0.2:
        c = v.one([c for c in v.columns() if c.null.any() and not c.null.all()] if v.coin(0.8) else v.columns())
        return call("{0}." + ("notna()" if v.coin(0.7) else "isna()"), column(v.expr, c.label), op="mask", cost=1.0), [
            c
        ]
    if style < 0.55:
        c = v.one(_filled(v.numeric()))
        low, high = np.nanmin(c.numbers), np.nanmax(c.numbers)
        if not np.isfinite([low, high]).all() or low == high:
            raise _Pass
        round_ = [0, 1, 2, 3, 5, 10, 20, 50, 100, 1000]
        natural = [k for k in round_ if low <= k < high]
        bound = v.one(natural) if natural and v.coin(0.65) else v.table.book.cell(v.one(sorted(c.distinct)))
        sign = v.one([">", ">", "<", ">=", "<=", "==", "!="])
        return Expr(f"{{0:sum}} {sign} {literal(bound)}", (column(v.expr, c.label),), COMPARE, "compare", 1.0), [c]
    if style < 0.8:
        c = v.one([c for c in v.columns("str") if len(c.distinct) < max(3, v.table.rows)])
        sign = v.one(["==", "==", "!="])
        return Expr(
            f"{{0:sum}} {sign} {literal(_cell(v, c))}", (column(v.expr, c.label),), COMPARE, "compare", 1.0, (CELL,)
        ), [c]
    if style < 0.9:
        c = v.one([c for c in v.columns("str", "num") if len(c.distinct) > 2])
        cells = [v.table.book.cell(code) for code in v.some(sorted(c.distinct), 2, 3)]
        return call(f"{{0}}.isin({literal(cells)})", column(v.expr, c.label), op="isin", tags=(CELL,) * len(cells)), [c]
    if style < 0.95:
        first, second = v.some(v.numeric(), 2, 2)
        return Expr(
            "{0:sum} > {1:sum}", (column(v.expr, first.label), column(v.expr, second.label)), COMPARE, "compare"
        ), [first, second]
    c = v.one(v.columns("bool"))
    return column(v.expr, c.label), [c]


def _mask(v: _View) -> Step:
    test, used = condition(v)
    if v.coin(0.12):
        other, more = condition(v)
        sign = "&" if v.coin(0.7) else "|"
        test = Expr(f"{{0}} {sign} {{1}}", (test, other), COMPARE, "logic")
        used = [*used, *more]
    return Step("mask", call("{0}[{1:arg}]", v.expr, test, op="mask"), _roles(filter=used))


def _head(v: _View) -> Step:
    if v.table.rows < 4 or v.table.shape_kind not in ("frame", "series"):
        raise _Pass
    verb = v.one(["head", "head", "tail", "iloc"])
    count = int(v.rng.integers(1, min(5, v.table.rows - 1) + 1))
    text = f"iloc[{count}:]" if verb == "iloc" else f"{verb}({count})"
    return Step(verb, call(f"{{0}}.{text}", v.expr, op=verb, tags=(POSITION,)))


def _nlargest(v: _View) -> Step:
    c, verb = v.one(v.numeric()), v.one(["nlargest", "nsmallest"])
    count = int(v.rng.integers(1, max(2, v.table.rows - 1)))
    return Step(
        verb, call(f"{{0}}.{verb}({count}, {literal(c.label)})", v.expr, op=verb, tags=(POSITION,)), _roles(sort=[c])
    )


def _dropna(v: _View) -> Step:
    if not any(c.null.any() for c in v.table.columns):
        raise _Pass
    if v.table.shape_kind == "frame" and v.coin(0.3):
        c = v.one([c for c in v.columns() if c.null.any()])
        return Step(
            "dropna", call(f"{{0}}.dropna(subset=[{literal(c.label)}])", v.expr, op="dropna"), _roles(filter=[c])
        )
    return Step("dropna", call(v.one(["{0}.dropna()", "{0}.dropna()", "{0}.dropna(how='all')"]), v.expr, op="dropna"))


def _drop_duplicates(v: _View) -> Step:
    if v.coin(0.6):
        used = v.some(v.grouping(), 1, 2)
        keep = v.one(["", "", ", keep='last'"])
        text = f"{{0}}.drop_duplicates({_one_or_list(_labels(used))}{keep})"
        return Step("drop_duplicates", call(text, v.expr, op="drop_duplicates"), _roles(by=used))
    return Step("drop_duplicates", call("{0}.drop_duplicates()", v.expr, op="drop_duplicates"))


def _sort_values(v: _View) -> Step:
    if v.table.shape_kind == "series":
        return Step(
            "sort_values",
            call(v.one(["{0}.sort_values()", "{0}.sort_values(ascending=False)"]), v.expr, op="sort_values"),
        )
    used = v.some(v.columns("num", "str", "date"), 1, 2 if v.coin(0.3) else 1)
    down = ", ascending=False" if v.coin(0.4) else ""
    return Step(
        "sort_values",
        call(f"{{0}}.sort_values({_one_or_list(_labels(used))}{down})", v.expr, op="sort_values"),
        _roles(sort=used),
    )


def _sort_index(v: _View) -> Step:
    if v.table.shape_kind not in ("frame", "series"):
        raise _Pass
    axis = v.coin(0.2) and v.table.shape_kind == "frame"
    text = (
        v.one(["{0}.sort_index()", "{0}.sort_index()", "{0}.sort_index(ascending=False)"])
        if not axis
        else "{0}.sort_index(axis=1)"
    )
    return Step("sort_index", call(text, v.expr, op="sort_index"))


# --- columns


def _select(v: _View) -> Step:
    if len(v.columns()) < 2:
        raise _Pass
    if v.coin(0.25):
        c = v.one(v.columns())
        return Step("select", column(v.expr, c.label), _roles(keep=[c]))
    used = v.some(v.columns(), 1, len(v.columns()) - 1)
    if v.coin(0.2):
        used = used[::-1]
    return Step("select", call(f"{{0}}[{literal(_labels(used))}]", v.expr, op="select"), _roles(keep=used))


def _drop(v: _View) -> Step:
    used = v.some(v.columns(), 1, max(1, len(v.columns()) // 2))
    if len(used) == len(v.columns()):
        raise _Pass
    return Step(
        "drop", call(f"{{0}}.drop(columns={_one_or_list(_labels(used))})", v.expr, op="drop"), _roles(drop=used)
    )


def _rename(v: _View) -> Step:
    used = v.some(v.columns(), 1, 2)
    names = [str(v.one(["new", "key", "val", "total", "name2", "x1", "size"])) + str(i or "") for i in range(len(used))]
    mapping = dict(zip(_labels(used), names, strict=True))
    return Step("rename", call(f"{{0}}.rename(columns={literal(mapping)})", v.expr, op="rename"), _roles(keep=used))


def _prefix(v: _View) -> Step:
    v.columns()
    verb = v.one(["add_prefix", "add_suffix"])
    word = v.one(["p_", "new_", "x_"]) if verb == "add_prefix" else v.one(["_1", "_x", "_new"])
    return Step(verb, call(f"{{0}}.{verb}({literal(word)})", v.expr, op=verb))


def _astype(v: _View) -> Step:
    c = v.one(v.columns("num", "bool"))
    kind = "str" if v.coin(0.6) else "int"
    made = call(f"{{0}}.astype({kind})", column(v.expr, c.label), op="astype")
    return Step("astype", assign(v.expr, c.label, made), _roles(value=[c]))


# --- fill


def _fillna(v: _View) -> Step:
    holes = [c for c in v.table.columns if c.null.any()]
    if not holes or v.table.shape_kind not in ("frame", "series"):
        raise _Pass
    numbers = all(c.kind == "num" for c in holes)
    if v.table.shape_kind == "frame" and v.table.levels == 1 and v.coin(0.3) and not v.table.duplicate_labels:
        c = v.one(holes)
        series = column(v.expr, c.label)
        fill = (
            call("{0}.mean()", series, op="reduce")
            if c.kind == "num" and v.coin(0.5)
            else Expr(literal(0 if c.kind == "num" else "none"), cost=0.4)
        )
        return Step(
            "fillna", assign(v.expr, c.label, call("{0}.fillna({1:arg})", series, fill, op="fillna")), _roles(value=[c])
        )
    text = "{0}.fillna(0)" if numbers else v.one(["{0}.fillna(0)", "{0}.fillna('')", "{0}.fillna('missing')"])
    return Step("fillna", call(text, v.expr, op="fillna"))


def _ffill(v: _View) -> Step:
    if not any(c.null.any() for c in v.table.columns) or v.table.shape_kind not in ("frame", "series"):
        raise _Pass
    verb = v.one(["ffill", "ffill", "bfill", "interpolate"])
    if verb == "interpolate" and any(c.kind != "num" for c in v.table.columns):
        raise _Pass
    return Step(verb, call(f"{{0}}.{verb}()", v.expr, op=verb))


def _replace(v: _View) -> Step:
    c = v.one(v.columns("str", "num"))
    cell = _cell(v, c)
    new: Any = v.one([0, -1, 99]) if c.kind == "num" else v.one(["other", "X", "new"])
    if v.coin(0.4):
        return Step(
            "replace", call(f"{{0}}.replace({literal(cell)}, {literal(new)})", v.expr, op="replace"), _roles(value=[c])
        )
    made = call(f"{{0}}.replace({literal(cell)}, {literal(new)})", column(v.expr, c.label), op="replace")
    return Step("replace", assign(v.expr, c.label, made), _roles(value=[c]))


def _map(v: _View) -> Step:
    c = v.one([c for c in v.columns("str", "num", "bool") if len(c.distinct) <= 4])
    cells = [v.table.book.cell(code) for code in sorted(c.distinct)]
    news: list[Any] = [10 * (i + 1) for i in range(len(cells))] if v.coin() else [f"n{i}" for i in range(len(cells))]
    made = call(f"{{0}}.map({literal(dict(zip(cells, news, strict=True)))})", column(v.expr, c.label), op="map")
    return Step("map", assign(v.expr, v.one([c.label, "mapped"]), made), _roles(value=[c]))


def _clip(v: _View) -> Step:
    c = v.one(v.numeric())
    verb = v.one(["clip(lower=0)", "round()", "round(1)", "abs()", "clip(upper=10)"])
    made = call(f"{{0}}.{verb}", column(v.expr, c.label), op=verb.partition("(")[0])
    return Step(verb.partition("(")[0], assign(v.expr, c.label, made), _roles(value=[c]))


# --- index


def _set_index(v: _View) -> Step:
    used = v.some(v.columns("str", "num", "date"), 1, 2 if v.coin(0.45) else 1)
    if len(used) == len(v.columns()):
        raise _Pass
    return Step(
        "set_index", call(f"{{0}}.set_index({_one_or_list(_labels(used))})", v.expr, op="set_index"), _roles(index=used)
    )


def _reset_index(v: _View) -> Step:
    kind = v.table.shape_kind
    if kind not in ("frame", "series"):
        raise _Pass
    if kind == "series" and v.coin(0.4):
        return Step(
            "reset_index",
            call(
                f"{{0}}.reset_index(name={literal(v.one(['count', 'total', 'n', 'value']))})", v.expr, op="reset_index"
            ),
        )
    names = [level.label for level in v.table.index]
    gone = v.coin(0.93) if names == [None] else v.coin(0.05)
    return Step(
        "reset_index", call("{0}.reset_index(drop=True)" if gone else "{0}.reset_index()", v.expr, op="reset_index")
    )


def _transpose(v: _View) -> Step:
    if v.table.shape_kind != "frame" or v.table.rows > 8:
        raise _Pass
    return Step("T", call("{0}.T", v.expr, op="T"))


def _to_frame(v: _View) -> Step:
    if v.table.shape_kind != "series":
        raise _Pass
    name = v.table.value.name
    text = (
        "{0}.to_frame()"
        if name is not None and v.coin()
        else f"{{0}}.to_frame({literal(v.one(['count', 'value', 'total']))})"
    )
    return Step("to_frame", call(text, v.expr, op="to_frame"))


# --- reshape


def _pivot_arguments(v: _View) -> tuple[Column, Column, list[Column]]:
    index, columns = v.some(v.grouping(), 2, 2)
    if v.coin():
        index, columns = columns, index
    if len(columns.distinct) > 7:
        raise _Pass
    return index, columns, v.some(v.values([index, columns]), 1, 2 if v.coin(0.15) else 1)


def _pivot(v: _View) -> Step:
    index, columns, values = _pivot_arguments(v)
    ends = f"index={literal(index.label)}, columns={literal(columns.label)}, values={_one_or_list(_labels(values))}"
    text = f"{{0}}.pivot({ends})"
    return Step("pivot", call(text, v.expr, op="pivot"), _roles(index=[index], columns=[columns], value=values))


def _pivot_table(v: _View) -> Step:
    index, columns, values = _pivot_arguments(v)
    function = v.one(["sum", "mean", "max", "count", "first"])
    more = ", fill_value=0" if v.coin(0.35) else ""
    text = (
        f"{{0}}.pivot_table(index={literal(index.label)}, columns={literal(columns.label)}, "
        f"values={_one_or_list(_labels(values))}, aggfunc={literal(function)}{more})"
    )
    return Step(
        "pivot_table", call(text, v.expr, op="pivot_table"), _roles(index=[index], columns=[columns], value=values)
    )


def _melt(v: _View) -> Step:
    keys = v.some([c for c in v.columns() if c.kind != "num" or c.unique], 1, 2)
    values = [c for c in v.columns() if c not in keys]
    if len(values) < 2 or len({c.kind for c in values}) > 1:
        raise _Pass
    more = v.one(
        ["", "", f", var_name={literal(v.one(['year', 'kind', 'key']))}", ", var_name='name', value_name='amount'"]
    )
    text = f"{{0}}.melt(id_vars={_one_or_list(_labels(keys))}{more})"
    return Step("melt", call(text, v.expr, op="melt"), _roles(index=keys, value=values))


def _stack(v: _View) -> Step:
    if v.table.shape_kind != "frame" or len({c.kind for c in v.table.columns}) > 1 or v.table.plain_index:
        raise _Pass
    return Step("stack", call("{0}.stack()", v.expr, op="stack"))


def _unstack(v: _View) -> Step:
    if len(v.table.index) < 2:
        raise _Pass
    text = v.one(["{0}.unstack()", "{0}.unstack()", "{0}.unstack(fill_value=0)", "{0}.unstack(0)"])
    return Step("unstack", call(text, v.expr, op="unstack"))


def _crosstab(v: _View) -> Step:
    first, second = v.some(v.grouping(), 2, 2)
    text = "pd.crosstab({0:arg}, {1:arg})"
    return Step(
        "crosstab",
        call(text, column(v.expr, first.label), column(v.expr, second.label), op="crosstab"),
        _roles(index=[first], columns=[second]),
    )


def _get_dummies(v: _View) -> Step:
    c = v.one([c for c in v.columns("str") if 1 < len(c.distinct) <= 5])
    if v.coin(0.4):
        return Step(
            "get_dummies",
            call("pd.get_dummies({0:arg})", column(v.expr, c.label), op="get_dummies"),
            _roles(columns=[c]),
        )
    text = f"pd.get_dummies({{0:arg}}, columns=[{literal(c.label)}]{v.one(['', ', dtype=int'])})"
    return Step("get_dummies", call(text, v.expr, op="get_dummies"), _roles(columns=[c]))


def _explode(v: _View) -> Step:
    lists = [c for c in v.columns("obj") if any(isinstance(cell, list) for cell in c.cells)]
    if lists:
        c = v.one(lists)
        return Step("explode", call(f"{{0}}.explode({literal(c.label)})", v.expr, op="explode"), _roles(value=[c]))
    c, separator = _separated(v)
    split = call(f"{{0}}.str.split({literal(separator)})", column(v.expr, c.label), op="str.split")
    made = assign(v.expr, c.label, split)
    return Step("explode", call(f"{{0}}.explode({literal(c.label)})", made, op="explode"), _roles(value=[c]))


# --- group


def _grouped(v: _View, keys: Sequence[Column], how: str = "") -> Expr:
    return call(f"{{0}}.groupby({_one_or_list(_labels(keys))}{how})", v.expr, cost=0.3)


def _keys(v: _View) -> list[Column]:
    return v.some(v.grouping(), 1, 2 if v.coin(0.3) else 1)


def _groupby_agg(v: _View) -> Step:
    keys = _keys(v)
    values = v.some(v.values(keys), 1, 3)
    how = v.one(["", "", ", as_index=False"])
    function = v.one(["sum", "sum", "mean", "mean", "max", "min", "count", "first", "last", "median", "nunique", "std"])
    grouped, style = _grouped(v, keys, how), v.rng.random()
    roles = _roles(by=keys, value=values)
    if style < 0.5:
        cells = f"[{_one_or_list(_labels(values))}]" if len(values) < len(v.values(keys)) or v.coin(0.7) else ""
        return Step("groupby.agg", call(f"{{0}}{cells}.{function}()", grouped, op="groupby.agg"), roles)
    if style < 0.65 and not how:
        functions = [function, *(f for f in ("min", "max", "mean", "sum") if f != function)][: 2 + int(v.coin(0.3))]
        return Step(
            "groupby.agg",
            call(f"{{0}}[{literal(values[0].label)}].agg({literal(functions)})", grouped, op="groupby.agg"),
            roles,
        )
    if style < 0.8:
        pairs = {c.label: v.one(["sum", "mean", "max", "min", "first"]) for c in values}
        return Step("groupby.agg", call(f"{{0}}.agg({literal(pairs)})", grouped, op="groupby.agg"), roles)
    names = v.some(["total", "average", "top", "n"], len(values), len(values))
    parts = [
        f"{n}=({literal(c.label)}, {literal(v.one(['sum', 'mean', 'max', 'count']))})"
        for n, c in zip(names, values, strict=True)
    ]
    return Step("groupby.agg", call(f"{{0}}.agg({', '.join(parts)})", grouped, op="groupby.agg"), roles)


def _groupby_all(v: _View) -> Step:
    keys = _keys(v)
    rest = [c for c in v.columns() if c not in keys]
    if not rest:
        raise _Pass
    verb = v.one(["first()", "last()", "count()", "nunique()", "max()", "min()"])
    return Step("groupby.agg", call(f"{{0}}.{verb}", _grouped(v, keys), op="groupby.agg"), _roles(by=keys, value=rest))


def _groupby_size(v: _View) -> Step:
    keys = _keys(v)
    return Step("groupby.size", call("{0}.size()", _grouped(v, keys), op="groupby.size"), _roles(by=keys))


def _in_group(name: str, verbs: Sequence[str], *, needs_value: bool = True) -> Callable[[_View], Step]:
    """A call that gives each row a value from its group, as a new column."""

    def make(v: _View) -> Step:
        keys = _keys(v)
        verb = v.one(verbs)
        grouped = _grouped(v, keys)
        value = v.some(v.values(keys), 1, 1) if needs_value else []
        cells = f"[{literal(value[0].label)}]" if value else ""
        made = call(f"{{0}}{cells}.{verb}", grouped, op=name)
        label = (
            v.one([value[0].label] if value else ["n"])
            if v.coin(0.25) and value
            else v.one(["new", "result", "grp", "n"])
        )
        return Step(name, assign(v.expr, label, made), _roles(by=keys, value=value))

    return make


def _groupby_head(v: _View) -> Step:
    keys = _keys(v)
    verb = v.one(["head(1)", "head(2)", "tail(1)", "nth(0)", "nth(1)"])
    name = "groupby.nth" if verb.startswith("nth") else "groupby.head"
    return Step(name, call(f"{{0}}.{verb}", _grouped(v, keys), op=name), _roles(by=keys))


def _groupby_list(v: _View) -> Step:
    keys = v.some(v.grouping(), 1, 1)
    c = v.one([c for c in v.columns("str", "num") if c not in keys])
    if c.kind == "str" and v.coin():
        made = call(
            f"{{0}}[{literal(c.label)}].agg({literal(v.one([', ', ',', ' ']))}.join)",
            _grouped(v, keys),
            op="groupby.list",
        )
    else:
        made = call(f"{{0}}[{literal(c.label)}].agg(list)", _grouped(v, keys), op="groupby.list")
    return Step("groupby.list", made, _roles(by=keys, value=[c]))


def _groupby_idx(v: _View) -> Step:
    keys = v.some(v.grouping(), 1, 1)
    c, verb = v.one(v.values(keys)), v.one(["idxmax", "idxmin"])
    if len(v.table.index) != 1 or not v.table.index[0].unique:
        raise _Pass
    best = call(f"{{0}}[{literal(c.label)}].{verb}()", _grouped(v, keys), op="groupby.idx")
    return Step("groupby.idx", call("{0}.loc[{1:arg}]", v.expr, best, op="loc"), _roles(by=keys, value=[c]))


def _groupby_filter(v: _View) -> Step:
    keys = v.some(v.grouping(), 1, 1)
    c = v.one(v.values(keys)) if v.coin() else keys[0]
    series = call(f"{{0}}[{literal(c.label)}]", _grouped(v, keys), cost=0.2)
    if c is keys[0]:
        size = call("{0}.transform('size')", series, op="groupby.transform")
        test = Expr(f"{{0:sum}} > {int(v.rng.integers(1, 3))}", (size,), COMPARE, "compare")
    else:
        best = call(f"{{0}}.transform({literal(v.one(['max', 'min']))})", series, op="groupby.transform")
        test = Expr("{0:sum} == {1:sum}", (column(v.expr, c.label), best), COMPARE, "compare")
    return Step("groupby.filter", call("{0}[{1:arg}]", v.expr, test, op="mask"), _roles(by=keys, value=[c]))


# --- join


def _other(v: _View) -> Table:
    found: Table = v.one([t for t in v.others if t.shape_kind == "frame"])
    return found


def _merge(v: _View) -> Step:
    other = _other(v)
    frame = v.frame
    common = [label for label in frame.columns if label in set(other.labels)]
    how = v.one(["", "", "", ", how='left'", ", how='left'", ", how='outer'"])
    if common:
        keys = common if len(common) == 1 or v.coin(0.4) else [common[0]]
        used = [c for c in v.columns() if c.label in keys]
        given = "" if keys == common and v.coin(0.5) else f", on={_one_or_list(keys)}"
        return Step(
            "merge", call(f"{{0}}.merge({{1:arg}}{given}{how})", v.expr, other.expr, op="merge"), _roles(on=used)
        )
    pairs = [
        (a, b) for a in v.columns() for b in other.columns if len(a.distinct & b.distinct) * 2 >= len(a.distinct) > 0
    ]
    a, b = v.one(pairs)
    text = f"{{0}}.merge({{1:arg}}, left_on={literal(a.label)}, right_on={literal(b.label)}{how})"
    return Step("merge", call(text, v.expr, other.expr, op="merge"), _roles(on=[a]))


def _concat(v: _View) -> Step:
    other = _other(v)
    if v.coin(0.25):
        if other.rows != v.table.rows:
            raise _Pass
        return Step("concat", call("pd.concat([{0:arg}, {1:arg}], axis=1)", v.expr, other.expr, op="concat"))
    if not set(v.frame.columns) & set(other.labels):
        raise _Pass
    return Step(
        "concat",
        call(
            v.one(["pd.concat([{0:arg}, {1:arg}])", "pd.concat([{0:arg}, {1:arg}], ignore_index=True)"]),
            v.expr,
            other.expr,
            op="concat",
        ),
    )


def _anti(v: _View) -> Step:
    other = _other(v)
    pairs = [(a, b) for a in v.columns() for b in other.columns if 0 < len(a.distinct & b.distinct) < len(a.distinct)]
    a, b = v.one(pairs)
    test = call("{0}.isin({1:arg})", column(v.expr, a.label), column(other.expr, b.label), op="isin")
    if v.coin():
        test = Expr("~{0}", (test,), 1, "logic", 0.3)
    return Step("isin", call("{0}[{1:arg}]", v.expr, test, op="mask"), _roles(filter=[a]))


def _combine_first(v: _View) -> Step:
    other = _other(v)
    if not any(c.null.any() for c in v.columns()) or not set(v.frame.columns) & set(other.labels):
        raise _Pass
    return Step("combine_first", call("{0}.combine_first({1:arg})", v.expr, other.expr, op="combine_first"))


# --- window, reduce, element


def _window(v: _View) -> Step:
    c = v.one(v.numeric())
    verb, name = v.one(
        [
            ("cumsum()", "cumulative"),
            ("cumsum()", "cumulative"),
            ("cummax()", "cumulative"),
            ("shift()", "shift"),
            ("shift(-1)", "shift"),
            ("diff()", "diff"),
            ("diff()", "diff"),
            ("pct_change()", "pct_change"),
            ("rank()", "rank"),
            ("rank(ascending=False)", "rank"),
            ("rank(method='dense')", "rank"),
            ("rolling(2).mean()", "rolling"),
            ("rolling(3).sum()", "rolling"),
            ("expanding().mean()", "expanding"),
        ]
    )
    made = call(f"{{0}}.{verb}", column(v.expr, c.label), op=name)
    return Step(
        name,
        assign(v.expr, c.label if v.coin(0.25) else v.one(["new", "prev", "change", "cum"]), made),
        _roles(value=[c]),
    )


def _window_all(v: _View) -> Step:
    if len(v.numeric()) < len(v.columns()):
        raise _Pass
    verb, name = v.one(
        [
            ("cumsum()", "cumulative"),
            ("diff()", "diff"),
            ("shift()", "shift"),
            ("rank()", "rank"),
            ("rolling(2).sum()", "rolling"),
            ("round()", "round"),
            ("abs()", "abs"),
        ]
    )
    return Step(name, call(f"{{0}}.{verb}", v.expr, op=name), _roles(value=v.columns()))


def _resample(v: _View) -> Step:
    if not isinstance(v.frame.index, pd.DatetimeIndex):
        raise _Pass
    step, function = v.one(["2D", "W", "MS"]), v.one(["sum", "mean", "max"])
    c = v.one(v.numeric())
    return Step(
        "resample",
        call(f"{{0}}[{literal(c.label)}].resample({literal(step)}).{function}()", v.expr, op="resample"),
        _roles(value=[c]),
    )


def _value_counts(v: _View) -> Step:
    c = v.one(v.grouping())
    more = v.one(["", "", "", "normalize=True"])
    return Step(
        "value_counts", call(f"{{0}}.value_counts({more})", column(v.expr, c.label), op="value_counts"), _roles(by=[c])
    )


def _reduce(v: _View) -> Step:
    if v.table.shape_kind == "series":
        function = v.one(["sum", "mean", "max", "min", "nunique", "tolist"])
        name = function if function in ("nunique", "tolist") else "reduce"
        return Step(name, call(f"{{0}}.{function}()", v.expr, op=name))
    style = v.rng.random()
    if style < 0.45:
        c = v.one(v.numeric())
        function = v.one(["sum", "mean", "max", "min", "median", "std"])
        return Step("reduce", call(f"{{0}}.{function}()", column(v.expr, c.label), op="reduce"), _roles(value=[c]))
    if style < 0.6:
        return Step("nunique", call("{0}.nunique()", v.expr, op="nunique"), _roles(value=v.columns()))
    if style < 0.7:
        return Step("describe", call("{0}.describe()", v.expr, op="describe"), _roles(value=v.numeric()))
    function = v.one(["sum", "mean", "max", "min", "count"])
    more = "numeric_only=True" if len(v.numeric()) < len(v.columns()) else ""
    if not v.numeric():
        raise _Pass
    if v.coin(0.3) and len(v.numeric()) > 1:
        return Step(
            "reduce",
            call(f"{{0}}.{function}(axis=1{', ' + more if more and function != 'count' else ''})", v.expr, op="reduce"),
            _roles(value=v.numeric()),
        )
    return Step(
        "reduce",
        call(f"{{0}}.{function}({more if function != 'count' else ''})", v.expr, op="reduce"),
        _roles(value=v.numeric()),
    )


def _arithmetic(v: _View) -> Step:
    label = v.one(["new", "total", "result", "diff", "ratio"])
    if v.coin(0.6):
        first, second = v.some(v.numeric(), 2, 2)
        if v.coin():
            first, second = second, first
        sign = v.one(["+", "-", "*", "/"])
        level = SUM if sign in "+-" else PRODUCT
        slots = "{0:sum} {sign} {1:product}" if sign in "+-" else "{0:product} {sign} {1}"
        made = Expr(
            slots.replace("{sign}", sign),
            (column(v.expr, first.label), column(v.expr, second.label)),
            level,
            "arithmetic",
        )
        return Step("arithmetic", assign(v.expr, label, made), _roles(value=[first, second]))
    c = v.one(v.numeric())
    number, sign = v.one(
        [(2, "*"), (10, "*"), (100, "/"), (100, "*"), (1, "+"), (1, "-"), (1.5, "*"), (3, "%"), (2, "**")]
    )
    slots = "{0:sum}" if sign in "+-" else "{0:product}" if sign != "**" else "{0}"
    made = Expr(f"{slots} {sign} {number}", (column(v.expr, c.label),), SUM if sign in "+-" else PRODUCT, "arithmetic")
    return Step("arithmetic", assign(v.expr, c.label if v.coin(0.4) else label, made), _roles(value=[c]))


def _arithmetic_all(v: _View) -> Step:
    if len(v.numeric()) < len(v.columns()):
        raise _Pass
    if v.coin():
        total = call(v.one(["{0}.sum()", "{0}.max()", "{0}.mean()"]), v.expr, op="reduce")
        sign = v.one(["/", "-"])
        made = Expr(
            "{0:product} / {1}" if sign == "/" else "{0:sum} - {1:product}",
            (v.expr, total),
            PRODUCT if sign == "/" else SUM,
            "arithmetic",
        )
    else:
        made = Expr(
            v.one(["{0:product} * 2", "{0:product} / 100", "{0:product} * 10"]), (v.expr,), PRODUCT, "arithmetic"
        )
    return Step("arithmetic", made, _roles(value=v.columns()))


def _separated(v: _View) -> tuple[Column, str]:
    found = []
    for c in v.columns("str"):
        cells = [cell for cell in c.cells if isinstance(cell, str)]
        found += [(c, s) for s in ("_", "-", ", ", " ", "/", "|", ",") if cells and all(s in cell for cell in cells)]
    picked = v.one(found)
    assert isinstance(picked, tuple)
    return picked


def _str(v: _View) -> Step:
    style = v.rng.random()
    if style < 0.45:
        c, separator = _separated(v)
        split = call(f"{{0}}.str.split({literal(separator)})", column(v.expr, c.label), op="str.split")
        made = call(f"{{0}}.str[{int(v.rng.integers(0, 2))}]", split, op="str")
    else:
        c = v.one(v.columns("str"))
        verb = v.one(["upper()", "lower()", "len()", "title()", "slice(0, 2)", "[:1]", "[-1]", "[1:]", "strip()"])
        made = call(f"{{0}}.str{'' if verb.startswith('[') else '.'}{verb}", column(v.expr, c.label), op="str")
    return Step(
        "str", assign(v.expr, c.label if v.coin(0.35) else v.one(["new", "part", "first"]), made), _roles(value=[c])
    )


def _concatenate(v: _View) -> Step:
    first, second = v.some(v.columns("str"), 2, 2)
    glue = v.one(["_", " ", "-", ""])
    middle = f" + {literal(glue)} + " if glue else " + "
    made = Expr(
        "{0:sum}" + middle + "{1:product}", (column(v.expr, first.label), column(v.expr, second.label)), SUM, "str.cat"
    )
    return Step("str", assign(v.expr, v.one(["key", "both", "full"]), made), _roles(value=[first, second]))


def _dt(v: _View) -> Step:
    c = v.one(v.columns("date"))
    part = v.one(
        ["year", "month", "day", "day_of_week", "day_name()", "month_name()", "strftime('%Y-%m')", "date", "quarter"]
    )
    made = call(f"{{0}}.dt.{part}", column(v.expr, c.label), op="dt")
    return Step("dt", assign(v.expr, v.one(["year", "month", "when", "d"]), made), _roles(value=[c]))


def _where(v: _View) -> Step:
    test, used = condition(v)
    pair = v.one([("'yes'", "'no'"), ("1", "0"), ("'high'", "'low'")])
    made = call(f"np.where({{0:arg}}, {pair[0]}, {pair[1]})", test, op="where")
    return Step("where", assign(v.expr, v.one(["flag", "label", "kind"]), made), _roles(filter=used))


def _flag(v: _View) -> Step:
    test, used = condition(v)
    test = replace(test, op="compare") if test.op == "mask" else test  # no rows are left out
    return Step("compare", assign(v.expr, v.one(["flag", "ok", "is_top"]), test), _roles(filter=used))


def _cut(v: _View) -> Step:
    c = v.one(_filled(v.numeric()))
    low, high = float(np.nanmin(c.numbers)), float(np.nanmax(c.numbers))
    bounds = [k for k in (0, 1, 5, 10, 20, 50, 100, 500, 1000) if low < k < high][:2]
    if not bounds:
        raise _Pass
    edges = [min(0, int(low) - 1), *bounds, int(high) + 1]
    names = ["low", "mid", "high"][: len(edges) - 1]
    made = call(f"pd.cut({{0:arg}}, bins={literal(edges)}, labels={literal(names)})", column(v.expr, c.label), op="cut")
    return Step("cut", assign(v.expr, v.one(["bin", "level", "band"]), made), _roles(value=[c]))


_Maker = Callable[[_View], Step]

_MAKERS: tuple[tuple[float, _Maker, tuple[str, ...]], ...] = (
    (6, _mask, ("mask",)),
    (1.5, _head, ("head", "tail", "iloc")),
    (1, _nlargest, ("nlargest", "nsmallest")),
    (1.5, _dropna, ("dropna",)),
    (2, _drop_duplicates, ("drop_duplicates",)),
    (3.5, _sort_values, ("sort_values",)),
    (1, _sort_index, ("sort_index",)),
    (2.5, _select, ("select",)),
    (1.5, _drop, ("drop",)),
    (1.5, _rename, ("rename",)),
    (0.5, _prefix, ("add_prefix", "add_suffix")),
    (0.8, _astype, ("astype",)),
    (2.5, _fillna, ("fillna",)),
    (1.5, _ffill, ("ffill", "bfill", "interpolate")),
    (1.3, _replace, ("replace",)),
    (1, _map, ("map",)),
    (1, _clip, ("round", "clip", "abs")),
    (2.5, _set_index, ("set_index",)),
    (2.5, _reset_index, ("reset_index",)),
    (0.6, _transpose, ("T",)),
    (0.8, _to_frame, ("to_frame",)),
    (2.5, _pivot, ("pivot",)),
    (2, _pivot_table, ("pivot_table",)),
    (3, _melt, ("melt",)),
    (1, _stack, ("stack",)),
    (2, _unstack, ("unstack",)),
    (1.2, _crosstab, ("crosstab",)),
    (1, _get_dummies, ("get_dummies",)),
    (1.3, _explode, ("explode",)),
    (6, _groupby_agg, ("groupby.agg",)),
    (1.5, _groupby_all, ("groupby.agg",)),
    (2, _groupby_size, ("groupby.size",)),
    (
        1.6,
        _in_group(
            "groupby.transform",
            ["transform('sum')", "transform('mean')", "transform('max')", "transform('count')", "transform('first')"],
        ),
        ("groupby.transform",),
    ),
    (1.2, _in_group("groupby.cumulative", ["cumsum()", "cumsum()", "cummax()"]), ("groupby.cumulative",)),
    (
        0.7,
        _in_group("groupby.rank", ["rank()", "rank(ascending=False)", "rank(method='dense')"]),
        ("groupby.rank",),
    ),
    (0.9, _in_group("groupby.shift", ["shift()", "diff()", "shift(-1)", "pct_change()"]), ("groupby.shift",)),
    (
        0.9,
        _in_group("groupby.cumcount", ["cumcount()", "cumcount()", "ngroup()"], needs_value=False),
        ("groupby.cumcount",),
    ),
    (1.2, _groupby_head, ("groupby.head", "groupby.nth")),
    (1.2, _groupby_list, ("groupby.list",)),
    (0.9, _groupby_idx, ("groupby.idx",)),
    (0.9, _groupby_filter, ("groupby.filter",)),
    (7, _merge, ("merge",)),
    (4, _concat, ("concat",)),
    (1.5, _anti, ("isin",)),
    (0.8, _combine_first, ("combine_first",)),
    (3, _window, ("cumulative", "shift", "diff", "pct_change", "rank", "rolling", "expanding")),
    (0.8, _window_all, ("cumulative", "diff", "shift", "rank", "rolling", "round", "abs")),
    (0.8, _resample, ("resample",)),
    (1.8, _value_counts, ("value_counts",)),
    (2, _reduce, ("reduce", "nunique", "describe", "tolist")),
    (3, _arithmetic, ("arithmetic",)),
    (0.8, _arithmetic_all, ("arithmetic",)),
    (2.5, _str, ("str",)),
    (0.8, _concatenate, ("str",)),
    (1.6, _dt, ("dt",)),
    (1.5, _where, ("where",)),
    (0.8, _flag, ("compare",)),
    (0.6, _cut, ("cut",)),
)
"""How often a call is drawn at the start, what draws its arguments, and the names it may have."""

CALLS: tuple[str, ...] = (
    "mask", "head", "tail", "iloc", "loc", "nlargest", "nsmallest", "drop", "dropna", "drop_duplicates", "sort_values",
    "sort_index", "isin",
    "select", "select_dtypes", "filter", "rename", "add_prefix", "add_suffix", "assign", "astype", "set_axis",
    "fillna", "ffill", "bfill", "interpolate", "replace", "where", "map", "clip", "round", "combine_first", "update",
    "abs",
    "set_index", "reset_index", "reindex", "swaplevel", "droplevel", "rename_axis", "to_frame", "T",
    "pivot", "pivot_table", "melt", "stack", "unstack", "crosstab", "wide_to_long", "get_dummies", "explode",
    "groupby.agg", "groupby.size", "groupby.transform", "groupby.cumulative", "groupby.rank", "groupby.shift",
    "groupby.cumcount",
    "groupby.head", "groupby.nth", "groupby.filter", "groupby.list", "groupby.idx", "groupby.ffill",
    "merge", "join", "concat", "merge_asof", "cumulative", "shift", "diff", "pct_change", "rank", "rolling",
    "expanding", "ewm", "resample",
    "reduce", "value_counts", "nunique", "describe", "idxmax", "quantile", "corr", "mode", "unique", "tolist",
    "to_dict", "item",
    "arithmetic", "compare", "str", "dt", "cat", "cut", "qcut", "logic",
)  # fmt: skip
"""Everything a policy may say about a call."""

ROLES = ("by", "value", "index", "columns", "filter", "sort", "on", "keep", "drop")

_AGGREGATED = {
    "reset_index": 10, "sort_values": 3, "unstack": 3, "round": 1.5, "rename": 1, "to_frame": 0.8, "head": 0.4,
    "arithmetic": 0.6, "mask": 0.7, "T": 0.3,
}  # fmt: skip
_IN_GROUP = {"mask": 4, "arithmetic": 2, "drop": 1.5, "sort_values": 1, "select": 0.6, "fillna": 0.8}
_NEW_COLUMN = {
    "groupby.agg": 4, "drop": 2.5, "mask": 2.5, "sort_values": 2, "select": 1.5, "groupby.size": 1.5, "fillna": 0.4,
}  # fmt: skip
_FEWER_ROWS = {
    "reset_index": 5, "groupby.agg": 4, "select": 2.5, "sort_values": 2, "drop": 1, "reduce": 1, "value_counts": 1,
    "groupby.size": 1.2, "drop_duplicates": 0.6, "pivot_table": 0.4,
}  # fmt: skip

_PLACE = {name: i for i, name in enumerate(CALLS)}

FOLLOWS: dict[str, dict[str, float]] = {
    "groupby.agg": _AGGREGATED,
    "groupby.size": {"reset_index": 10, "unstack": 5, "sort_values": 2, "to_frame": 1, "mask": 0.5},
    "groupby.list": {"reset_index": 10, "to_frame": 0.6, "explode": 0.3},
    "groupby.idx": {"reset_index": 5, "sort_values": 1, "select": 1, "drop": 0.5},
    "groupby.head": {"reset_index": 5, "groupby.agg": 1, "sort_values": 0.7, "select": 0.7},
    "groupby.nth": {"reset_index": 4, "select": 1, "sort_values": 0.6},
    "groupby.filter": {"reset_index": 4, "sort_values": 1.5, "groupby.agg": 1, "drop_duplicates": 1, "select": 0.8},
    "groupby.transform": _IN_GROUP,
    "groupby.cumulative": _IN_GROUP,
    "groupby.rank": _IN_GROUP,
    "groupby.shift": _IN_GROUP,
    "groupby.cumcount": {"pivot": 6, "set_index": 4, "mask": 2, "pivot_table": 1},
    "set_index": {"unstack": 6, "T": 3, "stack": 3, "sort_index": 2, "resample": 3, "select": 0.6},
    "melt": {
        "dropna": 4, "sort_values": 4, "groupby.agg": 3, "mask": 2, "drop": 1.5, "rename": 0.4, "pivot_table": 0.6,
        "reset_index": 0.4,
    },
    "merge": {
        "groupby.agg": 4, "mask": 3, "fillna": 3, "drop": 3, "arithmetic": 2, "select": 2.5, "sort_values": 2,
        "rename": 0.5, "dropna": 0.6,
    },
    "concat": {
        "drop_duplicates": 4, "sort_values": 3, "groupby.agg": 3, "reset_index": 2.5, "fillna": 1.5, "sort_index": 2,
    },
    "isin": {"reset_index": 4, "select": 2, "groupby.agg": 2, "sort_values": 1, "drop": 0.7},
    "combine_first": {"reset_index": 2, "sort_index": 1, "fillna": 1, "select": 1},
    "pivot": {"reset_index": 6, "fillna": 5, "rename_axis": 1, "add_prefix": 1.5, "T": 0.4, "arithmetic": 0.5},
    "pivot_table": {"reset_index": 6, "fillna": 4, "add_prefix": 1, "T": 0.4, "round": 1},
    "crosstab": {"reset_index": 4, "T": 0.7, "add_prefix": 0.7, "arithmetic": 0.5},
    "unstack": {"fillna": 6, "reset_index": 4, "T": 1, "add_prefix": 0.5, "arithmetic": 0.5},
    "stack": {"reset_index": 8, "to_frame": 1, "sort_values": 0.6},
    "explode": {"groupby.agg": 2, "value_counts": 3, "reset_index": 5, "groupby.size": 2, "get_dummies": 1, "mask": 1},
    "get_dummies": {"groupby.agg": 4, "drop": 2, "select": 0.6},
    "value_counts": {"reset_index": 7, "sort_index": 3, "to_frame": 2, "head": 2, "mask": 1},
    "nlargest": {"reset_index": 4, "select": 3, "reduce": 0.6},
    "nsmallest": {"reset_index": 4, "select": 3},
    "head": {"reset_index": 3, "select": 2, "reduce": 0.7},
    "tail": {"reset_index": 4, "select": 2},
    "iloc": {"reset_index": 4, "astype": 0.7, "rename": 0.5},
    "mask": _FEWER_ROWS,
    "dropna": {"reset_index": 4, "astype": 3, "groupby.agg": 2, "sort_values": 0.8, "select": 0.6, "value_counts": 0.5},
    "drop_duplicates": {
        "reset_index": 4, "groupby.agg": 1.5, "pivot": 1.5, "groupby.size": 1.5, "sort_values": 1.5, "select": 1,
        "set_index": 0.7,
    },
    "sort_values": {
        "reset_index": 4, "drop_duplicates": 4, "groupby.head": 4, "head": 3, "groupby.cumulative": 2,
        "groupby.shift": 1, "groupby.cumcount": 1, "set_index": 1, "select": 1, "groupby.nth": 1, "cumulative": 0.7,
    },
    "sort_index": {"reset_index": 3, "head": 1, "ffill": 0.5},
    "select": {
        "drop_duplicates": 4, "sort_values": 2, "reduce": 2, "dropna": 2, "rename": 1, "groupby.agg": 1,
        "set_index": 1, "reset_index": 0.4,
    },
    "drop": {
        "drop_duplicates": 3, "sort_values": 2, "rename": 1.5, "groupby.agg": 2, "set_index": 1, "reduce": 1,
        "dropna": 1,
    },
    "rename": {"sort_values": 1.5, "merge": 1, "set_index": 1.5, "select": 1.5, "groupby.agg": 0.7, "melt": 0.7},
    "add_prefix": {"reset_index": 5, "T": 0.3},
    "add_suffix": {"reset_index": 5, "T": 0.3},
    "astype": {"groupby.agg": 1.5, "sort_values": 1.5, "str": 0.7, "arithmetic": 0.5, "mask": 0.5},
    "fillna": {"astype": 3, "groupby.agg": 3, "reset_index": 1.5, "sort_values": 1, "arithmetic": 0.7, "mask": 0.6},
    "ffill": {"dropna": 2, "groupby.agg": 2.5, "fillna": 0.6, "mask": 1, "drop_duplicates": 1, "pivot": 0.6},
    "bfill": {"head": 1, "dropna": 2, "drop_duplicates": 1, "groupby.agg": 1},
    "interpolate": {"round": 2, "groupby.agg": 1, "fillna": 1},
    "replace": {"dropna": 2, "groupby.agg": 2, "fillna": 1.5, "astype": 0.7, "value_counts": 0.7, "mask": 0.5},
    "map": _NEW_COLUMN,
    "where": {"groupby.size": 2, "groupby.agg": 2, "drop": 2, "value_counts": 1, "mask": 0.5, "pivot_table": 0.6},
    "compare": {"groupby.agg": 3, "drop": 2, "mask": 1, "sort_values": 0.7},
    "round": {"reset_index": 4, "sort_values": 1.5, "groupby.agg": 0.7, "drop": 0.5, "select": 0.7},
    "clip": {"groupby.agg": 2, "select": 1, "drop": 1, "sort_values": 1},
    "abs": {"groupby.agg": 1.5, "sort_values": 2, "mask": 1, "select": 0.7},
    "to_frame": {"reset_index": 4, "T": 1.5, "rename": 0.5},
    "T": {"reset_index": 5, "rename": 0.7, "fillna": 0.5, "rename_axis": 0.5},
    "reset_index": {
        "rename": 2, "sort_values": 3, "drop": 1.5, "mask": 1.5, "pivot": 0.7, "melt": 0.8, "select": 0.8,
        "groupby.agg": 0.7, "arithmetic": 0.5, "head": 0.4,
    },
    "dt": {"groupby.agg": 6, "groupby.size": 3, "pivot_table": 2, "mask": 2, "drop": 2, "groupby.transform": 0.7},
    "str": {"groupby.agg": 4, "drop": 3, "groupby.size": 2, "value_counts": 0.7, "mask": 1, "select": 1, "pivot": 0.6},
    "cut": {"groupby.size": 5, "groupby.agg": 5, "value_counts": 2, "drop": 0.7, "crosstab": 0.7, "pivot_table": 0.6},
    "arithmetic": {
        "groupby.agg": 4, "mask": 2.5, "sort_values": 3, "drop": 2.5, "round": 2.5, "select": 1, "nlargest": 0.7,
        "reduce": 0.5,
    },
    "cumulative": {"drop": 2, "mask": 2, "select": 1, "arithmetic": 1, "groupby.agg": 0.7},
    "shift": {"arithmetic": 4, "fillna": 2, "dropna": 2, "mask": 1.5, "drop": 1},
    "diff": {"fillna": 3, "dropna": 2.5, "mask": 2, "abs": 1, "drop": 0.7},
    "pct_change": {"fillna": 3, "arithmetic": 1.5, "dropna": 2, "round": 1.5},
    "rank": {"sort_values": 3, "mask": 2, "astype": 1.5, "drop": 0.7},
    "rolling": {"dropna": 3, "fillna": 2, "drop": 1, "round": 1},
    "expanding": {"round": 2, "drop": 1},
    "resample": {"reset_index": 5, "fillna": 2, "to_frame": 0.7},
    "describe": {"T": 4, "round": 2, "reset_index": 0.7},
    "nunique": {"sort_values": 2, "reset_index": 2, "to_frame": 1},
    "reduce": {"sort_values": 2, "to_frame": 2, "reset_index": 2, "round": 1},
}  # fmt: skip
"""Call → what people write next, and how often: as in answers about pandas. The calls that do not stand here share
:data:`SELDOM` of the draws."""

SELDOM = 0.06

STARTS: dict[str, float] = {
    "mask": 8, "groupby.agg": 8, "merge": 8, "concat": 4, "sort_values": 4, "set_index": 3, "melt": 4, "dt": 3,
    "str": 3, "arithmetic": 3, "groupby.size": 3, "value_counts": 2.5, "drop_duplicates": 2, "dropna": 2, "fillna": 2,
    "pivot_table": 2, "pivot": 2, "explode": 2, "select": 2, "isin": 2, "groupby.list": 1.5, "groupby.transform": 1.2,
    "groupby.cumcount": 1.2, "ffill": 1, "cut": 1, "crosstab": 1, "where": 1, "replace": 0.8, "stack": 0.8, "map": 0.7,
    "get_dummies": 0.7, "drop": 0.7, "rename": 0.5, "shift": 0.7, "diff": 0.7, "cumulative": 0.5, "groupby.idx": 0.6,
    "groupby.head": 0.7, "groupby.cumulative": 0.7, "groupby.shift": 0.6, "describe": 0.4, "combine_first": 0.6,
    "T": 0.4, "rank": 0.4, "groupby.filter": 0.6, "astype": 0.4, "nlargest": 0.5, "rolling": 0.4,
}  # fmt: skip
"""The first of several calls, and how often it is."""


def draw(rng: Rng, depth: int, *, tries: int = 30) -> Known | None:
    """A task of that many calls, or None after so many tries.

    No call leaves its input as it was or leads back to an earlier value; without any one call the output differs.
    """
    for _ in range(tries):
        two = rng.random() < 0.22
        inputs = tuple(frames.pair(rng)) if two else (frames.frame(rng),)
        known = _chain(rng, inputs, depth)
        if known is not None:
            return known
    return None


def _chain(rng: Rng, inputs: tuple[Any, ...], depth: int) -> Known | None:
    book = Codebook()
    memo = Memo(inputs, book, most_cells=2000)
    start = [memo.table(source(i)) for i in range(len(inputs))]
    now, others = start[0], tuple(start[1:])
    seen = {table.key for table in start}
    known = frozenset(label for table in start for label in table.labels)
    steps: list[Step] = []
    for position in range(depth):
        joined = not others or any(step.name in _JOINS for step in steps)
        must_join = bool(others) and not joined and (position == depth - 1 or rng.random() < 0.6)
        step = _drawn_step(
            rng,
            now,
            others if not joined else (),
            steps[-1].name if steps else "first" if depth > 1 else "",
            must_join,
            memo,
            seen,
            known,
        )
        if step is None:
            return None
        steps.append(step)
        now = memo.table(step.expr)
        seen.add(now.key)
    if not _worth(now) or not _all_matter(memo, steps, now):
        return None
    steps = in_order(memo, steps, now)
    partial = [inputs[0], *(memo.table(step.expr).value for step in steps[:-1])]
    return Known(Task.of(list(inputs), now.value), steps[-1].expr, tuple(steps), tuple(partial))


_JOINS = frozenset({"merge", "concat", "isin", "combine_first", "join"})
_TWO = frozenset({_merge, _concat, _anti, _combine_first})


def _drawn_step(
    rng: Rng,
    now: Table,
    others: tuple[Table, ...],
    before: str,
    must_join: bool,
    memo: Memo,
    seen: set[Hashable],
    known: frozenset[Hashable],
) -> Step | None:
    makers = [(w, m, names) for w, m, names in _MAKERS if (m in _TWO) == must_join]
    weights = _weights(before, must_join)
    for _ in range(12):
        maker = makers[int(rng.choice(len(makers), p=weights))][1]
        try:
            step = maker(_View(now, rng, others))
            made = memo.table(step.expr)
            if made.key not in seen and _fits(made) and not _undoes(step, known):
                return step
        except (_Pass, Failed, ValueError, TypeError):
            continue
    return None


@cache
def _weights(before: str, joins: bool) -> NDArray[np.float64]:
    """How likely each maker (of those that join, or of the others) is drawn after a call; ``"first"`` of several."""
    makers = [(w, names) for w, m, names in _MAKERS if (m in _TWO) == joins]
    usual = np.array([w for w, _ in makers])
    usual /= usual.sum()
    following = STARTS if before == "first" else FOLLOWS.get(before, {})
    share = {name: usual[i] for i, (_, names) in enumerate(makers) for name in names if name in following}
    makes = {name: [i for i, (_, names) in enumerate(makers) if name in names] for name in share}
    now = np.zeros(len(makers))
    for name, places in makes.items():  # makers of one name share its weight as they do at the start
        parts = usual[places]
        now[places] += following[name] * parts / parts.sum()
    return usual if not now.sum() else (1 - SELDOM) * now / now.sum() + SELDOM * usual


def _undoes(step: Step, known: frozenset[Hashable]) -> bool:
    """Whether it drops a column that an earlier step has made."""
    return step.name == "drop" and any(label not in known for _, label in step.roles)


def _fits(table: Table) -> bool:
    """Small enough to be an example, and not empty."""
    if table.shape_kind == "scalar":
        return not isinstance(table.value, float) or table.value == table.value
    return 0 < table.rows <= 40 and len(table.columns) <= 14 and len(table.columns) > 0


def _worth(table: Table) -> bool:
    """Shows something: mostly no missing cells, more than one cell value."""
    if table.shape_kind in ("scalar", "list"):
        return True
    codes = np.concatenate([c.codes for c in table.columns])
    return bool((codes == NULL).mean() < 0.6) and len(set(codes.tolist())) > 1


def _all_matter(memo: Memo, steps: Sequence[Step], out: Table) -> bool:
    """Whether leaving out any one call changes the output or leaves no program."""
    if len(steps) < 2:
        return True
    for position in range(len(steps)):
        inner = _start(steps, position)
        shorter = inner
        for later in range(position + 1, len(steps)):
            shorter = replaced(steps[later].expr, steps[later - 1].expr, shorter)
        try:
            if memo.table(shorter).key == out.key:
                return False
        except (Failed, ValueError, TypeError):
            continue
    return True


def in_order(memo: Memo, steps: list[Step], out: Table) -> list[Step]:
    """The steps of a program, neighbours that may change places in the order of :data:`CALLS`.

    An order that does not matter is no part of the answer.

    Args:
        memo: Values over the task's inputs.
        steps: As they were drawn.
        out: What they make.
    """
    for _ in range(len(steps)):
        for i in range(len(steps) - 1):
            if _PLACE[steps[i].name] <= _PLACE[steps[i + 1].name]:
                continue
            swapped = _swapped(steps, i)
            try:
                if memo.table(swapped[-1].expr).key == out.key:
                    steps = swapped
            except (Failed, ValueError, TypeError):
                continue
    return steps


def _swapped(steps: Sequence[Step], i: int) -> list[Step]:
    start, first, second = _start(steps, i), steps[i], steps[i + 1]
    earlier = replaced(second.expr, first.expr, start)
    later = replaced(first.expr, start, earlier)
    made = [*steps[:i], Step(second.name, earlier, second.roles), Step(first.name, later, first.roles)]
    for step, before in zip(steps[i + 2 :], steps[i + 1 :], strict=False):
        made.append(Step(step.name, replaced(step.expr, before.expr, made[-1].expr), step.roles))
    return made


def _start(steps: Sequence[Step], position: int) -> Expr:
    return steps[position - 1].expr if position else source(0)


__all__ = ["CALLS", "FOLLOWS", "ROLES", "Known", "Step", "draw"]
