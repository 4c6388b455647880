"""Generated data: the same from the same seed, shaped as promised."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from mlsys4sys.datasets import catalogue, imdb, workloads
from mlsys4sys.datasets.questions import QUESTIONS
from mlsys4sys.errors import InputError

SMALL = 0.002


def made(*, seed: int = 0, shuffled: bool = False) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    imdb.generate(connection, scale=SMALL, seed=seed, shuffled=shuffled)
    return connection


def one(connection: duckdb.DuckDBPyConnection, sql: str) -> float:
    row = connection.execute(sql).fetchone()
    assert row is not None
    return float(row[0])


def test_a_seed_gives_the_same_rows_and_another_seed_others() -> None:
    sums = [catalogue.checksum(made(seed=seed)) for seed in (0, 0, 1)]
    assert sums[0] == sums[1] != sums[2]


def test_every_reference_has_its_row() -> None:
    connection = made()
    for key in imdb.FOREIGN_KEYS:
        dangling = one(
            connection,
            f'SELECT count(*) FROM "{key.table}" a ANTI JOIN "{key.ref_table}" b ON a."{key.column}" = b.id'
            f' WHERE a."{key.column}" IS NOT NULL',
        )
        assert dangling == 0, key


def test_fan_outs_go_together_except_in_the_control() -> None:
    corr = (
        "SELECT corr(ln(1 + coalesce(k, 0)), ln(1 + coalesce(c, 0))) FROM title t"
        " LEFT JOIN (SELECT movie_id, count(*) k FROM movie_keyword GROUP BY 1) a ON a.movie_id = t.id"
        " LEFT JOIN (SELECT movie_id, count(*) c FROM cast_info GROUP BY 1) b ON b.movie_id = t.id"
    )
    real, control = made(), made(shuffled=True)
    assert one(real, corr) > 0.3
    assert abs(one(control, corr)) < 0.1
    assert catalogue.row_counts(real) == catalogue.row_counts(control)


def test_a_database_is_made_once_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLSYS4SYS_CACHE", str(tmp_path))
    tiny = catalogue.Dataset(name="tiny", about="for this test", scale=SMALL)
    monkeypatch.setitem(catalogue.DATASETS, "tiny", tiny)
    told: list[str] = []
    path = catalogue.open_database("tiny", told.append)
    assert any("cast_info" in line for line in told)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    told.clear()
    assert catalogue.open_database("tiny", told.append) == path
    assert not told
    with pytest.raises(InputError, match="no dataset 'nope'; there are"):
        catalogue.open_database("nope")


def test_random_queries_have_the_asked_size_and_run(tmp_path: Path) -> None:
    connection = made()
    queries = workloads.generate_queries(connection, count=25, seed=1, relations=(4, 12))
    assert queries == workloads.generate_queries(connection, count=25, seed=1, relations=(4, 12))
    assert {query.shape for query in queries} == set(workloads.SHAPES)
    for query in queries:
        assert 4 <= query.relations <= 12
        assert len(connection.execute(query.sql).fetchall()) == 1


@pytest.mark.usefixtures("_own_cache")
def test_there_are_enough_questions_and_each_has_an_answer() -> None:
    path = catalogue.open_database("imdb-small")
    assert len(QUESTIONS) >= 30
    assert len({question.name for question in QUESTIONS}) == len(QUESTIONS)
    with duckdb.connect(str(path), read_only=True) as connection:
        answers = {question.name: len(connection.execute(question.sql).fetchall()) for question in QUESTIONS}
    empty = [name for name, rows in answers.items() if not rows]
    assert len(empty) <= 3, f"too small a database leaves some without an answer, but not {empty}"
