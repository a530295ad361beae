"""Rules for a shutdown that is under way and waits: for applications, or for services."""

from __future__ import annotations

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
from powerdown.shutdown.observation import Command, Control, Observation
from powerdown.windows.services import ServiceState
from powerdown.windows.user_settings import HUNG_APP_MS

SERVICES_DOCUMENTED_MS = 20_000
"""What the documentation says services get in the shutdown phase, roughly (w32: Services)."""


def application_blocks(seen: Observation) -> Verdict | None:
    """A shutdown is under way and still waits for applications of the console session."""
    entry, survey, looks = initiation.initiated(seen), seen.survey, seen.looks
    waiting = progress.application_looks(seen)
    if entry is None or survey is None or not waiting or waiting[-1] is not looks[-1]:
        return None
    if (
        not predicates.taken(seen)
        or not predicates.goes_on(seen)
        or seen.control is not Control.ALIVE
    ):
        return None
    if survey.console is None or survey.console.user is None:
        return None
    if initiation.reason(entry) == initiation.CRITICAL_PROCESS_REASON:
        return None
    hung_after = (HUNG_APP_MS if survey.hung_app_ms is None else survey.hung_app_ms) / 1000
    if looks[-1].at - seen.commanded_at < hung_after + seen.budgets.reaction:
        return None
    programs = progress.steady_programs(seen, waiting[-2:])
    return verdict(
        Outcome.STAYED_UP,
        Cause.UNRESPONSIVE_APP,
        _sure_it_blocks(seen, programs),
        (
            observed.record(entry, "the shutdown was initiated"),
            observed.programs(looks[-1], programs),
            *observed.time_of_applications(survey),
            observed.control(seen),
            *observed.shown(seen),
        ),
        ruled_out=(
            (Cause.POWER_BUTTON_IGNORED, "a shutdown was initiated"),
            (Cause.UNRESPONSIVE_SERVICE, "no service has been asked to prepare or stop yet"),
            (Cause.WINDOWS_UPDATE, "no service has been asked to prepare or stop yet"),
        ),
        remedy=remedies.for_applications(survey),
        culprit=", ".join(programs),
    )


def blocking_screen(seen: Observation) -> Verdict | None:
    """The screen says that an application is in the way."""
    words = screen_words.blocked(seen)
    if words is None or not predicates.taken(seen) or not predicates.goes_on(seen):
        return None
    if any(progress.session_is_over(seen, look) for look in seen.looks[-1:]):
        return None
    # Of a command without an answer it is not known whether this is its shutdown.
    unheard = seen.command is Command.INSIDE and seen.answer is None
    return verdict(
        Outcome.STAYED_UP,
        Cause.UNRESPONSIVE_APP,
        Confidence.LOW if unheard else Confidence.MEDIUM,
        (
            observed.screen_text(seen, f"the screen says {words!r}", seen.screen_text),
            *observed.how_taken(seen),
            observed.run_state(seen),
        ),
        ruled_out=((Cause.POWER_BUTTON_IGNORED, "the screen tells of a shutdown"),),
        remedy=remedies.END_APPLICATION,
    )


def preshutdown(seen: Observation) -> Verdict | None:
    """Services still do their preshutdown work: updates, or one that holds the shutdown up."""
    entry = initiation.initiated(seen)
    if (
        entry is None
        or not seen.looks
        or not predicates.taken(seen)
        or not predicates.goes_on(seen)
    ):
        return None
    if predicates.services_gone_at(seen) is not None:
        return None
    last = seen.looks[-1]
    holders = progress.holders(seen, last) or progress.idle_holders(seen)
    if not holders:
        return None
    evidence: list[Evidence] = [
        observed.record(entry, "the shutdown was initiated"),
        *(observed.service(last, service) for service in holders),
        observed.control(seen),
    ]
    updates = [s.name for s in holders if progress.is_update_service(s.name)]
    others = [s.name for s in holders if s.name not in updates]
    if others:
        return _held(seen, evidence, updates, others)
    return _updating(seen, evidence, updates)


def services_stuck(seen: Observation) -> Verdict | None:
    """The control port closed in order, services are ending, and the power does not go off."""
    closed, survey = predicates.services_gone_at(seen), seen.survey
    if closed is None or survey is None or seen.control is Control.ALIVE:
        return None
    if (
        not predicates.taken(seen)
        or not predicates.goes_on(seen)
        or not predicates.spent_its_budget(seen)
    ):
        return None
    limit = survey.wait_to_kill_service_ms
    if limit is None or limit < SERVICES_DOCUMENTED_MS or outside_activity.goes_on_writing(seen):
        return None
    evidence = [
        observed.control_closed(closed),
        observed.setting("WaitToKillServiceTimeout, milliseconds", f"{limit}"),
        observed.run_state(seen),
        observed.cpu(seen),
    ]
    entry = initiation.initiated(seen)
    if entry is not None:
        evidence.append(observed.record(entry, "the shutdown was initiated"))
    # Applications that held it for long may do so still, and the port be gone for another reason.
    held_before = len(progress.application_looks(seen)) > 2
    return verdict(
        Outcome.STAYED_UP,
        Cause.UNRESPONSIVE_SERVICE,
        # A driver or a file system may hang at this point as well: never high.
        Confidence.LOW if held_before or outside_activity.is_pinned(seen) else Confidence.MEDIUM,
        evidence,
        ruled_out=(
            (Cause.UNRESPONSIVE_APP, "services had been told to stop already"),
            (Cause.WINDOWS_UPDATE, "nothing is written to the disk"),
        ),
        remedy=remedies.LIMIT_SERVICES,
    )


