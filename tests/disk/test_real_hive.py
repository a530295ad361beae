"""Settings read from whole SYSTEM hives, a made one and a real one.

None of the expected values is derived from the code under test. Those of the real hive were taken
from ``hivexsh`` (``cd``, ``lsval``); those of the made one are in ``made_system_hive``.
"""

from __future__ import annotations

from contextlib import closing

import pytest

from powerdown.core.deadline import Deadline
from powerdown.core.severity import Severity
from powerdown.disk.inspection import Inspection, inspect_hive
from powerdown.disk.reader.sandboxed_reader import DiskReader
from powerdown.disk.settings.disk_settings import EVERY_SETTING
from powerdown.windows.settings.readings import Origin
from tests.support.samples import MADE_HIVE, REAL_HIVE, Sample, SampleFiles


@pytest.fixture(scope="module")
def found(request: pytest.FixtureRequest, sample_files: SampleFiles) -> Inspection:
    """The inspection of the hive that is the fixture's parameter."""
    path = sample_files.path(request.param)
    with closing(DiskReader()) as reader:
        return inspect_hive(reader.read_hive(path, EVERY_SETTING, Deadline.after(60)))


SETTINGS: dict[Sample, list[tuple[str, object, Origin]]] = {
    MADE_HIVE: [
        ("power-scheme", "381b4222-f694-41f0-9685-ff5bb260df2e", Origin.REGISTRY),
        ("power-button-ac", 3, Origin.SCHEME),
        ("power-button-dc", 1, Origin.SCHEME_DEFAULT),
        ("sleep-button-ac", 2, Origin.SCHEME_DEFAULT),
        ("standby-idle-ac", 1800, Origin.SCHEME),
        ("standby-idle-dc", 900, Origin.SCHEME_DEFAULT),
        ("video-idle-ac", 600, Origin.SCHEME_DEFAULT),
        ("video-idle-dc", 300, Origin.SCHEME_DEFAULT),
        ("hibernate-idle-ac", None, Origin.ABSENT),
        ("hibernation", False, Origin.REGISTRY),
        ("fast-startup-local", True, Origin.REGISTRY),
        # It requires hibernation, so its policy, in another hive, does not matter.
        ("fast-startup", False, Origin.TOGETHER),
        ("product-type", "ServerNT", Origin.REGISTRY),
        ("setup-in-progress", False, Origin.REGISTRY),
        ("wait-to-kill-service", 45_000, Origin.REGISTRY),
        ("preshutdown-timeout:gpsvc", 900_000, Origin.REGISTRY),
        ("preshutdown-timeout:TrustedInstaller", 3_600_000, Origin.REGISTRY),
        ("preshutdown-timeout:UsoSvc", 3_600_001, Origin.REGISTRY),
        ("preshutdown-timeout:\u00dcberwachung", 240_000, Origin.REGISTRY),
        ("preshutdown-timeout:\u041a\u043e\u043f\u0438\u044f", 3_600_001, Origin.REGISTRY),
        ("preshutdown-timeout:Retired", 7_200_000, Origin.REGISTRY),
        ("clear-page-file", True, Origin.REGISTRY),
        ("winrm-start", 2, Origin.REGISTRY),
        ("shutdown-without-logon", None, Origin.NOT_READ),
        ("tracker", None, Origin.NOT_READ),
        ("update-mark:SetupExecute", True, Origin.REGISTRY),
        ("update-mark:PendingFileRenameOperations", True, Origin.REGISTRY),
    ],
    REAL_HIVE: [
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
}


@pytest.mark.parametrize(
    ("found", "id", "value", "origin"),
    [
        pytest.param(hive, *expected, id=f"{hive}-{expected[0]}")
        for hive, settings in SETTINGS.items()
        for expected in settings
    ],
    indirect=["found"],
)
def test_setting(found: Inspection, id: str, value: object, origin: Origin) -> None:
    setting = found.settings[id]
    assert (setting.value, setting.origin) == (value, origin)


@pytest.mark.parametrize("found", SETTINGS, indirect=True, ids=str)
def test_no_service_is_forgotten(found: Inspection, request: pytest.FixtureRequest) -> None:
    sample = request.node.callspec.params["found"]
    prefix = "preshutdown-timeout:"
    services = [id.removeprefix(prefix) for id, _, _ in SETTINGS[sample] if id.startswith(prefix)]
    assert {setting.name for setting in found.settings.starting(prefix)} == {
        f"PreshutdownTimeout of {name}" for name in services
    }


FINDINGS: dict[Sample, list[tuple[Severity, str]]] = {
    MADE_HIVE: [
        (Severity.MAY_STOP, "standby-idle-ac"),
        (Severity.DELAYS, "preshutdown-timeout:\u041a\u043e\u043f\u0438\u044f"),
        (Severity.DELAYS, "update-mark:SetupExecute"),
        (Severity.DELAYS, "wait-to-kill-service"),
        (Severity.LATENT, "power-button-dc"),
        (Severity.LATENT, "preshutdown-timeout:\u00dcberwachung"),
        (Severity.LATENT, "video-idle-ac"),
    ],
    REAL_HIVE: [(Severity.LATENT, "video-idle-ac")],
}


@pytest.mark.parametrize(
    ("found", "expected"), FINDINGS.items(), indirect=["found"], ids=map(str, FINDINGS)
)
def test_findings(found: Inspection, expected: list[tuple[Severity, str]]) -> None:
    severities = [finding.risk.severity for finding in found.findings]
    assert severities == [severity for severity, _ in expected]
    assert {(f.risk.severity, f.settings[0].id) for f in found.findings} == set(expected)
