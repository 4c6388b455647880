"""Tables: CSV files and data frames with a column a field, and lists of CIDR blocks.

A cell is a value, a range ``a-b``, a prefix ``a/len`` (addresses), a name (protocols, ports, values of a field that has
names), several of these with ``|`` between them, or ``*``, ``any`` or nothing for every value. Row order is priority.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

from mlsys4sys.errors import RuleError
from mlsys4sys.neurocuts.formats.draft import Draft
from mlsys4sys.neurocuts.formats.spans import Condition, Spans, joined
from mlsys4sys.neurocuts.losses import Effect
from mlsys4sys.neurocuts.problem import Field, RuleSet

ALIASES = {
    "src": "src", "src_ip": "src", "source": "src", "saddr": "src", "sip": "src", "source_ip": "src", "ip_src": "src",
    "dst": "dst", "dst_ip": "dst", "destination": "dst", "daddr": "dst", "dip": "dst", "destination_ip": "dst",
    "ip_dst": "dst", "sport": "sport", "src_port": "sport", "source_port": "sport", "dport": "dport",
    "dst_port": "dport", "destination_port": "dport", "port": "dport", "proto": "proto", "protocol": "proto",
    "ip_proto": "proto",
}  # fmt: skip
ACTIONS = ("action", "verdict", "target", "decision")
ANY = frozenset({"", "*", "any", "all", "nan", "none"})


def version_of(cells: Iterable[str]) -> int:
    """4, unless the first address among the cells is IPv6."""
    for cell in cells:
        if re.match(r"\s*\d{1,3}\.\d", cell):
            return 4
        if cell.count(":") >= 2 and re.match(r"\s*[0-9A-Fa-f:.]+(/\d+)?\s*(-|\||$)", cell):
            return 6
    return 4


def parse_csv(draft: Draft, text: str, *, fields: Sequence[Field] | None = None) -> RuleSet | None:
    """Read a CSV file with a head line into a draft, or over fields of the caller's own at once.

    Raises:
        RuleError: A cell cannot be understood; says line and column.
    """
    sample = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=sample.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        rows.extend((reader.line_num, row) for row in reader if any(map(str.strip, row)) and row[0].lstrip()[:1] != "#")
    except csv.Error as error:
        raise draft.error(f"is no CSV: {error}", reader.line_num) from None
    if not rows:
        raise draft.error("a line with the names of the columns is wanted", 1)
    return parse_rows(draft, rows[0][1], rows[1:], fields=fields, head=rows[0][0])


def parse_rows(
    draft: Draft,
    names: Sequence[str],
    rows: Sequence[tuple[int, Sequence[str]]],
    *,
    fields: Sequence[Field] | None = None,
    head: int = 1,
) -> RuleSet | None:
    """Rows with their line numbers; over the caller's fields the rule set comes back, else the draft is filled."""
    places, action = _places(draft, names, fields, head)
    own = None if fields is None else _Own(draft, tuple(fields))
    for line, row in rows:
        if len(row) != len(names):
            raise draft.error(f"{len(row)} cells, not {len(names)}", line)
        condition: Condition | None = {}
        column = 1
        found: dict[str, Spans] = {}
        for name, cell in zip(places, row, strict=True):
            if name is not None:
                spans = own.cell(name, cell, line, column) if own else _cell(draft, name, cell, line, column)
                if spans is None:
                    condition = None
                else:
                    found[name] = spans
            column += len(cell) + 1
        text = ",".join(cell.strip() for cell in row)
        if condition is None:
            why = f"an address that is not IPv{draft.version}"
            draft.lose(Effect.LEFT_OUT, why, line, text=text, exact=True)
            continue
        draft.add([found], row[action].strip() if action is not None else "", line, text)
    return own.finish() if own else None


def _places(
    draft: Draft, names: Sequence[str], fields: Sequence[Field] | None, head: int
) -> tuple[list[str | None], int | None]:
    """The field of each column, and the column of the action."""
    places: list[str | None] = []
    action, at = None, 1
    for place, raw in enumerate(names):
        name = raw.strip().lower().replace(" ", "_")
        known = {own.name.lower(): own.name for own in fields}.get(name) if fields is not None else ALIASES.get(name)
        if known is not None and known in places:
            raise draft.error(f"two columns are {known}", head, at)
        if known is None and name in ACTIONS:
            if action is not None:
                raise draft.error("two columns are the action", head, at)
            action = place
        elif known is None:
            why = f"column {raw.strip()!r} is no field and takes no part; order of rows is priority"
            draft.lose(
                Effect.NO_VERDICT, why, head, at, exact=name in ("label", "comment", "description", "name", "id")
            )
        places.append(known)
        at += len(raw) + 1
    if not any(places):
        wanted = ", ".join(own.name for own in fields) if fields is not None else "src, dst, sport, dport, proto"
        raise draft.error(f"none of the columns is a field: {wanted}", head)
    return places, action


