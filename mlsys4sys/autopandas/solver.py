"""The one door: examples in, ranked and verified programs out."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mlsys4sys.autopandas import meant, sample
from mlsys4sys.autopandas.accepted import accept
from mlsys4sys.autopandas.expression import Expr, program
from mlsys4sys.autopandas.parallel import Relief
from mlsys4sys.autopandas.policy import Policy
from mlsys4sys.autopandas.problem import Hints, Strictness, Task
from mlsys4sys.autopandas.search import FAR, Candidate, Prior, Search
from mlsys4sys.autopandas.settle import collected
from mlsys4sys.autopandas.solution import Ambiguity, Miss, Program, Result
from mlsys4sys.autopandas.value import Value
from mlsys4sys.autopandas.verify import check, difference
from mlsys4sys.errors import InputError

Report = Callable[[Mapping[str, Any]], None]

DOUBT = 0.15
"""A second class of programs at least this likely is worth a question."""

RANKING_S = 0.8
"""Seconds that ranking may take, where the budget is not shorter."""

LEAST_RANKING_S = 0.3
"""Seconds that it gets even where the search has spent the budget."""


@dataclass(kw_only=True)
class Synthesizer:
    """Finds pandas programs; in scikit-learn's manner it stores its arguments and works in :meth:`fit`.

    >>> import pandas as pd
    >>> df = pd.DataFrame({"kind": ["a", "b", "a"], "n": [1, 2, 3]})
    >>> wanted = pd.DataFrame({"kind": ["a", "b"], "n": [4, 2]})
    >>> Synthesizer(budget_s=5).fit([df], wanted).result_.code
    "df.groupby('kind', as_index=False)['n'].sum()"

    Args:
        budget_s: Seconds at most; an easy task takes well under one.
        top: Programs to return.
        learned: Whether learned weights rank programs and say which tables are on the way; without them, weights set by
            hand do.
        policy: Whether the learned policy prices calls, too. It names a program's calls well, but on questions that it
            was not trained on it finds no more and takes longer.
        seed: Of the inputs on which programs are compared.
        parallel: Whether a second process helps where the first has found nothing for a while.
        strictness: What must agree for an output to be the one that is wanted.
        report: Called now and then with ``tried``, ``found`` and ``best``.
    """

    budget_s: float = 20.0
    top: int = 10
    learned: bool = True
    policy: bool = False
    seed: int = 0
    parallel: bool = True
    strictness: Strictness = field(default_factory=Strictness)
    report: Report | None = None

    def __post_init__(self) -> None:
        if not self.budget_s > 0:
            raise InputError(f"budget_s must be above 0 seconds, not {self.budget_s}")
        if self.top < 1:
            raise InputError(f"top must be at least 1, not {self.top}")

    def fit(
        self,
        inputs: Sequence[Any] | Any,
        output: Any,
        *,
        names: Sequence[str] | None = None,
        more: Sequence[tuple[Sequence[Any], Any]] = (),
        hints: Hints | None = None,
        random_state: int | None = None,
    ) -> Synthesizer:
        """Find programs for an example; afterwards ``result_`` holds them.

        Args:
            inputs: A list of inputs, or one frame.
            output: What is wanted for them.
            names: The inputs' names in the code.
            more: Further examples, pairs of inputs and output.
            hints: What is known of the program.
            random_state: Another word for the seed.
        """
        if random_state is not None:
            self.seed = random_state
        task = Task.of(inputs, output, names=names, more=more, hints=hints, strictness=self.strictness)
        self.result_ = self.solve(task)
        return self

    def solve(self, task: Task) -> Result:
        """Programs for a task, the likeliest first; Ctrl-C gives what was found so far.

        Raises:
            InputError: A table has too many columns or cells, or a cell is nested too deeply.
        """
        accept(task)

        def solve(part: Task, budget_s: float) -> Result:
            return replace(self, budget_s=budget_s)._solve(part)

        with warnings.catch_warnings():  # what candidates complain of is of no use to anybody
            warnings.simplefilter("ignore")
            return sample.solved(task, solve, self.budget_s) if sample.large(task) else self._solve(task)

    def _solve(self, task: Task) -> Result:
        started = time.monotonic()
        value = Value.load_shipped() if self.learned else None
        search = Search(task, self._prior(task), value)
        relief = Relief(task, search.prior, value, started + self.budget_s) if self.parallel else None
        found = collected(search, self.budget_s, report=self.report, relief=relief)
        least = min((candidate.cost for candidate in found), default=0.0)
        found = [candidate for candidate in found if candidate.cost <= least + FAR]
        stopped = "interrupted" if search.interrupted else ""
        if not stopped and not found and time.monotonic() - started >= self.budget_s:
            stopped = "budget"
        left = started + self.budget_s - time.monotonic()
        try:
            programs, ranked = self._ranked(found, task, min(RANKING_S, self.budget_s, max(left, LEAST_RANKING_S)))
        except KeyboardInterrupt:  # what was found is worth more than its order
            stopped = "interrupted"
            order = meant.as_found([candidate.expr for candidate in found], [candidate.cost for candidate in found])
            programs, ranked = self._verified(order, found, task)
        return Result(
            task=task,
            programs=programs,
            ambiguity=_doubt(ranked, programs, task, self.seed),
            tried=search.examined,
            seconds=time.monotonic() - started,
            first_s=found[0].found_s if found else None,
            miss=None if programs else _nearest(search, task),
            stopped=stopped,
        )

    def _prior(self, task: Task) -> Prior | None:
        """What the learned policy expects of a program's calls; None without it."""
        policy = Policy.load_shipped() if self.learned and self.policy else None
        first = task.examples[0]
        return None if policy is None else policy.prior(first.inputs, first.output)

    def _ranked(
        self, found: Sequence[Candidate], task: Task, seconds: float
    ) -> tuple[tuple[Program, ...], list[meant.Ranked]]:
        """Programs, the likeliest first, within some seconds."""
        policy = Policy.load_shipped() if self.learned and self.policy and len(found) > 1 else None
        order = meant.rank(
            [candidate.expr for candidate in found],
            task,
            costs=[candidate.cost for candidate in found],
            logits=policy.logits(task) if policy is not None else None,
            judge=None if self.learned else meant.Judge.by_hand(),
            seed=self.seed,
            deadline=time.perf_counter() + seconds,
        )
        return self._verified(order, found, task)

    def _verified(
        self, order: Sequence[meant.Ranked], found: Sequence[Candidate], task: Task
    ) -> tuple[tuple[Program, ...], list[meant.Ranked]]:
        """The first programs of an order that give the outputs when they are run as printed."""
        programs: list[Program] = []
        kept: list[meant.Ranked] = []
        for ranked in order:
            code = program(ranked.expr, task.names)
            if len(programs) < self.top and check(code, task):
                costs = found[ranked.position].cost
                programs.append(
                    Program(
                        code=code,
                        names=task.names,
                        score=ranked.probability if ranked.leads else 0.0,
                        verified=True,
                        cost=costs,
                        expr=ranked.expr,
                    )
                )
                kept.append(ranked)
        return tuple(programs), kept


