"""New columns, conditions and single numbers from a table's columns, all candidates compared over arrays at once."""

from mlsys4sys.autopandas.columns.count import Count
from mlsys4sys.autopandas.columns.filters import masks
from mlsys4sys.autopandas.columns.partly import partly
from mlsys4sys.autopandas.columns.reductions import scalars
from mlsys4sys.autopandas.columns.series import synthesize

__all__ = ["Count", "masks", "partly", "scalars", "synthesize"]
