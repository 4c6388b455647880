"""The demo: analysts' questions on a bundled database, DuckDB's own plans against ours."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mlsys4sys import display
from mlsys4sys.datasets import catalogue, questions
from mlsys4sys.datasets.questions import Question
from mlsys4sys.errors import VerificationError
from mlsys4sys.joinopt.engine import open_database
from mlsys4sys.joinopt.measure import Race, geometric_mean, race
from mlsys4sys.joinopt.solution import JoinPlan
from mlsys4sys.joinopt.solver import SHIPPED, JoinOptimizer

Report = Callable[[str], None]

SLOWER = 1.2
"""A plan that takes so many times as long as DuckDB's own counts as a regression."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One question, answered twice."""

    question: Question
    plan: JoinPlan
    race: Race

    @property
    def ours_s(self) -> float:
        """Median seconds of ours, planning included, also where DuckDB's plan was kept."""
        return self.race.ours_median_s + self.plan.planning_s

    @property
    def speedup(self) -> float:
        """How many times as fast ours is, planning included."""
        return self.race.engine_median_s / self.ours_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """All questions of a demo."""

    database: str
    rows: int
    prepared_s: float
    """Seconds spent on the sample, once for a database."""
    answers: tuple[Answer, ...]

    @property
    def geometric_mean(self) -> float:
        """Of all speed-ups."""
        return geometric_mean([answer.speedup for answer in self.answers])

    @property
    def total(self) -> float:
        """DuckDB's seconds over ours, all questions together."""
        return sum(a.race.engine_median_s for a in self.answers) / sum(a.ours_s for a in self.answers)

    def as_json(self) -> dict[str, Any]:
        """The stable form."""
        return {
            "database": self.database,
            "rows": self.rows,
            "sample_s": self.prepared_s,
            "geometric_mean": self.geometric_mean,
            "total": self.total,
            "questions": [
                {
                    "name": a.question.name,
                    "question": a.question.text,
                    "relations": a.plan.relations,
                    "engine_s": a.race.engine_median_s,
                    "ours_s": a.ours_s,
                    "planning_s": a.plan.planning_s,
                    "speedup": a.speedup,
                    "changed": a.plan.changed,
                    "reason": a.plan.reason,
                    "rows_equal": a.race.verdict.ok,
                    "rows_compared": a.race.verdict.checked,
                }
                for a in self.answers
            ],
        }

    def raise_if_wrong(self) -> None:
        """A difference in rows is an error, whatever the times say.

        Raises:
            VerificationError: some question was answered differently.
        """
        for answer in self.answers:
            if not answer.race.verdict.ok and not answer.race.timed_out:
                raise VerificationError(f"{answer.question.name}: {answer.race.verdict.counterexample}")


def run(*, small: bool, runs: int, threads: int | None, use_policy: bool, report: Report) -> Outcome:
    """Make the database if it is not there yet, then race every question of the demo set."""
    name = "imdb-small" if small else "imdb-demo"
    path = catalogue.open_database(name, report=report)
    asked = [question for question in questions.QUESTIONS if question.demo]
    connection = open_database(path)
    try:
        if threads:
            connection.execute(f"SET threads = {threads}")
        optimizer = JoinOptimizer(connection, policy=SHIPPED if use_policy else None, report=report)
        started = time.perf_counter()
        report("counting on a sample of the database (once)")
        optimizer.prepare([question.sql for question in asked])
        prepared_s = time.perf_counter() - started
        rows = sum(table.rows for table in optimizer.engine.catalogue.tables.values())
        answers = tuple(_answer(optimizer, question, runs, report) for question in asked)
    finally:
        connection.close()
    return Outcome(database=name, rows=rows, prepared_s=prepared_s, answers=answers)


def _answer(optimizer: JoinOptimizer, question: Question, runs: int, report: Report) -> Answer:
    optimizer.optimize(question.sql)  # code paths warm; what was counted for this question is forgotten again
    optimizer.forget()
    plan = optimizer.optimize(question.sql)
    raced = race(optimizer.engine, plan, runs=runs, report=lambda what: report(f"{question.name}: {what}"))
    return Answer(question=question, plan=plan, race=raced)


def show(outcome: Outcome) -> str:
    """The table and its summary."""
    header = ["question", "tables", "DuckDB", "ours", "of it planning", "times as fast", "rows"]
    lines = [_line(answer) for answer in sorted(outcome.answers, key=lambda a: -a.speedup)]
    kept = [answer for answer in outcome.answers if not answer.plan.changed]
    slow = [answer for answer in outcome.answers if answer.speedup < 1 / SLOWER]
    best = max(outcome.answers, key=lambda a: a.speedup)
    pieces = [
        f"{outcome.database}: {display.quantity(outcome.rows)} rows; medians of interleaved runs, rows compared",
        display.table(header, lines),
        (
            f"geometric mean {outcome.geometric_mean:.2f} times as fast, all together {outcome.total:.2f} times; "
            f"{len(slow)} of {len(outcome.answers)} slower than {SLOWER} times"
        ),
        _kept_lines(kept),
        f'largest gain: {best.question.name}: "{best.question.text}"\n{best.plan.script}',
    ]
    return "\n\n".join(piece for piece in pieces if piece)


def _line(answer: Answer) -> list[str]:
    verdict = "equal" if answer.race.verdict.ok else "DIFFERENT"
    return [
        answer.question.name,
        str(answer.plan.relations),
        display.duration(answer.race.engine_median_s),
        display.duration(answer.ours_s),
        display.duration(answer.plan.planning_s) + ("" if answer.plan.changed else " (kept)"),
        f"{answer.speedup:.2f}",
        verdict,
    ]


def _kept_lines(kept: Sequence[Answer]) -> str:
    if not kept:
        return ""
    return "left to DuckDB:\n" + "\n".join(f"  {answer.question.name}: {answer.plan.reason}" for answer in kept)
