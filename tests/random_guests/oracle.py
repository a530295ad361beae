"""What must come of a guest, by the documented rules alone.

Read from ``docs/windows-facts.md`` and from nothing else: neither from what the diagnosis does nor
from the model of Windows. A shutdown goes through steps; each may end it, may
delay it, or lets it pass. Where documentation leaves open which, both are right, and ``left_open``
says what is open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.images.image import Budgets
from powerdown.windows.settings.button_settings import ButtonAction

from .configuration import Ask, Configuration, Damage, Program, Session, Update

COMPLETED = Expected(Outcome.COMPLETED, Cause.NONE)
CRASHED = Expected(Outcome.CRASHED, Cause.DAMAGED_SYSTEM)
SLEEPS = Expected(Outcome.SUSPENDED, Cause.ASLEEP)
HIBERNATES = Expected(Outcome.HIBERNATED, Cause.ASLEEP)
RESTARTS = Expected(Outcome.RESTARTED_INSTEAD, Cause.WINDOWS_UPDATE)

COUNTDOWN = 5.0
"""Seconds that the command with a countdown counts."""

_HUNG_APP = 5.0
_WAIT_TO_KILL_APP = 20.0
_WAIT_TO_KILL_SERVICE = 5.0
"""Windows' own values, where none is set (fact:hung-app-timeout, fact:wait-to-kill-app,
fact:service-timeout-default)."""

_NEVER_LATER = 1.0
"""Seconds by which clocks and looks may differ."""


@dataclass(frozen=True)
class Delay:
    """Between so many and so many seconds."""

    least: float
    most: float


_NO_DELAY = Delay(0.0, 0.0)
_FOR_EVER = Delay(inf, inf)


@dataclass(frozen=True)
class Step:
    """One step on the way from the command to the power-off.

    :param facts: where it is documented.
    :param ends: verdicts on a guest whose way ends here.
    :param passes: whether it can go on to the next step.
    :param delay: how long it stays in this step.
    :param cause: of that delay.
    :param left_open: what documentation does not say.
    :param unknowable: why nobody could tell that the way ends here.
    """

    facts: str
    ends: tuple[Expected, ...] = ()
    passes: bool = True
    delay: Delay = _NO_DELAY
    cause: Cause = Cause.UNKNOWN
    left_open: str = ""
    unknowable: str = ""


@dataclass(frozen=True)
class Right:
    """What is right.

    :param verdicts: any of these.
    :param seconds: how long a shutdown that completes takes.
    :param left_open: why there are several, where documentation is silent.
    :param unknowable: why an inconclusive answer is right as well; empty where it is not.
    :param facts: the facts that were applied.
    """

    verdicts: frozenset[Expected]
    seconds: Delay
    left_open: tuple[str, ...]
    unknowable: str
    facts: tuple[str, ...]


def right(guest: Configuration, budgets: Budgets) -> Right:
    """The right verdicts on a guest."""
    # What Windows needs when nothing holds it: the soft budget leaves as much again.
    ordinary = budgets.shutdown_soft / 2
    hard = budgets.shutdown_hard
    verdicts: set[Expected] = set()
    walked: list[Step] = []
    least = most = 0.0
    ends_here = False
    for step in _steps(guest, budgets):
        walked.append(step)
        verdicts |= set(step.ends)
        began = least
        least, most = least + step.delay.least, min(most + step.delay.most, hard)
        # After the hard budget nobody waits; whoever holds it then is named.
        if began < hard < most + ordinary and step.delay.most > 0:
            verdicts.add(_stays_up(step.cause))
        if not step.passes or least >= hard:
            ends_here = True
            break
    if not ends_here:
        if least < budgets.shutdown_soft:
            verdicts.add(COMPLETED)
        if most + ordinary > budgets.shutdown_soft:
            verdicts |= {Expected(Outcome.SLOW_BUT_COMPLETED, c) for c in _blamed(walked)}
    return Right(
        frozenset(verdicts),
        Delay(max(0.0, least - _NEVER_LATER), most + 2 * ordinary),
        tuple(step.left_open for step in walked if step.left_open),
        "; ".join(step.unknowable for step in walked if step.unknowable),
        tuple(step.facts for step in walked),
    )


def _steps(guest: Configuration, budgets: Budgets) -> Iterator[Step]:
    """The steps that do anything to this guest, in their order (fact:shutdown-order)."""
    if not guest.ask.inside:
        yield from _delivery(guest, budgets)
        yield from _display(guest)
        yield from _button(guest)
        yield from _logon(guest)
    yield from _dialog(guest)
    yield from _countdown(guest)
    yield from _applications(guest)
    yield from _fast_startup(guest)
    yield from _preshutdown(guest, budgets)
    yield from _services(guest)
    yield from _power_off(guest)


def _delivery(guest: Configuration, budgets: Budgets) -> Iterator[Step]:
    """Whether the press reaches an operating system that can act."""
    if guest.damage is Damage.CRASH:
        yield Step("fact:panic-report", (CRASHED,), passes=False)
    if guest.damage is Damage.HANG:
        yield Step("fact:latched-press", (_damaged(),), passes=False)
    if guest.asleep:
        yield Step("fact:suspended-press-latched", (SLEEPS,), passes=False)
    if guest.ask is Ask.PRESS_IN_FIRMWARE:
        lost = Expected(Outcome.STAYED_UP, Cause.PRESS_LOST)
        yield Step("fact:press-needs-arming", (lost,), passes=False)
    if guest.ask is Ask.PRESS_WHEN_ARMED:
        yield Step(
            "fact:early-press-lost",
            delay=Delay(0.0, budgets.boot),
            left_open="whether a press that finds the button armed is kept until Windows is up",
            unknowable="nobody inside can be asked before it is up",
        )


def _display(guest: Configuration) -> Iterator[Step]:
    if guest.dark and guest.ask is not Ask.PRESS_TWICE:
        yield Step(
            "fact:display-wake",
            (Expected(Outcome.STAYED_UP, Cause.ASLEEP),),
            left_open="which releases do so",
        )


def _button(guest: Configuration) -> Iterator[Step]:
    """Policy overrides the scheme; without a battery AC counts."""
    ignored = Expected(Outcome.STAYED_UP, Cause.POWER_BUTTON_IGNORED)
    chosen = guest.button_ac if guest.button_policy is None else guest.button_policy
    match chosen:
        case ButtonAction.NOTHING:
            yield Step("fact:button-action-index: 0 does nothing", (ignored,), passes=False)
        case ButtonAction.DISPLAY_OFF:
            yield Step(
                "fact:button-action-index: 4 turns the display off", (ignored,), passes=False
            )
        case ButtonAction.SLEEP:
            yield Step("fact:sleep-type-events: SUSPEND", (SLEEPS,), passes=False)
        case ButtonAction.HIBERNATE if guest.hibernation:
            yield Step(
                "fact:sleep-type-events: SUSPEND_DISK, SHUTDOWN", (HIBERNATES,), passes=False
            )
        case ButtonAction.HIBERNATE:
            yield Step(
                "fact:hibernate-switch: 2 without hibernation",
                (ignored, SLEEPS),
                passes=False,
                left_open="what a button set to hibernate does where hibernation is off",
            )


def _logon(guest: Configuration) -> Iterator[Step]:
    if guest.session is Session.LOGGED_OFF and not guest.shutdown_without_logon:
        yield Step(
            "fact:no-logon-press",
            (Expected(Outcome.STAYED_UP, Cause.NO_LOGON_SHUTDOWN),),
            left_open="which releases discard it",
        )


def _dialog(guest: Configuration) -> Iterator[Step]:
    """Without the tracker an open dialog is a window like any other."""
    if not (guest.dialog and guest.tracker):
        return
    if guest.session is Session.LOCKED:
        unknowable = "the dialog is hidden by the lock screen"
    elif guest.dark and guest.ask.inside:
        unknowable = "the dialog is on a display that is off"
    else:
        unknowable = ""
    yield Step(
        "fact:tracker-holds-press",
        (Expected(Outcome.STAYED_UP, Cause.EVENT_TRACKER),),
        left_open="whether an open dialog holds up another shutdown",
        unknowable=unknowable,
    )


def _countdown(guest: Configuration) -> Iterator[Step]:
    if guest.ask is not Ask.COMMAND_WITH_COUNTDOWN:
        return
    if guest.aborter:
        yield Step("fact:abort-shutdown", (_damaged(),), passes=False)
    yield Step("fact:shutdown-exe-force: shutdown /t", delay=Delay(COUNTDOWN, COUNTDOWN))


def _applications(guest: Configuration) -> Iterator[Step]:
    """Programs of the session are asked one after the other; how far in parallel is open."""
    delays = [_program(program, guest) for program in guest.programs]
    if not delays:
        return
    yield Step(
        "fact:query-end-session",
        delay=Delay(max(d.least for d in delays), sum(d.most for d in delays)),
        cause=Cause.UNRESPONSIVE_APP,
        left_open="how long a program that is ended anyway is given, within its timeout",
    )


def _program(program: Program, guest: Configuration) -> Delay:
    """How long a program holds a shutdown up."""
    hung = _HUNG_APP if guest.hung_app_ms is None else guest.hung_app_ms / 1000
    if program is Program.DOCUMENT:
        return _NO_DELAY
    if program is Program.LINGERER:
        return _lingerer(guest, hung)
    if guest.ask is Ask.COMMAND_WITH_COUNTDOWN:
        # /t beyond 0 implies /f: nobody is asked (fact:shutdown-exe-force).
        return Delay(0.0, hung)
    has_visible_window = program not in (Program.HIDDEN, Program.CONSOLE)
    if not has_visible_window and not guest.allow_blocking_apps:
        # They are ended (fact:hidden-programs).
        return Delay(0.0, hung)
    if guest.auto_end_tasks:
        # One that hangs is given HungAppTimeout first (fact:hung-app-timeout).
        return Delay(hung if program is Program.HANGER else 0.0, hung)
    if program is Program.CONSOLE:
        # Whether the policy lifts the time limit of a console handler too is open.
        return Delay(0.0, inf)
    return _FOR_EVER


def _lingerer(guest: Configuration, hung: float) -> Delay:
    """How long one holds it up that agrees and then is slow over WM_ENDSESSION.

    Five seconds, by Windows Internals HungAppTimeout, then a screen shows it (learn: Shutdown
    Changes for Windows Vista); whether the shutdown goes on when it is done is open. Where Windows
    ends it by itself, it is open whether that comes after HungAppTimeout or WaitToKillAppTimeout.
    """
    milliseconds = guest.wait_to_kill_app_ms
    kill = _WAIT_TO_KILL_APP if milliseconds is None else milliseconds / 1000
    takes = guest.linger_ms / 1000
    if guest.ask is Ask.COMMAND_WITH_COUNTDOWN:
        # Whether a forced shutdown waits for what it has told is open too.
        return Delay(0.0, min(takes, max(hung, kill)))
    if guest.auto_end_tasks:
        return Delay(min(takes, hung, kill), min(takes, max(hung, kill)))
    return Delay(takes, takes) if takes <= hung else Delay(takes, inf)


def _fast_startup(guest: Configuration) -> Iterator[Step]:
    if guest.fast_startup and not guest.ask.inside:
        yield Step(
            "fact:fast-startup-scope",
            (HIBERNATES,),
            left_open="whether a press counts as the user's shutdown",
        )


def _preshutdown(guest: Configuration, budgets: Budgets) -> Iterator[Step]:
    """The service manager waits until each has stopped or its own timeout has passed.

    In which order, and how far at the same time, is up to PreshutdownOrder: at least as long as
    the longest takes, at most as long as all together.
    """
    works = [(Cause.UNRESPONSIVE_SERVICE, _work(h.timeout_ms, h.work_ms)) for h in guest.holders]
    works += [(Cause.WINDOWS_UPDATE, delay) for delay in _servicing(guest, budgets)]
    works.sort(key=lambda work: work[1].least)
    for number, (cause, delay) in enumerate(works, 1):
        alone = number == len(works)
        yield Step(
            "fact:preshutdown-phase",
            delay=delay if alone else Delay(0.0, delay.most),
            cause=cause,
            left_open="" if alone else "the order of preshutdown work",
        )


def _work(timeout_ms: int, work_ms: int) -> Delay:
    seconds = min(timeout_ms, work_ms) / 1000
    return Delay(seconds, seconds)


def _servicing(guest: Configuration, budgets: Budgets) -> Iterator[Delay]:
    """As the image definition describes its packages. A mark alone is no work
    (fact:update-markers)."""
    soft, hard = budgets.shutdown_soft, budgets.shutdown_hard
    within = hard - soft / 2
    match guest.update:
        case Update.PACKAGE:
            yield Delay(soft, within)
        case Update.LONG_PACKAGE:
            yield _FOR_EVER
        case Update.RESTARTING_PACKAGE:
            yield Delay(0.0, within)


def _services(guest: Configuration) -> Iterator[Step]:
    if guest.stubborn:
        milliseconds = guest.wait_to_kill_service_ms
        limit = _WAIT_TO_KILL_SERVICE if milliseconds is None else milliseconds / 1000
        yield Step(
            "fact:service-timeout",
            delay=Delay(limit, limit),
            cause=Cause.UNRESPONSIVE_SERVICE,
        )


def _power_off(guest: Configuration) -> Iterator[Step]:
    if guest.update is Update.RESTARTING_PACKAGE:
        yield Step("fact:package-install: RESET guest-reset", (RESTARTS,), passes=False)


def _blamed(steps: list[Step]) -> frozenset[Cause]:
    """Whatever may have been the longest delay, or half as long as that."""
    longest = max((step.delay.least for step in steps), default=0.0)
    return frozenset(
        step.cause for step in steps if step.delay.most > 0 and step.delay.most >= longest / 2
    )


def _stays_up(cause: Cause) -> Expected:
    return Expected(Outcome.STAYED_UP, cause)


def _damaged() -> Expected:
    return _stays_up(Cause.DAMAGED_SYSTEM)
