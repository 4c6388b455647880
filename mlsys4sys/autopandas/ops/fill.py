"""Cells changed where they stand: missing values filled, values replaced; rows and labels stay.

Each candidate is computed on codes or numbers and compared with the goal, so that only those that fit are written.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np

from mlsys4sys.autopandas.expression import CELL, ENTRY, OUTPUT, Expr, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops.grouping import Groups
from mlsys4sys.autopandas.ops.parts import distinct, flat, has_nulls, hashable, is_frame, same_labels, step
from mlsys4sys.autopandas.table import NULL, Codes, Column, Table

FAMILY = "fill"

NATURAL = (0, 1, -1, 2, "", " ", "-", "_", ",", "unknown", "Unknown", "missing", "N/A", "NA", 0.0)


def proposals(table: Table, goal: Goal, _others: Sequence[Table], *, last: bool) -> Iterator[Expr]:
    """Fills and replacements; last: those that give the goal's cells."""
    if table.shape_kind not in ("frame", "series") or not table.rows:
        return
    yield from distinct(_last(table, goal) if last else _middle(table, goal), 30 if last else 8)


def constant_cost(value: object, table: Table) -> tuple[float, tuple[str, ...]]:
    """What a constant costs, and its tag."""
    if isinstance(value, int | float | str) and not isinstance(value, bool) and value in NATURAL[:10]:
        return 0.4, ()
    return (1.0, (CELL,)) if table.book.code(value) in table.cells else (2.5, (OUTPUT,))


def paired(table: Table, goal: Goal) -> list[tuple[Column, Column]] | None:
    """Each column with the goal's of the same label, rows in the same order; None where they do not correspond."""
    if table.rows != goal.rows or table.shape_kind != goal.shape_kind:
        return None
    if table.shape_kind == "series":
        return [(table.columns[0], goal.columns[0])]
    if not is_frame(table) or not same_labels(table, goal) or goal.duplicate_labels:
        return None
    place = {code: i for i, code in enumerate(goal.label_codes)}
    return [(c, goal.columns[place[code]]) for c, code in zip(table.columns, table.label_codes, strict=True)]


def _last(table: Table, goal: Goal) -> Iterator[Expr]:
    pairs = paired(table, goal)
    if pairs is None:
        some_columns = _selected(table, goal)
        if some_columns is not None:
            yield from _last(some_columns, goal)
        return
    changed = [(a, b) for a, b in pairs if (a.codes != b.codes).any()]
    if not changed:
        return
    if all(((a.codes == b.codes) | (a.codes == NULL)).all() for a, b in changed):
        yield from _filled(table, pairs, changed)
    else:
        if any(a.null.any() for a, _ in changed):
            yield from _interpolated(table, pairs, changed)  # rounded, perhaps
        yield from _replaced(table, pairs, changed)


def _selected(table: Table, goal: Goal) -> Table | None:
    """The columns whose labels the goal has, where it has not all of them."""
    if not is_frame(table) or goal.shape_kind != "frame" or goal.duplicate_labels or table.rows != goal.rows:
        return None
    place = {code: label for label, code in zip(table.labels, table.label_codes, strict=True)}
    if not 0 < len(goal.labels) < len(table.labels) or not set(goal.label_codes) <= set(place):
        return None
    labels = [place[code] for code in goal.label_codes]
    return table.made(
        table.value[labels], step(table.expr, f"[{literal(labels)}]", op="select", cost=0.6, labels=len(labels))
    )


# Missing values


def carried(codes: Codes, *, backward: bool = False, limit: int | None = None) -> Codes:
    """Missing codes replaced by the last present one before, or the next one after."""
    line = codes[::-1] if backward else codes
    place = np.where(line != NULL, np.arange(len(line)), -1)
    place = np.maximum.accumulate(place)
    gap = np.arange(len(line)) - place
    out = np.where((place >= 0) & ((gap <= limit) if limit else True), line[np.maximum(place, 0)], NULL)
    return out[::-1] if backward else out


