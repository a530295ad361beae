"""All keys and values of a registry hive, by readers that are not the project's."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import hivex
import pyregf

Contents = dict[tuple[str, ...], dict[str, tuple[int, bytes]]]
"""Type and raw data of values, by the path of their key and their name."""


def contents_by_pyregf(data: bytes) -> Contents:
    """All keys and values as pyregf has them."""
    file = pyregf.file()
    file.open_file_object(io.BytesIO(data))
    found: Contents = {}
    waiting: list[tuple[tuple[str, ...], Any]] = [((), file.get_root_key())]
    while waiting:
        path, key = waiting.pop()
        values = (key.get_value(i) for i in range(key.number_of_values))
        found[path] = {v.name or "": (v.type, v.data or b"") for v in values}
        subkeys = (key.get_sub_key(i) for i in range(key.number_of_sub_keys))
        waiting += [((*path, subkey.name), subkey) for subkey in subkeys]
    return found


def contents_by_hivex(file: Path) -> Contents:
    """All keys and values as hivex has them."""
    hive = hivex.Hivex(str(file))
    found: Contents = {}
    waiting: list[tuple[tuple[str, ...], int]] = [((), hive.root())]
    while waiting:
        path, node = waiting.pop()
        values = hive.node_values(node)
        found[path] = {hive.value_key(value): hive.value_value(value) for value in values}
        waiting += [((*path, hive.node_name(n)), n) for n in hive.node_children(node)]
    return found


def without_short(keys: Contents) -> Contents:
    """Without the data of values of one to three bytes, which pyregf misreads where it stands in
    the value itself."""
    return {
        path: {
            name: (kind, b"" if len(content) < 4 else content)
            for name, (kind, content) in values.items()
        }
        for path, values in keys.items()
    }
