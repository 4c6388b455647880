"""Large tables: programs are searched on a few rows that belong together, and verified on all.

A reduced example is only of use if the program that is wanted gives the reduced output for the reduced inputs. Two ways
of leaving rows out have that property for large families of programs, and both are tried:

* *rows*: where the output's rows are rows of an input (filters, new columns, sorting), some input rows stay, with the
  output rows that come from them. The first rows stay in one piece, since a program may look at the row before; of each
  column the extremes stay, among rows that are kept and those that are not, since they decide thresholds.
* *keys*: where the output has a column or row label of keys (groups, pivots, joins), some keys stay in all tables.

A program that is right on the reduced example and wrong on all rows shows rows that were missed; they join the sample.
Figures of all rows or of a few large groups have no sample with the same output; :mod:`figures` makes one. What no
sample answers is searched on the full tables, where these are not too large for that.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlsys4sys.autopandas import figures
from mlsys4sys.autopandas.problem import Example, Task
from mlsys4sys.autopandas.solution import Miss, Program, Result, outcome
from mlsys4sys.autopandas.verify import check, counts_rows, difference, differing, same_cell

LARGE_ROWS = 1_000
"""Longer tables are sampled."""
LARGE_CELLS = 20_000

PREFIX = 16
"""First rows that stay in one piece."""
MOST_ROWS = 160
"""Rows of a sample, but for those that a wrong program shows to be missing."""
MOST_DECIDING = 5
"""Columns of a wide table that a filter is searched on first."""
GROUP_ROWS = 60
"""Rows of a sample of keys, where groups are small enough."""
MOST_GROUP_ROWS = 3_000
"""A sample of keys with more rows is not worth it."""
ROUNDS = 5
"""How often rows that were missed join a sample."""
SHARE = 0.3
"""Of the time left that a search on a sample may take."""
MOST_CELLS = 300_000
"""Larger tables are not searched on all rows: a single step would take seconds."""
MOST_BYTES = 2e9
"""A program that would take more on all rows is not run on them."""
GROWING = (500, 2_000)
"""Rows on which it is seen how a program's memory grows."""
MOST_FIGURES = 2_000
"""An output with more rows does not hold figures of a few groups."""

Positions = NDArray[np.int64]
Solve = Callable[[Task, float], Result]


def large(task: Task) -> bool:
    """Whether a table of the task is so long that searching on all its rows would be slow."""
    return any(_large(value) for example in task.examples for value in (*example.inputs, example.output))


def solved(task: Task, solve: Solve, budget_s: float) -> Result:
    """Programs found on samples and verified on all rows; searched on all rows where samples do not help.

    Args:
        task: A task with large tables.
        solve: Task and seconds → result; works on the task as it is.
        budget_s: Seconds for all of it.
    """
    started = time.monotonic()
    tried, first_s = 0, None
    near: Program | None = None
    for strategy in _strategies(task):
        for _ in range(ROUNDS):
            left = budget_s - (time.monotonic() - started)
            if left < 0.2:
                break
            small = strategy.task()
            if small is None or _cells(small) > MOST_CELLS:
                break
            found = solve(small, max(0.2, SHARE * left))
            tried += found.tried
            near = near or (found.programs[0] if found else None)
            first_s = first_s or (time.monotonic() - started if found else None)
            right = tuple(p for p in found.programs if _bounded(p, task) and check(p.code, task))
            if right or found.stopped == "interrupted":
                return _widened(found, task, right, tried=tried, seconds=time.monotonic() - started, first_s=first_s)
            if not found or not strategy.learn(found.programs):
                break
    left = max(0.2, budget_s - (time.monotonic() - started))
    if _cells(task) <= MOST_CELLS:
        result = solve(task, left)
    else:
        result = Result(task=task, stopped="too large", miss=_miss(near, task))
    return replace(result, tried=tried + result.tried, seconds=time.monotonic() - started)


