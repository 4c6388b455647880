"""The generated databases by name: version, seed, size and checksum, made once and kept in the user's cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from mlsys4sys import cache
from mlsys4sys.datasets import imdb
from mlsys4sys.errors import DataError, InputError

Report = Callable[[str], None]

_SIZE = """\
SELECT (SELECT count(*) FROM duckdb_tables() WHERE NOT internal), max(total_blocks * block_size)
FROM pragma_database_size()"""


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
    spread: float = imdb.SPREAD
    """Of popularity and fame: how strongly fan-outs go together."""
    rows: int
    """Of all tables together."""
    checksum: str
    """What :func:`checksum` gives for it, with DuckDB 2.0."""

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
        Dataset(
            name="imdb-demo",
            about="IMDb-shaped, a quarter of the real rows: what the commands ask",
            scale=0.25,
            rows=19_203_447,
            checksum="ebc7dfea08b21a54",
        ),
        Dataset(
            name="imdb",
            about="IMDb-shaped, a tenth of the real rows",
            scale=0.1,
            rows=7_674_761,
            checksum="7ccbec65f05f1c9d",
        ),
        Dataset(
            name="imdb-strong",
            about="the same with stronger correlations: joins of several fan-outs are about four times as large",
            scale=0.1,
            spread=1.3,
            rows=7_671_970,
            checksum="82aeb4f048190fa6",
        ),
        Dataset(
            name="imdb-shuffled",
            about="the same without correlations: the control",
            scale=0.1,
            shuffled=True,
            rows=7_674_761,
            checksum="108375ea1b184bac",
        ),
        Dataset(
            name="imdb-small",
            about="IMDb-shaped, for notebooks and tests",
            scale=0.01,
            rows=763_481,
            checksum="3d76ab256f755638",
        ),
        Dataset(
            name="imdb-small-shuffled",
            about="the control of imdb-small",
            scale=0.01,
            shuffled=True,
            rows=763_481,
            checksum="9f224756453a401a",
        ),
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
    """The file of a database; generated when it is not in the cache yet, or cannot be read any more.

    See :func:`mlsys4sys.cache.make_once` for kills and for processes that want it at the same time.

    Raises:
        InputError: no dataset of this name.
        DataError: the cache folder cannot be written, or the disk is full.
    """
    dataset = find(name)
    return cache.make_once(
        dataset.path,
        lambda partial: generate(dataset, partial, report),
        intact=lambda path: is_whole(path, len(imdb.TABLES)),
        report=report,
    )


def generate(dataset: Dataset, path: Path, report: Report | None = None) -> None:
    """Make a database in a new file.

    Raises:
        DataError: DuckDB cannot write the file.
    """
    tell = report or (lambda _: None)
    try:
        with closing(duckdb.connect(str(path))) as connection:
            imdb.generate(
                connection,
                scale=dataset.scale,
                seed=dataset.seed,
                shuffled=dataset.shuffled,
                spread=dataset.spread,
                report=lambda table: tell(f"making the database {dataset.name} (once): {table}"),
            )
    except duckdb.IOException as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path.parent}: cannot keep the database {dataset.name} there ({reason})") from error


def describe(name: str) -> dict[str, object]:
    """What is known of a dataset without making it: one flat, JSON-ready record.

    Raises:
        InputError: no dataset of this name.
    """
    dataset = find(name)
    return {**asdict(dataset), "version": dataset.version, "path": str(dataset.path), "made": dataset.path.exists()}


def is_whole(path: Path, tables: int) -> bool:
    """Whether DuckDB opens the file, finds so many tables in it, and no part of the file is missing."""
    if not path.exists():
        return False
    try:
        with closing(duckdb.connect(str(path), read_only=True)) as connection:
            found = connection.execute(_SIZE).fetchone()
            return found is not None and found[0] == tables and path.stat().st_size >= found[1]
    except duckdb.ConnectionException:
        return True  # open in this process already, with other options
    except duckdb.Error as error:
        return "lock" in str(error)  # somebody has it open for writing; whoever opens it next is told so


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
