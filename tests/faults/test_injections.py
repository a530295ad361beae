"""What injections do to a guest, and remedies undo, seen through the harness's own baseline."""

from __future__ import annotations

from dataclasses import replace

import pytest

from powerdown.core.errors import ControlChannelError, MachineError, NotOnThisGuest
from powerdown.faults import windows_update
from powerdown.faults.fault import Fault
from powerdown.images.image import Updates
from powerdown.machine.events import PROCESS_EXIT
from powerdown.machine.protocol import RunState
from powerdown.windows import session_commands
from powerdown.windows.settings.tracker_settings import EVENT_TRACKER
from powerdown.windows.settings.update_settings import REBOOT_PENDING
from tests.support.fake_machine import ARMED, ScriptedMachine
from tests.support.fake_target import GUEST, FakeTarget
from tests.support.injected_settings import AS_IT_IS, FAULTS, INJECTED, REMEDIED


def _end_programs(target: FakeTarget) -> None:
    """What a restart does to them."""
    for process in target.windows.baseline().processes:
        if process.name.startswith("powerdown-"):
            target.windows.run(session_commands.end_program(process.name)).checked()


@pytest.mark.parametrize("name", INJECTED)
def test_the_injection_takes_and_the_remedy_undoes(name: str, target: FakeTarget) -> None:
    fault = FAULTS[name]
    if name not in AS_IT_IS:
        assert not INJECTED[name](target.windows.baseline())
    fault.inject(target)
    assert INJECTED[name](target.windows.baseline())
    if name in REMEDIED:
        assert fault.remedy is not None
        target.on_restart = lambda: _end_programs(target)
        fault.remedy(target)
        assert REMEDIED[name](target.windows.baseline())


def test_settings_that_are_read_at_start_are_followed_by_a_restart(target: FakeTarget) -> None:
    for name in ("unresponsive-app/auto-end-tasks", "unresponsive-service/never-stops"):
        target.done.clear()
        FAULTS[name].inject(target)
        assert target.done == ["restart"]


