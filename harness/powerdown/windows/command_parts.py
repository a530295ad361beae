"""Several commands in one round trip: one ``cmd.exe`` line whose output is taken apart again.

After each command a line tells that it ended, and whether well: a word that is new in every line,
so that nothing a guest has stored can hold it, then ``+`` or ``-`` and the command's name.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MAX_LINE = 8191
"""Longest line cmd.exe takes (learn: Command prompt line string limitation)."""


@dataclass(frozen=True)
class Part:
    """One command of a line.

    :param name: a word.
    :param command: a command line; brackets outside quotes must be balanced, and ``&`` joins what
        belongs to this part.
    """

    name: str
    command: str


@dataclass(frozen=True)
class PartAnswer:
    """What one part printed, its standard error included.

    :param succeeded: whether its exit code was 0; of a part of several commands, the last one's.
    """

    succeeded: bool
    text: str


def new_marker() -> str:
    """A word that no output holds by chance."""
    return f"pd-{secrets.token_hex(8)}"


def join_parts(parts: Iterable[Part], marker: str) -> str:
    """The command line that runs all ``parts`` one after the other.

    (learn: cmd; ``&`` binds loosest, then ``||``, then ``&&``)
    """
    return "&".join(
        f"({part.command}) 2>&1 &&echo {marker} + {part.name}||echo {marker} - {part.name}"
        for part in parts
    )


def split_parts(output: str, marker: str) -> Mapping[str, PartAnswer]:
    """The answer of each part that ended, by name; of a name that comes twice the first."""
    answers: dict[str, PartAnswer] = {}
    begin = 0
    for end in re.finditer(rf"{re.escape(marker)} ([+-]) (\w+)[ \t]*\r?\n?", output):
        text = output[begin : end.start()]
        answers.setdefault(end[2], PartAnswer(end[1] == "+", text))
        begin = end.end()
    return answers
