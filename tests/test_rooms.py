"""The shared rooms: search, console, display, checkpoint, seeding."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from mlsys4sys import checkpoint, display, seeding
from mlsys4sys.console import Command, Progress
from mlsys4sys.errors import CheckpointError, DataError, InputError, SqlError
from mlsys4sys.search import Budget, beam, best_first


def test_a_checkpoint_comes_back_with_its_configuration(tmp_path: Path) -> None:
    weights = {"a": np.arange(6, dtype=np.float32).reshape(2, 3)}
    checkpoint.save(tmp_path / "w.safetensors", weights, kind="toy", version=2, config={"seed": 7})
    arrays, config = checkpoint.load(tmp_path / "w.safetensors", kind="toy", version=2)
    assert np.array_equal(arrays["a"], weights["a"])
    assert config == {"seed": 7}
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]


def test_a_checkpoint_that_is_damaged_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    with pytest.raises(DataError, match="no such file"):
        checkpoint.load(path, kind="toy", version=1)
    path.write_bytes(b"not weights")
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoint.load(path, kind="toy", version=1)
    checkpoint.save(path, {"a": np.zeros(1)}, kind="toy", version=1, config={})
    with pytest.raises(CheckpointError, match="wanted toy version 2"):
        checkpoint.load(path, kind="toy", version=2)


def test_named_generators_do_not_depend_on_the_order_of_asking() -> None:
    first = seeding.named(3, "title").random(4)
    seeding.named(3, "name").random(9)
    assert np.array_equal(first, seeding.named(3, "title").random(4))
    assert not np.array_equal(first, seeding.named(4, "title").random(4))


def test_a_budget_must_be_positive() -> None:
    with pytest.raises(InputError, match="seconds must be above 0"):
        Budget(seconds=0)


def test_a_beam_keeps_the_cheapest_of_equal_states() -> None:
    found = beam(
        ("", 0),
        lambda level: [(word + c, cost + (c == "b")) for word, cost in level for c in "ab"],
        cost=lambda state: state[1],
        done=lambda state: len(state[0]) == 3,
        width=2,
        key=lambda state: len(state[0]),
    )
    assert found == [("aaa", 0)]


def test_best_first_gives_up_when_the_budget_ends() -> None:
    grow = lambda n: (n + 1,)  # noqa: E731
    assert best_first(0, grow, float, lambda n: n == 10, budget=Budget(evaluations=5)) is None
    assert best_first(0, grow, float, lambda n: n == 4, budget=Budget(evaluations=5)) == 4


def test_deep_trees_are_drawn_without_recursion() -> None:
    node = display.Node(label="leaf")
    for _ in range(5000):
        node = display.Node(label="join", children=(node,))
    assert display.to_text(node).count("\n") == 5000
    assert display.to_html(node).count("<details") == 5000
    assert "n5000" in display.to_dot(node)


def test_labels_are_escaped_in_html() -> None:
    page = display.page("<t>", display.panel("a & b", display.Node(label="x < y")))
    assert "x &lt; y" in page
    assert "a &amp; b" in page
    assert "<script" not in page


def test_an_error_of_ours_is_one_line_and_exit_1() -> None:
    import click

    @click.command(cls=Command)
    def broken() -> None:
        raise SqlError("no such\ntable", line=2, column=5)

    result = CliRunner().invoke(broken)
    assert result.exit_code == 1
    assert result.stderr == "error: line 2, column 5: no such table\n"
    assert result.stdout == ""


def test_progress_is_silent_when_quiet_and_prints_lines_without_a_terminal() -> None:
    stream = io.StringIO()
    with Progress(quiet=True, stream=stream) as progress:
        progress("hidden")
    assert stream.getvalue() == ""
    with Progress(stream=stream, every_s=0.0) as progress:
        progress("shown")
    assert stream.getvalue() == "shown\n"
