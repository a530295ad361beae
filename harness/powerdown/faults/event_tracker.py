"""The Shutdown Event Tracker: a dialog of a shutdown waits for a reason.

Sources: fact:tracker-when, fact:tracker-holds-press. Tencent names it as a cause, and nobody
else says that an open dialog holds a press up, so completion is allowed wherever one is open.
"""

from __future__ import annotations

from functools import partial

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DeadlineExpired, NotOnThisGuest
from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.faults.fault import COMPLETED, BlockedAt, Fault, ScenarioId, of_settings
from powerdown.faults.fault_target import FaultTarget
from powerdown.faults.offline import Offline, fixed
from powerdown.faults.waiting import wait_until
from powerdown.windows.settings.tracker_settings import EVENT_TRACKER

WAITS = Expected(Outcome.STAYED_UP, Cause.EVENT_TRACKER)

_ON = EVENT_TRACKER.set(True)
_OFF = EVENT_TRACKER.set(False)
_ON_OFFLINE = fixed(_ON)
_OFF_OFFLINE = fixed(_OFF)
_DIALOG_KEYS = ("alt", "f4")
_DIALOG_SECONDS = 10.0
_KILL_SECONDS = 10.0

_fault = partial(
    Fault,
    scenario=ScenarioId.EVENT_TRACKER,
    sources=(
        "fact:tracker-policy",
        "fact:tracker-holds-press",
        "learn: Description of the Shutdown Event Tracker",
    ),
)


def _turn_on_and_open_dialog(target: FaultTarget) -> None:
    target.windows.run_all(_ON.commands)
    _open_dialog(target)


def _open_dialog(target: FaultTarget) -> None:
    machine = target.machine
    before = machine.sample_screen().digest
    # With nothing but the desktop in front, this asks what to do: shut down, restart, log off.
    machine.press_keys(*_DIALOG_KEYS)
    try:
        wait_until(
            lambda: machine.sample_screen().digest != before,
            machine,
            "a dialog on the guest's screen after Alt+F4",
            "Is a user logged on, and has this release a desktop?",
            _DIALOG_SECONDS,
        )
    except DeadlineExpired as error:
        raise NotOnThisGuest(error.action, error.actual, error.remedy) from error


def _close_dialog(target: FaultTarget) -> None:
    target.windows.run_all(_OFF.commands)
    target.machine.press_keys("esc")


def _turn_on_and_crash(target: FaultTarget) -> None:
    target.windows.run_all(_ON.commands)
    _crash_and_boot(target)


def _crash_and_boot(target: FaultTarget) -> None:
    target.machine.kill(Deadline.after(_KILL_SECONDS))
    target.boot_again()


VARIANTS = (
    _fault(
        variant="dialog-open",
        summary="a shutdown dialog on the desktop waits for a reason",
        injects=(*_ON.commands, "keys Alt+F4 on the desktop"),
        remedies=(*_OFF.commands, "key Esc, to close the dialog"),
        inject=_turn_on_and_open_dialog,
        remedy=_close_dialog,
        expected=(WAITS, COMPLETED),
        blocked_at=BlockedAt.DIALOG,
        offline=Offline(_ON_OFFLINE, then=_open_dialog, remedy=_OFF_OFFLINE),
    ),
    _fault(
        variant="policy-only",
        summary="the tracker is on and no dialog is open: must not be blamed",
        **of_settings(_ON),
        expected=(COMPLETED,),
        blocked_at=BlockedAt.NONE,
    ),
    _fault(
        variant="question-after-crash",
        summary="after a crash the tracker asks for the reason at logon: must not be blamed",
        injects=(*_ON.commands, "power cut (SIGKILL to QEMU), boot again"),
        remedies=(*_OFF.commands, "key Esc, to close the question"),
        inject=_turn_on_and_crash,
        offline=Offline(_ON_OFFLINE, then=_crash_and_boot, remedy=_OFF_OFFLINE),
        remedy=_close_dialog,
        # The open question may block a press as any other dialog (fact:tracker-holds-press).
        expected=(COMPLETED, WAITS),
        blocked_at=BlockedAt.NONE,
    ),
)
"""All variants, in the order of reports."""
