"""What ``print(df)`` and ``print(series)`` show, read back: columns are found by where all rows have a blank.

Columns of a printed frame stand two blanks apart and align at the right; labels of a level that repeat are left out;
the names of row labels have a line of their own under the column labels.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mlsys4sys.autopandas.cells import TextTable, label
from mlsys4sys.errors import DataError

_SHAPE = re.compile(r"\[\d+ rows x \d+ columns\]")
_SERIES_END = re.compile(r"(Freq: \S+, )?(Name: (?P<name>.*?), )?(Length: \d+, )?dtype: \S+( ?\[.*\])?")
_EMPTY = re.compile(r"Empty DataFrame\s+Columns: \[(?P<columns>.*)\]\s+Index: \[.*\]\s*", re.DOTALL)

Span = tuple[int, int]


def parsed(lines: Sequence[str], source: str) -> TextTable:
    """The table that was printed.

    Args:
        lines: The text, blank lines at its ends removed.
        source: The file's name, for errors.

    Raises:
        DataError: No table can be made out; says in which line.
    """
    empty = _EMPTY.fullmatch("\n".join(lines))
    if empty is not None:
        names = [part.strip() for part in empty["columns"].split(",") if part.strip()]
        return TextTable(tuple(map(label, names)), tuple(() for _ in names))
    lines = list(lines)
    while lines and (not lines[-1].strip() or _SHAPE.fullmatch(lines[-1].strip())):
        lines.pop()
    _complete(lines, source)
    end = _SERIES_END.fullmatch(lines[-1].strip()) if lines else None
    if end is not None:
        return _series([line for line in lines[:-1] if line.strip()], end["name"], source)
    return _frame(lines, source)


def _complete(lines: Sequence[str], source: str) -> None:
    for number, line in enumerate(lines, 1):
        words = line.split()
        if line.endswith("\\"):
            raise DataError(f"{source}:{number}: the columns are printed in pieces; print df.to_string() instead")
        if words and ("..." in words or set(words) <= {"..", "...", "…"}):
            raise DataError(f"{source}:{number}: rows or columns are left out (...); print df.to_string() instead")


# -- series


def _series(rows: list[str], name: str | None, source: str) -> TextTable:
    title = label(name) if name is not None else None
    if not rows or rows == ["Series([], )"]:
        return TextTable((title,), ((),), series=True)
    cut = _value_starts(rows[1:] if len(rows) > 1 else rows)
    if cut is None:
        raise DataError(f"{source}:1: row labels and values are expected, and there is {rows[0].strip()!r}")
    names: list[str] = []
    if len(rows) > 1 and not rows[0][cut:].strip():
        names, rows = rows[0].split(), rows[1:]
    elif (both := _value_starts(rows)) is not None:
        cut = both
    left = [row[:cut] for row in rows]
    spans = _grouped(_spans(left), [True] * len(left[0]), left, levels=len(names) or 99)
    levels = _filled([tuple(row[a:b].strip() for row in left) for a, b in spans])
    values = tuple(row[cut:].strip() for row in rows)
    return TextTable((title,), (values,), tuple(levels), tuple(names), series=True)


def _value_starts(rows: Sequence[str]) -> int | None:
    """Where the values begin: after the last wide gap that all rows have."""
    gaps = [(a, b) for (_, a), (b, _) in pairwise(_spans(rows))]
    wide = [gap for gap in gaps if gap[1] - gap[0] >= 3]
    return (wide or gaps)[-1][1] if gaps else None


# -- frames


@dataclass(frozen=True)
class _Head:
    """The lines over the rows, and what was found in them."""

    lines: tuple[str, ...]
    """A line each level of the column labels."""
    names: tuple[str, ...]
    """Of the row labels; none where they have no names."""
    column_names: tuple[str, ...]
    """Of the levels of the column labels; none where they have no names."""


def _frame(lines: Sequence[str], source: str) -> TextTable:
    head, rows = _head([line for line in lines if line.strip()])
    if not rows:
        words = head.lines[0].split()
        return TextTable(tuple(map(label, words)), tuple(() for _ in words))
    if len(head.lines) == 1:
        plain = _by_words(head, rows)
        if plain is not None:
            return plain
    width = max(map(len, [*rows, *head.lines]))
    rows = [row.ljust(width) for row in rows]
    tops = [line.ljust(width) for line in head.lines]
    labelled = [any(line[i] != " " for line in tops) for i in range(width)]
    levels = len(head.names) or 1
    spans = _grouped(_spans([*rows, *tops]), labelled, rows, levels=levels)
    first = next((i for i, (a, b) in enumerate(spans) if any(line[a:b].strip() for line in tops)), len(spans))
    if first == len(spans) or first > levels:
        raise DataError(f"{source}:{len(lines) - len(rows)}: the labels do not stand over the columns")
    fields = [tuple(row[a:b].strip() for row in rows) for a, b in spans]
    if len(tops) == 1 and len(spans) - first < len(re.split(r"\s{2,}", tops[0].strip())):
        number = len(lines) - len(rows) + 1
        raise DataError(f"{source}:{number}: fewer cells than the header has labels")
    labels = _labels(tops, spans[first:])
    index = _filled(fields[:first]) if first else []
    return TextTable(
        labels,
        tuple(fields[first:]),
        tuple(index),
        head.names if first else (),
        column_names=head.column_names,
    )


def _head(lines: Sequence[str]) -> tuple[_Head, list[str]]:
    count, names = _names_line(lines)
    if not names:
        count = next((i for i, line in enumerate(lines) if line[0] != " "), len(lines)) or 1
        if count == len(lines) and count > 1:  # right-aligned rows without labels
            count = 1
    tops, rows = list(lines[:count]), list(lines[count + bool(names) :])
    columns: list[str] = []
    if names or count > 1 or _counted_under_a_name(tops[0], rows):
        for i, line in enumerate(tops):
            if line[0] != " ":
                word = re.split(r"\s{2,}", line)[0]
                columns.append(word)
                tops[i] = " " * len(word) + line[len(word) :]
    return _Head(tuple(tops), tuple(names), tuple(columns) if len(columns) == len(tops) else ()), rows


def _names_line(lines: Sequence[str]) -> tuple[int, list[str]]:
    """Which line holds the names of the row labels: it ends before the columns begin."""
    for k in range(1, min(5, len(lines) - 1)):
        line = lines[k]
        if line[0] == " ":
            continue
        starts = [match.start() for top in lines[:k] for match in re.finditer(r"\S+", top) if match.start() > 0]
        if not starts or len(line) > min(starts):
            continue
        if all(len(row) > len(line) for row in lines[k + 1 :]):
            return k, line.split()
        return 0, []
    return 0, []


def _counted_under_a_name(top: str, rows: Sequence[str]) -> bool:
    """``h  x  y`` over ``0  1  2``: the name of the columns over row labels that count."""
    if len(rows) < 2 or top[0] == " " or not re.match(r"\S+\s{2,}\S", top):
        return False
    return all(re.match(rf"{i}\s{{2,}}\S", row) for i, row in enumerate(rows))


def _by_words(head: _Head, rows: Sequence[str]) -> TextTable | None:
    """The table where blanks part all cells, aligned or not; None where cells hold blanks."""
    labels = head.lines[0].split()
    words = [row.split() for row in rows]
    levels = len(head.names) or 1
    for extra in (levels, 0):
        if all(len(row) == len(labels) + extra for row in words) and (extra or _starts_together(head.lines[0], rows)):
            columns = [tuple(column) for column in zip(*words, strict=True)]
            found = tuple(map(label, labels))
            names = head.names if extra else ()
            return TextTable(
                found, tuple(columns[extra:]), tuple(columns[:extra]), names, column_names=head.column_names
            )
    return None


def _starts_together(header: str, rows: Sequence[str]) -> bool:
    """Whether the first label stands over the first cells, so that there are no row labels."""
    end = len(header) - len(header.lstrip()) + len(header.split()[0])
    start = len(header) - len(header.lstrip())
    places = [(len(row) - len(row.lstrip()), len(row.split()[0])) for row in rows]
    return any(place < end and place + size > start for place, size in places)


def _spans(rows: Sequence[str]) -> list[Span]:
    """The stretches between columns of blanks."""
    width = max(map(len, rows))
    padded = [row.ljust(width) for row in rows]
    blank = [all(row[i] == " " for row in padded) for i in range(width)]
    edges = [i for i in range(width) if not blank[i] and (i == 0 or blank[i - 1])]
    return [(start, next((j for j in range(start, width) if blank[j]), width)) for start in edges]


def _grouped(spans: Sequence[Span], labelled: Sequence[bool], rows: Sequence[str], *, levels: int) -> list[Span]:
    """Spans joined to fields: one blank parts words of a cell where a label or cells are missing on one side."""
    lead = next((i for i, span in enumerate(spans) if _has(labelled, span)), 0)
    if levels and (lead == levels or len(spans) == levels):  # as many as there are levels of row labels
        fixed, spans = list(spans[:levels]), spans[levels:]
        return [*fixed, *(_grouped(spans, labelled, rows, levels=0) if spans else [])]
    out: list[Span] = []
    for span in spans:
        joins = bool(out) and span[0] - out[-1][1] == 1
        full = bool(out) and all(_has(labelled, s) and _filled_in(rows, s) for s in (out[-1], span))
        if joins and not full:
            out[-1] = (out[-1][0], span[1])
        else:
            out.append(span)
    # Row labels that were joined to the first column are parted again.
    pieces = [span for span in spans if out and span[1] <= out[0][1]]
    if 0 < levels < 99 and out and _has(labelled, out[0]) and len(pieces) > 1 and not _has(labelled, pieces[0]):
        out[:1] = [pieces[0], (pieces[1][0], out[0][1])]
    # What stands under no label belongs to the label at its right.
    while levels < 99 and len(out) > levels + 1:
        bare = [i for i, span in enumerate(out) if not _has(labelled, span)]
        if len(bare) <= levels or bare[-1] + 1 >= len(out):
            break
        i = bare[-1]
        out[i : i + 2] = [(out[i][0], out[i + 1][1])]
    return out


def _has(labelled: Sequence[bool], span: Span) -> bool:
    return any(labelled[span[0] : span[1]])


def _filled_in(rows: Sequence[str], span: Span) -> bool:
    return any(row[span[0] : span[1]].strip() for row in rows)


def _labels(tops: Sequence[str], spans: Sequence[Span]) -> tuple[Hashable, ...]:
    """The label over each field; tuples where there are levels. A label of an upper level holds until the next."""
    levels = [[line[start:end].strip() for start, end in spans] for line in tops]
    for found in levels[:-1]:
        for i in range(1, len(found)):
            found[i] = found[i] or found[i - 1]
    if len(levels) == 1:
        return tuple(map(label, levels[0]))
    return tuple(tuple(label(part) if part else "" for part in parts) for parts in zip(*levels, strict=True))


def _filled(columns: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Row labels of all levels but the last that ``print`` leaves out where they repeat, written again."""
    out = []
    for number, column in enumerate(columns):
        filled = list(column)
        if number < len(columns) - 1:
            for i in range(1, len(filled)):
                filled[i] = filled[i] or filled[i - 1]
        out.append(tuple(filled))
    return out
