"""What a guest says, made fit for a terminal: it may be hostile."""

from __future__ import annotations

import unicodedata

_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Unicode's categories of characters that draw nothing and may do something: control characters,
changes of direction, halves of surrogates, and what is not assigned."""


def plain(text: str) -> str:
    r"""``text`` on one line, with every character that is not shown as itself escaped.

    >>> plain("evil\x1b[2J name")
    'evil\\x1b[2J name'
    """
    return "".join(
        ascii(character)[1:-1] if unicodedata.category(character) in _HIDDEN else character
        for character in text
    )
