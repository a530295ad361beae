"""A guest of 512 bytes that uses its TPM and tells on the serial port what is in it.

It extends PCR 16, which is all zeros after a start, by one event, tells, arms the power button and
waits for it; then it tells again, extends once more and powers off.

The TPM's interface is CRB (TCG PC Client Platform TPM Profile 1.05, 6.5.3), its commands are those
of TPM Library Part 3: Startup, PCR_Event, PCR_Read, ReadClock.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from powerdown.images.image import Image, MachineType
from tests.support.boot_sector import BUTTON, CONTROL, ENABLE, POWER_OFF, STATUS, boot_image

_LOADED_AT = 0x7C00
_RUN_AT = 0x130
_DATA_AT = 0x150
_DIGEST = 30
"""Where the digest begins in a response to PCR_Read."""
_RESET_COUNT = 29
"""Where the lowest byte of the reset count is in a response to ReadClock."""
_EVENT = b"\x55"


def _command(tag: int, code: int, parameters: str, event: bytes = b"") -> bytes:
    body = bytes.fromhex(parameters) + event
    length = 10 + len(body)
    return tag.to_bytes(2, "big") + length.to_bytes(4, "big") + code.to_bytes(4, "big") + body


_COMMANDS = {
    "startup": _command(0x8001, 0x144, "0000"),
    # Handle; size of the authorization: a password session, empty; size of the event.
    "event": _command(0x8002, 0x13C, "00000010 00000009 40000009 0000 00 0000 0001", _EVENT),
    # One selection: SHA-256, 3 bytes of bits, the 17th of them.
    "read": _command(0x8001, 0x17E, "00000001 000b 03 000001"),
    "clock": _command(0x8001, 0x181, ""),
}
_GDT = bytes.fromhex("0000000000000000 ffff0000009acf00 ffff00000092cf00")
"""Nothing; code and data of 4 GiB each."""
_GDT_AT = _DATA_AT + sum(map(len, _COMMANDS.values()))


def _address(offset: int) -> bytes:
    return (_LOADED_AT + offset).to_bytes(4, "little")


def _port(port: int, instruction: str) -> bytes:
    """mov dx, PORT; ..."""
    return b"\x66\xba" + port.to_bytes(2, "little") + bytes.fromhex(instruction)


def _write(port: int, value: int) -> bytes:
    """mov ax, VALUE; out dx, ax."""
    return b"\x66\xb8" + value.to_bytes(2, "little") + _port(port, "66ef")


_REAL_MODE = (
    bytes.fromhex("fa 31c0 8ed8 66 0f0116")  # cli; xor ax, ax; mov ds, ax; lgdt [...]
    + _address(_GDT_AT + len(_GDT))[:2]
    + bytes.fromhex("0f20c0 0c01 0f22c0")  # mov eax, cr0; or al, 1; mov cr0, eax
)
_TO_PROTECTED_MODE = b"\x66\xea" + _address(len(_REAL_MODE) + 8) + b"\x08\x00"
_PROTECTED_MODE = bytes.fromhex(
    "66b81000 8ed8 8ec0 8ed0 bc00700000"  # mov ax, 16; mov ds, es, ss, ax; mov esp, 0x7000
    "bb0000d4fe c7430801000000"  # mov ebx, 0xfed40000; [ebx+8] = 1: ask for locality 0
)
_RUN = bytes.fromhex(
    "c7434001000000 8dbb80000000 f3a4"  # [ebx+0x40] = 1: get ready; copy the command to ebx+0x80
    "c7434c01000000 837b4c00 75fa c3"  # [ebx+0x4c] = 1: go; until that is 0; ret
)


def _run(name: str) -> bytes:
    """mov esi, COMMAND; mov ecx, LENGTH; mov eax, RUN; call eax."""
    names = list(_COMMANDS)
    offset = _DATA_AT + sum(len(_COMMANDS[one]) for one in names[: names.index(name)])
    length = len(_COMMANDS[name]).to_bytes(4, "little")
    return b"\xbe" + _address(offset) + b"\xb9" + length + b"\xb8" + _address(_RUN_AT) + b"\xff\xd0"


def _tell(offset: int) -> bytes:
    """mov al, [ebx+0x80+OFFSET]; out 0x3f8, al."""
    return b"\x8a\x83" + (0x80 + offset).to_bytes(4, "little") + _port(0x3F8, "ee")


_TELL = _run("read") + _tell(_DIGEST) + _run("clock") + _tell(_RESET_COUNT)
_AWAIT_BUTTON = _port(STATUS, "66ed f6c401 74f5")
_CODE = (
    _REAL_MODE
    + _TO_PROTECTED_MODE
    + _PROTECTED_MODE
    + _run("startup")
    + _run("event")
    + _TELL
    + _write(ENABLE, BUTTON)
    + _AWAIT_BUTTON
    + _TELL
    + _run("event")
    + _write(CONTROL, POWER_OFF)
    + bytes.fromhex("f4 ebfd")
)
_DATA = b"".join(_COMMANDS.values()) + _GDT + (len(_GDT) - 1).to_bytes(2, "little")


def tpm_image(directory: Path, machine: MachineType = MachineType.PC) -> Image:
    """An image whose disk starts with that guest."""
    assert len(_CODE) <= _RUN_AT
    sector = (_CODE.ljust(_RUN_AT, b"\0") + _RUN).ljust(_DATA_AT, b"\0") + _DATA
    return replace(boot_image(directory, sector + _address(_GDT_AT), machine), tpm=True)


def told(reset_count: int) -> bytes:
    """What it tells each time, with a TPM that was started ``reset_count`` times."""
    pcr = hashlib.sha256(bytes(32) + hashlib.sha256(_EVENT).digest()).digest()
    return pcr[:1] + bytes([reset_count])
