"""The path of the guest agent's socket, queried from an external QEMU."""

from __future__ import annotations

import re
from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.machine.qmp import Qmp

AGENT_PORT_NAME = "org.qemu.guest_agent.0"
"""The name of the agent's port in the guest (qemu:docs/interop/qemu-ga.rst)."""

_PORT = re.compile(r'dev: virtserialport, id "[^"\r\n]*"\r?\n((?:[ \t]+[\w-]+ = [^\r\n]*\r?\n)*)')
"""A port and its properties in the human monitor's ``info qtree``."""

_PROPERTY = re.compile(r'^[ \t]+([\w-]+) = "([^"\r\n]*)"', re.MULTILINE)
_UNIX = re.compile(r"(?:disconnected:)?unix:(.+?)(?:,server(?:=on)?)?(?: <-> .*)?")
"""A chardev's ``filename`` in ``query-chardev`` (qemu:chardev/char-socket.c)."""


def find_agent_socket(qmp: Qmp, deadline: Deadline) -> Path | None:
    """The UNIX socket of the agent's port; ``None`` where there is none.

    :raise MachineError: QEMU has ended or does not answer.
    """
    label = agent_chardev(qmp.human("info qtree", deadline))
    answer = qmp.execute("query-chardev", None, deadline)
    for device in answer if isinstance(answer, list) else []:
        if isinstance(device, dict) and label is not None and device.get("label") == label:
            found = _UNIX.fullmatch(str(device.get("filename")))
            return None if found is None else Path(found[1])
    return None


def agent_chardev(device_tree: str) -> str | None:
    """The name of the chardev behind the agent's port, in QEMU's ``info qtree``."""
    for port in _PORT.finditer(device_tree):
        properties = dict(_PROPERTY.findall(port[1]))
        if properties.get("name") == AGENT_PORT_NAME:
            return properties.get("chardev") or None
    return None
