"""Rules for a guest that took the command and does not want to shut down: nothing is under way."""

from __future__ import annotations

import re

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis import (
    initiation,
    observed,
    outside_activity,
    predicates,
    progress,
    remedies,
    screen_words,
)
from powerdown.diagnosis.rules.rule import Rule, verdict
from powerdown.diagnosis.verdict import Confidence, Verdict
from powerdown.guest.channels.channel import CommandResult
from powerdown.shutdown.observation import Control, Observation
from powerdown.windows.commands import ButtonAction

_PRIVILEGE_NOT_HELD = 1314
_ACCESS_DENIED = 5
_SHUTDOWN_IN_PROGRESS = 1115
"""Win32 error codes (learn: System Error Codes)."""

_ERROR_CODE = re.compile(r"\((\d{1,5})\)")
"""How shutdown.exe ends its messages: ``Access is denied.(5)``. The words are localised."""

_SLEEPS = (ButtonAction.SLEEP, ButtonAction.HIBERNATE)


def refused(seen: Observation) -> Verdict | None:
    """A shutdown command inside was refused for want of the right to shut down."""
    answer = seen.answer
    if answer is None or answer.exit_code == 0 or not predicates.goes_on(seen):
        return None
    codes = _error_codes(answer)
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
        (observed.answer(seen, answer), observed.run_state(seen)),
        ruled_out=((Cause.UNRESPONSIVE_APP, "no application was asked: the command was refused"),),
        remedy=remedies.RESTORE_PRIVILEGE,
    )


def aborted(seen: Observation) -> Verdict | None:
    """The shutdown that was asked for was begun and aborted again.

    By the account of the console's user it may have been a person.
    """
    entry = initiation.aborted(seen)
    if entry is None or not predicates.taken(seen) or not predicates.goes_on(seen):
        return None
    account = entry.data.get("param2", "")
    console = None if seen.survey is None else seen.survey.console
    user = None if console is None else console.user
    by_a_person = user is not None and account.rpartition("\\")[2].lower() == user.lower()
    return verdict(
        Outcome.STAYED_UP,
        Cause.DAMAGED_SYSTEM,
        Confidence.LOW if by_a_person or not account else Confidence.HIGH,
        (
            observed.record(entry, "the shutdown was aborted"),
            observed.session(seen),
            observed.run_state(seen),
        ),
        ruled_out=((Cause.UNRESPONSIVE_APP, "the shutdown was aborted, not refused"),),
        remedy=remedies.FIND_ABORTER,
        culprit=account,
    )


def core_process_ended(seen: Observation) -> Verdict | None:
    """A core process of Windows has ended: a restart is announced and keeps others out."""
    if not predicates.taken(seen) or not predicates.goes_on(seen):
        return None
    entry = initiation.by_reason(seen, initiation.CRITICAL_PROCESS_REASON)
    missing = progress.lacks_core_process(seen)
    if entry is None and not missing:
        return None
    evidence = [observed.run_state(seen), *observed.how_taken(seen)]
    if entry is not None:
        evidence.append(observed.record(entry, "a restart was announced because of it"))
    if missing:
        evidence.append(observed.core_process_missing(seen))
    return verdict(
        Outcome.STAYED_UP,
        Cause.DAMAGED_SYSTEM,
        Confidence.HIGH,
        evidence,
        ruled_out=((Cause.PRESS_LOST, "the guest got the command"),),
        remedy=remedies.REPAIR_SYSTEM,
    )


def display_was_dark(seen: Observation) -> Verdict | None:
    """The press only lit a display that was off."""
    lit = outside_activity.lit_up(seen)
    if not predicates.took_it_and_did_nothing(seen) or lit is None or screen_words.under_way(seen):
        return None
    quiet = predicates.is_quiet(seen)
    if seen.control in (Control.ALIVE, Control.LOST) and not quiet:
        return None
    return verdict(
        Outcome.STAYED_UP,
        Cause.ASLEEP,
        _sure_it_lit(seen, lit.at) if quiet else Confidence.LOW,
        (
            observed.screen(seen.screens[0], "before the press the screen was dark"),
            observed.screen(lit, "after it the screen was lit"),
            *observed.how_taken(seen),
            *(observed.nothing_recorded(seen) if quiet else ()),
        ),
        ruled_out=((Cause.PRESS_LOST, "the guest cleared the latched press"),),
        remedy=remedies.KEEP_DISPLAY_ON,
    )


