from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.guest.guest_baseline import GuestBaseline
from powerdown.guest.guest_sample import GuestSample
from powerdown.images.image import Budgets
from powerdown.machine.events import PROCESS_EXIT, HostEvent
from powerdown.machine.protocol import Pm1Sample, RunState
from powerdown.shutdown.observation import (
    CONTROL_BACK,
    CONTROL_CLOSED,
    ChannelState,
    Command,
    Observation,
)
from powerdown.shutdown.phases import timeline_of
from powerdown.shutdown.post_mortem import PostMortem
from powerdown.shutdown.timeline import Phase, Step
from powerdown.windows.event_records import EventRecord

BUDGETS = Budgets(boot=60, reaction=3, shutdown_soft=20, shutdown_hard=60, settle=0)
ARMED = Pm1Sample(at=99.9, status=0x0000, enable=0x0120)
UNARMED = Pm1Sample(at=99.9, status=0x0000, enable=0x0000)
LATCHED = Pm1Sample(at=100.1, status=0x0100, enable=0x0120)
TAKEN = Pm1Sample(at=100.2, status=0x0001, enable=0x0120)
SENT = HostEvent(100.05, "POWERDOWN")
CLOSED = HostEvent(103.0, CONTROL_CLOSED)
OFF = HostEvent(105.0, "SHUTDOWN", {"guest": True, "reason": "guest-shutdown"})
ENDED = HostEvent(105.2, PROCESS_EXIT, {"status": 0})
RECORD = EventRecord(7, "User32", 1074, datetime(2026, 3, 1, tzinfo=UTC), {})
LOOK = GuestSample(104.0, (RECORD,), (), ())


def obs(**changes: object) -> Observation:
    """A press at 100 s that led through all five steps."""
    values: Mapping[str, object] = {
        "command": Command.PRESS,
        "commanded_at": 100.0,
        "ended_at": 105.1,
        "budgets": BUDGETS,
        "pm1_before": ARMED,
        "pm1_after": (LATCHED, TAKEN),
        "events": (SENT, CLOSED, OFF, ENDED),
        "run_state": None,
        "control": ChannelState.ALIVE,
        **changes,
    }
    return Observation(**values)  # type: ignore[arg-type]


def times(observation: Observation) -> dict[Step, tuple[float, float | None]]:
    return {phase.step: (phase.start, phase.end) for phase in timeline_of(observation).phases}


def phase(observation: Observation, step: Step) -> Phase:
    return next(phase for phase in timeline_of(observation).phases if phase.step is step)


def test_five_steps_with_their_times() -> None:
    assert times(obs()) == {
        Step.COMMAND: (100.0, 100.05),
        Step.ACPI: (100.05, 100.2),
        Step.APPLICATIONS: (100.2, 103.0),
        Step.CORE_SERVICES: (103.0, 105.0),
        Step.POWER_OFF: (105.0, 105.2),
    }


def test_the_timeline_reaches_to_qemus_end_and_marks_every_event() -> None:
    timeline = timeline_of(obs())
    assert (timeline.origin, timeline.end) == (100.0, 105.2)
    assert (timeline.soft_budget, timeline.hard_budget) == (20, 60)
    assert [mark.label for mark in timeline.marks] == [
        "POWERDOWN",
        CONTROL_CLOSED,
        "SHUTDOWN guest-shutdown",
        PROCESS_EXIT,
    ]


def test_an_unarmed_button_ends_at_acpi() -> None:
    lost = obs(pm1_before=UNARMED, pm1_after=(), events=(SENT,), run_state=RunState.RUNNING)
    assert times(lost) == {Step.COMMAND: (100.0, 100.05), Step.ACPI: (100.05, None)}
    assert "not armed" in phase(lost, Step.ACPI).evidence[0]


def test_a_latched_press_ends_at_acpi() -> None:
    hung = obs(pm1_after=(LATCHED,), events=(SENT,), run_state=RunState.RUNNING)
    assert times(hung) == {Step.COMMAND: (100.0, 100.05), Step.ACPI: (100.05, None)}
    assert "not taken" in phase(hung, Step.ACPI).evidence[0]


def test_a_press_taken_and_ignored_ends_at_acpi() -> None:
    ignored = obs(events=(SENT,), run_state=RunState.RUNNING)
    assert set(times(ignored)) == {Step.COMMAND, Step.ACPI}
    assert phase(ignored, Step.ACPI).duration == pytest.approx(0.15)


