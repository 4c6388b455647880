"""Synthesis with and without what was learned: ``python -m benchmarks.autopandas --json FILE [--suites FOLDER]``.

Four ways, the same seconds each: weights set by hand, the learned judge of programs, the learned value of partial
results in the search, and the policy in both; a way is left out where its weights do not ship. On drawn tasks of one,
two and three calls that no training saw, on the package's written questions that no training saw, and on suites in
FOLDER (its ``loader.py`` and ``compare.py`` read and compare them). A program is *intended* if it gives what the
task's own program gives on inputs that are changed in several ways at once; in the suites, if it passes their hidden
and perturbed tests. ``until`` is the median number of programs run until the intended one was there, over tasks on
which every way of searching found it.
"""

from __future__ import annotations

import importlib
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click

from benchmarks.machine import machine
from mlsys4sys import seeding
from mlsys4sys.autopandas import examples, meant
from mlsys4sys.autopandas.expression import Expr, evaluate, program
from mlsys4sys.autopandas.perturb import mixed
from mlsys4sys.autopandas.policy import Policy
from mlsys4sys.autopandas.problem import Task
from mlsys4sys.autopandas.search import Candidate, Prior, Search
from mlsys4sys.autopandas.settle import collected
from mlsys4sys.autopandas.train import agrees, score_verified
from mlsys4sys.autopandas.value import Value
from mlsys4sys.autopandas.verify import check
from mlsys4sys.datasets import asked, hard, reshaping, tasks

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
    """The package's own questions with answers; the halves that one may look at are left out."""
    held_out = (
        ("asked, held out", asked.HELD_OUT),
        ("hard, held out", hard.HELD_OUT),
        ("reshaping, held out", reshaping.HELD_OUT),
    )
    for group, questions in (("everyday", tasks.QUESTIONS), *held_out):
        for question in questions:
            task = Task.of(list(question.inputs()), question.output(), names=question.names)
            yield Case(group, task, _like(question, task))


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


@dataclass(frozen=True, slots=True)
class Found:
    """A search's programs, and how many had been run when each of them was there."""

    candidates: list[Candidate]
    runs: list[int]
    examined: int
    seconds: float


def searched(task: Task, budget_s: float, prior: Prior | None, value: Value | None) -> Found:
    """One search, watched."""
    search = Search(task, prior, value)
    runs: list[int] = []

    def note(state: Mapping[str, Any]) -> None:
        runs.extend([search.memo.runs] * (state["found"] - len(runs)))

    start = time.perf_counter()
    found = collected(search, budget_s, report=note)
    return Found(found, runs, search.examined, time.perf_counter() - start)


def run(case: Case, budget_s: float, learned: Learned) -> list[dict[str, Any]]:
    """One row for each way."""
    rows, known = [], dict[tuple[bool, bool], tuple[Found, list[bool]]]()
    judged: dict[str, bool] = {}  # the ways find much the same programs
    for way in learned.ways(case.task):
        if way.searched not in known:
            found = searched(case.task, budget_s, way.prior, way.value)
            new = [c.expr for c in found.candidates if c.expr.text not in judged]
            judged |= dict(zip((expr.text for expr in new), case.intended(new) if new else (), strict=True))
            known[way.searched] = found, [judged[candidate.expr.text] for candidate in found.candidates]
        found, right = known[way.searched]
        began = time.perf_counter()
        order = _order(found.candidates, case.task, way)
        spent = found.seconds + time.perf_counter() - began
        shown = [right[i] for i in order]
        rows.append(
            {
                "group": case.group,
                "way": way.name,
                "solved": bool(found.candidates),
                **{f"int{k}": any(shown[:k]) for k in (1, 3, 5)},
                "any": any(shown),
                "until": found.runs[right.index(True)] if any(right) else None,
                "examined": found.examined,
                "first_s": found.candidates[0].found_s if found.candidates else None,
                "seconds": spent,
            }
        )
    if any(row["until"] is None for row in rows):
        rows = [row | {"until": None} for row in rows]
    return rows


@dataclass(frozen=True, slots=True)
class Way:
    """How much of what was learned takes part."""

    name: str
    judge: meant.Judge
    logits: Mapping[str, float] | None = None
    prior: Prior | None = None
    value: Value | None = None

    @property
    def searched(self) -> tuple[bool, bool]:
        """What takes part in the search itself."""
        return self.prior is not None, self.value is not None


