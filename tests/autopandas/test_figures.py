"""Figures of many rows: a guess that holds for all rows gives examples of few rows of the same program."""

import numpy as np
import pandas as pd
import pytest

from mlsys4sys.autopandas import figures, synthesize
from mlsys4sys.autopandas.problem import Task
from mlsys4sys.autopandas.verify import check, difference

ROWS = 20_000


def frame(seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "city": rng.choice(["Rome", "Oslo", "Bonn", "Lima"], ROWS, p=[0.1, 0.2, 0.3, 0.4]),
            "customer": rng.integers(0, ROWS // 10, ROWS),
            "amount": rng.normal(100, 30, ROWS).round(2),
            "qty": rng.integers(1, 60, ROWS),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, ROWS), unit="D"),
            "note": np.where(rng.random(ROWS) < 0.1, None, rng.choice(["a", "b", "c"], ROWS)),
        }
    )


FRAME = frame()

CODE = [
    "df['amount'].mean()",
    "df['note'].isna().sum()",
    "df['when'].max()",
    "(df['qty'] > 30).sum()",
    "df.loc[df['city'] == 'Rome', 'amount'].sum()",
    "df['city'].value_counts()",
    "df['city'].value_counts(normalize=True)",
    "df['city'].value_counts().to_dict()",
    "df['city'].unique().tolist()",
    "df.groupby('city')['amount'].mean()",
    "df.groupby('city', as_index=False)['amount'].sum()",
    "df.groupby('city')['amount'].sum().sort_values(ascending=False)",
    "df.groupby('customer')['amount'].sum().nlargest(5)",
    "df.groupby('city').agg(n=('customer', 'size'), top=('amount', 'max')).reset_index()",
    "df.groupby(['city', 'note'])['qty'].agg(['mean', 'max'])",
    "df.groupby(df['when'].dt.month)['amount'].sum()",
    "df.pivot_table(index='city', columns='note', values='amount', aggfunc='sum')",
    "df.pivot_table(index='city', columns='note', values='amount', aggfunc='mean').reset_index()",
    "pd.crosstab(df['city'], df['note'])",
    "df.isna().sum()",
    "df.nunique()",
    "df.describe()",
    "df[['amount', 'qty']].agg(['mean', 'max'])",
    "df[['amount', 'qty']].corr()",
]


def run(code, table):
    return eval(code, {"df": table, "pd": pd, "np": np})


@pytest.mark.parametrize("code", CODE)
def test_a_guess_gives_examples_of_the_program_that_has_few_rows(code):
    found = list(figures.reduced(FRAME, run(code, FRAME)))
    assert found
    agreeing = [
        guess
        for guess in found
        if all(not difference(run(code, FRAME.iloc[rows]), output) for rows, output in guess.examples)
    ]
    assert agreeing
    assert all(len(rows) < 300 for rows, _ in agreeing[0].examples)


@pytest.mark.parametrize(
    "output",
    [
        pytest.param(0.123456, id="a number that is no figure"),
        pytest.param(pd.Series([1.5, 2.5], index=["Rome", "Paris"]), id="a key that no row has"),
        pytest.param(pd.DataFrame({"city": ["Rome", "Oslo"], "amount": [1.0, 2.0]}), id="no figure of the groups"),
        pytest.param({"Rome": [1]}, id="lists"),
        pytest.param([], id="nothing"),
        pytest.param(pd.DataFrame(), id="an empty frame"),
    ],
)
def test_what_is_no_figure_gives_no_example(output):
    assert list(figures.reduced(FRAME, output)) == []


def test_lists_in_cells_and_repeated_labels_are_left_alone():
    odd = FRAME.assign(tags=[[1]] * ROWS)
    assert next(figures.reduced(odd, FRAME["amount"].mean())).examples
    twice = pd.concat([FRAME, FRAME], axis=1)
    assert list(figures.reduced(twice, 1.0)) == []


@pytest.mark.parametrize("code", ["df['amount'].mean()", "df.groupby('city')['amount'].sum()"])
def test_the_program_is_found_from_all_rows(code):
    wanted = run(code, FRAME)
    result = synthesize([FRAME], wanted, names=["df"], budget_s=20)
    assert check(result.code, Task.of([FRAME], wanted, names=["df"]))
    other = frame(1)
    assert not difference(result(other), run(code, other))
