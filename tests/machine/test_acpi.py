"""Reading QEMU's printed answers about the PM1 registers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.core.deadline import Deadline
from powerdown.core.errors import MachineError
from powerdown.machine.acpi import AcpiProbe, find_event_block, parse_port_read

PLACED = """FlatView #0
 AS "I/O", root: io
 Root memory region: io
  00000000000005f1-00000000000005ff (prio 0, i/o): io @00000000000005f1
  0000000000000600-0000000000000603 (prio 0, i/o): acpi-evt
  0000000000000604-0000000000000605 (prio 0, i/o): acpi-cnt
"""
UNPLACED = PLACED.replace("0000000000000600-0000000000000603", "0000000000000000-0000000000000003")


class ScriptedMonitor:
    """Answers from a table and remembers the questions."""

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def human(self, command_line: str, deadline: Deadline) -> str:
        self.asked.append(command_line)
        return self.answers.get(command_line, "portw[0x0000] = 0xffff\r\n")


def probe(monitor: ScriptedMonitor) -> AcpiProbe:
    return AcpiProbe(monitor)  # type: ignore[arg-type]


def test_the_block_is_found_where_firmware_put_it() -> None:
    assert find_event_block(PLACED) == 0x600
    assert find_event_block(PLACED.replace("000600-", "00b000-").replace("603 ", "b003 ")) is None
    moved = PLACED.replace("0600-0000000000000603", "b000-000000000000b003")
    assert find_event_block(moved) == 0xB000


@pytest.mark.parametrize(
    "tree",
    [
        "",
        UNPLACED,
        PLACED.replace("acpi-evt", "acpi-evt @0000000000000002"),
        PLACED.replace("acpi-evt", "acpi-evt [disabled]"),
        PLACED.replace("0603", "0601"),
        "unknown command: 'info mtree -f'\r\n",
    ],
)
def test_a_block_that_is_not_there(tree: str) -> None:
    assert find_event_block(tree) is None


@given(st.text())
def test_any_text_is_no_block_or_a_port(text: str) -> None:
    base = find_event_block(text)
    assert base is None or 0 < base < 1 << 16


def test_port_read() -> None:
    assert parse_port_read("portw[0x0602] = 0x0120\r\n") == 0x0120


@given(st.text() | st.from_regex(r"portw\[0x[0-9a-f]{4}\] = 0x[0-9a-f]*"))
def test_any_other_text_is_a_machine_error(text: str) -> None:
    try:
        value = parse_port_read(text)
    except MachineError as error:
        assert len(str(error)) < 1000
    else:
        assert 0 <= value <= 0xFFFF


def test_before_firmware_has_placed_the_block_nothing_is_mapped() -> None:
    monitor = ScriptedMonitor({"info mtree -f": "", "info mtree": UNPLACED})
    probing = probe(monitor)
    for _ in range(2):
        assert not probing.read(Deadline.after(1)).mapped
    # That the machine has a block is asked once.
    assert monitor.asked == ["info mtree -f", "info mtree", "info mtree -f"]


def test_a_machine_without_the_block_is_not_called_unarmed() -> None:
    monitor = ScriptedMonitor({"info mtree -f": "", "info mtree": "memory: my-acpi-evt.rom\n"})
    probing = probe(monitor)
    for _ in range(2):
        with pytest.raises(MachineError, match="no PM1 event block"):
            probing.read(Deadline.after(1))


def test_the_place_is_remembered_and_looked_for_again_when_it_is_gone() -> None:
    monitor = ScriptedMonitor(
        {
            "info mtree -f": PLACED,
            "i/h 0x0600": "portw[0x0600] = 0x0100\r\n",
            "i/h 0x0602": "portw[0x0602] = 0x0120\r\n",
        }
    )
    probing = probe(monitor)
    for _ in range(2):
        sample = probing.read(Deadline.after(1))
        assert (sample.status, sample.enable) == (0x0100, 0x0120)
    assert monitor.asked.count("info mtree -f") == 1

    monitor.answers = {
        "info mtree -f": PLACED.replace("0600-0000000000000603", "b000-000000000000b003"),
        "i/h 0xb000": "portw[0xb000] = 0x0001\r\n",
        "i/h 0xb002": "portw[0xb002] = 0x0100\r\n",
    }
    sample = probing.read(Deadline.after(1))
    assert (sample.status, sample.enable) == (0x0001, 0x0100)
    assert sample.button_armed
