"""Pandas programs from examples: tables in, the table that is wanted out, readable code back.

>>> from mlsys4sys.autopandas import synthesize
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlsys4sys.autopandas.problem import Example, Hints, Strictness, Task
    from mlsys4sys.autopandas.solution import Ambiguity, Program, Result
    from mlsys4sys.autopandas.solver import Synthesizer, synthesize

__all__ = [
    "Ambiguity",
    "Example",
    "Hints",
    "Program",
    "Result",
    "Strictness",
    "Synthesizer",
    "Task",
    "synthesize",
]

_PLACES = {
    "Ambiguity": "solution",
    "Example": "problem",
    "Hints": "problem",
    "Program": "solution",
    "Result": "solution",
    "Strictness": "problem",
    "Synthesizer": "solver",
    "Task": "problem",
    "synthesize": "solver",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: a command's help needs none of it."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
