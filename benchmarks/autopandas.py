"""Synthesis with and without what was learned: ``python -m benchmarks.autopandas --json FILE [--suites FOLDER]``.

Four ways, the same seconds each: programs in the order of their cost (no learning), then with calls priced by the
policy, with the judge's ranking, and with both. On drawn tasks of one, two and three calls that no training saw, on
the package's everyday questions, and on suites in FOLDER (its ``loader.py`` and ``compare.py`` read and compare them).
A program is *intended* if it gives what the task's own program gives on inputs that are changed in several ways at
once; in the suites, if it passes their hidden and perturbed tests.
"""

from __future__ import annotations

import importlib
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.machine import machine
from mlsys4sys import seeding
from mlsys4sys.autopandas import examples, meant
from mlsys4sys.autopandas.expression import Expr, evaluate, program
from mlsys4sys.autopandas.perturb import mixed
from mlsys4sys.autopandas.policy import Policy
from mlsys4sys.autopandas.problem import Task
from mlsys4sys.autopandas.search import Candidate, Search, collected
from mlsys4sys.autopandas.train import agrees
from mlsys4sys.autopandas.verify import check
from mlsys4sys.datasets import asked as held_out
from mlsys4sys.datasets import tasks

Judging = Callable[[Sequence[Expr]], Sequence[bool]]

HELD_OUT = 900_000
"""Drawn tasks under this seed and above are in no training."""


@dataclass(frozen=True, slots=True)
class Case:
    """A task and how to tell which programs do what was meant."""

    group: str
    task: Task
    intended: Judging


def drawn(seeds: Sequence[int], count: int) -> Iterator[Case]:
    """Tasks of one, two and three calls, ``count`` of each for each seed."""
    for seed in seeds:
        for depth in (1, 2, 3):
            made, number = 0, 0
            while made < count:
                rng = seeding.named(HELD_OUT + seed, "bench", str(depth), str(number))
                number += 1
                known = examples.draw(rng, depth)
                if known is None:
                    continue
                made += 1
                yield Case(f"drawn, {depth} call{'s' if depth > 1 else ''}", known.task, _same_as(known))


def _same_as(known: examples.Known) -> Judging:
    inputs = known.task.examples[0].inputs
    return lambda exprs: agrees(exprs, known.expr, inputs).tolist()


def everyday() -> Iterator[Case]:
    """The package's own questions with answers."""
    for question in tasks.QUESTIONS:
        task = Task.of(list(question.inputs()), question.output(), names=question.names)
        yield Case("everyday", task, _like(question, task))


def asked() -> Iterator[Case]:
    """Questions that nobody looked at while the synthesizer was built."""
    for question in held_out.HELD_OUT:
        task = Task.of(list(question.inputs()), question.output(), names=question.names)
        yield Case("asked, held out", task, _like(question, task))


def _like(question: tasks.Question, task: Task) -> Judging:
    truths = []
    for number in range(10):
        inputs = mixed(question.inputs(), 5_000 + number)
        try:
            output = evaluate(question.program, dict(zip(task.names, inputs, strict=True)))
        except Exception:  # noqa: BLE001 - where the answer itself raises, the input says nothing
            continue
        truths.append(Task.of(list(inputs), output, names=task.names))
    return lambda exprs: [all(check(program(e, task.names), truth).ok for truth in truths) for e in exprs]


def suites(folder: Path) -> Iterator[Case]:
    """Every benchmark that the folder's loader knows."""
    sys.path.insert(0, str(folder))
    loader, compare = importlib.import_module("loader"), importlib.import_module("compare")
    codec = importlib.import_module("codec")
    for one in loader.load("all"):
        names = [f"inp{i}" for i in range(len(one.inputs))]
        tests = [*one.raw["tests"], *one.raw.get("ptests", [])]
        if tests:
            task = Task.of(one.inputs, one.output, names=names)
            yield Case(one.suite, task, _passes(tests, names, one.check, codec.dec_val, compare.match))


def _passes(tests: Sequence[Any], names: Sequence[str], rules: Any, decode: Any, match: Any) -> Judging:
    def one(expr: Expr) -> bool:
        code = program(expr, names)
        try:
            for test in tests:
                space = {name: decode(value) for name, value in zip(names, test["inputs"], strict=True)}
                if not match(evaluate(code, space), decode(test["output"]), rules):
                    return False
        except Exception:  # noqa: BLE001 - a program that raises does not pass
            return False
        return True

    return lambda exprs: [one(expr) for expr in exprs]


