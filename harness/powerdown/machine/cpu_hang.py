"""Hanging a guest's CPUs from outside, with any guest system.

The state is that of a kernel spinning with interrupts off, as after a driver error: nothing in
the guest runs any more and the ACPI interrupt is not served, so that a press of the power button
stays latched. No program in a guest can cause it by documented means.
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
"""Number of EFLAGS, in hex, among the registers that qemu-system-x86_64 shows to GDB."""

_MOMENT_SECONDS = 0.02
"""How long CPUs run on that could not be hung where they stopped."""

_NAP_SECONDS = 0.5
"""How long they run on when all of them sleep: a breakpoint stops them on waking."""

_CLOSE_SECONDS = 5.0
"""For each command that cleans up after a failure."""

_SELECTIVE_PART = 0.5
"""The part of the time in which only running CPUs in kernel mode are hung. After that user mode is
accepted too: with interrupts off, it spins as well."""


def hang_cpus(qmp: Qmp, deadline: Deadline) -> None:
    """Make every CPU of a running guest spin with interrupts off, through QEMU's GDB stub.

    A CPU that sleeps in ``hlt`` is hung when it wakes; one that does not wake in time is made to
    sleep for ever. The stub is open only during the call, on a socket without a name. The guest is
    stopped briefly several times, which causes ``STOP`` and ``RESUME`` events.

    :param deadline: for the whole operation; a few seconds suffice.
    :raise MachineError: QEMU has ended, or its stub refuses.
    """
    selective = deadline.at_most(deadline.remaining * _SELECTIVE_PART)
    with _stub(qmp, deadline) as gdb:
        cpus = read_cpus(qmp, deadline)
        pending = {cpu.index for cpu in cpus}
        while pending := pending - _hang_some(gdb, cpus, pending, selective):
            with _caught_waking(gdb, cpus, pending) as all_of_them:
                nap = min(_NAP_SECONDS, selective.remaining) if all_of_them else 0.0
                gdb.run_for(max(_MOMENT_SECONDS, nap))
            cpus = read_cpus(qmp, deadline)


def _hang_some(
    gdb: GdbRemote, cpus: Collection[CpuState], pending: Collection[int], selective: Deadline
) -> set[int]:
    """Hang the CPUs that are in a suitable state and return their numbers."""
    hung = set()
    for cpu in cpus:
        if cpu.index not in pending:
            continue
        if cpu.halted and (selective.expired or not cpu.interruptible):
            # It sleeps, and with interrupts off nothing will wake it.
            _mask_interrupts(gdb, cpu)
        elif not cpu.halted and not cpu.management and (selective.expired or cpu.privilege == 0):
            _mask_interrupts(gdb, cpu)
            gdb.expect_ok(f"M{cpu.address:x},{len(_SPIN) // 2}:{_SPIN}")
        else:
            continue
        hung.add(cpu.index)
    return hung


def _mask_interrupts(gdb: GdbRemote, cpu: CpuState) -> None:
    # GDB's thread ids are QEMU's CPU numbers, from 1. Hg also selects the CPU for memory writes.
    gdb.expect_ok(f"Hg{cpu.index + 1:x}")
    flags = cpu.flags & ~INTERRUPTS_ENABLED
    gdb.expect_ok(f"P{_FLAGS_REGISTER}={flags.to_bytes(4, 'little').hex()}")


@contextmanager
def _caught_waking(
    gdb: GdbRemote, cpus: Collection[CpuState], pending: Collection[int]
) -> Iterator[bool]:
    """Set breakpoints where sleeping CPUs will wake, and remove them afterwards.

    Not where a hung CPU spins, which would hit them for ever.

    :return: whether every pending CPU will stop at one.
    """
    spinning = {cpu.address for cpu in cpus if cpu.index not in pending}
    waking = {cpu.address for cpu in cpus if cpu.index in pending and cpu.halted} - spinning
    # Hardware breakpoints, which change no memory; KVM has four and refuses more.
    caught = {address for address in waking if gdb.request(f"Z1,{address:x},1") == "OK"}
    try:
        yield all(cpu.address in caught for cpu in cpus if cpu.index in pending)
    finally:
        for address in caught:
            gdb.expect_ok(f"z1,{address:x},1")


@contextmanager
def _stub(qmp: Qmp, deadline: Deadline) -> Iterator[GdbRemote]:
    """Open QEMU's GDB stub, which stops the guest; on exit close it and let the guest run."""
    ours, qemus = socket.socketpair()
    with ours:
        with qemus:
            qmp.pass_fd(_STUB, qemus, deadline)
        address = {"type": "fd", "data": {"str": _STUB}}
        backend = {"type": "socket", "data": {"addr": address, "server": False}}
        qmp.execute("chardev-add", {"id": _STUB, "backend": backend}, deadline)
        try:
            output = qmp.human(f"gdbserver chardev:{_STUB}", deadline)
            if not output.startswith("Waiting for gdb connection"):
                raise MachineError(
                    "open QEMU's GDB stub",
                    f"it printed {output[:200]!r}",
                    "See the QMP transcript.",
                )
            gdb = GdbRemote(ours, deadline)
            # The stub accepts single registers only from clients that have read their description.
            gdb.request("qXfer:features:read:target.xml:0,ffb")
            yield gdb
            gdb.expect_ok("D")
        except BaseException:
            _close_stub(qmp)
            # Closing the stub does not resume the guest, nor remove a chardev it never used.
            for command, arguments in (("cont", None), ("chardev-remove", {"id": _STUB})):
                with contextlib.suppress(MachineError):
                    qmp.execute(command, arguments, Deadline.after(_CLOSE_SECONDS))
            raise
        _close_stub(qmp)


def _close_stub(qmp: Qmp) -> None:
    with contextlib.suppress(MachineError):
        # Removes the chardev and the breakpoints as well.
        qmp.human("gdbserver none", Deadline.after(_CLOSE_SECONDS))