def synthesize(
    inputs: Sequence[Any] | Any,
    output: Any,
    *,
    budget_s: float = 20.0,
    names: Sequence[str] | None = None,
    more: Sequence[tuple[Sequence[Any], Any]] = (),
    hints: Hints | None = None,
    strictness: Strictness | None = None,
    top: int = 10,
    learned: bool = True,
    seed: int = 0,
    report: Report | None = None,
) -> Result:
    """Pandas programs that turn inputs into the output that is wanted, ranked by how likely each was meant.

    Args:
        inputs: A list of frames, series, arrays or scalars, or one of them.
        output: What is wanted: a frame, series, index, array, list, dictionary or scalar.
        budget_s: Seconds at most.
        names: The inputs' names in the code; ``df``, or ``df1``, ``df2`` … if not given.
        more: Further examples of the same program, pairs of inputs and output.
        hints: Constants, columns and calls that it uses.
        strictness: What must agree; by default everything but types and names of axes.
        top: Programs to return.
        learned: Whether learned weights take part.
        seed: Of all chance.
        report: Called with the progress.

    Raises:
        InputError: The examples do not fit each other, or a name is no name.
    """
    solver = Synthesizer(
        budget_s=budget_s, top=top, learned=learned, seed=seed, strictness=strictness or Strictness(), report=report
    )
    return solver.fit(inputs, output, names=names, more=more, hints=hints).result_


def _doubt(ranked: Sequence[meant.Ranked], programs: Sequence[Program], task: Task, seed: int) -> Ambiguity | None:
    """The two likeliest classes, where the second is likely too, with an input on which they part."""
    leads = [(r, p) for r, p in zip(ranked, programs, strict=True) if r.leads]
    if len(leads) < 2 or leads[1][0].probability < DOUBT:
        return None
    (first, a), (second, b) = leads[:2]
    parted = meant.distinguish(first.expr, second.expr, task, seed=seed)
    if parted is None:
        return None
    return Ambiguity(a=a, b=b, inputs=parted.inputs, a_output=parted.outputs[0], b_output=parted.outputs[1])


def _nearest(search: Search, task: Task) -> Miss | None:
    near: Expr | None = search.nearest
    if near is None:
        return None
    code = program(near, task.names)
    made = Program(code=code, names=task.names, expr=near)
    try:
        got = made(*task.examples[0].inputs)
    except Exception:  # noqa: BLE001 - then there is nothing near
        return None
    return Miss(program=made, difference=difference(got, task.examples[0].output, task.strictness))
