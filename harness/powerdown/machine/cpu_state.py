"""State of the virtual CPUs, as QEMU's human monitor prints it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from powerdown.core.deadline import Deadline
from powerdown.core.errors import MachineError
from powerdown.machine.qmp import Qmp

_CPU = re.compile(r"^CPU#(\d+)\s*$", re.MULTILINE)
_WHERE = re.compile(
    r"^[ER]IP=([0-9a-f]+) [ER]FL=([0-9a-f]+) \[.{7}\] CPL=([0-3]) .*SMM=([01]) HLT=([01])",
    re.MULTILINE,
)
_CODE_SEGMENT = re.compile(r"^CS =[0-9a-f]{4} ([0-9a-f]+) ", re.MULTILINE)
"""Format of ``info registers``: qemu:target/i386/cpu-dump.c, the same for all modes of the CPU."""

INTERRUPTS_ENABLED = 1 << 9
"""IF in EFLAGS (Intel SDM volume 1, 3.4.3)."""


@dataclass(frozen=True)
class CpuState:
    """One virtual CPU at one moment.

    :param index: its number in QEMU, from 0.
    :param address: linear address of the next instruction.
    :param flags: EFLAGS.
    :param privilege: current privilege level; 0 is the kernel, 3 user mode.
    :param halted: in ``hlt``, or not started yet.
    :param management: in system management mode, that is in firmware.
    """

    index: int
    address: int
    flags: int
    privilege: int
    halted: bool
    management: bool

    @property
    def interruptible(self) -> bool:
        """Whether it takes interrupts."""
        return bool(self.flags & INTERRUPTS_ENABLED)


def read_cpus(qmp: Qmp, deadline: Deadline) -> tuple[CpuState, ...]:
    """The state of all CPUs; exact while they are stopped.

    :raise MachineError: QEMU has ended, or its output has another format.
    """
    return parse_registers(qmp.human("info registers -a", deadline))


def parse_registers(printed: str) -> tuple[CpuState, ...]:
    """The CPUs in the output of ``info registers -a``.

    :raise MachineError: it has another format.
    """
    parts = _CPU.split(printed)
    cpus = tuple(
        _cpu(int(number), text) for number, text in zip(parts[1::2], parts[2::2], strict=True)
    )
    if not cpus:
        raise _malformed(printed)
    return cpus


def _cpu(index: int, text: str) -> CpuState:
    where, code_segment = _WHERE.search(text), _CODE_SEGMENT.search(text)
    if where is None or code_segment is None:
        raise _malformed(text)
    pointer, flags = int(where[1], 16), int(where[2], 16)
    # In 64-bit mode the base is 0, elsewhere addresses have 32 bits.
    address = pointer if len(where[1]) > 8 else (int(code_segment[1], 16) + pointer) & 0xFFFFFFFF
    return CpuState(
        index, address, flags, int(where[3]), halted=where[5] == "1", management=where[4] == "1"
    )


def _malformed(printed: str) -> MachineError:
    return MachineError(
        "read the registers of the guest's CPUs",
        f"QEMU's `info registers -a` printed {printed[:200]!r}",
        "See the QMP transcript; this version of QEMU may use another format.",
    )
