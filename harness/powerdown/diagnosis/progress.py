"""How far a shutdown has come inside, by what the looks show of programs and services.

The order of the way is that of the fact sheet, section 1: the programs of the session end, then
services do their preshutdown work, then all services stop.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from powerdown.diagnosis import initiation
from powerdown.guest.guest_sample import Look
from powerdown.shutdown.observation import Observation
from powerdown.windows.processes import ProcessEntry
from powerdown.windows.services import ServiceState, ServiceStatus
from powerdown.windows.update_markers import update_work

UPDATE_SERVICES = frozenset({"trustedinstaller", "wuauserv", "usosvc"})
"""Windows Modules Installer, Windows Update and Update Orchestrator, by key name (facts 2, 14)."""

SHELL = "explorer.exe"
"""Runs as the user and ends with the user's session; Server Core has none."""

_CORE_PROCESS = "lsass.exe"
"""Windows cannot do without it, yet runs on for a minute after its end (User32 1074 by
wininit.exe, reason 0x50006)."""

_ALWAYS_LISTED = frozenset({"csrss.exe", "services.exe", "wininit.exe"})
"""One of them is in every list of processes that is worth anything."""

_SESSION_PROCESSES = frozenset(
    f"{name}.exe"
    for name in (
        *("csrss", "winlogon", "dwm", "fontdrvhost", "logonui", "explorer", "sihost", "taskhostw"),
        *("taskhostex", "ctfmon", "runtimebroker", "shellexperiencehost", "userinit", "conhost"),
        *("startmenuexperiencehost", "searchhost", "searchapp", "searchui", "textinputhost"),
        *("applicationframehost", "systemsettings", "smartscreen", "securityhealthsystray"),
        *("svchost", "rdpclip", "taskhost", "lockapp", "shellhost", "backgroundtaskhost"),
    )
)
"""Windows' own processes of a user's session: nearly all have some, so none is named as suspect.

They mostly agree to end. The hosts of scheduled tasks do not always: users report that the screen
names taskhost(w).exe. Such a shutdown is told as an application's, without a name and not surely.
"""


def pending_updates(seen: Observation) -> tuple[str, ...]:
    """Marks of pending update work from before the command."""
    return () if seen.survey is None else update_work(seen.survey.update_markers)


def is_update_service(name: str) -> bool:
    """Whether a service installs Windows updates."""
    return name.lower() in UPDATE_SERVICES


def session_is_over(seen: Observation, look: Look) -> bool | None:
    """Whether the user's programs have ended by this look; ``None`` when it cannot be told.

    The shell tells: services and drivers may leave programs of their own in a session, and
    programs may end for reasons of their own.
    """
    console = None if seen.survey is None else seen.survey.console
    if seen.survey is None or console is None:
        return None
    if console.user is None:
        return True
    if not look.knows("processes") or not _has_shell(seen.survey.processes, console.session):
        return None
    return not _has_shell(look.processes, console.session)


def holders(seen: Observation, look: Look) -> tuple[ServiceStatus, ...]:
    """Services that a look shows in their preshutdown work; none before that phase.

    One on its way is STOP_PENDING. A service may stop by itself at any time, so this counts only
    once a shutdown is recorded and the user's programs are not seen to go on.
    """
    if not _is_initiated(seen, look) or session_is_over(seen, look) is False:
        return ()
    asked = _accepting_preshutdown(seen)
    left = [service for service in look.services if service.name.lower() in asked]
    return tuple(s for s in left if s.state is ServiceState.STOP_PENDING)


def idle_holders(seen: Observation) -> tuple[ServiceStatus, ...]:
    """Services that seem to ignore the preshutdown control: RUNNING while others have ended.

    Seen in two looks at least, and only with the session known to be over.
    """
    late = [
        look
        for look in seen.looks
        if _is_initiated(seen, look)
        and session_is_over(seen, look)
        and look.knows("services")
        and not holders(seen, look)
    ]
    if len(late) < 2 or late[-1] is not seen.looks[-1]:
        return ()
    asked = _accepting_preshutdown(seen)
    named = {service.name.lower() for service in late[-2].services}
    left = [s for s in late[-1].services if s.name.lower() in asked & named]
    if len(left) == len(asked):
        return ()
    return tuple(s for s in left if s.state is ServiceState.RUNNING)


