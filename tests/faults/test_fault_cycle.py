"""The course of a failure scenario, with real guests of one boot sector."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DeadlineExpired, DiskError, HostFault, NotOnThisGuest
from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.faults.fault import COMPLETED, BlockedAt, Fault, Recovery, ScenarioId
from powerdown.faults.fault_cycle import PRESS_AFTER_REMEDY, PRESS_WITH_FAULT, run_fault_cycle
from powerdown.faults.fault_target import FaultTarget
from powerdown.faults.offline import Offline, OnlineOnly, fixed
from powerdown.faults.scenario_target import ScenarioTarget
from powerdown.machine.events import named
from powerdown.machine.protocol import RunState
from powerdown.scenario.expectation import UnexpectedVerdict
from powerdown.scenario.injection import Injection
from powerdown.scenario.scenario import Scenario
from powerdown.windows.settings.tracker_settings import EVENT_TRACKER
from tests.support.boot_sector import HUNG, OBEDIENT
from tests.support.boot_sector_scenarios import Open, boot_sector_scenarios

pytestmark = pytest.mark.guest

LOST = Expected(Outcome.STAYED_UP, Cause.PRESS_LOST)


@pytest.fixture
def scenario(tmp_path: Path) -> Iterator[Open]:
    with boot_sector_scenarios(tmp_path) as of:
        yield of


@dataclass
class Script:
    """Notes what a fault was asked to do, in order."""

    steps: list[str] = field(default_factory=list)
    break_boot: bool = False

    def inject(self, target: FaultTarget) -> None:
        self.steps.append("inject")
        assert target.machine.events.exit is None
        if self.break_boot:
            target.boot_unbootable()

    def remedy(self, target: FaultTarget) -> None:
        self.steps.append("remedy")
        assert target.machine.events.exit is None
        if self.break_boot:
            target.boot_fresh()

    def fault(self, **changes: object) -> Fault:
        made = Fault(
            scenario=ScenarioId.DAMAGED_SYSTEM,
            variant="made-up",
            summary="nothing",
            injects=(),
            remedies=(),
            sources=(),
            inject=self.inject,
            remedy=self.remedy,
            expected=(COMPLETED,),
            blocked_at=BlockedAt.NONE,
        )
        return replace(made, **changes)  # type: ignore[arg-type]


def test_a_fault_is_named_remedied_and_gone(scenario: Open) -> None:
    opened, script = scenario(OBEDIENT), Script(break_boot=True)
    run_fault_cycle(opened, script.fault(expected=(LOST,)))
    assert script.steps == ["inject", "remedy"]
    presses = {s.name: s.expected for s in opened.stages if s.name.startswith("press")}
    assert presses == {PRESS_WITH_FAULT: LOST, PRESS_AFTER_REMEDY: COMPLETED}


def test_a_guest_that_has_powered_off_is_booted_for_its_remedy(scenario: Open) -> None:
    opened, script = scenario(OBEDIENT), Script()
    run_fault_cycle(opened, script.fault())
    assert script.steps == ["inject", "remedy"]
    names = [stage.name for stage in opened.stages]
    assert names == ["boot", PRESS_WITH_FAULT, "boot", PRESS_AFTER_REMEDY]


def test_without_remedy_one_press_is_all(scenario: Open) -> None:
    opened, script = scenario(OBEDIENT), Script()
    run_fault_cycle(opened, script.fault(remedy=None))
    assert script.steps == ["inject"]
    assert opened.stages[-1].name == PRESS_WITH_FAULT


def test_the_verdict_that_was_reached_is_the_one_recorded(scenario: Open) -> None:
    opened = scenario(OBEDIENT)
    run_fault_cycle(opened, Script().fault(remedy=None, expected=(LOST, COMPLETED)))
    assert opened.stages[-1].expected == COMPLETED
    assert opened.stages[-1].as_expected


def test_another_verdict_than_all_that_are_right_fails(scenario: Open) -> None:
    ignored = Expected(Outcome.STAYED_UP, Cause.POWER_BUTTON_IGNORED)
    opened = scenario(OBEDIENT)
    with pytest.raises(
        UnexpectedVerdict,
        match=r"expected stayed-up \(press-lost\) or stayed-up \(power-button-ignored\), diagnosed",
    ):
        run_fault_cycle(opened, Script().fault(expected=(LOST, ignored)))
    assert opened.stages[-1].expected == LOST


def test_what_an_image_lacks_skips_before_anything_boots(scenario: Open) -> None:
    opened, script = scenario(OBEDIENT), Script()
    with pytest.raises(NotOnThisGuest, match="needs a package"):
        run_fault_cycle(opened, script.fault(missing=lambda image: "needs a package"))
    assert (script.steps, opened.stages) == ([], ())


def test_what_a_guest_refuses_skips(scenario: Open) -> None:
    def refused(target: FaultTarget) -> None:
        raise NotOnThisGuest("do it", "it is refused", "Try another.")

    with pytest.raises(NotOnThisGuest, match="could not do it"):
        run_fault_cycle(scenario(OBEDIENT), Script().fault(inject=refused))


def test_a_pending_shutdown_that_went_on_is_told(scenario: Open) -> None:
    opened = scenario(OBEDIENT)
    run_fault_cycle(
        opened,
        Script().fault(
            recovery=Recovery.PENDING,
            remedy=lambda target: target.machine.press_power_button(),
        ),
    )
    (remedy,) = [stage for stage in opened.stages if stage.name == "remedy"]
    assert remedy.facts == {"pending": "went on"}
    assert opened.stages[-1].name == PRESS_AFTER_REMEDY


def running(scenario: Scenario) -> ScenarioTarget:
    return ScenarioTarget(scenario, scenario.boot())


class TestGuest:
    def test_none_is_started_by_looking_at_it(self, scenario: Open) -> None:
        opened = scenario(HUNG)
        target = ScenarioTarget(opened)
        assert target.image.name == "boot-sector"
        with pytest.raises(RuntimeError, match="no guest was started"):
            _ = target.machine
        assert opened.stages == ()

    def test_a_guest_that_hangs_is_cut_off_and_its_disk_booted_again(self, scenario: Open) -> None:
        target = running(scenario(HUNG))
        first = target.machine
        target.boot_again()
        assert first.events.exit is not None
        assert target.machine is not first
        assert target.machine.overlay == first.overlay  # type: ignore[attr-defined]

    def test_a_fresh_one_has_another_disk(self, scenario: Open) -> None:
        target = running(scenario(HUNG))
        first = target.machine
        target.boot_fresh()
        assert first.events.exit is not None
        assert target.machine.overlay != first.overlay  # type: ignore[attr-defined]

    def test_one_that_runs_stays_as_it_is(self, scenario: Open) -> None:
        target = running(scenario(HUNG))
        first = target.machine
        target.get_up()
        assert target.machine is first

    def test_one_that_powers_off_is_booted_again_when_its_qemu_has_ended(
        self, scenario: Open
    ) -> None:
        target = running(scenario(OBEDIENT))
        first = target.machine
        pressed_at = first.press_power_button()
        # QEMU has not ended yet: it answers no more, and its disk is not finished.
        first.events.wait(named("SHUTDOWN"), Deadline.after(10), since=pressed_at)
        target.get_up()
        assert first.events.exit is not None
        assert first.events.exit.data == {"status": 0}, "it was not killed"
        assert target.machine is not first

    def test_one_that_restarted_is_waited_for(self, scenario: Open) -> None:
        opened = scenario(HUNG)
        target = running(opened)
        first = target.machine
        first.reset()
        target.wait_until_ended()
        target.get_up()
        assert target.machine is first
        assert [stage.name for stage in opened.stages] == ["boot", "boot"]
        # That restart is over: another get_up waits for nothing.
        target.get_up()
        assert len(opened.stages) == 2

    def test_what_does_not_end_is_not_waited_for_for_ever(self, scenario: Open) -> None:
        target = running(scenario(HUNG))
        assert target.machine.events.exit is None
        assert not target.ends_soon()
        with pytest.raises(DeadlineExpired, match="come to an end"):
            target.wait_until_ended()

    def test_one_that_qemu_stops_for_a_fault_is_not_waited_for(
        self, scenario: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        target = running(scenario(HUNG))
        patient = replace(target.image.budgets, shutdown_hard=60.0)
        monkeypatch.setattr(target._scenario, "image", replace(target.image, budgets=patient))
        machine = target.machine

        def stop() -> None:
            # As KVM would: QEMU cannot be brought to it under software emulation.
            monkeypatch.setattr(machine, "run_state", lambda: RunState.INTERNAL_ERROR)
            machine.pause()

        stopping = threading.Timer(0.2, stop)
        stopping.start()
        deadline = Deadline.after(30.0)
        with pytest.raises(HostFault, match="wait for boot-sector to end: QEMU stopped the guest"):
            target.wait_until_ended()
        assert not deadline.expired
        stopping.join()


class TestOffline:
    @pytest.fixture
    def offline(self, scenario: Open) -> Open:
        def opened(code: bytes) -> Scenario:
            made = scenario(code)
            made.injection = Injection.OFFLINE
            return made

        return opened

    def test_what_is_no_setting_skips_before_anything_boots(self, offline: Open) -> None:
        opened, script = offline(OBEDIENT), Script()
        with pytest.raises(NotOnThisGuest, match="offline: it is keys"):
            run_fault_cycle(opened, script.fault(offline=OnlineOnly("it is keys")))
        assert (script.steps, opened.stages) == ([], ())

    def test_a_disk_without_windows_is_no_guest_that_passes(self, offline: Open) -> None:
        opened, script = offline(OBEDIENT), Script()
        plan = Offline(fixed(EVENT_TRACKER.set(True)))
        with pytest.raises(DiskError, match="find Windows on the disk"):
            run_fault_cycle(opened, script.fault(offline=plan))
        assert (script.steps, opened.stages) == ([], ())

    def test_without_a_control_channel_the_press_is_judged_from_outside(
        self, offline: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written: list[object] = []
        monkeypatch.setattr(
            "powerdown.faults.scenario_target.edit_registry",
            lambda disk, edits, until: written.extend(edits),
        )
        opened, script = offline(OBEDIENT), Script()
        plan = Offline(fixed(EVENT_TRACKER.set(True)), then=lambda target: None)
        run_fault_cycle(opened, script.fault(offline=plan))
        assert written == list(EVENT_TRACKER.set(True).edits)
        assert script.steps == []
        names = [stage.name for stage in opened.stages]
        assert names == ["boot", "inject", PRESS_WITH_FAULT, "remedy"]
        assert opened.stages[-2].degraded
        assert str(opened.stages[-1].facts["remedied"]).startswith("no:")

    def test_online_nothing_of_it_counts(self, scenario: Open) -> None:
        script = Script()
        run_fault_cycle(
            scenario(OBEDIENT), script.fault(remedy=None, offline=OnlineOnly("it is keys"))
        )
        assert script.steps == ["inject"]
