"""Settings written while a guest is off: they come to the same as those written while it runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest
from standin.wsman.server import serve

from powerdown.cli.scenarios_command import scenarios_to_json
from powerdown.faults.catalogue import CATALOGUE
from powerdown.faults.fault import Fault
from powerdown.faults.offline import NO_SETTING, Offline, OnlineOnly
from powerdown.guest.guest_baseline import GuestBaseline
from powerdown.guest.windows import Windows
from powerdown.windows.registry_edit import RegistryEdit
from powerdown.windows.settings.button_settings import ButtonAction
from tests.support.directory_volume import DirectoryVolume
from tests.support.fake_target import GUEST, FakeTarget
from tests.support.injected_settings import AS_IT_IS, FAULTS, INJECTED, REMEDIED
from tests.support.modelled_guest import OpenChannel
from tests.support.modelled_machine import Machine

OFFLINE = [fault for fault in CATALOGUE if isinstance(fault.offline, Offline)]


def offline(fault: Fault) -> Offline:
    assert isinstance(fault.offline, Offline)
    return fault.offline


def _button(action: ButtonAction) -> Callable[[GuestBaseline], bool]:
    return lambda seen: seen.button is not None and seen.button.effective() is action


SEEN = INJECTED | {
    "power-button-ignored/by-scheme": _button(ButtonAction.NOTHING),
    "power-button-ignored/by-default": _button(ButtonAction.NOTHING),
    "power-button-ignored/by-policy": _button(ButtonAction.NOTHING),
    "power-button-ignored/display-off": _button(ButtonAction.DISPLAY_OFF),
    "power-button-ignored/ac-against-dc": _button(ButtonAction.NOTHING),
    "power-button-ignored/dc-against-ac": _button(ButtonAction.SHUT_DOWN),
}
HARMLESS = AS_IT_IS | {"power-button-ignored/dc-against-ac"}
UNDONE = REMEDIED | {
    str(fault): _button(ButtonAction.SHUT_DOWN)
    for fault in OFFLINE
    if fault.scenario == "power-button-ignored"
}
SETTINGS_SEEN = [str(fault) for fault in OFFLINE if str(fault) in SEEN and fault.offline.in_full]  # type: ignore[union-attr]


@pytest.fixture
def started(
    installed: Path, tmp_path: Path, open_channel: OpenChannel
) -> Callable[..., AbstractContextManager[FakeTarget]]:
    """Starts a modelled machine whose hives were changed before; each time the same disk."""
    root = tmp_path / "c"
    shutil.copytree(installed, root)

    @contextmanager
    def start(*edits: RegistryEdit) -> Iterator[FakeTarget]:
        DirectoryVolume(root).change(edits)
        machine = Machine(root)
        machine.boot()
        with closing(serve(machine.system, port=0, host="127.0.0.1")) as server:
            channel = open_channel(("127.0.0.1", server.port))
            yield FakeTarget(Windows(channel), tmp_path)

    return start


@pytest.mark.parametrize("name", SETTINGS_SEEN)
def test_the_settings_are_in_effect_from_the_start_and_the_remedy_undoes_them(
    name: str,
    started: Callable[..., AbstractContextManager[FakeTarget]],
) -> None:
    plan = offline(FAULTS[name])
    if name not in HARMLESS:
        with started() as target:
            assert not SEEN[name](target.windows.baseline())
    with started(*plan.edits(GUEST)) as target:
        assert SEEN[name](target.windows.baseline())
    if plan.remedy is not None:
        with started(*plan.remedy(GUEST)) as target:
            assert UNDONE[name](target.windows.baseline())


def test_no_setting_goes_unseen() -> None:
    assert len(SETTINGS_SEEN) >= 12
    in_full = {str(fault) for fault in OFFLINE if offline(fault).in_full}
    assert in_full == set(SETTINGS_SEEN)


@pytest.mark.parametrize("fault", OFFLINE, ids=str)
def test_what_is_undone_offline_can_be_undone_online(fault: Fault) -> None:
    plan = offline(fault)
    assert plan.edits(GUEST)
    if plan.remedy is not None:
        assert plan.remedy(GUEST)
        assert fault.remedy is not None


@pytest.mark.parametrize("fault", CATALOGUE, ids=str)
def test_what_cannot_be_injected_offline_says_why(fault: Fault) -> None:
    if isinstance(fault.offline, OnlineOnly):
        assert fault.offline.reason


def test_the_list_of_scenarios_tells_which_can_be_injected_offline_and_why_not() -> None:
    scenarios = scenarios_to_json(CATALOGUE)["scenarios"]
    assert isinstance(scenarios, list)
    told = {
        f"{each['id']}/{variant['variant']}": (variant["offline"], variant["offline_note"])
        for each in scenarios
        for variant in each["variants"]
    }
    assert told["power-button-ignored/by-scheme"] == ("in full", "")
    assert told["unresponsive-service/never-stops"] == ("in part", "")
    assert told["damaged-system/hang"] == ("no", NO_SETTING)
    assert told["asleep/fast-startup"][1].endswith("(fact:hibernation-file-made)")
