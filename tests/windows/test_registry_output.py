from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.windows.registry_output import RegistryValue, parse_registry

# Layout of public transcripts of Windows 10; the last line is localised.
OUTPUT = (
    "\nHKEY_LOCAL_MACHINE\\SYSTEM\\X\n"
    "    (Standard)    REG_SZ    (Wert nicht festgelegt)\n"
    "    AutoEndTasks    REG_SZ    1\n"
    "    Name with    blanks    REG_DWORD    0xdbba0\n"
    "    Empty    REG_MULTI_SZ    \n"
    "    Bare    REG_NONE\n"
    "\n"
    "HKEY_LOCAL_MACHINE\\SYSTEM\\X\\Sub\n"
    "    AutoEndTasks    REG_SZ    0\n"
    "\nSuche beendet: 6 Übereinstimmung(en) gefunden.\n"
)


def test_keys_values_and_types() -> None:
    found = parse_registry(OUTPUT)
    assert list(found.keys) == [
        "HKEY_LOCAL_MACHINE\\SYSTEM\\X",
        "HKEY_LOCAL_MACHINE\\SYSTEM\\X\\Sub",
    ]
    assert found.value("AUTOENDTASKS") == RegistryValue("REG_SZ", "1")
    assert found.value("autoendtasks", "\\sub") == RegistryValue("REG_SZ", "0")
    assert found.value("Name with    blanks").number == 900_000
    assert found.value("Empty") == RegistryValue("REG_MULTI_SZ", "")
    assert found.value("Bare") == RegistryValue("REG_NONE", "")
    assert found.value("absent") is None


@pytest.mark.parametrize(
    ("data", "number"),
    [
        ("5000", 5000),
        (" 5000 ", 5000),
        ("0x0", 0),
        ("0xFFFFFFFF", 0xFFFFFFFF),
        ("0x100000000", None),
        ("4294967296", None),
        ("-1", None),
        ("", None),
        ("1_000", None),
        ("٣", None),
        ("5000 ms", None),
        ("9" * 5000, None),
    ],
)
def test_numbers(data: str, number: int | None) -> None:
    assert RegistryValue("REG_SZ", data).number == number


@given(st.from_regex(r"[A-Za-z][A-Za-z ]{0,20}[A-Za-z]", fullmatch=True), st.integers(0, 2**32 - 1))
def test_what_reg_prints_is_read(name: str, number: int) -> None:
    text = f"\r\nHKEY_USERS\\K\r\n    {name}    REG_DWORD    0x{number:x}\r\n\r\n"
    assert parse_registry(text).value(name, "\\K").number == number


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    parse_registry(text)
    parse_registry("HKEY_" + text + "\n    " + text + "    REG_SZ    " + text)


def test_a_line_without_end_takes_no_time() -> None:
    parse_registry("HKEY_A\n" + " " * 8_000_000)
    parse_registry("    a" + "    " * 2_000_000)
