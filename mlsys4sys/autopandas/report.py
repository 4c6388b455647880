"""Results as text, as JSON, as a tree of steps with their tables, and as a question to the user."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mlsys4sys import display
from mlsys4sys.autopandas.expression import Expr, escaped, evaluate, program
from mlsys4sys.autopandas.problem import copied
from mlsys4sys.autopandas.solution import Ambiguity, Program, Result
from mlsys4sys.autopandas.verify import described, missing, raised

MOST_ROWS = 12
"""Rows of a table that text shows."""


def as_json(result: Result, *, top: int) -> dict[str, Any]:
    """The keys of ``--json``; they are documented in docs/autopandas.md."""
    doubt, miss = result.ambiguity, result.miss
    return {
        "found": bool(result),
        "code": result.code,
        "names": list(result.task.names),
        "programs": [_program(item) for item in result.programs[:top]],
        "ambiguity": None
        if doubt is None
        else {
            "a": doubt.a.code,
            "b": doubt.b.code,
            "inputs": [table_json(value) for value in doubt.inputs],
            "a_output": table_json(doubt.a_output),
            "b_output": table_json(doubt.b_output),
        },
        "miss": None if miss is None else {"code": miss.program.code, "difference": miss.difference},
        "tried": result.tried,
        "seconds": round(result.seconds, 4),
        "first_s": None if result.first_s is None else round(result.first_s, 4),
        "stopped": result.stopped,
    }


def _program(item: Program) -> dict[str, Any]:
    calls = list(item.expr.ops) if item.expr is not None else []
    cost = None if math.isnan(item.cost) else round(item.cost, 3)
    return {"code": item.code, "score": round(item.score, 4), "verified": item.verified, "cost": cost, "calls": calls}


def table_json(value: Any) -> Any:
    """A table as an object with ``columns``, ``index`` and ``data``; missing values are null, times are ISO text."""
    if isinstance(value, pd.DataFrame):
        rows = [[_cell(cell) for cell in row] for row in value.itertuples(index=False, name=None)]
        return {"columns": [_cell(c) for c in value.columns], "index": [_cell(i) for i in value.index], "data": rows}
    if isinstance(value, pd.Series):
        return {
            "name": _cell(value.name),
            "index": [_cell(i) for i in value.index],
            "data": [_cell(cell) for cell in value],
        }
    return _cell(value)


def _cell(value: Any, depth: int = 0) -> Any:
    if depth > 20:
        return "…"
    if isinstance(value, np.ndarray | pd.Index | list | tuple | set | frozenset):
        return [_cell(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {str(key): _cell(item, depth + 1) for key, item in value.items()}
    if missing(value):
        return None
    if isinstance(value, np.generic) and not isinstance(value, np.datetime64 | np.timedelta64):
        value = value.item()
    if isinstance(value, float) and math.isinf(value):
        return str(value)
    if isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, np.datetime64 | datetime.date):
        return pd.Timestamp(value).isoformat()
    return str(value)


# -- steps


def explained(item: Program, inputs: Sequence[Any]) -> str:
    """The steps of a program as a tree, then the table that each step makes, in the order in which they run."""
    if item.expr is None:
        return item.pretty
    steps = _steps(item.expr, item.names)
    names = {
        key: item.names[i] if i < len(item.names) else f"#{i - len(item.names) + 1}" for i, key in enumerate(steps)
    }
    values = {key: _value(node, item.names, inputs) for key, node in steps.items()}

    def drawn(node: Expr) -> display.Node:
        label = _label(node, names)
        title = label if not node.parts else f"{names[node.text]} = {label}"
        children = tuple(drawn(part) for part in _parts(node, steps)) if node.parts else ()
        return display.Node(label=title, columns={"gives": _shape(values[node.text])}, children=children)

    pieces = [display.to_text(drawn(item.expr))]
    for key, node in steps.items():
        title = names[key] if not node.parts else f"{names[key]} = {_label(node, names)}"
        pieces.append(f"{title}\n{indented(table_text(values[key]))}")
    return "\n\n".join(pieces)


def _steps(expr: Expr, names: Sequence[str]) -> dict[str, Expr]:
    """The inputs in their order, then the calls in the order in which they run; glue belongs to the call around it."""
    found = {f"inp{i}": Expr(f"inp{i}", cost=0.0) for i in range(len(names))}

    def visit(node: Expr) -> None:
        for part in node.parts:
            visit(part)
        if node.parts and (node.op or node.text == expr.text) and any(_inputs(part) for part in node.parts):
            found.setdefault(node.text, node)

    visit(expr)
    return found


def _inputs(node: Expr) -> bool:
    return any(not part.parts and part.text.startswith("inp") for part in node.nodes)


def _parts(node: Expr, steps: dict[str, Expr]) -> Iterator[Expr]:
    seen = set()
    for part in node.parts:
        for found in [part] if part.text in steps else _parts(part, steps):
            if found.text not in seen:
                seen.add(found.text)
                yield found


def _label(node: Expr, names: dict[str, str]) -> str:
    """A step with its parts by their names: ``#1.merge(customers, on='id')``."""
    if not node.parts:
        return names.get(node.text, node.text)
    parts = tuple(_named(part, names) for part in node.parts)
    return Expr(node.template, parts, node.level).text


