"""What of a Windows at rest threatens its soft shutdown."""

from __future__ import annotations

import pytest

from powerdown.core.outcome import Cause
from powerdown.core.severity import Severity
from powerdown.disk.hiberfil import Hibernation
from powerdown.disk.inspection import Inspection, inspect_disk
from powerdown.windows.settings import registry_keys as paths
from powerdown.windows.settings.button_settings import POWER_BUTTON, SUB_BUTTONS
from tests.support.stock_registry import (
    BUTTON_POLICY,
    STANDBYIDLE,
    SUB_SLEEP,
    WINLOGON,
    Keys,
    defaults_of,
    disk,
    own_of,
    service,
    stock,
)

BUTTON = own_of(SUB_BUTTONS, POWER_BUTTON.guid)
AUTOLOGON: Keys = {WINLOGON: {"AutoAdminLogon": "1", "DefaultUserName": "tester"}}
STOCK = {
    (Cause.NO_LOGON_SHUTDOWN, Severity.STOPS),
    (Cause.EVENT_TRACKER, Severity.LATENT),
    (Cause.ASLEEP, Severity.LATENT),
}


def inspected(changes: Keys) -> Inspection:
    keys = stock()
    for path, values in changes.items():
        keys[path] = {**keys.get(path, {}), **values}
    return inspect_disk(disk(keys))


def told(found: Inspection) -> list[tuple[Cause, Severity]]:
    return [(finding.risk.cause, finding.risk.severity) for finding in found.findings]


def test_a_stock_server_has_three() -> None:
    found = told(inspect_disk(disk()))
    assert set(found) == STOCK and len(found) == len(STOCK)


def test_a_prepared_image_has_none() -> None:
    display = own_of("7516b95f-f776-4464-8c53-06167f40cc99", "3c0bc021-c8a8-4e07-a973-6b14cbcb2b7e")
    found = inspected(
        {
            paths.SYSTEM_POLICIES: {"ShutdownWithoutLogon": 1},
            paths.TRACKER_POLICY: {"ShutdownReasonOn": 0},
            display: {"ACSettingIndex": 0},
        }
    )
    assert told(found) == []


@pytest.mark.parametrize(
    ("changes", "cause", "severity"),
    [
        ({BUTTON: {"ACSettingIndex": 0}}, Cause.POWER_BUTTON_IGNORED, Severity.STOPS),
        ({BUTTON: {"ACSettingIndex": 4}}, Cause.POWER_BUTTON_IGNORED, Severity.STOPS),
        ({BUTTON: {"ACSettingIndex": 1}}, Cause.ASLEEP, Severity.STOPS),
        ({BUTTON: {"ACSettingIndex": 2}}, Cause.ASLEEP, Severity.STOPS),
        ({BUTTON_POLICY: {"ACSettingIndex": 0}}, Cause.POWER_BUTTON_IGNORED, Severity.STOPS),
        ({BUTTON: {"ACSettingIndex": 9}}, Cause.POWER_BUTTON_IGNORED, Severity.MAY_STOP),
        ({BUTTON: {"ACSettingIndex": "x"}}, Cause.POWER_BUTTON_IGNORED, Severity.MAY_STOP),
        (
            {paths.NT_POLICY: {"DontPowerOffAfterShutdown": 1}},
            Cause.POWER_BUTTON_IGNORED,
            Severity.MAY_STOP,
        ),
        ({BUTTON: {"DCSettingIndex": 0}}, Cause.POWER_BUTTON_IGNORED, Severity.LATENT),
        (
            # A hive of Windows 8's time (fact:button-default-sleep).
            {
                defaults_of(SUB_BUTTONS, POWER_BUTTON.guid): {
                    "AcSettingIndex": 1,
                    "DcSettingIndex": 1,
                    "ACSettingIndex": 1,
                    "DCSettingIndex": 1,
                }
            },
            Cause.ASLEEP,
            Severity.STOPS,
        ),
        (
            {defaults_of(SUB_SLEEP, STANDBYIDLE): {"ACSettingIndex": 1800}},
            Cause.ASLEEP,
            Severity.MAY_STOP,
        ),
        (
            {
                paths.POWER: {"HibernateEnabled": 1},
                paths.FAST_STARTUP: {"HiberbootEnabled": 1},
            },
            Cause.ASLEEP,
            Severity.MAY_STOP,
        ),
        ({paths.REBOOT_PENDING: {}}, Cause.WINDOWS_UPDATE, Severity.DELAYS),
        (
            {service("VMTools"): {"PreshutdownTimeout": 2_147_483_647, "Start": 2}},
            Cause.UNRESPONSIVE_SERVICE,
            Severity.DELAYS,
        ),
        (
            {service("Backup"): {"PreshutdownTimeout": 600_000, "Start": 2}},
            Cause.UNRESPONSIVE_SERVICE,
            Severity.LATENT,
        ),
        (
            {paths.CONTROL: {"WaitToKillServiceTimeout": "600000"}},
            Cause.UNRESPONSIVE_SERVICE,
            Severity.DELAYS,
        ),
        (
            {paths.WINDOWS_POLICY: {"AllowBlockingAppsAtShutdown": 1}},
            Cause.UNRESPONSIVE_APP,
            Severity.LATENT,
        ),
        (
            {rf"{paths.CURRENT_VERSION}\Setup\State": {"ImageState": "IMAGE_STATE_UNDEPLOYABLE"}},
            Cause.DAMAGED_SYSTEM,
            Severity.MAY_STOP,
        ),
    ],
)
def test_finding(changes: Keys, cause: Cause, severity: Severity) -> None:
    found = told(inspected(changes))
    assert (cause, severity) in found
    assert found == sorted(found, key=lambda one: one[1].rank), "the worst first"
    assert set(found) - STOCK == {(cause, severity)} - STOCK, "and nothing else"


