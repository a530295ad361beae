"""Lines of text that a guest printed, made harmless: a guest can print anything."""

from __future__ import annotations

from collections.abc import Iterator

from powerdown.core.text import blanked

MAX_LINE = 1000
"""Characters kept of a line; no command that is parsed prints longer ones that matter."""


def guest_lines(text: str) -> Iterator[str]:
    """The lines of ``text``, each cut and with blanks in place of what cannot be printed.

    >>> list(guest_lines("a\\r\\n\\x1b[2J"))
    ['a', ' [2J']
    """
    for line in text.split("\n"):
        yield blanked(line[:MAX_LINE].rstrip("\r"))
