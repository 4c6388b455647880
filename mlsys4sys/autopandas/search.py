"""Best-first search over programs: three engines, one queue, an answer as soon as there is one.

Every table that was reached is worked on in several ways, each an item of the queue with its own price: closing the gap
by comparing columns, the calls that may end the program, closing with new columns and conditions, the calls that may be
followed by more, and calls that join it with another table that was reached. Items give way to each other after a slice
of time, so that one table with many candidates starves no other. Tables of equal cells are worked on once; what else
makes them is kept, since two programs that agree on the example may mean different things.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from mlsys4sys.autopandas import columns, ops
from mlsys4sys.autopandas.expression import Expr, replaced, source
from mlsys4sys.autopandas.finish import Finisher, retyped
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.memo import Failed, Memo
from mlsys4sys.autopandas.ops.parts import step
from mlsys4sys.autopandas.problem import Example, Task
from mlsys4sys.autopandas.table import Codebook, Table, alike, same
from mlsys4sys.autopandas.unwrapped import unwrapped
from mlsys4sys.autopandas.usage import price

log = logging.getLogger(__name__)

SLICE_S = 0.04
"""Processor seconds that an item of the queue works before others may."""

LATER, OF_INPUTS = 0.4, 0.15
"""Nats that each slice adds to what is left of an item; less where an input itself is being worked on."""

INNER_S = 0.4
"""Processor seconds that an inner search goes on after all ways of working on its inputs are finished."""

MOST_CALLS = 4
"""Calls before the finisher's own."""

MOST_BRANCHES = 8
"""Reached tables that an input is joined with."""

MOST_ALIKE = 4
"""Programs kept for one table."""

PRICES = {
    "close": 0.0,
    "end": 0.3,
    "choose": 0.35,
    "prepare": 0.4,
    "heavy": 1.2,
    "partial": 1.0,
    "pick": 1.0,
    "filter": 1.4,
    "inner": 0.6,
    "expand": 2.0,
    "branch": 3.0,
}
"""Nats that the ways of working on a table cost beyond the table's own program."""

CHEAP = 3.2
"""Nats up to which nothing cheaper is looked for."""

FAR = 6.0
"""Nats beyond the cheapest program past which others are not worth a look."""

LEEWAY = 3.0
"""Nats beyond that up to which a program is run all the same, as a part of it may do."""

UNUSED = 2.5
"""Nats for each input that a program does without."""

OTHER_TYPES = 1.2
"""Nats for a program whose columns have other types than the wanted ones, though equal cells."""

OTHER_NAMES = 1.0
"""Nats for each name of a series or of row labels that the wanted output has and a program gives otherwise."""

AT_HAND = 0.7
"""Nats less for closing a table that has the goal's rows and one of its columns already."""

NEAR = 0.6
"""Of its price, what a table costs that was prepared with the goal in view; nothing for the distance."""

HOLDS = 0.3
"""Of its price, what conditions cost in a table that has the goal's columns and too many rows, where no input has."""

SOON = 0.3
"""Nats beyond that for new columns and conditions in a table that shows nearly all of the goal."""

DISTANCE = 3.0
"""Nats for a table that shows nothing of the goal."""

_PREPARING = frozenset({"prepare", "partial", "filter"})
"""Ways that wait for those that end programs, where a cheap program is there already."""

_CHOSEN_FROM = ("groupby.", "pivot", "merge", "stack", "explode")
"""Calls after which some of the rows are often chosen by what was computed or brought together."""

_PILED = frozenset({"melt", "concat"})
"""Calls after which they are not: rows put below others."""

_JOINS = frozenset({"merge", "join", "concat", "merge_asof", "combine_first"})

