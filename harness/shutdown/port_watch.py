"""Sees the moment at which a guest's agent goes away: QEMU tells when its port is closed.

The agent is a service and stops with the services; then Windows' driver tells QEMU that nobody has
the port open any more (virtio-win: vioserial/sys/Port.c; qemu:qapi/char.json, VSERPORT_CHANGE).
"""

from __future__ import annotations

import threading
from types import TracebackType

from harness.deadline import Deadline, now
from harness.machine.command_line import AGENT_PORT_ID
from harness.machine.events import PROCESS_EXIT, EventStream, HostEvent, named
from harness.shutdown.observation import CONTROL_BACK, CONTROL_CLOSED

_RESET_SECONDS = 0.05
"""A reset closes the port as well, just before QEMU tells of the reset. That says nothing about the
services. In an orderly restart they are gone for longer than this."""

_ROUND_SECONDS = 1.0
"""After so long at most the thread notices that nobody needs it any more."""

_LEAVE_SECONDS = 0.005
"""For the thread to record what has happened already; a verdict waits for this."""

_MOST_CHANGES = 100
"""A guest that opens and closes its port for ever must not fill the record of events."""


class PortWatch:
    """Records :data:`CONTROL_CLOSED` and :data:`CONTROL_BACK` in ``events``, from what QEMU tells.

    :param events: of the machine.
    :param port: QEMU's id of the agent's port.
    """

    def __init__(self, events: EventStream, port: str = AGENT_PORT_ID) -> None:
        self._events = events
        self._port = port
        self._began_at = now()
        self._noted: list[HostEvent] = []
        self._closed = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="port-watch", daemon=True)

    def __enter__(self) -> PortWatch:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._thread.join(timeout=_LEAVE_SECONDS)

    def _watch(self) -> None:
        while len(self._noted) < _MOST_CHANGES:
            rounds = Deadline.after(_ROUND_SECONDS)
            news = self._events.wait(self._is_news, rounds, self._began_at, told=False)
            if news is not None and news.name == PROCESS_EXIT:
                return
            if news is not None:
                self._noted.append(news)
                self._note(news)
            elif self._stopped.is_set():
                return

    def _is_news(self, event: HostEvent) -> bool:
        ours = event.name == "VSERPORT_CHANGE" and event.data.get("id") == self._port
        if not ours and event.name != "SUSPEND":
            return False
        return not any(event is noted for noted in self._noted)

    def _note(self, news: HostEvent) -> None:
        # Asleep, it has its services still: the driver has closed the port on the way.
        works = news.name == "SUSPEND" or news.data.get("open") is True
        if works != self._closed:
            return
        if not works and self._is_of_reset(news):
            return
        self._closed = not works
        self._events.append(HostEvent(news.at, CONTROL_BACK if works else CONTROL_CLOSED))

    def _is_of_reset(self, change: HostEvent) -> bool:
        ends = named("RESET", "SHUTDOWN")
        soon = Deadline.after(_RESET_SECONDS)
        end = self._events.wait(ends, soon, change.at, told=False)
        return end is not None and end.name == "RESET" and end.at - change.at < _RESET_SECONDS