def _bounded(item: Program, task: Task) -> bool:
    """Whether a program would stay within memory on all rows: a table joined with itself may not."""
    inputs = task.examples[0].inputs
    rows = max((len(value) for value in inputs if isinstance(value, pd.DataFrame | pd.Series)), default=0)
    if rows <= GROWING[1]:
        return True
    few, more = (_peak(item, [_first(value, count) for value in inputs]) for count in GROWING)
    power = max(1.0, float(np.log(more / few) / np.log(GROWING[1] / GROWING[0])))
    return bool(more * (rows / GROWING[1]) ** power < MOST_BYTES)


def _first(value: Any, rows: int) -> Any:
    return value.head(rows) if isinstance(value, pd.DataFrame | pd.Series) else value


def _peak(item: Program, inputs: Sequence[Any]) -> int:
    """Bytes that a program takes at most."""
    tracemalloc.start()
    try:
        outcome(item, inputs)
        return max(tracemalloc.get_traced_memory()[1], 1)
    finally:
        tracemalloc.stop()


def _miss(near: Program | None, task: Task) -> Miss | None:
    """Where a program that holds on a sample is wrong on all rows."""
    if near is None:
        return None
    got = outcome(near, task.examples[0].inputs)
    return Miss(program=near, difference=difference(got, task.examples[0].output, task.strictness))


def _widened(found: Result, task: Task, right: tuple[Program, ...], **figures: Any) -> Result:
    """The sample's result as one of the whole task: the programs that hold on all rows."""
    total = sum(p.score for p in right)
    scored = tuple(replace(p, score=p.score / total if total else p.score) for p in right)
    doubt = found.ambiguity
    if doubt is not None and not {doubt.a.code, doubt.b.code} <= {p.code for p in right}:
        doubt = None
    return replace(found, task=task, programs=scored, ambiguity=doubt, **figures)


def _large(value: Any) -> bool:
    if isinstance(value, pd.DataFrame):
        return len(value) > LARGE_ROWS or value.size > LARGE_CELLS
    return isinstance(value, pd.Series | pd.Index) and len(value) > LARGE_ROWS


def _cells(task: Task) -> int:
    tables = (v for e in task.examples for v in e.inputs if isinstance(v, pd.DataFrame | pd.Series | pd.Index))
    return sum(int(table.size) for table in tables)


def _strategies(task: Task) -> Iterator[_Rows | _Keys | _Figures | _Narrow]:
    if len(task.examples) != 1:
        return
    example = task.examples[0]
    main = max(
        (i for i, value in enumerate(example.inputs) if isinstance(value, pd.DataFrame | pd.Series)),
        key=lambda i: len(example.inputs[i]),
        default=None,
    )
    if main is None:
        return
    if not isinstance(example.output, pd.DataFrame | pd.Series):
        yield _Figures(task, main)
        yield _Narrow(task)
        return
    if len(example.output) <= MOST_FIGURES:
        yield _Figures(task, main)
    keys = _keys(example)
    singled = [key for key in keys if key.singles]
    yield from (_Keys(task, key) for key in singled[:1])
    links = linked(example.inputs[main], example.output)
    if links is not None:
        columns = _deciding(example.inputs[main], example.output, links)
        if columns is not None:
            yield _Rows(task, main, links, columns)
        yield _Rows(task, main, links)
    yield from (_Keys(task, key) for key in keys[:3] if key not in singled[:1])
    yield _Narrow(task)


# -- rows


