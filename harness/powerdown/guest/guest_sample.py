"""A sample of a guest from inside, while a shutdown may be under way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from powerdown.core.errors import ControlChannelError
from powerdown.windows.command_parts import PartAnswer
from powerdown.windows.event_records import EventRecord, parse_events
from powerdown.windows.processes import ProcessEntry, parse_processes
from powerdown.windows.query_commands import SAMPLE_PROVIDERS
from powerdown.windows.services import ServiceStatus, parse_services


@dataclass(frozen=True)
class GuestSample:
    """One sample.

    :param at: when it was asked for, host-monotonic: what happened later may be missing in it.
    :param records: System records of a shutdown that are newer than was asked for, in the order
        recorded.
    :param services: all that are not stopped; nothing when they could not be read.
    :param processes: all that run; likewise.
    :param notes: what could not be read and why: services that end take their answers with them.
    """

    at: float
    records: tuple[EventRecord, ...]
    services: tuple[ServiceStatus, ...]
    processes: tuple[ProcessEntry, ...]
    notes: tuple[str, ...] = ()

    def knows(self, part: str) -> bool:
        """Whether ``records``, ``services`` or ``processes`` could be read."""
        return not any(note.startswith(f"{part}:") for note in self.notes)


def read_sample(answers: Mapping[str, PartAnswer], at: float) -> GuestSample:
    """Parse the answers to ``query_commands.sample_parts``; never raises."""
    notes: list[str] = []
    texts = {}
    for name in ("records", "services", "processes"):
        answer = answers.get(name)
        if answer is None or not answer.succeeded:
            notes.append(f"{name}: {'no answer' if answer is None else 'the command failed'}")
        texts[name] = "" if answer is None else answer.text
    records: tuple[EventRecord, ...] = ()
    if not notes or not notes[0].startswith("records"):
        try:
            records = parse_events(texts["records"])
        except ControlChannelError as error:
            notes.append(f"records: {error.actual}")
    return GuestSample(
        at=at,
        records=tuple(record for record in records if tells_of_shutdown(record)),
        services=parse_services(texts["services"]),
        processes=parse_processes(texts["processes"]),
        notes=tuple(notes),
    )


def tells_of_shutdown(record: EventRecord) -> bool:
    """Whether a record is one of a shutdown: by provider too, without case.

    See :data:`SAMPLE_PROVIDERS`.
    """
    return record.provider.lower() == SAMPLE_PROVIDERS.get(record.event_id, "").lower()
