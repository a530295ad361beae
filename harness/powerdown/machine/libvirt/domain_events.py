"""What libvirt tells of a domain, as events on the harness's clock.

QEMU's own events come through virConnectDomainQemuMonitorEventRegister (libvirt-qemu.h), with all
their data: libvirt's lifecycle events leave out the reason of a shutdown. Those are recorded too,
for what only libvirt knows: that QEMU has ended, and who has ended it.
"""

from __future__ import annotations

import json
import threading
from enum import IntEnum

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import MachineError
from powerdown.machine.events import (
    MONITOR_BACK,
    MONITOR_LOST,
    PROCESS_EXIT,
    EventStream,
    HostEvent,
)
from powerdown.machine.libvirt.binding import libvirt
from powerdown.machine.libvirt.connection import Link
from powerdown.machine.libvirt.domain_handle import DomainHandle
from powerdown.machine.transcript import Direction, Transcript

LIFECYCLE = "LIBVIRT_LIFECYCLE"
"""Event recorded for each of libvirt's lifecycle events; data: ``event`` and ``detail``."""

_LAST_WORDS_SECONDS = 0.005
"""From QEMU's SHUTDOWN event until nobody waits for its answers any more."""

_LOOK_SECONDS = 15.0
"""For libvirt to say whether the domain is still there."""

_POWERED_OFF = "its guest has powered off and QEMU ends"
_CUT_OFF = "its power was cut and QEMU ends"


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

    :param handle: the domain, which may not be there yet; told when it powers off.
    :param stream: takes the events.
    :param transcript: takes QEMU's own.
    """

    def __init__(self, handle: DomainHandle, stream: EventStream, transcript: Transcript) -> None:
        self._handle = handle
        self._connection = handle.connection
        self._stream = stream
        self._transcript = transcript
        self._number: int | None = None
        self._off = ""
        self._stopped = threading.Event()
        self._connection.feed.add(handle.uuid, self)
        self._connection.watch(self._on_connection)

    def began(self, number: int) -> None:
        """Note that the domain is there: from now on its absence is its end.

        :param number: libvirt's, which is another one when it is started again.
        """
        self._number = number

    def wait_until_stopped(self, seconds: float) -> bool:
        """Wait until libvirt has put the domain away; whether it has."""
        return self._stopped.wait(seconds)

    def close(self) -> None:
        """Listen no more; never raises, may be called twice."""
        self._connection.forget(self._on_connection)
        self._connection.feed.remove(self)

    def _on_connection(self, link: Link) -> None:
        if link is Link.LOST:
            self._stream.record(MONITOR_LOST)
            return
        if link is Link.GIVEN_UP:
            # What came meanwhile is lost, whatever comes now.
            self._connection.forget(self._on_connection)
            self._stream.record(MONITOR_LOST, {"for_good": True})
            return
        self._stream.record(MONITOR_BACK)
        self._look_whether_it_is_there()

    def _look_whether_it_is_there(self) -> None:
        """What ended meanwhile gives no event any more, and nobody knows how."""
        if self._number is None:
            return

        def number(virt: libvirt.virConnect) -> int | None:
            try:
                domain = virt.lookupByUUIDString(self._handle.uuid)
            except libvirt.libvirtError as error:
                if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                    return None
                raise
            return domain.ID() if domain.isActive() else None

        try:
            deadline = Deadline.after(_LOOK_SECONDS)
            found = self._handle.ask("look for it", number, deadline, needs_qemu=False)
        except MachineError:
            return
        if found != self._number:
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
        self._transcript.write(at, Direction.RECEIVED, {"event": name, "data": data})
        if name == "SHUTDOWN":
            self._off = self._off or (_POWERED_OFF if data.get("guest") else _CUT_OFF)
            timer = threading.Timer(_LAST_WORDS_SECONDS, self._give_up)
            timer.daemon = True
            timer.start()
        elif name == "RESET" and self._off:
            # QEMU was told to stay, and libvirt starts the guest again: <on_poweroff>restart.
            self._off = ""
            self._handle.accept_calls()

    def _give_up(self) -> None:
        if self._off:
            self._handle.abort_calls(self._off)

    def _end(self, data: dict[str, object]) -> None:
        self._stream.record(PROCESS_EXIT, data)
        self._handle.abort_calls(self._off or f"it has ended{_why(data)}")
        self._stopped.set()


def _detail(event: int, detail: int) -> str:
    """libvirt's word for the detail of an event."""
    if event == libvirt.VIR_DOMAIN_EVENT_STOPPED and detail in tuple(Stopped):
        return Stopped(detail).name.lower()
    if event == libvirt.VIR_DOMAIN_EVENT_SHUTDOWN and 0 <= detail < len(_SHUTDOWN_DETAILS):
        return _SHUTDOWN_DETAILS[detail]
    return str(detail)


def _why(data: dict[str, object]) -> str:
    said = data.get("libvirt")
    return " while the connection to libvirt was lost" if said is None else f" (libvirt: {said})"


def _parsed(details: str | None) -> dict[str, object]:
    try:
        data = json.loads(details or "{}")
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}
