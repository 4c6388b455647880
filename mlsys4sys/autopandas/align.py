"""Which rows of a table the rows of the goal come from, and which calls pick those rows in that order."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, combinations, permutations, product

import numpy as np
from numpy.typing import NDArray

from mlsys4sys.autopandas.expression import ENTRY, LABEL, POSITION, Expr, call, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.table import Bools, Column, Table

Positions = NDArray[np.int64]
"""For each row of the goal the row of the table that it comes from, shape (rows of the goal,)."""

MOST_KEYS = 3
"""Columns that a sort may be by."""

NOT_NEW = 0.5
"""Nats for sorting by other columns than the one that was just made."""

TIED_BY_DESIGN = 1.0
"""Nats less for a second key in the sort of what was gathered."""


def row_maps(table: Table, goal: Goal) -> list[Positions]:
    """Ways in which the goal's rows come from the table's, the likeliest first; each names a row for every goal row."""
    found: list[Positions] = []

    def add(positions: Positions | None) -> None:
        if positions is not None and not any(np.array_equal(positions, known) for known in found):
            found.append(positions)

    n, wanted = table.rows, goal.rows
    by_content = _by_content(table, goal)
    same_index = n == wanted and _same_levels(table.index, goal.index)
    if same_index:
        add(np.arange(n))
    if not goal.plain_index or same_index or table.shape_kind == "series":
        add(_by_index(table, goal))
    add(by_content)
    if n == wanted and goal.plain_index:
        add(np.arange(n))
    if goal.plain_index:
        add(_by_index(table, goal))
    return found


def _same_levels(a: Sequence[Column], b: Sequence[Column]) -> bool:
    return len(a) == len(b) and all(x.key == y.key for x, y in zip(a, b, strict=True))


def _by_index(table: Table, goal: Goal) -> Positions | None:
    """By row labels, where the table's are unique."""
    if not table.index or len(table.index) != len(goal.index):
        return None
    labels = list(zip(*(level.codes.tolist() for level in table.index), strict=True))
    places = {label: i for i, label in enumerate(labels)}
    if len(places) < len(labels):
        return None
    wanted = [places.get(label, -1) for label in zip(*(level.codes.tolist() for level in goal.index), strict=True)]
    return np.array(wanted, dtype=np.int64) if -1 not in wanted else None


def _by_content(table: Table, goal: Goal) -> Positions | None:
    """By the cells of the columns that both have; equal rows are taken in order."""
    shared = _shared_columns(table, goal)
    if not shared:
        return None
    queues: dict[tuple[int, ...], deque[int]] = defaultdict(deque)
    for i, row in enumerate(zip(*(mine.codes.tolist() for mine, _ in shared), strict=True)):
        queues[row].append(i)
    out = []
    last: dict[tuple[int, ...], int] = {}
    for row in zip(*(theirs.codes.tolist() for _, theirs in shared), strict=True):
        queue = queues.get(row)
        if queue:
            last[row] = queue.popleft()
        elif row not in last:
            return None
        out.append(last[row])
    return np.array(out, dtype=np.int64)


def _shared_columns(table: Table, goal: Goal) -> list[tuple[Column, Column]]:
    """Columns of the same label whose goal cells all occur in the table; by content alone where no label is shared."""
    places: dict[int, Column] = {}
    for mine, code in zip(table.columns, table.label_codes, strict=False):
        places.setdefault(code, mine)
    named = [
        (places[code], theirs)
        for theirs, code in zip(goal.columns, goal.label_codes, strict=False)
        if code in places and set(theirs.codes.tolist()) <= set(places[code].codes.tolist())
    ]
    if named:
        return named
    pairs = []
    for theirs in goal.columns:
        cells = set(theirs.codes.tolist())
        if len(cells) < 2 and goal.rows > 1:
            continue
        matches = [mine for mine in table.columns if cells <= set(mine.codes.tolist())]
        if len(matches) == 1:
            pairs.append((matches[0], theirs))
    return pairs or _in_turn(table, goal)


def _in_turn(table: Table, goal: Goal) -> list[tuple[Column, Column]]:
    """Columns of equal kinds of cells, as of a table joined with itself, in the order in which they stand."""
    pairs: list[tuple[Column, Column]] = []
    for theirs in goal.columns:
        free = [
            mine
            for mine in table.columns
            if set(theirs.codes.tolist()) <= set(mine.codes.tolist()) and all(mine is not taken for taken, _ in pairs)
        ]
        if not free:
            return []
        pairs.append((free[0], theirs))
    return pairs


