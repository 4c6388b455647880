from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlsys4sys.autopandas import meant
from mlsys4sys.autopandas.expression import CELL, ENTRY, OUTPUT, POSITION, Expr, call, column, source
from mlsys4sys.autopandas.meant import Judge
from mlsys4sys.autopandas.problem import Task
from mlsys4sys.errors import CheckpointError

INP = source(0)
FRAME = pd.DataFrame({"city": ["Rome", "Oslo", "Rome", "Bonn", "Oslo"], "n": [7, 12, 3, 30, 8], "id": [1, 2, 3, 4, 5]})


def _mask(text: str, label: str, *, tags: tuple[str, ...] = ()) -> Expr:
    return call("{0}[{1:arg}]", INP, Expr(text, (column(INP, label),), 4, "compare", 1.0, tags), op="mask")


def _ranked(exprs: list[Expr], output: object, frame: pd.DataFrame = FRAME) -> list[meant.Ranked]:
    return meant.rank(exprs, Task.of([frame], output), judge=Judge.by_hand())


def test_a_condition_beats_positions() -> None:
    kept = FRAME[FRAME["n"] > 7]
    positions = call("{0}.iloc[[1, 3, 4]]", INP, op="iloc", cost=1.5, tags=(POSITION,) * 3)
    order = _ranked([positions, _mask("{0:sum} > 7", "n", tags=(CELL,))], kept)
    assert order[0].expr.text == "inp0[inp0['n'] > 7]"


def test_a_rule_beats_a_table_of_answers() -> None:
    wanted = FRAME["city"].str.upper()
    listed = "{0}.map({{'Rome': 'ROME', 'Oslo': 'OSLO', 'Bonn': 'BONN'}})"
    mapped = call(listed, column(INP, "city"), op="map", cost=3.0, tags=(ENTRY,) * 3 + (OUTPUT,) * 3)
    upper = call("{0}.str.upper()", column(INP, "city"), op="str", cost=2.0)
    assert _ranked([mapped, upper], wanted)[0].expr == upper


def test_programs_that_differ_in_writing_alone_are_one_class() -> None:
    kept = FRAME[FRAME["n"] > 7]
    exprs = [
        _mask("{0:sum} > 7", "n"),
        _mask("{0}.gt(7)", "n"),
        _mask("{0:sum} != 1", "id"),
        _mask("{0:sum} >= 8", "n"),
    ]
    order = _ranked([e for e in exprs if e.text != exprs[2].text], kept)
    assert len({r.group for r in order}) == 1
    assert [r.leads for r in order] == [True, False, False]
    assert order[0].probability == pytest.approx(1.0)


def test_each_class_is_shown_before_any_is_shown_twice() -> None:
    wanted = FRAME["n"].max()
    top = call("{0}.max()", column(INP, "n"), op="reduce", cost=1.0)
    also = call("{0}.agg('max')", column(INP, "n"), op="reduce", cost=1.2)
    fourth = call("{0}.iloc[3]", column(INP, "n"), op="iloc", cost=2.0, tags=(POSITION,))
    order = _ranked([top, also, fourth], wanted)
    assert [r.leads for r in order] == [True, True, False]
    assert sum(r.probability for r in order if r.leads) == pytest.approx(1.0)


def test_ranking_repeats() -> None:
    kept = FRAME[FRAME["n"] > 7]
    exprs = [_mask("{0:sum} > 7", "n"), call("{0}.iloc[[1, 3, 4]]", INP, op="iloc")]
    first, second = (_ranked(exprs, kept) for _ in range(2))
    assert first == second


def test_candidates_that_crash_on_fewer_rows_are_told_so() -> None:
    wanted = FRAME["n"].iloc[4]
    task = Task.of([FRAME], wanted)
    exprs = [call("{0}.iloc[4]", column(INP, "n"), op="iloc"), call("{0}.iloc[-1]", column(INP, "n"), op="iloc")]
    rows = meant.features(exprs, [1.0, 1.0], meant.observe(exprs, task))
    raised = rows[:, meant.NAMES.index("raised_rows")]
    assert raised[0] > 0
    assert raised[1] == 0


def test_no_candidates_no_ranking() -> None:
    assert meant.rank([], Task.of([FRAME], 1)) == []


def test_two_programs_are_told_apart_by_a_small_input() -> None:
    task = Task.of([FRAME], FRAME[FRAME["n"] > 7])
    first, second = _mask("{0:sum} > 7", "n"), call("{0}.iloc[[1, 3, 4]]", INP, op="iloc")
    found = meant.distinguish(first, second, task)
    assert found is not None
    one, two = found.outputs
    assert not one.equals(two)
    assert len(found.inputs[0]) <= len(FRAME)
    threshold = meant.distinguish(_mask("{0:sum} > 7", "n"), _mask("{0:sum} >= 8", "n"), task)
    assert threshold is None


