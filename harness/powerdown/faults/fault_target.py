"""What injection and remedy may do with the guest under test."""

from __future__ import annotations

from typing import Protocol

from powerdown.guest.probe_programs import ProbeProgram
from powerdown.guest.windows import Windows
from powerdown.images.image import Image
from powerdown.machine.protocol import Machine


class FaultTarget(Protocol):
    """One guest under test; it is booted when it is first used.

    Calls raise what :class:`Machine` and
    :class:`Windows` raise, and
    :class:`DeadlineExpired` when the guest does not get where it should.
    """

    @property
    def image(self) -> Image:
        """What it runs."""

    @property
    def machine(self) -> Machine:
        """It from outside."""

    @property
    def windows(self) -> Windows:
        """It from inside; without a control channel the test is skipped."""

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
