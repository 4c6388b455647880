"""The whole way: from the example of a known program to a program that gives the same, on seeds nobody chose."""

import numpy as np
import pandas as pd
import pytest

from mlsys4sys.autopandas import meant, synthesize
from mlsys4sys.autopandas.examples import draw
from mlsys4sys.autopandas.expression import evaluate
from mlsys4sys.autopandas.perturb import mixed
from mlsys4sys.autopandas.solution import Program
from mlsys4sys.autopandas.verify import check, difference

TASKS = 32


@pytest.mark.parametrize("part", range(4))
def test_the_example_of_one_call_is_answered(part):
    """Of 300 such tasks 299 were; a part of eight may miss one."""
    missed = []
    for number in range(TASKS // 4):
        known = draw(np.random.default_rng([1234, part, number]), 1)
        assert known is not None
        example = known.task.examples[0]
        result = synthesize(list(example.inputs), example.output, names=known.task.names, budget_s=10)
        if not result:
            missed.append(known.expr.text)
        else:
            assert check(result.code, known.task)
    assert len(missed) <= 1, missed


PEOPLE = pd.DataFrame(
    {
        "team": ["x", "x", "y", "x", "y", "y", "z"],
        "mark": [None, "p", "q", "r", "s", None, "t"],
        "tag": ["d", "b", "a", "b", "d", "a", "e"],
        "points": [7, 0, 3, 0, 9, 0, 5],
        "pair": ["k", "k", "l", "l", "m", "m", "n"],
        "ok": [True, True, True, False, True, True, False],
        "words": [["a", "b"], ["c"], ["e", "d"], ["a"], ["f", "g"], ["b"], ["c", "d"]],
        "day": ["2024-01-03", "2024-02-01", "2024-02-20", "2024-03-05", "2024-03-09", "2024-04-01", "2024-05-05"],
        "time": ["10:30", "23:05", "00:15", "12:00", "08:45", "09:10", "17:20"],
        "epoch": [1704067200, 1704070800, 1704153600, 1704157200, 1704240000, 1704243600, 1704330000],
        "left": [3.0, None, 4.0, 8.0, None, 6.0, None],
    }
)


@pytest.mark.parametrize(
    ("labels", "program"),
    [
        (["team", "mark"], "df.assign(mark=df.groupby('team')['mark'].transform(lambda s: s.ffill().bfill()))"),
        (["team", "tag"], "df.groupby('team')['tag'].agg(lambda s: '/'.join(sorted(s.unique())))"),
        (["team", "points"], "df.assign(points=df['points'].replace(0, np.nan).ffill())"),
        (["team", "points"], "(df['points'].sum(), df['team'].nunique())"),
        (["points"], "df['points'].agg(['min', 'mean', 'max'])"),
        (["team", "points"], "' | '.join(df['team'] + '=' + df['points'].astype(str))"),
        (["team", "words"], "df.assign(words=df['words'].str.join('/'))"),
        (["team", "words"], "df.assign(first=df['words'].str[0])"),
        (["day", "time"], "df.assign(at=pd.to_datetime(df['day'] + ' ' + df['time']))"),
        (["team", "epoch"], "df.assign(at=pd.to_datetime(df['epoch'], unit='s'))"),
        (["points", "left"], "df[['points', 'left']].apply(lambda row: row.dropna().tolist(), axis=1)"),
        (["points", "left", "team"], "df.assign(left=df['left'].fillna(df['points'] * 2))"),
        (["tag", "points"], "df.groupby((df['tag'] == 'd').cumsum())['points'].sum()"),
        (["points"], "df.index[df['points'] > 4].tolist()"),
        (["team", "words"], "df.assign(words=df['words'].apply(sorted))"),
        (["team", "points"], "df.groupby('team')['points'].agg(['min', 'sum']).to_dict('index')"),
        (["tag"], "df['tag'].value_counts(normalize=True).round(2).to_dict()"),
        (["team", "points"], "df.groupby('team')['points'].mean().round(1).tolist()"),
        (["pair", "ok"], "df[df['ok'].groupby(df['pair']).transform('all')]"),
    ],
)
def test_what_people_ask_is_among_the_answers(labels: list[str], program: str) -> None:
    frame = PEOPLE[labels]
    result = synthesize(frame, evaluate(program, {"df": frame}), budget_s=8, names=["df"])
    others = [mixed((frame,), seed)[0] for seed in range(3)]
    assert any(all(_agree(answer, program, other) for other in others) for answer in result.programs), result


def test_columns_of_two_tables_with_the_same_labels_are_calculated_with() -> None:
    one = pd.DataFrame({"x": [5, 9, 7, 2]}, index=list("abcd"))
    two = pd.DataFrame({"x": [1, 2, 5, 4], "y": [2, 2, 8, 1]}, index=list("abcd"))
    assert synthesize([one, two], one["x"] - two["x"]).code == "df1['x'] - df2['x']"
    keyed = [frame.reset_index(names="k") for frame in (one, two.iloc[::-1])]
    wanted = keyed[0].merge(keyed[1][["k", "y"]], on="k").assign(d=lambda both: both["x"] * both["y"])[["k", "d"]]
    assert "merge" in synthesize(keyed, wanted).code


def _agree(answer: Program, program: str, frame: pd.DataFrame) -> bool:
    try:
        return not difference(answer(frame), evaluate(program, {"df": frame}))
    except (ValueError, KeyError, TypeError):
        return False


ORDERS = pd.DataFrame(
    {
        "order": [11, 12, 13, 14, 15, 16, 17, 18],
        "cust": list("abacbacd"),
        "amt": [10.0, 25.0, 5.0, 40.0, 15.0, 30.0, 20.0, 7.0],
        "pieces": [2, 1, 5, 3, 4, 1, 2, 6],
        "tip": [1.0, np.nan, 0.5, 2.0, 1.5, np.nan, 3.0, 1.0],
    }
)


@pytest.mark.parametrize(
    "program",
    [
        "df.groupby('cust')['amt'].sum().loc[lambda s: s > 40]",
        "df['cust'].value_counts().loc[lambda s: s > 1]",
        "df.isna().sum().loc[lambda s: s > 0]",
        "df.groupby('cust').apply(lambda g: np.average(g['amt'], weights=g['pieces']))",
        "df.groupby('cust').apply(lambda g: np.average(g['amt'], weights=g['pieces'])).reset_index(name='price')",
        "df.groupby('cust')['amt'].agg(lambda s: s.nlargest(2).sum())",
        "df.groupby('cust')['order'].agg(lambda s: ' > '.join(s.astype(str)))",
    ],
)
def test_a_series_of_figures_is_cut_sorted_weighted_and_joined(program: str) -> None:
    result = synthesize(ORDERS, evaluate(program, {"df": ORDERS}), budget_s=8, names=["df"])
    others = [mixed((ORDERS,), seed)[0] for seed in range(3)]
    assert any(all(_agree(answer, program, other) for other in others) for answer in result.programs), result


def test_totals_of_rows_are_sorted() -> None:
    frame = ORDERS[["order", "amt", "pieces"]]
    wanted = frame.set_index("order").sum(axis=1).sort_values(ascending=False)
    assert (
        synthesize(frame, wanted, names=["df"]).code == "df.set_index('order').sum(axis=1).sort_values(ascending=False)"
    )


def test_nothing_is_found_where_there_is_nothing():
    result = synthesize([pd.DataFrame({"a": [1, 2, 3]})], pd.DataFrame({"z": ["p", "q"] * 40}), budget_s=1)
    assert not result
    assert result.code == ""


def test_what_was_found_is_returned_when_ranking_is_interrupted(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(meant, "rank", interrupted)
    frame = pd.DataFrame({"a": [3, 1, 2], "b": list("xyz")})
    result = synthesize([frame], frame.sort_values("a"), budget_s=5)
    assert result.stopped == "interrupted"
    assert check(result.code, result.task)
