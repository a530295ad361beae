from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.windows.console_session import ConsoleSession, parse_console_session, with_lock
from powerdown.windows.processes import ProcessEntry

# Public transcripts.
ENGLISH = (
    " SESSIONNAME       USERNAME                 ID  STATE   TYPE        DEVICE \n"
    " services                                    0  Disc                        \n"
    ">rdp-tcp#16        divine                    1  Active                      \n"
    " console                                     3  Conn                        \n"
    " rdp-tcp                                 65536  Listen                      \n"
)
GERMAN = (
    " SITZUNGSNAME      BENUTZERNAME             ID  STATUS  TYP         GERÄT\n"
    " services                                    0  Getr.\n"
    " console           Leo                       3  Aktiv\n"
    " rdp-tcp                                 65536  Abhör.\n"
)
RUSSIAN = (
    " СЕАНС             ПОЛЬЗОВАТЕЛЬ             ID  СОСТОЯНИЕ ТИП\r\n"  # noqa: RUF001
    " services                                    0  Disc\r\n"
    ">console           Администратор             1  Активно\r\n"
)
SERVER_2003 = (
    " SESSIONNAME       USERNAME                 ID  STATE   TYPE        DEVICE\n"
    " console                                     0  Conn    wdcon\n"
    " rdp-tcp#10        user1234                  2  Active  rdpwd\n"
)


@pytest.mark.parametrize(
    ("text", "session", "user"),
    [
        (ENGLISH, 3, None),
        (GERMAN, 3, "Leo"),
        (RUSSIAN, 1, "Администратор"),
        (SERVER_2003, 0, None),
        (">console           John Doe                  1  Active\n", 1, "John Doe"),
        (">console           Bob 2                     1  Active\n", 1, "Bob 2"),
        (">console           123                       1  Active\n", 1, "123"),
        (" Console                                     1  Conn\n", 1, None),
    ],
)
def test_real_output_is_read(text: str, session: int, user: str | None) -> None:
    locked = False if user is None else None
    assert parse_console_session(text) == ConsoleSession(session, user, locked)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "'query' is not recognized as an internal or external command,\n",
        "No session exists for *\n",
        " console2          x                         1  Active\n",
        " rdp-tcp#1         console                   1  Active\n",
        " console           x                  not a number\n",
    ],
)
def test_without_a_console_there_is_none(text: str) -> None:
    assert parse_console_session(text) is None


USER = ConsoleSession(1, "tester", None)
EXPLORER = ProcessEntry("explorer.exe", 1, 1)


@pytest.mark.parametrize(
    ("processes", "locked"),
    [
        ((EXPLORER,), False),
        ((EXPLORER, ProcessEntry("LogonUI.exe", 2, 1)), True),
        ((EXPLORER, ProcessEntry("LogonUI.exe", 2, 2)), False),
        ((ProcessEntry("LogonUI.exe", 2, 2),), None),
        ((), None),
    ],
)
def test_a_logon_screen_at_the_console_of_a_user_is_a_lock(
    processes: tuple[ProcessEntry, ...], locked: bool | None
) -> None:
    assert with_lock(USER, processes).locked is locked


def test_without_a_user_nothing_is_locked() -> None:
    nobody = ConsoleSession(1, None, False)
    assert with_lock(nobody, [ProcessEntry("LogonUI.exe", 2, 1)]).locked is False


_NAMES = st.from_regex(r"\w([\w.-]| (?! )){0,17}\w", fullmatch=True)


@given(st.none() | _NAMES, st.integers(0, 65535), st.sampled_from(["Active", "Aktiv", "Déco"]))
def test_every_user_and_number_is_read(user: str | None, session: int, state: str) -> None:
    line = f">console           {user or '':<22}{session:>5}  {state}   "
    found = parse_console_session(f" X\n{line}\n")
    assert found is not None
    assert (found.user, found.session) == (user, session)


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    parse_console_session(text)
    parse_console_session(f" console           {text}  1  Active")


def test_a_line_without_end_takes_no_time() -> None:
    parse_console_session(" console a" + "  " * 4_000_000)
