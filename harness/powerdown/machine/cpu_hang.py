"""Hanging a guest's CPUs from outside, whatever the guest is.

The state is that of a kernel spinning with interrupts off, as after a driver's error: nothing in
the guest runs any more and the ACPI interrupt is not served, so that a press of the power button
stays latched. No program in a guest can bring it about by documented means.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from powerdown.core.deadline import Deadline
from powerdown.core.errors import MachineError
from powerdown.machine.cpu_state import INTERRUPTS_ENABLED, CpuState, read_cpus
from powerdown.machine.gdb_remote import GdbRemote
from powerdown.machine.qmp import Qmp

_STUB = "debugger"
"""QEMU's name (chardev) for the connection to its GDB stub."""

_SPIN = "ebfe"
"""jmp to itself."""

_FLAGS_REGISTER = "11"
"""Number of EFLAGS, in hex, in what qemu-system-x86_64 shows to GDB in every mode of the CPU."""

_MOMENT_SECONDS = 0.02
"""How long CPUs run on that could not be hung where they were."""

_NAP_SECONDS = 0.5
"""How long they run on when each of them sleeps: waking stops them at once."""

_CLOSE_SECONDS = 5.0
"""For each command that puts things back after a failure."""

_CHOOSY = 0.5
"""The part of the time in which only CPUs awake and in the kernel are hung. After it a program is
as good a place: with interrupts off, it spins as well."""


def hang_cpus(qmp: Qmp, deadline: Deadline) -> None:
    """Make every CPU of a running guest spin with interrupts off, through QEMU's GDB stub.

    A CPU that sleeps in ``hlt`` is hung when it wakes; one that does not wake in time sleeps for
    ever. The stub is open only during the call, on a socket that has no name. The guest stops for
    moments, which gives ``STOP`` and ``RESUME`` events.

    :param deadline: for all of it; seconds are plenty.
    :raise MachineError: QEMU is gone, or its stub refuses.
    """
    choosy = deadline.at_most(deadline.remaining * _CHOOSY)
    with _stub(qmp, deadline) as gdb:
        cpus = read_cpus(qmp, deadline)
        pending = {cpu.index for cpu in cpus}
        while pending := pending - _hang_some(gdb, cpus, pending, choosy):
            with _caught_waking(gdb, cpus, pending) as all_of_them:
                nap = min(_NAP_SECONDS, choosy.remaining) if all_of_them else 0.0
                gdb.go_on(max(_MOMENT_SECONDS, nap))
            cpus = read_cpus(qmp, deadline)


def _hang_some(
    gdb: GdbRemote, cpus: Collection[CpuState], pending: Collection[int], choosy: Deadline
) -> set[int]:
    """Hang the CPUs that are where they can be hung; which ones hang."""
    hung = set()
    for cpu in cpus:
        if cpu.index not in pending:
            continue
        if cpu.halted and (choosy.expired or not cpu.interruptible):
            # It sleeps, and nothing will wake it.
            _mask_interrupts(gdb, cpu)
        elif not cpu.halted and not cpu.management and (choosy.expired or cpu.privilege == 0):
            _mask_interrupts(gdb, cpu)
            gdb.demand(f"M{cpu.address:x},{len(_SPIN) // 2}:{_SPIN}")
        else:
            continue
        hung.add(cpu.index)
    return hung


def _mask_interrupts(gdb: GdbRemote, cpu: CpuState) -> None:
    # GDB's thread ids are QEMU's CPU numbers, from 1. The choice is also whose memory is written.
    gdb.demand(f"Hg{cpu.index + 1:x}")
    flags = cpu.flags & ~INTERRUPTS_ENABLED
    gdb.demand(f"P{_FLAGS_REGISTER}={flags.to_bytes(4, 'little').hex()}")


@contextmanager
def _caught_waking(
    gdb: GdbRemote, cpus: Collection[CpuState], pending: Collection[int]
) -> Iterator[bool]:
    """Breakpoints where sleeping CPUs will wake, gone afterwards.

    Not where a hung one spins: it would never get past.

    :return: whether all that are pending will be caught.
    """
    spinning = {cpu.address for cpu in cpus if cpu.index not in pending}
    waking = {cpu.address for cpu in cpus if cpu.index in pending and cpu.halted} - spinning
    # In hardware, which changes no memory; KVM has room for four, and refuses more.
    caught = {place for place in waking if gdb.ask(f"Z1,{place:x},1") == "OK"}
    try:
        yield all(cpu.address in caught for cpu in cpus if cpu.index in pending)
    finally:
        for place in caught:
            gdb.demand(f"z1,{place:x},1")


@contextmanager
def _stub(qmp: Qmp, deadline: Deadline) -> Iterator[GdbRemote]:
    """Opens QEMU's GDB stub, which stops the guest; afterwards the guest runs and it is closed."""
    ours, qemus = socket.socketpair()
    with ours:
        with qemus:
            qmp.pass_fd(_STUB, qemus, deadline)
        address = {"type": "fd", "data": {"str": _STUB}}
        backend = {"type": "socket", "data": {"addr": address, "server": False}}
        qmp.execute("chardev-add", {"id": _STUB, "backend": backend}, deadline)
        try:
            said = qmp.human(f"gdbserver chardev:{_STUB}", deadline)
            if not said.startswith("Waiting for gdb connection"):
                raise MachineError(
                    "open QEMU's GDB stub", f"it said {said[:200]!r}", "See the QMP transcript."
                )
            gdb = GdbRemote(ours, deadline)
            # The stub serves single registers only to clients that have read their description.
            gdb.ask("qXfer:features:read:target.xml:0,ffb")
            yield gdb
            gdb.demand("D")
        except BaseException:
            _close_stub(qmp)
            # The pause does not end with the stub; nor does a chardev it never took.
            for command, arguments in (("cont", None), ("chardev-remove", {"id": _STUB})):
                with contextlib.suppress(MachineError):
                    qmp.execute(command, arguments, Deadline.after(_CLOSE_SECONDS))
            raise
        _close_stub(qmp)


def _close_stub(qmp: Qmp) -> None:
    with contextlib.suppress(MachineError):
        # Removes the chardev and the breakpoints as well.
        qmp.human("gdbserver none", Deadline.after(_CLOSE_SECONDS))
