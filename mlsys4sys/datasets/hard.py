"""Hard and everyday questions about tables, written before anybody looked at what the synthesizer can do.

Fills, windows, runs, look-ups, texts, dates, reductions: as people post
them, a few rows and the program that answers each.
:data:`DEVELOPMENT` may be looked at, :data:`HELD_OUT` is only counted; which is which was drawn.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsys4sys.datasets.tasks import Question
from mlsys4sys.datasets.tasks import asked as _asked

_STAFF = pd.DataFrame(
    {
        "name": ["Ida", "Jon", "Kai", "Lea", "Max", "Nia", "Oz"],
        "dept": ["it", "hr", "it", "ops", "hr", "it", "ops"],
        "age": [31, 45, 27, 52, 38, 45, 29],
        "pay": [4100.0, 3900.0, np.nan, 5200.0, 3300.0, 4700.0, np.nan],
    }
)
_SALES = pd.DataFrame(
    {
        "city": ["Oslo", "Rome", "Oslo", "Bern", "Rome", "Oslo"],
        "item": ["tea", "tea", "cup", "pot", "cup", "tea"],
        "qty": [3, 7, 2, 9, 4, 6],
        "price": [2.5, 3.0, 8.0, 20.0, 7.5, 2.0],
    }
)
_VISITS = pd.DataFrame(
    {
        "ts": pd.to_datetime(
            ["2024-02-01 10:00", "2024-02-01 15:30", "2024-02-03 09:10", "2024-03-09 18:20", "2024-03-10 08:00"]
        ),
        "user": ["u1", "u2", "u1", "u3", "u2"],
        "ms": [120, 340, 90, 410, 230],
    }
)
_WEEK = pd.DataFrame({"id": [1, 2, 3], "mon": [4, 5, 6], "tue": [1, 0, 3], "wed": [7, 7, 2]})
_ANIMALS = pd.DataFrame({"k": ["ant", "bee", "cat", "dog", "eel"], "v": [3, 8, 6, 1, 9]})
_LISTS = pd.DataFrame({"l": [[1, 2], [3], [4, 5, 6]], "k": list("abc")})
_ORDERS = pd.DataFrame({"cust": ["c2", "c1", "c2", "c4"], "amt": [10, 20, 30, 40]})
_CUSTOMERS = pd.DataFrame({"cust": ["c1", "c2", "c3"], "town": ["Bern", "Rome", "Oslo"]})

DEVELOPMENT: tuple[Question, ...] = (
    _asked(
        "replace-1",
        "df.replace('-', np.nan)",
        {"a": ["x", "-", "z", "y"], "b": ["-", "k", "-", "m"], "n": [1, 2, 3, 4]},
    ),
    _asked(
        "replace-2",
        "df.assign(price=df['price'].str.replace('$', '').str.replace(',', '').astype(float))",
        {"item": ["tv", "pen", "car", "cup"], "price": ["$1,200.50", "$3.20", "$25,000.00", "$7.10"]},
    ),
    _asked("replace-4", "df.assign(v=df['v'].replace(0, np.nan).ffill())", {"t": range(7), "v": [3, 0, 0, 5, 0, 8, 0]}),
    _asked(
        "replace-5",
        "df.where(df >= 0, 0)",
        pd.DataFrame({"a": [1, -2, 3, -4], "b": [-1, 5, -6, 7], "c": [0, 2, -9, 4]}, index=list("wxyz")),
    ),
    _asked(
        "fill-3",
        "df.assign(v=df.groupby('g')['v'].transform(lambda s: s.ffill().bfill()))",
        {"g": list("aabbabb"), "v": [np.nan, 1.0, np.nan, 4.0, np.nan, np.nan, 6.0]},
    ),
    _asked(
        "fill-5",
        "df.assign(b=np.where(df['b'].isna() & (df['a'] == 'y'), 0, df['b']))",
        {"a": ["y", "n", "y", "n", "y", "y"], "b": [np.nan, np.nan, 3.0, 4.0, np.nan, 2.0]},
    ),
    _asked(
        "fill-6",
        "df.set_index('d').asfreq('D').fillna(0).reset_index()",
        {"d": pd.to_datetime(["2024-03-01", "2024-03-02", "2024-03-05", "2024-03-07"]), "n": [4.0, 2.0, 7.0, 1.0]},
    ),
    _asked(
        "fill-7",
        "df.assign(v=df['v'].fillna(df['v'].median()))",
        {"k": list("abcdef"), "v": [1.0, np.nan, 10.0, 3.0, np.nan, 4.0]},
    ),
    _asked(
        "window-2",
        "df.assign(run=(df['s'] != df['s'].shift()).cumsum())",
        {"s": ["u", "u", "d", "u", "d", "d", "d"], "x": [1, 2, 3, 4, 5, 6, 7]},
    ),
    _asked(
        "window-3",
        "df.assign(streak=df.groupby((df['s'] != df['s'].shift()).cumsum()).cumcount() + 1)",
        {"s": ["W", "W", "L", "W", "L", "L", "L", "W"], "day": range(8)},
    ),
    _asked(
        "window-5",
        "df.assign(prev=df.groupby('u')['v'].shift(), ch=df.groupby('u')['v'].diff())",
        {"u": list("abaabb"), "v": [5, 1, 7, 4, 9, 2]},
    ),
    _asked("window-7", "df.loc[df['v'] == df['v'].cummax()]", {"t": list("pqrstuv"), "v": [3, 5, 4, 6, 2, 10, 8]}),
    _asked(
        "window-8",
        "df.assign(grp=(df['gap'] > 10).cumsum())",
        {"gap": [1, 3, 12, 2, 4, 50, 11, 3], "e": list("abcdefgh")},
    ),
    _asked("window-10", "df[df.groupby('g')['v'].cumsum() <= 10]", {"g": list("aaabbbb"), "v": [4, 5, 3, 8, 2, 1, 7]}),
    _asked(
        "window-11",
        "df.assign(nxt=df.groupby('user')['page'].shift(-1).fillna('exit'))",
        {"user": [1, 1, 2, 1, 2, 3], "page": ["home", "cart", "home", "pay", "faq", "home"]},
    ),
    _asked(
        "group-1",
        "df[df.groupby('id')['st'].transform(lambda s: (s == 'ok').all())]",
        {"id": [1, 1, 2, 2, 3, 4, 4], "st": ["ok", "ok", "ok", "bad", "bad", "ok", "ok"]},
    ),
    _asked(
        "group-2",
        "df[df.groupby('id')['st'].transform(lambda s: s.nunique() > 1)]",
        {"id": [1, 1, 2, 2, 3, 4, 4], "st": ["a", "a", "a", "b", "b", "c", "a"]},
    ),
    _asked(
        "group-3",
        "df.sort_values('v', ascending=False).groupby('g').head(2).sort_index()",
        {"g": list("aababbba"), "v": [3, 9, 4, 1, 8, 7, 2, 6]},
    ),
    _asked(
        "group-4",
        "df.assign(pct=df['v'] / df.groupby('g')['v'].transform('sum') * 100)",
        {"g": list("aabbb"), "v": [10, 30, 20, 20, 60]},
    ),
    _asked(
        "group-5",
        "df.assign(is_max=df['v'] == df.groupby('g')['v'].transform('max'))",
        {"g": list("aabbba"), "v": [1, 5, 7, 2, 7, 4]},
    ),
    _asked(
        "group-6",
        "df.groupby('g')['item'].agg(', '.join).reset_index()",
        {"g": ["x", "y", "x", "z", "y", "x"], "item": ["pen", "cup", "ink", "hat", "mug", "pad"]},
    ),
    _asked(
        "group-7",
        "df.assign(rank=df.groupby('g')['v'].rank(ascending=False, method='dense').astype(int))",
        {"g": list("aaabbbb"), "v": [5, 9, 5, 2, 8, 8, 1]},
    ),
    _asked(
        "group-9",
        "df.groupby('k')['v'].agg(lambda s: s.max() - s.min()).reset_index(name='spread')",
        {"k": ["m", "n", "m", "n", "n", "m"], "v": [4, 10, 9, 3, 6, 1]},
    ),
    _asked(
        "group-10",
        "df.loc[df.groupby('team')['pts'].idxmax(), ['team', 'player']].reset_index(drop=True)",
        {
            "team": ["r", "b", "r", "b", "g", "r"],
            "player": ["Ann", "Bob", "Cid", "Dee", "Eli", "Fay"],
            "pts": [12, 30, 22, 9, 15, 18],
        },
    ),
    _asked(
        "group-13",
        "df[~df.duplicated('mail', keep=False)]",
        {"mail": ["a@x", "b@x", "a@x", "c@x", "d@x", "c@x"], "n": [1, 2, 3, 4, 5, 6]},
    ),
    _asked(
        "group-14",
        "df.sort_values('prio').drop_duplicates('id').sort_values('id').reset_index(drop=True)",
        {"id": [3, 1, 3, 2, 1, 2], "prio": [2, 3, 1, 5, 1, 4], "src": ["p", "q", "r", "s", "t", "u"]},
    ),
    _asked(
        "group-15",
        "df.groupby('g').filter(lambda s: s['v'].sum() > 10)",
        {"g": list("aabbcc"), "v": [3, 4, 9, 6, 10, 0]},
    ),
    _asked(
        "text-1",
        "df['full'].str.split(' ', n=1, expand=True).set_axis(['first', 'last'], axis=1)",
        {"full": ["Ann Lee", "Bob van Dyk", "Cy Ng", "Di Ray Fox"]},
    ),
    _asked(
        "text-2",
        "df.assign(n=df['s'].str.extract('(\\\\d+)')[0].astype(int))",
        {"s": ["room12", "a7b", "x100y", "no3"]},
    ),
    _asked(
        "text-3",
        "df.assign(tags=df['tags'].str.split(',')).explode('tags')",
        {"id": [1, 2, 3], "tags": ["a,b", "c", "a,d,e"]},
    ),
    _asked(
        "text-4",
        "df.assign(dom=df['mail'].str.split('@').str[1].str.split('.').str[0])",
        {"mail": ["al@foo.com", "bo.x@bar.org", "cy@baz.co.uk", "di@foo.net"]},
    ),
    _asked("text-6", "df['s'].str.count('a')", {"s": ["banana", "cat", "dog", "aaa"]}),
    _asked(
        "text-7",
        "df[df['s'].str.contains('err', case=False)]",
        {"s": ["Error 5", "fine", "big error", "okay", "ERR"], "t": [1, 2, 3, 4, 5]},
    ),
    _asked("text-9", "df['tags'].str.split(';').explode().value_counts()", {"tags": ["a;b", "a", "c;a;b", "b;a"]}),
    _asked(
        "dates-3",
        "df[df['when'].dt.day_of_week < 5]",
        {
            "when": pd.to_datetime(
                ["2024-06-01", "2024-06-03", "2024-06-08", "2024-06-07", "2024-06-09", "2024-06-12"]
            ),
            "v": [1, 2, 3, 4, 5, 6],
        },
    ),
    _asked(
        "dates-4",
        "df.assign(gap=df.groupby('u')['t'].diff().dt.days)",
        {
            "u": list("aabab"),
            "t": pd.to_datetime(["2024-01-01", "2024-01-04", "2024-01-02", "2024-01-10", "2024-01-09"]),
        },
    ),
    _asked(
        "dates-5",
        "df.assign(d=pd.to_datetime(df['d'], format='%d/%m/%Y').dt.strftime('%Y-%m-%d'))",
        {"d": ["05/01/2023", "17/11/2022", "30/06/2024"], "x": [1, 2, 3]},
    ),
    _asked(
        "dates-7",
        "df.set_index('t').resample('W')['v'].sum()",
        {
            "t": pd.to_datetime(["2024-01-01", "2024-01-03", "2024-01-09", "2024-01-16", "2024-01-20"]),
            "v": [1, 2, 3, 4, 5],
        },
    ),
    _asked(
        "dates-8",
        "pd.to_datetime(df[['year', 'month', 'day']])",
        {"year": [2020, 2021, 2022], "month": [5, 11, 2], "day": [1, 30, 14], "v": [3, 4, 5]},
    ),
    _asked(
        "dates-10",
        "df.assign(h=df['t'].dt.hour, part=np.where(df['t'].dt.hour < 12, 'am', 'pm'))",
        {"t": pd.to_datetime(["2024-01-01 03:15", "2024-01-01 12:00", "2024-01-02 18:40", "2024-01-03 11:59"])},
    ),
    _asked("reduce-5", "df.groupby('g')['v'].apply(list).to_dict()", {"g": list("abbac"), "v": [5, 6, 7, 8, 9]}),
    _asked(
        "reduce-8",
        "df.idxmax(axis=1)",
        pd.DataFrame({"x": [1, 5, 2], "y": [3, 4, 9], "z": [2, 1, 7]}, index=["r1", "r2", "r3"]),
    ),
    _asked(
        "reduce-9",
        "df.columns[df.isna().any()].tolist()",
        {"a": [1, 2, 3], "b": [np.nan, 2, 3], "c": ["u", None, "w"], "e": [0, 0, 1]},
    ),
    _asked(
        "reduce-10",
        "df.apply(lambda r: r.dropna().tolist(), axis=1)",
        {"a": [1.0, np.nan, 3.0], "b": [np.nan, 5.0, 6.0], "c": [7.0, 8.0, np.nan]},
    ),
    _asked("reduce-13", "(df['a'] > df['b']).sum()", {"a": [4, 1, 7, 3, 9], "b": [3, 2, 5, 3, 10]}),
    _asked("reduce-15", "df[df['v'] > df['v'].mean()]['k'].tolist()", _ANIMALS),
    _asked("reduce-16", "df.to_dict('records')", {"a": [1, 2, 3], "b": ["x", "y", "z"]}),
    _asked(
        "cond-2",
        "df.assign(best=df[['a', 'b', 'c']].idxmax(axis=1))",
        {"id": [1, 2, 3, 4], "a": [3, 9, 1, 2], "b": [7, 2, 5, 1], "c": [4, 8, 6, 0]},
    ),
    _asked(
        "cond-3",
        "df.assign(f=np.where(df['kind'] == 'in', df['amt'], -df['amt']))",
        {"kind": ["in", "out", "out", "in", "out"], "amt": [10, 4, 3, 8, 6]},
    ),
    _asked(
        "cond-4", "df[(df[['a', 'b', 'c']] > 2).all(axis=1)]", {"a": [3, 1, 5, 9], "b": [4, 8, 2, 7], "c": [6, 5, 9, 3]}
    ),
    _asked(
        "cond-5",
        "df.assign(first=df[['x', 'y', 'z']].bfill(axis=1).iloc[:, 0])",
        {"x": [np.nan, 2.0, np.nan, 4.0], "y": [5.0, 6.0, np.nan, 1.0], "z": [9.0, np.nan, 3.0, 7.0]},
    ),
    _asked(
        "cond-7",
        "df.div(df.sum(axis=1), axis=0)",
        pd.DataFrame({"a": [1, 2, 5], "b": [3, 2, 10], "c": [4, 4, 5]}, index=["u", "v", "w"]),
    ),
    _asked("cond-9", "df[df['a'].isin(df['b'])]", {"a": [1, 2, 3, 4, 5], "b": [3, 9, 1, 7, 5], "c": list("vwxyz")}),
    _asked(
        "two-1",
        "df1[~df1['id'].isin(df2['id'])]",
        {"id": [1, 2, 3, 4, 5], "n": list("abcde")},
        {"id": [2, 5, 7], "z": [1, 1, 0]},
    ),
    _asked(
        "two-2",
        "df1.merge(df2, how='left', on='k').fillna({'v': 0})",
        {"k": ["p", "q", "r", "s"], "u": [1, 2, 3, 4]},
        {"k": ["q", "s", "t"], "v": [10.0, 30.0, 50.0]},
    ),
    _asked(
        "two-4",
        "pd.merge_asof(df1, df2, on='t')",
        {"t": [2, 5, 9, 14], "e": list("abcd")},
        {"t": [1, 4, 10], "rate": [1.5, 2.5, 3.5]},
    ),
    _asked(
        "two-5",
        "df1.set_index('id').combine_first(df2.set_index('id')).reset_index()",
        {"id": [1, 2, 3], "v": [np.nan, 5.0, np.nan]},
        {"id": [1, 2, 4], "v": [7.0, 8.0, 9.0]},
    ),
    _asked(
        "two-7",
        "df1.assign(qty=df1['item'].map(df2.groupby('item')['n'].sum()))",
        {"item": ["ink", "pad", "pen"], "price": [2, 5, 1]},
        {"item": ["pen", "ink", "pen", "pad", "ink", "pen"], "n": [1, 2, 3, 4, 5, 6]},
    ),
    _asked(
        "multi-1",
        "df.set_axis(['_'.join(c) for c in df.columns], axis=1)",
        pd.DataFrame([[1, 2, 3], [4, 5, 6]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y"), ("b", "x")])),
    ),
    _asked(
        "multi-2",
        "df.xs('x', level=1)",
        pd.DataFrame(
            {"v": [1, 2, 3, 4, 5]},
            index=pd.MultiIndex.from_tuples(
                [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y"), ("c", "x")], names=["k", "l"]
            ),
        ),
    ),
    _asked(
        "multi-3",
        "df.groupby(level=0)['v'].transform(lambda s: s - s.mean())",
        pd.DataFrame(
            {"v": [1.0, 3.0, 5.0, 9.0]},
            index=pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1), ("b", 2)], names=["k", "l"]),
        ),
    ),
    _asked("list-1", "df.assign(n=df['l'].str.len())", _LISTS),
    _asked(
        "list-3",
        "pd.DataFrame(df['l'].tolist(), columns=['x', 'y']).assign(k=df['k'])[['k', 'x', 'y']]",
        {"k": list("abc"), "l": [[1, 2], [3, 4], [5, 6]]},
    ),
    _asked("daily-1", "df[df['qty'] > 3]", _SALES),
    _asked("daily-2", "df[(df['city'] == 'Oslo') & (df['qty'] >= 3)]", _SALES),
    _asked("daily-3", "df[df['city'].isin(['Rome', 'Bern'])]", _SALES),
    _asked("daily-4", "df.assign(total=df['qty'] * df['price'])", _SALES),
    _asked("daily-5", "df.groupby('city')['qty'].sum()", _SALES),
    _asked("daily-6", "df.groupby('city', as_index=False).agg(n=('item', 'size'), avg=('price', 'mean'))", _SALES),
    _asked("daily-7", "df.groupby(['city', 'item'])['qty'].sum().reset_index()", _SALES),
    _asked("daily-9", "df['city'].value_counts()", _SALES),
    _asked("daily-12", "df['item'].unique().tolist()", _SALES),
    _asked("daily-13", "(df['qty'] * df['price']).sum()", _SALES),
    _asked("daily-14", "df.nlargest(2, 'price')", _SALES),
    _asked("daily-15", "df.rename(columns=str.upper)", _SALES),
    _asked(
        "daily-16",
        "df[['city', 'item']].drop_duplicates()",
        pd.concat(
            [
                pd.DataFrame(
                    {
                        "city": ["Oslo", "Rome", "Oslo", "Bern", "Rome", "Oslo"],
                        "item": ["tea", "tea", "cup", "pot", "cup", "tea"],
                        "qty": [3, 7, 2, 9, 4, 6],
                        "price": [2.5, 3.0, 8.0, 20.0, 7.5, 2.0],
                    }
                ),
                pd.DataFrame(
                    {
                        "city": ["Oslo", "Rome", "Oslo", "Bern", "Rome", "Oslo"],
                        "item": ["tea", "tea", "cup", "pot", "cup", "tea"],
                        "qty": [3, 7, 2, 9, 4, 6],
                        "price": [2.5, 3.0, 8.0, 20.0, 7.5, 2.0],
                    }
                ).iloc[[0, 4]],
            ],
            ignore_index=True,
        ),
    ),
    _asked("daily-18", "df.assign(pay=df['pay'].fillna(0))", _STAFF),
    _asked("daily-20", "df.groupby('dept')['age'].mean().round(1)", _STAFF),
    _asked("daily-22", "df['name'].str.upper()", _STAFF),
    _asked("daily-23", "df.isna().sum()", _STAFF),
    _asked("daily-24", "df.set_index('name')['age']", _STAFF),
    _asked("daily-29", "df.groupby('dept').size().sort_values(ascending=False)", _STAFF),
    _asked(
        "daily-31",
        "df.assign(band=pd.cut(df['age'], [0, 30, 45, 100], labels=['young', 'mid', 'old']).astype(str))",
        _STAFF,
    ),
    _asked("daily-32", "df.describe()['age'].loc[['min', 'max', 'mean']]", _STAFF),
    _asked("daily-33", "df.groupby('dept')['age'].agg(['min', 'max'])", _STAFF),
    _asked("daily-35", "df.assign(rank=df['age'].rank(ascending=False, method='min').astype(int))", _STAFF),
    _asked("daily-37", "df.assign(mean=df[['mon', 'tue', 'wed']].mean(axis=1).round(2))", _WEEK),
    _asked("daily-38", "df.set_index('id').T", _WEEK),
    _asked("daily-39", "df[['id', 'wed', 'tue', 'mon']]", _WEEK),
    _asked("daily-41", "df.groupby(df['ts'].dt.date)['ms'].mean()", _VISITS),
    _asked("daily-42", "df.assign(day=df['ts'].dt.day_name())", _VISITS),
    _asked("daily-43", "df[df['ts'] >= '2024-02-03']", _VISITS),
    _asked("daily-45", "df.groupby('user')['ts'].max().reset_index()", _VISITS),
    _asked("daily-48", "df1.merge(df2, on='cust', how='left')", _ORDERS, _CUSTOMERS),
    _asked(
        "daily-50",
        "pd.concat([df1, df2], ignore_index=True)",
        pd.DataFrame({"cust": ["c2", "c1", "c2", "c4"], "amt": [10, 20, 30, 40]}).head(2),
        pd.DataFrame({"cust": ["c2", "c1", "c2", "c4"], "amt": [10, 20, 30, 40]}).tail(2).assign(amt=[7, 8]),
    ),
)
"""Those that one may look at."""

HELD_OUT: tuple[Question, ...] = (
    _asked(
        "replace-3",
        "df.assign(score=df['score'].mask(df['score'] < 0, df['score'].mean()))",
        {"who": list("abcdef"), "score": [4.0, -1.0, 7.0, -3.0, 10.0, 1.0]},
    ),
    _asked(
        "replace-6",
        "df.assign(city=df['city'].where(df['city'].map(df['city'].value_counts()) > 1, 'other'))",
        {"city": ["Oslo", "Rome", "Oslo", "Bern", "Rome", "Lima", "Oslo"], "n": [1, 2, 3, 4, 5, 6, 7]},
    ),
    _asked(
        "replace-7",
        "df1.assign(code=df1['code'].map(df2.set_index('old')['new']).fillna(df1['code']))",
        {"id": [1, 2, 3, 4, 5], "code": ["A", "B", "C", "A", "D"]},
        {"old": ["A", "C"], "new": ["alpha", "gamma"]},
    ),
    _asked(
        "fill-1",
        "df.assign(v=df['v'].fillna(df.groupby('g')['v'].transform('mean')))",
        {"g": list("aabbbac"), "v": [1.0, np.nan, 4.0, np.nan, 8.0, 3.0, 5.0]},
    ),
    _asked(
        "fill-2",
        "df.assign(v=df.groupby('g')['v'].ffill())",
        {"g": list("aabbabb"), "v": [1.0, np.nan, np.nan, 4.0, np.nan, np.nan, 6.0]},
    ),
    _asked(
        "fill-4",
        "df.assign(phone=df['phone'].fillna(df['mobile']).fillna('none'))",
        {
            "name": ["Al", "Bo", "Cy", "Di", "Ed"],
            "phone": ["11", None, None, "44", None],
            "mobile": ["91", "92", None, "94", None],
        },
    ),
    _asked(
        "fill-8",
        "df.set_index('y').reindex(range(df['y'].min(), df['y'].max() + 1), fill_value=0).reset_index()",
        {"y": [2000, 2001, 2004, 2006], "n": [5, 3, 8, 2]},
    ),
    _asked(
        "window-1",
        "df.assign(r=df.groupby('g')['v'].transform(lambda s: s.rolling(2).mean()))",
        {"g": list("aaabbb"), "v": [2, 4, 8, 10, 20, 40]},
    ),
    _asked(
        "window-4",
        "df.groupby((df['s'] != df['s'].shift()).cumsum())"
        ".agg(s=('s', 'first'), start=('t', 'min'), end=('t', 'max')).reset_index(drop=True)",
        {"t": [1, 2, 3, 4, 5, 6, 7, 8], "s": ["on", "on", "off", "off", "off", "on", "off", "off"]},
    ),
    _asked("window-6", "df[df['v'] > df['v'].shift()]", {"t": list("pqrstuv"), "v": [3, 5, 4, 4, 9, 10, 2]}),
    _asked("window-9", "df.assign(share=df['v'].cumsum() / df['v'].sum())", {"k": list("abcd"), "v": [5, 10, 25, 60]}),
    _asked(
        "group-8",
        "df.groupby('g').apply(lambda s: (s['p'] * s['w']).sum() / s['w'].sum(), include_groups=False)",
        {"g": list("aabbb"), "p": [10.0, 20.0, 5.0, 8.0, 2.0], "w": [1, 3, 2, 1, 1]},
    ),
    _asked(
        "group-11",
        "df.groupby('g')['ok'].mean().mul(100)",
        {"g": list("aabbbcc"), "ok": [True, False, True, True, False, False, False]},
    ),
    _asked("group-12", "df.groupby('g')['v'].apply(list)", {"g": list("abacb"), "v": [3, 1, 4, 1, 5]}),
    _asked(
        "text-5",
        "df.assign(c=df['c'].str.strip().str.lower())",
        {"c": [" Red", "BLUE ", "green", " ReD "], "n": [1, 2, 3, 4]},
    ),
    _asked(
        "text-8",
        "df['a'].str[0] + df['b'].str[-1] + df['n'].astype(str).str.zfill(3)",
        {"a": ["foo", "bar", "qux"], "b": ["one", "two", "six"], "n": [7, 42, 108]},
    ),
    _asked("text-10", "df['s'].str.get_dummies(',')", {"s": ["x,y", "y", "z,x", "y,z"]}),
    _asked(
        "dates-1",
        "df.assign(days=(df['end'] - df['start']).dt.days)",
        {
            "start": pd.to_datetime(["2024-01-01", "2024-02-10", "2024-03-05"]),
            "end": pd.to_datetime(["2024-01-15", "2024-03-01", "2024-03-06"]),
        },
    ),
    _asked(
        "dates-2",
        "df.groupby(df['when'].dt.to_period('M').astype(str))['amt'].sum().reset_index()",
        {
            "when": pd.to_datetime(["2023-01-05", "2023-01-20", "2023-02-03", "2023-02-27", "2023-04-01"]),
            "amt": [10, 5, 7, 8, 1],
        },
    ),
    _asked(
        "dates-6",
        "df.loc[df.groupby('id')['t'].idxmax()]",
        {
            "id": [1, 2, 1, 2, 3],
            "t": pd.to_datetime(["2024-01-03", "2024-05-01", "2024-02-01", "2024-04-09", "2023-12-31"]),
            "v": list("abcde"),
        },
    ),
    _asked(
        "dates-9",
        "df.assign(q=df['t'].dt.year.astype(str) + 'Q' + df['t'].dt.quarter.astype(str))",
        {"t": pd.to_datetime(["2021-02-03", "2021-08-09", "2022-05-30", "2022-12-01"]), "v": [1, 2, 3, 4]},
    ),
    _asked("reduce-1", "', '.join(df.loc[df['v'] > 5, 'k'])", _ANIMALS),
    _asked("reduce-2", "df.loc[df['v'].idxmax(), 'k']", {"k": ["ant", "bee", "cat", "dog"], "v": [3, 8, 16, 1]}),
    _asked("reduce-3", "list(zip(df['a'], df['b']))", {"a": [1, 2, 3], "b": ["x", "y", "z"], "c": [0.1, 0.2, 0.3]}),
    _asked("reduce-4", "df.set_index('k')['v'].to_dict()", {"k": ["p", "q", "r"], "v": [5, 6, 7], "w": [1, 1, 2]}),
    _asked(
        "reduce-6",
        "df.isna().sum().idxmax()",
        {"a": [1, np.nan, 3, 4], "b": [np.nan, np.nan, 3, 1], "c": [1, 2, 3, np.nan]},
    ),
    _asked("reduce-7", "(df['v'].min(), df['v'].max())", {"k": list("abcd"), "v": [7, 3, 12, 5]}),
    _asked(
        "reduce-11",
        "df.select_dtypes('number').sum(axis=1)",
        {"n": ["u", "v", "w"], "x": [1, 2, 3], "y": [10, 20, 30], "s": ["a", "b", "c"]},
    ),
    _asked("reduce-12", "df['g'].mode()[0]", {"g": [*list("bbaac"), "b"], "v": range(6)}),
    _asked("reduce-14", "df.nunique().to_dict()", {"a": [1, 1, 2, 3], "b": list("xxxy"), "c": list("pqrs")}),
    _asked("reduce-17", "np.sort(df['v'].unique())", {"v": [4, 2, 4, 9, 2, 7]}),
    _asked(
        "cond-1",
        "df.assign(lvl=np.select([df['t'] < 10, df['t'] < 25], ['cold', 'mild'], 'hot'))",
        {"t": [5, 12, 30, 24, 9, 41], "c": list("abcdef")},
    ),
    _asked(
        "cond-6",
        "df.assign(n=(df[['a', 'b', 'c']] > 0).sum(axis=1))",
        {"id": list("pqr"), "a": [1, 0, 3], "b": [0, 0, 5], "c": [2, 1, 4]},
    ),
    _asked(
        "cond-8",
        "df.assign(price=np.where(df['kind'].isin(['vip', 'staff']), df['price'] * 0.5, df['price']))",
        {"kind": ["vip", "std", "staff", "std", "kid", "vip"], "price": [10.0, 20.0, 30.0, 40.0, 50.0, 60.0]},
    ),
    _asked(
        "two-3",
        "df1.merge(df2, how='cross').query('lo <= x < hi')[['x', 'band']].reset_index(drop=True)",
        {"x": [3, 15, 27, 8]},
        {"lo": [0, 10, 20], "hi": [10, 20, 30], "band": ["low", "mid", "top"]},
    ),
    _asked(
        "two-6",
        "df1.set_index('k').add(df2.set_index('k'), fill_value=0)",
        {"k": list("abc"), "v": [1, 2, 3]},
        {"k": list("bcd"), "v": [10, 20, 30]},
    ),
    _asked("list-2", "df.assign(tot=df['l'].map(sum))", _LISTS),
    _asked("daily-8", "df.sort_values(['city', 'price'], ascending=[True, False])", _SALES),
    _asked("daily-10", "df.rename(columns={'qty': 'quantity', 'price': 'eur'})", _SALES),
    _asked("daily-11", "df.drop(columns=['price'])", _SALES),
    _asked("daily-17", "df.dropna(subset=['pay'])", _STAFF),
    _asked("daily-19", "df.assign(pay=df['pay'].fillna(df['pay'].mean()))", _STAFF),
    _asked("daily-21", "df[df['name'].str.contains('a')]", _STAFF),
    _asked("daily-25", "df.loc[df['age'] >= 40, ['name', 'dept']]", _STAFF),
    _asked("daily-26", "df[~(df['dept'] == 'it')]", _STAFF),
    _asked("daily-27", "df['age'].between(30, 45).sum()", _STAFF),
    _asked("daily-28", "df.sort_values('age').iloc[0]['name']", _STAFF),
    _asked("daily-30", "df.assign(senior=df['age'] > 40)", _STAFF),
    _asked("daily-34", "df['pay'].isna().sum()", _STAFF),
    _asked("daily-36", "df.set_index('id').sum(axis=1)", _WEEK),
    _asked("daily-40", "df.set_index('id').mean()", _WEEK),
    _asked("daily-44", "df.assign(month=df['ts'].dt.month)", _VISITS),
    _asked("daily-46", "df['ms'].max() - df['ms'].min()", _VISITS),
    _asked("daily-47", "df['user'].nunique()", _VISITS),
    _asked("daily-49", "df1.merge(df2, on='cust').groupby('town')['amt'].sum()", _ORDERS, _CUSTOMERS),
)
"""Those that are only counted."""
