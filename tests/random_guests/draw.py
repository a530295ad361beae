"""Chance: guest number N of seed S is always the same one.

A guest gets a few deviations, most often one to three, each of a kind that is drawn by weight. Of
those that no guest can have together the later one is dropped. Lengths of time are drawn well below
or beyond the image's budgets: what lies close to them only tells how fast the host is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from powerdown.images.image import Budgets, Image
from powerdown.windows.settings.button_settings import ButtonAction

from .configuration import Ask, Configuration, Damage, Holder, Program, Session, Update

Change = Mapping[str, Any]
"""Fields of a configuration and their values."""

_NUMBER_OF_DEVIATIONS = {0: 4, 1: 30, 2: 36, 3: 21, 4: 6, 5: 3}
_FOR_EVER_MS = 2_147_483_647
_MOST_TRIES = 40


def draw(number: int, seed: int, image: Image) -> Configuration:
    """Guest ``number`` of ``seed`` for an image."""
    # A string seeds all of its bits; neighbours would differ in few otherwise.
    random = Random(f"powerdown random guest {seed}/{number}")
    wanted = _weighted(random, _NUMBER_OF_DEVIATIONS)
    values: dict[str, Any] = {}
    taken = 0
    for _ in range(_MOST_TRIES):
        if taken == wanted:
            break
        change = _weighted(random, _KINDS)(random, image)
        # A second deviation of the same kind would undo the first.
        if not change or change.keys() & values.keys():
            continue
        if _possible(number, seed, {**values, **change}):
            values.update(change)
            taken += 1
    return Configuration(number, seed, **values)


def _possible(number: int, seed: int, values: Change) -> bool:
    try:
        Configuration(number, seed, **values)
    except ValueError:
        return False
    return True


def _button(random: Random, image: Image) -> Change:
    action = random.choice(list(ButtonAction))
    if random.random() < 0.35:
        policy = random.choice([a for a in ButtonAction if a is not ButtonAction.DISPLAY_OFF])
        scheme = random.choice([None, ButtonAction.SHUT_DOWN, ButtonAction.NOTHING])
        return {"button_policy": policy, "button_ac": scheme, "button_dc": scheme}
    other = random.choice([action, action, ButtonAction.SHUT_DOWN, ButtonAction.NOTHING])
    return {"button_ac": action, "button_dc": other}


def _hibernation(random: Random, image: Image) -> Change:
    return {"hibernation": True, "fast_startup": random.random() < 0.6}


def _session(random: Random, image: Image) -> Change:
    session = random.choice([Session.LOGGED_OFF, Session.LOGGED_OFF, Session.LOCKED])
    return {"session": session, "shutdown_without_logon": random.random() < 0.5}


def _logon_policy(random: Random, image: Image) -> Change:
    return {"shutdown_without_logon": random.random() < 0.3}


def _tracker(random: Random, image: Image) -> Change:
    dialog = random.random() < 0.5
    return {"tracker": random.random() < 0.75, "dialog": dialog}


def _dark(random: Random, image: Image) -> Change:
    return {"dark": True}


def _programs(random: Random, image: Image) -> Change:
    number = _weighted(random, {1: 70, 2: 25, 3: 5})
    change: dict[str, Any] = {"programs": tuple(random.sample(list(Program), number))}
    return {**change, **_lingers(random, image.budgets, change["programs"])}


def _lingers(random: Random, budgets: Budgets, programs: tuple[Program, ...]) -> Change:
    """How slow the lingerer among ``programs`` is to end."""
    if Program.LINGERER not in programs:
        return {}
    for_ever = round(10_000 * budgets.shutdown_hard)
    slow = _beyond_soft_ms(random, budgets)
    return {"linger_ms": _weighted(random, {500: 2, slow: 4, for_ever: 2})}


def _patience(random: Random, image: Image) -> Change:
    """Programs are ended: with those that would hold, or it shows nothing."""
    long = _beyond_soft_ms(random, image.budgets)
    change: dict[str, Any] = {
        "auto_end_tasks": random.random() < 0.75,
        "hung_app_ms": _weighted(random, {None: 3, 1000: 5, 2000: 3, long: 3}),
    }
    if not change["auto_end_tasks"] and change["hung_app_ms"] is None:
        change["hung_app_ms"] = 1000
    return {**change, **_programs(random, image)}


def _time_to_end(random: Random, image: Image) -> Change:
    """Programs that agreed are ended: with one that is slow to end."""
    for_ever = round(10_000 * image.budgets.shutdown_hard)
    change: dict[str, Any] = {
        "auto_end_tasks": random.random() < 0.75,
        "wait_to_kill_app_ms": _weighted(
            random, {1000: 3, 2000: 2, _beyond_soft_ms(random, image.budgets): 3, for_ever: 3}
        ),
        "programs": (Program.LINGERER,),
    }
    return {**change, **_lingers(random, image.budgets, change["programs"])}


def _allow_blocking(random: Random, image: Image) -> Change:
    programs = {Program.HIDDEN: 2, Program.CONSOLE: 2, Program.DOCUMENT: 1}
    return {"allow_blocking_apps": True, "programs": (_weighted(random, programs),)}


def _stubborn(random: Random, image: Image) -> Change:
    change: dict[str, Any] = {"stubborn": _weighted(random, {1: 4, 2: 1})}
    if random.random() < 0.6:
        change["wait_to_kill_service_ms"] = _weighted(
            random,
            {
                1000: 4,
                2000: 2,
                _beyond_soft_ms(random, image.budgets): 3,
                round(10_000 * image.budgets.shutdown_hard): 3,
            },
        )
    return change


def _holders(random: Random, image: Image) -> Change:
    number = _weighted(random, {1: 4, 2: 1})
    return {"holders": tuple(_holder(random, image.budgets) for _ in range(number))}


def _holder(random: Random, budgets: Budgets) -> Holder:
    short = random.choice([500, 1500])
    slow = _beyond_soft_ms(random, budgets)
    for_ever = round(10_000 * budgets.shutdown_hard)
    timeout, work = _weighted(
        random,
        {
            (_FOR_EVER_MS, short): 3,
            (slow, short): 2,
            # It works on, and the service manager goes on without it.
            (short, slow): 2,
            (short, for_ever): 3,
            (_FOR_EVER_MS, slow): 3,
            (slow, for_ever): 2,
            (_FOR_EVER_MS, for_ever): 2,
        },
    )
    return Holder(timeout, work)


def _update(random: Random, image: Image) -> Change:
    weights = {Update.MARKER: 5}
    for kind, weight in (
        (Update.PACKAGE, 4),
        (Update.LONG_PACKAGE, 1),
        (Update.RESTARTING_PACKAGE, 3),
    ):
        if getattr(image.updates, kind) is not None:
            weights[kind] = weight
    return {"update": _weighted(random, weights)}


def _asleep(random: Random, image: Image) -> Change:
    return {"asleep": True}


def _damage(random: Random, image: Image) -> Change:
    return {"damage": random.choice([Damage.HANG, Damage.CRASH])}


def _ask(random: Random, image: Image) -> Change:
    return {
        "ask": _weighted(
            random,
            {
                Ask.PRESS_TWICE: 6,
                Ask.PRESS_IN_FIRMWARE: 2,
                Ask.PRESS_WHEN_ARMED: 3,
                Ask.COMMAND: 3,
            },
        )
    }


def _countdown(random: Random, image: Image) -> Change:
    return {"ask": Ask.COMMAND_WITH_COUNTDOWN, "aborter": random.random() < 0.6}


def _aborter(random: Random, image: Image) -> Change:
    return {"aborter": True}


_KINDS: Mapping[Callable[[Random, Image], Change], float] = {
    _button: 12,
    _hibernation: 8,
    _session: 14,
    _logon_policy: 3,
    _tracker: 8,
    _dark: 6,
    _programs: 14,
    _patience: 7,
    _time_to_end: 5,
    _allow_blocking: 5,
    _stubborn: 6,
    _holders: 8,
    _update: 7,
    _asleep: 3,
    _damage: 4,
    _ask: 10,
    _countdown: 4,
    _aborter: 1,
}


def _beyond_soft_ms(random: Random, budgets: Budgets) -> int:
    """Milliseconds that pass the soft budget with certainty and stay far from the hard one."""
    soft, hard = budgets.shutdown_soft, budgets.shutdown_hard
    return round(1000 * (soft + (hard - soft) * random.choice([0.1, 0.2])))


def _weighted(random: Random, weights: Mapping[Any, float]) -> Any:
    return random.choices(list(weights), list(weights.values()))[0]
