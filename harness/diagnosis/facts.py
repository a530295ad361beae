"""Observed facts as evidence, each made in one place so that all rules word it alike."""

from __future__ import annotations

from harness.diagnosis.verdict import Evidence, Source
from harness.guest.event_log import EventRecord
from harness.machine.events import HostEvent
from harness.machine.protocol import Pm1Sample
from harness.shutdown.observation import Observation


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


def setting(seen: Observation) -> Evidence:
    """The power button's setting."""
    return Evidence(
        Source.SETTINGS, None, "power button setting before the press", str(seen.button)
    )


def run_state(seen: Observation) -> Evidence:
    """What QEMU last said of the machine."""
    return Evidence(Source.QMP, seen.ended_at, "QEMU's run state at the end", f"{seen.run_state}")


def control_alive(seen: Observation) -> Evidence:
    """That the guest went on answering."""
    return Evidence(
        Source.CONTROL_CHANNEL, seen.ended_at, "the control channel still answers", "answered"
    )


def control_closed(at: float) -> Evidence:
    """That the guest stopped its services."""
    return Evidence(
        Source.CONTROL_CHANNEL, at, "the guest closed its control port", "connection closed"
    )


def no_records(seen: Observation) -> Evidence:
    """That the guest recorded no shutdown."""
    return Evidence(
        Source.EVENT_LOG, seen.ended_at, "no shutdown was recorded since the press", "0 records"
    )


def taken(seen: Observation) -> Evidence:
    """That the guest acknowledged the press."""
    sample = next(s for s in seen.pm1_after if s.at == seen.press_taken_at)
    return registers(sample, "the guest took the press: armed before, latch cleared after")


def note(text: str) -> Evidence:
    """Something that could not be observed."""
    return Evidence(Source.HARNESS, None, "not observed", text)
