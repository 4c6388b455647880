"""The frozen nouns a user brings: examples, names, hints, and how strictly to compare."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from mlsys4sys.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Strictness:
    """What must agree for two values to be equal.

    The default is what a reader of two printed tables would demand: kinds, shapes,
    labels, order and cells; a number is equal to a number whatever their types.
    """

    row_order: bool = True
    column_order: bool = True
    index: bool = True
    """Row labels."""
    dtypes: bool = False
    """Types of columns, too: 1 is not 1.0."""
    names: bool = False
    """Names of the axes and of a series, too."""
    rtol: float = 1e-5
    """Relative tolerance between two floats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What a user knows of the program that is wanted; everything optional."""

    constants: tuple[Any, ...] = ()
    """Values that may be in it, though no table shows them."""
    columns: tuple[Hashable, ...] = ()
    """Columns that it uses."""
    calls: tuple[str, ...] = ()
    """Calls that it makes, in pandas' words: ``groupby``, ``merge`` …"""
    without: tuple[str, ...] = ()
    """Calls that it must not make."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Inputs and the output wanted for them."""

    inputs: tuple[Any, ...]
    output: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One or several examples of one wanted program."""

    examples: tuple[Example, ...]
    names: tuple[str, ...]
    """What the inputs are called in the code, one each."""
    hints: Hints = field(default_factory=Hints)
    strictness: Strictness = field(default_factory=Strictness)

    def __post_init__(self) -> None:
        if not self.examples:
            raise InputError("an example is needed: inputs and the output that is wanted for them")
        counts = {len(example.inputs) for example in self.examples}
        if counts != {len(self.names)} or not self.names:
            raise InputError(f"the examples have {sorted(counts)} inputs, and there are {len(self.names)} names")
        for name in self.names:
            if not name.isidentifier() or name in ("pd", "np", "result"):
                raise InputError(f"{name!r} cannot name an input: give a Python identifier other than pd, np, result")
        if len(set(self.names)) < len(self.names):
            raise InputError(f"two inputs have one name: {', '.join(self.names)}")

    @classmethod
    def of(
        cls,
        inputs: Sequence[Any] | Any,
        output: Any,
        *,
        names: Sequence[str] | None = None,
        more: Sequence[tuple[Sequence[Any], Any]] = (),
        hints: Hints | None = None,
        strictness: Strictness | None = None,
    ) -> Task:
        """A task from an example, and more of the same.

        Args:
            inputs: A list of inputs, or one frame, series or array.
            output: What is wanted.
            names: The inputs' names in the code; ``df`` or ``df1``, ``df2`` … if not given.
            more: Further examples, pairs of inputs and output.
            hints: What is known of the program.
            strictness: How to compare.
        """
        first = tuple(inputs) if isinstance(inputs, list | tuple) else (inputs,)
        examples = [Example(inputs=first, output=output)]
        examples += [Example(inputs=tuple(given), output=wanted) for given, wanted in more]
        usual = ("df",) if len(first) == 1 else tuple(f"df{i + 1}" for i in range(len(first)))
        return cls(
            examples=tuple(examples),
            names=tuple(names) if names is not None else usual,
            hints=hints or Hints(),
            strictness=strictness or Strictness(),
        )


def copied(value: Any) -> Any:
    """A copy that shares no cell that a program could change."""
    if isinstance(value, pd.DataFrame | pd.Series):
        copy = value.copy(deep=True)
        if isinstance(copy, pd.Series):
            return _unshared(copy)
        for i, dtype in enumerate(copy.dtypes):
            if dtype.kind == "O" and not isinstance(dtype, pd.api.extensions.ExtensionDtype):
                copy.isetitem(i, _unshared(copy.iloc[:, i]))
        return copy
    if isinstance(value, pd.Index):
        return value.copy()
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, list):
        return [copied(item) for item in value]
    if isinstance(value, tuple):
        return tuple(copied(item) for item in value)
    if isinstance(value, Mapping):
        return {key: copied(item) for key, item in value.items()}
    return value


def _unshared(series: pd.Series) -> pd.Series:
    """A series whose mutable cells (lists, dictionaries) are copies."""
    if series.dtype != object or not any(isinstance(cell, list | dict | set | np.ndarray) for cell in series):
        return series
    cells = np.empty(len(series), dtype=object)
    for i, cell in enumerate(series):
        cells[i] = copied(cell) if isinstance(cell, list | dict | np.ndarray) else cell
    return pd.Series(cells, index=series.index, name=series.name, dtype=object)
