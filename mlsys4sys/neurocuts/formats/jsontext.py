"""JSON that knows where each value stands, so that every error can say line and column. A key twice is an error."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mlsys4sys.errors import RuleError

MOST_DEPTH = 100
_BLANK = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?(?![0-9])")
_WORD = re.compile(r"true|false|null")


@dataclass(frozen=True, slots=True)
class Value:
    """A value with its place: a dictionary or list of values, or a string, number, truth value or None."""

    value: Any
    start: int
    end: int
    document: Document

    @property
    def line(self) -> int:
        """1-based line at which it begins."""
        return self.document.place(self.start)[0]

    @property
    def text(self) -> str:
        """Its source on one line, shortened."""
        words = " ".join(self.document.text[self.start : min(self.end, self.start + 2000)].split())
        return words if len(words) <= 160 else words[:157] + "…"

    def error(self, message: str) -> RuleError:
        """An error at this place, to be raised."""
        return self.document.error(message, self.start)

    def object(self) -> dict[str, Value]:
        """Its members, if it is an object."""
        if not isinstance(self.value, dict):
            raise self.error(f"an object is wanted, not {_kind(self.value)}")
        return self.value

    def list(self) -> list[Value]:
        """Its items, if it is an array."""
        if not isinstance(self.value, list):
            raise self.error(f"an array is wanted, not {_kind(self.value)}")
        return self.value

    def string(self) -> str:
        """Its text, if it is a string."""
        if not isinstance(self.value, str):
            raise self.error(f"a string is wanted, not {_kind(self.value)}")
        return self.value

    def integer(self, low: int, high: int) -> int:
        """Its number, if it is an integer within bounds."""
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            raise self.error(f"a whole number is wanted, not {_kind(self.value)}")
        if not low <= self.value <= high:
            raise self.error(f"{self.value} is outside {low}..{high}")
        return self.value

    def truth(self) -> bool:
        """Its truth value, if it is one."""
        if not isinstance(self.value, bool):
            raise self.error(f"true or false is wanted, not {_kind(self.value)}")
        return self.value

    def get(self, key: str) -> Value | None:
        """A member of an object; None where it is absent or null."""
        found = self.object().get(key)
        return None if found is None or found.value is None else found

    def need(self, key: str) -> Value:
        """A member that has to be there."""
        found = self.get(key)
        if found is None:
            raise self.error(f"{key!r} is missing")
        return found

    def only(self) -> tuple[str, Value]:
        """The one member of an object that has exactly one."""
        members = self.object()
        if len(members) != 1:
            raise self.error(f"an object of one member is wanted, not of {len(members)}")
        return next(iter(members.items()))


@dataclass(frozen=True, slots=True)
class Document:
    """A text and its name."""

    text: str
    name: str
    starts: tuple[int, ...]
    """Offsets at which lines begin."""

    def place(self, at: int) -> tuple[int, int]:
        """1-based line and column of an offset."""
        line = bisect_right(self.starts, at)
        return line, at - self.starts[line - 1] + 1

    def error(self, message: str, at: int) -> RuleError:
        """An error at an offset, to be raised."""
        line, column = self.place(at)
        return RuleError(message, source=self.name, line=line, column=column)


def parse(text: str, name: str) -> Value:
    """The value of a JSON text.

    Raises:
        RuleError: It is no JSON, a key stands twice in an object, or it is nested deeper than `MOST_DEPTH`.
    """
    starts = (0, *(found.end() for found in re.finditer("\n", text)))
    reader = _Reader(Document(text, name, starts))
    found = reader.value(0)
    reader.blank()
    if reader.at < len(text):
        raise reader.error("something follows the end of the value")
    return found


class _Reader:
    def __init__(self, document: Document) -> None:
        self.document, self.text, self.at = document, document.text, 0

    def error(self, message: str) -> RuleError:
        return self.document.error(message, self.at)

    def blank(self) -> None:
        found = _BLANK.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def taken(self, letter: str) -> bool:
        self.blank()
        if self.text[self.at : self.at + 1] == letter:
            self.at += 1
            return True
        return False

    def value(self, depth: int) -> Value:
        if depth > MOST_DEPTH:
            raise self.error(f"is nested deeper than {MOST_DEPTH}")
        self.blank()
        start = self.at
        if self.taken("{"):
            return self.made(dict(self.members(depth)), start)
        if self.taken("["):
            return self.made(list(self.items(depth)), start)
        for pattern in (_STRING, _NUMBER, _WORD):
            found = pattern.match(self.text, self.at)
            if found is not None:
                self.at = found.end()
                return self.made(json.loads(found[0]), start)
        raise self.error("no JSON value" if self.at < len(self.text) else "the text ends within a value")

    def made(self, value: Any, start: int) -> Value:
        return Value(value, start, self.at, self.document)

    def members(self, depth: int) -> Iterator[tuple[str, Value]]:
        seen: set[str] = set()
        if self.taken("}"):
            return
        while True:
            self.blank()
            found = _STRING.match(self.text, self.at)
            if found is None:
                raise self.error("a key in double quotes is wanted")
            key = json.loads(found[0])
            if key in seen:
                raise self.error(f"key {key!r} stands twice")
            seen.add(key)
            self.at = found.end()
            if not self.taken(":"):
                raise self.error("a colon is wanted")
            yield key, self.value(depth + 1)
            if self.taken("}"):
                return
            if not self.taken(","):
                raise self.error("a comma or } is wanted")

    def items(self, depth: int) -> Iterator[Value]:
        if self.taken("]"):
            return
        while True:
            yield self.value(depth + 1)
            if self.taken("]"):
                return
            if not self.taken(","):
                raise self.error("a comma or ] is wanted")


def _kind(value: object) -> str:
    names = {
        dict: "an object",
        list: "an array",
        str: "a string",
        bool: "a truth value",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), "null")
