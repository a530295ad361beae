"""The test of an accelerator: a test guest must run to its end, under a deadline."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.core.errors import HostError, MachineError
from powerdown.core.text import one_line
from powerdown.machine import probe_guest
from powerdown.machine.events import PROCESS_EXIT, EventStream, HostEvent, named
from powerdown.machine.monitor import Monitor
from powerdown.machine.qemu.process import QemuProcess
from powerdown.machine.run_directory import RunDirectory

REVISION = 2
"""Revision of the probe: increase it with every change of what the probe proves, so that cached
results of an older one are not used."""

_STOPPED_SECONDS = 5.0
"""For QEMU to report the run state in which it stopped the guest."""

_KILL_SECONDS = 10.0
"""From SIGKILL to the end of the process."""

_MEMORY_MIB = 32
_MOST_OF_STDERR = 200


@dataclass(frozen=True)
class ProbeResult:
    """The result of running the test guest.

    :param failure: what went wrong; empty if it ended correctly.
    :param stopped: whether QEMU stopped its CPUs, because QEMU or KVM could not go on.
    """

    failure: str = ""
    stopped: bool = False

    @property
    def works(self) -> bool:
        """Whether the test guest ended correctly."""
        return not self.failure


def probe(
    accelerator: str,
    cpu_model: str,
    *,
    qemu: str,
    seconds: float,
    disk: bytes | None = None,
) -> ProbeResult:
    """Run the test guest (:mod:`probe_guest`) to its end.

    :param accelerator: for QEMU's ``-accel``.
    :param cpu_model: for QEMU's ``-cpu``: the model that guests will have.
    :param qemu: QEMU's executable.
    :param seconds: time allowed; then the guest is killed. It is also killed with the harness.
    :param disk: a boot disk to use instead of the test guest's.
    :raise HostError: QEMU or setpriv is not installed, or the boot disk cannot be written.
    """
    deadline = Deadline.after(seconds)
    with RunDirectory("probe") as directory:
        boot = directory.path / "boot.raw"
        try:
            boot.write_bytes(probe_guest.boot_disk() if disk is None else disk)
        except OSError as error:
            raise HostError(
                f"write {boot}", str(error), "Check free space and permissions."
            ) from error
        stages = directory.path / "stages"
        command = [qemu, *_machine(accelerator, cpu_model, boot, stages)]
        with _started(command, directory.path) as (events, monitor, process):
            # QEMU may refuse and end before it answers, or end with its guest.
            with contextlib.suppress(MachineError):
                monitor.connect(deadline)
                monitor.execute("cont", None, deadline)
            ended = events.wait(named("STOP"), deadline)
            if ended is None:
                return ProbeResult(
                    f"a test guest did not end within {seconds:g} s, {_reached(stages)}"
                )
            if ended.name == PROCESS_EXIT:
                return _judge(ended, events, process.stderr_tail(), stages)
            errors = _message(process.stderr_tail())
            return ProbeResult(
                f"QEMU stopped a test guest with run state {_run_state(monitor)}, "
                f"{_reached(stages)}: {errors}",
                stopped=True,
            )


def _machine(accelerator: str, cpu_model: str, boot: Path, stages: Path) -> tuple[str, ...]:
    disk = {
        "driver": "raw",
        "node-name": "boot",
        "file": {"driver": "file", "filename": str(boot)},
    }
    return (
        *("-nodefaults", "-no-user-config"),
        *("-machine", "pc,vmport=off", "-accel", accelerator, "-cpu", cpu_model),
        *("-m", f"{_MEMORY_MIB}M"),
        # The same graphics adapter as other guests: its firmware is the first 16-bit code to run.
        *("-display", "none", "-vga", "std"),
        # As JSON, because paths may contain commas.
        *("-blockdev", json.dumps(disk), "-device", "ide-hd,drive=boot,bootindex=0"),
        *("-boot", "menu=off,strict=on"),
        *("-device", f"isa-debug-exit,iobase={probe_guest.EXIT_PORT:#x},iosize=1"),
        *("-chardev", f"file,id=stages,path={str(stages).replace(',', ',,')}"),
        *("-device", f"isa-debugcon,iobase={probe_guest.STAGE_PORT:#x},chardev=stages"),
        # A triple fault resets the CPU: QEMU then ends instead of restarting the guest for ever.
        "-no-reboot",
        "-S",
    )


@contextlib.contextmanager
def _started(
    command: list[str], directory: Path
) -> Iterator[tuple[EventStream, Monitor, QemuProcess]]:
    """Start QEMU with a monitor and its guest stopped; end it with the block."""
    events = EventStream()
    with ExitStack() as opened:
        with ExitStack() as qemus_ends:
            ours, descriptors = [], []
            for name in ("commands", "events"):
                end, qemus_end = socket.socketpair()
                ours.append(opened.enter_context(end))
                descriptors.append(qemus_ends.enter_context(qemus_end).fileno())
                command += ["-chardev", f"socket,id={name},fd={descriptors[-1]}"]
                command += ["-mon", f"chardev={name},mode=control"]
            monitor = Monitor(ours[0], ours[1], events, directory / "qmp.jsonl")
            opened.callback(monitor.close)
            stderr = directory / "stderr.log"
            process = QemuProcess(command, descriptors, stderr, events, monitor.drain)
        opened.callback(lambda: process.wait(Deadline.after(_KILL_SECONDS)))
        opened.callback(process.kill)
        yield events, monitor, process


def _judge(ended: HostEvent, events: EventStream, stderr: str, stages: Path) -> ProbeResult:
    """The result, from the end of QEMU."""
    status = ended.data.get("status")
    if status == _exit_status(probe_guest.RIGHT_VALUE):
        return ProbeResult()
    if status == _exit_status(probe_guest.WRONG_VALUE):
        return ProbeResult(f"a check of a test guest failed, {_reached(stages)}")
    off = events.first(named("SHUTDOWN"))
    if off is not None and off.data.get("reason") == "guest-reset":
        return ProbeResult(f"a test guest was reset by a fault, {_reached(stages)}")
    return ProbeResult(
        f"QEMU ended with status {status}, the test guest {_reached(stages)}: {_message(stderr)}"
    )


def _exit_status(value: int) -> int:
    """QEMU's exit status for a value written to isa-debug-exit (qemu:hw/misc/debugexit.c)."""
    return (value << 1) | 1


def _run_state(monitor: Monitor) -> str:
    try:
        answer = monitor.execute("query-status", None, Deadline.after(_STOPPED_SECONDS))
    except MachineError as error:
        return f"unknown ({error})"
    return str(answer.get("status")) if isinstance(answer, dict) else "unknown"


def _reached(stages: Path) -> str:
    """How far the test guest got, as a clause."""
    try:
        began = stages.read_bytes()[-1:]
    except OSError:
        began = b""
    if not began:
        return "before its boot sector"
    number = began[0]
    known = 1 <= number <= len(probe_guest.STAGES)
    name = probe_guest.STAGES[number - 1] if known else "unknown"
    return f"in stage {number} of {len(probe_guest.STAGES)} ({name})"


def _message(stderr: str) -> str:
    """The start of QEMU's messages without warnings; a dump of registers often follows."""
    lines = (line for line in stderr.splitlines() if "warning:" not in line)
    return one_line(" ".join(lines), _MOST_OF_STDERR) or "no message"
