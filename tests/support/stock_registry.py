"""Registry snapshots made by hand: a stock Windows Server, to be changed by tests."""

from __future__ import annotations

from collections.abc import Mapping

from powerdown.disk.disk_contents import DiskContents
from powerdown.disk.hiberfil import Hibernation
from powerdown.disk.ntfs.ntfs import NtfsVolumeState
from powerdown.disk.registry_snapshot import (
    RegistrySnapshot,
    StoredKey,
    StoredValue,
    ValueData,
)
from powerdown.windows.settings import registry_keys as paths
from powerdown.windows.settings.button_settings import POWER_BUTTON, SUB_BUTTONS
from powerdown.windows.settings.update_settings import PENDING_XML

SUB_VIDEO = "7516b95f-f776-4464-8c53-06167f40cc99"
VIDEOIDLE = "3c0bc021-c8a8-4e07-a973-6b14cbcb2b7e"
BALANCED = "381b4222-f694-41f0-9685-ff5bb260df2e"
SUB_SLEEP, STANDBYIDLE = (
    "238c9fa8-0aad-41ed-83f4-97be242c8f20",
    "29f6c1db-86da-48c5-9fdb-f2b67b1f44da",
)
WINLOGON = rf"{paths.NT_CURRENT_VERSION}\Winlogon"
BUTTON_POLICY = rf"{paths.POWER_POLICY}\{POWER_BUTTON.guid}"

Keys = dict[str, dict[str, ValueData]]


def defaults_of(sub: str, setting: str, scheme: str = BALANCED) -> str:
    return rf"{paths.POWER_DEFAULTS}\{sub}\{setting}\DefaultPowerSchemeValues\{scheme}"


def own_of(sub: str, setting: str, scheme: str = BALANCED) -> str:
    return rf"{paths.POWER_SCHEMES}\{scheme}\{sub}\{setting}"


def service(name: str) -> str:
    return rf"{paths.SERVICES}\{name}"


def stock() -> Keys:
    """A Windows Server as it is installed: power settings as in real hives
    (fact:button-default-read-through)."""
    both = ("ACSettingIndex", "DCSettingIndex")
    return {
        r"HKLM\SYSTEM\Select": {"Current": 1},
        r"HKLM\SYSTEM\Setup": {"SystemSetupInProgress": 0, "OOBEInProgress": 0},
        paths.CONTROL: {"WaitToKillServiceTimeout": "5000"},
        paths.PRODUCT_OPTIONS: {"ProductType": "ServerNT"},
        paths.SESSION_MANAGER: {"SetupExecute": ()},
        paths.POWER: {"HibernateEnabled": 0, "HibernateEnabledDefault": 0},
        paths.POWER_SCHEMES: {"ActivePowerScheme": BALANCED},
        defaults_of(SUB_BUTTONS, POWER_BUTTON.guid): dict.fromkeys(both, 3),
        defaults_of(SUB_SLEEP, STANDBYIDLE): dict.fromkeys(both, 0),
        defaults_of(SUB_VIDEO, VIDEOIDLE): dict.fromkeys(both, 600),
        service("gpsvc"): {"PreshutdownTimeout": 900_000, "Start": 2},
        service("TrustedInstaller"): {"PreshutdownTimeout": 3_600_000, "Start": 3},
        service("UsoSvc"): {"PreshutdownTimeout": 3_600_000, "Start": 3},
        service("DeviceInstall"): {"PreshutdownTimeout": 3_600_000, "Start": 3},
        service("WinRM"): {"Start": 2},
        paths.NT_CURRENT_VERSION: {
            "ProductName": "Windows Server 2022 Standard",
            "DisplayVersion": "21H2",
            "CurrentBuildNumber": "20348",
            "UBR": 2340,
        },
        rf"{paths.CURRENT_VERSION}\Setup\State": {"ImageState": "IMAGE_STATE_COMPLETE"},
        WINLOGON: {"AutoAdminLogon": "0"},
        paths.SYSTEM_POLICIES: {"LegalNoticeCaption": "", "LegalNoticeText": ""},
        rf"HKU\.DEFAULT\{paths.DESKTOP}": {"AutoEndTasks": "0"},
    }


def snapshot(keys: Mapping[str, Mapping[str, ValueData]]) -> RegistrySnapshot:
    """These keys and those above them."""
    found: dict[str, tuple[str, dict[str, ValueData]]] = {}
    for path, values in keys.items():
        parts = path.split("\\")
        for depth in range(2, len(parts) + 1):
            here = "\\".join(parts[:depth])
            found.setdefault(here.casefold(), (here, {}))
        found[path.casefold()][1].update(values)
    below: dict[str, list[str]] = {}
    for path, _ in found.values():
        above, _, name = path.rpartition("\\")
        below.setdefault(above.casefold(), []).append(name)
    return RegistrySnapshot.of(
        *(
            StoredKey(
                path,
                tuple(StoredValue(name, type_of(data), data) for name, data in values.items()),
                tuple(below.get(path.casefold(), ())),
            )
            for path, values in found.values()
        )
    )


def type_of(data: ValueData) -> int:
    return {int: 4, str: 1, tuple: 7, bytes: 3}[type(data)]


def disk(
    keys: Mapping[str, Mapping[str, ValueData]] | None = None,
    *,
    dirty: bool = False,
    hibernation: Hibernation = Hibernation.NONE,
    pending_xml: int | None = None,
    notes: tuple[str, ...] = (),
) -> DiskContents:
    """A disk with these keys; stock ones if not given."""
    return DiskContents(
        volume=NtfsVolumeState(dirty, (3, 1), 0x0001 if dirty else 0),
        hibernation=hibernation,
        registry=snapshot(stock() if keys is None else keys),
        files={PENDING_XML.path: pending_xml},
        notes=notes,
    )