def _parts(cell: str, column: int) -> Iterable[tuple[str, int]]:
    for found in re.finditer(r"[^|]+", cell):
        part = found[0].strip()
        yield part, column + found.start() + len(found[0]) - len(found[0].lstrip())


def _cell(draft: Draft, name: str, cell: str, line: int, column: int) -> Spans | None:
    top = draft.top(name)
    if cell.strip().lower() in ANY:
        return ((0, top),)
    spans: list[tuple[int, int]] = []
    for part, at in _parts(cell, column):
        if name in ("src", "dst"):
            own = draft.prefix(re.sub(r"\s*-\s*", "-", part), line, at)
            if own is None:
                return None
            spans += own
        elif name == "proto" and not re.match(r"\d+\s*-", part):
            spans += draft.protocol(part, line, at)
        elif name == "proto":
            spans += _range(draft, part, 255, line, at, "protocol")
        else:
            colon = ":" if ":" in part else "-"
            tidy = re.sub(r"\s*[-:]\s*", colon, part) if re.match(r"\d*\s*[-:]", part) else part
            spans += draft.ports(tidy, line, at, colon)
    if not spans:
        raise draft.error(f"{cell!r} is no value of {name}", line, column)
    return joined(spans)


def _range(draft: Draft, part: str, top: int, line: int, at: int, what: str) -> Spans:
    first, dash, last = (piece.strip() for piece in part.partition("-"))
    low = draft.integer(first, top, line, at, what)
    high = draft.integer(last, top, line, at, what) if dash else low
    if low > high:
        raise draft.error(f"range {part} is empty", line, at)
    return ((low, high),)


class _Own:
    """Rows over the caller's own fields."""

    def __init__(self, draft: Draft, fields: tuple[Field, ...]) -> None:
        self.draft, self.fields = draft, fields
        self.by_name = {own.name: own for own in fields}

    def cell(self, name: str, cell: str, line: int, column: int) -> Spans:
        own = self.by_name[name]
        top = (1 << own.bits) - 1
        if cell.strip().lower() in ANY:
            return ((0, top),)
        spans: list[tuple[int, int]] = []
        for part, at in _parts(cell, column):
            if part in own.values:
                spans.append((own.values.index(part),) * 2)
            elif own.bits in (32, 128) and re.search(r"\.|:", part):
                spans += self._address(own, part, line, at)
            else:
                spans += _range(self.draft, part, top, line, at, f"value of {name}")
        if not spans:
            raise self.draft.error(f"{cell!r} is no value of {name}", line, column)
        return joined(spans)

    def _address(self, own: Field, part: str, line: int, at: int) -> Spans:
        reader = Draft(name=self.draft.name, version=4 if own.bits == 32 else 6)
        found = reader.prefix(re.sub(r"\s*-\s*", "-", part), line, at)
        if found is None:
            raise self.draft.error(f"{part} does not fit in the {own.bits} bits of {own.name}", line, at)
        return found

    def finish(self) -> RuleSet:
        return self.draft.finish(self.fields)


def parse_cidr(draft: Draft, text: str, *, on: str = "src") -> None:
    """Read a list of blocks into a draft: a block, address or range ``a-b`` a line; words behind it are the action.

    Blank lines and what follows ``#`` or ``;`` are comments.

    Raises:
        RuleError: A line begins with no address.
    """
    if on not in ("src", "dst"):
        raise RuleError(f"on must be 'src' or 'dst', not {on!r}")
    for number, line in enumerate(text.split("\n"), start=1):
        kept = re.split(r"[#;]", line, maxsplit=1)[0]
        found = re.match(r"\s*(\S+?)(?:[\s,]+(.*\S))?\s*$", kept)
        if found is None:
            continue
        spans = draft.prefix(found[1].rstrip(","), number, found.start(1) + 1)
        if spans is None:
            why = f"a block that is not IPv{draft.version}"
            draft.lose(Effect.LEFT_OUT, why, number, text=line.strip(), exact=True)
            continue
        draft.add([{on: spans}], found[2] or "match", number, line.strip())
