"""Samples of large tables: consistent for the programs that they are made for, and right in the end on all rows."""

import time

import numpy as np
import pandas as pd
import pytest

from mlsys4sys.autopandas import sample
from mlsys4sys.autopandas.problem import Task
from mlsys4sys.autopandas.solution import Program, Result
from mlsys4sys.autopandas.verify import check, difference


def big(rows=20_000, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "id": rng.permutation(rows) + 1000,
            "customer": rng.integers(0, rows // 5, rows),
            "city": rng.choice(["Rome", "Oslo", "Bonn", "Lima"], rows),
            "amount": rng.normal(100, 30, rows).round(2),
            "qty": rng.integers(1, 60, rows),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, rows), unit="D"),
            "note": np.where(rng.random(rows) < 0.1, None, rng.choice(["a", "b", "c"], rows)),
        }
    )


def people(rows=20_000):
    rng = np.random.default_rng(1)
    keys = rng.permutation(rows // 5)[: rows // 6]
    return pd.DataFrame({"customer": keys, "name": [f"n{k % 97}" for k in keys]})


FRAME, PEOPLE = big(), people()

BY_ROWS = [
    "df[df['amount'] > 140.5]",
    "df[df['qty'] <= 3].reset_index(drop=True)",
    "df[(df['city'] == 'Rome') & (df['qty'] > 50)][['id', 'amount']]",
    "df.dropna(subset='note')",
    "df.sort_values('id')",
    "df.sort_values(['city', 'amount'], ascending=[True, False]).reset_index(drop=True)",
    "df.assign(total=df['amount'] * df['qty'])",
    "df.assign(size=np.where(df['qty'] > 30, 'large', 'small'))",
    "df['amount'].cumsum().head(10)",
    "df.head(7)",
    "df.nlargest(5, 'amount')",
    "df.set_index('id')[['amount']]",
    "df['city'].str.upper()",
    "df.fillna({'note': 'none'})",
]
BY_KEYS = [
    "df.loc[df.groupby('customer')['amount'].idxmax()]",
    "df.drop_duplicates('customer')",
    "df.groupby('customer', as_index=False)['amount'].sum()",
    "df.groupby('customer').agg(n=('id', 'size'), top=('amount', 'max'))",
    "df.pivot_table(index='customer', columns='city', values='amount', aggfunc='sum')",
    "df['customer'].value_counts().sort_index()",
    "df[['id', 'amount', 'qty']].melt(id_vars='id')",
    "df.groupby('customer').filter(lambda g: len(g) > 6)",
]
BY_KEYS_OF_TWO = [
    "df.merge(people, on='customer')",
    "df.merge(people, on='customer', how='left')[['id', 'name']]",
    "people.merge(df.groupby('customer', as_index=False)['amount'].sum(), on='customer')",
]


def consistent(code, inputs, names, kind):
    """Whether a reduced example of a kind is one of the program's."""
    wanted = Program(code=code, names=names)(*inputs)
    task = Task.of(inputs, wanted, names=names)
    found = []
    for strategy in sample._strategies(task):
        small = strategy.task() if isinstance(strategy, kind) else None
        if small is not None:
            assert sum(len(value) for value in small.examples[0].inputs) <= 1_000
            found.append(len(small.examples[0].output) > 0 and bool(check(code, small)))
    assert found, "no such strategy"
    return any(found)


@pytest.mark.parametrize("code", BY_ROWS)
def test_a_sample_of_rows_is_an_example_of_programs_that_look_at_rows(code):
    assert consistent(code, [FRAME], ["df"], sample._Rows)


@pytest.mark.parametrize("code", BY_KEYS)
def test_a_sample_of_keys_is_an_example_of_programs_that_look_at_groups(code):
    assert consistent(code, [FRAME], ["df"], sample._Keys)


@pytest.mark.parametrize("code", BY_KEYS_OF_TWO)
def test_a_sample_of_keys_runs_through_all_tables(code):
    assert consistent(code, [FRAME, PEOPLE], ["df", "people"], sample._Keys)


def wide():
    rng = np.random.default_rng(2)
    return FRAME.assign(**{f"x{i}": rng.normal(size=len(FRAME)) for i in range(13)})


@pytest.mark.parametrize(
    ("code", "columns"),
    [
        ("df[df['amount'] > 140.5]", {"amount"}),
        ("df[(df['city'] == 'Rome') & (df['qty'] > 50)]", {"city", "qty"}),
        ("df[df['x3'].abs() < 0.1].reset_index(drop=True)", {"x3"}),
        ("df[df['note'].isna()][['id', 'when']]", {"note", "id", "when"}),
    ],
)
def test_a_filter_of_a_wide_table_is_searched_on_the_columns_that_decide(code, columns):
    frame = wide()
    wanted = Program(code=code, names=("df",))(frame)
    task = Task.of(frame, wanted)
    small = next(s for s in sample._strategies(task) if isinstance(s, sample._Rows)).task()
    assert columns <= set(small.examples[0].inputs[0].columns)
    assert small.examples[0].inputs[0].shape[1] <= 7
    assert check(code, small)


@pytest.mark.parametrize(
    ("code", "columns"),
    [
        ("df.groupby('city')['amount'].mean()", ["id", "city", "amount"]),
        ("df.groupby('city').agg(total_amount=('amount', 'sum'), top=('qty', 'max'))", ["id", "city", "amount"]),
        ("df['city'].value_counts().rename_axis(None).rename(None)", ["id", "city"]),
        ("df['amount'].mean()", ["id", "amount"]),
        ("df['qty'].nunique()", ["id", "qty"]),
    ],
)
def test_a_few_large_groups_are_searched_on_the_columns_that_are_named(code, columns):
    wanted = Program(code=code, names=("df",))(FRAME)
    *_, narrow = sample._strategies(Task.of(FRAME, wanted))
    assert list(narrow.task().examples[0].inputs[0].columns) == columns
    assert len(narrow.task().examples[0].inputs[0]) == len(FRAME)


def picking(codes, seen):
    """A solver that knows a few programs."""

    def solve(task, budget_s):
        seen.append(sum(len(value) for value in task.examples[0].inputs))
        right = [code for code in codes if check(code, task)]
        programs = tuple(Program(code=code, names=task.names, verified=True, score=1 / len(right)) for code in right)
        return Result(task=task, programs=programs, tried=len(codes))

    return solve


def test_rows_that_a_wrong_program_misses_join_the_sample():
    frame = FRAME.copy()
    wanted = frame[(frame["qty"] != 17) | (frame["amount"] > 60)]
    guesses = ["df", "df[df['qty'] != 17]", "df[(df['qty'] != 17) | (df['amount'] > 60)]"]
    seen = []
    result = sample.solved(Task.of(frame, wanted), picking(guesses, seen), 10)
    assert [p.code for p in result.programs] == guesses[2:]
    assert max(seen) < 1_000, "never searched on all rows"
    assert result.programs[0].score == 1.0
    assert len(result.task.examples[0].inputs[0]) == len(frame)


def test_a_program_that_holds_on_the_sample_alone_is_not_returned():
    seen = []
    task = Task.of(FRAME, FRAME.iloc[100:])
    assert not sample.solved(task, picking(["df.head(0)", "df"], seen), 5)


def test_what_no_sample_answers_is_searched_on_all_rows():
    seen = []
    codes = ["df['amount'].mean()", "df.assign(z=df['amount'] - df['amount'].mean())"]
    assert sample.solved(Task.of(FRAME, FRAME["amount"].mean()), picking(codes, seen), 5).code == codes[0]
    wanted = Program(code=codes[1], names=("df",))(FRAME)
    assert sample.solved(Task.of(FRAME, wanted), picking(codes, seen), 5).code == codes[1]
    assert seen[-1] == len(FRAME)


def test_small_tables_are_not_sampled():
    assert not sample.large(Task.of(FRAME.head(500), 1))
    assert sample.large(Task.of(FRAME, 1))


def test_sampling_100_000_rows_of_20_columns_takes_little_time():
    frame = pd.concat([big(100_000, seed).add_suffix(str(seed)) for seed in range(3)], axis=1).iloc[:, :20]
    wanted = frame[frame["qty1"] > 30]
    started = time.thread_time()
    strategy = next(sample._strategies(Task.of(frame, wanted)))
    assert strategy.task() is not None
    assert time.thread_time() - started < 3.0
    assert difference(frame, frame) == ""


@pytest.mark.parametrize(
    ("code", "bounded"),
    [
        ("df.groupby('city')['amount'].sum()", True),
        ("df.sort_values('id').assign(total=df['amount'] * df['qty'])", True),
        ("df.merge(df, on='city')['city'].drop_duplicates()", False),
    ],
)
def test_a_program_that_outgrows_memory_is_not_run_on_all_rows(code, bounded):
    task = Task.of(FRAME, FRAME["amount"].sum())
    assert sample._bounded(Program(code=code, names=("df",)), task) == bounded