def _filled(
    table: Table, pairs: Sequence[tuple[Column, Column]], changed: Sequence[tuple[Column, Column]]
) -> Iterator[Expr]:
    every = all((b.codes[a.codes == NULL] != NULL).all() for a, b in pairs)
    yield from _carried(table, pairs)
    yield from _constants(table, pairs, changed, every=every)
    yield from _interpolated(table, pairs, changed)
    yield from _statistics(table, pairs, changed)
    yield from _carried_in_groups(table, changed)


def _carried(table: Table, pairs: Sequence[tuple[Column, Column]]) -> Iterator[Expr]:
    def fits(*, backward: bool, limit: int | None = None) -> bool:
        return all((carried(a.codes, backward=backward, limit=limit) == b.codes).all() for a, b in pairs)

    for method, backward in (("ffill", False), ("bfill", True)):
        if fits(backward=backward):
            yield step(table.expr, f".{method}()", op=method, cost=0.9)
        elif fits(backward=backward, limit=1):
            yield step(table.expr, f".{method}(limit=1)", op=method, cost=1.5)
    for first, second in (("ffill", "bfill"), ("bfill", "ffill")):
        both = [carried(carried(a.codes, backward=first == "bfill"), backward=second == "bfill") for a, _ in pairs]
        if all((codes == b.codes).all() for codes, (_, b) in zip(both, pairs, strict=True)):
            yield step(step(table.expr, f".{first}()", op=first, cost=0.9), f".{second}()", op=second, cost=0.9)
    if table.shape_kind == "frame" and len(pairs) > 1:
        grid = np.array([a.codes for a, _ in pairs])
        wanted = np.array([b.codes for _, b in pairs])
        for method, backward in (("ffill", False), ("bfill", True)):
            if all((carried(grid[:, i], backward=backward) == wanted[:, i]).all() for i in range(table.rows)):
                yield step(table.expr, f".{method}(axis=1)", op=method, cost=1.2)


def _constants(
    table: Table, pairs: Sequence[tuple[Column, Column]], changed: Sequence[tuple[Column, Column]], *, every: bool
) -> Iterator[Expr]:
    fills: dict[Hashable, object] = {}
    for a, b in changed:
        codes = set(b.codes[(a.codes == NULL) & (b.codes != NULL)].tolist())
        if len(codes) != 1 or (b.codes[a.codes == NULL] == NULL).any():
            return
        fills[a.label] = table.book.cell(codes.pop())
    values = list(fills.values())
    holes = [a for a, b in pairs if a.null.any()]
    first = table.book.code(values[0])
    if all(table.book.code(value) == first for value in values):
        cost, tags = constant_cost(values[0], table)
        text = literal(values[0])
        if every:
            yield step(table.expr, f".fillna({text})", op="fillna", cost=0.8 + cost, tags=tags)
        if table.shape_kind == "frame" and (len(changed) < len(holes) or len(changed) < len(pairs)):
            if len(changed) == 1:
                label = changed[0][0].label
                if isinstance(label, str) and label.isidentifier():
                    yield step(
                        table.expr,
                        f".assign({label}={{0}}[{literal(label)}].fillna({text}))",
                        op="fillna",
                        cost=1.1 + cost,
                        labels=1,
                        tags=tags,
                    )
            yield step(
                table.expr,
                f".fillna({literal(dict(fills))})",
                op="fillna",
                cost=1.2 + cost,
                labels=len(fills),
                tags=(*tags, ENTRY),
            )
    elif table.shape_kind == "frame":
        cost = sum(constant_cost(value, table)[0] for value in values)
        tags = tuple(tag for value in values for tag in constant_cost(value, table)[1])
        yield step(
            table.expr,
            f".fillna({literal(fills)})",
            op="fillna",
            cost=1.0 + cost,
            labels=len(fills),
            tags=(*tags, *(ENTRY,) * len(fills)),
        )


