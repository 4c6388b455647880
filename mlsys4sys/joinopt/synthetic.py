"""Random join graphs with cardinalities in closed form: what the policy is trained on.

Rows are joined through keys. Each key value ``v`` has a popularity ``z_v``, standard normal; relation ``r`` has a
number of rows for it proportional to ``exp(a_r σ z_v)``, and a filter keeps a share proportional to ``exp(b_r σ z_v)``.
The expected size of a join of several relations over one key is then the product of their sizes over the powers of the
number of keys, times ``exp(σ²/2 ((Σa)² - Σa²))``: the correlation that estimates under independence miss, and the
reason why good orders on such data differ from the ones they give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlsys4sys.joinopt.cardinality import Estimates, Floats, Masks
from mlsys4sys.joinopt.problem import Column, JoinGraph, Mask, Predicate, Relation

SHAPES = ("star", "chain", "snowflake", "cycle", "many_to_many")


@dataclass(frozen=True)
class Popular:
    """Cardinalities in closed form; implements the protocol ``Cardinalities`` with certainty."""

    graph: JoinGraph
    log_rows: Floats
    """ln of filtered rows, shape (n,)."""
    log_keys: Floats
    """ln of the number of values of each key, shape (classes,)."""
    exponents: Floats
    """``a σ`` of each relation for each key, zero where it has no such column, shape (n, classes)."""
    member: NDArray[np.bool_]
    """Whether a relation has a column of that key, shape (n, classes)."""
    base_rows: Floats
    """Rows before filters, shape (n,)."""

    def estimate(self, subsets: Sequence[Mask] | Masks) -> Estimates:
        """Expected rows of each subset, at least a thousandth of a row."""
        inside = (np.array(subsets, dtype=np.uint64)[:, None] >> np.arange(self.graph.size, dtype=np.uint64)) & 1
        chosen = inside.astype(np.float64)
        joined = np.maximum(chosen @ self.member - 1.0, 0.0)
        total, squares = chosen @ self.exponents, chosen @ self.exponents**2
        logs = chosen @ self.log_rows - joined @ self.log_keys + ((total**2 - squares) / 2).sum(1)
        return Estimates(np.exp(np.clip(logs, np.log(1e-3), 40.0)), np.zeros(len(subsets)))


def draw(rng: np.random.Generator, *, relations: tuple[int, int] = (4, 17)) -> Popular:
    """A random graph of one of :data:`SHAPES`, fact and dimension sizes log-uniform, filters on half of the relations.

    Args:
        rng: All chance.
        relations: Fewest and most, inclusive.
    """
    count = int(rng.integers(relations[0], relations[1] + 1))
    shape = SHAPES[rng.integers(len(SHAPES))]
    keys = _keys(shape, count, rng)
    graph = _graph(keys, rng)
    log_keys = rng.uniform(2.3, 13.8, len(keys))  # 10 … 1e6 values
    member = np.zeros((count, len(keys)), bool)
    for k, group in enumerate(keys):
        member[group, k] = True
    base_rows, log_rows, exponents = _sizes(keys, log_keys, member, rng)
    return Popular(graph, log_rows, log_keys, exponents, member, base_rows)


def _keys(shape: str, count: int, rng: np.random.Generator) -> list[list[int]]:
    """Which relations share each key; the first of a group owns it (has each value once)."""
    match shape:
        case "star":  # a fact table in the middle refers to dimensions
            return [[i, 0] for i in range(1, count)]
        case "chain":
            return [[i + 1, i] for i in range(count - 1)]
        case "cycle":
            return [[i + 1, i] for i in range(count - 1)] + ([[count - 1, 0]] if count > 2 else [])
        case "snowflake":
            return [[i, int(rng.integers(max(0, i - 4), i))] for i in range(1, count)]
        case _:  # one or two hubs whose key many tables repeat, each with dimensions of its own
            hubs = 1 if count < 8 else int(rng.integers(1, 3))
            spokes = [int(x) for x in rng.permutation(np.arange(hubs, count))]
            around = max(hubs, round(len(spokes) * rng.uniform(0.4, 0.9)))
            groups = [[hub, *spokes[:around][hub::hubs]] for hub in range(hubs)]
            if hubs == 2:  # a table that belongs to both hubs ties them together
                groups[1].append(groups[0][-1])
            return groups + [[leaf, int(rng.choice(spokes[:around]))] for leaf in spokes[around:]]


def _graph(keys: list[list[int]], rng: np.random.Generator) -> JoinGraph:
    count = 1 + max(max(group) for group in keys)
    widths = 8 * rng.integers(1, 8, count)
    relations = [
        Relation(alias=f"r{i}", sql=f"r{i}", table=f"r{i}", width_bytes=float(width)) for i, width in enumerate(widths)
    ]
    predicates = []
    for k, (owner, *others) in enumerate(keys):
        for other in others:
            sides = (Column(owner, f"k{k}"), Column(other, f"k{k}"))
            text = f"r{owner}.k{k} = r{other}.k{k}"
            predicates.append(Predicate(sql=text, relations=1 << owner | 1 << other, equality=sides))
    return JoinGraph(relations=tuple(relations), predicates=tuple(predicates))


def _sizes(
    keys: list[list[int]], log_keys: Floats, member: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Rows before filters, ln of rows after them, exponents times sigma."""
    count = len(member)
    log_rows: Floats = rng.uniform(7.0, 16.0, count)  # 1e3 … 1e7 rows
    sigma = rng.uniform(0.0, 1.2, len(keys)) * (rng.random(len(keys)) < 0.8)
    exponents = member * rng.uniform(0.3, 0.9, (count, len(keys))) * sigma
    for k, (owner, *_) in enumerate(keys):
        log_rows[owner] = log_keys[k]
        exponents[owner, k] = 0.0
    base_rows = np.exp(log_rows)
    filtered = rng.random(count) < 0.5
    log_rows -= np.where(filtered, rng.exponential(2.5, count), 0.0)
    # Filters like popular values (and now and then dislike them).
    exponents += member * np.where(filtered, rng.normal(0.2, 0.4, count), 0.0)[:, None] * sigma
    return base_rows, np.maximum(log_rows, 0.0), exponents
