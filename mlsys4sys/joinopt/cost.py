"""What a join tree costs: one interface, two models.

:class:`COut` counts intermediate rows; :class:`HashJoinCost` predicts the seconds of DuckDB's operators at one thread.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from mlsys4sys import cache
from mlsys4sys.errors import DataError, InputError
from mlsys4sys.joinopt.cardinality import Cardinalities, Floats
from mlsys4sys.joinopt.problem import JoinGraph, bits
from mlsys4sys.joinopt.solution import JoinTree


class CostModel(Protocol):
    """Seconds (or another unit of cost) of single operators; vectorised, so that planners price batches."""

    @property
    def name(self) -> str:
        """What a table of results calls it."""
        ...

    def join(self, probe_rows: Floats, build_rows: Floats, build_width: Floats, output_rows: Floats) -> Floats:
        """A hash join: ``probe_rows`` stream past a table of ``build_rows`` rows of ``build_width`` bytes."""
        ...

    def scan(self, table_rows: Floats, output_rows: Floats, width: Floats, filters: Floats) -> Floats:
        """A base table of ``table_rows`` read and filtered (``filters``: how many conjuncts) to ``output_rows``."""
        ...


@dataclass(frozen=True, slots=True)
class COut:
    """The sum of all join outputs, in rows.

    Source: Cluet and Moerkotte, On the Complexity of Generating Optimal Left-Deep Processing Trees with Cross
    Products, ICDT 1995. It does not tell a probe from a build side, which matters more in DuckDB than the order.
    """

    name: ClassVar[str] = "c_out"

    def join(self, probe_rows: Floats, build_rows: Floats, build_width: Floats, output_rows: Floats) -> Floats:  # noqa: ARG002 - the interface
        """Rows that come out."""
        return np.asarray(output_rows, dtype=float)

    def scan(self, table_rows: Floats, output_rows: Floats, width: Floats, filters: Floats) -> Floats:  # noqa: ARG002 - the interface
        """Nothing: every order reads the same tables."""
        return np.zeros_like(np.asarray(output_rows, dtype=float))

    @property
    def coefficients(self) -> tuple[float, ...]:
        """The same in the terms of :meth:`HashJoinCost.coefficients`."""
        return (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class HashJoinCost:
    """Seconds of DuckDB's hash joins and scans at one thread.

    A join costs ``probe`` a probe row, ``build + build_byte × width`` a build row and ``output`` a row that comes out.
    Hash tables that outgrow the caches make every access dearer: both sides pay their ``_miss`` rate times
    ``log2(1 + bytes of the hash table / knee_bytes)``. The defaults were fitted by :mod:`mlsys4sys.joinopt.calibrate`.
    """

    name: ClassVar[str] = "hash_join"

    fixed: float = 2e-5
    """Seconds an operator costs without rows."""
    probe: float = 1.2e-9
    probe_miss: float = 0.3e-9
    build: float = 12e-9
    build_byte: float = 0.2e-9
    build_miss: float = 2e-9
    output: float = 4.9e-9
    knee_bytes: float = 1e6
    """Bytes of hash table from which on the caches are felt."""
    scan_row: float = 6e-9
    scan_filter: float = 20e-9
    """A row and filter conjunct."""
    scan_output: float = 1e-9

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (np.isfinite(value) and value >= 0):
                raise InputError(f"cost coefficient {field.name} must be a number of at least 0, not {value}")
        if self.knee_bytes == 0:
            raise InputError("cost coefficient knee_bytes must be above 0")

    @property
    def coefficients(self) -> tuple[float, ...]:
        """Those of a join, in the order of ``JoinCost`` of the native search."""
        rates = (self.fixed, self.probe, self.probe_miss, self.build, self.build_byte, self.build_miss, self.output)
        return (*rates, self.knee_bytes)

    def join(self, probe_rows: Floats, build_rows: Floats, build_width: Floats, output_rows: Floats) -> Floats:
        """Seconds of building, probing and handing on."""
        misses = np.log2(1 + build_rows * build_width / self.knee_bytes)
        probing = probe_rows * (self.probe + misses * self.probe_miss)
        building = build_rows * (self.build + self.build_byte * build_width + misses * self.build_miss)
        return np.asarray(self.fixed + probing + building + output_rows * self.output)

    def seconds(self, probe_rows: float, build_rows: float, build_width: float, output_rows: float) -> float:
        """:meth:`join` of a single join."""
        misses = math.log2(1 + build_rows * build_width / self.knee_bytes)
        probing = probe_rows * (self.probe + misses * self.probe_miss)
        building = build_rows * (self.build + self.build_byte * build_width + misses * self.build_miss)
        return self.fixed + probing + building + output_rows * self.output

    def scan(self, table_rows: Floats, output_rows: Floats, width: Floats, filters: Floats) -> Floats:  # noqa: ARG002 - the interface
        """Seconds of reading, filtering and handing on."""
        return np.asarray(table_rows * (self.scan_row + filters * self.scan_filter) + output_rows * self.scan_output)

    @classmethod
    def load(cls, path: Path | None = None) -> HashJoinCost:
        """The calibration of this machine, or the shipped defaults where none was saved.

        Raises:
            DataError: The file is there but holds something else.
        """
        path = path or calibration_file()
        if not path.exists():
            return cls()
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{field.name: float(found[field.name]) for field in fields(cls)})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: not a calibration of this version ({error}); delete or renew it") from error

    def save(self, path: Path | None = None) -> Path:
        """Write the coefficients as JSON; returns where."""
        path = path or calibration_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        return path


def calibration_file() -> Path:
    """Where this machine's calibration is kept."""
    return cache.folder("joinopt") / "hash_join_cost.json"


def tree_cost(tree: JoinTree, graph: JoinGraph, cards: Cardinalities, cost: CostModel) -> float:
    """The cost of all scans and joins of a tree."""
    scans = scan_costs(graph, cards, cost)
    joins = list(tree.joins())
    total = float(scans[list(tree.leaves())].sum())
    return total + float(join_costs(joins, graph, cards, cost).sum())


def scan_costs(graph: JoinGraph, cards: Cardinalities, cost: CostModel) -> Floats:
    """The cost of reading each relation, shape (graph.size,): the same in every order."""
    width = np.array([relation.width_bytes for relation in graph.relations])
    filters = np.array([float(len(relation.filters)) for relation in graph.relations])
    output = cards.estimate([1 << i for i in range(graph.size)]).rows
    return cost.scan(cards.base_rows, output, width, filters)


def join_costs(joins: list[JoinTree], graph: JoinGraph, cards: Cardinalities, cost: CostModel) -> Floats:
    """The cost of each join by itself, shape (len(joins),)."""
    masks = sorted({mask for join in joins for mask in _sides(join)})
    if not masks:
        return np.zeros(0)
    rows = dict(zip(masks, cards.estimate(masks).rows, strict=True))
    probe, build, output = (np.array([rows[_sides(join)[k]] for join in joins]) for k in range(3))
    width = np.array([subset_width(graph, _sides(join)[1]) for join in joins])
    return cost.join(probe, build, width, output)


def subset_width(graph: JoinGraph, mask: int) -> float:
    """Bytes a row of the joined relations of ``mask`` takes in a hash table."""
    return sum(graph.relations[i].width_bytes for i in bits(mask))


def _sides(join: JoinTree) -> tuple[int, int, int]:
    assert join.probe is not None
    assert join.build is not None
    return join.probe.mask, join.build.mask, join.mask
