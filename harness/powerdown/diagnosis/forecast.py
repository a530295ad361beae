"""What a press of the power button would do to a running guest, as far as observing it can tell.

An observation shows the guest's settings and its state. What it cannot show is listed: whether a
program agrees to end, whether interrupts are served, how long services take.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from powerdown.core.outcome import Cause, Outcome
from powerdown.core.severity import Severity
from powerdown.diagnosis import observed, outside_activity, progress, remedies, screen_words
from powerdown.diagnosis.risks import setting_risks
from powerdown.diagnosis.risks.risk import Risk
from powerdown.diagnosis.risks.risks_of_guest import latent, risks
from powerdown.diagnosis.verdict import Evidence
from powerdown.machine.protocol import Pm1Sample, RunState
from powerdown.shutdown.observation import ChannelState, Observation
from powerdown.windows.settings.button_settings import ButtonAction
from powerdown.windows.settings.logon_settings import SHUTDOWN_WITHOUT_LOGON
from powerdown.windows.settings.stored_value import PowerSource
from powerdown.windows.settings.tracker_settings import EVENT_TRACKER


class GuestState(StrEnum):
    """Whether a guest can take a press."""

    READY = "ready"
    """Its button is armed, and nothing indicates that it would not take a press."""
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
    """All its CPUs are busy all the time: it may or may not react to a press."""
    OFF = "off"
    """It has powered off, and QEMU was started with ``-no-shutdown``."""
    FAULTY = "host-fault"
    """QEMU cannot go on with it, or its ACPI registers are gone."""
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Forecast:
    """What was found without pressing.

    :param state: whether the guest can take a press.
    :param expected: what would become of it; ``None`` where only a press can tell.
    :param why: why that is expected, or why it is not known; one clause.
    :param findings: what threatens a soft shutdown, the worst first.
    :param evidence: what was observed.
    :param unknown: what cannot be known without pressing, or could not be observed; one line each.
    """

    state: GuestState
    expected: Outcome | None
    why: str
    findings: tuple[Risk, ...]
    evidence: tuple[Evidence, ...]
    unknown: tuple[str, ...]

    @property
    def stops(self) -> bool:
        """Whether a finding would keep a press now from shutting it down."""
        return any(finding.severity is Severity.STOPS for finding in self.findings)

    def __str__(self) -> str:
        result = "unknown without pressing" if self.expected is None else f"{self.expected}"
        return f"guest {self.state}; a press now: {result} ({self.why})"


def forecast(obs: Observation) -> Forecast:
    """What a press would do, from an observation without a press (:attr:`Command.NOTHING`).

    :param obs: may also be that of an attempt, of which only what precedes it counts.
    """
    state = _state(obs)
    findings = sorted(
        (*_risks_of_state(obs, state), *risks(obs), *_further_risks(obs)), key=_by_severity
    )
    expected, why = _expected(obs, state, findings)
    return Forecast(
        state, expected, why, tuple(findings), tuple(_evidence(obs)), tuple(_unknown(obs, state))
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


def _by_severity(finding: Risk) -> int:
    return finding.severity.rank


def _state(obs: Observation) -> GuestState:
    known = _STATES.get(obs.run_state)
    if obs.event("SHUTDOWN") is not None:
        return GuestState.OFF
    before = obs.pm1_before
    if known is not None or before is None:
        return known or GuestState.UNKNOWN
    last = _last_pm1(obs) or before
    if not last.button_armed:
        gone = not last.mapped and obs.woken_before
        return GuestState.FAULTY if gone else GuestState.NOT_ARMED
    if _is_latched(obs):
        return GuestState.UNRESPONSIVE
    return GuestState.BUSY if outside_activity.is_pinned(obs) else GuestState.READY


def _last_pm1(obs: Observation) -> Pm1Sample | None:
    return obs.pm1_after[-1] if obs.pm1_after else obs.pm1_before


def _is_latched(obs: Observation) -> bool:
    """Whether a press from before stayed latched all the time."""
    samples = [obs.pm1_before, *obs.pm1_after]
    return len(samples) > 1 and all(s is not None and s.press_pending for s in samples)


def _risks_of_state(obs: Observation, state: GuestState) -> Iterator[Risk]:
    """What the state itself means for a press."""
    last = _last_pm1(obs)
    if state is GuestState.NOT_ARMED and last is not None:
        what = "the power button is not enabled" if last.mapped else "no ACPI registers are mapped"
        yield Risk(
            Cause.PRESS_LOST,
            Severity.STOPS,
            f"{what}: QEMU would drop a press without a trace",
            (observed.registers(last, what), *observed.shown(obs)),
            remedies.LET_IT_BOOT,
        )
    elif state is GuestState.ASLEEP:
        yield _stopped(obs, Cause.ASLEEP, "the guest sleeps", remedies.WAKE)
    elif state is GuestState.CRASHED:
        yield _stopped(
            obs, Cause.DAMAGED_SYSTEM, "the guest reported its crash", remedies.INVESTIGATE_CRASH
        )
    elif state is GuestState.HELD:
        yield _stopped(obs, Cause.HOST_FAULT, "the host has stopped its CPUs", remedies.LET_IT_RUN)
    elif state is GuestState.OFF:
        yield _stopped(obs, Cause.NONE, "the guest has powered off already", remedies.START_IT)
    elif state is GuestState.FAULTY:
        yield _faulty(obs, last)
    elif obs.run_state is RunState.WATCHDOG:
        yield _stopped(
            obs,
            Cause.DAMAGED_SYSTEM,
            "its watchdog has expired, and QEMU has stopped it",
            remedies.INVESTIGATE_HANG,
        )
    elif state is GuestState.UNRESPONSIVE and last is not None:
        yield Risk(
            Cause.DAMAGED_SYSTEM,
            Severity.STOPS,
            "an earlier press is still latched: the guest does not service its interrupt",
            (observed.registers(last, "latched"), _during_observation(observed.cpu(obs))),
            remedies.INVESTIGATE_HANG,
        )
    elif state is GuestState.BUSY:
        yield Risk(
            Cause.DAMAGED_SYSTEM,
            Severity.MAY_STOP,
            "all its virtual CPUs are busy all the time"
            + (
                ", and its control port does not answer"
                if obs.control is ChannelState.SILENT
                else ""
            ),
            (_during_observation(observed.cpu(obs)),),
            remedies.FIND_BUSY_PROCESS,
        )


def _stopped(obs: Observation, cause: Cause, fact: str, remedy: str) -> Risk:
    return Risk(cause, Severity.STOPS, fact, (observed.run_state(obs),), remedy)


def _faulty(obs: Observation, last: Pm1Sample | None) -> Risk:
    if obs.run_state is RunState.RUNNING and last is not None:
        return Risk(
            Cause.HOST_FAULT,
            Severity.STOPS,
            "after a wake-up its ACPI registers are gone",
            (observed.registers(last, "the PM1 registers are not mapped"),),
            remedies.WAKE_FAILED,
        )
    return _stopped(
        obs, Cause.HOST_FAULT, "QEMU cannot go on with the guest", remedies.LOOK_AT_HOST
    )


def _further_risks(obs: Observation) -> Iterator[Risk]:
    """What matters once something else changes, and what tells of trouble under way."""
    words = screen_words.under_way(obs)
    if words is not None or progress.was_ending(obs):
        shown = (observed.screen_text(obs, "text on the screen", obs.screen_text),)
        yield Risk(
            Cause.UNKNOWN,
            Severity.MAY_STOP,
            f"the screen says {words!r}" if words else "services are being stopped",
            shown if words else (),
            remedies.SHUTDOWN_IS_UNDER_WAY,
        )
    baseline = obs.baseline
    if baseline is None:
        return
    if progress.lacks_core_process(obs):
        yield Risk(
            Cause.DAMAGED_SYSTEM,
            Severity.STOPS,
            "a core process of Windows has ended",
            (observed.core_process_missing(obs),),
            remedies.REPAIR_SYSTEM,
        )
    settings = baseline.settings
    somebody = baseline.console is not None and baseline.console.user is not None
    if somebody and settings.truth(SHUTDOWN_WITHOUT_LOGON) is False:
        yield setting_risks.of_no_logon(
            "while nobody is logged on, a press may be discarded",
            Severity.LATENT,
            (*observed.settings(baseline, SHUTDOWN_WITHOUT_LOGON), observed.session(obs)),
        )
    opened = settings.truth(EVENT_TRACKER) is True and screen_words.tracker(obs) is not None
    if opened:
        on = observed.settings(baseline, EVENT_TRACKER)
        yield setting_risks.of_open_tracker((*on, *observed.shown(obs)))
    for risk in latent(baseline):
        if not (opened and risk.cause is Cause.EVENT_TRACKER):
            yield risk


_OUTCOMES = {
    Cause.PRESS_LOST: Outcome.STAYED_UP,
    Cause.POWER_BUTTON_IGNORED: Outcome.STAYED_UP,
    Cause.NO_LOGON_SHUTDOWN: Outcome.STAYED_UP,
    Cause.DAMAGED_SYSTEM: Outcome.STAYED_UP,
    Cause.HOST_FAULT: Outcome.HOST_FAULT,
}


def _expected(
    obs: Observation, state: GuestState, findings: list[Risk]
) -> tuple[Outcome | None, str]:
    stopping = [finding for finding in findings if finding.severity is Severity.STOPS]
    if state is GuestState.OFF:
        return None, "it is off already"
    if stopping:
        worst = stopping[0]
        if state is GuestState.CRASHED:
            return Outcome.CRASHED, worst.fact
        if worst.cause is Cause.ASLEEP:
            return _sleep_of(obs, state), worst.fact
        return _OUTCOMES.get(worst.cause), worst.fact
    if state is GuestState.UNKNOWN:
        return None, "its state could not be observed"
    if state is not GuestState.READY:
        return None, findings[0].fact
    action = None if obs.button is None else obs.button.effective()
    if action is None:
        asked = obs.baseline is not None
        return None, f"what its button is set to {'could not be read' if asked else 'is not known'}"
    if _may_lack_logon(obs):
        return None, "whether a press needs a logged-on user could not be read"
    doubts = [finding for finding in findings if finding.severity is Severity.MAY_STOP]
    if doubts:
        return None, doubts[0].fact
    return (
        Outcome.COMPLETED,
        "the button is armed and set to shut down, and no finding speaks against it",
    )


def _may_lack_logon(obs: Observation) -> bool:
    """Whether nobody may be logged on and a press discarded for it: it was not read."""
    baseline = obs.baseline
    allowed = None if baseline is None else baseline.settings.truth(SHUTDOWN_WITHOUT_LOGON)
    if baseline is None or allowed is True:
        return False
    return baseline.console is None or (baseline.console.user is None and allowed is None)


def _sleep_of(obs: Observation, state: GuestState) -> Outcome:
    hibernates = (
        state is not GuestState.ASLEEP
        and obs.button is not None
        and obs.button.effective() is ButtonAction.HIBERNATE
    )
    return Outcome.HIBERNATED if hibernates else Outcome.SUSPENDED


def _evidence(obs: Observation) -> Iterator[Evidence]:
    """What a press meets on its way."""
    yield replace(observed.run_state(obs), fact="QEMU's run state")
    if obs.pm1_before is not None:
        yield observed.registers(_last_pm1(obs) or obs.pm1_before, "the power button's registers")
    if obs.activity:
        yield _during_observation(observed.cpu(obs))
    if obs.screens:
        yield observed.screen(obs.screens[-1], "the screen")
    yield from observed.shown(obs)
    if obs.control is not ChannelState.NONE:
        yield observed.control(obs)
    button = obs.button
    if button is not None:
        action = button.effective()
        where = (
            "by policy"
            if PowerSource.AC in button.policy
            else ("by the active scheme: its own value, or its default")
        )
        name = "an undocumented index" if action is None else action.words
        yield observed.setting(f"the power button is set to {name}, {where}", f"{button}")
    if obs.baseline is not None:
        yield observed.session(obs)


def _during_observation(evidence: Evidence) -> Evidence:
    return replace(evidence, fact="time its virtual CPUs wanted during the observation")


def _unknown(obs: Observation, state: GuestState) -> Iterator[str]:
    baseline = obs.baseline
    if state is GuestState.BUSY:
        yield "whether its CPUs work or hang: only a press shows whether it services interrupts"
    elif state is GuestState.READY:
        yield "whether it services interrupts: a guest that hangs with halted CPUs looks idle"
    if baseline is None:
        yield "the button's setting, who is logged on, which programs run: no control channel"
    else:
        running = progress.programs(obs, baseline.as_sample())
        names = sorted({program.name for program in running})
        if names:
            yield f"whether these programs agree to end: {', '.join(names)}"
        yield "whether services end in time, and how long update work takes"
    yield from obs.notes
