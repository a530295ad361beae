"""A program of its own: ends the domains given on its input when the input ends.

It imports nothing of the harness, so that it starts at once. Arguments: libvirt's URI, or an empty
one for an embedded driver that has ended; a path on the command line of our QEMUs, or an empty one.
Lines of input: ``+ UUID``, ``- UUID``, and ``.`` before an orderly end.

The domains are destroyed through libvirt first. Those that still run on this host, because libvirt
has ended or does not answer, are found by the UUID on the command line of every QEMU, and killed.

An embedded driver that was killed also leaves locks of serial consoles behind, in a directory where
only their owner may remove them: another user's libvirt could not open a console on the same
pseudo-terminal again (libvirt:src/conf/virchrdev.c).
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
"""For libvirt, whose calls have no limit."""

_BETWEEN_SECONDS = 0.5
_ROUNDS = 3
"""libvirt may be about to start a domain it was asked for."""

_CONSOLE_LOCKS = Path("/var/lock")
"""Where libvirt puts them (libvirt:meson_options.txt, chrdev_lock_files)."""
_LONGEST_LOCK_BYTES = 32
"""A process id in digits, padded with spaces (Filesystem Hierarchy Standard, /var/lock)."""


def main() -> None:
    """Read all lines, then end the domains that are left."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    uri, mark = sys.argv[1:3]
    harness = os.getppid()
    watched: dict[str, None] = {}
    orderly = False
    for line in sys.stdin:
        sign, _, uuid = line.strip().partition(" ")
        if sign == ".":
            orderly = True
        elif sign == "-":
            watched.pop(uuid, None)
        else:
            watched[uuid] = None
    if not orderly and not uri:
        # Before its QEMUs release their pseudo-terminals, so that no one finds a stale lock.
        _remove_console_locks(harness)
    if watched:
        _end(uri, mark.encode(), watched)
    # Do not wait for a libvirt that hangs.
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


def _remove_console_locks(owner: int) -> None:
    for lock in _CONSOLE_LOCKS.glob("LCK..*"):
        with contextlib.suppress(OSError, ValueError), lock.open("rb") as file:
            if int(file.read(_LONGEST_LOCK_BYTES)) == owner:
                lock.unlink()


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