def row_picks(table: Table, positions: Positions) -> Iterator[Expr]:
    """Calls without a condition that give exactly these rows in this order; the frame itself where nothing changes."""
    joined = _made_by(table.expr).op in ("merge", "join", "concat")
    for expr in _row_picks(table, positions):
        by_place = joined and expr.op in _BY_PLACE
        yield replace(expr, cost=expr.cost + PICKED_JOINED) if by_place else expr


_DRESSED = frozenset(
    {"reset_index", "rename", "rename_axis", "set_axis", "astype", "round", "fillna", "select", "drop"}
)
"""Calls that change no row's place."""


def _made_by(expr: Expr) -> Expr:
    """The call that put a table's rows where they are."""
    while expr.op in _DRESSED and expr.parts:
        expr = expr.parts[0]
    return expr


MOST_LISTED = 12
"""Rows of a table that somebody may have listed in an order of their own."""

PICKED_JOINED = 1.2
"""Nats for rows picked by their place, or as the first of some, from a join as it comes."""

_BY_PLACE = frozenset({"head", "tail", "iloc", "drop_duplicates", "groupby.head", "groupby.nth"})


def _row_picks(table: Table, positions: Positions) -> Iterator[Expr]:
    n, k = table.rows, len(positions)
    frame = table.expr
    if np.array_equal(positions, np.arange(n)):
        yield frame
        return
    ordered = list(_sorted(table, positions))
    yield from ordered
    increasing = bool((np.diff(positions) > 0).all())
    if increasing:
        yield from _cleaned(table, positions)
    elif k == n and not ordered:
        yield from _in_own_order(table, positions)
        yield from listed(table, positions)
    # Groups stand in the order of their keys: nobody asks for the first of them.
    odd = 1.0 * _made_by(frame).op.startswith(("groupby", "pivot", "crosstab"))
    if k and increasing and positions[-1] - positions[0] == k - 1:
        if positions[0] == 0:
            yield call(f"{{0}}.head({k})", frame, op="head", cost=1.8 + odd, tags=(POSITION,))
            if 0 < n - k <= 3:
                yield call(f"{{0}}.iloc[:{k - n}]", frame, op="iloc", cost=2.0 + odd, tags=(POSITION,))
        elif positions[-1] == n - 1:
            yield call(f"{{0}}.tail({k})", frame, op="tail", cost=1.9 + odd, tags=(POSITION,))
            if positions[0] <= 3:
                yield call(f"{{0}}.iloc[{positions[0]}:]", frame, op="iloc", cost=1.9 + odd, tags=(POSITION,))
        else:
            text = f"{{0}}.iloc[{positions[0]}:{positions[-1] + 1}]"
            yield call(text, frame, op="iloc", cost=3.2 + odd, tags=(POSITION, POSITION))
    if k == n and n > 1 and np.array_equal(positions, np.arange(n)[::-1]):
        yield call("{0}.iloc[::-1]", frame, op="iloc", cost=1.8, tags=(POSITION,))
    if increasing and k > 1 and len(steps := set(np.diff(positions).tolist())) == 1 and (step := steps.pop()) > 1:
        start = int(positions[0])
        if len(range(start, n, step)) == k:
            cost = 3.0 + 1.2 * (k == 2)  # any two rows are so many apart
            yield call(f"{{0}}.iloc[{start or ''}::{step}]", frame, op="iloc", cost=cost, tags=(POSITION, POSITION))
    yield from _by_label(table, positions)
    yield from _repeated(table, positions)
    if 0 < k <= 4 and not increasing | (k == n):
        spots = positions.tolist()
        yield call(f"{{0}}.iloc[{literal(spots)}]", frame, op="iloc", cost=3.0 + k, tags=(POSITION,) * k)


