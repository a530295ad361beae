"""The made System logs contain what was written, according to a reader that is not ours.

Other tests rely on them where there is no real one.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from powerdown.disk.history.power_records import POWER_RECORD_IDS, POWER_RECORDS
from tests.support.evtx_builder import Data, Record
from tests.support.made_system_logs import MadeLog, eventful_log, incomplete_log, restarted_log

evtx = pytest.importorskip("evtx", reason="reading .evtx files needs the package evtx")

CHUNK = 65_536


@pytest.fixture(scope="module", params=[restarted_log, incomplete_log, eventful_log])
def made(request: pytest.FixtureRequest) -> MadeLog:
    log = request.param()
    assert isinstance(log, MadeLog)
    return log


def as_text(value: Data) -> object:
    """A value in JSON, as the package prints it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, bytes):
        return value.hex().upper()
    if isinstance(value, str) and value.startswith("{"):
        return value.strip("{}").upper()
    return value


def described(record: Record) -> dict[str, object]:
    """EventData or UserData of a record, as the package prints it."""
    if isinstance(record.data, list):
        # One text is not an array.
        text = record.data[0] if len(record.data) == 1 else record.data
        return {"Data": {"#text": text}, "Binary": record.binary.hex().upper() or None}
    texts = {name: as_text(value) for name, value in record.data.items()}
    # An element without text, other than Data, has no value.
    return {n: None if t == "" and record.user_data else t for n, t in texts.items()}


def test_another_reader_finds_what_was_written(made: MadeLog, tmp_path: Path) -> None:
    file = tmp_path / "System.evtx"
    file.write_bytes(made.content)
    found = list(evtx.PyEvtxParser(str(file)).records_json())
    assert len(found) == len(made.records) == made.known.records
    for entry, record in zip(found, made.records, strict=True):
        event = json.loads(entry["data"])["Event"]
        system = event["System"]
        event_id = system["EventID"]
        data = event.get("EventData") or event["UserData"][record.user_data]
        assert entry["event_record_id"] == system["EventRecordID"] == record.number
        assert system["Provider"]["#attributes"]["Name"] == record.provider.name
        assert (event_id["#text"] if isinstance(event_id, dict) else event_id) == record.event_id
        created = datetime.fromisoformat(system["TimeCreated"]["#attributes"]["SystemTime"])
        assert abs(created - record.created) < timedelta(microseconds=2)
        data.pop("#attributes", None)
        assert data == described(record)


def test_they_are_as_difficult_as_real_ones(made: MadeLog) -> None:
    used = [
        made.content[at : at + CHUNK]
        for at in range(4096, len(made.content), CHUNK)
        if made.content[at : at + 8] == b"ElfChnk\0"
    ]
    assert len(used) >= 5
    assert len(made.content) > 4096 + len(used) * CHUNK
    power = [r.event_id in POWER_RECORDS.get(name_of(r).casefold(), ()) for r in made.records]
    # Most records are not about power, and some of those have a number of one that is.
    assert power.count(False) > power.count(True) > 200
    strangers = Counter(
        record.event_id
        for record, is_power in zip(made.records, power, strict=True)
        if not is_power and record.event_id in POWER_RECORD_IDS
    )
    assert {13, 27, 55} <= set(strangers)
    # A log ends with something else than a record of a stop.
    assert not power[-1]


def name_of(record: Record) -> str:
    return record.provider.source or record.provider.name
