"""Registry hives laid out byte by byte, with what hivex cannot write.

Other tests make hives with hivex. It only appends, so its hives have no list of lists of subkeys,
no value in segments, one security descriptor, and free space behind the last cell. This builder
follows the description of the format (msuhanov/regf, "Windows registry file format
specification") and uses nothing of the package under test.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from itertools import islice

PAGE = 4096
_NOWHERE = 0xFFFFFFFF
_BIN_HEADER = 32
_INLINE = 0x80000000
_LONGEST_CELL_OF_DATA = 16_344
"""Bytes of a value's data in one cell; longer data is in segments (version 1.4 and later)."""
_LONGEST_LIST = 507
"""Keys in a list of subkeys; more are in several lists."""
_LAST_WRITTEN = 131_000_000_000_000_000
"""A FILETIME."""
_WIDTH = {b"lh": 8, b"lf": 8, b"li": 4}
_NODE = struct.Struct("<2sHQIIIIIIIIIIIIIIIHH")
_LIST_AT, _VALUES_AT = 28, 40


@dataclass
class Key:
    """A key to be written.

    :ivar values: type and raw data by name, in the order written; "" is the default value.
    :ivar listing: kind of the list of its subkeys: ``lh``, or ``lf`` and ``li`` of older releases.
    :ivar security: number of the security descriptor.
    :ivar deleted: its cells, and those of everything below, are free, and still hold what they did.
    """

    values: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    subkeys: dict[str, Key] = field(default_factory=dict)
    class_name: str = ""
    listing: bytes = b"lh"
    security: int = 0
    deleted: bool = False

    def at(self, path: str) -> Key:
        """The key at a path below this one, made where there is none."""
        key = self
        for name in path.split("\\"):
            key = key.subkeys.setdefault(name, Key())
        return key

    def contents(self) -> dict[tuple[str, ...], dict[str, tuple[int, bytes]]]:
        """Values by path, of this key and those below that are not deleted: what readers find."""
        found: dict[tuple[str, ...], dict[str, tuple[int, bytes]]] = {}
        waiting: list[tuple[tuple[str, ...], Key]] = [((), self)]
        while waiting:
            path, key = waiting.pop()
            found[path] = dict(key.values)
            waiting += [((*path, n), k) for n, k in key.subkeys.items() if not k.deleted]
        return found


def hive_of(root: Key, name: str) -> bytes:
    """A clean hive of version 1.5, as Windows 10 has them, whose bins fill the file.

    :param name: for the base block.
    """
    return _Writer(root).whole(name)


def folded(name: str) -> str:
    """A name as names are compared: in upper case, character by character."""
    return "".join(c.upper() if len(c.upper()) == 1 else c for c in name)


