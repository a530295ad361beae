"""The tables of an image definition, as they may be written."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from powerdown.core.errors import DefinitionError
from powerdown.core.text import printable
from powerdown.core.typed_value import MISSING, UNKNOWN, Mismatch, typed
from powerdown.images.image import (
    Budgets,
    DiskBus,
    DiskFormat,
    Firmware,
    MachineType,
    NicModel,
    Start,
    Transport,
    WinrmAuthentication,
)

# (?![\s\S]) is the very end, in the regular expressions of Python and of JSON Schema alike.
_END = r"(?![\s\S])"

_Name = Annotated[
    str,
    Meta(
        pattern=rf"^[a-z0-9-]+{_END}",
        extra={"expected": "a string in quotes, a value of only a-z, 0-9 and hyphens"},
    ),
]
_Text = Annotated[str, Meta(min_length=1, extra={"expected": "a value, a string in quotes"})]
_Seconds = Annotated[float, Meta(gt=0, extra={"expected": "a number of seconds above 0"})]
_GuestPath = Annotated[
    str,
    Meta(
        # It becomes part of a command line: no characters that are special to cmd.exe.
        pattern=r'^[A-Za-z]:(\\[^\\/:*?"<>|%&^!(),;=\s\x00-\x1f]+)+\.[cC][aA][bB]' + _END,
        extra={
            "expected": "an absolute Windows path of a .cab file, without spaces and without "
            r"characters that are special to cmd.exe, like 'C:\Updates\update.cab'"
        },
    ),
]
_SECRETS = ("password", "password_env")
_TABLES = ("disk", "machine", "control", "budgets", "updates")


class DiskTable(Struct, frozen=True, forbid_unknown_fields=True):
    """The system disk: either a path, or what builds it."""

    format: DiskFormat
    """Of the disk. No default: with a wrong guess the image looks broken."""
    path: _Text | None = None
    """Absolute path of the disk."""
    build: _Text | None = None
    """Executable that prints the path, relative to the definition."""
    bus: DiskBus = DiskBus.IDE
    """How it is attached."""


class MachineTable(Struct, frozen=True, forbid_unknown_fields=True):
    """The virtual machine."""

    firmware: Firmware
    """No default, as with the disk's format."""
    type: MachineType = MachineType.Q35
    """QEMU's machine type."""
    memory_mib: Annotated[int, Meta(ge=1, le=1 << 20)] = 4096
    """Guest memory in MiB."""
    vcpus: Annotated[int, Meta(ge=1, le=255)] = 2
    """Virtual CPUs."""
    nic: NicModel = NicModel.E1000E
    """Network card, by QEMU's names."""
    start: Start = Start.WARM
    """From a template, or from power-on."""
    tpm: bool = False
    """A TPM 2.0, as Windows 11 wants."""


class ControlTable(Struct, frozen=True, forbid_unknown_fields=True):
    """How commands reach the inside of the guest."""

    transport: Transport = Transport.WINRM
    port: Annotated[int, Meta(ge=1, le=65535)] | None = None
    """In the guest; default 5985."""
    authentication: WinrmAuthentication | None = None
    """Of WinRM; default ntlm."""
    user: _Text | None = None
    """Required with winrm."""
    password: _Text | None = None
    """One that is not secret."""
    password_env: _Text | None = None
    """Environment variable that holds the password."""


class BudgetsTable(Struct, frozen=True, forbid_unknown_fields=True):
    """Time limits, in seconds."""

    boot: _Seconds = Budgets.boot
    reaction: _Seconds = Budgets.reaction
    shutdown_soft: _Seconds = Budgets.shutdown_soft
    shutdown_hard: _Seconds = Budgets.shutdown_hard
    settle: _Seconds = Budgets.settle


class UpdatesTable(Struct, frozen=True, forbid_unknown_fields=True):
    """Update packages in the guest."""

    package: _GuestPath | None = None
    long_package: _GuestPath | None = None
    restarting_package: _GuestPath | None = None


class DefinitionTables(Struct, frozen=True, forbid_unknown_fields=True):
    """One Windows image to test."""

    name: _Name
    """Used in reports and test ids."""
    disk: DiskTable
    machine: MachineTable
    description: Annotated[str, Meta(extra={"expected": "a string in quotes"})] = ""
    """One line for reports."""
    control: ControlTable = field(default_factory=ControlTable)
    budgets: BudgetsTable = field(default_factory=BudgetsTable)
    updates: UpdatesTable = field(default_factory=UpdatesTable)


def read_tables(file: Path, values: Mapping[str, object]) -> DefinitionTables:
    """The tables in parsed TOML.

    :raise DefinitionError: names the file, the key, what was expected and the nearest key.
    """
    known = DefinitionTables.__struct_fields__
    unknown = next((key for key in values if key not in known), None)
    if unknown is not None:
        # First: a table that is misspelt must not be reported as one that lacks its keys.
        close = difflib.get_close_matches(unknown, known, n=1)
        raise _error(file, Mismatch((unknown,), UNKNOWN, ", ".join(known), "".join(close)))
    # A table that is absent lacks its required keys, rather than itself.
    complete = {**{table: {} for table in _TABLES}, **values}
    try:
        return typed(complete, DefinitionTables)
    except Mismatch as error:
        # Without the cause, which may quote a password.
        raise _error(file, error) from None


def wrong(file: Path, table: str, key: str, actual: str, remedy: str) -> DefinitionError:
    """The error for a key.

    :param table: its table; empty at the top.
    """
    where = f"[{table}] {key}" if table else key
    return DefinitionError(f"read image definition {file}", f"{printable(where)}: {actual}", remedy)


def _error(file: Path, error: Mismatch) -> DefinitionError:
    *tables, key = [str(step) for step in error.path] or [""]
    table = ".".join(tables)
    # A key that may be absent is a value that may be null; TOML has none.
    expected = error.expected.removesuffix(" or null")
    if error.problem == MISSING:
        return wrong(file, table, key, error.problem, f"Add it: {expected}.")
    if error.problem == UNKNOWN:
        hint = f'Did you mean "{error.nearest}"? ' if error.nearest else ""
        return wrong(file, table, key, error.problem, f"{hint}Keys here: {error.expected}.")
    if not table and key in _TABLES:
        return wrong(file, "", key, error.problem, f"Make it a table: [{key}].")
    # What is wrong there may be the password itself.
    actual = "has an unsuitable value" if key in _SECRETS else error.problem
    return wrong(file, table, key, actual, f"Use {expected or 'another value'}.")


def is_given(table: msgspec.Struct, key: str) -> bool:
    """Whether a key without default was written."""
    return getattr(table, key) is not None