def test_a_guest_too_quick_for_the_probe_still_has_its_acpi_step() -> None:
    quick = obs(pm1_after=(), events=(SENT, OFF, ENDED))
    assert times(quick)[Step.ACPI] == (100.05, 105.0)


def test_a_guest_that_hangs_among_applications() -> None:
    stuck = obs(events=(SENT,), samples=(LOOK,), run_state=RunState.RUNNING)
    assert times(stuck)[Step.APPLICATIONS] == (100.2, None)
    assert str(RECORD) in phase(stuck, Step.APPLICATIONS).evidence
    assert Step.CORE_SERVICES not in times(stuck)


def test_a_guest_that_hangs_after_the_services() -> None:
    stuck = obs(events=(SENT, CLOSED), run_state=RunState.RUNNING)
    assert times(stuck)[Step.CORE_SERVICES] == (103.0, None)
    assert phase(stuck, Step.CORE_SERVICES).evidence == ("neither powered off nor restarted",)


@pytest.mark.parametrize(
    "events",
    [
        (SENT, OFF, ENDED),
        (SENT, HostEvent(102.0, CONTROL_CLOSED), HostEvent(102.5, CONTROL_BACK), OFF, ENDED),
        (SENT, OFF, HostEvent(105.1, CONTROL_CLOSED), ENDED),
        # Noted late, and of a guest that goes to sleep.
        (SENT, HostEvent(102.5, "SUSPEND"), HostEvent(102.0, CONTROL_CLOSED), OFF, ENDED),
    ],
    ids=["never lost", "lost and back", "lost after the power", "asleep"],
)
def test_no_border_is_drawn_where_none_was_seen(events: tuple[HostEvent, ...]) -> None:
    assert times(obs(events=events))[Step.APPLICATIONS] == (100.2, 105.0)
    assert Step.CORE_SERVICES not in times(obs(events=events))


BOOTED = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
SURVEY = GuestBaseline(at=99.0, last_record=6)


def recorded(number: int, at: float, event_id: int, provider: str) -> EventRecord:
    """A record written at a moment of the host's clock, by a guest's that is years off."""
    return EventRecord(number, provider, event_id, datetime.fromtimestamp(BOOTED + at, UTC), {})


def with_disk(*records: EventRecord, **changes: object) -> Observation:
    """The same, and its disk was read."""
    return obs(baseline=SURVEY, post_mortem=PostMortem(105.3, records), **changes)


BEGUN = recorded(7, 100.3, 1074, "User32")
LOG_ENDED = recorded(8, 104.5, 6006, "EventLog")
TRANSITION = recorded(9, 104.8, 109, "Microsoft-Windows-Kernel-Power")


@pytest.mark.parametrize("order", [(LOG_ENDED, TRANSITION), (TRANSITION, LOG_ENDED)])
def test_the_guests_own_records_tell_the_border(order: tuple[EventRecord, ...]) -> None:
    told = with_disk(BEGUN, *order)
    # Between the latch at 100.1 s and power-off at 105 s, the records leave 0.4 s of doubt.
    border = pytest.approx(104.5)
    assert times(told)[Step.APPLICATIONS] == (100.2, border)
    assert times(told)[Step.CORE_SERVICES] == (border, 105.0)
    evidence = phase(told, Step.APPLICATIONS).evidence
    assert evidence[0] == "border known to 0.22 s"
    assert evidence[1] == f"+0.30 s (to 0.22 s): {BEGUN}"


def test_records_tell_the_border_where_nobody_watched_the_port() -> None:
    assert Step.CORE_SERVICES in times(with_disk(BEGUN, LOG_ENDED, events=(SENT, OFF, ENDED)))


def test_a_border_in_much_doubt_is_worth_less_than_the_port() -> None:
    alone = with_disk(LOG_ENDED)
    assert times(alone)[Step.CORE_SERVICES] == (103.0, 105.0)
    unwatched = with_disk(LOG_ENDED, events=(SENT, OFF, ENDED))
    assert "border known to" in phase(unwatched, Step.APPLICATIONS).evidence[0]


