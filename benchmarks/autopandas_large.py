"""Tables of 100,000 rows, the cold command, and the sandbox: ``python -m benchmarks.autopandas_large --json FILE``.

Each question is a program over a table of 100,000 rows and 20 columns; only its output is shown to the search. An
answer counts if it gives that output on all rows. Some minutes on a quiet machine.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from benchmarks.machine import machine
from mlsys4sys import runtime
from mlsys4sys.autopandas import Task, sandbox, synthesize
from mlsys4sys.autopandas.verify import check

QUESTIONS = (
    "df[df['amount'] > 140.5]",
    "df[df['qty'] <= 3].reset_index(drop=True)",
    "df[(df['city'] == 'Rome') & (df['qty'] > 50)]",
    "df.dropna(subset='note')",
    "df.sort_values('id')",
    "df.nlargest(10, 'amount')",
    "df.drop_duplicates('customer')",
    "df.assign(total=df['amount'] * df['qty'])",
    "df.assign(size=np.where(df['qty'] > 30, 'large', 'small'))",
    "df['when'].dt.month",
    "df['city'].value_counts()",
    "df['amount'].mean()",
    "df.groupby('city')['amount'].mean()",
    "df.groupby('city')['amount'].sum().sort_values(ascending=False)",
    "df.groupby(['city', 'note'])['qty'].agg(['mean', 'max'])",
    "df.groupby(df['when'].dt.month)['amount'].sum()",
    "df.pivot_table(index='city', columns='note', values='amount', aggfunc='sum')",
    "pd.crosstab(df['city'], df['note'])",
    "df.loc[df['city'] == 'Rome', 'amount'].sum()",
    "df['city'].unique().tolist()",
    "df.isna().sum()",
    "df[['amount', 'qty']].describe()",
    "df.groupby('customer', as_index=False)['amount'].sum()",
    "df.groupby('customer').agg(n=('id', 'size'), top=('amount', 'max'))",
    "df.loc[df.groupby('customer')['amount'].idxmax()]",
    "df.pivot_table(index='customer', columns='city', values='amount', aggfunc='sum')",
    "df[['id', 'amount', 'qty']].melt(id_vars='id')",
    "df.merge(people, on='customer')",
)


def tables(rows: int) -> dict[str, pd.DataFrame]:
    """A table of 20 columns, and one that joins with it."""
    rng = np.random.default_rng(0)
    columns: dict[str, Any] = {
        "id": rng.permutation(rows) + 1000,
        "customer": rng.integers(0, rows // 5, rows),
        "city": rng.choice(["Rome", "Oslo", "Bonn", "Lima"], rows),
        "amount": rng.normal(100, 30, rows).round(2),
        "qty": rng.integers(1, 60, rows),
        "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, rows), unit="D"),
        "note": pd.Series(rng.choice(["a", "b", "c"], rows)).mask(rng.random(rows) < 0.1),
    }
    columns |= {f"x{i}": rng.normal(size=rows) if i % 2 else rng.integers(0, 100, rows) for i in range(13)}
    keys = rng.permutation(rows // 5)[: rows // 6]
    people = pd.DataFrame({"customer": keys, "name": [f"n{key % 97}" for key in keys]})
    return {"df": pd.DataFrame(columns), "people": people}


def large(rows: int, budget_s: float) -> list[dict[str, Any]]:
    """A row for each question."""
    have = tables(rows)
    found = []
    for code in QUESTIONS:
        names = [name for name in have if name in code]
        wanted = eval(code, {"np": np, "pd": pd, **have})
        started, cpu = time.perf_counter(), time.process_time()
        result = synthesize([have[name] for name in names], wanted, names=names, budget_s=budget_s)
        seconds, cpu_s = time.perf_counter() - started, time.process_time() - cpu
        found.append({"question": code, "answer": result.code, "seconds": round(seconds, 2), "cpu_s": round(cpu_s, 2)})
        click.echo(f"{seconds:6.1f} s  {code}  ->  {result.code or 'nothing'}", err=True)
    return found


def cold(runs: int) -> list[float]:
    """Seconds of the whole command on a CSV of 20 rows whose answer is one call."""
    with tempfile.TemporaryDirectory() as folder:
        frame = pd.DataFrame({"region": ["north", "south", "north", "west", "south"] * 4, "qty": range(20)})
        frame.to_csv(Path(folder) / "sales.csv", index=False)
        frame.groupby("region", as_index=False)["qty"].sum().to_csv(Path(folder) / "want.csv", index=False)
        command = [sys.executable, "-m", "mlsys4sys", "synthesize", "-q", "-i", f"{folder}/sales.csv"]
        return [_timed([*command, "-o", f"{folder}/want.csv"]) for _ in range(runs)]


def _timed(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def checks(runs: int) -> dict[str, float]:
    """Milliseconds of checking a program here and in the sandbox, and of the sandbox's first run."""
    frame = pd.DataFrame({"a": range(20), "b": list("abcde") * 4})
    task = Task.of(frame, frame.head(2))
    started = time.perf_counter()
    sandbox.check("df.head(2)", task)
    first = time.perf_counter() - started
    times: dict[str, float] = {"sandbox, first run": 1e3 * first}
    for name, function in (("here", check), ("sandbox", sandbox.check)):
        spent = []
        for _ in range(runs):
            started = time.perf_counter()
            function("df.head(2)", task)
            spent.append(time.perf_counter() - started)
        times[name] = 1e3 * statistics.median(spent)
    runtime.shutdown()
    return {name: round(value, 2) for name, value in times.items()}


@click.command()
@click.option("--json", "path", default="benchmarks/results/autopandas-large.json", show_default=True)
@click.option("--rows", default=100_000, show_default=True)
@click.option("--budget-s", default=20.0, show_default=True, help="Seconds a question may take.")
def main(path: str, rows: int, budget_s: float) -> None:
    """Measure, print, write."""
    made = {
        "machine": machine("pandas", "numpy"),
        "rows": rows,
        "large": large(rows, budget_s),
        "cold_s": [round(seconds, 3) for seconds in cold(7)],
        "check_ms": checks(30),
    }
    Path(path).write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