def _interpolated(
    table: Table, pairs: Sequence[tuple[Column, Column]], changed: Sequence[tuple[Column, Column]]
) -> Iterator[Expr]:
    if not all(a.kind == "num" for a, _ in changed) or any(a.kind == "obj" for a, _ in pairs):
        return
    digits = -1
    for a, b in changed:
        x = a.numbers
        known = np.flatnonzero(~np.isnan(x))
        if not len(known):
            return
        line = np.interp(np.arange(len(x)), known, x[known])
        line[: known[0]] = np.nan
        if not np.allclose(line, b.numbers, equal_nan=True):
            near = [d for d in (1, 2, 3, 0) if np.allclose(np.round(line, d), b.numbers, equal_nan=True)]
            if not near:
                return
            digits = max(digits, near[0])
    if all(a.kind == "num" for a, _ in pairs):
        filled = step(table.expr, ".interpolate()", op="interpolate", cost=1.2)
        yield filled if digits < 0 else step(filled, f".round({digits or ''})", op="round", cost=1.0)
    elif digits >= 0:
        return
    elif len(changed) == 1 and isinstance(changed[0][0].label, str) and changed[0][0].label.isidentifier():
        label = changed[0][0].label
        yield step(
            table.expr, f".assign({label}={{0}}[{literal(label)}].interpolate())", op="interpolate", cost=1.5, labels=1
        )


def _statistics(
    table: Table, pairs: Sequence[tuple[Column, Column]], changed: Sequence[tuple[Column, Column]]
) -> Iterator[Expr]:
    """Missing values replaced by the column's own mean, median and so on."""
    if not all(a.kind == "num" for a, _ in changed):
        return
    numeric_only = any(a.kind not in ("num", "bool") for a, _ in pairs)
    for method, cost in (("mean", 0.9), ("median", 1.2), ("min", 1.6), ("max", 1.6)):
        with np.errstate(all="ignore"):
            made = [np.where(a.null, getattr(np, f"nan{method}")(a.numbers), a.numbers) for a, _ in changed]
        if all(np.allclose(x, b.numbers, equal_nan=True) for x, (_, b) in zip(made, changed, strict=True)):
            if table.shape_kind == "series" or len(changed) == sum(
                bool(a.null.any()) for a, _ in pairs if a.kind == "num"
            ):
                argument = "numeric_only=True" if numeric_only else ""
                yield step(table.expr, f".fillna({{0}}.{method}({argument}))", op="fillna", cost=1.0 + cost)
            if (
                len(changed) == 1
                and isinstance(changed[0][0].label, str)
                and changed[0][0].label.isidentifier()
                and table.shape_kind == "frame"
            ):
                label = changed[0][0].label
                ref = f"{{0}}[{literal(label)}]"
                yield step(
                    table.expr,
                    f".assign({label}={ref}.fillna({ref}.{method}()))",
                    op="fillna",
                    cost=1.3 + cost,
                    labels=1,
                )
    modes = []
    for a, b in changed:
        values, counts = np.unique(a.codes[a.codes != NULL], return_counts=True)
        best = set(values[counts == counts.max()].tolist()) if len(values) else set()
        filled = set(b.codes[a.codes == NULL].tolist())
        if len(filled) != 1 or not filled <= best:
            return
        modes.append(a)
    if modes:
        yield step(
            table.expr,
            ".fillna({0}.mode().iloc[0])" if table.shape_kind == "frame" else ".fillna({0}.mode()[0])",
            op="fillna",
            cost=2.2,
        )


