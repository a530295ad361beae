"""A control channel that goes away in mid-shutdown, for a reason of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import ControlChannelError, NotOnThisGuest, PowerdownError
from powerdown.guest.channels.channel import GuestChannel
from powerdown.guest.guest import Guest
from powerdown.images.image import Transport
from powerdown.machine.events import named
from powerdown.windows import service_commands

_PRESS_SECONDS = 300.0
"""Until the harness presses: it looks at the guest first, and a slow one takes long to answer."""

_STOP_SECONDS = 10.0

_SERVICES = {Transport.WINRM: "WinRM", Transport.GUEST_AGENT: "QEMU-GA"}
"""What stands behind a control channel (qemu:qga/installer/qemu-ga.wxs)."""


@contextmanager
def channel_lost_at_press(guest: Guest) -> Iterator[None]:
    """Stop the service behind the control channel as soon as the guest's button is pressed.

    :raise NotOnThisGuest: the image has no control channel.
    :raise ControlChannelError: the service was not stopped, so that the block has shown nothing.
    """
    image = guest.machine.image
    channel = guest.open_channel()
    if channel is None:
        action = f"take the control channel of {image.name} away"
        raise NotOnThisGuest(action, "its image defines none", "Give it one in [control].")
    with closing(channel):
        stop = _Stop(guest, channel, _SERVICES[image.control.transport])
        stop.start()
        try:
            yield
        finally:
            # Not pressed, it waits for the end of the guest.
            stop.join(2 * _STOP_SECONDS)
    if stop.failure:
        raise ControlChannelError(
            "take the control channel away at the press", stop.failure, "See the transcript."
        )


class _Stop(threading.Thread):
    """Waits for the press in the background, and stops a service then.

    :ivar failure: why that was not done; empty if it was.
    """

    def __init__(self, guest: Guest, channel: GuestChannel, service: str) -> None:
        super().__init__(name="stop-channel", daemon=True)
        self.failure = "the button was not pressed"
        self._events = guest.machine.events
        self._channel = channel
        self._command = service_commands.stop_service(service)
        self._since = now()

    def run(self) -> None:
        """Do it."""
        deadline = Deadline.after(_PRESS_SECONDS)
        pressed = self._events.wait(named("POWERDOWN"), deadline, self._since)
        if pressed is None or pressed.name != "POWERDOWN":
            return
        self.failure = ""
        # The answer may go with the service.
        with suppress(PowerdownError):
            result = self._channel.run(self._command, Deadline.after(_STOP_SECONDS))
            if result.exit_code != 0:
                self.failure = f"{result.output} {result.error_output}"
