"""What a join tree costs: one interface, two models."""

from __future__ import annotations

from typing import Protocol

from mlsys4sys.joinopt.cardinality import Floats


class CostModel(Protocol):
    """Seconds (or another unit of cost) of single operators; vectorised, so that planners price batches."""

    name: str

    def join(self, probe_rows: Floats, build_rows: Floats, build_width: Floats, output_rows: Floats) -> Floats:
        """A hash join: ``probe_rows`` stream past a table of ``build_rows`` rows of ``build_width`` bytes."""
        ...

    def scan(self, table_rows: Floats, output_rows: Floats, width: Floats, filters: Floats) -> Floats:
        """A base table of ``table_rows`` read and filtered (``filters``: how many conjuncts) to ``output_rows``."""
        ...
