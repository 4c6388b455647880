"""The generated databases by name: version, seed, size and checksum, made once and kept in the user's cache."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb

from mlsys4sys import cache
from mlsys4sys.datasets import imdb
from mlsys4sys.errors import DataError, InputError

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """One database that anybody can make again."""

    name: str
    about: str
    scale: float
    """Of the 2013 IMDb's row counts."""
    seed: int = 0
    shuffled: bool = False
    """The control: same columns and fan-outs one by one, no correlation between them."""
    checksum: str = ""
    """What :func:`checksum` gives for it; empty where it is not recorded."""

    @property
    def version(self) -> int:
        """Of the generator; the same name, seed and version are the same rows."""
        return imdb.VERSION

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return cache.folder("datasets") / f"{self.name}-v{self.version}-{self.seed}.duckdb"


DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset(name="imdb-demo", about="IMDb-shaped, a quarter of the real rows: what the commands ask", scale=0.25),
        Dataset(name="imdb", about="IMDb-shaped, a tenth of the real rows", scale=0.1),
        Dataset(name="imdb-shuffled", about="the same without correlations: the control", scale=0.1, shuffled=True),
        Dataset(name="imdb-small", about="IMDb-shaped, for notebooks and tests", scale=0.01),
        Dataset(name="imdb-small-shuffled", about="the control of imdb-small", scale=0.01, shuffled=True),
    )
}
"""All that are known."""


def find(name: str) -> Dataset:
    """The entry of a name.

    Raises:
        InputError: there is none.
    """
    if name not in DATASETS:
        raise InputError(f"no dataset {name!r}; there are {', '.join(DATASETS)}")
    return DATASETS[name]


def open_database(name: str, report: Report | None = None) -> Path:
    """The file of a database; generated when it is not in the cache yet.

    A file appears under its name only when it is whole: it is written beside it and then renamed, so that a process
    that is killed leaves nothing half-made, and of two that generate at once the last one wins with the same rows.

    Raises:
        InputError: no dataset of this name.
        DataError: the cache folder cannot be written, or the disk is full.
    """
    dataset = find(name)
    if dataset.path.exists():
        return dataset.path
    partial = dataset.path.with_name(f"{dataset.path.name}.{os.getpid()}.partial")
    try:
        dataset.path.parent.mkdir(parents=True, exist_ok=True)
        generate(dataset, partial, report)
        partial.replace(dataset.path)
    except (OSError, duckdb.IOException) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{dataset.path.parent}: cannot keep the database {name} there ({reason})") from error
    finally:
        partial.unlink(missing_ok=True)
    return dataset.path


def generate(dataset: Dataset, path: Path, report: Report | None = None) -> None:
    """Make a database in a new file."""
    tell = report or (lambda _: None)
    with closing(duckdb.connect(str(path))) as connection:
        imdb.generate(
            connection,
            scale=dataset.scale,
            seed=dataset.seed,
            shuffled=dataset.shuffled,
            report=lambda table: tell(f"making the database {dataset.name} (once): {table}"),
        )


def row_counts(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Rows of each table."""
    rows = connection.execute(
        "SELECT table_name, estimated_size FROM duckdb_tables() WHERE NOT internal ORDER BY table_name"
    ).fetchall()
    return {str(name): int(count) for name, count in rows}


def checksum(connection: duckdb.DuckDBPyConnection) -> str:
    """Sixteen hexadecimal digits over all rows of all tables, whatever order they are stored in."""
    digest = hashlib.sha256()
    for table in row_counts(connection):
        found = connection.execute(f'SELECT bit_xor(hash(t)), count(*) FROM "{table}" t').fetchone()
        digest.update(f"{table}:{found};".encode())
    return digest.hexdigest()[:16]
