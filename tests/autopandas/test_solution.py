"""Results: code that runs as printed, modules that hold no one's text as code, questions and answers."""

import ast
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsys4sys.autopandas import report
from mlsys4sys.autopandas.expression import call, column, evaluate, literal, program, source
from mlsys4sys.autopandas.problem import Task
from mlsys4sys.autopandas.solution import Ambiguity, Miss, Program, Result, laid_out
from mlsys4sys.autopandas.verify import check, difference
from mlsys4sys.errors import InputError

FRAME = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "x"]})

HOSTILE = [
    "__import__('os').system('touch stolen')",
    '\'"""\'',
    '"""',
    "\\",
    "a\nimport os",
    "{0}",
    "{0.__class__}",
    "}{",
    "#",
    "\x0b\x0c\u2028\x85",
    "=cmd|' /C calc'!A0",
    "'); import os; ('",
    "\ud800",
]
texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=6))


def test_a_long_chain_is_broken_before_its_calls_and_stays_the_same_program():
    code = "orders.merge(customers, on='customer_id').groupby('country', as_index=False)['amount'].sum().head(3)"
    text = laid_out(code)
    assert text.splitlines()[1:4] == [
        "    orders.merge(customers, on='customer_id')",
        "    .groupby('country', as_index=False)['amount']",
        "    .sum()",
    ]
    assert ast.dump(ast.parse(text)) == ast.dump(ast.parse(code))
    assert laid_out("df.head(3)") == "df.head(3)"


@given(st.lists(texts, min_size=1, max_size=3, unique=True), st.integers(20, 60))
@settings(max_examples=100, deadline=None)
def test_breaking_lines_never_changes_a_program(labels, width):
    expr = source(0)
    for label in labels:
        expr = call(f"{{0}}.drop(columns={literal([label])})", expr, op="drop")
    code = program(expr, ("df",))
    assert ast.dump(ast.parse(laid_out(code, width))) == ast.dump(ast.parse(code))


