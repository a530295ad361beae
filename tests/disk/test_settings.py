"""Settings at rest: their values, and where those come from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.disk.inspection import inspect_disk, inspect_hive
from powerdown.disk.registry_snapshot import (
    RegistrySnapshot,
    StoredKey,
    StoredValue,
    ValueData,
)
from powerdown.disk.settings.disk_settings import EVERY_SETTING, settings_of_disk, settings_of_hive
from powerdown.windows.settings import registry_keys as paths
from powerdown.windows.settings.button_settings import POWER_BUTTON, SUB_BUTTONS
from powerdown.windows.settings.readings import Origin, Reading, Readings
from tests.support.stock_registry import (
    BALANCED,
    BUTTON_POLICY,
    STANDBYIDLE,
    SUB_SLEEP,
    WINLOGON,
    Keys,
    defaults_of,
    disk,
    own_of,
    service,
    snapshot,
    stock,
)

BUTTON_DEFAULT = defaults_of(SUB_BUTTONS, POWER_BUTTON.guid)
BUTTON_OWN = own_of(SUB_BUTTONS, POWER_BUTTON.guid)
FIREWALL = rf"{paths.SERVICES}\SharedAccess\Parameters\FirewallPolicy"
WSMAN = rf"{paths.CURRENT_VERSION}\WSMAN"


def changed(changes: Keys) -> Readings:
    keys = stock()
    for path, values in changes.items():
        keys[path] = {**keys.get(path, {}), **values}
    return settings_of_disk(disk(keys))


def told(setting: Reading) -> tuple[Any, Origin]:
    return setting.value, setting.origin


class TestPowerScheme:
    def test_default_is_read_through(self) -> None:
        found = settings_of_disk(disk())["power-button-ac"]
        assert told(found) == (3, Origin.SCHEME_DEFAULT)
        assert found.path == rf"{BUTTON_DEFAULT}\ACSettingIndex"
        assert found.raw == "REG_DWORD 3"

    def test_a_provisioned_default_that_is_another_is_told_of(self) -> None:
        found = changed({BUTTON_DEFAULT: {"ProvAcSettingIndex": 1, "ProvDcSettingIndex": 3}})
        assert told(found["power-button-ac"]) == (3, Origin.SCHEME_DEFAULT)
        assert not found["power-button-ac"].confirmed
        assert "1 (sleep)" in found["power-button-ac"].note
        assert found["power-button-dc"].confirmed and not found["power-button-dc"].note
        own = changed(
            {BUTTON_DEFAULT: {"ProvAcSettingIndex": 1}, BUTTON_OWN: {"ACSettingIndex": 3}}
        )
        assert own["power-button-ac"].confirmed

    def test_own_value_of_the_scheme_comes_before_its_default(self) -> None:
        # Names differ in case between hives (fact:button-action-store).
        found = changed({BUTTON_OWN.upper(): {"AcSettingIndex": 1}})
        assert told(found["power-button-ac"]) == (1, Origin.SCHEME)
        assert told(found["power-button-dc"]) == (3, Origin.SCHEME_DEFAULT)

    def test_a_policy_may_give_one_of_the_two(self) -> None:
        found = changed({BUTTON_OWN: {"ACSettingIndex": 0}, BUTTON_POLICY: {"DCSettingIndex": 2}})
        assert told(found["power-button-ac"]) == (0, Origin.SCHEME)
        assert told(found["power-button-dc"]) == (2, Origin.POLICY)

    def test_policy_comes_first(self) -> None:
        found = changed({BUTTON_OWN: {"ACSettingIndex": 3}, BUTTON_POLICY: {"acsettingindex": 0}})
        assert told(found["power-button-ac"]) == (0, Origin.POLICY)

    def test_only_the_active_scheme_counts(self) -> None:
        high = "8c5e7fda-e8bf-4a96-9a85-a6e23a8c635c"
        asleep = {"ACSettingIndex": 1}
        keys: Keys = {
            paths.POWER_SCHEMES: {"ActivePowerScheme": high.upper()},
            BUTTON_OWN: asleep,  # type: ignore[dict-item]
            defaults_of(SUB_BUTTONS, POWER_BUTTON.guid, high): {"ACSettingIndex": 3},
        }
        found = changed(keys)
        assert told(found["power-button-ac"]) == (3, Origin.SCHEME_DEFAULT)
        assert found["power-scheme"].shown == "High performance"
        by_policy = changed(keys | {paths.POWER_POLICY: {"ActivePowerScheme": BALANCED}})
        assert told(by_policy["power-button-ac"]) == (1, Origin.SCHEME)
        assert told(by_policy["power-scheme"]) == (BALANCED, Origin.POLICY)

    def test_a_scheme_without_default(self) -> None:
        own = "11111111-2222-3333-4444-555555555555"
        found = changed({paths.POWER_SCHEMES: {"ActivePowerScheme": own}})["power-button-ac"]
        assert told(found) == (None, Origin.ABSENT)
        assert not found.confirmed

    @pytest.mark.parametrize("data", [b"\1", "three", ("3",)])
    def test_another_type_is_unreadable(self, data: ValueData) -> None:
        found = changed({BUTTON_OWN: {"ACSettingIndex": data}})["power-button-ac"]
        assert told(found) == (None, Origin.UNREADABLE)

    def test_a_time_may_be_stored_beyond_any_sane_one(self) -> None:
        never = changed({own_of(SUB_SLEEP, STANDBYIDLE): {"ACSettingIndex": 0xFFFFFFFF}})
        assert never["standby-idle-ac"].value == 0xFFFFFFFF


@pytest.mark.parametrize(
    ("changes", "id", "value", "origin"),
    [
        ({}, "shutdown-without-logon", False, Origin.DOCUMENTED),
        (
            {paths.PRODUCT_OPTIONS: {"ProductType": "WinNT"}},
            "shutdown-without-logon",
            True,
            Origin.DOCUMENTED,
        ),
        (
            {paths.SYSTEM_POLICIES: {"shutdownwithoutlogon": 1}},
            "shutdown-without-logon",
            True,
            Origin.REGISTRY,
        ),
        (
            {paths.SYSTEM_POLICIES: {"ShutdownWithoutLogon": b"1"}},
            "shutdown-without-logon",
            None,
            Origin.UNREADABLE,
        ),
        ({}, "tracker", True, Origin.DOCUMENTED),
        (
            {paths.PRODUCT_OPTIONS: {"ProductType": "WinNT"}},
            "tracker",
            False,
            Origin.DOCUMENTED,
        ),
        ({paths.TRACKER_POLICY: {"ShutdownReasonOn": 0}}, "tracker", False, Origin.POLICY),
        ({}, "hibernation", False, Origin.REGISTRY),
        ({paths.POWER: {"HibernateEnabled": 1}}, "fast-startup", False, Origin.TOGETHER),
        (
            {
                paths.POWER: {"HibernateEnabled": 1},
                paths.FAST_STARTUP: {"HiberbootEnabled": 1},
            },
            "fast-startup",
            True,
            Origin.TOGETHER,
        ),
        (
            {
                paths.POWER: {"HibernateEnabled": 1},
                paths.WINDOWS_POLICY: {"HiberbootEnabled": 1},
            },
            "fast-startup",
            True,
            Origin.TOGETHER,
        ),
        (
            {paths.FAST_STARTUP: {"HiberbootEnabled": 1}},
            "fast-startup",
            False,
            Origin.TOGETHER,
        ),
        ({}, "wait-to-kill-service", 5000, Origin.REGISTRY),
        (
            {paths.CONTROL: {"WaitToKillServiceTimeout": "soon"}},
            "wait-to-kill-service",
            None,
            Origin.UNREADABLE,
        ),
        ({}, "allow-blocking-apps", False, Origin.DOCUMENTED),
        ({paths.REBOOT_PENDING: {}}, "update-mark:RebootPending", True, Origin.REGISTRY),
        ({}, "update-mark:RebootPending", False, Origin.ABSENT),
        ({}, "update-mark:SetupExecute", False, Origin.REGISTRY),
        (
            {paths.SESSION_MANAGER: {"SetupExecute": ("poqexec.exe",)}},
            "update-mark:SetupExecute",
            True,
            Origin.REGISTRY,
        ),
        ({}, "auto-end-tasks:.default", False, Origin.REGISTRY),
        ({}, "hung-app-timeout:.default", 5000, Origin.DOCUMENTED),
        ({}, "guest-agent", None, Origin.ABSENT),
        ({service("QEMU-GA"): {"Start": 2}}, "guest-agent", 2, Origin.REGISTRY),
        ({}, "winrm-reachable", None, Origin.TOGETHER),
        ({rf"{WSMAN}\Listener": {}}, "winrm-reachable", False, Origin.TOGETHER),
    ],
)
def test_setting(changes: Keys, id: str, value: object, origin: Origin) -> None:
    assert told(changed(changes)[id]) == (value, origin)


def test_autologon_and_what_breaks_it() -> None:
    on: Keys = {
        WINLOGON: {
            "AutoAdminLogon": "1",
            "DefaultUserName": "tester",
            "DefaultPassword": "geheim",
        }
    }
    assert changed(on)["autologon"].value is True
    for broken in (
        {paths.SYSTEM_POLICIES: {"LegalNoticeText": "Authorised use only"}},
        {WINLOGON: on[WINLOGON] | {"AutoLogonCount": 0}},
        {WINLOGON: on[WINLOGON] | {"DefaultUserName": " "}},
    ):
        assert changed(on | broken)["autologon"].value is False  # type: ignore[arg-type]


def test_a_password_is_never_told() -> None:
    keys = stock()
    keys[WINLOGON] |= {"AutoAdminLogon": "1", "DefaultUserName": "a", "DefaultPassword": "geheim"}
    found = inspect_disk(disk(keys))
    assert "geheim" not in repr((list(found.settings), found.findings, found.notes))
    assert found.settings["default-password"].shown == "set"


def test_long_text_is_cut() -> None:
    found = changed({paths.NT_CURRENT_VERSION: {"ProductName": "x" * 100_000}})["product-name"]
    assert len(f"{found.value}{found.shown}{found.raw}") < 1000


def test_winrm_that_answers() -> None:
    rule = "v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|Profile=Private|LPort=5985|App=System|"
    keys: Keys = {
        rf"{WSMAN}\Listener\*+HTTP": {"Port": 5985, "uriprefix": "wsman"},
        rf"{FIREWALL}\FirewallRules": {"WINRM-HTTP-In-TCP": rule},
    }
    found = changed(keys)
    assert found["winrm-reachable"].value is True
    assert found["winrm-firewall"].shown == "open (Private)"
    for off in ("Active=FALSE", "Action=Block", "Dir=Out", "Protocol=17", "LPort=59850"):
        name, _, value = off.partition("=")
        parts = [off if part.startswith(f"{name}=") else part for part in rule.split("|")]
        changed_rule: Keys = {rf"{FIREWALL}\FirewallRules": {"x": "|".join(parts)}}
        assert changed(keys | changed_rule)["winrm-firewall"].value is False, value
    assert changed(keys | {service("WinRM"): {"Start": 4}})["winrm-reachable"].value is False


def test_a_hive_alone_leaves_the_others_open() -> None:
    keys = {path: values for path, values in stock().items() if path.startswith(r"HKLM\SYSTEM")}
    found = settings_of_hive(snapshot(keys))
    assert told(found["shutdown-without-logon"]) == (None, Origin.NOT_READ)
    assert told(found["tracker"]) == (None, Origin.NOT_READ)
    assert told(found["update-mark:RebootPending"]) == (None, Origin.NOT_READ)
    assert told(found["power-button-ac"]) == (3, Origin.SCHEME_DEFAULT)
    assert any("policies" in note for note in inspect_hive(snapshot(keys)).notes)
    on = keys | {paths.POWER: {"HibernateEnabled": 1}}
    assert told(settings_of_hive(snapshot(on))["fast-startup"]) == (None, Origin.NOT_READ)


def test_a_control_set_that_is_not_named_is_not_read() -> None:
    keys: Keys = {r"HKLM\SYSTEM\Select": {"Current": 77}, r"HKLM\SYSTEM\Setup": {}}
    found = settings_of_hive(snapshot(keys))
    assert told(found["wait-to-kill-service"]) == (None, Origin.NOT_READ)
    assert told(found["setup-in-progress"]) == (None, Origin.ABSENT)


def test_nothing_read_is_nothing_known() -> None:
    found = settings_of_hive(RegistrySnapshot())
    assert {setting.origin for setting in found} <= {Origin.NOT_READ}
    assert inspect_hive(RegistrySnapshot()).findings == ()


def test_everything_that_decides_is_asked_for() -> None:
    """A setting's key that is not in the request would always read as absent."""
    asked = [(key.path.casefold(), key.depth, key.values) for key in EVERY_SETTING.keys]

    def is_asked(setting: Reading) -> bool:
        key = setting.key.casefold()
        if key.startswith("hku\\"):
            key = "hku\\*\\" + key.split("\\", 2)[2]
        return any(
            (key == path or (key.startswith(path + "\\") and key[len(path) :].count("\\") <= depth))
            and (
                values is None
                or not setting.value_name
                or setting.value_name.casefold() in [name.casefold() for name in values]
            )
            for path, depth, values in asked
        )

    for settings in (settings_of_disk(disk()), changed({BUTTON_POLICY: {"ACSettingIndex": 3}})):
        assert [s.id for s in settings if s.key and not is_asked(s)] == []


