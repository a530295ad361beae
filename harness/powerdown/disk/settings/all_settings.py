"""All settings that affect a shutdown, from the data of a disk or a hive."""

from __future__ import annotations

from collections.abc import Iterator

from powerdown.disk.disk_contents import DiskContents
from powerdown.disk.disk_request import DiskRequest, KeyRequest
from powerdown.disk.registry_snapshot import RegistrySnapshot
from powerdown.disk.settings.control import CONTROL_KEYS, control_settings
from powerdown.disk.settings.hibernation_settings import HIBERNATION_KEYS, hibernation_settings
from powerdown.disk.settings.logon import LOGON_KEYS, logon_settings, tracker_settings
from powerdown.disk.settings.power_scheme import POWER_SCHEME_KEYS, power_scheme_settings
from powerdown.disk.settings.profiles import PROFILE_KEYS, profile_settings
from powerdown.disk.settings.service_timeouts import SERVICE_KEYS, service_settings
from powerdown.disk.settings.setting import Group, Setting, Settings
from powerdown.disk.settings.stored import Hives
from powerdown.disk.settings.switches import ONE_VALUE_KEYS, ONE_VALUES
from powerdown.disk.settings.updates import PENDING_XML, UPDATE_KEYS, update_settings
from powerdown.disk.settings.volume_settings import volume_settings

ALL_SETTINGS = DiskRequest(
    keys=(
        KeyRequest(r"HKLM\SYSTEM\Select"),
        *ONE_VALUE_KEYS,
        *POWER_SCHEME_KEYS,
        *HIBERNATION_KEYS,
        *LOGON_KEYS,
        *SERVICE_KEYS,
        *UPDATE_KEYS,
        *CONTROL_KEYS,
        *PROFILE_KEYS,
    ),
    files=(PENDING_XML,),
)
"""The data to read for them."""


def settings_of_disk(contents: DiskContents) -> Settings:
    """All settings, from the answer to :data:`ALL_SETTINGS`."""
    from_volume = volume_settings(contents.volume, contents.hibernation)
    registry = _of_registry(Hives(contents.registry), contents)
    return _in_order((*from_volume, *registry))


def settings_of_hive(registry: RegistrySnapshot) -> Settings:
    """All settings, as far as one hive has them."""
    return _in_order(_of_registry(Hives(registry), None))


def _of_registry(hives: Hives, contents: DiskContents | None) -> Iterator[Setting]:
    for one in ONE_VALUES:
        yield one.read(hives)
    yield from power_scheme_settings(hives)
    yield from hibernation_settings(hives)
    yield from logon_settings(hives)
    yield from tracker_settings(hives)
    yield from profile_settings(hives)
    yield from service_settings(hives)
    yield from update_settings(hives, None if contents is None else contents.files)
    yield from control_settings(hives)


def _in_order(settings: Iterator[Setting] | tuple[Setting, ...]) -> Settings:
    groups = tuple(Group)
    return Settings(sorted(settings, key=lambda setting: groups.index(setting.group)))
