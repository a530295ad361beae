"""The power button is set to something else than shutting down, and to nothing that ends the guest.

Sources: fact:button-action-index, fact:button-default-read-through; Microsoft Learn, "Power button
action" (PBUTTONACTION).
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
    set_if_permitted,
    settings,
)
from powerdown.faults.fault_target import FaultTarget
from powerdown.faults.offline import Edits, Offline, fixed
from powerdown.windows import commands, power_commands
from powerdown.windows import registry_settings as offline
from powerdown.windows.commands import ButtonAction

IGNORED = Expected(Outcome.STAYED_UP, Cause.POWER_BUTTON_IGNORED)

_SOURCES = ("fact:button-action-index", "learn: Power button action")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SHUT_DOWN = commands.set_power_button(ButtonAction.SHUT_DOWN)

_fault = partial(
    Fault,
    scenario=ScenarioId.POWER_BUTTON_IGNORED,
    remedies=_SHUT_DOWN,
    remedy=settings(*_SHUT_DOWN),
    expected=(IGNORED,),
    blocked_at=BlockedAt.BUTTON,
)


def _change_default(target: FaultTarget) -> None:
    scheme = _active_scheme(target)
    # Most images have none of their own; then there is nothing to delete.
    target.windows.run(power_commands.clear_scheme_power_button(scheme))
    set_if_permitted(target, *power_commands.set_default_power_button(scheme, ButtonAction.NOTHING))
    target.restart()


def _active_scheme(target: FaultTarget) -> str:
    printed = target.windows.run(power_commands.QUERY_ACTIVE_SCHEME).checked().output
    # The key's path has no GUID; the value is the only one.
    scheme = _GUID.search(printed)
    if scheme is None:
        raise ControlChannelError(
            "read the guest's active power scheme",
            f"reg printed {printed[:300]!r}",
            "Check ActivePowerScheme in the guest.",
        )
    return scheme[0]


def _shut_down_and_light_up(target: FaultTarget) -> None:
    target.windows.run_all(_SHUT_DOWN)
    # The next press would only wake the display (fact:display-wake).
    target.machine.press_keys("shift")


def _before_start(edits: Edits) -> Offline:
    return Offline(fixed(edits), remedy=fixed(offline.power_button(ButtonAction.SHUT_DOWN)))


VARIANTS = (
    _fault(
        variant="by-scheme",
        summary="the active power scheme sets the button to nothing",
        injects=commands.set_power_button(ButtonAction.NOTHING),
        sources=_SOURCES,
        inject=settings(*commands.set_power_button(ButtonAction.NOTHING)),
        offline=_before_start(offline.power_button(ButtonAction.NOTHING)),
    ),
    _fault(
        variant="by-default",
        summary="the scheme has no value of its own, and its default is nothing",
        injects=(
            power_commands.clear_scheme_power_button("<active scheme>"),
            *power_commands.set_default_power_button("<active scheme>", ButtonAction.NOTHING),
            commands.RESTART,
        ),
        sources=("fact:button-default-read-through", "fact:button-default-sleep"),
        inject=_change_default,
        offline=_before_start(offline.default_power_button(ButtonAction.NOTHING)),
    ),
    _fault(
        variant="by-policy",
        summary="group policy sets the button to nothing, for every scheme",
        injects=commands.set_power_button_policy(ButtonAction.NOTHING),
        remedies=commands.CLEAR_POWER_BUTTON_POLICY,
        sources=("fact:button-policy",),
        inject=settings(*commands.set_power_button_policy(ButtonAction.NOTHING)),
        remedy=settings(*commands.CLEAR_POWER_BUTTON_POLICY),
        offline=Offline(
            fixed(offline.power_button_policy(ButtonAction.NOTHING)),
            remedy=fixed(offline.NO_POWER_BUTTON_POLICY),
        ),
    ),
    _fault(
        variant="display-off",
        summary="the button turns the display off",
        injects=commands.set_power_button(ButtonAction.DISPLAY_OFF),
        remedies=(*_SHUT_DOWN, "key Shift, to light the display"),
        sources=(*_SOURCES, "index 4: Windows 10 and later"),
        inject=settings(*commands.set_power_button(ButtonAction.DISPLAY_OFF)),
        remedy=_shut_down_and_light_up,
        offline=_before_start(offline.power_button(ButtonAction.DISPLAY_OFF)),
    ),
    _fault(
        variant="ac-against-dc",
        summary="nothing on AC, shut down on battery; a guest without a battery runs on AC",
        injects=power_commands.set_power_button_apart(
            ac=ButtonAction.NOTHING, dc=ButtonAction.SHUT_DOWN
        ),
        sources=_SOURCES,
        inject=settings(
            *power_commands.set_power_button_apart(
                ac=ButtonAction.NOTHING, dc=ButtonAction.SHUT_DOWN
            )
        ),
        offline=_before_start(offline.power_button(ButtonAction.NOTHING, ButtonAction.SHUT_DOWN)),
    ),
    _fault(
        variant="dc-against-ac",
        summary="shut down on AC, nothing on battery: must not be blamed",
        injects=power_commands.set_power_button_apart(
            ac=ButtonAction.SHUT_DOWN, dc=ButtonAction.NOTHING
        ),
        remedies=(),
        sources=_SOURCES,
        inject=settings(
            *power_commands.set_power_button_apart(
                ac=ButtonAction.SHUT_DOWN, dc=ButtonAction.NOTHING
            )
        ),
        remedy=None,
        expected=(COMPLETED,),
        blocked_at=BlockedAt.NONE,
        offline=Offline(fixed(offline.power_button(ButtonAction.SHUT_DOWN, ButtonAction.NOTHING))),
    ),
)
"""All variants, in the order of reports."""
