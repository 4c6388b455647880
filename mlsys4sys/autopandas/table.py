"""Tables as the search sees them: columns of integer codes, equal codes for equal cells across all tables of a task.

Comparing two columns is comparing two integer arrays, grouping is ``np.unique`` on codes, and whether a label occurs
among the cells is a set lookup. Pandas objects are made only for what is worth running.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlsys4sys.autopandas.expression import POSITION, Expr, call, column

Codes = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

NULL = 0
"""The code of every missing value: None, NaN, NaT and NA are equal here, as they are to a reader."""

LONGEST_TEXT = 2_000
"""Characters of a text that the search looks into."""

DIGITS = 9
"""Significant digits in which two numbers must agree to be equal."""


class Codebook:
    """Cell → code, one book a task.

    Numbers are equal when they agree in :data:`DIGITS` digits, whatever their type;
    booleans are no numbers; a date equals the timestamp of its midnight.
    """

    def __init__(self) -> None:
        self._codes: dict[Hashable, int] = {}
        self._cells: list[Any] = [None]

    def __len__(self) -> int:
        return len(self._cells)

    def cell(self, code: int) -> Any:
        """A cell that got ``code``; None for the missing value."""
        return self._cells[code]

    def code(self, cell: Any) -> int:
        """The code of one cell or label."""
        key = _key(cell)
        return NULL if key is None else self._enter(key, cell)

    def encode(self, values: Any) -> Codes:
        """The codes of a column, given as an array, a series or an index: shape (rows,)."""
        array = np.asarray(values)
        kind = array.dtype.kind
        if kind in "iuf":
            return self._numbers(array.astype(np.float64, copy=False))
        if kind == "M":
            ticks = array.astype("datetime64[ns]").astype(np.int64).tolist()
            return self._entered([("t", tick) if tick != _NAT else None for tick in ticks], values)
        cells = array.tolist() if kind != "m" else list(pd.Series(values))
        return self._entered([cell if type(cell) is str else _key(cell) for cell in cells], cells)

    def _numbers(self, array: Floats) -> Codes:
        rounded = _rounded(array)
        codes = np.empty(len(rounded), dtype=np.int64)
        get, enter = self._codes.get, self._enter
        for i, number in enumerate(rounded.tolist()):
            if number != number:  # NaN
                codes[i] = NULL
            else:
                known = get(number)
                codes[i] = enter(number, array[i].item()) if known is None else known
        return codes

    def _entered(self, keys: Sequence[Hashable], cells: Any) -> Codes:
        get = self._codes.get
        codes = [NULL if key is None else get(key, -1) for key in keys]
        if -1 in codes:
            for i, cell in enumerate(cells):
                if codes[i] < 0:
                    codes[i] = self._enter(keys[i], cell)
        return np.array(codes, dtype=np.int64)

    def _enter(self, key: Hashable, cell: Any) -> int:
        known = self._codes.get(key)
        if known is None:
            known = self._codes[key] = len(self._cells)
            self._cells.append(cell)
        return known


_NAT = np.iinfo(np.int64).min


def _rounded(array: Floats) -> Floats:
    """Numbers to :data:`DIGITS` significant digits; zero, infinities and NaN as they are."""
    with np.errstate(all="ignore"):
        if not len(array) or ((np.abs(array) < 10**DIGITS).all() and (array == np.rint(array)).all()):
            return array + 0.0
        size = np.floor(np.log10(np.abs(array)))
        scale = np.power(10.0, DIGITS - 1 - size)
        out = np.round(array * scale) / scale
    return np.where(np.isfinite(out), out, array) + 0.0


def _key(cell: Any) -> Hashable | None:
    """What makes two cells equal; None for the missing ones."""
    if isinstance(cell, str):
        return str(cell)
    if cell is None or cell is pd.NaT or cell is pd.NA:
        return None
    if isinstance(cell, bool | np.bool_):
        return ("b", bool(cell))
    if isinstance(cell, np.timedelta64 | datetime.timedelta):  # before integers: numpy's span is one
        return None if pd.isna(cell) else ("d", pd.Timedelta(cell).value)
    if isinstance(cell, int | float | np.integer | np.floating):
        number = float(cell)
        return None if number != number else float(_rounded(np.array([number]))[0])
    if isinstance(cell, datetime.date | np.datetime64):
        stamp = pd.Timestamp(cell)
        return None if stamp is pd.NaT else ("t", stamp.as_unit("ns").value)
    if isinstance(cell, list | tuple | np.ndarray | pd.api.extensions.ExtensionArray):
        return ("l", *(_key(item) for item in cell))
    if isinstance(cell, dict):
        return ("m", *((_key(k), _key(v)) for k, v in cell.items()))
    if isinstance(cell, set | frozenset):
        return ("s", frozenset(_key(item) for item in cell))
    try:
        hash(cell)
    except TypeError:
        return ("r", repr(cell)[:1000])
    return ("o", type(cell).__name__, cell)


@dataclass(frozen=True, eq=False)
class Column:
    """One column, or one level of an index."""

    label: Hashable
    array: Any
    """The cells: a numpy or a pandas array."""
    book: Codebook

    @cached_property
    def series(self) -> pd.Series:
        """The cells with a fresh index."""
        return pd.Series(self.array)

    @cached_property
    def cells(self) -> list[Any]:
        """The cells as Python objects, missing ones as pandas has them."""
        array = np.asarray(self.array)
        return array.tolist() if array.dtype.kind in "biufO" else list(self.series)

    @cached_property
    def codes(self) -> Codes:
        """Shape (rows,)."""
        return self.book.encode(self.array)

    @cached_property
    def kind(self) -> str:
        """``"bool"``, ``"num"``, ``"date"``, ``"delta"``, ``"str"`` or ``"obj"``; missing values aside."""
        dtype = self.array.dtype
        if isinstance(dtype, pd.CategoricalDtype):
            dtype = dtype.categories.dtype
        if isinstance(dtype, pd.StringDtype):
            return "obj" if self._long() else "str"
        found = _KINDS.get(dtype.kind)
        if found is not None and not isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype):
            return found
        present = [cell for cell, missing in zip(self.cells, self.null.tolist(), strict=True) if not missing]
        if not present:
            return "obj"
        for kind, types in _OBJECT_KINDS:
            if all(isinstance(cell, types) for cell in present):
                return "obj" if kind == "str" and self._long() else kind
        return "obj"

    def _long(self) -> bool:
        """Whether texts are so long that looking into them would take too much time: then they are just compared."""
        return any(isinstance(cell, str) and len(cell) > LONGEST_TEXT for cell in self.cells)

    @cached_property
    def null(self) -> Bools:
        """Where a value is missing, shape (rows,)."""
        return np.asarray(pd.isna(self.array))

    @cached_property
    def numbers(self) -> Floats:
        """The cells as numbers, NaN where there is none; booleans as 0 and 1, dates and spans in nanoseconds."""
        if isinstance(self.array, np.ndarray) and self.array.dtype.kind in "biuf":
            return self.array.astype(np.float64)
        if self.kind in ("num", "bool"):
            return np.asarray(pd.to_numeric(self.series, errors="coerce").astype("float64"))
        if self.kind in ("date", "delta"):
            read = pd.to_datetime if self.kind == "date" else pd.to_timedelta
            moments = read(self.series, errors="coerce", **({"utc": True} if self.kind == "date" else {}))
            kind = "timedelta64[{}]" if self.kind == "delta" else "datetime64[{}, UTC]"
            try:
                ticks = np.asarray(moments.astype(kind.format("ns")).astype("int64"), dtype=np.float64)
            except (OverflowError, pd.errors.OutOfBoundsDatetime, pd.errors.OutOfBoundsTimedelta):  # the year 555, say
                ticks = np.asarray(moments.astype(kind.format("us")).astype("int64"), dtype=np.float64) * 1e3
            return np.where(self.null, np.nan, ticks)
        return np.full(len(self.series), np.nan)

    @cached_property
    def distinct(self) -> frozenset[int]:
        """The codes that occur, the missing value left out."""
        return frozenset(self.codes.tolist()) - {NULL}

    @cached_property
    def unique(self) -> bool:
        """Whether no two cells are equal and none is missing."""
        return len(self.distinct) == len(self.codes)

    @cached_property
    def key(self) -> bytes:
        """Equal for columns of equal cells."""
        return self.codes.tobytes()

    def equals(self, other: Column, *, rtol: float = 1e-5) -> bool:
        """Whether the cells are equal, numbers up to a relative tolerance."""
        if len(self.codes) != len(other.codes):
            return False
        if self.key == other.key:
            return True
        if self.kind == other.kind == "num" and np.array_equal(self.null, other.null):
            return bool(np.allclose(self.numbers, other.numbers, rtol=rtol, atol=1e-8, equal_nan=True))
        return False


_KINDS = {"b": "bool", "i": "num", "u": "num", "f": "num", "M": "date", "m": "delta"}

_OBJECT_KINDS: tuple[tuple[str, Any], ...] = (
    ("str", str),
    ("bool", (bool, np.bool_)),
    ("num", (int, float, np.integer, np.floating)),
    ("date", datetime.date),
    ("delta", datetime.timedelta),
)


@dataclass(frozen=True, eq=False)
class Table:
    """A value of the task (frame, series, index, array, list, scalar) with the program that makes it."""

    value: Any
    expr: Expr
    book: Codebook

    @cached_property
    def shape_kind(self) -> str:
        """``"frame"``, ``"series"``, ``"index"``, ``"array"``, ``"list"``, ``"dict"`` or ``"scalar"``."""
        for name, types in _SHAPES:
            if isinstance(self.value, types):
                return name
        return "scalar"

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns of a frame; one for a series, index, list or one-dimensional array; none for the rest."""
        value = self.value
        if isinstance(value, pd.DataFrame):
            return tuple(
                Column(label, array, self.book) for label, array in zip(value.columns, frame_arrays(value), strict=True)
            )
        if isinstance(value, pd.Series):
            return (Column(value.name, plain_array(value), self.book),)
        if isinstance(value, pd.Index):
            return tuple(level_columns(value, self.book))
        if isinstance(value, np.ndarray):
            flat = value if value.ndim > 1 else value.reshape(-1, 1)
            return tuple(Column(i, flat[:, i], self.book) for i in range(flat.shape[1])) if flat.ndim == 2 else ()
        if isinstance(value, list | tuple):
            return (Column(None, cell_array(value), self.book),)
        return ()

    @cached_property
    def index(self) -> tuple[Column, ...]:
        """The levels of the row index; none where the value has no index."""
        if isinstance(self.value, pd.DataFrame | pd.Series):
            return tuple(level_columns(self.value.index, self.book))
        return ()

    @cached_property
    def rows(self) -> int:
        """Rows of a frame, elements of a series or list; 1 for a scalar."""
        return len(self.value) if self.shape_kind != "scalar" else 1

    @cached_property
    def labels(self) -> tuple[Hashable, ...]:
        """Column labels in order; tuples where there are levels."""
        return tuple(self.value.columns) if isinstance(self.value, pd.DataFrame) else ()

    @cached_property
    def label_codes(self) -> tuple[int, ...]:
        """The codes of :attr:`labels`."""
        return tuple(self.book.code(label) for label in self.labels)

    @cached_property
    def levels(self) -> int:
        """Levels of the column labels: 1 unless they are a MultiIndex; 0 where there are none."""
        return self.value.columns.nlevels if isinstance(self.value, pd.DataFrame) else 0

    @cached_property
    def plain_index(self) -> bool:
        """Whether the row index just counts the rows."""
        return isinstance(self.value, pd.DataFrame | pd.Series) and _fresh_index(self.value.index)

    @cached_property
    def duplicate_labels(self) -> bool:
        """Whether two columns have equal labels, so that a label names no single column."""
        return len(set(self.label_codes)) < len(self.labels)

    @cached_property
    def cells(self) -> frozenset[int]:
        """The codes of all cells, the missing value left out; labels and index do not count."""
        if self.shape_kind == "scalar":
            return frozenset({self.book.code(self.value)}) - {NULL}
        return frozenset().union(*(column.distinct for column in self.columns))

    @cached_property
    def key(self) -> Hashable:
        """Equal for values that a strict reader calls equal (names of axes and dtypes aside)."""
        if self.shape_kind in ("scalar", "dict"):
            return (self.shape_kind, self.book.code(self.value))
        shape = self.value.shape if isinstance(self.value, np.ndarray) else ()
        body = tuple(column.key for column in self.columns)
        return (self.shape_kind, shape, self.label_codes, tuple(level.key for level in self.index), body)

    def ref(self, position: int) -> Expr:
        """The expression for column ``position``: ``df['label']``, or the series itself."""
        if self.shape_kind != "frame":
            return self.expr
        if self.duplicate_labels:
            return call(f"{{0}}.iloc[:, {position}]", self.expr, cost=0.8, tags=(POSITION,))
        return column(self.expr, self.labels[position])

    def made(self, value: Any, expr: Expr) -> Table:
        """Another value of the same task."""
        return Table(value, expr, self.book)