class _Rows:
    """A sample of the rows of one input, with the output rows that come from them."""

    def __init__(self, task: Task, main: int, links: Positions, columns: Sequence[Hashable] | None = None) -> None:
        self.task_all, self.main, self.links, self.columns = task, main, links, columns
        example = task.examples[0]
        given = example.inputs[main] if columns is None else example.inputs[main][list(columns)]
        self.chosen: set[int] = set(_telling(given, example.output, links).tolist())

    def task(self) -> Task | None:
        """The reduced task; None where nothing could be left out."""
        example = self.task_all.examples[0]
        rows = np.array(sorted(self.chosen), dtype=np.int64)
        if len(rows) > 4 * MOST_ROWS:
            return None
        known = [None] * len(example.inputs)
        known[self.main] = _taken(example.inputs[self.main], rows)
        inputs = _followed(example.inputs, known)
        if inputs is None:
            return None
        stay = np.flatnonzero(np.isin(self.links, rows))
        output = _taken(example.output, stay)
        if self.columns is not None:
            cut = list(inputs)
            cut[self.main] = cut[self.main][list(self.columns)]
            inputs = tuple(cut)
            output = output[[label for label in output.columns if label in self.columns]]
        if counts_rows(example.inputs[self.main].index) and _flows(example.output.index, self.links):
            output.index = pd.Index(np.searchsorted(rows, self.links[stay]), name=output.index.name)
        return replace(self.task_all, examples=(Example(inputs=inputs, output=output),))

    def learn(self, programs: Sequence[Program]) -> bool:
        """Add rows on which the programs are wrong; whether there were any."""
        before = len(self.chosen)
        for item in programs[:3]:
            self.chosen.update(self._missed(item).tolist())
        return len(self.chosen) > before

    def _missed(self, item: Program) -> Positions:
        example = self.task_all.examples[0]
        got = outcome(item, example.inputs)
        none = np.empty(0, dtype=np.int64)
        if type(got) is not type(example.output):
            return none
        links = linked(example.inputs[self.main], got)
        if links is None:
            return none
        wrong = np.setxor1d(links, self.links)
        if not len(wrong) and got.shape == example.output.shape and (links == self.links).all():
            wrong = self.links[_wrong_rows(got, example.output, self.task_all.strictness.rtol)]
        return _spread(wrong, 12)


def _deciding(given: Any, made: Any, links: Positions) -> list[Hashable] | None:
    """Where rows of a wide table are filtered: the columns that tell most about which; None where that is not so.

    A condition on few of twenty columns is found much sooner among those that tell kept rows from dropped ones. The
    program is checked on all columns in the end, as on all rows.
    """
    both_frames = isinstance(given, pd.DataFrame) and isinstance(made, pd.DataFrame)
    if not both_frames or given.shape[1] <= MOST_DECIDING + 2 or not given.columns.is_unique:
        return None
    if len(np.unique(links)) != len(links) or len(links) == len(given) or not set(made.columns) <= set(given.columns):
        return None
    shown = [] if set(made.columns) == set(given.columns) else list(made.columns)
    if len(shown) > MOST_DECIDING:
        return None
    kept = np.zeros(len(given), dtype=bool)
    kept[links] = True
    gains = {label: _gain(array, kept) for label, array in _columns(given).items()}
    best = sorted(gains, key=lambda label: -gains[label])[:MOST_DECIDING]
    chosen = {*(label for label in best if gains[label] > 0.05 * gains[best[0]]), *shown, best[0], best[1]}
    return [label for label in given.columns if label in chosen]


def _gain(array: Any, kept: Any) -> float:
    """Bits that a column, cut into twenty parts, tells about which rows are kept."""
    values = np.asarray(array)
    if values.dtype.kind in "iufM":
        numbers = values.astype(np.float64) if values.dtype.kind != "M" else values.astype(np.int64).astype(np.float64)
        edges = np.nanquantile(numbers, np.linspace(0, 1, 21)[1:-1]) if np.isfinite(numbers).any() else np.zeros(1)
        codes = np.where(np.isnan(numbers), 0, np.searchsorted(np.unique(edges), numbers) + 1)
    else:
        codes, distinct = pd.factorize(_hashed(array))
        if len(distinct) > 200:
            codes = np.asarray(pd.isna(array)).astype(np.int64)
    sizes = np.bincount(codes)
    inside = np.bincount(codes, weights=kept)
    return float(_entropy(kept.mean())) - float((sizes * _entropy(inside / np.maximum(sizes, 1))).sum() / len(kept))


