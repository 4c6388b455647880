"""What is handed back: a join tree, and the plan around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from mlsys4sys import display
from mlsys4sys.joinopt.problem import JoinGraph, Mask


@dataclass(frozen=True)
class JoinTree:
    """A binary join tree over the relations of a graph: a leaf, or a probe side and a build side.

    In DuckDB the left child streams (probe) and the right child is hashed (build).
    """

    relation: int = -1
    """The leaf's relation, or -1 for a join."""
    probe: JoinTree | None = None
    build: JoinTree | None = None

    @classmethod
    def leaf(cls, relation: int) -> JoinTree:
        """A single relation."""
        return _leaf(relation)

    @classmethod
    def join(cls, probe: JoinTree, build: JoinTree) -> JoinTree:
        """Two disjoint trees joined."""
        assert not probe.mask & build.mask
        tree = cls(-1, probe, build)
        # Planners make trees by the thousand: spare them the lock of a cached property.
        tree.__dict__["mask"] = probe.mask | build.mask
        return tree

    @property
    def is_leaf(self) -> bool:
        """Whether this is a single relation."""
        return self.probe is None

    @cached_property
    def mask(self) -> Mask:
        """The relations below."""
        if self.probe is None or self.build is None:
            return 1 << self.relation
        return self.probe.mask | self.build.mask

    @cached_property
    def _joins(self) -> tuple[JoinTree, ...]:
        if self.probe is None or self.build is None:
            return ()
        return (*self.probe._joins, *self.build._joins, self)

    def joins(self) -> Iterator[JoinTree]:
        """All joins, children before parents."""
        return iter(self._joins)

    def masks(self) -> Iterator[Mask]:
        """The relations of this tree and of each tree in it, leaves included."""
        yield from (join.mask for join in reversed(self._joins))
        yield from (1 << relation for relation in self.leaves())

    @cached_property
    def _leaves(self) -> tuple[int, ...]:
        if self.probe is None or self.build is None:
            return (self.relation,)
        return (*self.probe._leaves, *self.build._leaves)

    def leaves(self) -> Iterator[int]:
        """Relations from left (probe) to right (build)."""
        return iter(self._leaves)

    def render(self, names: Sequence[str]) -> str:
        """``((a ⋈ b) ⋈ c)`` with the given names; left probes, right builds."""
        if self.probe is None or self.build is None:
            return names[self.relation]
        return f"({self.probe.render(names)} ⋈ {self.build.render(names)})"


@lru_cache(maxsize=64)
def _leaf(relation: int) -> JoinTree:
    """Leaves are all alike: one of each is enough."""
    return JoinTree(relation)


def fold(
    tree: JoinTree,
    leaf: Callable[[int], display.Node],
    join: Callable[[JoinTree, display.Node, display.Node], display.Node],
) -> display.Node:
    """Turn a tree into nodes to draw, bottom up."""
    if tree.probe is None or tree.build is None:
        return leaf(tree.relation)
    return join(tree, fold(tree.probe, leaf, join), fold(tree.build, leaf, join))


@dataclass(frozen=True, kw_only=True)
class RegionPlan:
    """One region of a query, planned."""

    graph: JoinGraph
    tree: JoinTree
    """The order chosen."""
    engine_tree: JoinTree | None
    """DuckDB's own order of the same relations, or what a replica of its estimates says it is."""
    engine_known: bool = False
    """Whether :attr:`engine_tree` was read from DuckDB itself."""
    planner: str
    """Which planner proposed :attr:`tree`: ``dqn``, ``dpccp``, ``goo``, ``left_deep``, ``textual``, ``engine``."""
    rows: dict[Mask, float] = field(default_factory=dict)
    """Estimated rows of the subsets that appear in the two trees."""
    sigma: dict[Mask, float] = field(default_factory=dict)
    """Standard deviation of the natural logarithm of :attr:`rows`."""
    cost_s: float = 0.0
    """Predicted seconds of :attr:`tree`'s operators."""
    engine_cost_s: float = 0.0
    """The same for :attr:`engine_tree`."""
    spread_s: float = 0.0
    """Standard deviation of the difference of the two."""


@dataclass(frozen=True, kw_only=True)
class JoinPlan:
    """A query with its join order chosen: ours, or DuckDB's own with the reason why it was kept."""

    original_sql: str
    sql: str
    """SQL with the chosen order: paste :attr:`script`. The original when kept."""
    changed: bool
    """Whether :attr:`sql` differs from the original; when not, it needs no setting."""
    reason: str
    """One line: why this order, or why DuckDB's was kept."""
    regions: tuple[RegionPlan, ...] = ()
    named: int = 0
    """Tables that the query names, where it was left alone before any region was planned."""
    cost: float = 0.0
    """Predicted seconds of the chosen plan's joins and scans (1 thread)."""
    engine_cost: float = 0.0
    """Predicted seconds of DuckDB's own plan, by the same cost model and the same cardinalities."""
    planning_s: float = 0.0
    """Wall seconds that planning took, cardinalities and all questions to the engine included."""
    engine_s: float | None = None
    """Measured seconds of DuckDB's own plan (median), after ``tune`` or ``--analyze``."""
    ours_s: float | None = None
    """Measured seconds of the chosen plan (median)."""

    setup_sql = "SET disabled_optimizers = 'join_order,build_side_probe_side';"
    teardown_sql = "RESET disabled_optimizers;"

    @property
    def order(self) -> str:
        """The chosen orders, ``((a ⋈ b) ⋈ c)``, one for each region, separated by ``; ``."""
        return "; ".join(region.tree.render([r.alias for r in region.graph.relations]) for region in self.regions)

    @property
    def relations(self) -> int:
        """How many relations its largest region joins; the tables it names where no region was planned."""
        return max((region.graph.size for region in self.regions), default=max(self.named, 1))

    @property
    def tree(self) -> JoinTree | None:
        """The tree of the largest region, or nothing when there is nothing to reorder."""
        return max(self.regions, key=lambda region: region.graph.size).tree if self.regions else None

    @property
    def speedup(self) -> float | None:
        """Measured: DuckDB's seconds over ours; above 1 is faster."""
        return self.engine_s / self.ours_s if self.engine_s and self.ours_s else None

    @property
    def script(self) -> str:
        """What to paste: the SQL with the setting that keeps its order around it."""
        body = self.sql.rstrip().rstrip(";") + ";"
        return f"{self.setup_sql}\n{body}\n{self.teardown_sql}" if self.changed else body
