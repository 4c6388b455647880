"""TPC data: made by the real program where it is installed, and by a stand-in everywhere."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import duckdb
import pytest

from mlsys4sys.datasets import tpc
from mlsys4sys.errors import DataError, InputError, Unsupported

TPCH = ("customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier")


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLSYS4SYS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """A program that is found in place of the real one."""
    program = folder / "tpcgen"
    program.write_text(
        f"#!{sys.executable}\nimport sys, duckdb\nout = sys.argv[sys.argv.index('--output-dir') + 1]\n{body}"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(tpc, "find_program", lambda: program)


def writes(*tables: str) -> str:
    return f"for t in {tables!r}:\n    duckdb.sql('SELECT 1 AS id').write_parquet(out + '/' + t + '.parquet')\n"


def test_what_the_program_writes_becomes_tables_once(
    tmp_path: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch, writes(*TPCH))
    told: list[str] = []
    path = tpc.open_database("tpch", scale=0.5, report=told.append)
    assert path.name == "tpch-sf0.5.duckdb"
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert told[0] == "making tpch at scale 0.5 (once)"
    with duckdb.connect(str(path), read_only=True) as connection:
        assert tuple(sorted(row[0] for row in connection.execute("SHOW TABLES").fetchall())) == TPCH
    monkeypatch.setattr(tpc, "find_program", lambda: None)  # not needed any more
    assert tpc.open_database("tpch", scale=0.5) == path


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (writes("nation", "region"), "wrote 2 tables of tpch, not 8"),
        ("print('no space', file=sys.stderr); sys.exit(3)", "could not make tpch at scale 1: no space"),
    ],
)
def test_a_program_that_fails_leaves_nothing(
    tmp_path: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch, body: str, message: str
) -> None:
    stand_in(tmp_path, monkeypatch, body)
    with pytest.raises(DataError, match=message):
        tpc.open_database("tpch")
    assert not list((cache_folder / "datasets").iterdir())


def test_without_the_program_the_error_says_what_to_install(
    cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tpc, "find_program", lambda: None)
    with pytest.raises(Unsupported, match="pip install tpcgen-cli"):
        tpc.open_database("tpcds")


def test_unknown_benchmarks_and_scales_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no benchmark 'tpcc'; there are tpch, tpcds"):
        tpc.open_database("tpcc")
    with pytest.raises(InputError, match="no benchmark 'tpcc'"):
        tpc.read_queries("tpcc", tmp_path)
    for scale in (0.0, -1.0, float("nan")):
        with pytest.raises(InputError, match="scale must be positive"):
            tpc.open_database("tpch", scale=scale)


def test_queries_are_read_in_numeric_order(tmp_path: Path) -> None:
    for number in range(1, 23):
        (tmp_path / f"q{number}.sql").write_text(f"SELECT {number};\n")
    queries = tpc.read_queries("tpch", tmp_path)
    assert list(queries.values()) == [f"SELECT {number}" for number in range(1, 23)]
    (tmp_path / "q7.sql").unlink()
    with pytest.raises(DataError, match=r"21 \.sql files, tpch has 22"):
        tpc.read_queries("tpch", tmp_path)


@pytest.mark.skipif(tpc.find_program() is None, reason="tpcgen-cli is not installed")
@pytest.mark.parametrize("name", tpc.BENCHMARKS)
def test_the_real_program_makes_every_table(cache_folder: Path, name: str) -> None:
    path = tpc.open_database(name, scale=0.01)
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.execute("SELECT table_name, estimated_size FROM duckdb_tables()").fetchall()
    assert len(rows) == tpc.BENCHMARKS[name].tables
    assert all(count > 0 for _, count in rows)
