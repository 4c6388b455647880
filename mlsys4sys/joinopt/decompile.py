"""The general front end: regions of inner joins in DuckDB's own optimized plan, written back as SQL.

DuckDB decorrelates subqueries, pushes filters down and places SEMI and ANTI joins before it writes the plan, so that
every query becomes inner joins between leaves. We nest those joins anew and keep every other character.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError

from mlsys4sys.errors import Mlsys4sysError
from mlsys4sys.joinopt.catalogue import Catalogue
from mlsys4sys.joinopt.clauses import Span
from mlsys4sys.joinopt.emit import Wording, from_clause
from mlsys4sys.joinopt.engine import Engine
from mlsys4sys.joinopt.nesting import Item, Join, Leaf, Nesting, Unclear
from mlsys4sys.joinopt.problem import Column, JoinGraph, Mask, Predicate, Relation, bits
from mlsys4sys.joinopt.skeleton import Region, Skeleton
from mlsys4sys.joinopt.solution import JoinTree
from mlsys4sys.joinopt.unfold import Unfolded, substitute, unfold
from mlsys4sys.joinopt.width import size_of

SMALLEST = 3
"""Regions with fewer relations are left to DuckDB."""
LARGEST = 63


def read_decompiled(engine: Engine, sql: str) -> Skeleton:
    """Let DuckDB optimize a query, and find the regions of inner joins in what comes out.

    Raises:
        SqlError: The query is wrong, with line and column.
    """
    names = engine.describe(sql)
    try:
        text = engine.decompile(sql)
    except Mlsys4sysError as error:
        return Skeleton(sql=sql, kind="opaque", why=f"DuckDB cannot write its plan as SQL: {error}")
    try:
        regions = find_regions(text, engine.catalogue)
    except (SqlglotError, Unclear):
        return Skeleton(sql=sql, kind="opaque", why="DuckDB's plan, written as SQL, is not understood")
    if not regions:
        return Skeleton(sql=sql, kind="opaque", why=f"no block joins {SMALLEST} relations or more inwardly")
    try:
        faithful = engine.describe(text) == names
    except Mlsys4sysError:
        faithful = False
    if not faithful:
        return Skeleton(sql=sql, kind="opaque", why="DuckDB's plan, written as SQL, has other columns")
    return Skeleton(
        sql=sql,
        kind="decompiled",
        regions=tuple(piece.region for piece in regions),
        renderer=lambda trees: _render(text, regions, trees),
    )


@dataclass(frozen=True, slots=True)
class Piece:
    """A region and the place in the text where its joins stand."""

    region: Region
    wording: Wording
    start: int
    end: int
    leaves: tuple[tuple[int, int], ...]
    """Where each relation's text stands."""


def find_regions(text: str, catalogue: Catalogue) -> list[Piece]:
    """All maximal regions of inner joins of a decompiled query, in the order in which they begin.

    Raises:
        Unclear: The brackets do not match.
    """
    nesting = Nesting(text, Dialect.get_or_raise("duckdb").tokenize(text))
    used: dict[str, set[str]] = {}
    for _, alias, column in nesting.references(Span(0, len(nesting.tokens))):
        used.setdefault(alias, set()).add(column)
    pieces = []
    for source in nesting.sources():
        for join in _maximal(source):
            try:
                pieces.append(_Reader(nesting, join, catalogue, used).piece())
            except Unclear:
                continue
    return sorted(pieces, key=lambda piece: piece.start)


def _maximal(item: Item, *, inside: bool = False) -> Iterator[Join]:
    """The topmost inner joins of an item, and those below other joins."""
    if isinstance(item, Leaf):
        return
    if item.is_inner and not inside and len(_leaves(item)) >= SMALLEST:
        yield item
    for child in (item.left, item.right):
        yield from _maximal(child, inside=item.is_inner)


def _leaves(item: Item) -> list[Item]:
    if isinstance(item, Join) and item.is_inner:
        return _leaves(item.left) + _leaves(item.right)
    return [item]


def _tree(item: Item, counter: Iterator[int]) -> JoinTree:
    if isinstance(item, Join) and item.is_inner:
        left = _tree(item.left, counter)
        return JoinTree.join(left, _tree(item.right, counter))
    return JoinTree.leaf(next(counter))


def _exposed(item: Item) -> Iterator[Leaf]:
    """The leaves whose aliases can be seen from outside (and some that cannot, which does no harm)."""
    if isinstance(item, Leaf):
        yield item
    else:
        yield from _exposed(item.left)
        yield from _exposed(item.right)


