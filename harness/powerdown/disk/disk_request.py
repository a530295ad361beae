"""Requests for data on a disk."""

from __future__ import annotations

from dataclasses import dataclass

from powerdown.windows.settings.key_request import KeyRequest


@dataclass(frozen=True)
class DiskRequest:
    r"""A request for data on a disk with Windows on it.

    :param keys: registry keys. If a key is requested twice, the values of both requests are read.
    :param system_log: whether to read the System event log.
    :param log_after: read only records with a larger ``EventRecordID``.
    :param files: paths of files on the system volume whose size to read, such as
        ``Windows\System32\config\SYSTEM``.
    """

    keys: tuple[KeyRequest, ...] = ()
    system_log: bool = False
    log_after: int = 0
    files: tuple[str, ...] = ()
