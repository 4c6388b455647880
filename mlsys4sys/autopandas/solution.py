"""What a user gets back: programs, ranked, and what is left to decide between them."""

from __future__ import annotations

import ast
import html
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlsys4sys.autopandas.expression import Expr, evaluate, literal
from mlsys4sys.autopandas.problem import Example, Task, copied
from mlsys4sys.autopandas.verify import difference, raised
from mlsys4sys.errors import DataError, InputError

WIDTH = 88
"""Columns of a line of code before a chain is broken."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Program:
    """Pandas code over the user's names, and a function: ``program(df1, df2)``."""

    code: str
    """One expression, or statements that end in ``result = …``; ``pd`` and ``np`` are in scope."""
    names: tuple[str, ...]
    """The inputs, in the order in which a call takes them."""
    score: float = 0.0
    """How likely it is what was meant, 0 to 1; the scores of a result's programs add up to at most 1."""
    verified: bool = False
    """Whether it was run as printed, on fresh copies, and gave the output of every example."""
    cost: float = float("nan")
    """Description length in nats."""
    expr: Expr | None = None
    """The tree that it was printed from."""

    def __call__(self, *inputs: Any) -> Any:
        """The output for other inputs. They are not changed.

        Raises:
            InputError: There are more or fewer inputs than names.
        """
        if len(inputs) != len(self.names):
            raise InputError(f"the program takes {len(self.names)} inputs ({', '.join(self.names)}), not {len(inputs)}")
        return evaluate(self.code, dict(zip(self.names, map(copied, inputs), strict=True)))

    @property
    def pretty(self) -> str:
        """The code with long chains broken into lines, as a formatter would."""
        return laid_out(self.code)

    def source(self, task: Task | None = None) -> str:
        """A module with ``def transform(…)``; with a task, its first example stands in it and runs as a script."""
        return _module(self, task)

    def save(self, path: str | Path, task: Task | None = None) -> Path:
        """Write :meth:`source` to a file.

        Raises:
            DataError: The file cannot be written.
        """
        target = Path(path)
        partial = target.with_name(target.name + ".partial")
        try:
            partial.write_text(self.source(task), encoding="utf-8", errors="backslashreplace")
            partial.replace(target)
        except OSError as error:
            raise DataError(f"{path}: cannot be written ({error.strerror})") from None
        return target

    def __str__(self) -> str:
        return self.code


@dataclass(frozen=True, kw_only=True, eq=False)
class Ambiguity:
    """Two programs that agree on the examples, and inputs for which they do not: which is right?"""

    a: Program
    b: Program
    inputs: tuple[Any, ...]
    a_output: Any
    b_output: Any

    def output(self, choice: str) -> Any:
        """What program ``"A"`` or ``"B"`` makes of the inputs."""
        return {"A": self.a_output, "B": self.b_output}[_choice(choice)]

    def program(self, choice: str) -> Program:
        """Program ``"A"`` or ``"B"``."""
        return {"A": self.a, "B": self.b}[_choice(choice)]


