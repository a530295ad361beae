"""Serial output is kept as it comes, up to a limit."""

from __future__ import annotations

import socket
from pathlib import Path

from powerdown.machine.qemu.serial_log import SerialLog


def test_everything_up_to_the_limit_is_kept(tmp_path: Path) -> None:
    ours, guest = socket.socketpair()
    log = SerialLog(ours, tmp_path / "serial.log", most_bytes=100_000)
    for _ in range(100):
        guest.sendall(b"0123456789" * 200)
    guest.close()
    log.drain()
    assert (tmp_path / "serial.log").read_bytes() == b"0123456789" * 10_000
    log.close()
    log.close()


def test_closing_does_not_wait_for_the_guest(tmp_path: Path) -> None:
    ours, guest = socket.socketpair()
    log = SerialLog(ours, tmp_path / "serial.log")
    guest.sendall(b"hello")
    log.close()
    assert (tmp_path / "serial.log").read_bytes() in (b"", b"hello")
    guest.close()
