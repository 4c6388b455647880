"""The page of examples: ``python -m benchmarks.autopandas_examples`` writes docs/autopandas-examples.md.

Each example is a question that people ask of pandas. The tables here are all that the search sees; the page shows what
it answered, whatever that is, and how long it took.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlsys4sys.autopandas import Result, synthesize
from mlsys4sys.autopandas.report import indented, table_text

PAGE = Path(__file__).parents[1] / "docs" / "autopandas-examples.md"

ORDERS = pd.DataFrame(
    {
        "order": [1, 2, 3, 4, 5, 6],
        "customer": [10, 11, 10, 12, 11, 10],
        "amount": [20.0, 35.5, 12.5, 80.0, 5.0, 40.0],
        "status": ["paid", "open", "paid", "paid", "open", "void"],
    }
)
CUSTOMERS = pd.DataFrame({"customer": [10, 11, 12, 13], "name": ["Ann", "Bob", "Cid", "Dee"]})
SALES = pd.DataFrame(
    {
        "day": pd.to_datetime(["2024-01-05", "2024-01-20", "2024-02-03", "2024-02-17", "2024-03-09"]),
        "shop": ["north", "south", "north", "north", "south"],
        "units": [3, 5, 2, 8, 1],
        "price": [2.0, 3.0, 2.5, 2.0, 4.0],
    }
)
MARKS = pd.DataFrame(
    {
        "pupil": ["Ann", "Bob", "Cid", "Dee"],
        "maths": [91, 58, 77, 40],
        "music": [70, 66, 81, 95],
        "sport": [55, 90, 62, 71],
    }
)
READINGS = pd.DataFrame(
    {
        "sensor": ["a", "a", "a", "b", "b", "b"],
        "hour": [1, 2, 3, 1, 2, 3],
        "value": [1.0, np.nan, 3.0, np.nan, 5.0, 8.0],
    }
)
PEOPLE = pd.DataFrame(
    {
        "name": ["Ann Lee", "Bob Ray", "Cid Orr"],
        "email": ["ann@x.org", "bob@y.com", "cid@x.org"],
        "joined": pd.to_datetime(["2021-03-04", "2022-11-30", "2023-07-15"]),
    }
)
TAGS = pd.DataFrame({"post": [1, 2, 3], "tags": ["red,blue", "green", "blue,green,red"]})


@dataclass(frozen=True)
class Question:
    """What is asked: the inputs, and what makes the wanted output (which the search never sees)."""

    title: str
    inputs: dict[str, Any]
    answer: Callable[..., Any]


QUESTIONS = (
    Question("Rows of one status", {"orders": ORDERS}, lambda o: o[o["status"] == "paid"]),
    Question(
        "Total of each group", {"orders": ORDERS}, lambda o: o.groupby("customer", as_index=False)["amount"].sum()
    ),
    Question(
        "Several figures of each group, with names",
        {"orders": ORDERS},
        lambda o: o.groupby("customer").agg(orders=("order", "count"), total=("amount", "sum")).reset_index(),
    ),
    Question(
        "The largest row of each group", {"orders": ORDERS}, lambda o: o.loc[o.groupby("customer")["amount"].idxmax()]
    ),
    Question(
        "Share of the group's total",
        {"orders": ORDERS},
        lambda o: o.assign(share=o["amount"] / o.groupby("customer")["amount"].transform("sum")),
    ),
    Question(
        "Names joined to orders", {"orders": ORDERS, "customers": CUSTOMERS}, lambda o, c: o.merge(c, on="customer")
    ),
    Question(
        "Customers without an order",
        {"orders": ORDERS, "customers": CUSTOMERS},
        lambda o, c: c[~c["customer"].isin(o["customer"])],
    ),
    Question(
        "Totals by name, largest first",
        {"orders": ORDERS, "customers": CUSTOMERS},
        lambda o, c: (
            o.merge(c, on="customer")
            .groupby("name", as_index=False)["amount"]
            .sum()
            .sort_values("amount", ascending=False)
        ),
    ),
    Question("A product of two columns", {"sales": SALES}, lambda s: s.assign(revenue=s["units"] * s["price"])),
    Question("Totals by month", {"sales": SALES}, lambda s: s.groupby(s["day"].dt.month)["units"].sum()),
    Question(
        "Running total in each group", {"sales": SALES}, lambda s: s.assign(so_far=s.groupby("shop")["units"].cumsum())
    ),
    Question(
        "Wide to long", {"marks": MARKS}, lambda m: m.melt(id_vars="pupil", var_name="subject", value_name="mark")
    ),
    Question("Long to wide", {"readings": READINGS}, lambda r: r.pivot(index="sensor", columns="hour", values="value")),
    Question(
        "Best subject of each pupil",
        {"marks": MARKS},
        lambda m: m.assign(best=m[["maths", "music", "sport"]].idxmax(axis=1)),
    ),
    Question("Pass or fail", {"marks": MARKS}, lambda m: m.assign(result=np.where(m["maths"] >= 50, "pass", "fail"))),
    Question(
        "Gaps filled from the row before, in each group",
        {"readings": READINGS},
        lambda r: r.assign(value=r.groupby("sensor")["value"].ffill()),
    ),
    Question("Rows with a missing cell dropped", {"readings": READINGS}, lambda r: r.dropna().reset_index(drop=True)),
    Question(
        "First and last name apart",
        {"people": PEOPLE},
        lambda p: p.assign(first=p["name"].str.split(" ").str[0], last=p["name"].str.split(" ").str[1]),
    ),
    Question("The domain of an address", {"people": PEOPLE}, lambda p: p["email"].str.split("@").str[1]),
    Question("The year of a date", {"people": PEOPLE}, lambda p: p.assign(year=p["joined"].dt.year)),
    Question(
        "A row for each tag",
        {"posts": TAGS},
        lambda t: t.assign(tags=t["tags"].str.split(",")).explode("tags").reset_index(drop=True),
    ),
    Question("How often each status occurs", {"orders": ORDERS}, lambda o: o["status"].value_counts()),
    Question("A cross table of counts", {"orders": ORDERS}, lambda o: pd.crosstab(o["customer"], o["status"])),
)


def solve(question: Question) -> tuple[Any, Result]:
    """The wanted output, and what was found for it."""
    inputs = list(question.inputs.values())
    wanted = question.answer(*inputs)
    return wanted, synthesize(inputs, wanted, names=list(question.inputs), budget_s=20)


def section(question: Question) -> str:
    """One example of the page."""
    wanted, result = solve(question)
    print(f"{question.title}: {result.code or 'NOTHING'}  [{result.seconds:.2f} s]", file=sys.stderr)
    tables = [f"{name}\n{indented(table_text(value))}" for name, value in question.inputs.items()]
    text = "\n\n".join([*tables, f"wanted\n{indented(table_text(wanted))}"])
    answer = result.programs[0].pretty if result else "# nothing was found"
    return f"## {question.title}\n\n```text\n{text}\n```\n\n```python\n{answer}\n```\n"


def main() -> None:
    """Write the page."""
    head = (
        "# Examples\n\n"
        "What `synthesize` answered to everyday questions. The tables were all it was given; the code is as it was\n"
        "found. Written by `python -m benchmarks.autopandas_examples`.\n"
    )
    PAGE.write_text("\n".join([head, *map(section, QUESTIONS)]), encoding="utf-8")


if __name__ == "__main__":
    main()