def _in_own_order(table: Table, positions: Positions) -> Iterator[Expr]:
    """Rows by the words of a column in an order of their own, equal ones as they stood: small, medium, large."""
    for column in table.columns:
        if column.kind != "str" or column.null.any() or not 2 < len(column.distinct) < table.rows:
            continue
        codes = column.codes[positions]
        firsts = list(dict.fromkeys(codes.tolist()))
        place = {code: i for i, code in enumerate(firsts)}
        places = np.array([place[code] for code in column.codes.tolist()])
        if len(firsts) > MOST_LISTED:
            continue
        words = {table.book.cell(code): i for i, code in enumerate(firsts)}
        mapped = f"s.map({literal(words)})"
        label = literal(column.label)
        cost, tags = 2.6 + 0.25 * len(words), (LABEL, *(ENTRY,) * len(words))
        if np.array_equal(np.argsort(places, kind="stable"), positions):
            text = f"{{0}}.sort_values({label}, key=lambda s: {mapped})"
            yield call(text, table.expr, op="sort_values", cost=cost, tags=tags)
            continue
        for second, ranks in _sort_keys(table) if (np.diff(places[positions]) >= 0).all() else ():
            for sign in (1, -1):
                if second != column.label and np.array_equal(np.lexsort([ranks * sign, places]), positions):
                    down = "" if sign > 0 else ", ascending=[True, False]"
                    by = f"[{label}, {literal(second)}]{down}"
                    text = f"{{0}}.sort_values({by}, key=lambda s: {mapped} if s.name == {label} else s)"
                    yield call(text, table.expr, op="sort_values", cost=cost + 0.8, tags=(LABEL, *tags))


def listed(table: Table, positions: Positions) -> Iterator[Expr]:
    """All rows in an order that nothing in them explains, as somebody listed them."""
    spots = positions.tolist()
    if len(spots) <= MOST_LISTED and sorted(spots) == list(range(table.rows)):
        yield call(
            f"{{0}}.iloc[{literal(spots)}]",
            table.expr,
            op="iloc",
            cost=3.5 + len(spots) / 2,
            tags=(POSITION,) * len(spots),
        )


def _by_label(table: Table, positions: Positions) -> Iterator[Expr]:
    """``df.loc[['a', 'c']]`` where rows have labels of their own."""
    if len(table.index) != 1 or table.plain_index or not table.index[0].unique or not 0 < len(positions) <= 6:
        return
    if table.index[0].kind == "obj" and not all(isinstance(label, str | int | tuple) for label in table.index[0].cells):
        return  # intervals and periods have no text
    labels = [table.index[0].cells[i] for i in positions.tolist()]
    each = 0.8 if table.index[0].kind == "str" else 1.6  # a number is more of an accident than a name
    text, cost = literal(labels), 1.0 + each * len(labels) + 1.0 * bool(table.expr.op)
    yield call(f"{{0}}.loc[{text}]", table.expr, op="loc", cost=cost, tags=(LABEL,) * len(labels))
    rest = [label for i, label in enumerate(table.index[0].cells) if i not in set(positions.tolist())]
    if len(rest) <= 3 and (np.diff(positions) > 0).all():
        text = literal(rest[0] if len(rest) == 1 else rest)
        # Labels that a call made (groups, values counted) are dropped by a rule more often than by name.
        cost = 1.0 + each * len(rest) + 1.2 * bool(table.expr.op)
        yield call(f"{{0}}.drop({text})", table.expr, op="drop", cost=cost, tags=(LABEL,) * len(rest))


def _repeated(table: Table, positions: Positions) -> Iterator[Expr]:
    """Each row as many times as a column says."""
    if len(positions) <= table.rows or (np.diff(positions) < 0).any():
        return
    counts = np.bincount(positions, minlength=table.rows)
    if len(set(counts.tolist())) == 1 and table.index and len(table.index) == 1:
        yield call(f"{{0}}.loc[{{0}}.index.repeat({counts[0]})]", table.expr, op="repeat", cost=3.0, tags=(POSITION,))
    for i, by in enumerate(table.columns):
        if by.kind == "num" and not by.null.any() and np.array_equal(by.numbers, counts) and len(table.index) == 1:
            ref = table.ref(i)
            yield call("{0}.loc[{0}.index.repeat({1:arg})]", table.expr, ref, op="repeat", cost=2.0)


def _cleaned(table: Table, positions: Positions) -> Iterator[Expr]:
    """Rows without missing values, and rows without repeats: on all columns or one or two."""
    keep = np.zeros(table.rows, dtype=bool)
    keep[positions] = True
    frame = table.expr
    if table.shape_kind not in ("frame", "series"):
        return
    columns = table.columns
    nulls = np.array([c.null for c in columns]) if columns else np.zeros((0, table.rows), dtype=bool)
    if nulls.any():
        if np.array_equal(~nulls.any(axis=0), keep):
            yield call("{0}.dropna()", frame, op="dropna", cost=0.9)
        if len(columns) > 1:
            if np.array_equal(~nulls.all(axis=0), keep):
                yield call("{0}.dropna(how='all')", frame, op="dropna", cost=1.2)
            for c, null in zip(columns, nulls, strict=True):
                if null.any() and np.array_equal(~null, keep):
                    text = f"{{0}}.dropna(subset={literal([c.label])})"
                    yield call(text, frame, op="dropna", cost=1.3, tags=(LABEL,))
            present = (~nulls).sum(axis=0)
            for least in range(1, len(columns)):
                if np.array_equal(present >= least, keep):
                    yield call(f"{{0}}.dropna(thresh={least})", frame, op="dropna", cost=2.2, tags=(POSITION,))
    yield from _unique_rows(table, keep)


