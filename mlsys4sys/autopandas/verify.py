"""Whether a program gives the output that is wanted, and if not, what differs and where.

This file knows the problem and the printed code, never the search or the learner.
"""

from __future__ import annotations

import datetime
import decimal
import math
import warnings
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlsys4sys.autopandas.expression import evaluate
from mlsys4sys.autopandas.problem import Strictness, Task, copied
from mlsys4sys.verdict import Verdict

ATOL = 1e-8
"""Absolute tolerance between two floats, beside the relative one of :class:`Strictness`."""

DEEPEST = 60
"""Containers nested deeper than this are compared by identity: a list may contain itself."""

MOST_CELLS = 20_000
"""Larger tables are not searched for their rows in another order just to say so."""

LONGEST = 60
"""Characters of a cell that a message shows."""


def check(code: str, task: Task) -> Verdict:
    """Run printed code on fresh copies of each example, in a fresh namespace, and compare.

    Args:
        code: What :func:`~mlsys4sys.autopandas.expression.program` printed with the task's names.
        task: Its examples and how strictly to compare them.
    """
    for number, example in enumerate(task.examples):
        where = "" if len(task.examples) == 1 else f"example {number + 1}: "
        space = dict(zip(task.names, map(copied, example.inputs), strict=True))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                got = evaluate(code, space)
        except Exception as error:  # noqa: BLE001 - whatever the code raises is the verdict
            return Verdict(ok=False, checked=number, counterexample=f"{where}{raised(error)}")
        found = difference(got, example.output, task.strictness)
        if found:
            return Verdict(ok=False, checked=number + 1, counterexample=where + found)
    return Verdict(ok=True, checked=len(task.examples))


def raised(error: BaseException) -> str:
    """An exception in one short line."""
    text = " ".join(str(error).split())
    return f"it raises {type(error).__name__}" + (f": {text[:160]}" if text else "")


def difference(got: Any, wanted: Any, strictness: Strictness | None = None) -> str:
    """The first difference between a value and the one that is wanted, in a reader's words; empty when equal.

    By default kinds, shapes, labels, order and cells must agree, types and axis names need not: ``1`` equals ``1.0``,
    a date the timestamp of its midnight, and all missing values each other; ``True`` is no number. Two integers are
    equal when they are the same; with a float among them, within the tolerance. Where the order of rows is free, row
    labels belong to their rows, unless those that are wanted only count them; where that of columns is free, columns
    with equal labels keep theirs.
    """
    rules = strictness or Strictness()
    for types, compare in _KINDS:
        if isinstance(wanted, types):
            if not isinstance(got, types):
                return f"{described(got)}, wanted {described(wanted)}"
            return compare(got, wanted, rules)
    if isinstance(got, pd.DataFrame | pd.Series | pd.Index | np.ndarray):
        return f"{described(got)}, wanted {described(wanted)}"
    if not same_cell(got, wanted, rules.rtol):
        return f"{shown(got)}, wanted {shown(wanted)}"
    if rules.dtypes and _plain_type(got) is not _plain_type(wanted):
        return f"a {type(got).__name__}, wanted a {type(wanted).__name__}"
    return ""


def described(value: Any) -> str:
    """What a value is, in a few words: ``a DataFrame of 3 rows and 2 columns``."""
    if isinstance(value, pd.DataFrame):
        return f"a DataFrame of {_counted(value.shape[0], 'row')} and {_counted(value.shape[1], 'column')}"
    if isinstance(value, pd.Series):
        return f"a Series of {_counted(len(value), 'row')}"
    if isinstance(value, pd.Index):
        return f"an Index of {_counted(len(value), 'label')}"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    if isinstance(value, list | tuple | dict | set | frozenset):
        return f"a {type(value).__name__} of {_counted(len(value), 'item')}"
    return f"the value {shown(value)}"


def shown(value: Any) -> str:
    """A cell or label, short enough for a message."""
    if isinstance(value, np.generic) and not isinstance(value, np.datetime64 | np.timedelta64):
        value = value.item()
    if isinstance(value, pd.Timestamp | pd.Timedelta):
        return str(value)
    text = repr(value[:LONGEST] if isinstance(value, str) else value)
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def missing(value: Any) -> bool:
    """Whether a cell is None, NaN, NaT or NA."""
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    if isinstance(value, float):  # numpy's float64 too
        return value != value
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    return isinstance(value, np.floating | complex | np.complexfloating | decimal.Decimal) and bool(value != value)


