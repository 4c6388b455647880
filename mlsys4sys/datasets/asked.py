"""More questions about tables, as people ask them: a drawn table each, and the program that answers it.

Two halves of equal kinds: at :data:`DEVELOPMENT` one may look while the synthesizer is built, :data:`HELD_OUT` is only
counted. Tables are drawn from a seed that is the question's name. Nothing is trained on the second half.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from mlsys4sys import seeding
from mlsys4sys.datasets.tasks import Question

Rng = np.random.Generator
Cells = Callable[[Rng, int], Any]
Drawn = Callable[[Rng], tuple[Any, ...]]


def _fixed(cells: list[Any]) -> Cells:
    """These cells, whatever is drawn."""
    return lambda _rng, _rows: cells


def _numbered(start: int) -> Cells:
    """Whole numbers in a row."""
    return lambda _rng, rows: range(start, start + rows)


def _of(*words: Any) -> Cells:
    """Words with repetition, each at least once where there is room."""

    def draw(rng: Rng, rows: int) -> list[Any]:
        picks = [*range(len(words)), *rng.integers(0, len(words), max(0, rows - len(words))).tolist()][:rows]
        return [words[i] for i in rng.permutation(picks)]

    return draw


def _ints(low: int, high: int) -> Cells:
    return lambda rng, rows: rng.integers(low, high + 1, rows)


def _distinct(low: int, high: int) -> Cells:
    return lambda rng, rows: rng.choice(np.arange(low, high + 1), rows, replace=False)


def _floats(low: float, high: float, digits: int = 1) -> Cells:
    return lambda rng, rows: np.round(rng.uniform(low, high, rows), digits)


def _gaps(cells: Cells, share: float = 0.35) -> Cells:
    """Some cells missing, at least one and not all."""

    def draw(rng: Rng, rows: int) -> pd.Series:
        holes = rng.random(rows) < share
        holes[int(rng.integers(0, rows))] = True
        holes[int(rng.integers(0, rows))] = False
        return pd.Series(cells(rng, rows)).mask(holes)

    return draw


def _days(start: str, most: int, *, ordered: bool = True) -> Cells:
    def draw(rng: Rng, rows: int) -> pd.Series:
        days = rng.choice(most, rows, replace=False)
        return pd.Series(pd.Timestamp(start) + pd.to_timedelta(np.sort(days) if ordered else days, unit="D"))

    return draw


def _people(rng: Rng, rows: int) -> list[str]:
    return [str(n) for n in rng.choice(["Ana", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Hana", "Ida"], rows, False)]


def _runs(*words: Any) -> Cells:
    """Words in runs."""

    def draw(rng: Rng, rows: int) -> list[Any]:
        cells: list[Any] = []
        while len(cells) < rows:
            word = words[int(rng.integers(0, len(words)))]
            cells += [word] * int(rng.integers(1, 4))
        return cells[:rows]

    return draw


def _glued(separator: str, *parts: Cells) -> Cells:
    """Cells joined into one text."""
    return lambda rng, rows: [
        separator.join(map(str, cells)) for cells in zip(*(p(rng, rows) for p in parts), strict=True)
    ]


def _some(separator: str | None, *words: str) -> Cells:
    """One to three of the words in a cell: text, or a list without a separator."""

    def draw(rng: Rng, rows: int) -> list[Any]:
        cells = [
            [str(w) for w in sorted(rng.choice(words, int(rng.integers(1, 4)), replace=False))] for _ in range(rows)
        ]
        return cells if separator is None else [separator.join(cell) for cell in cells]

    return draw


def _table(rows: int, /, **columns: Cells) -> Callable[[Rng], pd.DataFrame]:
    return lambda rng: pd.DataFrame({name: cells(rng, rows) for name, cells in columns.items()})


def _one(make: Callable[[Rng], Any]) -> Drawn:
    return lambda rng: (make(rng),)


_sales = _table(
    8,
    date=_days("2023-01-20", 60),
    store=_of("A1", "B2", "C3"),
    product=_of("tea", "milk", "salt"),
    units=_ints(1, 30),
    price=_floats(1, 9, 2),
)
_staff = _table(
    7,
    name=_people,
    dept=_of("hr", "it", "law"),
    salary=_distinct(30, 90),
    age=_ints(22, 61),
    hired=_days("2015-02-01", 2400, ordered=False),
)
_exams = _table(
    9,
    student=_fixed([s for s in ("Kim", "Lou", "Max") for _ in range(3)]),
    subject=_fixed(["art", "bio", "geo"] * 3),
    score=_distinct(40, 99),
)
_events = _table(
    8,
    user=_of(1, 2, 3),
    time=lambda rng, rows: (
        pd.Timestamp("2024-03-04 09:00") + pd.to_timedelta(np.sort(rng.choice(900, rows, False)), unit="min")
    ),
    event=_of("view", "cart", "pay"),
    value=_ints(1, 50),
)
_bank = _table(
    8, account=_of("x", "y"), date=_days("2022-11-03", 90), amount=_ints(-60, 90), kind=_of("card", "cash", "wire")
)
_years = _table(
    4,
    country=_fixed(["Chad", "Peru", "Iran", "Cuba"]),
    y2019=_ints(10, 99),
    y2020=_ints(10, 99),
    y2021=_ints(10, 99),
)
_holes = _table(6, A=_gaps(_ints(1, 9)), B=_gaps(_floats(0, 5)), C=_gaps(_of("p", "q"), 0.2), D=_ints(1, 5))
_abcd = _table(6, A=_of("foo", "bar", "baz"), B=_of("one", "two"), C=_ints(-9, 9), D=_ints(0, 20))
_nums = _table(5, a=_ints(0, 9), b=_ints(0, 9), c=_ints(0, 9))
_texts = _table(
    6,
    who=_glued(", ", _of("Cruz", "Diaz", "Egan"), _people),
    mail=_glued("@", lambda rng, rows: [p.lower() for p in _people(rng, rows)], _of("mail.com", "work.org", "uni.edu")),
    code=_glued("-", _of("us", "fr", "de"), _ints(100, 999)),
    tags=_some("|", "new", "hot", "old", "big"),
)
_lists = _table(4, id=_distinct(1, 30), items=_some(None, "pen", "ink", "pad", "cap"), n=_ints(1, 9))
_runny = _table(9, day=_numbered(1), state=_runs("on", "off"), load=_ints(1, 9))
_games = _table(
    6,
    home=_fixed(["Ajax", "Bari", "Como", "Ajax", "Bari", "Como"]),
    away=_fixed(["Bari", "Como", "Ajax", "Como", "Ajax", "Bari"]),
    home_goals=_ints(0, 4),
    away_goals=_ints(0, 4),
)
_survey = _table(5, resp=_distinct(100, 200), q1=_ints(1, 5), q2=_ints(1, 5), q3=_ints(1, 5))
_stubs = _table(
    3,
    id=_distinct(1, 9),
    ht1=_floats(1, 3),
    ht2=_floats(1, 3),
    wt1=_ints(40, 90),
    wt2=_ints(40, 90),
)
_doubled = _table(8, k=_of("a", "b"), x=_of(1, 2), y=_of("u", "v"))
_money = _table(
    5,
    item=_fixed(["fan", "lamp", "desk", "sofa", "rug"]),
    cost=lambda rng, rows: [f"${c:,}" for c in rng.integers(900, 9000, rows)],
    pct=lambda rng, rows: [f"{c}%" for c in rng.integers(1, 99, rows)],
    when=lambda rng, rows: [
        f"{d:02}/{m:02}/2023" for d, m in zip(rng.integers(13, 28, rows), rng.integers(1, 12, rows), strict=True)
    ],
)
_weather = _table(
    6,
    city=_fixed(["Graz", "Linz"] * 3),
    day=_fixed(["mon", "mon", "tue", "tue", "wed", "wed"]),
    temp=_distinct(-5, 30),
    wind=_ints(0, 40),
)


def _orders(rng: Rng) -> tuple[Any, ...]:
    orders = _table(7, order=_numbered(11), cust=_of(1, 2, 3, 7), total=_ints(5, 80))(rng)
    people = _table(4, cust=_fixed([1, 2, 3, 4]), name=_people, city=_of("Brno", "Lodz"))(rng)
    return orders, people


def _keys(rng: Rng) -> tuple[Any, ...]:
    left = _table(5, emp_id=_fixed([3, 1, 4, 2, 6]), name=_people, dept=_of(10, 20, 30))(rng)
    right = _table(3, dept_no=_fixed([10, 20, 40]), title=_fixed(["ops", "lab", "gym"]))(rng)
    return left, right


def _old_new(rng: Rng) -> tuple[Any, ...]:
    old = _table(4, id=_fixed([1, 2, 3, 4]), qty=_ints(1, 40), note=_of("ok", "low"))(rng)
    new = _table(3, id=_fixed([3, 4, 5]), qty=_ints(41, 90), note=_of("ok", "low"))(rng)
    return old, new


def _quotes(rng: Rng) -> tuple[Any, ...]:
    trades = pd.DataFrame({"time": [3, 7, 9, 14], "qty": rng.integers(1, 90, 4)})
    quotes = pd.DataFrame({"time": [1, 5, 8, 12], "bid": np.round(rng.uniform(9, 20, 4), 2)})
    return trades, quotes


def _patch(rng: Rng) -> tuple[Any, ...]:
    first = pd.DataFrame({"a": [1.0, np.nan, 3.0, np.nan], "b": [np.nan, 5.0, np.nan, 7.0]}, index=list("wxyz"))
    return first, pd.DataFrame({"a": rng.integers(10, 20, 4) * 1.0, "b": rng.integers(20, 30, 4) * 1.0}, list("wxyz"))


def _levels(rng: Rng) -> pd.DataFrame:
    index = pd.MultiIndex.from_product([["bar", "foo"], ["one", "two", "six"]], names=["first", "second"])
    return pd.DataFrame({"x": rng.integers(0, 30, 6), "y": rng.integers(0, 30, 6)}, index=index)


def _headed(rng: Rng) -> pd.DataFrame:
    heads = pd.MultiIndex.from_product([["sales", "cost"], ["q1", "q2"]])
    return pd.DataFrame(rng.integers(1, 50, (3, 4)), index=["n", "s", "e"], columns=heads)


def _clock(rng: Rng) -> pd.DataFrame:
    index = pd.date_range("2024-01-29", periods=8, freq="D", name="date")
    return pd.DataFrame({"v": rng.integers(1, 40, 8), "w": rng.integers(1, 40, 8)}, index=index)


def _labelled(rng: Rng) -> pd.DataFrame:
    return pd.DataFrame(
        {"math": rng.integers(1, 99, 4), "art": rng.integers(1, 99, 4), "gym": rng.integers(1, 99, 4)},
        index=["joe", "kit", "lee", "moe"],
    )


def _letters(rng: Rng) -> pd.Series:
    return pd.Series(rng.integers(1, 50, 6), index=list("abcdef"), name="s")


def _words(rng: Rng) -> pd.Series:
    return pd.Series(_of("red", "blue", "green")(rng, 7), name="color")


def _twins(rng: Rng) -> pd.DataFrame:
    return pd.DataFrame(rng.integers(0, 9, (4, 5)), columns=["a", "b", "a", "c", "b"])


_ROWS: tuple[tuple[str, Drawn, str], ...] = (
    # Rows.
    ("rows between two bounds", _one(_staff), "df[df['age'].between(30, 50)]"),
    ("rows of all but one kind", _one(_sales), "df[df['product'] != 'tea']"),
    ("rows whose text starts so", _one(_texts), "df[df['code'].str.startswith('us')]"),
    ("rows of a mail host", _one(_texts), "df[df['mail'].str.endswith('.org')]"),
    ("either of two conditions", _one(_abcd), "df[(df['A'] == 'foo') | (df['C'] > 5)]"),
    ("rows where one column exceeds another", _one(_survey), "df[df['q1'] > df['q2']]"),
    ("negative amounts", _one(_bank), "df[df['amount'] < 0]"),
    ("rows without gaps in one column", _one(_holes), "df.dropna(subset=['A'])"),
    ("rows with any gap", _one(_holes), "df[df.isna().any(axis=1)]"),
    ("rows with enough cells", _one(_holes), "df.dropna(thresh=3)"),
    ("the two best of each group", _one(_sales), "df.sort_values('units', ascending=False).groupby('store').head(2)"),
    ("latest row of each account", _one(_bank), "df.sort_values('date').groupby('account').tail(1)"),
    ("last of each kind", _one(_bank), "df.drop_duplicates('kind', keep='last')"),
    ("first row of each user, flat", _one(_events), "df.groupby('user', as_index=False).first()"),
    ("doubled rows", _one(_doubled), "df[df.duplicated(keep=False)]"),
    ("distinct pairs", _one(_doubled), "df[['k', 'x']].drop_duplicates()"),
    ("three dearest", _one(_sales), "df.nlargest(3, 'price')"),
    ("two youngest", _one(_staff), "df.nsmallest(2, 'age')"),
    ("row of the highest pay", _one(_staff), "df.loc[[df['salary'].idxmax()]]"),
    ("lowest score of each student", _one(_exams), "df.loc[df.groupby('student')['score'].idxmin()]"),
    ("groups with a large total", _one(_sales), "df.groupby('store').filter(lambda g: g['units'].sum() > 40)"),
    ("groups with several rows", _one(_sales), "df.groupby('product').filter(lambda g: len(g) > 2)"),
    ("rows of a month", _one(_sales), "df[df['date'].dt.month == 2]"),
    ("rows of a year", _one(_staff), "df[df['hired'].dt.year >= 2018]"),
    ("above the average", _one(_staff), "df[df['salary'] > df['salary'].mean()]"),
    ("each state's first row", _one(_runny), "df[df['state'] != df['state'].shift()]"),
    ("in the other list", lambda rng: (_sales(rng), ["tea", "salt"]), "df1[df1['product'].isin(df2)]"),
    ("not in the other list", lambda rng: (_staff(rng), ["it"]), "df1[~df1['dept'].isin(df2)]"),
    ("every other row", _one(_runny), "df.iloc[::2]"),
    ("rows backwards", _one(_nums), "df[::-1]"),
    ("all but the last row", _one(_nums), "df.iloc[:-1]"),
    ("sorted by text length", _one(_texts), "df.sort_values('tags', key=lambda s: s.str.len(), kind='stable')"),
    ("sorted by two, down and up", _one(_abcd), "df.sort_values(['A', 'D'], ascending=[True, False])"),
    ("sorted and renumbered", _one(_staff), "df.sort_values('salary', ascending=False).reset_index(drop=True)"),
    ("sorted by label", _one(_letters), "df.sort_values(ascending=False)"),
    ("rows of named labels", _one(_labelled), "df.loc[['lee', 'joe']]"),
    # Columns.
    ("numbers only", _one(_staff), "df.select_dtypes('number')"),
    ("all columns but one", _one(_sales), "df.drop(columns='price')"),
    ("columns that start so", _one(_stubs), "df.filter(like='ht')"),
    ("last column first", _one(_survey), "df[['q3', 'resp', 'q1', 'q2']]"),
    ("lower-case heads", lambda rng: (_abcd(rng),), "df.rename(columns=str.lower)"),
    ("heads with a prefix", _one(_nums), "df.add_prefix('x_')"),
    ("heads with a suffix", _one(_labelled), "df.add_suffix('_pts')"),
    ("heads cut", _one(_years), "df.rename(columns=lambda c: c.replace('y', ''))"),
    ("columns sorted", _one(_games), "df.sort_index(axis=1)"),
    ("columns with no gap", _one(_holes), "df.dropna(axis=1)"),
    ("first of doubled columns", _one(_twins), "df.loc[:, ~df.columns.duplicated()]"),
    ("sum of doubled columns", _one(_twins), "df.T.groupby(level=0).sum().T"),
    ("difference of two columns", _one(_games), "df.assign(margin=df['home_goals'] - df['away_goals'])"),
    ("goals of a game", _one(_games), "df.assign(goals=df['home_goals'] + df['away_goals'])"),
    ("highest of three", _one(_survey), "df.assign(best=df[['q1', 'q2', 'q3']].max(axis=1))"),
    ("mean of three", _one(_survey), "df.assign(avg=df[['q1', 'q2', 'q3']].mean(axis=1).round(2))"),
    ("answers counted", _one(_holes), "df.assign(n=df.notna().sum(axis=1))"),
    (
        "home win or not",
        _one(_games),
        "df.assign(res=np.where(df['home_goals'] > df['away_goals'], 'home', 'other'))",
    ),
    (
        "three grades",
        _one(_exams),
        "df.assign(grade=np.select([df['score'] >= 80, df['score'] >= 60], ['A', 'B'], 'C'))",
    ),
    ("age bands", _one(_staff), "df.assign(band=pd.cut(df['age'], [0, 30, 45, 99], labels=['young', 'mid', 'old']))"),
    ("halves", _one(_exams), "df.assign(half=pd.qcut(df['score'], 2, labels=['low', 'high']))"),
    ("negative as zero", _one(_bank), "df.assign(amount=df['amount'].clip(lower=0))"),
    ("negative as gap", _one(_abcd), "df.assign(C=df['C'].where(df['C'] >= 0))"),
    ("a fixed column", _one(_nums), "df.assign(src='web')"),
    ("coded kinds", _one(_bank), "df.assign(kind=df['kind'].map({'card': 1, 'cash': 2, 'wire': 3}))"),
    (
        "yes as true",
        lambda rng: (_table(6, n=_ints(1, 9), ok=_of("yes", "no"))(rng),),
        "df.assign(ok=df['ok'] == 'yes')",
    ),
    ("value replaced", _one(_sales), "df.replace({'product': {'tea': 'chai'}})"),
    ("zeros as gaps", _one(_nums), "df.replace(0, np.nan)"),
    ("percent of the column", _one(_sales), "df.assign(pct=(df['units'] / df['units'].sum() * 100).round(1))"),
    ("standard score", _one(_staff), "df.assign(z=(df['age'] - df['age'].mean()) / df['age'].std())"),
    ("columns as text", _one(_nums), "df.astype(str)"),
    ("whole numbers", lambda rng: (_table(5, p=_floats(1, 9), q=_floats(1, 9))(rng),), "df.round().astype(int)"),
    # Groups and the rows of groups.
    (
        "share within group",
        _one(_sales),
        "df.assign(share=df['units'] / df.groupby('store')['units'].transform('sum'))",
    ),
    ("group mean beside", _one(_staff), "df.assign(avg=df.groupby('dept')['salary'].transform('mean'))"),
    (
        "distance to the group's best",
        _one(_exams),
        "df.assign(gap=df.groupby('subject')['score'].transform('max') - df['score'])",
    ),
    ("less the group mean", _one(_weather), "df.assign(dev=df['temp'] - df.groupby('city')['temp'].transform('mean'))"),
    ("rank within group", _one(_exams), "df.assign(rank=df.groupby('subject')['score'].rank(ascending=False))"),
    (
        "dense rank within group",
        _one(_staff),
        "df.assign(r=df.groupby('dept')['salary'].rank(method='dense').astype(int))",
    ),
    ("value before, by user", _one(_events), "df.assign(prev=df.groupby('user')['value'].shift())"),
    ("change by account", _one(_bank), "df.assign(step=df.groupby('account')['amount'].diff().fillna(0))"),
    ("balance by account", _one(_bank), "df.assign(balance=df.groupby('account')['amount'].cumsum())"),
    ("count so far", _one(_events), "df.assign(n=df.groupby('event').cumcount())"),
    ("number of the run", _one(_runny), "df.assign(run=(df['state'] != df['state'].shift()).cumsum())"),
    (
        "length of each run",
        _one(_runny),
        "df.groupby((df['state'] != df['state'].shift()).cumsum())['state'].agg(['first', 'size'])",
    ),
    (
        "place in the run",
        _one(_runny),
        "df.assign(k=df.groupby((df['state'] != df['state'].shift()).cumsum()).cumcount() + 1)",
    ),
    (
        "minutes since the last event",
        _one(_events),
        "df.assign(wait=df.groupby('user')['time'].diff().dt.total_seconds() / 60)",
    ),
    ("number of each group", _one(_abcd), "df.assign(g=df.groupby('A').ngroup())"),
    ("group size beside", _one(_sales), "df.assign(n=df.groupby('store')['store'].transform('size'))"),
    (
        "gaps filled within group",
        lambda rng: (_table(8, g=_of("a", "b"), v=_gaps(_ints(1, 9)))(rng),),
        "df.assign(v=df.groupby('g')['v'].ffill())",
    ),
    ("running best", _one(_runny), "df.assign(top=df['load'].cummax())"),
    ("mean of the last three", _one(_runny), "df.assign(m=df['load'].rolling(3).mean())"),
    (
        "rolling sum by group",
        _one(_bank),
        "df.assign(s=df.groupby('account')['amount'].transform(lambda s: s.rolling(2).sum()))",
    ),
    ("growth in percent", _one(_clock), "df['v'].pct_change() * 100"),
    ("next value", _one(_runny), "df.assign(next=df['load'].shift(-1))"),
    # Aggregations.
    ("several figures of each group", _one(_staff), "df.groupby('dept')['salary'].agg(['mean', 'min', 'max'])"),
    ("named figures", _one(_sales), "df.groupby('store').agg(total=('units', 'sum'), avg=('price', 'mean'))"),
    (
        "named figures, flat",
        _one(_bank),
        "df.groupby('account', as_index=False).agg(n=('amount', 'count'), last=('date', 'max'))",
    ),
    ("one figure each", _one(_sales), "df.groupby('product', as_index=False).agg({'units': 'sum', 'price': 'mean'})"),
    (
        "flattened heads",
        _one(_weather),
        (
            "df.groupby('city')[['temp', 'wind']].agg(['min', 'max'])"
            ".pipe(lambda d: d.set_axis(d.columns.map('_'.join), axis=1))"
        ),
    ),
    ("total by two keys", _one(_sales), "df.groupby(['store', 'product'])['units'].sum()"),
    ("total by two keys, wide", _one(_sales), "df.groupby(['store', 'product'])['units'].sum().unstack(fill_value=0)"),
    (
        "distinct products of a store",
        _one(_sales),
        "df.groupby('store')['product'].nunique().reset_index(name='kinds')",
    ),
    ("product names of a store", _one(_sales), "df.groupby('store')['product'].unique().apply(list)"),
    ("names of a department", _one(_staff), "df.groupby('dept')['name'].apply(', '.join).reset_index()"),
    ("values as lists, flat", _one(_events), "df.groupby('user')['value'].apply(list).reset_index()"),
    ("lists as a dictionary", _one(_abcd), "df.groupby('B')['C'].apply(list).to_dict()"),
    ("totals as a dictionary", _one(_sales), "df.groupby('store')['units'].sum().to_dict()"),
    (
        "best seller of each store",
        _one(_sales),
        (
            "df.groupby(['store', 'product'], as_index=False)['units'].sum()"
            ".sort_values('units', ascending=False).drop_duplicates('store')"
        ),
    ),
    ("spread by group", _one(_exams), "df.groupby('student')['score'].agg(lambda s: s.max() - s.min())"),
    ("rows by month", _one(_sales), "df.groupby(df['date'].dt.month)['units'].sum()"),
    ("total by month period", _one(_bank), "df.groupby(df['date'].dt.to_period('M'))['amount'].sum()"),
    ("by first letter", _one(_staff), "df.groupby(df['name'].str[0])['salary'].mean()"),
    ("every three rows", _one(_runny), "df.groupby(np.arange(len(df)) // 3)['load'].sum()"),
    ("share of counts", _one(_abcd), "df['A'].value_counts(normalize=True)"),
    ("counts as a table", _one(_abcd), "df['B'].value_counts().reset_index()"),
    ("counts of pairs of values", _one(_doubled), "df.groupby(['k', 'y']).size().reset_index(name='n')"),
    ("weighted total", _one(_sales), "df.assign(rev=df['units'] * df['price']).groupby('store')['rev'].sum()"),
    ("commonest kind", _one(_bank), "df.groupby('account')['kind'].agg(lambda s: s.mode()[0])"),
    ("share of positive", _one(_bank), "df.groupby('account')['amount'].agg(lambda s: (s > 0).mean())"),
    ("count of some events", _one(_events), "df[df['event'] == 'pay'].groupby('user').size()"),
    ("largest totals", _one(_sales), "df.groupby('product')['units'].sum().nlargest(2)"),
    ("mean by group, rounded", _one(_staff), "df.groupby('dept')['age'].mean().round(1)"),
    ("first and last", _one(_runny), "df.groupby('state')['day'].agg(['first', 'last'])"),
    ("whole totals below", _one(_labelled), "pd.concat([df, df.sum().to_frame('total').T])"),
    ("filter by group's total", _one(_sales), "df[df.groupby('store')['units'].transform('sum') > 40]"),
    # Shapes.
    ("scores wide", _one(_exams), "df.pivot(index='student', columns='subject', values='score')"),
    (
        "scores wide, flat",
        _one(_exams),
        "df.pivot(index='student', columns='subject', values='score').reset_index().rename_axis(None, axis=1)",
    ),
    (
        "totals with margins",
        _one(_sales),
        "df.pivot_table(index='store', columns='product', values='units', aggfunc='sum', margins=True)",
    ),
    ("two values wide", _one(_weather), "df.pivot(index='city', columns='day', values=['temp', 'wind'])"),
    (
        "two values wide, heads joined",
        _one(_weather),
        (
            "df.pivot(index='city', columns='day', values=['temp', 'wind'])"
            ".pipe(lambda d: d.set_axis(d.columns.map('_'.join), axis=1))"
        ),
    ),
    ("years long", _one(_years), "df.melt('country', var_name='year', value_name='n')"),
    (
        "years long, as numbers",
        _one(_years),
        "df.melt('country', var_name='year').assign(year=lambda d: d['year'].str[1:].astype(int))",
    ),
    ("only some columns long", _one(_survey), "df.melt(id_vars='resp', value_vars=['q1', 'q2'])"),
    ("stubs long", _one(_stubs), "pd.wide_to_long(df, stubnames=['ht', 'wt'], i='id', j='visit')"),
    ("stubs long, flat", _one(_stubs), "pd.wide_to_long(df, ['ht', 'wt'], i='id', j='no').reset_index()"),
    ("stacked", _one(_labelled), "df.stack()"),
    ("stacked and named", _one(_labelled), "df.stack().rename_axis(['who', 'what']).reset_index(name='pts')"),
    ("inner level to columns", _one(_levels), "df['x'].unstack()"),
    ("outer level to columns", _one(_levels), "df.unstack(level=0)"),
    ("heads to rows", _one(_headed), "df.stack(level=0)"),
    ("heads joined", _one(_headed), "df.set_axis(['_'.join(c) for c in df.columns], axis=1)"),
    ("one head", _one(_headed), "df['sales']"),
    ("inner head", _one(_headed), "df.xs('q1', axis=1, level=1)"),
    ("sum over heads", _one(_headed), "df.T.groupby(level=0).sum().T"),
    ("one outer key", _one(_levels), "df.loc['foo']"),
    ("one inner key", _one(_levels), "df.xs('two', level='second')"),
    ("levels swapped", _one(_levels), "df.swaplevel().sort_index()"),
    ("sum by level", _one(_levels), "df.groupby(level='first').sum()"),
    ("levels as columns", _one(_levels), "df.reset_index()"),
    ("share within level", _one(_levels), "df['x'] / df.groupby(level='first')['x'].transform('sum')"),
    ("counts across", _one(_abcd), "pd.crosstab(df['A'], df['B'])"),
    ("shares across", _one(_doubled), "pd.crosstab(df['k'], df['y'], normalize='index')"),
    ("counts across with totals", _one(_doubled), "pd.crosstab(df['k'], df['x'], margins=True)"),
    ("list cells to rows", _one(_lists), "df.explode('items')"),
    ("list cells to rows, renumbered", _one(_lists), "df.explode('items', ignore_index=True)"),
    ("list cells counted", _one(_lists), "df.assign(k=df['items'].str.len())"),
    ("list cells joined", _one(_lists), "df.assign(items=df['items'].str.join(', '))"),
    ("first of list cells", _one(_lists), "df.assign(first=df['items'].str[0])"),
    ("list cells to flags", _one(_lists), "pd.get_dummies(df['items'].explode()).groupby(level=0).sum()"),
    ("tags to flags", _one(_texts), "df['tags'].str.get_dummies('|')"),
    ("tags to rows", _one(_texts), "df[['who', 'tags']].assign(tags=df['tags'].str.split('|')).explode('tags')"),
    ("tags counted", _one(_texts), "df['tags'].str.split('|').explode().value_counts()"),
    ("flags for kinds", _one(_abcd), "pd.get_dummies(df, columns=['B'])"),
    ("flags for kinds as numbers", _one(_bank), "pd.get_dummies(df['kind'], dtype=int)"),
    (
        "rows repeated",
        lambda rng: (_table(4, item=_of("a", "b", "c"), n=_ints(1, 3))(rng),),
        "df.loc[df.index.repeat(df['n'])]",
    ),
    ("table of lists", lambda _rng: ([["a", 1], ["b", 2], ["c", 3]], ["key", "val"]), "pd.DataFrame(df1, columns=df2)"),
    ("turned by a key", _one(_survey), "df.set_index('resp').T"),
    ("one column to a table of labels", _one(_letters), "df.rename_axis('key').reset_index(name='val')"),
    (
        "numbered spread",
        _one(_bank),
        "df.assign(n=df.groupby('account').cumcount()).pivot(index='account', columns='n', values='amount')",
    ),
    # Text and dates.
    ("family name", _one(_texts), "df.assign(family=df['who'].str.split(', ').str[0])"),
    ("name in two columns", _one(_texts), "df['who'].str.split(', ', expand=True)"),
    (
        "name in two named columns",
        _one(_texts),
        "df['code'].str.split('-', expand=True).set_axis(['land', 'no'], axis=1)",
    ),
    ("host of the mail", _one(_texts), "df.assign(host=df['mail'].str.split('@').str[1])"),
    ("digits drawn", _one(_texts), "df.assign(no=df['code'].str.extract(r'(\\d+)').astype(int))"),
    ("upper case code", _one(_texts), "df.assign(code=df['code'].str.upper())"),
    ("dashes gone", _one(_texts), "df.assign(code=df['code'].str.replace('-', ''))"),
    (
        "first and last turned",
        _one(_texts),
        "df.assign(who=df['who'].str.split(', ').str[1] + ' ' + df['who'].str.split(', ').str[0])",
    ),
    ("letters counted", _one(_texts), "df.assign(n=df['tags'].str.count('o'))"),
    ("length of text", _one(_texts), "df['who'].str.len()"),
    ("padded numbers", _one(_survey), "df.assign(resp=df['resp'].astype(str).str.zfill(6))"),
    (
        "money as numbers",
        _one(_money),
        "df.assign(cost=df['cost'].str.replace('$', '').str.replace(',', '').astype(int))",
    ),
    ("percent as numbers", _one(_money), "df.assign(pct=df['pct'].str.rstrip('%').astype(float) / 100)"),
    ("dates from text", _one(_money), "df.assign(when=pd.to_datetime(df['when'], format='%d/%m/%Y'))"),
    (
        "dates turned round",
        _one(_money),
        "df.assign(when=pd.to_datetime(df['when'], format='%d/%m/%Y').dt.strftime('%Y-%m-%d'))",
    ),
    ("weekday", _one(_sales), "df.assign(wday=df['date'].dt.day_name())"),
    ("month and year", _one(_sales), "df.assign(ym=df['date'].dt.strftime('%Y-%m'))"),
    ("quarter", _one(_staff), "df.assign(q=df['hired'].dt.quarter)"),
    ("hour of the event", _one(_events), "df.assign(hour=df['time'].dt.hour)"),
    ("date without time", _one(_events), "df.assign(day=df['time'].dt.normalize())"),
    ("days to the last", _one(_bank), "df.assign(ago=(df['date'].max() - df['date']).dt.days)"),
    ("a week later", _one(_bank), "df.assign(due=df['date'] + pd.Timedelta(days=7))"),
    ("weekly sums", _one(_clock), "df.resample('W').sum()"),
    ("monthly means", _one(_clock), "df.resample('ME').mean()"),
    ("days filled in", lambda rng: (_clock(rng).iloc[[0, 1, 4, 6]],), "df.asfreq('D')"),
    ("days filled in with zero", lambda rng: (_clock(rng).iloc[[0, 2, 3, 6]],), "df.asfreq('D', fill_value=0)"),
    # Gaps.
    ("gaps as zero everywhere", lambda rng: (_holes(rng)[["A", "B", "D"]],), "df.fillna(0)"),
    ("gaps as medians", lambda rng: (_holes(rng)[["A", "B"]],), "df.fillna(df.median())"),
    ("gaps as a word", _one(_holes), "df.fillna({'C': 'none'})"),
    ("gaps from below", _one(_holes), "df.bfill()"),
    ("gaps on a line", lambda rng: (_table(7, v=_gaps(_ints(1, 30), 0.3))(rng),), "df.interpolate()"),
    ("gaps from the other column", _one(_holes), "df.assign(A=df['A'].fillna(df['D']))"),
    ("gaps counted by column", _one(_holes), "df.isna().sum()"),
    ("share of gaps", _one(_holes), "df.isna().mean().round(2)"),
    (
        "gaps by group mean",
        lambda rng: (_table(8, g=_of("a", "b"), v=_gaps(_ints(1, 9), 0.25))(rng),),
        "df.assign(v=df['v'].fillna(df.groupby('g')['v'].transform('mean')))",
    ),
    ("first value of each row", lambda rng: (_holes(rng)[["A", "B"]],), "df.bfill(axis=1).iloc[:, 0]"),
    # Two tables.
    ("orders with names", _orders, "df1.merge(df2[['cust', 'name']], on='cust', how='left')"),
    ("other key names", _keys, "df1.merge(df2, left_on='dept', right_on='dept_no')"),
    (
        "other key names, left",
        _keys,
        "df1.merge(df2, left_on='dept', right_on='dept_no', how='left').drop(columns='dept_no')",
    ),
    ("everything of both", _old_new, "df1.merge(df2, on='id', how='outer', suffixes=('_old', '_new'))"),
    ("where from", _old_new, "df1.merge(df2[['id']], on='id', how='outer', indicator=True)"),
    ("only in the first", _old_new, "df1[~df1['id'].isin(df2['id'])]"),
    ("in both", _old_new, "df1[df1['id'].isin(df2['id'])]"),
    ("newest wins", _old_new, "pd.concat([df1, df2]).drop_duplicates('id', keep='last')"),
    (
        "newest wins, sorted",
        _old_new,
        "pd.concat([df1, df2]).drop_duplicates('id', keep='last').sort_values('id').reset_index(drop=True)",
    ),
    ("one under the other with source", _old_new, "pd.concat([df1, df2], keys=['old', 'new'])"),
    ("side by side", lambda rng: (_nums(rng), _nums(rng).add_prefix("r_")), "pd.concat([df1, df2], axis=1)"),
    ("last quote", _quotes, "pd.merge_asof(df1, df2, on='time')"),
    ("gaps from the other table", _patch, "df1.combine_first(df2)"),
    (
        "totals of customers",
        _orders,
        "df2.merge(df1.groupby('cust', as_index=False)['total'].sum(), on='cust', how='left')",
    ),
    ("customers without order", _orders, "df2.loc[~df2['cust'].isin(df1['cust']), 'name']"),
    ("orders by city", _orders, "df1.merge(df2, on='cust').groupby('city')['total'].sum()"),
    ("city looked up", _orders, "df1.assign(city=df1['cust'].map(df2.set_index('cust')['city']))"),
    (
        "all pairs",
        lambda rng: (_table(2, a=_distinct(1, 9))(rng), _table(3, b=_people)(rng)),
        "df1.merge(df2, how='cross')",
    ),
    ("sum of two tables", lambda rng: (_labelled(rng), _labelled(rng)), "df1 + df2"),
    (
        "joined on labels",
        lambda rng: (_labelled(rng), _labelled(rng)[["gym"]].rename(columns={"gym": "run"})),
        "df1.join(df2)",
    ),
    (
        "orders per customer, none as zero",
        _orders,
        "df2.assign(n=df2['cust'].map(df1['cust'].value_counts()).fillna(0).astype(int))",
    ),
    (
        "by the order of a list",
        lambda rng: (_table(4, size=_fixed(["L", "S", "M", "XL"]), n=_ints(1, 9))(rng), ["S", "M", "L", "XL"]),
        "df1.set_index('size').loc[df2].reset_index()",
    ),
    # One answer.
    ("total of products", _one(_sales), "(df['units'] * df['price']).sum()"),
    ("who earns most", _one(_staff), "df.loc[df['salary'].idxmax(), 'name']"),
    ("how many kinds", _one(_bank), "df['kind'].nunique()"),
    ("mean of some", _one(_sales), "df.loc[df['product'] == 'tea', 'units'].mean()"),
    ("commonest word", _one(_words), "df.value_counts().idxmax()"),
    ("names as a list", _one(_staff), "df['name'].tolist()"),
    ("names of some", _one(_staff), "df.loc[df['dept'] == 'it', 'name'].tolist()"),
    ("name to pay", _one(_staff), "df.set_index('name')['salary'].to_dict()"),
    ("two columns as a dictionary", _one(_games), "dict(zip(df['home'], df['home_goals']))"),
    ("records", _one(_nums), "df.to_dict('records')"),
    ("columns with gaps", _one(_holes), "df.columns[df.isna().any()].tolist()"),
    ("lists of rows", _one(_nums), "df.values.tolist()"),
    ("sorted distinct", _one(_words), "sorted(df.unique())"),
    ("label of the largest", _one(_letters), "df.idxmax()"),
    ("the third cell", _one(_letters), "df.iloc[2]"),
    ("how related", _one(_staff), "df['age'].corr(df['salary'])"),
    ("means of columns", _one(_labelled), "df.mean()"),
    ("best column of a row", _one(_labelled), "df.idxmax(axis=1)"),
    ("who is best at each", _one(_labelled), "df.idxmax()"),
    ("numbers as an array", _one(_nums), "df['a'].to_numpy()"),
    ("gaps in all", _one(_holes), "df.isna().sum().sum()"),
    ("last date", _one(_bank), "df['date'].max()"),
    ("group's largest, as a list", _one(_exams), "df.groupby('student')['score'].max().tolist()"),
)
"""Name, tables, program."""


def questions(seed: int) -> tuple[Question, ...]:
    """All questions, on tables drawn from a seed; :data:`DEVELOPMENT` and :data:`HELD_OUT` have seed 0."""
    return tuple(Question(name, _seeded(name, drawn, seed), program) for name, drawn, program in _ROWS)


def _seeded(name: str, drawn: Drawn, seed: int) -> Callable[[], tuple[Any, ...]]:
    return lambda: drawn(seeding.named(seed, "asked", name))


DEVELOPMENT: tuple[Question, ...] = questions(0)[::2]
"""Every other question: those one may look at. The judge of programs is trained on them."""

HELD_OUT: tuple[Question, ...] = questions(0)[1::2]
"""The rest: only counted."""
