"""Detects the moment at which a guest's agent goes away: QEMU reports when its port is closed.

The agent is a service and stops with the services; then Windows' driver tells QEMU that nobody has
the port open any more (virtio-win: vioserial/sys/Port.c; qemu:qapi/char.json, VSERPORT_CHANGE).
QEMU tells of a port once a second at most, and of its latest change last (qemu:monitor/monitor.c):
less than a second after the port was opened, as just after a restore, the news may be late or never
come.
"""

from __future__ import annotations

from powerdown.machine.events import EventStream, HostEvent
from powerdown.machine.qemu.command_line import AGENT_PORT_ID
from powerdown.shutdown.observation import CONTROL_BACK, CONTROL_CLOSED


class PortWatch:
    """Records :data:`CONTROL_CLOSED` and :data:`CONTROL_BACK` in ``events``, from what QEMU tells.

    :param events: of the machine.
    :param port: QEMU's id of the agent's port.
    """

    def __init__(self, events: EventStream, port: str = AGENT_PORT_ID) -> None:
        self._events = events
        self._port = port
        self._closed = False

    def __enter__(self) -> PortWatch:
        self._events.subscribe(self._hear)
        return self

    def __exit__(self, *exception: object) -> None:
        self._events.unsubscribe(self._hear)

    def _hear(self, event: HostEvent) -> None:
        if event.name != "VSERPORT_CHANGE" or event.data.get("id") != self._port:
            return
        is_open = event.data.get("open") is True
        if is_open == self._closed:
            self._closed = not is_open
            self._events.append(HostEvent(event.at, CONTROL_BACK if is_open else CONTROL_CLOSED))
