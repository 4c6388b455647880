"""Tables that wish us ill, or that nobody thought of: a clear outcome, nothing run, nothing changed."""

import datetime
import decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlsys4sys.autopandas import synthesize
from mlsys4sys.autopandas.problem import copied
from mlsys4sys.autopandas.verify import difference
from mlsys4sys.errors import InputError

MARK = "stolen-by-a-cell"
TEXTS = [
    f"__import__('pathlib').Path('{MARK}').touch()",
    f"'); __import__('pathlib').Path('{MARK}').touch(); ('",
    f"{{0.__class__.__init__.__globals__}}{MARK}",
    '"""',
    "'\"\\",
    "a\nimport os",
    "}{",
    "{0}",
    "#",
    "=cmd|' /C calc'!A0",
    "inp0",
    "wanted",
    "p0",
    "%s",
    "\x00",
    "é😀",
    "",
    " ",
    "nan",
]


@pytest.fixture(autouse=True)
def nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    assert not list(Path().iterdir())


def solved(inputs, wanted, **options):
    """The result, after making sure that the inputs were left alone and that what was found is right."""
    before = [copied(value) for value in inputs]
    result = synthesize(inputs, wanted, budget_s=options.pop("budget_s", 3.0), **options)
    for old, new in zip(before, inputs, strict=True):
        assert difference(new, old) == ""
    for item in result.programs:
        assert difference(item(*inputs), wanted) == ""
    return result


def test_labels_that_look_like_code_are_labels():
    frame = pd.DataFrame({text: range(i, i + 3) for i, text in enumerate(TEXTS)})
    wanted = frame[[TEXTS[0], TEXTS[6], TEXTS[7]]]
    result = solved([frame], wanted)
    assert result
    other = frame + 1
    assert difference(result(other), other[list(wanted.columns)]) == ""


def test_cells_that_look_like_code_are_cells():
    frame = pd.DataFrame({"text": TEXTS, "n": range(len(TEXTS))})
    assert solved([frame], frame[frame["text"].str.len() > 5])
    assert solved([frame], frame.set_index("text").T)
    twice = pd.concat([frame, frame], ignore_index=True)
    assert solved([twice], twice.groupby("text", as_index=False)["n"].sum())


def test_names_that_are_no_names_are_refused():
    frame = pd.DataFrame({"a": [1]})
    for name in ("a b", "x; import os", "pd", "result", "", "class\n"):
        with pytest.raises(InputError, match="cannot name an input"):
            synthesize([frame], frame, names=[name])


def test_what_cannot_be_worked_on_is_refused_at_once():
    nested = [1]
    nested.append(nested)
    looped = {}
    looped["again"] = looped
    deep = []
    for _ in range(1000):
        deep = [deep]
    for value, words in [
        (pd.DataFrame(np.zeros((2, 100_000))), "100,000 columns"),
        (pd.DataFrame({"a": ["x" * 2_000_000]}), "2,000,000 characters"),
        (pd.DataFrame({"a": [nested, 2]}), "column 'a', row 0: nested"),
        (pd.Series([looped]), "nested"),
        (pd.DataFrame({"a": [1]}, index=pd.Index([("x" * 1_000_001)])), "row label 0: a text"),
        (deep, "nested"),
    ]:
        with pytest.raises(InputError, match=words) as caught:
            synthesize([value], 1)
        assert "\n" not in str(caught.value)
        with pytest.raises(InputError, match="the output"):
            synthesize([pd.DataFrame({"a": [1]})], value)


def test_long_texts_are_compared_and_not_looked_into():
    frame = pd.DataFrame({"a": ["x" * 100_000, "y" * 100_000, "z"], "n": [3, 1, 2]})
    result = solved([frame], frame.sort_values("n"))
    assert result.code == "df.sort_values('n')"


MIXED = [1, "x", None, 3.5, True, pd.Timestamp("2024"), [1], {"k": 1}, b"x", decimal.Decimal("1.5"), len, pd.NaT]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (pd.DataFrame({"a": MIXED, "n": range(12)}), pd.DataFrame({"a": MIXED, "n": range(12)}).head(5)),
        (pd.DataFrame(), pd.DataFrame()),
        (pd.DataFrame({"a": [], "b": []}), pd.DataFrame({"a": []})),
        (pd.DataFrame({"a": [1, 2], "b": [1, 1]}), pd.DataFrame({"a": [1, 2], "b": [1, 1]}).iloc[:0]),
        (pd.DataFrame([[1, 2, 3], [4, 5, 6]], columns=["a", "a", "b"]), pd.DataFrame([[3], [6]], columns=["b"])),
        (pd.DataFrame({"a": [1, 2, 3]}, index=["x", "x", "y"]), pd.DataFrame({"a": [3, 3]}, index=["x", "y"])),
        (pd.DataFrame({"a": [np.inf, -np.inf, 1]}), pd.DataFrame({"a": [1.0]}, index=[2])),
        (pd.DataFrame({"a": [10**30, 1]}), pd.DataFrame({"a": [1]}, index=[1])),
        (pd.DataFrame({"a": [1 + 2j, 3]}), pd.DataFrame({"a": [3 + 0j]}, index=[1])),
        (pd.DataFrame([[1, 2]], columns=[np.nan, "a"]), pd.DataFrame([[2]], columns=["a"])),
        (
            pd.DataFrame({"t": pd.period_range("2024", periods=3, freq="M"), "v": [1, 2, 3]}),
            pd.Series([1, 2, 3], name="v"),
        ),
        (pd.Series(pd.interval_range(0, 3)), pd.Series(pd.interval_range(0, 3)).head(1)),
        (pd.DataFrame({"a": [1]}, index=pd.MultiIndex.from_tuples([("x",)])), pd.DataFrame({"a": [1]})),
        (np.zeros((2, 2, 2)), np.zeros((2, 2))),
        (datetime.date(2024, 1, 1), 2024),
        (len, 1),
        (None, None),
    ],
)
def test_odd_values_end_with_a_clear_outcome(given, wanted):
    result = solved([given], wanted, budget_s=1.0)
    assert result or "no program was found" in str(result)
