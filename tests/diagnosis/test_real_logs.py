"""The records of whole System logs, made ones and real ones.

They are read with the package ``evtx`` itself, not with the project's reader of disks.
"""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from powerdown.core.outcome import Outcome
from powerdown.diagnosis.diagnose import diagnose_previous_stop
from powerdown.diagnosis.verdict import Confidence
from powerdown.disk.history.power_history import StartKind
from powerdown.disk.history.session_end import EndKind
from powerdown.windows.event_records import EventRecord, parse_events
from powerdown.windows.last_start import around_last_start
from powerdown.windows.query_commands import SAMPLE_PROVIDERS, START_PROVIDERS
from tests.support.samples import ORDERLY_LOGS, LogFile

START_EVENT_IDS = {event_id for ids in START_PROVIDERS.values() for event_id in ids}

evtx = pytest.importorskip("evtx", reason="reading .evtx files needs the package evtx")


@pytest.fixture(scope="module")
def records(system_log: LogFile) -> tuple[EventRecord, ...]:
    """All records of one log, through the project's parser of XML."""
    found = evtx.PyEvtxParser(str(system_log.path)).records()
    # wevtutil prints no declaration.
    return parse_events("".join(re.sub(r"^<\?xml[^>]*\?>", "", entry["data"]) for entry in found))


def test_every_record_is_read_and_numbers_rise(
    system_log: LogFile, records: tuple[EventRecord, ...]
) -> None:
    numbers = [record.record_id for record in records]
    assert (len(numbers), numbers[-1]) == (system_log.known.records, system_log.known.last)
    assert numbers == sorted(set(numbers))
    assert all(record.provider for record in records)


def test_shutdown_records_come_from_the_providers_named(records: tuple[EventRecord, ...]) -> None:
    found = {(r.event_id, r.provider.lower()) for r in records if r.event_id in SAMPLE_PROVIDERS}
    named = {(event_id, provider.lower()) for event_id, provider in SAMPLE_PROVIDERS.items()}
    assert {(1074, "user32"), (6006, "eventlog")} <= found & named


@pytest.mark.parametrize("system_log", ORDERLY_LOGS, indirect=True, ids=str)
def test_each_restart_in_them_is_an_orderly_stop(records: tuple[EventRecord, ...]) -> None:
    """From half-way through each session to half-way through the next, as a suite asks."""
    starts = [r.record_id for r in records if (r.provider, r.event_id) == ("EventLog", 6005)]
    stops = [r.record_id for r in records if (r.provider, r.event_id) == ("EventLog", 6006)]
    assert len(stops) == len(starts) - 1
    for earlier, stop, start in zip(starts, stops, starts[1:], strict=False):
        assert earlier < stop < start
        later = min([s for s in stops if s > start], default=records[-1].record_id + 1)
        window = [
            r
            for r in records
            if (earlier + stop) // 2 < r.record_id < later and r.event_id in START_EVENT_IDS
        ]
        verdict = diagnose_previous_stop(window)
        assert (verdict.outcome, verdict.confidence) == (Outcome.COMPLETED, Confidence.HIGH)


VERDICTS = {
    EndKind.RESTARTED: (Outcome.COMPLETED, Confidence.HIGH),
    EndKind.POWERED_OFF: (Outcome.COMPLETED, Confidence.HIGH),
    EndKind.POWER_LOST: (Outcome.FORCED_OFF, Confidence.MEDIUM),
    EndKind.BUTTON_HELD: (Outcome.FORCED_OFF, Confidence.MEDIUM),
    EndKind.BUGCHECK: (Outcome.INCONCLUSIVE, Confidence.LOW),
}


def test_the_records_around_each_start_tell_of_the_stop_before(
    system_log: LogFile, records: tuple[EventRecord, ...]
) -> None:
    """As Windows would be asked for them, at the end of each session but the first."""
    told = [r for r in records if r.event_id in START_PROVIDERS.get(r.provider, ())]
    starts = [r.record_id for r in told if (r.provider, r.event_id) == ("EventLog", 6005)]
    # A resume from hibernation is no start of the event log.
    ends = [
        end
        for (_, end), (start, _) in pairwise(system_log.known.sessions)
        if start is StartKind.COLD
    ]
    for (earlier, start), kind in zip(pairwise(starts), ends, strict=True):
        end = min([s for s in starts if s > start], default=records[-1].record_id + 1)
        until = [r for r in told if r.record_id < end]
        # The stop of this session, and the start after it, have not happened yet.
        while until[-1].event_id in (6006, 6008):
            until.pop()
        found = around_last_start(until)
        verdict = diagnose_previous_stop(found)
        assert (verdict.outcome, verdict.confidence) == VERDICTS[kind]
        assert all(record.record_id > earlier for record in found)
        stops = 1 if verdict.outcome is Outcome.COMPLETED else 0
        assert len([r for r in found if r.event_id == 13]) == stops, "that of this stop"
