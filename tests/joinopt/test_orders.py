"""Whatever the order: the same rows, and the plan that was asked for."""

from __future__ import annotations

import os
from functools import cache

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from mlsys4sys.joinopt.engine import Engine
from mlsys4sys.joinopt.frontend import read
from mlsys4sys.joinopt.verify import NOT_COMPARABLE, check_rows, check_tree
from tests.joinopt.queries import DATABASES, database, flat_queries, rich_queries, trees

# Fixed examples in CI; MLSYS4SYS_EXPLORE=20 tries twenty times as many new ones.
EXPLORE = int(os.environ.get("MLSYS4SYS_EXPLORE", "0"))
EXAMPLES = 110


def many(test):
    return settings(
        max_examples=EXAMPLES * max(1, EXPLORE),
        derandomize=not EXPLORE,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )(test)


@cache
def engine(seed: int) -> Engine:
    return Engine(database(seed))


def assert_any_order_is_the_same(query: str, seed: int, data: st.DataObject, *, flat: bool, crossed: bool) -> None:
    note(query)
    here = engine(seed)
    expected = here.run(query)
    skeleton = read(here, query, flat=flat)
    if flat:
        assert skeleton.kind == "flat"
    if not skeleton.regions:
        assert skeleton.why
        return
    for _ in range(2):
        chosen = [data.draw(trees(region.graph, crossed=crossed)) for region in skeleton.regions]
        sql = skeleton.render(chosen)
        note(sql)
        verdict = check_tree(here, sql, skeleton, chosen)
        assert verdict, verdict.counterexample
        assert here.describe(sql) == here.describe(query)
        verdict = check_rows(query, expected, here.run(sql, forced=True))
        assert verdict or verdict.counterexample.startswith(NOT_COMPARABLE), verdict.counterexample


seeds = st.integers(0, DATABASES - 1)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(2))
@many
@given(flat_queries(), seeds, st.data())
def test_a_flat_query_gives_the_same_rows_in_any_order(part, query, seed, data):
    assert_any_order_is_the_same(query, seed, data, flat=True, crossed=bool(part))


@pytest.mark.slow
@many
@given(flat_queries(), seeds, st.data())
def test_a_flat_query_read_through_the_engines_plan_gives_the_same_rows_in_any_order(query, seed, data):
    assert_any_order_is_the_same(query, seed, data, flat=False, crossed=False)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(2))
@many
@given(rich_queries(), seeds, st.data())
def test_any_query_gives_the_same_rows_in_any_order(part, query, seed, data):
    here = engine(seed)
    kind = read(here, query).kind
    assert_any_order_is_the_same(query, seed, data, flat=kind == "flat", crossed=bool(part))


@pytest.mark.slow
@many
@given(flat_queries(most=10), seeds, st.data())
def test_many_relations_give_the_same_rows_in_any_order(query, seed, data):
    counted = f"SELECT count(*) AS n FROM ({query.split(';')[0].split('--')[0]}) AS q"
    if engine(seed).run(counted)[0][0] < 5000:
        assert_any_order_is_the_same(query, seed, data, flat=True, crossed=False)
