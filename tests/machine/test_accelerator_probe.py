"""The guest that proves an accelerator, under software emulation, whole and damaged."""

from __future__ import annotations

import pytest

from powerdown.machine.accelerator import QEMU, AcceleratorKind
from powerdown.machine.accelerator_probe import ProbeResult, probe
from powerdown.machine.probe_guest import STAGES, boot_disk
from tests.support.boot_sector import HALT

PATIENCE = 30.0


def run(disk: bytes | None = None, seconds: float = PATIENCE) -> ProbeResult:
    kind = AcceleratorKind.TCG
    return probe(kind, kind.cpu_model, qemu=QEMU, seconds=seconds, disk=disk)


def damaged(code: str, change: str) -> bytes:
    """The boot disk with these bytes of its code, which must occur once, exchanged."""
    whole, old, new = boot_disk(), bytes.fromhex(code), bytes.fromhex(change)
    assert len(old) == len(new)
    assert sum(a != b for a, b in zip(old, new, strict=True)) == 1
    assert whole.count(old) == 1
    return whole.replace(old, new)


def stage(number: int) -> str:
    return f"in stage {number} of {len(STAGES)} ({STAGES[number - 1]})"


def test_the_code_is_a_boot_sector_and_two_more() -> None:
    disk = boot_disk()
    assert disk[510:512] == b"\x55\xaa"
    assert not any(disk[3 * 512 :])


@pytest.mark.guest
def test_the_test_guest_runs_to_its_end() -> None:
    assert run() == ProbeResult()


@pytest.mark.guest
@pytest.mark.parametrize(
    ("code", "change", "failure"),
    [
        pytest.param("b80202", "b802ff", f"a check of a test guest failed, {stage(1)}", id="disk"),
        pytest.param(
            "ffff0000009bcf00", "ffff0000001bcf00", f"reset by a fault, {stage(2)}", id="gdt"
        ),
        pytest.param("b801000d60", "b801000d61", f"{stage(9)}: no message", id="memory"),
        pytest.param("24fe", "24ff", f"reset by a fault, {stage(3)}", id="real mode"),
        pytest.param(
            "3b061304", "3b061404", f"a check of a test guest failed, {stage(3)}", id="BIOS"
        ),
        pytest.param("80cc01", "80cc00", f"reset by a fault, {stage(4)}", id="long mode"),
        pytest.param(
            "c7050030010083000000",
            "c7050030010083002000",
            f"a check of a test guest failed, {stage(5)}",
            id="paging",
        ),
        pytest.param("48f7e1", "40f7e1", f"{stage(9)}: no message", id="64 bits"),
        pytest.param(
            "83f802", "83f803", f"a check of a test guest failed, {stage(6)}", id="page fault"
        ),
        pytest.param("b80600fe5a41ffc648cf", "b80600fe5a41ffc648c3", stage(6), id="iretq"),
        pytest.param("b020e621", "b028e621", f"reset by a fault, {stage(7)}", id="PIC"),
        pytest.param(
            "c7832003000030000000",
            "c7832003000031000000",
            f"reset by a fault, {stage(8)}",
            id="APIC",
        ),
        pytest.param(
            "3453", "3452", f"QEMU ended with status 183, the test guest {stage(9)}", id="end"
        ),
    ],
)
def test_one_wrong_byte_keeps_it_from_its_right_end(code: str, change: str, failure: str) -> None:
    result = run(damaged(code, change))
    assert not result.works
    assert failure in result.failure
    assert not result.stopped


@pytest.mark.guest
def test_an_interrupt_that_never_comes_is_waited_for_until_the_deadline_only() -> None:
    # The timer's line stays masked.
    result = run(damaged("b0fee621", "b0ffe621"), seconds=6.0)
    assert result.failure == f"a test guest did not end within 6 s, {stage(7)}"


@pytest.mark.guest
def test_a_guest_that_never_begins_is_waited_for_until_the_deadline_only() -> None:
    result = run((HALT.ljust(510, b"\0") + b"\x55\xaa").ljust(1 << 20, b"\0"), seconds=2.0)
    assert result.failure == "a test guest did not end within 2 s, before its boot sector"