@given(st.lists(texts, min_size=1, max_size=3, unique=True), st.lists(texts, min_size=1, max_size=3))
@settings(max_examples=150, deadline=None)
def test_no_text_of_a_table_is_ever_code_in_a_saved_module(labels, cells):
    frame = pd.DataFrame({label: pd.Series(cells, dtype=object) for label in labels})
    chosen = column(source(0), labels[0])
    code = program(call(f"{{0}}[{{1}} == {literal(cells[0])}]", source(0), chosen, op="mask"), ("df",))
    item = Program(code=code, names=("df",))
    wanted = item(frame)
    text = item.source(Task.of(frame, wanted))
    tree = ast.parse(text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass"))
    kinds = [type(node).__name__ for node in tree.body]
    assert kinds[0] == "Expr"
    assert set(kinds[1:]) <= {"Import", "FunctionDef", "If"}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert names <= {"df", "pd", "np", "transform", "print", "__name__"}
    space = {}
    exec(compile(tree, "saved", "exec"), space)
    assert difference(space["transform"](frame), wanted) == ""


def test_a_saved_module_runs_by_itself_and_shows_its_example(tmp_path):
    left = FRAME.set_index("b")
    item = Program(
        code="joined = pd.concat([left, right])\nresult = joined.append if False else joined", names=("left", "right")
    )
    task = Task.of([left, left], item(left, left), names=["left", "right"])
    path = Result(task=task, programs=(item,)).save(tmp_path / "program.py")
    text = path.read_text(encoding="utf-8")
    assert "def transform(left, right):" in text
    assert "import numpy" not in text
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(item(left, left)).strip()


def test_a_program_leaves_its_inputs_alone_and_counts_them():
    item = Program(code="df['a'].iloc[0] = 9\nresult = df", names=("df",))
    with pytest.raises(SyntaxError):
        Program(code="df[", names=("df",))(FRAME)
    changer = Program(code="df.insert(0, 'new', 1)\nresult = df", names=("df",))
    assert list(changer(FRAME).columns) == ["new", "a", "b"]
    assert list(FRAME.columns) == ["a", "b"]
    with pytest.raises(InputError, match="takes 1 inputs"):
        item(FRAME, FRAME)


def doubtful():
    a = Program(code="df[df['a'] > 1]", names=("df",), score=0.6, verified=True)
    b = Program(code="df[df['a'].isin([2, 3])]", names=("df",), score=0.3, verified=True)
    c = Program(code="df[df['a'] != 1]", names=("df",), score=0.1, verified=True)
    other = pd.DataFrame({"a": [7, 0], "b": ["x", "y"]})
    task = Task.of(FRAME, a(FRAME))
    doubt = Ambiguity(a=a, b=b, inputs=(other,), a_output=a(other), b_output=b(other))
    return Result(task=task, programs=(a, b, c), ambiguity=doubt, tried=3, seconds=0.5)


def test_an_answer_keeps_the_programs_that_agree_with_it():
    result = doubtful()
    assert [p.code for p in result.answered("a").programs] == [result.ambiguity.a.code]
    assert [p.code for p in result.answered("B").programs] == [result.ambiguity.b.code]
    assert result.answered("A").programs[0].score == 1.0
    assert len(result.asked("A").examples) == 2
    assert check(result.ambiguity.a.code, result.asked("A"))
    assert not check(result.ambiguity.b.code, result.asked("A"))
    with pytest.raises(InputError, match="A or B"):
        result.answered("C")
    with pytest.raises(InputError, match="nothing to answer"):
        result.answered("A").answered("A")


def test_the_question_shows_the_input_and_both_outputs():
    text = report.question(doubtful().ambiguity, ("df",))
    assert "7" in text
    assert "A gives, by df[df['a'] > 1]" in text
    assert "B gives, by df[df['a'].isin([2, 3])]" in text


def test_results_print_as_their_code_and_the_nearest_miss():
    result = doubtful()
    assert str(result) == "df[df['a'] > 1]"
    assert "df[df[&#x27;a&#x27;] &gt; 1]" in result._repr_html_()
    assert difference(result(FRAME), FRAME.iloc[1:]) == ""
    miss = Miss(program=result.programs[0], difference="row 0: 1, wanted 2")
    none = Result(task=result.task, miss=miss)
    assert not none
    assert none.code == ""
    assert "the nearest: df[df['a'] > 1] (row 0: 1, wanted 2)" in str(none)
    with pytest.raises(InputError, match="no program was found"):
        none(FRAME)


def test_html_shows_code_like_cells_as_text():
    frame = pd.DataFrame({"<script>alert(1)</script>": ["<img src=x onerror=alert(1)>"]})
    item = Program(code="df.head(1)", names=("df",))
    html = Result(task=Task.of(frame, frame), programs=(item,))._repr_html_()
    assert "<script" not in html
    assert "<img" not in html


def test_json_is_json_whatever_the_cells_hold():
    import json

    frame = pd.DataFrame(
        {"a": [np.nan, np.inf], "t": [pd.Timestamp("2024-01-01"), pd.NaT], "l": [[1, None], {"k": np.int64(2)}]}
    )
    text = json.dumps(report.table_json(frame), allow_nan=False)
    assert json.loads(text)["data"] == [[None, "2024-01-01T00:00:00", [1, None]], ["inf", None, {"k": 2}]]
    nested = []
    nested.append(nested)
    json.dumps(report.table_json(nested), allow_nan=False)


def test_steps_are_explained_with_the_table_that_each_makes():
    first = call("{0}.sort_values('a', ascending=False)", source(0), op="sort_values")
    second = call(
        "{0}.merge({1}, on='b')", first, call("{0}.rename(columns={{'a': 'c'}})", source(0), op="rename"), op="merge"
    )
    item = Program(code=program(second, ("df",)), names=("df",), expr=second)
    text = report.explained(item, (FRAME,))
    assert "#3 = #1.merge(#2, on='b')" in text
    assert "5 × 3" in text
    assert str(FRAME.sort_values("a", ascending=False)).splitlines()[1] in text
    assert difference(evaluate(item.code, {"df": FRAME}), item(FRAME)) == ""
