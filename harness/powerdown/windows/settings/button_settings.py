"""What the buttons do, and what becomes of the power at the end."""

from __future__ import annotations

from enum import IntEnum

from powerdown.core.outcome import Cause
from powerdown.core.severity import Severity
from powerdown.windows.facts import application_facts as application_facts
from powerdown.windows.facts import power_facts as facts
from powerdown.windows.settings import registry_keys as keys
from powerdown.windows.settings.declaration import Default, TakesEffect, Unit
from powerdown.windows.settings.harm import Harm, is_on, one_of
from powerdown.windows.settings.power_scheme import SchemeSetting
from powerdown.windows.settings.readings import Group
from powerdown.windows.settings.registry_setting import RegistrySetting
from powerdown.windows.settings.stored_value import PowerSource

SUB_BUTTONS = "4f971e89-eebd-4455-a8de-9e59040e7347"
"""Power button and lid sub-group (fact:button-action-setting)."""


class ButtonAction(IntEnum):
    """Indexes of the power button action (learn: Power button action; 4 from Windows 10)."""

    NOTHING = 0
    SLEEP = 1
    HIBERNATE = 2
    SHUT_DOWN = 3
    DISPLAY_OFF = 4

    @property
    def words(self) -> str:
        """In words."""
        return self.name.lower().replace("_", " ")


_ACTIONS = {action.value: action.words for action in ButtonAction}

POWER_BUTTON = SchemeSetting(
    id="power-button",
    group=Group.BUTTON,
    name="PBUTTONACTION",
    unit=Unit.CHOICE,
    words=_ACTIONS,
    lowest=0,
    highest=4,
    sub=SUB_BUTTONS,
    guid="7648efa3-dd9c-4e3e-b566-50f929386280",
    safe=ButtonAction.SHUT_DOWN,
    advice="Set the power button to shut down: {commands}. If a policy sets it: {policy}",
    harms=(
        Harm(
            Cause.POWER_BUTTON_IGNORED,
            Severity.STOPS,
            one_of(ButtonAction.NOTHING, ButtonAction.DISPLAY_OFF),
            "the power button is set to {word}",
        ),
        Harm(
            Cause.ASLEEP,
            Severity.STOPS,
            one_of(ButtonAction.SLEEP),
            "the power button is set to {word}",
        ),
        Harm(
            Cause.ASLEEP,
            Severity.STOPS,
            one_of(ButtonAction.HIBERNATE),
            "the power button is set to {word}",
            advice="A guest that is saved to disk is not shut down. powercfg /hibernate off "
            "removes hibernation and fast startup; where the button hibernates: {commands}",
        ),
    ),
    facts=(facts.BUTTON_ACTION_SETTING, facts.BUTTON_ACTION_INDEX, facts.BUTTON_POLICY),
    online=True,
)
"""What a press of the power button does."""

SLEEP_BUTTON = SchemeSetting(
    id="sleep-button",
    group=Group.BUTTON,
    name="SBUTTONACTION",
    unit=Unit.CHOICE,
    words=_ACTIONS,
    sub=SUB_BUTTONS,
    guid="96996bc0-ad50-47ec-923b-6f41874dd9eb",
    sources=(PowerSource.AC,),
)
"""The sleep button, which QEMU does not have (fact:fixed-power-button; learn: power settings)."""

FORCED_SHUTDOWN = SchemeSetting(
    id="forced-shutdown",
    group=Group.BUTTON,
    name="SHUTDOWN (hidden)",
    unit=Unit.CHOICE,
    words={0: "normal", 1: "forced"},
    sub=SUB_BUTTONS,
    guid="833a6b62-dfa4-46d1-82f8-e09e34d029d6",
    sources=(PowerSource.AC,),
    default=Default(0),
    facts=(application_facts.FORCED_SHUTDOWN_SETTING,),
)
"""Alias SHUTDOWN, under the buttons: whether programs are ended by force."""

POWER_LEFT_ON = RegistrySetting(
    id="power-left-on",
    group=Group.BUTTON,
    name="DontPowerOffAfterShutdown",
    unit=Unit.SWITCH,
    key=keys.NT_POLICY,
    default=Default(False),
    takes_effect=TakesEffect.NOT_KNOWN,
    advice="{commands}, or disable the policy that sets it",
    harms=(
        Harm(
            Cause.POWER_BUTTON_IGNORED,
            Severity.MAY_STOP,
            is_on,
            "Windows is set to leave the power on when it has ended (DontPowerOffAfterShutdown)",
            facts=(facts.POWER_LEFT_ON_PRESS,),
        ),
    ),
    facts=(facts.POWER_LEFT_ON,),
    note="on: Windows shuts down and leaves the power on",
)
"""Windows ends without switching the power off (learn: Policy CSP, ADMX_Power)."""
