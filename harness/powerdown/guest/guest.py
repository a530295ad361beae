"""One guest from power-on to its end: the machine outside, Windows inside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from powerdown.core.closeable import Closeable
from powerdown.core.deadline import Deadline
from powerdown.core.errors import MachineError, NotOnThisGuest
from powerdown.guest.channels.agent_channel import AgentChannel
from powerdown.guest.channels.agent_port import AgentPort
from powerdown.guest.channels.agent_socket import AgentSocket
from powerdown.guest.channels.channel import GuestChannel
from powerdown.guest.channels.libvirt_agent_port import LibvirtAgentPort
from powerdown.guest.channels.winrm_channel import WinrmChannel
from powerdown.guest.guest_time import GuestTime, TimedChannel
from powerdown.guest.readiness import Readiness, await_ready, await_restored
from powerdown.guest.windows import Windows
from powerdown.images.image import ControlConfig, Credentials, Image, Transport
from powerdown.machine.events import HostEvent
from powerdown.machine.hypervisor import Hypervisor
from powerdown.machine.protocol import BootedMachine
from powerdown.machine.qemu.command_line import AGENT_PORT_ID
from powerdown.machine.saved_state import MemoryFile

_CLOCK_SECONDS = 10.0
"""For one answer of the control port."""


class GuestSlot(Protocol):
    """A guest's slot among those that the host has room for."""

    def started(self, pid: int) -> None:
        """Note the process that runs the guest."""

    def ready(self) -> None:
        """Note that the guest has booted."""

    def close(self) -> None:
        """Give the slot up."""


class Guest(Closeable):
    """One guest under test; closed at the end of a ``with`` block.

    :ivar machine: the guest from outside.
    :ivar windows: the guest from inside; ``None`` until it is ready, and always for an image
        without a control channel.
    :ivar time: the time spent waiting for it.
    """

    def __init__(self, machine: BootedMachine, time: GuestTime) -> None:
        self.machine = machine
        self.time = time
        machine.events.on_waited = time.add
        self._agent = _agent_port(machine)
        self._channel = self.open_channel()
        self._slot: GuestSlot | None = None
        self.windows: Windows | None = None

    @classmethod
    def power_on(
        cls,
        hypervisor: Hypervisor,
        image: Image,
        overlay: Path,
        time: GuestTime,
        memory: MemoryFile | None = None,
    ) -> Guest:
        """Start a guest on ``overlay``.

        :param hypervisor: what starts it.
        :param memory: a file for the guest's memory, if it is to be saved.
        """
        with time.counted():
            machine = hypervisor.start(image, overlay, memory)
        return cls.of(machine, time)

    @classmethod
    def of(cls, machine: BootedMachine, time: GuestTime) -> Guest:
        """The guest of a machine, which is closed with it, or at once if this fails."""
        try:
            return cls(machine, time)
        except BaseException:
            machine.close()
            raise

    def expect_windows(self) -> Windows:
        """The guest from inside.

        :raise NotOnThisGuest: it has no control channel, or is not ready yet.
        """
        if self.windows is None:
            raise NotOnThisGuest(
                f"ask {self.machine.image.name} from inside",
                "its image defines no control channel",
                "Give it one in [control].",
            )
        return self.windows

    def resume_restored(self, deadline: Deadline) -> Readiness:
        """Start the CPUs of a restored guest and wait until button and channel work again."""
        with self.time.counted():
            self.machine.resume()
            readiness = await_restored(self.machine, self._channel, deadline)
        self._can_be_asked()
        return readiness

    def hold(self, slot: GuestSlot) -> None:
        """Hold an admission slot of this host until this guest is closed."""
        pid = self.machine.pid
        if pid is not None:
            self._slot = slot
            slot.started(pid)

    def wait_until_ready(self) -> Readiness:
        """Wait until button and channel work, within its boot budget."""
        deadline = Deadline.after(self.machine.image.budgets.boot)
        with self.time.counted():
            readiness = await_ready(self.machine, self._channel, deadline)
        self._can_be_asked()
        return readiness

    def clock_ahead(self) -> float | None:
        """Seconds its clock is ahead of the host's UTC; ``None`` if that cannot be read."""
        if self._channel is None:
            return None
        with self.time.counted():
            answer = self._channel.answers(Deadline.after(_CLOCK_SECONDS))
        return None if answer is None else answer.clock_ahead

    def open_channel(self, credentials: Credentials | None = None) -> GuestChannel | None:
        """A further control channel, which the caller closes; ``None`` where there is none.

        :param credentials: the user to log on as, instead of the image's.
        """
        control = self.machine.image.control
        if credentials is not None:
            control = replace(control, credentials=credentials)
        return _open_channel(self.machine, control, self._agent, self.time)

    @contextmanager
    def logged_on_as(self, credentials: Credentials) -> Iterator[None]:
        """Ask the inside as another user while the block runs."""
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

    def close(self) -> None:
        """End it if it still runs; never raises, may be called twice."""
        if self._channel is not None:
            self._channel.close()
        if self._agent is not None:
            self._agent.close()
        if self._slot is not None:
            # What it has cost can be read as long as QEMU lives.
            self._slot.close()
        with self.time.counted():
            self.machine.close()

    def _can_be_asked(self) -> None:
        if self._slot is not None:
            self._slot.ready()
        self.windows = None if self._channel is None else Windows(self._channel)


def _agent_port(machine: BootedMachine) -> AgentSocket | LibvirtAgentPort | None:
    """The one port of the guest's agent, shared by all channels."""
    if machine.agent_proxy is not None:
        return LibvirtAgentPort(machine.agent_proxy)
    if machine.agent_socket is None:
        return None
    agent = AgentSocket(machine.agent_socket)

    def hear(event: HostEvent) -> None:
        if event.name == "VSERPORT_CHANGE" and event.data.get("id") == AGENT_PORT_ID:
            agent.port_is(is_open=event.data.get("open") is True)

    machine.events.subscribe(hear)
    return agent


def _open_channel(
    machine: BootedMachine, control: ControlConfig, agent: AgentPort | None, time: GuestTime
) -> GuestChannel | None:
    if control.transport is Transport.NONE:
        return None
    if control.transport is Transport.WINRM:
        return TimedChannel(WinrmChannel(machine.control_address, control), time)
    if control.transport is Transport.GUEST_AGENT and agent is not None:
        return TimedChannel(AgentChannel(agent), time)
    raise MachineError(
        f"reach the inside of {machine.image.name}",
        f"its machine has no way for transport {control.transport}",
        "Use winrm or none.",
    )
