"""Text that holds several cells: split into columns, into rows, or into indicators."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mlsys4sys.autopandas.expression import CELL, Expr, call, is_keyword_name, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops.parts import distinct, flat, step
from mlsys4sys.autopandas.table import Column, Table

FAMILY = "text"

SEPARATORS = (
    ", ",
    ",",
    "; ",
    ";",
    "|",
    " | ",
    "/",
    " - ",
    "-",
    "_",
    ":",
    ": ",
    " ",
    ".",
    "&",
    "\t",
    "\n",
    "#",
    "@",
    "+",
    "=",
)


def proposals(table: Table, goal: Goal, _others: Sequence[Table], *, last: bool) -> Iterator[Expr]:
    """Splits at separators that the cells have."""
    if not (flat(table) or table.shape_kind == "series") or not table.rows:
        return
    yield from distinct(_last(table, goal) if last else _middle(table, goal), 24 if last else 6)


def separated(column: Column) -> Iterator[tuple[str, list[list[str]]]]:
    """Separators that part the column's cells, and the parts of each cell; missing cells have none."""
    if column.kind != "str" or not column.distinct:
        return
    cells = ["" if null else str(cell) for cell, null in zip(column.cells, column.null.tolist(), strict=True)]
    for separator in SEPARATORS:
        having = sum(separator in cell for cell in cells)
        if having and 2 * having >= sum(bool(cell) for cell in cells) / 2:
            yield separator, [cell.split(separator) if cell else [] for cell in cells]


def _ref(table: Table, column: Column) -> str:
    return f"{{0}}[{literal(column.label)}]" if table.shape_kind == "frame" else "{0}"


def _last(table: Table, goal: Goal) -> Iterator[Expr]:
    for column in table.columns:
        for separator, parts in separated(column):
            if goal.shape_kind == "frame" and goal.rows == table.rows:
                yield from _columns(table, goal, column, separator, parts)
                yield from _indicators(table, goal, column, separator, parts)
            yield from _rows(table, goal, column, separator, parts)


def _columns(table: Table, goal: Goal, column: Column, separator: str, parts: list[list[str]]) -> Iterator[Expr]:
    """``str.split(expand=True)``."""
    width = max(map(len, parts))
    if not 1 < width <= len(goal.labels):
        return
    pieces = [
        table.book.encode(np.array([p[i] if i < len(p) else None for p in parts], dtype=object)) for i in range(width)
    ]
    found = []
    for codes in pieces:
        at = next((j for j, c in enumerate(goal.columns) if j not in found and (c.codes == codes).all()), None)
        if at is None:
            return
        found.append(at)
    labels = [goal.labels[j] for j in found]
    split = call(
        f"{_ref(table, column)}.str.split({literal(separator)}, expand=True)",
        table.expr,
        op="str",
        cost=1.3,
        tags=(CELL,),
    )
    named = (
        split
        if labels == list(range(width))
        else step(split, f".set_axis({literal(labels)}, axis=1)", op="set_axis", cost=1.0 + 0.3 * width)
    )
    if len(goal.labels) == width:
        yield named
    if table.shape_kind != "frame":
        return
    prefix = str(labels[0]).removesuffix("0")
    if labels == [f"{prefix}{i}" for i in range(width)]:
        named = step(split, f".add_prefix({literal(prefix)})", op="add_prefix", cost=1.0)
    kept = (
        table.expr
        if table.book.code(column.label) in goal.label_codes and column.label not in labels
        else step(table.expr, f".drop(columns={literal(column.label)})", op="drop", cost=0.8, labels=1)
    )
    yield call("{0}.join({1})", kept, named, op="join", cost=0.9)
    yield call("pd.concat([{0}, {1}], axis=1)", kept, named, op="concat", cost=1.3)


