"""The power button is set to something else than shutting down, and to nothing that ends the guest.

Sources: fact:button-action-index, fact:button-default-read-through; Microsoft Learn, "Power button
action".
"""

from __future__ import annotations

import re
from functools import partial

from powerdown.core.errors import ControlChannelError
from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.faults.fault import (
    COMPLETED,
    BlockedAt,
    Fault,
    ScenarioId,
    changes,
    of_settings,
    set_if_permitted,
)
from powerdown.faults.fault_target import FaultTarget
from powerdown.faults.offline import Offline, fixed
from powerdown.windows import commands
from powerdown.windows.settings.button_settings import POWER_BUTTON, ButtonAction
from powerdown.windows.settings.change import Change
from powerdown.windows.settings.power_scheme import QUERY_ACTIVE_SCHEME

IGNORED = Expected(Outcome.STAYED_UP, Cause.POWER_BUTTON_IGNORED)

_SOURCES = ("fact:button-action-index", "learn: Power button action")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SHUT_DOWN = POWER_BUTTON.set(ButtonAction.SHUT_DOWN)
_NOTHING = POWER_BUTTON.set(ButtonAction.NOTHING)
_DISPLAY_OFF = POWER_BUTTON.set(ButtonAction.DISPLAY_OFF)
_NOTHING_ON_AC = POWER_BUTTON.set(ac=ButtonAction.NOTHING, dc=ButtonAction.SHUT_DOWN)
_NOTHING_ON_DC = POWER_BUTTON.set(ac=ButtonAction.SHUT_DOWN, dc=ButtonAction.NOTHING)
_DEFAULT = POWER_BUTTON.set_default(ButtonAction.NOTHING)
_POLICY = POWER_BUTTON.set_policy(ButtonAction.NOTHING)
_NO_POLICY = POWER_BUTTON.no_policy()

_fault = partial(
    Fault,
    scenario=ScenarioId.POWER_BUTTON_IGNORED,
    remedies=_SHUT_DOWN.commands,
    remedy=changes(_SHUT_DOWN),
    expected=(IGNORED,),
    blocked_at=BlockedAt.BUTTON,
)


def _change_default(target: FaultTarget) -> None:
    scheme = _active_scheme(target)
    # Most images have none of their own; then there is nothing to delete.
    clear, *set_default = POWER_BUTTON.set_default(ButtonAction.NOTHING, scheme).commands
    target.windows.run(clear)
    set_if_permitted(target, *set_default)
    target.restart()


def _active_scheme(target: FaultTarget) -> str:
    printed = target.windows.run(QUERY_ACTIVE_SCHEME).checked().output
    # The key's path has no GUID; the value is the only one.
    scheme = _GUID.search(printed)
    if scheme is None:
        raise ControlChannelError(
            "read the guest's active power scheme",
            f"reg printed {printed[:300]!r}",
            f"Run {QUERY_ACTIVE_SCHEME!r} in the guest.",
        )
    return scheme[0]


def _shut_down_and_light_up(target: FaultTarget) -> None:
    target.windows.run_all(_SHUT_DOWN.commands)
    # The next press would only wake the display (fact:display-wake).
    target.machine.press_keys("shift")


def _before_start(change: Change) -> Offline:
    return Offline(fixed(change), remedy=fixed(_SHUT_DOWN))


VARIANTS = (
    _fault(
        variant="by-scheme",
        summary="the active power scheme sets the button to nothing",
        sources=_SOURCES,
        **of_settings(_NOTHING, _SHUT_DOWN),
    ),
    _fault(
        variant="by-default",
        summary="the scheme has no value of its own, and its default is nothing",
        injects=(
            *_DEFAULT.commands,
            commands.RESTART,
        ),
        sources=("fact:button-default-read-through", "fact:button-default-sleep"),
        inject=_change_default,
        offline=_before_start(_DEFAULT),
    ),
    _fault(
        variant="by-policy",
        summary="group policy sets the button to nothing, for every scheme",
        sources=("fact:button-policy",),
        **of_settings(_POLICY, _NO_POLICY),
    ),
    _fault(
        variant="display-off",
        summary="the button turns the display off",
        injects=_DISPLAY_OFF.commands,
        remedies=(*_SHUT_DOWN.commands, "key Shift, to light the display"),
        sources=(*_SOURCES, "index 4: Windows 10 and later"),
        inject=changes(_DISPLAY_OFF),
        remedy=_shut_down_and_light_up,
        offline=_before_start(_DISPLAY_OFF),
    ),
    _fault(
        variant="ac-against-dc",
        summary="nothing on AC, shut down on battery; a guest without a battery runs on AC",
        sources=_SOURCES,
        **of_settings(_NOTHING_ON_AC, _SHUT_DOWN),
    ),
    _fault(
        variant="dc-against-ac",
        summary="shut down on AC, nothing on battery: must not be blamed",
        sources=_SOURCES,
        expected=(COMPLETED,),
        blocked_at=BlockedAt.NONE,
        **of_settings(_NOTHING_ON_DC),
    ),
)
"""All variants, in the order of reports."""
