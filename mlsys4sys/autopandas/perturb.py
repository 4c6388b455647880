"""Other inputs of the same kind: rows shuffled, dropped, doubled, added; numbers changed; cells swapped; columns moved.

Programs that agree on the example part on these, and how each of them behaves says much about which was meant. Schema
and types stay as they are, and values that two inputs share stay shared, so that a join still finds its keys.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlsys4sys import seeding
from mlsys4sys.autopandas.problem import copied

Rng = np.random.Generator
Positions = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Variant:
    """A task's inputs, changed in one way."""

    kind: str
    """One of :data:`KINDS`."""
    inputs: tuple[Any, ...]


def variants(inputs: Sequence[Any], kinds: Sequence[str], seed: int) -> list[Variant]:
    """One variant for each kind that changes anything; the same for the same seed.

    Args:
        inputs: The task's inputs; they are not changed. Only frames and series vary.
        kinds: Names from :data:`KINDS`; a name given twice gives two different variants.
        seed: Decides all draws.
    """
    made: list[Variant] = []
    for position, kind in enumerate(kinds):
        rng = seeding.named(seed, kind, str(position))
        changed = tuple(_change(kind, value, inputs, rng) for value in inputs)
        if any(new is not old for new, old in zip(changed, inputs, strict=True)):
            made.append(Variant(kind, changed))
    return made


def mixed(inputs: Sequence[Any], seed: int) -> tuple[Any, ...]:
    """Several changes at once, for judging what single changes were used to rank."""
    rng = seeding.named(seed, "mixed")
    now = tuple(inputs)
    for kind in _MIXES[int(rng.integers(len(_MIXES)))]:
        now = tuple(_change(kind, value, now, rng) for value in now)
    return now


def kept_rows(value: Any, positions: Sequence[int]) -> Any:
    """The rows at these positions, counted anew where the index just counts."""
    return _take(value, np.asarray(positions, dtype=np.int64))


def _change(kind: str, value: Any, inputs: Sequence[Any], rng: Rng) -> Any:
    if not isinstance(value, pd.DataFrame | pd.Series) or not len(value):
        return value
    if isinstance(value, pd.Series):
        if kind in ("columns", "rename"):
            return value
        made = KINDS[kind](value.to_frame(name="_"), _shared(value, inputs), rng)
        return value if made is None else made.iloc[:, 0].rename(value.name)
    made = KINDS[kind](value, _shared(value, inputs), rng)
    return value if made is None else made


def _shared(value: Any, inputs: Sequence[Any]) -> set[int]:
    """Positions of the columns most of whose cells are cells or labels of another input: keys, not quantities."""
    mine = value.to_frame() if isinstance(value, pd.Series) else value
    others: set[Hashable] = set()
    for other in inputs:
        if other is not value:
            others |= _cells_in_sight(other)
    if not others:
        return set()
    found = set()
    for i in range(mine.shape[1]):
        cells = [c for c in mine.iloc[:, i].tolist() if isinstance(c, Hashable)]
        if cells and sum(c in others for c in cells) * 2 >= len(cells):
            found.add(i)
    return found


def _cells_in_sight(value: Any) -> set[Hashable]:
    if isinstance(value, pd.DataFrame):
        cells: list[Any] = [c for i in range(value.shape[1]) for c in value.iloc[:, i].tolist()]
        cells += [*value.columns, *(v for level in range(value.index.nlevels) for v in _labels(value.index, level))]
    elif isinstance(value, pd.Series):
        cells = [*value.tolist(), *(v for level in range(value.index.nlevels) for v in _labels(value.index, level))]
    elif isinstance(value, list | tuple | np.ndarray):
        cells = list(value)
    else:
        cells = [value]
    return {c for c in cells if isinstance(c, Hashable)}


def _labels(index: pd.Index, level: int) -> list[Any]:
    return [] if isinstance(index, pd.RangeIndex) else index.get_level_values(level).tolist()


def _take(value: Any, positions: Positions) -> Any:
    made = value.iloc[positions]
    index = value.index
    if isinstance(index, pd.RangeIndex):
        made = made.set_axis(pd.RangeIndex(index.start, index.start + len(positions), name=index.name), axis=0)
    return made


def _shuffle(frame: pd.DataFrame, _keys: set[int], rng: Rng) -> pd.DataFrame | None:
    if len(frame) < 2:
        return None
    order = rng.permutation(len(frame))
    if (order == np.arange(len(frame))).all():
        order = order[::-1]
    return _take(frame, order)


def _reverse(frame: pd.DataFrame, _keys: set[int], _rng: Rng) -> pd.DataFrame | None:
    return _take(frame, np.arange(len(frame))[::-1]) if len(frame) > 1 else None


