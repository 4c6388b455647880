"""Rule files of the world: one strict parser a format, each with a report of what could not be carried over.

`read` takes any of them; the methods ``RuleSet.from_…`` are its faces. See docs/formats.md.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlsys4sys.errors import DataError, InputError
from mlsys4sys.neurocuts.formats import aws, cisco, columns, iptables, nft, ovs
from mlsys4sys.neurocuts.formats.draft import Draft, Unknown
from mlsys4sys.neurocuts.problem import Field, RuleSet

NAMES = ("classbench", "iptables", "nft", "aws", "cisco", "ovs", "csv", "cidr")
"""Formats that `read` knows."""

MOST_BYTES = 1 << 30

__all__ = ["NAMES", "from_frame", "load", "parse", "read", "sniff"]


def read(path: str | Path, format: str | None = None, **options: Any) -> RuleSet:  # noqa: A002 - the users' word
    """A rule file of any format.

    Args:
        path: The file; ``-`` is stdin.
        format: One of `NAMES`; None to tell by the text.
        options: ``version`` (4 or 6), ``unknown`` ("field", "allow", "deny"), ``given``, and what the format's parser
            takes: ``chain`` and ``table`` (iptables, nft), ``table`` (ovs), ``egress`` and ``group`` (aws), ``acl``
            (cisco), ``fields`` (csv), ``on`` (cidr).

    Raises:
        DataError: The file cannot be read, or its format cannot be told.
        RuleError: It cannot be understood; says line and column.
    """
    text, name = load(path)
    return parse(text, format, name=name, **options)


def load(path: str | Path) -> tuple[str, str]:
    """Text and name of a file, ``-`` being stdin."""
    if str(path) == "-":
        return sys.stdin.read(), "stdin"
    source = Path(path)
    try:
        if source.stat().st_size > MOST_BYTES:
            raise DataError(f"{source}: is larger than {MOST_BYTES >> 20} MiB")
        data = source.read_bytes()
    except OSError as error:
        raise DataError(f"{source}: cannot be read ({error.strerror or error})") from None
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n"), source.name
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"{source}:{line}: is no UTF-8 text (byte {error.start})") from None


def parse(text: str, format: str | None = None, *, name: str = "rules", **options: Any) -> RuleSet:  # noqa: A002
    """The same from text."""
    kind = format or sniff(text)
    if kind is None:
        raise DataError(f"{name}: its format cannot be told; name one of {', '.join(NAMES)}")
    if kind not in NAMES:
        raise InputError(f"unknown format {kind!r}; known are {', '.join(NAMES)}")
    if kind == "classbench":
        if any(value is not None for value in options.values()):
            raise InputError("ClassBench's format takes no options")
        return RuleSet.parse_classbench(text, name=name)
    return _PARSERS[kind](text, name, {key: value for key, value in options.items() if value is not None})


def sniff(text: str) -> str | None:
    """The format of a text by its looks, None when it looks like none.

    >>> sniff("*filter"), sniff("10.0.0.0/8"), sniff("src,dst")
    ('iptables', 'cidr', 'csv')
    """
    if text.lstrip().startswith(("{", "[")):
        return "nft" if '"nftables"' in text else "aws" if re.search(r'"(SecurityGroups|NetworkAcls)"', text) else None
    lines = [line for line in text.split("\n") if line.strip() and not line.lstrip().startswith(("#", "!", ";"))]
    for line in lines[:200]:
        for kind, pattern in _LOOKS:
            if pattern.match(line):
                return kind
    return None


_LOOKS = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("classbench", r"\s*@\S+/"),
        ("iptables", r"\s*(?:\*(?:filter|nat|mangle|raw|security)\b|:[A-Z]+ (?:ACCEPT|DROP|-))"),
        ("ovs", r".*(?:(?:NXST|OFPST)_FLOW reply|\bactions=)"),
        ("cisco", r"\s*(?:(?:ip|ipv6) )?access-list "),
        ("csv", r"\s*[\"\w ]+[,;\t].*"),
        ("cidr", r"\s*(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)(?:/|-|\s|,|$)"),
    )
)


def from_frame(frame: Any, *, fields: Sequence[Field] | None = None, version: int | None = None) -> RuleSet:
    """Rules of a data frame (pandas, polars, anything with ``columns`` and columns by name): see `formats.columns`."""
    names = [str(name) for name in frame.columns]
    cells = [["" if value is None else str(value) for value in frame[name]] for name in frame.columns]
    cells = [[re.sub(r"^(\d+)\.0$", r"\1", cell) for cell in column] for column in cells]  # NaN makes integers floats
    rows = [(line, row) for line, row in enumerate(zip(*cells, strict=True), start=1)]
    own = version or columns.version_of(cell for _, row in rows for cell in row)
    draft = Draft(name="frame", version=own)
    return columns.parse_rows(draft, names, rows, fields=fields) or draft.finish()


def _draft(name: str, options: dict[str, Any], version: int) -> Draft:
    given: Mapping[str, str] = options.pop("given", {})
    unknown: Unknown = options.pop("unknown", "field")
    return Draft(name=name, version=options.pop("version", version), unknown=unknown, given=dict(given))


def _checked(options: dict[str, Any], *allowed: str) -> dict[str, Any]:
    for key in options:
        if key not in allowed:
            raise InputError(f"option {key!r} is not one of this format: {', '.join(allowed) or 'none'}")
    return options


def _iptables(text: str, name: str, options: dict[str, Any]) -> RuleSet:
    draft = _draft(name, options, iptables.version_of(text))
    iptables.parse(draft, text, **_checked(options, "chain", "table"))
    return draft.finish()


def _nft(text: str, name: str, options: dict[str, Any]) -> RuleSet:
    six = '"ip6"' in text and '"inet"' not in text and not re.search(r'"family"\s*:\s*"ip"', text)
    draft = _draft(name, options, 6 if six else 4)
    nft.parse(draft, text, **_checked(options, "chain", "table"))
    return draft.finish()


def _aws(text: str, name: str, options: dict[str, Any]) -> RuleSet:
    draft = _draft(name, options, 4)
    aws.parse(draft, text, **_checked(options, "egress", "group"))
    return draft.finish()


def _cisco(text: str, name: str, options: dict[str, Any]) -> RuleSet:
    draft = _draft(name, options, cisco.version_of(text))
    cisco.parse(draft, text, **_checked(options, "acl"))
    return draft.finish()


def _ovs(text: str, name: str, options: dict[str, Any]) -> RuleSet:
    draft = _draft(name, options, ovs.version_of(text))
    if "table" in options:
        options["table"] = draft.integer(str(options["table"]), 255, 1, 1, "table")
    ovs.parse(draft, text, **_checked(options, "table"))
    return draft.finish()


def _csv(text: str, name: str, options: dict[str, Any]) -> RuleSet:
    draft = _draft(name, options, columns.version_of(re.split(r"[,;\t\n]", text)))
    return columns.parse_csv(draft, text, **_checked(options, "fields")) or draft.finish()


def _cidr(text: str, name: str, options: dict[str, Any]) -> RuleSet:
    draft = _draft(name, options, columns.version_of(text.split("\n")))
    columns.parse_cidr(draft, text, **_checked(options, "on"))
    return draft.finish()


_PARSERS = {"iptables": _iptables, "nft": _nft, "aws": _aws, "cisco": _cisco, "ovs": _ovs, "csv": _csv, "cidr": _cidr}