def _entropy(share: Any) -> Any:
    with np.errstate(all="ignore"):
        bits = -share * np.log2(share) - (1 - share) * np.log2(1 - share)
    return np.nan_to_num(bits)


def _flows(index: pd.Index, links: Positions) -> bool:
    """Whether the output's row labels are those of the rows that it comes from, where these only count."""
    return index.nlevels == 1 and index.dtype.kind == "i" and bool((index.to_numpy() == links).all())


def _are_rows(index: pd.Index, rows: Positions) -> bool:
    """Whether row labels are numbers of these rows of an input, and do not just count."""
    plain = index.nlevels == 1 and index.dtype.kind == "i" and index.name is None and not counts_rows(index)
    return plain and bool(np.isin(index.to_numpy(), rows).all())


def linked(given: Any, made: Any) -> Positions | None:
    """For each row of the output the row of the input that it comes from, shape (output rows,); None if unknown."""
    if not isinstance(given, pd.DataFrame | pd.Series) or not isinstance(made, pd.DataFrame | pd.Series):
        return None
    left, right = dict(_named(given)), dict(_named(made))
    common = [label for label in right if label in left]
    if len(made) == len(given):
        same = np.arange(len(given))
        if counts_rows(made.index) == counts_rows(given.index) and _agree(left, right, common, same):
            return same
    if not counts_rows(made.index) and given.index.nlevels == made.index.nlevels and given.index.is_unique:
        places = given.index.get_indexer(made.index)
        if (places >= 0).all() and made.index.is_unique and _agree(left, right, common, places):
            return np.asarray(places, dtype=np.int64)
    found = _by_content(left, right, common)
    in_place = counts_rows(made.index) and counts_rows(given.index)
    if found is None and in_place and (len(made) == len(given) or len(made) <= PREFIX):
        return np.arange(len(made))  # rows where they were, their cells all changed
    return found


def _agree(left: dict[Hashable, Any], right: dict[Hashable, Any], common: Sequence[Hashable], places: Any) -> bool:
    """Whether some column shows that rows belong together, or there is no column to judge by."""
    if not common:
        return True
    return any(not differing(left[c].take(places), right[c], 0.0).any() for c in common)


def _by_content(left: dict[Hashable, Any], right: dict[Hashable, Any], common: Sequence[Hashable]) -> Positions | None:
    """Rows matched by the cells of the columns that both have; equal rows in their order."""
    hashes = {c: (_hashed(left[c]), _hashed(right[c])) for c in common}
    kept = [c for c, (a, b) in hashes.items() if np.isin(b, a).all()]
    if not kept:
        return None
    ours, theirs = (_mixed([hashes[c][side] for c in kept]) for side in (0, 1))
    if not np.isin(theirs, ours).all() or len(np.unique(ours)) < 0.5 * len(ours):
        return None
    given = pd.DataFrame({"key": ours, "nth": pd.Series(ours).groupby(ours).cumcount(), "row": np.arange(len(ours))})
    made = pd.DataFrame({"key": theirs, "nth": pd.Series(theirs).groupby(theirs).cumcount()})
    rows = made.merge(given, on=["key", "nth"], how="left")["row"]
    return None if rows.isna().any() else rows.to_numpy(dtype=np.int64)


def _telling(given: Any, made: Any, links: Positions) -> Positions:
    """Rows of the input that say most about the program."""
    kept = np.zeros(len(given), dtype=bool)
    kept[links] = True
    chosen = [np.arange(min(PREFIX, len(given)))]
    if len(links) <= 40:
        chosen.append(links)
    sides = [np.flatnonzero(kept), np.flatnonzero(~kept)]
    sides += [links[rows] for rows in _classes(given, made)]
    chosen += [_spread(rows, 6) for rows in sides]
    for side in sides:
        for array in _columns(given).values():
            if sum(map(len, chosen)) > 3 * MOST_ROWS:
                break
            chosen.append(_extremes(array, side))
    return np.unique(np.concatenate(chosen))


