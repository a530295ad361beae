"""Which pairs of faults are sensible, and what the rules of the chain imply for them."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest

from powerdown.core.outcome import Cause, Outcome
from powerdown.faults import fault_pairs
from powerdown.faults.catalogue import CATALOGUE
from powerdown.faults.fault import BlockedAt, Fault, Trigger
from powerdown.faults.fault_pairs import ALONE, EXCLUSIONS, FaultPair, made, sensible_pairs

PAIRS = sensible_pairs()
BY_NAME = {str(fault): fault for fault in CATALOGUE}
CHAIN = list(BlockedAt)

every_pair = pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.variant)


def pair_of(one: str, other: str) -> FaultPair:
    return made(BY_NAME[one], BY_NAME[other])


def test_there_are_enough_and_not_too_many() -> None:
    assert 25 <= len(PAIRS) <= 40
    assert len({pair.variant for pair in PAIRS}) == len(PAIRS)


def test_every_failure_of_the_mission_is_in_some() -> None:
    found = {fault.scenario for pair in PAIRS for fault in pair.injected}
    assert found == {fault.scenario for fault in CATALOGUE}


def test_every_place_in_the_chain_is_in_some() -> None:
    assert {fault.blocked_at for pair in PAIRS for fault in pair.injected} == set(BlockedAt)


@pytest.mark.parametrize(
    "pattern", [*ALONE, *(name for each in EXCLUSIONS for name in (each.one, each.other))]
)
def test_what_is_excluded_is_in_the_catalogue(pattern: str) -> None:
    assert any(fnmatchcase(name, pattern) for name in BY_NAME)


@every_pair
def test_no_pair_excludes_itself(pair: FaultPair) -> None:
    assert pair.first.scenario is not pair.second.scenario
    for fault in pair.injected:
        assert str(fault) not in ALONE
        assert fault.trigger is Trigger.BUTTON
    assert not any(exclusion.covers(pair.first, pair.second) for exclusion in EXCLUSIONS)
    assert not any(exclusion.covers(pair.second, pair.first) for exclusion in EXCLUSIONS)


@every_pair
def test_what_is_expected_is_what_one_of_them_implies(pair: FaultPair) -> None:
    assert CHAIN.index(pair.first.blocked_at) <= CHAIN.index(pair.second.blocked_at)
    assert pair.expected
    assert set(pair.expected) <= {*pair.first.expected, *pair.second.expected}
    # At least one holds, so that completing cannot be the likeliest.
    assert pair.expected[0].outcome is not Outcome.COMPLETED


@every_pair
def test_nothing_is_injected_that_the_other_injection_undoes(pair: FaultPair) -> None:
    assert set(pair.injected) == {pair.first, pair.second}
    assert not fault_pairs.restarts(pair.injected[1])


def test_the_earlier_one_is_named_and_the_other_mentioned() -> None:
    pair = pair_of("windows-update/finishes", "power-button-ignored/by-scheme")
    assert str(pair.first) == "power-button-ignored/by-scheme"
    assert pair.expected == BY_NAME["power-button-ignored/by-scheme"].expected
    assert pair.mentions == {Cause.POWER_BUTTON_IGNORED, Cause.WINDOWS_UPDATE}


def test_what_only_delays_lets_the_shutdown_get_to_the_other() -> None:
    pair = pair_of("windows-update/finishes", "unresponsive-service/never-stops")
    assert pair.first.variant == "finishes"
    assert pair.expected == BY_NAME["unresponsive-service/never-stops"].expected
    assert pair.mentions == {Cause.WINDOWS_UPDATE, Cause.UNRESPONSIVE_SERVICE}


def test_what_only_delays_is_named_where_nothing_holds() -> None:
    pair = pair_of("windows-update/finishes", "unresponsive-app/hidden-window")
    assert pair.expected == BY_NAME["windows-update/finishes"].expected


def test_where_the_first_may_let_it_through_the_second_decides() -> None:
    pair = pair_of("no-logon-shutdown/forbidden", "unresponsive-service/never-stops")
    causes = [expected.cause for expected in pair.expected]
    assert causes == [Cause.NO_LOGON_SHUTDOWN, Cause.UNRESPONSIVE_SERVICE]


def test_a_guest_that_cannot_be_asked_mentions_nothing() -> None:
    assert pair_of("asleep/already-asleep", "power-button-ignored/by-scheme").mentions == set()


def test_a_program_that_will_hold_is_not_seen_in_settings() -> None:
    pair = pair_of("power-button-ignored/by-scheme", "unresponsive-app/refuses")
    assert pair.mentions == {Cause.POWER_BUTTON_IGNORED}


def test_a_control_is_never_blamed() -> None:
    controls = [pair for pair in PAIRS if pair.second.blocked_at is BlockedAt.NONE]
    assert {pair.second.scenario for pair in controls} >= {
        fault.scenario for fault in CATALOGUE if fault.blocked_at is BlockedAt.NONE
    }
    for pair in controls:
        assert Cause(pair.second.scenario) not in {expected.cause for expected in pair.expected}


def test_what_restarts_the_guest_is_injected_first() -> None:
    pair = pair_of("unresponsive-service/never-stops", "windows-update/restarts-instead")
    assert [fault.variant for fault in pair.injected] == ["never-stops", "restarts-instead"]
    late_first = pair_of("asleep/already-asleep", "power-button-ignored/by-scheme")
    assert [fault.variant for fault in late_first.injected] == ["by-scheme", "already-asleep"]


def test_of_a_stage_one_stands_for_all() -> None:
    def holding(blocked_at: BlockedAt) -> set[Fault]:
        return {f for pair in PAIRS for f in pair.injected if f.blocked_at is blocked_at}

    for blocked_at in CHAIN:
        if blocked_at is not BlockedAt.NONE:
            assert len(holding(blocked_at)) == 1
