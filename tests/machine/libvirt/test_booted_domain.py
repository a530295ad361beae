"""Domains of the harness's own do what its QEMUs do: tiny guests, on both kinds of libvirt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image as Picture

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import MachineError
from powerdown.images.digest import digest
from powerdown.machine.events import PROCESS_EXIT, HostEvent, named
from powerdown.machine.libvirt.domain_events import LIFECYCLE
from powerdown.machine.protocol import Machine, RunState
from tests.support.boot_sector import (
    ARM,
    HALT,
    HUNG,
    IDLE,
    IGNORING,
    MASKLESS,
    OBEDIENT,
    REBOOTING,
    SLEEPY,
    TALKATIVE,
    TYPEWRITER,
    boot_image,
    traffic,
)
from tests.support.libvirt_lab import CUT, Lab
from tests.support.real_qemu import armed, cpu_seconds, pm1_when

pytestmark = pytest.mark.guest

PANICKING = (
    ARM
    + bytes.fromhex("66b85c000080 baf80c 66ef bafc0c b000 ee")
    + bytes.fromhex("66b810880080 baf80c 66ef 66b800000d00 bafc0c 66ef")
    + bytes.fromhex("b800d0 8ec0 26c606000001")
    + HALT
)
"""Has PCI devices at 0xd0000 (PAM3 of the i440FX), moves the panic device (slot 0x11) there and
writes PVPANIC_PANICKED to it (qemu:docs/specs/pvpanic.txt)."""


FLOOD = bytes.fromhex("baf803 b041 ee ebfd")
"""Sends the letter A to the first serial port for ever."""


def ended(machine: Machine) -> list[HostEvent]:
    """QEMU's own events and its end, once that is there."""
    assert machine.events.wait(named(PROCESS_EXIT), Deadline.after(20)) is not None
    return [event for event in machine.events.since() if event.name != LIFECYCLE]


def serial(machine: Machine, expected: bytes) -> bytes:
    """What the guest has sent, once it is as expected or time is up."""
    file = machine._files.serial  # type: ignore[attr-defined]
    deadline = Deadline.after(10)
    while not (sent := file.read_bytes()).startswith(expected) and not deadline.expired:
        machine.events.wait(named(), deadline.at_most(0.02))
    return bytes(sent)


def test_a_press_ends_an_obedient_guest(lab: Lab) -> None:
    before = now()
    machine = lab.boot(OBEDIENT)
    disk = digest(machine.image.disk.path, Deadline.after(10))
    assert before < machine.started_at < now()
    armed(machine)
    pressed_at = machine.press_power_button()
    with pytest.raises(MachineError):
        # Commands under way do not hide the end, and do not wait for it.
        while True:
            machine.probe_pm1()
    off = machine.events.first(named("SHUTDOWN"), since=pressed_at)
    assert off is not None
    assert (off.data["guest"], off.data["reason"]) == (True, "guest-shutdown")
    assert now() - off.at < 1
    events = ended(machine)
    # libvirt tells QEMU to stay, and then to end; whether QEMU is heard once more is chance.
    names = [event.name for event in events if event.at >= pressed_at]
    assert [*names[:3], names[-1]] == ["POWERDOWN", "SHUTDOWN", "STOP", PROCESS_EXIT]
    assert events[-1].data == {"libvirt": "shutdown"}
    assert [event.at for event in events] == sorted(event.at for event in events)
    assert machine.pid is None
    with pytest.raises(MachineError, match="has powered off"):
        machine.run_state()
    assert digest(machine.image.disk.path, Deadline.after(10)) == disk


def test_the_latch_tells_a_hung_guest_from_one_that_ignores(on_daemon: Lab) -> None:
    hung, ignoring = on_daemon.boot(HUNG), on_daemon.boot(IGNORING)
    assert hung.control_address != ignoring.control_address
    for machine in (hung, ignoring):
        armed(machine)
        machine.press_power_button()
    assert hung.probe_pm1().press_pending
    pm1_when(ignoring, lambda sample: not sample.press_pending)
    assert ignoring.run_state() is RunState.RUNNING
    assert ignoring.events.exit is None


def test_a_guest_that_restarts(on_daemon: Lab) -> None:
    machine = on_daemon.boot(REBOOTING)
    armed(machine)
    machine.press_power_button()
    reset = machine.events.expect(named("RESET"), Deadline.after(20), "a restart")
    assert reset.data["reason"] == "guest-reset"
    # It boots again, where firmware places the registers anew.
    armed(machine)


def test_seen_from_outside(on_daemon: Lab, tmp_path: Path) -> None:
    machine = on_daemon.boot(IDLE)
    armed(machine)
    with Picture.open(machine.screenshot(tmp_path / "screen.png")) as picture:
        assert picture.size >= (640, 400)
        # The firmware has written something on the black screen.
        assert len(picture.convert("L").getcolors() or []) > 1
    assert not machine.sample_screen().dark
    assert cpu_seconds(machine, 0.3) < 0.15
    machine.hang_cpus()
    assert cpu_seconds(machine, 0.3) > 0.15
    machine.press_power_button()
    assert machine.probe_pm1().press_pending


