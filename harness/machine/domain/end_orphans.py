"""Run as a program of its own: ends the domains it was told of when its input ends.

Needs nothing of the harness, so that it starts at once. Arguments: libvirt's URI, or nothing for
domains that are ended by their process id alone. Lines of input: ``+ UUID PID`` and ``- UUID 0``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path


def main() -> None:
    """Read lines to their end, then end what is left."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    uri = sys.argv[1]
    watched: dict[str, tuple[int, str]] = {}
    for line in sys.stdin:
        sign, uuid, pid = line.split()
        if sign == "-":
            watched.pop(uuid, None)
        else:
            watched[uuid] = (int(pid), _started(int(pid)))
    if not watched:
        return
    if uri:
        _destroy(uri, watched)
    else:
        for pid, started in watched.values():
            _kill(pid, started)


def _destroy(uri: str, uuids: dict[str, tuple[int, str]]) -> None:
    import libvirt

    libvirt.registerErrorHandler(lambda context, error: None, None)
    connection = libvirt.open(uri)
    for uuid in uuids:
        with contextlib.suppress(libvirt.libvirtError):
            connection.lookupByUUIDString(uuid).destroy()


def _kill(pid: int, started: str) -> None:
    # The number may have been given to another process since.
    if pid and started and _started(pid) == started:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _started(pid: int) -> str:
    """When a process began, in the kernel's words (man 5 proc, stat, field 22)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


if __name__ == "__main__":
    main()
