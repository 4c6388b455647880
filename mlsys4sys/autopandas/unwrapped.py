"""Wanted dictionaries, lists and records as the series or table that the last call makes them of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from mlsys4sys.autopandas.problem import Task

MOST_ITEMS = 200
"""Items of a list or dictionary."""

LEAST_ITEMS = 2
"""Of fewer a list says too little."""


def unwrapped(task: Task) -> tuple[Task, str] | None:
    """The task before its last call, and that call: ``.to_dict()``, ``.to_dict('records')``, ``.tolist()``.

    None where the wanted output is something else.
    """
    outputs = [example.output for example in task.examples]
    for fits, make, tail in _KINDS:
        if all(fits(output) for output in outputs):
            examples = tuple(replace(e, output=make(e.output)) for e in task.examples)
            free = tail == ".to_dict()"  # the index of the others is not seen
            return replace(
                task, examples=examples, strictness=replace(task.strictness, index=free and task.strictness.index)
            ), tail
    return None


def _is_scalar(cell: Any) -> bool:
    return cell is None or not isinstance(cell, list | tuple | dict | set | np.ndarray | pd.DataFrame | pd.Series)


def _is_dictionary(output: Any) -> bool:
    return isinstance(output, dict) and 0 < len(output) <= MOST_ITEMS and all(map(_is_scalar, output.values()))


def _is_records(output: Any) -> bool:
    if not isinstance(output, list) or not 0 < len(output) <= MOST_ITEMS:
        return False
    return all(isinstance(one, dict) and one.keys() == output[0].keys() and one for one in output)


def _is_list(output: Any) -> bool:
    return isinstance(output, list) and LEAST_ITEMS <= len(output) <= MOST_ITEMS and all(map(_is_scalar, output))


_KINDS: tuple[tuple[Callable[[Any], bool], Callable[[Any], Any], str], ...] = (
    (_is_dictionary, pd.Series, ".to_dict()"),
    (_is_records, pd.DataFrame, ".to_dict('records')"),
    (_is_list, pd.Series, ".tolist()"),
)

__all__ = ["unwrapped"]
