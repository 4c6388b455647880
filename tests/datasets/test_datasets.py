"""Generated data: the same from the same seed, shaped as promised."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import duckdb
import pytest

from mlsys4sys.datasets import catalogue, imdb
from mlsys4sys.datasets.questions import QUESTIONS
from mlsys4sys.errors import InputError

SMALL = 0.002


@lru_cache(maxsize=3)
def made(*, seed: int = 0, shuffled: bool = False, spread: float = imdb.SPREAD) -> duckdb.DuckDBPyConnection:
    """A small database that tests only read."""
    connection = duckdb.connect()
    imdb.generate(connection, scale=SMALL, seed=seed, shuffled=shuffled, spread=spread)
    return connection


def one(connection: duckdb.DuckDBPyConnection, sql: str) -> float:
    row = connection.execute(sql).fetchone()
    assert row is not None
    return float(row[0])


def test_a_seed_gives_the_same_rows_and_another_seed_others() -> None:
    again = duckdb.connect()
    imdb.generate(again, scale=SMALL)
    assert catalogue.checksum(made()) == catalogue.checksum(again) != catalogue.checksum(made(seed=1))


def test_rows_are_those_of_this_version() -> None:
    """Whoever changes them raises ``imdb.VERSION`` and the checksums here and in the catalogue."""
    assert imdb.VERSION == 1
    assert catalogue.checksum(made()) == "486d1467120d8c55"
    assert catalogue.checksum(made(shuffled=True)) == "84c5d8fb888a6001"


@pytest.mark.parametrize("name", ["imdb-small", "imdb-small-shuffled"])
def test_a_dataset_has_the_rows_and_the_checksum_it_promises(name: str) -> None:
    path = catalogue.open_database(name)
    with duckdb.connect(str(path), read_only=True) as connection:
        counts = catalogue.row_counts(connection)
        assert set(counts) == set(imdb.TABLES)
        assert sum(counts.values()) == catalogue.find(name).rows
        for table, promised in imdb.rows_at(catalogue.find(name).scale).items():
            assert counts[table] == pytest.approx(promised, rel=0.2), table
        assert catalogue.checksum(connection) == catalogue.find(name).checksum


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


def test_fan_outs_go_together_the_more_the_wider_popularity_spreads() -> None:
    """Rows of the join of casts, keywords and companies, as against those of its tables, which stay as many."""
    joined = """
        SELECT sum(k * c * m) FROM (SELECT movie_id, count(*)::DOUBLE AS k FROM movie_keyword GROUP BY 1)
        JOIN (SELECT movie_id, count(*) AS c FROM cast_info GROUP BY 1) USING (movie_id)
        JOIN (SELECT movie_id, count(*) AS m FROM movie_companies GROUP BY 1) USING (movie_id)"""
    mild, usual, strong = (made(spread=spread) for spread in (0.5, imdb.SPREAD, 1.3))
    assert one(mild, joined) < 0.7 * one(usual, joined)
    assert one(usual, joined) < 0.7 * one(strong, joined)
    for table in ("title", "cast_info", "movie_companies"):
        count = f"SELECT count(*) FROM {table}"
        assert one(mild, count) == one(usual, count) == one(strong, count)


@pytest.mark.parametrize("spread", [0.0, -1.0, 2.5])
def test_a_spread_that_makes_no_sense_is_refused(spread: float) -> None:
    with duckdb.connect() as connection, pytest.raises(ValueError, match="spread must be in"):
        imdb.generate(connection, scale=SMALL, spread=spread)


def american(*, shuffled: bool) -> float:
    """Correlation, over rows of companies and titles, of having an American company and of being popular."""
    return one(
        made(shuffled=shuffled),
        "SELECT corr((c.country_code = '[us]')::INT, ln(1 + f.n)) FROM movie_companies m"
        " JOIN company_name c ON c.id = m.company_id"
        " JOIN (SELECT movie_id, count(*) n FROM cast_info GROUP BY 1) f ON f.movie_id = m.movie_id",
    )


def test_american_companies_make_the_popular_films_except_in_the_control() -> None:
    assert american(shuffled=False) > 0.05
    assert abs(american(shuffled=True)) < 0.03


def test_a_genre_has_its_keywords_except_in_the_control() -> None:
    """How much more often than by chance the commonest keyword of horror is one of horror."""
    lift = """
        WITH g AS (SELECT DISTINCT movie_id FROM movie_info JOIN info_type it ON it.id = info_type_id
                   WHERE it.info = 'genres' AND movie_info.info = 'Horror'),
        k AS (SELECT keyword_id, count(*) AS n, count(g.movie_id) AS here
              FROM movie_keyword LEFT JOIN g USING (movie_id) GROUP BY 1 HAVING count(*) >= 30)
        SELECT max(here / n) / (sum(here) / sum(n)) FROM k
    """
    real, control = one(made(), lift), one(made(shuffled=True), lift)
    assert real > 1.5 * control


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> catalogue.Dataset:
    """A dataset that is made in a moment, and a cache of its own."""
    monkeypatch.setenv("MLSYS4SYS_CACHE", str(tmp_path))
    dataset = catalogue.Dataset(name="tiny", about="for this test", scale=SMALL, rows=151_886, checksum="")
    monkeypatch.setitem(catalogue.DATASETS, "tiny", dataset)
    return dataset


def test_a_database_is_made_once_and_whole(tiny: catalogue.Dataset) -> None:
    assert catalogue.describe("tiny")["made"] is False
    told: list[str] = []
    path = catalogue.open_database("tiny", told.append)
    assert any("cast_info" in line for line in told)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    told.clear()
    assert catalogue.open_database("tiny", told.append) == path
    assert not told
    described = catalogue.describe("tiny")
    assert described["made"] is True
    assert described["path"] == str(path)
    assert described["version"] == imdb.VERSION
    assert described["scale"] == SMALL
    assert described["rows"] == tiny.rows
    with pytest.raises(InputError, match="no dataset 'nope'; there are"):
        catalogue.open_database("nope")


@pytest.mark.parametrize("kept_bytes", [0, 5000, -1_000_000])
def test_a_damaged_file_is_made_anew(tiny: catalogue.Dataset, kept_bytes: int) -> None:
    path = catalogue.open_database("tiny")
    whole = path.read_bytes()
    path.write_bytes(whole[:kept_bytes])
    assert catalogue.open_database("tiny") == path
    with duckdb.connect(str(path), read_only=True) as connection:
        assert sum(catalogue.row_counts(connection).values()) == tiny.rows


def test_a_database_that_is_open_already_is_left_alone(tiny: catalogue.Dataset) -> None:
    path = catalogue.open_database("tiny")
    with duckdb.connect(str(path)):
        assert catalogue.open_database("tiny") == path


@pytest.mark.usefixtures("_own_cache")
def test_there_are_enough_questions_and_each_has_an_answer() -> None:
    path = catalogue.open_database("imdb-small")
    assert len(QUESTIONS) >= 30
    assert len({question.name for question in QUESTIONS}) == len(QUESTIONS)
    with duckdb.connect(str(path), read_only=True) as connection:
        answers = {question.name: len(connection.execute(question.sql).fetchall()) for question in QUESTIONS}
    empty = [name for name, rows in answers.items() if not rows]
    assert len(empty) <= 3, f"too small a database leaves some without an answer, but not {empty}"
