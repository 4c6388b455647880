"""From SQL to a skeleton: the fast front end where it can, else DuckDB's decompiled plan, else nothing to reorder."""

from __future__ import annotations

import logging

import duckdb

from mlsys4sys.errors import SqlError
from mlsys4sys.joinopt.clauses import NotFlat
from mlsys4sys.joinopt.engine import Engine
from mlsys4sys.joinopt.flat import read_flat
from mlsys4sys.joinopt.skeleton import Region, Skeleton

__all__ = ["Region", "Skeleton", "read"]
log = logging.getLogger(__name__)


def read(engine: Engine, sql: str) -> Skeleton:
    """Read one query.

    Raises:
        SqlError: It does not parse or bind (with line and column), is no query, has parameters, or is several.
    """
    refuse(engine, sql)
    try:
        return read_flat(sql, engine.catalogue)
    except NotFlat as reason:
        log.debug("not flat: %s", reason)
    return Skeleton(sql=sql, kind="opaque", why="not flat")


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
        names = ", ".join(sorted(("$" + name) for name in statement.named_parameters))
        raise SqlError(f"the query has parameters ({names}); write their values into the text")
