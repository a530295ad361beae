"""A setting that nobody else knows of: one declaration makes it work everywhere."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from standin.wsman.server import serve

from powerdown.cli.settings_page import settings_page
from powerdown.core.outcome import Cause
from powerdown.core.severity import Severity
from powerdown.diagnosis.risks.risks_of_guest import risks
from powerdown.disk.inspection import inspect_disk
from powerdown.disk.settings.disk_settings import request_of
from powerdown.faults.fault import BlockedAt, Fault, ScenarioId, of_settings
from powerdown.faults.offline import Offline
from powerdown.guest.guest_baseline import GuestBaseline
from powerdown.guest.windows import Windows
from powerdown.windows.facts.fact import Fact, FactStatus
from powerdown.windows.registry_edit import ValueType
from powerdown.windows.settings import registry_keys as keys
from powerdown.windows.settings.all_settings import ALL_SETTINGS
from powerdown.windows.settings.button_settings import SUB_BUTTONS
from powerdown.windows.settings.declaration import Declaration, Default, TakesEffect, Unit
from powerdown.windows.settings.harm import Harm, longer_than
from powerdown.windows.settings.key_request import KeyRequest
from powerdown.windows.settings.power_scheme import SchemeSetting
from powerdown.windows.settings.readings import Group, Origin, Readings
from powerdown.windows.settings.registry_setting import (
    RegistrySetting,
    of_each_service,
    of_each_user,
)
from tests.support.directory_volume import DirectoryVolume
from tests.support.fake_target import GUEST, FakeTarget
from tests.support.modelled_guest import OpenChannel
from tests.support.modelled_machine import Machine
from tests.support.observations import baseline, obs
from tests.support.stock_registry import disk, service, stock

RUMOUR = Fact("linger-rumour", "A guest lingers for so many minutes.", FactStatus.UNCONFIRMED, ())

LINGER = RegistrySetting(
    id="linger",
    group=Group.SERVICES,
    name="LingerMinutes",
    unit=Unit.NUMBER,
    key=rf"{keys.CONTROL}\Made Up",
    type=ValueType.SZ,
    lowest=0,
    highest=60,
    default=Default(2),
    takes_effect=TakesEffect.RESTART,
    safe=0,
    harms=(
        Harm(
            Cause.UNRESPONSIVE_SERVICE,
            Severity.DELAYS,
            longer_than(5),
            "the guest lingers for {value} minutes",
            facts=(RUMOUR,),
        ),
    ),
    online=True,
)
"""Of the machine."""

COURTESY = RegistrySetting(
    id="courtesy",
    group=Group.APPLICATIONS,
    name="CourtesyDelay",
    unit=Unit.MILLISECONDS,
    key=of_each_user(r"Software\Made Up"),
    takes_effect=TakesEffect.NEXT_LOGON,
    online=True,
)
"""Of each user."""

LID = SchemeSetting(
    id="lid",
    group=Group.BUTTON,
    name="LIDACTION",
    unit=Unit.CHOICE,
    words={0: "nothing", 3: "shut down"},
    sub=SUB_BUTTONS,
    guid="7648efa3-dd9c-4e3e-b566-50f929386280",
    online=True,
)
"""Of the power scheme; by the GUID of the power button, which the model has."""

SETTINGS: tuple[Declaration, ...] = (*ALL_SETTINGS, LINGER, COURTESY)

FAULT = Fault(
    scenario=ScenarioId.UNRESPONSIVE_SERVICE,
    variant="lingers",
    summary="made up",
    sources=(),
    expected=(),
    blocked_at=BlockedAt.SERVICES,
    **of_settings(LINGER.set(30), LINGER.repair()),
)
"""Everything about how it is injected and remedied, online and offline, is its last line."""


def lingers(found: GuestBaseline | Readings) -> tuple[object, Origin]:
    settings = found.settings if isinstance(found, GuestBaseline) else found
    reading = settings.of(LINGER)
    assert reading is not None
    return reading.value, reading.origin


@pytest.fixture
def target(windows: Windows, tmp_path: Path) -> FakeTarget:
    return FakeTarget(Windows(windows.channel, SETTINGS), tmp_path)


def test_it_is_injected_and_read_online_and_the_remedy_repairs_it(target: FakeTarget) -> None:
    assert lingers(target.windows.baseline()) == (2, Origin.DOCUMENTED)
    FAULT.inject(target)
    assert lingers(target.windows.baseline()) == (30, Origin.REGISTRY)
    assert FAULT.remedy is not None
    FAULT.remedy(target)
    assert lingers(target.windows.baseline()) == (0, Origin.REGISTRY)


def test_what_is_shown_to_people_is_what_is_run() -> None:
    key = r"HKLM\SYSTEM\CurrentControlSet\Control\Made Up"
    assert FAULT.injects == (f'reg add "{key}" /v LingerMinutes /t REG_SZ /d 30 /f',)
    assert FAULT.remedies == (f'reg add "{key}" /v LingerMinutes /t REG_SZ /d 0 /f',)
    assert LINGER.remedy == f"{FAULT.remedies[0]} and restart"


def test_it_is_injected_offline_and_in_effect_from_the_start(
    installed: Path, tmp_path: Path, open_channel: OpenChannel
) -> None:
    root = tmp_path / "c"
    shutil.copytree(installed, root)
    assert isinstance(FAULT.offline, Offline)
    DirectoryVolume(root).change(FAULT.offline.edits(GUEST))
    machine = Machine(root)
    machine.boot()
    with closing(serve(machine.system, port=0, host="127.0.0.1")) as server:
        windows = Windows(open_channel(("127.0.0.1", server.port)), SETTINGS)
        assert lingers(windows.baseline()) == (30, Origin.REGISTRY)


def test_it_is_asked_for_and_read_at_rest_and_a_risk() -> None:
    assert KeyRequest(LINGER.key, values=(LINGER.name,)) in request_of(SETTINGS).keys
    stored = inspect_disk(disk(stock() | {LINGER.key: {"lingerminutes": "7"}}), SETTINGS)
    assert lingers(stored.settings) == (7, Origin.REGISTRY)
    [finding] = [f for f in stored.findings if f.settings[0].id == "linger"]
    assert (finding.risk.cause, finding.risk.severity) == (
        Cause.UNRESPONSIVE_SERVICE,
        Severity.DELAYS,
    )
    assert finding.risk.fact == "the guest lingers for 7 minutes"
    assert finding.risk.remedy == LINGER.remedy
    assert finding.doubt == f"unconfirmed: {RUMOUR.claim.rstrip('.')} (fact:{RUMOUR.id})"
    harmless = inspect_disk(disk(stock() | {LINGER.key: {"LingerMinutes": "5"}}), SETTINGS)
    assert "linger" not in [f.settings[0].id for f in harmless.findings]
    assert lingers(inspect_disk(disk(), SETTINGS).settings) == (2, Origin.DOCUMENTED)


def test_it_is_the_same_risk_of_a_running_guest(target: FakeTarget) -> None:
    FAULT.inject(target)
    read = target.windows.baseline()
    found = list(risks(obs(baseline=read)))
    assert [risk.fact for risk in found if risk.rests_on == (RUMOUR,)] == [
        "the guest lingers for 30 minutes"
    ]
    assert not [r for r in risks(obs(baseline=baseline())) if r.rests_on == (RUMOUR,)]


def test_it_has_a_row_in_the_table_of_the_documentation() -> None:
    [row] = [line for line in settings_page(SETTINGS).splitlines() if "`linger`" in line]
    for told in ("LingerMinutes", r"CCS\Control\Made Up\LingerMinutes", "`delays`", RUMOUR.id):
        assert told in row


def test_one_of_a_user_is_read_of_the_one_at_the_console(target: FakeTarget) -> None:
    target.windows.set_for_user(COURTESY, 1500)
    reading = target.windows.baseline().of_user(COURTESY)
    assert reading is not None and (reading.value, reading.shown) == (1500, "1.5 s")
    at_rest = inspect_disk(
        disk(stock() | {r"HKU\tester\Software\Made Up": {"CourtesyDelay": 7}}), SETTINGS
    )
    assert at_rest.settings["courtesy:tester"].value == 7


def test_one_of_the_power_scheme_is_read_through_by_powercfg(windows: Windows) -> None:
    ours = Windows(windows.channel, (LID,))
    ours.run_all(LID.set(0).commands)
    found = ours.baseline().settings
    assert (found["lid-ac"].value, found["lid-ac"].shown) == (0, "0 (nothing)")
    assert found["lid-dc"].origin is Origin.SCHEME


@pytest.mark.parametrize("name", ['x" & del C: & "', "100%", "a\nb"])
def test_the_name_of_a_service_never_gets_into_a_command_that_it_would_change(name: str) -> None:
    stubborn = replace(LINGER, key=of_each_service(), id="stubborn")
    found = inspect_disk(disk(stock() | {service(name): {"LingerMinutes": 30}}), (stubborn,))
    [finding] = [f for f in found.findings if f.settings[0].id.startswith("stubborn")]
    assert r'\Services\NAME"' in finding.risk.remedy


@pytest.mark.parametrize("value", [-1, 61, "ten", None])
def test_a_value_outside_of_its_range_is_not_set(value: int | str | None) -> None:
    with pytest.raises(ValueError, match="LingerMinutes"):
        LINGER.set(value)
