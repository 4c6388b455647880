"""Command ``mlsys4sys synthesize``, also installed as ``synthesize-from-examples``."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from mlsys4sys import console
from mlsys4sys.errors import InputError

if TYPE_CHECKING:
    from mlsys4sys.autopandas.problem import Hints, Strictness, Task
    from mlsys4sys.autopandas.solution import Result
    from mlsys4sys.autopandas.solver import Synthesizer

MOST_QUESTIONS = 3
"""Questions that one run asks at most."""


LIKELY = 0.02
"""Programs with a lower score are not worth a mention."""


@click.command(cls=console.Command)
@click.argument("folder", required=False)
@click.option(
    "-i", "--input", "inputs", multiple=True, metavar="FILE", help="A table to start from; repeat. - is stdin."
)
@click.option("-o", "--output", metavar="FILE", help="The table that is wanted.")
@click.option("--name", "names", multiple=True, metavar="NAME", help="What an input is called in the code; repeat.")
@click.option(
    "--hint",
    "hints",
    multiple=True,
    metavar="KIND=VALUE",
    help="constant=0.5, column=price, call=merge or not=apply; repeat.",
)
@click.option("--top", type=click.IntRange(1), default=1, show_default=True, help="Programs to print.")
@console.budget_option(20.0)
@click.option("--explain", is_flag=True, help="Also print the steps as a tree, and the table that each one makes.")
@click.option("--save", metavar="FILE", help="Also write the best program as a module with def transform(...).")
@click.option(
    "--answer",
    "answers",
    multiple=True,
    type=click.Choice(["A", "B"], case_sensitive=False),
    help="The answer to the question that was asked; repeat for the next.",
)
@click.option("--ask/--no-ask", default=None, help="Ask which program was meant. [default: on a terminal]")
@click.option("--any-row-order", is_flag=True, help="Rows may come in any order.")
@click.option("--any-column-order", is_flag=True, help="Columns may come in any order.")
@click.option("--ignore-index", is_flag=True, help="Row labels need not agree.")
@click.option("--strict-dtypes", is_flag=True, help="Types of columns must agree, too.")
@click.option("--strict-names", is_flag=True, help="Names of the axes must agree, too.")
@click.option("--rtol", type=click.FloatRange(0, 1), default=1e-5, show_default=True, help="Tolerance between floats.")
@click.option("--dates/--no-dates", default=True, show_default=True, help="Read columns of ISO dates as timestamps.")
@click.option("--sandbox", is_flag=True, help="Run the programs once more in an isolated process before printing.")
@click.option("--no-policy", is_flag=True, help="Leave what was learned out.")
@console.seed_option
@console.json_option
@console.quiet_option
def synthesize(
    folder: str | None,
    inputs: tuple[str, ...],
    output: str | None,
    names: tuple[str, ...],
    hints: tuple[str, ...],
    top: int,
    budget_s: float,
    explain: bool,
    save: str | None,
    answers: tuple[str, ...],
    ask: bool | None,
    any_row_order: bool,
    any_column_order: bool,
    ignore_index: bool,
    strict_dtypes: bool,
    strict_names: bool,
    rtol: float,
    dates: bool,
    sandbox: bool,
    no_policy: bool,
    seed: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Pandas code that turns example tables into the table that is wanted.

    Tables are CSV, TSV, JSON, Parquet, Excel (with openpyxl), or text: a printed frame, a Markdown table, what
    df.to_dict() printed. FOLDER holds in1.csv, in2.csv ... and out.csv, or subfolders of that form, one an example.
    The code goes to stdout. It was run on the example and gave the output; whether it is what was meant, you judge:
    where two readings are likely, a question with an input on which they differ is asked on a terminal.

    \b
    synthesize-from-examples --input sales.csv --output want.csv
    synthesize-from-examples -i orders.csv -i customers.csv -o want.csv --top 3 --explain
    synthesize-from-examples example/ --any-row-order --save program.py
    """  # noqa: D301 - the mark is click's
    with console.Progress(quiet=quiet) as progress:
        progress("reading")
        from mlsys4sys.autopandas import Strictness

        strictness = Strictness(
            row_order=not any_row_order,
            column_order=not any_column_order,
            index=not ignore_index,
            dtypes=strict_dtypes,
            names=strict_names,
            rtol=rtol,
        )
        task = _task(folder, inputs, output, names, _hints(hints), strictness, dates=dates)
        solver = _solver(budget_s, max(top, 10), seed, strictness, _shown(progress, task.names), learned=not no_policy)
        result = solver.solve(task)
        progress.clear()
        asked = ask if ask is not None else not (quiet or as_json) and sys.stdin.isatty() and sys.stderr.isatty()
        result = _answered(result, solver, answers, ask=asked)
        if sandbox:
            from mlsys4sys.autopandas.sandbox import kept

            result = kept(result)
    _show(result, top=top, explain=explain, as_json=as_json, quiet=quiet)
    if save and result:
        result.save(save)
        if not quiet:
            click.echo(f"written to {save}", err=True)
    if not result:
        sys.exit(console.EXIT_NO_ANSWER)