def same_cell(a: Any, b: Any, rtol: float, depth: int = 0) -> bool:
    """Whether two cells are equal; see :func:`difference`."""
    if missing(a) or missing(b):
        return missing(a) and missing(b)
    if isinstance(a, str) or isinstance(b, str):
        return isinstance(a, str) and isinstance(b, str) and str(a) == str(b)
    if isinstance(a, _BOOL) or isinstance(b, _BOOL):
        return isinstance(a, _BOOL) and isinstance(b, _BOOL) and bool(a) == bool(b)
    if isinstance(a, _SPAN) or isinstance(b, _SPAN):  # before numbers: numpy's span is an integer
        return isinstance(a, _SPAN) and isinstance(b, _SPAN) and bool(pd.Timedelta(a) == pd.Timedelta(b))
    if isinstance(a, _NUMBER) and isinstance(b, _NUMBER):
        return _same_number(a, b, rtol)
    if isinstance(a, _MOMENT) and isinstance(b, _MOMENT):
        return bool(pd.Timestamp(a) == pd.Timestamp(b))
    if isinstance(a, _HOLDER) or isinstance(b, _HOLDER):
        return depth < DEEPEST and _same_holder(a, b, rtol, depth + 1) if a is not b else True
    try:
        return bool(a == b)
    except Exception:  # noqa: BLE001 - a user's object that cannot be compared equals nothing
        return False


_BOOL = (bool, np.bool_)
_SPAN = (datetime.timedelta, np.timedelta64)
_NUMBER = (int, float, np.integer, np.floating)
_MOMENT = (datetime.date, np.datetime64)
_HOLDER = (list, tuple, dict, np.ndarray, pd.DataFrame, pd.Series, pd.Index, pd.api.extensions.ExtensionArray)


def _same_number(a: Any, b: Any, rtol: float) -> bool:
    if isinstance(a, int | np.integer) and isinstance(b, int | np.integer):
        return int(a) == int(b)
    try:
        return math.isclose(float(a), float(b), rel_tol=rtol, abs_tol=ATOL)
    except OverflowError:  # an integer that no float can hold
        return bool(a == b)


def _same_holder(a: Any, b: Any, rtol: float, depth: int) -> bool:
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(same_cell(x, y, rtol, depth) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same_cell(a[key], b[key], rtol, depth) for key in b)
    if isinstance(a, _HOLDER[3:]) and isinstance(b, _HOLDER[3:]):
        if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
            return a.shape == b.shape and same_cell(a.ravel().tolist(), b.ravel().tolist(), rtol, depth)
        return not difference(a, b, Strictness(rtol=rtol))
    return False


# -- values with many cells


def _frames(got: pd.DataFrame, wanted: pd.DataFrame, rules: Strictness) -> str:
    if got.shape != wanted.shape:
        return f"{described(got)}, wanted {described(wanted)}"
    if not rules.column_order:
        places = _places(got.columns, wanted.columns)
        if places is not None:
            got = got.iloc[:, places]
    found = _labels(got.columns, wanted.columns, "column", rules)
    if found:
        return found
    columns = [(label, got.iloc[:, i], wanted.iloc[:, i]) for i, label in enumerate(wanted.columns)]
    return (
        _rows(columns, got.index, wanted.index, rules)
        or _types([(f"column {shown(label)}", a, b) for label, a, b in columns], rules)
        or _names(got.columns.names, wanted.columns.names, "the column labels", rules)
    )


def _series(got: pd.Series, wanted: pd.Series, rules: Strictness) -> str:
    if len(got) != len(wanted):
        return f"{described(got)}, wanted {described(wanted)}"
    return (
        _rows([(None, got, wanted)], got.index, wanted.index, rules)
        or _types([("the values", got, wanted)], rules)
        or _names([got.name], [wanted.name], "the Series", rules)
    )