_SHAPES: tuple[tuple[str, Any], ...] = (
    ("frame", pd.DataFrame),
    ("series", pd.Series),
    ("index", pd.Index),
    ("array", np.ndarray),
    ("list", (list, tuple)),
    ("dict", dict),
)


def same(a: Table, b: Table, *, rtol: float = 1e-5) -> bool:
    """Whether a strict reader calls two values equal: kinds, shapes, labels, order and cells.

    Names of axes and types of columns aside; numbers up to a relative tolerance.
    """
    if a.shape_kind != b.shape_kind or a.rows != b.rows or a.label_codes != b.label_codes:
        return False
    if a.shape_kind in ("scalar", "dict"):
        return a.key == b.key or _close(a.value, b.value, rtol)
    if a.shape_kind == "array" and a.value.shape != b.value.shape:
        return False
    pairs = [*zip(a.index, b.index, strict=False), *zip(a.columns, b.columns, strict=False)]
    return (
        len(a.index) == len(b.index)
        and len(a.columns) == len(b.columns)
        and all(x.equals(y, rtol=rtol) for x, y in pairs)
    )


def alike(a: Table, b: Table, *, row_order: bool = True, column_order: bool = True, index: bool = True) -> bool:
    """:func:`same` with the order of rows or columns, or the row labels, left free.

    Where the order of rows is free, row labels belong to their rows, unless those of ``b`` just count them.
    """
    if a.shape_kind != b.shape_kind or a.shape_kind not in ("frame", "series", "list") or a.rows != b.rows:
        return same(a, b)
    mine, theirs = (
        list(zip(a.label_codes or (0,), a.columns, strict=False)),
        list(zip(b.label_codes or (0,), b.columns, strict=False)),
    )
    if not column_order:
        mine, theirs = (sorted(pairs, key=lambda pair: (pair[0], pair[1].key)) for pairs in (mine, theirs))
    if [code for code, _ in mine] != [code for code, _ in theirs]:
        return False
    left, right = [c for _, c in mine], [c for _, c in theirs]
    if index and not (not row_order and b.plain_index):
        if len(a.index) != len(b.index):
            return False
        left, right = [*a.index, *left], [*b.index, *right]
    if row_order:
        return all(x.equals(y) for x, y in zip(left, right, strict=True))
    return sorted(_rows(left, a.rows)) == sorted(_rows(right, b.rows))