@dataclass(frozen=True, kw_only=True, eq=False)
class Miss:
    """The program that came nearest when none was right."""

    program: Program
    difference: str
    """What differs, and where."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """Programs that give the wanted output, the likeliest first; none if none was found."""

    task: Task
    programs: tuple[Program, ...] = ()
    ambiguity: Ambiguity | None = None
    """Two plausible programs that would differ on other inputs; None where no such inputs were found."""
    tried: int = 0
    """Candidates examined."""
    seconds: float = 0.0
    first_s: float | None = None
    """When the first program was verified."""
    miss: Miss | None = None
    """The nearest miss, when nothing was found."""
    stopped: str = ""
    """Why the search ended early: ``"budget"``, ``"interrupted"``, or ``"too large"`` where samples of large tables
    gave no program; empty when it was done."""

    @property
    def code(self) -> str:
        """The likeliest program's code; empty when none was found."""
        return self.programs[0].code if self.programs else ""

    def __call__(self, *inputs: Any) -> Any:
        """The likeliest program's output for other inputs.

        Raises:
            InputError: No program was found.
        """
        return self._best()(*inputs)

    def __bool__(self) -> bool:
        return bool(self.programs)

    def answered(self, choice: str) -> Result:
        """The programs that agree with the user's answer to :attr:`ambiguity`.

        Args:
            choice: ``"A"`` or ``"B"``.

        Raises:
            InputError: Another choice, or there was nothing to answer.
        """
        doubt = self.ambiguity
        if doubt is None:
            raise InputError("there is nothing to answer: no two of the programs were found to differ")
        chosen, wanted = doubt.program(choice), doubt.output(choice)
        left = [p for p in self.programs if p is not chosen and _agrees(p, doubt.inputs, wanted, self.task)]
        kept = [chosen, *left]
        total = sum(p.score for p in kept)
        scored = tuple(replace(p, score=p.score / total if total else p.score) for p in kept)
        return replace(self, programs=scored, ambiguity=None)

    def asked(self, choice: str) -> Task:
        """The task with the user's answer to :attr:`ambiguity` as one more example."""
        doubt = self.ambiguity
        if doubt is None:
            raise InputError("there is nothing to answer: no two of the programs were found to differ")
        more = Example(inputs=doubt.inputs, output=doubt.output(choice))
        return replace(self.task, examples=(*self.task.examples, more))

    def save(self, path: str | Path) -> Path:
        """Write the likeliest program as a module with ``def transform(…)`` and its example.

        Raises:
            InputError: No program was found.
            DataError: The file cannot be written.
        """
        return self._best().save(path, self.task)

    def _best(self) -> Program:
        if not self.programs:
            raise InputError(f"no program was found{_nearest(self.miss)}")
        return self.programs[0]

    def __str__(self) -> str:
        return self.programs[0].pretty if self.programs else f"no program was found{_nearest(self.miss)}"

    def _repr_html_(self) -> str:
        """The code and what it makes of the first example, for notebooks."""
        if not self.programs:
            return f"<p>{html.escape(str(self))}</p>"
        best = self.programs[0]
        made = best(*self.task.examples[0].inputs)
        table = made.to_frame() if isinstance(made, pd.Series) else made
        body = (
            table.to_html(max_rows=10) if isinstance(table, pd.DataFrame) else f"<pre>{html.escape(repr(table))}</pre>"
        )
        more = "".join(f"<li><code>{html.escape(p.code)}</code></li>" for p in self.programs[1:4])
        others = f"<details><summary>others that fit</summary><ol start='2'>{more}</ol></details>" if more else ""
        return f"<pre><code>{html.escape(best.pretty)}</code></pre>{body}{others}"


def _choice(choice: str) -> str:
    if choice.upper() not in ("A", "B"):
        raise InputError(f"the answer is A or B, not {choice!r}")
    return choice.upper()


def _agrees(program: Program, inputs: Sequence[Any], wanted: Any, task: Task) -> bool:
    return not difference(outcome(program, inputs), wanted, task.strictness)


def outcome(program: Program, inputs: Sequence[Any]) -> Any:
    """What a program makes of inputs; a text that says so where it raises."""
    try:
        return program(*inputs)
    except Exception as error:  # noqa: BLE001 - a program on inputs that it was not found for
        return raised(error)


def _nearest(miss: Miss | None) -> str:
    return f"; the nearest: {miss.program.code} ({miss.difference})" if miss else ""


# -- code for people


def laid_out(code: str, width: int = WIDTH) -> str:
    """Code whose long lines are broken before the calls of their chain.

    >>> print(laid_out("df.groupby('a').sum().reset_index()", width=20))
    (
        df.groupby('a')
        .sum()
        .reset_index()
    )
    """
    if all(len(line) <= width for line in code.splitlines()):
        return code
    out = "\n".join(_broken(line) if len(line) > width else line for line in code.splitlines())
    return out if ast.dump(ast.parse(out)) == ast.dump(ast.parse(code)) else code


def _broken(line: str) -> str:
    statement = ast.parse(line).body[0]
    value = statement.value if isinstance(statement, ast.Assign | ast.Expr) else None
    if value is None:
        return line
    start = value.col_offset
    # Columns of a syntax tree count bytes.
    raw = line.encode()
    cuts = sorted(_dots(value), reverse=True)
    if len(cuts) > 1:
        cuts = cuts[:-1]  # the first call stays beside its frame
    if not cuts:
        return line
    pieces, end = [], len(raw)
    for cut in cuts:
        pieces.append(raw[cut:end].decode())
        end = cut
    pieces.append(raw[start:end].decode())
    body = "\n".join(f"    {piece.strip()}" for piece in reversed(pieces))
    return f"{raw[:start].decode()}(\n{body}\n)"


