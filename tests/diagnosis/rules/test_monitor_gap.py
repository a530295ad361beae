"""What is concluded where the host lost sight of the guest: nothing that was not seen."""

from __future__ import annotations

from typing import Any

import pytest

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis.diagnose import diagnose, is_conclusive
from powerdown.diagnosis.verdict import Confidence
from powerdown.machine.events import MONITOR_BACK, MONITOR_LOST, PROCESS_EXIT, HostEvent
from powerdown.machine.protocol import RunState
from powerdown.shutdown.observation import Command
from tests.support.observations import UNARMED, event, obs, powered_off

LOST = event(MONITOR_LOST, 101)
BACK = event(MONITOR_BACK, 102)
OFF = event("SHUTDOWN", 103, guest=True, reason="guest-shutdown")


def end(at: float = 103, **data: Any) -> HostEvent:
    return event(PROCESS_EXIT, at, **data)


@pytest.mark.parametrize(
    "events",
    [
        (LOST, BACK, end(obs=False)),
        # libvirt, back again, puts away what is off already: who ended it, it does not know.
        (LOST, BACK, end(libvirt="shutdown")),
        (LOST, end()),
        (end(libvirt="migrated"),),
        (end(libvirt="saved"),),
    ],
)
def test_an_end_that_nobody_saw_tells_nothing_of_the_guest(events: tuple[HostEvent, ...]) -> None:
    observation = obs(events=events, run_state=None)
    verdict = diagnose(observation)
    assert (verdict.outcome, verdict.cause) == (Outcome.INCONCLUSIVE, Cause.UNKNOWN)
    assert verdict.confidence is Confidence.LOW
    assert any(PROCESS_EXIT in evidence.raw for evidence in verdict.evidence)
    assert verdict.remedy


def test_an_end_in_plain_sight_is_the_hosts_fault() -> None:
    verdict = diagnose(obs(events=(end(libvirt="failed"),), run_state=None))
    assert (verdict.outcome, verdict.confidence) == (Outcome.HOST_FAULT, Confidence.HIGH)


@pytest.mark.parametrize("before", [(), (LOST, BACK)])
def test_a_power_off_that_was_seen_counts(before: tuple[HostEvent, ...]) -> None:
    verdict = diagnose(powered_off(103, *before))
    assert (verdict.outcome, verdict.confidence) == (Outcome.COMPLETED, Confidence.HIGH)


def test_lost_and_not_back_is_the_hosts_fault() -> None:
    verdict = diagnose(obs(events=(LOST,), run_state=None))
    assert verdict.outcome is Outcome.HOST_FAULT
    assert "Connect again" in verdict.remedy


def test_who_stayed_up_may_have_restarted_meanwhile() -> None:
    unarmed = {"pm1_before": UNARMED, "pm1_after": (UNARMED,)}
    sure, doubtful = obs(**unarmed), obs(events=(LOST, BACK), **unarmed)
    assert (diagnose(sure).cause, is_conclusive(sure)) == (Cause.PRESS_LOST, True)
    verdict = diagnose(doubtful)
    assert (verdict.cause, verdict.confidence) == (Cause.PRESS_LOST, Confidence.MEDIUM)
    assert verdict.evidence[-1].raw.startswith(MONITOR_BACK)
    assert not is_conclusive(doubtful)


@pytest.mark.parametrize("command", [Command.PRESS, Command.NOTHING, Command.QUIT])
def test_a_domain_that_was_destroyed(command: Command) -> None:
    cut = event("SHUTDOWN", 102, guest=False, reason="host-signal")
    for events in ((cut, end(libvirt="destroyed")), (end(libvirt="destroyed"),)):
        verdict = diagnose(obs(command=command, events=events, run_state=None))
        assert (verdict.outcome, verdict.confidence) == (Outcome.FORCED_OFF, Confidence.HIGH)
        assert "destroy the domain" in verdict.evidence[-1].fact


def test_destroyed_behind_its_power_off_it_has_completed() -> None:
    verdict = diagnose(obs(events=(OFF, end(libvirt="destroyed")), run_state=None))
    assert verdict.outcome is Outcome.COMPLETED


def test_a_host_that_starts_its_guest_again_is_told() -> None:
    again = event("RESET", 103.1, guest=False, reason="host-qmp-system-reset")
    verdict = diagnose(obs(events=(OFF, again), run_state=RunState.RUNNING))
    assert verdict.outcome is Outcome.COMPLETED
    assert [cause for cause, _ in verdict.also_seen] == [Cause.RESTART_REQUESTED]
    # One that was reset first, and powered off then, was not asked to.
    first = event("RESET", 101, guest=False, reason="host-qmp-system-reset")
    assert diagnose(obs(events=(first, OFF), run_state=None)).outcome is Outcome.FORCED_OFF
