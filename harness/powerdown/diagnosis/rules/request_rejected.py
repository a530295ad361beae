"""Rules for a guest that took the command and begins no shutdown."""

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
from powerdown.diagnosis.verdict import Confidence, Evidence, Verdict
from powerdown.guest.channels.channel import CommandResult
from powerdown.shutdown.observation import ChannelState, Observation
from powerdown.windows.facts import (
    application_facts,
    damage_facts,
    logon_facts,
    order_facts,
    power_facts,
    tracker_facts,
)
from powerdown.windows.settings.button_settings import ButtonAction
from powerdown.windows.settings.logon_settings import SHUTDOWN_WITHOUT_LOGON
from powerdown.windows.settings.setting_value import Identified
from powerdown.windows.settings.tracker_settings import EVENT_TRACKER

_PRIVILEGE_NOT_HELD = 1314
_ACCESS_DENIED = 5
_SHUTDOWN_IN_PROGRESS = 1115
"""Win32 error codes (learn: System Error Codes)."""

_ERROR_CODE = re.compile(r"\((\d{1,5})\)")
"""How shutdown.exe ends its messages: ``Access is denied.(5)``. The words are localised."""

_SLEEPS = (ButtonAction.SLEEP, ButtonAction.HIBERNATE)


def refused(obs: Observation) -> Verdict | None:
    """A shutdown command inside was refused: its user lacks the right to shut down."""
    answer = obs.answer
    if answer is None or answer.exit_code == 0 or not predicates.still_running(obs):
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
        (observed.answer(obs, answer), observed.run_state(obs)),
        ruled_out=((Cause.UNRESPONSIVE_APP, "no application was asked: the command was refused"),),
        remedy=remedies.RESTORE_PRIVILEGE,
    )


def aborted(obs: Observation) -> Verdict | None:
    """The shutdown that was asked for was begun and aborted again.

    If the console user's account did it, it may have been a person: low confidence then.
    """
    entry = initiation.aborted(obs)
    if entry is None or not predicates.command_taken(obs) or not predicates.still_running(obs):
        return None
    account = entry.data.get("param2", "")
    console = None if obs.baseline is None else obs.baseline.console
    user = None if console is None else console.user
    by_a_person = user is not None and account.rpartition("\\")[2].lower() == user.lower()
    return verdict(
        Outcome.STAYED_UP,
        Cause.DAMAGED_SYSTEM,
        Confidence.LOW if by_a_person or not account else Confidence.HIGH,
        (
            observed.record(entry, "the shutdown was aborted"),
            observed.session(obs),
            observed.run_state(obs),
        ),
        ruled_out=((Cause.UNRESPONSIVE_APP, "the shutdown was aborted, not refused"),),
        remedy=remedies.FIND_ABORTER,
        culprit=account,
    )


def core_process_ended(obs: Observation) -> Verdict | None:
    """A core process of Windows has ended: Windows has announced a restart and begins no other."""
    if not predicates.command_taken(obs) or not predicates.still_running(obs):
        return None
    entry = initiation.by_reason(obs, initiation.CRITICAL_PROCESS_REASON)
    missing = progress.lacks_core_process(obs)
    if entry is None and not missing:
        return None
    evidence = [observed.run_state(obs), *observed.how_taken(obs)]
    if entry is not None:
        evidence.append(observed.record(entry, "a restart was announced because of it"))
    if missing:
        evidence.append(observed.core_process_missing(obs))
    return verdict(
        Outcome.STAYED_UP,
        Cause.DAMAGED_SYSTEM,
        Confidence.HIGH,
        evidence,
        ruled_out=((Cause.PRESS_LOST, "the guest received the command"),),
        remedy=remedies.REPAIR_SYSTEM,
    )