def _dots(node: ast.expr) -> list[int]:
    """Byte offsets of the dots before the calls of a chain, outermost call first."""
    found = []
    while isinstance(node, ast.Call | ast.Attribute | ast.Subscript):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and not isinstance(node.func.value, ast.Name | ast.Constant):
                found.append(node.func.value.end_col_offset or 0)
            elif isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
                if node.func.value.id not in ("pd", "np"):
                    found.append(node.func.value.end_col_offset or 0)
                return found
            node = node.func
        else:
            node = node.value
    return found


# -- a module to keep


def _module(program: Program, task: Task | None) -> str:
    example = _example(program, task) if task is not None else ""
    body = _body(program.code)
    uses = {node.id for node in ast.walk(ast.parse(f"{body}\n{example}")) if isinstance(node, ast.Name)}
    imports = [f"import {module} as {name}" for module, name in (("numpy", "np"), ("pandas", "pd")) if name in uses]
    parameters = ", ".join(program.names)
    lines = [
        '"""A table transformation, found from an example by mlsys4sys and verified on it."""',
        "",
        *imports,
        *([""] if imports else []),
        "",
        f"def transform({parameters}):",
        *(f"    {line}" if line else "" for line in body.splitlines()),
    ]
    if example:
        lines += ["", "", 'if __name__ == "__main__":', *(f"    {line}" for line in example.splitlines())]
    return "\n".join(lines) + "\n"


def _body(code: str) -> str:
    *before, last = code.splitlines()
    value = last.removeprefix("result = ") if before or last.startswith("result = ") else last
    shown = laid_out(value, WIDTH - len("    return "))
    return "\n".join([*map(laid_out, before), f"return {shown}"])


def _example(program: Program, task: Task, *, most_cells: int = 400) -> str:
    """Lines that build the first example's inputs and print the output; empty when no short text builds them."""
    example = task.examples[0]
    if sum(_size(value) for value in example.inputs) > most_cells:
        return ""
    lines, texts = [], []
    for name, value in zip(program.names, example.inputs, strict=True):
        text = constructor(value)
        if text is None:
            return ""
        texts.append(text)
        lines.append(f"{name} = {text}")
    again = [evaluate(text, {}) for text in texts]
    if any(difference(a, b) for a, b in zip(again, example.inputs, strict=True)):
        return ""
    return "\n".join([*lines, f"print(transform({', '.join(program.names)}))"])


def _size(value: Any) -> int:
    return int(value.size) if isinstance(value, pd.DataFrame | pd.Series | pd.Index | np.ndarray) else 1


def constructor(value: Any) -> str | None:
    """A line that builds a table again; None for values that no short text builds."""
    try:
        if isinstance(value, pd.DataFrame):
            if value.columns.has_duplicates or value.columns.nlevels > 1:
                return None
            cells = literal({label: value[label].tolist() for label in value.columns})
            return f"pd.DataFrame({_unescaped(cells)}{_index(value.index)})"
        if isinstance(value, pd.Series):
            name = "" if value.name is None else f", name={_unescaped(literal(value.name))}"
            return f"pd.Series({_unescaped(literal(value.tolist()))}{_index(value.index)}{name})"
        return None if isinstance(value, pd.Index | np.ndarray) else _unescaped(literal(value))
    except InputError:
        return None


def _index(index: pd.Index) -> str:
    if isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1 and index.name is None:
        return ""
    if isinstance(index, pd.MultiIndex):
        names = _unescaped(literal(list(index.names)))
        return f", index=pd.MultiIndex.from_tuples({_unescaped(literal(index.tolist()))}, names={names})"
    name = "" if index.name is None else f", name={_unescaped(literal(index.name))}"
    return f", index=pd.Index({_unescaped(literal(index.tolist()))}{name})"


def _unescaped(text: str) -> str:
    return text.replace("{{", "{").replace("}}", "}")
