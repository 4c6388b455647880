import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsys4sys.autopandas import perturb
from mlsys4sys.datasets import frames

seeds = st.integers(0, 10**6)


@pytest.mark.parametrize("kind", [kind for kind in perturb.KINDS if kind not in ("columns", "rename")])
@given(seed=seeds)
@settings(max_examples=25)
def test_labels_and_types_stay(kind: str, seed: int) -> None:
    frame = frames.frame(np.random.default_rng(seed))
    for variant in perturb.variants([frame], [kind], seed):
        made = variant.inputs[0]
        assert list(made.columns) == list(frame.columns)
        assert list(made.dtypes) == list(frame.dtypes)
        assert made.index.nlevels == frame.index.nlevels


@given(seeds)
@settings(max_examples=40)
def test_inputs_are_left_as_they_were(seed: int) -> None:
    first, second = frames.pair(np.random.default_rng(seed))
    before = first.copy(deep=True), second.copy(deep=True)
    perturb.variants([first, second], list(perturb.KINDS), seed)
    perturb.mixed([first, second], seed)
    pd.testing.assert_frame_equal(first, before[0])
    pd.testing.assert_frame_equal(second, before[1])


@given(seeds)
@settings(max_examples=40)
def test_a_seed_names_the_variants(seed: int) -> None:
    frame = frames.frame(np.random.default_rng(seed))
    pairs = zip(*(perturb.variants([frame], list(perturb.KINDS), seed) for _ in range(2)), strict=True)
    for one, two in pairs:
        assert one.kind == two.kind
        pd.testing.assert_frame_equal(one.inputs[0], two.inputs[0])


@given(seeds)
@settings(max_examples=40)
def test_shuffling_keeps_the_rows(seed: int) -> None:
    frame = frames.frame(np.random.default_rng(seed))
    for variant in perturb.variants([frame], ["shuffle"], seed):
        rows, before = (sorted(map(repr, x.to_numpy().tolist())) for x in (variant.inputs[0], frame))
        assert rows == before


def test_the_index_that_counts_rows_counts_on() -> None:
    frame = pd.DataFrame({"a": [1, 2, 3]})
    for kind in ("shuffle", "drop", "double", "extend"):
        for variant in perturb.variants([frame], [kind], 0):
            assert list(variant.inputs[0].index) == list(range(len(variant.inputs[0])))


def test_changed_numbers_stay_whole_and_equal_ones_equal() -> None:
    frame = pd.DataFrame({"n": [5, 9, 5, 40], "x": [0.5, 0.25, 0.75, 0.5]})
    (variant,) = perturb.variants([frame], ["numbers"], 1)
    made = variant.inputs[0]
    assert made["n"].dtype == np.int64
    assert made["n"].iloc[0] == made["n"].iloc[2]
    assert (made["n"] != frame["n"]).any()
    assert np.allclose(made["x"], made["x"].round(2))


def test_keys_of_two_tables_still_meet_when_numbers_change() -> None:
    left = pd.DataFrame({"id": [1, 2, 3, 7], "qty": [10, 20, 30, 45]})
    right = pd.DataFrame({"id": [1, 2, 3, 7], "price": [1.5, 2.5, 4.0, 8.0]})
    (variant,) = perturb.variants([left, right], ["numbers"], 0)
    assert list(variant.inputs[0]["id"]) == [1, 2, 3, 7]
    assert list(variant.inputs[0]["qty"]) != [10, 20, 30, 45]


def test_holes_move_but_none_appear_in_a_full_column() -> None:
    frame = pd.DataFrame({"a": [1.0, None, 3.0, None, 5.0, 6.0], "b": list("uvwxyz")})
    (variant,) = perturb.variants([frame], ["holes"], 3)
    assert int(variant.inputs[0]["a"].isna().sum()) == 2
    assert not variant.inputs[0]["b"].isna().any()


def test_ids_stay_unique_in_added_rows() -> None:
    frame = pd.DataFrame({"id": [1, 2, 3, 4], "city": ["a", "b", "a", "c"]})
    for variant in perturb.variants([frame], ["extend", "resample"], 0):
        assert variant.inputs[0]["id"].is_unique


def test_series_lists_and_scalars_pass() -> None:
    inputs = [pd.Series([3, 1, 2], index=list("abc"), name="s"), [1, 2], 5, pd.DataFrame({"a": []})]
    for variant in perturb.variants(inputs, list(perturb.KINDS), 0):
        assert isinstance(variant.inputs[0], pd.Series)
        assert variant.inputs[0].name == "s"
        assert variant.inputs[1:3] == ([1, 2], 5)