def power_button_ignored(seen: Observation) -> Verdict | None:
    """The guest took the press, its setting asks for no shutdown, and it did nothing more."""
    if not predicates.took_it_and_did_nothing(seen) or seen.button is None or seen.records:
        return None
    action = seen.button.effective()
    if action is ButtonAction.SHUT_DOWN or action is None:
        return None
    quiet = predicates.is_quiet(seen)
    if not quiet and _may_be_ending(seen):
        return None
    evidence = [observed.button(seen), *observed.how_taken(seen), observed.run_state(seen)]
    if action is ButtonAction.DISPLAY_OFF and seen.screens:
        evidence.append(observed.screen(seen.screens[-1], "the screen after the press"))
    if quiet:
        evidence += observed.nothing_recorded(seen)
        # A guest set to sleep that does not sleep may yet do so, or be unable to.
        confidence = Confidence.MEDIUM if action in _SLEEPS else Confidence.HIGH
    else:
        evidence += [
            observed.control(seen),
            observed.note("whether a shutdown was recorded after the guest had time to react"),
        ]
        confidence = Confidence.LOW if action in _SLEEPS else Confidence.MEDIUM
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
    if not predicates.took_it_and_did_nothing(seen) or not predicates.is_quiet(seen):
        return None
    if not _forbids_without_logon(seen) or not _is_set_to_shut_down(seen):
        return None
    # A press may be spent on a display that is off, and that is not always seen.
    sure = outside_activity.was_dark(seen) is False
    return verdict(
        Outcome.STAYED_UP,
        Cause.NO_LOGON_SHUTDOWN,
        Confidence.HIGH if sure else Confidence.MEDIUM,
        (
            observed.session(seen),
            observed.setting("ShutdownWithoutLogon", "0"),
            observed.button(seen),
            *observed.how_taken(seen),
            *observed.nothing_recorded(seen),
        ),
        ruled_out=(
            (Cause.PRESS_LOST, "the guest cleared the latched press"),
            (Cause.POWER_BUTTON_IGNORED, "the button is set to shut down"),
            (Cause.UNRESPONSIVE_APP, "nobody is logged on, and no shutdown was recorded"),
        ),
        remedy=remedies.ALLOW_WITHOUT_LOGON,
    )


def event_tracker(seen: Observation) -> Verdict | None:
    """A dialog with the Shutdown Event Tracker is open, and the command had no effect.

    That an open dialog holds another shutdown up is UNCONFIRMED for Windows: never high confidence.
    """
    survey = seen.survey
    if not predicates.is_quiet(seen) or not predicates.goes_on(seen) or survey is None:
        return None
    if survey.event_tracker is not True or survey.console is None or survey.console.user is None:
        return None
    if not screen_words.tracker(seen):
        return None
    ruled_out = [(Cause.NO_LOGON_SHUTDOWN, "somebody is logged on")]
    if predicates.took_it_and_did_nothing(seen) and _is_set_to_shut_down(seen):
        how = (observed.button(seen), *observed.how_taken(seen))
        ruled_out += [
            (Cause.PRESS_LOST, "the guest cleared the latched press"),
            (Cause.POWER_BUTTON_IGNORED, "the button is set to shut down"),
        ]
    elif seen.answer is not None and _SHUTDOWN_IN_PROGRESS in _error_codes(seen.answer):
        how = (observed.answer(seen, seen.answer),)
        ruled_out.append((Cause.UNRESPONSIVE_APP, "no shutdown was recorded"))
    else:
        return None
    return verdict(
        Outcome.STAYED_UP,
        Cause.EVENT_TRACKER,
        Confidence.MEDIUM,
        (
            observed.setting("the Shutdown Event Tracker is on", "1"),
            observed.screen_text(seen, "a dialog is open", seen.screen_text),
            observed.session(seen),
            *how,
            *observed.nothing_recorded(seen),
        ),
        ruled_out=ruled_out,
        remedy=remedies.TRACKER_OFF,
    )


def _error_codes(answer: CommandResult) -> set[int]:
    """The exit code, and those that the tool's messages end with."""
    said = f"{answer.output} {answer.error_output}"
    return {answer.exit_code, *(int(code) for code in _ERROR_CODE.findall(said))}


def _sure_it_lit(seen: Observation, lit_at: float) -> Confidence:
    """That the press was spent on the display: not if the next press would do nothing either."""
    if lit_at > predicates.reacted_by(seen):
        return Confidence.LOW
    wanted = _is_set_to_shut_down(seen) and not _forbids_without_logon(seen)
    return Confidence.HIGH if wanted else Confidence.MEDIUM


def _may_be_ending(seen: Observation) -> bool:
    """Whether what was seen fits a guest that is on its way down for another reason."""
    if seen.control_lost_at is not None or screen_words.under_way(seen):
        return True
    looked = any(progress.is_ending(seen, look) for look in seen.looks[-1:])
    return looked or progress.was_ending(seen)


def _is_set_to_shut_down(seen: Observation) -> bool:
    return seen.button is not None and seen.button.effective() is ButtonAction.SHUT_DOWN


def _forbids_without_logon(seen: Observation) -> bool:
    survey = seen.survey
    if survey is None or survey.console is None or survey.console.user is not None:
        return False
    return survey.shutdown_without_logon is False


NOT_WANTED = (
    Rule("aborted", aborted, lasts=True),
    Rule("core process ended", core_process_ended),
    Rule("display was dark", display_was_dark, lasts=True),
    Rule("power button ignored", power_button_ignored, lasts=True),
    Rule("no logon", no_logon, lasts=True),
    Rule("event tracker", event_tracker, lasts=True),
)
"""In the order of the way of a press."""

REFUSED = Rule("refused", refused, lasts=True)
