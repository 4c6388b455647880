"""Long to wide: ``pivot``, ``pivot_table``, ``crosstab`` and ``unstack`` of groups, solved on codes.

The goal's column labels are cells of one column (or two), its rows are keyed by others; every cell of the goal is
then an aggregate of the rows of one pair of keys.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, permutations

import numpy as np
import pandas as pd

from mlsys4sys.autopandas.expression import LABEL, PRODUCT, SUM, Expr, assign, call, column, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops.grouping import AGG_COST, Groups, close
from mlsys4sys.autopandas.ops.keys import headers
from mlsys4sys.autopandas.ops.parts import distinct, hashable, is_frame, numeric, origin, some, step
from mlsys4sys.autopandas.table import NULL, Bools, Codes, Column, Floats, Table

FAMILY = "crossing"


def proposals(table: Table, goal: Goal, _others: Sequence[Table], *, last: bool) -> Iterator[Expr]:
    """Pivots whose labels are the goal's."""
    if not is_frame(table) or table.levels != 1 or table.rows < 1 or len(table.labels) < 2:
        return
    yield from distinct(_last(table, goal) if last else _middle(table, goal), 40 if last else 8)


@dataclass(frozen=True, eq=False)
class Layout:
    """How the goal is laid out: which columns of the table key its rows and its columns."""

    table: Table
    goal: Goal
    rows: tuple[int, ...]
    """Positions in the table of the columns that key the goal's rows."""
    row_places: tuple[Column, ...]
    across: tuple[int, ...]
    """Positions of those whose cells are column labels."""
    cells: tuple[int, ...]
    """Positions of the goal's columns that hold values."""
    header_codes: tuple[tuple[int, ...], ...]
    """For each of :attr:`cells`, the codes of its labels, one for each of :attr:`across`."""
    value_labels: tuple[Hashable, ...] | None
    """For each of :attr:`cells`, the label of the column that its values are from; None without such a level."""
    reset: bool
    """Whether the row keys are columns of the goal."""
    margin: Hashable = None
    """The label of the row and column of totals; None without."""


def layouts(table: Table, goal: Goal) -> Iterator[Layout]:
    """All readings of the goal as a pivot of the table."""
    if goal.shape_kind != "frame" or not goal.labels or not goal.rows:
        return
    levels = headers(goal)
    columns = table.columns
    keyed = [i for i, c in enumerate(columns) if hashable(c) and len(c.distinct) <= 200]
    if goal.levels == 1:
        for c in keyed:
            yield from _readings(table, goal, (c,), (levels[0],), None)
    elif goal.levels == 2:
        for c in keyed:
            yield from _readings(table, goal, (c,), (levels[1],), levels[0])
            yield from _readings(table, goal, (c,), (levels[0],), levels[1])
            for d in keyed:
                if d != c:
                    yield from _readings(table, goal, (c, d), (levels[0], levels[1]), None)


def _readings(
    table: Table, goal: Goal, across: tuple[int, ...], levels: tuple[Column, ...], values: Column | None
) -> Iterator[Layout]:
    inside = np.ones(len(goal.labels), dtype=bool)
    for c, level in zip(across, levels, strict=True):
        inside &= np.isin(level.codes, list(table.columns[c].distinct))
    cells = np.flatnonzero(inside).tolist()
    if not cells:
        return
    margin = _margin(goal, levels, inside)
    rest = [j for j in np.flatnonzero(~inside).tolist() if margin is None or j != len(goal.labels) - 1]
    if values is not None and (rest or not set(values.codes[inside].tolist()) <= set(table.label_codes)):
        return
    reset = bool(rest)
    places = [goal.columns[j] for j in rest]
    if not rest:
        if goal.plain_index and not _keys_plain(table, goal):
            return
        places = list(goal.index)
    elif not goal.plain_index:
        return
    rows = _matched(table, places, across, margin)
    if rows is None:
        return
    codes = tuple(tuple(int(level.codes[j]) for level in levels) for j in cells)
    labels = tuple(goal.book.cell(int(values.codes[j])) for j in cells) if values is not None else None
    yield Layout(table, goal, rows, tuple(places), across, tuple(cells), codes, labels, reset, margin)


def _keys_plain(table: Table, goal: Goal) -> bool:
    """A plain index may be a key that happens to count 0, 1, 2 and so on."""
    level = goal.index[0]
    return any(level.distinct == c.distinct for c in table.columns)


