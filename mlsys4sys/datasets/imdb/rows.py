"""A table as numpy codes plus the SQL that spells them out, and how such rows get into DuckDB."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlsys4sys.datasets.imdb import vocabulary as words
from mlsys4sys.datasets.imdb.schema import SCHEMA

if TYPE_CHECKING:
    import duckdb

_GIVEN = tuple(
    name for gender in ("m", "f") for region in ("west", "east", "slav")
    for name in words.GIVEN_NAMES[gender][region].split()
)  # fmt: skip
_NOTES = sorted(
    {
        note.rsplit(":", 1)[0]
        for text in (*words.CAST_NOTES.values(), words.VOICE_NOTES)
        for note in re.findall(r"\(.*?:[\d.]+", text)
    }
)

WORDLISTS: Mapping[str, tuple[str, ...]] = {
    "adjectives": tuple(words.TITLE_ADJECTIVES),
    "nouns": tuple(dict.fromkeys((*words.TITLE_NOUNS, *" ".join(words.GENRE_NOUNS.values()).split()))),
    "given": _GIVEN,
    "surnames": words.SURNAMES,
    "countries": tuple(c.name for c in words.COUNTRIES),
    "codes": tuple(c.code for c in words.COUNTRIES),
    "languages": tuple(c.language for c in words.COUNTRIES),
    "genres": words.GENRES,
    "months": words.MONTHS,
    "media": words.MEDIA,
    "production_notes": words.PRODUCTION_NOTES,
    "cast_notes": tuple(_NOTES),
    "characters": words.CHARACTERS,
    "companies": tuple(name for name, _ in words.COMPANIES),
    "suffixes": words.COMPANY_SUFFIXES,
    "franchises": tuple(f.title for f in words.FRANCHISES),
    "keywords": tuple(
        dict.fromkeys(
            (
                *words.GENERAL_KEYWORDS,
                *words.SEQUEL_KEYWORDS,
                *words.MARVEL_KEYWORDS,
                *" ".join(words.GENRE_KEYWORDS.values()).split(),
            )
        )
    ),
}
"""Lists that ``select`` expressions may index as ``$name[code + 1]``; code -1 gives NULL."""

POSITION = {name: {word: i for i, word in enumerate(w)} for name, w in WORDLISTS.items()}


@dataclass(frozen=True, slots=True)
class Rows:
    """One table: equally long code arrays and the SQL expressions that make columns of them.

    ``together`` lists codes that describe one value and must move as one when the rows are
    shuffled; ``references`` says which codes are positions in ``title`` or ``name``.
    """

    table: str
    codes: dict[str, NDArray[Any]]
    select: str
    together: tuple[tuple[str, ...], ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.codes.values())))


def shuffle(rows: Rows, rng: np.random.Generator, entities: Mapping[str, int]) -> Rows:
    """Break every correlation and keep every marginal.

    References are relabelled by a fresh permutation of the referenced entity, so that a title with
    many keywords is not the one with many actors; then every column but the first is permuted over
    the rows, so that columns no longer go together.
    """
    codes = dict(rows.codes)
    for column, entity in rows.references.items():
        relabelled = rng.permutation(entities[entity])[codes[column]]
        codes[column] = np.where(codes[column] < 0, -1, relabelled)
    first = next(iter(codes))
    if first in rows.references:
        codes[first] = np.sort(codes[first])  # clustered as it was, under the new labels
    grouped = {column for unit in rows.together for column in unit}
    for unit in (*rows.together, *((column,) for column in codes if column not in grouped)):
        if first not in unit:
            order = rng.permutation(len(rows))
            codes |= {column: codes[column][order] for column in unit}
    return Rows(rows.table, codes, rows.select, rows.together, rows.references)


def insert(connection: duckdb.DuckDBPyConnection, rows: Rows) -> None:
    """Create the table of ``rows`` and fill it, ids counting up from 1 in the order of the rows."""
    needed = {name: list(WORDLISTS[name]) for name in re.findall(r"\$(\w+)", rows.select)}
    columns = {"id": np.arange(1, len(rows) + 1, dtype=np.int32)}
    columns |= {name: np.ascontiguousarray(code) for name, code in rows.codes.items()}
    connection.execute(SCHEMA.create_sql(rows.table))
    connection.register("_rows", columns)
    try:
        connection.execute(f'INSERT INTO "{rows.table}" SELECT id, {rows.select} FROM _rows', needed or None)
    finally:
        connection.unregister("_rows")


def insert_values(connection: duckdb.DuckDBPyConnection, table: str, values: tuple[str, ...]) -> None:
    """Create a two-column dimension table, ids counting up from 1."""
    connection.execute(SCHEMA.create_sql(table))
    connection.execute(
        f'INSERT INTO "{table}" SELECT i, $words[i] FROM range(1, len($words) + 1) r(i)',
        {"words": list(values)},
    )
