"""What is to be read of a disk."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KeyRequest:
    r"""A registry key that is wanted.

    :param path: as online, see :mod:`registry_snapshot`; ``HKU\*\...`` is asked of
        every user's profile.
    :param depth: how many levels of subkeys are wanted too.
    :param values: names of the values that are wanted, without regard to case; ``None``: all.
    """

    path: str
    depth: int = 0
    values: tuple[str, ...] | None = None


@dataclass(frozen=True)
class DiskRequest:
    r"""What is to be read of a disk with Windows on it.

    :param keys: registry keys. One that is wanted twice is read with the values of both requests.
    :param system_log: whether the System event log is wanted.
    :param log_after: only records with a larger ``EventRecordID``.
    :param files: paths of files on the system volume whose size is wanted, as
        ``Windows\WinSxS\pending.xml``.
    """

    keys: tuple[KeyRequest, ...] = ()
    system_log: bool = False
    log_after: int = 0
    files: tuple[str, ...] = ()
