"""The network that guides the search: what it sees, how it is made, kept and used."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsys4sys import _native
from mlsys4sys.cli import main
from mlsys4sys.datasets import rules as rule_data
from mlsys4sys.errors import CheckpointError, DataError
from mlsys4sys.learn.nets import Perceptron
from mlsys4sys.neurocuts import IPV4, ClassifierBuilder, RuleSet, policy
from mlsys4sys.neurocuts.search import TreeSearch
from mlsys4sys.neurocuts.verify import certify
from mlsys4sys.search import Budget

FEATURES = 2 + 5 * 16


def rule_set(n, seed=0, name="fw-branch"):
    made = rule_data.generate(name, n, seed=seed)
    return RuleSet(fields=IPV4, low=made.low, high=made.high)


def network(seed, outputs=3):
    rng = np.random.default_rng(seed)
    weights = [rng.normal(0, 0.3, shape).astype(np.float32) for shape in ((FEATURES, 8), (8, outputs))]
    biases = [np.full(k, 0.5, np.float32) for k in (8, outputs)]
    moments = np.zeros(FEATURES, np.float32), np.full(FEATURES, 4, np.float32)
    return policy.Policy(Perceptron(tuple(weights), tuple(biases), *moments), {"seed": seed})


def native(rules, **more):
    settings_ = {"max_cuts": 1024, "splits": True, "partitions": True, "seed": 0, "caps": [100.0]} | more
    return _native.TreeSearch(rules.low, rules.high, rules.maxima, **settings_)


@given(seed=st.integers(0, 1000), n=st.integers(20, 200), name=st.sampled_from(["fw-branch", "acl-edge", "ipc-mixed"]))
@settings(max_examples=15, deadline=None)
def test_the_network_sees_how_wide_rules_are(seed, n, name):
    rules = rule_set(n, seed, name)
    found = native(rules).features()
    box = rules.low.min(0).astype(np.float64), rules.high.max(0).astype(np.float64)
    whole = ((rules.low <= box[0]) & (rules.high >= box[1])).all(1)
    kept = int(whole.argmax()) + 1 if whole.any() else n
    assert found[0] <= np.log2(kept) + 1e-5  # rules that others hide are dropped first
    if n <= 160 or found[0] < np.log2(n) - 1e-6:
        return
    for field in range(5):
        taken = (rules.high[:, field].astype(np.float64) - rules.low[:, field]) / rules.maxima[field]
        shares = [(taken <= share).mean() for share in (0.6, 0.3, 0.05, 2.0**-8)]
        assert found[2 + 16 * field : 6 + 16 * field] == pytest.approx(shares, abs=0.02)


def test_one_cut_that_separates_all_is_seen():
    low = np.zeros((64, 5), np.uint32)
    low[:, 3] = np.arange(64) * 1024
    high = np.tile(np.array([2**32 - 1, 2**32 - 1, 65535, 0, 255], np.uint32), (64, 1))
    high[:, 3] = low[:, 3] + 1023
    found = native(RuleSet(fields=IPV4, low=low, high=high)).features()
    assert found[0] == 6
    assert found[1] == 2  # one cut, one leaf
    assert found[2 + 3 * 16 + 8] == -4  # at most 16 / 16 = 1 rule a cell


@given(seed=st.integers(0, 100))
@settings(max_examples=5, deadline=None)
def test_whatever_the_network_says_trees_are_right_and_repeat(seed):
    rules = rule_set(700, seed, "ipc-gateway")
    points = []
    for _ in range(2):
        search = TreeSearch(rules, seed=seed, policy=network(seed), threads=1)
        search.run(Budget(evaluations=600))
        points.append(search.points())
        assert all(certify(search.tree(point), rules) for point in search.points())
    assert points[0] == points[1]


def test_the_network_changes_what_is_searched():
    rules = rule_set(1500, 3, "fw-datacenter")
    found = []
    for guide in (None, network(1)):
        search = TreeSearch(rules, policy=guide, threads=1)
        search.run(Budget(evaluations=3000))
        found.append(search.points())
    assert found[0] != found[1]


def test_a_policy_is_read_back_as_it_was_written(tmp_path):
    own = network(0)
    own.save(tmp_path / "own.safetensors")
    again = policy.load(tmp_path / "own.safetensors")
    assert again.flat() == own.flat()
    assert again.made == {"seed": 0}
    assert policy.resolve(tmp_path / "own.safetensors").flat() == own.flat()
    assert policy.resolve(None) is None


def test_files_that_are_no_policy_are_refused(tmp_path):
    network(0, outputs=2).save(tmp_path / "two.safetensors")
    (tmp_path / "noise.safetensors").write_bytes(b"noise")
    for name in ("two", "noise"):
        with pytest.raises(CheckpointError):
            policy.load(tmp_path / f"{name}.safetensors")
    with pytest.raises(DataError):
        policy.load(tmp_path / "none.safetensors")
    with pytest.raises(ValueError, match="shapes"):
        native(rule_set(20), weights=network(0, outputs=2).flat())


def test_the_shipped_policy_says_how_it_was_made_and_is_small():
    made = policy.shipped()
    assert made is not None
    assert {"command", "seed", "seconds", "samples", "error_log_accesses", "error_of_the_mean"} <= set(made.made)
    assert sum(array.nbytes for array in made.net.arrays().values()) < 1_000_000
    assert max(made.made["error_log_accesses"]) < 0.5 * min(made.made["error_of_the_mean"])


@pytest.mark.parametrize("guide", ["shipped", None])
def test_the_builder_has_a_switch(guide):
    classifier = ClassifierBuilder(policy=guide, expansions=400, threads=1).build(rule_set(200))
    assert classifier.certificate


def test_training_repeats_and_its_policy_foresees():
    pytest.importorskip("torch")
    from mlsys4sys.neurocuts.train import TrainConfig, train

    config = TrainConfig(sets=5, parts=3, rules=(160, 400), rounds=2, actions=60, threads=2)
    first, second = (train(config, seed=1) for _ in range(2))
    assert first.flat() == second.flat()
    assert first.made["samples"] >= 8


def test_accesses_fall_as_bytes_are_allowed():
    pytest.importorskip("torch")
    from mlsys4sys.neurocuts.train import TrainConfig, sampled

    rows = list(sampled(np.random.SeedSequence(4), TrainConfig(rules=(300, 600), actions=100), None))
    assert rows
    assert all((np.diff(row.accesses) <= 0).all() for row in rows)


def test_the_reference_trains_on_a_rule_file(tmp_path):
    pytest.importorskip("torch")
    rules = tmp_path / "small.rules"
    rules.write_text(rule_data.generate("acl-servers", 60, seed=1).text(), encoding="utf-8")
    command = ["train", "neurocuts", "--ppo", str(rules), "--steps", "50", "--output", str(tmp_path / "p.safetensors")]
    done = CliRunner().invoke(main, [*command, "--json", "-q"])
    assert done.exit_code == 0, done.output
    shown = json.loads(done.stdout)
    assert shown["accesses"] >= 2
    assert (tmp_path / "p.safetensors").exists()
