"""What an observation shows once its pieces are put together; still facts, no verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.guest.event_log import EventRecord
from harness.guest.look import Look
from harness.guest.services import ServiceState, ServiceStatus
from harness.machine.protocol import RunState
from harness.shutdown.observation import Command, Control, Observation

UPDATE_SERVICES = frozenset({"trustedinstaller", "wuauserv", "usosvc"})
"""Windows Modules Installer, Windows Update and Update Orchestrator, by key name (facts 2, 14)."""

_SESSION_PROCESSES = frozenset(
    f"{name}.exe"
    for name in (
        *("csrss", "winlogon", "dwm", "fontdrvhost", "logonui", "explorer", "sihost", "taskhostw"),
        *("taskhostex", "ctfmon", "runtimebroker", "shellexperiencehost", "userinit", "conhost"),
        *("startmenuexperiencehost", "searchhost", "searchapp", "searchui", "textinputhost"),
        *("applicationframehost", "systemsettings", "smartscreen", "securityhealthsystray"),
        *("svchost", "rdpclip"),
    )
)
"""Windows' own processes of a user's session. They agree to end, so none of them is suspected."""

_ABORTED = 1075
_INITIATED = 1074
_OVERRAN = 7043

_BUSY_SHARE = 0.9
_IDLE_SHARE = 0.2
_NOTICEABLE_BYTES = 64 * 1024
"""Written between two looks; an idle system writes a few kilobytes now and then."""


def taken(seen: Observation) -> bool:
    """Whether the guest got the command: it took the press, or it ran the command."""
    if seen.command is Command.PRESS:
        return seen.press_taken_at is not None
    return seen.command is Command.INSIDE


def goes_on(seen: Observation) -> bool:
    """Whether the guest runs on, with nothing that ended it."""
    return seen.run_state is RunState.RUNNING and seen.event("RESET") is None


def had_time_to_react(seen: Observation) -> bool:
    """Whether anything at all must have been seen of a guest that reacts."""
    return seen.watched >= seen.budgets.reaction


def spent_its_budget(seen: Observation) -> bool:
    """Whether the guest had all the time that its image allows."""
    return seen.watched >= seen.budgets.shutdown_hard * 0.98


def initiated(seen: Observation) -> EventRecord | None:
    """The record that a shutdown was initiated, unless it was aborted after that."""
    for entry in reversed(seen.records or ()):
        if entry.event_id == _ABORTED:
            return None
        if entry.event_id == _INITIATED:
            return entry
    return None


def aborted(seen: Observation) -> EventRecord | None:
    """The record that the last shutdown was aborted (User32 1075)."""
    for entry in reversed(seen.records or ()):
        if entry.event_id == _INITIATED:
            return None
        if entry.event_id == _ABORTED:
            return entry
    return None


def overran(seen: Observation) -> tuple[EventRecord, ...]:
    """Services that Windows gave up waiting for in the preshutdown phase (SCM 7043)."""
    return tuple(entry for entry in seen.records or () if entry.event_id == _OVERRAN)


def is_quiet(seen: Observation) -> bool:
    """Whether the guest was asked, answered, and had recorded nothing of a shutdown."""
    return seen.control is Control.ALIVE and seen.records == ()


def preshutdown_holders(seen: Observation, look: Look) -> tuple[ServiceStatus, ...]:
    """Services that a look shows in their preshutdown work; empty before that phase.

    A service on its way is STOP_PENDING. One that ignores the control stays RUNNING; it is
    counted only once the phase is known to have begun.
    """
    asked = _accepting_preshutdown(seen)
    left = [service for service in look.services if service.name.lower() in asked]
    pending = tuple(s for s in left if s.state is ServiceState.STOP_PENDING)
    if pending:
        return pending
    began = initiated(seen) is not None and len(left) < len(asked)
    return tuple(s for s in left if s.state is ServiceState.RUNNING) if began else ()


def preshutdown_looks(seen: Observation) -> tuple[Look, ...]:
    """The looks that show the preshutdown phase."""
    return tuple(look for look in seen.looks if preshutdown_holders(seen, look))


def application_looks(seen: Observation) -> tuple[Look, ...]:
    """The looks that show a shutdown initiated and no service asked to prepare yet."""
    return tuple(
        look
        for look in seen.looks
        if look.knows("services")
        and any(entry.event_id == _INITIATED for entry in look.records)
        and not preshutdown_holders(seen, look)
    )


def is_update_service(name: str) -> bool:
    """Whether a service installs Windows updates."""
    return name.lower() in UPDATE_SERVICES


def programs_left(seen: Observation, look: Look) -> tuple[str, ...]:
    """Programs of the console session from before the command that a look still shows."""
    survey = seen.survey
    if survey is None or survey.console is None or survey.console.session is None:
        return ()
    session = survey.console.session
    before = {process.pid for process in survey.processes if process.session == session}
    return tuple(
        process.name
        for process in look.processes
        if process.pid in before
        and process.session == session
        and process.name.lower() not in _SESSION_PROCESSES
    )


def cpu_share(seen: Observation) -> float | None:
    """How much of its virtual CPUs' time the guest wanted since the command, 0 to 1."""
    samples = [sample for sample in seen.activity if sample.at >= seen.commanded_at]
    if len(samples) < 2 or samples[-1].at <= samples[0].at:
        return None
    wanted = samples[-1].wanted_cpu_seconds - samples[0].wanted_cpu_seconds
    return wanted / (samples[-1].at - samples[0].at) / seen.vcpus


