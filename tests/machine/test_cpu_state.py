"""Registers as QEMU prints them, in each mode of the CPU."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.core.errors import MachineError
from powerdown.machine.cpu_state import CpuState, parse_registers

REAL_MODE = """
CPU#0
EAX=00000100 EBX=00000000 ECX=00000000 EDX=00000602
ESI=00000000 EDI=00000000 EBP=00000000 ESP=00006f04
EIP=0000e05b EFL=00000202 [-------] CPL=0 II=0 A20=1 SMM=1 HLT=0
ES =0000 00000000 0000ffff 00009300
CS =f000 000f0000 0000ffff 00009b00
SS =0000 00000000 0000ffff 00009300
"""
LONG_MODE = """
CPU#1
RAX=ffffffff817b8f60 RBX=ffffffff8201a940 RCX=0000000000000001 RDX=4000000000000000
RIP=ffffffff817b938b RFL=00000212 [----A--] CPL=0 II=0 A20=1 SMM=0 HLT=1
ES =0000 0000000000000000 00000000 00000000
CS =0010 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]
SS =0018 0000000000000000 ffffffff 00cf9300 DPL=0 DS   [-WA]
"""
PROGRAM_32 = """
CPU#10
EAX=00000000 EBX=00000000 ECX=00000001 EDX=00000000
EIP=00401000 EFL=00000246 [---Z-P-] CPL=3 II=0 A20=1 SMM=0 HLT=0
CS =001b fffff000 ffffffff 00cffb00 DPL=3 CS32 [-RA]
"""


def test_every_mode() -> None:
    assert parse_registers(REAL_MODE + LONG_MODE + PROGRAM_32) == (
        CpuState(0, 0xFE05B, 0x202, privilege=0, halted=False, management=True),
        CpuState(1, 0xFFFFFFFF817B938B, 0x212, privilege=0, halted=True, management=False),
        # The base wraps around at 32 bits.
        CpuState(10, 0x400000, 0x246, privilege=3, halted=False, management=False),
    )


def test_interrupts_on_and_off() -> None:
    on, off = parse_registers(LONG_MODE + LONG_MODE.replace("00000212", "00000012"))
    assert on.interruptible
    assert not off.interruptible


@pytest.mark.parametrize("printed", ["", "CPU#0\n", "CPU#0\nEIP=1\n", "unknown command"])
def test_something_else(printed: str) -> None:
    with pytest.raises(MachineError, match="registers"):
        parse_registers(printed)


@given(st.text(), st.sampled_from([REAL_MODE, LONG_MODE, ""]))
def test_garbage_gives_cpus_or_a_machine_error(garbage: str, before: str) -> None:
    try:
        assert parse_registers(before + garbage)
    except MachineError:
        return
