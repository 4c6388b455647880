"""A classifier for people: why a packet gets its answer, and its tree as text, DOT or a page."""

from __future__ import annotations

import html
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlsys4sys import display
from mlsys4sys.neurocuts.problem import RuleSet
from mlsys4sys.neurocuts.tree import Kind, Tree, measure, pext

SHOWN = 8
"""Children of a node that a drawing shows."""
MOST_DRAWN = 3000
LISTED = 500
"""Rules that a page lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a packet gets its answer.

    Attributes:
        rule: First matching rule, -1 for none.
        source: Where that rule comes from, if known.
        path: What the tree asks on the way, one line a node.
        action: What the rule does, if known.
        packet: The packet in words.
        also: Rules of lower priority that hold the packet too.
    """

    rule: int
    source: str
    path: tuple[str, ...]
    action: str = ""
    packet: str = ""
    also: tuple[int, ...] = ()

    def __str__(self) -> str:
        answer = f"rule {self.rule}" if self.rule >= 0 else "no rule"
        answer += f": {self.action}" if self.action else ""
        answer += f"  ({self.source})" if self.source else ""
        lines = [*([self.packet] if self.packet else ()), *self.path, answer]
        if self.also:
            shown = ", ".join(map(str, self.also[:10])) + (" …" if len(self.also) > 10 else "")
            lines.append(f"it hides {len(self.also)} later rules that hold the packet too: {shown}")
        return "\n".join(lines)


def explain(rules: RuleSet, tree: Tree, words: Sequence[int]) -> Explanation:
    """The path of one packet, given by columns, through a tree."""
    path: list[str] = []
    rule = _follow(rules, tree, 0, words, path, 0)
    found = rule if rule < len(rules) else -1
    packet = np.array(words, np.uint32)
    holds = np.flatnonzero(((rules.low <= packet) & (rules.high >= packet)).all(axis=1))
    return Explanation(
        rule=found,
        source=rules.sources[found] if found >= 0 and rules.sources else "",
        path=tuple(path),
        action=rules.actions[found] if found >= 0 and rules.actions else "",
        packet=rules.show(words),
        also=tuple(holds[holds != found].tolist()),
    )


def _follow(rules: RuleSet, tree: Tree, node: int, words: Sequence[int], path: list[str], depth: int) -> int:
    none, indent = len(rules), "  " * depth
    if node < 0:
        path.append(f"{indent}no rule here")
        return none
    kind, name = Kind(tree.kind[node]), rules.column_names[tree.dim[node]]
    if kind == Kind.LEAF:
        hits = [rule for rule in tree.leaf(node).tolist() if _holds(rules, rule, words)]
        answer = f"first match {hits[0]}" if hits else "none matches"
        path.append(f"{indent}leaf of {tree.count[node]} rules: {answer}")
        return hits[0] if hits else none
    if kind == Kind.PARTITION:
        best = none
        for part, child in enumerate(tree.cells(node).tolist()):
            path.append(f"{indent}part {part + 1} of {tree.count[node]}:")
            best = min(best, _follow(rules, tree, child, words, path, depth + 1))
        return best
    value = int(words[tree.dim[node]])
    cell = _cell(tree, node, kind, value, words)
    inside = 0 <= cell < tree.count[node]
    where = f"piece {cell + 1} of {tree.count[node]}" if inside else "outside"
    asked = f"{name} = {value}" if kind != Kind.GRID else "several columns"
    path.append(f"{indent}{asked}: {where}")
    return _follow(rules, tree, int(tree.cells(node)[cell]) if inside else -1, words, path, depth)


def _cell(tree: Tree, node: int, kind: Kind, value: int, words: Sequence[int]) -> int:
    if kind == Kind.SPLIT:
        start = int(tree.base[node])
        return int((tree.bounds[start : start + int(tree.count[node]) - 1] <= value).sum())
    if kind == Kind.BITS:
        return int(pext(np.array([value], np.uint32), tree.mask[node : node + 1])[0])
    if kind == Kind.GRID:
        cell, start = 0, int(tree.base[node])
        for column, shift, base, count in tree.terms[start : start + int(tree.shift[node])].tolist():
            digit = (int(words[column]) >> shift) - base
            if not 0 <= digit < count:
                return -1
            cell = cell * count + digit
        return cell
    return (value >> int(tree.shift[node])) - int(tree.base[node])


def _holds(rules: RuleSet, rule: int, words: Sequence[int]) -> bool:
    low, high = rules.low[rule].tolist(), rules.high[rule].tolist()
    return all(a <= value <= b for a, value, b in zip(low, words, high, strict=True))


def drawing(rules: RuleSet, tree: Tree, *, depth: int = 3, shown: int = SHOWN) -> display.Node:
    """The upper levels of a tree: rules and worst accesses below each node; red is the way that costs most.

    At most `MOST_DRAWN` nodes; what is left out is counted in a node of its own.
    """
    return _Drawing(rules, tree, shown).node(0, depth, "", worst=True)


