"""Figures of many rows: what an output says of all rows together is guessed, so that a few rows can stand for them.

A mean over 100,000 rows is no mean of a sample, so leaving rows out gives no example of the program that is wanted. But
a table has few usual figures: they are all computed, and one that agrees with the whole output says what the output of
a few rows would be. The search runs on that example, knows nothing of the guess, and what it finds is checked on all
rows. Guessed are figures of

* a column, of all its rows or of those with one value in another column (``df['amount'].mean()``),
* every column (``df.isna().sum()``, ``df.describe()``),
* groups, as a column, several columns, or crossed (``groupby``, ``value_counts``, ``pivot_table``).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlsys4sys.autopandas.problem import Strictness
from mlsys4sys.autopandas.verify import counts_rows, difference, differing, same_cell

FIGURES = ("sum", "mean", "count", "size", "max", "min", "nunique", "median", "std", "var", "first", "last", "share")
"""Figures of a group's cells; ``share`` is its part of all rows."""
QUICK = ("size", "sum", "mean", "max", "min")
"""Those that are tried on a part of the rows."""

MOST_KEYS = 200
"""A column with more different cells has no few large groups."""
MOST_GROUPS = 60
"""Of more groups some are left out."""
LEAST_ROWS = 3
"""Rows that a group has on average; a sample of all rows of some groups does for smaller ones."""
MOST_ROWS = 160
"""Rows of a sample, but for one of each group."""
SAMPLES = 3
"""Examples where the output is one figure, that many programs give by chance."""
MOST_READINGS = 3
"""Guesses about one output that are followed."""

Positions = NDArray[np.int64]
Reading = Callable[[pd.DataFrame], Any]
"""What the output would be for other rows of the table."""


@dataclass(frozen=True, eq=False)
class Reduced:
    """A few rows of a table and the output for them, if the guess is right; of one figure several such examples."""

    examples: tuple[tuple[Positions, Any], ...]


def reduced(given: pd.DataFrame, output: Any, strictness: Strictness | None = None) -> Iterator[Reduced]:
    """Small examples of programs that say something of all rows of a table.

    Args:
        given: The table, of many rows.
        output: What is wanted for it: a scalar, series, frame, dictionary or list.
        strictness: What must agree between a guess and the output.
    """
    if not given.columns.is_unique or not len(given) or not np.size(output):
        return
    followed = 0
    for reading, groups in _readings(given, output):
        try:
            found = reading(given)
        except (TypeError, ValueError, KeyError):  # no such figure of such cells
            continue
        if difference(found, output, strictness):
            continue
        samples = [_sampled(groups, seed) for seed in range(SAMPLES if np.ndim(output) == 0 else 1)]
        yield Reduced(tuple((rows, reading(given.iloc[rows])) for rows in samples))
        followed += 1
        if followed == MOST_READINGS:
            return


def _readings(given: pd.DataFrame, output: Any) -> Iterator[tuple[Reading, Positions]]:
    """Guesses, each with the group of each row whose rows a sample must not lose."""
    alone = np.zeros(len(given), dtype=np.int64)
    if isinstance(output, pd.DataFrame | pd.Series):
        yield from ((reading, alone) for reading in _of_columns(given, output))
        yield from _of_groups(given, output)
    elif isinstance(output, dict) and output and not any(isinstance(cell, list | dict) for cell in output.values()):
        for reading, groups in _readings(given, pd.Series(output)):
            yield partial(_as_dict, reading), groups
    elif isinstance(output, list | np.ndarray | pd.Index | pd.api.extensions.ExtensionArray):
        yield from _of_values(given, output)
    elif not isinstance(output, dict):
        yield from _of_one(given, output)


def _as_dict(reading: Reading, given: pd.DataFrame) -> Any:
    return reading(given).to_dict()


# -- one figure


def _figure(cells: pd.Series, name: str) -> Any:
    """One figure of a column."""
    if name == "size":
        return len(cells)
    if name == "missing":
        return cells.isna().sum()
    if name in ("first", "last"):
        return cells.iloc[0 if name == "first" else -1]
    return getattr(cells, name)()


def _of_one(given: pd.DataFrame, wanted: Any) -> Iterator[tuple[Reading, Positions]]:
    alone = np.zeros(len(given), dtype=np.int64)
    for label in given.columns:
        for name in (*FIGURES[:-1], "missing"):
            if _agrees(given[label], name, wanted):
                yield partial(_of_column, label=label, name=name), alone
    if isinstance(wanted, int | np.integer) and not isinstance(wanted, bool) and 0 < wanted < len(given):
        yield from _of_counts(given, int(wanted))
    for key, codes, distinct in _keys(given):
        for label in given.columns:
            for name in QUICK:
                if label == key or (name == "size" and label != given.columns[0]):
                    continue
                found = _grouped(given[label], codes, name)
                for at in [] if found is None else _where(found, wanted):
                    yield partial(_of_part, key=key, value=distinct[at], label=label, name=name), codes


