from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mlsys4sys.errors import CheckpointError
from mlsys4sys.learn.supervised import RegressionConfig
from mlsys4sys.neurocuts import portfolio as portfolios
from mlsys4sys.neurocuts.lookup import Lookup
from mlsys4sys.neurocuts.portfolio import Constants, Portfolio, features
from mlsys4sys.neurocuts.train_portfolio import (
    WORST,
    PortfolioConfig,
    case,
    champion,
    choose,
    compared,
    cost,
    train,
)
from mlsys4sys.neurocuts.tree import Kind, walk
from mlsys4sys.neurocuts.tune import build, default_traffic, tune
from tests.neurocuts.trees import IPV4, IPV6, TINY, random_rules

SMALL = PortfolioConfig(
    searched=2, trees=3, size=2, seen=8, rules=(60, 100), threads=1, regression=RegressionConfig(hidden=(8,), epochs=4)
)


def shipped() -> Portfolio:
    found = portfolios.shipped()
    assert found is not None
    return found


def test_the_same_seed_makes_the_same_portfolio_and_it_is_the_same_from_disk(tmp_path: Path) -> None:
    first, second = (train(SMALL, seed=3, command="made here") for _ in range(2))
    assert first.constants == second.constants
    rules = random_rules(np.random.default_rng(0), 200)
    first.save(tmp_path / "p.safetensors")
    again = portfolios.load(tmp_path / "p.safetensors")
    assert again.constants == first.constants
    assert again.made["command"] == "made here"
    assert again.order(rules) == first.order(rules) == second.order(rules)


def test_constants_come_in_the_order_that_the_network_foresees_or_as_they_are() -> None:
    found, rules = shipped(), random_rules(np.random.default_rng(1), 300)
    foreseen = found.net(features(rules)[None])[0]
    assert found.order(rules) == [found.constants[place] for place in np.argsort(foreseen, kind="stable")]
    assert portfolios.unlearned(found).order(rules) == list(found.constants)
    assert found.order(rules.take([])) == list(found.constants)


@pytest.mark.parametrize("fields", [IPV4, IPV6, TINY])
def test_a_portfolio_of_five_tuples_suits_other_fields_and_empty_lists(fields: tuple) -> None:  # type: ignore[type-arg]
    rules = random_rules(np.random.default_rng(2), 300, fields)
    for constants in shipped().order(rules):
        tree = build(rules, constants, default_traffic(rules, 500))
        packets = default_traffic(rules, 300, seed=1)
        assert (walk(tree, rules, packets) == rules.classify_linear(packets)).all()
    tree, _, _ = tune(rules.take([]), seconds=10, trees=1, portfolio=shipped())
    assert tree.nodes


def test_tests_look_at_the_first_column_of_their_field() -> None:
    chosen = Constants(tests=((1, 20.0), (3, 9.0)), parts=0b10010000)
    one = replace(shipped(), constants=(chosen,), learned=False)
    assert one.order(random_rules(np.random.default_rng(2), 30))[0].tests == ((1, 20.0), (3, 9.0))
    assert one.order(random_rules(np.random.default_rng(2), 30, IPV6))[0].tests == ((4, 20.0), (9, 9.0))


def test_columns_are_chosen_that_together_leave_the_least() -> None:
    costs = np.array([[0.0, 0.5, 0.9], [0.9, 0.5, 0.0], [0.9, 0.5, 0.9], [0.1, 0.2, 0.9]])
    assert choose(costs, 2) == [1, 0]
    assert sorted(choose(costs, 9)) == [0, 1, 2]


def test_what_builds_nothing_costs_the_worst_and_the_best_nothing() -> None:
    one = case(np.random.SeedSequence(5), SMALL)
    found = champion(one, 4, np.random.SeedSequence(1))
    assert found is not None
    costs = compared(one, [found, Constants(leaf=1, max_bits=1, memory=1e-9, noise=0.0)])
    assert costs.min() == 0
    assert costs.max() <= np.log(WORST) + 1e-9


def test_work_is_what_the_walk_does() -> None:
    rules = random_rules(np.random.default_rng(6), 400)
    traffic = default_traffic(rules, 500)
    tree = build(rules, Constants(leaf=4), traffic)
    assert not (tree.kind == Kind.PARTITION).any()
    visits = np.zeros(len(traffic), np.int64)
    walk(tree, rules, traffic, visits=visits)
    parts, steps, blocks = Lookup(tree, rules).work(traffic)
    assert parts == 1
    assert 0 <= steps <= visits.mean()
    assert 0 <= blocks <= 2
    assert cost(Lookup(tree, rules), traffic) == pytest.approx(1.6 + 3.8 * parts + 4.7 * steps + 7.0 * blocks)


def test_a_damaged_portfolio_is_refused(tmp_path: Path) -> None:
    found = shipped()
    replace(found, constants=found.constants[:2]).save(tmp_path / "short.safetensors")
    with pytest.raises(CheckpointError, match="12 outputs, not 2"):
        portfolios.load(tmp_path / "short.safetensors")
    (tmp_path / "no.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError):
        portfolios.load(tmp_path / "no.safetensors")
