"""An IMDb-shaped database of any size, generated from a seed straight into DuckDB.

The tables and columns are those of the Join Order Benchmark; the rows are invented. Skew and
correlations come from latent variables (see ``latents``), so that planners that assume
independence err as they do on the real thing.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from mlsys4sys.datasets.imdb import entities, facts
from mlsys4sys.datasets.imdb import vocabulary as words
from mlsys4sys.datasets.imdb.latents import SPREAD, make_companies, make_movies, make_persons
from mlsys4sys.datasets.imdb.rows import Rows, insert, insert_values, shuffle
from mlsys4sys.datasets.imdb.schema import FOREIGN_KEYS, FULL_SCALE_ROWS, SCHEMA, TABLES

if TYPE_CHECKING:
    import duckdb

__all__ = ["FOREIGN_KEYS", "SCHEMA", "SPREAD", "TABLES", "VERSION", "generate", "rows_at"]

VERSION = 1
"""Raised whenever the same seed would give other rows."""

_DIMENSIONS = {
    "kind_type": words.KINDS,
    "company_type": words.COMPANY_TYPES,
    "comp_cast_type": words.CAST_TYPES,
    "role_type": words.ROLES,
    "link_type": words.LINKS,
    "info_type": words.INFO_TYPES,
}
# The well-known words of the vocabulary must fit even into the smallest database.
_LEAST = {"title": 400, "name": 600, "char_name": 200, "company_name": 120, "keyword": 300}


def rows_at(scale: float) -> dict[str, int]:
    """About how many rows each growing table has at ``scale`` (1 is the size of the 2013 IMDb)."""
    return {t: max(_LEAST.get(t, 30), round(n * scale)) for t, n in FULL_SCALE_ROWS.items()}


def generate(
    connection: duckdb.DuckDBPyConnection,
    *,
    scale: float,
    seed: int = 0,
    shuffled: bool = False,
    spread: float = SPREAD,
    report: Callable[[str], None] | None = None,
) -> None:
    """Create the 21 tables in the connection's current schema and fill them.

    At ``scale=0.1`` these are about 7.7 million rows. The rows depend on ``scale``, ``seed``,
    ``shuffled``, ``spread`` and ``VERSION`` alone. ``shuffled`` gives the control: the same columns and
    fan-outs one by one, with every correlation between them broken. ``spread`` is the standard deviation of
    the popularity of titles and the fame of persons, and with it how strongly fan-outs go together. ``report``
    is called with the name of each table before it is made. Needs neither pandas nor pyarrow.

    Raises:
        ValueError: ``scale`` is not in (0, 1], or ``spread`` not in (0, 2].
    """
    if not 0 < scale <= 1:
        raise ValueError(f"scale must be in (0, 1], not {scale}")
    if not 0 < spread <= 2:
        raise ValueError(f"spread must be in (0, 2], not {spread}")
    sizes = rows_at(scale)
    connection.begin()
    try:
        for table, values in _DIMENSIONS.items():
            insert_values(connection, table, values)
        for rows in _tables(seed, sizes, spread, report or (lambda _: None)):
            made = shuffle(rows, _rng(seed, f"shuffle {rows.table}"), sizes) if shuffled else rows
            insert(connection, made)
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


def _rng(seed: int, purpose: str) -> np.random.Generator:
    """An independent stream for each purpose, so that one table's change leaves the others alone."""
    return np.random.default_rng([VERSION, seed, zlib.crc32(purpose.encode())])


def _tables(seed: int, sizes: dict[str, int], spread: float, report: Callable[[str], None]) -> Iterator[Rows]:
    """Make the growing tables one after the other, so that only one is in memory at a time."""

    def start(table: str) -> np.random.Generator:
        report(table)
        return _rng(seed, table)

    movies = make_movies(_rng(seed, "movies"), sizes["title"], spread)
    persons = make_persons(_rng(seed, "persons"), sizes["name"], spread)
    companies = make_companies(_rng(seed, "companies"), sizes["company_name"])
    stars = entities.make_stars(persons)
    title_words = entities.make_title_words(_rng(seed, "title words"), movies)
    names = entities.make_person_names(_rng(seed, "person names"), persons, stars)

    yield entities.title(start("title"), movies, title_words)
    yield entities.name(start("name"), persons, names)
    yield entities.char_name(start("char_name"), sizes["char_name"])
    yield entities.company_name(start("company_name"), companies)
    yield entities.keyword(start("keyword"), sizes["keyword"])
    yield entities.aka_title(start("aka_title"), movies, title_words, sizes["aka_title"])
    yield entities.aka_name(start("aka_name"), persons, names, sizes["aka_name"])
    yield facts.movie_companies(start("movie_companies"), movies, companies, sizes["movie_companies"])
    yield facts.movie_keyword(start("movie_keyword"), movies, sizes["keyword"], sizes["movie_keyword"])
    yield facts.movie_link(start("movie_link"), movies, sizes["movie_link"])
    yield facts.complete_cast(start("complete_cast"), movies, sizes["complete_cast"])
    yield facts.movie_info_idx(start("movie_info_idx"), movies, sizes["movie_info_idx"])
    yield facts.person_info(start("person_info"), persons, sizes["person_info"])
    yield facts.movie_info(start("movie_info"), movies, sizes["movie_info"])
    yield facts.cast_info(start("cast_info"), movies, persons, stars, sizes["char_name"], sizes["cast_info"])