def cpus_pinned(seen: Observation) -> Verdict | None:
    """Interrupts are serviced, nothing else is: the CPUs are kept busy above everything."""
    if not predicates.took_it_and_did_nothing(seen) or not predicates.spent_its_budget(seen):
        return None
    if seen.control not in (Control.SILENT, Control.LOST) or seen.control_lost_at is not None:
        return None
    if not outside_activity.is_pinned(seen) or outside_activity.goes_on_writing(seen):
        return None
    if outside_activity.screen_changed(seen) is not False:
        return None
    if outside_activity.is_starved(seen):
        confidence = Confidence.LOW
    else:
        # A guest that was never seen to answer may be busy starting.
        booting = seen.commanded_at - seen.powered_on_at < seen.budgets.boot
        answered = seen.control is Control.LOST or not booting
        confidence = Confidence.HIGH if answered else Confidence.MEDIUM
    return verdict(
        Outcome.STAYED_UP,
        Cause.DAMAGED_SYSTEM,
        confidence,
        (
            observed.cpu(seen),
            *observed.how_taken(seen),
            observed.control(seen),
            observed.screen(seen.screens[-1], "the screen has not changed"),
            observed.run_state(seen),
        ),
        ruled_out=(
            (Cause.PRESS_LOST, "the guest cleared the latched press"),
            (Cause.POWER_BUTTON_IGNORED, "a healthy guest answers on its control port"),
        ),
        remedy=remedies.FIND_BUSY_PROCESS,
    )


def _sure_it_blocks(seen: Observation, programs: tuple[str, ...]) -> Confidence:
    """Sure once nothing else fits and it is too late for a shutdown in time.

    Without AutoEndTasks the screen that lists applications has no timeout (facts 5); with it,
    Windows ends them by itself, and waits for each.
    """
    entry, survey = initiation.initiated(seen), seen.survey
    told = screen_words.blocked(seen) is not None
    doubtful = Confidence.MEDIUM if told else Confidence.LOW
    if entry is None or survey is None or not programs or progress.others_are_logged_on(seen):
        return doubtful
    if not predicates.spent_its_soft_budget(seen):
        return doubtful
    if initiation.may_count_down(seen, entry):
        return doubtful
    steady = len(progress.application_looks(seen)) > 1
    return Confidence.HIGH if steady and survey.auto_end_tasks is False else Confidence.MEDIUM


def _held(
    seen: Observation, evidence: list[Evidence], updates: list[str], others: list[str]
) -> Verdict:
    survey = seen.survey
    for name in others:
        timeout = None if survey is None else survey.preshutdown_ms.get(name)
        if timeout is not None:
            evidence.append(
                observed.setting(f"PreshutdownTimeout of {name}, milliseconds", f"{timeout}")
            )
    ruled_out = [(Cause.UNRESPONSIVE_APP, "services have been asked to prepare already")]
    if not updates:
        ruled_out.append((Cause.WINDOWS_UPDATE, "no update service is at work"))
    return verdict(
        Outcome.STAYED_UP,
        Cause.UNRESPONSIVE_SERVICE,
        _sure_it_holds(seen, others, rival=bool(updates)),
        evidence,
        ruled_out=ruled_out,
        remedy=remedies.STOP_SERVICE,
        culprit=", ".join(others),
    )


def _updating(seen: Observation, evidence: list[Evidence], names: list[str]) -> Verdict:
    markers = progress.pending_updates(seen)
    if markers:
        evidence.append(observed.setting("updates were pending before", ", ".join(markers)))
    evidence.append(observed.writes(seen, seen.commanded_at, seen.ended_at))
    return verdict(
        Outcome.STAYED_UP,
        Cause.WINDOWS_UPDATE,
        _sure_it_holds(seen, names, rival=not markers),
        evidence,
        ruled_out=(
            (Cause.UNRESPONSIVE_APP, "services have been asked to prepare already"),
            (Cause.UNRESPONSIVE_SERVICE, f"only {', '.join(names)} is still at work"),
        ),
        remedy=remedies.FINISH_UPDATES,
        culprit=", ".join(names),
    )


def _sure_it_holds(seen: Observation, names: list[str], *, rival: bool) -> Confidence:
    """Sure if the same services were at work in two looks and nothing else may have held it."""
    last = seen.looks[-1]
    looks = progress.preshutdown_looks(seen)[-2:]
    at_work = [{service.name for service in progress.holders(seen, look)} for look in looks]
    steady = len(looks) == 2 and all(set(names) <= found for found in at_work)
    if not steady and not predicates.spent_its_budget(seen):
        return Confidence.LOW
    pending = all(s.state is ServiceState.STOP_PENDING for s in last.services if s.name in names)
    sure = pending and steady and not rival and seen.control is Control.ALIVE
    over = progress.session_is_over(seen, last) is True
    if sure and over and predicates.spent_its_budget(seen):
        return Confidence.HIGH
    return Confidence.MEDIUM


APPLICATIONS = (
    Rule("application blocks", application_blocks, lasts=True),
    Rule("blocking screen", blocking_screen),
)
"""In the order asked."""

SERVICES = (
    Rule("preshutdown work", preshutdown),
    Rule("services stuck", services_stuck),
    Rule("CPUs pinned", cpus_pinned),
)
"""In the order of the way."""