def _named(node: Expr, names: dict[str, str]) -> Expr:
    if node.text in names:
        return Expr(escaped(names[node.text]))
    return Expr(node.template, tuple(_named(part, names) for part in node.parts), node.level) if node.parts else node


def _value(node: Expr, names: Sequence[str], inputs: Sequence[Any]) -> Any:
    space = {name: copied(value) for name, value in zip(names, inputs, strict=True)}
    try:
        return evaluate(program(node, names), space)
    except Exception as error:  # noqa: BLE001 - a step that has no value alone is shown as such
        return raised(error)


def _shape(value: Any) -> str:
    if isinstance(value, pd.DataFrame):
        return f"{value.shape[0]} × {value.shape[1]}"
    if isinstance(value, pd.Series | pd.Index):
        return f"{len(value)}"
    return "" if isinstance(value, str) else described(value).removeprefix("the value ")


# -- text


def table_text(value: Any, rows: int = MOST_ROWS) -> str:
    """A table as pandas prints it, cut where it is long."""
    if isinstance(value, pd.DataFrame | pd.Series):
        head = value.iloc[:rows, :30] if isinstance(value, pd.DataFrame) else value.iloc[:rows]
        with pd.option_context("display.width", 120, "display.max_colwidth", 40, "display.max_columns", 30):
            text = str(head)
        return text if len(value) <= rows else f"{text}\n… {len(value)} rows in all"
    text = repr(value) if not isinstance(value, str) else value
    return text if len(text) <= 2000 else text[:2000] + "…"


def indented(text: str, by: str = "  ") -> str:
    """The text, moved to the right."""
    return "\n".join(by + line for line in text.splitlines())


def question(doubt: Ambiguity, names: Sequence[str]) -> str:
    """What to show before asking which of two programs is right."""
    pieces = ["Two programs fit the example. They differ on this input:"]
    for name, value in zip(names, doubt.inputs, strict=True):
        pieces.append(f"{name}\n{indented(table_text(value))}")
    for mark, item, made in (("A", doubt.a, doubt.a_output), ("B", doubt.b, doubt.b_output)):
        pieces.append(f"{mark} gives, by {item.code}\n{indented(table_text(made))}")
    return "\n\n".join(pieces)


def listing(result: Result, top: int) -> str:
    """The best program alone, or several, each with its share of likelihood."""
    shown = result.programs[:top]
    if top == 1:
        return shown[0].pretty
    pieces = []
    for number, item in enumerate(shown, 1):
        score = f"{100 * item.score:3.0f} %" if item.score > 0 else "     "
        head, *rest = item.pretty.splitlines()
        pieces.append("\n".join([f"{number:2}  {score}  {head}", *(f"           {line}" for line in rest)]))
    return "\n".join(pieces)


def nothing(result: Result) -> str:
    """What to say when no program was found."""
    why = {
        "budget": "time is up",
        "interrupted": "interrupted",
        "too large": "samples of the rows gave none, and there are too many rows to search on all",
    }.get(result.stopped, "all was tried")
    text = f"no program found: {why} after {result.tried:,} candidates in {display.duration(result.seconds)}"
    if result.miss is None:
        return text
    return f"{text}\nthe nearest: {result.miss.program.code}\nit differs: {result.miss.difference}"
