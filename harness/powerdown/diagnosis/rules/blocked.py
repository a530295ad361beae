"""Rules for a shutdown that is under way and blocked by applications or services."""

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
from powerdown.shutdown.observation import ChannelState, Command, Observation
from powerdown.windows.facts import (
    application_facts,
    channel_facts,
    damage_facts,
    order_facts,
    update_facts,
)
from powerdown.windows.services import ServiceState
from powerdown.windows.settings.application_settings import (
    AUTO_END_TASKS,
    HUNG_APP_MS,
    HUNG_APP_TIMEOUT,
)
from powerdown.windows.settings.service_settings import (
    PRESHUTDOWN_TIMEOUT,
    SERVICES_DOCUMENTED_MS,
    WAIT_TO_KILL_SERVICE,
)


def application_blocks(obs: Observation) -> Verdict | None:
    """A shutdown is under way and still waits for applications of the console session."""
    entry, baseline, samples = initiation.initiated(obs), obs.baseline, obs.samples
    waiting = progress.application_samples(obs)
    if entry is None or baseline is None or not waiting or waiting[-1] is not samples[-1]:
        return None
    if (
        not predicates.command_taken(obs)
        or not predicates.still_running(obs)
        or obs.control is not ChannelState.ALIVE
    ):
        return None
    if baseline.console is None or baseline.console.user is None:
        return None
    if initiation.reason(entry) == initiation.CRITICAL_PROCESS_REASON:
        return None
    hung_after = baseline.number_of_user(HUNG_APP_TIMEOUT)
    if hung_after is None:
        hung_after = HUNG_APP_MS
    if samples[-1].at - obs.commanded_at < hung_after / 1000 + obs.budgets.reaction:
        return None
    programs = progress.steady_programs(obs, waiting[-2:])
    return verdict(
        Outcome.STAYED_UP,
        Cause.UNRESPONSIVE_APP,
        _confidence_of_block(obs, programs),
        (
            observed.record(entry, "the shutdown was initiated"),
            observed.programs(samples[-1], programs),
            *observed.time_of_applications(baseline),
            observed.control(obs),
            *observed.shown(obs),
        ),
        ruled_out=(
            (Cause.POWER_BUTTON_IGNORED, "a shutdown was initiated"),
            (Cause.UNRESPONSIVE_SERVICE, "no service has been asked to prepare or stop yet"),
            (Cause.WINDOWS_UPDATE, "no service has been asked to prepare or stop yet"),
        ),
        remedy=remedies.for_applications(baseline),
        culprit=", ".join(programs),
    )


def blocking_screen(obs: Observation) -> Verdict | None:
    """The screen says that an application blocks the shutdown."""
    words = screen_words.blocked(obs)
    if words is None or not predicates.command_taken(obs) or not predicates.still_running(obs):
        return None
    if any(progress.session_is_over(obs, sample) for sample in obs.samples[-1:]):
        return None
    # Without an answer to the command, this may be another shutdown than the one it asked for.
    unanswered = obs.command is Command.INSIDE and obs.answer is None
    return verdict(
        Outcome.STAYED_UP,
        Cause.UNRESPONSIVE_APP,
        Confidence.LOW if unanswered else Confidence.MEDIUM,
        (
            observed.screen_text(obs, f"the screen says {words!r}", obs.screen_text),
            *observed.how_taken(obs),
            observed.run_state(obs),
        ),
        ruled_out=((Cause.POWER_BUTTON_IGNORED, "the screen shows a shutdown"),),
        remedy=remedies.END_APPLICATION,
    )


def preshutdown(obs: Observation) -> Verdict | None:
    """Services still do their preshutdown work: updates, or a service that blocks the shutdown."""
    entry = initiation.initiated(obs)
    if (
        entry is None
        or not obs.samples
        or not predicates.command_taken(obs)
        or not predicates.still_running(obs)
    ):
        return None
    if predicates.services_ended_at(obs) is not None:
        return None
    last = obs.samples[-1]
    holders = progress.holders(obs, last) or progress.idle_holders(obs)
    if not holders:
        return None
    evidence: list[Evidence] = [
        observed.record(entry, "the shutdown was initiated"),
        *(observed.service(last, service) for service in holders),
        observed.control(obs),
    ]
    updates = [s.name for s in holders if progress.is_update_service(s.name)]
    others = [s.name for s in holders if s.name not in updates]
    if others:
        return _held(obs, evidence, updates, others)
    return _updating(obs, evidence, updates)


