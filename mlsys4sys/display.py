"""One tree → text, DOT, JSON, HTML: plans, cuts and programs are all trees."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A thing to draw."""

    label: str
    """What it is, in a few words."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Figures shown beside it: name → text. The same names on all nodes of a tree make columns."""
    children: tuple[Node, ...] = ()
    alarm: float = 0.0
    """0 … 1: how much a reader should worry; drawn as red in HTML."""

    def walk(self) -> Iterator[tuple[int, Node]]:
        """All nodes with their depths, parents first; without recursion, so that depth has no limit."""
        stack = [(0, self)]
        while stack:
            depth, node = stack.pop()
            yield depth, node
            stack.extend((depth + 1, child) for child in reversed(node.children))


def to_text(root: Node, *, max_label: int = 100) -> str:
    """A tree for the terminal, figures right-aligned under their names.

    >>> print(to_text(Node(label="join", columns={"rows": "12"}, children=(Node(label="a"), Node(label="b")))))
           rows
    join     12
    ├─ a
    └─ b
    """
    lines = [(prefix + _shortened(node.label, max_label), node.columns) for prefix, node in _prefixed(root)]
    names = list(dict.fromkeys(name for _, columns in lines for name in columns))
    if not names:
        return "\n".join(text for text, _ in lines)
    width = max(len(text) for text, _ in lines)
    sizes = {name: max(len(name), *(len(columns.get(name, "")) for _, columns in lines)) for name in names}

    def row(text: str, cells: Mapping[str, str]) -> str:
        return (text.ljust(width) + "".join(f"  {cells.get(name, ''):>{sizes[name] + 1}}" for name in names)).rstrip()

    return "\n".join([row("", {name: name for name in names}), *(row(text, columns) for text, columns in lines)])


def to_json(root: Node) -> dict[str, Any]:
    """Nested dictionaries with ``label``, the figures, and ``children``."""
    made: dict[int, dict[str, Any]] = {}
    for _, node in reversed(list(root.walk())):
        made[id(node)] = {
            "label": node.label,
            **node.columns,
            "children": [made[id(child)] for child in node.children],
        }
    return made[id(root)]


def to_dot(root: Node, *, name: str = "tree") -> str:
    """Graphviz."""
    numbers = {id(node): number for number, (_, node) in enumerate(root.walk())}
    lines = [f"digraph {name} {{", "  node [shape=box, fontname=monospace];"]
    for _, node in root.walk():
        figures = "".join(f"\\n{key}: {value}" for key, value in node.columns.items())
        label = (node.label + figures).replace('"', '\\"')
        lines.append(f'  n{numbers[id(node)]} [label="{label}"];')
        lines.extend(f"  n{numbers[id(node)]} -> n{numbers[id(child)]};" for child in node.children)
    return "\n".join([*lines, "}"])


def to_html(root: Node) -> str:
    """Nested ``<details>``, open, figures in a grid; belongs inside :func:`page`."""
    pieces: list[str] = []
    stack: list[Node | str] = [root]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            pieces.append(item)
            continue
        figures = "".join(
            f'<span class="figure" title="{html.escape(key)}">{html.escape(key)} <b>{html.escape(value)}</b></span>'
            for key, value in item.columns.items()
            if value
        )
        colour = f' style="--alarm:{min(max(item.alarm, 0.0), 1.0):.2f}"' if item.alarm > 0 else ""
        label = html.escape(item.label)
        line = f'<span class="label" title="{label}">{label}</span><span class="figures">{figures}</span>'
        if not item.children:
            pieces.append(f'<div class="leaf"{colour}>{line}</div>')
            continue
        pieces.append(f"<details open><summary{colour}>{line}</summary>")
        stack.append("</details>")
        stack.extend(reversed(item.children))
    return "".join(pieces)


_STYLE = """
:root { color-scheme: light dark; --line: #8884; --red: 214 40 40; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1500px; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin: 0 0 .6rem; }
pre { overflow: auto; border: 1px solid var(--line); border-radius: 6px; padding: .8rem; font-size: 13px; }
.side { display: grid; grid-template-columns: repeat(auto-fit, minmax(480px, 1fr)); gap: 1rem; align-items: start; }
.panel { border: 1px solid var(--line); border-radius: 8px; padding: 1rem; overflow: auto; }
details, .leaf { border-left: 1px solid var(--line); margin-left: .7rem; padding-left: .5rem; white-space: nowrap; }
summary, .leaf { display: flex; gap: .6rem; font: 12.5px/1.8 ui-monospace, monospace; border-radius: 3px;
  background: rgb(var(--red) / calc(var(--alarm, 0) * .45)); }
summary { cursor: pointer; } summary::before { content: "▸"; opacity: .6; }
details[open] > summary::before { content: "▾"; }
.label { overflow: hidden; text-overflow: ellipsis; flex: 1 1 6rem; min-width: 6rem; }
.figures { flex: none; } .figure { margin-left: .8rem; opacity: .8; } .figure b { font-weight: 600; }
table { border-collapse: collapse; font-size: 14px; }
td, th { padding: .2rem .8rem; border-bottom: 1px solid var(--line); text-align: right; }
td:first-child, th:first-child { text-align: left; }
"""


def page(title: str, body: str) -> str:
    """A self-contained page: no script, no font, nothing fetched. ``body`` is HTML that is escaped already."""
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{html.escape(title)}</title>'
    )
    return f'<!doctype html><html lang="en"><head>{head}<style>{_STYLE}</style></head><body>{body}</body></html>\n'


def panel(title: str, tree: Node) -> str:
    """A titled box around a tree; several inside ``<div class="side">`` stand side by side."""
    return f'<section class="panel"><h2>{html.escape(title)}</h2>{to_html(tree)}</section>'


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned for a terminal: the first to the left, the others to the right.

    >>> print(table(["query", "ms"], [["7c", "12.0"], ["16b", "3.5"]]))
    query    ms
    7c     12.0
    16b     3.5
    """
    sizes = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]

    def line(row: Sequence[str]) -> str:
        first = row[0].ljust(sizes[0])
        return (first + "".join(f"  {cell:>{size}}" for cell, size in zip(row[1:], sizes[1:], strict=True))).rstrip()

    return "\n".join(line(row) for row in (header, *rows))


def quantity(value: float) -> str:
    """A count for a person: 950, 12.3 k, 4.56 M.

    >>> quantity(950), quantity(12_345), quantity(4_560_000)
    ('950', '12.3 k', '4.56 M')
    """
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * 0.9995:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g}" if value < 10 and value != int(value) else f"{value:.0f}"


def duration(seconds: float) -> str:
    """A time for a person: 1.2 s, 45.3 ms, 17 µs."""
    for size, unit in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def _shortened(label: str, size: int) -> str:
    return label if len(label) <= size else label[: size - 1] + "…"


def _prefixed(root: Node) -> Iterator[tuple[str, Node]]:
    """Nodes with the lines that lead to them, by a stack."""
    stack = [("", "", root)]
    while stack:
        indent, connector, node = stack.pop()
        yield indent + connector, node
        below = indent + {"": "", "├─ ": "│  ", "└─ ": "   "}[connector]
        marks = ["├─ "] * (len(node.children) - 1) + ["└─ "]
        stack.extend((below, mark, child) for mark, child in zip(marks[::-1], reversed(node.children), strict=False))
