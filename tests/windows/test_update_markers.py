from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.guest.windows import Windows
from powerdown.windows.settings import update_settings
from powerdown.windows.update_markers import MARKERS, parse_update_markers
from tests.support.modelled_machine import Machine

SESSION_MANAGER = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager"
CURRENT_VERSION = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion"
SERVICING = rf"{CURRENT_VERSION}\Component Based Servicing"


def markers_of(windows: Windows) -> tuple[str, ...]:
    return parse_update_markers(windows.run(update_settings.MARK_QUERY).output)


@pytest.mark.parametrize(
    ("command", "marker"),
    [
        (rf'reg add "{SERVICING}\RebootPending" /f', "RebootPending"),
        (rf'reg add "{SERVICING}\RebootInProgress" /f', "RebootInProgress"),
        (
            rf'reg add "{CURRENT_VERSION}\WindowsUpdate\Auto Update\RebootRequired" /f',
            "RebootRequired",
        ),
        (
            rf'reg add "{SESSION_MANAGER}" /v PendingFileRenameOperations /t REG_MULTI_SZ '
            r"/d \??\C:\a\0\0 /f",
            "PendingFileRenameOperations",
        ),
        (
            rf'reg add "{SESSION_MANAGER}" /v SetupExecute /t REG_MULTI_SZ /d poqexec.exe /f',
            "SetupExecute",
        ),
        (r"type nul>C:\Windows\WinSxS\pending.xml", "pending.xml"),
    ],
)
def test_each_mark_is_found(windows: Windows, command: str, marker: str) -> None:
    windows.run_all([command])
    assert markers_of(windows) == (marker,)


def test_an_installation_at_rest_has_none(windows: Windows, machine: Machine) -> None:
    # As in a real SYSTEM hive.
    windows.run_all([rf'reg add "{SESSION_MANAGER}" /v SetupExecute /t REG_MULTI_SZ /f'])
    assert markers_of(windows) == ()


@given(st.sets(st.sampled_from([m for m in MARKERS if m != "SetupExecute"])), st.text())
def test_marks_come_in_a_fixed_order(present: set[str], other: str) -> None:
    text = "".join(f"{marker}\r\n" for marker in sorted(present)) + f"    {other}\n"
    found = parse_update_markers(text)
    assert present <= set(found)
    assert found == tuple(sorted(found, key=MARKERS.index))
