"""Inputs that are no tables: a list of labels or values, a dictionary, a number, as arguments of calls on the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from mlsys4sys.autopandas.expression import Expr, call, is_keyword_name, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops.parts import distinct, is_frame
from mlsys4sys.autopandas.table import Table

FAMILY = "inputs"


def proposals(table: Table, goal: Goal, others: Sequence[Table], *, last: bool) -> Iterator[Expr]:
    """Calls whose argument is another input."""
    built = _built(table, goal)
    yield from distinct(
        chain(built, (expr for other in others for expr in _all(table, goal, other))), 40 if last else 12
    )


def _built(table: Table, goal: Goal) -> Iterator[Expr]:
    """A frame or series of an input that is a list, a dictionary or an array."""
    if table.shape_kind not in ("list", "dict", "array", "index"):
        return

    def made(text: str, cost: float) -> Expr:
        return call(text, table.expr, op="to_frame", cost=cost)

    if goal.shape_kind != "frame":
        yield made("pd.Series({0})", 0.8)
    if goal.shape_kind != "series":
        yield made("pd.DataFrame({0})", 0.9)
        if table.shape_kind != "dict" and goal.labels and goal.shape_kind == "frame":
            yield made(f"pd.DataFrame({{0}}, columns={literal(list(goal.labels))})", 1.0 + 0.4 * len(goal.labels))
        if table.shape_kind == "dict":
            yield made("pd.DataFrame.from_dict({0}, orient='index')", 1.2)
            yield made("pd.Series({0}).reset_index()", 1.5)
            yield made("pd.DataFrame(list({0}.items()))", 1.7)
            if goal.shape_kind == "frame" and len(goal.labels) == 2:
                yield made(f"pd.DataFrame(list({{0}}.items()), columns={literal(list(goal.labels))})", 1.8)
            yield made("pd.DataFrame(dict([(k, pd.Series(v)) for k, v in {0}.items()]))", 2.4)
        if table.shape_kind == "list" and table.value and isinstance(table.value[0], dict):
            yield made("pd.json_normalize({0})", 1.2)


def _all(table: Table, goal: Goal, other: Table) -> Iterator[Expr]:
    if table.shape_kind not in ("frame", "series"):
        return
    if other.shape_kind in ("list", "array", "index") or (other.shape_kind == "series" and other.plain_index):
        yield from _by_list(table, goal, other)
    elif other.shape_kind == "dict":
        yield from _by_dictionary(table, goal, other)
    elif other.shape_kind == "scalar":
        yield from _by_scalar(table, goal, other)


def _made(text: str, table: Table, other: Table, op: str, cost: float) -> Expr:
    return call(text, table.expr, other.expr, op=op, cost=cost)


def _by_list(table: Table, goal: Goal, other: Table) -> Iterator[Expr]:
    if len(other.columns) != 1:
        return
    cells = other.columns[0]
    labels = set(table.label_codes)
    if is_frame(table) and cells.distinct and cells.distinct <= labels and len(cells.codes) < len(labels) + 1:
        plain = other.shape_kind == "list"
        listed = "{1}" if plain else "list({1})"
        yield _made(f"{{0}}[{listed}]", table, other, "select", 0.6)
        yield _made("{0}.drop(columns={1})", table, other, "drop", 0.7)
        yield _made(f"{{0}}.dropna(subset={listed})", table, other, "dropna", 1.0)
        yield _made(f"{{0}}.drop_duplicates(subset={listed})", table, other, "drop_duplicates", 1.1)
        yield _made(f"{{0}}.sort_values({listed})", table, other, "sort_values", 1.1)
        yield _made(f"{{0}}.set_index({listed})", table, other, "set_index", 1.2)
        yield _made(f"{{0}}.groupby({listed}, as_index=False).sum(numeric_only=True)", table, other, "groupby.agg", 1.6)
        yield _made(f"{{0}}.melt(id_vars={listed})", table, other, "melt", 1.5)
    if is_frame(table):
        if len(cells.codes) == len(table.labels):
            yield _made("{0}.set_axis({1}, axis=1)", table, other, "set_axis", 0.9)
        for column in table.columns:
            if cells.distinct & column.distinct:
                ref = f"{{0}}[{literal(column.label)}]"
                yield _made(f"{{0}}[{ref}.isin({{1}})]", table, other, "isin", 0.9)
                yield _made(f"{{0}}[~{ref}.isin({{1}})]", table, other, "isin", 1.1)
                yield _made(
                    f"{{0}}.set_index({literal(column.label)}).loc[{{1}}].reset_index()", table, other, "loc", 2.0
                )
                if column.unique:
                    text = f"{{0}}.set_index({literal(column.label)}).reindex({{1}}).reset_index()"
                    yield _made(text, table, other, "reindex", 1.8)
        new = [label for label in goal.labels if label not in table.labels]
        if len(cells.codes) == table.rows and len(new) == 1 and isinstance(new[0], str) and is_keyword_name(new[0]):
            yield _made(f"{{0}}.assign({new[0]}={{1}})", table, other, "assign", 0.9)
    if cells.distinct & frozenset().union(*(level.distinct for level in table.index)):
        yield _made("{0}.loc[{1}]", table, other, "loc", 0.9)
        yield _made("{0}.drop({1})", table, other, "drop", 1.0)
        yield _made("{0}.reindex({1})", table, other, "reindex", 1.1)
        yield _made("{0}.reindex({1}, fill_value=0)", table, other, "reindex", 1.5)
        if table.shape_kind == "frame" and cells.kind == "num":
            yield _made("{0}.iloc[{1}]", table, other, "iloc", 1.0)
    elif cells.kind == "num" and other.rows and np.nanmax(cells.numbers) < table.rows:
        yield _made("{0}.iloc[{1}]", table, other, "iloc", 1.0)
    if len(cells.codes) == table.rows:
        yield _made("{0}.set_axis({1})", table, other, "set_axis", 1.2)
        if cells.kind == "bool":
            yield _made("{0}[{1}]" if other.shape_kind != "list" else "{0}.loc[{1}]", table, other, "mask", 0.8)


def _by_dictionary(table: Table, goal: Goal, other: Table) -> Iterator[Expr]:
    value = other.value
    keys = {table.book.code(key) for key in value}
    if is_frame(table):
        if keys & set(table.label_codes):
            yield _made("{0}.rename(columns={1})", table, other, "rename", 0.7)
            yield _made("{0}.fillna({1})", table, other, "fillna", 0.9)
            yield _made("{0}.astype({1})", table, other, "astype", 1.0)
            yield _made("{0}.replace({1})", table, other, "replace", 1.2)
            yield _made("{0}.agg({1})", table, other, "reduce", 1.4)
            for column in table.columns:
                if table.book.code(column.label) not in keys and not column.unique:
                    yield _made(f"{{0}}.groupby({literal(column.label)}).agg({{1}})", table, other, "groupby.agg", 1.4)
                    yield _made(
                        f"{{0}}.groupby({literal(column.label)}, as_index=False).agg({{1}})",
                        table,
                        other,
                        "groupby.agg",
                        1.4,
                    )
        for column in table.columns:
            if not keys & column.distinct:
                continue
            ref = f"{{0}}[{literal(column.label)}]"
            new = [label for label in goal.labels if label not in table.labels]
            for label in (*new[:1], column.label):
                if isinstance(label, str) and is_keyword_name(label):
                    yield _made(f"{{0}}.assign({label}={ref}.map({{1}}))", table, other, "map", 1.0)
                    yield _made(f"{{0}}.assign({label}={ref}.replace({{1}}))", table, other, "replace", 1.2)
            if goal.shape_kind == "series":
                yield _made(f"{ref}.map({{1}})", table, other, "map", 0.9)
        yield _made("{0}.replace({1})", table, other, "replace", 1.0)
    if keys & frozenset().union(*(level.distinct for level in table.index)):
        yield _made(
            "{0}.rename(index={1})" if table.shape_kind == "frame" else "{0}.rename({1})", table, other, "rename", 1.0
        )
    if table.shape_kind == "series":
        yield _made("{0}.map({1})", table, other, "map", 0.9)
        yield _made("{0}.replace({1})", table, other, "replace", 1.1)


def _by_scalar(table: Table, goal: Goal, other: Table) -> Iterator[Expr]:
    value = other.value
    code = table.book.code(value)
    if is_frame(table):
        if code in table.label_codes:
            yield _made("{0}[{1}]", table, other, "select", 0.7)
            yield _made("{0}.drop(columns={1})", table, other, "drop", 0.8)
            yield _made("{0}.set_index({1})", table, other, "set_index", 0.9)
            yield _made("{0}.sort_values({1})", table, other, "sort_values", 0.9)
            yield _made("{0}.sort_values({1}, ascending=False)", table, other, "sort_values", 1.1)
        for column in table.columns:
            if code in column.distinct or column.kind == "num" == _kind(value):
                ref = f"{{0}}[{literal(column.label)}]"
                for sign, cost in (("==", 1.0), (">", 1.1), ("<", 1.2), (">=", 1.2), ("<=", 1.3), ("!=", 1.2)):
                    if sign in ("==", "!=") or column.kind == "num":
                        yield _made(f"{{0}}[{ref} {sign} {{1}}]", table, other, "mask", cost)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= table.rows and goal.rows == value:
        yield _made("{0}.head({1})", table, other, "head", 0.8)
        yield _made("{0}.tail({1})", table, other, "tail", 1.0)
    yield _made("{0}.fillna({1})", table, other, "fillna", 1.0)
    if _kind(value) == "num" and goal.rows == table.rows:
        for sign in "*+-/":
            yield Expr(f"{{0:product}} {sign} {{1:product}}", (table.expr, other.expr), 3, "arithmetic", 1.1)


def _kind(value: object) -> str:
    return "num" if isinstance(value, int | float | np.number) and not isinstance(value, bool) else "other"


__all__ = ["FAMILY", "proposals"]