def _rows(columns: Sequence[Column], rows: int) -> list[tuple[int, ...]]:
    return list(zip(*(c.codes.tolist() for c in columns), strict=True)) if columns else [()] * rows


def _close(a: Any, b: Any, rtol: float) -> bool:
    numbers = (int, float, np.integer, np.floating)
    if isinstance(a, bool | np.bool_) or isinstance(b, bool | np.bool_):
        return False
    return isinstance(a, numbers) and isinstance(b, numbers) and math.isclose(a, b, rel_tol=rtol, abs_tol=1e-8)


def frame_arrays(frame: pd.DataFrame) -> list[Any]:
    """The columns' arrays. Asking for each column as a series would cost more than most of what is done with it."""
    direct = getattr(frame, "_get_column_array", None)
    if direct is None:
        return [plain_array(frame.iloc[:, i]) for i in range(frame.shape[1])]
    return [direct(i) for i in range(frame.shape[1])]


def plain_array(values: pd.Series | pd.Index) -> Any:
    """A numpy array where the type has one, else pandas' own array."""
    array = values.array
    return array.to_numpy() if isinstance(values.dtype, np.dtype) and values.dtype.kind in "biufO" else array


def level_columns(index: pd.Index, book: Codebook) -> list[Column]:
    """The levels of an index as columns."""
    if not isinstance(index, pd.MultiIndex):  # which may have one level, too
        return [Column(index.name, plain_array(index), book)]
    return [Column(index.names[i], plain_array(index.get_level_values(i)), book) for i in range(index.nlevels)]


def cell_array(values: Sequence[Any]) -> Any:
    """Any sequence as an array, cells that are sequences themselves kept whole."""
    cells = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        cells[i] = value
    return plain_array(pd.Series(cells).infer_objects())


def _fresh_index(index: pd.Index) -> bool:
    if isinstance(index, pd.RangeIndex):
        return bool(index.start == 0 and index.step == 1)
    return bool(
        not isinstance(index, pd.MultiIndex)
        and index.dtype.kind == "i"
        and (index.to_numpy() == np.arange(len(index))).all()
    )


__all__ = [
    "DIGITS",
    "NULL",
    "Bools",
    "Codebook",
    "Codes",
    "Column",
    "Floats",
    "Table",
    "cell_array",
    "level_columns",
    "same",
]
