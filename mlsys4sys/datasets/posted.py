"""Questions about tables as people post them: groups and pivots, joins, texts, dates, reshaping, SQL in pandas.

Each with a few rows and the program that answers it. Most were written by people who had not seen what the synthesizer
can do; it was built further on them, so that they are no measure of it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsys4sys.datasets.tasks import Question
from mlsys4sys.datasets.tasks import asked as _asked

_CLICKS = pd.DataFrame(
    {
        "user": ["u1", "u1", "u1", "u2", "u2", "u1", "u2"],
        "ts": pd.to_datetime(
            [
                "2024-05-01 10:00",
                "2024-05-01 10:10",
                "2024-05-01 11:30",
                "2024-05-01 09:00",
                "2024-05-01 09:20",
                "2024-05-01 11:45",
                "2024-05-01 12:00",
            ]
        ),
    }
)
_ORDERS = pd.DataFrame(
    {
        "oid": [1, 2, 3, 4, 5, 6, 7],
        "cid": [10, 11, 10, 12, 13, 11, 10],
        "day": pd.to_datetime(
            ["2024-01-03", "2024-01-15", "2024-02-02", "2024-02-20", "2024-03-01", "2024-03-05", "2024-03-09"]
        ),
    }
)
_ITEMS = pd.DataFrame(
    {
        "oid": [1, 1, 2, 3, 3, 4, 5, 6, 7],
        "sku": ["a1", "b2", "a1", "c3", "b2", "c3", "a1", "b2", "c3"],
        "qty": [2, 1, 5, 1, 3, 2, 4, 1, 6],
    }
)
_PRICES = pd.DataFrame({"sku": ["a1", "b2", "c3"], "price": [2.5, 4.0, 10.0]})
_CUSTOMERS = pd.DataFrame(
    {
        "cid": [10, 11, 12, 13, 14],
        "name": ["Ann", "Bob", "Cy", "Di", "Ed"],
        "city": ["Oslo", "Rome", "Oslo", "Bern", "Rome"],
    }
)
_FIGURES = pd.DataFrame(
    {
        "d": pd.to_datetime(["2024-01-05", "2024-01-20", "2024-02-03", "2024-03-09", "2024-03-21", "2024-04-02"]),
        "v": [10, 5, 20, 7, 9, 30],
    }
)
_STOCK_BEFORE = pd.DataFrame({"sku": ["a1", "b2", "c3"], "stock": [5, 9, 2]})
_STOCK_AFTER = pd.DataFrame({"sku": ["b2", "c3", "d4"], "stock": [7, 2, 4]})
_SALES = pd.DataFrame(
    {
        "rep": ["x", "y", "z", "x", "y", "z", "x", "w"],
        "amt": [10, 25, 7, 30, 5, 9, 12, 28],
        "q": ["Q1", "Q1", "Q1", "Q2", "Q2", "Q2", "Q3", "Q3"],
    }
)
_LOG_LINES = pd.DataFrame(
    {
        "line": [
            "2024-01-02 ERROR disk full",
            "2024-01-03 INFO start",
            "2024-01-03 WARN slow net",
            "2024-01-04 ERROR no net",
        ]
    }
)
_DELIVERIES = pd.DataFrame(
    {"carrier": ["ups", "dhl", "ups", "dhl", "ups", "gls", "gls"], "days": [2, 5, 4, 1, 6, 3, 8]}
)
_STAFF = pd.DataFrame(
    {
        "name": ["Al", "Bo", "Cy", "Di", "Ed", "Fa"],
        "dept": ["hr", "it", "it", "hr", "ops", "it"],
        "pay": [50, 72, 65, 48, 39, 81],
        "start": pd.to_datetime(["2019-03-01", "2020-07-15", "2018-01-10", "2021-11-30", "2022-05-05", "2017-09-09"]),
    }
)
_MOVEMENTS = pd.DataFrame(
    {
        "acct": ["A", "A", "B", "B", "A", "C"],
        "day": pd.to_datetime(["2024-01-01", "2024-01-05", "2024-01-02", "2024-01-09", "2024-01-20", "2024-01-03"]),
        "amt": [100, -30, 50, -20, -10, 75],
    }
)
_PAYMENTS = pd.DataFrame(
    {"id": [1, 2, 3, 4, 5], "cur": ["EUR", "USD", "GBP", "EUR", "JPY"], "amt": [10.0, 20.0, 30.0, 40.0, 50.0]}
)
_RATES = pd.DataFrame({"cur": ["EUR", "USD", "GBP"], "rate": [1.1, 1.0, 1.3]})
_SURVEY = pd.DataFrame({"resp": [1, 2, 3, 4], "q1": [5, 3, 4, 2], "q2": [1, 2, 5, 3], "q3": [4, 4, 4, 5]})
_WEATHER = pd.DataFrame(
    {
        "city": ["Oslo", "Rome"],
        "temp_jan": [-3, 8],
        "temp_jul": [18, 27],
        "rain_jan": [50, 70],
        "rain_jul": [80, 20],
    }
)
_PUPILS = pd.DataFrame(
    {
        "name": ["Ann", "Ann", "Bob", "Bob", "Cy", "Cy"],
        "subj": ["math", "art", "math", "art", "math", "art"],
        "score": [90, 70, 60, 85, 75, 95],
    }
)
_REQUESTS = pd.DataFrame(
    {
        "host": ["a", "a", "b", "b", "a", "c", "b"],
        "status": [200, 500, 200, 200, 404, 500, 500],
        "ms": [12, 40, 9, 14, 33, 80, 61],
    }
)
_STOCK = pd.DataFrame({"item": ["nut", "bolt", "cog", "gear"], "stock": [5, 0, 12, 3], "minq": [10, 2, 5, 3]})
_READINGS = pd.DataFrame(
    {
        "t": pd.to_datetime(
            ["2024-03-01 00:10", "2024-03-01 00:50", "2024-03-01 01:20", "2024-03-01 03:05", "2024-03-01 03:40"]
        ),
        "v": [1.0, 2.0, 4.0, 8.0, 16.0],
    }
)
_PEOPLE = pd.DataFrame({"name": ["Lee, Ann", "Kay, Bob", "Moe, Cyd"], "phone": ["555-1234", "555-9876", "444-1111"]})
_EVENTS = pd.DataFrame(
    {
        "user": ["x", "x", "y", "y", "x", "z"],
        "ev": ["view", "buy", "view", "view", "view", "buy"],
        "n": [1, 2, 3, 4, 5, 6],
    }
)
_BUDGETS = pd.DataFrame({"dept": ["hr", "it", "ops"], "budget": [100, 150, 60]})
_COSTS = pd.DataFrame({"dept": ["hr", "it", "hr", "ops", "it"], "cost": [40, 90, 70, 20, 30]})
_ROUNDS = pd.DataFrame({"team": ["r", "g", "b", "r", "g", "b"], "round": [1, 1, 1, 2, 2, 2], "pts": [3, 5, 5, 9, 1, 7]})
_PRODUCTS = pd.DataFrame({"sku": ["A-100-red", "B-200-blue", "A-300-red"], "price": ["$1,200", "$85", "$3,050"]})
_MONTHS = pd.DataFrame({"k": ["p", "q", "r"], "jan": [1, 4, 7], "feb": [2, 5, 8], "mar": [3, 6, 9]})
_BANDS = pd.DataFrame({"lo": [0, 10, 20], "hi": [9, 19, 29], "label": ["low", "mid", "high"]})
_POINTS = pd.DataFrame({"id": [1, 2, 3, 4], "x": [5, 25, 12, 19]})
_WAGES = pd.DataFrame(
    {
        "name": ["Al", "Bo", "Cy", "Di", "Ed", "Fa"],
        "dept": ["hr", "it", "it", "hr", "ops", "it"],
        "pay": [50, 72, 65, 48, 39, 81],
    }
)
_OLD_PRICES = pd.DataFrame({"id": [1, 2, 3, 4], "price": [10, 20, 30, 40]})
_NEW_PRICES = pd.DataFrame({"id": [2, 3, 4, 5], "price": [20, 35, 40, 50]})
_DAYS = pd.DataFrame(
    {"day": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-05", "2024-01-07"]), "v": [3, 4, 5, 6]}
)
_SIZES = pd.DataFrame({"cat": ["x", "y", "x", "z", "y", "x"], "size": ["S", "M", "L", "S", "S", "M"]})
_UPS = pd.DataFrame({"day": [1, 2, 3, 4, 5, 6, 7, 8], "up": [1, 1, 0, 1, 1, 1, 0, 1]})
_BASKETS = pd.DataFrame({"order": [1, 2, 3], "items": ["pen:2;ink:1", "ink:4", "pen:1;cap:3;ink:2"]})

QUESTIONS: tuple[Question, ...] = (
    _asked(
        "sessions",
        (
            'df.assign(session=(df.groupby("user")["ts"].diff() > pd.Timedelta(minutes=30))'
            '.groupby(df["user"]).cumsum())'
        ),
        _CLICKS,
    ),
    _asked(
        "sessions-count",
        (
            "df.sort_values(['user','ts']).assign(new=lambda d: d.groupby('user')['ts'].diff() > pd"
            ".Timedelta('30min')).groupby('user')['new'].sum().add(1).reset_index(name='sessions')"
        ),
        _CLICKS,
    ),
    _asked(
        "three-join-sum",
        (
            "df1.merge(df2, on='oid').merge(df3, on='sku').assign(total=lambda d: d['qty'] * d['price'])"
            ".groupby('cid', as_index=False)['total'].sum()"
        ),
        _ORDERS,
        _ITEMS,
        _PRICES,
    ),
    _asked(
        "three-join-rows",
        "df1.merge(df2, on='oid').merge(df3, on='sku')[['oid','cid','sku','qty','price']]",
        _ORDERS,
        _ITEMS,
        _PRICES,
    ),
    _asked(
        "three-join-city",
        "df1.merge(df2, on='cid').merge(df3, on='oid').groupby('city')['qty'].sum()",
        _ORDERS,
        _CUSTOMERS,
        _ITEMS,
    ),
    _asked(
        "never-ordered",
        "df2[~df2['cid'].isin(df1['cid'])]['name'].tolist()",
        _ORDERS,
        _CUSTOMERS,
    ),
    _asked(
        "join-count-zero",
        "df2.merge(df1, on='cid', how='left').groupby('name')['oid'].count().reset_index(name='n')",
        _ORDERS,
        _CUSTOMERS,
    ),
    _asked(
        "revenue-by-sku",
        (
            "df1.merge(df2, on='sku').assign(rev=lambda d: d['qty'] * d['price']).groupby('sku')['rev']"
            ".sum().sort_values(ascending=False)"
        ),
        _ITEMS,
        _PRICES,
    ),
    _asked(
        "month-diff",
        "df.groupby(df['d'].dt.month)['v'].sum().diff()",
        _FIGURES,
    ),
    _asked(
        "month-growth",
        "df.set_index('d')['v'].resample('MS').sum().pct_change()",
        _FIGURES,
    ),
    _asked(
        "outer-diff",
        (
            "df1.merge(df2, on='sku', how='outer', suffixes=('_old', '_new')).fillna(0)"
            ".assign(change=lambda d: d['stock_new'] - d['stock_old'])"
        ),
        _STOCK_BEFORE,
        _STOCK_AFTER,
    ),
    _asked(
        "outer-ind",
        "df1.merge(df2, on='sku', how='outer', suffixes=('_old', '_new'), indicator=True)",
        _STOCK_BEFORE,
        _STOCK_AFTER,
    ),
    _asked(
        "changed",
        "df1.merge(df2, on='sku').loc[lambda d: d['stock_x'] != d['stock_y'], ['sku', 'stock_x', 'stock_y']]",
        _STOCK_BEFORE,
        _STOCK_AFTER,
    ),
    _asked(
        "top2-rows",
        "df[df['rep'].isin(df.groupby('rep')['amt'].sum().nlargest(2).index)]",
        _SALES,
    ),
    _asked(
        "top-total",
        "df.groupby('rep', as_index=False)['amt'].sum().nlargest(2, 'amt')",
        _SALES,
    ),
    _asked(
        "mode-fill",
        "df.assign(mode=df['mode'].fillna(df.groupby('city')['mode'].transform(lambda s: s.mode()[0])))",
        {
            "city": ["Oslo", "Oslo", "Rome", "Rome", "Rome", "Bern"],
            "mode": ["bus", np.nan, "car", "car", np.nan, "tram"],
            "n": [1, 2, 3, 4, 5, 6],
        },
    ),
    _asked(
        "extract3",
        "df['line'].str.extract(r'(?P<day>\\S+) (?P<level>\\w+) (?P<msg>.*)')",
        _LOG_LINES,
    ),
    _asked(
        "level-counts",
        "df['line'].str.split().str[1].value_counts()",
        _LOG_LINES,
    ),
    _asked(
        "words",
        "df['text'].str.lower().str.split().explode().value_counts()",
        {"post": [1, 2, 3], "text": ["Red blue", "blue GREEN", "red Blue"]},
    ),
    _asked(
        "late-share",
        "df.assign(late=df['days'] > 3).groupby('carrier', as_index=False)['late'].mean()",
        _DELIVERIES,
    ),
    _asked(
        "late-agg",
        (
            "df.assign(late=df['days'] > 3).groupby('carrier')"
            ".agg(n=('days', 'size'), late=('late', 'sum')).assign(share=lambda d: d['late'] / d['n'])"
            ".reset_index()"
        ),
        _DELIVERIES,
    ),
    _asked(
        "late-count",
        "df[df['days'] > 3].groupby('carrier').size().reset_index(name='late')",
        _DELIVERIES,
    ),
    _asked(
        "case-sums",
        (
            "df.assign(early=df['amt'].where(df['q'] == 'Q1', 0), later=df['amt']"
            ".where(df['q'] != 'Q1', 0)).groupby('rep', as_index=False)[['early', 'later']].sum()"
        ),
        _SALES,
    ),
    _asked(
        "mgr-name",
        "df.merge(df[['emp','sal']].rename(columns={'emp':'mgr','sal':'mgr_sal'}), on='mgr')",
        {"emp": ["a", "b", "c", "d"], "mgr": ["c", "c", np.nan, "b"], "sal": [10, 20, 30, 15]},
    ),
    _asked(
        "more-than-mgr",
        "df.merge(df, left_on='mgr', right_on='emp').loc[lambda d: d['sal_x'] > d['sal_y'], 'emp_x'].tolist()",
        {"emp": ["a", "b", "c", "d"], "mgr": ["c", "c", np.nan, "b"], "sal": [40, 20, 30, 15]},
    ),
    _asked(
        "span",
        "df.groupby('user')['ts'].agg(lambda s: (s.max() - s.min()).total_seconds() / 60)",
        _CLICKS,
    ),
    _asked(
        "second-pay",
        "df.sort_values('pay', ascending=False).groupby('dept').nth(1)",
        _STAFF,
    ),
    _asked(
        "above-dept",
        "df[df['pay'] > df.groupby('dept')['pay'].transform('mean')]",
        _STAFF,
    ),
    _asked(
        "pay-share",
        "df.assign(share=(df['pay'] / df.groupby('dept')['pay'].transform('sum')).round(2))",
        _STAFF,
    ),
    _asked(
        "tenure",
        "df.assign(years=((pd.Timestamp('2024-01-01') - df['start']).dt.days / 365).round(1))",
        _STAFF,
    ),
    _asked(
        "hired-after",
        "df[df['start'] > '2019-12-31'].groupby('dept')['pay'].mean()",
        _STAFF,
    ),
    _asked(
        "first-hire",
        "df.loc[df.groupby('dept')['start'].idxmin(), ['dept', 'name', 'start']].reset_index(drop=True)",
        _STAFF,
    ),
    _asked(
        "wide-q",
        (
            "df.pivot_table(index='rep', columns='q', values='amt', aggfunc='sum', fill_value=0)"
            ".assign(total=lambda d: d.sum(axis=1))"
        ),
        _SALES,
    ),
    _asked(
        "wide-q-reset",
        (
            "df.pivot_table(index='rep', columns='q', values='amt', aggfunc='sum').reset_index()"
            ".rename_axis(columns=None)"
        ),
        _SALES,
    ),
    _asked(
        "running",
        "df.assign(run=df.groupby('rep')['amt'].cumsum())",
        _SALES,
    ),
    _asked(
        "first-over",
        "df[df.groupby('rep')['amt'].cumsum() >= 30].groupby('rep').head(1)",
        _SALES,
    ),
    _asked(
        "pct-total",
        "df.groupby('rep')['amt'].sum().div(df['amt'].sum()).mul(100).round(1)",
        _SALES,
    ),
    _asked(
        "best-q",
        "df.loc[df.groupby('rep')['amt'].idxmax()].set_index('rep')['q'].to_dict()",
        _SALES,
    ),
    _asked(
        "q-lists",
        "df.groupby('rep')['q'].agg(', '.join).reset_index()",
        _SALES,
    ),
    _asked(
        "join-filter-agg",
        "df1.merge(df2, on='cid').query(\"city == 'Oslo'\").groupby('name').size()",
        _ORDERS,
        _CUSTOMERS,
    ),
    _asked(
        "balance",
        "df.assign(balance=df.groupby('acct')['amt'].cumsum())",
        _MOVEMENTS,
    ),
    _asked(
        "balance-last",
        (
            "df.sort_values('day').assign(balance=lambda d: d.groupby('acct')['amt'].cumsum())"
            ".groupby('acct')['balance'].last()"
        ),
        _MOVEMENTS,
    ),
    _asked(
        "net",
        "df.groupby('acct')['amt'].agg(['sum','count'])",
        _MOVEMENTS,
    ),
    _asked(
        "in-out",
        (
            "df.assign(way=np.where(df['amt'] > 0, 'in', 'out'))"
            ".pivot_table(index='acct', columns='way', values='amt', aggfunc='sum', fill_value=0)"
        ),
        _MOVEMENTS,
    ),
    _asked(
        "days-since",
        "df.assign(gap=df.groupby('acct')['day'].diff().dt.days)",
        _MOVEMENTS,
    ),
    _asked(
        "first-negative",
        "df[df['amt'] < 0].groupby('acct').first().reset_index()",
        _MOVEMENTS,
    ),
    _asked(
        "convert",
        "df1.merge(df2, on='cur', how='left').assign(usd=lambda d: d['amt'] * d['rate'])",
        _PAYMENTS,
        _RATES,
    ),
    _asked(
        "convert-map",
        "df1.assign(usd=df1['amt'] * df1['cur'].map(df2.set_index('cur')['rate']))",
        _PAYMENTS,
        _RATES,
    ),
    _asked(
        "convert-sum",
        "df1.merge(df2, on='cur').eval('amt * rate').sum()",
        _PAYMENTS,
        _RATES,
    ),
    _asked(
        "unmatched",
        "df1[~df1['cur'].isin(df2['cur'])]",
        _PAYMENTS,
        _RATES,
    ),
    _asked(
        "survey-mean",
        "df.assign(mean=df[['q1','q2','q3']].mean(axis=1).round(2))",
        _SURVEY,
    ),
    _asked(
        "survey-top",
        "df.set_index('resp').idxmax(axis=1).reset_index(name='best')",
        _SURVEY,
    ),
    _asked(
        "survey-long-avg",
        "df.melt('resp').groupby('variable')['value'].mean()",
        _SURVEY,
    ),
    _asked(
        "survey-high",
        "df.assign(high=(df[['q1','q2','q3']] >= 4).sum(axis=1))",
        _SURVEY,
    ),
    _asked(
        "wide2long",
        "pd.wide_to_long(df, ['temp','rain'], i='city', j='month', sep='_', suffix=r'\\w+').reset_index()",
        _WEATHER,
    ),
    _asked(
        "wide-melt-split",
        (
            "df.melt('city').assign(kind=lambda d: d['variable'].str.split('_')"
            ".str[0], month=lambda d: d['variable'].str.split('_').str[1]).drop(columns='variable')"
        ),
        _WEATHER,
    ),
    _asked(
        "best-subject",
        "df.loc[df.groupby('name')['score'].idxmax(), ['name','subj']]",
        _PUPILS,
    ),
    _asked(
        "pivot-diff",
        (
            "df.pivot(index='name', columns='subj', values='score')"
            ".assign(gap=lambda d: d['math'] - d['art']).reset_index()"
        ),
        _PUPILS,
    ),
    _asked(
        "above-all",
        "df[df['score'] > df['score'].mean()].groupby('name').size()",
        _PUPILS,
    ),
    _asked(
        "all-pass",
        "df.groupby('name').filter(lambda g: (g['score'] >= 70).all())['name'].unique()",
        _PUPILS,
    ),
    _asked(
        "error-rate",
        "df.groupby('host')['status'].agg(lambda s: (s >= 500).mean()).reset_index(name='err')",
        _REQUESTS,
    ),
    _asked(
        "slowest-err",
        "df[df['status'] >= 400].sort_values('ms', ascending=False).head(2)",
        _REQUESTS,
    ),
    _asked(
        "err-by-host",
        "df[df['status'] >= 400].groupby('host')['ms'].max()",
        _REQUESTS,
    ),
    _asked(
        "class-counts",
        "df.assign(cls=df['status'] // 100 * 100).groupby(['host','cls']).size().unstack(fill_value=0)",
        _REQUESTS,
    ),
    _asked(
        "reorder",
        "df[df['stock'] < df['minq']].assign(order=lambda d: d['minq'] - d['stock'])",
        _STOCK,
    ),
    _asked(
        "status-col",
        ("df.assign(state=np.select([df['stock'] == 0, df['stock'] < df['minq']], ['out','low'], default='ok'))"),
        _STOCK,
    ),
    _asked(
        "hourly",
        "df.set_index('t').resample('h')['v'].sum().reset_index()",
        _READINGS,
    ),
    _asked(
        "hourly-ffill",
        "df.set_index('t')['v'].resample('h').last().ffill()",
        _READINGS,
    ),
    _asked(
        "swap-name",
        (
            "df.assign(first=df['name'].str.split(', ').str[1], last=df['name'].str.split(', ').str[0])"
            ".drop(columns='name')"
        ),
        _PEOPLE,
    ),
    _asked(
        "full-name",
        "df.assign(full=df['name'].str.split(', ').str[::-1].str.join(' '))",
        _PEOPLE,
    ),
    _asked(
        "area-count",
        "df['phone'].str.split('-').str[0].value_counts()",
        _PEOPLE,
    ),
    _asked(
        "bought-users",
        "df[df['user'].isin(df.loc[df['ev'] == 'buy', 'user'])]",
        _EVENTS,
    ),
    _asked(
        "views-before",
        "df[df['ev'] == 'view'].groupby('user')['n'].sum().reset_index()",
        _EVENTS,
    ),
    _asked(
        "conv",
        "df.pivot_table(index='user', columns='ev', values='n', aggfunc='count', fill_value=0)",
        _EVENTS,
    ),
    _asked(
        "over-budget",
        (
            "df2.groupby('dept', as_index=False)['cost'].sum().merge(df1, on='dept')"
            ".assign(left=lambda d: d['budget'] - d['cost'])"
        ),
        _BUDGETS,
        _COSTS,
    ),
    _asked(
        "over-budget-list",
        (
            "df2.groupby('dept')['cost'].sum().reset_index().merge(df1, on='dept')"
            ".query('cost > budget')['dept'].tolist()"
        ),
        _BUDGETS,
        _COSTS,
    ),
    _asked(
        "rank-round",
        "df.assign(place=df.groupby('round')['pts'].rank(ascending=False, method='min').astype(int))",
        _ROUNDS,
    ),
    _asked(
        "winner-round",
        "df[df['pts'] == df.groupby('round')['pts'].transform('max')]",
        _ROUNDS,
    ),
    _asked(
        "improve",
        "df.pivot(index='team', columns='round', values='pts').diff(axis=1)[2].idxmax()",
        _ROUNDS,
    ),
    _asked(
        "cum-points",
        ("df.assign(total=df.groupby('team')['pts'].cumsum()).pivot(index='round', columns='team', values='total')"),
        _ROUNDS,
    ),
    _asked(
        "parse-price",
        "df.assign(price=df['price'].str.replace('[$,]', '', regex=True).astype(int))",
        _PRODUCTS,
    ),
    _asked(
        "sku-parts",
        ("df.join(df['sku'].str.split('-', expand=True).set_axis(['line','num','color'], axis=1)).drop(columns='sku')"),
        _PRODUCTS,
    ),
    _asked(
        "color-sum",
        (
            "df.assign(color=df['sku'].str.split('-').str[2], price=df['price'].str"
            ".replace('[$,]', '', regex=True).astype(int)).groupby('color')['price'].sum()"
        ),
        _PRODUCTS,
    ),
    _asked(
        "month-share",
        "df.set_index('k').pipe(lambda d: d.div(d.sum(axis=1), axis=0)).round(2)",
        _MONTHS,
    ),
    _asked(
        "add-total-row",
        "pd.concat([df, df.sum(numeric_only=True).to_frame().T.assign(k='total')], ignore_index=True)",
        _MONTHS,
    ),
    _asked(
        "growth",
        "df.set_index('k').pct_change(axis=1)",
        _MONTHS,
    ),
    _asked(
        "interval",
        "df2.merge(df1, how='cross').query('lo <= x <= hi')[['id','x','label']].reset_index(drop=True)",
        _BANDS,
        _POINTS,
    ),
    _asked(
        "interval-cut",
        "df2.assign(label=pd.cut(df2['x'], [-1,9,19,29], labels=['low','mid','high']).astype(str))",
        _BANDS,
        _POINTS,
    ),
    _asked(
        "pay-band",
        "df.assign(band=pd.cut(df['pay'], [0,50,70,100], labels=['low','mid','high']))",
        _WAGES,
    ),
    _asked(
        "two-lowest",
        "df.sort_values('pay').groupby('dept').head(1).sort_values('dept')",
        _WAGES,
    ),
    _asked(
        "gap-to-top",
        "df.assign(gap=df.groupby('dept')['pay'].transform('max') - df['pay'])",
        _WAGES,
    ),
    _asked(
        "dept-names",
        "df.groupby('dept')['name'].agg(list).to_dict()",
        _WAGES,
    ),
    _asked(
        "single-dept",
        "df[~df.duplicated('dept', keep=False)]",
        _WAGES,
    ),
    _asked(
        "changed-price",
        "df1.merge(df2, on='id', suffixes=('_old','_new')).query('price_old != price_new')",
        _OLD_PRICES,
        _NEW_PRICES,
    ),
    _asked(
        "added",
        "df2[~df2['id'].isin(df1['id'])]",
        _OLD_PRICES,
        _NEW_PRICES,
    ),
    _asked(
        "upsert",
        "pd.concat([df1, df2]).drop_duplicates('id', keep='last').sort_values('id').reset_index(drop=True)",
        _OLD_PRICES,
        _NEW_PRICES,
    ),
    _asked(
        "delta",
        "df1.merge(df2, on='id', how='inner').assign(d=lambda x: x['price_y'] - x['price_x'])[['id','d']]",
        _OLD_PRICES,
        _NEW_PRICES,
    ),
    _asked(
        "fill-days",
        "df.set_index('day').asfreq('D').ffill().reset_index()",
        _DAYS,
    ),
    _asked(
        "fill-days0",
        "df.set_index('day').asfreq('D', fill_value=0).reset_index()",
        _DAYS,
    ),
    _asked(
        "missing-days",
        "pd.date_range(df['day'].min(), df['day'].max()).difference(df['day'])",
        _DAYS,
    ),
    _asked(
        "cross",
        "pd.crosstab(df['cat'], df['size'])",
        _SIZES,
    ),
    _asked(
        "cross-share",
        "pd.crosstab(df['cat'], df['size'], normalize='index').round(2)",
        _SIZES,
    ),
    _asked(
        "dummies",
        "pd.concat([df[['cat']], pd.get_dummies(df['size'], dtype=int)], axis=1)",
        _SIZES,
    ),
    _asked(
        "streak",
        "df.assign(streak=df.groupby((df['up'] == 0).cumsum())['up'].cumsum())",
        _UPS,
    ),
    _asked(
        "longest",
        "df.groupby((df['up'] == 0).cumsum())['up'].sum().max()",
        _UPS,
    ),
    _asked(
        "explode-kv",
        (
            "df.assign(items=df['items'].str.split(';')).explode('items').assign(item=lambda d: d['items']"
            ".str.split(':').str[0], n=lambda d: d['items'].str.split(':').str[1].astype(int))"
            ".drop(columns='items')"
        ),
        _BASKETS,
    ),
    _asked(
        "item-totals",
        ("df['items'].str.split(';').explode().str.split(':', expand=True).astype({1: int}).groupby(0)[1].sum()"),
        _BASKETS,
    ),
    _asked(
        "sum-sales-by-region",
        "df.groupby('region', as_index=False)['sales'].sum()",
        {
            "region": ["North", "South", "North", "East", "South", "East", "North"],
            "rep": ["Ann", "Bob", "Cid", "Dee", "Eve", "Fay", "Gus"],
            "sales": [250, 130, 75, 410, 95, 60, 33],
        },
    ),
    _asked(
        "latest-order-per-customer",
        "df.sort_values('order_date').drop_duplicates('customer', keep='last')",
        {
            "customer": ["Miller", "Jones", "Miller", "Patel", "Jones", "Miller", "Patel"],
            "order_date": pd.to_datetime(
                ["2023-03-01", "2023-01-15", "2023-01-04", "2023-05-20", "2023-06-11", "2023-02-10", "2023-04-02"]
            ),
            "amount": [120.5, 80.0, 45.25, 300.0, 15.75, 60.0, 99.9],
        },
    ),
    _asked(
        "wide-to-long-years",
        "df.melt(id_vars=['country', 'indicator'], var_name='year', value_name='value')",
        {
            "country": ["France", "Spain", "Italy", "Italy"],
            "indicator": ["GDP", "GDP", "GDP", "Debt"],
            "2019": [2.73, 1.39, 2.01, 2.7],
            "2020": [2.64, 1.28, 1.9, 2.91],
            "2021": [2.96, 1.45, 2.16, 3.06],
        },
    ),
    _asked(
        "pass-fail-from-score",
        "df.assign(result=np.where(df['score'] >= 60, 'pass', 'fail'))",
        {"student": ["Olga", "Pete", "Quinn", "Rosa", "Sam", "Tina"], "score": [59, 60, 88, 34, 72, 61]},
    ),
    _asked(
        "split-full-name",
        "df.join(df['full_name'].str.split(' ', n=1, expand=True).set_axis(['first', 'last'], axis=1))",
        {"full_name": ["John Smith", "Maria de la Cruz", "Wei Chen", "Anna Van Dyke"], "age": [34, 29, 41, 52]},
    ),
    _asked(
        "extract-digits-from-sku",
        "df.assign(number=df['sku'].str.extract(r'(\\d+)', expand=False).astype(int))",
        {"sku": ["AB-0012-x", "QW-340-z", "ZZ-7-k", "MN-0905-p", "TR-66-d"], "stock": [3, 14, 0, 8, 21]},
    ),
    _asked(
        "monthly-total-resample",
        "df.set_index('date')['revenue'].resample('MS').sum().reset_index()",
        {
            "date": pd.to_datetime(
                ["2022-01-03", "2022-01-28", "2022-02-14", "2022-04-01", "2022-04-19", "2022-05-30"]
            ),
            "revenue": [100, 250, 75, 310, 40, 95],
        },
    ),
    _asked(
        "ffill-within-patient",
        "df.assign(weight=df.groupby('patient')['weight'].ffill())",
        {
            "patient": ["P01", "P01", "P01", "P02", "P02", "P03", "P03", "P03"],
            "visit": [1, 2, 3, 1, 2, 1, 2, 3],
            "weight": [70.5, np.nan, np.nan, np.nan, 82.0, 64.2, np.nan, 65.1],
        },
    ),
    _asked(
        "rank-within-department",
        "df.assign(rank=df.groupby('department')['salary'].rank(method='dense', ascending=False).astype(int))",
        {
            "employee": ["Kim", "Lee", "Moe", "Nia", "Oto", "Pam", "Raj", "Sue"],
            "department": ["IT", "HR", "IT", "HR", "IT", "Ops", "IT", "HR"],
            "salary": [5200, 4100, 6100, 4100, 6100, 3900, 4700, 3800],
        },
    ),
    _asked(
        "running-balance-per-account",
        "df.assign(balance=df.groupby('account')['amount'].cumsum())",
        {
            "account": ["A100", "B200", "A100", "B200", "A100", "C300"],
            "date": pd.to_datetime(
                ["2024-01-01", "2024-01-01", "2024-01-03", "2024-01-05", "2024-01-06", "2024-01-07"]
            ),
            "amount": [500, 300, -120, -50, 75, 20],
        },
    ),
    _asked(
        "rolling-3day-mean-price",
        "df.assign(ma3=df['close'].rolling(3).mean())",
        {
            "day": pd.to_datetime(
                ["2024-03-04", "2024-03-05", "2024-03-06", "2024-03-07", "2024-03-08", "2024-03-09", "2024-03-10"]
            ),
            "close": [10.0, 12.0, 11.0, 15.0, 13.0, 17.0, 12.0],
        },
    ),
    _asked(
        "left-merge-two-keys",
        "df1.merge(df2, on=['store', 'product'], how='left')",
        {
            "store": ["S1", "S1", "S2", "S2", "S3"],
            "product": ["milk", "bread", "milk", "eggs", "bread"],
            "units": [10, 4, 7, 12, 9],
        },
        {
            "store": ["S1", "S1", "S2", "S2", "S4"],
            "product": ["milk", "bread", "eggs", "bread", "milk"],
            "price": [1.2, 2.5, 3.1, 2.4, 1.1],
        },
    ),
    _asked(
        "asof-trades-quotes",
        "pd.merge_asof(df1, df2, on='time', by='ticker')",
        {
            "time": pd.to_datetime(
                ["2023-05-25 13:30:03", "2023-05-25 13:30:08", "2023-05-25 13:30:15", "2023-05-25 13:30:20"]
            ),
            "ticker": ["MSFT", "GOOG", "MSFT", "GOOG"],
            "qty": [75, 155, 100, 40],
        },
        {
            "time": pd.to_datetime(
                [
                    "2023-05-25 13:30:01",
                    "2023-05-25 13:30:02",
                    "2023-05-25 13:30:07",
                    "2023-05-25 13:30:10",
                    "2023-05-25 13:30:18",
                ]
            ),
            "ticker": ["MSFT", "GOOG", "GOOG", "MSFT", "GOOG"],
            "bid": [51.95, 720.5, 720.9, 52.01, 719.8],
        },
    ),
    _asked(
        "count-combinations",
        "df.groupby(['browser', 'os']).size().reset_index(name='count')",
        {
            "visitor": [101, 102, 103, 104, 105, 106, 107],
            "browser": ["Chrome", "Firefox", "Chrome", "Safari", "Chrome", "Firefox", "Safari"],
            "os": ["Windows", "Linux", "Windows", "macOS", "Linux", "Linux", "iOS"],
        },
    ),
    _asked(
        "top2-scores-per-team",
        "df.sort_values('points', ascending=False).groupby('team').head(2)",
        {
            "team": ["Bulls", "Heat", "Bulls", "Heat", "Bulls", "Heat", "Nets"],
            "player": ["Ali", "Ben", "Cam", "Dan", "Eli", "Finn", "Gil"],
            "points": [22, 18, 31, 27, 15, 9, 12],
        },
    ),
    _asked(
        "percent-of-region-total",
        "df.assign(pct=df['sales'] / df.groupby('state')['sales'].transform('sum') * 100)",
        {
            "state": ["CA", "CA", "WA", "WA", "CO", "CA"],
            "office_id": [1, 2, 3, 4, 5, 6],
            "sales": [400, 350, 600, 200, 150, 250],
        },
    ),
    _asked(
        "explode-comma-tags",
        "df.assign(tags=df['tags'].str.split(',')).explode('tags', ignore_index=True)",
        {"post_id": [11, 12, 13, 14], "tags": ["python,pandas", "sql", "r,dplyr,ggplot2", "python,numpy"]},
    ),
    _asked(
        "pivot-table-with-totals",
        (
            "df.pivot_table(index='quarter', columns='channel', values='revenue', aggfunc='sum',"
            " fill_value=0, margins=True, margins_name='Total')"
        ),
        {
            "quarter": ["Q1", "Q1", "Q2", "Q2", "Q3", "Q1", "Q3"],
            "channel": ["web", "store", "web", "web", "store", "web", "phone"],
            "revenue": [120, 80, 150, 35, 90, 10, 25],
        },
    ),
    _asked(
        "map-country-codes",
        "df.assign(country=df['code'].map({'DE': 'Germany', 'FR': 'France', 'IT': 'Italy'}).fillna('Other'))",
        {"user": ["u1", "u2", "u3", "u4", "u5", "u6"], "code": ["DE", "FR", "US", "IT", "DE", "BR"]},
    ),
    _asked(
        "difference-from-previous-reading",
        "df.assign(used=df.groupby('meter')['reading'].diff().fillna(0))",
        {
            "meter": ["M1", "M1", "M1", "M2", "M2", "M2"],
            "month": ["2023-01", "2023-02", "2023-03", "2023-01", "2023-02", "2023-03"],
            "reading": [1040.0, 1102.5, 1180.0, 560.0, 575.5, 603.0],
        },
    ),
    _asked(
        "consecutive-streak-counter",
        "df.assign(streak=df.groupby(df['result'].ne(df['result'].shift()).cumsum()).cumcount() + 1)",
        {"game": [1, 2, 3, 4, 5, 6, 7, 8, 9], "result": ["W", "W", "L", "W", "L", "L", "L", "W", "W"]},
    ),
    _asked(
        "session-id-30min-gap",
        "df.assign(session=df['timestamp'].diff().gt(pd.Timedelta(minutes=30)).cumsum())",
        {
            "timestamp": pd.to_datetime(
                [
                    "2024-02-01 09:00",
                    "2024-02-01 09:10",
                    "2024-02-01 09:55",
                    "2024-02-01 10:20",
                    "2024-02-01 12:00",
                    "2024-02-01 12:05",
                    "2024-02-01 12:36",
                ]
            ),
            "page": ["home", "cart", "home", "help", "home", "search", "cart"],
        },
    ),
    _asked(
        "groups-with-mean-over-threshold",
        "df.groupby('supplier').filter(lambda g: g['rating'].mean() > 3.5)",
        {
            "supplier": ["Acme", "Acme", "Borg", "Borg", "Borg", "Cyan", "Cyan", "Cyan"],
            "order_no": [501, 502, 503, 504, 505, 506, 507, 508],
            "rating": [4, 4, 3, 4, 3, 3, 5, 3],
        },
    ),
    _asked(
        "complete-missing-combinations",
        (
            "df.set_index(['shop', 'item']).reindex(pd.MultiIndex.from_product([df['shop']"
            ".unique(), df['item'].unique()], names=['shop', 'item']), fill_value=0).reset_index()"
        ),
        {
            "shop": ["Leeds", "Leeds", "York", "Hull", "Hull"],
            "item": ["tea", "jam", "tea", "jam", "rice"],
            "qty": [5, 2, 7, 1, 4],
        },
    ),
    _asked(
        "zscore-within-class",
        (
            "df.assign(z=(df['grade'] - df.groupby('class')['grade'].transform('mean')) / df"
            ".groupby('class')['grade'].transform('std'))"
        ),
        {
            "class": ["9A", "9A", "9A", "9B", "9B", "9B"],
            "pupil": ["Ivy", "Jon", "Kay", "Lou", "Max", "Nell"],
            "grade": [60.0, 75.0, 90.0, 55.0, 85.0, 70.0],
        },
    ),
    _asked(
        "sort-by-custom-size-order",
        "df.sort_values('size', key=lambda s: s.map({'S': 0, 'M': 1, 'L': 2, 'XL': 3}))",
        {
            "shirt": ["polo", "tee", "vest", "hoodie", "tank", "parka"],
            "size": ["XL", "S", "L", "M", "XL", "S"],
            "price": [19.99, 9.5, 24.0, 39.0, 12.25, 89.0],
        },
    ),
    _asked(
        "dict-of-lists-per-category",
        "df.groupby('category')['product'].agg(list).to_dict()",
        {
            "product": ["apple", "carrot", "banana", "beef", "onion", "plum"],
            "category": ["fruit", "vegetable", "fruit", "meat", "vegetable", "fruit"],
        },
    ),
    _asked(
        "most-common-city",
        "df['city'].value_counts().idxmax()",
        {
            "name": ["Abe", "Bea", "Cal", "Dot", "Ed", "Flo"],
            "city": ["Boston", "Austin", "Denver", "Austin", "Boston", "Austin"],
        },
    ),
    _asked(
        "drop-rows-all-readings-nan",
        "df.dropna(subset=['temp', 'humidity'], how='all')",
        {
            "sensor": ["s1", "s2", "s3", "s4", "s5"],
            "temp": [21.5, np.nan, np.nan, 19.0, np.nan],
            "humidity": [40.0, np.nan, 55.0, np.nan, np.nan],
            "battery": [90.0, 85.0, 70.0, np.nan, 60.0],
        },
    ),
    _asked(
        "named-agg-several",
        (
            "df.groupby('airline').agg(flights=('flight', 'count'), avg_delay=('delay', 'mean'), worst="
            "('delay', 'max')).reset_index()"
        ),
        {
            "airline": ["Delta", "United", "Delta", "JetBlue", "United", "Delta"],
            "flight": ["DL1", "UA9", "DL4", "B63", "UA2", "DL8"],
            "delay": [12, 30, 0, 45, 6, 18],
        },
    ),
    _asked(
        "np-select-age-bands",
        (
            "df.assign(fare=np.select([df['age'] < 12, df['age'] < 18, df['age'] >= 65], ['child', 'youth',"
            " 'senior'], default='adult'))"
        ),
        {"passenger": ["Bo", "Cy", "Di", "Em", "Fu", "Gia", "Hal", "Ida"], "age": [8, 12, 17, 18, 40, 64, 65, 81]},
    ),
    _asked(
        "cut-into-labelled-bins",
        ("df.assign(bracket=pd.cut(df['income'], bins=[0, 20000, 50000, 100000], labels=['low', 'middle', 'high']))"),
        {"household": [1, 2, 3, 4, 5, 6], "income": [18000, 20000, 20001, 50000, 50001, 99000]},
    ),
    _asked(
        "row-with-max-per-group",
        "df.loc[df.groupby('district')['price'].idxmax()]",
        {
            "district": ["Mitte", "Pankow", "Mitte", "Spandau", "Pankow", "Spandau", "Mitte"],
            "address": ["Alex 1", "Park 3", "Dom 7", "Ufer 2", "Berg 9", "Zoo 5", "Markt 4"],
            "price": [410, 290, 520, 180, 305, 175, 470],
        },
    ),
    _asked(
        "pivot-long-to-wide-reset",
        "df.pivot(index='student', columns='subject', values='mark').reset_index().rename_axis(columns=None)",
        {
            "student": ["Amy", "Amy", "Bart", "Bart", "Cleo", "Cleo"],
            "subject": ["maths", "art", "maths", "art", "maths", "art"],
            "mark": [71, 88, 54, 63, 92, 79],
        },
    ),
    _asked(
        "anti-join-unpaid-customers",
        "df1[~df1['customer_id'].isin(df2['customer_id'])]",
        {
            "customer_id": [1001, 1002, 1003, 1004, 1005, 1006],
            "name": ["Garcia", "Okafor", "Nguyen", "Rossi", "Schmidt", "Tanaka"],
        },
        {"customer_id": [1002, 1005, 1002, 1006], "paid": [50.0, 20.0, 35.5, 80.0]},
    ),
    _asked(
        "merge-indicator-both-sides",
        "df1.merge(df2, on='email', how='outer', indicator=True)",
        {"email": ["ann@x.com", "bob@x.com", "cat@x.com", "dan@x.com"], "plan": ["free", "pro", "free", "team"]},
        {
            "email": ["bob@x.com", "dan@x.com", "eve@x.com", "fay@x.com"],
            "last_login": pd.to_datetime(["2024-01-05", "2024-02-09", "2024-03-01", "2024-01-22"]),
        },
    ),
    _asked(
        "year-month-from-date-count",
        "df.groupby(df['signup'].dt.strftime('%Y-%m')).size().reset_index(name='users')",
        {
            "user": ["ab", "cd", "ef", "gh", "ij", "kl", "mn"],
            "signup": pd.to_datetime(
                ["2023-11-02", "2023-11-30", "2023-12-05", "2024-01-09", "2024-01-10", "2024-01-31", "2022-11-15"]
            ),
        },
    ),
    _asked(
        "days-between-dates",
        "df.assign(days=(df['returned'] - df['borrowed']).dt.days)",
        {
            "book": ["Dune", "Emma", "Ulysses", "Holes", "Matilda"],
            "borrowed": pd.to_datetime(["2024-01-28", "2024-02-01", "2024-02-10", "2023-12-20", "2024-03-01"]),
            "returned": pd.to_datetime(["2024-02-03", "2024-02-01", "2024-03-15", "2024-01-04", "2024-03-09"]),
        },
    ),
    _asked(
        "parse-day-first-dates",
        "df.assign(date=pd.to_datetime(df['date'], format='%d/%m/%Y'))",
        {
            "invoice": ["INV1", "INV2", "INV3", "INV4", "INV5"],
            "date": ["03/04/2021", "25/12/2021", "01/02/2022", "30/06/2022", "11/10/2022"],
            "total": [99.0, 150.0, 20.5, 75.0, 310.0],
        },
    ),
    _asked(
        "currency-string-to-float",
        "df.assign(price=df['price'].str.replace('[$,]', '', regex=True).astype(float))",
        {
            "item": ["laptop", "mouse", "desk", "server", "cable"],
            "price": ["$1,299.99", "$25.50", "$450.00", "$12,750.00", "$7.25"],
        },
    ),
    _asked(
        "fill-missing-with-group-mean",
        "df.assign(age=df['age'].fillna(df.groupby('pclass')['age'].transform('mean')))",
        {
            "name": ["Allen", "Braund", "Carter", "Dooley", "Elias", "Futrelle", "Goodwin", "Harris"],
            "pclass": [1, 3, 1, 3, 3, 1, 3, 1],
            "age": [30.0, 22.0, np.nan, 20.0, np.nan, 37.0, 9.0, 41.0],
        },
    ),
    _asked(
        "interpolate-hourly-temperature",
        "df.set_index('time').resample('h').interpolate().reset_index()",
        {
            "time": pd.to_datetime(["2024-07-01 00:00", "2024-07-01 02:00", "2024-07-01 05:00", "2024-07-01 06:00"]),
            "temp": [14.0, 18.0, 12.0, 20.0],
        },
    ),
    _asked(
        "insert-missing-dates-zero",
        "df.set_index('date').asfreq('D', fill_value=0).reset_index()",
        {
            "date": pd.to_datetime(["2024-03-29", "2024-03-31", "2024-04-01", "2024-04-04"]),
            "tickets": [5, 2, 9, 4],
            "calls": [11, 7, 8, 3],
        },
    ),
    _asked(
        "cumcount-visit-number",
        "df.assign(visit_no=df.groupby('patient_id').cumcount() + 1)",
        {
            "patient_id": [77, 12, 77, 45, 12, 77, 45],
            "visit_date": pd.to_datetime(
                ["2023-01-02", "2023-01-03", "2023-01-09", "2023-01-10", "2023-02-01", "2023-02-11", "2023-03-05"]
            ),
            "doctor": ["Roy", "Lin", "Lin", "Roy", "Roy", "Lin", "Lin"],
        },
    ),
    _asked(
        "pct-change-per-ticker",
        "df.assign(ret=df.groupby('ticker')['close'].pct_change())",
        {
            "ticker": ["AAPL", "AAPL", "AAPL", "TSLA", "TSLA", "TSLA"],
            "date": pd.to_datetime(
                ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-02", "2024-01-03", "2024-01-04"]
            ),
            "close": [200.0, 210.0, 189.0, 250.0, 240.0, 300.0],
        },
    ),
    _asked(
        "unique-count-per-group",
        "df.groupby('campaign')['user_id'].nunique().sort_values(ascending=False)",
        {
            "campaign": ["spring", "summer", "spring", "autumn", "summer", "summer", "spring", "autumn", "summer"],
            "user_id": [5, 7, 5, 9, 8, 7, 6, 9, 10],
            "clicks": [1, 4, 2, 1, 3, 2, 6, 5, 1],
        },
    ),
    _asked(
        "join-strings-per-group",
        "df.groupby('order_id')['item'].agg(', '.join).reset_index()",
        {
            "order_id": [9001, 9002, 9001, 9003, 9002, 9001],
            "item": ["pen", "stapler", "paper", "glue", "tape", "clips"],
            "qty": [10, 1, 500, 2, 3, 100],
        },
    ),
    _asked(
        "crosstab-share-by-row",
        "pd.crosstab(df['gender'], df['vote'], normalize='index')",
        {
            "voter": [1, 2, 3, 4, 5, 6, 7, 8, 9],
            "gender": ["F", "M", "F", "M", "F", "M", "F", "M", "M"],
            "vote": ["yes", "no", "yes", "yes", "no", "abstain", "yes", "no", "no"],
        },
    ),
    _asked(
        "one-hot-genres",
        "df.join(df['genres'].str.get_dummies(sep='|')).drop(columns='genres')",
        {
            "title": ["Heat", "Toy Story", "Jumanji", "Casino", "Babe"],
            "genres": ["Action|Crime", "Animation|Comedy", "Adventure|Comedy", "Crime|Drama", "Drama"],
        },
    ),
    _asked(
        "expand-dict-column",
        "df.drop(columns='meta').join(pd.json_normalize(df['meta']))",
        {
            "device": ["cam1", "cam2", "cam3", "cam4"],
            "meta": [
                {"lat": 52.1, "lon": 4.3},
                {"lat": 51.9, "lon": 4.5},
                {"lat": 52.4, "lon": 4.9},
                {"lat": 50.8, "lon": 5.7},
            ],
        },
    ),
    _asked(
        "records-list-output",
        "df[df['active']].drop(columns='active').to_dict('records')",
        {
            "id": [1, 2, 3, 4, 5],
            "login": ["root", "alice", "bob", "carol", "dave"],
            "active": [True, False, True, True, False],
        },
    ),
    _asked(
        "lookup-dict-from-two-columns",
        "df.set_index('iata')['airport'].to_dict()",
        {
            "iata": ["JFK", "LHR", "CDG", "NRT", "AMS"],
            "airport": ["Kennedy", "Heathrow", "De Gaulle", "Narita", "Schiphol"],
            "runways": [4, 2, 4, 2, 6],
        },
    ),
    _asked(
        "weighted-average-scalar",
        "np.average(df['unit_price'], weights=df['quantity'])",
        {"lot": ["L1", "L2", "L3", "L4"], "unit_price": [10.0, 12.5, 9.0, 15.0], "quantity": [100, 40, 250, 10]},
    ),
    _asked(
        "cap-outliers-at-90th-percentile",
        "df.assign(response_ms=df['response_ms'].clip(upper=df['response_ms'].quantile(0.9)))",
        {
            "request": ["r01", "r02", "r03", "r04", "r05", "r06", "r07", "r08", "r09", "r10"],
            "response_ms": [120, 95, 130, 2400, 110, 105, 99, 142, 118, 127],
        },
    ),
    _asked(
        "wide-to-long-stub-names",
        "pd.wide_to_long(df, stubnames=['weight', 'height'], i='child', j='year', sep='_').reset_index()",
        {
            "child": ["Ana", "Ben", "Cleo", "Dov"],
            "weight_2020": [14.0, 15.5, 13.2, 16.1],
            "weight_2021": [16.5, 17.0, 15.0, 18.4],
            "height_2020": [95, 99, 92, 101],
            "height_2021": [103, 106, 100, 109],
        },
    ),
    _asked(
        "first-and-last-price-per-day",
        "df.groupby(df['time'].dt.date)['price'].agg(['first', 'last'])",
        {
            "time": pd.to_datetime(
                [
                    "2024-05-01 09:30",
                    "2024-05-01 12:00",
                    "2024-05-01 16:00",
                    "2024-05-02 09:30",
                    "2024-05-02 15:59",
                    "2024-05-03 09:31",
                    "2024-05-03 11:00",
                    "2024-05-03 15:00",
                ]
            ),
            "price": [101.0, 107.5, 103.0, 102.0, 99.5, 98.0, 96.0, 104.25],
        },
    ),
    _asked(
        "status-changed-flag",
        "df.assign(changed=df['status'].ne(df.groupby('machine')['status'].shift()))",
        {
            "machine": ["M1", "M1", "M1", "M2", "M2", "M2", "M2"],
            "hour": [1, 2, 3, 1, 2, 3, 4],
            "status": ["idle", "run", "run", "run", "run", "fault", "idle"],
        },
    ),
    _asked(
        "keep-only-rows-where-status-changes",
        "df[df['state'] != df['state'].shift()].reset_index(drop=True)",
        {
            "time": pd.to_datetime(
                [
                    "2024-08-01 06:00",
                    "2024-08-01 06:10",
                    "2024-08-01 06:20",
                    "2024-08-01 06:30",
                    "2024-08-01 06:40",
                    "2024-08-01 06:50",
                    "2024-08-01 07:00",
                    "2024-08-01 07:10",
                    "2024-08-01 07:20",
                ]
            ),
            "state": ["off", "off", "on", "on", "on", "off", "standby", "standby", "on"],
        },
    ),
    _asked(
        "nlargest-cities",
        "df.nlargest(3, 'population')",
        {
            "city": ["Lyon", "Nice", "Paris", "Lille", "Nantes", "Toulouse"],
            "population": [522, 343, 2133, 236, 323, 504],
            "coastal": [False, True, False, False, False, False],
        },
    ),
    _asked(
        "column-of-lists-length",
        "df.assign(n_items=df['basket'].str.len())",
        {
            "cart": ["c1", "c2", "c3", "c4"],
            "basket": [["milk", "eggs"], ["bread"], [], ["rice", "beans", "salt", "oil"]],
        },
    ),
    _asked(
        "email-domain-counts",
        "df['email'].str.split('@').str[1].value_counts()",
        {
            "member": ["Uma", "Vic", "Wes", "Xia", "Yan", "Zoe"],
            "email": [
                "uma@gmail.com",
                "vic@yahoo.com",
                "wes@gmail.com",
                "xia@outlook.com",
                "yan@gmail.com",
                "zoe@yahoo.com",
            ],
        },
    ),
    _asked(
        "filter-string-contains-case-insensitive",
        "df[df['description'].str.contains('refund', case=False, na=False)]",
        {
            "ticket": [31, 32, 33, 34, 35, 36],
            "description": [
                "Refund not received",
                "login broken",
                np.nan,
                "please refund me",
                "REFUND asap",
                "shipping late",
            ],
        },
    ),
    _asked(
        "shift-next-value-within-group",
        "df.assign(next_stop=df.groupby('line')['stop'].shift(-1))",
        {
            "line": ["U1", "U1", "U1", "U2", "U2", "U2"],
            "seq": [1, 2, 3, 1, 2, 3],
            "stop": ["Central", "Museum", "Zoo", "Harbour", "Central", "Airport"],
        },
    ),
    _asked(
        "reorder-and-rename-columns",
        "df.rename(columns={'cust_nm': 'customer', 'ord_amt': 'amount'})[['customer', 'ord_dt', 'amount']]",
        {
            "ord_dt": ["2024-01-05", "2024-01-09", "2024-02-11", "2024-02-12"],
            "ord_amt": [20.5, 11.0, 99.9, 45.0],
            "cust_nm": ["Hill", "Wood", "Lake", "Stone"],
            "tmp": [0, 1, 0, 1],
        },
    ),
    _asked(
        "missing-values-per-column",
        "df.isna().sum()",
        {
            "survey_id": [1, 2, 3, 4, 5],
            "income": [40.0, np.nan, 55.0, np.nan, np.nan],
            "job": ["nurse", np.nan, "cook", "clerk", "pilot"],
            "married": [True, False, True, True, False],
        },
    ),
    _asked(
        "concat-quarters-with-source",
        "pd.concat([df1, df2], keys=['Q1', 'Q2'], names=['quarter']).reset_index(level='quarter')",
        {"rep": ["Sven", "Tove", "Ulf", "Vera"], "deals": [4, 7, 2, 9]},
        {"rep": ["Tove", "Ulf", "Wilma", "Sven"], "deals": [5, 6, 1, 8]},
    ),
    _asked(
        "coalesce-phone-columns",
        "df.assign(contact=df['mobile'].fillna(df['home']).fillna(df['work']))",
        {
            "person": ["Ada", "Bjorn", "Chen", "Dina", "Egon"],
            "mobile": ["555-01", np.nan, np.nan, "555-04", np.nan],
            "home": ["444-01", "444-02", np.nan, np.nan, np.nan],
            "work": [np.nan, "333-02", "333-03", "333-04", np.nan],
        },
    ),
    _asked(
        "share-of-total-value-counts",
        "df['payment'].value_counts(normalize=True).mul(100).round(1)",
        {"txn": [1, 2, 3, 4, 5, 6, 7], "payment": ["card", "cash", "card", "paypal", "card", "cash", "card"]},
    ),
    _asked(
        "row-wise-best-column",
        "df.set_index('respondent').idxmax(axis=1)",
        {
            "respondent": ["r1", "r2", "r3", "r4", "r5"],
            "taste": [4, 2, 9, 1, 6],
            "price": [7, 3, 5, 2, 5],
            "design": [6, 8, 1, 5, 3],
        },
    ),
    _asked(
        "count-true-answers-per-row",
        "df.assign(correct=df[['q1', 'q2', 'q3', 'q4']].eq('yes').sum(axis=1))",
        {
            "pupil": ["Irma", "Joao", "Kofi", "Lena", "Milo"],
            "q1": ["yes", "no", "yes", "no", "yes"],
            "q2": ["yes", "no", "no", "no", "yes"],
            "q3": ["no", "yes", "no", "no", "yes"],
            "q4": ["yes", "yes", "no", "no", "yes"],
        },
    ),
    _asked(
        "date-range-overlap-price-lookup",
        (
            "df1.merge(df2, on='product').query('valid_from <= sold_on <= valid_to')"
            ".drop(columns=['valid_from', 'valid_to'])"
        ),
        {
            "product": ["kettle", "kettle", "toaster", "toaster", "kettle"],
            "sold_on": pd.to_datetime(["2023-01-15", "2023-03-02", "2023-02-10", "2023-06-01", "2023-12-25"]),
        },
        {
            "product": ["kettle", "kettle", "toaster", "toaster"],
            "valid_from": pd.to_datetime(["2023-01-01", "2023-03-01", "2023-01-01", "2023-05-01"]),
            "valid_to": pd.to_datetime(["2023-02-28", "2023-06-30", "2023-04-30", "2023-12-31"]),
            "price": [29.9, 34.9, 45.0, 39.0],
        },
    ),
    _asked(
        "cross-join-sizes-colours",
        "df1.merge(df2, how='cross')",
        {"model": ["Trail", "Urban", "Racer", "Kid"], "base_price": [500, 350, 1200, 150]},
        {"colour": ["red", "black", "teal", "white"], "surcharge": [0, 20, 35, 5]},
    ),
    _asked(
        "add-city-from-series-lookup",
        "df1.assign(city=df1['zip'].map(df2))",
        {"parcel": ["p1", "p2", "p3", "p4", "p5"], "zip": ["10001", "94105", "60601", "94105", "73301"]},
        pd.Series(
            ["New York", "San Francisco", "Chicago", "Seattle"], index=["10001", "94105", "60601", "98101"], name="city"
        ),
    ),
    _asked(
        "series-weekday-mean",
        "df.groupby(df.index.day_name()).mean()",
        pd.Series(
            [10, 20, 30, 12, 26, 36, 14, 5],
            index=pd.DatetimeIndex(
                pd.to_datetime(
                    [
                        "2024-01-01",
                        "2024-01-02",
                        "2024-01-03",
                        "2024-01-08",
                        "2024-01-09",
                        "2024-01-10",
                        "2024-01-15",
                        "2024-01-14",
                    ]
                )
            ),
            name="visitors",
        ),
    ),
    _asked(
        "correlation-between-two-columns",
        "df['ad_spend'].corr(df['sales'])",
        {
            "week": [1, 2, 3, 4, 5, 6],
            "ad_spend": [10.0, 15.0, 8.0, 20.0, 17.0, 5.0],
            "sales": [110.0, 140.0, 100.0, 190.0, 150.0, 95.0],
        },
    ),
    _asked(
        "pivot-sum-plus-row-total-sorted",
        (
            "df.pivot_table(index='branch', columns='product', values='units', aggfunc='sum', fill_value=0)"
            ".assign(total=lambda t: t.sum(axis=1)).sort_values('total', ascending=False)"
        ),
        {
            "branch": ["Kent", "Kent", "Bath", "Bath", "Dover", "Kent", "Dover", "Bath"],
            "product": ["tv", "radio", "tv", "tv", "radio", "tv", "phone", "phone"],
            "units": [3, 5, 10, 4, 2, 1, 6, 8],
        },
    ),
    _asked(
        "top-seller-per-category-by-total",
        (
            "df.groupby(['category', 'seller'], as_index=False)['amount'].sum()"
            ".sort_values('amount', ascending=False).drop_duplicates('category')"
        ),
        {
            "category": ["toys", "toys", "toys", "books", "books", "books", "garden", "garden", "toys"],
            "seller": ["Lego", "Mattel", "Lego", "Penguin", "Faber", "Penguin", "Bosch", "Stihl", "Mattel"],
            "amount": [40, 70, 45, 20, 55, 30, 200, 180, 10],
        },
    ),
    _asked(
        "users-with-both-events",
        "df.groupby('user')['event'].agg(set).loc[lambda s: s >= {'view', 'purchase'}].index.tolist()",
        {
            "user": ["liam", "emma", "liam", "noah", "emma", "mia", "noah", "mia", "mia"],
            "event": ["view", "view", "purchase", "purchase", "cart", "cart", "purchase", "purchase", "view"],
        },
    ),
    _asked(
        "longest-win-streak-per-team",
        "df[df['won']].groupby(['team', (~df['won']).cumsum()]).size().groupby('team').max()",
        {
            "team": ["Ajax", "Ajax", "Ajax", "Ajax", "Ajax", "Porto", "Porto", "Porto", "Porto", "Porto", "Porto"],
            "match": [1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 6],
            "won": [True, True, False, True, False, True, False, True, True, True, False],
        },
    ),
    _asked(
        "collapse-runs-start-end",
        (
            "df.groupby(df['activity'].ne(df['activity'].shift()).cumsum())"
            ".agg(activity=('activity', 'first'), start=('minute', 'min'), end=('minute', 'max'))"
            ".reset_index(drop=True)"
        ),
        {
            "minute": [0, 5, 10, 15, 20, 25, 30, 35, 40],
            "activity": ["walk", "walk", "run", "run", "run", "rest", "walk", "rest", "rest"],
        },
    ),
    _asked(
        "rolling-sum-per-group",
        (
            "df.assign(last2=df.groupby('plant')['output'].rolling(2, min_periods=1).sum()"
            ".reset_index(level=0, drop=True))"
        ),
        {
            "plant": ["Ulm", "Graz", "Ulm", "Graz", "Ulm", "Graz", "Ulm"],
            "month": [1, 1, 2, 2, 3, 3, 4],
            "output": [10, 50, 14, 40, 9, 65, 20],
        },
    ),
    _asked(
        "monthly-sales-per-store-grouper",
        ("df.groupby(['store', pd.Grouper(key='date', freq='MS')])['sales'].sum().unstack('store', fill_value=0)"),
        {
            "date": pd.to_datetime(
                ["2024-01-03", "2024-01-20", "2024-02-02", "2024-02-25", "2024-03-08", "2024-03-09", "2024-01-28"]
            ),
            "store": ["Soho", "Soho", "Soho", "Camden", "Camden", "Camden", "Camden"],
            "sales": [100, 150, 80, 60, 90, 15, 40],
        },
    ),
    _asked(
        "drop-duplicate-pairs-any-order",
        "df[~pd.DataFrame(np.sort(df[['from', 'to']], axis=1), index=df.index).duplicated()]",
        {
            "from": ["Rome", "Paris", "Oslo", "Berlin", "Paris", "Madrid"],
            "to": ["Paris", "Rome", "Berlin", "Oslo", "Madrid", "Rome"],
            "km": [1106, 1107, 838, 840, 1052, 1365],
        },
    ),
    _asked(
        "ordered-category-sort-then-count",
        (
            "df['priority'].astype(pd.CategoricalDtype(['low', 'medium', 'high', 'critical'],"
            " ordered=True)).value_counts(sort=False)"
        ),
        {
            "issue": ["#1", "#2", "#3", "#4", "#5", "#6", "#7"],
            "priority": ["high", "low", "high", "medium", "low", "high", "low"],
            "open": [True, False, True, True, False, True, True],
        },
    ),
    _asked(
        "melt-split-metric-and-year",
        (
            "df.melt(id_vars='company').assign(metric=lambda t: t['variable'].str.split('_')"
            ".str[0], year=lambda t: t['variable'].str.split('_').str[1].astype(int))"
            ".drop(columns='variable')"
        ),
        {
            "company": ["Siemens", "Bosch", "Bayer", "Adidas"],
            "sales_2022": [72.0, 88.2, 50.7, 22.5],
            "sales_2023": [77.8, 91.6, 47.6, 21.4],
            "profit_2022": [4.4, 1.8, 4.2, 0.6],
            "profit_2023": [8.5, 2.6, -2.9, -0.1],
        },
    ),
    _asked(
        "tz-localize-convert-hour",
        "df.assign(local=df['utc'].dt.tz_localize('UTC').dt.tz_convert('America/New_York'))",
        {
            "flight": ["BA178", "AA100", "VS004", "DL402"],
            "utc": pd.to_datetime(["2024-01-15 13:20", "2024-07-01 02:05", "2024-03-10 06:59", "2024-11-03 18:30"]),
        },
    ),
    _asked(
        "clean-price-text",
        "df.assign(price=df['price'].str.replace('[$,]', '', regex=True).astype(float))",
        {
            "sku": ["A10", "A11", "B07", "C33", "D02"],
            "price": ["$1,250.00", "$89.99", "$12,400.50", "$7.25", "$310.00"],
        },
    ),
    _asked(
        "tidy-customer-names",
        "df.assign(customer=df['customer'].str.strip().str.title())",
        {"customer": ["  alice MOORE", "BOB stone ", "carla  de luca", " dev PATEL "], "orders": [3, 1, 8, 5]},
    ),
    _asked(
        "email-domain-counts-2",
        "df['email'].str.split('@').str[1].str.lower().value_counts()",
        {
            "user_id": [1, 2, 3, 4, 5, 6],
            "email": ["ann@Gmail.com", "bo@yahoo.com", "cy@gmail.com", "di@corp.io", "ed@GMAIL.com", "flo@yahoo.com"],
        },
    ),
    _asked(
        "overtime-flag",
        "df.assign(overtime=np.where(df['hours'] > 40, 'yes', 'no'))",
        {"employee": ["Ida", "Jon", "Kim", "Lou", "Max", "Nia"], "hours": [38, 45, 40, 52, 41, 20]},
    ),
    _asked(
        "age-bands",
        ("df.assign(band=pd.cut(df['age'], [0, 17, 34, 64, 120], labels=['minor', 'young', 'adult', 'senior']))"),
        {"patient": ["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8"], "age": [17, 18, 34, 35, 64, 65, 80, 5]},
    ),
    _asked(
        "region-share-of-sales",
        "df.assign(share=(df['sales'] / df.groupby('region')['sales'].transform('sum') * 100).round(1))",
        {
            "region": ["North", "North", "South", "South", "South", "West"],
            "store": ["N1", "N2", "S1", "S2", "S3", "W1"],
            "sales": [120, 360, 55, 70, 125, 90],
        },
    ),
    _asked(
        "salary-rank-in-dept",
        "df.assign(rank=df.groupby('dept')['salary'].rank(method='dense', ascending=False).astype(int))",
        {
            "name": ["Ana", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus"],
            "dept": ["IT", "IT", "HR", "IT", "HR", "HR", "IT"],
            "salary": [5200, 6100, 4300, 6100, 4300, 3900, 4800],
        },
    ),
    _asked(
        "monthly-revenue",
        "df.groupby(df['date'].dt.to_period('M').astype(str))['revenue'].sum().reset_index()",
        {
            "date": pd.to_datetime(
                ["2024-01-05", "2024-01-28", "2024-02-11", "2024-04-02", "2024-04-19", "2024-02-27"]
            ),
            "revenue": [150.0, 75.5, 210.0, 90.25, 310.0, 45.0],
        },
    ),
    _asked(
        "quarter-totals-by-product",
        (
            "df.assign(quarter='Q' + df['date'].dt.quarter.astype(str))"
            ".groupby(['product', 'quarter'], as_index=False)['units'].sum()"
        ),
        {
            "date": pd.to_datetime(
                ["2023-01-14", "2023-03-30", "2023-05-02", "2023-08-19", "2023-02-08", "2023-12-24", "2023-09-30"]
            ),
            "product": ["lamp", "lamp", "desk", "lamp", "desk", "desk", "lamp"],
            "units": [4, 6, 2, 9, 3, 7, 5],
        },
    ),
    _asked(
        "month-over-month-growth",
        "df.sort_values('month').assign(growth=lambda d: d['sales'].pct_change().round(3))",
        {"month": ["2024-03", "2024-01", "2024-02", "2024-05", "2024-04"], "sales": [1320, 1000, 1100, 990, 1650]},
    ),
    _asked(
        "previous-reading-per-sensor",
        "df.assign(prev=df.groupby('sensor')['temp'].shift(), change=df.groupby('sensor')['temp'].diff())",
        {
            "sensor": ["s1", "s2", "s1", "s2", "s1", "s2", "s1"],
            "hour": [0, 0, 1, 1, 2, 2, 3],
            "temp": [20.5, 18.0, 21.0, 17.25, 23.5, 19.0, 22.0],
        },
    ),
    _asked(
        "fill-missing-with-sensor-median",
        "df.assign(value=df['value'].fillna(df.groupby('station')['value'].transform('median')))",
        {"station": ["K1", "K1", "K1", "K1", "K2", "K2", "K2"], "value": [10.0, np.nan, 14.0, 40.0, 3.0, 5.0, np.nan]},
    ),
    _asked(
        "forward-fill-stock-by-item",
        "df.assign(stock=df.groupby('item')['stock'].ffill().fillna(0).astype(int))",
        {
            "item": ["bolt", "bolt", "nut", "bolt", "nut", "nut", "gear"],
            "day": [1, 2, 1, 3, 2, 3, 1],
            "stock": [50.0, np.nan, np.nan, 42.0, 17.0, np.nan, np.nan],
        },
    ),
    _asked(
        "latest-record-per-customer",
        "df.sort_values('updated').drop_duplicates('customer_id', keep='last').reset_index(drop=True)",
        {
            "customer_id": [7, 9, 7, 12, 9, 7],
            "city": ["Oslo", "Rome", "Bergen", "Lyon", "Milan", "Oslo"],
            "updated": pd.to_datetime(
                ["2023-05-01", "2023-02-10", "2023-01-15", "2023-03-20", "2023-06-30", "2023-04-11"]
            ),
        },
    ),
    _asked(
        "flag-duplicate-invoices",
        "df.assign(duplicate=df.duplicated(['vendor', 'amount'], keep=False))",
        {
            "invoice": ["I-01", "I-02", "I-03", "I-04", "I-05", "I-06"],
            "vendor": ["Acme", "Bolt", "Acme", "Acme", "Bolt", "Core"],
            "amount": [100.0, 80.0, 100.0, 75.0, 81.0, 80.0],
        },
    ),
    _asked(
        "order-lines-with-price-total",
        "df1.merge(df2, on='sku', how='left').assign(total=lambda d: d['qty'] * d['price'])",
        {"order": [101, 101, 102, 103, 104], "sku": ["pen", "ink", "pen", "pad", "cap"], "qty": [10, 2, 4, 3, 1]},
        {"sku": ["ink", "pad", "pen", "clip"], "price": [7.5, 3.2, 1.25, 0.1]},
    ),
    _asked(
        "reconcile-two-ledgers",
        "df1.merge(df2, on='ref', how='outer', suffixes=('_bank', '_book'), indicator=True)",
        {"ref": ["r1", "r2", "r4", "r5"], "amount": [10.0, 25.5, 40.0, 12.0]},
        {"ref": ["r2", "r3", "r4", "r6"], "amount": [25.5, 33.0, 41.0, 9.0]},
    ),
    _asked(
        "map-country-codes-with-default",
        "df1.assign(country=df1['code'].map(df2.set_index('code')['country']).fillna('Unknown'))",
        {"visit": [1, 2, 3, 4, 5], "code": ["DE", "FR", "XX", "DE", "JP"]},
        {"code": ["DE", "FR", "JP", "BR"], "country": ["Germany", "France", "Japan", "Brazil"]},
    ),
    _asked(
        "survey-likert-to-score",
        "df.assign(score=df['answer'].map({'Poor': 1, 'Fair': 2, 'Good': 3, 'Excellent': 4}))",
        {
            "respondent": ["r1", "r2", "r3", "r4", "r5", "r6"],
            "answer": ["Good", "Poor", "Excellent", "Fair", np.nan, "Good"],
        },
    ),
    _asked(
        "answers-percent-by-question",
        "pd.crosstab(df['question'], df['answer'], normalize='index').round(2)",
        {
            "question": ["Q1", "Q1", "Q1", "Q1", "Q2", "Q2", "Q2", "Q2", "Q2"],
            "answer": ["yes", "no", "yes", "yes", "no", "no", "maybe", "yes", "no"],
        },
    ),
    _asked(
        "http-errors-per-path",
        (
            "df[df['status'] >= 400].groupby('path').size().reset_index(name='errors')"
            ".sort_values('errors', ascending=False)"
        ),
        {
            "path": ["/home", "/cart", "/home", "/pay", "/cart", "/pay", "/pay", "/about", "/cart", "/pay"],
            "status": [200, 404, 200, 500, 200, 502, 400, 200, 403, 200],
            "ms": [12, 30, 14, 800, 25, 950, 60, 10, 33, 120],
        },
    ),
    _asked(
        "extract-log-fields",
        ("df['line'].str.extract(r'(?P<level>[A-Z]+) \\[(?P<module>\\w+)\\] took (?P<ms>\\d+)ms').astype({'ms': int})"),
        {
            "id": [1, 2, 3, 4],
            "line": [
                "INFO [auth] took 35ms",
                "WARN [db] took 1200ms",
                "INFO [cart] took 8ms",
                "ERROR [mail] took 410ms",
            ],
        },
    ),
    _asked(
        "bmi-category",
        (
            "df.assign(bmi=(df['kg'] / df['m'] ** 2).round(1)).assign(cls=lambda d: np"
            ".select([d['bmi'] < 18.5, d['bmi'] < 25], ['under', 'normal'], 'over'))"
        ),
        {"patient": ["A", "B", "C", "D", "E"], "kg": [50.0, 72.0, 95.0, 61.0, 48.5], "m": [1.7, 1.8, 1.75, 1.65, 1.6]},
    ),
    _asked(
        "length-of-stay-days",
        "df.assign(days=(df['discharged'] - df['admitted']).dt.days).query('days > 3')",
        {
            "patient": ["P01", "P02", "P03", "P04", "P05"],
            "admitted": pd.to_datetime(["2024-02-27", "2024-03-01", "2024-03-05", "2024-03-09", "2024-03-10"]),
            "discharged": pd.to_datetime(["2024-03-02", "2024-03-03", "2024-03-15", "2024-03-12", "2024-03-14"]),
        },
    ),
    _asked(
        "clip-sensor-outliers",
        "df.assign(humidity=df['humidity'].clip(0, 100), valid=df['humidity'].between(0, 100))",
        {"sensor": ["h1", "h2", "h3", "h4", "h5", "h6"], "humidity": [45.5, -3.0, 101.2, 100.0, 88.0, 0.0]},
    ),
    _asked(
        "zscore-by-group",
        "df.assign(z=df.groupby('line')['weight'].transform(lambda s: (s - s.mean()) / s.std()).round(2))",
        {"line": ["L1", "L1", "L1", "L1", "L2", "L2", "L2"], "weight": [10.0, 12.0, 11.0, 15.0, 50.0, 58.0, 51.0]},
    ),
    _asked(
        "league-table-points",
        (
            "df.assign(points=3 * df['won'] + df['drawn'], diff=df['gf'] - df['ga'])"
            ".sort_values(['points', 'diff'], ascending=False).reset_index(drop=True)"
        ),
        {
            "team": ["Lions", "Hawks", "Bears", "Wolves", "Sharks"],
            "won": [5, 6, 5, 2, 6],
            "drawn": [3, 0, 3, 4, 0],
            "gf": [20, 18, 22, 9, 25],
            "ga": [10, 12, 9, 15, 11],
        },
    ),
    _asked(
        "weekday-mean-visits",
        (
            "df.groupby(df['date'].dt.day_name())['visits'].mean().rename_axis('weekday')"
            ".reset_index(name='mean_visits')"
        ),
        {
            "date": pd.to_datetime(
                ["2024-06-03", "2024-06-04", "2024-06-08", "2024-06-10", "2024-06-11", "2024-06-15", "2024-06-09"]
            ),
            "visits": [100, 140, 60, 120, 150, 81, 45],
        },
    ),
    _asked(
        "reorder-needed-with-supplier",
        (
            "df1[df1['on_hand'] < df1['min_level']].merge(df2, on='supplier_id')"
            ".assign(order_qty=lambda d: d['min_level'] - d['on_hand'])[['part', 'supplier', 'order_qty']]"
        ),
        {
            "part": ["valve", "pump", "seal", "hose", "tank"],
            "supplier_id": [2, 1, 2, 3, 1],
            "on_hand": [5, 12, 40, 7, 0],
            "min_level": [20, 10, 60, 8, 3],
        },
        {"supplier_id": [1, 2, 3, 4], "supplier": ["Hydra", "Sealco", "Tubex", "Nimbus"]},
    ),
    _asked(
        "dept-summary-named-agg",
        (
            "df.groupby('dept', as_index=False).agg(headcount=('name', 'count'), avg_salary=('salary',"
            " 'mean'), oldest_hire=('hired', 'min'))"
        ),
        {
            "name": ["Ana", "Ben", "Cleo", "Dan", "Eve", "Finn"],
            "dept": ["Ops", "Fin", "Ops", "Ops", "Fin", "Law"],
            "salary": [3000, 5200, 3600, 3300, 4800, 7000],
            "hired": pd.to_datetime(
                ["2019-04-01", "2015-09-15", "2021-01-10", "2016-11-05", "2020-02-20", "2018-07-07"]
            ),
        },
    ),
)

__all__ = ["QUESTIONS"]
