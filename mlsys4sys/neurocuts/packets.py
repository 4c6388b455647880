"""Packets from files: traces of numbers, and captures (pcap and pcapng) of Ethernet or raw IP."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlsys4sys.errors import DataError, InputError

ETHERNET, RAW = 1, 101
PORTS = frozenset({6, 17, 132})
"""Protocols whose first four bytes are ports."""


def read(path: str | Path, columns: int) -> NDArray[np.uint32]:
    """Packets of a file, shape (n, columns): a capture by its first bytes, else a trace.

    Captures give the IPv4 five-tuple; frames that hold none (ARP, IPv6) and later fragments count as ports 0.

    Raises:
        DataError: The file cannot be read or is damaged; says where.
    """
    source = Path(path)
    try:
        data = source.read_bytes()
    except OSError as error:
        raise DataError(f"{source}: cannot be read ({error.strerror or error})") from None
    if data[:4] in _PCAP or data[:4] == b"\x0a\x0d\x0d\x0a":
        if columns != 5:
            raise InputError(f"{source}: captures give the IPv4 five-tuple, and these rules have {columns} columns")
        frames = _pcap(data, str(source)) if data[:4] in _PCAP else _pcapng(data, str(source))
        rows = [row for link, frame in frames if (row := _five_tuple(link, frame)) is not None]
        return np.array(rows, np.uint32).reshape(-1, 5)
    return _trace(data, str(source), columns)


def _trace(data: bytes, name: str, columns: int) -> NDArray[np.uint32]:
    """A line a packet: its columns as numbers; further numbers (ClassBench adds the rule) are left out."""
    rows = []
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), start=1):
        parts = line.split()
        if not parts or parts[0].startswith("#"):
            continue
        try:
            row = [int(part) for part in parts[:columns]]
        except ValueError:
            raise DataError(f"{name}:{number}: is neither a capture nor a line of numbers") from None
        if len(row) < columns or not all(0 <= value <= 0xFFFFFFFF for value in row):
            raise DataError(f"{name}:{number}: not {columns} numbers in 0..2^32-1")
        rows.append(row)
    return np.array(rows, np.uint32).reshape(-1, columns)


_PCAP = {b"\xd4\xc3\xb2\xa1": "<", b"\x4d\x3c\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">", b"\xa1\xb2\x3c\x4d": ">"}


def _pcap(data: bytes, name: str) -> Iterator[tuple[int, bytes]]:
    order = _PCAP[data[:4]]
    if len(data) < 24:
        raise DataError(f"{name}: the capture ends within its head")
    (link,) = struct.unpack_from(order + "I", data, 20)
    at = 24
    while at < len(data):
        if at + 16 > len(data):
            raise DataError(f"{name}: the capture ends within a packet's head, at byte {at}")
        (size,) = struct.unpack_from(order + "I", data, at + 8)
        if at + 16 + size > len(data):
            raise DataError(f"{name}: the capture ends within a packet, at byte {at}")
        yield link & 0xFFFF, data[at + 16 : at + 16 + size]
        at += 16 + size


def _pcapng(data: bytes, name: str) -> Iterator[tuple[int, bytes]]:
    at, order, links = 0, "<", list[int]()
    while at + 12 <= len(data):
        if data[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if data[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            links = []
        kind, size = struct.unpack_from(order + "II", data, at)
        if size < 12 or at + size > len(data):
            raise DataError(f"{name}: a block of the capture is damaged, at byte {at}")
        if kind == 1:
            links.append(struct.unpack_from(order + "H", data, at + 8)[0])
        elif kind == 6 and size >= 32:
            interface, _, _, length = struct.unpack_from(order + "IIII", data, at + 8)
            if interface >= len(links) or 28 + length > size - 4:
                raise DataError(f"{name}: a packet of the capture is damaged, at byte {at}")
            yield links[interface], data[at + 28 : at + 28 + length]
        at += size


def _five_tuple(link: int, frame: bytes) -> tuple[int, int, int, int, int] | None:
    at = 0
    if link == ETHERNET:
        at = 12
        while frame[at : at + 2] in (b"\x81\x00", b"\x88\xa8"):
            at += 4
        if frame[at : at + 2] != b"\x08\x00":
            return None
        at += 2
    elif link != RAW:
        return None
    head = frame[at:]
    if len(head) < 20 or head[0] >> 4 != 4:
        return None
    size, proto = 4 * (head[0] & 15), head[9]
    source, destination = struct.unpack_from(">II", head, 12)
    first = not struct.unpack_from(">H", head, 6)[0] & 0x1FFF
    ports = struct.unpack_from(">HH", head, size) if proto in PORTS and first and len(head) >= size + 4 else (0, 0)
    return source, destination, ports[0], ports[1], proto
