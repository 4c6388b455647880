"""Tables for the docs from committed results: ``python -m benchmarks.report NAME``.

Names are joinopt, runtime, contract, neurocuts, lookup, lookup-60s, lookup-orders, faults, budgets, peers, autopandas,
measured; ``docs`` writes those that stand between marks in the pages.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
LOADS = {"questions": "37 questions", "random": "random queries", "job": "113 JOB queries"}
PLACES = {"-strong": "strong correlations", "-shuffled": "control", "-demo": "imdb, 2.5 times the rows"}
BENCHMARKS = {"tpch": "TPC-H", "tpcds": "TPC-DS"}


def joinopt() -> str:
    """What docs/joinopt.md shows under Results."""
    found = json.loads((RESULTS / "joinopt.json").read_text(encoding="utf-8"))
    names = ["workload", "contender", "changed / left at once"]
    names += ["executed: mean, total", "planned too: mean, total", "best", "slower", "planning"]
    lines = ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
    for title, contenders in found["summary"].items():
        database, load = title.split(": ")
        benchmark = load.replace("queries", BENCHMARKS.get(database, ""))
        place = PLACES.get(database.removeprefix("imdb"), database)
        for name, row in contenders.items():
            cells = [
                f"{LOADS[load]}, {place}" if load in LOADS else benchmark,
                name,
                f"{row['changed']} / {row.get('left alone at the gate', 0)} of {row['queries']}",
                f"{row['execution, geometric mean']:.2f}, {row['execution, total']:.2f}",
                f"{row['with planning, geometric mean']:.2f}, {row['with planning, total']:.2f}",
                f"{row['best']:.1f}",
                f"{row['executions slower than 1.2 times']} / {row['with planning slower than 1.2 times']}",
                f"{row['planning, median ms']:.1f}, {row.get('planning, mean ms', row['planning, median ms']):.1f}",
            ]
            lines.append("| " + " | ".join(cells) + " |")
    where = found["machine"]
    lines += [
        "",
        f"Taken on {where['cpus']} cores with a load of {where['load']} before, DuckDB {where['duckdb']}.",
    ]
    if not all("left alone at the gate" in row for rows in found["summary"].values() for row in rows.values()):
        lines[-1] += " These figures are older than the gate and the present planner, which takes a third of the time."
    return "\n".join(lines)


SHORT = {
    "mlsys4sys": "**mlsys4sys**",
    "Ray": "Ray",
    "dask.distributed": "Dask",
    "loky": "loky",
    "ProcessPoolExecutor (forkserver)": "ProcessPool",
    "ProcessPoolExecutor (fork)": "same, fork",
    "ThreadPoolExecutor": "threads",
    "multiprocessing.Pool": "mp.Pool",
    "joblib": "joblib",
}


def runtime() -> str:
    """What docs/runtime.md shows of the runtimes: a row for each measure."""
    found = json.loads((RESULTS / "runtime.json").read_text(encoding="utf-8"))
    names = [name for name in SHORT if name in found["medians"]]
    lines = ["| measure | " + " | ".join(SHORT[name] for name in names) + " |", "|---" * (len(names) + 1) + "|"]
    for measure in found["medians"]["mlsys4sys"]:
        cells = [_figure(found["medians"][name].get(measure)) for name in names]
        lines.append(f"| {measure} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def contract() -> str:
    """What docs/runtime.md shows of the requirements: a row for each test that every backend goes through."""
    found: dict[str, dict[str, dict[str, Any]]] = json.loads((RESULTS / "contract.json").read_text(encoding="utf-8"))
    backends = ["local", "serial", "ray"]
    lines = ["| requirement | " + " | ".join(backends) + " |", "|---" * (len(backends) + 1) + "|"]
    for title in sorted(found):
        lines.append(f"| **{title}** |" + " |" * len(backends))
        for test, outcomes in found[title].items():
            cells = [{"passed": "yes", "skipped": "not tried"}.get(o := outcomes.get(b, "–"), o) for b in backends]
            lines.append(f"| {test.replace('_', ' ')} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def neurocuts() -> str:
    """What docs/neurocuts.md shows: a row for each rule set."""
    found = json.loads((RESULTS / "neurocuts.json").read_text(encoding="utf-8"))["sets"]
    names = ["hicuts", "hypercuts", "efficuts", "hypersplit", "cutsplit"]
    heads = [
        "set",
        *names,
        "ours <= 32",
        "<= 100",
        "any",
        "without the network <= 100",
        "the paper's actions <= 100",
    ]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for title, row in found.items():
        ours = row["ours"][0]
        cells = [_tree(row["peers"][name]) for name in names]
        cells += [_tree(ours.get(cap)) for cap in ("32", "100", "any")]
        cells += [_tree(row["without"][0].get("100")) if "without" in row else "–", _tree(row["paper"].get("100"))]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def lookup() -> str:
    """What docs/neurocuts.md shows of lookups: a row for each rule set, then 100,000 rules, then changes."""
    if not (RESULTS / "lookup.json").exists():
        return "(not measured yet)"
    found = json.loads((RESULTS / "lookup.json").read_text(encoding="utf-8"))
    heads = ["set", "Mpps within 500 B/rule", "B/rule", "within 120 B/rule", "B/rule", "DPDK ACL, Mpps", "ours / DPDK"]
    heads += ["2 threads", "one packet, µs"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for title, row in found["sets"].items():
        large, small, peer = row["500"], row["120"], row.get("dpdk_mpps")
        cells = [
            str(large["mpps"]),
            f"{large['bytes_per_rule']:.0f}",
            str(small["mpps"]),
            f"{small['bytes_per_rule']:.0f}",
        ]
        cells += [str(peer or "–"), f"{large['mpps'] / peer:.1f}" if peer else "–"]
        gain = f"{row['threads']['gain']} times"
        if "cpu" in row["threads"]:
            gain += f" (CPU {row['threads']['cpu']:.0%})"
        cells += [gain, str(row["one_us"])]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    lines += ["", "| 100,000 rules | Mpps | B/rule | build, s |", "|---|---|---|---|"]
    for title, row in found["large"].items():
        lines.append(f"| {title} | {row['mpps']} | {row['bytes_per_rule']:.0f} | {row['build_s']} |")
    heads = [
        "changes",
        "a second",
        "a processor second",
        "Mpps at rest",
        "meanwhile",
        "held to a rate of",
        "meanwhile",
        "one insert from Python, µs",
        "one remove, µs",
    ]
    lines += ["", "| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for title, row in found["updates"].items():
        cells = [
            f"{row['changes_a_second']:,}",
            f"{row['changes_a_cpu_second']:,}",
            str(row["mpps_at_rest"]),
            f"{row['mpps_meanwhile']} ({row['kept']:.0%})",
            f"{row['sustained_a_second']:,}" if "sustained_a_second" in row else "–",
            f"{row['kept_sustained']:.0%}" if "kept_sustained" in row else "–",
        ]
        lines.append(f"| {title} | " + " | ".join([*cells, str(row["insert_us"]), str(row["remove_us"])]) + " |")
    if "cold_s" in found:
        lines += ["", f"Import, load with its proof, and a million packets in a fresh process: {found['cold_s']} s."]
    return "\n".join(lines)


def lookup_long() -> str:
    """The same after a minute of build, in short."""
    found = json.loads((RESULTS / "lookup-60s.json").read_text(encoding="utf-8"))
    lines = ["| set | Mpps within 500 B/rule | B/rule | DPDK ACL, Mpps | ours / DPDK |", "|---" * 5 + "|"]
    for title, row in found["sets"].items():
        best, peer = row["500"], row["dpdk_mpps"]
        rate, size = best["mpps"], best["bytes_per_rule"]
        lines.append(f"| {title} | {rate} | {size:.0f} | {peer} | {rate / peer:.2f} |")
    large = [f"{title} {row['mpps']} Mpps in {row['build_s']:.0f} s" for title, row in found["large"].items()]
    return "\n".join([*lines, "", "100,000 rules: " + ", ".join(large) + "."])


def lookup_orders() -> str:
    """What docs/neurocuts.md shows of short builds with and without what was learned."""
    found = json.loads((RESULTS / "lookup-orders.json").read_text(encoding="utf-8"))
    lines = [
        "| set | in the network's order, Mpps | in the fixed order | without the portfolio |",
        "|---|---|---|---|",
    ]
    for title, rows in found["orders"].items():
        means = [statistics.fmean(row[arm] for row in rows) for arm in ("network", "fixed", "random")]
        lines.append(f"| {title} | " + " | ".join(f"{mean:.1f}" for mean in means) + " |")
    lines.append("")
    for other, words in (("fixed", "the fixed order"), ("random", "builds without the portfolio")):
        share = found["shares"]["all"][f"against {other}"]
        lines.append(
            f"The network's order against {words}: better on {share['better']:.0%} of the sets, {share['median']:+.1%} "
            f"at the median, {share['median, 10k']:+.1%} at that of the 10k sets, {share['worst']:+.1%} at worst."
        )
    return "\n".join(lines)


def faults() -> str:
    """What docs/neurocuts.md shows of faults: a row for each kind."""
    found = json.loads((RESULTS / "neurocuts-faults.json").read_text(encoding="utf-8"))["faults"]
    lines = [
        "| fault | caught, with a packet | refused as malformed | changes no answer | escaped |",
        "|---|---|---|---|---|",
    ]
    for title, row in found.items():
        lines.append(f"| {title} | {row['caught']} | {row['named']} | {row['harmless']} | {row['escaped']} |")
    return "\n".join(lines)


def budgets() -> str:
    """What docs/neurocuts.md shows of searches as they go on: a row for each bound on bytes."""
    found = json.loads((RESULTS / "neurocuts-budgets.json").read_text(encoding="utf-8"))
    first, last = (f"{budget:g}" for budget in (min(found["budgets"]), max(found["budgets"])))
    heads = ["bound", f"less time than the best baseline after {first} s", f"after {last} s"]
    heads += [f"share of that gain by {first} s", "of 1k sets", "sets"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for title, row in found["summary"].items():
        early = row[f"{first} s of {last} s"]
        cells = [row["less time"][first], row["less time"][last], early.get("all"), early.get("1k")]
        shown = [f"{cell:.0%}" if cell is not None else "–" for cell in cells]
        lines.append(f"| {title} | " + " | ".join([*shown, str(row["sets"])]) + " |")
    searches = sum(len(row["seeds"]) for row in found["sets"].values())
    lines += ["", f"{searches} searches on {len(found['sets'])} sets: {', '.join(found['sets'])}."]
    return "\n".join(lines)


def peers() -> str:
    """What docs/neurocuts.md shows of other schools' lookups: a row for each rule set."""
    found = json.loads((RESULTS / "peers.json").read_text(encoding="utf-8"))["sets"]
    names = list(next(iter(found.values()))["lookups"])
    lines = ["| Mpps | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for title, row in found.items():
        rates = [(row["lookups"].get(name) or {}).get("mpps") for name in names]
        lines.append(f"| {title} | " + " | ".join("–" if rate is None else str(rate) for rate in rates) + " |")
    compared, wrong = (sum(row[key] for row in found.values()) for key in ("packets_compared", "differences"))
    lines += ["", f"{compared / 1e6:.1f} million packets were compared with the linear scan; {wrong} answers differed."]
    return "\n".join(lines)


def _tree(row: dict[str, Any] | None) -> str:
    return f"{row['time']} / {row['bytes_per_rule']:.0f}" if row and "time" in row else "–"


def autopandas() -> str:
    """What docs/autopandas.md shows of learning: a row for each group of tasks and way of ranking."""
    found = json.loads((RESULTS / "autopandas.json").read_text(encoding="utf-8"))
    heads = ["tasks", "way", "n", "solved", "intended@1", "@3", "@5", "among all", "run until", "first, s", "all, s"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    keys = ("group", "way", "tasks", "solved", "int1", "int3", "int5", "any", "until", "first_s", "seconds")
    lines += [
        "| " + " | ".join("–" if row.get(key) is None else str(row[key]) for key in keys) + " |"
        for row in found["rows"]
    ]
    return "\n".join(lines)


def autopandas_large() -> str:
    """What docs/autopandas.md shows of large tables, the cold command and the sandbox."""
    found = json.loads((RESULTS / "autopandas-large.json").read_text(encoding="utf-8"))
    lines = [f"| output of ({found['rows']:,} rows) | answer | seconds |", "|---|---|---|"]
    for row in found["large"]:
        answer = "the same" if row["answer"] == row["question"] else f"`{row['answer']}`" if row["answer"] else "none"
        lines.append(f"| `{row['question']}` | {answer} | {row['seconds']} |")
    cold, times = sorted(found["cold_s"]), found["check_ms"]
    cold_s = f"Cold command, 20-row CSV, one call: {cold[len(cold) // 2]:.2f} s (median of {len(cold)})."
    here = f"Checking one program: {times['here']:.1f} ms here, {times['sandbox']:.0f} ms in the sandbox"
    lines += ["", f"{cold_s} {here}", f"({times['sandbox, first run']:.0f} ms the first)."]
    return "\n".join(lines)


def measured() -> str:
    """What the README shows of each part: wins and losses, a line each."""
    joins, trees, lookups, programs, tasks = (
        json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("joinopt", "neurocuts", "lookup", "autopandas", "runtime")
    )
    lines = ["| part | measured | figures |", "|---|---|---|"]
    for title, load in (
        ("imdb: questions", "37 questions, skewed data"),
        ("imdb: job", "Join Order Benchmark, skewed data"),
        ("imdb-strong: job", "the same, stronger correlations"),
        ("imdb-demo: job", "the same, 2.5 times the rows"),
        ("imdb-shuffled: job", "the same, nothing correlated"),
        ("imdb: random", "60 random queries of a few ms"),
        ("tpcds: queries", "TPC-DS, uniform data"),
    ):
        if title in joins["summary"]:
            row = joins["summary"][title]["ours"]
            slower = row["with planning slower than 1.2 times"]
            lines.append(
                f"| joins | {load}: DuckDB's time over ours, planning counted |"
                f" {row['with planning, geometric mean']:.2f} mean, {row['with planning, total']:.2f} in total,"
                f" best {row['best']:.1f}; {slower} of {row['queries']} slower than 1.2 times |"
            )
    less = trees["summary"]["<= 100 B/rule"]
    lines.append(
        "| classifiers | accesses of the worst packet against the best of five heuristics, within 100 B a rule |"
        f" {less['median']:.0%} fewer at the median of {less['sets']} sets, {less['worst']:.0%} at the worst |"
    )
    sets = [row for row in lookups["sets"].values() if row.get("dpdk_mpps")]
    rates = [row["500"]["mpps"] for row in sets]
    ratios = [row["500"]["mpps"] / row["dpdk_mpps"] for row in sets]
    large = [row["mpps"] for row in lookups["large"].values()]
    changes = [row["changes_a_second"] / 1e6 for row in lookups["updates"].values()]
    against = (
        f"{min(rates):.0f} to {max(rates):.0f} million a second, {min(ratios):.1f} to {max(ratios):.1f} times as many"
    )
    lines.append(f"| classifiers | lookups on one core, {len(sets)} sets, against DPDK's ACL library | {against} |")
    many = f"{min(large):.0f} to {max(large):.0f} million lookups a second"
    many += f"; {min(changes):.1f} to {max(changes):.1f} million changes a second"
    lines.append(f"| classifiers | 100,000 rules; changes while lookups go on, 10,000 rules | {many} |")
    groups = {"asked, held out": "everyday questions", "hard, held out": "hard questions"}
    groups["jigsaw1"] = "the public suite jigsaw1"
    for group, name in groups.items():
        ways = {row["way"]: row for row in programs["rows"] if row["group"] == group}
        if ways:
            best, plain = ways["+ judge"], ways["hand weights"]
            lines.append(
                f"| programs | {name}{', held out' if 'held' in group else ''}, two seconds: a program fits;"
                " the first shown is the one meant |"
                f" {best['solved']} of {best['tasks']}; {best['int1']} ({plain['int1']} without learning) |"
            )
    ours, ray = tasks["medians"]["mlsys4sys"], tasks["medians"]["Ray"]
    for key, name, scale, unit in (
        ("empty task, end to end, p50 us", "an empty task, end to end", 1.0, "µs"),
        ("SIGKILL of a worker to the retried result, ms", "a killed worker's task, run again", 1.0, "ms"),
    ):
        lines.append(f"| tasks | {name} | {ours[key] * scale:.0f} {unit}, Ray {ray[key] * scale:,.0f} {unit} |")
    return "\n".join(lines)


def put_into_docs() -> None:
    """Write the tables between their marks in the pages that show them."""
    docs = Path(__file__).parents[1] / "docs"
    for page, name, made in (
        ("../README.md", "measured", measured),
        ("runtime.md", "contract", contract),
        ("runtime.md", "runtime", runtime),
        ("neurocuts.md", "neurocuts", neurocuts),
        ("neurocuts.md", "lookup", lookup),
        ("neurocuts.md", "lookup-60s", lookup_long),
        ("neurocuts.md", "lookup-orders", lookup_orders),
        ("neurocuts.md", "faults", faults),
        ("neurocuts.md", "budgets", budgets),
        ("neurocuts.md", "peers", peers),
        ("joinopt.md", "joinopt", joinopt),
        ("autopandas.md", "autopandas", autopandas),
        ("autopandas.md", "autopandas-large", autopandas_large),
    ):
        try:
            table = made()
        except FileNotFoundError:  # not measured yet: the page says so
            continue
        text = (docs / page).read_text(encoding="utf-8")
        head, rest = text.split(f"<!-- {name} -->")
        _, tail = rest.split(f"<!-- /{name} -->")
        (docs / page).write_text(f"{head}<!-- {name} -->\n{table}\n<!-- /{name} -->{tail}", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1] == "docs":
        put_into_docs()
    else:
        print(
            {
                "joinopt": joinopt,
                "runtime": runtime,
                "contract": contract,
                "neurocuts": neurocuts,
                "lookup": lookup,
                "lookup-60s": lookup_long,
                "lookup-orders": lookup_orders,
                "faults": faults,
                "budgets": budgets,
                "peers": peers,
                "autopandas": autopandas,
                "measured": measured,
            }[sys.argv[1]]()
        )
