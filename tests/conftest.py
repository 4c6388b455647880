"""Shared by all tests."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests never read or write the user's cache; workers of one run share theirs."""
    shared = tmp_path_factory.getbasetemp()
    root = shared.parent if os.environ.get("PYTEST_XDIST_WORKER") else shared
    os.environ.setdefault("MLSYS4SYS_CACHE", str(root / "mlsys4sys-cache"))


def real_data(name: str) -> Path:
    """A folder of real inputs beside the checkout, or a skipped test where it is absent."""
    root = Path(os.environ.get("MLSYS4SYS_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (root / name).exists():
        pytest.skip(f"real inputs are absent: no {name} under {root}")
    return root / name


def job_queries() -> dict[str, str]:
    """The Join Order Benchmark, or a skipped test; the alias ``at``, reserved in DuckDB 2.0, is quoted."""
    found = {}
    for path in sorted(real_data("job").glob("[0-9]*.sql")):
        text = path.read_text(encoding="utf-8").strip().rstrip(";")
        found[path.stem] = re.sub(r"(?<=[\s(=])at(?=\.)", '"at"', re.sub(r"\bAS at\b", 'AS "at"', text))
    return found
