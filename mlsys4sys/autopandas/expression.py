"""Programs as trees of templates: printed as the code a reviewer would write, run only as what was printed.

A template is Python text in which ``{0}``, ``{1}`` … stand for the parts. Templates are ours and constants enter by
:func:`literal` alone, so no text of a user's table is ever code.
"""

from __future__ import annotations

import datetime
import keyword
import math
import re
import string
import unicodedata
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pandas as pd

from mlsys4sys.errors import InputError

ATOM, UNARY, PRODUCT, SUM, COMPARE, LOOSE = range(6)
"""How tightly the text of an expression binds: names and calls, ``-x``, ``a * b``, ``a + b``, ``a < b``, the rest."""

_ROOM = {"": ATOM, "product": PRODUCT, "sum": SUM, "arg": LOOSE}
"""Placeholders: ``{0}`` needs an atom, ``{0:product}`` takes a factor, ``{0:sum}`` a term, ``{0:arg}`` anything."""

CELL, OUTPUT, POSITION, LABEL, ENTRY, WHERE, FUNCTION = (
    "cell",
    "output",
    "position",
    "label",
    "entry",
    "where",
    "function",
)
"""Tags that tell where a program's constants are from: an input's cell, the wanted output alone, a position or count,
a label of a row or column, an entry of a dictionary; and what it leans on: ``np.where``, a lambda."""


@dataclass(frozen=True, eq=False)
class Expr:
    """A program, or a part of one. Equal when it prints the same."""

    template: str
    parts: tuple[Expr, ...] = ()
    level: int = ATOM
    """How tightly its text binds, one of the constants above."""
    op: str = ""
    """The call in pandas' own words: ``"groupby.agg"``, ``"merge"``, ``"df.mask"``; empty for inputs and glue."""
    cost: float = 1.0
    """What this call adds to the description length, in nats; its parts not counted."""
    tags: tuple[str, ...] = ()
    """Where its constants come from, a tag each; see the constants above."""

    @cached_property
    def text(self) -> str:
        """On one line, inputs by their numbers: ``inp0.groupby('a')``."""
        return _FORMATTER.vformat(self.template, [_Slot(part.text, part.level) for part in self.parts], {})

    @cached_property
    def total(self) -> float:
        """Description length in nats, shared parts counted once."""
        return sum(node.cost for node in self.nodes)

    @cached_property
    def nodes(self) -> tuple[Expr, ...]:
        """All distinct parts, and itself last."""
        seen: dict[str, Expr] = {}
        stack: list[tuple[Expr, bool]] = [(self, False)]
        while stack:
            node, ready = stack.pop()
            if ready:
                seen[node.text] = node
            elif node.text not in seen:
                stack.append((node, True))
                stack.extend((part, False) for part in node.parts)
        return tuple(seen.values())

    @cached_property
    def ops(self) -> tuple[str, ...]:
        """The calls, in the order in which they run."""
        return tuple(node.op for node in self.nodes if node.op)

    @cached_property
    def all_tags(self) -> tuple[str, ...]:
        """The tags of all parts."""
        return tuple(tag for node in self.nodes for tag in node.tags)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expr) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __str__(self) -> str:
        return self.text


def source(position: int) -> Expr:
    """The input number ``position``; printed ``inp0`` until it gets the user's name."""
    return Expr(f"inp{position}", cost=0.0)


def call(template: str, *parts: Expr, op: str = "", cost: float = 1.0, tags: Sequence[str] = ()) -> Expr:
    """An expression that binds like a call: ``call("{0}.head(3)", frame, op="head", tags=(POSITION,))``."""
    return Expr(template, parts, ATOM, op, cost, tuple(tags))


def escaped(text: str) -> str:
    """Text that a template prints as it is."""
    return text.replace("{", "{{").replace("}", "}}")


def literal(value: Any) -> str:
    """A constant as Python text, braces doubled for a template.

    Raises:
        InputError: no text makes such a value again.

    >>> literal([1, "a", None])
    "[1, 'a', None]"
    """
    return escaped(_text(value))


