"""How far estimated sub-plan sizes are off: ``python -m benchmarks.joinopt_sizes --job FOLDER --json FILE``.

Every connected sub-plan (two relations or more) of every query of the Join Order Benchmark on the generated database:
DuckDB's formula, exact filtered tables with that formula above them, and counts on the sample, against exact counts.
A q-error is the larger of estimate and truth over the smaller, both at least 1.
"""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.joinopt import job_queries
from mlsys4sys.datasets import catalogue
from mlsys4sys.errors import Mlsys4sysError
from mlsys4sys.joinopt import baselines, frontend
from mlsys4sys.joinopt.cardinality import Floats, Provider
from mlsys4sys.joinopt.engine import Engine, open_database
from mlsys4sys.joinopt.formula import EngineFormula, ExactBase
from mlsys4sys.joinopt.problem import JoinGraph
from mlsys4sys.joinopt.sampled import Exact, Sampled

MOST_SUBPLANS = 3000
"""Queries with more are left out."""
FAR = 10
"""A q-error that counts as far off, as in Leis et al., How Good Are Query Optimizers, Really?, section 3.2."""


def q_errors(estimates: Floats, truth: Floats) -> Floats:
    """Elementwise, at least 1."""
    high, low = np.maximum(estimates, 1.0), np.maximum(truth, 1.0)
    return np.asarray(np.maximum(high / low, low / high))


def errors_of(provider: Provider, graphs: list[JoinGraph], exact: Exact) -> dict[str, Any]:
    """Errors of a provider over the sub-plans of all graphs."""
    medians, tails, under = [], [], 0
    far: dict[int, list[bool]] = {joins: [] for joins in (1, 2, 3)}
    for graph in graphs:
        masks = baselines.connected_subsets(graph, cap=MOST_SUBPLANS)
        if masks is None:
            continue
        truth, guess = exact.bind(graph).estimate(masks).rows, provider.bind(graph).estimate(masks).rows
        every = q_errors(guess, truth)
        errors = every[np.bitwise_count(masks) > 1]
        for joins, found in far.items():
            found += (every[np.bitwise_count(masks) == joins + 1] >= FAR).tolist()
        medians.append(float(np.median(errors)))
        tails.append(float(np.quantile(errors, 0.95)))
        under += bool(guess[-1] < truth[-1])
    return {
        "queries": len(medians),
        "median of the queries' medians": round(float(np.median(medians)), 2),
        "median of their 95th percentiles": round(float(np.median(tails)), 1),
        "full queries under-estimated": round(under / len(medians), 2),
        f"share wrong by {FAR} or more, by joins": {joins: round(float(np.mean(f)), 2) for joins, f in far.items()},
    }


@click.command()
@click.option("--job", type=click.Path(path_type=Path, exists=True), required=True, help="Folder with the JOB queries.")
@click.option("--database", default="imdb", show_default=True, help="Name of a generated database.")
@click.option("--json", "output", type=click.Path(path_type=Path), help="Where to write everything.")
def main(job: Path, database: str, output: Path | None) -> None:
    """Count, print and write the results."""
    path = catalogue.open_database(database, report=lambda text: click.echo(text, err=True))
    with closing(open_database(path)) as connection:
        engine = Engine(connection)
        graphs = [frontend.read(engine, sql).regions[0].graph for sql in job_queries(job).values()]
        exact, sampled = Exact(engine), Sampled(engine)
        exact.prepare(graphs)
        sampled.prepare(graphs)
        found = {}
        for provider in (EngineFormula(engine), ExactBase(engine), sampled):
            click.echo(f"counting against {provider.name}", err=True)
            found[provider.name] = errors_of(provider, graphs, exact)
            click.echo(f"{provider.name:10} {json.dumps(found[provider.name])}")
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps({database: found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except Mlsys4sysError as error:
        raise SystemExit(f"error: {error}") from error