def _indexes(got: pd.Index, wanted: pd.Index, rules: Strictness) -> str:
    if len(got) != len(wanted):
        return f"{described(got)}, wanted {described(wanted)}"
    return (
        _labels(got, wanted, "label", rules)
        or _types([("the labels", got, wanted)], rules)
        or _names(got.names, wanted.names, "the Index", rules)
    )


def _arrays(got: Any, wanted: np.ndarray, rules: Strictness) -> str:
    got = np.asarray(got)
    if got.shape != wanted.shape:
        return f"{described(got)}, wanted {described(wanted)}"
    wrong = np.flatnonzero(differing(got.ravel(), wanted.ravel(), rules.rtol))
    if not len(wrong):
        return _types([("the array", got, wanted)], rules)
    place = tuple(int(part) for part in np.unravel_index(wrong[0], wanted.shape))
    where = ", ".join(map(str, place))
    return f"at [{where}]: {shown(got[place])}, wanted {shown(wanted[place])}{_many(len(wrong), wanted.size, 'item')}"


def _lists(got: Sequence[Any], wanted: Sequence[Any], rules: Strictness) -> str:
    if len(got) != len(wanted):
        return f"{described(got)}, wanted {described(wanted)}"
    if rules.dtypes and type(got) is not type(wanted):
        return f"a {type(got).__name__}, wanted a {type(wanted).__name__}"
    wrong = [i for i, (a, b) in enumerate(zip(got, wanted, strict=True)) if not same_cell(a, b, rules.rtol)]
    if wrong and not rules.row_order and _bags([[got], [wanted]], rules.rtol):
        return ""
    if wrong:
        i = wrong[0]
        return f"item {i}: {shown(got[i])}, wanted {shown(wanted[i])}{_many(len(wrong), len(wanted), 'item')}"
    if rules.dtypes:
        for i, (a, b) in enumerate(zip(got, wanted, strict=True)):
            if _plain_type(a) is not _plain_type(b):
                return f"item {i}: a {type(a).__name__}, wanted a {type(b).__name__}"
    return ""


def _dicts(got: dict[Hashable, Any], wanted: dict[Hashable, Any], rules: Strictness) -> str:
    for key in wanted:
        if key not in got:
            return f"no key {shown(key)}"
    for key in got:
        if key not in wanted:
            return f"a key {shown(key)} that is not wanted"
    for key, value in wanted.items():
        found = difference(got[key], value, rules) if not _nested(value) else ""
        if found or (_nested(value) and not same_cell(got[key], value, rules.rtol)):
            return f"key {shown(key)}: {found or f'{shown(got[key])}, wanted {shown(value)}'}"
    return ""


def _nested(value: Any) -> bool:
    return isinstance(value, list | tuple | dict)


_Compare = Callable[[Any, Any, Strictness], str]
_KINDS: tuple[tuple[Any, _Compare], ...] = (
    (pd.DataFrame, _frames),
    (pd.Series, _series),
    (pd.Index, _indexes),
    ((np.ndarray, pd.api.extensions.ExtensionArray), lambda a, b, rules: _arrays(a, np.asarray(b), rules)),
    ((list, tuple), _lists),
    (dict, _dicts),
)


# -- rows


_Columns = Sequence[tuple[Hashable, pd.Series, pd.Series]]


def _rows(columns: _Columns, got: pd.Index, wanted: pd.Index, rules: Strictness) -> str:
    """Row labels and cells of frames and series of equal shape."""
    labelled = rules.index and (rules.row_order or not counts_rows(wanted))
    if labelled and got.nlevels != wanted.nlevels:
        return _labels(got, wanted, "row", rules)
    if not rules.row_order:
        return _bag_difference(columns, got, wanted, labelled=labelled, rules=rules)
    if labelled:
        found = _labels(got, wanted, "row", rules)
        if found:
            return found
    wrong, total, first = 0, 0, ""
    for label, a, b in columns:
        places = np.flatnonzero(differing(a.array, b.array, rules.rtol))
        if len(places) and not first:
            i = int(places[0])
            column = "" if label is None and len(columns) == 1 else f", column {shown(label)}"
            first = f"row {_place(wanted, i)}{column}: {shown(a.iloc[i])}, wanted {shown(b.iloc[i])}"
        wrong, total = wrong + len(places), total + len(b)
    if first:
        sides = [[a for _, a, _ in columns], [b for _, _, b in columns]]
        shuffled = total <= MOST_CELLS and _bags(sides, rules.rtol)
        note = "; the same rows in another order" if shuffled else _many(wrong, total, "cell")
        return first + note
    return ""


