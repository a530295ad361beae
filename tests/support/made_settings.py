"""Settings as they were read from a running guest, made by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from powerdown.guest.guest_baseline import GuestBaseline
from powerdown.windows.power_button import PowerButton
from powerdown.windows.registry_output import RegistryOutput, RegistryValue
from powerdown.windows.settings.application_settings import (
    AUTO_END_TASKS,
    BLOCKING_APPS,
    HUNG_APP_TIMEOUT,
    WAIT_TO_KILL_APP_TIMEOUT,
)
from powerdown.windows.settings.button_settings import POWER_BUTTON
from powerdown.windows.settings.declaration import Declaration
from powerdown.windows.settings.live_registry import LiveRegistry
from powerdown.windows.settings.logon_settings import SHUTDOWN_WITHOUT_LOGON
from powerdown.windows.settings.readings import Origin, Reading, Readings, reading_of
from powerdown.windows.settings.registry_setting import RegistrySetting
from powerdown.windows.settings.service_settings import PRESHUTDOWN_TIMEOUT, WAIT_TO_KILL_SERVICE
from powerdown.windows.settings.setting_value import SettingValue
from powerdown.windows.settings.sleep_settings import FAST_STARTUP, HIBERNATION
from powerdown.windows.settings.stored_value import Stored, StoredData
from powerdown.windows.settings.tracker_settings import EVENT_TRACKER

USER = "tester"

BY_WORD: dict[str, Declaration] = {
    "shutdown_without_logon": SHUTDOWN_WITHOUT_LOGON,
    "event_tracker": EVENT_TRACKER,
    "auto_end_tasks": AUTO_END_TASKS,
    "hung_app_ms": HUNG_APP_TIMEOUT,
    "wait_to_kill_app_ms": WAIT_TO_KILL_APP_TIMEOUT,
    "allow_blocking_apps": BLOCKING_APPS,
    "wait_to_kill_service_ms": WAIT_TO_KILL_SERVICE,
    "hibernation": HIBERNATION,
    "fast_startup": FAST_STARTUP,
}
"""Names for the tests that make observations."""


def value(baseline: GuestBaseline, setting: Declaration) -> SettingValue:
    """What a baseline read of a setting; of a user's, of the one at the console."""
    of_user = setting in (AUTO_END_TASKS, HUNG_APP_TIMEOUT, WAIT_TO_KILL_APP_TIMEOUT)
    if of_user and isinstance(setting, RegistrySetting):
        reading = baseline.of_user(setting)
    else:
        reading = baseline.settings.of(setting)
    return None if reading is None else reading.value


def preshutdown_ms(baseline: GuestBaseline) -> dict[str, SettingValue]:
    """Milliseconds by service."""
    found = baseline.settings.of_each(PRESHUTDOWN_TIMEOUT)
    return {service: reading.value for service, reading in found.items()}


def made_reading(setting: Declaration, value: SettingValue) -> Reading:
    """A reading of this value."""
    origin = Origin.REGISTRY if isinstance(setting, RegistrySetting) else Origin.TOGETHER
    data = StoredData("REG_DWORD", value if isinstance(value, str) else int(value or 0))
    key, _, name = setting.places[0].rpartition("\\")
    stored = Stored(key, name, True, data)
    return setting.judged(reading_of(setting, stored, value, setting.shown(value), origin))


def readings_by_word(values: Mapping[str, Any], button: PowerButton | None) -> Readings:
    """Readings of these settings; of one that is ``None`` there is none.

    :param values: by the names above, and ``preshutdown_ms`` by service.
    """
    return Readings(_made(values, button))


def _made(values: Mapping[str, Any], button: PowerButton | None) -> Iterator[Reading]:
    if button is not None:
        yield from POWER_BUTTON.read(_registry_of(button))
    for word, setting in BY_WORD.items():
        if values.get(word) is not None:
            of_user = isinstance(setting, RegistrySetting) and setting.key.startswith("HKU")
            one = setting.of(USER) if isinstance(setting, RegistrySetting) and of_user else setting
            yield made_reading(one, values[word])
    for service, milliseconds in (values.get("preshutdown_ms") or {}).items():
        yield made_reading(PRESHUTDOWN_TIMEOUT.of(service), milliseconds)


def _registry_of(button: PowerButton) -> LiveRegistry:
    key = POWER_BUTTON.policy_key.replace("HKLM", "HKEY_LOCAL_MACHINE")
    policy = {
        source.index_name.lower(): RegistryValue("REG_DWORD", f"0x{index:x}")
        for source, index in button.policy.items()
    }
    output = RegistryOutput({key: policy} if policy else {})
    return LiveRegistry(output, indexes={POWER_BUTTON.guid: button.scheme})
