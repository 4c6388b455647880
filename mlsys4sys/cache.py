"""Where generated data, samples and calibrations are kept: the user's cache folder."""

from __future__ import annotations

import os
from pathlib import Path


def folder(*parts: str) -> Path:
    """A folder for one purpose; made by whoever writes into it.

    ``MLSYS4SYS_CACHE`` names another place than the platform's (``~/.cache/mlsys4sys`` on Linux).
    """
    chosen = os.environ.get("MLSYS4SYS_CACHE")
    if chosen:
        return Path(chosen).joinpath(*parts)
    from platformdirs import user_cache_path

    return user_cache_path("mlsys4sys").joinpath(*parts)
