"""From an observation to the five steps of a shutdown."""

from __future__ import annotations

from powerdown.machine.events import PROCESS_EXIT, HostEvent
from powerdown.shutdown.guest_clock import Moment
from powerdown.shutdown.observation import Command, Observation
from powerdown.shutdown.timeline import Mark, Phase, Step, Timeline
from powerdown.windows.event_records import EventRecord

_CORE_SERVICES_END = (("EventLog", 6006), ("Microsoft-Windows-Kernel-Power", 109))
"""The first of these begins step 4, core services: on a client the event log ends before the kernel
begins the transition, on a domain controller behind it (fact:record-order-client,
fact:record-order-dc)."""

_SURE_SECONDS = 1.0
"""Seconds; with a larger uncertainty of the guest's clock the control port is the better
evidence."""


def timeline_of(obs: Observation) -> Timeline:
    """The steps that were observed, each with evidence of its begin and end.

    The border of steps 3 and 4 cannot be seen from outside. The guest's own records tell it where
    its clock is known; else the loss of the control port is taken for it: WinRM and the guest agent
    are services and stop with the services.
    """
    end = max([obs.ended_at, *(event.at for event in obs.events if event.name == PROCESS_EXIT)])
    return Timeline(
        origin=obs.commanded_at,
        end=end,
        phases=tuple(_phases(obs)),
        marks=tuple(Mark(event.at, _label(event.name, event.data)) for event in obs.events),
        soft_budget=obs.budgets.shutdown_soft,
        hard_budget=obs.budgets.shutdown_hard,
    )


def _phases(obs: Observation) -> list[Phase]:
    phases = [_command(obs)]
    if obs.command is Command.PRESS:
        phases.append(_acpi(obs))
    begun = _begun_at(obs)
    if begun is not None:
        phases.extend(_inside(obs, begun))
    off = obs.event("SHUTDOWN")
    if off is not None and off is not obs.restart:
        ended = obs.exit
        evidence = [str(off)]
        if ended is not None:
            status = ended.data.get("status")
            evidence.append("QEMU ended" + ("" if status is None else f" with status {status}"))
        phases.append(Phase(Step.POWER_OFF, off.at, ended.at if ended else None, tuple(evidence)))
    return phases


def _command(obs: Observation) -> Phase:
    if obs.command is Command.PRESS:
        sent = obs.event("POWERDOWN")
        evidence = ("QMP system_powerdown", *([str(sent)] if sent else []))
        return Phase(Step.COMMAND, obs.commanded_at, sent.at if sent else None, evidence)
    first = obs.events[0].at if obs.events else obs.ended_at
    evidence = (f"{obs.command} sent",)
    return Phase(Step.COMMAND, obs.commanded_at, min(first, obs.ended_at), evidence)


def _acpi(obs: Observation) -> Phase:
    sent = obs.event("POWERDOWN")
    start = sent.at if sent else obs.commanded_at
    before = obs.pm1_before
    if before is None or not before.button_armed:
        return Phase(Step.ACPI, start, None, (f"button not armed before the press: {before}",))
    taken = obs.press_taken_at
    if taken is None:
        off = obs.event("SHUTDOWN")
        if off is not None and not obs.pm1_after:
            return Phase(Step.ACPI, start, off.at, ("the guest ended before PM1 could be read",))
        last = obs.pm1_after[-1] if obs.pm1_after else before
        return Phase(Step.ACPI, start, None, (f"press latched and not taken: {last}",))
    return Phase(Step.ACPI, start, max(taken, start), ("PM1_STS.PWRBTN cleared by the guest",))


def _begun_at(obs: Observation) -> float | None:
    """When applications and services were first asked to end, if that can be said."""
    if obs.command is Command.PRESS:
        reacted = _final(obs) or obs.control_lost_at or obs.records
        return obs.press_taken_at if reacted else None
    return obs.commanded_at if obs.command is Command.INSIDE else None


def _inside(obs: Observation, begun: float) -> list[Phase]:
    final, closed = _final(obs), obs.control_lost_at
    records = tuple(_told(obs, record) for record in obs.records or ())
    end = final.at if final else None
    recorded = _recorded_border(obs)
    if closed is not None and (final is None or closed <= final.at):
        # WinRM may be stopped before the latch is looked at again.
        border, shown_by = max(closed, begun), "control port closed"
    else:
        border, shown_by = None, ""
    if recorded is not None and (border is None or recorded.doubt <= _SURE_SECONDS):
        latest = recorded.at if end is None else min(recorded.at, end)
        border, shown_by = max(latest, begun), f"border known to {recorded.doubt:.2f} s"
    if border is None:
        evidence = ("border to core services not observed", *records)
        return [Phase(Step.APPLICATIONS, begun, end, evidence)]
    told = str(final) if final else "neither powered off nor restarted"
    return [
        Phase(Step.APPLICATIONS, begun, border, (shown_by, *records)),
        Phase(Step.CORE_SERVICES, border, end, (told,)),
    ]


def _recorded_border(obs: Observation) -> Moment | None:
    """When the first of the core services ended, by the guest's own records."""
    moments = [
        moment
        for record in obs.records or ()
        if (record.provider, record.event_id) in _CORE_SERVICES_END
        and (moment := obs.moment_of(record)) is not None
    ]
    return min(moments, key=lambda moment: moment.at, default=None)


def _told(obs: Observation, record: EventRecord) -> str:
    moment = obs.moment_of(record)
    if moment is None:
        return str(record)
    return f"{moment.at - obs.commanded_at:+.2f} s (to {moment.doubt:.2f} s): {record}"


def _final(obs: Observation) -> HostEvent | None:
    return obs.event("SHUTDOWN") or obs.event("RESET")


def _label(name: str, data: object) -> str:
    reason = data.get("reason") if isinstance(data, dict) else None
    return f"{name} {reason}" if reason else name
