"""Requests for data on a disk."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KeyRequest:
    r"""A request for a registry key.

    :param path: as in the running system, see :mod:`registry_snapshot`; ``HKU\*\...`` is read
        from every user's profile.
    :param depth: how many levels of subkeys to read too.
    :param values: names of the values to read, ignoring case; ``None`` for all.
    """

    path: str
    depth: int = 0
    values: tuple[str, ...] | None = None


@dataclass(frozen=True)
class DiskRequest:
    r"""A request for data on a disk with Windows on it.

    :param keys: registry keys. If a key is requested twice, the values of both requests are read.
    :param system_log: whether to read the System event log.
    :param log_after: read only records with a larger ``EventRecordID``.
    :param files: paths of files on the system volume whose size to read, such as
        ``Windows\WinSxS\pending.xml``.
    """

    keys: tuple[KeyRequest, ...] = ()
    system_log: bool = False
    log_after: int = 0
    files: tuple[str, ...] = ()
