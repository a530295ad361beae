"""From an observation to the five steps of a shutdown."""

from __future__ import annotations

from harness.machine.events import PROCESS_EXIT, HostEvent
from harness.shutdown.observation import Command, Observation
from harness.shutdown.timeline import Mark, Phase, Step, Timeline


def timeline_of(seen: Observation) -> Timeline:
    """The steps that were seen, each with what shows that it began and ended.

    Steps 3 and 4 have no border that can be seen from outside. The loss of the control port is
    taken for it: WinRM and the guest agent are services and stop with the services.
    """
    end = max([seen.ended_at, *(event.at for event in seen.events if event.name == PROCESS_EXIT)])
    return Timeline(
        origin=seen.commanded_at,
        end=end,
        phases=tuple(_phases(seen)),
        marks=tuple(Mark(event.at, _label(event.name, event.data)) for event in seen.events),
        soft_budget=seen.budgets.shutdown_soft,
        hard_budget=seen.budgets.shutdown_hard,
    )


def _phases(seen: Observation) -> list[Phase]:
    phases = [_command(seen)]
    if seen.command is Command.PRESS:
        phases.append(_acpi(seen))
    begun = _begun_at(seen)
    if begun is not None:
        phases.extend(_inside(seen, begun))
    off = seen.event("SHUTDOWN")
    if off is not None:
        ended = seen.exit
        evidence = [str(off)]
        if ended is not None:
            status = ended.data.get("status")
            evidence.append("QEMU ended" + ("" if status is None else f" with status {status}"))
        phases.append(Phase(Step.POWER_OFF, off.at, ended.at if ended else None, tuple(evidence)))
    return phases


def _command(seen: Observation) -> Phase:
    if seen.command is Command.PRESS:
        sent = seen.event("POWERDOWN")
        evidence = ("QMP system_powerdown", *([str(sent)] if sent else []))
        return Phase(Step.COMMAND, seen.commanded_at, sent.at if sent else None, evidence)
    first = seen.events[0].at if seen.events else seen.ended_at
    evidence = (f"{seen.command} sent",)
    return Phase(Step.COMMAND, seen.commanded_at, min(first, seen.ended_at), evidence)


def _acpi(seen: Observation) -> Phase:
    sent = seen.event("POWERDOWN")
    start = sent.at if sent else seen.commanded_at
    before = seen.pm1_before
    if before is None or not before.button_armed:
        return Phase(Step.ACPI, start, None, (f"button not armed before the press: {before}",))
    taken = seen.press_taken_at
    if taken is None:
        off = seen.event("SHUTDOWN")
        if off is not None and not seen.pm1_after:
            return Phase(Step.ACPI, start, off.at, ("the guest ended before PM1 could be read",))
        last = seen.pm1_after[-1] if seen.pm1_after else before
        return Phase(Step.ACPI, start, None, (f"press latched and not taken: {last}",))
    return Phase(Step.ACPI, start, max(taken, start), ("PM1_STS.PWRBTN cleared by the guest",))


def _begun_at(seen: Observation) -> float | None:
    """When applications and services were first asked to end, if that can be said."""
    if seen.command is Command.PRESS:
        reacted = _final(seen) or seen.control_lost_at or seen.records
        return seen.press_taken_at if reacted else None
    return seen.commanded_at if seen.command is Command.INSIDE else None


def _inside(seen: Observation, begun: float) -> list[Phase]:
    final, closed = _final(seen), seen.control_lost_at
    records = tuple(str(record) for record in seen.records or ())
    if closed is None or (final is not None and closed > final.at):
        evidence = ("border to core services not seen", *records)
        return [Phase(Step.APPLICATIONS, begun, final.at if final else None, evidence)]
    # WinRM may be stopped before the latch is looked at again.
    border = max(closed, begun)
    end = final.at if final else None
    told = str(final) if final else "neither powered off nor restarted"
    return [
        Phase(Step.APPLICATIONS, begun, border, ("control port closed", *records)),
        Phase(Step.CORE_SERVICES, border, end, (told,)),
    ]


def _final(seen: Observation) -> HostEvent | None:
    return seen.event("SHUTDOWN") or seen.event("RESET")


def _label(name: str, data: object) -> str:
    reason = data.get("reason") if isinstance(data, dict) else None
    return f"{name} {reason}" if reason else name
