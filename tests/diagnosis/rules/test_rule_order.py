"""What holds of all rules together, whatever was seen."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis.diagnose import diagnose, is_conclusive
from powerdown.diagnosis.rules.rule_order import RULES
from powerdown.diagnosis.verdict import Confidence, Source
from powerdown.guest.channels.channel import CommandResult
from powerdown.guest.guest_sample import GuestSample
from powerdown.machine.activity import Activity
from powerdown.machine.events import MONITOR_BACK, MONITOR_LOST, PROCESS_EXIT
from powerdown.machine.protocol import Pm1Sample, RunState
from powerdown.machine.screen_sample import ScreenSample
from powerdown.shutdown.observation import (
    CONTROL_BACK,
    CONTROL_CLOSED,
    ChannelState,
    Command,
    Observation,
)
from powerdown.windows.console_session import ConsoleSession
from powerdown.windows.event_records import EventRecord
from powerdown.windows.processes import ProcessEntry
from powerdown.windows.services import ServiceState, ServiceStatus
from tests.support.observations import baseline, button, event, obs, record
from tests.support.paths import REPOSITORY

EXAMPLES = 150

moments = st.floats(100, 160)
pm1_samples = st.builds(
    Pm1Sample,
    at=moments,
    status=st.sampled_from([0x0000, 0x0100, 0x0001, 0xFFFF]),
    enable=st.sampled_from([0x0120, 0x0120, 0x0000, 0xFFFF]),
)
events = st.builds(
    lambda name, at, reason, action: event(name, at, reason=reason, action=action),
    st.sampled_from(
        [
            *("POWERDOWN", "SHUTDOWN", "RESET", "SUSPEND", "SUSPEND_DISK", "WAKEUP", "STOP"),
            *("GUEST_PANICKED", "BLOCK_IO_ERROR", CONTROL_CLOSED, CONTROL_BACK, PROCESS_EXIT),
            *(MONITOR_LOST, MONITOR_BACK),
        ]
    ),
    moments,
    st.sampled_from(["guest-shutdown", "guest-reset", "host-qmp-quit", "guest-panic", "odd"]),
    st.sampled_from(["stop", "report"]),
)
records = st.builds(
    lambda number, event_id, process, reason, kind: record(
        number, event_id, param1=process, param2="PC\\tester", param4=reason, param5=kind
    ),
    st.integers(8, 20),
    st.sampled_from([1073, 1074, 1074, 1075, 6006, 7043]),
    st.sampled_from(["winlogon.exe (PC)", "shutdown.exe (PC)", "x.exe", ""]),
    st.sampled_from(["0x500ff", "0x50006", "0x80020003", "0x0", "?"]),
    st.sampled_from(["power off", "restart", "Neustart", ""]),
)
services = st.lists(
    st.builds(
        ServiceStatus,
        st.sampled_from(["TrustedInstaller", "gpsvc", "Holder", "WinRM"]),
        st.sampled_from([ServiceState.RUNNING, ServiceState.STOP_PENDING]),
        st.booleans(),
        st.booleans(),
        st.just(4),
    ),
    max_size=4,
).map(tuple)
processes = st.lists(
    st.builds(
        ProcessEntry,
        st.sampled_from(["explorer.exe", "editor.exe", "lsass.exe", "wininit.exe"]),
        st.integers(1, 3),
        st.integers(0, 2),
    ),
    max_size=5,
).map(tuple)


def sorted_records(found: list[EventRecord]) -> tuple[EventRecord, ...]:
    return tuple(sorted(found, key=lambda entry: entry.record_id))


samples = st.builds(
    GuestSample,
    at=moments,
    records=st.lists(records, max_size=3).map(sorted_records),
    services=services,
    processes=processes,
    notes=st.sets(st.sampled_from(["records: no", "services: no", "processes: no"])).map(tuple),
)
baselines = st.builds(
    baseline,
    at=st.just(99.0),
    last_record=st.just(7),
    button=st.none() | st.integers(0, 5).map(button),
    console=st.none()
    | st.builds(ConsoleSession, st.just(1), st.sampled_from([None, "tester"]), st.just(False)),
    shutdown_without_logon=st.none() | st.booleans(),
    event_tracker=st.none() | st.booleans(),
    auto_end_tasks=st.none() | st.booleans(),
    hung_app_ms=st.sampled_from([None, 0, 5000]),
    wait_to_kill_service_ms=st.sampled_from([None, 5000, 600_000]),
    fast_startup=st.none() | st.booleans(),
    wait_to_kill_app_ms=st.none(),
    allow_blocking_apps=st.none(),
    hibernation=st.none(),
    update_markers=st.sampled_from([(), ("RebootPending",)]),
    services=services,
    processes=processes,
)
texts = st.sampled_from(
    [None, "", "This app is preventing shutdown", "Shut Down Windows", "Restarting", "desktop"]
)
activities = st.lists(
    st.builds(Activity, moments, *[st.floats(0, 100)] * 2, *[st.integers(0, 10**6)] * 2),
    max_size=4,
)
screen_looks = st.builds(ScreenSample, moments, st.sampled_from("abc"), st.booleans())


def in_order(found: list) -> tuple:  # type: ignore[type-arg]
    return tuple(sorted(found, key=lambda one: one.at))


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    """Whatever may be seen, consistent with itself or not; half the guests go on."""
    command = draw(st.sampled_from([Command.PRESS, Command.PRESS, *Command]))
    pressed = command is Command.PRESS
    control = draw(st.sampled_from(ChannelState))
    answered = control in (ChannelState.ALIVE, ChannelState.LOST)
    still_running = draw(st.booleans())
    answer = st.none() | st.builds(
        CommandResult,
        st.sampled_from(["shutdown /s /t 0", "shutdown /r", "shutdown /s /t 9"]),
        st.sampled_from([0, 1, 5, 1314]),
        st.just(""),
        st.just(""),
    )
    return obs(
        command=command,
        ended_at=draw(st.floats(100, 161)),
        powered_on_at=draw(st.sampled_from([10.0, 95.0])),
        pm1_before=draw(st.none() | pm1_samples) if pressed else None,
        pm1_after=draw(st.lists(pm1_samples, max_size=3).map(in_order)) if pressed else (),
        events=draw(st.lists(events, max_size=0 if still_running else 4).map(in_order)),
        run_state_before=draw(st.sampled_from([RunState.RUNNING, RunState.SUSPENDED])),
        run_state=RunState.RUNNING
        if still_running
        else draw(st.none() | st.sampled_from(RunState)),
        woken_before=draw(st.booleans()),
        control=control,
        baseline=draw(baselines) if answered else None,
        samples=draw(st.lists(samples, max_size=3).map(in_order)) if answered else (),
        answer=draw(answer) if command is Command.INSIDE else None,
        activity=draw(activities.map(in_order)),
        screens=draw(st.lists(screen_looks, max_size=3).map(in_order)),
        screen_text=draw(texts),
        screen_text_before=draw(texts),
        notes=draw(st.sampled_from([(), ("something",)])),
    )


@given(observations())
@settings(max_examples=EXAMPLES)
def test_every_observation_has_a_verdict_that_rests_on_evidence(observation: Observation) -> None:
    verdict = diagnose(observation)
    if verdict.confidence is not Confidence.LOW:
        assert verdict.evidence
        assert verdict.cause is not Cause.UNKNOWN
    assert all(cause is not verdict.cause for cause, _ in (*verdict.ruled_out, *verdict.also_seen))
    times = [evidence.at for evidence in verdict.evidence if evidence.at is not None]
    assert times == sorted(times)
    completed = verdict.outcome in (Outcome.COMPLETED, Outcome.SLOW_BUT_COMPLETED)
    off = observation.event("SHUTDOWN")
    assert not completed or (off is not None and off.data["reason"] == "guest-shutdown")
    if verdict.cause not in (Cause.NONE, Cause.UNKNOWN):
        assert verdict.remedy
    decided = [(rule, found) for rule in RULES if (found := rule.apply(observation)) is not None]
    assert all(set(found.rests_on) <= set(rule.facts) for rule, found in decided)
    assert verdict.confidence is not Confidence.HIGH or not verdict.unsettled


@given(observations())
@settings(max_examples=EXAMPLES)
def test_what_is_settled_is_certain_and_waiting_does_not_change_it(
    observation: Observation,
) -> None:
    if not is_conclusive(observation):
        return
    verdict = diagnose(observation)
    assert verdict.confidence is Confidence.HIGH
    later = diagnose(replace(observation, ended_at=observation.ended_at + 30))
    assert (later.outcome, later.cause) == (verdict.outcome, verdict.cause)


@given(observations())
@settings(max_examples=EXAMPLES)
def test_less_to_see_never_names_another_cause_with_confidence(observation: Observation) -> None:
    inside, outside = diagnose(observation), diagnose(observation.from_outside())
    words = {e.raw for e in outside.evidence if e.source is Source.SCREEN}
    if outside.confidence is Confidence.MEDIUM and observation.screen_text in words:
        # A screen may say what inside is known not to be so: it is a hint, and never more.
        assert outside.outcome is Outcome.STAYED_UP
        return
    if inside.cause is not Cause.UNKNOWN and outside.confidence is not Confidence.LOW:
        assert outside.cause in (inside.cause, Cause.UNKNOWN)
        assert outside.outcome is inside.outcome


@given(observations(), st.sampled_from(["baseline", "records", "services", "processes"]))
@settings(max_examples=EXAMPLES)
def test_a_blind_spot_never_makes_another_cause_certain(
    observation: Observation, part: str
) -> None:
    if part == "baseline":
        blind = replace(observation, baseline=None, samples=(), control=ChannelState.SILENT)
    else:
        blind = replace(
            observation,
            samples=tuple(
                replace(sample, **{part: ()}, notes=(*sample.notes, f"{part}: no"))  # type: ignore[arg-type]
                for sample in observation.samples
            ),
        )
    full, less = diagnose(observation), diagnose(blind)
    if full.confidence is Confidence.HIGH and less.confidence is Confidence.HIGH:
        assert less.cause is full.cause


def test_diagnosis_knows_nothing_of_faults() -> None:
    code = (
        "import sys, powerdown.diagnosis.diagnose; "
        "print([name for name in sys.modules if name.startswith('powerdown.faults')])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=60,
        check=True,
    )
    assert result.stdout.strip() == "[]"


def test_every_rule_says_what_it_is_for() -> None:
    assert all(rule.decide.__doc__ for rule in RULES)
    assert len({rule.name for rule in RULES}) == len(RULES)