def _margin(goal: Goal, levels: Sequence[Column], inside: Bools) -> Hashable:
    label = goal.labels[-1]
    if inside[-1] or len(levels) != 1 or not isinstance(label, str) or goal.rows < 2 or len(goal.index) != 1:
        return None
    return label if goal.index[0].cells[-1] == label else None


def _matched(
    table: Table, places: Sequence[Column], across: tuple[int, ...], margin: Hashable
) -> tuple[int, ...] | None:
    chosen: list[int] = []
    for place in places:
        cells = place.distinct - ({table.book.code(margin)} if margin is not None else set())
        found = [
            i for i, c in enumerate(table.columns)
            if i not in across and i not in chosen and cells and cells <= c.distinct and hashable(c)
        ]  # fmt: skip
        if not found:
            return None
        found.sort(key=lambda i: (table.columns[i].label != place.label, len(table.columns[i].distinct) != len(cells)))
        chosen.append(found[0])
    return tuple(chosen)


Filler = tuple[int | None, str, object]
"""What fills cells: a column of the table or None for the size, an aggregate, what stands where no row is."""


class Crossed:
    """A layout with the groups of its pairs of keys, and where the goal shows them."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        table, goal = layout.table, layout.goal
        self.groups = Groups([table.columns[i] for i in (*layout.rows, *layout.across)])
        height = goal.rows - (layout.margin is not None)
        names = self.groups.names
        row_codes = list(zip(*(place.codes[:height].tolist() for place in layout.row_places), strict=True))
        self.at = np.array(
            [[names.get((*row, *header), -1) for header in layout.header_codes] for row in row_codes], dtype=np.int64
        ).reshape(height, len(layout.cells))
        self.present = self.at >= 0

    @property
    def unique(self) -> bool:
        """Whether no two rows share their keys, so that ``pivot`` works."""
        return self.groups.count == len(self.groups.rows) == self.layout.table.rows

    def plausible(self) -> bool:
        """Whether the goal shows most of the pairs, and each row a pair."""
        shown = self.present.sum()
        labels = self.layout.value_labels
        once = shown if labels is None else shown // len(set(labels))
        full = bool(self.present.any(axis=1).all()) and bool(self.present.any(axis=0).all())
        return bool(shown) and full and len(np.unique(self.at[self.present])) == once

    def sources(self, cells: Sequence[int], labelled: Hashable = None) -> list[Filler]:
        """What could fill those of the goal's value columns: (column or None for the size, aggregate, fill).

        Args:
            cells: Positions in ``layout.cells``.
            labelled: The label of the column that they are from, None for any.
        """
        layout = self.layout
        goal, table = layout.goal, layout.table
        height = self.at.shape[0]
        at, present = self.at[:, cells].ravel(), self.present[:, cells].ravel()
        columns = [goal.columns[layout.cells[k]] for k in cells]
        codes = np.array([c.codes[:height] for c in columns]).T.ravel()
        if not present.any():
            return []
        fill = _fill(codes[~present], table)
        if fill is _UNEVEN:
            return []
        values = [i for i in range(len(table.columns)) if i not in layout.rows and i not in layout.across]
        values = [i for i in values if labelled is None or table.columns[i].label == labelled]
        found: list[Filler] = []
        if all(c.kind == "num" or c.null.all() for c in columns):
            numbers = np.array([c.numbers[:height] for c in columns]).T.ravel()[present]
            found += self._numeric(values, at[present], numbers, fill)
            if labelled is None and close(self.groups.sizes[None, at[present]].astype(np.float64), numbers)[0]:
                found.append((None, "size", fill))
        else:
            for i in values:
                names, matrix = self.groups.coded(table.columns[i])
                hits = np.flatnonzero((matrix[:, at[present]] == codes[present]).all(axis=1))
                found += [(i, names[k], fill) for k in hits]
        return sorted(found, key=lambda s: AGG_COST[s[1]])

    def _numeric(self, values: Sequence[int], at: Codes, numbers: Floats, fill: object) -> list[Filler]:
        found: list[Filler] = []
        for i in values:
            names, matrix = self.groups.numbers(self.layout.table.columns[i])
            found += [(i, names[k], fill) for k in np.flatnonzero(close(matrix[:, at], numbers)) if names[k] != "size"]
        return found


_UNEVEN = object()


def _fill(codes: Codes, table: Table) -> object:
    """What stands where no row is: None for missing values, a constant, or :data:`_UNEVEN`."""
    if not len(codes) or (codes == NULL).all():
        return None
    if not (codes == codes[0]).all():
        return _UNEVEN
    cell = table.book.cell(int(codes[0]))
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell


def _last(table: Table, goal: Goal) -> Iterator[Expr]:
    for layout in islice(layouts(table, goal), 40):
        crossed = Crossed(layout)
        if crossed.plausible():
            programs = list(_programs(crossed))
            if layout.margin is None and _rows_of(layout) > goal.rows:  # those without any value are left out
                full = (step(expr, ".dropna(how='all')", op="dropna", cost=0.7) for expr in programs[:2])
                yield from (_reset(layout, expr) for expr in full)
            yield from (_reset(layout, expr) for expr in programs)
    yield from _flattened(table, goal)
    yield from _counted(table, goal)


def _rows_of(layout: Layout) -> int:
    """Rows of the pivot."""
    return len(set(zip(*(layout.table.columns[i].codes.tolist() for i in layout.rows), strict=True)))


def _reset(layout: Layout, expr: Expr) -> Expr:
    return step(expr, ".reset_index()", op="reset_index", cost=0.6) if layout.reset else expr


def _names(layout: Layout, positions: Sequence[int]) -> str:
    return some([layout.table.columns[i].label for i in positions])


def _filled(expr: Expr, fill: object) -> Expr:
    return expr if fill is None else step(expr, f".fillna({literal(fill)})", op="fillna", cost=1.0)


def _programs(crossed: Crossed) -> Iterator[Expr]:
    layout = crossed.layout
    if layout.value_labels is not None:
        yield from _several(crossed)
        return
    sources = crossed.sources(range(len(layout.cells)))
    done_pivot: set[int | None] = set()
    for position, agg, fill in sources[:8]:
        if (
            crossed.unique
            and position is not None
            and position not in done_pivot
            and agg != "count"
            and agg != "nunique"
        ):
            done_pivot.add(position)
            yield from _plain(crossed, position, fill)
        if not crossed.unique or agg in ("sum", "mean", "max", "first", "size"):
            yield from _aggregated(crossed, position, agg, fill)
            # Where all pairs are there, the example does not say what stands for one that is not.
            if agg == "sum" and crossed.present.all():
                yield from _aggregated(crossed, position, agg, 0)
    if not sources:
        yield from _normalized(crossed)
        yield from _of_made(crossed)


def _plain(crossed: Crossed, position: int, fill: object) -> Iterator[Expr]:
    """Each cell of the goal is one cell of the table."""
    layout = crossed.layout
    frame = layout.table.expr
    value = literal(layout.table.columns[position].label)
    index, columns = _names(layout, layout.rows), _names(layout, layout.across)
    labels = len(layout.rows) + len(layout.across)
    pivot = f".pivot(index={index}, columns={columns}, values={value})"
    if layout.margin is None:
        yield _filled(step(frame, pivot, op="pivot", cost=0.9, labels=labels + 1), fill)
        if len(layout.table.labels) > labels + 1 or fill is not None:
            keys = literal([layout.table.columns[i].label for i in (*layout.rows, *layout.across)])
            keyed = step(frame, f".set_index({keys})[{value}]", op="set_index", cost=1.0, labels=labels + 1)
            last = len(layout.across)
            level = "" if last == 1 else f"level={list(range(-last, 0))}"
            filling = f"fill_value={literal(fill)}" if fill is not None else ""
            yield step(
                keyed,
                f".unstack({', '.join(a for a in (level, filling) if a)})",
                op="unstack",
                cost=0.9 + 0.4 * bool(filling),
            )


def _aggregated(crossed: Crossed, position: int | None, agg: str, fill: object) -> Iterator[Expr]:
    layout = crossed.layout
    frame = layout.table.expr
    rows, across = _names(layout, layout.rows), _names(layout, layout.across)
    labels = len(layout.rows) + len(layout.across)
    base = 0.9 + AGG_COST[agg]
    filling = f", fill_value={literal(fill)}" if fill is not None else ""
    margins = "" if layout.margin is None else ", margins=True"
    if layout.margin not in (None, "All"):
        margins += f", margins_name={literal(layout.margin)}"
    extra = 0.4 * bool(filling) + 0.8 * bool(margins)
    if position is None:
        if len(layout.rows) == len(layout.across) == 1 and fill in (0, None):
            r, c = (_apart(frame, layout.table.columns[i].label) for i in (layout.rows[0], layout.across[0]))
            yield call(
                f"pd.crosstab({{0:arg}}, {{1:arg}}{margins})",
                r,
                c,
                op="crosstab",
                cost=0.9 + 0.2 * labels + extra - 0.4 * bool(filling),
                tags=(LABEL,) * labels,
            )
        if not margins:
            keys = literal([layout.table.columns[i].label for i in (*layout.rows, *layout.across)])
            sizes = step(frame, f".groupby({keys}).size()", op="groupby.size", cost=1.0, labels=labels)
            yield _unstacked(layout, sizes, fill)
        yield step(
            frame,
            f".pivot_table(index={rows}, columns={across}, aggfunc='size'{filling}{margins})",
            op="pivot_table",
            cost=1.2 + extra,
            labels=labels,
        )
        return
    value = literal(layout.table.columns[position].label)
    aggfunc = "" if agg == "mean" else f", aggfunc={literal(agg)}"
    yield step(
        frame, f".pivot_table(index={rows}, columns={across}, values={value}{aggfunc}{filling}{margins})",
        op="pivot_table", cost=base + 0.2 * bool(aggfunc) + extra, labels=labels + 1,
    )  # fmt: skip
    if not margins:
        keys = literal([layout.table.columns[i].label for i in (*layout.rows, *layout.across)])
        grouped = step(frame, f".groupby({keys})[{value}].{agg}()", op="groupby.agg", cost=base, labels=labels + 1)
        yield _unstacked(layout, grouped, fill)


def _apart(frame: Expr, label: Hashable) -> Expr:
    """A column as it was computed, where it was assigned to the frame, so that no frame is needed for it."""
    base, value = origin(frame, label)
    return column(base, label) if value is None else value


def _unstacked(layout: Layout, expr: Expr, fill: object) -> Expr:
    last = len(layout.across)
    arguments = [] if last == 1 else [f"level={list(range(-last, 0))}"]
    if fill is not None:
        arguments.append(f"fill_value={literal(fill)}")
    return step(expr, f".unstack({', '.join(arguments)})", op="unstack", cost=0.9 + 0.4 * (fill is not None))


def _several(crossed: Crossed) -> Iterator[Expr]:
    """Labels of two levels: the column whose values they are, and a key's cell."""
    layout = crossed.layout
    assert layout.value_labels is not None
    first_level = layout.goal.labels[layout.cells[0]]
    values_first = isinstance(first_level, tuple) and first_level[0] == layout.value_labels[0]
    by_label: dict[Hashable, list[int]] = {}
    for k, label in enumerate(layout.value_labels):
        by_label.setdefault(label, []).append(k)
    sources = {label: crossed.sources(cells, label) for label, cells in by_label.items()}
    if not all(sources.values()):
        return
    frame = layout.table.expr
    index, columns = _names(layout, layout.rows), _names(layout, layout.across)
    labels = len(layout.rows) + len(layout.across)
    rest = [c.label for i, c in enumerate(layout.table.columns) if i not in layout.rows and i not in layout.across]
    fills = {s[2] for found in sources.values() for s in found[:1] if s[2] is not None}
    fill = next(iter(fills)) if len(fills) == 1 else None
    swap = "" if values_first else ".swaplevel(axis=1).sort_index(axis=1)"
    if crossed.unique:
        values = "" if set(rest) == set(by_label) else f", values={literal(list(by_label))}"
        expr = step(
            frame,
            f".pivot(index={index}, columns={columns}{values}){swap}",
            op="pivot",
            cost=1.0 + bool(swap),
            labels=labels,
        )
        yield _filled(expr, fill)
    shared = [
        s[1]
        for s in next(iter(sources.values()))
        if all(any(t[1] == s[1] for t in found) for found in sources.values())
    ]
    filling = f", fill_value={literal(fill)}" if fill is not None else ""
    for agg in shared[:4]:
        values = "" if set(rest) == set(by_label) else f", values={literal(list(by_label))}"
        aggfunc = "" if agg == "mean" else f", aggfunc={literal(agg)}"
        yield step(
            frame, f".pivot_table(index={index}, columns={columns}{values}{aggfunc}{filling}){swap}",
            op="pivot_table", cost=1.2 + AGG_COST[agg] + bool(swap), labels=labels,
        )  # fmt: skip


