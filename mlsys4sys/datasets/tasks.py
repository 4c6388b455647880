"""Everyday questions about tables, written by hand: inputs and the program that answers each.

They are what the synthesizer is judged on beside drawn tasks. Each program is text over ``df``, or ``df1`` and ``df2``;
a test runs every one. Nothing here is trained on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its answer."""

    name: str
    inputs: Callable[[], tuple[Any, ...]]
    """Fresh tables at every call."""
    program: str
    """An expression over ``df`` or ``df1``, ``df2``."""

    @property
    def names(self) -> tuple[str, ...]:
        """What the program calls the inputs."""
        count = len(self.inputs())
        return ("df",) if count == 1 else tuple(f"df{i + 1}" for i in range(count))

    def output(self) -> Any:
        """What the program makes of the inputs."""
        space = {"pd": pd, "np": np, **dict(zip(self.names, self.inputs(), strict=True))}
        return eval(self.program, space)  # noqa: S307 - written in this file


def asked(name: str, program: str, *tables: Any) -> Question:
    """A question; a dictionary stands for a frame of its columns."""
    frames = [pd.DataFrame(table) if isinstance(table, dict) else table for table in tables]
    return Question(name, lambda: tuple(frame.copy() for frame in frames), program)


def _sales() -> tuple[Any, ...]:
    return (
        pd.DataFrame(
            {
                "region": ["north", "south", "north", "east", "south", "north", "east"],
                "product": ["pen", "ink", "ink", "pen", "pen", "pad", "ink"],
                "units": [12, 7, 30, 9, 21, 4, 16],
                "price": [1.5, 8.0, 7.5, 1.75, 1.25, 3.0, 8.25],
            }
        ),
    )


def _people() -> tuple[Any, ...]:
    return (
        pd.DataFrame(
            {
                "name": ["Ada Byron", "Max Planck", "Lise Meitner", "Emmy Noether", "Niels Bohr", "Kurt Goedel"],
                "team": ["core", "data", "core", "ops", "data", "core"],
                "age": [36, 58, 41, 53, 29, 47],
                "joined": pd.to_datetime(
                    ["2019-03-01", "2020-11-15", "2018-07-09", "2021-01-20", "2020-02-02", "2019-09-30"]
                ),
                "salary": [5200.0, None, 6100.0, 4800.0, None, 5500.0],
            }
        ),
    )


def _readings() -> tuple[Any, ...]:
    return (
        pd.DataFrame(
            {
                "sensor": ["s1", "s1", "s1", "s2", "s2", "s2"],
                "hour": [1, 2, 3, 1, 2, 3],
                "temp": [20.5, 21.0, np.nan, 18.0, np.nan, 19.5],
                "level": [3, 5, 4, 8, 6, 9],
            }
        ),
    )


def _wide() -> tuple[Any, ...]:
    return (
        pd.DataFrame(
            {"city": ["Oslo", "Rome", "Bern"], "jan": [-4, 8, 0], "feb": [-3, 9, 1], "mar": [1, 12, 6]},
        ),
    )


def _log() -> tuple[Any, ...]:
    return (
        pd.DataFrame(
            {
                "user": ["u1", "u2", "u1", "u3", "u2", "u1"],
                "page": ["home", "home", "cart", "home", "pay", "pay"],
                "ms": [120, 95, 240, 180, 310, 150],
                "tags": ["a,b", "b", "a,c", "c", "a", "b,c"],
            }
        ),
    )


def _orders() -> tuple[Any, ...]:
    orders = pd.DataFrame(
        {"order": [101, 102, 103, 104, 105], "customer": [7, 9, 7, 8, 12], "total": [50.0, 20.5, 75.0, 12.0, 33.0]}
    )
    customers = pd.DataFrame(
        {"customer": [7, 8, 9, 10], "name": ["Ann", "Bob", "Cid", "Dee"], "city": ["Bonn", "Kiel", "Bonn", "Ulm"]}
    )
    return orders, customers


def _quarters() -> tuple[Any, ...]:
    first = pd.DataFrame({"item": ["x", "y", "z"], "stock": [5, 8, 2]})
    second = pd.DataFrame({"item": ["y", "w"], "stock": [3, 9]})
    return first, second


