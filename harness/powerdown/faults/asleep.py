"""The guest sleeps, or its settings put it to sleep instead of shutting it down.

Sources: fact:suspended-press-latched, fact:display-wake, fact:button-action-index,
fact:fast-startup-scope; Microsoft Learn, "Power button action", "SetSuspendState function",
"powercfg command-line options". A sleeping guest only latches a press (qemu:system/runstate.c).
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import DeadlineExpired, NotOnThisGuest, PowerdownError
from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.faults.fault import COMPLETED, BlockedAt, Fault, ScenarioId, set_if_permitted
from powerdown.faults.fault_target import FaultTarget
from powerdown.faults.offline import Offline, fixed
from powerdown.faults.waiting import wait_until
from powerdown.machine.events import named
from powerdown.machine.protocol import RunState
from powerdown.windows import commands, power_commands
from powerdown.windows.facts import sleep_facts
from powerdown.windows.settings.button_settings import POWER_BUTTON, ButtonAction
from powerdown.windows.settings.sleep_settings import DISPLAY_IDLE, FAST_STARTUP, HIBERNATION

SLEEPS = Expected(Outcome.SUSPENDED, Cause.ASLEEP)
HIBERNATES = Expected(Outcome.HIBERNATED, Cause.ASLEEP)
DARK = Expected(Outcome.STAYED_UP, Cause.ASLEEP)

_TASK = "powerdown-sleep"
_SLEEP_SECONDS = 60.0
_DISPLAY_SECONDS = 10
"""Long enough to sample the display lit by the press before it goes dark again."""
_SHUT_DOWN = POWER_BUTTON.set(ButtonAction.SHUT_DOWN)
_SLEEPS = POWER_BUTTON.set(ButtonAction.SLEEP)
_HIBERNATES = POWER_BUTTON.set(ButtonAction.HIBERNATE)
_HIBERNATION = HIBERNATION.set(True)
_NO_HIBERNATION = HIBERNATION.set(False)
_FAST = FAST_STARTUP.set(True)
_NOT_FAST = FAST_STARTUP.set(False)
_DARK_SOON = DISPLAY_IDLE.set(_DISPLAY_SECONDS)
_STAYS_LIT = DISPLAY_IDLE.set(0)
_SLEEP_TEXT = (
    *_NO_HIBERNATION.commands,
    power_commands.create_system_task(_TASK, power_commands.SLEEP),
    commands.run_task(_TASK),
)

_fault = partial(
    Fault,
    scenario=ScenarioId.ASLEEP,
    sources=("fact:button-action-index", "fact:sleep-type-events", "learn: Power button action"),
    blocked_at=BlockedAt.BUTTON,
)


def _fall_asleep(target: FaultTarget) -> None:
    # While hibernation is available, the command hibernates instead.
    target.windows.run_all(_SLEEP_TEXT[:2])
    machine, since = target.machine, now()
    # The answer may not get out before it sleeps.
    with suppress(PowerdownError):
        target.windows.run(_SLEEP_TEXT[2]).checked()
    deadline = Deadline.after(_SLEEP_SECONDS)
    if machine.events.wait(named("SUSPEND"), deadline, since) is None:
        raise NotOnThisGuest(
            "put the guest to sleep (S3)",
            f"it did not sleep within {_SLEEP_SECONDS:g} s",
            "See 'powercfg /a' in the guest: the basic display driver hides S3.",
        )


def _button_sleeps(target: FaultTarget) -> None:
    target.windows.run_all(_SLEEPS.commands)


def _button_hibernates(target: FaultTarget) -> None:
    set_if_permitted(target, *_HIBERNATION.commands)
    target.windows.run_all(_HIBERNATES.commands)


def _start_fast(target: FaultTarget) -> None:
    set_if_permitted(target, *_HIBERNATION.commands)
    target.windows.run_all(_FAST.commands)


def _darken(target: FaultTarget) -> None:
    target.windows.run_all(_DARK_SOON.commands)
    _wait_until_dark(target)


def _wait_until_dark(target: FaultTarget) -> None:
    machine = target.machine
    try:
        wait_until(
            lambda: machine.sample_screen().dark,
            machine,
            "the guest's display go dark",
            "See 'powercfg /requests' in the guest.",
        )
    except DeadlineExpired as error:
        raise NotOnThisGuest(error.action, error.actual, error.remedy) from error


def _wake(target: FaultTarget) -> None:
    target.wake()


def _wake_and_shut_down(target: FaultTarget) -> None:
    # A guest that could not sleep, or was woken, is up.
    if target.machine.run_state() is RunState.SUSPENDED:
        target.wake()
    target.windows.run_all(_SHUT_DOWN.commands)


def _no_hibernation(target: FaultTarget) -> None:
    target.windows.run_all((_SHUT_DOWN + _NO_HIBERNATION).commands)


def _light_up(target: FaultTarget) -> None:
    target.windows.run_all(_STAYS_LIT.commands)
    target.machine.press_keys("shift")
    machine = target.machine
    wait_until(
        lambda: not machine.sample_screen().dark,
        machine,
        "the guest's display lit by a key",
        "Does the guest have a keyboard?",
    )


VARIANTS = (
    _fault(
        variant="already-asleep",
        summary="the guest sleeps (S3) when the button is pressed",
        injects=_SLEEP_TEXT,
        remedies=(
            "wake: QMP system_wakeup, virsh dompmwakeup",
            "powercfg /change standby-timeout-ac 0",
        ),
        sources=(
            "fact:suspended-press-latched",
            "learn: SetSuspendState function",
            "qemu:system/runstate.c",
        ),
        inject=_fall_asleep,
        remedy=_wake,
        expected=(SLEEPS,),
        blocked_at=BlockedAt.DELIVERY,
    ),
    _fault(
        variant="button-sleeps",
        summary="the power button puts the guest to sleep",
        injects=_SLEEPS.commands,
        remedies=("wake: QMP system_wakeup, virsh dompmwakeup", *_SHUT_DOWN.commands),
        inject=_button_sleeps,
        remedy=_wake_and_shut_down,
        expected=(SLEEPS,),
        offline=Offline(fixed(_SLEEPS), remedy=fixed(_SHUT_DOWN)),
    ),
    _fault(
        variant="button-hibernates",
        summary="the power button hibernates: the power goes off, the system is not shut down",
        injects=(_HIBERNATION + _HIBERNATES).commands,
        remedies=(_SHUT_DOWN + _NO_HIBERNATION).commands,
        inject=_button_hibernates,
        remedy=_no_hibernation,
        expected=(HIBERNATES,),
        offline=Offline(
            fixed(_HIBERNATION, _HIBERNATES),
            remedy=fixed(_SHUT_DOWN, _NO_HIBERNATION),
            facts=(sleep_facts.HIBERNATION_FILE_MADE,),
        ),
    ),
    _fault(
        variant="fast-startup",
        summary="fast startup: a shutdown hibernates the kernel",
        injects=(_HIBERNATION + _FAST).commands,
        remedies=(_NOT_FAST + _NO_HIBERNATION).commands,
        sources=("fact:fast-startup-press", "learn: Fast startup"),
        inject=_start_fast,
        remedy=_no_hibernation,
        # A press may count as the user's shutdown, which is hybrid (fact:fast-startup-press).
        expected=(HIBERNATES, COMPLETED),
        blocked_at=BlockedAt.HYBRID,
        offline=Offline(
            fixed(_HIBERNATION, _FAST),
            remedy=fixed(_NOT_FAST, _NO_HIBERNATION),
            facts=(sleep_facts.HIBERNATION_FILE_MADE,),
        ),
    ),
    _fault(
        variant="display-dark",
        summary="the display is off, and the press only lights it",
        injects=(*_DARK_SOON.commands, "wait until the screen is dark"),
        remedies=(*_STAYS_LIT.commands, "any key, or a second press"),
        sources=("fact:display-wake",),
        inject=_darken,
        remedy=_light_up,
        # Two hosts' users report it, for no release in particular (fact:display-wake).
        expected=(DARK, COMPLETED),
        blocked_at=BlockedAt.DISPLAY,
        offline=Offline(
            fixed(_DARK_SOON),
            then=_wait_until_dark,
            remedy=fixed(_STAYS_LIT),
        ),
    ),
)
"""All variants, in the order of reports."""