class _Reader:
    """Reads one region."""

    def __init__(self, nesting: Nesting, join: Join, catalogue: Catalogue, used: Mapping[str, set[str]]) -> None:
        self.nesting, self.join = nesting, join
        self.items = _leaves(join)
        if len(self.items) > LARGEST:
            raise Unclear("too many relations")
        self.owner = {leaf.alias: number for number, item in enumerate(self.items) for leaf in _exposed(item)}
        self._check_independent()
        self.unfolded = [
            unfold(nesting, item, catalogue, used.get(item.alias, set())) if isinstance(item, Leaf) else None
            for item in self.items
        ]
        self.used = used

    def _check_independent(self) -> None:
        """A leaf that reads columns of another one (LATERAL, UNNEST) ties the order down."""
        for number, item in enumerate(self.items):
            for _, alias, _ in self.nesting.references(item.span):
                if self.owner.get(alias, number) != number:
                    raise Unclear("a leaf depends on another")

    def piece(self) -> Piece:
        """The region with its wording."""
        predicates, others, extra = self._predicates()
        relations = tuple(self._relation(number, extra.get(number, [])) for number in range(len(self.items)))
        graph = JoinGraph(relations=relations, predicates=tuple(predicates))
        tree = _tree(self.join, iter(range(len(self.items))))
        texts = tuple(self.nesting.text(item.span) for item in self.items)
        return Piece(
            region=Region(graph=graph, textual_tree=tree, engine_tree=tree),
            wording=Wording(leaves=texts, columns=self._references(graph), others=tuple(others)),
            start=self.nesting.start(self.join.span),
            end=self.nesting.end(self.join.span),
            leaves=tuple((self.nesting.start(item.span), self.nesting.end(item.span)) for item in self.items),
        )

    def _predicates(self) -> tuple[list[Predicate], list[tuple[Mask, str]], dict[int, list[str]]]:
        """Join predicates, the wording of those that are no equality, and filters on single relations."""
        predicates: list[Predicate] = []
        others: list[tuple[Mask, str]] = []
        extra: dict[int, list[str]] = {}
        for span in self._conjuncts(self.join):
            text, mask = self.nesting.text(span), self._mask(span)
            meant = substitute(self.nesting, span, self._meanings())
            if mask.bit_count() < 2:
                # Rare; DuckDB pushes it down again from the top.
                others.append(((1 << len(self.items)) - 1, f"({text})"))
                for number in bits(mask):
                    extra.setdefault(number, []).append(meant)
                continue
            equality = self._equality(span)
            predicates.append(Predicate(sql=meant, relations=mask, equality=equality))
            if equality is None:
                others.append((mask, f"({text})"))
        return predicates, others, extra

    def _conjuncts(self, item: Item) -> Iterator[Span]:
        if isinstance(item, Join) and item.is_inner:
            yield from self._conjuncts(item.left)
            yield from self._conjuncts(item.right)
            yield from self.nesting.conjuncts(item.on)

    def _mask(self, span: Span) -> Mask:
        mask = 0
        for _, alias, _ in self.nesting.references(span):
            if alias in self.owner:
                mask |= 1 << self.owner[alias]
        if any(self.nesting.word(at) in ("SELECT", "__MARK_JOIN_MARKER") for at in range(*span)):
            raise Unclear("a join condition holds a subquery")
        return mask

    def _equality(self, span: Span) -> tuple[Column, Column] | None:
        """For ``alias.column = alias.column``."""
        if not self.nesting.is_plain_equality(span):
            return None
        left, right = (self._column(alias, column) for _, alias, column in self.nesting.references(span))
        return (left, right) if left and right else None

    def _column(self, alias: str, column: str) -> Column | None:
        """A column as the graph names it: by its name in the base table where that is known."""
        number = self.owner[alias]
        unfolded = self.unfolded[number]
        if unfolded is None:
            return Column(number, f"{alias}.{column}")
        base = unfolded.columns.get(column)
        return Column(number, base) if base is not None else None

    def _references(self, graph: JoinGraph) -> dict[Column, str]:
        written = {}
        for span in self._conjuncts(self.join):
            for at, alias, name in self.nesting.references(span):
                if alias in self.owner and (column := self._column(alias, name)):
                    written[column] = self.nesting.text(Span(at, at + 3))
        return {column: written[column] for group in graph.classes for column in group}

    def _meanings(self) -> dict[tuple[str, str], str]:
        meanings = {}
        for item, unfolded in zip(self.items, self.unfolded, strict=True):
            if isinstance(item, Leaf) and unfolded is not None:
                meanings.update({(item.alias, name): text for name, text in unfolded.meanings.items()})
        return meanings

    def _relation(self, number: int, extra: Sequence[str]) -> Relation:
        item, unfolded = self.items[number], self.unfolded[number]
        names = [leaf.alias for leaf in _exposed(item)]
        sql = self.nesting.text(item.span)
        if unfolded is None:
            width = 8.0 * max(1, sum(len(self.used.get(name, ())) for name in names))
            return Relation(alias=names[0], sql=sql, width_bytes=width)
        return Relation(
            alias=names[0],
            sql=sql,
            table=unfolded.table.sql,
            filters=(*unfolded.filters, *extra),
            width_bytes=_width(unfolded),
            columns=unfolded.read,
        )


def _width(unfolded: Unfolded) -> float:
    types = [unfolded.table.columns[name.lower()].type for name in unfolded.columns.values()]
    return float(max(1, sum(map(size_of, types)) + 8 * (len(unfolded.meanings) - len(types))))


def _render(text: str, pieces: Sequence[Piece], trees: Sequence[JoinTree]) -> str:
    """The text with every region nested as its tree says; regions may lie inside leaves of others."""

    def write(low: int, high: int) -> str:
        parts, done = [], low
        for number, piece in enumerate(pieces):
            if done <= piece.start and piece.end <= high and (piece.start, piece.end) != (low, high):
                parts += [text[done : piece.start], joined(number)]
                done = piece.end
        return "".join(parts) + text[done:high]

    def joined(number: int) -> str:
        piece = pieces[number]
        wording = Wording(
            leaves=tuple(write(start, end) for start, end in piece.leaves),
            columns=piece.wording.columns,
            others=piece.wording.others,
        )
        line = text[text.rfind("\n", 0, piece.start) + 1 : piece.start]
        depth = (len(line) - len(line.lstrip())) // 4 + 1
        return f"({from_clause(piece.region.graph, wording, trees[number], depth=depth)})"

    return write(0, len(text))