def test_a_log_that_contradicts_itself_tells_no_border() -> None:
    late = recorded(10, 400.0, 13, "Microsoft-Windows-Kernel-General")
    told = with_disk(BEGUN, LOG_ENDED, late)
    assert times(told)[Step.CORE_SERVICES] == (103.0, 105.0)
    assert phase(told, Step.APPLICATIONS).evidence[1] == str(BEGUN)


def test_a_port_lost_before_the_latch_was_read_again_gives_no_negative_step() -> None:
    early = obs(events=(SENT, HostEvent(100.1, CONTROL_CLOSED), OFF, ENDED))
    assert times(early)[Step.APPLICATIONS] == (100.2, 100.2)


def test_what_a_reset_closes_says_nothing_of_services() -> None:
    reset = HostEvent(103.002, "RESET", {"guest": True, "reason": "guest-reset"})
    assert obs(events=(SENT, CLOSED, reset)).control_lost_at is None
    # It comes back before the next start's agent goes.
    later = HostEvent(109.0, CONTROL_CLOSED)
    assert obs(events=(SENT, CLOSED, reset, later)).control_lost_at == 109.0


def test_a_restart_ends_the_core_services() -> None:
    reset = HostEvent(104.0, "RESET", {"guest": True, "reason": "guest-reset"})
    restarted = obs(events=(SENT, CLOSED, reset), run_state=RunState.RUNNING)
    assert times(restarted)[Step.CORE_SERVICES] == (103.0, 104.0)
    assert Step.POWER_OFF not in times(restarted)


def test_a_restart_that_ended_qemu_is_no_power_off() -> None:
    reset = HostEvent(104.0, "SHUTDOWN", {"guest": True, "reason": "guest-reset"})
    restarted = obs(events=(SENT, CLOSED, reset, ENDED))
    assert times(restarted)[Step.CORE_SERVICES] == (103.0, 104.0)
    assert Step.POWER_OFF not in times(restarted)


def test_a_shutdown_from_inside_has_no_acpi_step() -> None:
    inside = obs(command=Command.INSIDE, pm1_before=None, pm1_after=(), events=(CLOSED, OFF))
    assert times(inside) == {
        Step.COMMAND: (100.0, 103.0),
        Step.APPLICATIONS: (100.0, 103.0),
        Step.CORE_SERVICES: (103.0, 105.0),
        Step.POWER_OFF: (105.0, None),
    }


def test_a_kill_is_a_command_and_nothing_else() -> None:
    killed = obs(command=Command.KILL, pm1_before=None, pm1_after=(), events=(ENDED,))
    assert set(times(killed)) == {Step.COMMAND}
    assert timeline_of(killed).end == 105.2


EVENTS = st.lists(
    st.tuples(
        st.floats(100, 110),
        st.sampled_from(["POWERDOWN", CONTROL_CLOSED, CONTROL_BACK, "SHUTDOWN", "RESET", "STOP"]),
    ),
    max_size=6,
).map(lambda drawn: tuple(HostEvent(at, name) for at, name in sorted(drawn)))
SAMPLES = st.lists(
    st.tuples(st.floats(100, 110), st.sampled_from([0x0000, 0x0100, 0xFFFF])), max_size=4
).map(lambda drawn: tuple(Pm1Sample(at, status, 0x0120) for at, status in sorted(drawn)))


@given(
    command=st.sampled_from(Command),
    events=EVENTS,
    pm1_samples=SAMPLES,
    before=st.sampled_from([None, ARMED, UNARMED]),
    samples=st.sampled_from([(), (GuestSample(104.0, (), (), ()),), (LOOK,)]),
)
def test_steps_keep_their_order_and_evidence(
    command: Command,
    events: tuple[HostEvent, ...],
    pm1_samples: tuple[Pm1Sample, ...],
    before: Pm1Sample | None,
    samples: tuple[GuestSample, ...],
) -> None:
    observation = obs(
        command=command,
        ended_at=110.0,
        events=events,
        pm1_before=before,
        pm1_after=pm1_samples,
        samples=samples,
    )
    timeline = timeline_of(observation)
    order = list(Step)
    positions = [order.index(phase.step) for phase in timeline.phases]
    assert positions == sorted(set(positions))
    assert positions[0] == 0
    assert all(phase.evidence for phase in timeline.phases)
    assert all(phase.start >= timeline.origin for phase in timeline.phases)
    assert len(timeline.marks) == len(events)
