"""A QEMU started by hand, as somebody does who has never heard of Powerdown."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.machine.events import EventStream, named
from powerdown.machine.external.qmp_socket import QmpAddress, is_refused

_SECONDS = 30.0


@contextmanager
def qemu_by_hand(
    disk: Path, monitor: Path, *arguments: str, as_user: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """A QEMU with one QMP socket; gone when the block ends.

    :param monitor: where it is.
    :param as_user: a command that starts it as somebody else.
    """
    command = [
        *as_user,
        *("qemu-system-x86_64", "-accel", "tcg", "-display", "none", "-net", "none", "-m", "32"),
        *("-drive", f"file={disk},format=raw,snapshot=on"),
        *("-qmp", f"unix:{monitor},server=on,wait=off", *arguments),
    ]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        wait_for(monitor, process)
        yield process
    finally:
        process.kill()
        process.wait(_SECONDS)


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until somebody listens on a UNIX socket."""
    deadline, nothing = Deadline.after(_SECONDS), EventStream()
    while is_refused(QmpAddress(path), deadline):
        assert process.poll() is None, "QEMU has ended"
        assert not deadline.expired, f"nobody listens on {path}"
        nothing.wait(named(), deadline.at_most(0.01))
