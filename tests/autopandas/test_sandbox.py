"""Code that nobody has read: a clear outcome, and nothing done to the user's things."""

import os

import numpy as np
import pandas as pd
import pytest

from mlsys4sys import runtime
from mlsys4sys.autopandas import sandbox
from mlsys4sys.autopandas.problem import Task
from mlsys4sys.autopandas.solution import Program, Result
from mlsys4sys.errors import InputError, TaskMemory, TaskTimeout
from mlsys4sys.runtime import limits

FRAME = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "x"]})
TASK = Task.of(FRAME, FRAME.head(2))
SHORT = sandbox.Limits(timeout_s=3, memory=400 << 20, most_bytes=1 << 20)


@pytest.fixture(scope="module", autouse=True)
def own_runtime():
    if runtime.is_initialized():
        runtime.shutdown()
    runtime.init("local", num_cpus=2, preload=sandbox.PRELOAD)
    yield
    runtime.shutdown()


def test_a_right_program_passes_and_a_wrong_one_is_told_apart():
    assert sandbox.check("df.head(2)", TASK)
    verdict = sandbox.check("df.head(1)", TASK)
    assert not verdict
    assert "a DataFrame of 1 row" in verdict.counterexample
    assert sandbox.check("df['none']", TASK).counterexample == "it raises KeyError: 'none'"


def test_inputs_are_copies():
    changed = sandbox.run("df.insert(0, 'new', 1)\nresult = df", ["df"], [FRAME])
    assert list(changed.columns) == ["new", "a", "b"]
    assert list(FRAME.columns) == ["a", "b"]


@pytest.mark.parametrize(
    "value",
    [
        FRAME.set_index(["a", "b"]),
        FRAME["b"].astype("category"),
        pd.date_range("2024-01-01", periods=2, tz="Europe/Berlin"),
        pd.timedelta_range("1h", periods=2),
        pd.cut(pd.Series([1, 2, 3]), 2),
        pd.Series(pd.period_range("2024", periods=2, freq="Q")),
        np.arange(6).reshape(2, 3),
        {"k": [1, None, "x"]},
        pd.Series([[1, 2], {"a": 1}]),
        pd.Series([1, None], dtype="Int64"),
        pd.Timestamp("2024-01-01"),
    ],
)
def test_values_of_all_kinds_come_back_as_they_were(value):
    assert sandbox.check("df", Task.of([value], value))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("while True: pass\nresult = 1", "longer than its 3 s"),
        ("x = np.ones(10**9)\nresult = x", "memory"),
        ("'x' * (2 << 20)", "memory"),
        ("__import__('os')._exit(3)", "exited with status 3"),
        ("__import__('os').abort()", "was ended"),
        ("(lambda f: f(f))(lambda f: f(f))", "RecursionError"),
        ("exec", "not data"),
        ("pd.Series([print])", "not data"),
        ("result = 1 +", "SyntaxError"),
    ],
)
def test_whatever_the_code_does_the_outcome_is_one_clear_line(code, words):
    verdict = sandbox.check(code, TASK, SHORT)
    assert not verdict
    assert words in verdict.counterexample
    assert "\n" not in verdict.counterexample


@pytest.mark.skipif(limits.landlock_abi() == 0, reason="this kernel has no Landlock")
def test_nothing_is_written_started_or_reached(tmp_path):
    target = tmp_path / "stolen"
    for code in (
        f"df.to_csv({str(target)!r})",
        f"open({str(target)!r}, 'w')",
        "__import__('os').fork()",
        "__import__('subprocess').run(['true'])",
        "__import__('socket').create_connection(('127.0.0.1', 9))",
        f"__import__('os').kill({os.getpid()}, 9)",
    ):
        verdict = sandbox.check(code, TASK, SHORT)
        assert not verdict
        assert "it raises" in verdict.counterexample
    assert not target.exists()


def test_errors_have_their_kinds():
    with pytest.raises(TaskTimeout):
        sandbox.run("while True: pass\nresult = 1", [], [], sandbox.Limits(timeout_s=1))
    with pytest.raises(TaskMemory):
        sandbox.run("np.ones(10**9)", [], [], SHORT)
    with pytest.raises(InputError, match="the inputs take"):
        sandbox.run("1", ["df"], [np.ones(10**6)], SHORT)


def test_only_programs_that_pass_are_kept():
    good, bad = (Program(code=code, names=("df",), verified=True) for code in ("df.head(2)", "df.head(3)"))
    assert sandbox.kept(Result(task=TASK, programs=(bad, good))).programs == (good,)


def test_a_list_in_itself_has_a_size():
    nested = []
    nested.append(nested)
    assert 0 < sandbox.size_bytes(nested) < 1000
