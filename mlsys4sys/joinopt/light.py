"""The quickest front end: one flat SELECT over base tables, read by a reader of our own within 0.1 milliseconds.

It takes what :mod:`mlsys4sys.joinopt.flat` takes and reads it the same way, as long as the text keeps to what it is
sure about: plain names, comparisons, IN, LIKE, BETWEEN, CASE, calls of functions. Anything else (subqueries, casts,
windows, parentheses in FROM, parameters, ...) is refused, and the general parser looks at the query. The reader itself
is native (``native/joinopt_read.cpp``); here are the words it knows, and what is made of what it found.
"""

from __future__ import annotations

from collections.abc import Sequence

from mlsys4sys._native import PlainTables, Vocabulary, read_query
from mlsys4sys.joinopt.catalogue import Catalogue
from mlsys4sys.joinopt.clauses import NotFlat
from mlsys4sys.joinopt.emit import RESERVED, Wording, from_clause, quote
from mlsys4sys.joinopt.flat import VOLATILE
from mlsys4sys.joinopt.problem import Column, JoinGraph, Predicate, Relation
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
_VOCABULARY = Vocabulary(KEYWORDS, _UNITS, _STRANGE, _TAIL, VOLATILE, RESERVED)


class NotPlain(NotFlat):
    """The text holds words or signs that this reader does not know, subqueries above all."""


def read_light(sql: str, catalogue: Catalogue) -> Skeleton:
    """Read a flat query.

    Raises:
        NotFlat: It is not flat, or this reader is not sure of it.
    """
    found = read_query(sql, plain_tables(catalogue), catalogue.position, _VOCABULARY)
    if len(found) == 2:
        reason, plain = found
        raise NotFlat(reason) if plain else NotPlain(reason)
    relations, predicates, kept, classes, places = found
    if len(relations) == 1:
        return Skeleton(sql=sql, kind="opaque", why="it reads one table: there is nothing to reorder")
    tables = catalogue.numbered
    graph = JoinGraph.of(
        tuple(
            Relation(
                alias=alias,
                sql=text,
                table=tables[table].sql,
                filters=filters,
                width_bytes=width,
                columns=columns,
                conditions=conditions,
            )
            for table, alias, text, columns, width, filters, conditions in relations
        ),
        tuple(_predicate(*predicate) for predicate in predicates),
        tuple(tuple(Column(relation, name) for relation, name in group) for group in classes),
    )
    tree = JoinTree.leaf(0)
    for number in range(1, graph.size):
        tree = JoinTree.join(tree, JoinTree.leaf(number))
    region = Region(graph=graph, textual_tree=tree)
    return Skeleton(sql=sql, regions=(region,), kind="flat", renderer=_renderer(sql, graph, kept, places))


def plain_tables(catalogue: Catalogue) -> PlainTables:
    """The catalogue as the reader takes it; made once for each."""
    known: PlainTables | None = catalogue.__dict__.get("plain_tables")
    if known is None:
        known = PlainTables(KEYWORDS)
        for table in catalogue.numbered:
            known.add([(column.name, column.type, float(size_of(column.type))) for column in table.columns.values()])
        catalogue.__dict__["plain_tables"] = known
    return known


def _predicate(sql: str, relations: int, equality: tuple[int, str, int, str] | None) -> Predicate:
    if equality is None:
        return Predicate(sql=sql, relations=relations)
    left, name, right, other = equality
    return Predicate(sql=sql, relations=relations, equality=(Column(left, name), Column(right, other)))


def _renderer(sql: str, graph: JoinGraph, kept: Sequence[str], places: tuple[int, int, int, int]) -> Renderer:
    """From a tree to the query with that order."""
    head_start, head_end, tail_start, tail_end = places

    def render(trees: Sequence[JoinTree]) -> str:
        columns = {
            column: f"{quote(graph.relations[column.relation].alias)}.{quote(column.name)}"
            for group in graph.classes
            for column in group
        }
        others = tuple((predicate.relations, predicate.sql) for predicate in graph.others)
        leaves = tuple(relation.sql for relation in graph.relations)
        wording = Wording(leaves=leaves, columns=columns, others=others)
        where = "\nWHERE " + "\n  AND ".join(kept) if kept else ""
        tail = "\n" + sql[tail_start:tail_end] if tail_end > tail_start else ""
        return f"{sql[head_start:head_end]} {from_clause(graph, wording, trees[0])}{where}{tail}"

    return render
