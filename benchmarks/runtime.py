"""This runtime and its peers on the same work: ``python -m benchmarks.runtime --json benchmarks/results/runtime.json``.

Every contender that is installed runs in fresh processes, in turn, ``--rounds`` times; figures are medians over the
rounds of what each round took as its own median. Then the runtime alone under chaos, and for what it leaves behind.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from benchmarks.machine import machine
from benchmarks.runtime_contenders import CONTENDERS

TIMEOUT_S = 600
PACKAGES = ("mlsys4sys", "numpy", "ray", "distributed", "loky", "joblib")


def run(module: str, argument: str) -> dict[str, Any]:
    """The last line that a module of measures prints, as JSON; empty if it fails, and says so."""
    command = [sys.executable, "-W", "ignore", "-m", f"benchmarks.{module}", argument]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, start_new_session=True)
        try:
            process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # workers that a library keeps for the next use
        out.seek(0)
        err.seek(0)
        lines = [line for line in out if line.startswith("{")]
        said = err.read()
    if not lines:
        click.echo(f"\n{module} {argument} failed: {said[-500:]}", err=True)
        return {}
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def installed() -> list[str]:
    """Contenders that are here."""
    here = [name for name, (package, _) in CONTENDERS.items() if importlib.util.find_spec(package)]
    for name in CONTENDERS.keys() - set(here):
        click.echo(f"{name} is not installed: left out", err=True)
    return here


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    """The median of each measure."""
    names = dict.fromkeys(name for each in rounds for name in each)
    return {name: statistics.median(each[name] for each in rounds if name in each) for name in names}


@click.command()
@click.option("--json", "output", type=click.Path(path_type=Path), help="Where to write everything.")
@click.option("--rounds", default=5, show_default=True, help="Fresh processes of each contender.")
@click.option("--only", multiple=True, help="Contenders to run.")
def main(output: Path | None, rounds: int, only: tuple[str, ...]) -> None:
    """Measure, print and write the results."""
    names = [name for name in installed() if not only or name in only]
    results: dict[str, Any] = {"machine": machine(*PACKAGES), "rounds": rounds, "runs": {name: [] for name in names}}
    loads = []
    for number in range(rounds):
        for name in names:
            click.echo(f"\r\x1b[2Kround {number + 1} of {rounds}: {name}", nl=False, err=True)
            loads.append(os.getloadavg()[0])
            results["runs"][name].append(run("runtime_contenders", name) | run("runtime_measures", name))
    results["medians"] = {name: medians(results["runs"][name]) for name in names}
    results["machine"]["load, median"] = round(statistics.median(loads), 2)
    if not only:
        for name in ("chaos", "leaks"):
            click.echo(f"\r\x1b[2K{name}", nl=False, err=True)
            results[name] = run("runtime_faults", name)
    click.echo("\r\x1b[2K", nl=False, err=True)
    for measure in dict.fromkeys(m for found in results["medians"].values() for m in found):
        cells = {name: round(found[measure], 2) for name, found in results["medians"].items() if measure in found}
        click.echo(f"{measure}: {cells}")
    click.echo(json.dumps({name: results[name] for name in ("chaos", "leaks") if name in results}, indent=1))
    if output:
        output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
