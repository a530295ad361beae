"""Observed facts as evidence; each is worded in one place, the same for all rules."""

from __future__ import annotations

from collections.abc import Iterable

from powerdown.diagnosis import outside_activity
from powerdown.diagnosis.verdict import Evidence, Source
from powerdown.guest.channels.channel import CommandResult
from powerdown.guest.guest_baseline import GuestBaseline
from powerdown.guest.guest_sample import GuestSample
from powerdown.machine.events import HostEvent
from powerdown.machine.protocol import Pm1Sample
from powerdown.machine.screen_sample import ScreenSample
from powerdown.shutdown.observation import Command, Observation
from powerdown.shutdown.post_mortem import PostMortem
from powerdown.windows.event_records import EventRecord
from powerdown.windows.services import ServiceStatus
from powerdown.windows.settings.application_settings import (
    AUTO_END_TASKS,
    HUNG_APP_TIMEOUT,
    WAIT_TO_KILL_APP_TIMEOUT,
)
from powerdown.windows.settings.readings import Reading
from powerdown.windows.settings.setting_value import Identified

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


def timed_record(obs: Observation, entry: EventRecord, fact: str) -> Evidence:
    """A record of the guest's event log, with its time on the host's clock where that is known."""
    moment = obs.moment_of(entry)
    if moment is None:
        return record(entry, fact)
    raw = f"{entry.created.isoformat()} (to {moment.doubt:.2f} s) {entry}"
    return Evidence(Source.EVENT_LOG, moment.at, fact, raw)


def at_rest(post_mortem: PostMortem, fact: str, raw: str) -> Evidence:
    """Something read from the disk after the power went off."""
    return Evidence(Source.DISK, post_mortem.at, fact, raw)


def button(obs: Observation) -> Evidence:
    """The power button's setting."""
    before = "" if obs.command is Command.NOTHING else " before the press"
    return setting(f"power button setting{before}", str(obs.button))


def setting(fact: str, raw: str) -> Evidence:
    """A setting of the guest, read before the command."""
    return Evidence(Source.SETTINGS, None, fact, raw)


def reading(found: Reading) -> Evidence:
    """A setting as it was read, from the running guest."""
    raw = f"{found.origin}" if found.raw is None else found.raw
    return setting(f"{found.name}: {found.shown} ({found.origin})", raw)


def settings(baseline: GuestBaseline, *declared: Identified) -> tuple[Evidence, ...]:
    """Settings as they were read, those that were."""
    found = (baseline.settings.of(each) for each in declared)
    return tuple(reading(each) for each in found if each is not None)


def time_of_applications(baseline: GuestBaseline) -> tuple[Evidence, ...]:
    """Whether Windows ends applications that do not end, and when."""
    ends = baseline.of_user(AUTO_END_TASKS)
    if ends is None:
        return (setting(AUTO_END_TASKS.name, "not read"),)
    times = (HUNG_APP_TIMEOUT, WAIT_TO_KILL_APP_TIMEOUT) if ends.value is True else ()
    found = (baseline.of_user(each) for each in times)
    return tuple(reading(each) for each in (ends, *found) if each is not None)


def run_state(obs: Observation) -> Evidence:
    """QEMU's run state at the end."""
    return Evidence(Source.QMP, obs.ended_at, "QEMU's run state at the end", f"{obs.run_state}")


def run_state_before(obs: Observation) -> Evidence:
    """QEMU's run state before the command."""
    return Evidence(
        Source.QMP, obs.commanded_at, "QEMU's run state before", f"{obs.run_state_before}"
    )


def control(obs: Observation) -> Evidence:
    """The state of the control channel."""
    return Evidence(Source.CONTROL_CHANNEL, obs.ended_at, "the control channel", f"{obs.control}")


def control_closed(at: float) -> Evidence:
    """That the guest closed its control port, as it does when its services stop."""
    return Evidence(
        Source.CONTROL_CHANNEL, at, "the guest closed its control port", "connection closed"
    )


