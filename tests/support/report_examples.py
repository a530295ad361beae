"""A shutdown that completed, one that was ignored, and a gate result that holds both."""

from __future__ import annotations

from datetime import UTC, datetime

from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.diagnosis.verdict import Confidence, Evidence, Source, Verdict
from powerdown.report.gate_result import GateResult, HostFacts, ImageRecord
from powerdown.report.scenario_record import ScenarioRecord, StageRecord, Status, phase_seconds
from powerdown.shutdown.timeline import Mark, Phase, Step, Timeline

ORIGIN = 1000.0

COMPLETED_TIMELINE = Timeline(
    origin=ORIGIN,
    end=ORIGIN + 20.5,
    phases=(
        Phase(Step.COMMAND, ORIGIN, ORIGIN + 0.004, ("QMP system_powerdown",)),
        Phase(Step.ACPI, ORIGIN + 0.004, ORIGIN + 0.014, ("PM1_STS.PWRBTN cleared",)),
        Phase(Step.APPLICATIONS, ORIGIN + 0.014, ORIGIN + 20.0, ("control port closed", "1074")),
        Phase(Step.CORE_SERVICES, ORIGIN + 20.0, ORIGIN + 20.4, ("SHUTDOWN",)),
        Phase(Step.POWER_OFF, ORIGIN + 20.4, ORIGIN + 20.5, ("QEMU ended",)),
    ),
    marks=(Mark(ORIGIN + 0.004, "POWERDOWN"), Mark(ORIGIN + 20.4, "SHUTDOWN guest-shutdown")),
    soft_budget=30.0,
    hard_budget=60.0,
)

IGNORED_TIMELINE = Timeline(
    origin=ORIGIN,
    end=ORIGIN + 60.0,
    phases=(
        Phase(Step.COMMAND, ORIGIN, ORIGIN + 0.004, ("QMP system_powerdown",)),
        Phase(Step.ACPI, ORIGIN + 0.004, None, ("press latched and not taken",)),
    ),
    marks=(Mark(ORIGIN + 0.004, "POWERDOWN"),),
    soft_budget=30.0,
    hard_budget=60.0,
)

COMPLETED = Verdict(
    Outcome.COMPLETED,
    Cause.NONE,
    Confidence.HIGH,
    (Evidence(Source.QMP, ORIGIN + 20.4, "the guest powered itself off", "SHUTDOWN(guest=True)"),),
)

IGNORED = Verdict(
    Outcome.STAYED_UP,
    Cause.POWER_BUTTON_IGNORED,
    Confidence.MEDIUM,
    (
        Evidence(Source.SETTINGS, None, "the button is set to do nothing", "AC/DC 0/0"),
        Evidence(Source.ACPI, ORIGIN + 0.014, "the guest took the press", "PM1_STS=0x0000"),
    ),
    ruled_out=((Cause.PRESS_LOST, "the guest took the press"),),
    remedy="Set the power button to shut down.",
)

CONTROL = ScenarioRecord(
    image="standin",
    scenario="soft-shutdown",
    variant="control",
    test_id="suites/test_soft_shutdown.py::test_control[standin]",
    status=Status.PASSED,
    stages=(
        StageRecord(
            "press",
            Expected(Outcome.COMPLETED, Cause.NONE),
            COMPLETED,
            phase_seconds(COMPLETED_TIMELINE),
            harness_seconds=1.25,
            guest_seconds=20.5,
            facts={"ntfs dirty after": False, "records": 3, "bugcheck": None, "last": "6006"},
            commanded_at=ORIGIN,
            diagnosed_outside=COMPLETED,
            verdict_delay=0.004,
        ),
    ),
)

REMEDIED = ScenarioRecord(
    image="standin",
    scenario="power-button-ignored",
    variant="policy",
    test_id="suites/test_power_button_ignored.py::test_policy[standin]",
    status=Status.FAILED,
    stages=(
        StageRecord(
            "press",
            Expected(Outcome.STAYED_UP, Cause.POWER_BUTTON_IGNORED),
            IGNORED,
            phase_seconds(IGNORED_TIMELINE),
            harness_seconds=0.5,
            guest_seconds=60.0,
        ),
        StageRecord(
            "press after remedy",
            Expected(Outcome.COMPLETED, Cause.NONE),
            IGNORED,
            phase_seconds(IGNORED_TIMELINE),
            harness_seconds=0.25,
            guest_seconds=60.0,
        ),
        StageRecord("next boot", None, None, facts={"event 41": True}),
    ),
    message="AssertionError: stayed-up\x1b[2J because of power-button-ignored\nmore",
)

SKIPPED = ScenarioRecord(
    image="windows",
    scenario="forced-shutdown",
    variant="kill",
    test_id="suites/test_forced_shutdown.py::test_kill[windows]",
    status=Status.SKIPPED,
    message="no control channel",
)

GATE = GateResult(
    powerdown_version="0.1.0",
    created=datetime(2025, 1, 31, 23, 59, 58, tzinfo=UTC),
    host=HostFacts("7.2.19", "tcg", "POWERDOWN_ACCEL=tcg"),
    images=(
        ImageRecord("standin", "standin.toml", "A model of Windows", "sha256:aa", "sha256:aa", ""),
        ImageRecord("windows", "windows.toml", "Server 2022", "sha256:bb", "sha256:cc", ""),
    ),
    scenarios=(CONTROL, REMEDIED, SKIPPED),
)
