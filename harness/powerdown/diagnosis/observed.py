"""Observed facts as evidence, each made in one place so that all rules word it alike."""

from __future__ import annotations

from collections.abc import Iterable

from powerdown.diagnosis import outside_activity
from powerdown.diagnosis.verdict import Evidence, Source
from powerdown.guest.channels.channel import CommandResult
from powerdown.guest.guest_baseline import Survey
from powerdown.guest.guest_sample import Look
from powerdown.machine.events import HostEvent
from powerdown.machine.protocol import Pm1Sample
from powerdown.machine.screen_sample import ScreenLook
from powerdown.shutdown.observation import Command, Observation
from powerdown.shutdown.post_mortem import PostMortem
from powerdown.windows.event_records import EventRecord
from powerdown.windows.services import ServiceStatus

_LONGEST_TEXT = 200


def host_event(event: HostEvent, fact: str) -> Evidence:
    """Something QEMU reported."""
    return Evidence(Source.QMP, event.at, fact, str(event))


def process_exit(event: HostEvent, fact: str) -> Evidence:
    """QEMU's end."""
    return Evidence(Source.PROCESS, event.at, fact, str(event))


def registers(sample: Pm1Sample, fact: str) -> Evidence:
    """A reading of the PM1 registers."""
    return Evidence(Source.ACPI, sample.at, fact, str(sample))


def record(entry: EventRecord, fact: str) -> Evidence:
    """A record of the guest's event log; its time is the guest's and stays in ``raw``."""
    return Evidence(Source.EVENT_LOG, None, fact, f"{entry.created.isoformat()} {entry}")


def timed_record(seen: Observation, entry: EventRecord, fact: str) -> Evidence:
    """A record of the guest's event log, with its time on the host's clock where that is known."""
    moment = seen.moment_of(entry)
    if moment is None:
        return record(entry, fact)
    raw = f"{entry.created.isoformat()} (to {moment.doubt:.2f} s) {entry}"
    return Evidence(Source.EVENT_LOG, moment.at, fact, raw)


def at_rest(post_mortem: PostMortem, fact: str, raw: str) -> Evidence:
    """Something read from the disk after the power went off."""
    return Evidence(Source.DISK, post_mortem.at, fact, raw)


def button(seen: Observation) -> Evidence:
    """The power button's setting."""
    before = "" if seen.command is Command.NOTHING else " before the press"
    return setting(f"power button setting{before}", str(seen.button))


def setting(fact: str, raw: str) -> Evidence:
    """A setting of the guest, read before the command."""
    return Evidence(Source.SETTINGS, None, fact, raw)


def time_of_applications(survey: Survey) -> tuple[Evidence, ...]:
    """Whether Windows ends applications that do not end, and when."""
    found = [setting("AutoEndTasks", f"{survey.auto_end_tasks}")]
    if survey.auto_end_tasks:
        for name, time in (
            ("HungAppTimeout", survey.hung_app_ms),
            ("WaitToKillAppTimeout", survey.wait_to_kill_app_ms),
        ):
            if time is not None:
                found.append(setting(f"{name}, milliseconds", f"{time}"))
    return tuple(found)


def run_state(seen: Observation) -> Evidence:
    """What QEMU last said of the machine."""
    return Evidence(Source.QMP, seen.ended_at, "QEMU's run state at the end", f"{seen.run_state}")


def run_state_before(seen: Observation) -> Evidence:
    """What QEMU said of the machine before the command."""
    return Evidence(
        Source.QMP, seen.commanded_at, "QEMU's run state before", f"{seen.run_state_before}"
    )


def control(seen: Observation) -> Evidence:
    """How far the control channel worked."""
    return Evidence(Source.CONTROL_CHANNEL, seen.ended_at, "the control channel", f"{seen.control}")


def control_closed(at: float) -> Evidence:
    """That the guest closed its control port, as it does when its services stop."""
    return Evidence(
        Source.CONTROL_CHANNEL, at, "the guest closed its control port", "connection closed"
    )