def preshutdown_looks(seen: Observation) -> tuple[Look, ...]:
    """The looks that show services in their preshutdown work."""
    return tuple(look for look in seen.looks if holders(seen, look))


def application_looks(seen: Observation) -> tuple[Look, ...]:
    """The looks that show a shutdown initiated, and the user's programs not ended yet."""
    return tuple(
        look
        for look in seen.looks
        if look.knows("services")
        and look.knows("processes")
        and _is_initiated(seen, look)
        and session_is_over(seen, look) is not True
        and not holders(seen, look)
    )


def programs(seen: Observation, look: Look) -> frozenset[ProcessEntry]:
    """Programs in the console session that are not Windows' own, whenever they were started."""
    console = None if seen.survey is None else seen.survey.console
    if console is None or console.session is None:
        return frozenset()
    return frozenset(
        process
        for process in look.processes
        if process.session == console.session and process.name.lower() not in _SESSION_PROCESSES
    )


def steady_programs(seen: Observation, looks: Iterable[Look]) -> tuple[str, ...]:
    """Names of the programs that every one of ``looks`` shows."""
    shown = [programs(seen, look) for look in looks]
    left = frozenset.intersection(*shown) if shown else frozenset()
    return tuple(sorted({process.name for process in left}))


def others_are_logged_on(seen: Observation) -> bool:
    """Whether someone else has a desktop in another session: then Windows may ask about that."""
    survey = seen.survey
    if survey is None or survey.console is None:
        return False
    sessions = {p.session for p in survey.processes if p.name.lower() == SHELL}
    return bool(sessions - {survey.console.session})


def is_ending(seen: Observation, look: Look) -> bool:
    """Whether anything in a look tells of a shutdown, be it an earlier one or one not recorded."""
    stopping = any(s.state is ServiceState.STOP_PENDING for s in look.services)
    console = None if seen.survey is None else seen.survey.console
    somebody = console is not None and console.user is not None
    return stopping or (somebody and session_is_over(seen, look) is True)


def was_ending(seen: Observation) -> bool:
    """Whether services were being stopped before the command: by an earlier shutdown, it seems."""
    services = () if seen.survey is None else seen.survey.services
    return any(service.state is ServiceState.STOP_PENDING for service in services)


def lacks_core_process(seen: Observation) -> bool:
    """Whether a process that Windows cannot do without is missing in the last list of them."""
    lists = [() if seen.survey is None else seen.survey.processes]
    lists += [look.processes for look in seen.looks]
    names = [{process.name.lower() for process in found} for found in lists]
    listed = [found for found in names if found & _ALWAYS_LISTED]
    return bool(listed) and _CORE_PROCESS not in listed[-1]


def preshutdown_timeouts(seen: Observation) -> Mapping[str, int]:
    """Milliseconds that the services have which accept preshutdown, where they are set."""
    survey = seen.survey
    if survey is None:
        return {}
    asked = _accepting_preshutdown(seen)
    timeouts = survey.preshutdown_ms.items()
    return {name: timeout for name, timeout in timeouts if name.lower() in asked}


def _has_shell(processes: Iterable[ProcessEntry], session: int | None) -> bool:
    return any(p.name.lower() == SHELL and p.session == session for p in processes)


def _is_initiated(seen: Observation, look: Look) -> bool:
    """Whether a shutdown was recorded by this look and was not called off since."""
    entry = initiation.initiated(seen)
    if entry is None:
        return False
    # A look that could not read the log is judged by those that could.
    return not look.knows("records") or any(r.event_id == entry.event_id for r in look.records)


def _accepting_preshutdown(seen: Observation) -> frozenset[str]:
    """Key names; a service that is on its way no longer says what it accepts."""
    before = () if seen.survey is None else seen.survey.services
    later = [service for look in seen.looks for service in look.services]
    return frozenset(s.name.lower() for s in (*before, *later) if s.accepts_preshutdown)
