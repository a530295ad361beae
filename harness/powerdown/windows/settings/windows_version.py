"""What Windows it is, and whether its setup is complete."""

from __future__ import annotations

from powerdown.windows.facts import channel_facts as clock_facts
from powerdown.windows.facts import damage_facts as facts
from powerdown.windows.settings import registry_keys as keys
from powerdown.windows.settings.declaration import Default, Unit
from powerdown.windows.settings.product_type import PRODUCT_TYPE
from powerdown.windows.settings.readings import Group
from powerdown.windows.settings.registry_setting import RegistrySetting

_SETUP = r"HKLM\SYSTEM\Setup"


def _version(id: str, name: str, unit: Unit = Unit.TEXT) -> RegistrySetting:
    return RegistrySetting(
        id=id, group=Group.WINDOWS, name=name, unit=unit, key=keys.NT_CURRENT_VERSION
    )


# Windows 11 still has Windows 10 in ProductName; the build number decides.
PRODUCT_NAME = _version("product-name", "ProductName")
EDITION = _version("edition", "EditionID")
INSTALLATION_TYPE = _version("installation-type", "InstallationType")
DISPLAY_VERSION = _version("display-version", "DisplayVersion")
RELEASE_ID = _version("release-id", "ReleaseId")
BUILD = _version("build", "CurrentBuildNumber")
UPDATE_REVISION = _version("update-revision", "UBR", Unit.NUMBER)

PRODUCT = RegistrySetting(
    id="product-type",
    group=Group.WINDOWS,
    name=PRODUCT_TYPE,
    unit=Unit.TEXT,
    key=keys.PRODUCT_OPTIONS,
    online=True,
)
"""Client, server or domain controller (learn: RtlGetNtProductType)."""

IMAGE_STATE = RegistrySetting(
    id="image-state",
    group=Group.WINDOWS,
    name="ImageState",
    unit=Unit.TEXT,
    key=rf"{keys.CURRENT_VERSION}\Setup\State",
    facts=(facts.SETUP_IGNORES,),
)
"""Where Windows Setup is (learn: Windows Setup States)."""

IMAGE_IS_COMPLETE = "IMAGE_STATE_COMPLETE"

SETUP_IN_PROGRESS = RegistrySetting(
    id="setup-in-progress",
    group=Group.WINDOWS,
    name="SystemSetupInProgress",
    unit=Unit.SWITCH,
    key=_SETUP,
    facts=(facts.SETUP_IGNORES,),
)

OOBE_IN_PROGRESS = RegistrySetting(
    id="oobe-in-progress",
    group=Group.WINDOWS,
    name="OOBEInProgress",
    unit=Unit.SWITCH,
    key=_SETUP,
    facts=(facts.OOBE_VALUE,),
)
"""Found in real hives and public scripts."""

CLOCK_IS_UTC = RegistrySetting(
    id="clock-is-utc",
    group=Group.WINDOWS,
    name="RealTimeIsUniversal",
    unit=Unit.SWITCH,
    key=rf"{keys.CONTROL}\TimeZoneInformation",
    default=Default(False),
    facts=(clock_facts.CLOCK_LOCAL_TIME,),
    note="off: the hardware clock is in local time, as with QEMU's -rtc base=localtime",
)