def _drop(frame: pd.DataFrame, _keys: set[int], rng: Rng) -> pd.DataFrame | None:
    return _take(frame, np.delete(np.arange(len(frame)), int(rng.integers(len(frame))))) if len(frame) > 1 else None


def _half(frame: pd.DataFrame, _keys: set[int], rng: Rng) -> pd.DataFrame | None:
    if len(frame) < 3:
        return None
    return _take(frame, np.sort(rng.choice(len(frame), max(2, round(0.6 * len(frame))), replace=False)))


def _double(frame: pd.DataFrame, _keys: set[int], rng: Rng) -> pd.DataFrame | None:
    again = rng.integers(0, len(frame), max(1, len(frame) // 4))
    order = np.concatenate([np.arange(len(frame)), again])
    made = _take(frame, order)
    counted = not isinstance(frame.index, pd.RangeIndex | pd.MultiIndex) and frame.index.dtype.kind in "iu"
    return made.set_axis(_grown_index(frame.index, order, len(frame)), axis=0) if counted else made


def _numbers(frame: pd.DataFrame, shared: set[int], rng: Rng) -> pd.DataFrame | None:
    """Every number gets another value, equal ones the same: within the column's range, whole ones whole."""
    made, changed = frame.copy(), False
    for i in range(frame.shape[1]):
        if i in shared:
            continue
        new = _moved(frame.iloc[:, i], rng)
        if new is not None:
            made.isetitem(i, new)
            changed = True
    return made if changed else None


def _moved(column: pd.Series, rng: Rng) -> pd.Series | None:
    kind = getattr(column.dtype, "kind", "O")
    if kind not in "iuf" or not isinstance(column.dtype, np.dtype) or not column.notna().any():
        return None
    present = column.dropna()
    values = np.unique(present.to_numpy())
    if kind != "f" and len(values) == len(column) and (np.diff(np.sort(values)) == 1).all():
        return None  # numbers that only count the rows
    whole = bool(kind != "f" or (values == np.rint(values)).all())
    low, high = float(values.min()), float(values.max())
    spread = max(high - low, abs(high) * 0.2, 1.0)
    if not np.isfinite(spread):
        return None
    shifts = rng.uniform(-0.35, 0.35, len(values)) * spread
    moved = np.rint(values + np.where(np.abs(shifts) < 1, np.sign(shifts), shifts)) if whole else values + shifts
    if not whole:
        moved = np.round(moved, _decimals(values))
    if low >= 0:
        moved = np.abs(moved)
    table = dict(zip(values.tolist(), moved.tolist(), strict=True))
    return column.map(lambda cell: table.get(cell, cell)).astype(column.dtype)


def _decimals(values: NDArray[np.floating]) -> int:
    """Digits behind the point, six at most."""
    return next((d for d in range(6) if np.allclose(values, np.round(values, d), rtol=1e-9, atol=1e-12)), 6)


def _swap(frame: pd.DataFrame, _keys: set[int], rng: Rng) -> pd.DataFrame | None:
    """The cells of one column (of two where there are many) change places among themselves."""
    open_to = (
        [i for i in range(frame.shape[1]) if frame.iloc[:, i].nunique(dropna=False) > 1] if _countable(frame) else []
    )
    if not open_to or len(frame) < 2:
        return None
    made = frame.copy()
    for i in rng.choice(open_to, 1 if len(open_to) < 4 else 2, replace=False).tolist():
        column = frame.iloc[:, i]
        order = rng.permutation(len(frame))
        new = column.take(order)
        if new.astype(object).map(repr).tolist() == column.astype(object).map(repr).tolist():
            order = np.roll(np.arange(len(frame)), 1)
            new = column.take(order)
        made.isetitem(i, new.set_axis(frame.index))
    return made


def _countable(frame: pd.DataFrame) -> bool:
    return not any(
        isinstance(cell, list | dict | set | np.ndarray) for i in range(frame.shape[1]) for cell in frame.iloc[:, i]
    )


def _extend(frame: pd.DataFrame, shared: set[int], rng: Rng) -> pd.DataFrame | None:
    """New rows behind the old ones, cell by cell from what the column holds; ids stay unique, dates go on."""
    more = int(rng.integers(1, max(2, len(frame) // 2) + 1))
    return _grown(frame, shared, np.arange(len(frame)), more, rng)


def _resample(frame: pd.DataFrame, shared: set[int], rng: Rng) -> pd.DataFrame | None:
    """As many rows again, few of them as they were."""
    if len(frame) < 2:
        return None
    keep = np.sort(rng.choice(len(frame), max(1, len(frame) // 3), replace=False))
    return _grown(frame, shared, keep, len(frame), rng)


def _grown(frame: pd.DataFrame, shared: set[int], keep: Positions, more: int, rng: Rng) -> pd.DataFrame:
    order = np.concatenate([keep, rng.integers(0, len(frame), more)])
    made = _take(frame, order).copy()
    for i in range(frame.shape[1]):
        column = frame.iloc[:, i]
        cells = np.concatenate([keep, _drawn(column, order[len(keep) :], rng)])
        new = column.take(cells).set_axis(made.index)
        fresh = _fresh_ids(column, len(keep), new) if i not in shared else None
        if fresh is not None:
            new = fresh
        elif column.dtype.kind == "M" and column.is_monotonic_increasing:
            new = new.sort_values().set_axis(made.index)
        made.isetitem(i, new)
    return (
        made
        if isinstance(frame.index, pd.RangeIndex)
        else made.set_axis(_grown_index(frame.index, order, len(keep)), axis=0)
    )


def _drawn(column: pd.Series, rows: Positions, rng: Rng) -> Positions:
    """Half of the cells stay with their row, half come from another."""
    return np.where(rng.random(len(rows)) < 0.5, rows, rng.integers(0, len(column), len(rows)))


def _fresh_ids(column: pd.Series, old: int, new: pd.Series) -> pd.Series | None:
    """Unique whole numbers stay unique: the new rows count on from the largest."""
    if (
        column.dtype.kind not in "iu"
        or not isinstance(column.dtype, np.dtype)
        or not column.is_unique
        or len(column) < 3
    ):
        return None
    if not column.is_monotonic_increasing:
        return None
    cells = new.to_numpy().copy()
    cells[old:] = int(column.max()) + np.arange(1, len(cells) - old + 1)
    return pd.Series(cells, index=new.index)


def _grown_index(index: pd.Index, order: Positions, old: int) -> pd.Index:
    taken = index.take(order)
    if isinstance(index, pd.MultiIndex) or not index.is_unique or index.hasnans:
        return taken
    more = len(order) - old
    if index.dtype.kind in "iu" and len(index):
        return pd.Index([*taken[:old].tolist(), *(int(index.max()) + 1 + i for i in range(more))], name=index.name)
    if isinstance(index, pd.DatetimeIndex) and len(index) > 1:
        step = (index[-1] - index[0]) / (len(index) - 1)
        later = pd.DatetimeIndex([index.max() + abs(step) * (i + 1) for i in range(more)]).as_unit(index.unit)
        return pd.DatetimeIndex(taken[:old]).append(later).rename(index.name)
    return taken


def _holes(frame: pd.DataFrame, _keys: set[int], rng: Rng) -> pd.DataFrame | None:
    """Where a column has missing cells, others are missing."""
    made, changed = frame.copy(), False
    for i in range(frame.shape[1]):
        column = frame.iloc[:, i]
        null = column.isna().to_numpy()
        if not null.any() or null.all():
            continue
        filled = np.arange(len(column))
        filled[null] = rng.choice(np.flatnonzero(~null), int(null.sum()))
        new = column.take(filled).set_axis(frame.index)
        made.isetitem(i, new.mask(rng.permutation(null)))
        changed = True
    return made if changed else None


def _columns(frame: pd.DataFrame, _keys: set[int], rng: Rng) -> pd.DataFrame | None:
    if frame.shape[1] < 2:
        return None
    order = rng.permutation(frame.shape[1])
    if (order == np.arange(frame.shape[1])).all():
        order = order[::-1]
    return frame.iloc[:, order]


def _rename(frame: pd.DataFrame, _keys: set[int], rng: Rng) -> pd.DataFrame | None:
    if frame.columns.nlevels > 1 or not all(isinstance(label, str) for label in frame.columns):
        return None
    labels = list(frame.columns)
    position = int(rng.integers(len(labels)))
    labels[position] = f"{labels[position]}_q"
    return frame.set_axis(labels, axis=1)


_Kind = Callable[[pd.DataFrame, set[int], Rng], pd.DataFrame | None]

KINDS: dict[str, _Kind] = {
    "shuffle": _shuffle,
    "reverse": _reverse,
    "drop": _drop,
    "half": _half,
    "double": _double,
    "numbers": _numbers,
    "swap": _swap,
    "extend": _extend,
    "resample": _resample,
    "holes": _holes,
    "columns": _columns,
    "rename": _rename,
}
"""Ways to change a table: the frame, the positions of its keys, chance; None where it would change nothing."""

_MIXES = (
    ("extend", "shuffle"),
    ("resample", "numbers"),
    ("numbers", "drop"),
    ("shuffle", "numbers"),
    ("half", "columns"),
    ("double", "swap"),
    ("extend", "holes", "columns"),
    ("swap", "numbers"),
)


def fresh(variant: Variant) -> Variant:
    """The same variant in copies that share no cell."""
    return Variant(variant.kind, tuple(copied(value) for value in variant.inputs))


__all__ = ["KINDS", "Variant", "fresh", "kept_rows", "mixed", "variants"]
