"""The branching decision process: trees it grows are measured by the paper's metric."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("gymnasium")

from gymnasium.utils.env_checker import check_env

from mlsys4sys.datasets import rules as rule_data
from mlsys4sys.errors import InputError
from mlsys4sys.neurocuts import IPV4, RuleSet
from mlsys4sys.neurocuts.env import TreeEnv


def rule_set(n, seed=0, name="fw-branch"):
    made = rule_data.generate(name, n, seed=seed)
    return RuleSet(fields=IPV4, low=made.low, high=made.high)


def grow(env, rng):
    observation, info = env.reset()
    steps, ended = 0, not info["mask"].any()
    while not ended:
        assert env.observation_space.contains(observation)
        observation, _, terminated, truncated, info = env.step(int(rng.choice(np.flatnonzero(info["mask"]))))
        steps, ended = steps + 1, terminated or truncated
    return steps, info


def leaf(node, packet, env):
    """The rules that a packet is compared with."""
    if not node.children:
        return set(node.rules.tolist())
    if node.partition:
        return set().union(*(leaf(child, packet, env) for child in node.children))
    for child in node.children:
        if ((packet >= child.low) & (packet <= child.high)).all():
            return leaf(child, packet, env)
    return set()


@given(seed=st.integers(0, 100), ours=st.booleans(), name=st.sampled_from(["fw-branch", "acl-edge", "ipc-mixed"]))
@settings(max_examples=12, deadline=None)
def test_every_packet_finds_its_first_rule_in_a_grown_tree(seed, ours, name):
    rules = rule_set(60, seed, name)
    env = TreeEnv(rules, ours=ours, max_steps=60)
    steps, info = grow(env, np.random.default_rng(seed))
    assert len(info["returns"]) == steps
    assert info["returns"][0] == -env.measure()[0]
    packets = rule_data.trace(rules.low, rules.high, 40, seed=seed, misses=0.2)
    for packet, first in zip(packets.astype(np.int64), rules.classify_linear(packets).tolist(), strict=True):
        assert first == -1 or first in leaf(env.root, packet, env)


def test_the_worth_of_a_step_is_that_of_its_subtree():
    env = TreeEnv(rule_set(80), time_weight=0.5, scale="log", max_steps=200)
    _, info = grow(env, np.random.default_rng(1))
    time, size = env.measure()
    assert info["returns"][0] == pytest.approx(-0.5 * np.log(time) - 0.5 * np.log(size))
    assert min(info["returns"]) == info["returns"][0]  # no subtree costs more than the tree


def test_an_episode_that_is_cut_short_has_leaves_side_by_side():
    env = TreeEnv(rule_set(200), max_steps=1)
    env.reset()
    *_, terminated, truncated, _ = env.step(0)
    assert truncated
    assert not terminated
    assert env.measure()[0] > 2


def test_few_rules_need_no_decision():
    _, info = TreeEnv(rule_set(10)).reset()
    assert not info["mask"].any()


def test_it_keeps_gymnasium_s_contract():
    check_env(TreeEnv(rule_set(60)), skip_render_check=True)


def test_wrong_weights_are_refused():
    with pytest.raises(InputError):
        TreeEnv(rule_set(20), time_weight=2.0)