def _of_counts(given: pd.DataFrame, wanted: int) -> Iterator[tuple[Reading, Positions]]:
    """Counts of the cells of a column of numbers above or below a round one."""
    for label in given.columns:
        if given[label].dtype.kind not in "iuf":
            continue
        values = given[label].to_numpy(dtype=np.float64)
        cells = np.sort(values[~np.isnan(values)])
        if given[label].dtype.kind != "f" and len(np.unique(cells)) > MOST_KEYS:
            continue  # numbers of rows: there is a bound for each count
        for above, at in ((True, len(cells) - wanted), (False, wanted)):
            if 0 < at < len(cells) and cells[at - 1] < cells[at]:
                least, most = float(cells[at - 1]), float(cells[at])
                if given[label].dtype.kind != "f" or np.ceil(least) <= most:
                    near = np.select([values == least, values == most], [2, 3], (values > least).astype(np.int64))
                    yield partial(_of_side, label=label, bound=most if above else least, above=above), near


def _of_side(frame: pd.DataFrame, label: Hashable, bound: float, above: bool) -> Any:
    cells = frame[label]
    return (cells >= bound).sum() if above else (cells <= bound).sum()


def _of_column(frame: pd.DataFrame, label: Hashable, name: str) -> Any:
    return _figure(frame[label], name)


def _of_part(frame: pd.DataFrame, key: Hashable, value: Any, label: Hashable, name: str) -> Any:
    return _figure(frame.loc[frame[key] == value, label], name)


def _agrees(cells: pd.Series, name: str, wanted: Any) -> bool:
    try:
        return same_cell(_figure(cells, name), wanted, 1e-9)
    except TypeError:  # texts have no mean
        return False


def _grouped(cells: pd.Series, codes: Positions, name: str) -> pd.Series | None:
    """A figure of each group, in the order of the groups' codes; None where cells have none."""
    grouped = cells.groupby(codes)
    try:
        found = grouped.size() if name in ("size", "share") else grouped.agg(name)
    except (TypeError, ValueError):
        return None
    return found / len(cells) if name == "share" else found


def _where(found: pd.Series, wanted: Any) -> list[int]:
    return [i for i, cell in enumerate(found.tolist()) if same_cell(cell, wanted, 1e-9)][:2]


def _keys(given: pd.DataFrame) -> Iterator[tuple[Hashable, Positions, Any]]:
    """Columns with few different cells: label, the group of each row (-1 where missing), the cells."""
    for label in given.columns:
        if given[label].dtype.kind not in "fM":
            try:
                codes, distinct = pd.factorize(given[label])
            except TypeError:  # lists in cells
                continue
            if 1 < len(distinct) <= MOST_KEYS:
                yield label, codes, distinct


# -- every column


def _of_columns(given: pd.DataFrame, output: pd.DataFrame | pd.Series) -> Iterator[Reading]:
    """Figures of every column, or of those that the output names."""
    axis = output.columns if isinstance(output, pd.DataFrame) else output.index
    named = [label for label in axis if label in given.columns] if axis.is_unique else []
    if isinstance(output, pd.Series) and output.name in given.columns:
        yield lambda frame: frame[output.name].describe()
    if len(named) < len(axis):
        return
    for columns in [named] if set(named) == set(given.columns) else [named, list(given.columns)]:
        for figure in _WHOLE if isinstance(output, pd.Series) else _CROSSED:
            yield partial(_of_some, columns=columns, figure=figure)
        if isinstance(output, pd.DataFrame) and set(output.index) <= set(FIGURES):
            yield partial(_of_some, columns=columns, figure=lambda frame: frame.agg(list(output.index)))


def _of_some(frame: pd.DataFrame, columns: list[Hashable], figure: Reading) -> Any:
    return figure(frame[columns])


