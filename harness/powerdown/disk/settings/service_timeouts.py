"""How long services can delay a shutdown before the others are stopped
(fact:preshutdown-phase)."""

from __future__ import annotations

from collections.abc import Iterator

from powerdown.disk.disk_request import KeyRequest
from powerdown.disk.registry_snapshot import StoredKey
from powerdown.disk.settings.setting import Group, Origin, Setting
from powerdown.disk.settings.stored import Hives
from powerdown.disk.settings.switches import milliseconds
from powerdown.windows import registry_paths as paths

SERVICE_KEYS = (
    KeyRequest(paths.SERVICES, depth=1, values=("PreshutdownTimeout", "Start", "DisplayName")),
)
"""Values to read for every service."""

PRESHUTDOWN = "preshutdown-timeout:"
"""Prefix of the ids of these settings; the service's key name follows."""

WINDOWS_OWN = frozenset({"gpsvc", "trustedinstaller", "wuauserv", "usosvc", "deviceinstall"})
"""Windows' own services that have a PreshutdownTimeout in real hives
(fact:preshutdown-own-services)."""

START = {0: "boot", 1: "system", 2: "automatic", 3: "manual", 4: "disabled"}
"""How a service is started (learn: CreateService)."""

DISABLED = 4
_MOST_SERVICES = 4096
"""Windows has several hundred."""


def service_settings(hives: Hives) -> Iterator[Setting]:
    """The preshutdown timeout of every service that has one."""
    for key in hives.below(paths.SERVICES)[:_MOST_SERVICES]:
        if key.value("PreshutdownTimeout") is not None:
            yield _timeout(hives, key)


def is_disabled(hives: Hives, service: str) -> bool:
    """Whether a service is disabled."""
    return hives.at(rf"{paths.SERVICES}\{service}", "Start").number == DISABLED


def _timeout(hives: Hives, key: StoredKey) -> Setting:
    service = key.name
    id, name = f"{PRESHUTDOWN}{service}", f"PreshutdownTimeout of {service}"
    stored = hives.at(rf"{paths.SERVICES}\{service}", "PreshutdownTimeout")
    if stored.number is None:
        return stored.unknown(id, Group.SERVICES, name)
    own = "Windows' own" if service.lower() in WINDOWS_OWN else ""
    disabled = "disabled" if is_disabled(hives, service) else ""
    return stored.setting(
        id,
        Group.SERVICES,
        name,
        stored.number,
        milliseconds(stored.number),
        Origin.REGISTRY,
        note=", ".join(filter(None, (own, disabled))),
    )