def no_records(obs: Observation) -> Evidence:
    """That the guest recorded no shutdown."""
    return Evidence(
        Source.EVENT_LOG, obs.ended_at, "no shutdown was recorded since the command", "0 records"
    )


def taken(obs: Observation) -> Evidence:
    """That the guest acknowledged the press."""
    sample = next(s for s in obs.pm1_after if s.at == obs.press_taken_at)
    return registers(sample, "the guest took the press: armed before, latch cleared after")


def how_taken(obs: Observation) -> tuple[Evidence, ...]:
    """That the guest took the press, where it was one."""
    return (taken(obs),) if obs.press_taken_at is not None else ()


def deduced(fact: str, raw: str) -> Evidence:
    """A fact deduced from others, or from what is known of the machine."""
    return Evidence(Source.HARNESS, None, fact, raw)


def service(sample: GuestSample, status: ServiceStatus) -> Evidence:
    """The state of a service in the middle of the shutdown."""
    return Evidence(Source.INSIDE, sample.at, f"service {status.name}", str(status.state))


def programs(sample: GuestSample, names: Iterable[str]) -> Evidence:
    """Programs of the console session that have not ended."""
    return Evidence(
        Source.INSIDE,
        sample.at,
        "programs still in the console session",
        ", ".join(names) or "none",
    )


def answer(obs: Observation, result: CommandResult) -> Evidence:
    """What a command inside answered."""
    text = " ".join(f"{result.output} {result.error_output}".split())[:_LONGEST_TEXT]
    raw = f"exit code {result.exit_code}: {text}"
    return Evidence(Source.INSIDE, obs.commanded_at, f"{result.command!r} answered", raw)


def session(obs: Observation) -> Evidence:
    """Who was logged on before."""
    console = None if obs.baseline is None else obs.baseline.console
    if console is None:
        user = "unknown"
    elif console.user is None:
        user = "nobody"
    else:
        user = f"{console.user}{' (locked)' if console.locked else ''}"
    before = "" if obs.command is Command.NOTHING else " before"
    return Evidence(Source.INSIDE, None, f"logged on at the console{before}", user)


def screen(sample: ScreenSample, fact: str) -> Evidence:
    """A sample of the screen."""
    return Evidence(
        Source.SCREEN, sample.at, fact, "dark" if sample.dark else f"picture {sample.digest}"
    )


def screen_text(obs: Observation, fact: str, text: str | None) -> Evidence:
    """Text that was read on the screen."""
    return Evidence(
        Source.SCREEN, obs.ended_at, fact, " ".join((text or "").split())[:_LONGEST_TEXT]
    )


def cpu(obs: Observation) -> Evidence:
    """How busy the virtual CPUs were."""
    wanted, given = outside_activity.cpu_share(obs), outside_activity.given_share(obs)
    measured = wanted is not None and given is not None
    raw = f"{wanted:.0%}, and got {given:.0%}" if measured else "not measured"
    return Evidence(Source.CPU, obs.ended_at, "time the virtual CPUs wanted since the command", raw)


def writes(obs: Observation, start: float, end: float) -> Evidence:
    """Bytes written to the system disk between two moments."""
    count = outside_activity.writes_between(obs, start, end)
    return Evidence(Source.DISK, end, f"written in the last {end - start:.0f} s", f"{count} bytes")


def note(text: str) -> Evidence:
    """Something that could not be observed."""
    return Evidence(Source.HARNESS, None, "not observed", text)


def shown(obs: Observation) -> tuple[Evidence, ...]:
    """Text that was read on the screen at the end, where there is any."""
    if not obs.screen_text:
        return ()
    return (screen_text(obs, "text on the screen", obs.screen_text),)


def nothing_recorded(obs: Observation) -> tuple[Evidence, ...]:
    """That the guest answers and has recorded no shutdown."""
    return (no_records(obs), control(obs))


def core_process_missing(obs: Observation) -> Evidence:
    """That a process which Windows needs has ended."""
    at = obs.samples[-1].at if obs.samples else None
    return Evidence(Source.INSIDE, at, "a core process of Windows is missing", "no lsass.exe")