_WHOLE: tuple[Reading, ...] = (
    *(lambda frame, name=name: getattr(frame, name)(numeric_only=True) for name in ("mean", "sum", "max", "min")),
    *(lambda frame, name=name: getattr(frame, name)(numeric_only=True) for name in ("median", "std", "var")),
    lambda frame: frame.sum(),
    lambda frame: frame.max(),
    lambda frame: frame.min(),
    lambda frame: frame.count(),
    lambda frame: frame.nunique(),
    lambda frame: frame.isna().sum(),
    lambda frame: frame.notna().sum(),
    lambda frame: frame.isna().mean(),
    lambda frame: frame.dtypes,
)
_CROSSED: tuple[Reading, ...] = (
    lambda frame: frame.describe(),
    lambda frame: frame.describe().T,
    lambda frame: frame.corr(numeric_only=True),
)


# -- the values of a column


def _of_values(given: pd.DataFrame, output: Any) -> Iterator[tuple[Reading, Positions]]:
    """The different cells of a column, in their order or sorted."""
    wanted = list(output)
    for _, codes, distinct in _keys(given):
        if len(distinct) == len(wanted) and set(distinct) == set(wanted):
            yield lambda _: output, codes  # a sample has a row of each


# -- groups


@dataclass(frozen=True, eq=False)
class _Key:
    """A column, or a part of its dates, that gives each row its group."""

    label: Hashable
    part: str = ""

    def of(self, given: pd.DataFrame) -> pd.Series:
        """The key of each row."""
        return given[self.label] if not self.part else getattr(given[self.label].dt, self.part)


@dataclass(frozen=True, eq=False)
class _Groups:
    """A reading of an output as figures of groups.

    Args:
        output: The output that it explains; its labels and their order are kept.
        keys: What gives the groups, for each of ``places``, and last the key of the columns where they are crossed.
        places: Where the output shows keys: ``("index", i)`` or ``("column", i)``.
        figures: For each other column of the output a column of the table and a figure of it; one where crossed.
        order: Column of ``figures`` by which rows are sorted, and whether downwards; None where keys say it.
        first: Rows that are left, where the output stops early.
    """

    output: pd.DataFrame
    keys: tuple[_Key, ...]
    places: tuple[tuple[str, int], ...]
    figures: tuple[tuple[Hashable, str], ...]
    crossed: bool
    order: tuple[int, bool] | None = None
    first: int | None = None
    appear: bool = False
    filled: bool = False

    def __call__(self, given: pd.DataFrame) -> pd.DataFrame:
        """The output for a table."""
        keys = [key.of(given) for key in self.keys]
        rows = pd.DataFrame({f"k{i}": key.array for i, key in enumerate(keys)})
        names = list(rows.columns)
        long = rows.groupby(names, sort=not self.appear, observed=True).size().rename("n").reset_index()
        codes = _numbered(rows.groupby(names, sort=not self.appear, observed=True))
        for i, (label, name) in enumerate(self.figures):
            made = _grouped(given[label].reset_index(drop=True)[codes >= 0], codes[codes >= 0], name)
            if made is None:
                raise TypeError(f"no {name} of {label}")
            long[f"v{i}"] = made.to_numpy() if name != "share" else made.to_numpy() * (codes >= 0).sum() / len(codes)
        if self.crossed:
            return self._crossed(long, names)
        if self.order is not None:
            long = long.sort_values(f"v{self.order[0]}", ascending=not self.order[1], kind="stable")
        return self._placed(long.head(self.first) if self.first is not None else long)

    def _placed(self, long: pd.DataFrame) -> pd.DataFrame:
        spots = {place: long[f"k{i}"].array for i, place in enumerate(self.places)}
        values = iter(range(len(self.figures)))
        columns = [
            spots[("column", i)] if ("column", i) in spots else long[f"v{next(values)}"].array
            for i in range(self.output.shape[1])
        ]
        made = pd.DataFrame(dict(enumerate(columns)), index=self._index(spots, len(long)))
        made.columns = self.output.columns
        return made

    def _crossed(self, long: pd.DataFrame, names: list[str]) -> pd.DataFrame:
        wide = long.set_index(names)["v0"].unstack(names[-1], fill_value=0 if self.filled else None)
        wanted = [label for i, label in enumerate(self.output.columns) if ("column", i) not in self.places]
        cells = wide[[label for label in wanted if label in wide.columns]]
        spots = {place: wide.index.get_level_values(i).array for i, place in enumerate(self.places)}
        out = pd.DataFrame(cells.to_numpy(), index=self._index(spots, len(wide)), columns=list(cells.columns))
        for i in sorted(i for kind, i in self.places if kind == "column"):
            out.insert(i, self.output.columns[i], spots[("column", i)])
        out.columns = pd.Index(list(out.columns), name=self.output.columns.name)
        return out

    def _index(self, spots: dict[tuple[str, int], Any], rows: int) -> pd.Index:
        levels = [spots[("index", i)] for i in range(self.output.index.nlevels) if ("index", i) in spots]
        names = self.output.index.names
        if not levels:
            return pd.RangeIndex(rows)
        if len(levels) > 1:
            return pd.MultiIndex.from_arrays(levels, names=names)
        return pd.Index(levels[0], name=names[0])