def test_weights_come_back_as_they_were_saved(tmp_path: Path) -> None:
    judge = Judge.by_hand()
    judge.save(tmp_path / "j.safetensors")
    rows = np.random.default_rng(0).normal(size=(4, len(meant.NAMES)))
    assert np.allclose(Judge.load(tmp_path / "j.safetensors").scores(rows), judge.scores(rows), atol=1e-5)


def test_weights_of_other_features_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Judge.by_hand().save(tmp_path / "j.safetensors")
    monkeypatch.setattr(meant, "NAMES", (*meant.NAMES[1:], "else"))
    with pytest.raises(CheckpointError, match="train it again"):
        Judge.load(tmp_path / "j.safetensors")


def test_a_label_speaks_for_the_program_that_does_what_it_says() -> None:
    wanted = FRAME.assign(total=FRAME["n"].sum())
    task = Task.of([FRAME], wanted)
    fixed = call("{0}.assign(total=60)", INP, op="assign")
    summed = call("{0}.assign(total={1:arg})", INP, call("{0}.sum()", column(INP, "n"), op="reduce"), op="assign")
    rows = meant.features([fixed, summed], [1.0, 1.0], meant.observe([fixed, summed], task))
    named, misnamed = (rows[:, meant.NAMES.index(name)].tolist() for name in ("named", "misnamed"))
    assert named == [0.0, 1.0]
    assert misnamed == [1.0, 0.0]


def test_programs_of_expected_calls_score_higher_by_what_the_policy_says() -> None:
    exprs = [_mask("{0:sum} > 7", "n"), call("{0}.tail(3)", INP, op="tail")]
    task = Task.of([FRAME], FRAME[FRAME["n"] > 7])
    behaviour = meant.observe(exprs, task)
    rows = meant.features(exprs, [1.0, 1.0], behaviour, logits={"mask": -0.1, "compare": -0.1, "tail": -5.0})
    prior, missed = (rows[:, meant.NAMES.index(name)] for name in ("prior_sum", "prior_missed"))
    assert prior[0] > prior[1]
    assert missed[0] == 0.0 < missed[1]
    assert not meant.features(exprs, [1.0, 1.0], behaviour)[:, meant.NAMES.index("prior")].any()


def test_a_new_label_is_no_evidence_for_the_code_that_gives_it() -> None:
    wanted = FRAME.assign(is_max=FRAME["n"] > 8)
    labelled = call("{0}.assign(is_max={1:arg})", INP, Expr("{0:sum} > 8", (column(INP, "n"),), 4, "compare"))
    equal = Expr("{0:sum} == {0}.max()", (column(INP, "n"),), 4, "compare")
    largest = call("{0}.assign(is_max={1:arg})", INP, equal, op="assign")
    exprs = [labelled, largest]
    seen = meant.observe(exprs, Task.of([FRAME], wanted))
    rows = meant.features(exprs, [1.0, 1.0], seen)
    assert rows[:, meant.NAMES.index("misnamed")].tolist() == [1.0, 0.0]
    assert rows[:, meant.NAMES.index("named")].tolist() == [0.0, 1.0]


def test_an_aggregate_with_the_name_of_a_label_counts_as_code() -> None:
    wanted = FRAME.groupby("city").agg(max=("n", "max"))
    exprs = [call("{0}.groupby('city').agg(max=('n', 'max'))", INP, op="groupby.agg")]
    rows = meant.features(exprs, [1.0], meant.observe(exprs, Task.of([FRAME], wanted)))
    assert rows[0, meant.NAMES.index("named")] == 1.0


def test_an_aggregate_that_is_named_as_another_is_misnamed() -> None:
    exprs = [
        call(f"{{0}}.groupby('city').agg(n_min=('n', 'min'), n_max=('n', '{agg}'))", INP, op="groupby.agg")
        for agg in ("max", "last")
    ]
    wanted = FRAME.groupby("city").agg(n_min=("n", "min"), n_max=("n", "max"))
    rows = meant.features(exprs, [1.0, 1.0], meant.observe(exprs, Task.of([FRAME], wanted)))
    assert rows[:, meant.NAMES.index("misnamed")].tolist() == [0.0, 1.0]


def test_rows_of_a_sorted_column_stand_together_for_a_reason() -> None:
    exprs = [_mask("{0:sum} > 2", "id"), _mask("{0:sum} != 12", "n")]
    frame = FRAME.assign(n=[12, 12, 3, 30, 8])
    rows = meant.features(exprs, [1.0, 1.0], meant.observe(exprs, Task.of([frame], frame[frame["id"] > 2])))
    block = rows[:, meant.NAMES.index("block_by_content")]
    assert block[0] == 0.0 < block[1]


def test_of_many_columns_one_fits_by_chance() -> None:
    frame = FRAME.assign(other=1, more=2)
    exprs = [_mask("{0:sum} > 7", "n"), call("{0}.head(2)", INP, op="head")]
    found = meant.choices(exprs, meant.observe(exprs, Task.of([frame], frame[frame["n"] > 7])))
    assert found.tolist() == pytest.approx([np.log(5), 0.0])
