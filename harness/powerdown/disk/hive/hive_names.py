"""Names in a registry hive: how they are stored and how Windows compares them.

Layout: msuhanov/regf, "Windows registry file format specification".
"""

from __future__ import annotations


def folded(name: str) -> str:
    """A name in upper case, in which Windows compares names; each character stays one character."""
    return "".join(c.upper() if len(c.upper()) == 1 else c for c in name)


def encode_name(name: str) -> tuple[bytes, bool]:
    """A name as it is stored, and whether with one byte per character.

    For an empty name, of a default value, the flag is not set (hivex: ``ntreg_vk_record``).
    """
    if not name:
        return b"", False
    try:
        return name.encode("latin-1"), True
    except UnicodeEncodeError:
        return name.encode("utf-16-le", errors="surrogatepass"), False


def decode_name(name: bytes, *, narrow: bool) -> str:
    """Decode a stored name."""
    return name.decode("latin-1") if narrow else name.decode("utf-16-le", errors="replace")
