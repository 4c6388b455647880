"""The pandas surface as data: a module a family of calls, each a generator of expressions over a table.

``proposals(table, goal, others)`` yields programs that start at ``table``, the most promising first, their arguments
harvested from the table and pruned by what the goal shows. What is yielded is printed and run as it is: there is no
second definition of a call.
"""

from __future__ import annotations

from typing import Any

from mlsys4sys.autopandas.expression import Expr


def proposals(*_args: Any, **_options: Any) -> list[Expr]:
    """Nothing yet."""
    return []


def joins(*_args: Any, **_options: Any) -> list[Expr]:
    """Nothing yet."""
    return []