def _indicators(table: Table, goal: Goal, column: Column, separator: str, parts: list[list[str]]) -> Iterator[Expr]:
    """``str.get_dummies``."""
    words = {table.book.code(word) for p in parts for word in p if word}
    if len(words) < 2 or len(words & set(goal.label_codes)) < 0.8 * len(words):
        return
    made = call(
        f"{_ref(table, column)}.str.get_dummies({literal(separator)})",
        table.expr,
        op="get_dummies",
        cost=1.4,
        tags=(CELL,),
    )
    if len(goal.labels) == len(words):
        yield made
    elif table.shape_kind == "frame":
        yield call(
            "{0}.join({1})",
            step(table.expr, f".drop(columns={literal(column.label)})", op="drop", cost=0.8, labels=1),
            made,
            op="join",
            cost=0.9,
        )
        yield call("{0}.join({1})", table.expr, made, op="join", cost=0.9)


def _rows(table: Table, goal: Goal, column: Column, separator: str, parts: list[list[str]]) -> Iterator[Expr]:
    """Split, then ``explode``."""
    rows = sum(max(len(p), 1) for p in parts)
    if goal.rows > rows or goal.rows < table.rows or goal.shape_kind not in ("frame", "series", "list"):
        return
    words = {table.book.code(word) for p in parts for word in p}
    shown = goal.cells | goal.index_cells
    if len(words & shown) < 0.6 * len(words):
        return
    yield from _exploded(table, column, separator, plain=goal.plain_index)


def _exploded(table: Table, column: Column, separator: str, *, plain: bool) -> Iterator[Expr]:
    split = f"{_ref(table, column)}.str.split({literal(separator)})"
    tails = (", ignore_index=True", "") if plain else ("", ", ignore_index=True")
    for tail in tails:
        cost = 1.0 + 0.3 * bool(tail)
        if table.shape_kind == "series":
            yield step(
                call(split, table.expr, op="str", cost=1.2, tags=(CELL,)),
                f".explode({tail.removeprefix(', ')})",
                op="explode",
                cost=cost,
            )
        elif isinstance(column.label, str) and is_keyword_name(column.label):
            parted = call(f"{{0}}.assign({column.label}={split})", table.expr, op="str", cost=1.6, tags=(CELL,))
            yield step(parted, f".explode({literal(column.label)}{tail})", op="explode", cost=cost, labels=1)
        elif isinstance(column.label, str):
            parted = call(
                f"{{0}}.assign(**{{{{{literal(column.label)}: {split}}}}})",
                table.expr,
                op="str",
                cost=1.8,
                tags=(CELL,),
            )
            yield step(parted, f".explode({literal(column.label)}{tail})", op="explode", cost=cost, labels=1)


def _middle(table: Table, goal: Goal) -> Iterator[Expr]:
    for column in table.columns:
        for separator, parts in list(separated(column))[:2]:
            words = {table.book.code(word.strip()) for p in parts for word in p}
            if len(words & goal.words) >= 0.5 * len(words) and sum(map(len, parts)) <= 2000:
                yield from list(_exploded(table, column, separator, plain=goal.plain_index))[:1]
                if table.shape_kind == "frame" and max(map(len, parts)) <= 4:
                    text = f"{_ref(table, column)}.str.split({literal(separator)}, expand=True)"
                    split = call(text, table.expr, op="str", cost=1.5, tags=(CELL,))
                    yield call("{0}.join({1})", table.expr, split, op="join", cost=0.9)


def random(table: Table, rng: np.random.Generator, _others: Sequence[Table]) -> Expr | None:
    """A split that somebody might write."""
    if not flat(table):
        return None
    options = [(c, s, p) for c in table.columns for s, p in separated(c) if s != " "]
    if not options:
        return None
    column, separator, parts = options[int(rng.integers(len(options)))]
    if rng.random() < 0.5 and max(map(len, parts)) <= 4:
        split = call(
            f"{_ref(table, column)}.str.split({literal(separator)}, expand=True)",
            table.expr,
            op="str",
            cost=1.3,
            tags=(CELL,),
        )
        return split if rng.random() < 0.3 else call("{0}.join({1})", table.expr, split, op="join", cost=0.9)
    return next(_exploded(table, column, separator, plain=True), None)


__all__ = ["FAMILY", "proposals", "random", "separated"]
