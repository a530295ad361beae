"""The ACPI probe: reading the PM1 event registers of a running guest from outside.

The block is found, never assumed: firmware places it (0x600 with SeaBIOS on ``pc`` and ``q35``).
"""

from __future__ import annotations

import re

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import MachineError
from powerdown.machine.protocol import Pm1Sample
from powerdown.machine.qmp import Qmp

_BLOCK = re.compile(
    r"^\s*([0-9a-f]{16})-([0-9a-f]{16}) \(prio -?\d+, i/o\): acpi-evt\s*$", re.MULTILINE
)
"""QEMU's name of the PM1 event block (qemu:hw/acpi/core.c) in ``info mtree -f``, which lists only
what is mapped. A part of a block has an ``@`` offset and does not match."""

_PORT_READ = re.compile(r"^\s*portw\[0x[0-9a-f]{4}\] = 0x([0-9a-f]{4})\s*$")
_BLOCK_NAME = re.compile(r": acpi-evt\b")
"""The same name in ``info mtree``, which lists a block whether it is mapped or not."""

_BLOCK_BYTES = 4
_PORTS = 1 << 16
_FLOATING = 0xFFFF
"""What reading an unmapped port returns."""


def find_event_block(memory_tree: str) -> int | None:
    """Base port of the PM1 event block in QEMU's ``info mtree -f``.

    :return: ``None`` while firmware has not placed it, or has it at 0.
    """
    for match in _BLOCK.finditer(memory_tree):
        base, last = int(match[1], 16), int(match[2], 16)
        if base and last - base == _BLOCK_BYTES - 1 and last < _PORTS:
            return base
    return None


def parse_port_read(printed: str) -> int:
    """The 16-bit value in QEMU's answer to ``i/h PORT``.

    :raise MachineError: the answer has another format.
    """
    match = _PORT_READ.match(printed)
    if match is None:
        raise MachineError(
            "read an I/O port through QEMU's monitor",
            f"it printed {printed[:100]!r}",
            "See the QMP transcript; this version of QEMU may use another format.",
        )
    return int(match[1], 16)


class AcpiProbe:
    """Reads PM1_STS and PM1_EN of one machine.

    The address of the block is cached, and looked up again once nothing answers there: firmware
    places it anew after a reset or a resume from sleep.
    """

    def __init__(self, qmp: Qmp) -> None:
        self._qmp = qmp
        self._base: int | None = None
        self._has_block = False

    def read(self, deadline: Deadline) -> Pm1Sample:
        """Read both registers; ``mapped`` is false while the block is not mapped.

        :raise MachineError: QEMU has ended, its answer is malformed, or the machine type has no
            such block.
        """
        if self._base is not None:
            sample = self._read_at(self._base, deadline)
            if sample.mapped:
                return sample
        self._base = find_event_block(self._qmp.human("info mtree -f", deadline))
        if self._base is None:
            self._expect_block(deadline)
            return Pm1Sample(at=now(), status=_FLOATING, enable=_FLOATING)
        return self._read_at(self._base, deadline)

    def _expect_block(self, deadline: Deadline) -> None:
        """Fail for a machine without PM1 registers, which signals a press in another way."""
        if self._has_block:
            return
        self._has_block = _BLOCK_NAME.search(self._qmp.human("info mtree", deadline)) is not None
        if not self._has_block:
            raise MachineError(
                "read the power button's ACPI registers",
                "this machine has no PM1 event block",
                "Use machine type pc or q35; microvm and virt have another kind of button.",
            )

    def _read_at(self, base: int, deadline: Deadline) -> Pm1Sample:
        status = self._port(base, deadline)
        enable = self._port(base + 2, deadline)
        return Pm1Sample(at=now(), status=status, enable=enable)

    def _port(self, port: int, deadline: Deadline) -> int:
        return parse_port_read(self._qmp.human(f"i/h {port:#06x}", deadline))
