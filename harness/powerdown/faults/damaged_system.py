"""The system is damaged: it crashed, hangs, does not boot, or something in it works against it.

Sources: fact:crash-keys, fact:abort-shutdown, fact:right-removed; Microsoft Learn, "Forcing a
system crash from the keyboard", "NMI_HARDWARE_FAILURE", "AbortSystemShutdownW function", "secedit
configure", "fsutil file". Nothing here is real malware: a program that aborts shutdowns stands for
it.

A file system that is full is among them, one that is read-only is not: no documented command makes
the volume that Windows runs from read-only (``StorageDevicePolicies`` is for removable disks, the
volume attribute of diskpart is refused there), and a disk that QEMU makes read-only does not boot.

A crash happens without a press, and a crashed guest takes none: what is judged is that it crashed.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import ControlChannelError, NotOnThisGuest, PowerdownError
from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.faults.fault import COMPLETED, BlockedAt, Fault, Recovery, ScenarioId, Trigger
from powerdown.faults.fault_target import FaultTarget
from powerdown.faults.offline import Offline, fixed
from powerdown.faults.waiting import wait_until
from powerdown.guest.probe_programs import ABORTER, SPINNER, ProbeProgram
from powerdown.guest.windows import WORK_DIRECTORY
from powerdown.machine.events import PROCESS_EXIT, named
from powerdown.windows import commands, damage_commands, service_commands, session_commands
from powerdown.windows.damage_commands import ADMINISTRATORS, BACKUP_OPERATORS
from powerdown.windows.settings.crash_keys import crash_on_ctrl_scroll

CRASHED = Expected(Outcome.CRASHED, Cause.DAMAGED_SYSTEM)
STAYS_UP = Expected(Outcome.STAYED_UP, Cause.DAMAGED_SYSTEM)
RESTARTS = Expected(Outcome.RESTARTED_INSTEAD, Cause.DAMAGED_SYSTEM)
LOST = Expected(Outcome.STAYED_UP, Cause.PRESS_LOST)

_KEYS_CRASH = crash_on_ctrl_scroll(on=True)
_KEYS_DO_NOTHING = crash_on_ctrl_scroll(on=False)
_CRASH_SECONDS = 60.0
_START_SECONDS = 10.0
_STARVED_SECONDS = 1.0
"""A control port that does not answer for this many seconds gets no CPU time."""

_LOOK_AGAIN_SECONDS = 0.1
_FIRMWARE_SECONDS = 60.0
_CRASH_KEYS = ("ctrl_r", "scroll_lock", "scroll_lock")
_ABORTER = "PowerdownAborter"
_SPINNER = "PowerdownSpinner"
_FILLER = rf"{WORK_DIRECTORY}\full.bin"
_SPARE_BYTES = 65536
"""What is left free: less than anything of use takes, and the file's own record has room."""

_POWER_CUT = "power cut (reset button, virsh destroy), boot again"
_NO_RIGHT = damage_commands.set_shutdown_right((), WORK_DIRECTORY)
_RIGHT = damage_commands.set_shutdown_right((ADMINISTRATORS, BACKUP_OPERATORS), WORK_DIRECTORY)
_CRASH_SOURCE = "learn: Forcing a system crash from the keyboard"

_fault = partial(
    Fault,
    scenario=ScenarioId.DAMAGED_SYSTEM,
    blocked_at=BlockedAt.KERNEL,
    expected=(STAYS_UP,),
)


def _boot_again(target: FaultTarget) -> None:
    target.boot_again()


def _set_up_keys_and_crash(target: FaultTarget) -> None:
    target.windows.run_all(_KEYS_CRASH.commands)
    target.restart()
    _crash_by_keys(target)


def _crash_by_keys(target: FaultTarget) -> None:
    since = now()
    target.machine.press_keys(*_CRASH_KEYS)
    _expect_crash(target, since, "the crash keys")


def _crash_by_nmi(target: FaultTarget) -> None:
    since = now()
    target.machine.inject_nmi()
    _expect_crash(target, since, "a non-maskable interrupt")


def _expect_crash(target: FaultTarget, since: float, after: str) -> None:
    """Wait until the guest has reported its crash.

    :raise NotOnThisGuest: it goes on, or restarts without a report: nothing outside then tells a
        crash from any other restart.
    """
    ends, reported = named("GUEST_PANICKED", "RESET"), named("GUEST_PANICKED")
    seen = target.machine.events.wait(ends, Deadline.after(_CRASH_SECONDS), since)
    if seen is None or not reported(seen):
        raise NotOnThisGuest(
            f"crash the guest with {after}",
            "it goes on" if seen is None else str(seen),
            "Does it have a keyboard, and was it restarted after the setting? To report a crash it "
            "needs KVM (hv-crash) or a pvpanic driver.",
        )


def _no_crash_keys(target: FaultTarget) -> None:
    target.windows.run_all(_KEYS_DO_NOTHING.commands)


def _hang(target: FaultTarget) -> None:
    target.machine.hang_cpus()


