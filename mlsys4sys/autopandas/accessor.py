"""``df.synth.to(wanted)``, where this module is imported: ``import mlsys4sys.autopandas.accessor``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from mlsys4sys.autopandas.solution import Result
from mlsys4sys.autopandas.solver import synthesize


class Synth:
    """Programs that start from this frame or series.

    >>> import pandas as pd
    >>> df = pd.DataFrame({"kind": ["a", "b", "a"], "n": [1, 2, 3]})
    >>> wanted = pd.DataFrame({"kind": ["a", "b"], "n": [4, 2]})
    >>> df.synth.to(wanted).code
    "df.groupby('kind', as_index=False)['n'].sum()"
    """

    def __init__(self, frame: pd.DataFrame | pd.Series) -> None:
        self._frame = frame

    def to(self, output: Any, *others: Any, **options: Any) -> Result:
        """Programs that make ``output`` of this table, and of further ones.

        Args:
            output: What is wanted.
            others: Further inputs.
            options: Those of :func:`~mlsys4sys.autopandas.solver.synthesize`.
        """
        inputs: Sequence[Any] = [self._frame, *others]
        return synthesize(list(inputs), output, **options)


for register in (pd.api.extensions.register_dataframe_accessor, pd.api.extensions.register_series_accessor):
    register("synth")(Synth)
