"""How far a shutdown has come inside, by the programs and services in the samples.

The order is fact:shutdown-order: the programs of the session end, then
services do their preshutdown work, then all services stop.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from powerdown.diagnosis import initiation
from powerdown.guest.guest_sample import GuestSample
from powerdown.shutdown.observation import Observation
from powerdown.windows.processes import ProcessEntry
from powerdown.windows.services import ServiceState, ServiceStatus
from powerdown.windows.settings.service_settings import PRESHUTDOWN_TIMEOUT
from powerdown.windows.update_markers import update_work

UPDATE_SERVICES = frozenset({"trustedinstaller", "wuauserv", "usosvc"})
"""Windows Modules Installer, Windows Update and Update Orchestrator, by key name
(fact:update-services)."""

SHELL = "explorer.exe"
"""Runs as the user and ends with the user's session; Server Core has none."""

_CORE_PROCESS = "lsass.exe"
"""Windows needs it, and restarts within a minute after its end (User32 1074 by
wininit.exe, reason 0x50006)."""

_ALWAYS_LISTED = frozenset({"csrss.exe", "services.exe", "wininit.exe"})
"""Every complete list of processes has one of them."""

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
names taskhost(w).exe. Such a shutdown is diagnosed as an application's, without a name and not with
high confidence.
"""


def pending_updates(obs: Observation) -> tuple[str, ...]:
    """Marks of pending update work from before the command."""
    return () if obs.baseline is None else update_work(obs.baseline.update_markers)


def is_update_service(name: str) -> bool:
    """Whether a service installs Windows updates."""
    return name.lower() in UPDATE_SERVICES


def session_is_over(obs: Observation, sample: GuestSample) -> bool | None:
    """Whether the user's programs have ended by this sample; ``None`` when that is not known.

    The shell tells: services and drivers may leave programs of their own in a session, and
    programs may end for reasons of their own.
    """
    console = None if obs.baseline is None else obs.baseline.console
    if obs.baseline is None or console is None:
        return None
    if console.user is None:
        return True
    if not sample.knows("processes") or not _has_shell(obs.baseline.processes, console.session):
        return None
    return not _has_shell(sample.processes, console.session)


def holders(obs: Observation, sample: GuestSample) -> tuple[ServiceStatus, ...]:
    """Services that a sample shows in their preshutdown work; none before that phase.

    A service that is stopping is STOP_PENDING. A service may stop by itself at any time, so this
    counts only once a shutdown is recorded and the user's programs are not seen to go on.
    """
    if not _is_initiated(obs, sample) or session_is_over(obs, sample) is False:
        return ()
    asked = _accepting_preshutdown(obs)
    left = [service for service in sample.services if service.name.lower() in asked]
    return tuple(s for s in left if s.state is ServiceState.STOP_PENDING)


def idle_holders(obs: Observation) -> tuple[ServiceStatus, ...]:
    """Services that seem to ignore the preshutdown control: RUNNING while others have ended.

    Only if two samples at least show it, and the session is known to be over.
    """
    late = [
        sample
        for sample in obs.samples
        if _is_initiated(obs, sample)
        and session_is_over(obs, sample)
        and sample.knows("services")
        and not holders(obs, sample)
    ]
    if len(late) < 2 or late[-1] is not obs.samples[-1]:
        return ()
    asked = _accepting_preshutdown(obs)
    named = {service.name.lower() for service in late[-2].services}
    left = [s for s in late[-1].services if s.name.lower() in asked & named]
    if len(left) == len(asked):
        return ()
    return tuple(s for s in left if s.state is ServiceState.RUNNING)


def preshutdown_samples(obs: Observation) -> tuple[GuestSample, ...]:
    """The samples that show services in their preshutdown work."""
    return tuple(sample for sample in obs.samples if holders(obs, sample))


def application_samples(obs: Observation) -> tuple[GuestSample, ...]:
    """The samples that show a shutdown initiated, and the user's programs still running."""
    return tuple(
        sample
        for sample in obs.samples
        if sample.knows("services")
        and sample.knows("processes")
        and _is_initiated(obs, sample)
        and session_is_over(obs, sample) is not True
        and not holders(obs, sample)
    )


