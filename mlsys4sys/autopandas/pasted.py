"""Tables as people paste them: ``print(df)``, Markdown, drawn grids, and the Python that makes one. Nothing is run."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mlsys4sys.autopandas import printed
from mlsys4sys.autopandas.cells import TextTable, label
from mlsys4sys.errors import DataError

_RULE = re.compile(r"\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?\s*")
_GRID = re.compile(r"\s*[+├└┌╒╞╘][-=+─═┬┼┴┐┤┘╕╡╛┏┳┓┡╇┩]+\s*")


def table(text: str, source: str) -> TextTable:
    """The table in a text.

    Args:
        text: As it was pasted.
        source: The file's name, for errors.

    Raises:
        DataError: No table can be made out; says in which line.
    """
    lines = [line.rstrip().expandtabs() for line in text.splitlines()]
    while lines and not lines[0].strip():
        lines.pop(0)
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise DataError(f"{source}: is empty")
    if any("|" in line or "│" in line for line in lines) and (
        any(_RULE.fullmatch(line) and "|" in line for line in lines) or any(_GRID.fullmatch(line) for line in lines)
    ):
        return _ruled(lines, source)
    return printed.parsed(lines, source)


# -- Markdown and grids


def _ruled(lines: Sequence[str], source: str) -> TextTable:
    rows: list[tuple[int, list[str]]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or _GRID.fullmatch(line) or _RULE.fullmatch(line):
            continue
        bars = line.strip().replace("│", "|").replace("┃", "|").replace("\\|", "\0")
        cells = [cell.strip().replace("\0", "|") for cell in bars.removeprefix("|").removesuffix("|").split("|")]
        rows.append((number, cells))
    header = rows[0][1]
    for number, cells in rows[1:]:
        if len(cells) != len(header):
            raise DataError(f"{source}:{number}: {len(cells)} cells, and the header has {len(header)}")
    return with_index(header, [cells for _, cells in rows[1:]])


def with_index(header: Sequence[str], rows: Sequence[Sequence[str]]) -> TextTable:
    """A table whose first column has no label in the header: it holds the row labels."""
    columns = [tuple(row[i] for row in rows) for i in range(len(header))]
    if header and header[0].strip() in ("", "Unnamed: 0") and len(header) > 1:
        return TextTable(tuple(map(label, header[1:])), tuple(columns[1:]), (columns[0],))
    return TextTable(tuple(map(label, header)), tuple(columns))


# -- Python that makes a table


def python_value(text: str, source: str) -> Any:
    """The value of a Python literal, of ``df.to_dict()`` as printed, or of ``df = pd.DataFrame({…})``; nothing is run.

    Raises:
        DataError: It is something else; says in which line.
    """
    try:
        body = ast.parse(text.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        raise DataError(
            f"{source}:{line}: neither JSON nor a Python literal ({getattr(error, 'msg', error)})"
        ) from None
    statements = [item for item in body if not isinstance(item, ast.Import | ast.ImportFrom)]
    if len(statements) != 1 or not isinstance(statements[0], ast.Expr | ast.Assign):
        raise DataError(
            f"{source}:1: one literal or one DataFrame is expected, and there are {len(statements)} statements"
        )
    try:
        return _value(statements[0].value, source)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{source}: {' '.join(str(error).split())[:200]}") from None


_NAMES: dict[str, Any] = {"nan": np.nan, "NaN": np.nan, "NaT": pd.NaT, "NA": pd.NA, "inf": np.inf, "null": None}
_NAMES |= {"true": True, "false": False}
_CALLS: dict[str, Callable[..., Any]] = {
    "DataFrame": pd.DataFrame,
    "Series": pd.Series,
    "Index": pd.Index,
    "Timestamp": pd.Timestamp,
    "Timedelta": pd.Timedelta,
    "to_datetime": pd.to_datetime,
    "array": np.array,
    "date_range": pd.date_range,
    "OrderedDict": dict,
    "dict": dict,
    "list": list,
    "from_tuples": pd.MultiIndex.from_tuples,
    "from_arrays": pd.MultiIndex.from_arrays,
    "from_product": pd.MultiIndex.from_product,
    "from_dict": pd.DataFrame.from_dict,
    "from_records": pd.DataFrame.from_records,
}
"""Calls that only hold data. Their arguments are literals."""


def _value(node: ast.expr, source: str) -> Any:
    match node:
        case ast.Constant(value=value) if not isinstance(value, bytes) and value is not Ellipsis:
            return value
        case ast.List(elts=items):
            return [_value(item, source) for item in items]
        case ast.Tuple(elts=items):
            return tuple(_value(item, source) for item in items)
        case ast.Set(elts=items):
            return {_value(item, source) for item in items}
        case ast.Dict(keys=keys, values=values) if None not in keys:
            return {_value(k, source): _value(v, source) for k, v in zip(keys, values, strict=True) if k is not None}
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, source)
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in _NAMES:
            return _NAMES[name]
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args, keywords=keywords) if (
            name in _CALLS
        ):
            named = {key.arg: _value(key.value, source) for key in keywords if key.arg is not None}
            _small(name, named)
            return _CALLS[name](*(_value(arg, source) for arg in args), **named)
    what = ast.unparse(node)
    raise DataError(f"{source}:{node.lineno}: {what[:60]} is no literal, and nothing is run to find its value")


def _small(name: str, named: dict[str, Any]) -> None:
    periods = named.get("periods")
    if name == "date_range" and not (isinstance(periods, int) and periods <= 100_000):
        raise ValueError("date_range needs periods= of at most 100,000 here")