def _normalized(crossed: Crossed) -> Iterator[Expr]:
    """Shares of counts: ``crosstab(normalize=…)``."""
    layout = crossed.layout
    if len(layout.rows) != 1 or len(layout.across) != 1 or layout.margin is not None or layout.value_labels is not None:
        return
    sizes = np.where(crossed.present, crossed.groups.sizes[crossed.at], 0).astype(np.float64)
    goal = np.array([layout.goal.columns[j].numbers for j in layout.cells]).T
    r, c = (literal(layout.table.columns[i].label) for i in (layout.rows[0], layout.across[0]))
    with np.errstate(all="ignore"):
        options = {
            "'index'": sizes / sizes.sum(axis=1, keepdims=True),
            "'columns'": sizes / sizes.sum(axis=0, keepdims=True),
            "True": sizes / sizes.sum(),
        }
    for text, shares in options.items():
        for factor, tail in ((1.0, ""), (100.0, ".mul(100)")):
            for digits in (None, 2, 1, 3, 4, 0):
                made = shares * factor if digits is None else np.round(shares * factor, digits)
                if close(made.reshape(1, -1), goal.ravel())[0]:
                    rounding = "" if digits is None else f".round({digits})"
                    made_text = f"pd.crosstab({{0}}[{r}], {{0}}[{c}], normalize={text}){tail}{rounding}"
                    cost = 1.8 + 0.6 * bool(tail) + 0.8 * bool(rounding)
                    yield call(made_text, layout.table.expr, op="crosstab", cost=cost, tags=(LABEL, LABEL))
                    break


