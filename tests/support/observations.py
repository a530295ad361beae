"""Observations by the word: a ready guest that is pressed at 100 s, with whatever differs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis.diagnose import diagnose
from powerdown.diagnosis.verdict import Confidence
from powerdown.guest.channels.channel import CommandResult
from powerdown.guest.guest_baseline import GuestBaseline
from powerdown.guest.guest_sample import GuestSample
from powerdown.images.image import Budgets
from powerdown.machine.activity import Activity
from powerdown.machine.events import PROCESS_EXIT, HostEvent
from powerdown.machine.protocol import Pm1Sample, RunState
from powerdown.machine.screen_sample import ScreenSample
from powerdown.shutdown.observation import CONTROL_CLOSED, ChannelState, Command, Observation
from powerdown.windows.console_session import ConsoleSession
from powerdown.windows.event_records import EventRecord
from powerdown.windows.power_button import PowerButton
from powerdown.windows.processes import ProcessEntry
from powerdown.windows.services import ServiceState, ServiceStatus
from powerdown.windows.settings.stored_value import PowerSource
from tests.support.made_settings import BY_WORD, readings_by_word

BUDGETS = Budgets(boot=60, reaction=3, shutdown_soft=20, shutdown_hard=60, settle=0)
PRESSED = 100.0
REACTED = 104.0
"""A moment at which a guest that reacts has done so."""
SPENT = 160.0
"""The end of the hard budget."""

ARMED = Pm1Sample(at=99.9, status=0x0000, enable=0x0120)
UNARMED = Pm1Sample(at=99.9, status=0x0000, enable=0x0000)
UNMAPPED = Pm1Sample(at=99.9, status=0xFFFF, enable=0xFFFF)
LATCHED = Pm1Sample(at=100.1, status=0x0100, enable=0x0120)
STILL_LATCHED = replace(LATCHED, at=103.5)
TAKEN = Pm1Sample(at=100.2, status=0x0001, enable=0x0120)

USER = ConsoleSession(session=1, user="tester", locked=False)
NOBODY = ConsoleSession(session=1, user=None, locked=False)

RUNNING, STOPPING = ServiceState.RUNNING, ServiceState.STOP_PENDING

WINDOWS_OWN = (
    ProcessEntry("csrss.exe", 400, 0),
    ProcessEntry("wininit.exe", 420, 0),
    ProcessEntry("services.exe", 500, 0),
    ProcessEntry("lsass.exe", 510, 0),
    ProcessEntry("csrss.exe", 600, 1),
    ProcessEntry("winlogon.exe", 610, 1),
)
DESKTOP = (*WINDOWS_OWN, ProcessEntry("explorer.exe", 3000, 1))
APP = ProcessEntry("editor.exe", 3100, 1)
HELPER = ProcessEntry("vmtray.exe", 3200, 1)

GPSVC = "gpsvc"
UPDATER = "TrustedInstaller"
HOLDER = "Holder"


def button(action: int) -> PowerButton:
    return PowerButton({PowerSource.AC: action, PowerSource.DC: action}, {})


def service(
    name: str, state: ServiceState = RUNNING, *, preshutdown: bool | None = None
) -> ServiceStatus:
    """Running, it accepts PRESHUTDOWN; on its way it no longer says so, as ``sc.exe`` has it."""
    accepts = state is RUNNING if preshutdown is None else preshutdown
    return ServiceStatus(name, state, accepts, accepts_shutdown=not accepts, pid=1000)


PLAIN = service("WinRM", preshutdown=False)


def record(number: int, event_id: int, provider: str = "User32", **data: str) -> EventRecord:
    at = datetime(2026, 3, 1, 1, 2, number % 60, tzinfo=UTC)
    return EventRecord(number, provider, event_id, at, data)


def initiated(
    number: int = 8,
    process: str = r"C:\Windows\System32\winlogon.exe",
    reason: str = "0x500ff",
    kind: str = "power off",
) -> EventRecord:
    """A 1074; without more that of the power button."""
    return record(number, 1074, param1=f"{process} (PC)", param4=reason, param5=kind)


def by_command(number: int = 8, kind: str = "shutdown") -> EventRecord:
    return initiated(number, r"C:\Windows\system32\shutdown.exe", "0x800000ff", kind)


BY_BUTTON = initiated()
CORE_PROCESS_DIED = initiated(9, r"C:\Windows\system32\wininit.exe", "0x50006", "restart")
BY_SERVICING = initiated(9, r"C:\Windows\servicing\TrustedInstaller.exe", "0x80020003", "restart")


def baseline(**changes: Any) -> GuestBaseline:
    """Somebody is logged on, the button shuts down, and all else is as on a Windows client."""
    values: dict[str, Any] = {
        "at": 99.0,
        "last_record": 7,
        "button": button(3),
        "console": USER,
        "shutdown_without_logon": True,
        "event_tracker": False,
        "auto_end_tasks": False,
        "hung_app_ms": 5000,
        "wait_to_kill_app_ms": 20000,
        "allow_blocking_apps": False,
        "wait_to_kill_service_ms": 5000,
        "hibernation": False,
        "fast_startup": False,
        "services": (service(GPSVC), service(UPDATER), service(HOLDER), PLAIN),
        "processes": (*DESKTOP, APP),
        **changes,
    }
    words = {*BY_WORD, "preshutdown_ms"}
    read = readings_by_word(values, values["button"])
    own = {name: value for name, value in values.items() if name not in words}
    return GuestBaseline(**own, settings=read)


def nobody(**changes: Any) -> GuestBaseline:
    """A baseline of a guest at the logon screen."""
    processes = (*WINDOWS_OWN, ProcessEntry("LogonUI.exe", 620, 1))
    unread: dict[str, object] = {"auto_end_tasks": None, "hung_app_ms": None}
    return baseline(**{"console": NOBODY, "processes": processes, **unread, **changes})


def sample(
    at: float = REACTED,
    *records: EventRecord,
    services: Iterable[ServiceStatus] | None = None,
    processes: Iterable[ProcessEntry] | None = None,
    unread: Iterable[str] = (),
) -> GuestSample:
    """A look that shows everything as the baseline does.

    :param unread: parts that could not be read.
    """
    unread = tuple(unread)
    return GuestSample(
        at=at,
        records=() if "records" in unread else records,
        services=() if "services" in unread else tuple(services or baseline().services),
        processes=() if "processes" in unread else tuple(processes or baseline().processes),
        notes=tuple(f"{part}: the command failed" for part in unread),
    )


def samples(times: Iterable[float], *records: EventRecord, **parts: Any) -> tuple[GuestSample, ...]:
    """The same look again and again."""
    return tuple(sample(at, *records, **parts) for at in times)  # type: ignore[arg-type]


def at_logon(at: float, *records: EventRecord, **parts: Any) -> GuestSample:
    """A look at a guest at the logon screen."""
    return sample(at, *records, **{"processes": nobody().processes, **parts})  # type: ignore[arg-type]


def preparing(
    times: Iterable[float], *names: str, records: tuple[EventRecord, ...] = (BY_BUTTON,)
) -> tuple[GuestSample, ...]:
    """Looks at the preshutdown work of these services: the session is over, the rest stopped."""
    services = (PLAIN, *(service(name, STOPPING) for name in names))
    return samples(times, *records, services=services, processes=WINDOWS_OWN)


def event(name: str, at: float = 101.0, **data: Any) -> HostEvent:
    return HostEvent(at, name, data)


def closed(at: float) -> HostEvent:
    return event(CONTROL_CLOSED, at)


def works(
    share: float, until: float = SPENT, *, ran: float = 1.0, bytes_a_second: int = 0
) -> tuple[Activity, ...]:
    """Totals that rise steadily from before the press on.

    :param share: of its CPU's time that the guest wants.
    :param ran: how much of that the host gave it.
    """
    times = [99.0, PRESSED, (PRESSED + until) / 2, PRESSED + (until - PRESSED) * 0.9, until]
    return tuple(
        Activity(at, (at - 90) * share * ran, (at - 90) * share, 0, int((at - 90) * bytes_a_second))
        for at in times
    )


def screens(*shown: tuple[float, str, bool]) -> tuple[ScreenSample, ...]:
    return tuple(ScreenSample(at, digest, dark) for at, digest, dark in shown)


DESKTOP_SHOWN = screens((99.0, "desktop", False), (REACTED, "desktop", False))
LIT_UP = screens((99.0, "black", True), (101.0, "desktop", False), (REACTED, "desktop", False))


def obs(**changes: Any) -> Observation:
    """A press that the guest took; it did nothing, answers, and recorded nothing."""
    values: dict[str, object] = {
        "command": Command.PRESS,
        "commanded_at": PRESSED,
        "ended_at": REACTED + 0.2,
        "budgets": BUDGETS,
        "powered_on_at": 10.0,
        "pm1_before": ARMED,
        "pm1_after": (LATCHED, TAKEN),
        "events": (event("POWERDOWN", PRESSED),),
        "run_state_before": RunState.RUNNING,
        "run_state": RunState.RUNNING,
        "control": ChannelState.ALIVE,
        "baseline": baseline(),
        "samples": (sample(),),
        "screens": DESKTOP_SHOWN,
        "activity": works(0.03, REACTED),
        **changes,
    }
    return Observation(**values)  # type: ignore[arg-type]


def under_way(*at: GuestSample, **changes: Any) -> Observation:
    """A press that led to a shutdown, which still went on when the hard budget was spent."""
    quiet = {"samples": at, "ended_at": SPENT, "activity": works(0.03)}
    return obs(**{**quiet, **changes})


def inside(command: str, exit_code: int = 0, said: str = "", **changes: Any) -> Observation:
    """A command inside instead of a press."""
    answer = CommandResult(command, exit_code, "", said)
    pressed = {"pm1_before": None, "pm1_after": (), "events": ()}
    return obs(**{"command": Command.INSIDE, "answer": answer, **pressed, **changes})


def powered_off(at: float, *before: HostEvent, **changes: Any) -> Observation:
    """The same press, and the power went off at ``at``."""
    off = event("SHUTDOWN", at, guest=True, reason="guest-shutdown")
    end = event(PROCESS_EXIT, at + 0.1, status=0)
    gone = {"events": (*before, off, end), "ended_at": at, "run_state": None, "samples": ()}
    return obs(**{**gone, **changes})


def reset(at: float, *before: HostEvent, **changes: Any) -> Observation:
    """The same press, and the guest restarted at ``at``."""
    restarted = event("RESET", at, guest=True, reason="guest-reset")
    return obs(**{"events": (*before, restarted), "ended_at": at, "samples": (), **changes})


def reset_without_reboot(at: float, *before: HostEvent, **changes: Any) -> Observation:
    """The same restart of a QEMU that was told not to reboot, which ends."""
    off = event("SHUTDOWN", at, guest=True, reason="guest-reset")
    end = event(PROCESS_EXIT, at + 0.1, status=0)
    gone = {"events": (*before, off, end), "ended_at": at, "run_state": None, "samples": ()}
    return obs(**{**gone, **changes})


def found(observation: Observation) -> tuple[Outcome, Cause, Confidence]:
    verdict = diagnose(observation)
    return verdict.outcome, verdict.cause, verdict.confidence


HIGH, MEDIUM, LOW = Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW
INCONCLUSIVE = (Outcome.INCONCLUSIVE, Cause.UNKNOWN, LOW)
