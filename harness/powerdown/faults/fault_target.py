"""What injection and remedy may do with the guest under test."""

from __future__ import annotations

from typing import Protocol

from powerdown.guest.probe_programs import ProbeProgram
from powerdown.guest.windows import Windows
from powerdown.images.image import Image
from powerdown.machine.protocol import Machine


class FaultTarget(Protocol):
    """One guest under test.

    Calls raise what :class:`Machine` and :class:`Windows` raise, and :class:`DeadlineExpired` when
    the guest does not reach the state that is waited for.
    """

    @property
    def image(self) -> Image:
        """What it runs."""

    @property
    def machine(self) -> Machine:
        """The guest from outside."""

    @property
    def windows(self) -> Windows:
        """The guest from inside.

        :raise NotOnThisGuest: it has no control channel.
        """

    def upload(self, program: ProbeProgram) -> str:
        """Compile a probe program if need be and copy it into the guest; its path there."""

    def restart(self) -> None:
        """Restart from inside (``shutdown /r /t 0``) and wait until it is ready."""

    def wake(self) -> None:
        """Wake it from sleep and wait until it is ready."""

    def wait_until_ready(self) -> None:
        """Wait until it can be pressed and asked, as after a restart of its own."""

    def wait_until_ended(self) -> None:
        """Wait until the shutdown under way has powered it off or restarted it."""

    def boot_again(self) -> None:
        """Cut the power if it is still on, start the same disk and wait until it is ready."""

    def boot_fresh(self, *, wait: bool = True) -> None:
        """Cut the power, and start with a new disk.

        :param wait: wait until it is ready.
        """

    def boot_unbootable(self) -> None:
        """Cut the power, and start with a new disk whose boot sector is destroyed."""
