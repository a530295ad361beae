"""Rules for a guest that runs on: where on its way the shutdown was held."""

from __future__ import annotations

import re

from harness.diagnosis import facts, reading, remedies
from harness.diagnosis.rule import Rule, verdict
from harness.diagnosis.verdict import Confidence, Evidence, Verdict
from harness.guest.commands import ButtonAction
from harness.machine.protocol import RunState
from harness.outcome import Cause, Outcome
from harness.shutdown.observation import Command, Control, Observation

_PRIVILEGE_NOT_HELD = 1314
_ACCESS_DENIED = 5
"""Win32 error codes (learn: System Error Codes)."""

_ERROR_CODE = re.compile(r"\((\d{1,5})\)")
"""How shutdown.exe ends its messages: ``Access is denied.(5)``. The words are localised."""

_HUNG_APP_MS = 5000
"""HungAppTimeout where it could not be read (facts 5)."""

_SERVICES_DOCUMENTED_MS = 20_000
"""What the documentation says services get in the shutdown phase, roughly (w32: Services)."""

_BLOCKING_WORDS = (
    "preventing shutdown",
    "preventing restart",
    "preventing you from",
    "shut down anyway",
    "restart anyway",
    "app and shutting down",
    "apps and shutting down",
)
"""English text of the screen that lists applications in the way; other languages are not read."""

_TRACKER_WORDS = ("shutdown event tracker", "shut down windows", "why did the computer")
"""English text of the dialogs with the Shutdown Event Tracker."""

_SHUTTING_DOWN_WORDS = (*_BLOCKING_WORDS, "shutting down", "restarting", "working on updates")


def wake_failed(seen: Observation) -> Verdict | None:
    """After sleep the ACPI registers are gone: the host's firmware failed, not the guest."""
    before = seen.pm1_before
    if before is None or before.mapped or not seen.woken_before:
        return None
    return verdict(
        Outcome.HOST_FAULT,
        Cause.HOST_FAULT,
        Confidence.HIGH,
        (
            facts.registers(before, "the PM1 registers are not mapped"),
            facts.note("why: the guest was woken from sleep before"),
        ),
        ruled_out=((Cause.PRESS_LOST, "the guest had booted and slept before"),),
        remedy=remedies.WAKE_FAILED,
    )


def press_lost(seen: Observation) -> Verdict | None:
    """The press was dropped: the guest had not armed its power button."""
    before = seen.pm1_before
    if seen.command is not Command.PRESS or before is None or not seen.pm1_after:
        return None
    # Asleep, stopped or gone it is in some other trouble than not having booted yet.
    if seen.run_state is not RunState.RUNNING:
        return None
    armed = before.button_armed or any(sample.button_armed for sample in seen.pm1_after)
    if armed or any(sample.press_pending for sample in seen.pm1_after):
        return None
    why = "the power button is not enabled" if before.mapped else "the PM1 registers are not mapped"
    up = seen.commanded_at - seen.powered_on_at
    never_booted = up > seen.budgets.boot
    return verdict(
        Outcome.STAYED_UP,
        Cause.PRESS_LOST,
        Confidence.HIGH,
        (
            facts.registers(before, f"before the press, {up:.0f} s after power-on, {why}"),
            facts.registers(seen.pm1_after[0], "after it the press is not latched"),
            facts.run_state(seen),
            *_shown(seen),
        ),
        ruled_out=((Cause.POWER_BUTTON_IGNORED, "the press never reached the guest"),),
        remedy=remedies.BOOT_FAILURE if never_booted else remedies.PRESS_AGAIN,
    )