class TestFromOutside:
    def test_keys_open_the_dialog(self, target: FakeTarget) -> None:
        target.machine.screens = [("desktop", False), ("dialog", False)]
        FAULTS["event-tracker/dialog-open"].inject(target)
        assert target.machine.keys == [("alt", "f4")]
        assert target.windows.baseline().settings.truth(EVENT_TRACKER) is True

    def test_without_a_dialog_the_fault_is_not_there(
        self, target: FakeTarget, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("powerdown.faults.event_tracker._DIALOG_SECONDS", 0.1)
        with pytest.raises(NotOnThisGuest, match="a dialog on the guest's screen"):
            FAULTS["event-tracker/dialog-open"].inject(target)

    def test_a_crash_precedes_the_question(self, target: FakeTarget) -> None:
        first = target.machine
        FAULTS["event-tracker/question-after-crash"].inject(target)
        assert first.events.exit is not None
        assert target.done == ["boot again"]

    def test_the_dialog_is_closed(self, target: FakeTarget) -> None:
        remedy = FAULTS["event-tracker/dialog-open"].remedy
        assert remedy is not None
        remedy(target)
        assert target.machine.keys == [("esc",)]
        assert target.windows.baseline().settings.truth(EVENT_TRACKER) is False

    def test_a_dark_display_is_waited_for_and_lit(self, target: FakeTarget) -> None:
        fault = FAULTS["asleep/display-dark"]
        target.machine.screens = [("desktop", False), ("nothing", True)]
        fault.inject(target)
        assert target.machine.screens == [("nothing", True)]
        target.machine.screens = [("nothing", True), ("desktop", False)]
        assert fault.remedy is not None
        fault.remedy(target)
        assert target.machine.keys == [("shift",)]

    def test_the_crash_keys_crash(self, target: FakeTarget) -> None:
        def crash(*chord: str) -> None:
            assert chord == ("ctrl_r", "scroll_lock", "scroll_lock")
            target.machine.events.record("GUEST_PANICKED")

        target.machine.press_keys = crash  # type: ignore[method-assign]
        FAULTS["damaged-system/bugcheck-keyboard"].inject(target)
        assert target.done == ["restart"]

    def test_a_guest_that_does_not_crash_is_none_to_test(
        self, target: FakeTarget, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("powerdown.faults.damaged_system._CRASH_SECONDS", 0.1)
        with pytest.raises(NotOnThisGuest, match="non-maskable interrupt: it goes on"):
            FAULTS["damaged-system/bugcheck-nmi"].inject(target)
        assert target.machine.nmis == 1

    def test_a_restart_without_a_report_is_no_crash_that_can_be_judged(
        self, target: FakeTarget
    ) -> None:
        def restart() -> None:
            target.machine.events.record("RESET")

        target.machine.inject_nmi = restart  # type: ignore[method-assign]
        with pytest.raises(NotOnThisGuest, match=r"RESET(.|\n)*pvpanic"):
            FAULTS["damaged-system/bugcheck-nmi"].inject(target)

    def test_a_right_that_changed_is_asked_for_in_a_new_shell(
        self, target: FakeTarget, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        closed: list[str] = []
        monkeypatch.setattr(target.windows.channel, "close", lambda: closed.append("closed"))
        fault = FAULTS["damaged-system/privilege-removed"]
        fault.inject(target)
        assert closed == ["closed"]
        assert fault.remedy is not None
        fault.remedy(target)
        assert closed == ["closed", "closed"]

    def test_the_end_of_qemu_is_no_crash_of_the_guest(self, target: FakeTarget) -> None:
        target.machine.events.record(PROCESS_EXIT, {"status": 1})
        target.machine.inject_nmi = lambda: None  # type: ignore[method-assign]
        with pytest.raises(NotOnThisGuest, match="PROCESS_EXIT"):
            FAULTS["damaged-system/bugcheck-nmi"].inject(target)

    def test_cpus_hang(self, target: FakeTarget) -> None:
        FAULTS["damaged-system/hang"].inject(target)
        assert target.machine.hung

    def test_an_unbootable_disk_is_replaced(self, target: FakeTarget) -> None:
        fault = FAULTS["damaged-system/boot-failure"]
        fault.inject(target)
        assert target.done == ["boot unbootable"]
        assert fault.remedy is not None
        fault.remedy(target)
        assert target.done == ["boot unbootable", "boot fresh"]

    def test_a_guest_that_ends_while_waited_for_is_an_error(self, target: FakeTarget) -> None:
        target.machine = ScriptedMachine([(0xFFFF, 0xFFFF), ARMED])
        target.machine.events.record(PROCESS_EXIT, {"status": 1})
        with pytest.raises(MachineError, match="QEMU"):
            FAULTS["asleep/display-dark"].inject(target)


class TestSleep:
    def test_a_guest_that_sleeps_is_waited_for(self, target: FakeTarget) -> None:
        run = target.windows.run

        def asleep(command: str, seconds: float = 60.0) -> object:
            if command.startswith("schtasks /run"):
                target.machine.events.record("SUSPEND")
                target.machine.state = RunState.SUSPENDED
            return run(command, seconds)

        target.windows.run = asleep  # type: ignore[method-assign, assignment]
        fault = FAULTS["asleep/already-asleep"]
        fault.inject(target)
        assert fault.remedy is not None
        fault.remedy(target)
        assert target.done == ["wake"]

    def test_one_that_cannot_sleep_is_none_to_test(
        self, target: FakeTarget, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("powerdown.faults.asleep._SLEEP_SECONDS", 0.1)
        with pytest.raises(NotOnThisGuest, match="powercfg /a"):
            FAULTS["asleep/already-asleep"].inject(target)


class TestUpdates:
    @pytest.mark.parametrize("variant", windows_update.VARIANTS, ids=lambda f: f.variant)
    def test_without_its_package_a_variant_is_skipped(
        self, variant: Fault, target: FakeTarget
    ) -> None:
        assert variant.missing(GUEST) is None
        missing = variant.missing(replace(GUEST, updates=Updates()))
        if variant.variant == "markers-only":
            assert missing is None
        else:
            assert missing is not None
            assert "defines no [updates]" in missing

    def test_the_guest_is_restarted_until_nothing_is_pending(self, target: FakeTarget) -> None:
        FAULTS["windows-update/markers-only"].inject(target)
        restarts = []

        def restart() -> None:
            restarts.append(1)
            if len(restarts) == 2:
                target.windows.run_all(REBOOT_PENDING.clear().commands)

        target.on_restart = restart
        windows_update.restart_until_done(target)
        assert target.done == ["restart", "restart"]

    def test_what_never_completes_is_an_error(self, target: FakeTarget) -> None:
        FAULTS["windows-update/markers-only"].inject(target)
        with pytest.raises(ControlChannelError, match="RebootPending"):
            windows_update.restart_until_done(target)


def test_a_full_disk_is_full(target: FakeTarget) -> None:
    sent = []
    run = target.windows.run

    def noted(command: str, seconds: float = 60.0) -> object:
        sent.append(command)
        # This host's disk is not to be filled.
        return run("ver" if "createnew" in command else command, seconds)

    target.windows.run = noted  # type: ignore[method-assign, assignment]
    FAULTS["damaged-system/disk-full"].inject(target)
    assert sent[-1].startswith(r'fsutil file createnew "C:\powerdown\full.bin" ')
    assert int(sent[-1].split()[-1]) > 0
