"""Programs of several ideas: balances, visits, cohorts, what an outer join tells, rare words thrown together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlsys4sys.autopandas import synthesize
from mlsys4sys.autopandas.expression import evaluate
from mlsys4sys.autopandas.perturb import mixed

MOVES = pd.DataFrame(
    {
        "acct": list("abaabccb"),
        "kind": ["in", "in", "out", "in", "out", "in", "out", "in"],
        "amt": [100, 50, 30, 20, 10, 70, 20, 5],
        "day": pd.date_range("2024-01-01", periods=8),
    }
)
CHANGES = pd.DataFrame({"m": ["jan", "feb", "jan", "mar", "feb", "mar", "jan"], "chg": [3, -2, -4, 5, 6, -1, 2]})
VISITS = pd.DataFrame(
    {
        "t": pd.Timestamp("2024-01-01 10:00") + pd.to_timedelta([0, 5, 60, 62, 150, 1, 50], "min"),
        "user": list("aaaaabb"),
    }
)
BRANDS = pd.DataFrame({"brand": list("xyxzxywyvxw"), "n": range(11)})
MONTHS = pd.DataFrame({"user": ["u1", "u2", "u1", "u3", "u2", "u1", "u3", "u4"], "month": [1, 1, 2, 2, 3, 3, 4, 4]})
PRICES = pd.DataFrame(
    {
        "item": ["A-1", "B-2", "A-3", "C-1", "B-9"],
        "price": ["$1,200.50", "$30.00", "$45.25", "$1,000.00", "$7.75"],
    }
)
SALES = pd.DataFrame({"emp": list("abcdefg"), "sold": [10, 20, 15, 40, 8, 33, 20], "goal": [12, 20, 10, 50, 8, 30, 25]})
OLD = pd.DataFrame({"id": [1, 2, 3, 5, 7], "v": [10, 20, 30, 50, 70]})
NEW = pd.DataFrame({"id": [2, 3, 4, 7], "v": [20, 31, 40, 70]})
ASKED = pd.DataFrame(
    {
        "t": pd.to_datetime(["2024-01-01 " + x for x in ("10:00", "10:08", "10:20", "10:30")]),
        "k": list("abab"),
        "q": [1, 2, 3, 4],
    }
)
QUOTES = pd.DataFrame(
    {
        "t": pd.to_datetime(["2024-01-01 " + x for x in ("09:58", "10:05", "10:10", "10:29")]),
        "k": list("abab"),
        "p": [1.5, 2.5, 3.5, 4.5],
    }
)


@pytest.mark.parametrize(
    ("code", "frames"),
    [
        ("df.assign(left=df['amt'].where(df['kind'] == 'in', -df['amt']).groupby(df['acct']).cumsum())", [MOVES]),
        (
            "df.assign(net=df['amt'].where(df['kind'] == 'in', -df['amt'])).groupby('acct')[['net']].sum()",
            [MOVES],
        ),
        (
            (
                "df.assign(way=np.where(df['chg'] > 0, 'up', 'down'))"
                ".pivot_table(index='m', columns='way', values='chg', aggfunc='sum', fill_value=0)"
            ),
            [CHANGES],
        ),
        (
            (
                "df.assign(visits=~(df.sort_values('t').groupby('user')['t'].diff() <= pd.Timedelta('30min')))"
                ".groupby('user', as_index=False)['visits'].sum()"
            ),
            [VISITS],
        ),
        (
            (
                "df['brand'].where(df['brand'].map(df['brand'].value_counts()) > 2, 'other')"
                ".value_counts().rename_axis('brand').reset_index(name='times')"
            ),
            [BRANDS],
        ),
        (
            (
                "df.assign(cohort=df.groupby('user')['month'].transform('min'))"
                ".assign(age=lambda d: d['month'] - d['cohort'])"
                ".pivot_table(index='cohort', columns='age', values='user', aggfunc='nunique', fill_value=0)"
            ),
            [MONTHS],
        ),
        (
            (
                "df.assign(price=df['price'].str.replace('[$,]', '', regex=True).astype(float), kind=df['item'].str[0])"
                ".groupby('kind')['price'].sum().reset_index()"
            ),
            [PRICES],
        ),
        (
            "df[df['sold'] < df['goal']].assign(share=lambda d: d['sold'] / d['goal']).sort_values('share')",
            [SALES],
        ),
        (
            (
                "(df1.merge(df2, on='id', how='outer', suffixes=('_old', '_new'))"
                ".assign(now=lambda d: np.select([d['v_old'].isna(), d['v_new'].isna(), d['v_old'] != d['v_new']],"
                " ['added', 'removed', 'changed'], 'same')))"
            ),
            [OLD, NEW],
        ),
        ("pd.merge_asof(df1, df2, on='t', by='k', tolerance=pd.Timedelta('5min'))", [ASKED, QUOTES]),
    ],
)
def test_what_was_meant_is_among_the_programs(code: str, frames: list[Any]) -> None:
    names = ["df"] if len(frames) == 1 else [f"df{i + 1}" for i in range(len(frames))]
    output = evaluate(code, dict(zip(names, [frame.copy() for frame in frames], strict=True)))
    result = synthesize([frame.copy() for frame in frames], output, names=names, budget_s=20.0, top=60)
    others = [frame.iloc[::-1].reset_index(drop=True) if len(frames) == 1 else frame for frame in frames]
    truth = evaluate(code, dict(zip(names, [frame.copy() for frame in others], strict=True)))
    made = []
    for found in result.programs:
        try:
            made.append(evaluate(found.code, dict(zip(names, [frame.copy() for frame in others], strict=True))))
        except (KeyError, ValueError, TypeError, IndexError):
            continue
    assert any(_same(one, truth) for one in made), [found.code for found in result.programs[:3]]


def _same(made: Any, truth: Any) -> bool:
    try:
        pd.testing.assert_frame_equal(
            made.reset_index(drop=True).astype(object), truth.reset_index(drop=True).astype(object), check_names=False,
            check_column_type=False, check_index_type=False,
        )  # fmt: skip
    except (AssertionError, AttributeError):
        return False
    return True


def test_ranks_with_ties_are_not_cut_off() -> None:
    output = SALES.assign(place=(SALES["sold"] - SALES["goal"]).rank(ascending=False, method="min").astype(int))
    result = synthesize([SALES], output, names=["df"], budget_s=4.0)
    assert "method='min'" in result.code


def test_a_dictionary_of_words_to_themselves_is_not_offered() -> None:
    output = BRANDS.assign(brand=BRANDS["brand"].where(BRANDS["brand"].isin(["x", "y"]), "other"))
    result = synthesize([BRANDS], output, names=["df"], budget_s=4.0)
    assert all("'x': 'x'" not in found.code for found in result.programs)
    assert "'other'" in result.code
    assert np.array_equal(result(BRANDS)["brand"], output["brand"])


TEAMS = pd.DataFrame(
    {
        "home": ["Lions", "Bears", "Hawks", "Lions", "Bears", "Hawks", "Wolves"],
        "away": ["Bears", "Hawks", "Lions", "Wolves", "Lions", "Wolves", "Bears"],
        "hg": [3, 1, 2, 5, 0, 4, 1],
        "ag": [1, 1, 2, 0, 2, 3, 5],
    }
)
STOCK = pd.DataFrame({"sku": ["a1", "b2", "c3", "d4", "e5", "f6"], "stock": [20, 15, 3, 30, 9, 12]})
SOLD = pd.DataFrame({"sku": ["b2", "a1", "e5", "b2", "d4", "e5", "f6"], "qty": [6, 4, 2, 7, 11, 4, 5]})
BUYS = pd.DataFrame({"channel": list("aabbabbaab"), "cust": [31, 31, 42, 23, 54, 42, 15, 31, 66, 37]})
SHIFTS = pd.DataFrame(
    {
        "emp": ["Lea", "Max", "Lea", "Nia", "Max"],
        "start": ["2024-06-03 08:00", "2024-06-03 09:30", "2024-06-04 08:15", "2024-06-03 22:00", "2024-06-04 10:00"],
        "stop": ["2024-06-03 16:30", "2024-06-03 17:00", "2024-06-04 12:00", "2024-06-04 06:00", "2024-06-04 15:15"],
    }
)
FILMS = pd.DataFrame({"genre": list("abcabc"), "time": ["1h 30m", "2h 5m", "0h 55m", "2h 10m", "1h 45m", "1h 5m"]})
COSTS = pd.DataFrame({"part": list("aaabbbcc"), "by": list("xyzzxyxz"), "cost": [2.5, 2.1, 2.9, 7, 9.5, 8.8, 31, 28.5]})
NOTED = pd.DataFrame(
    {"id": [11, 12, 13, 14], "has": ["color=red;size=M", "size=L;kg=3", "color=blue;size=S;kg=1", "kg=7"]}
)
REGIONS = pd.DataFrame(
    {"region": list("nnssneesn"), "item": list("abababbab"), "sales": [10, 20, 35, 15, 30, 18, 44, 5, 2]}
)
GROWTH = pd.DataFrame({"k": list("abcd"), "old": [100.0, 50, 30, 70], "new": [121.3, 45, 37.5, 80]})
SIZES = pd.DataFrame({"m": ["Apr", "Dec", "Mar", "Apr", "Mar", "Dec"], "v": [3, 1, 9, 2, 4, 0]})


UNITS = pd.DataFrame(
    {
        "no": range(1, 13),
        "unit": list("abcabcabcabc"),
        "x": [10.0, 31.5, 7.2, 11.5, 30.0, 7.9, 9.1, 44.0, 7.1, 25.3, 29.2, 3.0],
    }
)
FAULTS = pd.DataFrame({"unit": list("abcdeabcdeab"), "x": [10, 31, 7, 55, 3, 11, 30, 8, 61, 4, 9, 44]})
LEVELS = pd.DataFrame(
    {
        "unit": ["p"] * 6 + ["q"] * 6,
        "x": [10.0, 12.5, 14.2, 11.5, 17.0, 12.9, 30.1, 24.0, 33.1, 35.3, 29.2, 41.0],
    }
)
DUE = pd.DataFrame(
    {
        "no": range(901, 910),
        "by": ["UPX", "DLH", "FDX", "DLH", "UPX", "FDX", "DLH", "UPX", "DLH"],
        "due": [f"2024-05-{d:02d}" for d in (3, 2, 6, 10, 8, 9, 15, 20, 21)],
        "came": [f"2024-05-{d:02d}" for d in (3, 5, 4, 11, 12, 15, 14, 22, 26)],
    }
)
STORES = pd.DataFrame(
    {
        "store": ["W1", "W2", "W1", "W3", "W2", "W3", "W1"],
        "type": ["cup", "cup", "pan", "pan", "pan", "cup", "cup"],
        "price": [4.0, np.nan, 10.0, np.nan, 14.0, 6.0, 5.0],
        "qty": [3, 2, 4, 5, 1, 6, 2],
    }
)
TICKETS = pd.DataFrame(
    {
        "ticket": [31, 32, 31, 35, 33, 34, 36, 32, 37, 35, 31, 38],
        "status": ["open", "open", "shut", "open", "open", "open", "wait", "shut", "open", "shut", "wait", "wait"],
        "at": [f"2024-04-{d:02d}" for d in (1, 2, 6, 3, 2, 4, 5, 7, 8, 11, 3, 10)],
    }
)
GATES = pd.DataFrame(
    {
        "time": ["05:10", "07:30", "13:05", "19:40", "11:15", "23:50", "02:20", "16:45", "18:05", "08:10"],
        "gate": list("abababbaab"),
        "n": [12, 40, 33, 21, 18, 9, 4, 27, 30, 15],
    }
)
BUDGET = pd.DataFrame({"dept": ["HR", "IT", "Ops"], "jan": [100, 220, 310], "feb": [120, 205, 290]})
SPENT = pd.DataFrame(
    {
        "dept": ["HR", "IT", "Ops", "HR", "IT", "Ops"],
        "month": ["jan", "jan", "jan", "feb", "feb", "feb"],
        "spent": [90, 230, 300, 125, 190, 310],
    }
)


def _league(df: pd.DataFrame) -> pd.DataFrame:
    both = [
        df[["home", "hg"]].set_axis(["team", "goals"], axis=1),
        df[["away", "ag"]].set_axis(["team", "goals"], axis=1),
    ]
    return pd.concat(both).groupby("team", as_index=False)["goals"].sum()


def _left(stock: pd.DataFrame, sold: pd.DataFrame) -> pd.DataFrame:
    wide = stock.merge(sold.groupby("sku", as_index=False)["qty"].sum(), on="sku", how="left").fillna({"qty": 0})
    wide["left"] = wide["stock"] - wide["qty"]
    return wide[wide["left"] < 5][["sku", "left"]]


def _again(df: pd.DataFrame) -> pd.DataFrame:
    times = df.groupby(["channel", "cust"]).size().reset_index(name="n")
    times["again"] = times["n"] > 1
    return times.groupby("channel", as_index=False)["again"].mean()


def _hours(df: pd.DataFrame) -> pd.DataFrame:
    hours = (pd.to_datetime(df["stop"]) - pd.to_datetime(df["start"])).dt.total_seconds() / 3600
    return df.assign(hours=hours).groupby("emp", as_index=False)["hours"].sum()


def _minutes(df: pd.DataFrame) -> pd.DataFrame:
    minutes = pd.to_timedelta(df["time"]).dt.total_seconds() / 60
    return df.assign(mins=minutes).groupby("genre", as_index=False)["mins"].mean()


def _cheapest(df: pd.DataFrame) -> pd.DataFrame:
    wide = df.pivot(index="part", columns="by", values="cost")
    return wide.assign(best=wide.idxmin(axis=1))


def _keys_and_values(df: pd.DataFrame) -> pd.DataFrame:
    long = df.assign(has=df["has"].str.split(";")).explode("has")
    long[["key", "val"]] = long["has"].str.split("=", expand=True)
    return long.pivot(index="id", columns="key", values="val").reset_index()


def _best_with_share(df: pd.DataFrame) -> pd.DataFrame:
    sums = df.groupby(["region", "item"], as_index=False)["sales"].sum()
    sums["pct"] = (sums["sales"] / sums.groupby("region")["sales"].transform("sum") * 100).round(1)
    return sums.loc[sums.groupby("region")["sales"].idxmax()].reset_index(drop=True)


def _growth(df: pd.DataFrame) -> pd.DataFrame:
    return df.assign(pct=((df["new"] - df["old"]) / df["old"] * 100).round(2))


def _in_own_order(df: pd.DataFrame) -> pd.DataFrame:
    return df.sort_values(["m", "v"], key=lambda s: s.map({"Mar": 0, "Apr": 1, "Dec": 2}) if s.name == "m" else s)


def _outliers(df: pd.DataFrame) -> pd.DataFrame:
    groups = df.groupby("unit")["x"]
    made = df.assign(z=((df["x"] - groups.transform("mean")) / groups.transform("std")).round(2))
    return made[made["z"].abs() > 1]


def _alerts(df: pd.DataFrame) -> pd.DataFrame:
    made = df.assign(avg3=df.groupby("unit")["x"].transform(lambda s: s.rolling(3).mean()).round(2))
    return made[made["x"] > made["avg3"]]


def _pareto(df: pd.DataFrame) -> pd.DataFrame:
    sums = df.groupby("unit", as_index=False)["x"].sum().sort_values("x", ascending=False)
    sums["share"] = (sums["x"].cumsum() / sums["x"].sum() * 100).round(1)
    return sums[sums["share"] < 95].reset_index(drop=True)


def _late(df: pd.DataFrame) -> pd.DataFrame:
    days = (pd.to_datetime(df["came"]) - pd.to_datetime(df["due"])).dt.days
    late = df.assign(days=days)[days > 0]
    return late.groupby("by").agg(orders=("no", "count"), mean=("days", "mean")).reset_index()


def _filled_values(df: pd.DataFrame) -> pd.DataFrame:
    price = df["price"].fillna(df.groupby("type")["price"].transform("mean"))
    return df.assign(value=price * df["qty"]).groupby("store", as_index=False)["value"].sum()


def _last_status(df: pd.DataFrame) -> pd.DataFrame:
    last = df.sort_values("at").drop_duplicates("ticket", keep="last")
    return last.groupby("status").size().reset_index(name="tickets")


def _parts_of_day(df: pd.DataFrame) -> pd.DataFrame:
    hour = df["time"].str[:2].astype(int)
    part = np.select([hour < 6, hour < 12, hour < 18], ["night", "morning", "afternoon"], "evening")
    return df.assign(part=part).groupby(["part", "gate"], as_index=False)["n"].sum()


def _spent(budget: pd.DataFrame, actual: pd.DataFrame) -> pd.DataFrame:
    both = budget.melt(id_vars="dept", var_name="month", value_name="budget").merge(actual, on=["dept", "month"])
    both["left"] = both["budget"] - both["spent"]
    return both.groupby("dept", as_index=False)[["budget", "spent", "left"]].sum()


@pytest.mark.parametrize(
    ("made", "frames"),
    [
        (_outliers, [UNITS]),
        (_alerts, [LEVELS]),
        (_pareto, [FAULTS]),
        (_late, [DUE]),
        (_filled_values, [STORES]),
        (_last_status, [TICKETS]),
        (_parts_of_day, [GATES]),
        (_spent, [BUDGET, SPENT]),
        (_league, [TEAMS]),
        (_left, [STOCK, SOLD]),
        (_again, [BUYS]),
        (_hours, [SHIFTS]),
        (_minutes, [FILMS]),
        (_cheapest, [COSTS]),
        (_keys_and_values, [NOTED]),
        (_best_with_share, [REGIONS]),
        (_growth, [GROWTH]),
        (_in_own_order, [SIZES]),
    ],
)
def test_reports_of_several_steps_are_found(made: Callable[..., Any], frames: list[pd.DataFrame]) -> None:
    output = made(*(frame.copy() for frame in frames))
    result = synthesize([frame.copy() for frame in frames], output, budget_s=20.0, top=60)
    other = [mixed((frame,), 5)[0] for frame in frames] if len(frames) == 1 else frames
    truth = made(*(frame.copy() for frame in other))
    assert any(_same(_run(found, other), truth) for found in result.programs), [p.code for p in result.programs[:3]]


def _run(found: Any, frames: Sequence[pd.DataFrame]) -> Any:
    try:
        return found(*(frame.copy() for frame in frames))
    except Exception as error:  # noqa: BLE001 - a program that fails on other tables is not the one
        return error
