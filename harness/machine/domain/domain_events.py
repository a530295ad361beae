"""What libvirt tells of a domain, as events on the harness's clock.

QEMU's own events come through virConnectDomainQemuMonitorEventRegister (libvirt-qemu.h), with all
their data: libvirt's lifecycle events leave out the reason of a shutdown. Those are recorded too,
for what only libvirt knows: that QEMU has ended, and who has ended it.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from enum import IntEnum
from typing import Any

from harness.deadline import now
from harness.machine.domain.binding import libvirt, libvirt_qemu
from harness.machine.domain.connection import Connection
from harness.machine.domain.errors import is_gone
from harness.machine.events import (
    MONITOR_BACK,
    MONITOR_LOST,
    PROCESS_EXIT,
    EventStream,
    HostEvent,
)
from harness.machine.transcript import Transcript, Way

LIFECYCLE = "LIBVIRT_LIFECYCLE"
"""Event recorded for each of libvirt's lifecycle events; data: ``event`` and ``detail``."""

_LAST_WORDS_SECONDS = 0.005
"""From QEMU's SHUTDOWN event until nobody waits for its answers any more."""


class Stopped(IntEnum):
    """Why a domain is off, by libvirt's word (libvirt-domain.h,
    virDomainEventStoppedDetailType)."""

    SHUTDOWN = 0
    DESTROYED = 1
    CRASHED = 2
    MIGRATED = 3
    SAVED = 4
    FAILED = 5
    FROM_SNAPSHOT = 6


_EVENTS = {
    libvirt.VIR_DOMAIN_EVENT_STARTED: "started",
    libvirt.VIR_DOMAIN_EVENT_SUSPENDED: "suspended",
    libvirt.VIR_DOMAIN_EVENT_RESUMED: "resumed",
    libvirt.VIR_DOMAIN_EVENT_STOPPED: "stopped",
    libvirt.VIR_DOMAIN_EVENT_SHUTDOWN: "shutdown",
    libvirt.VIR_DOMAIN_EVENT_PMSUSPENDED: "pm-suspended",
    libvirt.VIR_DOMAIN_EVENT_CRASHED: "crashed",
}
_SHUTDOWN_DETAILS = ("finished", "guest", "host")


class DomainEvents:
    """Writes one domain's events to a stream until it is closed.

    :param connection: to the libvirt that has the domain.
    :param uuid: of the domain; it may not be there yet.
    :param stream: takes the events.
    :param transcript: takes QEMU's own.
    :param powered_off: called soon after QEMU says that the power is off.
    """

    def __init__(
        self,
        connection: Connection,
        uuid: str,
        stream: EventStream,
        transcript: Transcript,
        powered_off: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._uuid = uuid
        self._stream = stream
        self._transcript = transcript
        self._powered_off = powered_off
        self._registered: tuple[libvirt.virConnect, int, int] | None = None
        self._seen = False
        self._stopped = threading.Event()
        self._register()
        connection.watch(self._on_connection)

    @property
    def has_begun(self) -> bool:
        """Whether :meth:`began` was said."""
        return self._seen

    def began(self) -> None:
        """Note that the domain was there: from now on its absence is its end."""
        self._seen = True

    def wait_until_stopped(self, seconds: float) -> bool:
        """Wait until libvirt has put the domain away; whether it has."""
        return self._stopped.wait(seconds)

    def close(self) -> None:
        """Listen no more; never raises, may be called twice."""
        self._connection.forget(self._on_connection)
        registered, self._registered = self._registered, None
        if registered is None:
            return
        virt, lifecycle, monitor = registered
        with contextlib.suppress(libvirt.libvirtError):
            virt.domainEventDeregisterAny(lifecycle)
        with contextlib.suppress(libvirt.libvirtError):
            libvirt_qemu.qemuMonitorEventDeregister(virt, monitor)

    def _register(self) -> None:
        virt = self._connection.virt
        # For all domains, as a domain that does not exist yet cannot be named.
        lifecycle = virt.domainEventRegisterAny(
            None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, _on_lifecycle, self
        )
        monitor = libvirt_qemu.qemuMonitorEventRegister(virt, None, None, _on_monitor, self)
        self._registered = (virt, lifecycle, monitor)

    def _on_connection(self, back: bool) -> None:
        if not back:
            self._stream.record(MONITOR_LOST)
            return
        with contextlib.suppress(libvirt.libvirtError):
            self._register()
        self._stream.record(MONITOR_BACK)
        self._look_whether_it_is_there()

    def _look_whether_it_is_there(self) -> None:
        """What ended meanwhile gives no event any more, and nobody knows how."""
        if not self._seen:
            return
        try:
            domain = self._connection.virt.lookupByUUIDString(self._uuid)
            active = domain.isActive()
        except libvirt.libvirtError as error:
            if not is_gone(error):
                return
            active = False
        if not active:
            self._end({"seen": False})

    def lifecycle(self, event: int, detail: int) -> None:
        """Take one of libvirt's lifecycle events."""
        name = _EVENTS.get(event, str(event))
        self._stream.record(LIFECYCLE, {"event": name, "detail": _detail(event, detail)})
        if event == libvirt.VIR_DOMAIN_EVENT_STOPPED:
            self._end({"libvirt": _detail(event, detail)})

    def monitor(self, name: str, details: str | None) -> None:
        """Take one of QEMU's events."""
        at = now()
        data = _parsed(details)
        self._stream.append(HostEvent(at, name, data))
        self._transcript.write(at, Way.RECEIVED, {"event": name, "data": data})
        if name == "SHUTDOWN":
            timer = threading.Timer(_LAST_WORDS_SECONDS, self._powered_off)
            timer.daemon = True
            timer.start()

    def _end(self, data: dict[str, object]) -> None:
        self._stream.record(PROCESS_EXIT, data)
        self._powered_off()
        self._stopped.set()

    def is_of(self, domain: libvirt.virDomain) -> bool:
        """Whether an event's domain is this one."""
        return bool(domain.UUIDString() == self._uuid)


def _on_lifecycle(
    virt: Any, domain: libvirt.virDomain, event: int, detail: int, listener: DomainEvents
) -> None:
    if listener.is_of(domain):
        listener.lifecycle(event, detail)


def _on_monitor(
    virt: Any,
    domain: libvirt.virDomain,
    name: str,
    seconds: int,
    micros: int,
    details: str | None,
    listener: DomainEvents,
) -> None:
    if listener.is_of(domain):
        listener.monitor(name, details)


def _detail(event: int, detail: int) -> str:
    """libvirt's word for the detail of an event."""
    if event == libvirt.VIR_DOMAIN_EVENT_STOPPED and detail in tuple(Stopped):
        return Stopped(detail).name.lower()
    if event == libvirt.VIR_DOMAIN_EVENT_SHUTDOWN and 0 <= detail < len(_SHUTDOWN_DETAILS):
        return _SHUTDOWN_DETAILS[detail]
    return str(detail)


def _parsed(details: str | None) -> dict[str, object]:
    try:
        data = json.loads(details or "{}")
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}