def run(case: Case, budget_s: float, policy: Policy | None) -> list[dict[str, Any]]:
    """One row for each way."""
    rows = []
    for priced in (False, True) if policy is not None else (False,):
        example = case.task.examples[0]
        start = time.perf_counter()
        prior = policy.prior(example.inputs, example.output) if policy is not None and priced else None
        search = Search(case.task, prior)
        found = collected(search, budget_s)
        seconds = time.perf_counter() - start
        exprs = [candidate.expr for candidate in found]
        right = list(case.intended(exprs)) if exprs else []
        for ranked in (False, True):
            began = time.perf_counter()
            order = _order(found, case.task, ranked=ranked)
            spent = seconds + time.perf_counter() - began
            shown = [right[i] for i in order]
            rows.append(
                {
                    "group": case.group,
                    "way": _WAYS[priced, ranked],
                    "solved": bool(found),
                    "int1": any(shown[:1]),
                    "int3": any(shown[:3]),
                    "int5": any(shown[:5]),
                    "any": any(shown),
                    "examined": search.examined,
                    "first_s": found[0].found_s if found else None,
                    "seconds": spent,
                }
            )
    return rows


_WAYS = {
    (False, False): "no learning",
    (True, False): "+ policy",
    (False, True): "+ judge",
    (True, True): "+ policy + judge",
}


def _order(found: Sequence[Candidate], task: Task, *, ranked: bool) -> list[int]:
    costs = [candidate.cost for candidate in found]
    if not ranked:
        return np.argsort(costs, kind="stable").tolist() if costs else []
    return [place.position for place in meant.rank([candidate.expr for candidate in found], task, costs=costs)]


def table(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A line for each group and way."""
    lines = []
    for group, way in dict.fromkeys((row["group"], row["way"]) for row in rows):
        of = [row for row in rows if (row["group"], row["way"]) == (group, way)]
        firsts = [row["first_s"] for row in of if row["first_s"] is not None]
        lines.append(
            {
                "group": group,
                "way": way,
                "tasks": len(of),
                **{name: sum(row[name] for row in of) for name in ("solved", "int1", "int3", "int5", "any")},
                "examined": round(statistics.mean(row["examined"] for row in of), 1),
                "first_s": round(statistics.median(firsts), 3) if firsts else None,
                "seconds": round(statistics.median(row["seconds"] for row in of), 3),
            }
        )
    return lines


@click.command()
@click.option("--json", "path", default="benchmarks/results/autopandas.json", show_default=True)
@click.option("--suites", "folder", type=click.Path(exists=True, path_type=Path), help="Folder of shared suites.")
@click.option("--tasks", "count", default=12, show_default=True, help="Drawn tasks of each depth, for each seed.")
@click.option("--seeds", default=3, show_default=True)
@click.option("--asked/--no-asked", "also_asked", default=False, help="The questions held out, too: some minutes more.")
@click.option("--budget-s", default=2.0, show_default=True, help="Seconds of search a task.")
def main(path: str, folder: Path | None, count: int, seeds: int, also_asked: bool, budget_s: float) -> None:
    """Measure, print, write."""
    policy = Policy.load_shipped()
    cases = [drawn(range(seeds), count), everyday()]
    cases += [asked()] if also_asked else []
    cases += [suites(folder)] if folder else []
    rows: list[dict[str, Any]] = []
    for number, case in enumerate(case for group in cases for case in group):
        rows += run(case, budget_s, policy)
        if number % 10 == 9:
            click.echo(f"{number + 1} tasks", err=True)
    lines = table(rows)
    for line in lines:
        hits = " ".join(f"@{k} {line[name]}" for k, name in ((1, "int1"), (3, "int3"), (5, "int5")))
        click.echo(
            f"{line['group']:18} {line['way']:18} {line['tasks']:4} tasks, {line['solved']:4} solved; intended {hits}, "
            f"among all {line['any']}; {line['examined']} examined, first {line['first_s']} s, all {line['seconds']} s"
        )
    made = {"machine": machine("pandas", "numpy"), "budget_s": budget_s, "rows": lines}
    Path(path).write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
