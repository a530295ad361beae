"""Guests on this host: what they run on, and one of them from power-on to the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from harness.deadline import Deadline
from harness.disk.volume import NtfsVolumeState, volume_state
from harness.errors import MachineError
from harness.guest.channel import GuestChannel
from harness.guest.probe_programs import ProbeProgram, compile_probe
from harness.guest.readiness import Readiness, wait_until_ready
from harness.guest.windows import Windows
from harness.guest.winrm_channel import WinrmChannel
from harness.guest_time import GuestTime, TimedChannel
from harness.images.image import Control, Credentials, DiskFormat, Image, Transport
from harness.images.overlay import create_overlay
from harness.machine.accelerator import Accelerator, detect, qemu_version
from harness.machine.qemu import QemuMachine
from harness.report.gate_result import HostFacts


def cache_directory() -> Path:
    """Where what is costly to make is kept between runs (XDG Base Directory)."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "powerdown"


@dataclass(frozen=True)
class Laboratory:
    """What guests need from this host.

    :param accelerator: how their CPUs run.
    :param cache: where costly things are kept.
    """

    accelerator: Accelerator
    cache: Path

    @classmethod
    def of_this_host(cls) -> Laboratory:
        """Look at this host.

        :raise HostError: QEMU is missing or does not run.
        """
        cache = cache_directory()
        return cls(detect(cache), cache)

    def facts(self) -> HostFacts:
        """What guests run on, for reports."""
        version = qemu_version().removeprefix("QEMU emulator version ")
        return HostFacts(version, self.accelerator.kind.value, self.accelerator.why)

    def probe_program(self, program: ProbeProgram) -> Path:
        """A probe program, compiled if it has to be."""
        return compile_probe(program, self.cache)

    @contextmanager
    def boot(
        self,
        image: Image,
        directory: Path,
        overlay: Path | None = None,
        time: GuestTime | None = None,
    ) -> Iterator[Guest]:
        """Switch a guest on; it is gone when the block ends, whatever happens in it.

        :param directory: where its overlay goes.
        :param overlay: boot from the overlay of an earlier guest instead of a new one.
        :param time: where the time spent waiting for it is counted; its own if not given.
        """
        disk = overlay or create_overlay(image.disk, directory)
        guest = Guest.power_on(self, image, disk, time or GuestTime())
        try:
            yield guest
        finally:
            guest.close()


class Guest:
    """One guest under test, from outside and from inside.

    :ivar machine: it from outside.
    :ivar windows: it from inside; ``None`` until it is ready, and for an image without control
        channel for ever.
    :ivar time: time spent waiting for it.
    """

    def __init__(self, machine: QemuMachine, time: GuestTime) -> None:
        self.machine = machine
        self.time = time
        self._channel = self.open_channel()
        self.windows: Windows | None = None

    @classmethod
    def power_on(
        cls, laboratory: Laboratory, image: Image, overlay: Path, time: GuestTime
    ) -> Guest:
        """Start QEMU on ``overlay``."""
        machine = QemuMachine.start(image, laboratory.accelerator, overlay)
        try:
            return cls(machine, time)
        except BaseException:
            machine.close()
            raise

    def wait_until_ready(self) -> Readiness:
        """Wait until it can be pressed and asked, within its boot budget."""
        deadline = Deadline.after(self.machine.image.budgets.boot)
        with self.time.counted():
            readiness = wait_until_ready(self.machine, self._channel, deadline)
        self.windows = None if self._channel is None else Windows(self._channel)
        return readiness

    def open_channel(self, credentials: Credentials | None = None) -> GuestChannel | None:
        """A control channel of its own, which the caller closes; ``None`` where there is none.

        :param credentials: whom to log on as, instead of whom the image says.
        """
        control = self.machine.image.control
        if credentials is not None:
            control = replace(control, credentials=credentials)
        return _open_channel(self.machine, control, self.time)

    @contextmanager
    def logged_on_as(self, credentials: Credentials) -> Iterator[None]:
        """Ask the inside as somebody else while the block runs."""
        channel, before = self.open_channel(credentials), self.windows
        if channel is None:
            yield
            return
        self.windows = Windows(channel)
        try:
            yield
        finally:
            self.windows = before
            channel.close()

    def volume_state(self) -> NtfsVolumeState:
        """The system volume's NTFS state, read from the disk; the guest must be off or paused."""
        return volume_state(self.machine.overlay, DiskFormat.QCOW2)

    def close(self) -> None:
        """End it if it still runs; never raises, may be called twice."""
        if self._channel is not None:
            self._channel.close()
        self.machine.close()


def _open_channel(machine: QemuMachine, control: Control, time: GuestTime) -> GuestChannel | None:
    if control.transport is Transport.NONE:
        return None
    if control.transport is Transport.WINRM:
        return TimedChannel(WinrmChannel(machine.control_address, control), time)
    raise MachineError(
        f"reach the inside of {machine.image.name}",
        f"no channel is known for transport {control.transport}",
        "Use winrm or none.",
    )
