"""Texts and lists taken to pieces, which are counted: ``df['tags'].str.split(',').explode().value_counts()``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mlsys4sys.autopandas.expression import Expr, call, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops.parts import distinct, has_lists, step
from mlsys4sys.autopandas.table import Column, Table

FAMILY = "pieces"

SEPARATORS = (", ", ",", "; ", ";", " | ", "|", " ", "/", "-", ":", "_", " - ")

_INNER = (":", "=", "-", " ", "/")
"""Signs within a piece: ``pen:2;ink:1``."""

MOST_ROWS = 5000

_CASES: tuple[tuple[str, float, Callable[[str], str]], ...] = (
    ("", 0.0, str),
    (".str.lower()", 0.5, str.lower),
    (".str.upper()", 0.9, str.upper),
    (".str.title()", 1.0, str.title),
)


def proposals(table: Table, goal: Goal, _others: Sequence[Table], *, last: bool) -> Iterator[Expr]:
    """Counts of pieces, as a series, a table of two columns or a dictionary."""
    if last and table.shape_kind in ("frame", "series") and 0 < table.rows <= MOST_ROWS and not table.expr.ops:
        yield from distinct(_counted(table, goal), 12)


def exploded(table: Table, goal: Goal) -> Iterator[Expr]:
    """The table with a row for each piece of a text, where the goal shows pieces."""
    if table.rows > MOST_ROWS:
        return
    for position, column in enumerate(table.columns):
        if column.kind != "str" or not isinstance(column.label, str):
            continue
        for separator in SEPARATORS:
            pieces = [piece for cell in column.cells if isinstance(cell, str) for piece in cell.split(separator)]
            if len(pieces) <= table.rows:
                continue
            codes = {table.book.code(piece) for piece in pieces}
            for sign in _INNER if not any(_shown(codes, column, goal)) else ():
                codes |= {table.book.code(part.strip()) for piece in pieces for part in piece.split(sign)}
            if any(_shown(codes, column, goal)):
                split = step(table.ref(position), f".str.split({_argument(separator)})", op="str", cost=1.0)
                label = literal(column.label)
                wide = call(f"{{0}}.assign(**{{{{{label}: {{1:arg}}}}}})", table.expr, split, op="assign", cost=0.5)
                if column.label.isidentifier():
                    wide = call(f"{{0}}.assign({column.label}={{1:arg}})", table.expr, split, op="assign", cost=0.5)
                yield step(wide, f".explode({label})", op="explode", cost=0.8, labels=1)
                break


def _shown(codes: set[int], column: Column, goal: Goal) -> Iterator[bool]:
    """For each place of the goal, whether it has pieces of a column, and no whole cells."""
    return (bool(p.distinct) and p.distinct <= codes and not p.distinct <= column.distinct for p in goal.everything)


def _counted(table: Table, goal: Goal) -> Iterator[Expr]:
    wanted = _wanted(goal)
    if not wanted:
        return
    for position, column in enumerate(table.columns):
        for pieces, cells in _taken_apart(column, table.ref(position)):
            counts = Counter(cells)
            if any(counts.get(word) != number for word, number in wanted.items()):
                continue
            if len(counts) == table.rows == len(cells):
                continue  # nothing was taken apart
            yield from _ended(step(pieces, ".value_counts()", op="value_counts", cost=0.9), goal, counts, wanted)


def _wanted(goal: Goal) -> dict[Any, float]:
    """Words and how often they occur; empty where the goal is nothing of the kind."""
    if goal.shape_kind == "dict":
        pairs = list(goal.value.items())
    elif goal.shape_kind == "series" and len(goal.index) == 1 and goal.columns[0].kind == "num":
        pairs = list(zip(goal.index[0].cells, goal.columns[0].numbers.tolist(), strict=True))
    elif goal.shape_kind == "frame" and len(goal.columns) == 2 and goal.plain_index and goal.columns[1].kind == "num":
        pairs = list(zip(goal.columns[0].cells, goal.columns[1].numbers.tolist(), strict=True))
    else:
        return {}
    if not all(isinstance(word, str) and isinstance(n, int | float) and n == int(n) > 0 for word, n in pairs):
        return {}
    return {word: float(n) for word, n in pairs}


def _taken_apart(column: Column, ref: Expr) -> Iterator[tuple[Expr, list[str]]]:
    """The pieces of all cells, one below the other."""
    if column.kind == "obj" and has_lists(column):
        cells = [piece for cell in column.cells if isinstance(cell, list | tuple) for piece in cell]
        if all(isinstance(piece, str) for piece in cells):
            for text, cost, change in _CASES:
                whole = step(ref, ".explode()", op="explode", cost=0.8)
                yield (step(whole, text, op="str", cost=cost + 0.5) if text else whole), [change(c) for c in cells]
        return
    if column.kind != "str":
        return
    texts = [cell for cell in column.cells if isinstance(cell, str)]
    for separator in SEPARATORS:
        if not any(separator in text for text in texts):
            continue
        for text, cost, change in _CASES:
            cased = step(ref, text, op="str", cost=cost + 0.4) if text else ref
            split = step(cased, f".str.split({_argument(separator)})", op="str", cost=1.0)
            whole = step(split, ".explode()", op="explode", cost=0.8)
            sign = None if separator == " " else separator
            pieces = [piece for cell in texts for piece in change(cell).split(sign)]
            yield whole, pieces
            if any(piece != piece.strip() for piece in pieces):
                yield step(whole, ".str.strip()", op="str", cost=0.6), [piece.strip() for piece in pieces]


def _argument(separator: str) -> str:
    return "" if separator == " " else literal(separator)


def _ended(counted: Expr, goal: Goal, counts: Counter[str], wanted: dict[Any, float]) -> Iterator[Expr]:
    """Counts as the goal has them."""
    numbers = list(wanted.values())
    if len(wanted) < len(counts):
        if sorted(numbers, reverse=True) != numbers or min(numbers) < max(
            n for word, n in counts.items() if word not in wanted
        ):
            return
        counted = step(counted, f".head({len(wanted)})", op="head", cost=0.8)
    elif list(wanted) == sorted(wanted) and sorted(numbers, reverse=True) != numbers:
        counted = step(counted, ".sort_index()", op="sort_index", cost=0.6)
    if goal.shape_kind == "dict":
        yield step(counted, ".to_dict()", op="to_dict", cost=0.6)
    elif goal.shape_kind == "series":
        yield counted
    else:
        word, number = goal.labels
        named = step(counted, f".rename_axis({literal(word)})", op="rename_axis", cost=0.6)
        yield step(named, f".reset_index(name={literal(number)})", op="reset_index", cost=0.7)
        yield step(counted, ".reset_index()", op="reset_index", cost=0.6)


__all__ = ["exploded", "proposals"]
