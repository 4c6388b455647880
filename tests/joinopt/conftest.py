"""A small IMDb-shaped database, made once for a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlsys4sys.datasets import catalogue


@pytest.fixture(scope="session")
def imdb(_own_cache: None) -> Path:
    return catalogue.open_database("imdb-small")