def display_was_dark(obs: Observation) -> Verdict | None:
    """The press only lit a display that was off."""
    lit = outside_activity.screen_lit(obs)
    if not predicates.took_it_without_reaction(obs) or lit is None or screen_words.under_way(obs):
        return None
    quiet = predicates.is_quiet(obs)
    if obs.control in (ChannelState.ALIVE, ChannelState.LOST) and not quiet:
        return None
    return verdict(
        Outcome.STAYED_UP,
        Cause.ASLEEP,
        _confidence_of_display(obs, lit.at) if quiet else Confidence.LOW,
        (
            observed.screen(obs.screens[0], "before the press the screen was dark"),
            observed.screen(lit, "after it the screen was lit"),
            *observed.how_taken(obs),
            *(observed.nothing_recorded(obs) if quiet else ()),
        ),
        ruled_out=((Cause.PRESS_LOST, "the guest cleared the latched press"),),
        remedy=remedies.KEEP_DISPLAY_ON,
    )


def power_button_ignored(obs: Observation) -> Verdict | None:
    """The guest took the press, its setting asks for no shutdown, and it did nothing more."""
    if not predicates.took_it_without_reaction(obs) or obs.button is None or obs.records:
        return None
    action = obs.button.effective()
    if action is ButtonAction.SHUT_DOWN or action is None:
        return None
    quiet = predicates.is_quiet(obs)
    if not quiet and _may_be_ending(obs):
        return None
    evidence = [observed.button(obs), *observed.how_taken(obs), observed.run_state(obs)]
    if action is ButtonAction.DISPLAY_OFF and obs.screens:
        evidence.append(observed.screen(obs.screens[-1], "the screen after the press"))
    if quiet:
        evidence += observed.nothing_recorded(obs)
        # A guest set to sleep that does not sleep may yet do so, or be unable to.
        confidence = Confidence.MEDIUM if action in _SLEEPS else Confidence.HIGH
    else:
        evidence += [
            observed.control(obs),
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


def no_logon(obs: Observation) -> Verdict | None:
    """Nobody is logged on, the policy requires a logon, and the press was discarded."""
    if not predicates.took_it_without_reaction(obs) or not predicates.is_quiet(obs):
        return None
    if not _forbids_without_logon(obs) or not _is_set_to_shut_down(obs):
        return None
    # A press may be spent on a display that is off, and that is not always seen.
    sure = outside_activity.screen_was_dark(obs) is False
    return verdict(
        Outcome.STAYED_UP,
        Cause.NO_LOGON_SHUTDOWN,
        Confidence.HIGH if sure else Confidence.MEDIUM,
        (
            observed.session(obs),
            *_read(obs, SHUTDOWN_WITHOUT_LOGON),
            observed.button(obs),
            *observed.how_taken(obs),
            *observed.nothing_recorded(obs),
        ),
        ruled_out=(
            (Cause.PRESS_LOST, "the guest cleared the latched press"),
            (Cause.POWER_BUTTON_IGNORED, "the button is set to shut down"),
            (Cause.UNRESPONSIVE_APP, "nobody is logged on, and no shutdown was recorded"),
        ),
        remedy=SHUTDOWN_WITHOUT_LOGON.remedy,
    )


def event_tracker(obs: Observation) -> Verdict | None:
    """A dialog with the Shutdown Event Tracker is open, and the command had no effect."""
    baseline = obs.baseline
    if not predicates.is_quiet(obs) or not predicates.still_running(obs) or baseline is None:
        return None
    if (
        baseline.settings.truth(EVENT_TRACKER) is not True
        or baseline.console is None
        or baseline.console.user is None
    ):
        return None
    if not screen_words.tracker(obs):
        return None
    ruled_out = [(Cause.NO_LOGON_SHUTDOWN, "a user is logged on")]
    if predicates.took_it_without_reaction(obs) and _is_set_to_shut_down(obs):
        how = (observed.button(obs), *observed.how_taken(obs))
        ruled_out += [
            (Cause.PRESS_LOST, "the guest cleared the latched press"),
            (Cause.POWER_BUTTON_IGNORED, "the button is set to shut down"),
        ]
    elif obs.answer is not None and _SHUTDOWN_IN_PROGRESS in _error_codes(obs.answer):
        how = (observed.answer(obs, obs.answer),)
        ruled_out.append((Cause.UNRESPONSIVE_APP, "no shutdown was recorded"))
    else:
        return None
    return verdict(
        Outcome.STAYED_UP,
        Cause.EVENT_TRACKER,
        Confidence.HIGH,
        (
            *_read(obs, EVENT_TRACKER),
            observed.screen_text(obs, "a dialog is open", obs.screen_text),
            observed.session(obs),
            *how,
            *observed.nothing_recorded(obs),
        ),
        ruled_out=ruled_out,
        remedy=EVENT_TRACKER.remedy,
    )


def _error_codes(answer: CommandResult) -> set[int]:
    """The exit code, and those that the tool's messages end with."""
    text = f"{answer.output} {answer.error_output}"
    return {answer.exit_code, *(int(code) for code in _ERROR_CODE.findall(text))}


def _confidence_of_display(obs: Observation, lit_at: float) -> Confidence:
    """How sure it is that the press only lit the display: a next press must be able to work."""
    if lit_at > predicates.reacted_by(obs):
        return Confidence.LOW
    wanted = _is_set_to_shut_down(obs) and not _forbids_without_logon(obs)
    return Confidence.HIGH if wanted else Confidence.MEDIUM


def _may_be_ending(obs: Observation) -> bool:
    """Whether the observation fits a guest that is shutting down for another reason."""
    if obs.control_lost_at is not None or screen_words.under_way(obs):
        return True
    ending = any(progress.is_ending(obs, sample) for sample in obs.samples[-1:])
    return ending or progress.was_ending(obs)


def _is_set_to_shut_down(obs: Observation) -> bool:
    return obs.button is not None and obs.button.effective() is ButtonAction.SHUT_DOWN


def _forbids_without_logon(obs: Observation) -> bool:
    baseline = obs.baseline
    if baseline is None or baseline.console is None or baseline.console.user is not None:
        return False
    return baseline.settings.truth(SHUTDOWN_WITHOUT_LOGON) is False


def _read(obs: Observation, setting: Identified) -> tuple[Evidence, ...]:
    return () if obs.baseline is None else observed.settings(obs.baseline, setting)


REQUEST_REJECTED = (
    Rule(
        "aborted",
        aborted,
        is_final=True,
        facts=(damage_facts.ABORT_SHUTDOWN, order_facts.RECORD_1073_1075_1076),
    ),
    Rule("core process ended", core_process_ended, facts=(damage_facts.CORE_PROCESS_END,)),
    Rule("display was dark", display_was_dark, is_final=True, facts=(logon_facts.DISPLAY_WAKE,)),
    Rule(
        "power button ignored",
        power_button_ignored,
        is_final=True,
        facts=(
            power_facts.BUTTON_ACTION_INDEX,
            power_facts.BUTTON_DEFAULT_READ_THROUGH,
            power_facts.BUTTON_POLICY,
        ),
    ),
    Rule(
        "no logon",
        no_logon,
        is_final=True,
        facts=(logon_facts.NO_LOGON_POLICY, logon_facts.NO_LOGON_PRESS),
    ),
    Rule(
        "event tracker",
        event_tracker,
        # The dialog may yet be answered.
        facts=(
            tracker_facts.TRACKER_POLICY,
            tracker_facts.TRACKER_DEFAULT,
            tracker_facts.TRACKER_HOLDS_PRESS,
            application_facts.ONE_SHUTDOWN_AT_A_TIME,
        ),
    ),
)
"""In the order in which a press passes them."""

REFUSED = Rule("refused", refused, is_final=True, facts=(damage_facts.RIGHT_REMOVED,))
