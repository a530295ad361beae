"""Whether an accelerator works: a test guest has to run on it to its own end, under a deadline."""

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
from powerdown.machine import probe_guest
from powerdown.machine.events import PROCESS_EXIT, EventStream, HostEvent, named
from powerdown.machine.monitor import Monitor
from powerdown.machine.qemu.process import QemuProcess
from powerdown.machine.run_directory import RunDirectory

REVISION = 2
"""Of the probe: raise it with every change of what the probe proves, so that remembered answers
of an older one are not believed."""

_STOPPED_SECONDS = 5.0
"""For QEMU to say in which run state it has stopped the guest."""

_KILL_SECONDS = 10.0
"""From SIGKILL to the end of the process."""

_MEMORY_MIB = 32
_MOST_OF_STDERR = 200


@dataclass(frozen=True)
class ProbeResult:
    """What became of the test guest.

    :param failure: what happened instead of its right end; empty when it came to that.
    :param stopped: QEMU stopped its CPUs, which it does where it or KVM cannot go on.
    """

    failure: str = ""
    stopped: bool = False

    @property
    def works(self) -> bool:
        """Whether the test guest came to its right end."""
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
    :param cpu_model: for QEMU's ``-cpu``: the one that guests will get.
    :param qemu: QEMU's program.
    :param seconds: time allowed; then the guest is killed. It dies with the harness too.
    :param disk: another boot disk than the test guest's.
    :raise HostError: QEMU or setpriv is not installed, or there is no room for the boot disk.
    """
    deadline = Deadline.after(seconds)
    with RunDirectory("probe") as directory:
        boot = directory.path / "boot.raw"
        try:
            boot.write_bytes(probe_guest.boot_disk() if disk is None else disk)
        except OSError as error:
            raise HostError(f"write {boot}", str(error), "Make room there.") from error
        stages = directory.path / "stages"
        command = [qemu, *_machine(accelerator, cpu_model, boot, stages)]
        with _started(command, directory.path) as (events, monitor, process):
            # A QEMU that refuses ends before it answers, and a guest that ends takes it along.
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
            said = _one_line(process.stderr_tail())
            return ProbeResult(
                f"QEMU stopped a test guest with run state {_run_state(monitor)}, "
                f"{_reached(stages)}: {said}",
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
        # The screen that guests have: its firmware is the first 16-bit code that they run.
        *("-display", "none", "-vga", "std"),
        # As JSON, because paths may hold commas.
        *("-blockdev", json.dumps(disk), "-device", "ide-hd,drive=boot,bootindex=0"),
        *("-boot", "menu=off,strict=on"),
        *("-device", f"isa-debug-exit,iobase={probe_guest.EXIT_PORT:#x},iosize=1"),
        *("-chardev", f"file,id=stages,path={str(stages).replace(',', ',,')}"),
        *("-device", f"isa-debugcon,iobase={probe_guest.STAGE_PORT:#x},chardev=stages"),
        # A triple fault resets the CPU: QEMU then ends instead of starting the guest for ever.
        "-no-reboot",
        "-S",
    )


@contextlib.contextmanager
def _started(
    command: list[str], directory: Path
) -> Iterator[tuple[EventStream, Monitor, QemuProcess]]:
    """QEMU with a monitor, its guest not begun yet; gone when the block ends."""
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


def _judge(ended: HostEvent, events: EventStream, said: str, stages: Path) -> ProbeResult:
    """What the end of QEMU means."""
    status = ended.data.get("status")
    if status == _exit_status(probe_guest.RIGHT_VALUE):
        return ProbeResult()
    if status == _exit_status(probe_guest.WRONG_VALUE):
        return ProbeResult(f"a check of a test guest failed, {_reached(stages)}")
    off = events.first(named("SHUTDOWN"))
    if off is not None and off.data.get("reason") == "guest-reset":
        return ProbeResult(f"a test guest was reset by a fault, {_reached(stages)}")
    return ProbeResult(
        f"QEMU ended with status {status}, the test guest {_reached(stages)}: {_one_line(said)}"
    )


def _exit_status(value: int) -> int:
    """What isa-debug-exit makes of a value (qemu:hw/misc/debugexit.c)."""
    return (value << 1) | 1


def _run_state(monitor: Monitor) -> str:
    try:
        answer = monitor.execute("query-status", None, Deadline.after(_STOPPED_SECONDS))
    except MachineError as error:
        return f"unknown ({error})"
    return str(answer.get("status")) if isinstance(answer, dict) else "unknown"


def _reached(stages: Path) -> str:
    """How far the test guest came."""
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


def _one_line(said: str) -> str:
    """The first of what QEMU said but for warnings: most often a dump of registers follows."""
    lines = (line for line in said.splitlines() if "warning:" not in line)
    return " ".join(" ".join(lines).split())[:_MOST_OF_STDERR] or "it said nothing"