Prior = Callable[[str], float]
Value = Callable[[Table, Goal], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A program that gives the wanted output."""

    expr: Expr
    cost: float
    """Description length in nats; what the policy expects orders the search and is not in it."""
    found_s: float
    """Seconds after the start."""


ALL = frozenset({"ops", "finish", "columns"})
"""The engines of a search."""


@dataclass(slots=True)
class Search:
    """One search for the programs of a task.

    Args:
        task: What is wanted.
        prior: A call's op → nats to add; none without a policy.
        value: Nats for how far a table seems from the goal; a rule of thumb if not given.
        use: Engines to use, for ablations: ``"ops"``, ``"finish"``, ``"columns"``.
        prices: Of the ways of working on a table.
    """

    task: Task
    prior: Prior | None = None
    value: Value | None = None
    use: frozenset[str] = ALL
    prices: Mapping[str, float] = field(default_factory=lambda: PRICES)
    memo: Memo = field(init=False)
    goal: Goal = field(init=False)
    inputs: list[Table] = field(init=False)
    finisher: Finisher = field(init=False)
    _tried: int = 0
    _queue: list[tuple[float, int, str, Table, Iterator[Any]]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=itertools.count)
    _branches: dict[str, Table] = field(default_factory=dict)
    _alike: dict[Any, list[Expr]] = field(default_factory=dict)
    _near: dict[int, Table] = field(default_factory=dict)
    _least: float = float("inf")
    _closing: dict[Any, list[Expr]] = field(default_factory=dict)
    _given: list[Expr] = field(default_factory=list)
    _emitted: set[str] = field(default_factory=set)
    _fitting: set[str] = field(default_factory=set)
    _checks: list[tuple[Memo, Goal]] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)
    nearest: Expr | None = None
    """The program whose output shows most of the goal, while none gives it."""
    _nearness: float = -1.0
    interrupted: bool = False
    """Whether Ctrl-C ended it; what was found until then stands."""
    roots_done: bool = False
    """Whether all ways of working on the inputs themselves have been tried."""

    def __post_init__(self) -> None:
        book = Codebook()
        first, *more = self.task.examples
        self.memo, self.goal = _opened(first, book)
        self._checks = [_opened(example, Codebook()) for example in more]
        self.inputs = [self.memo.table(source(i)) for i in range(len(first.inputs))]
        for table in self.inputs:
            _ = table.key
        self.finisher = Finisher(
            memo=self.memo,
            synthesize=columns.synthesize,
            masks=columns.masks,
            scalars=columns.scalars,
            partly=columns.partly,
            constants=(*self.task.hints.constants, *_constants(self.inputs)),
            others=self.inputs,
            strictness=self.task.strictness,
        )

    @property
    def examined(self) -> int:
        """Candidates compared with what is wanted: programs, and the columns and conditions that could be in them."""
        return self._tried + self.finisher.count.examined

    def run(self, deadline: float) -> Iterator[Candidate | None]:
        """Programs as they are found, until the deadline (``time.monotonic()``) or until there is nothing left.

        None now and then, so that a caller may look up.
        """
        self.finisher.deadline = deadline
        for table in self.inputs:
            yield from self._visit(table, root=True)
        roots = {id(table) for table in self.inputs}
        open_roots = {"close", "end", "choose", "inner", "heavy"}
        while self._queue and time.monotonic() < deadline:
            yield None
            price, _, way, table, work = heapq.heappop(self._queue)
            if self._least <= CHEAP and not self.roots_done and (way in _PREPARING or id(table) in self._near):
                heapq.heappush(self._queue, (price + LATER, next(self._order), way, table, work))
                continue
            if id(table) not in roots and not self.roots_done:
                self.roots_done = not any(id(t) in roots and w in open_roots for _, _, w, t, _ in self._queue)
            end = time.thread_time() + SLICE_S
            for made in work:
                if isinstance(made, Candidate):
                    yield made
                if time.thread_time() > end or time.monotonic() > deadline:
                    of_inputs = id(table) in roots and way in open_roots
                    later = LATER if not of_inputs else 0.0 if self._least <= CHEAP else OF_INPUTS
                    heapq.heappush(self._queue, (price + later, next(self._order), way, table, work))
                    break

    def _visit(self, table: Table, *, root: bool = False, near: bool = False) -> Iterator[Candidate]:
        """Work on a table from now on, unless one like it is being worked on.

        Args:
            table: What was reached.
            root: Whether it is an input.
            near: Whether it was prepared from inputs, with the goal in view: then it is worked on soon.
        """
        known = self._alike.setdefault(table.key, [])
        known.append(table.expr)
        if len(known) > 1 and not root:
            return
        if not root and self._fits(table, self.goal):
            yield from self._found(table.expr)
        value = None if root else self.value
        far = DISTANCE * (1.0 - _overlap(table, self.goal)) if value is None else value(table, self.goal)
        base = NEAR * self._cost(table.expr) if near else self._cost(table.expr) + far
        if near:
            self._near[id(table)] = table
        calls = len(table.expr.ops)
        ways: dict[str, Callable[[], Iterator[Any]]] = {}
        if "finish" in self.use:
            ways["close"] = lambda: self._try(self.finisher.light(table, self.goal))
        if "ops" in self.use:
            ways["end"] = lambda: self._try(self._calls(table, last=True), close=True)
        if "columns" in self.use:
            ways["heavy"] = lambda: self._try(self.finisher.heavy(table, self.goal))
        if "ops" in self.use and (root or near):
            others = [other for other in self.inputs if other is not table]
            ways["choose"] = lambda: self._try(ops.chosen_rows(table, self.goal, others), close=True)
            ways["prepare"] = lambda: self._prepare(table)
            ways["partial"] = lambda: self._close_partial(table)
            ways["filter"] = lambda: self._filter(table)
        if "ops" in self.use and root and len(self.inputs) > 1:
            ways["pick"] = lambda: self._pick(table)
        if "ops" in self.use and calls < MOST_CALLS - 1:
            ways["expand"] = lambda: self._expand(table)
        if root and table is self.inputs[0]:
            ways["inner"] = self._inner
        if calls == 1 and table.shape_kind == "frame":
            self._branches[table.expr.text] = table
        if "ops" in self.use and calls == 0 and table.shape_kind == "frame":
            ways["branch"] = lambda: self._join(table)
        ready = AT_HAND if not root and _shows_some(table, self.goal) else 0.0
        for way, work in ways.items():
            guarded = _guarded(way, table, work())
            start = self._cost(table.expr) if way == "pick" else base  # what is picked from is another table
            at = start + self.prices[way] - ready * (way != "expand")
            if way == "heavy" and near and self._lacks_little(table):
                at = min(at, base + SOON)
            heapq.heappush(self._queue, (at, next(self._order), way, table, guarded))

    def _lacks_little(self, table: Table) -> bool:
        """Whether a table has all columns of the goal but one or two, and no input has as many."""
        if self.goal.shape_kind != "frame" or table.shape_kind != "frame":
            return False
        wanted = set(self.goal.label_codes)
        lacking = len(wanted - set(table.label_codes))
        return lacking <= 2 and lacking < min(len(wanted - set(one.label_codes)) for one in self.inputs)

    def _join(self, table: Table) -> Iterator[Any]:
        """Calls that join the table with one that was reached from the inputs, ``df.merge(df.groupby(…)…)``."""
        partners = sorted(self._branches.items(), key=lambda item: -_overlap(item[1], self.goal))[:MOST_BRANCHES]
        for _, partner in partners:
            if partner.expr.text == table.expr.text:
                continue
            yield from self._try(ops.joins(table, self.goal, [partner]), close=True)

    def _prepare(self, table: Table) -> Iterator[Any]:
        """What programs of several calls start with, worked on like an input."""
        long = [near for near in self._near.values() if near.expr.op == "melt"]
        others = [other for other in (*long, *self.inputs) if other is not table]
        for expr in ops.prepared(table, self.goal, others):
            yield None
            self._tried += 1
            try:
                yield from self._visit(self.memo.table(expr), near=True)
            except Failed:
                continue

    def _inner(self) -> Iterator[Any]:
        """A dictionary or a list as the series or table that it is made of, by a search of its own."""
        inside = unwrapped(self.task) if self.use == ALL else None
        if inside is None:
            return
        task, tail = inside
        search = Search(task, self.prior, self.value, prices=self.prices)
        end = math.inf
        for candidate in search.run(math.inf if self.finisher.deadline is None else self.finisher.deadline):
            yield None
            if candidate is not None:
                yield from self._try(iter([step(candidate.expr, tail, op=tail[1:].split("(")[0], cost=0.5)]))
            if search.roots_done and self._least < math.inf:
                end = min(end, time.thread_time() + INNER_S)
                if time.thread_time() > end:
                    return

    def _filter(self, table: Table) -> Iterator[Any]:
        """Some of the rows, and the calls that may end the program from there."""
        for expr in ops.filtered(table, self.goal):
            yield None
            try:
                kept = self.memo.table(expr)
            except Failed:
                continue
            if kept.rows and kept.key not in self._alike:
                yield from _guarded("close", kept, self._try(self.finisher.light(kept, self.goal)))
                yield from _guarded("end", kept, self._try(self._calls(kept, last=True), close=True))
                yield from _guarded("partial", kept, self._close_partial(kept))
                yield from _guarded("end", kept, self._try(ops.picked(table, kept, self.goal), close=True))

    def _pick(self, table: Table) -> Iterator[Any]:
        """Rows of another input whose key is, or is not, in some of this one's rows: ``NOT IN (SELECT … WHERE …)``."""
        labels = set(self.goal.label_codes)
        wholes = [
            whole for whole in self.inputs
            if whole is not table and self.goal.rows < whole.rows and labels <= set(whole.label_codes)
        ]  # fmt: skip
        for expr in ops.filtered(table, self.goal) if wholes else ():
            yield None
            try:
                kept = self.memo.table(expr)
            except Failed:
                continue
            for whole in wholes if kept.rows else ():
                yield from self._try(ops.picked(whole, kept, self.goal), close=True)

    def _close_partial(self, table: Table) -> Iterator[Any]:
        """Groups and pivots that lack a column or two, which are computed; pivots of a column that is computed."""
        if "columns" in self.use:
            for column, spread in ops.before_pivot(table, self.goal):
                yield from self._try(spread(made) for made in self.finisher.made(table, column))
        for expr in ops.partial(table, self.goal):
            yield None
            self._tried += 1
            try:
                yield from self._close_soon(self.memo.table(expr))
            except Failed:
                continue

    def _close_soon(self, table: Table, *, share: float = NEAR) -> Iterator[Candidate]:
        """Look for new columns and conditions in a table that shows nearly all of the goal, or say what else gives it.

        Programs that were found from an equal table are given from this one too.
        """
        if "columns" not in self.use or table.key in self._alike:
            return
        known = self._closing.setdefault(table.key, [])
        if any(expr.text == table.expr.text for expr in known):
            return
        known.append(table.expr)
        if len(known) > 1:
            first = known[0]
            for given in (
                [given for given in self._given if first.text in given.text] if len(known) <= MOST_ALIKE else ()
            ):
                yield from self._found(replaced(given, first, table.expr))
            return
        work = _guarded("heavy", table, self._try(self.finisher.heavy(table, self.goal)))
        price = share * self._cost(table.expr) + SOON
        heapq.heappush(self._queue, (price, next(self._order), "heavy", table, work))

    def _calls(self, table: Table, *, last: bool) -> Iterator[Expr]:
        without = self.task.hints.without
        others = [other for other in self.inputs if other is not table]
        # What was joined is not joined with its parts again, nor are some of a table's rows with all.
        if not _JOINS.isdisjoint(table.expr.ops) or (last and table.expr.op in ("mask", "assign")):
            used = {node.text for node in table.expr.nodes}
            others = [other for other in others if other.expr.text not in used]
        for expr in ops.proposals(table, self.goal, others, last=last, prior=self.prior):
            if not any(expr.op.split(".")[0] == name for name in without):
                yield expr

    def _try(self, exprs: Iterator[Expr | None], *, close: bool = False) -> Iterator[Any]:
        """Run programs that should give the goal; those that do, and after calls those that can be closed lightly."""
        for expr in exprs:
            yield None
            if expr is None or expr.total > self._least + FAR + LEEWAY:
                continue
            self._tried += 1
            try:
                table = self.memo.table(expr)
                if self._fits(table, self.goal):
                    yield from self._found(expr)
                    continue
                self._note(table)
                if close and table.key not in self._alike and "finish" in self.use:
                    closing = self._try(self.finisher.light(table, self.goal))
                    yield from _guarded("close", table, closing)
                    if _holds(table, self.goal):
                        share = NEAR if any(_has_columns(given, self.goal) for given in self.inputs) else HOLDS
                        yield from self._close_soon(table, share=share)
            except Failed:
                continue

    def _note(self, table: Table) -> None:
        """Remember the nearest miss, while nothing is found."""
        if self._emitted:
            return
        alike = table.shape_kind == self.goal.shape_kind
        near = _overlap(table, self.goal) + alike + (alike and table.rows == self.goal.rows)
        if near > self._nearness:
            self._nearness, self.nearest = near, table.expr

    def _expand(self, table: Table) -> Iterator[Any]:
        """The tables one call further on, each worked on in its turn."""
        for expr in self._calls(table, last=False):
            yield None
            self._tried += 1
            try:
                reached = self.memo.table(expr)
                yield from self._visit(reached)
            except Failed:
                continue

    def _found(self, expr: Expr) -> Iterator[Candidate]:
        """A program that gives the goal, and what else it could be with parts that give equal tables."""
        cast = retyped(expr, self.memo.value(expr), self.goal.value)
        for variant in (expr, *([cast] if cast else ()), *self._variants(expr)):
            if variant.text in self._emitted:
                continue
            self._emitted.add(variant.text)
            if variant is not expr and not self._gives(self.memo, self.goal, variant):
                continue
            if variant is not cast and (simpler := self._simpler(variant)) is not None:
                yield from self._found(simpler)
                continue
            self._fitting.add(variant.text)
            if all(self._gives(memo, goal, variant) for memo, goal in self._checks):
                seconds = time.monotonic() - self._started
                other_types = retyped(variant, self.memo.value(variant), self.goal.value) is not None
                cost = price(variant) + OTHER_TYPES * other_types
                cost += OTHER_NAMES * _other_names(self.memo.value(variant), self.goal.value)
                cost += UNUSED * self.unused(variant)
                self._given.append(variant)
                self._least = min(self._least, cost)
                yield Candidate(expr=variant, cost=cost, found_s=seconds)

    def unused(self, expr: Expr) -> int:
        """How many frames among the inputs a program does without."""
        used = {node.text for node in expr.nodes}
        return sum(table.shape_kind == "frame" and table.expr.text not in used for table in self.inputs)

    def _fits(self, table: Table, goal: Goal) -> bool:
        rules = self.task.strictness
        if rules.row_order and rules.column_order and rules.index:
            return same(table, goal, rtol=rules.rtol)
        return alike(table, goal, row_order=rules.row_order, column_order=rules.column_order, index=rules.index)

    def _gives(self, memo: Memo, goal: Goal, expr: Expr) -> bool:
        try:
            return self._fits(memo.table(expr), goal)
        except Failed:
            return False

    def _simpler(self, expr: Expr) -> Expr | None:
        """The program without a step that it does not need, where there is one."""
        for node in reversed(expr.nodes):
            if not node.parts or not node.op or node.op == "astype" or not self._keeps_shape(node):
                continue
            if node.op == "reset_index" and "mask" in node.ops:  # it says that the first rows were kept by chance
                continue
            shorter = replaced(expr, node, node.parts[0])
            if shorter.text not in self._emitted and self._gives(self.memo, self.goal, shorter):
                return shorter
            if shorter.text in self._fitting:
                return shorter
        return None

    def _keeps_shape(self, node: Expr) -> bool:
        """Whether a step makes a frame of a frame or a series of a series, so that a program may do without it."""
        try:
            made, before = self.memo.value(node), self.memo.value(node.parts[0])
        except Failed:
            return False
        return isinstance(before, pd.DataFrame) and isinstance(made, pd.DataFrame)

    def _variants(self, expr: Expr) -> Iterator[Expr]:
        """The program with one intermediate table made otherwise."""
        for node in expr.nodes[:-1]:
            if not node.op:
                continue
            known = self.memo.tables.get(node.text)
            if known is None or "key" not in known.__dict__:
                continue
            alike = [*self._alike.get(known.key, []), *self._closing.get(known.key, [])]
            if any(not other.op for other in alike):
                continue  # equal to an input: other ways to do nothing mean nothing
            for other in alike[:MOST_ALIKE]:
                if other.text != node.text:
                    yield replaced(expr, node, other)

    def _cost(self, expr: Expr) -> float:
        known = price(expr)
        if self.prior is None:
            return known
        return known + sum(self.prior(node.op) for node in expr.nodes if node.op)


def _other_names(made: Any, wanted: Any) -> int:
    """How many of the names that the wanted output has are others in what was made: of a series, of its row labels."""
    if type(made) is not type(wanted) or not isinstance(wanted, pd.Series | pd.DataFrame):
        return 0
    other = isinstance(wanted, pd.Series) and wanted.name is not None and wanted.name != made.name
    index = any(name is not None for name in wanted.index.names) and list(wanted.index.names) != list(made.index.names)
    return int(other) + int(index)


def _guarded(way: str, table: Table, work: Iterator[Any]) -> Iterator[Any]:
    """The work, ended quietly where an engine trips over a table that nobody thought of: the others go on."""
    try:
        yield from work
    except Exception:
        log.debug("%s on %s ended early", way, table.expr.text, exc_info=True)


def _opened(example: Example, book: Codebook) -> tuple[Memo, Goal]:
    return Memo(example.inputs, book), Goal.of(example.output, book)


def _constants(inputs: Sequence[Table]) -> tuple[Any, ...]:
    """Scalars among the inputs are constants that a program may compare with."""
    return tuple(table.value for table in inputs if table.shape_kind == "scalar")


def _shows_some(table: Table, goal: Goal) -> bool:
    """Whether a table has as many rows as the goal, and a column or index level of it as it is."""
    if table.rows != goal.rows or goal.rows < 2 or table.shape_kind not in ("frame", "series"):
        return False
    mine = {column.key for column in (*table.columns, *(() if table.plain_index else table.index))}
    return any(place.key in mine for place in goal.everything if len(place.distinct) > 1)


def _holds(table: Table, goal: Goal) -> bool:
    """Whether a longer table of groups or pairs has the goal's columns, so that some of its rows may be the goal's."""
    if not any(op.startswith(_CHOSEN_FROM) for op in table.expr.ops) or not _PILED.isdisjoint(table.expr.ops):
        return False
    if table.shape_kind != "frame" or goal.shape_kind != "frame" or not 0 < goal.rows < table.rows:
        return False
    return _has_columns(table, goal)


def _has_columns(table: Table, goal: Goal) -> bool:
    """Whether a table has the goal's columns, and in them its cells."""
    mine = dict(zip(table.label_codes, table.columns, strict=True))
    return all(
        code in mine and column.distinct <= mine[code].distinct
        for code, column in zip(goal.label_codes, goal.columns, strict=True)
    )


def _overlap(table: Table, goal: Goal) -> float:
    """The share of the goal's words that the table shows, 0 to 1: how near it is at a glance."""
    words = goal.words
    if not words:
        return 1.0
    shown = table.cells | {code for level in table.index for code in level.distinct}
    shown |= {
        table.book.code(part) for label in table.labels for part in (label if isinstance(label, tuple) else (label,))
    }
    return len(words & shown) / len(words)
