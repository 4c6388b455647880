from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsys4sys.autopandas import examples, features, meant, train
from mlsys4sys.autopandas.examples import CALLS, FOLLOWS, ROLES
from mlsys4sys.autopandas.expression import call, evaluate, program, source
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.memo import Memo
from mlsys4sys.autopandas.policy import Policy
from mlsys4sys.autopandas.table import Codebook, Table
from mlsys4sys.autopandas.verify import check
from mlsys4sys.errors import CheckpointError

seeds = st.integers(0, 10**6)


def _known(seed: int, depth: int) -> examples.Known:
    rng = np.random.default_rng(seed)
    while True:
        known = examples.draw(rng, depth)
        if known is not None:
            return known


def _tables(known: examples.Known) -> tuple[list[Table], Goal]:
    book = Codebook()
    example = known.task.examples[0]
    return [Table(v, source(i), book) for i, v in enumerate(example.inputs)], Goal.of(example.output, book)


@given(seeds, st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_a_drawn_program_makes_its_output_when_it_is_printed(seed: int, depth: int) -> None:
    known = _known(seed, depth)
    assert len(known.steps) == depth
    assert check(program(known.expr, known.task.names), known.task)


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_no_call_of_a_drawn_program_leaves_its_input_as_it_was(seed: int) -> None:
    known = _known(seed, 2)
    book = Codebook()
    keys = [Table(value, source(0), book).key for value in (*known.partial, known.task.examples[0].output)]
    assert len(set(keys)) == len(keys)


def test_names_of_calls_and_roles_are_known() -> None:
    assert {*FOLLOWS, *(name for after in FOLLOWS.values() for name in after)} <= set(CALLS)
    for seed in range(40):
        for step in _known(seed, 2).steps:
            assert step.name in CALLS
            assert {role for role, _ in step.roles} <= set(ROLES)


@given(seeds, st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_a_drawn_program_makes_the_sequence_of_calls_that_it_was_drawn_as(seed: int, depth: int) -> None:
    known = _known(seed, depth)
    assert tuple(step.name for step in known.steps) in train.steps_of(known.expr)


def test_calls_that_may_change_places_stand_in_one_order() -> None:
    frame = pd.DataFrame({"a": [3, 1, 2], "b": ["x", "y", "z"]})
    start = source(0)
    memo = Memo((frame,), Codebook())
    rename = examples.Step("rename", call("{0}.rename(columns={{'b': 'c'}})", start, op="rename"))
    sort = examples.Step("sort_values", call("{0}.sort_values('a')", rename.expr, op="sort_values"))
    made = examples.in_order(memo, [rename, sort], memo.table(sort.expr))
    assert [step.name for step in made] == ["sort_values", "rename"]
    assert made[-1].expr.text == "inp0.sort_values('a').rename(columns={'b': 'c'})"
    head = examples.Step("head", call("{0}.head(2)", sort.expr, op="head"))
    kept = examples.in_order(memo, [rename, sort, head], memo.table(head.expr))
    assert [step.name for step in kept].index("sort_values") < [step.name for step in kept].index("head")


def test_calls_follow_as_people_chain_them() -> None:
    after = [step.name for seed in range(60) for step in _known(seed, 2).steps[1:]]
    firsts = [_known(seed, 2).steps[0].name for seed in range(60)]
    listed = sum(b in FOLLOWS.get(a, {}) for a, b in zip(firsts, after, strict=True))
    assert listed > 0.6 * len(after)


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_every_task_has_a_graph_whose_edges_join_its_nodes(seed: int) -> None:
    made = features.graph(*_tables(_known(seed, 1 + seed % 3)))
    assert made.nodes.shape[1] == len(features.NODE)
    assert made.edges.shape == (len(made.sources), len(features.EDGE))
    assert made.sources.max() < len(made.nodes)
    assert made.targets.max() < len(made.nodes)


def _facts(before: pd.DataFrame, after: pd.DataFrame, label: str, name: str) -> float:
    """What the edge from a column to the output's column of the same position says."""
    book = Codebook()
    made = features.graph([Table(before, source(0), book)], Goal.of(after, book))
    position = list(before.columns).index(label)
    target = made.tables[1] + 1 + position
    edge = np.flatnonzero((made.sources == made.columns[0][position]) & (made.targets == target))
    return float(made.edges[edge[0], features.EDGE.index(name)]) / 255


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("equal", lambda f: f),
        ("cumsum", lambda f: f.cumsum()),
        ("shift", lambda f: f.shift()),
        ("diff", lambda f: f.diff()),
        ("filled", lambda f: f.fillna(0)),
        ("reversed", lambda f: f.iloc[::-1]),
        ("prefix", lambda f: f.head(2)),
        ("sorted_up", lambda f: f.sort_values("a")),
        ("dropped_null", lambda f: f.dropna()),
        ("times", lambda f: f * 3),
        ("plus", lambda f: f + 7),
        ("max_in", lambda f: f.max().to_frame().T),
        ("running_in", lambda f: f.cumsum().sort_values("a")),
        ("differences_in", lambda f: f.diff().dropna()),
    ],
)
def test_relations_are_seen(name: str, change: object) -> None:
    holes = name in ("filled", "dropped_null")
    frame = pd.DataFrame({"a": [4.0, 9.0, None if holes else 2.0, 7.0]})
    assert _facts(frame, change(frame), "a", name) == 1.0  # type: ignore[operator]