def _classes(given: Any, made: Any) -> list[Positions]:
    """Output rows by the cells of new columns that have few different ones: labels, flags."""
    known = _columns(given)
    out = []
    for label, array in _columns(made).items():
        if label not in known:
            codes, distinct = pd.factorize(array, use_na_sentinel=False)
            if 1 < len(distinct) <= 6:
                out += [np.flatnonzero(codes == code) for code in range(len(distinct))]
    return out[:12]


def _extremes(array: Any, rows: Positions) -> Positions:
    """The rows of least and greatest cells, and one with a missing cell; of texts, one row for each of a few."""
    if not len(rows):
        return rows
    cells = array.take(rows)
    gaps = np.asarray(pd.isna(cells))
    found = [rows[np.flatnonzero(gaps)[:1]]]
    if getattr(cells.dtype, "kind", "O") in "iufM":
        present = np.flatnonzero(~gaps)
        if len(present):
            order = np.asarray(cells.take(present)).astype(np.float64 if cells.dtype.kind != "M" else np.int64)
            found.append(rows[present[[int(order.argmin()), int(order.argmax())]]])
    else:
        try:
            codes, distinct = pd.factorize(cells)
        except TypeError:
            return found[0]
        if len(distinct) <= 8:
            found.append(rows[[int(np.argmax(codes == code)) for code in range(len(distinct))]])
    return np.concatenate(found)


def _wrong_rows(got: Any, wanted: Any, rtol: float) -> Positions:
    ours, theirs = list(_columns(got).values()), list(_columns(wanted).values())
    if len(ours) != len(theirs):
        return np.empty(0, dtype=np.int64)
    wrong = np.zeros(len(wanted), dtype=bool)
    for a, b in zip(ours, theirs, strict=True):
        wrong |= differing(a, b, rtol)
    return np.flatnonzero(wrong)


# -- keys


@dataclass(frozen=True, eq=False)
class _Key:
    """A key that runs through the tables: for each, its cells as texts that compare equal; None where it has none."""

    inputs: tuple[Any, ...]
    output: Any

    @cached_property
    def singles(self) -> bool:
        """Whether the output has one row for each key, and an input several: one row of each group, or a figure."""
        distinct = np.unique(self.output)
        if len(distinct) < len(self.output):
            return False
        several = [keys for keys in self.inputs if keys is not None and len(np.unique(keys)) < len(keys)]
        return any(len(np.unique(keys)) == len(distinct) for keys in several)


