"""How far a partial result is from the output: learned from tables that lie on a known program's way, and others.

A table on the way shares cells, labels, rows or shape with the output in ways that one share of words does not tell.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlsys4sys import checkpoint
from mlsys4sys.autopandas.features import table_relation
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.table import Table
from mlsys4sys.learn.nets import Perceptron

Floats = NDArray[np.float64]

KIND, VERSION = "autopandas.value", 1
SHIPPED = Path(__file__).parent / "weights" / "value.safetensors"

RELATIONS = (
    "rows_equal", "rows_less", "rows_more", "rows_twice", "width_equal", "width_less", "width_more", "cells_in",
    "cells_out", "transposed", "melted", "cells_bag", "labels_equal", "index_equal", "rows_in", "index_from_cells",
)  # fmt: skip
NAMES = (
    *RELATIONS, "calls", "words_shown", "labels_shown", "index_shown", "columns_equal", "columns_bag", "kind_equal",
    "goal_frame", "goal_series", "goal_other", "plain", "goal_plain", "levels_equal", "rows_log", "goal_rows_log",
    "rows_gap", "null_share", "goal_null_share",
)  # fmt: skip


def facts(table: Table, goal: Goal) -> Floats:
    """Shape (len(NAMES),)."""
    found: dict[str, float] = dict(table_relation(table, goal))
    keys = {column.key for column in table.columns}
    bags = {_bag(column.codes) for column in table.columns}
    levels = frozenset[int]().union(*(level.distinct for level in table.index))
    labels = frozenset(table.label_codes)
    words = goal.words
    wanted = max(1, len(goal.columns))
    found |= {
        "calls": float(len(table.expr.ops)),
        "words_shown": len(words & (table.cells | levels | labels)) / max(1, len(words)),
        "labels_shown": len(goal.column_label_parts & (labels | table.cells)) / max(1, len(goal.column_label_parts)),
        "index_shown": len(goal.index_cells & (levels | table.cells)) / max(1, len(goal.index_cells)),
        "columns_equal": sum(column.key in keys for column in goal.columns) / wanted,
        "columns_bag": sum(_bag(column.codes) in bags for column in goal.columns) / wanted,
        "kind_equal": float(table.shape_kind == goal.shape_kind),
        "goal_frame": float(goal.shape_kind == "frame"),
        "goal_series": float(goal.shape_kind == "series"),
        "goal_other": float(goal.shape_kind not in ("frame", "series")),
        "plain": float(table.plain_index),
        "goal_plain": float(goal.plain_index),
        "levels_equal": float(len(table.index) == len(goal.index) and table.levels == goal.levels),
        "rows_log": float(np.log1p(table.rows)),
        "goal_rows_log": float(np.log1p(goal.rows)),
        "rows_gap": abs(float(np.log1p(table.rows) - np.log1p(goal.rows))),
        "null_share": _missing(table),
        "goal_null_share": _missing(goal),
    }
    return np.array([found.get(name, 0.0) for name in NAMES])


def _bag(codes: NDArray[np.int64]) -> bytes:
    return np.sort(codes).tobytes()


def _missing(table: Table) -> float:
    return float(np.mean([column.null.mean() for column in table.columns if len(column.codes)] or [0.0]))


@dataclass(frozen=True)
class Value:
    """Nats that a table costs for not being on the way to the goal."""

    network: Perceptron
    """Shape (tables, len(NAMES)) → (tables, 1): log-odds that a table is on the way."""
    weight: float = 1.0
    config: dict[str, Any] = field(default_factory=dict)

    def __call__(self, table: Table, goal: Goal) -> float:
        """Between 0 and 6 times :attr:`weight`."""
        odds = float(self.network(facts(table, goal)[None])[0, 0])
        return self.weight * min(6.0, float(np.logaddexp(0.0, -odds)))

    def save(self, path: str | Path) -> None:
        """Write the weights and how they were made."""
        config = {**self.config, "weight": self.weight, "features": list(NAMES)}
        checkpoint.save(path, self.network.arrays("net."), kind=KIND, version=VERSION, config=config)

    @classmethod
    def load(cls, path: str | Path) -> Value:
        """Read weights.

        Raises:
            CheckpointError: they were trained on other features.
        """
        arrays, config = checkpoint.load(path, kind=KIND, version=VERSION)
        checkpoint.check_features(config, NAMES, path, train="autopandas")
        return cls(Perceptron.of(arrays, "net."), float(config.pop("weight")), config)

    @classmethod
    def load_shipped(cls) -> Value | None:
        """The one that comes with the package; None where there is none."""
        return _shipped()


@cache
def _shipped() -> Value | None:
    return Value.load(SHIPPED) if SHIPPED.is_file() else None
