"""Screenshots of a domain through a libvirt stream, from any host."""

from __future__ import annotations

import io

from PIL import Image as Picture

from powerdown.core.deadline import Deadline
from powerdown.core.errors import MachineError
from powerdown.machine.libvirt.binding import libvirt
from powerdown.machine.libvirt.domain_handle import DomainHandle
from powerdown.machine.screen import NO_PICTURE

_FORMATS = ["PNG", "PPM"]
"""libvirt sends either, depending on QEMU's version."""

_CHUNK_BYTES = 1 << 18
_MOST_BYTES = 64 << 20


def take_domain_screen(handle: DomainHandle, deadline: Deadline) -> Picture.Image:
    """The screen as it is now, in colour.

    :raise MachineError: libvirt refuses, or does not send a picture.
    """
    sent = handle.call("take a screenshot", _screenshot, deadline)
    try:
        with Picture.open(io.BytesIO(sent), formats=_FORMATS) as picture:
            return picture.convert("RGB")
    except NO_PICTURE as error:
        raise MachineError(
            "take a screenshot", f"libvirt sent no picture: {error}", "See libvirt's log."
        ) from error


def _screenshot(domain: libvirt.virDomain) -> bytes:
    stream = domain.connect().newStream(0)
    domain.screenshot(stream, 0, 0)
    received = bytearray()
    while len(received) <= _MOST_BYTES:
        chunk = stream.recv(_CHUNK_BYTES)
        if not chunk:
            stream.finish()
            return bytes(received)
        received += chunk
    stream.abort()
    return b""