def _carried_in_groups(table: Table, changed: Sequence[tuple[Column, Column]]) -> Iterator[Expr]:
    if not flat(table):
        return
    for key in table.columns:
        if not hashable(key) or key.null.any() or not 1 < len(key.distinct) < table.rows:
            continue
        members = Groups([key]).members
        for method, backward in (("ffill", False), ("bfill", True)):
            made = []
            for a, _ in changed:
                codes = a.codes.copy()
                for rows in members:
                    codes[rows] = carried(codes[rows], backward=backward)
                made.append(codes)
            if all((codes == b.codes).all() for codes, (_, b) in zip(made, changed, strict=True)):
                yield from _written_in_groups(
                    table, changed, f".groupby({literal(key.label)})", f".{method}()", "groupby.ffill"
                )
        for agg in ("mean", "median", "first", "max"):
            if all(a.kind == "num" for a, _ in changed) and _group_statistic(members, changed, agg):
                yield from _written_in_groups(
                    table,
                    changed,
                    f".groupby({literal(key.label)})",
                    f".transform({literal(agg)})",
                    "groupby.transform",
                    fill=True,
                )


def _group_statistic(members: Sequence[Codes], changed: Sequence[tuple[Column, Column]], agg: str) -> bool:
    for a, b in changed:
        made = a.numbers.copy()
        for rows in members:
            x = made[rows]
            known = x[~np.isnan(x)]
            if len(known):
                value = known[0] if agg == "first" else getattr(np, agg)(known)
                made[rows] = np.where(np.isnan(x), value, x)
        if not np.allclose(made, b.numbers, equal_nan=True):
            return False
    return True


def _written_in_groups(
    table: Table, changed: Sequence[tuple[Column, Column]], grouped: str, call_text: str, op: str, *, fill: bool = False
) -> Iterator[Expr]:
    labels = [a.label for a, _ in changed]
    if not all(isinstance(label, str) and label.isidentifier() for label in labels):
        return
    parts = []
    for label in labels:
        made = f"{{0}}{grouped}[{literal(label)}]{call_text}"
        parts.append(f"{label}={{0}}[{literal(label)}].fillna({made})" if fill else f"{label}={made}")
    yield step(table.expr, f".assign({', '.join(parts)})", op=op, cost=1.6 + 0.4 * len(labels), labels=len(labels))


# Replacements


def _replaced(
    table: Table, pairs: Sequence[tuple[Column, Column]], changed: Sequence[tuple[Column, Column]]
) -> Iterator[Expr]:
    yield from _replaced_by_column(table, changed)
    mapping: dict[int, int] = {}
    for a, b in changed:
        for old, new in {(o, n) for o, n in zip(a.codes.tolist(), b.codes.tolist(), strict=True) if o != n}:
            if old == NULL or mapping.setdefault(old, new) != new:
                return
        if len(mapping) > 12:
            return
    if not all(map(hashable, (a for a, _ in changed))):
        return
    places = sum(int((a.codes != b.codes).sum()) for a, b in changed)
    if 1 < len(mapping) == places and all(a.kind == "num" for a, _ in changed):
        return  # other numbers in every place are computed, not replaced
    kept = {code for a, b in pairs for code in a.codes[a.codes == b.codes].tolist()}
    whole = not kept & set(mapping)
    entries = {table.book.cell(old): table.book.cell(new) if new != NULL else np.nan for old, new in mapping.items()}
    labels = [a.label for a, _ in changed]
    cost = sum(constant_cost(new, table)[0] for new in entries.values())
    tags: tuple[str, ...]
    if len(entries) == 1:
        ((old, new),) = entries.items()
        text, tags = f"{literal(old)}, {literal(new)}", (CELL,)
        cost += 1.2
    elif len(set(mapping.values())) == 1:
        text, tags = f"{literal(list(entries))}, {literal(next(iter(entries.values())))}", (CELL,) * len(entries)
        cost = 1.2 + constant_cost(next(iter(entries.values())), table)[0] + len(entries)
    else:
        text, tags = literal(entries), (ENTRY,) * len(entries)
        cost += 1.6 * len(entries)
    if whole:
        yield step(table.expr, f".replace({text})", op="replace", cost=0.8 + cost, tags=tags)
    if table.shape_kind == "frame" and len(labels) == 1 and isinstance(labels[0], str) and labels[0].isidentifier():
        label = labels[0]
        if not set(changed[0][0].codes[changed[0][0].codes == changed[0][1].codes].tolist()) & set(mapping):
            yield step(
                table.expr,
                f".assign({label}={{0}}[{literal(label)}].replace({text}))",
                op="replace",
                cost=1.1 + cost,
                labels=1,
                tags=tags,
            )
    if all(new == NULL for new in mapping.values()) and whole:
        yield step(
            table.expr,
            f".replace({literal(list(entries) if len(entries) > 1 else next(iter(entries)))}, np.nan)",
            op="replace",
            cost=1.0 + len(entries),
            tags=(CELL,) * len(entries),
        )


