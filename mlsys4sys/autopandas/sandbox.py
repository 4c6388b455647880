"""Running code that nobody has read: in a process of its own, with time, memory, files and network taken away.

The search does not need this: its candidates come from templates alone, constants enter by
:func:`~mlsys4sys.autopandas.expression.literal`, and tables are capped. It is for code from elsewhere (a user's, a
model's), and for those who want the finalists run once more apart from their own process (``--sandbox``). The price
is a process a run, tens of milliseconds, and about a second for the first, which starts the runtime.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from mlsys4sys import runtime
from mlsys4sys.autopandas.expression import evaluate
from mlsys4sys.autopandas.problem import Task
from mlsys4sys.autopandas.solution import Program, Result
from mlsys4sys.autopandas.verify import difference, raised
from mlsys4sys.errors import InputError, Mlsys4sysError, TaskError
from mlsys4sys.verdict import Verdict

PRELOAD = ("numpy", "pandas", "mlsys4sys.autopandas.expression")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one run may take."""

    timeout_s: float = 10.0
    memory: int = 1 << 30
    """Bytes beyond what the process has when it begins."""
    most_bytes: int = 256 << 20
    """Of the output, and of all inputs."""

    def __post_init__(self) -> None:
        if min(self.timeout_s, self.memory, self.most_bytes) <= 0:
            raise InputError("the limits of a sandbox must be above 0")


def run(code: str, names: Sequence[str], inputs: Sequence[Any], limits: Limits | None = None) -> Any:
    """The value of an expression, or of ``result`` after statements, computed in an isolated process.

    The process has its own copies of the inputs, an empty folder, no network, no other process and no file of the
    user's; what it sends back may hold data and nothing else. The barriers that hold are those of the platform, see
    `mlsys4sys.runtime.limits`.

    Raises:
        TaskTimeout: It ran longer than its limit.
        TaskMemory: It wanted more memory than its limit, for its work or for its output.
        TaskError: It died, or sent something other than data.
        Exception: Whatever the code raised.
    """
    bounds = limits or Limits()
    size = sum(size_bytes(value) for value in inputs)
    if size > bounds.most_bytes:
        raise InputError(f"the inputs take {size >> 20} MB, more than the sandbox's {bounds.most_bytes >> 20}")
    if not runtime.is_initialized():
        runtime.init("local", preload=PRELOAD)
    task = runtime.remote(_run).options(
        isolated=True, timeout_s=bounds.timeout_s, memory=bounds.memory, max_retries=0, name="sandbox"
    )
    return runtime.get(task.remote(code, tuple(names), tuple(inputs), bounds.most_bytes))


def check(code: str, task: Task, limits: Limits | None = None) -> Verdict:
    """As :func:`mlsys4sys.autopandas.verify.check`, with each run in an isolated process.

    Raises:
        Unsupported: The runtime's backend has no isolated tasks.
    """
    for number, example in enumerate(task.examples):
        where = "" if len(task.examples) == 1 else f"example {number + 1}: "
        try:
            got = run(code, task.names, example.inputs, limits)
        except TaskError as error:
            return Verdict(ok=False, checked=number, counterexample=f"{where}{_ended(error)}")
        except (Mlsys4sysError, KeyboardInterrupt):
            raise
        except Exception as error:  # noqa: BLE001 - whatever the code raises is the verdict
            return Verdict(ok=False, checked=number, counterexample=f"{where}{raised(error)}")
        found = difference(got, example.output, task.strictness)
        if found:
            return Verdict(ok=False, checked=number + 1, counterexample=where + found)
    return Verdict(ok=True, checked=len(task.examples))


def kept(result: Result, limits: Limits | None = None) -> Result:
    """The result with those programs alone that also give the output in the sandbox."""
    programs: list[Program] = [p for p in result.programs if check(p.code, result.task, limits)]
    doubt = result.ambiguity
    if doubt is not None and not {doubt.a.code, doubt.b.code} <= {p.code for p in programs}:
        doubt = None
    return replace(result, programs=tuple(programs), ambiguity=doubt)


def size_bytes(value: Any) -> int:
    """About how much memory a value takes; what is shared or nested is counted once and to a few levels."""
    if isinstance(value, pd.DataFrame):
        return int(value.memory_usage(deep=True).sum())
    if isinstance(value, pd.Series | pd.Index):
        return int(value.memory_usage(deep=True))
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    return _nested_bytes(value, {})


def _nested_bytes(value: Any, seen: dict[int, Any]) -> int:
    total, stack = 0, [value]
    while stack:
        item = stack.pop()
        if id(item) in seen:
            continue
        seen[id(item)] = item  # kept alive, so that its id stays its own
        total += sys.getsizeof(item)
        if isinstance(item, dict):
            stack.extend([*item.keys(), *item.values()])
        elif isinstance(item, list | tuple | set | frozenset):
            stack.extend(item)
    return total


def _run(code: str, names: tuple[str, ...], inputs: tuple[Any, ...], most_bytes: int) -> Any:
    """What runs inside. The copies of the inputs came with the call."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = evaluate(code, dict(zip(names, inputs, strict=True)))
    if size_bytes(value) > most_bytes:
        raise MemoryError(f"an output of more than {most_bytes >> 20} MB")
    return value


def _ended(error: TaskError) -> str:
    text = " ".join(str(error).split())
    return f"it was ended: {text[:200]}" if text else f"it was ended ({type(error).__name__})"