def services_stuck(obs: Observation) -> Verdict | None:
    """The control port closed in order, services are ending, and the power stays on."""
    closed, baseline = predicates.services_ended_at(obs), obs.baseline
    if closed is None or baseline is None or obs.control is ChannelState.ALIVE:
        return None
    if (
        not predicates.command_taken(obs)
        or not predicates.still_running(obs)
        or not predicates.hard_budget_spent(obs)
    ):
        return None
    limit = baseline.settings.number(WAIT_TO_KILL_SERVICE)
    if limit is None or limit < SERVICES_DOCUMENTED_MS or outside_activity.still_writing(obs):
        return None
    evidence = [
        observed.control_closed(closed),
        *observed.settings(baseline, WAIT_TO_KILL_SERVICE),
        observed.run_state(obs),
        observed.cpu(obs),
    ]
    entry = initiation.initiated(obs)
    if entry is not None:
        evidence.append(observed.record(entry, "the shutdown was initiated"))
    # Applications that blocked it for long may still do so: the port may have closed for another
    # reason.
    held_before = len(progress.application_samples(obs)) > 2
    return verdict(
        Outcome.STAYED_UP,
        Cause.UNRESPONSIVE_SERVICE,
        # A driver or a file system may hang at this point as well: never high confidence.
        Confidence.LOW if held_before or outside_activity.is_pinned(obs) else Confidence.MEDIUM,
        evidence,
        ruled_out=(
            (Cause.UNRESPONSIVE_APP, "services had already been told to stop"),
            (Cause.WINDOWS_UPDATE, "nothing is written to the disk"),
        ),
        remedy=WAIT_TO_KILL_SERVICE.remedy,
    )


def cpus_pinned(obs: Observation) -> Verdict | None:
    """Interrupts are serviced and nothing else: something keeps the CPUs busy at top priority."""
    if not predicates.took_it_without_reaction(obs) or not predicates.hard_budget_spent(obs):
        return None
    if (
        obs.control not in (ChannelState.SILENT, ChannelState.LOST)
        or obs.control_lost_at is not None
    ):
        return None
    if not outside_activity.is_pinned(obs) or outside_activity.still_writing(obs):
        return None
    if outside_activity.screen_changed(obs) is not False:
        return None
    if outside_activity.is_starved(obs):
        confidence = Confidence.LOW
    else:
        # A guest that has never answered may be busy booting.
        booting = obs.commanded_at - obs.powered_on_at < obs.budgets.boot
        answered = obs.control is ChannelState.LOST or not booting
        confidence = Confidence.HIGH if answered else Confidence.MEDIUM
    return verdict(
        Outcome.STAYED_UP,
        Cause.DAMAGED_SYSTEM,
        confidence,
        (
            observed.cpu(obs),
            *observed.how_taken(obs),
            observed.control(obs),
            observed.screen(obs.screens[-1], "the screen has not changed"),
            observed.run_state(obs),
        ),
        ruled_out=(
            (Cause.PRESS_LOST, "the guest cleared the latched press"),
            (Cause.POWER_BUTTON_IGNORED, "a healthy guest answers on its control port"),
        ),
        remedy=remedies.FIND_BUSY_PROCESS,
    )


def _confidence_of_block(obs: Observation, programs: tuple[str, ...]) -> Confidence:
    """How sure it is that applications block: high once the soft budget is spent and no rival fits.

    Unless Windows ends programs by itself, the screen that lists them has no timeout
    (fact:auto-end-tasks);
    with it, Windows ends them by itself, and waits for each.
    """
    entry, baseline = initiation.initiated(obs), obs.baseline
    on_screen = screen_words.blocked(obs) is not None
    doubtful = Confidence.MEDIUM if on_screen else Confidence.LOW
    if entry is None or baseline is None or not programs or progress.others_are_logged_on(obs):
        return doubtful
    if not predicates.soft_budget_spent(obs):
        return doubtful
    if initiation.may_count_down(obs, entry):
        return doubtful
    steady = len(progress.application_samples(obs)) > 1
    ends_tasks = baseline.of_user(AUTO_END_TASKS)
    without_limit = ends_tasks is not None and ends_tasks.value is False
    return Confidence.HIGH if steady and without_limit else Confidence.MEDIUM


