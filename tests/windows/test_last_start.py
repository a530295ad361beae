from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standin.wsman import serve

from powerdown.core.outcome import Outcome
from powerdown.diagnosis.diagnose import diagnose_previous_stop
from powerdown.guest.windows import Windows
from powerdown.windows.event_records import EventRecord
from powerdown.windows.last_start import around_last_start
from powerdown.windows.query_commands import START_PROVIDERS
from tests.support.modelled_guest import OpenChannel
from tests.support.modelled_machine import Machine

PROVIDER = {event_id: name for name, ids in START_PROVIDERS.items() for event_id in ids}


def records(ids: str) -> list[EventRecord]:
    """Records of these ids; a mark such as ``41b`` tells those of one id apart."""
    found = []
    for number, word in enumerate(ids.split(), start=1):
        event_id = int(word.rstrip("abc"))
        data = {"BugcheckCode": "0", "mark": word}
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        found.append(EventRecord(number, PROVIDER[event_id], event_id, moment, data))
    return found


@pytest.mark.parametrize(
    ("log", "kept", "outcome"),
    [
        pytest.param("6005 12", "6005 12", Outcome.INCONCLUSIVE, id="first start"),
        # As real Windows 10 logs have it: 13 and 12 behind 6005.
        pytest.param(
            "6005a 12a 6006a 6005b 13a 12b 6006b 6005c 13b 12c",
            "6006b 6005c 13b 12c",
            Outcome.COMPLETED,
            id="orderly, then orderly",
        ),
        pytest.param(
            "6005a 12a 6006a 6005b 13a 12b 6008c 6005c 12c 41c",
            "6008c 6005c 12c 41c",
            Outcome.FORCED_OFF,
            id="orderly, then cut",
        ),
        pytest.param(
            "6005a 12a 6008b 6005b 12b 41b 6008c 6005c 12c 41c",
            "6008c 6005c 12c 41c",
            Outcome.FORCED_OFF,
            id="cut, then cut",
        ),
        pytest.param(
            "6005a 12a 6008b 6005b 12b 41b 6006b 6005c 13b 12c",
            "6006b 6005c 13b 12c",
            Outcome.COMPLETED,
            id="cut, then orderly",
        ),
        pytest.param(
            "6005a 12a 6008b 6005b 12b 41b 1001b 6006b 6005c 13b 12c",
            "6006b 6005c 13b 12c",
            Outcome.COMPLETED,
            id="crash, then orderly",
        ),
        # As the stand-in and some real logs have it: all of a start in front of 6005.
        pytest.param(
            "12a 6005a 6006a 13a 12b 6005b 6006b 13b 12c 6005c",
            "6006b 13b 12c 6005c",
            Outcome.COMPLETED,
            id="orderly twice, 12 first",
        ),
        pytest.param(
            "12a 6005a 12b 41b 6008b 6005b 12c 41c 6008c 6005c",
            "12c 41c 6008c 6005c",
            Outcome.FORCED_OFF,
            id="cut twice, 12 first",
        ),
        pytest.param(
            "12a 6005a 6006a 13a 12b 6005b 1001b 12c 41c 6008c 6005c 1001c",
            "12c 41c 6008c 6005c 1001c",
            Outcome.INCONCLUSIVE,
            id="crash, 12 first",
        ),
        # The log changed from one order to the other.
        pytest.param(
            "6005a 12a 41a 12b 41b 6008b 6005b",
            "12b 41b 6008b 6005b",
            Outcome.FORCED_OFF,
            id="cut, 12 behind, then 12 first",
        ),
        pytest.param(
            "12a 6005a 13b 12b 6005b",
            "13b 12b 6005b",
            Outcome.COMPLETED,
            id="orderly without 6006, 12 first",
        ),
    ],
)
def test_only_the_last_stop_is_left(log: str, kept: str, outcome: Outcome) -> None:
    found = around_last_start(records(log))
    assert [record.data["mark"] for record in found] == kept.split()
    assert diagnose_previous_stop(found).outcome == outcome


def test_other_providers_start_nothing() -> None:
    strange = EventRecord(2, "Other", 6005, datetime(2026, 1, 1, tzinfo=UTC), {})
    log = [*records("6005a"), strange, *records("6006a")]
    assert around_last_start(log) == tuple(log)


@given(st.lists(st.sampled_from(sorted(PROVIDER))))
def test_the_end_of_the_log_is_always_kept_in_order(ids: list[int]) -> None:
    log = records(" ".join(str(i) for i in ids))
    found = around_last_start(log)
    last = max((i for i, record in enumerate(log) if record.event_id == 6005), default=0)
    assert found[len(found) - len(log[last:]) :] == tuple(log[last:])
    assert list(found) == [record for record in log if record in found]


def test_a_power_cut_is_told_from_what_was_before(
    machine: Machine, open_channel: OpenChannel
) -> None:
    for cuts, outcome in enumerate((Outcome.INCONCLUSIVE, Outcome.FORCED_OFF, Outcome.FORCED_OFF)):
        if cuts:
            machine.boot(dirty=True)
        with closing(serve(machine.system, port=0, host="127.0.0.1")) as server:
            windows = Windows(open_channel(("127.0.0.1", server.port)))
            found = windows.events_around_last_start()
        assert [r.event_id for r in found] == [12, 41, 6008, 6005] if cuts else [12, 6005]
        assert diagnose_previous_stop(found).outcome == outcome
