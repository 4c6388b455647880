"""Programs are printed as they are run, and constants cannot become code."""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys4sys.autopandas.expression import COMPARE, SUM, Expr, assign, call, column, evaluate, literal, program, source
from mlsys4sys.errors import InputError

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False),
    st.text(),
    st.dates(datetime.date(1900, 1, 1), datetime.date(2100, 1, 1)).map(pd.Timestamp),
)


@given(st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)))
def test_a_literal_is_the_value_again(value):
    assert evaluate(program(call(literal(value)), []), {}) == value


@given(st.text(min_size=1))
def test_no_label_becomes_code(label):
    frame = pd.DataFrame({label: [1, 2]})
    made = assign(source(0), label, Expr("{0} + 1", (column(source(0), label),), SUM))
    assert evaluate(program(made, ["df"]), {"df": frame})[label].tolist() == [2, 3]


def test_a_part_that_is_used_twice_gets_a_name():
    sorted_ = call("{0}.sort_values('a')", source(0), op="sort_values")
    condition = Expr("{0} > 1", (column(sorted_, "a"),), COMPARE)
    kept = Expr("{0}[{1:arg}]", (sorted_, condition), op="mask")
    assert program(kept, ["df"]) == "ordered = df.sort_values('a')\nresult = ordered[ordered['a'] > 1]"
    frame = pd.DataFrame({"a": [3, 1, 2]})
    assert evaluate(program(kept, ["df"]), {"df": frame})["a"].tolist() == [2, 3]


def test_a_part_used_twice_by_one_template_gets_a_name():
    made = call("{0}.head(2)", source(0), op="head")
    twice = call("{0}.loc[:, ~{0}.columns.duplicated()]", made, op="drop_duplicates")
    assert program(twice, ["df"]).startswith("step = df.head(2)\n")


def test_parentheses_stand_where_they_are_needed_and_nowhere_else():
    total = Expr("{0} + {1}", (column(source(0), "a"), column(source(0), "b")), SUM)
    assert Expr("{0:product} * 2", (total,)).text == "(inp0['a'] + inp0['b']) * 2"
    assert call("np.sqrt({0:arg})", total).text == "np.sqrt(inp0['a'] + inp0['b'])"


def test_shared_parts_cost_once():
    part = call("{0}.head(2)", source(0), op="head", cost=2.0)
    assert call("{0}.add({1})", part, part, cost=1.0).total == 3.0


def test_what_has_no_literal_is_refused():
    with pytest.raises(InputError, match="no literal"):
        literal(object())


def test_numpy_scalars_print_as_python():
    assert literal([np.int64(3), np.float64(0.5), np.bool_(True)]) == "[3, 0.5, True]"
