"""libvirt's events for a domain, stamped with the harness's clock.

QEMU's own events come through virConnectDomainQemuMonitorEventRegister (libvirt-qemu.h), with all
their data: libvirt's lifecycle events lack the reason of a shutdown. Those are recorded too, for
what only libvirt knows: that QEMU has ended, and what ended it.
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
"""From QEMU's SHUTDOWN event until calls that wait for it are aborted."""

_LOOK_SECONDS = 15.0
"""For libvirt to report whether the domain still exists."""

_POWERED_OFF = "the guest has powered off and QEMU is ending"
_CUT_OFF = "its power was cut and QEMU is ending"


class Stopped(IntEnum):
    """Why a domain stopped, by libvirt's name (libvirt-domain.h,
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
    """Records one domain's events in a stream until it is closed.

    :param handle: the domain, which may not exist yet; its calls are aborted when it powers off.
    :param stream: receives the events.
    :param transcript: receives QEMU's own events.
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
        """Report that the domain exists: from now on its absence means that it has ended.

        :param number: libvirt's id of it, which changes when it is started again.
        """
        self._number = number

    def wait_until_stopped(self, seconds: float) -> bool:
        """Wait until libvirt has removed the domain; whether it has."""
        return self._stopped.wait(seconds)

    def close(self) -> None:
        """Stop listening; never raises, may be called twice."""
        self._connection.forget(self._on_connection)
        self._connection.feed.remove(self)

    def _on_connection(self, link: Link) -> None:
        if link is Link.LOST:
            self._stream.record(MONITOR_LOST)
            return
        if link is Link.GIVEN_UP:
            # Events are missing, even if the connection is restored later.
            self._connection.forget(self._on_connection)
            self._stream.record(MONITOR_LOST, {"for_good": True})
            return
        self._stream.record(MONITOR_BACK)
        self._check_existence()

    def _check_existence(self) -> None:
        """Record the end if it was missed; how the domain ended is not known then."""
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
            found = self._handle.ask("look up the domain", number, deadline, needs_qemu=False)
        except MachineError:
            return
        if found != self._number:
            self._end({"seen": False})

    def lifecycle(self, event: int, detail: int) -> None:
        """Record one of libvirt's lifecycle events."""
        name = _EVENTS.get(event, str(event))
        self._stream.record(LIFECYCLE, {"event": name, "detail": _detail(event, detail)})
        if event == libvirt.VIR_DOMAIN_EVENT_STOPPED:
            self._end({"libvirt": _detail(event, detail)})

    def monitor(self, name: str, details: str | None) -> None:
        """Record one of QEMU's events."""
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
            # QEMU stays, and libvirt restarts the guest: <on_poweroff>restart.
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
    """libvirt's name for the detail of an event."""
    if event == libvirt.VIR_DOMAIN_EVENT_STOPPED and detail in tuple(Stopped):
        return Stopped(detail).name.lower()
    if event == libvirt.VIR_DOMAIN_EVENT_SHUTDOWN and 0 <= detail < len(_SHUTDOWN_DETAILS):
        return _SHUTDOWN_DETAILS[detail]
    return str(detail)


def _why(data: dict[str, object]) -> str:
    reason = data.get("libvirt")
    if reason is None:
        return " while the connection to libvirt was lost"
    return f" (libvirt: {reason})"


def _parsed(details: str | None) -> dict[str, object]:
    try:
        data = json.loads(details or "{}")
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}
