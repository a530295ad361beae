"""Run as a program of its own: ends the domains it was told of when its input ends.

Needs nothing of the harness, so that it starts at once. Arguments: libvirt's URI, or nothing for
domains of a libvirt that is gone; a path that is on the command line of our QEMUs, or nothing.
Lines of input: ``+ UUID`` and ``- UUID``.

libvirt is asked first. Whoever of them still runs on this host then, because libvirt is gone or
does not answer, is found by the UUID that libvirt gives every QEMU, and killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

_LIBVIRT_SECONDS = 10.0
"""For libvirt, which waits without a limit."""

_BETWEEN_SECONDS = 0.5
_ROUNDS = 3
"""libvirt may be just about to start what it was asked for."""


def main() -> None:
    """Read lines to their end, then end what is left."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    uri, mark = sys.argv[1:3]
    watched: dict[str, None] = {}
    for line in sys.stdin:
        sign, uuid = line.split()
        if sign == "-":
            watched.pop(uuid, None)
        else:
            watched[uuid] = None
    if watched:
        _end(uri, mark.encode(), watched)
    # Without waiting for a libvirt that hangs.
    os._exit(0)


def _end(uri: str, mark: bytes, uuids: Iterable[str]) -> None:
    pause = threading.Event()
    for _ in range(_ROUNDS):
        if uri:
            asked = threading.Thread(target=_destroy, args=(uri, uuids), daemon=True)
            asked.start()
            asked.join(_LIBVIRT_SECONDS)
        for uuid in uuids:
            for qemu in _qemus(uuid, mark):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(qemu, signal.SIGKILL)
        pause.wait(_BETWEEN_SECONDS)


def _destroy(uri: str, uuids: Iterable[str]) -> None:
    import libvirt

    libvirt.registerErrorHandler(lambda context, error: None, None)
    with contextlib.suppress(libvirt.libvirtError):
        connection = libvirt.open(uri)
        for uuid in uuids:
            with contextlib.suppress(libvirt.libvirtError):
                connection.lookupByUUIDString(uuid).destroy()


def _qemus(uuid: str, mark: bytes) -> Iterator[int]:
    """Processes with ``-uuid UUID`` and the mark on their command line."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            command = (process / "cmdline").read_bytes()
            words = command.split(b"\0")
            if words[words.index(b"-uuid") + 1] == uuid.encode() and mark in command:
                yield int(process.name)


if __name__ == "__main__":
    main()
