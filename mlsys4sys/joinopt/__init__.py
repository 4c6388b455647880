"""DQ on DuckDB: join orders found by search and a learned policy, forced, checked.

>>> from mlsys4sys.joinopt import JoinOptimizer
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlsys4sys.joinopt.policy import Policy
    from mlsys4sys.joinopt.solution import JoinPlan, JoinTree
    from mlsys4sys.joinopt.solver import JoinOptimizer, Settings

__all__ = ["JoinOptimizer", "JoinPlan", "JoinTree", "Policy", "Settings"]

_PLACES = {
    "JoinOptimizer": "solver",
    "Settings": "solver",
    "JoinPlan": "solution",
    "JoinTree": "solution",
    "Policy": "policy",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: a command's help needs none of it."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