class _Writer:
    """Puts cells into bins one after another. Offsets are those in a hive: from the first bin."""

    def __init__(self, root: Key) -> None:
        self._root = root
        self._bins = bytearray()
        self._at = self._end = 0
        self._starts: list[int] = []
        self._free: list[int] = []
        self._deleted = False
        self._security: dict[int, tuple[int, int]] = {}

    def whole(self, name: str) -> bytes:
        node = self._key(self._root, "ROOT", _NOWHERE)
        self._link_security()
        self._close()
        for cell in self._free:
            (size,) = struct.unpack_from("<i", self._bins, cell)
            struct.pack_into("<i", self._bins, cell, abs(size))
        self._merge()
        base = bytearray(PAGE)
        struct.pack_into(
            "<4sIIQIIIIIII",
            *(base, 0, b"regf", 7, 7, _LAST_WRITTEN, 1, 5, 0, 1, node, len(self._bins), 1),
        )
        base[48:112] = name.encode("utf-16-le").ljust(64, b"\0")
        checksum = 0
        for (word,) in struct.iter_unpack("<I", base[:508]):
            checksum ^= word
        struct.pack_into("<I", base, 508, checksum)
        return bytes(base + self._bins)

    # Keys and values

    def _key(self, key: Key, name: str, parent: int) -> int:
        """Write a key and everything below; where its node is."""
        is_root = parent == _NOWHERE
        outer, self._deleted = self._deleted, self._deleted or key.deleted
        stored, narrow = _name(name)
        node = self._cell(bytes(_NODE.size) + stored)
        values = [self._value(n, kind, data) for n, (kind, data) in key.values.items()]
        value_list = self._cell(struct.pack(f"<{len(values)}I", *values)) if values else _NOWHERE
        class_name = key.class_name.encode("utf-16-le")
        class_at = self._cell(class_name) if class_name else _NOWHERE
        below = sorted(key.subkeys.items(), key=lambda item: folded(item[0]))
        nodes = [(self._key(k, n, node), n, k.deleted) for n, k in below]
        linked = [(at, n) for at, n, deleted in nodes if not deleted or self._deleted]
        subkey_list = self._subkeys(key.listing, linked)
        # A deleted key's descriptor has lost its reference.
        security = _NOWHERE if self._deleted else self._security_of(key.security)
        _NODE.pack_into(
            self._bins,
            node + 4,
            *(b"nk", (0x2C if is_root else 0) | (0x20 if narrow else 0), _LAST_WRITTEN, 0, parent),
            *(len(linked), 0, subkey_list, _NOWHERE, len(values), value_list, security, class_at),
            max((2 * len(n) for _, n in linked), default=0),
            max((2 * len(k.class_name) for _, k in below), default=0),
            max((2 * len(n) for n in key.values), default=0),
            max((len(data) for _, data in key.values.values()), default=0),
            *(0, len(stored), len(class_name)),
        )
        self._deleted = outer
        return node

    def _value(self, name: str, kind: int, data: bytes) -> int:
        stored, narrow = _name(name)
        size, at = len(data), 0
        if size <= 4:
            size |= _INLINE
            (at,) = struct.unpack("<I", data.ljust(4, b"\0"))
        elif size <= _LONGEST_CELL_OF_DATA:
            at = self._cell(data)
        else:
            # Each in a cell of the same size, the last too (real hives); readers count on it.
            segments = [
                self._cell(
                    data[i : i + _LONGEST_CELL_OF_DATA].ljust(_LONGEST_CELL_OF_DATA + 4, b"\0")
                )
                for i in range(0, size, _LONGEST_CELL_OF_DATA)
            ]
            listed = self._cell(struct.pack(f"<{len(segments)}I", *segments))
            at = self._cell(struct.pack("<2sHI", b"db", len(segments), listed))
        head = struct.pack(
            "<2sHIIIHH", b"vk", len(stored), size, at, kind, narrow and bool(name), 0
        )
        return self._cell(head + stored)

    def _subkeys(self, kind: bytes, keys: list[tuple[int, str]]) -> int:
        if not keys:
            return _NOWHERE
        waiting = iter(keys)
        lists = []
        while part := list(islice(waiting, _LONGEST_LIST)):
            entries = b"".join(struct.pack("<I", at) + _hint(kind, name) for at, name in part)
            lists.append(self._cell(struct.pack("<2sH", kind, len(part)) + entries))
        if len(lists) == 1:
            return lists[0]
        return self._cell(struct.pack(f"<2sH{len(lists)}I", b"ri", len(lists), *lists))

    # Security descriptors

    def _security_of(self, number: int) -> int:
        at, uses = self._security.get(number, (0, 0))
        if not uses:
            descriptor = _descriptor(number)
            head = struct.pack("<2sHIIII", b"sk", 0, 0, 0, 0, len(descriptor))
            at = self._cell(head + descriptor)
        self._security[number] = at, uses + 1
        return at

    def _link_security(self) -> None:
        """All in a ring, each with the number of keys that use it."""
        places = [at for at, _ in self._security.values()]
        for n, (at, uses) in enumerate(self._security.values()):
            after, before = places[(n + 1) % len(places)], places[n - 1]
            struct.pack_into("<III", self._bins, at + 8, after, before, uses)

    # Cells and bins

    def _cell(self, content: bytes) -> int:
        size = -(-(4 + len(content)) // 8) * 8
        if self._end - self._at < size:
            self._close()
            self._open(-(-(size + _BIN_HEADER) // PAGE) * PAGE)
        at = self._at
        struct.pack_into("<i", self._bins, at, -size)
        self._bins[at + 4 : at + 4 + len(content)] = content
        self._at += size
        if self._deleted:
            self._free.append(at)
        return at

    def _open(self, size: int) -> None:
        start = len(self._bins)
        self._bins += struct.pack("<4sIIQQI", b"hbin", start, size, 0, _LAST_WRITTEN, 0)
        self._bins += bytes(size - _BIN_HEADER)
        self._starts.append(start)
        self._at, self._end = start + _BIN_HEADER, start + size

    def _close(self) -> None:
        """What is left of a bin is one free cell."""
        if self._at < self._end:
            struct.pack_into("<i", self._bins, self._at, self._end - self._at)

    def _merge(self) -> None:
        """Free cells that lie together are one, as Windows leaves them."""
        for start, end in zip(self._starts, [*self._starts[1:], len(self._bins)], strict=True):
            at, free = start + _BIN_HEADER, None
            while at < end:
                (size,) = struct.unpack_from("<i", self._bins, at)
                if size < 0:
                    free = None
                elif free is None:
                    free = at
                else:
                    struct.pack_into("<i", self._bins, free, at + size - free)
                at += abs(size)


def _name(name: str) -> tuple[bytes, bool]:
    """A name as it is stored, and whether with one byte a character."""
    try:
        return name.encode("latin-1"), True
    except UnicodeEncodeError:
        return name.encode("utf-16-le"), False


def _hint(kind: bytes, name: str) -> bytes:
    """What lists have beside each key: a hash of its name, or how the name begins."""
    if _WIDTH[kind] == 4:
        return b""
    if kind == b"lf":
        stored, narrow = _name(name[:4])
        return stored.ljust(4, b"\0") if narrow else bytes(4)
    value = 0
    for (unit,) in struct.iter_unpack("<H", folded(name).encode("utf-16-le")):
        value = (37 * value + unit) & 0xFFFFFFFF
    return struct.pack("<I", value)


def _descriptor(number: int) -> bytes:
    """A security descriptor: full control for SYSTEM, and something else for Administrators."""
    system = b"\1\1" + (5).to_bytes(6, "big") + struct.pack("<I", 18)
    administrators = b"\1\2" + (5).to_bytes(6, "big") + struct.pack("<II", 32, 544)
    rights = ((system, 0xF003F), (administrators, 0x20019 + number))
    entries = b"".join(struct.pack("<BBHI", 0, 2, 8 + len(sid), mask) + sid for sid, mask in rights)
    acl = struct.pack("<BBHHH", 2, 0, 8 + len(entries), len(rights), 0) + entries
    owner, group = 20, 20 + len(administrators)
    head = struct.pack("<BBHIIII", 1, 0, 0x8004, owner, group, 0, group + len(system))
    return head + administrators + system + acl
