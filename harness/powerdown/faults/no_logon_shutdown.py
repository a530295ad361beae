"""The logon policy forbids a shutdown while nobody is logged on.

Sources: fact:no-logon-policy, fact:no-logon-press. That Windows discards a button press at the
logon screen is what Tencent's guide says (qcloud-documents 213/2917), without saying
for which release, so completion is allowed too.
"""

from __future__ import annotations

from functools import partial

from powerdown.core.errors import ControlChannelError
from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.faults.fault import COMPLETED, BlockedAt, Fault, ScenarioId, changes, of_settings
from powerdown.faults.fault_target import FaultTarget
from powerdown.faults.offline import Offline, fixed
from powerdown.faults.waiting import wait_until
from powerdown.windows import commands, session_commands
from powerdown.windows.console_session import ConsoleSession
from powerdown.windows.settings.logon_settings import NOBODY_LOGS_ON, SHUTDOWN_WITHOUT_LOGON

REFUSED = Expected(Outcome.STAYED_UP, Cause.NO_LOGON_SHUTDOWN)

_FORBID = SHUTDOWN_WITHOUT_LOGON.set(False)
_ALLOW = SHUTDOWN_WITHOUT_LOGON.set(True)
_LOCK_TASK = "powerdown-lock"
_LOG_OFF_TEXT = "logoff <session of the console>"
_LOCK_TEXT = (
    commands.create_desktop_task(_LOCK_TASK, session_commands.LOCK),
    commands.run_task(_LOCK_TASK),
)

_fault = partial(
    Fault,
    scenario=ScenarioId.NO_LOGON_SHUTDOWN,
    remedies=(),
    sources=(
        "fact:no-logon-policy",
        "fact:no-logon-press",
        "itpro: Shutdown: Allow system to be shut down without having to log on",
    ),
    remedy=None,
    expected=(COMPLETED,),
    blocked_at=BlockedAt.NONE,
)


def log_off(target: FaultTarget) -> None:
    """Log the console's user off and wait for the logon screen.

    :raise DeadlineExpired: a user is still logged on.
    """
    session = _console(target).session
    if session is not None:
        target.windows.run(session_commands.log_off(session)).checked()
    wait_until(
        lambda: _console(target).user is None,
        target.machine,
        "the logon screen of the guest",
        "See 'query session' there; ForceAutoLogon logs on again at once.",
    )


def lock(target: FaultTarget) -> None:
    """Lock the console's session.

    :raise DeadlineExpired: it is not locked.
    """
    target.windows.run_on_desktop(_LOCK_TASK, session_commands.LOCK)
    wait_until(
        lambda: _console(target).locked is True,
        target.machine,
        "the guest's console locked",
        "Is the control channel's user logged on at the console (autologon)?",
    )


def _forbid_and_log_off(target: FaultTarget) -> None:
    target.windows.run_all(_FORBID.commands)
    log_off(target)


def _allow_and_log_off(target: FaultTarget) -> None:
    target.windows.run_all(_ALLOW.commands)
    log_off(target)


def _forbid_and_lock(target: FaultTarget) -> None:
    target.windows.run_all(_FORBID.commands)
    lock(target)


def _console(target: FaultTarget) -> ConsoleSession:
    console = target.windows.baseline().console
    if console is None:
        raise ControlChannelError(
            "see who is logged on at the guest's console",
            "the baseline could not read it",
            "Run 'query session' in the guest.",
        )
    return console


VARIANTS = (
    _fault(
        variant="forbidden",
        summary="nobody is logged on, and the policy forbids a shutdown then",
        injects=(*_FORBID.commands, _LOG_OFF_TEXT),
        remedies=_ALLOW.commands,
        inject=_forbid_and_log_off,
        remedy=changes(_ALLOW),
        expected=(REFUSED, COMPLETED),
        blocked_at=BlockedAt.LOGON,
        # Nobody is logged on after the remedy either.
        offline=Offline(fixed(_FORBID, NOBODY_LOGS_ON), remedy=fixed(_ALLOW)),
    ),
    _fault(
        variant="allowed",
        summary="nobody is logged on, and the policy allows a shutdown: must not be blamed",
        injects=(*_ALLOW.commands, _LOG_OFF_TEXT),
        inject=_allow_and_log_off,
        offline=Offline(fixed(_ALLOW, NOBODY_LOGS_ON)),
    ),
    _fault(
        variant="logged-on",
        summary="the policy forbids it, but a user is logged on: must not be blamed",
        **of_settings(_FORBID),
    ),
    _fault(
        variant="locked",
        summary="the policy forbids it, but a user is logged on and locked: must not be blamed",
        injects=(*_FORBID.commands, *_LOCK_TEXT),
        inject=_forbid_and_lock,
        offline=Offline(fixed(_FORBID), then=lock),
    ),
)
"""All variants, in the order of reports."""