def _held(
    obs: Observation, evidence: list[Evidence], updates: list[str], others: list[str]
) -> Verdict:
    baseline = obs.baseline
    for name in others:
        if baseline is not None:
            evidence += observed.settings(baseline, PRESHUTDOWN_TIMEOUT.of(name))
    ruled_out = [(Cause.UNRESPONSIVE_APP, "services have already been asked to prepare")]
    if not updates:
        ruled_out.append((Cause.WINDOWS_UPDATE, "no update service is at work"))
    return verdict(
        Outcome.STAYED_UP,
        Cause.UNRESPONSIVE_SERVICE,
        _confidence_of_holder(obs, others, rival=bool(updates)),
        evidence,
        ruled_out=ruled_out,
        remedy=remedies.STOP_SERVICE,
        culprit=", ".join(others),
    )


def _updating(obs: Observation, evidence: list[Evidence], names: list[str]) -> Verdict:
    markers = progress.pending_updates(obs)
    if markers:
        evidence.append(observed.setting("updates were pending before", ", ".join(markers)))
    evidence.append(observed.writes(obs, obs.commanded_at, obs.ended_at))
    return verdict(
        Outcome.STAYED_UP,
        Cause.WINDOWS_UPDATE,
        _confidence_of_holder(obs, names, rival=not markers),
        evidence,
        ruled_out=(
            (Cause.UNRESPONSIVE_APP, "services have already been asked to prepare"),
            (Cause.UNRESPONSIVE_SERVICE, f"only {', '.join(names)} is still at work"),
        ),
        remedy=remedies.FINISH_UPDATES,
        culprit=", ".join(names),
    )


def _confidence_of_holder(obs: Observation, names: list[str], *, rival: bool) -> Confidence:
    """How sure it is: high if two samples show the same services and no rival is left."""
    last = obs.samples[-1]
    samples = progress.preshutdown_samples(obs)[-2:]
    at_work = [{service.name for service in progress.holders(obs, sample)} for sample in samples]
    steady = len(samples) == 2 and all(set(names) <= found for found in at_work)
    if not steady and not predicates.hard_budget_spent(obs):
        return Confidence.LOW
    pending = all(s.state is ServiceState.STOP_PENDING for s in last.services if s.name in names)
    sure = pending and steady and not rival and obs.control is ChannelState.ALIVE
    over = progress.session_is_over(obs, last) is True
    if sure and over and predicates.hard_budget_spent(obs):
        return Confidence.HIGH
    return Confidence.MEDIUM


# That Windows writes 1074 before a veto is resolved, and does not force applications at a press, is
# not needed for the first: both were seen where it applies.
APPLICATIONS = (
    Rule(
        "application blocks",
        application_blocks,
        is_final=True,
        facts=(
            order_facts.SHUTDOWN_ORDER,
            order_facts.RECORD_1074,
            application_facts.QUERY_END_SESSION,
            application_facts.HUNG_APP_TIMEOUT,
            application_facts.AUTO_END_TASKS,
        ),
    ),
    Rule(
        "blocking screen",
        blocking_screen,
        facts=(application_facts.QUERY_END_SESSION, application_facts.AUTO_END_TASKS),
    ),
)
"""In the order asked."""

SERVICES = (
    Rule(
        "preshutdown work",
        preshutdown,
        facts=(
            order_facts.SHUTDOWN_ORDER,
            update_facts.PRESHUTDOWN_PHASE,
            update_facts.PRESHUTDOWN_ORDER,
            update_facts.UPDATE_SERVICES,
        ),
    ),
    Rule(
        "services stuck",
        services_stuck,
        facts=(application_facts.SERVICE_TIMEOUT, channel_facts.HTTP_SYS_CLOSES_LATE),
    ),
    Rule("CPUs pinned", cpus_pinned, facts=(damage_facts.LATCHED_PRESS,)),
)
"""In the order in which a shutdown passes them."""
