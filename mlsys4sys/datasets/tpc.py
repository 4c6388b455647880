"""TPC-H and TPC-DS data, for whoever has ``tpcgen-cli``: made once, loaded into DuckDB and kept in the cache.

DuckDB makes such data with extensions that the package index only has for other versions of DuckDB; installing
them there replaces DuckDB itself. ``tpcgen-cli`` (``pip install tpcgen-cli``) is one program without dependencies and
writes Parquet. The texts of the queries are not in it: see :func:`read_queries`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb

from mlsys4sys import cache
from mlsys4sys.datasets.catalogue import is_whole
from mlsys4sys.errors import DataError, InputError, Unsupported

Report = Callable[[str], None]

PROGRAM = "tpcgen-cli"


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One of the two."""

    name: str
    tables: int
    queries: int


BENCHMARKS = {
    benchmark.name: benchmark
    for benchmark in (Benchmark(name="tpch", tables=8, queries=22), Benchmark(name="tpcds", tables=24, queries=99))
}
"""By the name that ``tpcgen-cli`` and :func:`open_database` know them by."""
_NOT_DATA = ("dbgen_version",)


def find_program() -> Path | None:
    """Where ``tpcgen-cli`` is: beside the running Python, or on the path."""
    beside = Path(sys.executable).parent
    found = shutil.which(PROGRAM, path=str(beside)) or shutil.which(PROGRAM)
    return Path(found) if found else None


def open_database(name: str, *, scale: float = 1.0, report: Report | None = None) -> Path:
    """The DuckDB file of a benchmark's data; generated when it is not in the cache yet.

    Args:
        name: ``tpch`` or ``tpcds``.
        scale: The benchmark's scale factor; 1 is about a gigabyte as text, a quarter of it in DuckDB.
        report: Told what is being done.

    Raises:
        InputError: no such benchmark, or a scale that is not positive.
        Unsupported: ``tpcgen-cli`` is not installed and the data are not in the cache.
        DataError: it fails, or the cache folder cannot be written.
    """
    if name not in BENCHMARKS:
        raise InputError(f"no benchmark {name!r}; there are {', '.join(BENCHMARKS)}")
    if not scale > 0:
        raise InputError(f"scale must be positive, not {scale}")
    path = cache.folder("datasets") / f"{name}-sf{scale:g}.duckdb"
    benchmark = BENCHMARKS[name]
    return cache.make_once(
        path,
        lambda partial: _generate(benchmark, scale, partial, report),
        intact=lambda found: is_whole(found, benchmark.tables),
        report=report,
    )


def _generate(benchmark: Benchmark, scale: float, path: Path, report: Report | None) -> None:
    program = find_program()
    if program is None:
        raise Unsupported(f"{benchmark.name} data need {PROGRAM}, which is not installed: pip install {PROGRAM}")
    tell = report or (lambda _: None)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f"{path.name}.") as parquet:
        tell(f"making {benchmark.name} at scale {scale:g} (once)")
        command = [str(program), benchmark.name, "parquet", "--scale-factor", f"{scale:g}", "--output-dir", parquet]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no shell, own words
        if done.returncode:
            reason = (done.stderr.strip() or done.stdout.strip() or f"exit {done.returncode}").splitlines()[-1]
            raise DataError(f"{PROGRAM} could not make {benchmark.name} at scale {scale:g}: {reason}")
        _load(benchmark, Path(parquet), path, tell)


def _load(benchmark: Benchmark, parquet: Path, path: Path, tell: Report) -> None:
    files = [file for file in sorted(parquet.glob("*.parquet")) if file.stem not in _NOT_DATA]
    if len(files) != benchmark.tables:
        raise DataError(f"{PROGRAM} wrote {len(files)} tables of {benchmark.name}, not {benchmark.tables}")
    try:
        with closing(duckdb.connect(str(path))) as connection:
            for file in files:
                tell(f"loading {file.stem}")
                connection.execute(f'CREATE TABLE "{file.stem}" AS FROM read_parquet($1)', [str(file)])
    except duckdb.IOException as error:
        raise DataError(f"{path.parent}: cannot keep {benchmark.name} there ({str(error).splitlines()[0]})") from error


def read_queries(name: str, folder: str | Path) -> dict[str, str]:
    """The query texts of a benchmark from a folder of ``.sql`` files, by their file's name, in numeric order.

    Neither DuckDB's Python package nor ``tpcgen-cli`` holds them. Its extensions ``tpch`` and ``tpcds`` do, in its own
    dialect (``FROM tpch_queries()``); ``docs/datasets.md`` tells how to write them to files and keep this DuckDB.

    Raises:
        InputError: no such benchmark.
        DataError: the folder has not as many of them as the benchmark.
    """
    if name not in BENCHMARKS:
        raise InputError(f"no benchmark {name!r}; there are {', '.join(BENCHMARKS)}")
    found = {
        file.stem: file.read_text(encoding="utf-8").strip().rstrip(";")
        for file in sorted(Path(folder).glob("*.sql"), key=_by_number)
    }
    wanted = BENCHMARKS[name].queries
    if len(found) != wanted:
        raise DataError(f"{folder}: has {len(found)} .sql files, {name} has {wanted} queries")
    return found


def _by_number(file: Path) -> tuple[int, str]:
    number = re.search(r"\d+", file.stem)
    return (int(number.group()) if number else 0, file.stem)
