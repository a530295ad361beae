"""Where a foreign QEMU has its guest agent's socket."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.core.deadline import Deadline
from powerdown.machine.external.agent_socket_path import agent_chardev, find_agent_socket

# As QEMU 7.2 prints it.
TREE = (
    "            bus: virtio-serial-bus.0\r\n"
    "              type virtio-serial-bus\r\n"
    '              dev: virtserialport, id "spice"\r\n'
    '                chardev = "vdagent"\r\n'
    "                nr = 1 (0x1)\r\n"
    '                name = "com.redhat.spice.0"\r\n'
    "                port 1, guest off, host off, throttle off\r\n"
    '              dev: virtserialport, id ""\r\n'
    '                chardev = "ga0"\r\n'
    "                nr = 2 (0x2)\r\n"
    '                name = "org.qemu.guest_agent.0"\r\n'
    "                port 2, guest off, host off, throttle off\r\n"
    '      dev: PIIX4_PM, id ""\r\n'
)


class Told:
    """A QEMU with this device tree and this file name behind the chardev ``ga0``."""

    def __init__(self, tree: str, filename: object) -> None:
        self._tree = tree
        self._devices = [{"label": "serial0", "filename": "vc"}]
        self._devices.append({"label": "ga0", "filename": filename})  # type: ignore[dict-item]

    def human(self, command_line: str, deadline: Deadline) -> str:
        return self._tree

    def execute(
        self, command: str, arguments: Mapping[str, object] | None, deadline: Deadline
    ) -> object:
        return self._devices


def found(tree: str, filename: object) -> Path | None:
    return find_agent_socket(Told(tree, filename), Deadline.after(1))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "filename",
    [
        "disconnected:unix:/run/a b,c.sock,server=on",
        "unix:/run/a b,c.sock,server=on",
        "unix:/run/a b,c.sock,server",
        "unix:/run/a b,c.sock,server=on <-> unix:",
        "unix:/run/a b,c.sock",
    ],
)
def test_the_socket_behind_the_agents_port(filename: str) -> None:
    assert found(TREE, filename) == Path("/run/a b,c.sock")


@pytest.mark.parametrize("filename", ["vc", "pty:/dev/pts/3", "tcp:127.0.0.1:99,server=on", None])
def test_what_is_no_unix_socket(filename: object) -> None:
    assert found(TREE, filename) is None


def test_no_such_port() -> None:
    assert found(TREE.replace("guest_agent", "other"), "unix:/run/ga") is None
    assert agent_chardev(TREE) == "ga0"


@given(st.text())
def test_garbage_names_nothing(tree: str) -> None:
    assert agent_chardev(tree) is None
