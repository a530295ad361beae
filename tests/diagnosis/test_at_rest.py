"""What the disk of a guest that is off adds to the verdict."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis.diagnose import diagnose
from powerdown.diagnosis.verdict import Source, Verdict
from powerdown.shutdown.observation import Command, Observation
from powerdown.shutdown.post_mortem import PostMortem
from powerdown.windows.event_records import EventRecord
from tests.support.observations import (
    BY_BUTTON,
    HIGH,
    LOW,
    MEDIUM,
    PRESSED,
    baseline,
    by_command,
    event,
    found,
    inside,
    obs,
    powered_off,
    record,
    sample,
)

COMPLETED = (Outcome.COMPLETED, Cause.NONE)
LOG_ENDED = record(9, 6006, "EventLog")
STARTED = record(2, 6005, "EventLog")


def after(seconds: float, entry: EventRecord) -> EventRecord:
    """The record, written so long after :data:`BY_BUTTON`."""
    return replace(entry, created=BY_BUTTON.created + timedelta(seconds=seconds))


def off(*records: EventRecord, at: float = 105.0, **changes: Any) -> Observation:
    """A press, power-off, and a disk on which the log holds these behind its start."""
    disk = PostMortem(106.0, (STARTED, *records), volume_dirty=False, hibernated=False)
    return powered_off(at, **{"post_mortem": disk, **changes})


def facts_of(verdict: Verdict) -> list[str]:
    return [evidence.fact for evidence in verdict.evidence]


def test_an_orderly_end_is_told_with_its_times() -> None:
    verdict = diagnose(off(BY_BUTTON, after(4.0, LOG_ENDED)))
    assert (verdict.outcome, verdict.confidence) == (Outcome.COMPLETED, HIGH)
    told = [e for e in verdict.evidence if e.fact.endswith("(read from the disk)")]
    assert [round(e.at - PRESSED, 2) for e in told if e.at is not None] == [0.55, 4.55]
    assert all("(to 0.47 s)" in e.raw for e in told)
    assert "the Windows volume is clean" in facts_of(verdict)


def test_a_power_off_that_windows_did_not_record_is_doubtful() -> None:
    assert found(off()) == (*COMPLETED, MEDIUM)
    assert found(off(BY_BUTTON)) == (*COMPLETED, MEDIUM)
    assert "no record of an orderly end" in facts_of(diagnose(off(BY_BUTTON)))
    commanded = inside("shutdown /s /t 0")
    ended = off(by_command(), command=Command.INSIDE, answer=commanded.answer)
    assert found(ended) == (*COMPLETED, MEDIUM)


def test_what_the_log_held_before_the_command_is_no_end_of_this_stop() -> None:
    earlier = record(5, 6006, "EventLog")
    assert found(off(earlier, baseline=baseline(last_record=7))) == (*COMPLETED, MEDIUM)


def test_a_log_that_could_not_be_read_changes_nothing() -> None:
    unread = PostMortem(106.0, None, notes=("no log",))
    assert found(powered_off(105, post_mortem=unread)) == (*COMPLETED, HIGH)
    assert "no log" in [e.raw for e in diagnose(powered_off(105, post_mortem=unread)).evidence]


def test_what_only_a_look_showed_is_not_said_to_be_on_the_disk() -> None:
    unread = PostMortem(106.0, None, volume_dirty=False)
    told = diagnose(powered_off(105, post_mortem=unread, samples=(sample(101, by_command()),)))
    assert told.confidence is MEDIUM
    assert "recorded since the command" in facts_of(told)
    assert not any("disk" in fact for fact in facts_of(told))


def test_seen_from_outside_the_log_is_told_and_not_relied_on() -> None:
    verdict = diagnose(off(BY_BUTTON, LOG_ENDED, baseline=None))
    assert (verdict.outcome, verdict.confidence) == (Outcome.COMPLETED, HIGH)
    told = [e for e in verdict.evidence if e.fact.endswith("(read from the disk)")]
    assert len(told) == 2
    assert all(e.at is None for e in told), "its clock is not known"


def test_anothers_shutdown_is_read_from_the_disk_too() -> None:
    assert found(off(by_command(), LOG_ENDED)) == (*COMPLETED, MEDIUM)


def test_a_saved_system_is_no_shutdown_whatever_qemu_saw() -> None:
    disk = PostMortem(106.0, (STARTED,), volume_dirty=False, hibernated=True)
    verdict = diagnose(powered_off(105, post_mortem=disk))
    assert (verdict.outcome, verdict.cause) == (Outcome.HIBERNATED, Cause.ASLEEP)
    assert "the hibernation file holds a saved system" in facts_of(verdict)


def test_a_forced_stop_shows_its_traces() -> None:
    killed = event("PROCESS_EXIT", 101, status=-9)
    disk = PostMortem(106.0, (STARTED,), volume_dirty=True, hibernated=False)
    verdict = diagnose(
        obs(command=Command.KILL, events=(killed,), run_state=None, post_mortem=disk)
    )
    assert verdict.outcome is Outcome.FORCED_OFF
    assert {"no record of an orderly end", "the Windows volume is marked dirty"} <= set(
        facts_of(verdict)
    )


class TestSlowAndUnwatched:
    """Nobody could look inside; Service Control Manager 7043 names what was waited for."""

    @staticmethod
    def overran(name: str) -> EventRecord:
        return after(24.0, record(9, 7043, "Service Control Manager", param1=name))

    def slow(self, name: str, **changes: Any) -> Observation:
        return off(BY_BUTTON, self.overran(name), after(26.0, record(10, 6006, "EventLog")),
                   at=PRESSED + 27.0, **changes)  # fmt: skip

    def test_a_service(self) -> None:
        verdict = diagnose(self.slow("Backup Helper"))
        assert found(self.slow("Backup Helper")) == (
            Outcome.SLOW_BUT_COMPLETED,
            Cause.UNRESPONSIVE_SERVICE,
            MEDIUM,
        )
        assert verdict.culprit == "Backup Helper"
        assert any(e.fact == "Windows gave up waiting" and e.at for e in verdict.evidence)

    def test_an_update_service(self) -> None:
        assert found(self.slow("Windows Modules Installer"))[1:] == (Cause.WINDOWS_UPDATE, MEDIUM)

    def test_a_name_that_may_be_an_update_services_in_another_language(self) -> None:
        pending = baseline(update_markers=("RebootPending",))
        told = found(self.slow("Windows Modul-Installer", baseline=pending))
        assert told[1:] == (Cause.UNRESPONSIVE_SERVICE, LOW)


def test_evidence_from_the_disk_says_so() -> None:
    verdict = diagnose(off(BY_BUTTON, LOG_ENDED))
    assert Source.DISK in {evidence.source for evidence in verdict.evidence}