def _bag_difference(columns: _Columns, got: pd.Index, wanted: pd.Index, *, labelled: bool, rules: Strictness) -> str:
    ours, theirs = [a for _, a, _ in columns], [b for _, _, b in columns]
    if labelled:
        ours = [got.get_level_values(i) for i in range(got.nlevels)] + ours
        theirs = [wanted.get_level_values(i) for i in range(wanted.nlevels)] + theirs
    if not ours or _bags([ours, theirs], rules.rtol):
        return ""
    have, want = _sorted_rows(ours, rules.rtol), _sorted_rows(theirs, rules.rtol)
    keys = {key for key, _ in have}
    for key, row in want:
        if key not in keys:
            return f"no row {shown(row)}"
    return "the rows occur in other numbers"


def _bags(sides: Sequence[Sequence[Any]], rtol: float) -> bool:
    """Whether two lists of columns hold the same rows, whatever their order."""
    have, want = (_sorted_rows(side, rtol) for side in sides)
    return len(have) == len(want) and all(same_cell(a, b, rtol) for (_, a), (_, b) in zip(have, want, strict=True))


def _sorted_rows(columns: Sequence[Any], rtol: float) -> list[tuple[Any, tuple[Any, ...]]]:
    """Rows with keys that are equal for equal rows, sorted by them."""
    digits = max(1, min(17, round(-math.log10(rtol)) + 1)) if rtol > 0 else 17
    cells = [column.tolist() if hasattr(column, "tolist") else list(column) for column in columns]
    keyed = [(tuple(_order_key(cell, digits) for cell in row), row) for row in zip(*cells, strict=True)]
    # Rounded keys first, so that noise in one column does not decide over the others; then the exact cells.
    return sorted(keyed, key=lambda pair: (pair[0], tuple(_order_key(cell, 17) for cell in pair[1])))


def _order_key(cell: Any, digits: int) -> tuple[int, Any]:
    if missing(cell):
        return (0, "")
    if isinstance(cell, _BOOL):
        return (1, bool(cell))
    if isinstance(cell, _SPAN):
        return (3, pd.Timedelta(cell).value)
    if isinstance(cell, _NUMBER):
        try:
            return (2, float(f"{float(cell):.{digits}g}") + 0.0)
        except OverflowError:  # an integer that no float can hold
            return (2, math.inf if cell > 0 else -math.inf)
    if isinstance(cell, _MOMENT):
        return (4, pd.Timestamp(cell).isoformat())
    return (5, str(cell)) if isinstance(cell, str) else (6, repr(cell))


def counts_rows(index: pd.Index) -> bool:
    """Whether row labels are 0, 1, 2 and so on: they only count."""
    if isinstance(index, pd.MultiIndex) or index.dtype.kind != "i":
        return False
    return bool((index.to_numpy() == np.arange(len(index))).all())


def differing(got: Any, wanted: Any, rtol: float) -> NDArray[np.bool_]:
    """Where the cells of two arrays of one length differ, shape (rows,)."""
    a, b = np.asarray(got), np.asarray(wanted)
    if a.dtype.kind in "iuf" and b.dtype.kind in "iuf":
        if a.dtype.kind != "f" and b.dtype.kind != "f":
            return np.asarray(a != b, dtype=bool)
        with np.errstate(all="ignore"):
            equal: NDArray[np.bool_] = np.isclose(
                a.astype(float), b.astype(float), rtol=rtol, atol=ATOL, equal_nan=True
            )
            return ~equal
    suspects = np.arange(len(b))
    if a.dtype.kind == "M" == b.dtype.kind and got.dtype.kind == wanted.dtype.kind:
        suspects = np.flatnonzero(a != b)
    elif isinstance(getattr(got, "dtype", None), pd.StringDtype) and isinstance(
        getattr(wanted, "dtype", None), pd.StringDtype
    ):
        suspects = np.flatnonzero(a.astype(object) != b.astype(object))
    out = np.zeros(len(b), dtype=bool)
    if len(suspects):
        ours, theirs = _cells(got, a), _cells(wanted, b)
        for i in suspects.tolist():
            out[i] = not same_cell(ours[i], theirs[i], rtol)
    return out


