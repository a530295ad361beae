"""Records of real System logs, which lie beside the repository where the project is developed.

Read with the package ``evtx`` itself, not with the harness's reader.
"""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from powerdown.core.outcome import Outcome
from powerdown.diagnosis.diagnose import diagnose_previous_stop
from powerdown.diagnosis.verdict import Confidence
from powerdown.windows.event_records import EventRecord, parse_events
from powerdown.windows.last_start import around_last_start
from powerdown.windows.query_commands import SAMPLE_PROVIDERS, START_PROVIDERS
from tests.support.paths import REPOSITORY

SAMPLES = REPOSITORY.parent / "shared" / "samples"
LOGS = sorted(SAMPLES.glob("*-System.evtx"))
START_EVENT_IDS = {event_id for ids in START_PROVIDERS.values() for event_id in ids}

if not LOGS:
    pytest.skip(f"no real System logs (*-System.evtx) in {SAMPLES}", allow_module_level=True)
evtx = pytest.importorskip("evtx", reason="reading .evtx files needs the package evtx")


@pytest.fixture(scope="module", params=LOGS, ids=lambda path: path.stem)
def records(request: pytest.FixtureRequest) -> tuple[EventRecord, ...]:
    """All records of one log, through the harness's own parser."""
    found = evtx.PyEvtxParser(str(request.param)).records()
    # wevtutil prints no declaration.
    return parse_events("".join(re.sub(r"^<\?xml[^>]*\?>", "", entry["data"]) for entry in found))


def test_every_record_is_read_and_numbers_rise(records: tuple[EventRecord, ...]) -> None:
    numbers = [record.record_id for record in records]
    assert numbers == sorted(set(numbers))
    assert all(record.provider for record in records)


def test_shutdown_records_come_from_the_providers_named(records: tuple[EventRecord, ...]) -> None:
    found = {(r.event_id, r.provider.lower()) for r in records if r.event_id in SAMPLE_PROVIDERS}
    named = {(event_id, provider.lower()) for event_id, provider in SAMPLE_PROVIDERS.items()}
    assert {(1074, "user32"), (6006, "eventlog")} <= found & named


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


def test_the_records_around_each_start_tell_of_the_stop_before(
    records: tuple[EventRecord, ...],
) -> None:
    """As Windows would be asked for them, at the end of each session but the first."""
    told = [r for r in records if r.event_id in START_PROVIDERS.get(r.provider, ())]
    starts = [r.record_id for r in told if (r.provider, r.event_id) == ("EventLog", 6005)]
    for earlier, start in pairwise(starts):
        end = min([s for s in starts if s > start], default=records[-1].record_id + 1)
        found = around_last_start([r for r in told if r.record_id < end])
        verdict = diagnose_previous_stop(found)
        assert (verdict.outcome, verdict.confidence) == (Outcome.COMPLETED, Confidence.HIGH)
        assert all(record.record_id > earlier for record in found)
        assert len([r for r in found if r.event_id == 13]) == 1, "that of this stop"