def _unique_rows(table: Table, keep: Bools) -> Iterator[Expr]:
    """``drop_duplicates`` on all columns, on one, on two."""
    frame, columns = table.expr, table.columns
    ids = [np.unique(c.codes, return_inverse=True)[1] for c in columns]
    if not columns:
        return
    whole = ids[0]
    for more in ids[1:]:
        whole = _together(whole, more)
    for how, extra in _kept_by(whole, keep):
        yield call(f"{{0}}.drop_duplicates({how})", frame, op="drop_duplicates", cost=1.0 + extra)
    if table.shape_kind != "frame" or len(columns) < 2:
        return
    pairs = [(i,) for i in range(len(columns))], list(combinations(range(len(columns)), 2))
    for subset in chain(pairs[0], pairs[1] if 2 < len(columns) <= 8 else ()):
        part = ids[subset[0]] if len(subset) == 1 else _together(ids[subset[0]], ids[subset[1]])
        for how, extra in _kept_by(part, keep):
            labels = [columns[i].label for i in subset]
            arg = literal(labels[0] if len(labels) == 1 and isinstance(labels[0], str) else labels)
            yield call(
                f"{{0}}.drop_duplicates(subset={arg}{', ' * bool(how)}{how})",
                frame,
                op="drop_duplicates",
                cost=1.1 + 0.3 * len(subset) + extra,
                tags=(LABEL,) * len(subset),
            )


