"""Every command line of the harness, run once by the guest that models Windows."""

from __future__ import annotations

import pkgutil
import types

import pytest

from powerdown import windows
from powerdown.guest.windows import Windows
from powerdown.windows import commands
from tests.support.command_modules import MODULES
from tests.support.modelled_machine import Machine

HIVE = r"C:\Windows\System32\config\SYSTEM"
PROGRAM = r"C:\t\app.exe"
MISSING = r"C:\t\missing.txt"

# Command lines, and the exit code of the last one. The lines before it prepare, and succeed.
CASES: dict[str, list[tuple[tuple[str, ...], int]]] = {
    "SHUT_DOWN": [((commands.SHUT_DOWN,), 0)],
    "RESTART": [((commands.RESTART,), 0)],
    "LAST_RECORD": [((commands.LAST_RECORD,), 0)],
    "query_events": [((commands.query_events(3, (1074, 6006)),), 0)],
    "DIRTY_QUERY": [((commands.DIRTY_QUERY,), 0)],
    "type_file": [
        ((commands.append_line("text", r"C:\new.txt"), commands.type_file(r"C:\new.txt")), 0),
        ((commands.type_file(MISSING),), 1),
    ],
    "list_names": [((commands.list_names(HIVE),), 0), ((commands.list_names(MISSING),), 1)],
    "make_directory": [
        ((commands.make_directory(r"C:\a\b"),), 0),
        ((commands.make_directory(r"C:\a"), commands.make_directory(r"C:\a")), 0),
    ],
    "delete_file": [
        ((commands.append_line("text", r"C:\new.txt"), commands.delete_file(r"C:\new.txt")), 0)
    ],
    "make_empty_file": [((commands.make_empty_file(r"C:\empty"),), 0)],
    "append_line": [((commands.append_line("text", r"C:\new.txt"),), 0)],
    "decode_base64": [
        (
            (
                commands.append_line("TVo=", r"C:\new.b64"),
                commands.decode_base64(r"C:\new.b64", r"C:\new.exe"),
            ),
            0,
        )
    ],
    "create_desktop_task": [((commands.create_desktop_task("pd", PROGRAM),), 0)],
    "create_task_of_whoever": [((commands.create_task_of_whoever("pd", PROGRAM),), 0)],
    "run_task": [((commands.create_desktop_task("pd", PROGRAM), commands.run_task("pd")), 0)],
    "list_process": [((commands.list_process("explorer.exe"),), 0)],
    "create_service": [((commands.create_service("pd", PROGRAM),), 0)],
    "start_service": [
        ((commands.create_service("pd", PROGRAM), commands.start_service("pd")), 0),
        ((commands.start_service("missing"),), 1060),
    ],
}


@pytest.mark.parametrize(
    ("lines", "exit_code"), [(lines, code) for cases in CASES.values() for lines, code in cases]
)
def test_the_guest_understands(
    lines: tuple[str, ...], exit_code: int, windows: Windows, machine: Machine
) -> None:
    kind = "service" if "sc.exe" in lines[0] else "application"
    machine.program(PROGRAM, kind=kind)
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
        for name, value in vars(commands).items()
        if not name.startswith("_")
        and not isinstance(value, types.ModuleType)
        and (name.isupper() or getattr(value, "__module__", "") == commands.__name__)
    }
    assert public == set(CASES)


def test_every_module_of_commands_has_a_table() -> None:
    modules = {
        name for _, name, _ in pkgutil.iter_modules(windows.__path__) if name.endswith("_commands")
    }
    tables = {module.__name__.rpartition(".")[2] for module in MODULES}
    assert modules == tables | {"query_commands"}


@pytest.mark.parametrize("size", [0, 1, 8000])
def test_no_line_of_an_upload_is_longer_than_cmd_takes(size: int) -> None:
    # 8191 characters (learn: Command prompt line string limitation).
    line = commands.append_line("A" * min(size, 6000), r"C:\powerdown\powerdown-document.exe.b64")
    assert len(line) < 8191