def _of_groups(given: pd.DataFrame, output: pd.DataFrame | pd.Series) -> Iterator[tuple[Reading, Positions]]:
    """Figures of groups, one column a figure, or crossed."""
    if isinstance(output, pd.Series):
        for reading, groups in _of_groups(given, output.to_frame()):
            yield partial(_as_series, reading, output.name), groups
        return
    if not len(output) or not output.shape[1] or isinstance(output.columns, pd.MultiIndex):
        return
    for places, keys in _split(given, output):
        codes = _codes(given, keys)
        if codes.max() >= len(given) // LEAST_ROWS:
            continue
        figures = _matched(given, output, places, keys, codes)
        if figures is not None:
            plain = _Groups(output, keys, places, figures, crossed=False)
            ways: list[dict[str, Any]] = [{}, {"appear": True}]
            first = None if len(output) == codes.max() + 1 else len(output)
            ways += [{"order": (i, down)} for i in range(len(figures)) for down in (True, False)]
            few = _few(codes, _places(given, keys, codes, _keys_shown(output, places)) if first is not None else None)
            for way in ways:
                yield replace(plain, first=first, **way), few
        yield from _over(given, output, places, keys)


def _as_series(reading: Reading, name: Hashable, given: pd.DataFrame) -> pd.Series:
    return reading(given).iloc[:, 0].rename(name)


def _split(given: pd.DataFrame, output: pd.DataFrame) -> Iterator[tuple[tuple[tuple[str, int], ...], tuple[_Key, ...]]]:
    """Ways to see row labels and the first columns of the output as keys of the table."""
    places: list[tuple[str, int]] = []
    if not counts_rows(output.index):
        places += [("index", i) for i in range(output.index.nlevels)]
    fixed = len(places)
    places += [("column", i) for i in range(output.shape[1] - 1)]
    keys: list[_Key] = []
    for at, place in enumerate(places):
        array, name = _shown(output, place)
        key = _key_of(given, array, name)
        if key is None:
            break
        keys.append(key)
        if at + 1 < fixed:
            continue
        if not _keys_shown(output, places[: at + 1]).duplicated().any():
            yield tuple(places[: at + 1]), tuple(keys)
            return


def _shown(output: pd.DataFrame, place: tuple[str, int]) -> tuple[Any, Hashable]:
    kind, i = place
    if kind == "index":
        return output.index.get_level_values(i).array, output.index.names[i]
    return output.iloc[:, i].array, output.columns[i]


def _keys_shown(output: pd.DataFrame, places: Sequence[tuple[str, int]]) -> pd.DataFrame:
    return pd.DataFrame({i: _shown(output, place)[0] for i, place in enumerate(places)})


_PARTS = ("year", "month", "day", "quarter", "day_of_week", "hour", "date")


def _key_of(given: pd.DataFrame, shown: Any, name: Hashable) -> _Key | None:
    """The column that gives these keys, of the same name if there is one."""
    try:
        wanted = set(shown)
    except TypeError:
        return None
    if not wanted or len(wanted) > MOST_KEYS:
        return None
    for label in sorted(given.columns, key=lambda label: label != name):
        column = given[label]
        if column.dtype.kind == "M":
            parts = [_Key(label, part) for part in _PARTS]
            match = next((key for key in parts if wanted <= set(key.of(given).unique())), None)
            if match is not None:
                return match
        elif column.dtype.kind != "f":
            try:
                if wanted <= set(column.unique()):
                    return _Key(label)
            except TypeError:
                continue
    return None


def _codes(given: pd.DataFrame, keys: Sequence[_Key]) -> Positions:
    """The group of each row, -1 where a key is missing."""
    columns = pd.DataFrame({i: key.of(given).array for i, key in enumerate(keys)})
    return _numbered(columns.groupby(list(columns.columns), observed=True))


def _numbered(grouped: Any) -> Positions:
    return grouped.ngroup().fillna(-1).to_numpy(dtype=np.int64)  # type: ignore[no-any-return]


