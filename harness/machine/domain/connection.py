"""A connection to libvirt that comes back when the daemon is restarted."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from harness.deadline import Deadline
from harness.errors import PowerdownError
from harness.machine.domain.binding import libvirt
from harness.machine.domain.errors import connect_error
from harness.machine.domain.event_loop import start_event_loop

_ALIVE_SECONDS = 5
_ALIVE_COUNT = 3
"""A host that is silent for so many intervals is lost (libvirt-host.h, virConnectSetKeepAlive)."""

_COME_BACK_SECONDS = 20.0
"""Time allowed to a daemon that is being restarted."""

_AGAIN_SECONDS = 0.25
"""Between tries to reach it: no event tells that a daemon is there again."""

Watcher = Callable[[bool], None]
"""Told ``False`` when the connection is lost and ``True`` when there is a new one."""


class Connection:
    """libvirt at one URI.

    :param uri: as libvirt understands it: ``qemu:///system``, ``qemu+ssh://host/system``; ``None``
        for libvirt's default.
    :raise HostError: it cannot be reached, or does not let us in.
    """

    def __init__(self, uri: str | None) -> None:
        start_event_loop()
        self._asked_for = uri
        self.uri = uri or "its default URI"
        self._lock = threading.Condition()
        self._closed = threading.Event()
        self._watchers: list[Watcher] = []
        self._alive = True
        self._virt = self._open()
        self.uri = self._virt.getURI()

    @property
    def virt(self) -> libvirt.virConnect:
        """libvirt's own object; another one after the connection was lost and came back."""
        with self._lock:
            return self._virt

    @property
    def is_remote(self) -> bool:
        """Whether the guests run on another host than this one."""
        # The part between the slashes of qemu+ssh://host/system.
        return bool(self.uri.partition("://")[2].partition("/")[0])

    def watch(self, watcher: Watcher) -> None:
        """Have somebody told of the connection's loss and return, in threads of libvirt's."""
        with self._lock:
            self._watchers.append(watcher)

    def forget(self, watcher: Watcher) -> None:
        """Tell them no more."""
        with self._lock, contextlib.suppress(ValueError):
            self._watchers.remove(watcher)

    def wait_until_back(self, deadline: Deadline) -> bool:
        """Wait for a connection that was lost; whether there is one."""
        with self._lock:
            return self._lock.wait_for(lambda: self._alive, deadline.remaining)

    def lost(self) -> None:
        """Note that it does not answer any more, which libvirt may not have seen yet."""
        with self._lock:
            if not self._alive or self._closed.is_set():
                return
            self._alive = False
        threading.Thread(target=self._come_back, name="libvirt-again", daemon=True).start()

    def close(self) -> None:
        """Close it; never raises, may be called twice."""
        if self._closed.is_set():
            return
        self._closed.set()
        with contextlib.suppress(libvirt.libvirtError):
            self._virt.unregisterCloseCallback()
        with contextlib.suppress(libvirt.libvirtError):
            self._virt.close()

    def _open(self) -> libvirt.virConnect:
        try:
            virt = libvirt.open(self._asked_for)
        except libvirt.libvirtError as error:
            raise connect_error(self.uri, error) from error
        # Drivers within the process have neither.
        with contextlib.suppress(libvirt.libvirtError):
            virt.setKeepAlive(_ALIVE_SECONDS, _ALIVE_COUNT)
        with contextlib.suppress(libvirt.libvirtError):
            virt.registerCloseCallback(lambda virt, reason, self: self.lost(), self)
        return virt

    def _come_back(self) -> None:
        """Tell everybody that it is lost, then try to have it again."""
        self._tell(False)
        deadline = Deadline.after(_COME_BACK_SECONDS)
        while not self._closed.is_set() and not deadline.expired:
            try:
                virt = self._open()
            except PowerdownError:
                self._closed.wait(_AGAIN_SECONDS)
                continue
            with self._lock:
                self._virt, self._alive = virt, True
                self._lock.notify_all()
            self._tell(True)
            return

    def _tell(self, back: bool) -> None:
        with self._lock:
            watchers = tuple(self._watchers)
        for watcher in watchers:
            watcher(back)