_ARITHMETIC: tuple[tuple[str, int, np.ufunc], ...] = (
    ("{0:product} * {1:product}", PRODUCT, np.multiply),
    ("{0:sum} - {1:product}", SUM, np.subtract),
    ("{0:sum} + {1:product}", SUM, np.add),
    ("{0:product} / {1}", PRODUCT, np.divide),
)

MOST_NUMBERS = 6
"""Columns that are computed with before a pivot."""


def _of_made(crossed: Crossed) -> Iterator[Expr]:
    """Pivots of what is computed from two columns: ``assign(total=df['a'] * df['b']).pivot_table(…)``."""
    layout = crossed.layout
    table, goal = layout.table, layout.goal
    body = [goal.columns[j] for j in layout.cells]
    if layout.margin is not None or any(c.kind != "num" and not c.null.all() for c in body):
        return
    present = crossed.present.ravel()
    target = np.array([c.numbers[: crossed.at.shape[0]] for c in body]).T.ravel()[present]
    at = crossed.at.ravel()[present]
    keys = (*layout.rows, *layout.across)
    numbers = [i for i in numeric(table) if i not in keys][:MOST_NUMBERS]
    for i, j in permutations(numbers, 2):
        for template, level, function in _ARITHMETIC:
            if i > j and function in (np.multiply, np.add):
                continue
            with np.errstate(all="ignore"):
                values = function(table.columns[i].numbers, table.columns[j].numbers)
            names, matrix = crossed.groups.numbers(Column(None, values, table.book))
            if not close(matrix[[k for k, name in enumerate(names) if name in ("sum", "mean")]][:, at], target).any():
                continue
            name = next(label for label in ("value", "total", "_value") if label not in table.labels)
            made = Expr(template, (table.ref(i), table.ref(j)), level, "arithmetic", 0.7)
            more = Table(table.value.assign(**{name: values}), assign(table.expr, name, made), table.book)
            again = Crossed(replace(layout, table=more))
            for position, agg, fill in again.sources(range(len(layout.cells)))[:2]:
                if position == len(table.columns):
                    yield from _aggregated(again, position, agg, fill)


