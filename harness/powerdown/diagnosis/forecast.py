"""What a press of the power button would do to a running guest, as far as a look can tell.

A look sees what the guest is set to do and in which state it is. What it cannot see is said:
whether a program agrees to end, whether interrupts are served, how long services take.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis import observed, outside_activity, progress, remedies, screen_words
from powerdown.diagnosis.risks import setting_risks
from powerdown.diagnosis.risks.risk import Severity, Threat
from powerdown.diagnosis.risks.risks_of_guest import threats
from powerdown.diagnosis.survey_look import as_look
from powerdown.diagnosis.verdict import Evidence
from powerdown.machine.protocol import Pm1Sample, RunState
from powerdown.shutdown.observation import Control, Observation
from powerdown.windows.commands import ButtonAction, PowerSource


class GuestState(StrEnum):
    """Whether a guest is there to take a press."""

    READY = "ready"
    """Its button is armed, and nothing speaks against its taking a press."""
    NOT_ARMED = "not-armed"
    """It has not enabled its button: firmware, boot loader, early boot, or no ACPI."""
    ASLEEP = "asleep"
    HELD = "held-by-host"
    """Paused, held by a debugger, not started yet, or on its way to or from another host."""
    CRASHED = "crashed"
    UNRESPONSIVE = "unresponsive"
    """An earlier press is latched and not taken, or its watchdog has expired. Without either, a
    guest that hangs with its CPUs halted looks like one that is idle."""
    BUSY = "busy"
    """All its CPUs are busy all the time: it may heed a press or not."""
    OFF = "off"
    """It has powered off; QEMU was told to stay."""
    FAULTY = "host-fault"
    """QEMU cannot go on with it, or its ACPI registers are gone."""
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Forecast:
    """What was found without pressing.

    :param state: whether the guest is there to take a press.
    :param expected: what would become of it; ``None`` where only a press can tell.
    :param why: why that is expected, or why it cannot be told; one clause.
    :param findings: what threatens a soft shutdown, the worst first.
    :param evidence: what was seen, whatever it means.
    :param unknown: what cannot be known without pressing, or could not be seen; one line each.
    """

    state: GuestState
    expected: Outcome | None
    why: str
    findings: tuple[Threat, ...]
    evidence: tuple[Evidence, ...]
    unknown: tuple[str, ...]

    @property
    def stops(self) -> bool:
        """Whether something was found that would keep a press now from shutting it down."""
        return any(finding.severity is Severity.STOPS for finding in self.findings)

    def __str__(self) -> str:
        told = "cannot be told without pressing" if self.expected is None else f"{self.expected}"
        return f"guest {self.state}; a press now: {told} ({self.why})"


def forecast(seen: Observation) -> Forecast:
    """What a press would do, from a look (:attr:`Command.NOTHING`).

    :param seen: also an attempt will do, of which only what was seen before counts.
    """
    state = _state(seen)
    findings = sorted((*_of_state(seen, state), *threats(seen), *_latent(seen)), key=_by_severity)
    expected, why = _expected(seen, state, findings)
    return Forecast(
        state, expected, why, tuple(findings), tuple(_evidence(seen)), tuple(_unknown(seen, state))
    )


_STATES = {
    RunState.SUSPENDED: GuestState.ASLEEP,
    RunState.GUEST_PANICKED: GuestState.CRASHED,
    RunState.PAUSED: GuestState.HELD,
    RunState.PRELAUNCH: GuestState.HELD,
    RunState.INMIGRATE: GuestState.HELD,
    # In all the others of QEMU's its CPUs stand still too, because of a debugger, a migration or a
    # snapshot (qapi/run-state.json).
    RunState.OTHER: GuestState.HELD,
    RunState.WATCHDOG: GuestState.UNRESPONSIVE,
    RunState.SHUTDOWN: GuestState.OFF,
    RunState.IO_ERROR: GuestState.FAULTY,
    RunState.INTERNAL_ERROR: GuestState.FAULTY,
    None: GuestState.UNKNOWN,
}
"""By QEMU's run state, where that is enough."""


def _by_severity(finding: Threat) -> int:
    return finding.severity.rank


def _state(seen: Observation) -> GuestState:
    known = _STATES.get(seen.run_state)
    if seen.event("SHUTDOWN") is not None:
        return GuestState.OFF
    before = seen.pm1_before
    if known is not None or before is None:
        return known or GuestState.UNKNOWN
    last = _last_pm1(seen) or before
    if not last.button_armed:
        gone = not last.mapped and seen.woken_before
        return GuestState.FAULTY if gone else GuestState.NOT_ARMED
    if _is_latched(seen):
        return GuestState.UNRESPONSIVE
    return GuestState.BUSY if outside_activity.is_pinned(seen) else GuestState.READY