def _spin(target: FaultTarget) -> None:
    path = target.upload(SPINNER)
    windows = target.windows
    windows.run(commands.create_service(_SPINNER, path)).checked()
    # It takes every CPU as soon as it runs: the answer may never come.
    with suppress(PowerdownError):
        windows.run(commands.start_service(_SPINNER), _START_SECONDS)
    # Nor does an answer say that it has begun to: that shows when nobody else gets any time.
    deadline = Deadline.after(_START_SECONDS)
    while windows.channel.answers(Deadline.after(_STARVED_SECONDS)) is not None:
        if deadline.expired:
            raise NotOnThisGuest(
                "take all CPU time of the guest",
                f"its control port still answers after {_START_SECONDS:.0f} s",
                "Check the guest's CPUs: some may not be taken.",
            )
        target.machine.events.wait(named(PROCESS_EXIT), deadline.at_most(_LOOK_AGAIN_SECONDS))


def _no_spinner(target: FaultTarget) -> None:
    target.windows.run(service_commands.delete_service(_SPINNER)).checked()


def _break_boot(target: FaultTarget) -> None:
    target.boot_unbootable()
    machine = target.machine
    wait_until(
        lambda: machine.probe_pm1().mapped,
        machine,
        "the firmware place the ACPI registers",
        "Look at the screenshot.",
        _FIRMWARE_SECONDS,
    )


def _restore_disk(target: FaultTarget) -> None:
    target.boot_fresh()


def _abort_shutdowns(target: FaultTarget) -> None:
    path = target.upload(ABORTER)
    target.windows.start_service(_ABORTER, path)


def _no_aborter(target: FaultTarget) -> None:
    target.windows.run_all(
        (
            service_commands.delete_service(_ABORTER),
            session_commands.end_program(ABORTER.name),
        )
    )


def _take_right(target: FaultTarget) -> None:
    _prepare_directory(target)
    _set_right(target, _NO_RIGHT)


def _take_right_of_caller(target: FaultTarget) -> None:
    """Likewise, for one who will ask for the shutdown from inside.

    :raise NotOnThisGuest: that will be LocalSystem, whose token has the right whatever the policy
        says (learn: LocalSystem Account).
    """
    if target.windows.channel.runs_as_system:
        raise NotOnThisGuest(
            "take the right to shut down from the control channel's user",
            "its commands run as LocalSystem, which always has the right",
            'Use [control] transport = "winrm" for this scenario.',
        )
    _take_right(target)


def _give_right(target: FaultTarget) -> None:
    _set_right(target, _RIGHT)


def _set_right(target: FaultTarget, command_lines: tuple[str, ...]) -> None:
    target.windows.run_all(command_lines)
    # The remote shell that is open has the token of its logon, with the rights of then.
    target.windows.channel.close()


def _kill_lsass(target: FaultTarget) -> None:
    result = target.windows.run(damage_commands.KILL_LSASS)
    if result.exit_code != 0:
        raise NotOnThisGuest(
            "end lsass.exe in the guest",
            f"exit code {result.exit_code}: {result.error_output.strip()[:300]}",
            "It runs protected (RunAsPPL): that is what the protection is for.",
        )


def _nothing(target: FaultTarget) -> None:
    """Nothing to do: the guest is up again, and the text says what to look for."""


def _fill_disk(target: FaultTarget) -> None:
    _prepare_directory(target)
    printed = target.windows.run(damage_commands.FREE_SPACE).checked().output
    try:
        free = damage_commands.parse_free_bytes(printed)
    except ValueError as error:
        raise ControlChannelError(
            "read the free space of the guest's volume",
            f"fsutil printed {printed[:300]!r}",
            "Run it in the guest by hand.",
        ) from error
    size = max(0, free - _SPARE_BYTES)
    target.windows.run(damage_commands.fill_disk(_FILLER, size)).checked()


def _prepare_directory(target: FaultTarget) -> None:
    target.windows.run(commands.make_directory(WORK_DIRECTORY)).checked()


def _service_text(name: str, program: ProbeProgram) -> tuple[str, ...]:
    path = rf"{WORK_DIRECTORY}\{program.name}"
    return (
        f"upload {program.name}",
        commands.create_service(name, path),
        commands.start_service(name),
    )


_ABORTER_FAULT = partial(
    _fault,
    injects=_service_text(_ABORTER, ABORTER),
    sources=("fact:abort-shutdown", "learn: AbortSystemShutdownW function"),
    inject=_abort_shutdowns,
)

_RIGHT_FAULT = partial(
    _fault,
    injects=_NO_RIGHT,
    sources=("fact:right-removed", "learn: secedit configure", "learn: Shut down the system"),
    inject=_take_right,
)

