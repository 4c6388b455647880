"""What is read across a row: the first cell that is there, texts joined, labels of marked columns, sets of lists."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from mlsys4sys.autopandas.columns.count import Clock, Count
from mlsys4sys.autopandas.columns.numeric import Found, constant_text
from mlsys4sys.autopandas.columns.pool import Pool, Source
from mlsys4sys.autopandas.expression import FUNCTION, LABEL, SUM, Expr, call, literal
from mlsys4sys.autopandas.table import NULL, Column

MOST_ROWS = 2000
MOST_COLUMNS = 12
SEPARATORS = (", ", " ", "; ", ",", "-", " - ", "/", "|", "_", " / ", "; ", "\n", "")


def search(pool: Pool, wanted: Column, count: Count, clock: Clock) -> Iterator[Found]:
    """Columns that rows of several cells give."""
    if not pool.is_frame or not pool.plain or pool.rows > MOST_ROWS:
        return
    yield from _first_there(pool, wanted, count)
    if wanted.kind == "date":
        yield from _date_of_parts(pool, wanted, count)
    if wanted.kind == "num":
        yield from _equal_to(pool, wanted, count)
        yield from _beyond(pool, wanted, count)
        yield from _clock(pool, wanted, count)
        yield from _numbers_in_text(pool, wanted, count)
    if clock.over():
        return
    if wanted.kind == "str":
        yield from _joined(pool, wanted, count)
    if wanted.kind == "str":
        yield from _first_marked(pool, wanted, count)
    if wanted.kind in ("str", "obj"):
        yield from _marked_labels(pool, wanted, count)
    if wanted.kind == "obj":
        yield from _sets_of_two(pool, wanted, count)


def _labels(sources: Sequence[Source]) -> str:
    return literal([source.label for source in sources])


def _rows(pool: Pool, sources: Sequence[Source], text: str, cost: float, op: str) -> Expr:
    """A call on some columns of each row."""
    if len(sources) == len(pool.columns) and text.startswith(".apply"):
        return call(f"{{0}}{text}", pool.expr, op=op, cost=cost)
    return call(f"{{0}}[{_labels(sources)}]{text}", pool.expr, op=op, cost=cost, tags=(LABEL,) * len(sources))


def _first_there(pool: Pool, wanted: Column, count: Count) -> Iterator[Found]:
    """``df[['mobile', 'home', 'work']].bfill(axis=1).iloc[:, 0]``: three columns or more, two are a ``fillna``."""
    left = np.ones(pool.rows, dtype=bool)
    rest = [s for s in pool.columns_as_sources[:MOST_COLUMNS] if s.column.kind == wanted.kind and s.column.null.any()]
    last = [s for s in pool.columns_as_sources[:MOST_COLUMNS] if s.column.kind == wanted.kind and s not in rest]
    chosen: list[Source] = []
    while rest and left.any():
        count.examined += len(rest)
        fitting = [s for s in rest if _agrees(s.column, wanted, left)]
        best = max(fitting, key=lambda s: int((left & ~s.column.null).sum()), default=None)
        if best is None or not (left & ~best.column.null).any():
            break
        chosen.append(best)
        rest.remove(best)
        left &= best.column.null
    if left.any():
        final = next((s for s in last if np.array_equal(s.column.codes[left], wanted.codes[left])), None)
        if final is not None:
            chosen.append(final)
        elif not wanted.null[left].all():
            return
    if len(chosen) >= 3:
        cost = 1.6 + 0.1 * len(chosen)
        yield cost, _rows(pool, chosen, ".bfill(axis=1).iloc[:, 0]", cost, "bfill")


def _agrees(column: Column, wanted: Column, rows: Any) -> bool:
    at = rows & ~column.null
    return bool((column.codes[at] == wanted.codes[at]).all())


_PARTS = ("year", "month", "day")


def _date_of_parts(pool: Pool, wanted: Column, count: Count) -> Iterator[Found]:
    """``pd.to_datetime(df[['year', 'month', 'day']])``."""
    named = {str(s.label).lower(): s for s in pool.columns_as_sources[:24] if s.column.kind == "num"}
    if not set(_PARTS) <= set(named):
        return
    count.examined += 1
    sources = [named[part] for part in _PARTS]
    frame = pd.DataFrame({part: named[part].column.numbers for part in _PARTS})
    made = pd.to_datetime(frame, errors="coerce")
    cells = pd.Series(wanted.array)
    if not pd.api.types.is_datetime64_any_dtype(cells) or not (made.to_numpy() == cells.to_numpy()).all():
        return
    text = f"pd.to_datetime({{0}}[{_labels(sources)}])"
    yield 1.6, call(text, pool.expr, op="dt", cost=1.4, tags=(LABEL,) * 3)


_CLOCK = re.compile(r"\d+(?::\d\d){1,2}")


def _equal_to(pool: Pool, wanted: Column, count: Count) -> Iterator[Found]:
    """How many cells of each row are a word: ``(df[['q1', 'q2', 'q3']] == 'yes').sum(axis=1)``."""
    texts = [s for s in pool.columns_as_sources[:MOST_COLUMNS] if s.column.kind in ("str", "bool")]
    target = wanted.numbers
    if np.isnan(target).any() or not target.any() or not ((target >= 0) & (target <= len(texts))).all():
        return
    shared = [s for s in texts if sum(len(s.column.distinct & other.column.distinct) > 0 for other in texts) > 1]
    for sources in (texts, shared):
        if len(sources) < 2:
            continue
        codes = np.stack([source.column.codes for source in sources], axis=1)
        for code in np.unique(codes[codes != NULL])[:20].tolist():
            count.examined += 1
            cell = pool.book.cell(code)
            if np.array_equal((codes == code).sum(axis=1), target):
                plain = cell is True and all(source.column.kind == "bool" for source in sources)
                text = f"{{0}}[{_labels(sources)}]"
                text = f"{text}.sum(axis=1)" if plain else f"({text} == {literal(cell)}).sum(axis=1)"
                yield 1.9, call(text, pool.expr, op="reduce", cost=1.9, tags=(LABEL,) * len(sources))


def _beyond(pool: Pool, wanted: Column, count: Count) -> Iterator[Found]:
    """How many cells of each row are beyond a bound: ``(df[['q1', 'q2', 'q3']] >= 4).sum(axis=1)``."""
    numbers = [s for s in pool.columns_as_sources[:MOST_COLUMNS] if s.column.kind == "num"]
    target = wanted.numbers
    if len(numbers) < 2 or np.isnan(target).any() or not ((target >= 0) & (target <= len(numbers))).all():
        return
    for sources in (numbers, numbers[1:], [s for s in numbers if not s.column.unique]):
        if len(sources) < 2:
            continue
        cells = np.stack([source.column.numbers for source in sources], axis=1)
        bounds = np.unique(cells[~np.isnan(cells)])
        count.examined += 3 * len(bounds)
        for low, bound in pairwise(bounds):
            for signs, held in (((">=", ">"), cells >= bound), (("<", "<="), cells < bound)):
                for function, made in (("sum", held.sum(axis=1)), ("mean", held.mean(axis=1))):
                    if np.array_equal(made, target) and made.any() and not held.all():
                        for sign, k in zip(signs, (bound, low), strict=True):
                            text = f"({{0}}[{_labels(sources)}] {sign} {constant_text(float(k))}).{function}(axis=1)"
                            yield 2.2, call(text, pool.expr, op="reduce", cost=2.2, tags=(LABEL,) * len(sources))
        for bound in bounds[:20]:
            if np.array_equal((cells == bound).sum(axis=1), target) and target.any():
                text = f"({{0}}[{_labels(sources)}] == {constant_text(float(bound))}).sum(axis=1)"
                yield 2.1, call(text, pool.expr, op="reduce", cost=2.1, tags=(LABEL,) * len(sources))


def _clock(pool: Pool, wanted: Column, count: Count) -> Iterator[Found]:
    """``'03:25'`` as seconds, minutes or hours: the parts of a text at its colons, summed."""
    for source in pool.columns_as_sources[:MOST_COLUMNS]:
        cells = source.column.cells
        if source.column.kind != "str" or source.column.null.any() or not all(_CLOCK.fullmatch(str(c)) for c in cells):
            continue
        parts = np.array([[int(part) for part in str(cell).split(":")] for cell in cells], dtype=object)
        if parts.ndim != 2:
            continue
        numbers = parts.astype(np.float64)
        weights = ((60, 1), (1, 1 / 60)) if numbers.shape[1] == 2 else ((3600, 60, 1), (60, 1, 1 / 60))
        for scale in weights:
            count.examined += 1
            if not np.allclose(numbers @ np.array(scale, dtype=np.float64), wanted.numbers):
                continue
            pieces = []
            for k, factor in enumerate(scale):
                text = f"{{0}}.str.split(':').str[{k}].astype(int)"
                text += f" * {int(factor)}" if factor > 1 else " / 60" if factor < 1 else ""
                pieces.append(text)
            yield 2.4, Expr(" + ".join(pieces), (source.expr,), SUM, "str", 2.2)


_NUMBER = re.compile(r"\d+")
_FIGURES: tuple[tuple[str, Callable[[list[int]], float], float], ...] = (
    ("sum", sum, 0.0), ("max", max, 0.4), ("min", min, 0.5), ("mean", lambda x: sum(x) / len(x), 0.6),
)  # fmt: skip


def _numbers_in_text(pool: Pool, wanted: Column, count: Count) -> Iterator[Found]:
    """What the numbers in a text come to: ``extractall`` and a total a row."""
    for source in pool.columns_as_sources[:MOST_COLUMNS]:
        if source.column.kind != "str":
            continue
        texts = ["" if null else str(cell) for cell, null in zip(source.column.cells, source.column.null, strict=True)]
        found = [[int(digits) for digits in _NUMBER.findall(text)] for text in texts]
        if not any(len(numbers) > 1 for numbers in found):
            continue
        for how, figure, extra in _FIGURES:
            count.examined += 1
            made = np.array([figure(numbers) if numbers else np.nan for numbers in found], dtype=np.float64)
            fill = bool(np.isnan(made).any()) and not wanted.null.any()
            if not np.allclose(np.nan_to_num(made) if fill else made, wanted.numbers, equal_nan=True):
                continue
            numbers = call("{0}.str.extractall(r'(\\d+)')[0].astype(int)", source.expr, op="str", cost=1.2)
            total = call(f"{{0}}.groupby(level=0).{how}()", numbers, op="groupby.agg", cost=0.8 + extra)
            if fill:
                total = call("{0}.reindex({1}.index, fill_value=0)", total, pool.expr, op="reindex", cost=0.8)
            yield 2.2 + extra, total


def _joined(pool: Pool, wanted: Column, count: Count) -> Iterator[Found]:
    """Texts of a row joined, missing ones left out: ``df[[…]].apply(lambda row: ', '.join(row.dropna()), axis=1)``."""
    texts = [s for s in pool.columns_as_sources[:MOST_COLUMNS] if s.column.kind == "str"]
    if len(texts) < 2 or not any(s.column.null.any() for s in texts) or wanted.null.any():
        return
    cells = wanted.cells
    # Columns whose cells are in the wanted texts wherever they are there.
    inside = [
        s for s in texts
        if all(null or str(c) in w for c, null, w in zip(s.column.cells, s.column.null.tolist(), cells, strict=True))
    ]  # fmt: skip
    if len(inside) < 2 or not any(s.column.null.any() for s in inside):
        return
    for separator in SEPARATORS:
        count.examined += 1
        rows = zip(*(s.column.cells for s in inside), strict=True)
        nulls = zip(*(s.column.null.tolist() for s in inside), strict=True)
        made = [
            separator.join(str(c) for c, gone in zip(row, missing, strict=True) if not gone)
            for row, missing in zip(rows, nulls, strict=True)
        ]
        if made == list(cells):
            text = f".apply(lambda row: {literal(separator)}.join(row.dropna()), axis=1)"
            yield 2.4, _rows(pool, inside, text, 2.2, "str")
            return


_MARKS: tuple[tuple[str, Callable[[Column], Any], float], ...] = (
    (".eq(1)", lambda c: c.numbers == 1, 0.0),
    (".gt(0)", lambda c: c.numbers > 0, 0.2),
    (".notna()", lambda c: ~c.null, 0.4),
    (".isna()", lambda c: c.null, 0.5),
)
"""What marks a column in a row."""


def _marked_labels(pool: Pool, wanted: Column, count: Count) -> Iterator[Found]:
    """The labels of the columns that are 1, true, positive or there, as a list or joined."""
    if wanted.null.any() or not all(isinstance(label, str) for label in pool.labels):
        return
    groups = {
        "num": [s for s in pool.columns_as_sources[:MOST_COLUMNS] if s.column.kind in ("num", "bool")],
        "any": [s for s in pool.columns_as_sources[:MOST_COLUMNS] if s.column.null.any()],
    }
    as_list = wanted.kind == "obj"
    goal = [list(cell) if isinstance(cell, list) else cell for cell in wanted.cells]
    for (text, mark, extra), sources in ((m, groups["num" if i < 2 else "any"]) for i, m in enumerate(_MARKS)):
        if len(sources) < 2:
            continue
        count.examined += 1
        held = np.array([mark(s.column) for s in sources], dtype=bool)
        if not held.any() or held.all():
            continue
        names = [[str(s.label) for s, on in zip(sources, row, strict=True) if on] for row in held.T.tolist()]
        truths = all(s.column.kind == "bool" for s in sources)
        chosen = f"row.index[row{'' if truths and text == '.eq(1)' else text}]"
        if as_list:
            if names == goal:
                call_text = f".apply(lambda row: {chosen}.tolist(), axis=1)"
                yield 2.6 + extra, _rows(pool, sources, call_text, 2.4 + extra, "str")
                return
            continue
        for separator in SEPARATORS:
            if [separator.join(row) for row in names] == goal:
                call_text = f".apply(lambda row: {literal(separator)}.join({chosen}), axis=1)"
                yield 2.6 + extra, _rows(pool, sources, call_text, 2.4 + extra, "str")
                return


def _first_marked(pool: Pool, wanted: Column, count: Count) -> Iterator[Found]:
    """The label of the first column of a row that is positive or there: ``df[[…]].gt(0).idxmax(axis=1)``."""
    labels = {str(s.label): s for s in pool.columns_as_sources[:MOST_COLUMNS] if isinstance(s.label, str)}
    if wanted.null.any() or not set(map(str, wanted.cells)) <= set(labels):
        return
    for (text, mark, extra), kind in zip(_MARKS[:3], ("num", "num", "any"), strict=True):
        sources = [s for s in labels.values() if kind == "any" or s.column.kind in ("num", "bool")]
        sources = [s for s in sources if kind == "num" or s.column.null.any()]
        if len(sources) < 2:
            continue
        count.examined += 1
        held = np.array([mark(s.column) for s in sources], dtype=bool)
        if held.any(axis=0).all() and [str(sources[i].label) for i in held.argmax(axis=0)] == list(wanted.cells):
            yield 2.2 + extra, _rows(pool, sources, f"{text}.idxmax(axis=1)", 2.0 + extra, "idxmax")


_SETS: tuple[tuple[str, Callable[[set[Any], set[Any]], set[Any]]], ...] = (
    ("&", lambda a, b: a & b), ("|", lambda a, b: a | b), ("-", lambda a, b: a - b), ("^", lambda a, b: a ^ b),
)  # fmt: skip


def _sets_of_two(pool: Pool, wanted: Column, count: Count) -> Iterator[Found]:
    """What two lists of a row have in common, together, apart: sorted, or in the order of the first."""
    lists = [
        s for s in pool.columns_as_sources[:MOST_COLUMNS]
        if s.column.kind == "obj" and all(isinstance(cell, list) for cell in s.column.cells)
    ]  # fmt: skip
    if len(lists) < 2 or (wanted.codes == NULL).any() or not all(isinstance(cell, list) for cell in wanted.cells):
        return
    goal = list(wanted.cells)
    for a in lists:
        for b in lists:
            if a is b:
                continue
            x, y = f"row[{literal(a.label)}]", f"row[{literal(b.label)}]"
            for sign, join in _SETS:
                count.examined += 1
                try:
                    made = [sorted(join(set(p), set(q))) for p, q in zip(a.column.cells, b.column.cells, strict=True)]
                except TypeError:
                    return
                if made == goal:
                    text = f"{{0}}.apply(lambda row: sorted(set({x}) {sign} set({y})), axis=1)"
                    yield 2.4, call(text, pool.expr, op="str", cost=2.2, tags=(LABEL, LABEL, FUNCTION))
                    return
            for word, inside in (("in", True), ("not in", False)):
                kept = [
                    [c for c in p if (c in q) == inside] for p, q in zip(a.column.cells, b.column.cells, strict=True)
                ]
                if kept == goal:
                    text = f"{{0}}.apply(lambda row: [x for x in {x} if x {word} {y}], axis=1)"
                    yield 2.5, call(text, pool.expr, op="str", cost=2.3, tags=(LABEL, LABEL, FUNCTION))
                    return


__all__ = ["search"]
