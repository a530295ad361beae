"""libvirt's event loop: one for all connections of a process, in a thread of its own."""

from __future__ import annotations

import threading
from functools import cache

from powerdown.machine.libvirt.binding import libvirt


@cache
def start_event_loop() -> threading.Thread:
    """Have libvirt's events delivered; call it before a connection is opened.

    libvirt has one implementation for all of a process, and no way to take it back
    (libvirt:include/libvirt/libvirt-event.h): what is cached here is libvirt's own state.
    """
    # Errors are raised as exceptions; libvirt prints them besides unless told what else to do.
    libvirt.registerErrorHandler(lambda context, error: None, None)
    libvirt.virEventRegisterDefaultImpl()
    thread = threading.Thread(target=_run, name="libvirt-events", daemon=True)
    thread.start()
    return thread


def _run() -> None:
    while True:
        libvirt.virEventRunDefaultImpl()