class _Keys:
    """A sample of the values of a key, in all tables that have it."""

    def __init__(self, task: Task, key: _Key) -> None:
        self.task_all, self.key = task, key
        self.turn = 0

    def task(self) -> Task | None:
        """The reduced task; None where groups are too large to leave much out."""
        example = self.task_all.examples[0]
        chosen = self._chosen()
        if chosen is None:
            return None
        rows = [None if keys is None else np.flatnonzero(np.isin(keys, chosen)) for keys in self.key.inputs]
        known = [None if r is None else _taken(value, r) for value, r in zip(example.inputs, rows, strict=True)]
        inputs = _followed(example.inputs, known)
        if inputs is None:
            return None
        output = _taken(example.output, np.flatnonzero(np.isin(self.key.output, chosen)))
        for value, stay in zip(example.inputs, rows, strict=True):
            if stay is not None and counts_rows(value.index) and _are_rows(output.index, stay):
                output.index = pd.Index(np.searchsorted(stay, output.index))
                break
        if any(_large(value) for value in inputs) and sum(_rows(v) for v in inputs) > MOST_GROUP_ROWS:
            return None
        return replace(self.task_all, examples=(Example(inputs=inputs, output=output),))

    def learn(self, programs: Sequence[Program]) -> bool:  # noqa: ARG002 - keys are not learned from a program
        """Take other keys next time, once."""
        self.turn += 1
        return self.turn < 2

    def _chosen(self) -> Any:
        all_keys = np.concatenate([keys for keys in self.key.inputs if keys is not None])
        keys, counts = np.unique(all_keys, return_counts=True)
        in_output = np.isin(keys, self.key.output)
        order = np.argsort(np.abs(counts - 4) + 0.001 * ((np.arange(len(keys)) * 7919 + self.turn * 31) % 997))
        picked: list[int] = []
        rows = 0
        if in_output.sum() <= 10 and not in_output.all():  # the first few groups alone: keep them all
            picked = np.flatnonzero(in_output).tolist()
            rows = int(counts[picked].sum())
        # Keys that the output lacks, and those that only some table has, say how tables were joined or filtered.
        special = [i for i in order.tolist() if not in_output[i]][:2]
        for table in self.key.inputs:
            if table is not None:
                lacking = ~np.isin(keys, table)
                special += [i for i in order.tolist() if lacking[i]][:2]
        for i in [*special, *order.tolist()]:
            if i in picked:
                continue
            if len(picked) >= 3 and rows + counts[i] > GROUP_ROWS:
                break
            picked.append(i)
            rows += int(counts[i])
        if rows > MOST_GROUP_ROWS:
            return None
        return self._covering(keys, counts, picked, order)

    def _covering(self, keys: Any, counts: Any, picked: list[int], order: Positions) -> Any:
        """The picked keys, and more until every column of the output has a cell: pivots lose columns else."""
        chosen = set(picked)
        output = self.task_all.examples[0].output
        if isinstance(output, pd.DataFrame):
            for column in range(min(output.shape[1], 50)):
                present = np.asarray(output.iloc[:, column].notna())
                here = np.isin(self.key.output, keys[sorted(chosen)])
                if present.any() and not (present & here).any():
                    able = np.isin(keys, self.key.output[present])
                    more = [i for i in order.tolist() if able[i]][:1]
                    if sum(counts[j] for j in chosen) + sum(counts[j] for j in more) <= MOST_GROUP_ROWS:
                        chosen.update(more)
        return keys[sorted(chosen)]


class _Figures:
    """A few rows of a table, and the output that they have if a guess of what it shows of all rows is right."""

    def __init__(self, task: Task, main: int) -> None:
        self.task_all, self.main = task, main
        example = task.examples[0]
        value = example.inputs[main]
        frame = value.to_frame() if isinstance(value, pd.Series) else value
        self.guesses = figures.reduced(frame, example.output, task.strictness)

    def task(self) -> Task | None:
        """The reduced task of the next guess; None where there is none, or another table is large."""
        example = self.task_all.examples[0]
        guess = next(self.guesses, None)
        if guess is None:
            return None
        made = []
        for rows, output in guess.examples:
            known = [None] * len(example.inputs)
            known[self.main] = _taken(example.inputs[self.main], rows)
            inputs = _followed(example.inputs, known)
            if inputs is None:
                return None
            made.append(Example(inputs=inputs, output=output))
        return replace(self.task_all, examples=tuple(made))

    def learn(self, programs: Sequence[Program]) -> bool:  # noqa: ARG002 - the next guess is taken
        """There may be another guess."""
        return True


class _Narrow:
    """All rows, and of each table the columns that the output names: for a few large groups."""

    def __init__(self, task: Task) -> None:
        self.task_all = task

    def task(self) -> Task | None:
        """The reduced task; None where no column can be left out."""
        example = self.task_all.examples[0]
        if isinstance(example.output, pd.DataFrame | pd.Series):
            words = _words(example.output)
            inputs = tuple(_named_columns(value, words) for value in example.inputs)
        else:
            inputs = tuple(_reducing_columns(value, example.output) for value in example.inputs)
        if all(a is b for a, b in zip(inputs, example.inputs, strict=True)):
            return None
        # The full tables come second: a program over all columns passes the first and is not taken for an answer.
        return replace(self.task_all, examples=(Example(inputs=inputs, output=example.output), example))

    def learn(self, programs: Sequence[Program]) -> bool:  # noqa: ARG002 - one narrow task is all there is
        """There is no other."""
        return False


