"""Text from guests, disks and other programs, made safe to show and to store: it may be hostile."""

from __future__ import annotations

import unicodedata

_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Unicode categories of characters that draw nothing and may have an effect: control characters,
changes of direction, lone surrogates, line separators, and unassigned code points."""


def printable(text: str) -> str:
    r"""``text`` on one line, with every invisible character escaped: for terminals and reports.

    >>> printable("evil\x1b[2J name")
    'evil\\x1b[2J name'
    """
    return "".join(
        ascii(character)[1:-1] if unicodedata.category(character) in _HIDDEN else character
        for character in text
    )


def one_line(text: str, limit: int | None = None) -> str:
    r"""``text`` as :func:`printable` gives it, with every run of white space as one blank.

    :param limit: the most characters to return.

    >>> one_line("evil\x1b[2J\r\n  name ")
    'evil\\x1b[2J name'
    """
    if limit is not None:
        # No more than this can be shown; the rest may be megabytes.
        text = text[: 4 * limit]
    return printable(" ".join(text.split()))[:limit]


def blanked(text: str, limit: int | None = None) -> str:
    r"""``text`` with a blank in place of every unprintable character, so that columns stay.

    For text that is parsed afterwards, and for short quotations.

    :param limit: the most characters to return.

    >>> blanked("no\x1b[2Jthing")
    'no [2Jthing'
    """
    text = text[:limit]
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def clean(text: str) -> str:
    """``text`` without lone surrogates, which neither UTF-8 nor xdist can carry: for JSON."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