def hung(seen: Observation) -> Verdict | None:
    """The press stays latched: the guest does not service interrupts any more."""
    before, samples = seen.pm1_before, seen.pm1_after
    if before is None or not before.button_armed or not samples:
        return None
    waited = samples[-1].at - seen.commanded_at
    if not samples[-1].press_pending or waited < seen.budgets.reaction:
        return None
    if not reading.goes_on(seen) or (seen.control is Control.ALIVE and seen.looks):
        return None
    evidence = [
        facts.registers(before, "before the press the button was armed"),
        facts.registers(samples[-1], f"after {waited:.1f} s the press is still latched"),
        facts.run_state(seen),
        facts.cpu(seen),
    ]
    if seen.control is not Control.NONE:
        evidence.append(facts.control(seen))
    return verdict(
        Outcome.STAYED_UP,
        Cause.DAMAGED_SYSTEM,
        Confidence.HIGH,
        evidence,
        ruled_out=(
            (Cause.POWER_BUTTON_IGNORED, "a guest that ignores a press takes it first"),
            (Cause.ASLEEP, "its CPUs are not stopped"),
        ),
        remedy=remedies.INVESTIGATE_HANG,
    )


def refused(seen: Observation) -> Verdict | None:
    """A shutdown command inside was refused for want of the right to shut down."""
    answer = seen.answer
    if answer is None or answer.exit_code == 0 or not reading.goes_on(seen):
        return None
    said = f"{answer.output} {answer.error_output}"
    codes = {answer.exit_code, *(int(code) for code in _ERROR_CODE.findall(said))}
    if _PRIVILEGE_NOT_HELD in codes:
        confidence = Confidence.HIGH
    elif _ACCESS_DENIED in codes:
        confidence = Confidence.MEDIUM
    else:
        return None
    return verdict(
        Outcome.STAYED_UP,
        Cause.DAMAGED_SYSTEM,
        confidence,
        (
            facts.answer(seen, answer),
            facts.run_state(seen),
        ),
        remedy=remedies.RESTORE_PRIVILEGE,
    )


def aborted(seen: Observation) -> Verdict | None:
    """A shutdown was initiated and aborted again."""
    entry = reading.aborted(seen)
    if entry is None or not reading.goes_on(seen):
        return None
    return verdict(
        Outcome.STAYED_UP,
        Cause.DAMAGED_SYSTEM,
        Confidence.HIGH,
        (facts.record(entry, "the shutdown was aborted"), facts.run_state(seen)),
        ruled_out=((Cause.UNRESPONSIVE_APP, "the shutdown was aborted, not refused"),),
        remedy=remedies.FIND_ABORTER,
        culprit=entry.data.get("param2", ""),
    )


def display_was_dark(seen: Observation) -> Verdict | None:
    """The press only lit a display that was off."""
    if not _took_it_and_did_nothing(seen) or not reading.lit_up(seen):
        return None
    if reading.shows(seen.screen_text, _SHUTTING_DOWN_WORDS):
        return None
    if seen.control is Control.NONE:
        confidence = Confidence.MEDIUM
    elif reading.is_quiet(seen):
        confidence = Confidence.HIGH
    else:
        return None
    return verdict(
        Outcome.STAYED_UP,
        Cause.ASLEEP,
        confidence,
        (
            facts.screen(seen.screens[0], "before the press the screen was dark"),
            facts.screen(seen.screens[-1], "after it the screen is lit"),
            *facts.how_taken(seen),
            *_nothing_recorded(seen),
        ),
        ruled_out=((Cause.PRESS_LOST, "the guest cleared the latched press"),),
        remedy=remedies.KEEP_DISPLAY_ON,
    )


def power_button_ignored(seen: Observation) -> Verdict | None:
    """The guest took the press, its setting asks for no shutdown, and it did nothing more."""
    if not _took_it_and_did_nothing(seen) or seen.button is None or seen.records:
        return None
    action = seen.button.effective()
    if action is ButtonAction.SHUT_DOWN or action is None:
        return None
    evidence = [facts.button(seen), *facts.how_taken(seen), facts.run_state(seen)]
    if action is ButtonAction.DISPLAY_OFF and seen.screens:
        evidence.append(facts.screen(seen.screens[-1], "the screen after the press"))
    if reading.is_quiet(seen):
        evidence += _nothing_recorded(seen)
        # A guest set to sleep that does not sleep may yet do so, or be unable to.
        acts = action in (ButtonAction.SLEEP, ButtonAction.HIBERNATE)
        confidence = Confidence.MEDIUM if acts else Confidence.HIGH
    else:
        evidence.append(facts.note("the event log could not be read after the press"))
        confidence = Confidence.MEDIUM
    return verdict(
        Outcome.STAYED_UP,
        Cause.POWER_BUTTON_IGNORED,
        confidence,
        evidence,
        ruled_out=((Cause.PRESS_LOST, "the guest cleared the latched press"),),
        remedy=remedies.SET_BUTTON,
    )