def test_totals_of_groups_are_seen_when_they_are_sorted_and_fewer() -> None:
    frame = pd.DataFrame({"n": [4.0, 9.0, 2.0, 1.0], "k": ["x", "y", "x", "z"]})
    after = frame.groupby("k")[["n"]].sum().sort_values("n", ascending=False).head(2)
    assert _facts(frame, after, "n", "group_sum") == 1.0
    assert _facts(frame, after, "n", "equal") == 0.0


def test_relations_are_not_seen_where_there_are_none() -> None:
    frame = pd.DataFrame({"a": [4.0, 9.0, 2.0, 7.0]})
    for name in ("equal", "cumsum", "shift", "filled", "times", "plus"):
        assert _facts(frame, frame.sort_values("a"), "a", name) == 0.0


@pytest.fixture(scope="module")
def shard() -> train.Shard:
    return train.Shard.of(list(train.samples(5, 24)))


@pytest.fixture(scope="module")
def policy(shard: train.Shard) -> Policy:
    return train.fit(shard, train.FitConfig(steps=60, batch=24))


def test_the_same_seed_trains_the_same_weights(shard: train.Shard) -> None:
    first, second = (train.fit(shard, train.FitConfig(steps=3, batch=8)) for _ in range(2))
    assert all((first.weights[name] == second.weights[name]).all() for name in first.weights)


def test_a_policy_learns_the_few_tasks_it_sees(shard: train.Shard, policy: Policy) -> None:
    untrained = train.fit(shard, train.FitConfig(steps=1, batch=8))
    found, before = train.score(policy, shard), train.score(untrained, shard)
    assert sum(found.top8) > sum(before.top8)


def test_numpy_answers_as_torch_does(shard: train.Shard, policy: Policy) -> None:
    torch = pytest.importorskip("torch")
    from mlsys4sys.autopandas.network import Network

    network = Network(seed=0)
    network.load_state_dict({name: torch.tensor(array) for name, array in policy.weights.items()})
    batch, _ = train._Chunks(shard).batch(np.arange(6))
    calls = torch.from_numpy(shard.calls[:6].astype(np.int64))
    logits, _, following = network(batch, calls)
    expected = torch.nn.functional.logsigmoid(logits).detach().numpy()
    first = torch.log_softmax(following[:, 0], 1).detach().numpy()
    for i, one in enumerate(list(train.samples(5, 24))[:6]):
        made, sequences = policy.read(one.graph, top=200)
        assert np.allclose([made[name] for name in CALLS], expected[i], atol=1e-3)
        best = sequences[0][0]
        if best:
            assert first[i][CALLS.index(best[0])] > -20


def test_a_policy_comes_back_as_it_was_saved(policy: Policy, tmp_path: Path) -> None:
    policy.save(tmp_path / "p.safetensors")
    tables, goal = _tables(_known(3, 1))
    was, now = policy.op_logits(tables, goal), Policy.load(tmp_path / "p.safetensors").op_logits(tables, goal)
    assert set(was) == set(CALLS)
    assert np.allclose(list(was.values()), list(now.values()), atol=0.1)


def test_a_policy_of_other_calls_is_refused(policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy.save(tmp_path / "p.safetensors")
    monkeypatch.setattr("mlsys4sys.autopandas.policy.CALLS", (*CALLS[1:], "other"))
    with pytest.raises(CheckpointError, match="train it again"):
        Policy.load(tmp_path / "p.safetensors")


def test_no_call_is_priced_above_the_floor(policy: Policy) -> None:
    example = _known(4, 2).task.examples[0]
    price = policy.prior(example.inputs, example.output, weight=0.5, floor=4.0)
    assert all(0 <= price(name) <= 2.0 for name in (*CALLS, "no such call"))


def test_columns_get_roles(policy: Policy) -> None:
    known = _known(6, 1)
    tables, goal = _tables(known)
    (roles, *_) = policy.column_roles(tables, goal)
    assert {label for _, label in roles} == set(tables[0].labels)


def test_a_judge_learns_which_feature_tells() -> None:
    rng = np.random.default_rng(0)
    position = meant.NAMES.index("varied")
    data = []
    for _ in range(500):
        rows = rng.normal(size=(6, len(meant.NAMES)))
        data.append(train.Judged(rows, rows[:, position] == rows[:, position].max(), np.arange(6)))
    judge = train.fit_judge(data[:400], train.JudgeConfig(steps=300, keep=0.0, free=meant.NAMES))
    assert train.judge_score(judge, data[400:])["first"] > 0.8
    assert train.judge_score(meant.Judge.by_hand(), data[400:])["first"] < 0.6


def test_programs_that_differ_elsewhere_do_not_agree() -> None:
    known = _known(11, 1)
    inputs = known.task.examples[0].inputs
    assert train.agrees([known.expr, source(0)], known.expr, inputs).tolist() == [True, False]
    space = dict(zip(known.task.names, inputs, strict=True))
    assert evaluate(program(known.expr, known.task.names), space) is not None


def test_a_column_of_one_word_is_a_step_too() -> None:
    tagged = call("{0}.assign(src='new')", source(0), op="assign")
    assert train.steps_of(call("{0}.head(2)", tagged, op="head")) == {("assign", "head")}
