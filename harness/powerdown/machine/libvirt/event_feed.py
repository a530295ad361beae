"""Distribution of a connection's libvirt events to the listeners for each domain.

libvirt accepts one registration of a kind for all domains of a connection, since it cannot tell
Python's callbacks apart: a second one is "already tracked" (libvirt:src/conf/object_event.c).
"""

from __future__ import annotations

import threading
from typing import Any, Protocol

from powerdown.machine.libvirt.binding import libvirt, libvirt_qemu


class Listener(Protocol):
    """Receives the events of one domain, in libvirt's thread; must be quick and not raise."""

    def lifecycle(self, event: int, detail: int) -> None:
        """Receive one of libvirt's lifecycle events (libvirt-domain.h, virDomainEventType)."""

    def monitor(self, name: str, details: str | None) -> None:
        """Receive one of QEMU's events, with its data as JSON."""


class EventFeed:
    """The listeners of each domain."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[tuple[str, Listener]] = []

    def add(self, uuid: str, listener: Listener) -> None:
        """Add a listener for a domain, which need not exist yet."""
        with self._lock:
            self._listeners.append((uuid, listener))

    def remove(self, listener: Listener) -> None:
        """Remove a listener."""
        with self._lock:
            self._listeners = [pair for pair in self._listeners if pair[1] is not listener]

    def register(self, virt: libvirt.virConnect) -> None:
        """Deliver a connection's events for as long as it is open.

        :raise libvirt.libvirtError: access to the events is denied.
        """
        virt.domainEventRegisterAny(
            None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, _on_lifecycle, self
        )
        libvirt_qemu.qemuMonitorEventRegister(virt, None, None, _on_monitor, self)

    def of(self, domain: libvirt.virDomain) -> list[Listener]:
        """The listeners of a domain."""
        uuid = domain.UUIDString()
        with self._lock:
            return [listener for wanted, listener in self._listeners if wanted == uuid]


def _on_lifecycle(
    virt: Any, domain: libvirt.virDomain, event: int, detail: int, feed: EventFeed
) -> None:
    for listener in feed.of(domain):
        listener.lifecycle(event, detail)


def _on_monitor(
    virt: Any,
    domain: libvirt.virDomain,
    name: str,
    seconds: int,
    micros: int,
    details: str | None,
    feed: EventFeed,
) -> None:
    for listener in feed.of(domain):
        listener.monitor(name, details)
