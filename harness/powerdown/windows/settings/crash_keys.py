"""Stopping Windows by keys, to test how a crash is handled."""

from __future__ import annotations

from powerdown.windows.facts import damage_facts as facts
from powerdown.windows.settings import registry_keys as keys
from powerdown.windows.settings.change import Change, joined
from powerdown.windows.settings.declaration import Default, TakesEffect, Unit
from powerdown.windows.settings.readings import Group
from powerdown.windows.settings.registry_setting import RegistrySetting


def _of_keyboard(id: str, kind: str, driver: str) -> RegistrySetting:
    return RegistrySetting(
        id=id,
        group=Group.CRASH,
        name=f"CrashOnCtrlScroll of {kind} keyboards",
        value_name="CrashOnCtrlScroll",
        unit=Unit.SWITCH,
        key=rf"{keys.SERVICES}\{driver}\Parameters",
        default=Default(False),
        takes_effect=TakesEffect.RESTART,
        safe=False,
        facts=(facts.CRASH_KEYS,),
    )


CRASH_KEYS_PS2 = _of_keyboard("crash-keys-ps2", "PS/2", "i8042prt")
CRASH_KEYS_USB = _of_keyboard("crash-keys-usb", "USB", "kbdhid")
"""The keys right Ctrl + Scroll Lock, Scroll Lock stop Windows with 0xE2,
MANUALLY_INITIATED_CRASH."""


def crash_on_ctrl_scroll(*, on: bool) -> Change:
    """Let the keys stop Windows, on every kind of keyboard (learn: Forcing a system crash from the
    keyboard)."""
    return joined(setting.set(on) for setting in (CRASH_KEYS_PS2, CRASH_KEYS_USB))
