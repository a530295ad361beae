"""Marvin32, the hash of entries in a registry log.

The function: .NET's ``System.Marvin`` (dotnet/runtime, MIT). The seed: Maxim Suhanov, "Windows
registry file format specification", "Log entries".
"""

from __future__ import annotations

import struct

_SEED_LOW, _SEED_HIGH = 0x7A4E55C5, 0x82EF4D88
_MASK = 0xFFFFFFFF
_PADDING = 0x80


def marvin32(data: bytes) -> int:
    """The 64-bit hash of ``data``, which Windows stores as two little-endian words."""
    whole = len(data) // 4 * 4
    rest = data[whole:] + bytes([_PADDING])
    words: list[int] = [word for (word,) in struct.iter_unpack("<I", data[:whole])]
    words += [int.from_bytes(rest, "little"), 0]
    low, high = _SEED_LOW, _SEED_HIGH
    for word in words:
        low = (low + word) & _MASK
        high ^= low
        low = ((low << 20 | low >> 12) + high) & _MASK
        high = (high << 9 | high >> 23) & _MASK ^ low
        low = ((low << 27 | low >> 5) + high) & _MASK
        high = (high << 19 | high >> 13) & _MASK
    return high << 32 | low