VARIANTS = (
    _fault(
        variant="bugcheck-keyboard",
        summary="Windows was stopped by the crash keys (stop code 0xE2)",
        injects=(
            *_KEYS_CRASH.commands,
            commands.RESTART,
            "keys right Ctrl (held), Scroll Lock, Scroll Lock",
        ),
        remedies=(_POWER_CUT, *_KEYS_DO_NOTHING.commands),
        sources=("fact:crash-keys", _CRASH_SOURCE),
        inject=_set_up_keys_and_crash,
        remedy=_no_crash_keys,
        offline=Offline(
            fixed(_KEYS_CRASH),
            then=_crash_by_keys,
            remedy=fixed(_KEYS_DO_NOTHING),
        ),
        expected=(CRASHED,),
    ),
    _fault(
        variant="bugcheck-nmi",
        summary="Windows stopped at a non-maskable interrupt (stop code 0x80)",
        injects=("QMP inject-nmi",),
        remedies=(_POWER_CUT, r"read C:\Windows\MEMORY.DMP and the next start's record 1001"),
        sources=(
            "fact:nmi-stop",
            "learn: NMI_HARDWARE_FAILURE error when an NMI is triggered on Windows",
        ),
        inject=_crash_by_nmi,
        remedy=_nothing,
        expected=(CRASHED,),
    ),
    _fault(
        variant="hang",
        summary="every CPU spins with interrupts off",
        injects=("host: every virtual CPU loops at CPL 0 with EFLAGS.IF clear (gdb stub)",),
        remedies=(_POWER_CUT,),
        sources=("fact:latched-press",),
        inject=_hang,
        remedy=_boot_again,
    ),
    _fault(
        variant="cpu-pinned",
        summary="a service takes all CPUs at real-time priority; the kernel lives",
        injects=_service_text(_SPINNER, SPINNER),
        remedies=(_POWER_CUT, service_commands.delete_service(_SPINNER)),
        sources=("learn: Scheduling priorities (REALTIME_PRIORITY_CLASS)",),
        inject=_spin,
        remedy=_no_spinner,
        recovery=Recovery.POWER_CUT,
    ),
    _fault(
        variant="boot-failure",
        summary="the boot sector is destroyed: the button is never armed",
        injects=("host: the disk's boot sector and partition table overwritten, then power-on",),
        remedies=("restore the disk from the image",),
        sources=("fact:press-needs-arming", "fact:boot-failure"),
        inject=_break_boot,
        boots_itself=True,
        remedy=_restore_disk,
        expected=(LOST,),
        blocked_at=BlockedAt.DELIVERY,
    ),
    _ABORTER_FAULT(
        variant="aborter",
        summary="a process aborts every shutdown with a countdown; one is requested from inside",
        remedies=(
            service_commands.delete_service(_ABORTER),
            session_commands.end_program(ABORTER.name),
        ),
        remedy=_no_aborter,
        blocked_at=BlockedAt.DIALOG,
        trigger=Trigger.INSIDE,
        command=damage_commands.SHUT_DOWN_SOON,
    ),
    _ABORTER_FAULT(
        variant="aborter-press",
        summary="the same process, and a press, which has no countdown: must not be blamed",
        remedies=(),
        remedy=None,
        expected=(COMPLETED,),
        blocked_at=BlockedAt.NONE,
    ),
    _RIGHT_FAULT(
        variant="privilege-removed",
        summary="nobody has the right to shut down; a shutdown is requested from inside",
        inject=_take_right_of_caller,
        remedies=_RIGHT,
        remedy=_give_right,
        blocked_at=BlockedAt.LOGON,
        trigger=Trigger.INSIDE,
        command=commands.SHUT_DOWN,
    ),
    _RIGHT_FAULT(
        variant="privilege-removed-press",
        summary="nobody has the right to shut down; the button is pressed",
        remedies=_RIGHT,
        remedy=_give_right,
        # The button may need the user's right (fact:right-and-button).
        expected=(COMPLETED, STAYS_UP),
        blocked_at=BlockedAt.NONE,
    ),
    _fault(
        variant="core-process-killed",
        summary="lsass.exe was ended: Windows restarts by itself within a minute",
        injects=(damage_commands.KILL_LSASS,),
        remedies=("wait for the restart; the System and Application logs show what ended it",),
        sources=("fact:core-process-end",),
        inject=_kill_lsass,
        remedy=_nothing,
        # A hard budget of a minute may pass first, and the button may still count while the
        # restart is announced (fact:announced-restart-press).
        expected=(RESTARTS, STAYS_UP, COMPLETED),
        blocked_at=BlockedAt.POWER_OFF,
        recovery=Recovery.FINISH,
    ),
    _fault(
        variant="disk-full",
        summary="the volume is full: must not be blamed",
        injects=(
            damage_commands.FREE_SPACE,
            damage_commands.fill_disk(_FILLER, 0).removesuffix("0") + "<free bytes less 64 KiB>",
        ),
        remedies=(commands.delete_file(_FILLER),),
        sources=("fact:full-volume", "learn: fsutil file", "learn: fsutil volume"),
        inject=_fill_disk,
        remedy=None,
        expected=(COMPLETED,),
        blocked_at=BlockedAt.NONE,
    ),
)
"""All variants, in the order of reports."""
