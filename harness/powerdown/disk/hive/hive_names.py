"""Names in a registry hive: how they are stored, and how Windows compares them.

Layout: msuhanov/regf, "Windows registry file format specification".
"""

from __future__ import annotations


def folded(name: str) -> str:
    """As Windows compares names: upper case, each character remaining one character."""
    return "".join(c.upper() if len(c.upper()) == 1 else c for c in name)


def encode_name(name: str) -> tuple[bytes, bool]:
    """A name as it is stored, and whether in one byte per character.

    Of an empty one, of a default value, that is not said (hivex: ``ntreg_vk_record``).
    """
    if not name:
        return b"", False
    try:
        return name.encode("latin-1"), True
    except UnicodeEncodeError:
        return name.encode("utf-16-le", errors="surrogatepass"), False


def decode_name(name: bytes, *, narrow: bool) -> str:
    """A name that is stored so."""
    return name.decode("latin-1") if narrow else name.decode("utf-16-le", errors="replace")