def _task(
    folder: str | None,
    inputs: Sequence[str],
    output: str | None,
    names: Sequence[str],
    hints: Hints,
    strictness: Strictness,
    *,
    dates: bool,
) -> Task:
    from pathlib import Path

    from mlsys4sys.autopandas import Task, files

    if folder is not None:
        if inputs or output:
            raise click.UsageError("give either FOLDER, or --input and --output")
        if not Path(folder).is_dir():
            raise click.UsageError(f"{folder}: is no folder; name files by --input and --output")
        examples, usual = files.read_folder(folder, dates=dates)
    else:
        if not inputs or not output:
            raise click.UsageError("an example is needed: --input FILE (repeat) and --output FILE, or a FOLDER")
        examples, usual = [files.read_example(inputs, output, dates=dates)], files.names_for(inputs)
    return Task(examples=tuple(examples), names=tuple(names) or usual, hints=hints, strictness=strictness)


def _hints(texts: Sequence[str]) -> Hints:
    from mlsys4sys.autopandas import Hints

    found: dict[str, list[Any]] = {"constant": [], "column": [], "call": [], "not": []}
    for text in texts:
        kind, equals, value = text.partition("=")
        if not equals or kind not in found or not value:
            raise click.UsageError(f"--hint {text}: write constant=VALUE, column=NAME, call=NAME or not=NAME")
        found[kind].append(_constant(value) if kind in ("constant", "column") else value.strip("."))
    return Hints(
        constants=tuple(found["constant"]),
        columns=tuple(found["column"]),
        calls=tuple(found["call"]),
        without=tuple(found["not"]),
    )


def _constant(text: str) -> Any:
    """A number, a quoted text, True or None as Python writes them; any other text stands for itself."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return value if isinstance(value, int | float | str | bool | None) else text


def _shown(progress: console.Progress, names: Sequence[str]) -> Callable[[Mapping[str, Any]], None]:
    """How the search's reports become a progress line."""

    def report(state: Mapping[str, Any]) -> None:
        code = str(state.get("best") or "")
        for i, name in enumerate(names):
            code = code.replace(f"inp{i}", name)
        best = f"; best so far: {code[:80]}" if code else ""
        progress(f"{state['tried']:,} candidates, {state['found']} fit{best}")

    return report


def _solver(
    budget_s: float,
    top: int,
    seed: int,
    strictness: Strictness,
    report: Callable[[Mapping[str, Any]], None],
    *,
    learned: bool,
) -> Synthesizer:
    from mlsys4sys.autopandas import Synthesizer

    return Synthesizer(budget_s=budget_s, top=top, seed=seed, strictness=strictness, report=report, learned=learned)


def _answered(result: Result, solver: Synthesizer, answers: Sequence[str], *, ask: bool) -> Result:
    """The result after the user's answers: each is one more example."""
    from mlsys4sys.autopandas import report

    given = list(answers)
    for _ in range(max(MOST_QUESTIONS, len(given))):
        if result.ambiguity is None:
            break
        if given:
            choice = given.pop(0)
        elif ask:
            click.echo(report.question(result.ambiguity, result.task.names), err=True)
            choice = click.prompt(
                "\nWhich is right? A, B, or enter for neither", default="", show_default=False, err=True
            )
        else:
            return result
        if choice.strip().upper() not in ("A", "B"):
            return result
        # Search once more with the answer as an example; what was found before stands where that finds nothing.
        again = solver.solve(result.asked(choice))
        result = again if again else result.answered(choice)
    if given:
        raise InputError(f"--answer {given[0]}: there is no question to answer")
    return result


def _show(result: Result, *, top: int, explain: bool, as_json: bool, quiet: bool) -> None:
    from mlsys4sys.autopandas import report
    from mlsys4sys.display import duration

    if as_json:
        console.print_json(report.as_json(result, top=max(top, 10)))
        return
    if not result:
        click.echo(report.nothing(result), err=True)
        return
    click.echo(report.listing(result, top))
    if explain:
        click.echo("\n" + report.explained(result.programs[0], result.task.examples[0].inputs))
    if quiet:
        return
    likely = sum(1 for item in result.programs if item.score >= LIKELY)
    others = f"; {likely - top} other readings: --top {likely}" if likely > top else ""
    stopped = "interrupted; " if result.stopped == "interrupted" else ""
    click.echo(
        f"{stopped}verified on the example; {result.tried:,} candidates in {duration(result.seconds)}{others}", err=True
    )
    if result.ambiguity is not None:
        click.echo(
            "\n" + report.question(result.ambiguity, result.task.names) + "\n\nadd --answer A or --answer B", err=True
        )


def main() -> None:
    """Entry point of ``synthesize-from-examples``."""
    synthesize()
