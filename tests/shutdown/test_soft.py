from __future__ import annotations

from harness.deadline import Deadline
from harness.errors import MachineError
from harness.guest.channel import CommandResult
from harness.guest.windows import Windows
from harness.machine.events import PROCESS_EXIT
from harness.machine.protocol import RunState
from harness.shutdown.observation import Command
from harness.shutdown.phases import timeline_of
from harness.shutdown.soft import command_inside, press_power_button
from harness.shutdown.timeline import Step
from tests.shutdown.fake_machine import ARMED, LATCHED, UNARMED, ScriptedChannel, ScriptedMachine

POWERCFG = (
    "    Current AC Power Setting Index: 0x00000000\n"
    "    Current DC Power Setting Index: 0x00000000\n"
)
RECORD = (
    "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
    "<Provider Name='User32'/><EventID>1074</EventID>"
    "<TimeCreated SystemTime='2026-11-23T01:02:03.0Z'/><EventRecordID>{}</EventRecordID>"
    "</System></Event>"
)
LAST = "wevtutil qe System /f:xml /rd:true /c:1"
SINCE = "wevtutil qe System /f:xml /rd:true /c:200"


def channel(since: str = "") -> ScriptedChannel:
    # The longer command line comes first: answers are found by their start.
    return ScriptedChannel({"powercfg": POWERCFG, SINCE: since, LAST: RECORD.format(7)})


def test_a_guest_that_powers_off_is_seen_through_all_steps() -> None:
    machine = ScriptedMachine([ARMED, LATCHED, ARMED])
    machine.on_press = lambda m: None
    windows = Windows(channel())
    probe = machine.probe_pm1

    def power_off_when_taken() -> object:
        sample = probe()
        if machine.presses and not sample.press_pending:
            machine.power_off()
        return sample

    machine.probe_pm1 = power_off_when_taken  # type: ignore[method-assign, assignment]
    seen = press_power_button(machine, windows)
    assert seen.press_taken_at is not None
    assert [e.name for e in seen.events] == ["POWERDOWN", "SHUTDOWN", PROCESS_EXIT]
    assert seen.run_state is None
    assert seen.button is not None
    steps = [phase.step for phase in timeline_of(seen).phases]
    assert steps == [Step.COMMAND, Step.ACPI, Step.APPLICATIONS, Step.POWER_OFF]


def test_a_lost_press_is_settled_at_once() -> None:
    machine = ScriptedMachine([UNARMED])
    seen = press_power_button(machine, None)
    assert seen.ended_at - seen.commanded_at < machine.image.budgets.reaction
    assert seen.press_taken_at is None
    assert seen.run_state is RunState.RUNNING
    acpi = timeline_of(seen).phases[1]
    assert (acpi.step, acpi.end) == (Step.ACPI, None)


def test_numbers_of_other_providers_do_not_announce_a_shutdown() -> None:
    others = RECORD.format(8).replace("'User32'", "'Microsoft-Windows-UserModePowerService'")
    machine = ScriptedMachine([ARMED])
    seen = press_power_button(machine, Windows(channel(others)))
    assert seen.ended_at - seen.commanded_at < machine.image.budgets.shutdown_hard
    assert seen.records == ()


def test_the_case_of_a_provider_does_not_count() -> None:
    seen = press_power_button(
        ScriptedMachine([ARMED]),
        Windows(channel(RECORD.format(8).replace("'User32'", "'USER32'"))),
    )
    assert [record.event_id for record in seen.records or ()] == [1074]


def test_a_guest_that_lives_on_without_a_record_is_settled_after_its_reaction_time() -> None:
    machine = ScriptedMachine([ARMED])
    seen = press_power_button(machine, Windows(channel()))
    assert seen.ended_at - seen.commanded_at < machine.image.budgets.shutdown_hard
    assert seen.records == ()
    assert seen.control_after is True
    assert [p.step for p in timeline_of(seen).phases] == [Step.COMMAND, Step.ACPI]


def test_a_guest_that_recorded_a_shutdown_is_given_its_whole_budget() -> None:
    machine = ScriptedMachine([ARMED])
    seen = press_power_button(machine, Windows(channel(since=RECORD.format(8))))
    assert seen.ended_at - seen.commanded_at >= machine.image.budgets.shutdown_hard
    assert [record.event_id for record in seen.records or ()] == [1074]


def test_without_a_channel_the_whole_budget_is_waited_and_nothing_is_claimed() -> None:
    machine = ScriptedMachine([ARMED])
    seen = press_power_button(machine, None)
    assert seen.ended_at - seen.commanded_at >= machine.image.budgets.shutdown_hard
    assert (seen.button, seen.records, seen.control_before) == (None, None, False)
    assert seen.notes


def test_a_press_that_is_never_taken_stays_untaken() -> None:
    seen = press_power_button(ScriptedMachine([ARMED, LATCHED]), None)
    assert seen.press_taken_at is None
    assert timeline_of(seen).phases[1].end is None


def test_qemu_ending_ends_the_watch() -> None:
    machine = ScriptedMachine([ARMED])
    machine.on_press = lambda m: m.close()
    seen = press_power_button(machine, Windows(channel()))
    assert seen.exit is not None
    assert seen.run_state is None


def test_a_second_press_is_sent_only_to_a_guest_still_there() -> None:
    machine = ScriptedMachine([ARMED])
    press_power_button(machine, None, second_press=True)
    assert machine.presses == 2
    gone = ScriptedMachine([ARMED], on_press=lambda m: m.power_off())
    press_power_button(gone, None, second_press=True)
    assert gone.presses == 1


def test_a_guest_that_ends_before_the_second_press_is_no_error() -> None:
    machine = ScriptedMachine([ARMED])
    press = machine.press_power_button

    def only_once() -> float:
        if machine.presses:
            machine.power_off()
            raise MachineError("press", "QEMU is gone", "Start it again.")
        return press()

    machine.press_power_button = only_once  # type: ignore[method-assign]
    seen = press_power_button(machine, None, second_press=True)
    assert seen.event("SHUTDOWN") is not None
    assert any("second press" in note for note in seen.notes)


def test_a_guest_that_ends_while_it_is_asked_for_the_last_time_has_ended() -> None:
    machine = ScriptedMachine([ARMED])
    inside = channel(since=RECORD.format(8))
    asked, run = 0, inside.run

    def end_at_last(command: str, deadline: Deadline) -> CommandResult:
        nonlocal asked
        asked += command.startswith(SINCE)
        if asked == 2:
            machine.power_off()
        return run(command, deadline)

    inside.run = end_at_last  # type: ignore[method-assign]
    seen = press_power_button(machine, Windows(inside))
    assert asked == 2
    assert seen.event("SHUTDOWN") is not None
    assert seen.run_state is None


def test_an_answer_cut_off_by_the_shutdown_is_a_note() -> None:
    machine = ScriptedMachine([ARMED])
    inside = channel()
    run = inside.run

    def cut_off(command: str, deadline: object) -> object:
        if command.startswith("shutdown"):
            inside.alive = False
            machine.power_off()
        return run(command, deadline)  # type: ignore[arg-type]

    inside.run = cut_off  # type: ignore[method-assign, assignment]
    seen = command_inside(machine, Windows(inside), "shutdown /s /t 0")
    assert seen.command is Command.INSIDE
    assert any("the guest is gone" in note for note in seen.notes)
    assert seen.event("SHUTDOWN") is not None