@pytest.mark.parametrize(
    "changes",
    [
        {service("VMTools"): {"PreshutdownTimeout": 2_147_483_647, "Start": 4}},
        {paths.NT_POLICY: {"DontPowerOffAfterShutdown": 0}},
        {service("wuauserv"): {"PreshutdownTimeout": 57_600_000, "Start": 3}},
        {service("Backup"): {"PreshutdownTimeout": 180_000, "Start": 2}},
        {paths.SESSION_MANAGER: {"PendingFileRenameOperations": (r"\??\C:\a", "")}},
        {paths.FAST_STARTUP: {"HiberbootEnabled": 1}},
        {paths.CONTROL: {"WaitToKillServiceTimeout": "12000"}},
    ],
)
def test_no_wolf(changes: Keys) -> None:
    assert set(told(inspected(changes))) == STOCK


def test_autologon_takes_the_edge_off() -> None:
    found = told(inspected(AUTOLOGON | {rf"HKU\Tester\{paths.DESKTOP}": {}}))
    assert (Cause.NO_LOGON_SHUTDOWN, Severity.LATENT) in found
    assert (Cause.UNRESPONSIVE_APP, Severity.LATENT) in found


def test_what_the_volume_says() -> None:
    dirty = inspect_disk(disk(dirty=True, hibernation=Hibernation.HIBERNATED))
    assert set(told(dirty)) - STOCK == {
        (Cause.FORCED_SHUTDOWN, Severity.DELAYS),
        (Cause.ASLEEP, Severity.MAY_STOP),
    }


def test_a_disk_without_its_hives() -> None:
    keys = {path: values for path, values in stock().items() if path.startswith(r"HKLM\SOFTWARE")}
    found = [f for f in inspect_disk(disk(keys)).findings if f.risk.severity is Severity.STOPS]
    assert [(f.risk.cause, "SYSTEM" in f.risk.fact) for f in found] == [
        (Cause.DAMAGED_SYSTEM, True)
    ]


def test_a_hostile_name_is_not_put_into_a_command() -> None:
    evil = "x & format c:"
    found = inspected({service(evil): {"PreshutdownTimeout": 4_000_000, "Start": 2}})
    remedy = next(f.risk.remedy for f in found.findings if evil in f.risk.fact)
    assert evil not in remedy
