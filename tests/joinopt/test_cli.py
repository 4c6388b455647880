"""The commands as a person types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from mlsys4sys.cli import main
from mlsys4sys.joinopt.cli import optimize_query

SQL = (
    "SELECT count(*) FROM title t, movie_keyword mk, keyword k, cast_info ci, name n "
    "WHERE t.id = mk.movie_id AND mk.keyword_id = k.id AND ci.movie_id = t.id AND ci.person_id = n.id "
    "AND k.keyword = 'sequel' AND n.gender = 'f'"
)


def ask(*args: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(optimize_query, ["-q", *args], input=stdin)


def fails(result: Result, *words: str) -> None:
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1, "one line"
    for word in words:
        assert word in result.stderr


def test_advice_comes_first_then_the_tree_then_sql(imdb: Path) -> None:
    result = ask("-d", str(imdb), SQL)
    assert result.exit_code == 0, result.output
    first, second, *rest = result.stdout.splitlines()
    assert first.startswith("predicted: DuckDB's order")
    assert "ours is preferred: " in second or "DuckDB keeps its plan: " in second
    assert any("estimated" in line for line in rest)


def test_json_has_the_documented_keys(imdb: Path) -> None:
    got = json.loads(ask("-d", str(imdb), "--json", SQL).stdout)
    keys = "changed reason sql script order cost_s engine_cost_s planning_s engine_s ours_s speedup regions"
    assert set(got) == set(keys.split())
    docs = (Path(__file__).parents[2] / "docs" / "joinopt.md").read_text(encoding="utf-8")
    assert all(f"`{key}`" in docs for key in got), "every key is documented"


def test_analyze_measures_both_and_compares_rows(imdb: Path) -> None:
    result = ask("-d", str(imdb), "--analyze", "--runs", "1", "--json", SQL)
    got = json.loads(result.stdout)
    assert got["rows_equal"] is True
    assert got["engine_s"] > 0
    assert len(got["engine_runs_s"]) == 1


def test_execute_prints_the_rows_of_the_query(imdb: Path) -> None:
    with duckdb.connect(str(imdb), read_only=True) as connection:
        wanted = connection.execute(SQL).fetchone()
    result = ask("-d", str(imdb), "--execute", "--json", SQL)
    assert json.loads(result.stdout) == [{"count_star()": wanted[0]}]


def test_the_page_is_one_self_contained_file_with_both_trees(imdb: Path, tmp_path: Path) -> None:
    page = tmp_path / "plan.html"
    assert ask("-d", str(imdb), "--analyze", "--runs", "1", "--html", str(page), SQL).exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert text.count('class="panel"') == 2
    assert "DuckDB&#x27;s own" in text
    assert "actual" in text
    assert "<script" not in text
    assert "http" not in text.replace("http-equiv", "")
    assert list(tmp_path.iterdir()) == [page], "nothing half-written is left"


def test_sql_comes_from_a_file_or_from_stdin(imdb: Path, tmp_path: Path) -> None:
    file = tmp_path / "q.sql"
    file.write_text(SQL + ";\n", encoding="utf-8")
    for args, stdin in (("-f", str(file)), None), (("-f", "-"), SQL), (("-",), SQL), ((), SQL):
        assert ask("-d", str(imdb), *args, stdin=stdin).exit_code == 0


def test_tables_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,x\n1,2\n2,3\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text("id,a_id\n1,1\n2,1\n", encoding="utf-8")
    result = ask(
        "--table", f"a={tmp_path / 'a.csv'}", "--table", f"b={tmp_path / 'b.csv'}",
        "--execute", "--json", "SELECT count(*) AS n FROM a, b WHERE a.id = b.a_id",
    )  # fmt: skip
    assert json.loads(result.stdout) == [{"n": 2}]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT * FORM title", ("line 1, column",)),
        ("SELECT * FROM titel", ("titel", "Did you mean")),
        ("SELECT t.nothing FROM title t, movie_keyword mk, keyword k WHERE t.id = mk.movie_id", ("nothing",)),
        ("SELECT 1; SELECT 2", ("2 statements",)),
        ("DROP TABLE title", ("DROP", "refused")),
        ("INSERT INTO title SELECT * FROM title", ("INSERT", "refused")),
        ("WITH x AS (DELETE FROM title RETURNING *) SELECT * FROM x", ()),
        ("   ", ("empty",)),
        ("SELECT * FROM title WHERE id = ?", ("parameters",)),
    ],
)
def test_bad_sql_gets_one_line(imdb: Path, sql: str, words: tuple[str, ...]) -> None:
    fails(ask("-d", str(imdb), sql), *words)


def test_bad_databases_get_one_line(tmp_path: Path) -> None:
    fails(ask("-d", str(tmp_path / "none.duckdb"), "SELECT 1"), "no such file")
    fails(ask("-d", str(tmp_path), "SELECT 1"), "folder")
    (tmp_path / "empty.duckdb").touch()
    fails(ask("-d", str(tmp_path / "empty.duckdb"), "SELECT 1"), "empty")
    (tmp_path / "text.duckdb").write_text("hello, this is no database at all " * 500, encoding="utf-8")
    fails(ask("-d", str(tmp_path / "text.duckdb"), "SELECT 1"), "not a DuckDB database")
    fails(ask("--table", f"a={tmp_path / 'none.csv'}", "SELECT 1"), "no such file")
    fails(ask("-d", str(tmp_path / "x"), "-f", str(tmp_path / "none.sql")), "cannot be read")


def test_a_database_that_another_process_writes_is_said_to_be_so(tmp_path: Path) -> None:
    path = tmp_path / "busy.duckdb"
    hold = f"import duckdb, sys; c = duckdb.connect({str(path)!r}); print('ready', flush=True); sys.stdin.read()"
    holder = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b"ready\n"
        fails(ask("-d", str(path), "SELECT 1"), "another process", str(holder.pid))
    finally:
        holder.communicate()


def test_wrong_usage_is_exit_2(imdb: Path) -> None:
    assert ask("-d", str(imdb), "--table", "a=b.csv", "SELECT 1").exit_code == 2
    assert ask("--table", "a", "SELECT 1").exit_code == 2
    assert ask("-d", str(imdb), "-f", "q.sql", "SELECT 1").exit_code == 2


def test_nothing_to_reorder_is_no_error(imdb: Path) -> None:
    result = ask("-d", str(imdb), "SELECT count(*) FROM title")
    assert result.exit_code == 0
    assert result.stdout.startswith("nothing to reorder: it reads one table")
    assert "SELECT count(*) FROM title;" in result.stdout


def test_the_database_file_is_never_written(imdb: Path) -> None:
    before = imdb.stat().st_mtime_ns
    ask("-d", str(imdb), "--analyze", "--runs", "1", SQL)
    assert imdb.stat().st_mtime_ns == before
    assert not imdb.with_suffix(".duckdb.wal").exists()


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=True)


def test_a_cold_query_imports_neither_torch_nor_pandas(imdb: Path) -> None:
    ask("-d", str(imdb), SQL)  # the sample is there
    code = (
        "import sys, time; from mlsys4sys.joinopt.cli import optimize_query\n"
        f"optimize_query(['-q', '-d', {str(imdb)!r}, {SQL!r}], standalone_mode=False)\n"
        "print('modules', [m for m in ('torch', 'pandas', 'gymnasium') if m in sys.modules], time.process_time())"
    )
    *_, modules = run_python(code).stdout.splitlines()
    assert modules.startswith("modules [] ")
    assert float(modules.split()[-1]) < 3.0, "a bound for busy machines; benchmarks measure it"


def test_help_is_instant_and_imports_nothing_heavy() -> None:
    started = time.process_time()
    code = (
        "import sys; from mlsys4sys.cli import main\n"
        "try: main(['optimize-query', '-h'])\nexcept SystemExit: pass\n"
        "heavy = [m for m in ('numpy', 'duckdb', 'sqlglot', 'torch', 'pandas') if m in sys.modules]\n"
        "print('heavy', heavy)"
    )
    assert run_python(code).stdout.splitlines()[-1] == "heavy []"
    assert time.process_time() - started < 5


def test_every_command_is_documented() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
    for name in ["optimize-query", "demo", "train calibrate", "train joinopt"]:
        result = CliRunner().invoke(main, [*name.split(), "--help"])
        assert result.exit_code == 0
        assert f"## mlsys4sys {name}" in docs
        options = {word.rstrip(",") for word in result.stdout.split() if word.startswith("--") and len(word) > 2}
        missing = [option for option in options if option not in docs]
        assert not missing, f"{name}: {missing} stand in the help but not in docs/commands.md"


@pytest.mark.slow
def test_the_small_demo_runs_and_its_rows_are_equal() -> None:
    result = CliRunner().invoke(main, ["demo", "--small", "--runs", "1", "--json", "-q"])
    assert result.exit_code == 0, result.output
    got = json.loads(result.stdout)
    assert len(got["questions"]) == 12
    assert all(question["rows_equal"] for question in got["questions"])


@pytest.mark.slow
def test_calibration_is_written_and_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlsys4sys.joinopt import calibrate
    from mlsys4sys.joinopt.cost import HashJoinCost

    monkeypatch.setattr(calibrate, "PROBES", (20_000,))
    monkeypatch.setattr(calibrate, "BUILDS", (1_000, 20_000))
    out = tmp_path / "cost.json"
    result = CliRunner().invoke(main, ["train", "calibrate", "-q", "--output", str(out)])
    assert result.exit_code == 0, result.output
    assert HashJoinCost.load(out).scan_row > 0
