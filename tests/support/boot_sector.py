"""A guest of 512 bytes: it arms the ACPI power button, waits for it and does as it was made to.

SeaBIOS places the PM1 block at 0x600: status, enable at +2, control at +4.
"""

from __future__ import annotations

import json
from pathlib import Path

from powerdown.images.image import (
    Budgets,
    ControlConfig,
    Disk,
    DiskBus,
    DiskFormat,
    Firmware,
    Image,
    MachineType,
    NicModel,
    Transport,
    WinrmAuthentication,
)

STATUS, ENABLE, CONTROL = 0x600, 0x602, 0x604
BUTTON = 0x0100
POWER_OFF = 0x2000
"""PM1_CNT: SLP_EN with the type QEMU takes for S5 (qemu:hw/acpi/core.c)."""


def write_port(port: int, value: int) -> bytes:
    """mov dx, PORT; mov ax, VALUE; out dx, ax."""
    return b"\xba" + port.to_bytes(2, "little") + b"\xb8" + value.to_bytes(2, "little") + b"\xef"


HALT = bytes.fromhex("fa f4 ebfd")
"""cli; hlt; jmp back to the hlt."""

AWAIT_BUTTON = bytes.fromhex("ba0006 ed a90001 74f7")
"""mov dx, STATUS; in ax, dx; test ax, BUTTON; jz back to the mov."""

ARM = write_port(ENABLE, BUTTON)
ACKNOWLEDGE = write_port(STATUS, BUTTON)
OBEDIENT = ARM + AWAIT_BUTTON + ACKNOWLEDGE + write_port(CONTROL, POWER_OFF) + HALT
IGNORING = ARM + AWAIT_BUTTON + ACKNOWLEDGE + HALT
HUNG = ARM + HALT
UNARMED = HALT
OFF_AT_ONCE = write_port(CONTROL, POWER_OFF) + HALT
TALKATIVE = bytes.fromhex("baf803 b041 ee") + OFF_AT_ONCE
"""mov dx, 0x3f8; mov al, 'A'; out dx, al: one letter on the first serial port, then off."""
REBOOTING = ARM + AWAIT_BUTTON + bytes.fromhex("b0fe e664") + HALT
"""... mov al, 0xfe; out 0x64, al: the keyboard controller pulses the CPU's reset line."""

IDLE = bytes.fromhex("fb") + ARM + bytes.fromhex("f4 ebfd")
"""sti; ...; hlt; jmp back to the hlt: woken by each tick of the timer."""

BLACK = bytes.fromhex("b81300 cd10")
"""mov ax, 0x13; int 0x10: graphics, all black."""
DARK = BLACK + ARM + HALT
DARKENING = ARM + AWAIT_BUTTON + ACKNOWLEDGE + BLACK + HALT

WRITING = bytes.fromhex("b80103 bb007c b90200 ba8000 cd13") + ARM + HALT
"""BIOS (int 0x13): write one sector from 0x7c00 to the second of the first disk."""

TYPEWRITER = ARM + bytes.fromhex("b400 cd16 88e0 baf803 ee ebf4")
"""BIOS (int 0x16): wait for a key, send its scan code to the first serial port, again."""

MASKLESS = (
    bytes.fromhex("c7060800167c c7060a000000") + ARM + bytes.fromhex("f4 ebfd b04e baf803 ee cf")
)
"""Points the NMI's vector to the end, which sends N to the first serial port; hlt."""

SLEEPY = ARM + write_port(CONTROL, 0x2400) + HALT
"""SLP_EN with the type QEMU takes for S3 (qemu:hw/acpi/core.c)."""


def boot_image(
    directory: Path,
    code: bytes,
    machine: MachineType = MachineType.PC,
    firmware: Firmware = Firmware.BIOS,
    bus: DiskBus = DiskBus.IDE,
) -> Image:
    """An image whose disk starts with ``code``."""
    disk = directory / "boot.raw"
    disk.write_bytes((code.ljust(510, b"\0") + b"\x55\xaa").ljust(1 << 20, b"\0"))
    return Image(
        name="boot-sector",
        definition=directory / "boot.toml",
        description="",
        disk=Disk(disk, DiskFormat.RAW, bus),
        machine=machine,
        firmware=firmware,
        memory_mib=32 if firmware is Firmware.BIOS else 128,
        vcpus=1,
        nic=NicModel.E1000,
        control=ControlConfig(Transport.NONE, 5985, WinrmAuthentication.BASIC, None),
        budgets=Budgets(boot=20, reaction=2, shutdown_soft=5, shutdown_hard=10, settle=0),
    )


def traffic(transcript: Path) -> list[dict[str, object]]:
    """The lines of a QMP transcript."""
    return [json.loads(line) for line in transcript.read_text().splitlines()]
