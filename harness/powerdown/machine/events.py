"""What the host observes of a machine, in one order on one clock.

QMP events, the end of QEMU and anything else that happens unasked go into one
:class:`EventStream`.  A waiter can therefore never miss an event that came between
the command and the wait, and never waits for a machine that has ended.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import MachineError

PROCESS_EXIT = "PROCESS_EXIT"
"""Name of the event recorded when QEMU has ended; data: ``status`` (int, negative for a signal),
absent where it is not known."""

MONITOR_LOST = "MONITOR_LOST"
"""Name of the event recorded when the connection to QEMU is lost, though QEMU may go on; data:
``for_good`` where it cannot be restored."""

MONITOR_BACK = "MONITOR_BACK"
"""Name of the event recorded when the connection is restored; events in between are missing."""

PRESS_REFUSED = "PRESS_REFUSED"
"""Name of the event recorded when libvirt does not forward a press because the guest's CPUs are
stopped; data: ``why``, libvirt's message."""


@dataclass(frozen=True)
class HostEvent:
    """Something the host observed.

    :param at: seconds on the host-monotonic clock.
    :param name: QMP's name of the event (``SHUTDOWN``), or :data:`PROCESS_EXIT`.
    :param data: the event's data as QMP delivered it.
    """

    at: float
    name: str
    data: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        inner = ", ".join(f"{key}={value}" for key, value in self.data.items())
        return f"{self.name}({inner})"


Match = Callable[[HostEvent], bool]


_MOST_OF_A_NAME = 512
"""How many events of one name are kept, half of them the first and half the latest.

A guest can restart or set its clock for ever. The names are QEMU's, a few dozen, so the total stays
small.
"""


class EventStream:
    """The events of one machine so far, and a way to wait for the next.

    Written by the QMP reader and the process watcher.
    The stream ends with :data:`PROCESS_EXIT`; nothing follows it.

    :param most_of_a_name: how many events of one name are kept; of more, those in the middle are
        dropped and counted.
    :ivar on_waited: called with the start and the end of each wait for an event or for QEMU's
        answer to a command, on the host-monotonic clock.
    """

    def __init__(self, most_of_a_name: int = _MOST_OF_A_NAME) -> None:
        self.on_waited: Callable[[float, float], None] = lambda start, end: None
        self._half = most_of_a_name // 2
        self._arrived: Counter[str] = Counter()
        self._latest: dict[str, deque[int]] = {}
        self._number = 0
        # In order of arrival, by number, so that one in the middle is quickly forgotten.
        self._events: dict[int, HostEvent] = {}
        self._exit: HostEvent | None = None
        self._changed = threading.Condition()
        self._listeners: list[Callable[[HostEvent], None]] = []

    def subscribe(self, listener: Callable[[HostEvent], None]) -> None:
        """Call ``listener`` for every later event, in the thread that adds the event.

        It must neither block nor raise.
        """
        self._listeners.append(listener)

    def unsubscribe(self, listener: Callable[[HostEvent], None]) -> None:
        """Stop calling ``listener``."""
        self._listeners.remove(listener)

    def append(self, event: HostEvent) -> None:
        """Add an event; ignored once the machine has ended."""
        with self._changed:
            if self._exit is not None:
                return
            self._keep(event)
            if event.name == PROCESS_EXIT:
                self._exit = event
            self._changed.notify_all()
        for listener in tuple(self._listeners):
            listener(event)

    def record(self, name: str, data: Mapping[str, object] | None = None) -> HostEvent:
        """Append an event stamped with the time now."""
        event = HostEvent(at=now(), name=name, data=data or {})
        self.append(event)
        return event

    def since(self, at: float = 0.0) -> tuple[HostEvent, ...]:
        """The events stamped at or after ``at``."""
        with self._changed:
            return tuple(event for event in self._events.values() if event.at >= at)

    @property
    def exit(self) -> HostEvent | None:
        """The :data:`PROCESS_EXIT` event, if QEMU has ended."""
        with self._changed:
            return self._exit

    @property
    def forgotten(self) -> Mapping[str, int]:
        """How many events were dropped, by name."""
        with self._changed:
            kept = Counter(event.name for event in self._events.values())
            return dict(self._arrived - kept)

    def first(self, match: Match, since: float = 0.0) -> HostEvent | None:
        """The first matching event so far."""
        with self._changed:
            return self._find(match, since)

    def wait(
        self, match: Match, deadline: Deadline, since: float = 0.0, *, record_wait: bool = True
    ) -> HostEvent | None:
        """Wait for a matching event, the end of the machine, or the deadline.

        :param since: ignore events stamped before this time.
        :param record_wait: whether to report the wait to ``on_waited``; not for a background watch.
        :return: the event; the :data:`PROCESS_EXIT` event if the machine ended first;
            ``None`` if the deadline passed.
        """
        start = now()
        try:
            return self._wait(match, deadline, since)
        finally:
            if record_wait:
                self.on_waited(start, now())

    def expect(self, match: Match, deadline: Deadline, waiting_for: str) -> HostEvent:
        """Like :meth:`wait`, but anything other than a matching event is an error.

        :raise MachineError: QEMU ended first.
        :raise DeadlineExpired: nothing matched in time.
        """
        found = self.wait(match, deadline)
        if found is None:
            raise deadline.expire(waiting_for, f"saw {self._summary()}", "See the QMP transcript.")
        if found.name == PROCESS_EXIT and not match(found):
            raise MachineError(
                f"see {waiting_for}",
                f"QEMU ended with status {found.data.get('status')}",
                "See QEMU's standard error in the run directory.",
            )
        return found

    def _wait(self, match: Match, deadline: Deadline, since: float) -> HostEvent | None:
        with self._changed:
            while True:
                found = self._find(match, since)
                if found is not None:
                    return found
                if self._exit is not None:
                    return self._exit
                if deadline.expired:
                    return None
                self._changed.wait(deadline.remaining)

    def _keep(self, event: HostEvent) -> None:
        self._number += 1
        self._arrived[event.name] += 1
        self._events[self._number] = event
        if self._arrived[event.name] <= self._half:
            return
        latest = self._latest.setdefault(event.name, deque())
        latest.append(self._number)
        if len(latest) > self._half:
            del self._events[latest.popleft()]

    def _find(self, match: Match, since: float) -> HostEvent | None:
        return next((e for e in self._events.values() if e.at >= since and match(e)), None)

    def _summary(self) -> str:
        with self._changed:
            names = [str(event) for event in list(self._events.values())[-8:]]
        return ", ".join(names) or "no event at all"


def named(*names: str) -> Match:
    """A match for events of any of these names."""
    return lambda event: event.name in names


POWER_IS_OFF = named("SHUTDOWN", PROCESS_EXIT)
"""A match for the events after which a machine is off: QEMU ends and answers no more commands."""
