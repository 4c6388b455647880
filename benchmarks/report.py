"""Tables for the docs from committed results: ``python -m benchmarks.report``."""

from __future__ import annotations

import json
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
LOADS = {"questions": "37 questions", "random": "60 random queries", "job": "113 JOB queries"}


def joinopt() -> str:
    """What docs/joinopt.md shows under Results."""
    found = json.loads((RESULTS / "joinopt.json").read_text(encoding="utf-8"))
    names = ["workload", "contender", "changed", "executed: mean, total", "planned too: mean, total", "best", "slower"]
    lines = ["| " + " | ".join([*names, "planning"]) + " |", "|---" * (len(names) + 1) + "|"]
    for title, contenders in found["summary"].items():
        database, load = title.split(": ")
        for name, row in contenders.items():
            cells = [
                f"{LOADS[load]}, {'control' if database.endswith('-shuffled') else database}",
                name,
                f"{row['changed']} of {row['queries']}",
                f"{row['execution, geometric mean']:.2f}, {row['execution, total']:.2f}",
                f"{row['with planning, geometric mean']:.2f}, {row['with planning, total']:.2f}",
                f"{row['best']:.1f}",
                f"{row['executions slower than 1.2 times']} / {row['with planning slower than 1.2 times']}",
                f"{row['planning, median ms']:.1f}",
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(joinopt())
