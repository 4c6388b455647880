"""Packets from files: traces of numbers, and captures (pcap and pcapng) of Ethernet or raw IP."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlsys4sys.errors import DataError, InputError

ETHERNET, RAW, SLL = 1, 101, 113
PORTS = frozenset({6, 17, 33, 132, 136})
"""Protocols whose first four bytes are ports."""


def read(path: str | Path, columns: int) -> NDArray[np.uint32]:
    """Packets of a file, shape (n, columns): a capture by its first bytes, else a trace.

    Captures give five-tuples, of IPv4 for 5 columns and of IPv6 for 11: frames that hold no packet of that version are
    left out. Protocols without ports, and later fragments, have ports 0. IPv6's extension headers are followed.

    Raises:
        DataError: The file cannot be read or is damaged; says where.
    """
    source = Path(path)
    try:
        data = source.read_bytes()
    except OSError as error:
        raise DataError(f"{source}: cannot be read ({error.strerror or error})") from None
    if data[:4] in _PCAP or data[:4] == b"\x0a\x0d\x0d\x0a":
        if columns not in (5, 11):
            raise InputError(
                f"{source}: captures give five-tuples (5 columns, 11 for IPv6), and these rules have {columns}: build "
                "them with the other fields given"
            )
        frames = _pcap(data, str(source)) if data[:4] in _PCAP else _pcapng(data, str(source))
        read_frame = _five_tuple if columns == 5 else _five_tuple_v6
        rows = [row for link, frame in frames if (row := read_frame(link, frame)) is not None]
        return np.array(rows, np.uint32).reshape(-1, columns)
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
        if kind == 1 and size >= 20:
            links.append(struct.unpack_from(order + "H", data, at + 8)[0])
        elif kind == 6 and size >= 32:
            interface, _, _, length = struct.unpack_from(order + "IIII", data, at + 8)
            if interface >= len(links) or 28 + length > size - 4:
                raise DataError(f"{name}: a packet of the capture is damaged, at byte {at}")
            yield links[interface], data[at + 28 : at + 28 + length]
        elif kind == 3 and size >= 16:  # a simple packet: of the first interface, cut by the end of its block
            if not links:
                raise DataError(f"{name}: a packet of the capture is damaged, at byte {at}")
            (length,) = struct.unpack_from(order + "I", data, at + 8)
            yield links[0], data[at + 12 : at + min(12 + length, size - 4)]
        elif kind in (1, 3, 6):
            raise DataError(f"{name}: a block of the capture is damaged, at byte {at}")
        at += size
    if at < len(data):
        raise DataError(f"{name}: the capture ends within a block, at byte {at}")


IP4, IP6 = b"\x08\x00", b"\x86\xdd"


def _payload(link: int, frame: bytes, kind: bytes) -> bytes | None:
    """The IP packet of a frame, VLAN tags skipped; None when the frame holds another kind."""
    if link == RAW:
        return frame
    if link == SLL:
        return frame[16:] if frame[14:16] == kind else None
    if link != ETHERNET:
        return None
    at = 12
    while frame[at : at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    return frame[at + 2 :] if frame[at : at + 2] == kind else None


def _five_tuple(link: int, frame: bytes) -> tuple[int, ...] | None:
    head = _payload(link, frame, IP4)
    if head is None or len(head) < 20 or head[0] >> 4 != 4:
        return None
    size, proto = 4 * (head[0] & 15), head[9]
    source, destination = struct.unpack_from(">II", head, 12)
    first = not struct.unpack_from(">H", head, 6)[0] & 0x1FFF
    return source, destination, *(_ports(head, size, proto) if first else (0, 0)), proto


SKIPPED = frozenset({0, 43, 60, 135, 139, 140})
"""Extension headers with a length in units of eight bytes."""
FRAGMENT, AUTHENTICATION = 44, 51


def _five_tuple_v6(link: int, frame: bytes) -> tuple[int, ...] | None:
    head = _payload(link, frame, IP6)
    if head is None or len(head) < 40 or head[0] >> 4 != 6:
        return None
    at, proto, first = 40, head[6], True
    while proto in SKIPPED | {FRAGMENT, AUTHENTICATION} and at + 8 <= len(head):
        if proto == FRAGMENT:
            first = first and not struct.unpack_from(">H", head, at + 2)[0] & 0xFFF8
            size = 8
        else:
            size = 4 * (head[at + 1] + 2) if proto == AUTHENTICATION else 8 * (head[at + 1] + 1)
        proto, at = head[at], at + size
    return *struct.unpack_from(">8I", head, 8), *(_ports(head, at, proto) if first else (0, 0)), proto


def _ports(head: bytes, at: int, proto: int) -> tuple[int, int]:
    if proto not in PORTS or len(head) < at + 4:
        return 0, 0
    source, destination = struct.unpack_from(">HH", head, at)
    return source, destination