def _flattened(table: Table, goal: Goal) -> Iterator[Expr]:
    """Pivots whose two levels of labels were joined to one: ``v_red``, ``v_blue``; or that got a prefix."""
    if goal.shape_kind != "frame" or goal.levels != 1 or not all(isinstance(label, str) for label in goal.labels):
        return
    texts = [str(label) for label in goal.labels]
    values = {str(c.label): c.label for c in table.columns}
    for c in table.columns:
        if not hashable(c) or not 1 < len(c.distinct) <= 50 or c.kind not in ("str", "num", "bool"):
            continue
        cells = {str(cell): cell for cell in c.cells}
        for separator in ("_", " ", "-", ".", ""):
            for first in (True, False):
                parts = [_parted(text, separator, values, cells, value_first=first) for text in texts]
                if sum(part is not None for part in parts) >= 2:
                    yield from _unflattened(table, goal, parts, separator, value_first=first)


def _parted(
    text: str, separator: str, values: dict[str, Hashable], cells: dict[str, Hashable], *, value_first: bool
) -> tuple[Hashable, Hashable] | None:
    """A label's column and cell, or None where it is no such pair."""
    for cell, key in cells.items():
        end = f"{separator}{cell}" if value_first else f"{cell}{separator}"
        if (text.endswith(end) if value_first else text.startswith(end)) and len(text) > len(end):
            name = text.removesuffix(end) if value_first else text.removeprefix(end)
            if name in values:
                return values[name], key
    return None