def _scores() -> tuple[Any, ...]:
    return (
        pd.DataFrame(
            {"math": [70, 85, 90, 60], "art": [88, 72, 95, 64], "music": [90, 66, 85, 71]},
            index=["ann", "bob", "cid", "dee"],
        ),
    )


def _codes() -> tuple[Any, ...]:
    return (
        pd.DataFrame(
            {
                "code": ["AB-012", "CD-345", "AB-678", "EF-901"],
                "price": ["$1,200", "$350", "$75", "$2,010"],
                "when": ["2024-01-05", "2024-02-17", "2024-02-28", "2024-03-09"],
            }
        ),
    )


QUESTIONS: tuple[Question, ...] = tuple(
    Question(name, inputs, program)
    for name, inputs, program in (
        # Rows.
        ("rows of one kind", _sales, "df[df['region'] == 'north']"),
        ("rows above a value", _sales, "df[df['units'] > 10]"),
        ("rows by two conditions", _sales, "df[(df['product'] == 'ink') & (df['units'] > 10)]"),
        ("rows of some kinds", _people, "df[df['team'].isin(['core', 'ops'])]"),
        ("rows with a gap", _people, "df[df['salary'].isna()]"),
        ("rows without a gap", _readings, "df.dropna()"),
        ("text contains", _people, "df[df['name'].str.contains('ei')]"),
        ("after a date", _people, "df[df['joined'] >= '2020-01-01']"),
        ("top rows by a number", _sales, "df.sort_values('units', ascending=False).head(3)"),
        ("best of each group", _sales, "df.loc[df.groupby('region')['units'].idxmax()]"),
        ("first of each group", _log, "df.drop_duplicates('user')"),
        ("rows of large groups", _log, "df[df.groupby('user')['user'].transform('size') > 1]"),
        ("above the group's mean", _sales, "df[df['units'] > df.groupby('region')['units'].transform('mean')]"),
        ("sorted by two", _sales, "df.sort_values(['region', 'units'], ascending=[True, False])"),
        ("largest row of each group kept in order", _log, "df[df['ms'] == df.groupby('user')['ms'].transform('max')]"),
        ("last rows", _log, "df.tail(2)"),
        # Columns.
        ("two columns", _sales, "df[['product', 'units']]"),
        ("renamed", _sales, "df.rename(columns={'units': 'count'})"),
        ("product of columns", _sales, "df.assign(total=df['units'] * df['price'])"),
        ("first word", _people, "df.assign(first=df['name'].str.split().str[0])"),
        ("upper case", _sales, "df.assign(product=df['product'].str.upper())"),
        ("year of a date", _people, "df.assign(year=df['joined'].dt.year)"),
        ("flag", _sales, "df.assign(big=df['units'] > 10)"),
        ("either or", _sales, "df.assign(size=np.where(df['units'] > 10, 'large', 'small'))"),
        ("share of the total", _sales, "df.assign(share=df['units'] / df['units'].sum())"),
        ("share of the group", _sales, "df.assign(share=df['units'] / df.groupby('region')['units'].transform('sum'))"),
        ("running total", _readings, "df.assign(total=df.groupby('sensor')['level'].cumsum())"),
        ("difference to the row before", _readings, "df.assign(change=df.groupby('sensor')['level'].diff())"),
        ("number within group", _log, "df.assign(visit=df.groupby('user').cumcount() + 1)"),
        ("rank", _sales, "df.assign(rank=df['units'].rank(ascending=False).astype(int))"),
        ("number from text", _codes, "df.assign(number=df['code'].str.split('-').str[1].astype(int))"),
        ("money to number", _codes, "df.assign(price=df['price'].str.replace('[$,]', '', regex=True).astype(int))"),
        ("month name", _codes, "df.assign(month=pd.to_datetime(df['when']).dt.month_name())"),
        ("joined texts", _log, "df.assign(key=df['user'] + '_' + df['page'])"),
        ("days since", _people, "df.assign(days=(df['joined'] - df['joined'].min()).dt.days)"),
        # Gaps.
        ("gaps as zero", _people, "df.fillna({'salary': 0})"),
        ("gaps as the mean", _readings, "df.assign(temp=df['temp'].fillna(df['temp'].mean()))"),
        (
            "gaps as the group's mean",
            _readings,
            "df.assign(temp=df['temp'].fillna(df.groupby('sensor')['temp'].transform('mean')))",
        ),
        ("gaps from above", _readings, "df.ffill()"),
        # Groups.
        ("sum by group", _sales, "df.groupby('region')['units'].sum()"),
        ("sum by group, flat", _sales, "df.groupby('region', as_index=False)['units'].sum()"),
        ("mean of all numbers", _sales, "df.groupby('product').mean(numeric_only=True)"),
        ("rows a group", _log, "df.groupby('page').size()"),
        ("rows a group, named", _log, "df.groupby('page').size().reset_index(name='n')"),
        (
            "named totals",
            _sales,
            "df.groupby('region', as_index=False).agg(units=('units', 'sum'), price=('price', 'max'))",
        ),
        ("least and most", _sales, "df.groupby('region')['price'].agg(['min', 'max'])"),
        ("distinct by group", _log, "df.groupby('user')['page'].nunique()"),
        ("lists by group", _log, "df.groupby('user')['page'].agg(list)"),
        ("texts of a group joined", _log, "df.groupby('user', as_index=False)['page'].agg(', '.join)"),
        ("two keys", _sales, "df.groupby(['region', 'product'], as_index=False)['units'].sum()"),
        ("counts of values", _log, "df['page'].value_counts()"),
        ("largest group total first", _sales, "df.groupby('region')['units'].sum().sort_values(ascending=False)"),
        ("filter, then sum", _sales, "df[df['price'] > 2].groupby('region', as_index=False)['units'].sum()"),
        # Shapes.
        ("long to wide", _sales, "df.pivot_table(index='region', columns='product', values='units')"),
        ("long to wide, filled", _readings, "df.pivot(index='sensor', columns='hour', values='level')"),
        (
            "sums, gaps as zero",
            _sales,
            "df.pivot_table(index='region', columns='product', values='units', aggfunc='sum', fill_value=0)",
        ),
        ("wide to long", _wide, "df.melt(id_vars='city', var_name='month', value_name='temp')"),
        ("wide to long, sorted", _wide, "df.melt(id_vars='city').sort_values(['city', 'variable'])"),
        ("transposed", _wide, "df.set_index('city').T"),
        ("counts of pairs", _log, "pd.crosstab(df['user'], df['page'])"),
        ("a row for each tag", _log, "df.assign(tags=df['tags'].str.split(',')).explode('tags')"),
        ("indicator columns", _log, "pd.get_dummies(df['page'])"),
        ("row totals", _scores, "df.sum(axis=1)"),
        ("best column of each row", _scores, "df.idxmax(axis=1)"),
        ("row means as a column", _scores, "df.assign(mean=df.mean(axis=1))"),
        ("scaled to 0 and 1", _scores, "(df - df.min()) / (df.max() - df.min())"),
        ("share of each row", _scores, "df.div(df.sum(axis=1), axis=0)"),
        ("labels as a column", _scores, "df.reset_index()"),
        # Two tables.
        ("matched", _orders, "df1.merge(df2, on='customer')"),
        ("matched, all of the left", _orders, "df1.merge(df2, on='customer', how='left')"),
        ("no match", _orders, "df1[~df1['customer'].isin(df2['customer'])]"),
        ("matched and summed", _orders, "df1.merge(df2, on='customer').groupby('city', as_index=False)['total'].sum()"),
        ("name looked up", _orders, "df1.assign(name=df1['customer'].map(df2.set_index('customer')['name']))"),
        ("one below the other", _quarters, "pd.concat([df1, df2], ignore_index=True)"),
        ("stock of both", _quarters, "pd.concat([df1, df2]).groupby('item', as_index=False)['stock'].sum()"),
        # Single answers.
        ("a total", _sales, "df['units'].sum()"),
        ("a total of some rows", _sales, "df.loc[df['region'] == 'south', 'units'].sum()"),
        ("a count of some rows", _people, "(df['age'] > 40).sum()"),
        ("gaps", _people, "df['salary'].isna().sum()"),
        ("name of the oldest", _people, "df.loc[df['age'].idxmax(), 'name']"),
        ("distinct values", _sales, "df['region'].unique().tolist()"),
        ("lookup table", _orders, "df2.set_index('customer')['name'].to_dict()"),
    )
)