def _last_pm1(seen: Observation) -> Pm1Sample | None:
    return seen.pm1_after[-1] if seen.pm1_after else seen.pm1_before


def _is_latched(seen: Observation) -> bool:
    """Whether a press from before stayed latched all the time."""
    samples = [seen.pm1_before, *seen.pm1_after]
    return len(samples) > 1 and all(s is not None and s.press_pending for s in samples)


def _of_state(seen: Observation, state: GuestState) -> Iterator[Threat]:
    """What the state itself means for a press."""
    last = _last_pm1(seen)
    if state is GuestState.NOT_ARMED and last is not None:
        what = "the power button is not enabled" if last.mapped else "no ACPI registers are mapped"
        yield Threat(
            Cause.PRESS_LOST,
            Severity.STOPS,
            f"{what}: QEMU would drop a press without a trace",
            (observed.registers(last, what), *observed.shown(seen)),
            remedies.LET_IT_BOOT,
        )
    elif state is GuestState.ASLEEP:
        yield _stopped(seen, Cause.ASLEEP, "the guest sleeps", remedies.WAKE)
    elif state is GuestState.CRASHED:
        yield _stopped(
            seen, Cause.DAMAGED_SYSTEM, "the guest reported its crash", remedies.INVESTIGATE_CRASH
        )
    elif state is GuestState.HELD:
        yield _stopped(
            seen, Cause.HOST_FAULT, "the host keeps its CPUs from running", remedies.LET_IT_RUN
        )
    elif state is GuestState.OFF:
        yield _stopped(seen, Cause.NONE, "the guest has powered off already", remedies.START_IT)
    elif state is GuestState.FAULTY:
        yield _faulty(seen, last)
    elif seen.run_state is RunState.WATCHDOG:
        yield _stopped(
            seen,
            Cause.DAMAGED_SYSTEM,
            "its watchdog has expired, and QEMU has stopped it",
            remedies.INVESTIGATE_HANG,
        )
    elif state is GuestState.UNRESPONSIVE and last is not None:
        yield Threat(
            Cause.DAMAGED_SYSTEM,
            Severity.STOPS,
            "a press from before is still latched: the guest does not serve its interrupt",
            (observed.registers(last, "latched"), _while_looking(observed.cpu(seen))),
            remedies.INVESTIGATE_HANG,
        )
    elif state is GuestState.BUSY:
        yield Threat(
            Cause.DAMAGED_SYSTEM,
            Severity.MAY_STOP,
            "all its virtual CPUs are busy all the time"
            + (", and its control port does not answer" if seen.control is Control.SILENT else ""),
            (_while_looking(observed.cpu(seen)),),
            remedies.FIND_BUSY_PROCESS,
        )


def _stopped(seen: Observation, cause: Cause, fact: str, remedy: str) -> Threat:
    return Threat(cause, Severity.STOPS, fact, (observed.run_state(seen),), remedy)


def _faulty(seen: Observation, last: Pm1Sample | None) -> Threat:
    if seen.run_state is RunState.RUNNING and last is not None:
        return Threat(
            Cause.HOST_FAULT,
            Severity.STOPS,
            "after a wake-up its ACPI registers are gone",
            (observed.registers(last, "the PM1 registers are not mapped"),),
            remedies.WAKE_FAILED,
        )
    return _stopped(
        seen, Cause.HOST_FAULT, "QEMU cannot go on with the guest", remedies.LOOK_AT_HOST
    )


def _latent(seen: Observation) -> Iterator[Threat]:
    """What matters once something else changes, and what tells of trouble under way."""
    words = screen_words.under_way(seen)
    if words is not None or progress.was_ending(seen):
        shown = (observed.screen_text(seen, "text on the screen", seen.screen_text),)
        yield Threat(
            Cause.UNKNOWN,
            Severity.MAY_STOP,
            f"the screen says {words!r}" if words else "services are being stopped",
            shown if words else (),
            remedies.SHUTDOWN_IS_UNDER_WAY,
        )
    survey = seen.survey
    if survey is None:
        return
    if progress.lacks_core_process(seen):
        yield Threat(
            Cause.DAMAGED_SYSTEM,
            Severity.STOPS,
            "a core process of Windows has ended",
            (observed.core_process_missing(seen),),
            remedies.REPAIR_SYSTEM,
        )
    somebody = survey.console is not None and survey.console.user is not None
    if somebody and survey.shutdown_without_logon is False:
        yield setting_risks.of_no_logon(
            "while nobody is logged on, a press may be discarded (ShutdownWithoutLogon is 0)",
            Severity.LATENT,
            (observed.setting("ShutdownWithoutLogon", "0"), observed.session(seen)),
        )
    if survey.event_tracker:
        opened = screen_words.tracker(seen) is not None
        on = observed.setting("the Shutdown Event Tracker is on", "1")
        screen = observed.shown(seen) if opened else ()
        yield setting_risks.of_tracker(opened=opened, shown=(on, *screen))


