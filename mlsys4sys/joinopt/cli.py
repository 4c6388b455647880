"""Commands: ``optimize-query``, ``mlsys4sys demo``, ``mlsys4sys train``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlsys4sys import console
from mlsys4sys.errors import DataError, InputError, VerificationError

if TYPE_CHECKING:
    import duckdb

    from mlsys4sys.joinopt.measure import Race
    from mlsys4sys.joinopt.solution import JoinPlan
    from mlsys4sys.joinopt.solver import JoinOptimizer

CARDINALITIES = ("sampled", "base", "formula", "exact")
PLANNERS = ("best", "dqn", "dpccp", "goo", "left-deep", "textual")


@click.command(cls=console.Command)
@click.argument("sql", required=False)
@click.option("-f", "--file", "path", metavar="FILE", help="Read the SQL from a file; - is stdin.")
@click.option("-d", "--database", metavar="FILE", help="DuckDB database, opened read-only. [default: a bundled one]")
@click.option(
    "--table", "tables", multiple=True, metavar="NAME=FILE", help="A .parquet or .csv file as a table; repeat."
)
@click.option("--analyze", is_flag=True, help="Run both plans in turn, compare their rows, show times and actual rows.")
@click.option("--execute", is_flag=True, help="Run the preferred plan and print its rows instead of advice.")
@click.option("--runs", type=click.IntRange(1), default=5, show_default=True, help="Counted runs of each plan.")
@click.option("--threads", type=click.IntRange(1), help="Threads DuckDB may use. [default: all cores]")
@click.option("--planner", type=click.Choice(PLANNERS), default="best", show_default=True, help="Who orders the joins.")
@click.option(
    "--cardinalities",
    type=click.Choice(CARDINALITIES),
    default="sampled",
    show_default=True,
    help="Where sizes come from: counted on a sample, exact filtered tables, DuckDB's formula, or all counted.",
)
@click.option("--no-policy", is_flag=True, help="Leave the learned policy out.")
@click.option("--html", "page", metavar="FILE", help="Also write a page with both plans side by side.")
@console.json_option
@console.quiet_option
def optimize_query(
    sql: str | None,
    path: str | None,
    database: str | None,
    tables: tuple[str, ...],
    analyze: bool,
    execute: bool,
    runs: int,
    threads: int | None,
    planner: str,
    cardinalities: str,
    no_policy: bool,
    page: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """A faster join order for an SQL query on DuckDB.

    SQL is the query (- or nothing: read it from stdin). By default the query does not run: two lines say what DuckDB's
    order and ours are predicted to cost and which is preferred, then come the join tree and the SQL to paste.
    Nothing is ever written to the database.

    \b
    optimize-query -d movies.duckdb "SELECT count(*) FROM title t, cast_info ci WHERE ..."
    optimize-query -d movies.duckdb --analyze -f slow.sql
    optimize-query --table o=orders.parquet --table c=customers.csv "SELECT ... FROM o JOIN c ON ..."
    """  # noqa: D301 - the mark is click's
    text = _read_sql(sql, path)
    with console.Progress(quiet=quiet) as progress, closing(_connect(database, tables, progress)) as connection:
        if threads:
            connection.execute(f"SET threads = {threads}")
        optimizer = _optimizer(connection, cardinalities, planner, policy=not no_policy, progress=progress)
        plan = optimizer.optimize(text, ask_engine=not execute)
        if analyze:
            plan = _analyze(optimizer, plan, runs, page, as_json, progress)
        else:
            _show(optimizer, plan, execute=execute, as_json=as_json, page=page)


def _read_sql(sql: str | None, path: str | None) -> str:
    if sql is not None and sql != "-" and path is not None:
        raise click.UsageError("give the SQL either as an argument or by --file, not both")
    if path is not None and path != "-":
        try:
            text = Path(path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise DataError(f"{path}: not a text file in UTF-8") from None
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    elif sql is None or sql == "-":
        if sys.stdin.isatty():
            raise click.UsageError("no SQL: give it as an argument, by --file, or on stdin")
        text = sys.stdin.read()
    else:
        text = sql
    if not text.strip():
        raise InputError(f"{path or 'the SQL'}: is empty; give one SELECT statement")
    return text


def _connect(database: str | None, tables: Sequence[str], progress: console.Progress) -> duckdb.DuckDBPyConnection:
    from mlsys4sys.joinopt.engine import open_database, open_tables

    if database and tables:
        raise click.UsageError("give either --database or --table, not both")
    if tables:
        files = dict(_named_file(entry) for entry in tables)
        if len(files) < len(tables):
            raise click.UsageError("two tables of --table have the same name")
        return open_tables(files)
    if database:
        return open_database(database)
    from mlsys4sys.datasets import catalogue

    return open_database(catalogue.open_database("imdb-demo", report=progress))


def _named_file(entry: str) -> tuple[str, str]:
    name, equals, file = entry.partition("=")
    if not (name and equals and file):
        raise click.UsageError(f"--table {entry}: write NAME=FILE")
    return name, file


def _optimizer(
    connection: duckdb.DuckDBPyConnection,
    cardinalities: str,
    planner: str,
    *,
    policy: bool,
    progress: console.Progress,
) -> JoinOptimizer:
    from mlsys4sys.joinopt.solver import JoinOptimizer, Settings

    return JoinOptimizer(
        connection,
        policy="shipped" if policy else None,
        cardinalities=cardinalities,
        settings=Settings(planner=planner),
        report=progress,
    )


def _show(optimizer: JoinOptimizer, plan: JoinPlan, *, execute: bool, as_json: bool, page: str | None) -> None:
    from mlsys4sys.joinopt import report

    if page:
        _write(page, report.page(plan))
    if execute:
        _print_rows(optimizer, plan, as_json=as_json)
    elif as_json:
        console.print_json(report.as_json(plan))
    else:
        click.echo(report.text(plan))


def _print_rows(optimizer: JoinOptimizer, plan: JoinPlan, *, as_json: bool) -> None:
    """Rows as JSON objects, or as DuckDB itself draws them."""
    relation = optimizer.execute(plan)
    if as_json:
        console.print_json([dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()])
    else:
        click.echo(str(relation).rstrip())


def _analyze(
    optimizer: JoinOptimizer, plan: JoinPlan, runs: int, page: str | None, as_json: bool, progress: console.Progress
) -> JoinPlan:
    """Race both plans, then print advice with measured times and actual rows."""
    from dataclasses import replace

    from mlsys4sys.joinopt import measure, report

    engine = optimizer.engine
    race = measure.race(engine, plan, runs=runs, report=progress)
    plan = replace(plan, engine_s=race.engine_median_s, ours_s=race.ours_median_s)
    ours = [] if race.timed_out else measure.actual_rows(engine, plan, ours=True)
    own = measure.actual_rows(engine, plan, ours=False)
    progress.clear()
    if page:
        _write(page, report.page(plan, ours_actual=ours, engine_actual=own))
    if as_json:
        console.print_json(
            {**report.as_json(plan), "rows_equal": race.verdict.ok, "rows_compared": race.verdict.checked}
            | {"engine_runs_s": race.engine_s, "ours_runs_s": race.ours_s, "rows_note": race.verdict.counterexample}
        )
    else:
        click.echo(report.text(plan, ours if plan.changed else own))
        click.echo("\n" + _rows_line(race, changed=plan.changed))
    if not race.verdict.ok and not race.timed_out and not race.verdict.counterexample.startswith("not comparable"):
        raise VerificationError(f"the two plans gave different rows: {race.verdict.counterexample}")
    return plan


def _rows_line(race: Race, *, changed: bool) -> str:
    if not changed:
        return f"rows: {race.verdict.checked}"
    if race.verdict.ok:
        return f"rows: the same in both plans ({race.verdict.checked} compared)"
    return f"rows: {race.verdict.counterexample}"


def _write(path: str, text: str) -> None:
    target = Path(path)
    partial = target.with_name(target.name + ".partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(target)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror})") from None


@click.command(cls=console.Command)
@click.option("--small", is_flag=True, help="A small database: done in seconds, but too small to gain on.")
@click.option("--runs", type=click.IntRange(1), default=5, show_default=True, help="Counted runs of each plan.")
@click.option("--threads", type=click.IntRange(1), help="Threads DuckDB may use. [default: all cores]")
@click.option("--no-policy", is_flag=True, help="Leave the learned policy out.")
@console.json_option
@console.quiet_option
def demo(small: bool, runs: int, threads: int | None, no_policy: bool, as_json: bool, quiet: bool) -> None:
    """Analysts' questions on a bundled database: DuckDB's own plans against ours.

    Both plans of each question run in turn on the same data; times are medians, ours include planning, and the rows of
    both are compared.
    """
    from mlsys4sys.joinopt.demo import run, show

    with console.Progress(quiet=quiet) as progress:
        outcome = run(small=small, runs=runs, threads=threads, use_policy=not no_policy, report=progress)
    if as_json:
        console.print_json(outcome.as_json())
    else:
        click.echo(show(outcome))
    outcome.raise_if_wrong()


@click.group(cls=console.LazyGroup)
def train() -> None:
    """Train or calibrate what ships with the package."""


@train.command("calibrate", cls=console.Command)
@click.option("--output", metavar="FILE", help="Where to write the coefficients. [default: the user's cache folder]")
@console.json_option
@console.quiet_option
def train_calibrate(output: str | None, as_json: bool, quiet: bool) -> None:
    """Fit the cost of DuckDB's hash joins and scans on this machine (about 20 seconds)."""
    from dataclasses import asdict

    from mlsys4sys.joinopt.calibrate import calibrate

    with console.Progress(quiet=quiet) as progress:
        cost = calibrate(progress)
    saved = cost.save(Path(output) if output else None)
    if as_json:
        console.print_json(asdict(cost))
    else:
        click.echo("\n".join(f"{name:12} {value:.3g}" for name, value in asdict(cost).items()))
        click.echo(f"written to {saved}")


@train.command("joinopt", cls=console.Command)
@click.option("--output", metavar="FILE", required=True, help="Where to write the weights (.safetensors).")
@click.option(
    "--episodes", type=click.IntRange(1), default=8_000, show_default=True, help="Queries the learner orders."
)
@console.seed_option
@console.json_option
@console.quiet_option
def train_joinopt(output: str, episodes: int, seed: int, as_json: bool, quiet: bool) -> None:
    """Train the join-order policy on generated queries; the defaults give the weights that ship (some minutes)."""
    from mlsys4sys.joinopt import train as training

    command = f"mlsys4sys train joinopt --episodes {episodes} --seed {seed} --output {Path(output).name}"
    with console.Progress(quiet=quiet) as progress:
        policy = training.train_shipped(episodes=episodes, seed=seed, command=command, report=progress)
    policy.save(output)
    if as_json:
        console.print_json(policy.config)
    else:
        click.echo("\n".join(f"{name}: {value}" for name, value in policy.config.items()))


def main() -> None:
    """Entry point of ``optimize-query``."""
    optimize_query()
