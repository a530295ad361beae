"""The oracle and the dice, without any guest."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.diagnosis.verdict import Confidence, Verdict
from powerdown.images.definition import read
from powerdown.windows.settings.button_settings import ButtonAction
from tests.support.paths import REPOSITORY

from .configuration import Ask, Configuration, Damage, Holder, Program, Session, Update
from .draw import draw
from .judgement import Judgement, accepted, judge
from .oracle import COMPLETED, CRASHED, HIBERNATES, RESTARTS, SLEEPS, right

IMAGE = read(REPOSITORY / "fixtures/images/standin.toml").described
BUDGETS = IMAGE.budgets
PLAIN = Configuration(0, 0)


def up(cause: Cause) -> Expected:
    return Expected(Outcome.STAYED_UP, cause)


def slow(cause: Cause) -> Expected:
    return Expected(Outcome.SLOW_BUT_COMPLETED, cause)


APP, SERVICE, UPDATE = (
    Cause.UNRESPONSIVE_APP,
    Cause.UNRESPONSIVE_SERVICE,
    Cause.WINDOWS_UPDATE,
)
IGNORED = up(Cause.POWER_BUTTON_IGNORED)
DAMAGED = up(Cause.DAMAGED_SYSTEM)
DARK = up(Cause.ASLEEP)
FOR_EVER = Holder(2_147_483_647, 300_000)
SLOWLY = Holder(2_147_483_647, 11_000)


@pytest.mark.parametrize(
    ("changes", "verdicts"),
    [
        ({}, {COMPLETED}),
        ({"ask": Ask.PRESS_TWICE}, {COMPLETED}),
        ({"update": Update.MARKER}, {COMPLETED}),
        ({"aborter": True}, {COMPLETED}),
        ({"session": Session.LOCKED}, {COMPLETED}),
        ({"damage": Damage.CRASH}, {CRASHED}),
        ({"damage": Damage.HANG, "button_policy": ButtonAction.NOTHING}, {DAMAGED}),
        ({"asleep": True, "programs": (Program.REFUSER,)}, {SLEEPS}),
        ({"ask": Ask.PRESS_IN_FIRMWARE}, {up(Cause.PRESS_LOST)}),
        ({"button_ac": ButtonAction.NOTHING, "button_dc": ButtonAction.SHUT_DOWN}, {IGNORED}),
        ({"button_ac": ButtonAction.SHUT_DOWN, "button_dc": ButtonAction.NOTHING}, {COMPLETED}),
        (
            {
                "button_ac": ButtonAction.NOTHING,
                "button_dc": ButtonAction.NOTHING,
                "button_policy": ButtonAction.SHUT_DOWN,
            },
            {COMPLETED},
        ),
        ({"button_policy": ButtonAction.SLEEP}, {SLEEPS}),
        ({"button_policy": ButtonAction.HIBERNATE, "hibernation": True}, {HIBERNATES}),
        ({"button_policy": ButtonAction.HIBERNATE}, {IGNORED, SLEEPS}),
        ({"hibernation": True, "fast_startup": True}, {HIBERNATES, COMPLETED}),
        ({"hibernation": True, "fast_startup": True, "ask": Ask.COMMAND}, {COMPLETED}),
        (
            {"session": Session.LOGGED_OFF, "shutdown_without_logon": False},
            {up(Cause.NO_LOGON_SHUTDOWN), COMPLETED},
        ),
        (
            {
                "session": Session.LOGGED_OFF,
                "shutdown_without_logon": False,
                "ask": Ask.COMMAND,
            },
            {COMPLETED},
        ),
        ({"session": Session.LOGGED_OFF, "shutdown_without_logon": True}, {COMPLETED}),
        ({"tracker": True, "dialog": True}, {up(Cause.EVENT_TRACKER), COMPLETED}),
        ({"tracker": False, "dialog": True}, {COMPLETED}),
        ({"tracker": True}, {COMPLETED}),
        ({"dark": True}, {DARK, COMPLETED}),
        ({"dark": True, "ask": Ask.PRESS_TWICE}, {COMPLETED}),
        ({"dark": True, "programs": (Program.REASONED,)}, {DARK, up(APP)}),
        ({"programs": (Program.DOCUMENT,)}, {COMPLETED}),
        ({"programs": (Program.DOCUMENT, Program.HANGER)}, {up(APP)}),
        ({"programs": (Program.REFUSER,), "holders": (FOR_EVER,)}, {up(APP)}),
        ({"programs": (Program.HIDDEN,), "allow_blocking_apps": True}, {up(APP)}),
        (
            {"programs": (Program.CONSOLE,), "allow_blocking_apps": True},
            {up(APP), COMPLETED, slow(APP)},
        ),
        ({"programs": (Program.HIDDEN,), "hung_app_ms": 1000}, {COMPLETED}),
        (
            {"programs": (Program.HANGER,), "auto_end_tasks": True, "hung_app_ms": 1000},
            {COMPLETED},
        ),
        (
            {"programs": (Program.HANGER,), "auto_end_tasks": True, "hung_app_ms": 11_000},
            {slow(APP)},
        ),
        ({"programs": (Program.LINGERER,), "linger_ms": 500}, {COMPLETED}),
        ({"programs": (Program.LINGERER,), "linger_ms": 14_000}, {up(APP), slow(APP)}),
        ({"programs": (Program.LINGERER,), "linger_ms": 300_000}, {up(APP)}),
        (
            {"programs": (Program.LINGERER,), "linger_ms": 14_000, "hung_app_ms": 15_000},
            {slow(APP)},
        ),
        (
            {"programs": (Program.LINGERER,), "linger_ms": 300_000, "auto_end_tasks": True,
             "wait_to_kill_app_ms": 12_000},
            {COMPLETED, slow(APP)},
        ),
        (
            {"programs": (Program.LINGERER,), "linger_ms": 14_000, "auto_end_tasks": True,
             "hung_app_ms": 1000, "wait_to_kill_app_ms": 2000},
            {COMPLETED},
        ),
        (
            {"programs": (Program.REFUSER,), "ask": Ask.COMMAND_WITH_COUNTDOWN, "hung_app_ms": 1},
            {COMPLETED, slow(Cause.UNKNOWN)},
        ),
        ({"ask": Ask.COMMAND_WITH_COUNTDOWN, "aborter": True}, {DAMAGED}),
        ({"ask": Ask.COMMAND, "aborter": True}, {COMPLETED}),
        ({"holders": (SLOWLY,)}, {slow(SERVICE)}),
        ({"holders": (FOR_EVER,)}, {up(SERVICE)}),
        ({"holders": (Holder(1000, 300_000),)}, {COMPLETED}),
        ({"update": Update.PACKAGE}, {slow(UPDATE)}),
        ({"update": Update.LONG_PACKAGE}, {up(UPDATE)}),
        ({"update": Update.LONG_PACKAGE, "holders": (FOR_EVER,)}, {up(UPDATE), up(SERVICE)}),
        ({"update": Update.RESTARTING_PACKAGE}, {RESTARTS}),
        ({"stubborn": 1, "wait_to_kill_service_ms": 1000}, {COMPLETED}),
        ({"stubborn": 1, "wait_to_kill_service_ms": 11_000}, {slow(SERVICE)}),
        ({"stubborn": 2, "wait_to_kill_service_ms": 300_000}, {up(SERVICE)}),
        ({"hibernation": True, "fast_startup": True, "holders": (FOR_EVER,)},
         {HIBERNATES, up(SERVICE)}),
    ],
    # Not str: sets have another order in each process of a parallel run.
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)  # fmt: skip
def test_documented_rules(changes, verdicts):
    assert right(replace(PLAIN, **changes), BUDGETS).verdicts == verdicts


def test_it_knows_neither_the_diagnosis_nor_the_faults_nor_the_model():
    source = (Path(__file__).parent / "oracle.py").read_text()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").partition(".")[0] != "standin"
            assert not (node.module or "").startswith(("powerdown.diagnosis", "powerdown.faults"))
        assert not isinstance(node, ast.Import)


def test_the_longer_of_two_delays_is_blamed_and_one_half_as_long_may_be():
    much = replace(PLAIN, programs=(Program.HANGER,), auto_end_tasks=True, hung_app_ms=12_000)
    short, long = Holder(60_000, 2_000), Holder(60_000, 7_000)
    assert right(replace(much, holders=(short,)), BUDGETS).verdicts == {slow(APP)}
    assert right(replace(much, holders=(long,)), BUDGETS).verdicts == {slow(APP), slow(SERVICE)}


def test_a_shutdown_cannot_be_faster_than_what_holds_it():
    expected = right(replace(PLAIN, holders=(SLOWLY,)), BUDGETS)
    assert expected.seconds.least == 10.0
    verdict = Verdict(Outcome.SLOW_BUT_COMPLETED, SERVICE, Confidence.HIGH, ())
    assert judge(expected, verdict, 12.0) is Judgement.AGREED
    assert judge(expected, verdict, 9.0) is Judgement.DISAGREED


def test_what_is_left_open_is_said():
    assert right(PLAIN, BUDGETS).left_open == ()
    assert right(replace(PLAIN, dark=True), BUDGETS).left_open


@pytest.mark.parametrize(
    ("outcome", "cause", "confidence", "judgement"),
    [
        (Outcome.COMPLETED, Cause.NONE, Confidence.HIGH, Judgement.DISAGREED),
        (Outcome.SLOW_BUT_COMPLETED, SERVICE, Confidence.LOW, Judgement.AGREED),
        (Outcome.SLOW_BUT_COMPLETED, Cause.UNKNOWN, Confidence.HIGH, Judgement.INCONCLUSIVE),
        (Outcome.SLOW_BUT_COMPLETED, APP, Confidence.LOW, Judgement.UNSURE),
        (Outcome.INCONCLUSIVE, Cause.UNKNOWN, Confidence.LOW, Judgement.INCONCLUSIVE),
    ],
)
def test_judgement(outcome, cause, confidence, judgement):
    expected = right(replace(PLAIN, holders=(SLOWLY,)), BUDGETS)
    found = judge(expected, Verdict(outcome, cause, confidence, ()), 12.0)
    assert found is judgement
    assert accepted(expected, found) is (judgement is Judgement.AGREED)


def test_inconclusive_is_right_where_nothing_can_be_known():
    early = right(replace(PLAIN, ask=Ask.PRESS_WHEN_ARMED), BUDGETS)
    assert accepted(early, Judgement.INCONCLUSIVE)
    assert not accepted(early, Judgement.DISAGREED)


@given(number=st.integers(0, 10_000), seed=st.integers(0, 100))
def test_a_number_is_always_the_same_guest_and_something_is_right_for_it(number, seed):
    guest = draw(number, seed, IMAGE)
    assert guest == draw(number, seed, IMAGE)
    assert right(guest, BUDGETS).verdicts


@given(number=st.integers(0, 10_000))
def test_harmless_additions_take_nothing_away(number):
    """What documentation says does nothing leaves the right verdicts as they are."""
    guest = draw(number, 1, IMAGE)
    plain = right(guest, BUDGETS).verdicts
    if guest.update is Update.NONE:
        assert right(replace(guest, update=Update.MARKER), BUDGETS).verdicts == plain
    if guest.session is Session.LOGGED_ON:
        assert right(replace(guest, shutdown_without_logon=False), BUDGETS).verdicts == plain


def test_most_guests_have_one_to_three_deviations_and_everything_occurs():
    guests = [draw(number, 3, IMAGE) for number in range(1000)]
    kinds = Counter()
    for guest in guests:
        kinds.update(deviation.partition("=")[0] for deviation in guest.deviations)
    assert set(kinds) == set(PLAIN.to_json()) - {"number", "seed"}
    outcomes = Counter(v for guest in guests for v in right(guest, BUDGETS).verdicts)
    causes = {verdict.cause for verdict in outcomes}
    assert causes == set(Cause) - {Cause.RESTART_REQUESTED, Cause.FORCED_SHUTDOWN, Cause.HOST_FAULT}


@pytest.mark.parametrize(
    "changes",
    [
        {"session": Session.LOGGED_OFF, "shutdown_without_logon": True, "dialog": True},
        {"session": Session.LOGGED_OFF},
        {"asleep": True, "hibernation": True},
        {"ask": Ask.COMMAND, "asleep": True},
        {"ask": Ask.PRESS_IN_FIRMWARE, "programs": (Program.DOCUMENT,)},
        {"button_policy": ButtonAction.DISPLAY_OFF},
        {"button_ac": ButtonAction.NOTHING},
        {"linger_ms": 500},
        {"programs": (Program.LINGERER,)},
        {"fast_startup": True},
    ],
    ids=str,
)
def test_what_no_guest_can_be_is_refused(changes):
    with pytest.raises(ValueError, match="guest 0 of seed 0"):
        replace(PLAIN, **changes)