def test_reset_pause_and_resume(on_daemon: Lab) -> None:
    machine = on_daemon.boot(HUNG)
    armed(machine)
    at = machine.reset()
    reset = machine.events.expect(named("RESET"), Deadline.after(10), "the reset")
    assert reset.at >= at
    assert reset.data["reason"] == "host-qmp-system-reset"
    machine.pause()
    assert machine.run_state() is RunState.PAUSED
    machine.resume()
    assert machine.run_state() is RunState.RUNNING


def test_quit(on_daemon: Lab) -> None:
    machine = on_daemon.boot(HUNG)
    machine.quit(Deadline.after(20))
    off = machine.events.first(named("SHUTDOWN"))
    assert off is None or off.data["reason"] == "host-signal"
    assert ended(machine)[-1].data == {"libvirt": "destroyed"}
    machine.quit(Deadline.after(1))


def test_kill(on_daemon: Lab) -> None:
    machine = on_daemon.boot(HUNG)
    assert machine.pid is not None
    machine.kill(Deadline.after(20))
    assert "SHUTDOWN" not in [event.name for event in ended(machine)]
    assert ended(machine)[-1].data == {"libvirt": "failed"}
    assert machine.pid is None


def test_keys_reach_the_guest(on_daemon: Lab) -> None:
    machine = on_daemon.boot(TYPEWRITER)
    armed(machine)
    machine.press_keys("a")
    assert serial(machine, b"\x1e") == b"\x1e"


def test_an_nmi_reaches_a_guest_with_interrupts_off(on_daemon: Lab) -> None:
    machine = on_daemon.boot(MASKLESS)
    armed(machine)
    machine.inject_nmi()
    assert serial(machine, b"N") == b"N"


def test_a_sleeper_takes_no_press_and_is_woken(on_daemon: Lab) -> None:
    machine = on_daemon.boot(SLEEPY)
    machine.events.expect(named("SUSPEND"), Deadline.after(20), "its sleep")
    assert machine.run_state() is RunState.SUSPENDED
    # libvirt knows of its sleep a moment after QEMU has told.
    asleep = machine.events.wait(
        lambda event: event.data.get("event") == "pm-suspended", Deadline.after(5)
    )
    assert asleep is not None
    pressed_at = machine.press_power_button()
    refused = machine.events.first(named("PRESS_REFUSED"), since=pressed_at)
    assert refused is not None
    assert "not running" in str(refused.data["why"])
    assert machine.events.first(named("POWERDOWN")) is None
    assert machine.run_state() is RunState.SUSPENDED
    machine.wake()
    machine.events.expect(named("WAKEUP"), Deadline.after(10), "it wake")


def test_who_is_awake_cannot_be_woken(on_daemon: Lab) -> None:
    machine = on_daemon.boot(HUNG)
    armed(machine)
    with pytest.raises(MachineError, match="wake the guest"):
        machine.wake()


def test_a_panic_leaves_the_guest_as_it_is(on_daemon: Lab) -> None:
    machine = on_daemon.boot(PANICKING)
    machine.events.expect(named("GUEST_PANICKED"), Deadline.after(20), "its panic")
    assert machine.run_state() is RunState.GUEST_PANICKED
    assert machine.events.exit is None


def test_transcripts_hold_what_happened_and_nothing_is_left(lab: Lab) -> None:
    machine = lab.boot(TALKATIVE)
    ended(machine)
    names = {path.name: path for path in machine.transcripts()}
    assert machine.image.name in names["domain.xml"].read_text()
    assert serial(machine, b"A") == b"A"
    lines = traffic(names["qmp.jsonl"])
    assert any("SHUTDOWN" in str(line["message"]) for line in lines)
    machine.close()
    machine.close()
    assert not names["qmp.jsonl"].parent.exists()
    assert lab.domains() == []
    # Its overlay boots again.
    again = lab.boot(machine.image, machine.overlay)
    ended(again)


def test_a_guest_that_talks_for_ever_fills_no_disk_and_keeps_nobody_waiting(
    on_daemon: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("powerdown.machine.libvirt.console_log.MOST_BYTES", 1000)
    machine = on_daemon.boot(ARM + FLOOD)
    armed(machine)
    assert serial(machine, b"A" * 1000) == b"A" * 1000
    begun = now()
    assert machine.run_state() is RunState.RUNNING
    assert now() - begun < 1


def test_closing_ends_the_guest(on_daemon: Lab) -> None:
    machine = on_daemon.boot(HUNG)
    pid = machine.pid
    assert (Path("/proc") / str(pid)).exists()
    machine.close()
    assert on_daemon.domains() == []
    assert machine.events.exit is not None
    with pytest.raises(MachineError, match=CUT):
        machine.run_state()


def test_a_qemu_that_does_not_start_says_why(on_daemon: Lab) -> None:
    image = on_daemon.image(HUNG)
    begun = now()
    with pytest.raises(MachineError, match=r"(?s)start the domain.*absent"):
        on_daemon.boot(image, image.disk.path.with_name("absent.qcow2"))
    with pytest.raises(MachineError, match=r"(?s)start the domain.*memory"):
        on_daemon.boot(replace(boot_image(on_daemon.disks, HUNG), memory_mib=1 << 20))
    assert now() - begun < 10
    assert on_daemon.domains() == []
