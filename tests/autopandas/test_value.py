from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlsys4sys.autopandas import train, value
from mlsys4sys.autopandas.expression import source
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.problem import Task
from mlsys4sys.autopandas.search import Search
from mlsys4sys.autopandas.settle import collected
from mlsys4sys.autopandas.table import Codebook, Table
from mlsys4sys.autopandas.value import Value
from mlsys4sys.errors import CheckpointError

FRAME = pd.DataFrame({"city": ["Rome", "Oslo", "Rome", "Bonn"], "n": [7, 12, 3, 30]})


@pytest.fixture(scope="module")
def states() -> train.States:
    return train.States.joined([part for number in range(24) for part in train.expansions(3, number)])


def _facts(before: object, after: object) -> dict[str, float]:
    book = Codebook()
    found = value.facts(Table(before, source(0), book), Goal.of(after, book))
    return dict(zip(value.NAMES, found.tolist(), strict=True))


def test_a_table_that_lacks_only_an_order_shows_all_words_and_columns() -> None:
    found = _facts(FRAME, FRAME.sort_values("n"))
    assert found["columns_bag"] == 1.0
    assert found["columns_equal"] == 0.0
    assert found["labels_equal"] == 1.0
    assert found["words_shown"] == 1.0


def test_a_table_of_other_cells_shows_none_of_them() -> None:
    found = _facts(FRAME, pd.DataFrame({"x": [0.5, 0.25]}))
    assert found["cells_in"] == 0.0
    assert found["columns_bag"] == 0.0


def test_a_value_learns_which_tables_are_on_the_way(states: train.States) -> None:
    learned = train.fit_value(states, steps=150)
    found = train.value_score(learned.network(states.rows)[:, 0].astype(float), states)
    shown = train.value_score(states.rows[:, value.NAMES.index("words_shown")], states)
    assert states.on_way.any()
    assert found["first"] > shown["first"]


def test_the_same_seed_gives_the_same_value(states: train.States) -> None:
    first, second = (train.fit_value(states, steps=20).network.arrays() for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_a_value_comes_back_as_it_was_saved(
    states: train.States, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned = train.fit_value(states, steps=20)
    learned.save(tmp_path / "v.safetensors")
    book = Codebook()
    table, goal = Table(FRAME, source(0), book), Goal.of(FRAME.head(2), book)
    assert Value.load(tmp_path / "v.safetensors")(table, goal) == pytest.approx(learned(table, goal), abs=1e-5)
    assert 0 <= learned(table, goal) <= 6
    monkeypatch.setattr(value, "NAMES", (*value.NAMES[1:], "else"))
    with pytest.raises(CheckpointError, match="train it again"):
        Value.load(tmp_path / "v.safetensors")


def test_a_search_with_a_value_finds_programs_too(states: train.States) -> None:
    wanted = FRAME.groupby("city")["n"].sum().sort_values()
    task = Task.of([FRAME], wanted)
    found = collected(Search(task, value=train.fit_value(states, steps=20)), 5.0)
    assert found