def column(frame: Expr, label: Hashable) -> Expr:
    """``frame['label']``."""
    return Expr(f"{{0}}[{literal(label)}]", (frame,), cost=0.1, tags=(LABEL,))


def is_keyword_name(text: str) -> bool:
    """Whether ``text`` may be a keyword argument: ``df.assign(total=…)``."""
    # Python reads names in their compatibility form: `ª` would become `a`.
    return text.isidentifier() and not keyword.iskeyword(text) and unicodedata.normalize("NFKC", text) == text


def assign(frame: Expr, label: Hashable, value: Expr, *, cost: float = 0.5) -> Expr:
    """``frame.assign(label=value)``, with a dictionary where the label is no identifier.

    The value's own tags stay with the value.
    """
    if isinstance(label, str) and is_keyword_name(label) and label not in ("self",):
        return call(f"{{0}}.assign({label}={{1:arg}})", frame, value, op="assign", cost=cost)
    if isinstance(label, str):
        return call(f"{{0}}.assign(**{{{{{literal(label)}: {{1:arg}}}}}})", frame, value, op="assign", cost=cost)
    # A label that is no string cannot be a keyword: insert the column under a placeholder, then name it.
    made = call("{0}.assign(_={1:arg})", frame, value, op="assign", cost=cost)
    return call(f"{{0}}.rename(columns={{{{'_': {literal(label)}}}}})", made, cost=0.2)


def with_column(base: Expr, table: Expr, label: Hashable, value: Expr) -> Expr:
    """``base`` with one more column; a value that refers to the table is computed from it."""
    if base.op == "assign" and isinstance(label, str) and base.parts[0] is table and base.template.endswith(")"):
        merged = assign(table, label, value)
        if ".assign(**" not in merged.template and ".assign(**" not in base.template:
            inside = merged.template[len("{0}.assign(") : -1].replace("{1:arg}", f"{{{len(base.parts)}:arg}}")
            template = f"{base.template[:-1]}, {inside})"
            return Expr(template, (*base.parts, value), op="assign", cost=base.cost + 0.3, tags=base.tags)
    return assign(base, label, value)


def replaced(expr: Expr, old: Expr, new: Expr) -> Expr:
    """The program with one part in place of another."""
    if expr.text == old.text:
        return new
    if not any(old.text in part.text for part in expr.parts):
        return expr
    parts = tuple(replaced(part, old, new) for part in expr.parts)
    return Expr(expr.template, parts, expr.level, expr.op, expr.cost, expr.tags)


_MAGNITUDE = r"(?:'\d{4}-\d\d-\d\d[^']*'|(?<![\w'\".])-?\d+(?:\.\d+)?(?![\w'\"]))"
_CONSTANT = re.compile(rf"(?:(?:[<>]=?|[!=]=) )?{_MAGNITUDE}")


@lru_cache(maxsize=100_000)
def skeleton(text: str) -> str:
    """A program's text without its numbers and dates and how it compares with them; all else of two may be equal.

    >>> skeleton("inp0[inp0['a'] >= 30]")
    "inp0[inp0['a'] #]"
    """
    return _CONSTANT.sub("#", text)


def program(expr: Expr, names: Sequence[str]) -> str:
    """The code to print: one expression, or statements that end in ``result = …`` where a part is used twice.

    Args:
        expr: What to print.
        names: The user's names of the inputs.
    """
    lines: list[str] = []
    bound: dict[str, str] = {f"inp{i}": name for i, name in enumerate(names)}
    uses = _uses(expr)
    taken = set(names)
    for node in expr.nodes[:-1]:
        if uses[node.text] > 1 and node.parts and not _is_reference(node) and node.level == ATOM:
            lines.append(f"{(name := _fresh(node, taken))} = {_printed(node, bound)}")
            bound[node.text] = name
    last = _printed(expr, bound)
    return last if not lines else "\n".join([*lines, f"result = {last}"])


