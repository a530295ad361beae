"""A program on the desktop does not agree to end, or does not answer.

Sources: fact:query-end-session, fact:hidden-programs; Microsoft Learn, "WM_QUERYENDSESSION
message", "Shutdown Changes for Windows Vista". That the shutdown goes on by itself once the program
is gone is not documented (fact:shutdown-resumes): where it was given up, the press after the remedy
must complete.

A program that agreed and is slow over WM_ENDSESSION counts as hung after five seconds (learn:
"Shutdown Changes for Windows Vista"; fact:hung-app-timeout): where Windows does not end programs by
itself it is shown on the screen then. With it, it has what Windows "waits before terminating
an application that does not respond to a shutdown request" (learn: SystemParametersInfo,
SPI_GETWAITTOKILLTIMEOUT). Windows Internals names the time to answer
alone (fact:end-session-wait).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from powerdown.core.errors import PowerdownError
from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.faults.fault import (
    COMPLETED,
    BlockedAt,
    Fault,
    Recovery,
    ScenarioId,
    beyond_hard_ms,
    beyond_soft_ms,
)
from powerdown.faults.fault_target import FaultTarget
from powerdown.faults.offline import Edits, Offline, fixed
from powerdown.guest.probe_programs import (
    CONSOLE,
    HANGER,
    HIDDEN,
    LINGERER,
    REASONED,
    REFUSER,
    ProbeProgram,
)
from powerdown.images.image import Image
from powerdown.windows import commands, session_commands
from powerdown.windows.settings.application_settings import (
    AUTO_END_TASKS,
    BLOCKING_APPS,
    HUNG_APP_TIMEOUT,
    WAIT_TO_KILL_APP_TIMEOUT,
)

BLOCKED = Expected(Outcome.STAYED_UP, Cause.UNRESPONSIVE_APP)
DELAYED = Expected(Outcome.SLOW_BUT_COMPLETED, Cause.UNRESPONSIVE_APP)

_TASK = "powerdown-program"
_REASON = "Copying-photos"
_LITTLE_MS = 2000
_END_TASKS = AUTO_END_TASKS.set(True)
_LITTLE_PATIENCE = HUNG_APP_TIMEOUT.set(_LITTLE_MS)
_LITTLE_TIME = WAIT_TO_KILL_APP_TIMEOUT.set(_LITTLE_MS)
_ALLOW_BLOCKING = BLOCKING_APPS.set(True)
_END_BLOCKING = BLOCKING_APPS.set(False)
_QUERY = "learn: WM_QUERYENDSESSION message"
_CHANGES = "learn: Shutdown Changes for Windows Vista"

_fault = partial(Fault, scenario=ScenarioId.UNRESPONSIVE_APP)


def _start(target: FaultTarget, program: ProbeProgram, arguments: str = "") -> None:
    path = target.upload(program)
    target.windows.start_on_desktop(_TASK, f"{path} {arguments}".strip(), program.name)


def _started(program: ProbeProgram, arguments: str = "") -> Callable[[FaultTarget], None]:
    def inject(target: FaultTarget) -> None:
        _start(target, program, arguments)

    return inject


def _start_text(program: ProbeProgram, arguments: str = "") -> tuple[str, ...]:
    path = rf"C:\powerdown\{program.name}"
    return (
        f"upload {program.name}",
        commands.create_desktop_task(_TASK, f"{path} {arguments}".strip()),
        commands.run_task(_TASK),
    )


def _end(program: ProbeProgram) -> Callable[[FaultTarget], None]:
    def remedy(target: FaultTarget) -> None:
        # The answer may be cut off by the shutdown that goes on as soon as the program is gone.
        with suppress(PowerdownError):
            target.windows.run(session_commands.end_program(program.name))

    return remedy


def _let_block(program: ProbeProgram) -> Callable[[FaultTarget], None]:
    def inject(target: FaultTarget) -> None:
        target.windows.run_all(_ALLOW_BLOCKING.commands)
        _start(target, program)

    return inject


def _end_tasks_of_refuser(target: FaultTarget) -> None:
    target.windows.set_for_user(AUTO_END_TASKS, True)
    target.restart()
    _start(target, REFUSER)


def _wait_long_for_hanger(target: FaultTarget) -> None:
    target.windows.set_for_user(AUTO_END_TASKS, True)
    target.windows.set_for_user(HUNG_APP_TIMEOUT, beyond_soft_ms(target.image))
    target.restart()
    _start(target, HANGER)


def _wait_little_for_hanger(target: FaultTarget) -> None:
    # The program hangs again: what lets the press complete is the time it is given.
    target.windows.set_for_user(HUNG_APP_TIMEOUT, _LITTLE_MS)
    target.restart()
    _start(target, HANGER)


def _wait_long_for_lingerer(target: FaultTarget) -> None:
    target.windows.set_for_user(AUTO_END_TASKS, True)
    target.windows.set_for_user(WAIT_TO_KILL_APP_TIMEOUT, beyond_hard_ms(target.image))
    target.restart()
    _linger(target)


def _wait_little_for_lingerer(target: FaultTarget) -> None:
    # The program is as slow as before: what lets the press complete is the time it is given.
    target.windows.set_for_user(WAIT_TO_KILL_APP_TIMEOUT, _LITTLE_MS)
    target.restart()
    _linger(target)


def _linger(target: FaultTarget) -> None:
    _start(target, LINGERER, str(beyond_soft_ms(target.image)))


def _long_patience(image: Image) -> Edits:
    return (_END_TASKS + HUNG_APP_TIMEOUT.set(beyond_soft_ms(image))).edits


def _long_time(image: Image) -> Edits:
    return (_END_TASKS + WAIT_TO_KILL_APP_TIMEOUT.set(beyond_hard_ms(image))).edits


def _blocker(
    variant: str, summary: str, program: ProbeProgram, sources: tuple[str, ...], arguments: str = ""
) -> Fault:
    """A program that holds a shutdown up until it is ended."""
    return _fault(
        variant=variant,
        summary=summary,
        injects=_start_text(program, arguments),
        remedies=(
            session_commands.end_program(program.name),
            f"{_END_TASKS}   (and log on again)",
        ),
        sources=sources,
        inject=_started(program, arguments),
        remedy=_end(program),
        expected=(BLOCKED,),
        blocked_at=BlockedAt.APPLICATIONS,
        recovery=Recovery.PENDING,
    )


def _permitted(
    variant: str, summary: str, program: ProbeProgram, expected: tuple[Expected, ...]
) -> Fault:
    """A program that may hold a shutdown up only because a policy lets it."""
    return _fault(
        variant=variant,
        summary=summary,
        injects=(*_ALLOW_BLOCKING.commands, *_start_text(program)),
        remedies=(*_END_BLOCKING.commands, session_commands.end_program(program.name)),
        sources=(
            "fact:hidden-programs",
            f"learn: Policy CSP ADMX_Winsrv, {BLOCKING_APPS.value_name}",
        ),
        inject=_let_block(program),
        offline=Offline(fixed(_ALLOW_BLOCKING), then=_started(program)),
        remedy=_end(program),
        expected=expected,
        blocked_at=BlockedAt.APPLICATIONS,
        recovery=Recovery.PENDING,
    )


def _ended(variant: str, summary: str, program: ProbeProgram) -> Fault:
    """A program that Windows ends whatever it answers."""
    return _fault(
        variant=variant,
        summary=summary,
        injects=_start_text(program),
        remedies=(),
        sources=("fact:hidden-programs", _CHANGES),
        inject=_started(program),
        remedy=None,
        expected=(COMPLETED,),
        blocked_at=BlockedAt.NONE,
    )


VARIANTS = (
    _blocker(
        "refuses",
        "a window answers FALSE when asked to end",
        REFUSER,
        ("fact:query-end-session", _QUERY),
    ),
    _blocker(
        "hangs",
        "a window never answers when asked to end",
        HANGER,
        ("fact:query-end-session", _QUERY),
    ),
    _blocker(
        "gives-reason",
        "a window answers FALSE and says why",
        REASONED,
        ("fact:query-end-session", "learn: ShutdownBlockReasonCreate function"),
        _REASON,
    ),
    _ended(
        "hidden-window",
        "a program without visible window answers FALSE and is ended: must not be blamed",
        HIDDEN,
    ),
    _permitted(
        "hidden-window-allowed",
        "the same, and a policy lets such programs block",
        HIDDEN,
        (BLOCKED,),
    ),
    _ended(
        "console",
        "a console program does not return from its close handler and is ended: not to be blamed",
        CONSOLE,
    ),
    _permitted(
        "console-allowed",
        "the same, and a policy lets such programs block",
        CONSOLE,
        # The policy may lift the time limit of a handler too (fact:blocking-policy-handler).
        (BLOCKED, COMPLETED, DELAYED),
    ),
    _fault(
        variant="auto-end-tasks",
        summary=f"a window answers FALSE, and {AUTO_END_TASKS.name} ends it: must not be blamed",
        injects=(*_END_TASKS.commands, commands.RESTART, *_start_text(REFUSER)),
        remedies=(),
        sources=(
            "fact:auto-end-tasks",
            "fact:hung-app-timeout",
        ),
        inject=_end_tasks_of_refuser,
        offline=Offline(fixed(_END_TASKS), then=_started(REFUSER)),
        remedy=None,
        expected=(COMPLETED,),
        blocked_at=BlockedAt.NONE,
    ),
    _fault(
        variant="hung-app-timeout",
        summary=f"a window hangs, and {AUTO_END_TASKS.name} ends it after a long "
        f"{HUNG_APP_TIMEOUT.name}",
        injects=(
            *_END_TASKS.commands,
            HUNG_APP_TIMEOUT.command_for("<soft budget and 4 s, in ms>"),
            commands.RESTART,
            *_start_text(HANGER),
        ),
        remedies=(*_LITTLE_PATIENCE.commands, commands.RESTART),
        sources=(
            "fact:auto-end-tasks",
            "fact:hung-app-timeout",
        ),
        inject=_wait_long_for_hanger,
        remedy=_wait_little_for_hanger,
        offline=Offline(
            _long_patience,
            then=_started(HANGER),
            remedy=fixed(_LITTLE_PATIENCE),
            then_again=_started(HANGER),
        ),
        expected=(DELAYED,),
        blocked_at=BlockedAt.APPLICATIONS,
    ),
    _fault(
        variant="slow-to-end",
        summary="a window agrees and takes long over it, and a long "
        f"{WAIT_TO_KILL_APP_TIMEOUT.name} lets it",
        injects=(
            *_END_TASKS.commands,
            WAIT_TO_KILL_APP_TIMEOUT.command_for("<ten times the hard budget, in ms>"),
            commands.RESTART,
            *_start_text(LINGERER, "<soft budget and 4 s, in ms>"),
        ),
        remedies=(*_LITTLE_TIME.commands, commands.RESTART),
        sources=(
            "fact:wait-to-kill-app",
            "learn: SystemParametersInfo, SPI_GETWAITTOKILLTIMEOUT",
            _CHANGES,
        ),
        inject=_wait_long_for_lingerer,
        remedy=_wait_little_for_lingerer,
        offline=Offline(
            _long_time,
            then=_linger,
            remedy=fixed(_LITTLE_TIME),
            then_again=_linger,
        ),
        # It is ended in time where the time to answer limits it too (fact:end-session-wait).
        expected=(DELAYED, COMPLETED),
        blocked_at=BlockedAt.APPLICATIONS,
    ),
)
"""All variants, in the order of reports."""