def _words(made: Any) -> set[Hashable]:
    """Names in sight: labels and names of both axes, the parts of labels, and short lists of row labels."""
    axes = [made.index] if len(made) <= 200 else []
    labels = [*made.columns, *made.columns.names] if isinstance(made, pd.DataFrame) else [made.name]
    labels += [*made.index.names, *(label for axis in axes for label in axis)]
    found: set[Hashable] = set()
    for label in labels:
        found.update(label if isinstance(label, tuple) else (label,))
    return found - {None}


def _named_columns(value: Any, words: set[Hashable]) -> Any:
    """A frame's columns that are named, or whose cells are labels of the output; the frame itself if none or all."""
    if not isinstance(value, pd.DataFrame) or not value.columns.is_unique:
        return value
    texts = [word for word in words if isinstance(word, str)]
    kept = [
        label
        for label in value.columns
        if label in words
        or (isinstance(label, str) and len(label) > 2 and any(label in word for word in texts))
        or (
            value[label].dtype.kind not in "fM"
            and value[label].nunique() <= 200
            and set(value[label].dropna()) <= words
        )
    ]
    return _cut(value, kept)


def _reducing_columns(value: Any, wanted: Any) -> Any:
    """A frame's columns of which some usual figure is the wanted one; the frame itself if none or all."""
    if not isinstance(value, pd.DataFrame) or not value.columns.is_unique:
        return value
    kept = [label for label in value.columns if any(same_cell(f, wanted, 1e-9) for f in _figures(value[label]))]
    return _cut(value, kept)


def _cut(value: pd.DataFrame, kept: Sequence[Hashable]) -> pd.DataFrame:
    """Some columns of a frame, and one more number, so that programs over *all* columns do not pass; or the frame."""
    others = [label for label in value.columns if label not in kept]
    number = next((label for label in others if value[label].dtype.kind in "if"), None)
    if not kept or len(others) < 2:
        return value
    return value[[label for label in value.columns if label in kept or label == number]]


def _figures(column: pd.Series) -> Iterator[Any]:
    for name in ("mean", "sum", "max", "min", "median", "std", "var", "nunique", "count", "first", "last"):
        try:
            yield column.iloc[0 if name == "first" else -1] if name in ("first", "last") else getattr(column, name)()
        except TypeError:  # texts have no mean
            continue


def _keys(example: Example) -> list[_Key]:
    """Keys that the output and an input have, those with the smallest groups first."""
    found: list[tuple[int, _Key]] = []
    for label, array in _levels(example.output):
        if getattr(array.dtype, "kind", "O") == "f" and not _whole(array):
            continue  # measurements, not keys
        theirs = _hashed(array)
        ours = [_matching(value, label, theirs) for value in example.inputs]
        if any(column is not None for column in ours):
            distinct = len(np.unique(np.concatenate([c for c in ours if c is not None])))
            found.append((distinct, _Key(tuple(ours), theirs)))
    found.sort(key=lambda pair: -pair[0])
    return [key for _, key in found if len(np.unique(key.output)) > 1]


def _whole(array: Any) -> bool:
    numbers = np.asarray(array, dtype=np.float64)
    return bool((np.isnan(numbers) | (numbers == np.rint(numbers))).all())


def _matching(value: Any, label: Hashable, theirs: Any) -> Any:
    """The cells of the column or row label of an input that a key of the output comes from."""
    for name, array in _levels(value):
        if name == label and name is not None:
            hashed = _hashed(array)
            return hashed if np.isin(theirs, hashed).mean() > 0.5 else None
    if label is None:
        for _, array in _levels(value):
            hashed = _hashed(array)
            if len(hashed) and np.isin(theirs, hashed).all():
                return hashed
    return None


