"""Questions on reshaping and preparing tables, written before anybody looked at what the synthesizer can do.

Spread and gather, unite and separate, joins of several tables, semi-joins and anti-joins, shares, margins, ranks,
sheets with merged cells and totals, as in the literature on synthesis from tables.
:data:`DEVELOPMENT` may be looked at, :data:`HELD_OUT` is only counted; which is which was drawn.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsys4sys.datasets.tasks import Question
from mlsys4sys.datasets.tasks import asked as _asked

_TRIPS = pd.DataFrame(
    {
        "driver": ["Ana", "Bo", "Ana", "Cy", "Bo", "Ana", "Cy", "Dee"],
        "zone": ["east", "west", "west", "east", "west", "east", "north", "north"],
        "km": [12, 7, 5, 20, 9, 3, 14, 6],
        "fare": [30.0, 18.5, 14.0, 44.0, 21.0, 9.5, 33.0, 16.0],
    }
)
_SCORES = pd.DataFrame(
    {
        "pupil": ["Ed", "Ed", "Flo", "Flo", "Gus", "Gus"],
        "subject": ["art", "math", "art", "math", "art", "math"],
        "mark": [71, 64, 88, 93, 55, 79],
    }
)
_WIDE = pd.DataFrame(
    {"site": ["A", "B", "C"], "x_2021": [3, 8, 4], "x_2022": [5, 9, 1], "y_2021": [10, 20, 40], "y_2022": [15, 35, 60]}
)
_CLIENTS = pd.DataFrame({"cid": [1, 2, 3, 4], "client": ["Acme", "Brix", "Coda", "Dyne"], "area": ["N", "S", "N", "S"]})
_INVOICES = pd.DataFrame(
    {"inv": [11, 12, 13, 14, 15, 16], "cid": [1, 3, 1, 2, 3, 1], "total": [100, 250, 40, 75, 60, 310]}
)
_PAYMENTS = pd.DataFrame({"inv": [11, 12, 12, 14, 16], "paid": [100, 100, 50, 75, 200]})
_LOG = pd.DataFrame(
    {
        "when": pd.to_datetime(["2023-01-05", "2023-01-19", "2023-02-02", "2023-02-20", "2023-02-25", "2023-03-08"]),
        "kind": ["web", "shop", "web", "web", "shop", "shop"],
        "amount": [20, 35, 50, 15, 80, 25],
    }
)
_STAFF = pd.DataFrame(
    {
        "eid": [1, 2, 3, 4, 5, 6],
        "name": ["Kim", "Lou", "Mia", "Max", "Ola", "Pat"],
        "boss": [np.nan, 1, 1, 2, 2, 3],
        "unit": ["x", "x", "y", "x", "y", "y"],
        "wage": [90, 60, 75, 60, 40, 75],
    }
)
_TAKES = pd.DataFrame(
    {
        "sid": [1, 1, 2, 2, 3, 3, 3, 4],
        "course": ["db", "os", "db", "ai", "db", "os", "ai", "os"],
        "grade": [7, 9, 6, 8, 10, 7, 9, 5],
    }
)
_STUDENTS = pd.DataFrame(
    {"sid": [1, 2, 3, 4, 5], "student": ["Uma", "Vic", "Wes", "Xia", "Yan"], "major": ["cs", "ee", "cs", "ee", "cs"]}
)
_MERGED_CELLS = pd.DataFrame(
    {"dept": ["toys", None, None, "food", None], "item": ["car", "doll", "ball", "jam", "tea"], "sold": [4, 9, 2, 7, 5]}
)

DEVELOPMENT: tuple[Question, ...] = (
    _asked(
        "spread-diff",
        "df.pivot(index='pupil', columns='subject', values='mark')"
        ".assign(gap=lambda d: d['math'] - d['art']).reset_index()",
        _SCORES,
    ),
    _asked(
        "gather-spread",
        "pd.wide_to_long(df, ['x', 'y'], i='site', j='year', sep='_').reset_index()",
        _WIDE,
    ),
    _asked(
        "separate-sum",
        "df.assign(team=df['code'].str.split('-').str[0]).groupby('team', as_index=False)['pts'].sum()",
        {"code": ["red-1", "blue-1", "red-2", "blue-3", "red-7", "tan-2"], "pts": [3, 6, 4, 1, 8, 2]},
    ),
    _asked(
        "separate-rows-count",
        "df.assign(tags=df['tags'].str.split(';')).explode('tags')['tags'].value_counts()"
        ".rename_axis('tag').reset_index(name='n')",
        {"post": [1, 2, 3, 4], "tags": ["a;b", "b", "b;d;a", "b;a;e;d;d"]},
    ),
    _asked(
        "range-rows",
        "df.assign(n=[list(range(a, b + 1)) for a, b in zip(df['lo'], df['hi'])]).explode('n')[['k',"
        " 'n']].reset_index(drop=True)",
        {"k": ["a", "b", "c"], "lo": [1, 5, 2], "hi": [3, 6, 2]},
    ),
    _asked(
        "share-of-group",
        "df.assign(share=df['km'] / df.groupby('zone')['km'].transform('sum'))",
        _TRIPS,
    ),
    _asked(
        "count-share",
        "df.groupby('zone').size().reset_index(name='n').assign(freq=lambda d: d['n'] / d['n'].sum())",
        _TRIPS,
    ),
    _asked("max-of-counts", "df.groupby('driver').size().max()", _TRIPS),
    _asked(
        "most-frequent-rows",
        "df.groupby('driver').size().reset_index(name='n').loc[lambda d: d['n'] == d['n'].max()]",
        _TRIPS,
    ),
    _asked(
        "above-mean-sum",
        "df.groupby('driver', as_index=False)['fare'].sum().loc[lambda d: d['fare'] > d['fare'].mean()]",
        _TRIPS,
    ),
    _asked(
        "having-count-sum",
        "df.groupby('driver').filter(lambda g: len(g) > 1).groupby('driver', as_index=False)['fare'].sum()",
        _TRIPS,
    ),
    _asked(
        "having-two",
        "df.groupby('zone', as_index=False).agg(n=('km', 'size'), km=('km', 'sum'))"
        ".loc[lambda d: (d['n'] >= 2) & (d['km'] > 20)]",
        _TRIPS,
    ),
    _asked(
        "top2-per-zone",
        "df.sort_values('fare', ascending=False).groupby('zone').head(2).sort_values(['zone', 'fare'],"
        " ascending=[True, False]).reset_index(drop=True)",
        _TRIPS,
    ),
    _asked(
        "cum-share",
        "df.assign(cum=df.groupby('zone')['km'].cumsum() / df.groupby('zone')['km']"
        ".transform('sum'))[['zone', 'km', 'cum']]",
        _TRIPS,
    ),
    _asked(
        "best-driver-zone",
        "df.groupby(['zone', 'driver'], as_index=False)['fare'].sum().sort_values('fare',"
        " ascending=False).drop_duplicates('zone').sort_values('zone').reset_index(drop=True)",
        _TRIPS,
    ),
    _asked(
        "range-per-group",
        "df.groupby('zone', as_index=False)['fare'].agg(lambda s: s.max() - s.min())",
        _TRIPS,
    ),
    _asked(
        "pivot-rowshare",
        "df.pivot_table(index='driver', columns='zone', values='km', aggfunc='sum', fill_value=0)"
        ".pipe(lambda d: d.div(d.sum(axis=1), axis=0))",
        _TRIPS,
    ),
    _asked(
        "pivot-allshare",
        "df.pivot_table(index='driver', columns='zone', values='km', aggfunc='sum', fill_value=0)"
        ".pipe(lambda d: d / d.sum().sum())",
        _TRIPS,
    ),
    _asked(
        "pivot-margins",
        "df.pivot_table(index='driver', columns='zone', values='km', aggfunc='sum', fill_value=0,"
        " margins=True, margins_name='Total')",
        _TRIPS,
    ),
    _asked("crosstab-top", "pd.crosstab(df['driver'], df['zone']).idxmax(axis=1)", _TRIPS),
    _asked("month-change", "df.groupby(df['when'].dt.month)['amount'].sum().diff()", _LOG),
    _asked(
        "month-last",
        "df.sort_values('when').groupby([df['when'].dt.month, 'kind'])['amount'].last().unstack()",
        _LOG,
    ),
    _asked(
        "total-row",
        "pd.concat([df, pd.DataFrame([{'item': 'Total', 'qty': df['qty'].sum(), 'cost': df['cost']"
        ".sum()}])], ignore_index=True)",
        {"item": ["nut", "cog", "pin"], "qty": [4, 7, 1], "cost": [2.5, 3.0, 9.5]},
    ),
    _asked(
        "join3-sum",
        "df1.merge(df2, on='cid').merge(df3, on='inv').groupby('client', as_index=False)['paid'].sum()",
        _CLIENTS,
        _INVOICES,
        _PAYMENTS,
    ),
    _asked(
        "join-sum-area",
        "df1.merge(df2, on='cid').groupby('area', as_index=False)['total'].sum()",
        _CLIENTS,
        _INVOICES,
    ),
    _asked(
        "join-left-sum",
        "df1.merge(df2.groupby('cid', as_index=False)['total'].sum(), on='cid', how='left')"
        ".fillna({'total': 0})[['client', 'total']]",
        _CLIENTS,
        _INVOICES,
    ),
    _asked(
        "open-balance",
        "df1.merge(df2.groupby('inv', as_index=False)['paid'].sum(), on='inv', how='left')"
        ".fillna({'paid': 0}).assign(due=lambda d: d['total'] - d['paid'])",
        _INVOICES,
        _PAYMENTS,
    ),
    _asked(
        "semi",
        "df1[df1['cid'].isin(df2['cid'])].reset_index(drop=True)",
        _CLIENTS,
        _INVOICES,
    ),
    _asked(
        "semi-cond",
        "df1[df1['cid'].isin(df2.loc[df2['total'] > 200, 'cid'])]",
        _CLIENTS,
        _INVOICES,
    ),
    _asked(
        "anti-cond",
        "df1[~df1['sid'].isin(df2.loc[df2['course'] == 'os', 'sid'])]",
        _STUDENTS,
        _TAKES,
    ),
    _asked(
        "all-courses",
        "df1.merge(df2, on='sid').groupby('student').filter(lambda g: g['course']"
        ".nunique() == df2['course'].nunique())['student'].unique().tolist()",
        _STUDENTS,
        _TAKES,
    ),
    _asked(
        "boss-name",
        "df.merge(df[['eid', 'name']].rename(columns={'eid': 'boss', 'name': 'boss_name'}),"
        " on='boss')[['name', 'boss_name']]",
        _STAFF,
    ),
    _asked(
        "boss-count",
        "df.merge(df, left_on='boss', right_on='eid', suffixes=('', '_b')).groupby('name_b',"
        " as_index=False)['eid'].count()",
        _STAFF,
    ),
    _asked(
        "earn-more-than-boss",
        "df.merge(df, left_on='boss', right_on='eid', suffixes=('', '_b'))"
        ".loc[lambda d: d['wage'] >= d['wage_b'], ['name', 'name_b']]",
        _STAFF,
    ),
    _asked("second-highest", "df['wage'].drop_duplicates().nlargest(2).iloc[-1]", _STAFF),
    _asked(
        "union-distinct",
        "pd.concat([df1, df2]).drop_duplicates().reset_index(drop=True)",
        {"u": ["a", "b", "c"], "v": [1, 2, 3]},
        {"u": ["b", "d"], "v": [2, 4]},
    ),
    _asked(
        "except",
        "df1.merge(df2, how='left', indicator=True).query(\"_merge == 'left_only'\").drop(columns='_merge')",
        {"u": ["a", "b", "c", "b"], "v": [1, 2, 3, 5]},
        {"u": ["b", "d", "c"], "v": [2, 4, 9]},
    ),
    _asked(
        "append-source",
        "pd.concat([df1.assign(src='old'), df2.assign(src='new')], ignore_index=True)",
        {"u": ["a", "b", "c"], "v": [1, 2, 3]},
        {"u": ["b", "d"], "v": [2, 4]},
    ),
    _asked(
        "join-two-keys-diff",
        "df1.merge(df2, on=['k', 't'], suffixes=('_a', '_b')).assign(d=lambda x: x['v_b'] - x['v_a'])",
        {"k": ["a", "a", "b", "b"], "t": [1, 2, 1, 2], "v": [4, 6, 9, 3]},
        {"k": ["b", "a", "b", "a"], "t": [2, 1, 1, 3], "v": [8, 5, 1, 7]},
    ),
    _asked(
        "cross-cost",
        "df1.merge(df2, how='cross').assign(cost=lambda d: d['qty'] * d['rate'])",
        {"p": ["a", "b"], "qty": [3, 5]},
        {"q": ["x", "y", "z"], "rate": [2, 7, 11]},
    ),
    _asked("fill-down", "df.ffill()", _MERGED_CELLS),
    _asked(
        "fill-down-spread",
        "df.assign(id=df['id'].ffill()).pivot(index='id', columns='f', values='v').reset_index()",
        {"id": ["r1", None, "r2", None, "r3", None], "f": ["h", "w"] * 3, "v": [3, 6, 5, 8, 2, 9]},
    ),
    _asked(
        "repeat-header",
        "df[df['qty'] != 'qty'].assign(qty=lambda d: d['qty'].astype(int))",
        {"item": ["nut", "item", "cog", "item", "pin"], "qty": ["4", "qty", "7", "qty", "1"]},
    ),
    _asked(
        "transpose-header",
        "df.set_index('field').T.rename_axis(None, axis=1).reset_index(names='who')",
        {"field": ["age", "kg", "cm"], "Al": [30, 70, 175], "Bea": [25, 60, 165]},
    ),
    _asked(
        "pairs-to-long",
        "pd.concat([df[['id', 'n1', 's1']].set_axis(['id', 'n', 's'], axis=1), df[['id', 'n2', 's2']]"
        ".set_axis(['id', 'n', 's'], axis=1)], ignore_index=True)",
        {"id": [1, 2, 3], "n1": ["a", "b", "c"], "s1": [4, 7, 1], "n2": ["d", "e", "f"], "s2": [9, 2, 6]},
    ),
    _asked(
        "stack-multi",
        "df.set_index('site').pipe(lambda d: d.set_axis(d.columns.str.split('_', expand=True), axis=1))"
        ".stack(level=1).reset_index()",
        _WIDE,
    ),
    _asked(
        "onehot-to-label",
        "df.set_index('id').idxmax(axis=1).reset_index(name='color')",
        {"id": [1, 2, 3, 4], "red": [0, 1, 0, 0], "tan": [1, 0, 0, 1], "blue": [0, 0, 1, 0]},
    ),
    _asked(
        "label-cols",
        "df.melt(id_vars='id').query('value == 1')[['id', 'variable']].sort_values('id').reset_index(drop=True)",
        {"id": [1, 2, 3], "red": [0, 1, 1], "tan": [1, 0, 0], "blue": [1, 0, 1]},
    ),
    _asked(
        "before-after",
        "df.pivot(index='id', columns='time', values=['w', 'h']).pipe(lambda d: d"
        ".set_axis([f'{a}_{b}' for a, b in d.columns], axis=1)).reset_index()",
        {"id": [1, 1, 2, 2, 3, 3], "time": ["pre", "post"] * 3, "w": [70, 68, 82, 80, 65, 66], "h": [5, 6, 7, 4, 3, 8]},
    ),
    _asked(
        "wide-sum-by-stem",
        "df.set_index('site').T.groupby(lambda c: c.split('_')[0]).sum().T",
        _WIDE,
    ),
    _asked(
        "complete-grid",
        "df.set_index(['k', 't']).reindex(pd.MultiIndex.from_product([df['k'].unique(), df['t']"
        ".unique()], names=['k', 't']), fill_value=0).reset_index()",
        {"k": ["a", "a", "b", "c"], "t": [1, 2, 2, 3], "v": [5, 8, 3, 9]},
    ),
)
"""Those that may be looked at."""

HELD_OUT: tuple[Question, ...] = (
    _asked(
        "spread-1",
        "df.pivot(index='pupil', columns='subject', values='mark').reset_index()",
        _SCORES,
    ),
    _asked(
        "spread-mean-row",
        "df.pivot(index='pupil', columns='subject', values='mark').assign(mean=lambda d: d.mean(axis=1))",
        _SCORES,
    ),
    _asked(
        "gather-separate",
        "df.melt(id_vars='site').assign(var=lambda d: d['variable'].str.split('_').str[0],"
        " year=lambda d: d['variable'].str.split('_').str[1]).drop(columns='variable')[['site', 'var',"
        " 'year', 'value']]",
        _WIDE,
    ),
    _asked(
        "gather-sum",
        "df.melt(id_vars='site').assign(year=lambda d: d['variable'].str[-4:]).groupby('year',"
        " as_index=False)['value'].sum()",
        _WIDE,
    ),
    _asked(
        "gather-mean-stem",
        "df.melt(id_vars='site').assign(stem=lambda d: d['variable'].str.split('_').str[0])"
        ".groupby(['site', 'stem'], as_index=False)['value'].mean()",
        _WIDE,
    ),
    _asked(
        "unite-spread",
        "df.assign(key=df['t'] + '_' + df['m'].astype(str)).pivot(index='id', columns='key', values='v').reset_index()",
        {"id": [1, 1, 1, 1, 2, 2, 2, 2], "t": ["p", "p", "q", "q"] * 2, "m": [1, 2] * 4, "v": [5, 3, 8, 1, 9, 6, 4, 2]},
    ),
    _asked(
        "unite-drop",
        "df.assign(full=df['first'] + ' ' + df['last']).drop(columns=['first', 'last'])",
        {"first": ["Ann", "Ben", "Cat"], "last": ["Lee", "Moor", "Nash"], "age": [30, 41, 25]},
    ),
    _asked(
        "separate-rows",
        "df.assign(tag=df['tags'].str.split(',')).explode('tag').drop(columns='tags').reset_index(drop=True)",
        {"post": [1, 2, 3], "tags": ["a,b", "c", "b,d,a"]},
    ),
    _asked(
        "separate-cols",
        "df.assign(city=df['place'].str.split(', ').str[0], state=df['place'].str.split(', ')"
        ".str[1])[['id', 'city', 'state']]",
        {"id": [1, 2, 3], "place": ["Reno, NV", "Waco, TX", "Yuma, AZ"]},
    ),
    _asked(
        "share-of-total",
        "df.groupby('zone', as_index=False)['fare'].sum().assign(pct=lambda d: d['fare'] / d['fare'].sum() * 100)",
        _TRIPS,
    ),
    _asked(
        "ratio-of-sums",
        "df.groupby('driver', as_index=False)[['km', 'fare']].sum().assign(rate=lambda d: d['fare'] / d['km'])",
        _TRIPS,
    ),
    _asked(
        "dev-from-mean",
        "df.assign(dev=df['fare'] - df.groupby('driver')['fare'].transform('mean'))[['driver', 'fare', 'dev']]",
        _TRIPS,
    ),
    _asked("mean-of-sums", "df.groupby('driver')['fare'].sum().mean()", _TRIPS),
    _asked(
        "zones-of-drivers",
        "df.groupby('driver')['zone'].nunique().loc[lambda s: s > 1].index.tolist()",
        _TRIPS,
    ),
    _asked(
        "cond-count",
        "df[df['fare'] > 15].groupby('zone')['driver'].nunique().reset_index(name='drivers')",
        _TRIPS,
    ),
    _asked(
        "rank-in-zone",
        "df.assign(rank=df.groupby('zone')['fare'].rank(ascending=False).astype(int)).sort_values(['zone', 'rank'])",
        _TRIPS,
    ),
    _asked(
        "cum-total-sorted",
        "df.groupby('zone', as_index=False)['km'].sum().sort_values('km', ascending=False)"
        ".assign(cum=lambda d: d['km'].cumsum())",
        _TRIPS,
    ),
    _asked("avg-of-group-max", "df.groupby('zone')['fare'].max().mean()", _TRIPS),
    _asked(
        "rank-groups",
        "df.groupby('driver', as_index=False)['km'].sum().assign(rank=lambda d: d['km']"
        ".rank(ascending=False, method='min').astype(int)).sort_values('rank')",
        _TRIPS,
    ),
    _asked(
        "two-level-agg",
        "df.groupby(['driver', 'zone'], as_index=False)['km'].sum().groupby('zone', as_index=False)['km'].mean()",
        _TRIPS,
    ),
    _asked(
        "pivot-colshare",
        "df.pivot_table(index='driver', columns='zone', values='km', aggfunc='sum', fill_value=0)"
        ".pipe(lambda d: d / d.sum())",
        _TRIPS,
    ),
    _asked(
        "pivot-total-col",
        "df.pivot_table(index='driver', columns='zone', values='km', aggfunc='sum', fill_value=0)"
        ".assign(total=lambda d: d.sum(axis=1)).reset_index()",
        _TRIPS,
    ),
    _asked(
        "month-pivot",
        "df.assign(month=df['when'].dt.month).pivot_table(index='month', columns='kind',"
        " values='amount', aggfunc='sum').reset_index()",
        _LOG,
    ),
    _asked(
        "month-name-sum",
        "df.groupby(df['when'].dt.strftime('%Y-%m'))['amount'].sum().reset_index()",
        _LOG,
    ),
    _asked(
        "month-pivot-filled",
        "df.assign(month=df['when'].dt.strftime('%b')).pivot_table(index='kind', columns='month',"
        " values='amount', aggfunc='count', fill_value=0)",
        _LOG,
    ),
    _asked(
        "total-row-index",
        "pd.concat([df.set_index('item'), df.set_index('item').sum().to_frame('Total').T])",
        {"item": ["nut", "cog", "pin"], "qty": [4, 7, 1], "cost": [2, 3, 9]},
    ),
    _asked(
        "subtotal-groups",
        "df.groupby('zone')[['km', 'fare']].sum().assign(n=df.groupby('zone').size())",
        _TRIPS,
    ),
    _asked("unpaid", "df1[~df1['inv'].isin(df2['inv'])]", _INVOICES, _PAYMENTS),
    _asked(
        "no-orders-name",
        "df1.loc[~df1['cid'].isin(df2['cid']), 'client'].tolist()",
        _CLIENTS,
        _INVOICES,
    ),
    _asked(
        "both-courses",
        "df1[df1['sid'].isin(df2.loc[df2['course'] == 'db', 'sid']) & df1['sid'].isin(df2"
        ".loc[df2['course'] == 'ai', 'sid'])]",
        _STUDENTS,
        _TAKES,
    ),
    _asked(
        "count-courses",
        "df1.merge(df2, on='sid', how='left').groupby('student')['course'].count().reset_index(name='n')",
        _STUDENTS,
        _TAKES,
    ),
    _asked(
        "major-avg",
        "df1.merge(df2, on='sid').groupby(['major', 'course'])['grade'].mean().unstack()",
        _STUDENTS,
        _TAKES,
    ),
    _asked(
        "best-in-course",
        "df1.merge(df2, on='sid').sort_values('grade', ascending=False)"
        ".drop_duplicates('course')[['course', 'student', 'grade']].sort_values('course')"
        ".reset_index(drop=True)",
        _STUDENTS,
        _TAKES,
    ),
    _asked(
        "join-having",
        "df1.merge(df2, on='sid').groupby('student', as_index=False)['grade'].mean().loc[lambda d: d['grade'] > 7.5]",
        _STUDENTS,
        _TAKES,
    ),
    _asked(
        "above-course-mean",
        "df[df['grade'] > df.groupby('course')['grade'].transform('mean')]",
        _TAKES,
    ),
    _asked(
        "top-wage-ties",
        "df[df['wage'] == df.groupby('unit')['wage'].transform('max')]",
        _STAFF,
    ),
    _asked(
        "dense-top2",
        "df[df.groupby('unit')['wage'].rank(method='dense', ascending=False) <= 2].sort_values(['unit',"
        " 'wage'], ascending=[True, False])",
        _STAFF,
    ),
    _asked(
        "full-outer-flag",
        "df1.merge(df2, on='k', how='outer', indicator=True)",
        {"k": [1, 2, 3], "a": [5, 6, 7]},
        {"k": [2, 3, 4], "b": [8, 9, 1]},
    ),
    _asked(
        "intersect",
        "df1.merge(df2)",
        {"u": ["a", "b", "c", "b"], "v": [1, 2, 3, 5]},
        {"u": ["b", "d", "c"], "v": [2, 4, 3]},
    ),
    _asked(
        "sym-diff",
        "pd.concat([df1, df2]).drop_duplicates(keep=False)",
        {"u": ["a", "b", "c"], "v": [1, 2, 3]},
        {"u": ["b", "d", "c"], "v": [2, 4, 9]},
    ),
    _asked(
        "fill-down-sum",
        "df.assign(dept=df['dept'].ffill()).groupby('dept', as_index=False)['sold'].sum()",
        _MERGED_CELLS,
    ),
    _asked(
        "header-row",
        "df.iloc[1:].set_axis(df.iloc[0].tolist(), axis=1).reset_index(drop=True)",
        {"c0": ["id", "a", "b", "c"], "c1": ["n", "4", "6", "1"], "c2": ["z", "k", "m", "k"]},
    ),
    _asked(
        "drop-totals",
        "df[df['item'] != 'Total'].reset_index(drop=True)",
        {"item": ["nut", "cog", "Total", "pin", "bar", "Total"], "q": [4, 7, 11, 1, 5, 6]},
    ),
    _asked(
        "drop-empty",
        "df.dropna(how='all').dropna(axis=1, how='all')",
        {"a": ["x", None, "y", "z"], "b": [np.nan] * 4, "c": [1.0, np.nan, np.nan, 4.0]},
    ),
    _asked(
        "section-header",
        "df.assign(sec=df['name'].where(df['v'].isna()).ffill()).dropna(subset='v')[['sec', 'name', 'v']]",
        {
            "name": ["Fruit", "fig", "plum", "Nuts", "pecan", "almond", "cashew"],
            "v": [np.nan, 3.0, 8.0, np.nan, 5.0, 2.0, 7.0],
        },
    ),
    _asked(
        "key-value-blocks",
        "df.assign(rec=(df['key'] == 'name').cumsum()).pivot(index='rec', columns='key',"
        " values='val')[['name', 'tel']].reset_index(drop=True)",
        {"key": ["name", "tel", "name", "tel", "name", "tel"], "val": ["Al", "55", "Bea", "66", "Cy", "77"]},
    ),
    _asked(
        "rows-of-three",
        "pd.DataFrame(df['v'].to_numpy().reshape(-1, 3), columns=['name', 'age', 'town'])",
        {"v": ["Al", "30", "Rome", "Bea", "25", "Oslo", "Cy", "41", "Bern"]},
    ),
    _asked(
        "number-per-group-spread",
        "df.assign(n=df.groupby('id').cumcount() + 1).pivot(index='id', columns='n', values='tel')"
        ".add_prefix('tel').reset_index()",
        {"id": [1, 1, 2, 3, 3, 3], "tel": ["55", "56", "61", "70", "72", "71"]},
    ),
    _asked(
        "long-drop-na",
        "df.melt(id_vars='k').dropna().sort_values(['k', 'variable']).reset_index(drop=True)",
        {"k": ["a", "b", "c"], "p": [1.0, np.nan, 3.0], "q": [np.nan, 5.0, 6.0], "r": [7.0, 8.0, np.nan]},
    ),
    _asked(
        "join-text",
        "df.groupby('id', as_index=False)['v'].agg(', '.join)",
        {"id": [1, 1, 2, 3, 3], "v": ["a", "b", "c", "a", "d"]},
    ),
    _asked(
        "age-bins-pivot",
        "df.assign(bin=pd.cut(df['age'], [0, 30, 50, 90], labels=['young', 'mid', 'old']))"
        ".groupby(['bin', 'sex'], observed=True).size().unstack(fill_value=0)",
        {"age": [22, 35, 61, 48, 29, 55, 70, 33], "sex": ["f", "m", "f", "f", "m", "f", "m", "f"]},
    ),
)
"""Those that are only counted."""

__all__ = ["DEVELOPMENT", "HELD_OUT"]