def no_logon(seen: Observation) -> Verdict | None:
    """Nobody is logged on, policy wants a logon, and the press was discarded."""
    survey = seen.survey
    if not _took_it_and_did_nothing(seen) or survey is None or seen.button is None or seen.records:
        return None
    if survey.console is None or survey.console.user is not None:
        return None
    if survey.shutdown_without_logon is not False:
        return None
    if seen.button.effective() is not ButtonAction.SHUT_DOWN or not reading.is_quiet(seen):
        return None
    return verdict(
        Outcome.STAYED_UP,
        Cause.NO_LOGON_SHUTDOWN,
        Confidence.HIGH,
        (
            facts.session(seen),
            facts.setting("ShutdownWithoutLogon", "0"),
            facts.button(seen),
            *facts.how_taken(seen),
            *_nothing_recorded(seen),
        ),
        ruled_out=(
            (Cause.PRESS_LOST, "the guest cleared the latched press"),
            (Cause.POWER_BUTTON_IGNORED, "the button is set to shut down"),
            (Cause.UNRESPONSIVE_APP, "nobody is logged on, and no shutdown was recorded"),
        ),
        remedy=remedies.ALLOW_WITHOUT_LOGON,
    )


def event_tracker(seen: Observation) -> Verdict | None:
    """A dialog with the Shutdown Event Tracker is open, and the press had no effect.

    That an open dialog holds a press is UNCONFIRMED for Windows: never high confidence.
    """
    survey = seen.survey
    if not _took_it_and_did_nothing(seen) or survey is None or seen.button is None or seen.records:
        return None
    if survey.event_tracker is not True or survey.console is None or survey.console.user is None:
        return None
    if seen.button.effective() is not ButtonAction.SHUT_DOWN or not reading.is_quiet(seen):
        return None
    if not reading.shows(seen.screen_text, _TRACKER_WORDS):
        return None
    return verdict(
        Outcome.STAYED_UP,
        Cause.EVENT_TRACKER,
        Confidence.MEDIUM,
        (
            facts.setting("the Shutdown Event Tracker is on", "1"),
            facts.screen_text(seen, "a dialog is open", seen.screen_text),
            facts.session(seen),
            facts.button(seen),
            *facts.how_taken(seen),
            *_nothing_recorded(seen),
        ),
        ruled_out=(
            (Cause.PRESS_LOST, "the guest cleared the latched press"),
            (Cause.POWER_BUTTON_IGNORED, "the button is set to shut down"),
            (Cause.NO_LOGON_SHUTDOWN, "somebody is logged on"),
        ),
        remedy=remedies.TRACKER_OFF,
    )


