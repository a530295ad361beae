from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis.diagnose import diagnose_previous_stop
from powerdown.diagnosis.remedies import SHUT_DOWN_SOFTLY
from powerdown.diagnosis.verdict import Confidence, Source
from powerdown.windows.event_records import EventRecord
from powerdown.windows.query_commands import START_PROVIDERS

KERNEL_GENERAL = "Microsoft-Windows-Kernel-General"
KERNEL_POWER = "Microsoft-Windows-Kernel-Power"


def record(provider: str, event_id: int, **data: str) -> EventRecord:
    at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=event_id)
    return EventRecord(event_id, provider, event_id, at, data)


STARTED = record(KERNEL_GENERAL, 12)
LOG_STARTED = record("EventLog", 6005)
LOG_STOPPED = record("EventLog", 6006)
KERNEL_STOPPED = record(KERNEL_GENERAL, 13)
UNEXPECTED = record(KERNEL_POWER, 41, BugcheckCode="0")
UNCLEAN = record("EventLog", 6008)


@pytest.mark.parametrize(
    "records",
    [(LOG_STOPPED, KERNEL_STOPPED, STARTED, LOG_STARTED), (LOG_STOPPED,), (KERNEL_STOPPED,)],
)
def test_an_orderly_stop(records: tuple[EventRecord, ...]) -> None:
    verdict = diagnose_previous_stop(records)
    assert (verdict.outcome, verdict.cause) == (Outcome.COMPLETED, Cause.NONE)
    assert verdict.confidence is Confidence.HIGH
    assert verdict.remedy == ""
    assert all(evidence.source is Source.EVENT_LOG for evidence in verdict.evidence)


@pytest.mark.parametrize(
    ("records", "confidence"),
    [
        ((STARTED, UNEXPECTED, UNCLEAN, LOG_STARTED), Confidence.MEDIUM),
        ((STARTED, UNEXPECTED), Confidence.LOW),
        ((UNCLEAN, LOG_STARTED), Confidence.LOW),
    ],
)
def test_a_power_cut(records: tuple[EventRecord, ...], confidence: Confidence) -> None:
    verdict = diagnose_previous_stop(records)
    assert (verdict.outcome, verdict.cause) == (Outcome.FORCED_OFF, Cause.FORCED_SHUTDOWN)
    assert verdict.confidence is confidence
    assert verdict.remedy == SHUT_DOWN_SOFTLY
    assert {evidence.raw.split()[-2] for evidence in verdict.evidence} <= {"41", "6008", "EventLog"}


@pytest.mark.parametrize("code", ["159", "0x9f", "many", ""])
def test_a_crash_is_no_power_cut(code: str) -> None:
    crash = record(KERNEL_POWER, 41, BugcheckCode=code)
    verdict = diagnose_previous_stop((STARTED, crash, UNCLEAN))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.cause is Cause.UNKNOWN
    assert len(verdict.evidence) == 3


@pytest.mark.parametrize("source", ["BugCheck", "Microsoft-Windows-WER-SystemErrorReporting"])
@pytest.mark.parametrize("stop", [(UNEXPECTED, UNCLEAN), (UNCLEAN,), (LOG_STOPPED,)])
def test_a_recorded_bugcheck_is_neither_a_power_cut_nor_orderly(
    source: str, stop: tuple[EventRecord, ...]
) -> None:
    verdict = diagnose_previous_stop((*stop, STARTED, record(source, 1001)))
    assert verdict.outcome is Outcome.INCONCLUSIVE


def test_a_held_power_button_is_a_power_cut_and_its_time_is_evidence() -> None:
    held = record(KERNEL_POWER, 41, BugcheckCode="0", PowerButtonTimestamp="129165039139928187")
    verdict = diagnose_previous_stop((STARTED, held, UNCLEAN))
    assert verdict.outcome is Outcome.FORCED_OFF
    assert "PowerButtonTimestamp=129165039139928187" in verdict.evidence[0].raw


# Record id, provider and event id as a real Windows 10 (build 15063) recorded a restart: 13 of the
# stop comes behind 6005 of the start, and another provider uses the number 12.
REAL_RESTART = (
    (301, "EventLog", 6006),
    (310, "EventLog", 6005),
    (313, KERNEL_GENERAL, 13),
    (314, KERNEL_GENERAL, 12),
    (783, "Microsoft-Windows-UserModePowerService", 12),
)


@pytest.mark.parametrize("missing", [None, 6006, 13])
def test_the_order_of_a_real_log_and_one_missing_record_do_not_matter(missing: int | None) -> None:
    at = datetime(2017, 7, 12, tzinfo=UTC)
    records = [EventRecord(n, p, e, at, {}) for n, p, e in REAL_RESTART if e != missing]
    verdict = diagnose_previous_stop(records)
    assert (verdict.outcome, verdict.confidence) == (Outcome.COMPLETED, Confidence.HIGH)


def test_records_of_other_providers_are_no_evidence() -> None:
    others = [EventRecord(n, p, e, STARTED.created, {}) for n, p, e in REAL_RESTART[-2:]]
    verdict = diagnose_previous_stop(others)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert [evidence.raw.split()[1] for evidence in verdict.evidence] == [KERNEL_GENERAL]


def test_without_a_bugcheck_code_nothing_is_claimed() -> None:
    verdict = diagnose_previous_stop((record(KERNEL_POWER, 41), UNCLEAN))
    assert verdict.outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("code", ["0", "0x0", "00"])
def test_zero_in_any_notation_is_a_power_cut(code: str) -> None:
    cut = record(KERNEL_POWER, 41, BugcheckCode=code)
    assert diagnose_previous_stop((cut,)).outcome is Outcome.FORCED_OFF


def test_records_of_both_kinds_decide_nothing() -> None:
    verdict = diagnose_previous_stop((LOG_STOPPED, STARTED, UNEXPECTED))
    assert (verdict.outcome, verdict.confidence) == (Outcome.INCONCLUSIVE, Confidence.LOW)


def test_the_provider_counts_and_not_only_the_number() -> None:
    others = (record("Service Control Manager", 6006), record("Application Popup", 41))
    assert diagnose_previous_stop(others).outcome is Outcome.INCONCLUSIVE


def test_no_record_is_no_verdict() -> None:
    verdict = diagnose_previous_stop(())
    assert (verdict.outcome, verdict.evidence) == (Outcome.INCONCLUSIVE, ())


@given(
    st.lists(
        st.builds(
            record,
            st.sampled_from([KERNEL_GENERAL, KERNEL_POWER, "EventLog", "x"]),
            st.sampled_from([event_id for ids in START_PROVIDERS.values() for event_id in ids]),
            BugcheckCode=st.text(max_size=4),
        ),
        max_size=6,
    )
)
def test_every_log_has_a_verdict_that_is_sure_only_of_what_agrees(
    records: list[EventRecord],
) -> None:
    verdict = diagnose_previous_stop(records)
    found = {(r.provider, r.event_id) for r in records}
    cut = found & {(KERNEL_POWER, 41), ("EventLog", 6008)}
    orderly = found & {("EventLog", 6006), (KERNEL_GENERAL, 13)}
    if verdict.outcome is Outcome.FORCED_OFF:
        assert cut
        assert not orderly
    elif verdict.outcome is Outcome.COMPLETED:
        assert orderly
        assert not cut
    else:
        assert verdict.cause is Cause.UNKNOWN
