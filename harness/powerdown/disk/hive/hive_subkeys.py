"""Lists of a key's subkeys in a registry hive, in Windows' order.

Layout: msuhanov/regf, "Windows registry file format specification".
"""

from __future__ import annotations

import struct

from powerdown.core.errors import DiskError
from powerdown.disk.hive.hive_cells import NOWHERE, HiveCells, damaged
from powerdown.disk.hive.hive_names import decode_name, encode_name, folded

_FLAGS_AT, _SUBKEYS_AT, _LIST_AT, _KEY_NAME_LENGTH_AT, _KEY_NAME_AT = 2, 20, 28, 72, 76
"""Offsets in a key node: flags, number of subkeys, their list, length of its name, its name."""
_KEY_NARROW = 0x0020

_LEAF_ENTRY = {b"li": 4, b"lf": 8, b"lh": 8}
"""Bytes per entry in lists of subkeys."""
_MOST_IN_LEAF = 1012
"""The most entries of a list before Windows splits it."""


class SubkeyLists:
    """The lists of subkeys of a hive that is being changed.

    Every call raises :class:`DiskError` if the hive is damaged or full.
    """

    def __init__(self, cells: HiveCells) -> None:
        self._cells = cells

    def children(self, key: int) -> list[int]:
        """The subkeys of a key."""
        self._cells.check(key, b"nk")
        if self._cells.number(key, _SUBKEYS_AT) == 0:
            return []
        return [child for leaf in self._leaves(key) for child, _ in self._entries(leaf)]

    def name(self, key: int) -> str:
        """A key's name."""
        self._cells.check(key, b"nk")
        (length,) = struct.unpack("<H", self._cells.read(key, _KEY_NAME_LENGTH_AT, 2))
        (flags,) = struct.unpack("<H", self._cells.read(key, _FLAGS_AT, 2))
        return decode_name(
            self._cells.read(key, _KEY_NAME_AT, length), narrow=bool(flags & _KEY_NARROW)
        )

    def link(self, parent: int, key: int, name: str) -> None:
        """Insert a key into its parent's list, which is sorted by the upper case of names."""
        count = self._cells.number(parent, _SUBKEYS_AT)
        if count == 0:
            signature = b"lh" if self._cells.minor_version > 4 else b"lf"
            leaf = self._cells.allocate(_leaf(signature, [(key, _hint(signature, name))]))
            self._cells.set_number(parent, _LIST_AT, leaf)
        else:
            leaf = self._leaf_for(parent, folded(name))
            signature, _ = self._list_head(leaf)
            entries = self._entries(leaf)
            if len(entries) >= _MOST_IN_LEAF:
                raise _full(len(entries))
            at = sum(folded(self.name(each)) < folded(name) for each, _ in entries)
            entries.insert(at, (key, _hint(signature, name)))
            self._rewrite(parent, leaf, _leaf(signature, entries))
        self._cells.set_number(parent, _SUBKEYS_AT, count + 1)

    def unlink(self, parent: int, key: int) -> None:
        """Remove a key from its parent's list."""
        for leaf in self._leaves(parent):
            signature, _ = self._list_head(leaf)
            entries = self._entries(leaf)
            left = [(each, hint) for each, hint in entries if each != key]
            if len(left) == len(entries):
                continue
            if left:
                self._rewrite(parent, leaf, _leaf(signature, left))
            else:
                self._drop_leaf(parent, leaf)
            self._cells.set_number(
                parent,
                _SUBKEYS_AT,
                self._cells.number(parent, _SUBKEYS_AT) + len(left) - len(entries),
            )
            return
        raise damaged("a key is not in its parent's list")

    def free(self, key: int) -> None:
        """Free the lists of a key, but not the keys in them."""
        if self._cells.number(key, _SUBKEYS_AT) == 0:
            return
        top = self._cells.number(key, _LIST_AT)
        for leaf in self._leaves(key):
            if leaf != top:
                self._cells.free(leaf)
        self._cells.free(top)

    def _leaves(self, key: int) -> list[int]:
        top = self._cells.number(key, _LIST_AT)
        signature, count = self._list_head(top)
        if signature != b"ri":
            return [top]
        return list(struct.unpack(f"<{count}I", self._cells.read(top, 4, 4 * count)))

    def _entries(self, leaf: int) -> list[tuple[int, bytes]]:
        """The keys of a list, with the hint beside each."""
        signature, count = self._list_head(leaf)
        width = _LEAF_ENTRY.get(signature)
        if width is None:
            raise damaged(f"there is no list of keys at {leaf:#x}")
        content = self._cells.read(leaf, 4, count * width)
        pieces = (content[at : at + width] for at in range(0, len(content), width))
        return [(struct.unpack_from("<I", piece)[0], piece[4:]) for piece in pieces]

    def _list_head(self, cell: int) -> tuple[bytes, int]:
        signature, count = struct.unpack("<2sH", self._cells.read(cell, 0, 4))
        return signature, count

    def _leaf_for(self, parent: int, name: str) -> int:
        """The first list whose last key sorts after ``name``, otherwise the last list."""
        leaves = self._leaves(parent)
        for leaf in leaves:
            entries = self._entries(leaf)
            if entries and name < folded(self.name(entries[-1][0])):
                return leaf
        if not leaves:
            raise damaged("a list of lists of keys is empty")
        return leaves[-1]

    def _rewrite(self, parent: int, leaf: int, content: bytes) -> None:
        """Replace a list, moving it if it no longer fits its cell."""
        if len(content) <= self._cells.capacity(leaf):
            self._cells.write(leaf, content)
            return
        moved = self._cells.allocate(content)
        self._replace_leaf(parent, leaf, moved)
        self._cells.free(leaf)

    def _replace_leaf(self, parent: int, leaf: int, moved: int) -> None:
        top = self._cells.number(parent, _LIST_AT)
        if top == leaf:
            self._cells.set_number(parent, _LIST_AT, moved)
            return
        leaves = [moved if each == leaf else each for each in self._leaves(parent)]
        self._cells.write(top, struct.pack(f"<{len(leaves)}I", *leaves), 4)

    def _drop_leaf(self, parent: int, leaf: int) -> None:
        top = self._cells.number(parent, _LIST_AT)
        left = [each for each in self._leaves(parent) if each != leaf] if top != leaf else []
        if left:
            self._cells.write(top, struct.pack(f"<2sH{len(left)}I", b"ri", len(left), *left))
        else:
            if top != leaf:
                self._cells.free(top)
            self._cells.set_number(parent, _LIST_AT, NOWHERE)
        self._cells.free(leaf)


def _leaf(signature: bytes, entries: list[tuple[int, bytes]]) -> bytes:
    content = b"".join(struct.pack("<I", key) + beside for key, beside in entries)
    return struct.pack("<2sH", signature, len(entries)) + content


def _hint(signature: bytes, name: str) -> bytes:
    """The hint beside a key in a list of this kind."""
    if signature == b"lh":
        value = 0
        units = folded(name).encode("utf-16-le", errors="surrogatepass")
        for (unit,) in struct.iter_unpack("<H", units):
            value = (37 * value + unit) & 0xFFFFFFFF
        return struct.pack("<I", value)
    if signature == b"lf":
        first, narrow = encode_name(name[:4])
        # Without a first byte there is no hint, and names are compared (ReactOS: CmpAddToLeaf in
        # ntoskrnl/config/cmindex.c).
        return first.ljust(4, b"\0") if narrow else bytes(4)
    return b""


def _full(keys: int) -> DiskError:
    return DiskError(
        "create a key in a registry hive",
        f"its parent's list has {keys} keys already",
        "Inject online.",
    )