def _cells(values: Any, array: NDArray[Any]) -> Sequence[Any]:
    """Cells as Python objects; moments stay pandas' own."""
    if array.dtype.kind in "mM" and isinstance(values, np.ndarray):
        return list(values)
    return list(values) if not isinstance(values, np.ndarray) else array.tolist()


# -- labels, types, names


def _labels(got: pd.Index, wanted: pd.Index, axis: str, rules: Strictness) -> str:
    """The first difference between the labels of an axis; ``axis`` is ``"row"``, ``"column"`` or ``"label"``."""
    of = {"row": "row labels", "column": "column labels", "label": "labels"}[axis]
    if got.nlevels != wanted.nlevels:
        return f"{of} of {_counted(got.nlevels, 'level')}, wanted {_counted(wanted.nlevels, 'level')}"
    for level in range(wanted.nlevels):
        a, b = got.get_level_values(level), wanted.get_level_values(level)
        wrong = np.flatnonzero(differing(a.array, b.array, rules.rtol))
        if len(wrong):
            i = int(wrong[0])
            sides = [[x.get_level_values(k) for k in range(wanted.nlevels)] for x in (got, wanted)]
            if len(b) <= MOST_CELLS and _bags(sides, rules.rtol):
                return f"{of} in another order: {shown(list(got))}, wanted {shown(list(wanted))}"
            place = f" (level {level})" if wanted.nlevels > 1 else ""
            return f"{of[:-1]} {i}{place}: {shown(a[i])}, wanted {shown(b[i])}{_many(len(wrong), len(b), 'label')}"
    if axis == "row" and rules.names:
        found = _names(got.names, wanted.names, "the row labels", rules)
        if found:
            return found
    if axis == "row" and rules.dtypes:
        return _types([("the row labels", got, wanted)], rules)
    return ""


def _types(pairs: Sequence[tuple[str, Any, Any]], rules: Strictness) -> str:
    if rules.dtypes:
        for what, a, b in pairs:
            for level in range(getattr(b, "nlevels", 1)):
                ours, theirs = (x.get_level_values(level) if isinstance(x, pd.MultiIndex) else x for x in (a, b))
                if ours.dtype != theirs.dtype:
                    return f"{what}: dtype {ours.dtype}, wanted {theirs.dtype}"
    return ""


def _names(got: Sequence[Hashable], wanted: Sequence[Hashable], what: str, rules: Strictness) -> str:
    ours, theirs = list(got), list(wanted)
    if not rules.names or (len(ours) == len(theirs) and same_cell(ours, theirs, 0.0)):
        return ""
    one = len(ours) == len(theirs) == 1
    return f"{what}: name {shown(ours[0] if one else ours)}, wanted {shown(theirs[0] if one else theirs)}"


def _places(got: pd.Index, wanted: pd.Index) -> list[int] | None:
    """Where each wanted label is in ``got``; None when the labels are others. Equal labels keep their order."""
    left: dict[Any, deque[int]] = defaultdict(deque)
    for place, label in enumerate(got):
        left[_label_key(label)].append(place)
    places = []
    for label in wanted:
        found = left[_label_key(label)]
        if not found:
            return None
        places.append(found.popleft())
    return places


def _label_key(label: Any) -> Any:
    return tuple(map(_label_key, label)) if isinstance(label, tuple) else _order_key(label, 17)


def _place(index: pd.Index, i: int) -> str:
    return str(i) if counts_rows(index) else f"{i} ({shown(index[i])})"


def _many(wrong: int, total: int, what: str) -> str:
    return f" ({wrong} of {_counted(total, what)} differ)" if wrong > 1 else ""


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _plain_type(value: Any) -> type:
    return type(value.item()) if isinstance(value, np.generic) else type(value)
