"""Reaching libvirt, or being told in bounded time why not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import HostError, MachineError
from powerdown.machine.libvirt import connection as module
from powerdown.machine.libvirt.connection import Connection
from tests.support.boot_sector import HUNG
from tests.support.libvirt_daemon import Daemon
from tests.support.libvirt_lab import Lab
from tests.support.processes import stopped
from tests.support.real_qemu import armed

CONNECT = """
import sys
from powerdown.core.errors import HostError
from powerdown.machine.libvirt.connection import Connection
try:
    Connection(sys.argv[1])
except HostError as error:
    print(error)
"""


def test_nobody_answers(tmp_path: Path) -> None:
    uri = f"qemu+unix:///session?socket={tmp_path}/absent"
    with pytest.raises(HostError, match=r"connect to libvirt at qemu\+unix.*absent.*virsh"):
        Connection(uri)


@pytest.mark.parametrize(
    "uri",
    [
        # Nobody listens on port 1.
        "qemu+ssh://nobody@127.0.0.1:1/system?no_verify=1",
        "qemu+tcp://127.0.0.1:1/system",
        "qemu+ssh://nobody@127.0.0.1:1/system?command=/absent/ssh",
        "no-such-driver:///system",
        "://",
        "qemu+unix:///session?mode=nonsense",
    ],
)
def test_what_cannot_be_reached_says_so_in_time(uri: str) -> None:
    begun = now()
    with pytest.raises(HostError, match="connect to libvirt at"):
        Connection(uri)
    assert now() - begun < 10


def test_who_hangs_is_not_waited_for(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_OPEN_SECONDS", 0.5)
    begun = now()
    with stopped(daemon.pid), pytest.raises(HostError, match=r"there was no answer within"):
        Connection(daemon.uri)
    assert now() - begun < 5


def test_no_permission(daemon: Daemon) -> None:
    mode = daemon.socket.stat().st_mode
    daemon.socket.chmod(0)
    # Root may do everything, unless it has put that down.
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"]
    command = [*(powerless if os.geteuid() == 0 else []), sys.executable, "-c", CONNECT, daemon.uri]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    finally:
        daemon.socket.chmod(mode)
    assert "access is denied" in ended.stdout
    assert "Permission denied" in ended.stdout
    assert "Join the group libvirt" in ended.stdout
    assert ended.stderr == ""


def test_who_is_here_and_who_is_far(daemon: Daemon) -> None:
    connection = Connection(daemon.uri)
    assert not connection.is_remote
    connection.uri = "qemu+ssh://host/system"
    assert connection.is_remote
    connection.close()
    connection.close()


@pytest.mark.guest
def test_a_daemon_that_hangs_keeps_nobody_waiting(
    on_daemon: Lab, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CLOSE_SECONDS", 0.5)
    machine = on_daemon.boot(HUNG)
    armed(machine)
    connection = Connection(daemon.uri)
    begun = now()
    with stopped(daemon.pid):
        with pytest.raises(MachineError, match=r"did not answer within 0\.5 s"):
            machine._qmp.execute("query-status", None, Deadline.after(0.5))
        connection.close()
        assert now() - begun < 4
    armed(machine)