def _unflattened(
    table: Table, goal: Goal, parts: list[tuple[Hashable, Hashable] | None], separator: str, *, value_first: bool
) -> Iterator[Expr]:
    """The pivots of the goal with its labels taken apart again, and the call that joins them."""
    rest = [label for label, part in zip(goal.labels, parts, strict=True) if part is None]
    pairs = [part for part in parts if part is not None]
    if len(set(pairs)) < len(pairs) or (rest and not goal.plain_index) or len(rest) > 3:
        return
    body = goal.value.set_index(rest) if rest else goal.value
    once = len({value for value, _ in pairs}) == 1
    if once:
        body = body.set_axis([cell for _, cell in pairs], axis=1)
    else:
        body = body.set_axis(pd.MultiIndex.from_tuples(pairs), axis=1)
    inner = Goal.of(body, goal.book)
    for layout in islice(layouts(table, inner), 6):
        crossed = Crossed(layout)
        if layout.reset or not crossed.plausible():
            continue
        value = pairs[0][0]
        for expr in islice(_programs(crossed), 3):
            if once:
                if f"values={literal(value)}" not in expr.template and f"[{literal(value)}]" not in expr.text:
                    continue
                prefix = f"{value}{separator}" if value_first else f"{separator}{value}"
                method = "add_prefix" if value_first else "add_suffix"
                made = step(expr, f".{method}({literal(prefix)})", op=method, cost=1.0)
            else:
                texts = value_first and all(isinstance(x, str) for pair in pairs for x in pair)
                names = f"f'{{{{a}}}}{separator}{{{{b}}}}'" if value_first else f"f'{{{{b}}}}{separator}{{{{a}}}}'"
                joined = (
                    f"{{0}}.columns.map({literal(separator)}.join)" if texts else f"[{names} for a, b in {{0}}.columns]"
                )
                made = step(expr, f".set_axis({joined}, axis=1)", op="set_axis", cost=1.4)
            yield step(made, ".reset_index()", op="reset_index", cost=0.6) if rest else made


def _counted(table: Table, goal: Goal) -> Iterator[Expr]:
    """Values of a group side by side, numbered as they come: a pivot on ``cumcount``."""
    if goal.shape_kind != "frame" or goal.levels != 1 or len(goal.labels) < 2:
        return
    for k, key in enumerate(table.columns):
        if not hashable(key) or not 1 < len(key.distinct) < table.rows or len(key.distinct) != goal.rows:
            continue
        in_index = not goal.plain_index and len(goal.index) == 1 and goal.index[0].distinct == key.distinct
        place = None if in_index else next((j for j, c in enumerate(goal.columns) if c.distinct == key.distinct), None)
        if not in_index and place is None:
            continue
        groups = Groups([key])
        width = int(groups.sizes.max())
        wanted = [c for j, c in enumerate(goal.columns) if j != place]
        if len(wanted) != width:
            continue
        at = groups.place([goal.index[0] if place is None else goal.columns[place]])
        if at is None:
            continue
        for v, value in enumerate(table.columns):
            if v != k and _side_by_side(groups, value, wanted, at):
                yield from _numbered(table, key.label, value.label, [c.label for c in wanted], reset=place is not None)


def _side_by_side(groups: Groups, value: Column, wanted: Sequence[Column], at: Codes) -> bool:
    for j, place in enumerate(wanted):
        cells = [int(value.codes[rows[j]]) if j < len(rows) else NULL for rows in groups.members]
        if [cells[g] for g in at] != place.codes.tolist():
            return False
    return True


