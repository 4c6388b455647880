"""Running expressions part by part, each distinct part once."""

from __future__ import annotations

import warnings
from functools import lru_cache
from types import CodeType
from typing import Any

import numpy as np
import pandas as pd

from mlsys4sys.autopandas.expression import Expr, bare
from mlsys4sys.autopandas.table import Codebook, Table

_FAILED = object()


class Memo:
    """Values of expressions over fixed inputs. What is run is the text that would be printed.

    Args:
        inputs: The task's inputs; no expression changes them.
        book: The task's codebook.
        most_cells: A value with more cells than that counts as failed, so that no product of tables fills the memory.
    """

    def __init__(self, inputs: tuple[Any, ...], book: Codebook, *, most_cells: int = 2_000_000) -> None:
        self.book = book
        self.most_cells = most_cells
        self.runs = 0
        """How many pandas calls were made."""
        self._values: dict[str, Any] = {f"inp{i}": value for i, value in enumerate(inputs)}
        self.tables: dict[str, Table] = {}

    def value(self, expr: Expr) -> Any:
        """What the expression computes.

        Raises:
            Failed: pandas raised, now or before, or the value is too large.
        """
        known = self._values.get(expr.text, self)
        if known is _FAILED:
            raise Failed(expr.text)
        if known is not self:
            return known
        try:
            parts = {f"p{i}": self.value(part) for i, part in enumerate(expr.parts)}
            self.runs += 1
            made = _run(expr, parts)
            if _cells(made) > self.most_cells:
                raise Failed(expr.text)
        except Exception as error:  # noqa: BLE001 - whatever a candidate raises, it is no answer
            self._values[expr.text] = _FAILED
            raise Failed(f"{expr.text}: {error}") from None
        self._values[expr.text] = made
        return made

    def table(self, expr: Expr) -> Table:
        """The value as the search sees it."""
        known = self.tables.get(expr.text)
        if known is None:
            known = self.tables[expr.text] = Table(self.value(expr), expr, self.book)
        return known

    def put(self, expr: Expr, value: Any) -> None:
        """Remember a value that was computed otherwise."""
        self._values[expr.text] = value


class Failed(Exception):  # noqa: N818 - caught where candidates are tried, never shown
    """A candidate has no value."""


@lru_cache(maxsize=10_000)  # the same call on inputs that were changed a little
def _compiled(text: str) -> CodeType:
    return compile(text, "<candidate>", "eval")


def _run(expr: Expr, parts: dict[str, Any]) -> Any:
    code = _compiled(bare(expr))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eval(code, {"pd": pd, "np": np, **parts})  # noqa: S307 - text from our own templates


def _cells(value: Any) -> int:
    size = getattr(value, "size", None)
    return size if isinstance(size, int) else len(value) if isinstance(value, list | tuple | dict | str) else 1
