"""Every command line that faults send, run once by the guest that models Windows."""

from __future__ import annotations

import types

import pytest

from powerdown.guest.windows import Windows
from powerdown.windows import (
    commands,
    damage_commands,
    power_commands,
    service_commands,
    session_commands,
    update_commands,
)
from tests.support.command_modules import MODULES
from tests.support.modelled_machine import Machine

PROGRAM = r"C:\t\app.exe"
SERVICE = (commands.create_service("pd", PROGRAM), commands.start_service("pd"))
DIRECTORY = (commands.make_directory(r"C:\powerdown"),)
ERROR_NOT_FOUND = 128
"""taskkill's exit code where nothing is to be ended."""

Case = tuple[tuple[str, ...], int]

# Command lines, and the exit code of the last one. The lines before it prepare, and succeed.
CASES: dict[str, list[Case]] = {
    "LOCK": [
        (
            (
                commands.create_desktop_task("pd", session_commands.LOCK),
                commands.run_task("pd"),
            ),
            0,
        )
    ],
    "log_off": [((session_commands.log_off(1),), 0)],
    "end_program": [
        ((session_commands.end_program("explorer.exe"),), 0),
        ((session_commands.end_program("absent.exe"),), ERROR_NOT_FOUND),
    ],
    "SLEEP": [
        (
            (
                "powercfg /hibernate off",
                power_commands.create_system_task("pd", power_commands.SLEEP),
                commands.run_task("pd"),
            ),
            0,
        )
    ],
    "create_system_task": [((power_commands.create_system_task("pd", "cmd.exe /c ver"),), 0)],
    "create_automatic_service": [((service_commands.create_automatic_service("pd", PROGRAM),), 0)],
    "stop_service": [((*SERVICE, service_commands.stop_service("pd")), 0)],
    "delete_service": [
        ((*SERVICE, service_commands.delete_service("pd")), 0),
        ((service_commands.delete_service("absent"),), 1060),
    ],
    "add_package": [((update_commands.add_package(r"C:\absent.cab"),), 3)],
    "SHUT_DOWN_SOON": [((damage_commands.SHUT_DOWN_SOON,), 0)],
    "KILL_LSASS": [((damage_commands.KILL_LSASS,), 0)],
    "FREE_SPACE": [((damage_commands.FREE_SPACE,), 0)],
    "set_shutdown_right": [
        ((*DIRECTORY, *damage_commands.set_shutdown_right((), r"C:\powerdown")), 0),
        (
            (
                *DIRECTORY,
                *damage_commands.set_shutdown_right((), r"C:\powerdown"),
                *damage_commands.set_shutdown_right(
                    (damage_commands.ADMINISTRATORS, damage_commands.BACKUP_OPERATORS),
                    r"C:\powerdown",
                ),
            ),
            0,
        ),
    ],
    "fill_disk": [
        ((damage_commands.fill_disk(r"C:\full.bin", 4096),), 0),
        (
            (
                damage_commands.fill_disk(r"C:\full.bin", 4096),
                damage_commands.fill_disk(r"C:\full.bin", 4096),
            ),
            1,
        ),
    ],
}

NO_COMMANDS = {
    "SYSTEM_POLICY_KEY",
    "EVENT_TRACKER_KEY",
    "SHUTDOWN_POLICY_KEY",
    "DESKTOP_KEY",
    "SUB_VIDEO",
    "VIDEOIDLE",
    "DEFAULT_WAIT_TO_KILL_SERVICE_MS",
    "SERVICES_DOCUMENTED_MS",
    "REBOOT_PENDING_KEY",
    "RESTART_REQUIRED",
    "ADMINISTRATORS",
    "BACKUP_OPERATORS",
    "parse_free_bytes",
}


@pytest.mark.parametrize(
    ("lines", "exit_code"),
    [
        pytest.param(lines, code, id=f"{name}-{number}")
        for name, cases in CASES.items()
        for number, (lines, code) in enumerate(cases)
    ],
)
def test_the_guest_understands(
    lines: tuple[str, ...], exit_code: int, windows: Windows, machine: Machine
) -> None:
    machine.program(
        PROGRAM, kind="service", accepts=["stop"], run=[{"wait_ms": 60000}], on_stop="stop"
    )
    windows.run_all(lines[:-1])
    result = windows.run(lines[-1])
    said = result.output + result.error_output
    assert result.exit_code == exit_code, said
    # cmd.exe's words for a program that does not exist.
    assert "is not recognized" not in said
    assert "stand-in guest" not in said, "the stand-in says it does not model this"


def test_no_command_is_left_out() -> None:
    public = {
        name
        for module in MODULES
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not isinstance(value, types.ModuleType)
        and (name.isupper() or getattr(value, "__module__", "") == module.__name__)
        # What a module imports from its neighbour is the neighbour's.
        and name not in vars(commands)
    }
    assert public - NO_COMMANDS == set(CASES)


@pytest.mark.parametrize(
    ("printed", "free"),
    [
        # Windows 7 and Server 2016, then Windows 10 1809 and later.
        (
            "Total # of free bytes        : 27218976768\nTotal # of bytes : 63784873984\n",
            27218976768,
        ),
        ("Total free bytes  :  8,221,544,448 (  7.7 GB)\nTotal bytes : 9 ( 9.0 GB)", 8221544448),
        ("\nFreie Bytes gesamt : 8.221.544.448 (7,7 GB)\n", 8221544448),
    ],
)
def test_free_bytes_are_the_first_number(printed: str, free: int) -> None:
    assert damage_commands.parse_free_bytes(printed) == free


@pytest.mark.parametrize("printed", ["", "Error 5: Access is denied.", "no colon here"])
def test_other_output_holds_no_free_bytes(printed: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        damage_commands.parse_free_bytes(printed)
