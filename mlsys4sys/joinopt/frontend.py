"""From SQL to a skeleton: the fast front end where it can, else DuckDB's decompiled plan, else nothing to reorder."""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import pairwise

import duckdb
from sqlglot import Token, TokenType
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError

from mlsys4sys.errors import SqlError
from mlsys4sys.joinopt.clauses import NotFlat
from mlsys4sys.joinopt.decompile import read_decompiled
from mlsys4sys.joinopt.engine import Engine
from mlsys4sys.joinopt.flat import VOLATILE, read_flat
from mlsys4sys.joinopt.light import read_light
from mlsys4sys.joinopt.matching import renamed, same_relations
from mlsys4sys.joinopt.skeleton import Region, Skeleton

__all__ = ["Region", "Skeleton", "read", "with_engine_trees"]
log = logging.getLogger(__name__)
_WRITING = frozenset(["INSERT", "UPDATE", "DELETE", "MERGE"])


def read(engine: Engine, sql: str, *, flat: bool = True) -> Skeleton:
    """Read one query.

    Args:
        engine: The database it is about.
        sql: Its text.
        flat: Whether the fast front end may take it; if not, DuckDB's own order is always known.

    Raises:
        SqlError: It does not parse or bind (with line and column), is no query, has parameters, or is several.
    """
    if flat:
        for reader in (read_light, read_flat):
            try:
                return reader(sql, engine.catalogue)  # both take single SELECTs without parameters only
            except NotFlat as reason:
                log.debug("not for %s: %s", reader.__name__, reason)
    refuse(engine, sql)
    why = _unsettled(_tokens(sql))
    return Skeleton(sql=sql, kind="opaque", why=why) if why else read_decompiled(engine, sql)


def with_engine_trees(engine: Engine, skeleton: Skeleton) -> Skeleton:
    """The same with DuckDB's own order beside each region of a flat query, where its decompiled plan can be matched."""
    if skeleton.kind != "flat":
        return skeleton
    theirs = read_decompiled(engine, skeleton.sql).regions

    def known(region: Region) -> Region:
        for other in theirs:
            names = same_relations(region.graph, other.graph)
            if names is not None and other.engine_tree is not None:
                return replace(region, engine_tree=renamed(other.engine_tree, names))
        return region

    return replace(skeleton, regions=tuple(known(region) for region in skeleton.regions))


def refuse(engine: Engine, sql: str) -> None:
    """Make sure that ``sql`` is exactly one query that only reads.

    Raises:
        SqlError: It is not.
    """
    statements = engine.statements(sql)
    if not statements:
        raise SqlError("there is no query: the text is empty")
    if len(statements) > 1:
        raise SqlError(f"{len(statements)} statements were given; give one query at a time")
    statement = statements[0]
    if statement.type != duckdb.StatementType.SELECT:
        raise SqlError(f"{statement.type.name} is refused: only queries (SELECT, WITH, FROM, VALUES) are optimized")
    if statement.named_parameters:
        names = ", ".join(sorted("$" + name for name in statement.named_parameters))
        raise SqlError(f"the query has parameters ({names}); write their values into the text")
    if sql.lstrip()[:1] in "wW(" or "(" in sql:
        _refuse_writing(sql)


def _refuse_writing(sql: str) -> None:
    """Common table expressions may hold INSERT, UPDATE or DELETE, and the statement still counts as a SELECT."""
    if not any(word in sql.upper() for word in _WRITING):
        return
    for token, follower in pairwise(_tokens(sql)):
        if token.token_type == TokenType.L_PAREN and follower.text.upper() in _WRITING:
            raise SqlError(f"{follower.text.upper()} inside a query is refused: nothing is ever written")


def _tokens(sql: str) -> list[Token]:
    try:
        return Dialect.get_or_raise("duckdb").tokenize(sql)
    except SqlglotError:
        return []


def _unsettled(tokens: list[Token]) -> str:
    """Why the result is another one each time, if it is; empty otherwise."""
    for token, follower in pairwise(tokens):
        if follower.token_type == TokenType.L_PAREN and token.text.lower() in VOLATILE:
            return f"it calls {token.text.lower()}(), so its rows depend on the plan"
        if (token.text.upper(), follower.text.upper()) == ("USING", "SAMPLE") or token.text.upper() == "TABLESAMPLE":
            return "it samples, so its rows depend on the plan"
    return ""