def programs(obs: Observation, sample: GuestSample) -> frozenset[ProcessEntry]:
    """Programs in the console session that are not Windows' own, whenever they were started."""
    console = None if obs.baseline is None else obs.baseline.console
    if console is None or console.session is None:
        return frozenset()
    return frozenset(
        process
        for process in sample.processes
        if process.session == console.session and process.name.lower() not in _SESSION_PROCESSES
    )


def steady_programs(obs: Observation, samples: Iterable[GuestSample]) -> tuple[str, ...]:
    """Names of the programs that every one of ``samples`` shows."""
    shown = [programs(obs, sample) for sample in samples]
    left = frozenset.intersection(*shown) if shown else frozenset()
    return tuple(sorted({process.name for process in left}))


def others_are_logged_on(obs: Observation) -> bool:
    """Whether someone else has a desktop in another session: then Windows may ask about that."""
    baseline = obs.baseline
    if baseline is None or baseline.console is None:
        return False
    sessions = {p.session for p in baseline.processes if p.name.lower() == SHELL}
    return bool(sessions - {baseline.console.session})


def is_ending(obs: Observation, sample: GuestSample) -> bool:
    """Whether a sample shows any shutdown, also an earlier one or one that was not recorded."""
    stopping = any(s.state is ServiceState.STOP_PENDING for s in sample.services)
    console = None if obs.baseline is None else obs.baseline.console
    somebody = console is not None and console.user is not None
    return stopping or (somebody and session_is_over(obs, sample) is True)


def was_ending(obs: Observation) -> bool:
    """Whether services were already being stopped before the command, as by an earlier shutdown."""
    services = () if obs.baseline is None else obs.baseline.services
    return any(service.state is ServiceState.STOP_PENDING for service in services)


def lacks_core_process(obs: Observation) -> bool:
    """Whether a process that Windows needs is missing in the last list of processes."""
    lists = [() if obs.baseline is None else obs.baseline.processes]
    lists += [sample.processes for sample in obs.samples]
    names = [{process.name.lower() for process in found} for found in lists]
    listed = [found for found in names if found & _ALWAYS_LISTED]
    return bool(listed) and _CORE_PROCESS not in listed[-1]


def preshutdown_timeouts(obs: Observation) -> Mapping[str, int]:
    """Preshutdown timeouts in milliseconds of services that accept preshutdown, where set."""
    baseline = obs.baseline
    if baseline is None:
        return {}
    asked = _accepting_preshutdown(obs)
    timeouts = baseline.settings.of_each(PRESHUTDOWN_TIMEOUT).items()
    return {
        name: reading.number
        for name, reading in timeouts
        if reading.number is not None and name.lower() in asked
    }


def _has_shell(processes: Iterable[ProcessEntry], session: int | None) -> bool:
    return any(p.name.lower() == SHELL and p.session == session for p in processes)


def _is_initiated(obs: Observation, sample: GuestSample) -> bool:
    """Whether a shutdown was recorded by this sample and not aborted since."""
    entry = initiation.initiated(obs)
    if entry is None:
        return False
    # A sample that could not read the log is judged by those that could.
    return not sample.knows("records") or any(r.event_id == entry.event_id for r in sample.records)


def _accepting_preshutdown(obs: Observation) -> frozenset[str]:
    """Key names, from all samples: a service that is stopping no longer says what it accepts."""
    before = () if obs.baseline is None else obs.baseline.services
    later = [service for sample in obs.samples for service in sample.services]
    return frozenset(s.name.lower() for s in (*before, *later) if s.accepts_preshutdown)