PATHS = sorted(
    {key.path.replace("*", "user") for key in EVERY_SETTING.keys}
    | {BUTTON_DEFAULT, BUTTON_OWN, BUTTON_POLICY, service("x"), rf"{WSMAN}\Listener\*+HTTP"}
)
NAMES = sorted(
    {name for key in EVERY_SETTING.keys for name in key.values or ("x", "Current")}
    | {"PreshutdownTimeout", "Port", "enabled"}
)
DATA = (
    st.integers(0, 2**64 - 1)
    | st.sampled_from(["", "0", "1", "4294967296", BALANCED, "v2|Action=Allow|LPort=5985"])
    | st.text(max_size=30)
    | st.lists(st.text(max_size=5), max_size=3).map(tuple)
    | st.binary(max_size=8)
)
VALUES = st.builds(StoredValue, st.sampled_from(NAMES), st.integers(0, 20), DATA)
KEYS = st.builds(
    StoredKey,
    st.sampled_from(PATHS),
    st.lists(VALUES, max_size=6).map(tuple),
    st.lists(st.sampled_from(["x", "gpsvc", "*+HTTP", BALANCED]) | st.text(max_size=4)).map(tuple),
)


@given(st.lists(KEYS, max_size=12))
def test_whatever_is_stored_is_judged(keys: list[StoredKey]) -> None:
    found = inspect_disk(replace(disk({}), registry=RegistrySnapshot.of(*keys)))
    for setting in found.settings:
        if setting.origin is Origin.UNREADABLE:
            assert setting.value is None
    assert all(finding.settings for finding in found.findings)
