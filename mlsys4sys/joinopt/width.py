"""How many bytes a value takes in a hash table."""

from __future__ import annotations

_SIZES = {"BOOLEAN": 1, "TINYINT": 1, "UTINYINT": 1, "SMALLINT": 2, "USMALLINT": 2, "INTEGER": 4, "UINTEGER": 4,
          "DATE": 4, "FLOAT": 4, "HUGEINT": 16, "UHUGEINT": 16, "UUID": 16, "INTERVAL": 16}  # fmt: skip


def size_of(kind: str) -> int:
    """Bytes of a value of a DuckDB type; a text has 16 in the row and about 8 more outside.

    >>> size_of("INTEGER"), size_of("VARCHAR"), size_of("DECIMAL(12,2)"), size_of("TIMESTAMP")
    (4, 24, 8, 8)
    """
    if kind.startswith("VARCHAR") or kind in ("BLOB", "BIT", "JSON"):
        return 24
    if kind.startswith("DECIMAL"):
        return 16 if int(kind[8:].split(",")[0]) > 18 else 8
    return _SIZES.get(kind, 24 if "(" in kind or "[" in kind else 8)