_WHAT_THEN = {
    Cause.PRESS_LOST: Outcome.STAYED_UP,
    Cause.POWER_BUTTON_IGNORED: Outcome.STAYED_UP,
    Cause.NO_LOGON_SHUTDOWN: Outcome.STAYED_UP,
    Cause.DAMAGED_SYSTEM: Outcome.STAYED_UP,
    Cause.HOST_FAULT: Outcome.HOST_FAULT,
}


def _expected(
    seen: Observation, state: GuestState, findings: list[Threat]
) -> tuple[Outcome | None, str]:
    stopping = [finding for finding in findings if finding.severity is Severity.STOPS]
    if state is GuestState.OFF:
        return None, "it is off already"
    if stopping:
        worst = stopping[0]
        if state is GuestState.CRASHED:
            return Outcome.CRASHED, worst.fact
        if worst.cause is Cause.ASLEEP:
            return _sleep_of(seen, state), worst.fact
        return _WHAT_THEN.get(worst.cause), worst.fact
    if state is GuestState.UNKNOWN:
        return None, "its state could not be seen"
    if state is not GuestState.READY:
        return None, findings[0].fact
    action = None if seen.button is None else seen.button.effective()
    if action is None:
        asked = seen.survey is not None
        return None, f"what its button is set to {'could not be read' if asked else 'is not known'}"
    if _may_lack_logon(seen):
        return None, "whether a press needs somebody logged on could not be read"
    doubts = [finding for finding in findings if finding.severity is Severity.MAY_STOP]
    if doubts:
        return None, doubts[0].fact
    return Outcome.COMPLETED, "the button is armed and set to shut down, and nothing speaks against"


def _may_lack_logon(seen: Observation) -> bool:
    """Whether nobody may be logged on and a press discarded for it: it was not read."""
    survey = seen.survey
    if survey is None or survey.shutdown_without_logon is True:
        return False
    return survey.console is None or (
        survey.console.user is None and survey.shutdown_without_logon is None
    )


def _sleep_of(seen: Observation, state: GuestState) -> Outcome:
    hibernates = (
        state is not GuestState.ASLEEP
        and seen.button is not None
        and seen.button.effective() is ButtonAction.HIBERNATE
    )
    return Outcome.HIBERNATED if hibernates else Outcome.SUSPENDED


def _evidence(seen: Observation) -> Iterator[Evidence]:
    """What a press meets on its way."""
    yield replace(observed.run_state(seen), fact="QEMU's run state")
    if seen.pm1_before is not None:
        yield observed.registers(_last_pm1(seen) or seen.pm1_before, "the power button's registers")
    if seen.activity:
        yield _while_looking(observed.cpu(seen))
    if seen.screens:
        yield observed.screen(seen.screens[-1], "the screen")
    yield from observed.shown(seen)
    if seen.control is not Control.NONE:
        yield observed.control(seen)
    button = seen.button
    if button is not None:
        action = button.effective()
        where = (
            "by policy"
            if PowerSource.AC in button.policy
            else ("by the active scheme: its own value, or its default")
        )
        name = "an index that no documentation names" if action is None else _words(action)
        yield observed.setting(f"the power button is set to {name}, {where}", f"{button}")
    if seen.survey is not None:
        yield observed.session(seen)


def _while_looking(evidence: Evidence) -> Evidence:
    return replace(evidence, fact="time its virtual CPUs wanted while it was looked at")


def _words(action: ButtonAction) -> str:
    return action.name.lower().replace("_", " ")


def _unknown(seen: Observation, state: GuestState) -> Iterator[str]:
    survey = seen.survey
    if state is GuestState.BUSY:
        yield "whether its CPUs work or hang: only a press shows whether interrupts are served"
    elif state is GuestState.READY:
        yield "whether it serves interrupts: one that hangs with halted CPUs looks like an idle one"
    if survey is None:
        yield "what the button is set to, who is logged on, what runs: it was not asked from inside"
    else:
        look = as_look(survey)
        names = sorted({p.name for p in progress.programs(seen, look)}) if look else []
        if names:
            yield f"whether these programs agree to end: {', '.join(names)}"
        yield "whether services end in time, and how long update work takes"
    yield from seen.notes