def _followed(inputs: Sequence[Any], known: Sequence[Any]) -> tuple[Any, ...] | None:
    """The inputs, those that are not reduced yet cut to the rows that join with the others; None if one stays large."""
    out = list(known)
    for i, value in enumerate(inputs):
        if out[i] is None and not _large(value):
            out[i] = value
    for i, value in enumerate(inputs):
        if out[i] is None:
            rows = next((r for other in known if other is not None for r in _partners(value, other)), None)
            if rows is None:
                return None
            out[i] = _taken(value, rows)
    return tuple(out)


def _partners(value: Any, other: Any) -> Iterator[Positions]:
    """Rows of a large table that share a key with a reduced one, and a few that do not."""
    ours = [(label, _hashed(array)) for label, array in _levels(value)]
    theirs = [(label, _hashed(array)) for label, array in _levels(other)]
    pairs = [(a, b) for x, a in ours for y, b in theirs if x == y] + [
        (a, b) for x, a in ours for y, b in theirs if x != y
    ]
    for a, b in pairs:
        distinct = np.unique(b)
        if len(distinct) > 2 and np.isin(distinct, a).mean() > 0.5:
            mates = np.isin(a, distinct)
            if 0 < mates.sum() <= 4 * MOST_ROWS:
                yield np.union1d(np.flatnonzero(mates), np.flatnonzero(~mates)[:3])


# -- tables


def _columns(value: Any) -> dict[Hashable, Any]:
    """Label → array; of columns with one label the first."""
    if isinstance(value, pd.Series):
        return {value.name: value.array}
    found: dict[Hashable, Any] = {}
    for i, label in enumerate(value.columns):
        found.setdefault(label, value.iloc[:, i].array)
    return found


def _levels(value: Any) -> list[tuple[Hashable, Any]]:
    """Columns and row labels, the latter unless they only count."""
    if not isinstance(value, pd.DataFrame | pd.Series):
        return []
    levels: list[tuple[Hashable, Any]] = list(_columns(value).items()) if isinstance(value, pd.DataFrame) else []
    if not counts_rows(value.index):
        index = value.index
        levels += [(index.names[i], index.get_level_values(i).array) for i in range(index.nlevels)]
    return levels


def _named(value: Any) -> list[tuple[Hashable, Any]]:
    """Columns, and row labels that have a name; of those with one name the first."""
    found = _columns(value)
    for i, name in enumerate(value.index.names):
        if name is not None:
            found.setdefault(name, value.index.get_level_values(i).array)
    return list(found.items())


def _hashed(array: Any) -> Any:
    """A number for each cell, equal for equal cells, whatever their types."""
    values = np.asarray(array)
    if values.dtype.kind in "iuf":
        return pd.util.hash_array(values.astype(np.float64) + 0.0)
    if values.dtype.kind == "M":
        return pd.util.hash_array(values.astype("datetime64[ns]").astype(np.int64))
    if values.dtype.kind == "O":
        values = np.array([cell if isinstance(cell, str) else str(cell) for cell in values], dtype=object)
    return pd.util.hash_array(values)


def _mixed(hashes: Sequence[Any]) -> Any:
    out = np.zeros(len(hashes[0]), dtype=np.uint64)
    for part in hashes:
        out = (out * np.uint64(1_000_003)) ^ part
    return out


def _taken(value: Any, rows: Positions) -> Any:
    """Some rows; labels that only counted rows count those that are left."""
    part = value.iloc[rows]
    return part.reset_index(drop=True) if counts_rows(value.index) and value.index.name is None else part


def _spread(rows: Positions, most: int) -> Positions:
    """A few of the rows, evenly spread."""
    if len(rows) <= most:
        return rows
    return np.asarray(rows[np.linspace(0, len(rows) - 1, most).astype(int)])


def _rows(value: Any) -> int:
    return len(value) if isinstance(value, pd.DataFrame | pd.Series) else 0