def bare(expr: Expr) -> str:
    """One step alone, its parts called ``p0``, ``p1`` and so on."""
    return _FORMATTER.vformat(expr.template, [_Slot(f"p{i}", ATOM) for i in range(len(expr.parts))], {})


def evaluate(code: str, inputs: dict[str, Any]) -> Any:
    """Run code that :func:`program` printed, in a namespace of its own; the value of its last line.

    Whatever pandas raises, raises.
    """
    space: dict[str, Any] = {"pd": pd, "np": np, **inputs}
    if "\n" not in code:
        return eval(compile(code, "<program>", "eval"), space)  # noqa: S307 - printed from our own templates
    exec(compile(code, "<program>", "exec"), space)  # noqa: S102 - printed from our own templates
    return space["result"]


class _Slot:
    """A part on its way into a template: in parentheses where it binds too loosely."""

    __slots__ = ("level", "text")

    def __init__(self, text: str, level: int) -> None:
        self.text, self.level = text, level

    def __format__(self, spec: str) -> str:
        return self.text if self.level <= _ROOM[spec] else f"({self.text})"


_FORMATTER = string.Formatter()


def _printed(expr: Expr, bound: dict[str, str]) -> str:
    name = bound.get(expr.text)
    if name is not None:
        return name
    slots = [_Slot(_printed(p, bound), ATOM if p.text in bound else p.level) for p in expr.parts]
    return _FORMATTER.vformat(expr.template, slots, {})


def _uses(expr: Expr) -> dict[str, int]:
    uses: dict[str, int] = {}
    for node in expr.nodes:
        for _, place, _, _ in _FORMATTER.parse(node.template):
            if place:
                text = node.parts[int(place)].text
                uses[text] = uses.get(text, 0) + 1
    return uses


def _is_reference(node: Expr) -> bool:
    """Whether a node only names a column of an input: cheaper to repeat than to bind."""
    return not node.op and len(node.parts) == 1 and not node.parts[0].parts


_NAMES = {
    "merge": "merged", "concat": "joined", "join": "joined", "melt": "long", "stack": "long", "pivot": "wide",
    "pivot_table": "wide", "unstack": "wide", "crosstab": "wide", "sort_values": "ordered", "mask": "kept",
    "groupby": "grouped", "assign": "extended", "explode": "rows", "reset_index": "flat", "set_index": "keyed",
}  # fmt: skip


def _fresh(node: Expr, taken: set[str]) -> str:
    """A name that says what the part is."""
    last = node.ops[-1] if node.ops else ""
    base = _NAMES.get(last) or _NAMES.get(last.partition(".")[0], "step")
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}{number}"
    taken.add(name)
    return name


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool | np.bool_):
        return repr(None if value is None else bool(value))
    if value is pd.NaT:
        return "pd.NaT"
    if value is pd.NA:
        return "pd.NA"
    if isinstance(value, str):
        return repr(str(value))
    if isinstance(value, np.timedelta64 | datetime.timedelta):
        return f"pd.Timedelta({str(pd.Timedelta(value))!r})"
    if isinstance(value, int | np.integer):
        return repr(int(value))
    if isinstance(value, float | np.floating):
        return _float_text(float(value))
    if isinstance(value, datetime.date | np.datetime64):
        stamp = pd.Timestamp(value)
        midnight = stamp == stamp.normalize() and stamp.tz is None
        return f"pd.Timestamp({str(stamp.date() if midnight else stamp)!r})"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_text, value)) + ("," if len(value) == 1 else "") + ")"
    if isinstance(value, list):
        return "[" + ", ".join(map(_text, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(k)}: {_text(v)}" for k, v in value.items()) + "}"
    raise InputError(f"a {type(value).__name__} has no literal that pandas code could hold")


def _float_text(value: float) -> str:
    if math.isnan(value):
        return "np.nan"
    if math.isinf(value):
        return "np.inf" if value > 0 else "-np.inf"
    return repr(value)