def application_blocks(seen: Observation) -> Verdict | None:
    """A shutdown is under way and still waits for applications of the console session."""
    if not reading.taken(seen) or not reading.goes_on(seen) or not seen.looks:
        return None
    entry = reading.initiated(seen)
    last = seen.looks[-1]
    survey = seen.survey
    if entry is None or survey is None or reading.preshutdown_looks(seen):
        return None
    if seen.control is not Control.ALIVE or survey.console is None or survey.console.user is None:
        return None
    hung_after = (survey.hung_app_ms or _HUNG_APP_MS) / 1000
    waited = last.at - seen.commanded_at
    if waited < hung_after + seen.budgets.reaction:
        return None
    programs = reading.programs_left(seen, last)
    steady = len(reading.application_looks(seen)) > 1
    # With AutoEndTasks Windows ends them by itself; without, its screen has no timeout (facts 5).
    waits_for_ever = survey.auto_end_tasks is False
    sure = bool(programs) and steady and waits_for_ever
    return verdict(
        Outcome.STAYED_UP,
        Cause.UNRESPONSIVE_APP,
        Confidence.HIGH if sure else Confidence.MEDIUM,
        (
            facts.record(entry, "the shutdown was initiated"),
            facts.programs(last, programs),
            facts.setting("AutoEndTasks", f"{survey.auto_end_tasks}"),
            facts.control(seen),
            *_shown(seen),
        ),
        ruled_out=(
            (Cause.POWER_BUTTON_IGNORED, "a shutdown was initiated"),
            (Cause.UNRESPONSIVE_SERVICE, "no service has been asked to prepare or stop yet"),
            (Cause.WINDOWS_UPDATE, "no service has been asked to prepare or stop yet"),
        ),
        remedy=remedies.END_APPLICATION,
        culprit=", ".join(sorted(set(programs))),
    )


def blocking_screen(seen: Observation) -> Verdict | None:
    """From outside: the screen says that an application is in the way."""
    words = reading.shows(seen.screen_text, _BLOCKING_WORDS)
    if words is None or not reading.taken(seen) or not reading.goes_on(seen):
        return None
    if reading.shows(seen.screen_text_before, _BLOCKING_WORDS) or reading.preshutdown_looks(seen):
        return None
    return verdict(
        Outcome.STAYED_UP,
        Cause.UNRESPONSIVE_APP,
        Confidence.MEDIUM,
        (
            facts.screen_text(seen, f"the screen says {words!r}", seen.screen_text),
            *facts.how_taken(seen),
            facts.run_state(seen),
        ),
        ruled_out=((Cause.POWER_BUTTON_IGNORED, "the screen tells of a shutdown"),),
        remedy=remedies.END_APPLICATION,
    )


def preshutdown(seen: Observation) -> Verdict | None:
    """Services still do their preshutdown work: updates, or one that holds the shutdown up."""
    looks = reading.preshutdown_looks(seen)
    if not looks or not reading.goes_on(seen) or seen.control is not Control.ALIVE:
        return None
    last = seen.looks[-1]
    holders = reading.preshutdown_holders(seen, last)
    if not holders:
        return None
    names = ", ".join(service.name for service in holders)
    evidence: list[Evidence] = [facts.service(last, service) for service in holders]
    entry = reading.initiated(seen)
    if entry is not None:
        evidence.append(facts.record(entry, "the shutdown was initiated"))
    evidence.append(facts.control(seen))
    if all(reading.is_update_service(service.name) for service in holders):
        return _updating(seen, evidence, names)
    survey = seen.survey
    for service in holders:
        timeout = None if survey is None else survey.preshutdown_ms.get(service.name)
        if timeout is not None:
            evidence.append(
                facts.setting(f"PreshutdownTimeout of {service.name}, milliseconds", f"{timeout}")
            )
    return verdict(
        Outcome.STAYED_UP,
        Cause.UNRESPONSIVE_SERVICE,
        Confidence.HIGH if reading.spent_its_budget(seen) else Confidence.MEDIUM,
        evidence,
        ruled_out=((Cause.UNRESPONSIVE_APP, "services have been asked to prepare already"),),
        remedy=remedies.STOP_SERVICE,
        culprit=names,
    )


def services_stuck(seen: Observation) -> Verdict | None:
    """The control port closed in order, services are ending, and the power does not go off."""
    closed = seen.control_lost_at
    if closed is None or not reading.goes_on(seen) or not reading.spent_its_budget(seen):
        return None
    if seen.control is Control.ALIVE or closed < seen.commanded_at:
        return None
    limit = None if seen.survey is None else seen.survey.wait_to_kill_service_ms
    evidence = [facts.control_closed(closed), facts.run_state(seen), facts.cpu(seen)]
    entry = reading.initiated(seen)
    if entry is not None:
        evidence.append(facts.record(entry, "the shutdown was initiated"))
    if limit is None or limit < _SERVICES_DOCUMENTED_MS or reading.goes_on_writing(seen):
        return None
    evidence.append(facts.setting("WaitToKillServiceTimeout, milliseconds", f"{limit}"))
    return verdict(
        Outcome.STAYED_UP,
        Cause.UNRESPONSIVE_SERVICE,
        # A driver or a file system may hang at this point as well.
        Confidence.MEDIUM,
        evidence,
        ruled_out=(
            (Cause.UNRESPONSIVE_APP, "services had been told to stop already"),
            (Cause.WINDOWS_UPDATE, "nothing is written to the disk"),
        ),
        remedy=remedies.LIMIT_SERVICES,
    )


