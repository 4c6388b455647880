"""The column engine: new columns, conditions, scalars."""

from __future__ import annotations

from typing import Any

from mlsys4sys.autopandas.expression import Expr


def synthesize(*_args: Any, **_options: Any) -> list[Expr]:
    """Nothing yet."""
    return []


def masks(*_args: Any, **_options: Any) -> list[Expr]:
    """Nothing yet."""
    return []


def scalars(*_args: Any, **_options: Any) -> list[Expr]:
    """Nothing yet."""
    return []