def _replaced_by_column(table: Table, changed: Sequence[tuple[Column, Column]]) -> Iterator[Expr]:
    """``replace({'a': {1: 2}})``: each column by entries of its own."""
    entries: dict[Hashable, dict[Hashable, object]] = {}
    for a, b in changed:
        own: dict[int, int] = {}
        for old, new in zip(a.codes.tolist(), b.codes.tolist(), strict=True):
            if own.setdefault(old, new) != new:
                return
        own = {old: new for old, new in own.items() if old != new}
        if a.kind == "num" and 1 < len(own) == len(a.codes):
            return
        if NULL in own or len(own) > 5 or not hashable(a):
            return
        book = table.book
        entries[a.label] = {book.cell(old): book.cell(new) if new != NULL else np.nan for old, new in own.items()}
    count = sum(map(len, entries.values()))
    if table.shape_kind == "frame" and count <= 8:
        news = [new for own_entries in entries.values() for new in own_entries.values()]
        cost = 1.0 + 1.6 * count + sum(constant_cost(new, table)[0] for new in news)
        yield step(
            table.expr,
            f".replace({literal(entries)})",
            op="replace",
            cost=cost,
            labels=len(entries),
            tags=(ENTRY,) * count,
        )


def _middle(table: Table, _goal: Goal) -> Iterator[Expr]:
    if not has_nulls(table):
        return
    yield (
        step(table.expr, ".fillna(0)", op="fillna", cost=1.2)
        if any(c.kind == "num" and c.null.any() for c in table.columns)
        else step(table.expr, ".fillna('')", op="fillna", cost=1.4)
    )
    yield step(table.expr, ".ffill()", op="ffill", cost=1.1)
    yield step(table.expr, ".bfill()", op="bfill", cost=1.3)


def random(table: Table, rng: np.random.Generator, _others: Sequence[Table]) -> Expr | None:
    """A fill or replacement that somebody might write."""
    if not is_frame(table):
        return None
    if has_nulls(table):
        options = [".ffill()", ".bfill()", ".ffill()"]
        holes = [c for c in table.columns if c.null.any()]
        if all(c.kind == "num" for c in holes):
            options += [".fillna(0)"] * 3 + [
                f".fillna({{0}}.{'mean(numeric_only=True)' if rng.random() < 0.7 else 'median(numeric_only=True)'})",
                f".fillna({literal(dict.fromkeys([c.label for c in holes], 0))})",
            ]
            if all(c.kind == "num" for c in table.columns):
                options.append(".interpolate()")
        elif all(c.kind in ("str", "obj") for c in holes):
            options += [".fillna('')", ".fillna('unknown')"]
        text = options[int(rng.integers(len(options)))]
        return step(table.expr, text, op=text[1:].partition("(")[0], cost=1.1)
    texts = [c for c in table.columns if c.kind == "str" and not c.unique]
    if not texts or rng.random() < 0.6:
        return None
    cells = [cell for cell in dict.fromkeys(texts[0].cells) if isinstance(cell, str)]
    old = cells[int(rng.integers(len(cells)))]
    return step(
        table.expr, f".replace({literal(old)}, {literal(old[:1].upper() + '_')})", op="replace", cost=2.0, tags=(CELL,)
    )


__all__ = ["FAMILY", "carried", "constant_cost", "paired", "proposals", "random"]