def cpus_pinned(seen: Observation) -> Verdict | None:
    """Interrupts are serviced, nothing else is: the CPUs are kept busy above everything."""
    if not _took_it_and_did_nothing(seen) or not reading.is_pinned(seen):
        return None
    if seen.control not in (Control.SILENT, Control.LOST) or seen.control_lost_at is not None:
        return None
    if reading.screen_changed(seen) is not False or not reading.spent_its_budget(seen):
        return None
    return verdict(
        Outcome.STAYED_UP,
        Cause.DAMAGED_SYSTEM,
        Confidence.HIGH,
        (
            facts.cpu(seen),
            *facts.how_taken(seen),
            facts.control(seen),
            facts.screen(seen.screens[-1], "the screen has not changed"),
            facts.run_state(seen),
        ),
        ruled_out=(
            (Cause.PRESS_LOST, "the guest cleared the latched press"),
            (Cause.POWER_BUTTON_IGNORED, "a healthy guest answers on its control port"),
        ),
        remedy=remedies.FIND_BUSY_PROCESS,
    )


def _updating(seen: Observation, evidence: list[Evidence], names: str) -> Verdict:
    markers = () if seen.survey is None else seen.survey.update_markers
    if markers:
        evidence.append(facts.setting("updates were pending before", ", ".join(markers)))
    evidence.append(facts.writes(seen, seen.commanded_at, seen.ended_at))
    sure = bool(markers) and reading.spent_its_budget(seen)
    return verdict(
        Outcome.STAYED_UP,
        Cause.WINDOWS_UPDATE,
        Confidence.HIGH if sure else Confidence.MEDIUM,
        evidence,
        ruled_out=(
            (Cause.UNRESPONSIVE_APP, "services have been asked to prepare already"),
            (Cause.UNRESPONSIVE_SERVICE, f"only {names} is still at work"),
        ),
        remedy=remedies.FINISH_UPDATES,
        culprit=names,
    )


def _took_it_and_did_nothing(seen: Observation) -> bool:
    return (
        seen.press_taken_at is not None
        and reading.goes_on(seen)
        and reading.had_time_to_react(seen)
    )


def _nothing_recorded(seen: Observation) -> tuple[Evidence, ...]:
    return (facts.no_records(seen), facts.control(seen)) if reading.is_quiet(seen) else ()


def _shown(seen: Observation) -> tuple[Evidence, ...]:
    if not seen.screen_text:
        return ()
    return (facts.screen_text(seen, "text on the screen", seen.screen_text),)


STAYED_UP = (
    Rule("wake-up failed", wake_failed, lasts=True),
    Rule("press lost", press_lost, lasts=True),
    Rule("hung", hung, lasts=True),
    Rule("refused", refused, lasts=True),
    Rule("aborted", aborted, lasts=True),
    Rule("display was dark", display_was_dark, lasts=True),
    Rule("power button ignored", power_button_ignored, lasts=True),
    Rule("no logon", no_logon, lasts=True),
    Rule("event tracker", event_tracker, lasts=True),
    Rule("application blocks", application_blocks, lasts=True),
    Rule("preshutdown work", preshutdown),
    Rule("blocking screen", blocking_screen),
    Rule("services stuck", services_stuck),
    Rule("CPUs pinned", cpus_pinned),
)
"""In the order of the way of a shutdown: what holds it first is asked first."""
