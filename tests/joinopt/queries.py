"""Random databases and queries for the property tests: drawn by Hypothesis, so that failures shrink and repeat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import duckdb
import numpy as np
from hypothesis import strategies as st

from mlsys4sys.joinopt.problem import JoinGraph
from mlsys4sys.joinopt.solution import JoinTree

TABLES = ("alpha", "Beta Gamma", "select", 'odd"name', "T", "m1", "nothing")
COLUMNS = (("k", "INTEGER"), ("Ref", "INTEGER"), ("group", "VARCHAR"), ("big id", "BIGINT"), ("val", "DOUBLE"))
DATABASES = 6


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def database(seed: int) -> duckdb.DuckDBPyConnection:
    """Seven small tables with the same columns: duplicates, NULLs, one always empty, sizes and skew by the seed."""
    rng = np.random.default_rng(seed)
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    for table in TABLES:
        rows = 0 if table == "nothing" else int(rng.integers(1, 14))
        columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in COLUMNS)
        connection.execute(f"CREATE TABLE {quoted(table)} ({columns})")
        for _ in range(rows):
            number = rng.integers(0, 5, 4)
            null = rng.random(5) < 0.12
            row = [int(number[0]), int(number[1]), "abcde"[number[2]] * 2, int(number[3]), float(rng.normal())]
            values = [None if empty else value for value, empty in zip(row, null, strict=True)]
            connection.execute(f"INSERT INTO {quoted(table)} VALUES (?, ?, ?, ?, ?)", values)
    return connection


@dataclass
class Writer:
    """Writes one random query; every choice is a draw, and the first of each is the plainest."""

    draw: Callable[[st.SearchStrategy], object]
    most: int = 6
    aliases: list[str] = field(default_factory=list)

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def one(self, options: Sequence):
        return options[self.number(0, len(options) - 1)]

    def maybe(self, one_in: int = 2) -> bool:
        return self.number(0, one_in - 1) == one_in - 1

    # -- pieces

    def table(self) -> str:
        """A table with a new alias; sometimes its own name is the alias."""
        name = self.one(TABLES[:6]) if not self.maybe(25) else TABLES[6]
        if name not in self.aliases and self.maybe(6):
            self.aliases.append(name)
            return quoted(name)
        alias = self.one(("a", "X ", "Ä", "left", "b_c")) + str(len(self.aliases))
        self.aliases.append(alias)
        return f"{quoted(name)} {self.one(('AS ', ''))}{quoted(alias)}"

    def column(self, alias: str, kinds: Sequence[str] = ("INTEGER",)) -> str:
        return f"{quoted(alias)}.{quoted(self.one([name for name, kind in COLUMNS if kind in kinds]))}"

    def equality(self, left: str, right: str) -> str:
        kinds = self.one((("INTEGER",), ("INTEGER",), ("VARCHAR",), ("INTEGER", "BIGINT")))
        sign = self.one(("=", "=", "=", "=", "IS NOT DISTINCT FROM"))
        return f"{self.column(left, kinds)} {sign} {self.column(right, kinds)}"

    def link(self, left: str, right: str) -> str:
        """A predicate over two relations."""
        form = self.number(0, 9)
        if form < 6:
            return self.equality(left, right)
        a, b = self.column(left), self.column(right)
        return (
            f"{a} {self.one(('<', '>=', '<>'))} {b}",
            f"({self.equality(left, right)} OR {a} > {b})",
            f"{a} + 1 = {b}",
            f"{a} BETWEEN {b} AND {b} + 1 AND {self.column(right, ('VARCHAR',))} IS NOT NULL",
        )[form - 6]

    def filter(self, alias: str) -> str:
        number, text = self.column(alias), self.column(alias, ("VARCHAR",))
        return self.one(
            (
                f"{number} > {self.number(0, 3)}",
                f"{number} = {self.number(0, 4)}",
                f"{text} LIKE '{self.one('abc')}%'",
                f"{text} IN ('aa', 'bb', 'it''s')",
                f"{number} IS NULL",
                f"NOT {number} BETWEEN 1 AND {self.number(1, 3)}",
                f"({number} = 1 OR {text} = 'cc' AND {number} < 4)",
                f"{number} IN ({', '.join(map(str, range(12)))})",
                f"{text} IN ({', '.join(repr(c * 2) for c in 'abcxyzuvwrst')})",
                f"CASE WHEN {number} > 1 AND {text} <> 'aa' THEN {number} < 4 ELSE {number} = 0 END",
                "1 = 1",
                f"{number} + 0 = {self.column(alias)}",
                f"{number} = {self.column(alias)}",
            )
        )

    def inner_from(self, count: int) -> tuple[str, list[str]]:
        """FROM items, inner joined in one of several spellings, and conjuncts for WHERE."""
        text, where = self.table(), []
        for _ in range(count - 1):
            before = list(self.aliases)
            item = self.table()
            new = self.aliases[-1]
            conjuncts = [self.link(self.one(before), new)] if not self.maybe(12) else []
            if self.maybe(5) and len(before) > 1:
                conjuncts.append(self.link(self.one(before), new))
            spelling = self.number(0, 3)
            if spelling == 0 or not conjuncts:
                text, where = f"{text}, {item}", where + conjuncts
            elif spelling == 1 and "," not in text:
                text = f"{text} {self.one(('JOIN', 'INNER JOIN'))} {item} ON {' AND '.join(conjuncts)}"
            elif spelling == 2 and "," not in text:
                text = f"({text} JOIN {item} ON ({' AND '.join(conjuncts)}))"
            else:
                text, where = f"{text} CROSS JOIN {item}", where + conjuncts
        return text, where

    def outer_join(self, text: str) -> str:
        before = list(self.aliases)
        item = self.table()
        kind = self.one(("LEFT", "LEFT", "RIGHT", "FULL"))
        return f"({text}) {kind} JOIN {item} ON {self.equality(self.one(before), self.aliases[-1])}"

    def subquery(self) -> str:
        """A predicate with a subquery, correlated or not."""
        outer, inner = self.one(self.aliases), f"s{self.number(0, 9)}"
        table, other = quoted(self.one(TABLES[:6])), quoted(self.one(TABLES[:6]))
        link = f"{quoted(inner)}.k = {self.column(outer)}"
        return self.one(
            (
                f"{self.column(outer)} IN (SELECT k FROM {table})",
                f"EXISTS (SELECT 1 FROM {table} AS {inner} WHERE {link})",
                f'NOT EXISTS (SELECT 1 FROM {table} AS {inner}, {other} AS u WHERE {link} AND u.k = {inner}."Ref")',
                f'{self.column(outer)} NOT IN (SELECT "Ref" FROM {table} WHERE "Ref" IS NOT NULL)',
                f'{self.column(outer)} NOT IN (SELECT "Ref" FROM {table})',
                f'{self.column(outer)} >= (SELECT avg({inner}."Ref") FROM {table} AS {inner} WHERE {link})',
                f"{self.column(outer)} > (SELECT min(k) FROM {table})",
                f"(SELECT count(*) FROM {table} AS {inner} WHERE {link}) < 3",
                f"({self.column(outer)} IN (SELECT k FROM {table}) OR {self.column(outer)} = 1)",
            )
        )

    # -- whole queries

    def outputs(self) -> tuple[str, str, list[str]]:
        """Select list, what follows WHERE, and the names to sort by."""
        alias = self.one(self.aliases)
        number, text = self.column(alias), self.column(self.one(self.aliases), ("VARCHAR",))
        value = self.column(self.one(self.aliases), ("DOUBLE",))
        form = self.number(0, 8)
        if form == 0:
            return f"count(*) AS n, sum({number}) AS s, min({text}) AS low", "", ["n"]
        if form == 1:
            return f"{number} AS x, {text} AS y, {value} AS z", "", ["x", "y"]
        if form == 2:
            return "*", "", []
        if form == 3:
            return f"{quoted(alias)}.*, {text} AS y", "", ["y"]
        if form == 4:
            return f"{text} AS g, sum({value}) AS s, count(DISTINCT {number}) AS n", f" GROUP BY {text}", ["g", "n"]
        if form == 5:
            return f"{number} AS g, avg({value}) AS s", " GROUP BY ALL HAVING count(*) > 1", ["g"]
        if form == 6:
            return f"DISTINCT {number} AS x, {text} AS y", "", ["x", "y"]
        if form == 7:
            return f"{text} AS y, rank() OVER (PARTITION BY {text} ORDER BY {number}) AS r", "", ["r"]
        return f"*, {number} + 1 AS extra", "", ["extra"]

    def block(self, *, rich: bool, narrow: bool = False) -> tuple[str, list[str]]:
        """One SELECT, and what it can be sorted by; ``narrow`` ones have one integer column ``v``."""
        self.aliases = []
        text, where = self.inner_from(self.number(2, self.most))
        if rich and self.maybe(3) and "," not in text:
            text = self.outer_join(text)
            if self.maybe(2):
                before = list(self.aliases)
                item = self.table()
                text = f"{text} JOIN {item} ON {self.equality(self.one(before), self.aliases[-1])}"
        where += [self.filter(self.one(self.aliases)) for _ in range(self.number(0, 3))]
        if rich:
            where += [self.subquery() for _ in range(self.number(0, 2))]
        select, after, names = self.outputs()
        if narrow:
            select, after, names = f"{self.column(self.one(self.aliases))} AS v", "", ["v"]
        condition = self.one(("\nWHERE ", " WHERE ")) + " AND ".join(where) if where else ""
        return f"SELECT {select} FROM {text}{condition}{after}", names

    def flat(self) -> str:
        query, names = self.block(rich=False)
        return query + self.ending(names)

    def rich(self) -> str:
        """A block with outer joins or subqueries, or blocks put together."""
        form = self.number(0, 5)
        if form <= 2:
            query, names = self.block(rich=True)
            return query + self.ending(names)
        self.most = min(self.most, 4)
        first, second = (self.block(rich=self.maybe(), narrow=True)[0] for _ in range(2))
        if form == 3:
            return (
                f"WITH c AS {self.one(('', 'MATERIALIZED ', 'NOT MATERIALIZED '))}({first}) "
                "SELECT l.v, r.v FROM c l JOIN c r ON l.v = r.v JOIN alpha ON alpha.k = l.v ORDER BY 1"
            )
        if form == 4:
            return f"{first} {self.one(('UNION ALL', 'UNION', 'EXCEPT', 'INTERSECT'))} {second}"
        return (
            f"SELECT q.v, p.v, t.val FROM ({first}) q JOIN ({second}) p ON p.v = q.v "
            'JOIN "T" t ON t.k = q.v JOIN alpha USING (k)'
        )

    def ending(self, names: Sequence[str]) -> str:
        if not names or self.maybe(2):
            return ""
        order = " ORDER BY " + ", ".join(f"{name}{self.one(('', ' DESC', ' NULLS FIRST'))}" for name in names)
        return order + (f" LIMIT {self.number(0, 9)}" if self.maybe(2) else "") + self.one(("", ";", "\n-- done"))


@st.composite
def flat_queries(draw: Callable, most: int = 6) -> str:
    return Writer(draw, most).flat()


@st.composite
def rich_queries(draw: Callable, most: int = 5) -> str:
    return Writer(draw, most).rich()


@st.composite
def trees(draw: Callable, graph: JoinGraph, *, crossed: bool = False) -> JoinTree:
    """Any bushy tree with any build sides; without cross products where the graph allows, unless ``crossed``."""
    parts = [JoinTree.leaf(relation) for relation in range(graph.size)]
    while len(parts) > 1:
        pairs = [(a, b) for a in parts for b in parts if a is not b]
        joined = [(a, b) for a, b in pairs if graph.joinable(a.mask, b.mask)]
        choice = pairs if crossed or not joined else joined
        a, b = choice[draw(st.integers(0, len(choice) - 1))]
        parts = [part for part in parts if part is not a and part is not b] + [JoinTree.join(a, b)]
    return parts[0]
