"""The structural calls: what one call makes is proposed, and what is proposed runs, stays small and is quick."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlsys4sys.autopandas import ops
from mlsys4sys.autopandas.expression import source
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.memo import Failed, Memo
from mlsys4sys.autopandas.table import Codebook, Table, same

SEEDS = st.integers(0, 2**32 - 1)

CITIES = ["Oslo", "Rome", "Lima", "Cairo", "Paris"]
TEAMS = ["red", "blue", "green"]


def a_table(rng: np.random.Generator) -> pd.DataFrame:
    """Keys ``k`` and ``c``, numbers ``v`` and ``w``, unique text ``name``, days ``day``."""
    n = int(rng.integers(5, 11))
    names = rng.permutation(["ann", "bob", "cid", "dora", "eve", "finn", "gus", "hal", "ida", "jon"])[:n]
    return pd.DataFrame(
        {
            "k": rng.choice(TEAMS, n),
            "c": rng.choice(CITIES[: int(rng.integers(2, 5))], n),
            "v": rng.integers(1, 60, n),
            "w": np.round(rng.normal(20, 9, n), 2),
            "name": names.astype(str),
            "day": pd.Timestamp("2024-01-29") + pd.to_timedelta(np.sort(rng.choice(60, n, replace=False)), unit="D"),
        }
    )


def with_gaps(rng: np.random.Generator) -> pd.DataFrame:
    """Numbers and text with missing cells, never a whole row or column."""
    n = int(rng.integers(6, 10))
    frame = pd.DataFrame(
        {
            "k": rng.choice(TEAMS, n),
            "v": rng.integers(1, 40, n).astype(float),
            "w": rng.integers(50, 90, n) / 2,
            "s": rng.choice(CITIES, n),
        }
    )
    for label, share in (("v", 0.35), ("w", 0.25), ("s", 0.2)):
        holes = rng.random(n) < share
        holes[int(rng.integers(n))] = False
        holes[[1, 4]] = [label == "v", label == "w"]
        frame.loc[holes, label] = np.nan
    return frame


def numbers(rng: np.random.Generator) -> pd.DataFrame:
    """Numbers alone, rows labelled."""
    n = int(rng.integers(4, 8))
    rows = pd.Index(list("pqrstuvw")[:n])
    return pd.DataFrame(rng.integers(1, 90, (n, 3)) * rng.choice([1.0, 0.5]), index=rows, columns=["a", "b", "c"])


def wide(rng: np.random.Generator) -> pd.DataFrame:
    """A row a student, a column a subject."""
    n = int(rng.integers(3, 6))
    frame = pd.DataFrame(rng.integers(10, 99, (n, 3)), columns=["math", "art", "music"])
    frame.insert(0, "student", ["ann", "bob", "cid", "dora", "eve"][:n])
    return frame


def numbered(rng: np.random.Generator) -> pd.DataFrame:
    """Labels that are a stub and a year."""
    n = int(rng.integers(3, 5))
    frame = pd.DataFrame(rng.integers(10, 99, (n, 4)), columns=["a2019", "a2020", "b2019", "b2020"])
    frame.insert(0, "id", np.arange(1, n + 1))
    return frame


def packed(rng: np.random.Generator) -> pd.DataFrame:
    """Several words a cell, and lists."""
    n = int(rng.integers(3, 6))
    words = [
        ",".join(rng.choice(["tea", "milk", "bun", "jam"], int(rng.integers(1, 4)), replace=False)) for _ in range(n)
    ]
    words[0] = "tea,jam"
    frame = pd.DataFrame({"id": np.arange(n) + 10, "tags": words, "pair": [f"x{i}-y{i * i}" for i in range(n)]})
    frame["items"] = [word.split(",") for word in words]
    return frame


def second(rng: np.random.Generator) -> pd.DataFrame:
    """A table to look ``k`` and ``c`` up in."""
    return pd.DataFrame({"k": rng.permutation(TEAMS), "boss": ["zoe", "yan", "xia"], "rate": rng.integers(2, 9, 3) / 4})


GROUP = """
t.assign(total=t['v'] * t['w']).groupby('k')['total'].sum()
t.assign(total=t['v'] - t['w']).groupby('k', as_index=False)['total'].mean()
t.groupby('k')['c'].unique().apply(list)
t.groupby('k')['v'].mean().round(1)
t.groupby('k')['v'].sum()
t.groupby('k', as_index=False)['v'].sum()
t.groupby('k')['v'].mean().reset_index()
t.groupby('k')[['v', 'w']].mean()
t.groupby('k', as_index=False)[['v', 'w']].max()
t.groupby(['k', 'c'])['v'].sum()
t.groupby(['k', 'c'], as_index=False)['w'].mean()
t.groupby('k').size()
t.groupby('k').size().reset_index(name='n')
t.groupby('k', as_index=False).size()
t.groupby(['k', 'c']).size()
t.groupby(['k', 'c']).size().reset_index(name='count')
t.groupby('k').agg({'v': 'sum', 'w': 'max'})
t.groupby('k', as_index=False).agg({'v': 'min', 'w': 'mean'})
t.groupby('k').agg(total=('v', 'sum'), most=('w', 'max'))
t.groupby('k', as_index=False).agg(total=('v', 'sum'), n=('name', 'count'))
t.groupby('k', as_index=False).agg(**{'Total value': ('v', 'sum'), 'Mean': ('w', 'mean')})
t.groupby('k')['v'].agg(['min', 'max'])
t.groupby('k')['v'].agg(['sum', 'mean', 'count']).reset_index()
t.groupby('k')[['v', 'w']].agg(['min', 'max'])
t.groupby('k').agg({'v': ['sum', 'mean'], 'w': ['max']})
t.groupby('k', sort=False)['v'].sum()
t.groupby('k', sort=False, as_index=False)['v'].max()
t.groupby('k')['v'].median()
t.groupby('k')['w'].std()
t.groupby('k')['c'].nunique()
t.groupby('k')['name'].first()
t.groupby('k')['name'].last().reset_index()
t.groupby('k')['name'].agg(list)
t.groupby('k', as_index=False)['name'].agg(list)
t.groupby('k')['name'].agg(', '.join)
t.groupby('k')['name'].agg('-'.join).reset_index()
t.groupby('k')['name'].agg(','.join).reset_index(name='all')
t.groupby('k')['day'].max()
t.groupby('k')['day'].agg(['min', 'max'])
t.groupby('k').sum(numeric_only=True)
t.groupby('k').mean(numeric_only=True).reset_index()
t.groupby('k').first()
t.groupby(t['day'].dt.month)['v'].sum()
t.groupby(np.arange(len(t)) // 2)['v'].sum()
t.groupby('k')['v'].sum().to_dict()
t.groupby('k')['name'].agg(list).to_dict()
t.groupby('k')['v'].sum().tolist()
t.set_index('k').groupby(level=0)['v'].sum()
t.groupby('k')['c'].value_counts()
t.groupby('k')['c'].value_counts(normalize=True)
t.groupby('k')['v'].describe()
t.groupby(t['day'].dt.to_period('M'))['v'].sum()
t.groupby(pd.Grouper(key='day', freq='MS'))['v'].sum()
t.groupby(['k', pd.Grouper(key='day', freq='ME')])['v'].sum()
t.groupby('k')['v'].quantile(0.75)
t.groupby('k')['v'].agg(lambda s: s.max() - s.min())
t.groupby('k')['v'].idxmax()
t.groupby('k')['c'].agg(set)
t.groupby('k')['c'].agg(lambda s: s.mode()[0])
t.groupby('k', as_index=False).agg(low=('v', 'min'), spread=('w', lambda s: s.max() - s.min()))
t.groupby(t['day'].dt.strftime('%Y-%m'))['v'].sum().reset_index()
t.set_index('day').resample('MS')['v'].sum()
t.resample('ME', on='day')['v'].mean()
t.resample('W', on='day')['v'].sum()
t.resample('D', on='day')['v'].sum().reset_index()
t.set_index('day')[['v', 'w']].resample('W').mean()
t.set_index('day').asfreq('D')
t.set_index('day').asfreq('D').reset_index()
t.groupby('k')['v'].rolling(2).sum()
t.groupby('k')['v'].nlargest(2)
t.groupby('k')['v'].agg(['min', 'max']).T
t.groupby('k')['day'].agg(lambda s: s.max() - s.min())
t.groupby('k')['c'].agg(lambda s: (s == 'Oslo').sum())
t.groupby('k')['v'].sum() / t['v'].sum()
t.groupby('k')['v'].sum().idxmax()
t.groupby('c')['w'].mean().max()
t[['k', 'c', 'name']].agg('-'.join, axis=1)
t.groupby(pd.cut(t['v'], [0, 20, 40, 60]))['w'].mean()
"""

GROUPWISE = """
t.groupby('k')['v'].transform('sum')
t.groupby('k')['w'].transform('mean')
t.groupby('k')[['v', 'w']].transform('max')
t.groupby('k')['v'].cumsum()
t.groupby('k')[['v', 'w']].cumsum()
t.groupby('k')['v'].rank()
t.groupby('k')['v'].rank(method='dense', ascending=False)
t.groupby('k')['v'].shift()
t.groupby('k')['v'].diff()
t.groupby('k').cumcount()
t.groupby('k').cumcount() + 1
t.groupby('k').ngroup()
t['v'] / t.groupby('k')['v'].transform('sum')
t['v'] - t.groupby('k')['v'].transform('mean')
t.groupby('k')['v'].cummax()
t.groupby('k')['v'].pct_change()
"""

FLAT = """
joined(t.pivot_table(index='k', columns='c', values=['v', 'w'], aggfunc='sum'))
joined(t.pivot_table(index='k', columns='c', values=['v', 'w'])).reset_index()
"""

CROSSING = """
t.pivot_table(index='k', columns='c', values='v', aggfunc='sum')
t.pivot_table(index='k', columns='c', values='v')
t.pivot_table(index='k', columns='c', values='v', aggfunc='sum', fill_value=0)
t.pivot_table(index='k', columns='c', values='v', aggfunc='max').reset_index()
t.pivot_table(index='k', columns='c', values='name', aggfunc='count', fill_value=0)
pd.crosstab(t['k'], t['c'])
pd.crosstab(t['k'], t['c'], normalize='index')
pd.crosstab(t['k'], t['c'], normalize=True)
pd.crosstab(t['k'], t['c'], margins=True)
t.groupby(['k', 'c']).size().unstack(fill_value=0)
t.groupby(['k', 'c'])['v'].sum().unstack()
t.groupby(['k', 'c'])['v'].mean().unstack().reset_index()
t.drop_duplicates(['k', 'c']).pivot(index='k', columns='c', values='v')
t.pivot_table(index='k', columns='c', values=['v', 'w'], aggfunc='sum')
t.pivot(index='name', columns='k', values='v')
t.pivot(index='name', columns='k', values='v').fillna(0)
t.pivot(index='name', columns='k', values='v').reset_index()
t.pivot(index='name', columns='k', values=['v', 'w'])
t.pivot_table(index=['k', 'c'], columns='name', values='v', aggfunc='sum')
t.assign(n=t.groupby('k').cumcount()).pivot(index='k', columns='n', values='v')
t.pivot_table(index='k', columns='c', values='v', aggfunc='sum', margins=True)
t.pivot_table(index='k', values=['v', 'w'], aggfunc='mean')
t.pivot_table(index='k', values='v', aggfunc='sum').reset_index()
t.pivot_table(index='name', columns=['k', 'c'], values='v')
t.pivot_table(index='k', columns='c', values='v', aggfunc='sum').add_prefix('v_')
t.pivot_table(index='k', columns='c', values='v', aggfunc='sum').add_prefix('v_').reset_index()
t.groupby(['k', 'c'])['v'].sum().unstack(level=0)
"""

RESHAPE = """
t.melt(id_vars='student')
t.melt(id_vars='student', var_name='subject', value_name='mark')
t.melt(id_vars='student', value_vars=['math', 'art'])
t.melt()
t.set_index('student').stack()
t.set_index('student').stack().reset_index()
t.set_index('student').rename_axis(columns='subject').stack().reset_index(name='mark')
t.set_index('student').T
t.set_index('student').T.reset_index()
t.T
t.set_index('student').unstack()
"""

DUMMIES = """
pd.get_dummies(t['k'])
pd.get_dummies(t['k'], dtype=int)
pd.get_dummies(t, columns=['k', 'c'])
pd.get_dummies(t, columns=['k'], drop_first=True)
"""

LONG = """
pd.wide_to_long(t, stubnames=['a', 'b'], i='id', j='year').reset_index()
pd.wide_to_long(t, stubnames=['a', 'b'], i='id', j='year')
t.melt(id_vars='id')
"""

PACKED = """
t.explode('items')
t.explode('items', ignore_index=True)
t['tags'].str.get_dummies(',')
t['items'].str.join('|').str.get_dummies()
t.drop(columns='tags').join(t['tags'].str.get_dummies(','))
t['pair'].str.split('-', expand=True)
t.drop(columns='pair').join(t['pair'].str.split('-', expand=True).set_axis(['x', 'y'], axis=1))
t.assign(tags=t['tags'].str.split(',')).explode('tags', ignore_index=True)
"""

JOIN = """
t.merge(u, on='k')
t.merge(u)
t.merge(u, on='k', how='left')
t.merge(u.iloc[:2], on='k', how='left')
t.merge(u.iloc[:2], on='k')
t.merge(u, on='k', how='outer')
t.merge(u.rename(columns={'k': 'team'}), left_on='k', right_on='team')
t.merge(u.set_index('k'), left_on='k', right_index=True)
t.join(u.set_index('k'), on='k')
t.merge(u.iloc[:2], on='k', how='left', indicator=True)
t.merge(u, how='cross')
pd.concat([t, u])
pd.concat([t, u], ignore_index=True)
pd.concat([t, u], axis=1)
t[t['k'].isin(u['k'].iloc[:1])]
t.assign(boss=t['k'].map(u.set_index('k')['boss']))
pd.concat([t, u], keys=['a', 'b'])
t.join(u.set_index('k').rename_axis(None), on='k')
"""

ROWS = """
t.sort_values('v')
t.sort_values('v', ascending=False)
t.sort_values(['k', 'v'])
t.sort_values(['k', 'v'], ascending=[True, False])
t.sort_values('v').reset_index(drop=True)
t.sort_values(['k', 'c', 'v'])
t.drop_duplicates(subset=['k'])
t.drop_duplicates(subset=['k'], keep='last')
t.drop_duplicates(subset=['k', 'c'])
t.drop_duplicates(subset=['k', 'c'], keep=False)
t[['k', 'c']].drop_duplicates()
t.nlargest(2, 'v')
t.nsmallest(3, 'v')
t.head(3)
t.tail(2)
t.iloc[::2]
t.iloc[::-1]
t.groupby('k').head(1)
t.groupby('k').tail(1)
t.groupby('k').head(2)
t.groupby('k').nth(1)
t.sort_values('v').groupby('k').head(1)
t.sort_values('v', ascending=False).groupby('k').head(1)
t.sort_values('v', ascending=False).drop_duplicates(subset=['k'])
t.loc[t.groupby('k')['v'].idxmax()]
t.loc[t.groupby('k')['v'].idxmin()].reset_index(drop=True)
t[t['v'] == t.groupby('k')['v'].transform('max')]
t[t.groupby('k')['k'].transform('size') > 1]
t.groupby('k').filter(lambda g: len(g) >= 2)
t.set_index('name').sort_index()
t.iloc[1:-1]
t.loc[t.index.repeat(2)]
pd.concat([t] * 2, ignore_index=True)
"""

GAPS = """
t.dropna()
t.dropna(subset=['v'])
t.dropna(subset=['v']).reset_index(drop=True)
t.dropna(thresh=3)
t.dropna(axis=1)
t.fillna(0)
t[['v', 'w']].fillna(0)
t.fillna({'v': 0, 's': 'none'})
t[['v', 'w']].fillna(t[['v', 'w']].mean())
t.fillna(t.mean(numeric_only=True))
t.ffill()
t.bfill()
t.ffill().bfill()
t[['v', 'w']].interpolate()
t.assign(v=t['v'].fillna(0))
t.assign(v=t['v'].fillna(t['v'].mean()))
t.assign(v=t.groupby('k')['v'].ffill())
t.assign(v=t['v'].fillna(t.groupby('k')['v'].transform('mean')))
t.isna()
t.isna().sum()
t.isna().mean()
t[['v', 'w']].isna().groupby(t['k']).sum()
t.isna().mean().mul(100)
t.notna().sum()
t.count()
t.isna().sum().sum()
t.isna().any(axis=1)
t.isna().sum(axis=1)
t.columns[t.isna().any()].tolist()
t.replace('red', 'RED')
t.replace({'red': 'r', 'blue': 'b', 'green': 'g'})
t['s'].value_counts()
t.groupby('k')[['v', 'w']].ffill()
t.groupby('k')[['v', 'w']].sum()
t.groupby('k')[['v', 'w']].mean()
t.groupby('k')['v'].count()
t.apply(lambda s: pd.Series(s.dropna().to_numpy()))
"""

CALC = """
(t > 20).sum()
(t > 20).sum(axis=1)
t / t.sum()
t.div(t.sum(axis=1), axis=0)
(t - t.mean()) / t.std()
(t - t.min()) / (t.max() - t.min())
t - t.mean()
t.cumsum()
t.cumsum(axis=1)
t.diff()
t.pct_change()
t.shift()
t.shift(-1)
t.rank()
t.rank(ascending=False)
t.rank(axis=1)
t.rolling(2).mean()
t.rolling(3).sum()
t * 2
t + 10
t / 100
-t
t ** 2
np.sqrt(t)
t.clip(lower=20)
t.clip(upper=50)
t.clip(20, 50)
t.where(t > 30)
t.where(t > 30, 0)
t > 30
t.astype(int)
t.sum()
t.sum(axis=1)
t.mean()
t.mean(axis=1)
t.max()
t.max(axis=1)
t.min(axis=1)
t.std()
t.median()
t.quantile(0.25)
t.idxmax()
t.idxmax(axis=1)
t.describe()
t.describe().T
t[['c', 'a']].describe()
t[['c', 'a']].describe().T
t.corr()
t.agg(['min', 'max'])
t.agg(['mean', 'std']).T
t.agg(['mean', 'std']).T.reset_index()
t.nunique()
t.sum().to_frame('total')
t.sum().reset_index()
t.sum().tolist()
t.sum().sum()
t.to_numpy()
t.T
t.stack()
t.unstack()
t.stack().reset_index()
t.reset_index()
t.reset_index(drop=True)
t.to_dict()
t.to_dict('list')
t.to_dict('index')
t.to_dict('records')
t.columns.tolist()
t.index.tolist()
t.add_prefix('x_')
t.add_suffix('_y')
t.rename(columns=str.upper)
t.round()
t.div(t['a'], axis=0)
t.sub(t.mean(axis=1), axis=0)
(t / t.sum() * 100).round(1)
t.sort_index(ascending=False)
t.expanding().mean()
t.agg({'a': 'sum', 'b': 'mean'})
t.agg({'a': ['min', 'max'], 'b': ['sum']})
(t == 5).sum().sum()
t.loc[t['a'].idxmax()]
t.iloc[1]
t.loc['q']
pd.concat([t, t.sum().to_frame('Total').T])
t.apply(list, axis=1)
"""

LABELS = """
list(zip(t['k'], t['v']))
pd.cut(t['v'], [0, 20, 40, 60]).value_counts().sort_index()
t[['k', 'v']]
t[['w', 'v', 'k']]
t.drop(columns='name')
t.drop(columns=['name', 'day'])
t.select_dtypes('number')
t.select_dtypes(exclude='number')
t.iloc[:, :2]
t.iloc[:, 2:]
t.filter(like='a')
t.rename(columns={'k': 'team'})
t.add_prefix('p_')
t.add_suffix('_s')
t.rename(columns=str.upper)
t.sort_index(axis=1)
t[t.columns[::-1]]
t.set_index('name')
t.set_index(['k', 'name'])
t.set_index('name')['v']
t.set_index('name')['v'].to_dict()
t['name'].tolist()
t['k'].unique().tolist()
sorted(t['k'].unique())
t['k'].value_counts()
t['k'].value_counts().reset_index()
t['k'].value_counts().reset_index(name='n')
t['k'].value_counts(normalize=True)
t['k'].value_counts().to_dict()
t['k'].value_counts().sort_index()
t.nunique()
t.shape[0]
len(t)
t.columns.tolist()
t.set_index(['k', 'name'])['v'].unstack()
t.set_index(['k', 'name'])['v'].unstack(level=0)
t.set_index(['k', 'name']).swaplevel()
t.to_dict('records')
t.to_numpy().tolist()
t.describe()
t.assign(v=t['v'].astype(str))
"""

FAMILIES: dict[str, tuple[Any, str]] = {
    "group": (a_table, GROUP),
    "groupwise": (a_table, GROUPWISE),
    "crossing": (a_table, CROSSING),
    "flat": (a_table, FLAT),
    "reshape": (wide, RESHAPE),
    "dummies": (a_table, DUMMIES),
    "long": (numbered, LONG),
    "packed": (packed, PACKED),
    "join": (a_table, JOIN),
    "rows": (a_table, ROWS),
    "gaps": (with_gaps, GAPS),
    "calc": (numbers, CALC),
    "labels": (a_table, LABELS),
}


def a_case(family: str, call: str, rng: np.random.Generator) -> tuple[list[Any], Any]:
    """The inputs of a known call, the second one as the call uses it, and what it makes.

    Raises:
        ValueError: the random rows do not allow the call.
    """
    table, u = FAMILIES[family][0](rng), second(rng)
    wanted = quietly(call, {"t": table, "u": u})
    if family != "join":
        return [table], wanted
    if "u.rename(" in call:
        u = u.rename(columns={"k": "team"})
    elif "u.set_index" in call and ".map" not in call:
        u = u.set_index("k")
    elif "u.iloc" in call:
        u = u.iloc[:2]
    elif "u['k'].iloc" in call:
        u = u.iloc[:1]
    return [table, u], wanted


def joined(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame, the two levels of its labels made one."""
    return frame.set_axis(frame.columns.map("_".join), axis=1)


def quietly(code: str, space: dict[str, Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eval(code, {"pd": pd, "np": np, "joined": joined, **space})


def tables_of(inputs: list[Any], book: Codebook) -> list[Table]:
    return [Table(value, source(i), book) for i, value in enumerate(inputs)]


def proposed(tables: list[Table], goal: Goal, *, last: bool) -> Iterator[Any]:
    for i, table in enumerate(tables):
        yield from ops.proposals(table, goal, tables[:i] + tables[i + 1 :], last=last)


def is_found(inputs: list[Any], wanted: Any) -> bool | None:
    """Whether some proposal gives the value; None where an input is it already or there is nothing in it."""
    book = Codebook()
    tables, goal = tables_of(inputs, book), Goal.of(wanted, book)
    if any(same(table, goal) for table in tables) or (goal.shape_kind != "scalar" and not len(wanted)):
        return None
    memo = Memo(tuple(inputs), book)
    for expr in proposed(tables, goal, last=True):
        try:
            if same(memo.table(expr), goal):
                return True
        except Failed:
            continue
    return False


@pytest.mark.parametrize("family", FAMILIES)
def test_what_one_call_makes_is_proposed(family: str) -> None:
    missed, tried = [], 0
    for seed, call in enumerate(FAMILIES[family][1].strip().splitlines()):
        found = is_found(*a_case(family, call, np.random.default_rng([seed, len(family)])))
        tried += found is not None
        if found is False:
            missed.append(call)
    assert len(missed) <= 0.01 * tried, missed


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SEEDS, st.sampled_from([(f, c) for f, (_, calls) in FAMILIES.items() for c in calls.strip().splitlines()]))
def test_any_call_of_the_lists_is_found_on_any_table(seed: int, what: tuple[str, str]) -> None:
    try:
        inputs, wanted = a_case(*what, np.random.default_rng(seed))
    except ValueError:
        return  # rows that cannot be pivoted
    assert is_found(inputs, wanted) is not False


def test_totals_of_another_table_are_merged() -> None:
    people = pd.DataFrame({"id": [1, 2, 3], "name": ["ann", "bob", "cid"]})
    orders = pd.DataFrame({"id": [1, 1, 2, 3, 3], "paid": [5, 7, 1, 2, 9]})
    wanted = people.merge(orders.groupby("id", as_index=False)["paid"].sum(), on="id")
    assert is_found([people, orders], wanted)
    counted = people.merge(orders.groupby("id").size().reset_index(name="n"), on="id")
    assert is_found([people, orders], counted)


def test_one_column_of_each_label_is_kept() -> None:
    frame = pd.DataFrame([[1, 2, 3, 4], [5, 6, 7, 8]], columns=["a", "b", "a", "c"])
    assert is_found([frame], frame.loc[:, ~frame.columns.duplicated()])
    assert is_found([frame], frame.T.groupby(level=0).sum().T)


def test_a_row_becomes_the_header() -> None:
    frame = pd.DataFrame([["x", "y"], ["p", "q"], ["r", "s"]])
    assert is_found([frame], frame.iloc[1:].set_axis(frame.iloc[0], axis=1))


def test_blocks_of_columns_are_calculated_with() -> None:
    labels = pd.MultiIndex.from_product([["in", "out"], ["x", "y"]])
    frame = pd.DataFrame([[5, 2, 1, 3], [4, 8, 6, 7]], columns=labels)
    assert is_found([frame], frame["in"] - frame["out"])


def test_runs_are_groups() -> None:
    frame = pd.DataFrame({"state": ["on", "on", "off", "on", "on", "on"], "load": [3, 1, 4, 1, 5, 9]})
    run = (frame["state"] != frame["state"].shift()).cumsum()
    assert is_found([frame], frame.groupby(run)["load"].sum())
    wanted = frame.groupby(run).agg(state=("state", "first"), load=("load", "max")).reset_index(drop=True)
    assert is_found([frame], wanted)


STOCK = pd.DataFrame(
    {
        "depot": ["W", "W", "E", "N", "E"],
        "part": ["nut", "bolt", "nut", "gear", "bolt"],
        "week": [3, 5, 3, 6, 4],
        "count": [8, 3, 5, 2, 9],
    }
)


@pytest.mark.parametrize(
    "call",
    [
        "t.set_index(['depot', 'part'])[['count']].reindex(of(t[k].unique() for k in ('depot', 'part')), fill_value=0)",
        "t.set_index(['depot', 'part'])[['count']].unstack(fill_value=0).stack().reset_index()",
        "t.set_index(['depot', 'week'])[['count']].reindex(of([t['depot'].unique(), range(3, 7)])).reset_index()",
    ],
)
def test_two_keys_get_all_their_combinations(call: str) -> None:
    keys = ["depot", "week" if "week" in call else "part"]
    wanted = quietly(call, {"t": STOCK, "of": lambda cells: pd.MultiIndex.from_product(cells, names=keys)})
    assert is_found([STOCK[[c for c in STOCK if c in (*wanted.columns, *wanted.index.names)]]], wanted)


def test_all_combinations_are_counted_and_summed() -> None:
    for figures in ("size()", "['count'].sum()"):
        twice = pd.concat([STOCK, STOCK.iloc[:2]], ignore_index=True)
        pairs = twice.groupby(["depot", "part"])
        wide = pairs.size() if "size" in figures else pairs["count"].sum()
        assert is_found([twice], wide.unstack(fill_value=0).stack().reset_index(name="total"))


def test_groups_are_put_in_the_order_of_the_calendar() -> None:
    days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    frame = pd.DataFrame({"day": ["Wed", "Mon", "Sun", "Wed", "Fri"], "v": [4, 1, 7, 2, 3]})
    assert is_found([frame], frame.groupby("day")["v"].sum().reindex(days, fill_value=0))
    assert is_found([frame], frame.groupby("day")["v"].max().reindex(["Mon", "Wed", "Fri", "Sun"]))


@settings(max_examples=8, deadline=None)
@given(SEEDS, st.booleans())
def test_proposals_run_or_raise_stay_small_and_leave_their_inputs_alone(seed: int, last: bool) -> None:
    rng = np.random.default_rng(seed)
    inputs: list[Any] = [a_table(rng), second(rng)]
    before = [frame.copy(deep=True) for frame in inputs]
    book = Codebook()
    tables = tables_of(inputs, book)
    wanted = a_table(rng).groupby("k", as_index=False)["v"].sum() if last else with_gaps(rng)
    exprs = list(proposed(tables, Goal.of(wanted, book), last=last))
    assert len(exprs) <= 2 * (ops.MOST_LAST if last else ops.MOST_MIDDLE)
    assert len({expr.text for expr in exprs}) >= len(exprs) / 2
    memo = Memo(tuple(inputs), book, most_cells=40_000)
    for expr in exprs:
        try:
            printed = quietly(expr.text, {f"inp{i}": value for i, value in enumerate(inputs)})
        except Exception:  # noqa: BLE001 - whatever it raises, it raises in pieces, too
            with pytest.raises(Failed):
                memo.value(expr)
            continue
        assert same(memo.table(expr), Table(printed, expr, book)), expr.text
    for frame, copy in zip(inputs, before, strict=True):
        pd.testing.assert_frame_equal(frame, copy)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_random_calls_are_programs_over_the_table(seed: int) -> None:
    rng = np.random.default_rng(seed)
    makers = [maker for maker, _ in FAMILIES.values()]
    inputs: list[Any] = [makers[int(rng.integers(len(makers)))](rng), second(rng)]
    book = Codebook()
    tables = tables_of(inputs, book)
    memo = Memo(tuple(inputs), book)
    worked = drawn = 0
    for _ in range(12):
        expr = ops.random_call(tables[0], rng, tables[1:])
        if expr is None:
            continue
        drawn += 1
        assert "inp0" in expr.text
        assert expr.ops
        try:
            worked += memo.table(expr).rows >= 0
        except Failed:
            continue
    assert worked >= 0.5 * drawn


def test_the_same_seed_draws_the_same_calls() -> None:
    table = Table(a_table(np.random.default_rng(3)), source(0), Codebook())
    draws = [
        [str(ops.random_call(table, rng)) for _ in range(20)] for rng in (np.random.default_rng(5) for _ in range(2))
    ]
    assert draws[0] == draws[1]
    assert len(set(draws[0])) > 8


def test_every_call_has_a_canonical_name() -> None:
    rng = np.random.default_rng(11)
    for family, (_, calls) in FAMILIES.items():
        for call in calls.strip().splitlines()[::5]:
            try:
                inputs, wanted = a_case(family, call, rng)
            except ValueError:
                continue
            book = Codebook()
            for expr in proposed(tables_of(inputs, book), Goal.of(wanted, book), last=True):
                assert set(expr.ops) <= set(ops.OPS), expr.text


def test_odd_tables_are_no_trouble() -> None:
    odd: list[Any] = [
        pd.DataFrame(),
        pd.DataFrame({"a": []}),
        pd.DataFrame({"a": [None, None]}),
        pd.DataFrame([[1, 2]], columns=["x", "x"]),
        pd.DataFrame({"a": [[1], [2, 3]], "b": [{"x": 1}, {}]}),
        pd.DataFrame({"a": [1, "x", None, 2.5]}),
        pd.DataFrame({1: [1], ("a", "b"): [2]}),
        pd.DataFrame({"a": pd.Categorical(["x", None]), "b": pd.to_datetime(["2024-01-01", None], utc=True)}),
        pd.DataFrame({"a": [1, 2]}, index=pd.MultiIndex.from_tuples([("x", 1), ("y", 2)])),
        pd.Series([], dtype=object),
        pd.Series([1, 2], name="s"),
        [1, 2],
        {"a": 1},
        3,
        "text",
        np.array([[1, 2], [3, 4]]),
        pd.Index(["a"]),
    ]
    for value in odd:
        for wanted in odd:
            book = Codebook()
            tables = tables_of([value, odd[4]], book)
            goal = Goal.of(wanted, book)
            for last in (True, False):
                list(ops.proposals(tables[0], goal, tables[1:], last=last))
            for family in ops.FAMILIES.values():
                list(family.proposals(tables[0], goal, tables[1:], last=True))


def test_a_table_costs_milliseconds() -> None:
    rng = np.random.default_rng(2)
    book = Codebook()
    table = Table(a_table(rng), source(0), book)
    goal = Goal.of(a_table(rng).groupby("k", as_index=False)["v"].sum(), book)
    spent = []
    for _ in range(5):
        start = time.thread_time()
        list(ops.proposals(table, goal))
        spent.append(time.thread_time() - start)
    assert min(spent) < 0.05  # about 5 ms on a quiet machine


def two_halves(rng: np.random.Generator) -> list[Any]:
    """The same columns twice: keys in common, other numbers."""
    left, right = a_table(rng)[["k", "name", "v"]], a_table(rng)[["k", "name", "v"]]
    return [left, right]


def two_periods(rng: np.random.Generator) -> list[Any]:
    """Two frames of numbers with the same labels, some cells missing in the first."""
    first = pd.DataFrame(rng.integers(1, 50, (4, 3)).astype(float), index=list("pqrs"), columns=["a", "b", "c"])
    second_ = first + rng.integers(0, 3, (4, 3))
    first.iloc[[0, 2], [1, 0]] = np.nan
    return [first, second_]


def two_clocks(rng: np.random.Generator) -> list[Any]:
    """Trades and quotes, sorted by time."""
    trades = pd.DataFrame({"t": np.sort(rng.choice(100, 6, replace=False)), "qty": rng.integers(1, 9, 6)})
    quotes = pd.DataFrame({"t": np.sort(rng.choice(100, 8, replace=False)), "bid": rng.integers(50, 99, 8)})
    quotes.loc[0, "t"] = 0
    return [trades, quotes.drop_duplicates("t")]


def with_argument(make: Any) -> Any:
    """A table and an input that is no table."""
    return lambda rng: [a_table(rng), make(rng)]


PAIRS: list[tuple[Any, str]] = [
    (two_halves, "x.merge(y, on='name')"),
    (two_halves, "x.merge(y, on='name', suffixes=('_old', '_new'))"),
    (two_halves, "x.merge(y, on=['k', 'name'], how='outer')"),
    (two_halves, "x.merge(y, on='name', how='left')"),
    (two_halves, "x[~x['name'].isin(y['name'])]"),
    (two_halves, "x.merge(y[['k', 'name']].drop_duplicates(), on=['k', 'name'])"),
    (two_halves, "pd.concat([x, y])"),
    (two_halves, "pd.concat([x, y], ignore_index=True)"),
    (two_halves, "pd.concat([x, y], axis=1)"),
    (two_halves, "pd.concat([x, y], keys=['x', 'y'])"),
    (two_halves, "x.compare(y)"),
    (two_periods, "y - x"),
    (two_periods, "x.combine_first(y)"),
    (two_periods, "x.fillna(y)"),
    (two_periods, "x + y"),
    (two_periods, "y > x"),
    (two_periods, "x.join(y, lsuffix='_1', rsuffix='_2')"),
    (two_periods, "pd.concat([x, y], axis=1, keys=['x', 'y'])"),
    (two_periods, "x.compare(y)"),
    (two_periods, "x.add(y, fill_value=0)"),
    (two_periods, "pd.concat([x, y]).sort_index(kind='stable')"),
    (two_clocks, "pd.merge_asof(x, y, on='t')"),
    (two_clocks, "pd.merge_asof(x, y, on='t', direction='nearest')"),
    (with_argument(lambda rng: ["k", "v"]), "x[y]"),
    (with_argument(lambda rng: ["name", "day"]), "x.drop(columns=y)"),
    (with_argument(lambda rng: ["red", "blue"]), "x[x['k'].isin(y)]"),
    (with_argument(lambda rng: ["red", "blue"]), "x[~x['k'].isin(y)]"),
    (with_argument(lambda rng: [0, 3, 4]), "x.loc[y]"),
    (with_argument(lambda rng: {"k": "team", "v": "value"}), "x.rename(columns=y)"),
    (with_argument(lambda rng: {"red": 1, "blue": 2, "green": 3}), "x.assign(number=x['k'].map(y))"),
    (with_argument(lambda rng: {"v": "sum", "w": "max"}), "x.groupby('k').agg(y)"),
    (with_argument(lambda rng: "red"), "x[x['k'] == y]"),
    (with_argument(lambda rng: list("uvwxyz")), "x.set_axis(y, axis=1)"),
    (with_argument(lambda rng: 30), "x[x['v'] > y]"),
    (lambda rng: [{"a": [1, 2], "b": [3, 4]}], "pd.DataFrame(x)"),
    (lambda rng: [{"a": 1, "b": 2}], "pd.Series(x)"),
    (lambda rng: [{"p": [1, 2], "q": [3, 4]}], "pd.DataFrame.from_dict(x, orient='index')"),
    (lambda rng: [[{"a": 1, "b": "u"}, {"a": 2, "b": "v"}]], "pd.DataFrame(x)"),
    (lambda rng: [[[1, 2], [3, 4]]], "pd.DataFrame(x, columns=['p', 'q'])"),
    (lambda rng: [pd.Series([3, 1, 2], name="s"), pd.Series([5, 6, 7], name="t")], "pd.concat([x, y], axis=1)"),
    (lambda rng: [pd.Series([3, 1, 2]), pd.Series([5, 6, 7])], "pd.DataFrame({'a': x, 'b': y})"),
    (lambda rng: [[3, 1, 2, 3]], "sorted(x)"),
    (lambda rng: [[3, 1, 2, 3]], "list(dict.fromkeys(x))"),
    (lambda rng: [[[1, 2], [3], [4, 5]]], "[item for part in x for item in part]"),
    (lambda rng: [np.array([1, 4, 9, 17])], "np.diff(x)"),
    (lambda rng: [np.array([[1, 2, 7], [3, 4, 9]])], "x.mean(axis=1)"),
    (lambda rng: [{"a": 2, "b": 1}], "{value: key for key, value in x.items()}"),
    (lambda rng: [{"a": 2, "b": 5}], "max(x, key=x.get)"),
    (lambda rng: [["p", "q"], [5, 6]], "dict(zip(x, y))"),
    (lambda rng: [["p", "q"], [5, 6]], "list(zip(x, y))"),
    (lambda rng: [["p", "q"], ["r"]], "x + y"),
    (lambda rng: [["p", "q"], [5, 6]], "pd.DataFrame({'name': x, 'n': y})"),
    (lambda rng: [["p", "q"], [5, 6]], "pd.Series(y, index=x)"),
    (lambda rng: [pd.DataFrame({"a": [1, 2], "b": [3, 4]}), [10, 20]], "x + y"),
    (lambda rng: [pd.Series([1, 2, 3]), np.array([10, 20, 40])], "x / y"),
    (lambda rng: [[a_table(rng), a_table(rng)]], "pd.concat(x)"),
    (lambda rng: [a_table(rng)], "x.shape"),
    (lambda rng: [a_table(rng)], "(x['v'].min(), x['v'].max())"),
]


@pytest.mark.parametrize("what", PAIRS, ids=[call for _, call in PAIRS])
def test_what_one_call_on_two_inputs_makes_is_proposed(what: tuple[Any, str]) -> None:
    maker, call = what
    for seed in range(3):
        inputs = maker(np.random.default_rng(seed))
        try:
            wanted = quietly(call, dict(zip("xy", inputs, strict=False)))
        except ValueError:
            continue
        assert is_found(inputs, wanted) is not False


def test_thousands_of_columns_cost_no_more_than_a_moment() -> None:
    wide_table = pd.DataFrame(np.arange(9000).reshape(3, 3000), columns=[f"c{i}" for i in range(3000)])
    book = Codebook()
    table = Table(wide_table, source(0), book)
    start = time.thread_time()
    for wanted in (wide_table[["c1", "c5"]], wide_table * 2, wide_table.sum()):
        for last in (True, False):
            list(ops.proposals(table, Goal.of(wanted, book), last=last))
    assert time.thread_time() - start < 5.0
