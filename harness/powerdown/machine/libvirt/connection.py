"""A connection to libvirt that is restored when the daemon is restarted."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from enum import Enum, auto
from functools import cache

from powerdown.core.deadline import Deadline
from powerdown.core.errors import HostError, PowerdownError
from powerdown.machine.libvirt.binding import libvirt
from powerdown.machine.libvirt.calls import call_alone
from powerdown.machine.libvirt.event_feed import EventFeed
from powerdown.machine.libvirt.libvirt_errors import connect_error

_OPEN_SECONDS = 30.0
"""For connecting to a host, also over ssh; an embedded driver first examines its QEMU."""

_ALIVE_SECONDS = 5
_ALIVE_COUNT = 3
"""The connection is lost after so many intervals of silence (libvirt-host.h,
virConnectSetKeepAlive)."""

_RECONNECT_SECONDS = 20.0
"""For a daemon that is being restarted."""

_LATE_RECONNECT_SECONDS = 1.0
"""For one more attempt after that, when a call needs the connection."""

_RETRY_SECONDS = 0.25
"""Between attempts: no event reports that the daemon is back."""

_CLOSE_SECONDS = 5.0
"""libvirt tells the daemon and waits for its answer."""


class Link(Enum):
    """A change of the connection's state."""

    LOST = auto()
    BACK = auto()
    """It was restored; events in between are missing."""
    GIVEN_UP = auto()
    """It was not restored in time."""


Watcher = Callable[[Link], None]


class Connection:
    """A connection to libvirt at one URI.

    :param uri: libvirt's URI, such as ``qemu:///system`` or ``qemu+ssh://host/system``; ``None``
        for libvirt's default.
    :raise HostError: it cannot be reached in time, or access is denied.
    :ivar feed: delivers its events.
    """

    def __init__(self, uri: str | None) -> None:
        _start_event_loop()
        self._requested_uri = uri
        self.uri = uri or "its default URI"
        self.feed = EventFeed()
        self._lock = threading.Condition()
        self._closed = threading.Event()
        self._watchers: list[Watcher] = []
        self._alive = True
        self._given_up = False
        self._virt = self._open()

    @property
    def virt(self) -> libvirt.virConnect:
        """libvirt's connection object; another one after the connection was restored."""
        with self._lock:
            return self._virt

    @property
    def is_alive(self) -> bool:
        """Whether it is up, as far as is known."""
        with self._lock:
            return self._alive

    @property
    def is_remote(self) -> bool:
        """Whether the guests run on another host."""
        # The part between the slashes of qemu+ssh://host/system.
        return bool(self.uri.partition("://")[2].partition("/")[0])

    def watch(self, watcher: Watcher) -> None:
        """Call ``watcher`` when the connection is lost or restored, in a thread of its own."""
        with self._lock:
            self._watchers.append(watcher)

    def forget(self, watcher: Watcher) -> None:
        """Stop calling ``watcher``."""
        with self._lock, contextlib.suppress(ValueError):
            self._watchers.remove(watcher)

    def wait_until_connected(self, deadline: Deadline) -> bool:
        """Wait until the connection is up; whether it is.

        The wait is short if restoring the connection has failed before.
        """
        with self._lock:
            if self._given_up and not self._closed.is_set():
                self._given_up = False
                self._start_reconnecting(_LATE_RECONNECT_SECONDS, notify=False)
            self._lock.wait_for(
                lambda: self._alive or self._given_up or self._closed.is_set(), deadline.remaining
            )
            return self._alive and not self._closed.is_set()

    def lost(self) -> None:
        """Report that it does not answer any more, which libvirt may not have noticed yet."""
        with self._lock:
            if not self._alive or self._closed.is_set():
                return
            self._alive = False
            self._start_reconnecting(_RECONNECT_SECONDS, notify=True)

    def close(self) -> None:
        """Close it; never raises, may be called twice."""
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
            self._lock.notify_all()
            virt = self._virt
        with contextlib.suppress(libvirt.libvirtError, TimeoutError):
            call_alone(lambda: _close(virt), _CLOSE_SECONDS)

    def _open(self) -> libvirt.virConnect:
        uri = self._requested_uri
        try:
            virt, self.uri = call_alone(lambda: _opened(uri, self.feed), _OPEN_SECONDS)
        except libvirt.libvirtError as error:
            raise connect_error(self.uri, error) from error
        except TimeoutError as error:
            raise HostError(
                f"connect to libvirt at {self.uri}",
                f"there was no answer within {_OPEN_SECONDS:.0f} s",
                "Check that the host is up and that ssh reaches it without a password prompt. Try: "
                "virsh --connect URI uri.",
            ) from error
        with contextlib.suppress(libvirt.libvirtError):
            virt.registerCloseCallback(_on_close, self)
        return virt

    def _start_reconnecting(self, seconds: float, *, notify: bool) -> None:
        threading.Thread(
            target=self._reconnect, args=(seconds, notify), name="libvirt-again", daemon=True
        ).start()

    def _reconnect(self, seconds: float, notify: bool) -> None:
        """Report the loss, then try to restore the connection."""
        if notify:
            self._notify(Link.LOST)
        deadline = Deadline.after(seconds)
        while not self._closed.is_set():
            try:
                virt = self._open()
            except PowerdownError:
                if deadline.expired:
                    self._give_up(notify)
                    return
                self._closed.wait(_RETRY_SECONDS)
                continue
            with self._lock:
                # The old one is not closed: other threads may still be in calls on it.
                self._virt, self._alive = virt, True
                self._lock.notify_all()
            self._notify(Link.BACK)
            if not _is_alive(virt):
                # Lost again before _on_close could compare it.
                self.lost()
            return

    def _give_up(self, notify: bool) -> None:
        with self._lock:
            self._given_up = True
            self._lock.notify_all()
        if notify:
            self._notify(Link.GIVEN_UP)

    def _notify(self, link: Link) -> None:
        with self._lock:
            watchers = tuple(self._watchers)
        for watcher in watchers:
            watcher(link)


def _opened(uri: str | None, feed: EventFeed) -> tuple[libvirt.virConnect, str]:
    virt = libvirt.open(uri)
    # Embedded drivers do not support it.
    with contextlib.suppress(libvirt.libvirtError):
        virt.setKeepAlive(_ALIVE_SECONDS, _ALIVE_COUNT)
    feed.register(virt)
    return virt, virt.getURI()


def _close(virt: libvirt.virConnect) -> None:
    with contextlib.suppress(libvirt.libvirtError):
        virt.unregisterCloseCallback()
    virt.close()


def _is_alive(virt: libvirt.virConnect) -> bool:
    try:
        return bool(virt.isAlive())
    except libvirt.libvirtError:
        return False


def _on_close(virt: libvirt.virConnect, reason: int, connection: Connection) -> None:
    # Ignore a connection that was replaced meanwhile.
    if virt is connection.virt:
        connection.lost()


@cache
def _start_event_loop() -> threading.Thread:
    """Start libvirt's event loop; to be called before a connection is opened.

    libvirt has one event loop per process, which cannot be replaced
    (libvirt:include/libvirt/libvirt-event.h): the cache mirrors libvirt's own state.
    """
    # Errors are raised as exceptions; by default libvirt prints them too.
    libvirt.registerErrorHandler(lambda context, error: None, None)
    libvirt.virEventRegisterDefaultImpl()
    thread = threading.Thread(target=_run_event_loop, name="libvirt-events", daemon=True)
    thread.start()
    return thread


def _run_event_loop() -> None:
    while True:
        libvirt.virEventRunDefaultImpl()
