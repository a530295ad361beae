from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.windows.console_session import ConsoleSession
from powerdown.windows.registry_output import RegistryOutput, parse_registry
from powerdown.windows.settings.application_settings import (
    AUTO_END_TASKS,
    HUNG_APP_TIMEOUT,
    WAIT_TO_KILL_APP_TIMEOUT,
)
from powerdown.windows.settings.live_registry import LiveRegistry
from powerdown.windows.settings.registry_setting import RegistrySetting
from powerdown.windows.settings.setting_value import SettingValue
from powerdown.windows.user_profiles import find_console_profile

ALICE = "S-1-5-21-1004336348-1177238915-682003330-1001"
BOB = "S-1-5-21-1004336348-1177238915-682003330-1002"
ENTRA = "S-1-12-1-1-2-3-4"
NO_IMAGES = RegistryOutput()


def profile(sid: str, name: str | None = None, session: int | None = None, values: str = "") -> str:
    text = f"\nHKEY_USERS\\{sid}\\Control Panel\\Desktop\n{values}\n"
    if name is not None:
        text += f"\nHKEY_USERS\\{sid}\\Volatile Environment\n    USERNAME    REG_SZ    {name}\n"
    if session is not None:
        text += (
            f"\nHKEY_USERS\\{sid}\\Volatile Environment\\{session}\n"
            "    SESSIONNAME    REG_SZ    Console\n"
        )
    return text


def images(**folders: str) -> RegistryOutput:
    sids = {"alice": ALICE, "bob": BOB}
    return parse_registry(
        "".join(
            f"\nHKEY_LOCAL_MACHINE\\SOFTWARE\\P\\{sids[who]}\n"
            f"    ProfileImagePath    REG_EXPAND_SZ    {folder}\n"
            for who, folder in folders.items()
        )
    )


def find(text: str, user: str, session: int = 1, folders: RegistryOutput = NO_IMAGES) -> str | None:
    console = ConsoleSession(session, user, None)
    return find_console_profile(parse_registry(text), folders, console)


SYSTEM = profile(".DEFAULT") + profile("S-1-5-18") + profile(f"{ALICE}_Classes")


class TestProfile:
    def test_the_session_decides(self) -> None:
        text = SYSTEM + profile(ALICE, "x", 2) + profile(BOB, "x", 12)
        assert find(text, "x", 2) == ALICE
        assert find(text, "x", 12) == BOB

    def test_else_the_name_decides(self) -> None:
        text = SYSTEM + profile(ALICE, "alice") + profile(BOB, "Bob")
        assert find(text, "bob") == BOB

    def test_a_long_name_comes_cut(self) -> None:
        text = profile(ALICE, "a" * 25) + profile(BOB, "bob")
        assert find(text, "a" * 20) == ALICE

    @pytest.mark.parametrize(
        "folder", ["C:\\Users\\bob", "C:\\Users\\Bob.PC", "D:\\P\\bob.000", "bob"]
    )
    def test_else_the_folder_decides(self, folder: str) -> None:
        text = SYSTEM + profile(ALICE) + profile(BOB)
        folders = images(alice="C:\\Users\\alice", bob=folder)
        assert find(text, "bob", folders=folders) == BOB

    def test_a_name_with_a_dot_is_whole(self) -> None:
        text = profile(ALICE) + profile(BOB)
        folders = images(alice="C:\\Users\\bob.smith", bob="C:\\Users\\bob.miller")
        assert find(text, "bob.miller", folders=folders) == BOB

    def test_the_only_profile_is_it_unless_it_is_another_users(self) -> None:
        assert find(SYSTEM + profile(ENTRA), "alice") == ENTRA
        assert find(SYSTEM + profile(ALICE, "tester"), "alice") is None
        assert find(SYSTEM + profile(ALICE), "bob", folders=images(alice=r"C:\alice")) is None

    def test_two_that_fit_are_none(self) -> None:
        assert find(profile(ALICE, "x") + profile(BOB, "x"), "x") is None
        assert find(profile(ALICE) + profile(BOB), "x") is None

    def test_nobody_has_no_profile(self) -> None:
        nobody = ConsoleSession(1, None, False)
        assert find_console_profile(parse_registry(profile(ALICE)), NO_IMAGES, nobody) is None

    def test_service_profiles_are_nobodys(self) -> None:
        assert find(SYSTEM, "alice") is None


def read(printed: str, sid: str, setting: RegistrySetting) -> SettingValue:
    registry = LiveRegistry(parse_registry(printed), {sid: "somebody"})
    [reading] = setting.read(registry)
    return reading.value


class TestSettings:
    def test_defaults_are_read_through(self) -> None:
        assert read(profile(ALICE), ALICE, AUTO_END_TASKS) is False
        assert read(profile(ALICE), ALICE, HUNG_APP_TIMEOUT) == 5000
        assert read(profile(ALICE), ALICE, WAIT_TO_KILL_APP_TIMEOUT) == 20000

    def test_values_are_those_of_this_profile(self) -> None:
        values = (
            "    AutoEndTasks    REG_SZ    1\n"
            "    HungAppTimeout    REG_SZ    1000\n"
            "    WaitToKillAppTimeout    REG_SZ    2000\n"
        )
        profiles = profile(ALICE) + profile(BOB, values=values)
        assert read(profiles, BOB, AUTO_END_TASKS) is True
        assert read(profiles, BOB, HUNG_APP_TIMEOUT) == 1000
        assert read(profiles, BOB, WAIT_TO_KILL_APP_TIMEOUT) == 2000
        assert read(profiles, ALICE, HUNG_APP_TIMEOUT) == 5000

    def test_nonsense_is_none(self) -> None:
        values = (
            "    AutoEndTasks    REG_SZ    maybe\n"
            "    HungAppTimeout    REG_SZ    \n"
            "    WaitToKillAppTimeout    REG_BINARY    00FF\n"
        )
        for setting in (AUTO_END_TASKS, HUNG_APP_TIMEOUT, WAIT_TO_KILL_APP_TIMEOUT):
            assert read(profile(ALICE, values=values), ALICE, setting) is None


@given(st.text(), st.text(min_size=1))
def test_any_text_gives_settings_or_none(text: str, user: str) -> None:
    profiles = parse_registry(f"HKEY_USERS\\{ALICE}\\{text}\n    {text}    REG_SZ    {text}")
    sid = find_console_profile(profiles, profiles, ConsoleSession(1, user, None))
    assert sid in (None, ALICE)
    for setting in (AUTO_END_TASKS, HUNG_APP_TIMEOUT, WAIT_TO_KILL_APP_TIMEOUT):
        list(setting.read(LiveRegistry(profiles, {ALICE: user})))
