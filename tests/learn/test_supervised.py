"""Regression with a perceptron."""

import numpy as np
import pytest

pytest.importorskip("torch")

from mlsys4sys.errors import InputError
from mlsys4sys.learn.supervised import RegressionConfig, regress


def problem(n=600):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n, 4)).astype(np.float32)
    return rows, np.stack((rows[:, 0] * rows[:, 1], np.abs(rows[:, 2])), 1).astype(np.float32)


def test_it_foresees_rows_it_has_not_seen():
    rows, targets = problem()
    fit = regress(rows, targets, RegressionConfig(hidden=(32, 32), epochs=60), seed=0)
    assert (fit.error < 0.4 * fit.naive).all()


def test_rows_of_one_source_are_held_out_together_and_a_seed_repeats():
    rows, targets = problem(80)
    groups = np.repeat(np.arange(8), 10)
    first, second = (regress(rows, targets, RegressionConfig(epochs=3), seed=1, groups=groups) for _ in range(2))
    assert all((a == b).all() for a, b in zip(first.net.weights, second.net.weights, strict=True))
    assert np.isfinite(first.error).all()


def test_shapes_that_do_not_fit_are_refused():
    rows, targets = problem(20)
    with pytest.raises(InputError):
        regress(rows, targets[:10], RegressionConfig(), seed=0)
    with pytest.raises(InputError):
        RegressionConfig(epochs=0)