@dataclass(frozen=True, slots=True)
class Learned:
    """What ships."""

    policy: Policy | None
    value: Value | None

    def ways(self, task: Task) -> list[Way]:
        """Each with one part more than the one before."""
        judge = meant.shipped()
        found = [Way("hand weights", meant.Judge.by_hand()), Way("+ judge", judge)]
        if self.value is not None:
            found.append(Way("+ value in the search", judge, value=self.value))
        if self.policy is not None:
            example = task.examples[0]
            prior = self.policy.prior(example.inputs, example.output)
            found.append(Way("+ policy in both", judge, self.policy.logits(task), prior, self.value))
        return found


def _order(found: Sequence[Candidate], task: Task, way: Way) -> list[int]:
    costs = [candidate.cost for candidate in found]
    exprs = [candidate.expr for candidate in found]
    return [one.position for one in meant.rank(exprs, task, costs=costs, judge=way.judge, logits=way.logits)]


def table(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A line for each group and way."""
    lines = []
    for group, way in dict.fromkeys((row["group"], row["way"]) for row in rows):
        of = [row for row in rows if (row["group"], row["way"]) == (group, way)]
        firsts = [row["first_s"] for row in of if row["first_s"] is not None]
        until = [row["until"] for row in of if row["until"] is not None]
        lines.append(
            {
                "group": group,
                "way": way,
                "tasks": len(of),
                **{name: sum(row[name] for row in of) for name in ("solved", "int1", "int3", "int5", "any")},
                "until": statistics.median(until) if until else None,
                "examined": round(statistics.mean(row["examined"] for row in of), 1),
                "first_s": round(statistics.median(firsts), 3) if firsts else None,
                "seconds": round(statistics.median(row["seconds"] for row in of), 3),
            }
        )
    return lines


def part(which: int, of: int, folder: Path | None, count: int, seeds: int, budget_s: float) -> list[dict[str, Any]]:
    """The rows of every ``of``-th task."""
    warnings.simplefilter("ignore")
    learned = Learned(Policy.load_shipped(), Value.load_shipped())
    cases = [drawn(range(seeds), count), everyday(), *([suites(folder)] if folder else [])]
    rows: list[dict[str, Any]] = []
    for number, case in enumerate(case for group in cases for case in group):
        if number % of == which:
            rows += run(case, budget_s, learned)
        if number % (10 * of) == which:
            click.echo(f"process {which}: {number} tasks", err=True)
    return rows


def named(count: int) -> dict[int, dict[str, float]] | None:
    """How often the policy names the calls of drawn tasks that no training saw, by the number of calls."""
    policy = Policy.load_shipped()
    return None if policy is None else score_verified(policy, HELD_OUT, count)


@click.command()
@click.option("--json", "path", default="benchmarks/results/autopandas.json", show_default=True)
@click.option("--suites", "folder", type=click.Path(exists=True, path_type=Path), help="Folder of shared suites.")
@click.option("--tasks", "count", default=5, show_default=True, help="Drawn tasks of each depth, for each seed.")
@click.option("--seeds", default=3, show_default=True)
@click.option(
    "--named",
    "named_count",
    default=100,
    show_default=True,
    help="Drawn tasks of each depth for the policy; 0 leaves it out.",
)
@click.option("--budget-s", default=2.0, show_default=True, help="Seconds of search a task.")
@click.option("--workers", default=2, show_default=True, help="Processes, each on tasks of its own.")
def main(
    path: str, folder: Path | None, count: int, seeds: int, named_count: int, budget_s: float, workers: int
) -> None:
    """Measure, print, write."""
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        parts = [pool.submit(part, i, workers, folder, count, seeds, budget_s) for i in range(workers)]
        naming = pool.submit(named, named_count) if named_count else None
        lines = table([row for one in parts for row in one.result()])
        made = {"machine": machine("pandas", "numpy"), "budget_s": budget_s, "rows": lines, "calls_named": None}
        Path(path).write_text(json.dumps(made, indent=1) + "\n")
        calls = naming.result() if naming else None
    for line in lines:
        hits = " ".join(f"@{k} {line[name]}" for k, name in ((1, "int1"), (3, "int3"), (5, "int5")))
        click.echo(
            f"{line['group']:16} {line['way']:22} {line['tasks']:4} tasks, {line['solved']:4} solved; intended {hits}, "
            f"among all {line['any']}; run {line['until']} until then, {line['examined']} examined, "
            f"first {line['first_s']} s, all {line['seconds']} s"
        )
    for depth, shares in (calls or {}).items():
        click.echo(f"calls named, {depth}: {shares}")
    Path(path).write_text(json.dumps({**made, "calls_named": calls}, indent=1) + "\n")


if __name__ == "__main__":
    main()
