"""Decoding of registry data by type."""

from __future__ import annotations

from powerdown.disk.registry_snapshot import (
    REG_DWORD,
    REG_DWORD_BIG_ENDIAN,
    REG_EXPAND_SZ,
    REG_LINK,
    REG_MULTI_SZ,
    REG_QWORD,
    REG_SZ,
    ValueData,
)

_ENCODING = "utf-16-le"
_INTEGERS = {REG_DWORD: (4, "little"), REG_DWORD_BIG_ENDIAN: (4, "big"), REG_QWORD: (8, "little")}
"""Size in bytes, and byte order."""


def decode_data(type: int, raw: bytes) -> ValueData:
    """The data of a value.

    Windows does not check data against the type, so it may be anything; data that does not fit is
    returned as bytes. Strings end at the first NUL, as for every program that reads them.
    """
    if type in _INTEGERS:
        length, order = _INTEGERS[type]
        if len(raw) != length:
            return raw
        return int.from_bytes(raw, "big" if order == "big" else "little")
    if type in (REG_SZ, REG_EXPAND_SZ, REG_LINK):
        text = _text(raw)
        return raw if text is None else text.partition("\0")[0]
    if type == REG_MULTI_SZ:
        text = _text(raw)
        return raw if text is None else _texts(text)
    return raw


def _text(raw: bytes) -> str | None:
    """Decode UTF-16; lone surrogates, which Windows allows, are replaced."""
    return None if len(raw) % 2 else raw.decode(_ENCODING, "replace")


def _texts(text: str) -> tuple[str, ...]:
    """The strings of a list, including empty ones: files to be renamed are stored in pairs."""
    # The terminator of the list, and then of the last string.
    text = text.removesuffix("\0")
    parts = text.removesuffix("\0").split("\0")
    return tuple(parts) if any(parts) else ()
