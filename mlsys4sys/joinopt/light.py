"""The quickest front end: one flat SELECT over base tables, read by a scanner of our own within a millisecond.

It takes what :mod:`mlsys4sys.joinopt.flat` takes and reads it the same way, as long as the text keeps to what it is
sure about: plain names, comparisons, IN, LIKE, BETWEEN, CASE, calls of functions. Anything else (subqueries, casts,
windows, parentheses in FROM, parameters, ...) is refused, and the general parser looks at the query.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from mlsys4sys._native import scan_text
from mlsys4sys.joinopt.catalogue import Catalogue, Table
from mlsys4sys.joinopt.clauses import NotFlat
from mlsys4sys.joinopt.emit import Wording, from_clause, quote
from mlsys4sys.joinopt.filters import Condition, condition_of
from mlsys4sys.joinopt.flat import VOLATILE
from mlsys4sys.joinopt.problem import Column, JoinGraph, Mask, Predicate, Relation
from mlsys4sys.joinopt.skeleton import Region, Renderer, Skeleton
from mlsys4sys.joinopt.solution import JoinTree
from mlsys4sys.joinopt.width import size_of

KEYWORDS = frozenset(
    # Words of expressions that can stand where a column could; a table with such a column is left to the parser.
    """
    and or not in is null like ilike between case when then else end true false asc desc nulls first last as by all
    distinct escape date timestamp interval
    """.split()  # noqa: SIM905 - a list of words reads better than thirty strings
)
_UNITS = frozenset("year years month months day days hour hours minute minutes second seconds".split())  # noqa: SIM905
_STRANGE = frozenset(
    """
    select with union except intersect over exists any lateral unnest left right full outer semi anti asof natural
    positional using cast try_cast extract window qualify tablesample sample similar glob collate filter within
    columns values array struct map row grouping rollup cube sets lambda at pivot unpivot fetch recursive table into
    """.split()  # noqa: SIM905
)
_TAIL = frozenset(["group", "having", "order", "limit", "offset"])


class NotPlain(NotFlat):
    """The text holds words or signs that this reader does not know, subqueries above all."""


class Token(NamedTuple):
    """A piece of the text."""

    kind: str
    """``word`` (lower-cased), ``name`` (was in quotes), ``text``, ``number`` or ``sign``."""
    text: str
    """The word or name without quotes, the inside of a text, else as written."""
    start: int
    end: int


class Conjunct(NamedTuple):
    """A part of WHERE or ON, its columns, and its tokens: half-open."""

    relations: Mask
    columns: tuple[Column, ...]
    qualified: str
    kept: str | None
    low: int
    high: int


_token = partial(tuple.__new__, Token)


def scan(sql: str) -> list[Token]:
    """The tokens of a text.

    >>> [token.text for token in scan("SELECT a.x FROM a -- all")]
    ['select', 'a', '.', 'x', 'from', 'a']

    Raises:
        NotPlain: It holds words or signs that are not plain.
    """
    found: list[Token] | str | None = scan_text(sql, _token, _STRANGE)
    if found is None:
        raise NotPlain("not plain enough for the quick reader")
    if isinstance(found, str):
        raise NotPlain(f"has {found}")
    return found


def read_light(sql: str, catalogue: Catalogue) -> Skeleton:
    """Read a flat query.

    Raises:
        NotFlat: It is not flat, or this reader is not sure of it.
    """
    tokens = scan(sql)
    while tokens and tokens[-1].text == ";" and tokens[-1].kind == "sign":
        tokens.pop()
    reader = _Reader(sql, tokens, catalogue)
    graph, wording, kept = reader.graph()
    if graph.size == 1:
        return Skeleton(sql=sql, kind="opaque", why="it reads one table: there is nothing to reorder")
    region = Region(graph=graph, textual_tree=reader.tree)
    return Skeleton(sql=sql, regions=(region,), kind="flat", renderer=reader.renderer(graph, wording, kept))


class _Reader:
    """Reads one query; the state is what was found so far."""

    def __init__(self, sql: str, tokens: list[Token], catalogue: Catalogue) -> None:
        self.sql, self.tokens, self.catalogue = sql, tokens, catalogue
        self.closing = self._brackets()
        self.tables: list[Table] = []
        self.aliases: list[str] = []
        self.texts: list[str] = []
        self.names: dict[str, int] = {}
        self.on: list[tuple[int, int, int, int]] = []  # the first and last token, the scope
        self._clauses()
        self.tree = self._read_from()
        if any(KEYWORDS & table.columns.keys() for table in self.tables):
            raise NotFlat("a column has the name of a keyword")
        self._bound: dict[tuple[str, str], Column | None] = {}

    def _brackets(self) -> dict[int, int]:
        """Where each parenthesis, and each CASE, closes; top-level commas and clauses lie outside of all."""
        closing, pending = {}, []
        for at, token in enumerate(self.tokens):
            if (token.text == "(" and token.kind == "sign") or (token.text == "case" and token.kind == "word"):
                pending.append(at)
            elif (token.text == ")" and token.kind == "sign") or (token.text == "end" and token.kind == "word"):
                if not pending or (self.tokens[pending[-1]].text == "(") != (token.text == ")"):
                    raise NotFlat("brackets do not match")
                closing[pending.pop()] = at
        if pending:
            raise NotFlat("brackets do not match")
        return closing

    def _top(self, low: int, high: int) -> Iterator[tuple[int, str]]:
        """Words and signs outside all brackets."""
        tokens, closing = self.tokens, self.closing
        at = low
        while at < high:
            if at in closing:
                at = closing[at] + 1
                continue
            token = tokens[at]
            if token.kind == "word" or token.kind == "sign":
                yield at, token.text
            at += 1

    def _clauses(self) -> None:
        """The places of FROM, WHERE and what comes after."""
        if not self.tokens or self.tokens[0][:2] != ("word", "select"):
            raise NotFlat("not a single SELECT")
        size = len(self.tokens)
        self.source = self.where = self.above = -1
        for at, text in self._top(1, size):
            if text == ";":
                raise NotFlat("not a single SELECT")
            if text == "from" and self.source < 0:
                self.source = at
            elif text == "where" and self.where < 0 and self.source >= 0:
                self.where = at
            elif text in _TAIL and self.source >= 0:
                self.above = at
                break
            elif text in ("from", "where"):
                raise NotFlat("clauses are in an unusual order")
        if self.source < 0:
            raise NotFlat("has no FROM")
        self.above = size if self.above < 0 else self.above
        if any(text in ("from", "where", ";") for _, text in self._top(self.above, size)):
            raise NotFlat("clauses are in an unusual order")

    # -- FROM

    def _read_from(self) -> JoinTree:
        at, end = self.source + 1, self.where if self.where >= 0 else self.above
        tree, at = self._table(at, end)
        begin = 0
        while at < end:
            token = self.tokens[at]
            if token.kind == "sign" and token.text == ",":
                begin, joined = len(self.tables), False
                leaf, at = self._table(at + 1, end)
            else:
                joined = token.text != "cross"
                at += token.kind == "word" and token.text in ("inner", "cross")
                if at >= end or self.tokens[at][:2] != ("word", "join"):
                    raise NotFlat("has something else than tables in FROM")
                leaf, at = self._table(at + 1, end)
            tree = JoinTree.join(tree, leaf)
            if joined:
                at = self._condition(at, end, begin)
        return tree

    def _condition(self, at: int, end: int, begin: int) -> int:
        if at >= end or self.tokens[at][:2] != ("word", "on"):
            raise NotFlat("has a join without ON")
        stops = (place for place, text in self._top(at + 1, end) if text in (",", "join", "inner", "cross", "on"))
        stop = next(stops, end)
        self.on.append((at + 1, stop, begin, len(self.tables)))
        return stop

    def _table(self, at: int, end: int) -> tuple[JoinTree, int]:
        first, parts = at, []
        while at < end and self.tokens[at].kind in ("word", "name"):
            parts.append(self.tokens[at])
            at += 1
            if at >= end or self.tokens[at].text != ".":
                break
            at += 1
        if not 1 <= len(parts) <= 3:
            raise NotFlat("has something else than tables in FROM")
        names = [self._written(part) for part in parts]
        table = self.catalogue.find(*reversed(names))
        if table is None:
            raise NotFlat(f"{names[-1]} is no base table")
        alias = parts[-1]
        if at < end and self.tokens[at][:2] == ("word", "as"):
            at += 1
            if at >= end or self.tokens[at].kind not in ("word", "name"):
                raise NotFlat("has something else than tables in FROM")
            alias, at = self.tokens[at], at + 1
        elif at < end and (
            self.tokens[at].kind == "name"
            or (self.tokens[at].kind == "word" and self.tokens[at].text not in ("join", "inner", "cross", "on"))
        ):
            alias, at = self.tokens[at], at + 1
        number = len(self.tables)
        if self.names.setdefault(alias.text.lower(), number) != number:
            raise NotFlat(f"the name {alias.text} is given twice")
        self.tables.append(table)
        self.aliases.append(self._written(alias))
        self.texts.append(self.sql[self.tokens[first].start : self.tokens[at - 1].end])
        if number > 62:
            raise NotFlat("has more than 63 tables")
        return JoinTree.leaf(number), at

    def _written(self, token: Token) -> str:
        """A word as the user wrote it."""
        return self.sql[token.start : token.end] if token.kind == "word" else token.text

    # -- expressions

    def _bind(self, owner: str, name: str, low: int, high: int) -> Column | None:
        if owner:
            relation = self.names.get(owner, -1)
            found = [relation] if low <= relation < high and name in self.tables[relation].columns else []
        else:
            found = [number for number in range(low, high) if name in self.tables[number].columns]
        return Column(found[0], self.tables[found[0]].columns[name].name) if len(found) == 1 else None

    def _columns(self, low: int, high: int) -> Iterator[tuple[int, str, str]]:
        """The columns that tokens name: where, by which owner (may be empty), and lower-cased."""
        tokens, at = self.tokens, low
        while at < high:
            token = tokens[at]
            follower = tokens[at + 1] if at + 1 < len(tokens) else None
            if token.kind not in ("word", "name"):
                at += 1
                continue
            sign = follower.text if follower is not None and follower.kind == "sign" else ""
            if sign == ".":
                if at + 2 >= high or tokens[at + 2].kind not in ("word", "name"):
                    raise NotFlat("has a name that is not plain")
                if at + 3 < high and tokens[at + 3].text in (".", "(") and tokens[at + 3].kind == "sign":
                    raise NotFlat("has a name of three parts")
                yield at, token.text.lower(), tokens[at + 2].text.lower()
                at += 3
            elif sign == "(" and not (token.kind == "word" and token.text in KEYWORDS):
                if token.text.lower() in VOLATILE:
                    raise NotFlat(f"calls {token.text}()")
                at += 1
            elif (
                follower is not None and follower.kind == "text" and token.kind == "word" and token.text not in KEYWORDS
            ):
                raise NotFlat("has a literal of a type")
            elif token.kind == "word" and token.text == "interval":
                at = self._past_interval(at, high)
            elif token.kind == "word" and token.text == "as":
                at += 2
            elif token.kind == "word" and token.text in KEYWORDS:
                at += 1
            else:
                yield at, "", token.text.lower()
                at += 1

    def _past_interval(self, at: int, high: int) -> int:
        if at + 1 >= high or self.tokens[at + 1].kind not in ("text", "number"):
            raise NotFlat("has an interval that is not plain")
        at += 2
        return at + (at < high and self.tokens[at].kind == "word" and self.tokens[at].text in _UNITS)

    def _conjuncts(self) -> Iterator[Conjunct]:
        for low, high, begin, end in self.on:
            for piece in self._split(low, high):
                yield self._conjunct(*piece, begin, end, kept=False)
        if self.where >= 0:
            for piece in self._split(self.where + 1, self.above):
                yield self._conjunct(*piece, 0, len(self.tables), kept=True)

    def _split(self, low: int, high: int) -> Iterator[tuple[int, int, bool]]:
        """At the ANDs, inside parentheses too; whether the piece is a disjunction."""
        while self.closing.get(low) == high - 1 and self.tokens[low].text == "(":
            low, high = low + 1, high - 1
        if low >= high:
            raise NotFlat("a conjunct is empty")
        pieces, start, between = [], low, 0
        for at, text in self._top(low, high):
            if text == "or":
                yield low, high, True
                return
            if text == "between":
                between += 1
            elif text == "and":
                if between:
                    between -= 1
                else:
                    pieces.append((start, at))
                    start = at + 1
        if not pieces:
            yield low, high, False
            return
        for piece in [*pieces, (start, high)]:
            yield from self._split(*piece)

    def _conjunct(self, low: int, high: int, disjunction: bool, begin: int, end: int, *, kept: bool) -> Conjunct:
        start, stop = self.tokens[low].start, self.tokens[high - 1].end
        text = self.sql[start:stop]
        columns, mask, patches = [], 0, []
        for at, owner, name in self._columns(low, high):
            key = (owner, name) if end == len(self.tables) and begin == 0 else None
            column = self._bound.get(key) if key else None
            if column is None:
                column = self._bind(owner, name, begin, end)
                if column is None:
                    raise NotFlat(f"column {name} cannot be resolved here")
                if key:
                    self._bound[key] = column
            columns.append(column)
            mask |= 1 << column.relation
            if not owner:
                patches.append((self.tokens[at].start - start, quote(self.aliases[column.relation]) + "."))
        qualified = text
        for at, prefix in reversed(patches):
            qualified = qualified[:at] + prefix + qualified[at:]
        if disjunction:
            text, qualified = f"({text})", f"({qualified})"
        return Conjunct(mask, tuple(columns), qualified, text if kept else None, low, high)

    # -- what stands above the joins

    def _columns_above(self) -> set[Column]:
        """The columns that the select list and everything after WHERE read."""
        tokens = self.tokens
        aliases = {"all"}
        for at in range(1, self.source):
            if tokens[at][:2] == ("word", "as") and at + 1 < self.source:
                aliases.add(tokens[at + 1].text.lower())
            elif tokens[at].text == "*" and tokens[at - 1].text in (",", ".", "select", "distinct"):
                raise NotFlat("has a *")
        if tokens[1].text == "distinct" and tokens[2].text == "on":
            raise NotFlat("has DISTINCT ON")
        found: set[Column] = set()
        inside = "group having order limit offset".split()  # noqa: SIM905
        for low, high in ((1, self.source), (self.above, len(tokens))):
            for _, owner, name in self._columns(low, high):
                if not owner and name in inside:
                    continue
                column = self._bind(owner, name, 0, len(self.tables))
                if column is not None:
                    found.add(column)
                elif owner or name not in aliases:
                    raise NotFlat(f"column {name} cannot be resolved here")
        return found

    # -- the graph

    def graph(self) -> tuple[JoinGraph, Wording, list[str]]:
        """The join graph, its wording, and the conjuncts that stay in WHERE."""
        size = len(self.tables)
        predicates: list[Predicate] = []
        filters: list[list[str]] = [[] for _ in range(size)]
        conditions: list[list[Condition | None]] = [[] for _ in range(size)]
        kept: list[str] = []
        joined: set[Column] = set()
        read = set(above := self._columns_above())
        for conjunct in self._conjuncts():
            read.update(conjunct.columns)
            mask = conjunct.relations
            if mask & (mask - 1):
                joined.update(conjunct.columns)
                equality = self._equality(conjunct)
                predicates.append(Predicate(sql=conjunct.qualified, relations=mask, equality=equality))
                continue
            if mask:
                number = mask.bit_length() - 1
                filters[number].append(conjunct.qualified)
                conditions[number].append(condition_of(self.tokens, conjunct.low, conjunct.high))
            if mask or conjunct.qualified.lower() != "true":
                kept.append(conjunct.kept or conjunct.qualified)
        relations = [
            self._relation(number, tuple(filters[number]), conditions[number], read, above | joined)
            for number in range(size)
        ]
        graph = JoinGraph(relations=tuple(relations), predicates=tuple(predicates))
        return graph, self._wording(graph), kept

    def _equality(self, conjunct: Conjunct) -> tuple[Column, Column] | None:
        tokens, low, high = self.tokens, conjunct.low, conjunct.high
        signs = [at for at, text in self._top(low, high) if text not in (".",) and tokens[at].kind == "sign"]
        if len(conjunct.columns) != 2 or not any(tokens[at].text == "=" for at in range(low, high)):
            return None
        left, right = conjunct.columns
        middle = low + (3 if tokens[low + 1].text == "." else 1)
        plain = len(signs) == 1 and tokens[middle].text == "=" and tokens[middle].kind == "sign"
        plain = plain and high - middle - 1 == (3 if tokens[min(middle + 2, high - 1)].text == "." else 1)
        if not plain:
            if tokens[low].text == "(" or tokens[high - 1].text == ")":
                raise NotFlat("an equality is not plain")
            return None
        return (left, right) if self._type(left) == self._type(right) else None

    def _type(self, column: Column) -> str:
        return self.tables[column.relation].columns[column.name.lower()].type

    def _relation(
        self,
        number: int,
        filters: tuple[str, ...],
        conditions: Sequence[Condition | None],
        read: set[Column],
        held: set[Column],
    ) -> Relation:
        table = self.tables[number]
        names = {column.name for column in read if column.relation == number}
        width = sum(size_of(self._type(column)) for column in held if column.relation == number)
        known = tuple(condition for condition in conditions if condition is not None)
        return Relation(
            alias=self.aliases[number],
            sql=self.texts[number],
            table=table.sql,
            filters=filters,
            width_bytes=float(max(width, 1)),
            columns=tuple(column.name for column in table.columns.values() if column.name in names),
            conditions=known if len(known) == len(conditions) else (),
        )

    def _wording(self, graph: JoinGraph) -> Wording:
        columns = {
            column: f"{quote(self.aliases[column.relation])}.{quote(column.name)}"
            for group in graph.classes
            for column in group
        }
        others = tuple((predicate.relations, predicate.sql) for predicate in graph.others)
        return Wording(leaves=tuple(self.texts), columns=columns, others=others)

    def renderer(self, graph: JoinGraph, wording: Wording, kept: Sequence[str]) -> Renderer:
        """From a tree to the query with that order."""
        tokens, end = self.tokens, self.above
        head = self.sql[tokens[0].start : tokens[self.source].end] + " "
        where = "\nWHERE " + "\n  AND ".join(kept) if kept else ""
        tail = "\n" + self.sql[tokens[end].start : tokens[-1].end] if end < len(tokens) else ""

        def render(trees: Sequence[JoinTree]) -> str:
            return f"{head}{from_clause(graph, wording, trees[0])}{where}{tail}"

        return render
