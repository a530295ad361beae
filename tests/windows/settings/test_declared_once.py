"""Key paths and value names of settings stand in their declarations and nowhere else."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from powerdown.windows.settings import registry_keys
from powerdown.windows.settings.all_settings import ALL_SETTINGS
from powerdown.windows.settings.power_scheme import SchemeSetting
from powerdown.windows.settings.registry_setting import RegistrySetting
from powerdown.windows.settings.update_settings import MARKS
from tests.support.paths import REPOSITORY

HARNESS = REPOSITORY / "harness" / "powerdown"
DECLARATIONS = HARNESS / "windows" / "settings"
FACTS = HARNESS / "windows" / "facts"
"""Facts say in words what the values mean."""

WORDS = ("Start", "Exclusive")
"""Value names that are words of the language too."""

FIVE = (
    "ShutdownWithoutLogon",
    "WaitToKillServiceTimeout",
    "AutoEndTasks",
    "PreshutdownTimeout",
    "HiberbootEnabled",
)


def names() -> list[str]:
    """Value names, GUIDs and marks."""
    found = {mark.name for mark in MARKS} | {"ActivePowerScheme"}
    for setting in ALL_SETTINGS:
        if isinstance(setting, RegistrySetting):
            found.add(setting.value_name)
        elif isinstance(setting, SchemeSetting):
            found |= {setting.guid, setting.sub, setting.name}
    return sorted(name for name in found if name not in WORDS)


def paths() -> list[str]:
    """The keys, each by its own part: what is behind the hive and the vendor."""
    tails = (
        value.rpartition("CurrentVersion\\")[2].rpartition("CurrentControlSet\\")[2]
        for name, value in vars(registry_keys).items()
        if name.isupper()
    )
    return sorted({tail for tail in tails if "\\" in tail and not tail.startswith("HKLM")})


@cache
def texts() -> dict[str, str]:
    files = [path for path in HARNESS.rglob("*") if path.suffix in (".py", ".c", ".h")]
    return {
        str(path.relative_to(HARNESS)): path.read_text()
        for path in files
        if DECLARATIONS not in path.parents and FACTS not in path.parents
    }


def knowing(name: str) -> set[str]:
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    return {path for path, text in texts().items() if word.search(text)}


@pytest.mark.parametrize("name", names())
def test_a_value_name_stands_nowhere_else(name: str) -> None:
    assert knowing(name) == set()


@pytest.mark.parametrize("path", paths())
def test_a_key_path_stands_nowhere_else(path: str) -> None:
    assert knowing(path) == set()


@pytest.mark.parametrize("name", FIVE)
def test_at_most_three_files_know_a_setting(name: str) -> None:
    def knows(path: Path) -> bool:
        return name in path.read_text()

    assert len([path for path in HARNESS.rglob("*.py") if knows(path)]) <= 3
