"""All settings that affect a shutdown, from the data of a disk or a hive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from powerdown.disk.disk_contents import DiskContents
from powerdown.disk.disk_request import DiskRequest
from powerdown.disk.registry_snapshot import RegistrySnapshot
from powerdown.disk.settings.registry_at_rest import Hives
from powerdown.disk.settings.volume_settings import volume_settings
from powerdown.windows.settings import update_settings
from powerdown.windows.settings.all_settings import ALL_SETTINGS
from powerdown.windows.settings.declaration import Declaration
from powerdown.windows.settings.key_request import KeyRequest, merged
from powerdown.windows.settings.power_scheme import ACTIVE_POWER_SCHEME
from powerdown.windows.settings.readings import Reading, Readings, in_groups
from powerdown.windows.settings.service_settings import SERVICE_START


def request_of(settings: Iterable[Declaration] = ALL_SETTINGS) -> DiskRequest:
    """The data to read for these settings."""
    declared = [request for setting in settings for request in setting.requests]
    requests = (
        KeyRequest(r"HKLM\SYSTEM\Select"),
        *ACTIVE_POWER_SCHEME.requests,
        *SERVICE_START.requests,
        *declared,
        *update_settings.MARK_REQUESTS,
    )
    return DiskRequest(keys=merged(requests), files=(update_settings.PENDING_XML.path,))


EVERY_SETTING = request_of()
"""The data to read for all of them."""


def settings_of_disk(
    contents: DiskContents, settings: Iterable[Declaration] = ALL_SETTINGS
) -> Readings:
    """All settings, from the answer to :func:`request_of`."""
    from_volume = volume_settings(contents.volume, contents.hibernation)
    registry = _of_registry(Hives(contents.registry), contents, settings)
    return in_groups((*from_volume, *registry))


def settings_of_hive(
    registry: RegistrySnapshot, settings: Iterable[Declaration] = ALL_SETTINGS
) -> Readings:
    """All settings, as far as one hive has them."""
    return in_groups(_of_registry(Hives(registry), None, settings))


def _of_registry(
    hives: Hives, contents: DiskContents | None, settings: Iterable[Declaration]
) -> Iterator[Reading]:
    yield from ACTIVE_POWER_SCHEME.read(hives)
    for setting in settings:
        yield from setting.read(hives)
    yield from update_settings.mark_readings(hives, None if contents is None else contents.files)
