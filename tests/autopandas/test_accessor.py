"""The accessor is there on explicit import, and only then."""

import subprocess
import sys

import pandas as pd


def test_it_is_there_on_explicit_import_only():
    code = (
        "import pandas as pd, mlsys4sys.autopandas\n"
        "from mlsys4sys.autopandas import synthesize\n"
        "assert not hasattr(pd.DataFrame, 'synth')\n"
        "import mlsys4sys.autopandas.accessor\n"
        "assert hasattr(pd.DataFrame, 'synth') and hasattr(pd.Series, 'synth')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_it_finds_what_synthesize_finds():
    import mlsys4sys.autopandas.accessor  # noqa: F401

    left = pd.DataFrame({"id": [1, 2, 3], "v": [5, 6, 7]})
    right = pd.DataFrame({"id": [3, 1], "w": ["x", "y"]})
    result = left.synth.to(left.merge(right, on="id"), right, names=["left", "right"], budget_s=5)
    assert result.code == "left.merge(right, on='id')"
