"""A connection to libvirt that comes back when the daemon is restarted."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from enum import Enum, auto

from powerdown.core.deadline import Deadline
from powerdown.core.errors import HostError, PowerdownError
from powerdown.machine.libvirt.binding import libvirt
from powerdown.machine.libvirt.calls import call_alone
from powerdown.machine.libvirt.event_feed import EventFeed
from powerdown.machine.libvirt.event_loop import start_event_loop
from powerdown.machine.libvirt.libvirt_errors import connect_error

_OPEN_SECONDS = 30.0
"""For reaching a host, over ssh too: a driver within the process first looks at its QEMU."""

_ALIVE_SECONDS = 5
_ALIVE_COUNT = 3
"""A host that is silent for so many intervals is lost (libvirt-host.h, virConnectSetKeepAlive)."""

_RECONNECT_SECONDS = 20.0
"""Time allowed to a daemon that is being restarted."""

_LATE_RECONNECT_SECONDS = 1.0
"""The same when it has used that up and somebody asks again."""

_RETRY_SECONDS = 0.25
"""Between tries to reach it: no event tells that a daemon is there again."""

_CLOSE_SECONDS = 5.0
"""libvirt takes leave of the other side, and waits for its answer."""


class Link(Enum):
    """What has become of the connection."""

    LOST = auto()
    BACK = auto()
    """There is a new one; what happened between was not seen."""
    GIVEN_UP = auto()
    """It did not come back in time."""


Watcher = Callable[[Link], None]


class Connection:
    """libvirt at one URI.

    :param uri: as libvirt understands it: ``qemu:///system``, ``qemu+ssh://host/system``; ``None``
        for libvirt's default.
    :raise HostError: it cannot be reached in time, or does not let us in.
    :ivar feed: tells of events.
    """

    def __init__(self, uri: str | None) -> None:
        start_event_loop()
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
        """libvirt's own object; another one after the connection was lost and came back."""
        with self._lock:
            return self._virt

    @property
    def is_alive(self) -> bool:
        """Whether it is there, as far as is known."""
        with self._lock:
            return self._alive

    @property
    def is_remote(self) -> bool:
        """Whether the guests run on another host than this one."""
        # The part between the slashes of qemu+ssh://host/system.
        return bool(self.uri.partition("://")[2].partition("/")[0])

    def watch(self, watcher: Watcher) -> None:
        """Have somebody notify of the connection's loss and return, in threads of its own."""
        with self._lock:
            self._watchers.append(watcher)

    def forget(self, watcher: Watcher) -> None:
        """Tell them no more."""
        with self._lock, contextlib.suppress(ValueError):
            self._watchers.remove(watcher)

    def wait_until_connected(self, deadline: Deadline) -> bool:
        """Wait for a connection that was lost; whether there is one.

        Not for long where it was waited for in vain already.
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
        """Note that it does not answer any more, which libvirt may not have seen yet."""
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
                f"nothing answers within {_OPEN_SECONDS:.0f} s",
                "Is the host up, and does ssh reach it without asking for a password? Try: "
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
        """Tell everybody that it is lost, then try to have it again."""
        if notify:
            self._tell(Link.LOST)
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
                # The old one is not closed: others may be on their way back from it.
                self._virt, self._alive = virt, True
                self._lock.notify_all()
            self._tell(Link.BACK)
            if not _is_alive(virt):
                # Lost again before it was ours.
                self.lost()
            return

    def _give_up(self, notify: bool) -> None:
        with self._lock:
            self._given_up = True
            self._lock.notify_all()
        if notify:
            self._tell(Link.GIVEN_UP)

    def _tell(self, link: Link) -> None:
        with self._lock:
            watchers = tuple(self._watchers)
        for watcher in watchers:
            watcher(link)


def _opened(uri: str | None, feed: EventFeed) -> tuple[libvirt.virConnect, str]:
    virt = libvirt.open(uri)
    # Drivers within the process have none.
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
    # Of one that was replaced meanwhile, nobody needs to know.
    if virt is connection.virt:
        connection.lost()
