"""A plan as a person reads it: advice, trees, SQL; as text, JSON and one HTML page."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from mlsys4sys import display
from mlsys4sys.joinopt.problem import Mask
from mlsys4sys.joinopt.solution import JoinPlan, JoinTree, RegionPlan, fold

Actual = Mapping[Mask, float]
"""Rows that came out of each join and scan when a plan was run."""


def advice(plan: JoinPlan) -> str:
    """The two lines above everything else: what the plans cost, and which one is preferred and why."""
    if not plan.regions:
        return f"nothing to reorder: {plan.reason}\nDuckDB's plan is kept"
    ours, engine = display.duration(plan.cost), display.duration(plan.engine_cost)
    first = f"predicted: DuckDB's order {engine}, ours {ours}; planned in {display.duration(plan.planning_s)}"
    if plan.engine_s is not None and plan.ours_s is not None:
        first += f"\nmeasured:  DuckDB {display.duration(plan.engine_s)}"
        if plan.changed:
            first += f", ours {display.duration(plan.ours_s)} ({plan.engine_s / plan.ours_s:.2f} times as fast)"
    return f"{first}\n{'ours is preferred' if plan.changed else 'DuckDB keeps its plan'}: {plan.reason}"


def tree_of(region: RegionPlan, tree: JoinTree, actual: Actual | None = None) -> display.Node:
    """One order with estimated rows, and actual rows where they were measured; red where the two part."""
    relations = region.graph.relations
    streamed = {mask for join in tree.joins() if join.probe is not None for mask in join.probe.masks()}

    def figures(mask: Mask) -> tuple[dict[str, str], float]:
        estimated = region.rows.get(mask, math.nan)
        columns = {"estimated": "?" if math.isnan(estimated) else display.quantity(estimated)}
        if actual is None:
            return columns, 0.0
        if mask not in actual:
            return {**columns, "actual": "", "off by": ""}, 0.0
        off = max(estimated, 1.0) / max(actual[mask], 1.0)
        if off > 1 and mask in streamed:  # runtime filters of the joins above may have taken the rest away
            off = 1.0
        text = f"{max(off, 1 / off):.2g}×" if off != 1.0 and not math.isnan(off) else ""
        alarm = min(1.0, abs(math.log10(off)) / 3) if not math.isnan(off) else 0.0
        return {**columns, "actual": display.quantity(actual[mask]), "off by": text}, alarm

    def leaf(i: int) -> display.Node:
        relation = relations[i]
        label = " ".join(relation.sql.split())
        if relation.table is not None:
            name = relation.table.rsplit(".", 1)[-1]
            label = name if name.strip('"') == relation.alias else f"{name} {relation.alias}"
        if relation.filters:
            label += "  [" + " and ".join(" ".join(f.split()) for f in relation.filters) + "]"
        columns, alarm = figures(1 << i)
        return display.Node(label=label, columns=columns, alarm=alarm)

    def join(node: JoinTree, probe: display.Node, build: display.Node) -> display.Node:
        columns, alarm = figures(node.mask)
        return display.Node(
            label=f"⋈ {_condition(region, node)}", columns=columns, children=(probe, build), alarm=alarm
        )

    return fold(tree, leaf, join)


def _condition(region: RegionPlan, node: JoinTree) -> str:
    """``a.x = b.y`` for each key that the two sides of a join share."""
    assert node.probe is not None
    assert node.build is not None
    graph, said = region.graph, []
    for group in graph.classes:
        left = next((c for c in group if node.probe.mask >> c.relation & 1), None)
        right = next((c for c in group if node.build.mask >> c.relation & 1), None)
        if left is not None and right is not None:
            names = [f"{graph.relations[c.relation].alias}.{c.name}" for c in (left, right)]
            said.append(" = ".join(names))
    for other in graph.others:
        inside = other.relations & ~node.mask == 0
        if inside and other.relations & node.probe.mask and other.relations & node.build.mask:
            said.append(other.sql)
    return " and ".join(said) or "every pair"


def text(plan: JoinPlan, actual: Sequence[Actual] = ()) -> str:
    """Advice, the chosen tree of each region with its figures, and the SQL to paste (the original when kept).

    Args:
        plan: To be shown.
        actual: For each region, what came out when the chosen plan was run.
    """
    pieces = [advice(plan)]
    for region, rows in zip_longest(plan.regions, actual):
        chosen = region.tree if plan.changed or region.engine_tree is None else region.engine_tree
        title = f"join order by {region.planner} (left child probes, right child is hashed)"
        if not plan.changed:
            title = "DuckDB's join order"
        pieces.append(f"{title}\n{display.to_text(tree_of(region, chosen, rows))}")
    pieces.append(plan.script)
    return "\n\n".join(pieces)


def as_json(plan: JoinPlan) -> dict[str, Any]:
    """The stable form; docs/joinopt.md documents the keys."""
    return {
        "changed": plan.changed,
        "reason": plan.reason,
        "sql": plan.sql,
        "script": plan.script,
        "order": plan.order,
        "cost_s": plan.cost,
        "engine_cost_s": plan.engine_cost,
        "planning_s": plan.planning_s,
        "engine_s": plan.engine_s,
        "ours_s": plan.ours_s,
        "speedup": plan.speedup,
        "regions": [
            {
                "relations": [relation.alias for relation in region.graph.relations],
                "planner": region.planner,
                "cost_s": region.cost_s,
                "engine_cost_s": region.engine_cost_s,
                "tree": display.to_json(tree_of(region, region.tree)),
                "engine_tree": display.to_json(tree_of(region, region.engine_tree)) if region.engine_tree else None,
            }
            for region in plan.regions
        ],
    }


def page(plan: JoinPlan, *, ours_actual: Sequence[Actual] = (), engine_actual: Sequence[Actual] = ()) -> str:
    """One self-contained page: both trees of each region side by side, estimated against actual rows, then the SQL."""
    body = ["<h1>Join order</h1>", *(f"<p>{html.escape(line)}</p>" for line in advice(plan).splitlines())]
    for region, ours, own in zip_longest(plan.regions, ours_actual, engine_actual):
        sides = [display.panel(f"ours, by {region.planner}", tree_of(region, region.tree, ours))]
        if region.engine_tree is not None:
            sides.insert(0, display.panel("DuckDB's own", tree_of(region, region.engine_tree, own)))
        body.append(f'<div class="side">{"".join(sides)}</div>')
    body.append("<p>The left child of a join streams past the hash table of the right one. ")
    body.append(
        "Red: estimated and actual rows part, full red at a factor of a thousand. Fewer rows than estimated on "
    )
    body.append(
        "a streaming side are no error: DuckDB's runtime filters remove rows that would not join further up.</p>"
    )
    body.append(f"<h2>SQL</h2><pre>{html.escape(plan.script)}</pre>")
    if plan.changed:
        body.append(f"<h2>As it was</h2><pre>{html.escape(plan.original_sql)}</pre>")
    return display.page("join order", "\n".join(body))
