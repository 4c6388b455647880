"""The README's table, made of committed results: ``python -m benchmarks.summary``."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
README = HERE.parent / "README.md"

Row = tuple[str, str, str]
"""What is measured, ours, and what is otherwise picked."""


def _load(name: str) -> Any:
    return json.loads((HERE / "results" / f"{name}.json").read_text(encoding="utf-8"))


def joinopt() -> list[Row]:
    """Times as fast as DuckDB's own orders."""
    made = []
    for title, name in (
        ("imdb: job", "113 queries of the Join Order Benchmark"),
        ("imdb: questions", "37 analysts' questions"),
    ):
        row = _load("joinopt")["summary"][title]["ours"]
        ours = f"{row['with planning, total']:.2f} times as fast in total, {row['best']:.1f} at best"
        slower = f"1; {row['with planning slower than 1.2 times']} slower than 1.2 times"
        made.append((f"{name}, our planning counted", ours, f"DuckDB's own orders: {slower}"))
    return made


def neurocuts() -> list[Row]:
    """Accesses, lookups and changes of classifiers."""
    depth = _load("neurocuts")["summary"]["<= 32 B/rule"]
    found = _load("lookup")
    ratios = [row["500"]["mpps"] / row["dpdk_mpps"] for row in found["sets"].values() if row.get("dpdk_mpps")]
    speeds = [row["500"]["mpps"] for row in found["sets"].values()]
    large = found["large"].values()
    build, bytes_ = (max(row[key] for row in large) for key in ("build_s", "bytes_per_rule"))
    slowest = min(row["mpps"] for row in large)
    changes = [row["changes_a_second"] for row in found["updates"].values()]
    share = f"{statistics.median(ratios):.1f} times as fast (median; {min(ratios):.2f} to {max(ratios):.0f})"
    peers = "the best of HiCuts, HyperCuts, EffiCuts, HyperSplit, CutSplit"
    many = f"built in {build:.0f} s, {slowest:.0f} million packets a second, {bytes_:.0f} bytes a rule"
    return [
        ("accesses for the worst packet, 32 bytes a rule", f"{depth['median']:.0%} fewer (median)", peers),
        (
            f"packets a second, one core, {len(speeds)} rule sets",
            f"{min(speeds):.0f} to {max(speeds):.0f} million",
            f"DPDK's ACL library: ours is {share}",
        ),
        ("100,000 rules, the slowest of three sets", many, ""),
        ("rules changed a second while lookups go on", f"{min(changes):,} to {max(changes):,}", ""),
    ]


def autopandas() -> list[Row]:
    """Questions answered as meant."""
    rows = {(row["group"], row["way"]): row for row in _load("autopandas")["rows"]}
    ours, hand = (rows["asked, held out", way] for way in ("+ value in the search", "hand weights"))
    return [
        (
            f"{ours['tasks']} questions never looked at while building",
            f"{ours['solved']} solved, {ours['int1']} as meant by the first program, {ours['int3']} by one of three",
            f"without learning: {hand['int1']} and {hand['int3']}",
        )
    ]


def runtime() -> list[Row]:
    """Tasks on one machine."""
    medians = _load("runtime")["medians"]
    made = []
    for measure, unit, title in (
        ("empty task, end to end, p50 us", "µs", "an empty task, end to end"),
        ("SIGKILL of a worker to the retried result, ms", "ms", "from a killed worker to the retried result"),
    ):
        ours, ray = (medians[name][measure] for name in ("mlsys4sys", "Ray"))
        made.append((title, f"{ours:.0f} {unit}", f"Ray: {ray:,.0f} {unit}"))
    return made


def table() -> str:
    """All rows, part by part."""
    lines = ["| measured | mlsys4sys | otherwise |", "|---|---|---|"]
    for part in (joinopt, neurocuts, autopandas, runtime):
        lines += ["| " + " | ".join(row) + " |" for row in part()]
    return "\n".join(lines)


def main() -> None:
    """Write it between the README's marks."""
    text = README.read_text(encoding="utf-8")
    head, rest = text.split("<!-- summary -->")
    _, tail = rest.split("<!-- /summary -->")
    README.write_text(f"{head}<!-- summary -->\n{table()}\n<!-- /summary -->{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
