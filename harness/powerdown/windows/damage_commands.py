"""Command lines that damage a guest in a known way, and what repairs it.

``fact:`` and ``learn`` sources are explained in :mod:`commands`.
"""

from __future__ import annotations

from collections.abc import Iterable

from powerdown.windows.commands import append_line

ADMINISTRATORS = "*S-1-5-32-544"
BACKUP_OPERATORS = "*S-1-5-32-551"
"""Who may shut a server down (fact:shutdown-right), as secedit names them (learn: Well-known
SIDs)."""

SHUT_DOWN_SOON = "shutdown /s /t 5"
"""Shut down with a countdown, which a process with the right to may abort (learn: shutdown).

With a countdown applications are forced (fact:shutdown-exe-force).
"""

KILL_LSASS = "taskkill /f /im lsass.exe"
"""End the security authority; Windows then announces a restart within a minute (wininit's User32
1074; Wininit 1015 in the Application log). Refused where lsass runs protected (learn: Configuring
additional LSA protection), which newer releases do by default.
"""

FREE_SPACE = "fsutil volume diskfree C:"
"""Prints free bytes first, localised, with or without digit grouping (learn: fsutil volume)."""


def set_shutdown_right(accounts: Iterable[str], directory: str) -> tuple[str, ...]:
    """Give the right "Shut down the system" to these accounts and nobody else; to nobody if empty.

    A security template sets SeShutdownPrivilege and secedit applies it (learn: secedit configure;
    MS-GPSB 2.2, Privilege Rights). In effect for who logs on afterwards: a shell that is open
    keeps its token, so the control channel has to open a new one.

    :param directory: an existing one for the template and its database.
    """
    template, database = rf"{directory}\rights.inf", rf"{directory}\rights.sdb"
    lines = (
        "[Unicode]",
        "Unicode=yes",
        "[Version]",
        'signature="$CHICAGO$"',
        # cmd.exe would take a digit directly before >> for a handle: the blank keeps them apart.
        "Revision=1 ",
        "[Privilege Rights]",
        f"SeShutdownPrivilege = {','.join(accounts)} ",
    )
    return (
        f'if exist "{template}" del /f /q "{template}"',
        *(append_line(line, template) for line in lines),
        f'secedit /configure /db "{database}" /cfg "{template}" /overwrite /areas USER_RIGHTS '
        "/quiet",
    )


def fill_disk(path: str, size: int) -> str:
    """Create a file of this many bytes, whose space is taken at once (learn: fsutil file)."""
    return f'fsutil file createnew "{path}" {size}'


def parse_free_bytes(printed: str) -> int:
    """The number of free bytes that :data:`FREE_SPACE` printed.

    :raise ValueError: its first line has no number.

    >>> parse_free_bytes("Total # of free bytes        : 27218976768")
    27218976768
    >>> parse_free_bytes("Total free bytes  :  8,221,544,448 (  7.7 GB)")
    8221544448
    """
    first = next((line for line in printed.splitlines() if ":" in line), "")
    number = first.partition(":")[2].partition("(")[0]
    return int("".join(character for character in number if character.isdecimal()))