def _matched(
    given: pd.DataFrame,
    output: pd.DataFrame,
    places: Sequence[tuple[str, int]],
    keys: Sequence[_Key],
    codes: Positions,
) -> tuple[tuple[Hashable, str], ...] | None:
    """For each column that shows no key, a figure that it is; None if one is none."""
    order = _places(given, keys, codes, _keys_shown(output, places))
    if order is None:
        return None
    used = [i for kind, i in places if kind == "column"]
    found = []
    for i in range(output.shape[1]):
        if i not in used:
            figure = _figure_of(given, codes, order, output.iloc[:, i].array, output.columns[i])
            if figure is None:
                return None
            found.append(figure)
    return tuple(found)


def _places(given: pd.DataFrame, keys: Sequence[_Key], codes: Positions, shown: pd.DataFrame) -> Positions | None:
    """For each row of the output its group's number; None if some row shows no group."""
    first = np.unique(codes, return_index=True)
    table = pd.DataFrame({i: key.of(given).array.take(first[1]) for i, key in enumerate(keys)}).assign(code=first[0])
    table = table[table["code"] >= 0]
    try:
        joined = shown.merge(table, how="left", on=list(range(len(keys))))["code"]
    except ValueError:  # cells of types that do not compare
        return None
    return None if joined.isna().any() or len(joined) != len(shown) else joined.to_numpy(dtype=np.int64)


def _figure_of(
    given: pd.DataFrame, codes: Positions, order: Positions, cells: Any, name: Hashable
) -> tuple[Hashable, str] | None:
    """A figure that all these cells are; columns and figures that the label names come first."""
    word = str(name)
    labels = sorted(given.columns, key=lambda label: (label != name, str(label) not in word))
    figures = sorted(FIGURES, key=lambda figure: figure not in word)
    known = codes >= 0
    for label in labels:
        column = given[label]
        for figure in figures:
            if figure in ("size", "share") and label != labels[0]:
                continue
            made = _grouped(column[known], codes[known], figure)
            if made is None or not same_cell(made.iloc[order[0]], cells[0], 1e-9):
                continue
            if not differing(made.array.take(order), cells, 1e-9).any():
                return label, figure
    return None


def _over(
    given: pd.DataFrame, output: pd.DataFrame, places: tuple[tuple[str, int], ...], keys: tuple[_Key, ...]
) -> Iterator[tuple[Reading, Positions]]:
    """Groups crossed with those that the column labels name."""
    used = [i for kind, i in places if kind == "column"]
    labels = [label for i, label in enumerate(output.columns) if i not in used]
    across = _key_of(given, labels, output.columns.name)
    if across is None or len(labels) < 2:
        return
    both = (*keys, across)
    codes = _codes(given, both)
    if codes.max() >= len(given) // LEAST_ROWS:
        return
    for label in [None, *given.columns]:
        for figure in ("size",) if label is None else FIGURES[:-1]:
            if label is not None and (figure == "size" or given[label].dtype.kind not in "biuf"):
                continue
            column = given.columns[0] if label is None else label
            made = _grouped(given.loc[codes >= 0, column], codes[codes >= 0], figure)
            cell = output.iloc[0, next(i for i in range(output.shape[1]) if i not in used)]
            if made is not None and (pd.isna(cell) or _where(made, cell)):
                plain = _Groups(output, both, places, ((column, figure),), crossed=True)
                yield plain, codes
                yield replace(plain, filled=True), codes


# -- a few rows


def _few(codes: Positions, shown: Positions | None) -> Positions:
    """The groups of rows where there are few; of many those that the output shows, and some others; -2 for the rest."""
    many = int(codes.max()) + 1
    if many <= MOST_GROUPS:
        return codes
    some = np.linspace(0, many - 1, 12).astype(np.int64)
    kept = some if shown is None else np.union1d(shown[:MOST_GROUPS], some)
    return np.where(np.isin(codes, kept) | (codes == -1), codes, -2)


def _sampled(groups: Positions, seed: int) -> Positions:
    """Rows of every group, or of some: the first of each, and of large groups more than of small ones."""
    present, starts, sizes = np.unique(groups, return_index=True, return_counts=True)
    present, starts, sizes = present[present >= -1], starts[present >= -1], sizes[present >= -1]
    many = len(present)
    chosen = [starts]
    each = max(1, min(MOST_ROWS // many, 60))
    rank = np.argsort(np.argsort(sizes, kind="stable"), kind="stable")
    rng = np.random.default_rng(seed)
    for code, place, size in zip(present.tolist(), rank.tolist(), sizes.tolist(), strict=True):
        extra = max(1, each // 2) + round(each * place / many) + 5 * seed
        mine = np.flatnonzero(groups == code)
        chosen.append(mine[np.sort(rng.permutation(size)[: min(extra, size)])])
    return np.unique(np.concatenate(chosen)).astype(np.int64)