def is_pinned(seen: Observation) -> bool:
    """Whether all virtual CPUs were busy all the time since the command."""
    share = cpu_share(seen)
    return share is not None and share >= _BUSY_SHARE


def is_idle(seen: Observation) -> bool:
    """Whether the virtual CPUs had next to nothing to do since the command."""
    share = cpu_share(seen)
    return share is not None and share <= _IDLE_SHARE


def writes_between(seen: Observation, start: float, end: float) -> int:
    """Bytes written to the system disk between two moments."""
    samples = [sample for sample in seen.activity if start <= sample.at <= end]
    return samples[-1].written_bytes - samples[0].written_bytes if len(samples) > 1 else 0


def goes_on_writing(seen: Observation) -> bool:
    """Whether the disk was still written to in the last third of the watch."""
    since = seen.ended_at - seen.watched / 3
    return writes_between(seen, since, seen.ended_at) >= _NOTICEABLE_BYTES


def screen_changed(seen: Observation) -> bool | None:
    """Whether the screen shows something else than before; ``None`` when it was not seen."""
    if len(seen.screens) < 2:
        return None
    return any(look.digest != seen.screens[0].digest for look in seen.screens[1:])


def lit_up(seen: Observation) -> bool:
    """Whether the screen was dark before and shows something now."""
    return len(seen.screens) > 1 and seen.screens[0].dark and not seen.screens[-1].dark


def shows(text: str | None, words: Iterable[str]) -> str | None:
    """The first of ``words`` that is in ``text``, ignoring case and line breaks."""
    plain = " ".join((text or "").lower().split())
    return next((word for word in words if word in plain), None)


def timeouts_beyond(seen: Observation, milliseconds: int) -> Mapping[str, int]:
    """Services that accept preshutdown with a timeout beyond ``milliseconds``."""
    survey = seen.survey
    if survey is None:
        return {}
    asked = _accepting_preshutdown(seen)
    return {
        name: timeout
        for name, timeout in survey.preshutdown_ms.items()
        if timeout > milliseconds and name.lower() in asked
    }


def _accepting_preshutdown(seen: Observation) -> frozenset[str]:
    services = () if seen.survey is None else seen.survey.services
    return frozenset(s.name.lower() for s in services if s.accepts_preshutdown)
