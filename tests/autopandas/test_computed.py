"""Keys that are computed are read off the goal, and what is grouped, pivoted or counted by them is found."""

import pandas as pd
import pytest

from mlsys4sys.autopandas import synthesize
from mlsys4sys.autopandas.expression import evaluate, source
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.memo import Memo
from mlsys4sys.autopandas.ops.computed import computed_keys, keyed
from mlsys4sys.autopandas.ops.keys import derived_keys
from mlsys4sys.autopandas.perturb import mixed
from mlsys4sys.autopandas.table import Codebook, Table
from mlsys4sys.autopandas.verify import difference

HOURS = [0, 849, 25, 2188, 2889, 840, 2212, 3033]

RIDES = pd.DataFrame(
    {
        "rider": ["dora", "ed", "dan", "flo", "eva", "finn", "don", "fay"],
        "plan": ["day", "year", "day", "day", "year", "year", "day", "year"],
        "km": [3, 12, 7, 25, 18, 31, 9, 14],
        "paid": [2.5, 4.0, 3.5, 8.0, 1.0, 6.5, 5.0, 7.5],
        "built": [1994, 2003, 1987, 2011, 1999, 1985, 2008, 2016],
        "at": pd.Timestamp("2024-01-02 08:15") + pd.to_timedelta(HOURS, unit="h"),
    }
)

LONG = "labels=['short', 'far', 'touring']"


def goal_of(program: str, book: Codebook) -> tuple[Table, Goal]:
    return Table(RIDES, source(0), book), Goal.of(evaluate(program, {"df": RIDES}), book)


@pytest.mark.parametrize(
    ("program", "key"),
    [
        ("df.groupby(df['rider'].str[0])['paid'].sum()", "{0}['rider'].str[0]"),
        ("df.groupby(df['rider'].str.len())['paid'].mean()", "{0}['rider'].str.len()"),
        ("df.groupby(df['built'] // 10 * 10).size()", "{0}['built'] // 10 * 10"),
        ("df.groupby(df['km'] % 2)['paid'].sum()", "{0}['km'] % 2"),
        ("pd.crosstab(df['km'] > 10, df['plan'])", "{0}['km'] > 10"),
        (
            f"df.groupby(pd.cut(df['km'], [0, 10, 20, np.inf], {LONG}))['paid'].mean()",
            f"pd.cut({{0}}['km'], [0, 10, 20, np.inf], {LONG})",
        ),
        ("df.groupby(df['at'].dt.to_period('Q').astype(str)).size()", "{0}['at'].dt.to_period('Q').astype(str)"),
    ],
)
def test_the_goal_shows_a_key(program: str, key: str) -> None:
    table, goal = goal_of(program, Codebook())
    assert key in [found.text for found in (*derived_keys(table, goal), *computed_keys(table, goal))]


def test_where_all_is_in_the_table_nothing_is_computed() -> None:
    table, goal = goal_of("df.groupby('plan')['paid'].sum()", Codebook())
    assert not computed_keys(table, goal, across=True)
    assert not list(keyed(table, goal))


def test_a_table_gets_both_keys_where_two_are_shown() -> None:
    book = Codebook()
    table, goal = goal_of("pd.crosstab(df['at'].dt.hour, df['at'].dt.month_name())", book)
    first = next(keyed(table, goal))
    made = Memo((RIDES,), book).value(first)
    assert {8, 12, 17} <= set(made["at"]) | set(made.iloc[:, -1])
    assert "January" in {*made["at"], *made.iloc[:, -1]}


@pytest.mark.parametrize(
    "program",
    [
        f"df.pivot_table(index='plan', columns=pd.cut(df['km'], [0, 10, 20, np.inf], {LONG}), values='paid')",
        "df.pivot_table(index='plan', columns=df['at'].dt.to_period('Q').astype(str), values='paid', aggfunc='sum')",
        "df.groupby([pd.Grouper(key='at', freq='MS'), 'plan'])['km'].sum().unstack(fill_value=0)",
        "pd.crosstab(df['built'] // 10 * 10, df['plan'])",
        "df['at'].dt.floor('h').value_counts().idxmax()",
        "df['rider'].str[-1].mode()[0]",
        "df.assign(cost=df['km'] * df['paid']).pivot_table(index='hour', columns='plan', values='cost', aggfunc='sum')",
    ],
)
def test_what_is_grouped_by_computed_keys_is_found(program: str) -> None:
    frame = RIDES.assign(hour=RIDES["at"].dt.hour) if "'hour'" in program else RIDES
    result = synthesize(frame, evaluate(program, {"df": frame}), budget_s=8, names=["df"])
    others = [mixed((frame,), seed)[0] for seed in range(3)]

    def agrees(answer) -> bool:
        try:
            return not any(difference(answer(other), evaluate(program, {"df": other})) for other in others)
        except (ValueError, KeyError, TypeError):
            return False

    assert any(map(agrees, result.programs)), result
