"""A press and a command inside, watched to the end, with guests that follow scripts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from PIL import Image as Picture

from powerdown.cli.exit_status import verdict_status
from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import ControlChannelError, CredentialsRejected, MachineError
from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis.diagnose import diagnose, is_conclusive
from powerdown.diagnosis.verdict import Confidence
from powerdown.guest.guest_baseline import GuestBaseline
from powerdown.guest.guest_sample import GuestSample
from powerdown.images.image import Budgets
from powerdown.machine.events import PROCESS_EXIT, named
from powerdown.machine.protocol import RunState
from powerdown.machine.screen_sample import ScreenSample
from powerdown.machine.screen_text import Reading
from powerdown.shutdown import screen_reading
from powerdown.shutdown.observation import ChannelState, Command, Observation
from powerdown.shutdown.phases import timeline_of
from powerdown.shutdown.soft_shutdown import command_inside, press_power_button
from powerdown.shutdown.timeline import Step
from powerdown.windows.event_records import EventRecord
from tests.support.fake_machine import (
    ARMED,
    IMAGE,
    LATCHED,
    UNARMED,
    ScriptedMachine,
    ScriptedWindows,
)
from tests.support.observations import BY_BUTTON

SURVEY = GuestBaseline(at=0.0, last_record=7)
REACTION = ScriptedMachine([ARMED]).image.budgets.reaction
PATIENCE = 10.0
HARD = ScriptedMachine([ARMED]).image.budgets.shutdown_hard


@pytest.fixture(autouse=True)
def read_screens(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The screens that text was read on; there is none."""
    read: list[str] = []

    def read_screen(picture: Picture.Image) -> Reading:
        read.append(picture.info["digest"])
        return Reading(None, "no such program")

    monkeypatch.setattr(screen_reading, "read_screen", read_screen)
    return read


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Those of a guest that is off end by themselves, and nobody waits for them."""
    yield
    deadline = Deadline.after(5.0)
    for thread in threading.enumerate():
        if thread.name.endswith("-watch"):
            thread.join(deadline.remaining)
            assert not thread.is_alive(), thread.name


def sample(*records: EventRecord) -> GuestSample:
    return GuestSample(now(), records, (), ())


def settled_by_look(obs: Observation) -> bool:
    return bool(obs.samples)


class TestEnd:
    def test_a_guest_that_powers_off_is_seen_through_all_steps(self) -> None:
        machine = ScriptedMachine([ARMED, LATCHED, ARMED])
        probe = machine.probe_pm1

        def power_off_when_taken() -> object:
            sample = probe()
            if machine.presses and not sample.press_pending:
                machine.power_off()
            return sample

        machine.probe_pm1 = power_off_when_taken  # type: ignore[method-assign, assignment]
        obs = press_power_button(machine, ScriptedWindows(SURVEY))
        assert obs.press_taken_at is not None
        assert [e.name for e in obs.events] == ["POWERDOWN", "SHUTDOWN", PROCESS_EXIT]
        assert obs.run_state is None
        assert obs.baseline is SURVEY
        steps = [phase.step for phase in timeline_of(obs).phases]
        assert steps == [Step.COMMAND, Step.ACPI, Step.APPLICATIONS, Step.POWER_OFF]

    def test_the_screen_is_read_only_where_there_was_no_end(self, read_screens: list[str]) -> None:
        press_power_button(ScriptedMachine([ARMED], on_press=lambda m: m.power_off()), None)
        assert read_screens == []
        shown = [("desktop", False), ("blocked", False)]
        obs = press_power_button(ScriptedMachine([ARMED], screens=shown), None)
        assert read_screens == ["desktop", "blocked"]
        assert obs.watched >= HARD, "until the hard budget was spent"
        assert [n for n in obs.notes if "no such program" in n] == [
            "text on the screen: no such program"
        ]

    def test_a_screen_that_shows_what_it_showed_before_is_not_read_again(
        self, read_screens: list[str]
    ) -> None:
        press_power_button(ScriptedMachine([ARMED]), None)
        assert read_screens == ["desktop"]

    def test_events_that_came_too_often_are_said_to_be_left_out(self) -> None:
        def chatter(machine: ScriptedMachine) -> None:
            for _ in range(600):
                machine.events.record("RTC_CHANGE")
            machine.power_off()

        obs = press_power_button(ScriptedMachine([ARMED], on_press=chatter), None)
        assert [n for n in obs.notes if "RTC_CHANGE" in n] == [
            "88 events RTC_CHANGE came besides and are not kept"
        ]

    def test_qemu_ending_ends_the_watch(self) -> None:
        machine = ScriptedMachine([ARMED], on_press=lambda m: m.close())
        obs = press_power_button(machine, ScriptedWindows(SURVEY))
        assert obs.exit is not None
        assert obs.run_state is None

    def test_a_guest_that_ends_in_the_middle(self) -> None:
        machine = ScriptedMachine([ARMED])

        def end(count: int) -> GuestSample:
            machine.power_off()
            raise ControlChannelError("look", "the guest is gone", "Wait.")

        obs = press_power_button(machine, ScriptedWindows(SURVEY, end))
        assert obs.event("SHUTDOWN") is not None
        assert obs.watched < HARD
        assert obs.samples == ()

    def test_no_verdict_waits_for_an_answer_that_will_not_come(self) -> None:
        machine, asked = ScriptedMachine([ARMED]), threading.Event()
        windows = ScriptedWindows(SURVEY)

        def hang(count: int) -> GuestSample:
            asked.set()
            # As a channel may until its deadline, if nobody interrupts it.
            assert windows.scripted.interrupted.wait(PATIENCE)
            raise ControlChannelError("look", "the connection failed", "Wait.")

        def end() -> None:
            assert asked.wait(PATIENCE)
            machine.events.record("SHUTDOWN", {"guest": True, "reason": "guest-shutdown"})

        windows._sample = hang
        ending = threading.Thread(target=end)
        ending.start()
        obs = press_power_button(machine, windows)
        returned = now()
        ending.join()
        off = obs.event("SHUTDOWN")
        assert off is not None
        assert returned - off.at < 1.0, "a few ms on a quiet host"
        assert obs.control is ChannelState.ALIVE

    def test_a_guest_that_restarts_is_not_asked_any_more_when_the_watch_is_over(self) -> None:
        machine, asked = ScriptedMachine([ARMED]), threading.Event()
        windows = ScriptedWindows(SURVEY)

        def hang(count: int) -> GuestSample:
            asked.set()
            assert windows.scripted.interrupted.wait(PATIENCE)
            raise ControlChannelError("look", "the connection failed", "Wait.")

        def restart() -> None:
            assert asked.wait(PATIENCE)
            machine.events.record("RESET", {"guest": True, "reason": "guest-reset"})

        windows._sample = hang
        restarting = threading.Thread(target=restart)
        restarting.start()
        press_power_button(machine, windows)
        assert windows.scripted.interrupted.is_set(), "the question was not left to run out of time"
        # Its channel is used again when it is up.
        assert [t.name for t in threading.enumerate() if t.name == "inside-watch"] == []
        restarting.join()

    @pytest.mark.parametrize("state", [RunState.INTERNAL_ERROR, RunState.IO_ERROR])
    def test_a_guest_that_qemu_stops_for_a_fault_is_not_watched_to_the_budget(
        self, state: RunState
    ) -> None:
        patient = replace(IMAGE, budgets=Budgets(PATIENCE, 0.3, PATIENCE, PATIENCE))
        machine, asked = ScriptedMachine([ARMED], image=patient), threading.Event()
        windows = ScriptedWindows(SURVEY)

        def hang(count: int) -> GuestSample:
            asked.set()
            assert windows.scripted.interrupted.wait(PATIENCE)
            raise ControlChannelError("look", "the connection failed", "Wait.")

        def stop() -> None:
            assert asked.wait(PATIENCE)
            machine.state = state
            machine.events.record("STOP")

        windows._sample = hang
        stopping = threading.Thread(target=stop)
        stopping.start()
        obs = press_power_button(machine, windows, is_conclusive=is_conclusive)
        returned = now()
        stopping.join()
        stopped = obs.event("STOP")
        assert stopped is not None
        assert returned - stopped.at < PATIENCE / 2, "some 0.1 s on a quiet host"
        for observation in (obs, obs.from_outside()):
            verdict = diagnose(observation)
            assert (verdict.outcome, verdict.cause) == (Outcome.HOST_FAULT, Cause.HOST_FAULT)
            assert verdict.confidence is Confidence.HIGH
            assert verdict_status(verdict) == 2
            assert f"{state}" in {evidence.raw for evidence in verdict.evidence}

    def test_nothing_is_asked_inside_a_guest_that_stands_still_for_a_fault(self) -> None:
        machine = ScriptedMachine([LATCHED], state=RunState.INTERNAL_ERROR)
        windows = ScriptedWindows(SURVEY)
        obs = press_power_button(machine, windows, is_conclusive=is_conclusive)
        assert windows.allowed == []
        assert obs.baseline is None
        assert obs.watched < HARD
        assert diagnose(obs).outcome is Outcome.HOST_FAULT

    def test_a_guest_that_ends_while_it_is_asked_for_the_last_time_has_ended(self) -> None:
        machine = ScriptedMachine([ARMED])
        is_conclusive = threading.Event()

        def settle(obs: Observation) -> bool:
            is_conclusive.set()
            return True

        def end_at_last(count: int) -> GuestSample:
            if is_conclusive.is_set():
                machine.power_off()
            return sample()

        obs = press_power_button(
            machine, ScriptedWindows(SURVEY, end_at_last), is_conclusive=settle
        )
        assert obs.event("SHUTDOWN") is not None
        assert obs.run_state is None
        assert obs.screen_text is None

    @pytest.mark.parametrize("state", [RunState.SUSPENDED, RunState.GUEST_PANICKED])
    def test_a_guest_whose_cpus_stand_still_is_not_waited_for(self, state: RunState) -> None:
        machine = ScriptedMachine([ARMED, LATCHED], state=state)
        windows = ScriptedWindows(SURVEY)
        obs = press_power_button(machine, windows)
        assert obs.watched < HARD
        assert (obs.run_state_before, obs.run_state) == (state, state)
        assert obs.baseline is None
        assert windows.allowed == []
        assert len(obs.pm1_after) == 1

    def test_a_press_that_cannot_have_arrived_is_given_its_time(self) -> None:
        """The guest may have disarmed the button on its way down."""
        machine = ScriptedMachine([UNARMED])
        threading.Timer(REACTION / 2, machine.power_off).start()
        obs = press_power_button(machine, None, is_conclusive=lambda obs: True)
        assert obs.event("SHUTDOWN") is not None


class TestSettled:
    @pytest.mark.parametrize("windows", [None, ScriptedWindows(SURVEY)], ids=["outside", "inside"])
    def test_the_watch_ends_as_soon_as_it_is_settled_and_not_before_the_reaction(
        self, windows: ScriptedWindows | None
    ) -> None:
        asked: list[float] = []

        def settle(obs: Observation) -> bool:
            asked.append(obs.watched)
            return True

        obs = press_power_button(ScriptedMachine([ARMED]), windows, is_conclusive=settle)
        assert len(asked) == 1
        assert asked[0] >= REACTION
        assert obs.watched < HARD

    def test_unsettled_the_whole_budget_is_waited(self) -> None:
        obs = press_power_button(ScriptedMachine([ARMED]), None)
        assert obs.watched >= HARD
        assert (obs.baseline, obs.records, obs.control) == (None, None, ChannelState.NONE)
        assert obs.notes[0] == "no control channel: observed from outside only"

    def test_what_was_seen_inside_settles_it(self) -> None:
        windows = ScriptedWindows(SURVEY, lambda count: sample(BY_BUTTON))
        obs = press_power_button(ScriptedMachine([ARMED]), windows, is_conclusive=settled_by_look)
        assert obs.records == (BY_BUTTON,)
        assert obs.watched < HARD


class TestInside:
    def test_looks_are_taken_in_a_thread_of_their_own(self) -> None:
        windows = ScriptedWindows(SURVEY)
        obs = press_power_button(ScriptedMachine([ARMED]), windows)
        assert windows.asked_by == {"inside-watch"}
        assert windows.asked_after == {SURVEY.last_record}
        assert len(obs.samples) >= 3
        assert obs.samples[-1].at >= obs.commanded_at + HARD, "asked for the last time at the end"
        assert obs.control is ChannelState.ALIVE

    @pytest.mark.parametrize(
        "error",
        [
            ControlChannelError("look", "the guest is gone", "Wait."),
            UnicodeDecodeError("utf-8", b"x", 0, 1, "a guest that lies"),
            RuntimeError(),
        ],
    )
    def test_a_channel_that_raises_is_lost_and_noted_once(self, error: Exception) -> None:
        def fail(count: int) -> GuestSample:
            raise error

        obs = press_power_button(ScriptedMachine([ARMED]), ScriptedWindows(SURVEY, fail))
        assert obs.control is ChannelState.LOST
        assert obs.baseline is SURVEY
        assert len([note for note in obs.notes if "did not answer" in note]) == 1
        assert len(set(obs.notes)) == len(obs.notes)

    def test_a_channel_that_comes_back_is_not_lost(self) -> None:
        def stutter(count: int) -> GuestSample:
            if count == 0:
                raise ControlChannelError("look", "busy", "Wait.")
            return sample()

        obs = press_power_button(ScriptedMachine([ARMED]), ScriptedWindows(SURVEY, stutter))
        assert obs.control is ChannelState.ALIVE
        assert not any("did not answer" in note for note in obs.notes)

    def test_a_channel_that_hangs_does_not_hold_the_watch(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("powerdown.shutdown.inside_watch._LEAST_ALLOWED", 0.2)
        released = threading.Event()
        windows = ScriptedWindows(SURVEY)

        def hang(count: int) -> GuestSample:
            # As long as a channel may take, which ends by its deadline.
            released.wait(windows.allowed[-1])
            raise ControlChannelError("look", "no answer in time", "Wait.")

        windows._sample = hang
        started = now()
        obs = press_power_button(ScriptedMachine([ARMED]), windows)
        assert obs.control is ChannelState.LOST
        assert now() - started < HARD + 1.5
        assert set(windows.allowed) == {0.2}

    @pytest.mark.parametrize(
        ("baseline", "alive", "control", "note"),
        [
            (SURVEY, False, ChannelState.SILENT, "the control port did not answer before"),
            (
                CredentialsRejected("baseline", "401", "Check them."),
                True,
                ChannelState.REJECTED,
                "could not be asked before",
            ),
            (
                ControlChannelError("baseline", "nonsense", "Look."),
                True,
                ChannelState.SILENT,
                "could not be asked before",
            ),
        ],
        ids=["port silent", "credentials rejected", "nonsense"],
    )
    def test_a_guest_that_could_not_be_asked_before_is_not_asked_later(
        self, baseline: GuestBaseline | Exception, alive: bool, control: ChannelState, note: str
    ) -> None:
        windows = ScriptedWindows(baseline, alive=alive)
        obs = press_power_button(ScriptedMachine([ARMED]), windows)
        assert (obs.control, obs.baseline, obs.samples) == (control, None, ())
        assert windows.allowed == []
        assert len([text for text in obs.notes if note in text]) == 1

    def test_what_the_baseline_could_not_read_is_noted_once(self) -> None:
        partial = GuestBaseline(at=0.0, last_record=7, notes=("power button: nonsense",))
        obs = press_power_button(ScriptedMachine([ARMED]), ScriptedWindows(partial))
        assert obs.notes.count("power button: nonsense") == 1


class TestOutside:
    def test_the_guest_is_sampled_before_and_after_the_press(self) -> None:
        machine = ScriptedMachine(
            [ARMED],
            work=[(0.0, 0, 0), (0.1, 0, 10)],
            screens=[("black", True), ("desktop", False)],
        )
        obs = press_power_button(machine, None)
        assert obs.activity[0].at < obs.commanded_at < obs.activity[-1].at
        assert obs.activity[-1].written_bytes == 10
        # Equal looks in a row: the first and the last.
        assert [s.digest for s in obs.screens] == ["black", "desktop", "desktop"]

    def test_a_screen_first_seen_after_the_press_is_not_taken_for_the_one_before(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class BlindBefore(ScriptedMachine):
            def sample_screen(self) -> ScreenSample:
                if self.events.first(named("POWERDOWN")) is None:
                    raise MachineError("look at the screen", "not yet", "Wait.")
                return super().sample_screen()

        monkeypatch.setattr(
            screen_reading, "read_screen", lambda picture: Reading(picture.info["digest"])
        )
        machine = BlindBefore([ARMED], screens=[("blocked", False)])
        obs = press_power_button(machine, None)
        assert obs.screen_text == "blocked"
        assert obs.screen_text_before is None

    def test_what_cannot_be_seen_is_noted_once(self) -> None:
        class Blind(ScriptedMachine):
            def sample_screen(self) -> ScreenSample:
                raise MachineError("look at the screen", "no display", "None.")

        obs = press_power_button(Blind([ARMED]), None)
        assert obs.screens == ()
        assert len(obs.activity) > 2
        assert len([note for note in obs.notes if "no display" in note]) == 1

    @pytest.mark.parametrize(
        ("past", "woken"),
        [((), False), (("WAKEUP",), True), (("WAKEUP", "RESET"), False)],
        ids=["never slept", "slept", "restarted since"],
    )
    def test_sleep_earlier_in_its_life(self, past: tuple[str, ...], woken: bool) -> None:
        machine = ScriptedMachine([ARMED])
        for name in past:
            machine.events.record(name)
        obs = press_power_button(machine, None, is_conclusive=lambda obs: True)
        assert obs.woken_before is woken


class TestLatch:
    def test_a_press_that_is_never_taken_stays_untaken(self) -> None:
        obs = press_power_button(ScriptedMachine([ARMED, LATCHED]), None)
        assert obs.press_taken_at is None
        assert timeline_of(obs).phases[1].end is None
        assert len(obs.pm1_after) == 2, "of those in a row the first and the last"
        assert obs.pm1_after[-1].at >= obs.commanded_at + HARD - REACTION

    def test_a_guest_that_takes_it_late_is_only_slow(self) -> None:
        machine = ScriptedMachine([ARMED, LATCHED])
        threading.Timer(2 * REACTION, lambda: machine.pm1.append(ARMED)).start()
        obs = press_power_button(machine, None)
        assert obs.press_taken_at is not None
        assert obs.press_taken_at - obs.commanded_at >= REACTION

    def test_a_second_press_is_sent_only_to_a_guest_still_there(self) -> None:
        machine = ScriptedMachine([ARMED])
        press_power_button(machine, None, second_press=True)
        assert machine.presses == 2
        gone = ScriptedMachine([ARMED], on_press=lambda m: m.power_off())
        press_power_button(gone, None, second_press=True)
        assert gone.presses == 1

    def test_a_guest_that_ends_before_the_second_press_is_no_error(self) -> None:
        machine = ScriptedMachine([ARMED])
        press = machine.press_power_button

        def only_once() -> float:
            if machine.presses:
                machine.power_off()
                raise MachineError("press", "QEMU is gone", "Start it again.")
            return press()

        machine.press_power_button = only_once  # type: ignore[method-assign]
        obs = press_power_button(machine, None, second_press=True)
        assert obs.event("SHUTDOWN") is not None
        assert any("second press" in note for note in obs.notes)

    def test_a_probe_that_fails_is_noted_once(self) -> None:
        machine = ScriptedMachine([ARMED])
        probe = machine.probe_pm1

        def fail_later() -> object:
            if machine.presses:
                raise MachineError("probe", "nonsense", "Look.")
            return probe()

        machine.probe_pm1 = fail_later  # type: ignore[method-assign, assignment]
        obs = press_power_button(machine, None)
        assert obs.pm1_after == ()
        assert len([note for note in obs.notes if "PM1" in note]) == 1


class TestCommandInside:
    def answering(self, windows: ScriptedWindows, act: Callable[[], None]) -> None:
        windows.scripted.scripted["shutdown"] = ""
        run = windows.run

        def run_and_act(command: str) -> object:
            result = run(command)
            act()
            return result

        windows.run = run_and_act  # type: ignore[method-assign, assignment]

    def test_the_answer_and_what_followed(self) -> None:
        machine, windows = ScriptedMachine([ARMED]), ScriptedWindows(SURVEY)
        self.answering(windows, machine.power_off)
        obs = command_inside(machine, windows, "shutdown /s /t 0")
        assert obs.command is Command.INSIDE
        assert obs.answer is not None
        assert obs.answer.exit_code == 0
        assert obs.event("SHUTDOWN") is not None
        assert (obs.pm1_before, obs.pm1_after, machine.presses) == (None, (), 0)

    def test_an_answer_cut_off_by_the_shutdown_is_a_note(self) -> None:
        machine, windows = ScriptedMachine([ARMED]), ScriptedWindows(SURVEY)

        def cut_off(command: str) -> object:
            machine.power_off()
            raise ControlChannelError(f"run {command!r}", "the guest is gone", "Wait.")

        windows.run = cut_off  # type: ignore[method-assign, assignment]
        obs = command_inside(machine, windows, "shutdown /s /t 0")
        assert obs.answer is None
        assert any("the guest is gone" in note for note in obs.notes)
        assert obs.event("SHUTDOWN") is not None

    def test_a_guest_that_goes_on_is_watched_inside(self) -> None:
        machine, windows = ScriptedMachine([ARMED]), ScriptedWindows(SURVEY)
        self.answering(windows, lambda: None)
        obs = command_inside(machine, windows, "shutdown /s /t 0", is_conclusive=settled_by_look)
        assert obs.samples
        assert obs.watched < HARD
