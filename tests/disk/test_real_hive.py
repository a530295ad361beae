"""A real SYSTEM hive: what is read of it is what another tool, hivexsh, shows there.

The expected values were taken from ``hivexsh`` (``cd``, ``lsval``) and are not derived from the
code under test.
"""

from __future__ import annotations

from contextlib import closing

import pytest

from powerdown.core.deadline import Deadline
from powerdown.disk.inspection import Inspection, inspect_hive
from powerdown.disk.reader.sandboxed_reader import DiskReader
from powerdown.disk.settings.all_settings import ALL_SETTINGS
from powerdown.disk.settings.setting import Origin
from tests.support.paths import REPOSITORY

HIVE = REPOSITORY.parent / "shared" / "samples" / "SYSTEM.hive"

pytestmark = pytest.mark.skipif(not HIVE.is_file(), reason=f"there is no {HIVE}")


@pytest.fixture(scope="module")
def found() -> Inspection:
    with closing(DiskReader()) as reader:
        return inspect_hive(reader.read_hive(HIVE, ALL_SETTINGS, Deadline.after(60)))


@pytest.mark.parametrize(
    ("id", "value", "origin"),
    [
        ("power-scheme", "8c5e7fda-e8bf-4a96-9a85-a6e23a8c635c", Origin.REGISTRY),
        ("power-button-ac", 3, Origin.SCHEME_DEFAULT),
        ("power-button-dc", 3, Origin.SCHEME_DEFAULT),
        ("sleep-button-ac", 1, Origin.SCHEME_DEFAULT),
        ("standby-idle-ac", 0, Origin.SCHEME_DEFAULT),
        ("video-idle-ac", 900, Origin.SCHEME_DEFAULT),
        ("hibernation", True, Origin.REGISTRY),
        ("fast-startup-local", None, Origin.ABSENT),
        ("fast-startup", None, Origin.NOT_READ),
        ("product-type", "WinNT", Origin.REGISTRY),
        ("wait-to-kill-service", 12_000, Origin.REGISTRY),
        ("preshutdown-timeout:gpsvc", 900_000, Origin.REGISTRY),
        ("preshutdown-timeout:TrustedInstaller", 3_600_000, Origin.REGISTRY),
        ("preshutdown-timeout:wuauserv", 57_600_000, Origin.REGISTRY),
        ("clear-page-file", False, Origin.REGISTRY),
        ("winrm-start", 3, Origin.REGISTRY),
        ("shutdown-without-logon", None, Origin.NOT_READ),
        ("tracker", None, Origin.NOT_READ),
        ("update-mark:SetupExecute", False, Origin.REGISTRY),
        ("update-mark:PendingFileRenameOperations", False, Origin.ABSENT),
    ],
)
def test_setting(found: Inspection, id: str, value: object, origin: Origin) -> None:
    setting = found.settings[id]
    assert (setting.value, setting.origin) == (value, origin)


def test_no_service_is_forgotten(found: Inspection) -> None:
    assert {setting.name for setting in found.settings.starting("preshutdown-timeout:")} == {
        f"PreshutdownTimeout of {name}" for name in ("gpsvc", "TrustedInstaller", "wuauserv")
    }


def test_only_the_display_is_told_of(found: Inspection) -> None:
    assert [f.settings[0].id for f in found.findings] == ["video-idle-ac"]