def _together(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """Ids of pairs of ids."""
    ids: NDArray[np.int64] = np.unique(a * (int(b.max(initial=0)) + 1) + b, return_inverse=True)[1]
    return ids


def _kept_by(ids: NDArray[np.int64], keep: Bools) -> Iterator[tuple[str, float]]:
    """Arguments of ``drop_duplicates`` that keep just these rows of rows with ids, and what they cost more."""
    n = len(ids)
    counts = np.bincount(ids)
    wanted = int(keep.sum())
    if len(counts) == n:
        return
    if wanted == len(counts):
        first = np.zeros(n, dtype=bool)
        first[np.unique(ids, return_index=True)[1]] = True
        if np.array_equal(first, keep):
            yield "", 0.0
        last = np.zeros(n, dtype=bool)
        last[n - 1 - np.unique(ids[::-1], return_index=True)[1]] = True
        if np.array_equal(last, keep):
            yield "keep='last'", 0.6
    if wanted == int((counts == 1).sum()) and np.array_equal(counts[ids] == 1, keep):
        yield "keep=False", 0.6


def _sorted(table: Table, positions: Positions) -> Iterator[Expr]:
    """Sorts, and sorts followed by picking the first rows, or the first of each kind."""
    n, k = table.rows, len(positions)
    if n < 2 or not k or len(set(positions.tolist())) < k:
        return
    if k == n:
        yield from sorts(table, positions)
        return
    for how in sorts(table, positions):
        yield call(f"{{0}}.head({k})", how, op="head", cost=1.5, tags=(POSITION,))
    yield from _best_of_each(table, positions)
    yield from _some_of_each(table, positions)


def sorts(table: Table, positions: Positions) -> Iterator[Expr]:
    """``sort_values`` and ``sort_index`` calls whose rows are ``positions``, or begin with them.

    Sorts are stable; a descending key keeps ties in the order of the table.
    """
    keys = _sort_keys(table)
    k, unmoved = len(positions), np.arange(table.rows)
    frame = table.expr
    signs: tuple[int, ...]
    for signs in ((1,), (-1,)):
        if table.index and len(table.index) == 1 and (levels := _order(table.index[0])) is not None:
            order = np.argsort(levels * signs[0], kind="stable")
            if np.array_equal(order[:k], positions) and not np.array_equal(order, unmoved):
                text = "" if signs[0] > 0 else "ascending=False"
                yield call(f"{{0}}.sort_index({text})", frame, op="sort_index", cost=1.0 if signs[0] > 0 else 1.4)
    rest = np.setdiff1d(unmoved, positions)
    leading = [
        (c, sign) for c, (_, ranks) in enumerate(keys) for sign in (1, -1) if _leads(ranks * sign, positions, rest)
    ]
    found = 0
    for size in range(1, min(MOST_KEYS, len(keys)) + 1):
        if found or (size == 3 and len(keys) > 7):
            return
        for first, sign in leading:
            for others in permutations([c for c in range(len(keys)) if c != first], size - 1):
                chosen = (first, *others)
                for signs in product((sign,), *[(1, -1)] * (size - 1)):
                    order = np.lexsort([keys[c][1] * s for c, s in zip(chosen[::-1], signs[::-1], strict=True)])
                    if size == 1 and k == table.rows and not np.array_equal(order, positions):
                        # The plain sort leaves ties in an order of the machine's own: running it tells.
                        yield _sort_call(table, [keys[first][0]], signs)
                    if np.array_equal(order[:k], positions) and not np.array_equal(order, unmoved):
                        found += 1
                        labels = [keys[c][0] for c in chosen]
                        yield _sort_call(table, labels, signs)
                        if size == 1 and len(set(keys[first][1].tolist())) < table.rows:
                            yield _sort_call(table, labels, signs, stable=True)
                            yield from _ties_broken(table, keys, first, sign, positions)


def _ties_broken(
    table: Table, keys: Sequence[tuple[object, NDArray[np.float64]]], first: int, sign: int, positions: Positions
) -> Iterator[Expr]:
    """Sorts by a second column too, which orders all rows that are equal in the first: it was meant perhaps."""
    ranks = keys[first][1] * sign
    tied = np.diff(ranks[positions]) == 0
    seconds = [
        c
        for c, (_, other) in enumerate(keys)
        if c != first and len(positions) == table.rows and (np.diff(other[positions])[tied] > 0).all()
    ]
    for c in dict.fromkeys([*seconds[:2], *seconds[-1:]]):  # the last one may be new
        expr = _sort_call(table, [keys[first][0], keys[c][0]], (sign, 1))
        # Rows that were gathered are tied by design: who sorts them names both keys.
        yield replace(expr, cost=expr.cost - TIED_BY_DESIGN) if "melt" in table.expr.ops else expr


def _leads(ranks: NDArray[np.float64], positions: Positions, rest: Positions) -> bool:
    """Whether the rows at ``positions`` ascend and none of the rest would come before the last of them."""
    chosen = ranks[positions]
    return bool((np.diff(chosen) >= 0).all()) and (not len(rest) or bool(ranks[rest].min() >= chosen[-1]))


def _assigned(expr: Expr, label: object) -> bool:
    """Whether an ``assign`` makes this column."""
    return f"{label}={{" in expr.template or f"{literal(label)}: {{" in expr.template


def _sort_call(table: Table, labels: Sequence[object], signs: Sequence[int], *, stable: bool = False) -> Expr:
    down = [s < 0 for s in signs]
    extra = ""
    if all(down):
        extra = ", ascending=False"
    elif any(down):
        extra = f", ascending={literal([not d for d in down])}"
    cost = 0.9 + 0.4 * len(labels) + (0.3 if extra else 0.0) + (0.2 if stable else 0.0)
    if table.expr.op == "assign" and not any(_assigned(table.expr, label) for label in labels):
        cost += NOT_NEW
    extra += ", kind='stable'" if stable else ""  # ties need not keep their order otherwise
    if table.shape_kind == "series":
        return call(f"{{0}}.sort_values({extra[2:]})", table.expr, op="sort_values", cost=cost - 0.4)
    by = literal(labels[0] if len(labels) == 1 and isinstance(labels[0], str) else list(labels))
    text = f"{{0}}.sort_values({by}{extra})"
    return call(text, table.expr, op="sort_values", cost=cost, tags=(LABEL,) * len(labels))


def _sort_keys(table: Table) -> list[tuple[object, NDArray[np.float64]]]:
    """Columns by which one can sort, as ranks; a missing value sorts last either way."""
    if table.shape_kind not in ("frame", "series") or table.duplicate_labels:
        return []
    keys = []
    for c in table.columns[:12]:
        ranks = _order(c)
        if ranks is not None and len(set(ranks.tolist())) > 1:
            keys.append((c.label, ranks))
    return keys


def _order(c: Column) -> NDArray[np.float64] | None:
    """Ranks of the cells, ties equal; None where cells have no order or some are missing."""
    if c.null.any() or c.kind == "obj":
        return None
    if c.kind in ("num", "bool", "date", "delta"):
        return c.numbers
    cells = c.cells
    places = {cell: i for i, cell in enumerate(sorted(set(cells)))}
    return np.array([places[cell] for cell in cells], dtype=np.float64)


def _some_of_each(table: Table, positions: Positions) -> Iterator[Expr]:
    """The first or last few rows of each group, as they stand or after a sort."""
    if table.shape_kind != "frame" or table.duplicate_labels or len(positions) > 400:
        return
    chosen = positions.tolist()
    kept = frozenset(chosen)
    for kind in table.columns[:12]:
        codes = kind.codes
        if not 1 < len(kind.distinct) < table.rows or kind.null.any():
            continue
        counts = np.unique(codes[positions], return_counts=True)[1]
        most = int(counts.max())
        sizes = np.unique(codes, return_counts=True)[1]
        if len(counts) < len(kind.distinct) or (np.minimum(sizes, most) != counts).any() or most >= sizes.max():
            continue
        group = f".groupby({literal(kind.label if isinstance(kind.label, str) else [kind.label])})"
        orders: list[tuple[Expr, list[int]]] = [(table.expr, list(range(table.rows)))]
        for label, ranks in _sort_keys(table):
            if label != kind.label:
                for sign in (1, -1):
                    order = np.argsort(ranks * sign, kind="stable").tolist()
                    orders.append((_sort_call(table, [label], (sign,)), order))
        by_kind = dict(_sort_keys(table)).get(kind.label)
        if by_kind is not None:
            for label, ranks in _sort_keys(table):
                if label != kind.label:
                    for sign in (1, -1):
                        order = np.lexsort([ranks * sign, by_kind]).tolist()
                        orders.append((_sort_call(table, [kind.label, label], (1, sign)), order))
        for ordered, order in orders:
            for name, taken in (("head", order), ("tail", order[::-1])):
                seen: dict[int, int] = {}
                picked = []
                for i in taken:
                    code = int(codes[i])
                    seen[code] = seen.get(code, 0) + 1
                    if seen[code] <= most:
                        picked.append(i)
                if frozenset(picked) != kept:
                    continue
                made = picked if name == "head" else picked[::-1]
                best = call(
                    f"{{0}}{group}.{name}({most})", ordered, op="groupby.head", cost=1.3 + 0.3 * (name == "tail"),
                    tags=(LABEL, POSITION),
                )  # fmt: skip
                if made == chosen:
                    yield best
                elif sorted(made) == chosen and ordered is not table.expr:
                    yield call("{0}.sort_index()", best, op="sort_index", cost=0.8)


def _best_of_each(table: Table, positions: Positions) -> Iterator[Expr]:
    """Sort, then the first row of each kind: the best of each group."""
    if table.shape_kind != "frame" or table.duplicate_labels:
        return
    chosen = positions.tolist()
    for kind in table.columns:
        codes = kind.codes.tolist()
        if (
            len({codes[i] for i in chosen}) != len(chosen)
            or len(set(codes)) != len(chosen)
            or len(chosen) == len(codes)
        ):
            continue
        for label, ranks in _sort_keys(table):
            if label == kind.label:
                continue
            for sign in (1, -1):
                order = np.argsort(ranks * sign, kind="stable").tolist()
                first: dict[int, int] = {}
                for i in order:
                    first.setdefault(codes[i], i)
                text = f"{{0}}.drop_duplicates({literal(kind.label if isinstance(kind.label, str) else [kind.label])})"
                ordered = _sort_call(table, [label], (sign,))
                best = call(text, ordered, op="drop_duplicates", cost=1.3, tags=(LABEL,))
                picked = list(first.values())
                if picked == chosen:
                    yield best
                elif sorted(picked) == chosen:
                    yield call("{0}.sort_index()", best, op="sort_index", cost=0.8)


def masked(table: Table, mask: Expr, *, cost: float = 0.6) -> Expr:
    """``df[mask]``."""
    return Expr("{0}[{1:arg}]", (table.expr, mask), op="mask", cost=cost)


def keep_of(table: Table, positions: Positions) -> Bools | None:
    """The rows as a mask, where they stand in order and none twice."""
    if len(positions) and not (np.diff(positions) > 0).all():
        return None
    keep = np.zeros(table.rows, dtype=bool)
    keep[positions] = True
    return keep


__all__ = ["Positions", "keep_of", "masked", "row_maps", "row_picks", "sorts"]