class _Drawing:
    def __init__(self, rules: RuleSet, tree: Tree, shown: int) -> None:
        self.rules, self.tree, self.shown = rules, tree, shown
        self.left = MOST_DRAWN
        self.time, self.below = _sums(tree)

    def node(self, node: int, depth: int, where: str, *, worst: bool) -> display.Node:
        """``where``: what leads to it, such as ``dport 80-443: ``."""
        tree = self.tree
        self.left -= 1
        if node < 0:
            return display.Node(label=f"{where}no rule")
        figures = {"rules": str(self.below[node]), "accesses": str(self.time[node])}
        alarm = 0.6 if worst else 0.0
        kind = Kind(tree.kind[node])
        if kind == Kind.LEAF:
            return display.Node(label=f"{where}leaf", columns=figures, alarm=alarm)
        children = self.children(node, depth, worst=worst) if depth > 0 else ()
        return display.Node(label=where + self.label(node, kind), columns=figures, children=children, alarm=alarm)

    def children(self, node: int, depth: int, *, worst: bool) -> tuple[display.Node, ...]:
        cells = self.tree.cells(node)
        starts = np.flatnonzero(np.r_[True, cells[1:] != cells[:-1]])
        widths = np.diff(np.r_[starts, len(cells)])
        runs = [(int(cells[s]), int(w)) for s, w in zip(starts, widths, strict=True)]
        everywhere = self.tree.kind[node] == Kind.PARTITION  # every part is searched
        most = max((int(self.time[child]) for child, _ in runs if child >= 0), default=0)
        slow = [child for child, _ in runs if child >= 0 and self.time[child] == most][:1]
        out = []
        # The dearest child is always among those shown.
        order = sorted(range(len(runs)), key=lambda i: (runs[i][0] not in slow, i))[: self.shown]
        for i in sorted(order):
            if self.left <= 0:
                break
            child, width = runs[i]
            where = self.where(node, int(starts[i]), width)
            out.append(self.node(child, depth - 1, where, worst=worst and (everywhere or child in slow)))
        if len(runs) > len(out):
            out.append(display.Node(label=f"… {len(runs) - len(out)} more"))
        return tuple(out)

    def where(self, node: int, first: int, width: int) -> str:
        """The values of a run of cells."""
        tree, kind, column = self.tree, Kind(self.tree.kind[node]), int(self.tree.dim[node])
        if kind == Kind.CUT:
            shift, base = int(tree.shift[node]), int(tree.base[node])
            low, high = base + first << shift, (base + first + width << shift) - 1
        elif kind == Kind.SPLIT:
            start, count = int(tree.base[node]), int(tree.count[node])
            low = int(tree.bounds[start + first - 1]) if first else 0
            end = first + width
            high = int(tree.bounds[start + end - 1]) - 1 if end < count else int(self.rules.maxima[column])
        else:
            return ""
        name = self.rules.column_names[column]
        address = name in ("src", "dst")
        a, b = (str(ipaddress.IPv4Address(value)) if address else str(value) for value in (low, high))
        return f"{name} {a}: " if low == high else f"{name} {a}-{b}: "

    def label(self, node: int, kind: Kind) -> str:
        tree, name = self.tree, self.rules.column_names[self.tree.dim[node]]
        if kind == Kind.PARTITION:
            return f"partition in {tree.count[node]}"
        if kind == Kind.BITS:
            return f"bits {name} & 0x{tree.mask[node]:x} in {tree.count[node]}"
        if kind == Kind.GRID:
            start = int(tree.base[node])
            columns = tree.terms[start : start + int(tree.shift[node]), 0].tolist()
            return f"cut {' × '.join(self.rules.column_names[c] for c in columns)} in {tree.count[node]}"
        return f"{kind.name.lower()} {name} in {tree.count[node]}"


def _sums(tree: Tree) -> tuple[list[int], list[int]]:
    """The paper's time of each node, and rules in the leaves below it; children come after their parents."""
    time, below = [1] * tree.nodes, [0] * tree.nodes
    for node in range(tree.nodes - 1, -1, -1):
        if tree.kind[node] == Kind.LEAF:
            below[node] = int(tree.count[node])
            continue
        children = {child for child in tree.cells(node).tolist() if child >= 0}
        below[node] = sum(below[child] for child in children)
        if tree.kind[node] == Kind.PARTITION:
            time[node] = sum(time[child] for child in children)
        else:
            time[node] = 1 + max((time[child] for child in children), default=1)
    return time, below


def page(rules: RuleSet, tree: Tree, *, title: str = "Packet classifier", depth: int = 6) -> str:
    """One self-contained page: figures, the tree, the rules, and what their importer could not say."""
    metric = measure(tree)
    figures = [
        ("rules", str(len(rules))),
        ("fields", ", ".join(own.name for own in rules.fields)),
        ("worst accesses", str(metric.time)),
        ("depth", str(metric.depth)),
        ("nodes", f"{metric.nodes}, of them {metric.leaves} leaves"),
        ("bytes per rule, by the paper's metric", f"{metric.bytes_per_rule:.1f}"),
    ]
    body = f"<h1>{html.escape(title)}</h1>{_table([], figures)}"
    body += display.panel("Tree (red: the way that costs most)", drawing(rules, tree, depth=depth))
    rows = [(str(row), *_rule_cells(rules, row)) for row in range(min(len(rules), LISTED))]
    more = f" (the first {LISTED} of {len(rules)})" if len(rules) > LISTED else ""
    listed = _table(["rule", *(own.name for own in rules.fields), "action", "source"], rows)
    body += f'<section class="panel"><h2>Rules{more}</h2>{listed}</section>'
    if rules.losses:
        losses = html.escape(str(rules.losses))
        body += f'<section class="panel"><h2>What plain rules could not say</h2><pre>{losses}</pre></section>'
    return display.page(title, body)


def _rule_cells(rules: RuleSet, row: int) -> list[str]:
    from mlsys4sys.neurocuts.formats.write import cells

    action = rules.actions[row] if rules.actions else ""
    return [*cells(rules, row), action, rules.sources[row] if rules.sources else ""]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    left = ' style="text-align:left"'
    body = "".join(
        "<tr>"
        + "".join(f"<td{left if i + 1 == len(row) else ''}>{html.escape(c)}</td>" for i, c in enumerate(row))
        + "</tr>"
        for row in rows
    )
    return f"<table>{f'<tr>{head}</tr>' if header else ''}{body}</table>"