def _numbered(
    table: Table, key: Hashable, value: Hashable, labels: Sequence[Hashable], *, reset: bool
) -> Iterator[Expr]:
    k, v = literal(key), literal(value)
    start, prefix = 0, ""
    texts = [str(label) for label in labels]
    for begin in (0, 1):
        tails = [text.removesuffix(str(begin + i)) for i, text in enumerate(texts)]
        if len(set(tails)) == 1 and all(text != tail for text, tail in zip(texts, tails, strict=True)):
            start, prefix = begin, tails[0]
            break
    count = f"{{0}}.groupby({k}).cumcount()" + (f" + {start}" if start else "")
    numbered = call(f"{{0}}.assign(n={count})", table.expr, op="groupby.cumcount", cost=1.6, tags=(LABEL,))
    wide = step(numbered, f".pivot(index={k}, columns='n', values={v})", op="pivot", cost=0.9, labels=2)
    if prefix:
        wide = step(wide, f".add_prefix({literal(prefix)})", op="add_prefix", cost=1.0)
    yield step(wide, ".reset_index()", op="reset_index", cost=0.6) if reset else wide


def _middle(table: Table, goal: Goal) -> Iterator[Expr]:
    """Pivots that give some of the goal's labels or cells, for a step that selects, renames or computes."""
    columns = table.columns
    labels = goal.column_label_parts | goal.axis_names | goal.cells
    across = [
        i
        for i, c in enumerate(columns)
        if c.kind != "delta" and hashable(c) and 1 < len(c.distinct) <= 30
        if c.array.dtype.kind != "f" and len(c.distinct & labels) >= 0.5 * len(c.distinct)
    ]
    numbers = numeric(table)
    for c in across[:3]:
        for r in [i for i, k in enumerate(columns) if i != c and hashable(k) and goal.shows(k, least=0.5)][:2]:
            values = [i for i in numbers if i not in (r, c)] or [i for i in range(len(columns)) if i not in (r, c)]
            rl, cl = literal(columns[r].label), literal(columns[c].label)
            groups = Groups([columns[r], columns[c]])
            for v in values[:2]:
                vl = literal(columns[v].label)
                if groups.count == table.rows:
                    yield step(
                        table.expr, f".pivot(index={rl}, columns={cl}, values={vl})", op="pivot", cost=0.9, labels=3
                    )
                elif columns[v].kind == "num":
                    yield step(
                        table.expr,
                        f".pivot_table(index={rl}, columns={cl}, values={vl}, aggfunc='sum')",
                        op="pivot_table",
                        cost=1.1,
                        labels=3,
                    )
            yield call(
                f"pd.crosstab({{0}}[{rl}], {{0}}[{cl}])", table.expr, op="crosstab", cost=1.3, tags=(LABEL, LABEL)
            )


def random(table: Table, rng: np.random.Generator, _others: Sequence[Table]) -> Expr | None:
    """A pivot that somebody might write."""
    columns = table.columns
    if not is_frame(table) or table.levels != 1:
        return None
    keys = [i for i, c in enumerate(columns) if hashable(c) and 1 < len(c.distinct) <= 12 and not c.null.any()]
    if len(keys) < 2:
        return None
    r, c = (keys[i] for i in rng.choice(len(keys), size=2, replace=False).tolist())
    rl, cl = literal(columns[r].label), literal(columns[c].label)
    values = [i for i in numeric(table) if i not in (r, c)]
    if not values or rng.random() < 0.25:
        return call(f"pd.crosstab({{0}}[{rl}], {{0}}[{cl}])", table.expr, op="crosstab", cost=1.3)
    vl = literal(columns[values[int(rng.integers(len(values)))]].label)
    if Groups([columns[r], columns[c]]).count == table.rows:
        return step(table.expr, f".pivot(index={rl}, columns={cl}, values={vl})", op="pivot", cost=0.9, labels=3)
    agg = str(rng.choice(["sum", "mean", "max", "count"], p=[0.5, 0.3, 0.1, 0.1]))
    fill = ", fill_value=0" if rng.random() < 0.4 else ""
    return step(
        table.expr,
        f".pivot_table(index={rl}, columns={cl}, values={vl}, aggfunc={literal(agg)}{fill})",
        op="pivot_table",
        cost=1.3,
        labels=3,
    )


__all__ = ["FAMILY", "Crossed", "Layout", "layouts", "proposals", "random"]