def no_records(seen: Observation) -> Evidence:
    """That the guest recorded no shutdown."""
    return Evidence(
        Source.EVENT_LOG, seen.ended_at, "no shutdown was recorded since the command", "0 records"
    )


def taken(seen: Observation) -> Evidence:
    """That the guest acknowledged the press."""
    sample = next(s for s in seen.pm1_after if s.at == seen.press_taken_at)
    return registers(sample, "the guest took the press: armed before, latch cleared after")


def how_taken(seen: Observation) -> tuple[Evidence, ...]:
    """That the guest took the press, where it was one."""
    return (taken(seen),) if seen.press_taken_at is not None else ()


def deduced(fact: str, raw: str) -> Evidence:
    """What follows from other facts, or from what is known of the machine."""
    return Evidence(Source.HARNESS, None, fact, raw)


def service(look: Look, status: ServiceStatus) -> Evidence:
    """The state of a service in the middle of the shutdown."""
    return Evidence(Source.INSIDE, look.at, f"service {status.name}", str(status.state))


def programs(look: Look, names: Iterable[str]) -> Evidence:
    """Programs of the console session that have not ended."""
    return Evidence(
        Source.INSIDE, look.at, "programs still in the console session", ", ".join(names) or "none"
    )


def answer(seen: Observation, result: CommandResult) -> Evidence:
    """What a command inside answered."""
    said = " ".join(f"{result.output} {result.error_output}".split())[:_LONGEST_TEXT]
    raw = f"exit code {result.exit_code}: {said}"
    return Evidence(Source.INSIDE, seen.commanded_at, f"{result.command!r} answered", raw)


def session(seen: Observation) -> Evidence:
    """Who was logged on before."""
    console = None if seen.survey is None else seen.survey.console
    if console is None:
        said = "unknown"
    elif console.user is None:
        said = "nobody"
    else:
        said = f"{console.user}{' (locked)' if console.locked else ''}"
    before = "" if seen.command is Command.NOTHING else " before"
    return Evidence(Source.INSIDE, None, f"logged on at the console{before}", said)


def screen(look: ScreenLook, fact: str) -> Evidence:
    """What a look at the screen showed."""
    return Evidence(Source.SCREEN, look.at, fact, "dark" if look.dark else f"picture {look.digest}")


def screen_text(seen: Observation, fact: str, text: str | None) -> Evidence:
    """Text that was read on the screen."""
    return Evidence(
        Source.SCREEN, seen.ended_at, fact, " ".join((text or "").split())[:_LONGEST_TEXT]
    )


def cpu(seen: Observation) -> Evidence:
    """How busy the virtual CPUs were."""
    wanted, given = outside_activity.cpu_share(seen), outside_activity.given_share(seen)
    measured = wanted is not None and given is not None
    raw = f"{wanted:.0%}, and got {given:.0%}" if measured else "not measured"
    return Evidence(
        Source.CPU, seen.ended_at, "time the virtual CPUs wanted since the command", raw
    )


def writes(seen: Observation, start: float, end: float) -> Evidence:
    """What was written to the system disk in some time."""
    count = outside_activity.writes_between(seen, start, end)
    return Evidence(Source.DISK, end, f"written in the last {end - start:.0f} s", f"{count} bytes")


def note(text: str) -> Evidence:
    """Something that could not be observed."""
    return Evidence(Source.HARNESS, None, "not observed", text)


def shown(seen: Observation) -> tuple[Evidence, ...]:
    """Text that was read on the screen at the end, where there is any."""
    if not seen.screen_text:
        return ()
    return (screen_text(seen, "text on the screen", seen.screen_text),)


def nothing_recorded(seen: Observation) -> tuple[Evidence, ...]:
    """That the guest answers and recorded nothing of a shutdown."""
    return (no_records(seen), control(seen))


def core_process_missing(seen: Observation) -> Evidence:
    """That a process is gone that Windows cannot do without."""
    at = seen.looks[-1].at if seen.looks else None
    return Evidence(Source.INSIDE, at, "a core process of Windows is missing", "no lsass.exe")
