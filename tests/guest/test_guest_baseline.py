from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.core.errors import ControlChannelError
from powerdown.guest.guest_baseline import GuestBaseline, read_baseline
from powerdown.guest.windows import Windows
from powerdown.windows.command_parts import PartAnswer
from powerdown.windows.console_session import ConsoleSession
from powerdown.windows.query_commands import baseline_parts
from powerdown.windows.services import ServiceState
from powerdown.windows.settings.application_settings import (
    AUTO_END_TASKS,
    BLOCKING_APPS,
    HUNG_APP_TIMEOUT,
    WAIT_TO_KILL_APP_TIMEOUT,
)
from powerdown.windows.settings.button_settings import POWER_BUTTON, ButtonAction
from powerdown.windows.settings.logon_settings import SHUTDOWN_WITHOUT_LOGON
from powerdown.windows.settings.readings import Origin
from powerdown.windows.settings.service_settings import WAIT_TO_KILL_SERVICE
from powerdown.windows.settings.sleep_settings import FAST_STARTUP, HIBERNATION
from powerdown.windows.settings.stored_value import PowerSource
from powerdown.windows.settings.tracker_settings import EVENT_TRACKER
from tests.support.made_settings import BY_WORD, preshutdown_ms, value
from tests.support.modelled_machine import Machine

CONTROL = r"HKLM\SYSTEM\CurrentControlSet\Control"
CURRENT_VERSION = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion"
POLICIES = r"HKLM\SOFTWARE\Policies\Microsoft"
DESKTOP = r"HKCU\Control Panel\Desktop"
RECORD = (
    "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
    "<Provider Name='EventLog'/><EventID>6013</EventID>"
    "<TimeCreated SystemTime='2026-11-23T01:02:04Z'/><EventRecordID>77</EventRecordID>"
    "</System></Event>"
)
PARTS = baseline_parts()
READ = {"last_record": PartAnswer(True, RECORD)}


def added(key: str, name: str, kind: str, data: str) -> str:
    return f'reg add "{key}" /v {name} /t {kind} /d {data} /f'


def without(key: str, name: str) -> str:
    return f'reg delete "{key}" /v {name} /f'


class TestStandIn:
    def test_a_fresh_installation(self, windows: Windows, machine: Machine) -> None:
        found = windows.baseline()
        assert found.last_record == machine.last_record()
        assert found.button is not None
        assert found.button.effective() is ButtonAction.SHUT_DOWN
        assert found.console == ConsoleSession(1, "tester", False)
        assert (value(found, SHUTDOWN_WITHOUT_LOGON), value(found, EVENT_TRACKER)) == (
            False,
            True,
        ), "a server"
        assert (value(found, AUTO_END_TASKS), value(found, HUNG_APP_TIMEOUT)) == (False, 5000)
        assert (value(found, WAIT_TO_KILL_APP_TIMEOUT), value(found, WAIT_TO_KILL_SERVICE)) == (
            20000,
            5000,
        )
        assert value(found, BLOCKING_APPS) is False
        assert (value(found, HIBERNATION), value(found, FAST_STARTUP)) == (False, False)
        assert found.update_markers == ()
        assert preshutdown_ms(found)["TrustedInstaller"] == 3_600_000
        running = {s.name: s for s in found.services if s.state is ServiceState.RUNNING}
        assert running["gpsvc"].accepts_preshutdown
        assert "explorer.exe" in {p.name for p in found.processes if p.session == 1}
        assert found.notes == ()

    def test_it_is_one_round_trip(self, windows: Windows, monkeypatch: pytest.MonkeyPatch) -> None:
        sent = []
        run = windows.channel.run
        monkeypatch.setattr(
            windows.channel, "run", lambda command, end: sent.append(command) or run(command, end)
        )
        windows.baseline()
        assert len(sent) == 1

    @pytest.mark.parametrize(
        ("lines", "field", "expected"),
        [
            (
                [added(rf"{CURRENT_VERSION}\Policies\System", "ShutdownWithoutLogon", *number)],
                "shutdown_without_logon",
                number[1] == "1",
            )
            for number in (("REG_DWORD", "0"), ("REG_DWORD", "1"))
        ]
        + [
            (
                [
                    without(rf"{CURRENT_VERSION}\Policies\System", "ShutdownWithoutLogon"),
                    added(rf"{CONTROL}\ProductOptions", "ProductType", "REG_SZ", product),
                ],
                "shutdown_without_logon",
                product == "WinNT",
            )
            for product in ("WinNT", "ServerNT", "LanmanNT")
        ]
        + [
            (
                [added(rf"{CONTROL}\ProductOptions", "ProductType", "REG_SZ", "WinNT")],
                "event_tracker",
                False,
            ),
            *(
                (
                    [
                        added(
                            rf"{POLICIES}\Windows NT\Reliability",
                            "ShutdownReasonOn",
                            "REG_DWORD",
                            str(on),
                        ),
                    ],
                    "event_tracker",
                    bool(on),
                )
                for on in (0, 1)
            ),
            ([added(DESKTOP, "AutoEndTasks", "REG_SZ", "1")], "auto_end_tasks", True),
            ([added(DESKTOP, "HungAppTimeout", "REG_SZ", "1234")], "hung_app_ms", 1234),
            ([without(DESKTOP, "HungAppTimeout")], "hung_app_ms", 5000),
            ([added(DESKTOP, "WaitToKillAppTimeout", "REG_SZ", "9")], "wait_to_kill_app_ms", 9),
            (
                [
                    added(
                        rf"{POLICIES}\Windows\System",
                        "AllowBlockingAppsAtShutdown",
                        "REG_DWORD",
                        "1",
                    )
                ],
                "allow_blocking_apps",
                True,
            ),
            (
                [added(CONTROL, "WaitToKillServiceTimeout", "REG_SZ", "12000")],
                "wait_to_kill_service_ms",
                12000,
            ),
            ([without(CONTROL, "WaitToKillServiceTimeout")], "wait_to_kill_service_ms", 5000),
            (["powercfg /hibernate on"], "hibernation", True),
            (["powercfg /hibernate off"], "hibernation", False),
            (
                [rf'reg add "{CURRENT_VERSION}\Component Based Servicing\RebootPending" /f'],
                "update_markers",
                ("RebootPending",),
            ),
        ],
    )
    def test_what_is_set_is_read(
        self, windows: Windows, lines: list[str], field: str, expected: object
    ) -> None:
        windows.run_all(lines)
        found = windows.baseline()
        read = found.update_markers if field == "update_markers" else value(found, BY_WORD[field])
        assert read == expected

    def test_a_policy_on_the_button_is_read(self, windows: Windows) -> None:
        windows.run_all(POWER_BUTTON.set_policy(ButtonAction.NOTHING).commands)
        button = windows.baseline().button
        assert button is not None
        assert button.policy == dict.fromkeys(PowerSource, ButtonAction.NOTHING)


LOCAL = "HKEY_LOCAL_MACHINE"
SYSTEM = rf"{LOCAL}\SYSTEM\CurrentControlSet"
POWER = rf"{SYSTEM}\Control\Power"
FAST = rf"{SYSTEM}\Control\Session Manager\Power"
FAST_POLICY = rf"{LOCAL}\SOFTWARE\Policies\Microsoft\Windows\System"
PRODUCT = rf"{SYSTEM}\Control\ProductOptions"


def reg(name: str, kind: str, data: str, key: str) -> str:
    return f"\n{key}\n    {name}    {kind}    {data}\n\n"


ABSENT = PartAnswer(False, "FEHLER: Der angegebene Registrierungsschlüssel wurde nicht gefunden.\n")


def read(**answers: PartAnswer) -> GuestBaseline:
    return read_baseline({**READ, **answers}, at=5.0)


def of(*printed: str) -> GuestBaseline:
    """A baseline of settings that were printed so; all others are absent."""
    return read(settings=PartAnswer(True, "".join(printed)))


class TestAnswers:
    def test_nothing_but_the_event_log(self) -> None:
        found = read()
        assert (found.at, found.last_record) == (5.0, 77)
        for field in dataclasses.fields(GuestBaseline):
            if field.name not in ("at", "last_record", "notes", "settings"):
                assert not getattr(found, field.name)
        assert {reading.origin for reading in found.settings} == {Origin.NOT_READ}
        assert all(reading.value is None for reading in found.settings)
        unread = {part.name for part in PARTS} - {"last_record", "folders"}
        assert {note.partition(":")[0] for note in found.notes if "no answer" in note} == unread
        assert len(found.notes) == len(set(found.notes))

    def test_a_default_stands_for_an_absent_value_not_for_a_missing_answer(self) -> None:
        asked = of(reg("ProductType", "REG_SZ", "WinNT", PRODUCT))
        assert value(asked, SHUTDOWN_WITHOUT_LOGON) is True
        assert value(asked, EVENT_TRACKER) is False
        unasked = read()
        assert value(unasked, SHUTDOWN_WITHOUT_LOGON) is None
        assert value(unasked, EVENT_TRACKER) is None
        unknown = read(settings=ABSENT)
        assert value(unknown, SHUTDOWN_WITHOUT_LOGON) is None
        assert value(unknown, EVENT_TRACKER) is None
        assert f"{SHUTDOWN_WITHOUT_LOGON.name}: there is no ProductType" in unknown.notes

    def test_an_empty_event_log(self) -> None:
        assert read(last_record=PartAnswer(True, "")).last_record == 0

    @pytest.mark.parametrize(
        "answer",
        [
            PartAnswer(False, "Der RPC-Server ist nicht verfügbar."),
            PartAnswer(True, "<Event>"),
            PartAnswer(True, RECORD.replace("77", str(2**64))),
        ],
    )
    def test_an_event_log_that_cannot_be_read_is_an_error(self, answer: PartAnswer) -> None:
        with pytest.raises(ControlChannelError):
            read(last_record=answer)
        with pytest.raises(ControlChannelError, match="no answer"):
            read_baseline({}, at=0.0)

    @pytest.mark.parametrize(
        ("hibernate", "local", "policy", "fast"),
        [
            ("1", "1", None, True),
            ("1", "0", None, False),
            ("1", None, None, False),
            ("1", "0", "1", True),
            # The policy can require it, not forbid it.
            ("1", "1", "0", True),
            ("0", "1", "1", False),
            (None, "1", None, None),
            (None, "0", None, False),
            ("1", "?", None, None),
        ],
    )
    def test_fast_startup_needs_hibernation(
        self, hibernate: str | None, local: str | None, policy: str | None, fast: bool | None
    ) -> None:
        def dword(name: str, data: str | None, key: str) -> str:
            return "" if data is None else reg(name, "REG_DWORD", f"0x{data}", key)

        found = of(
            dword("HibernateEnabled", hibernate, POWER),
            dword("HiberbootEnabled", local, FAST),
            dword("HiberbootEnabled", policy, FAST_POLICY),
        )
        assert value(found, FAST_STARTUP) is fast

    def test_hibernation_has_a_default_of_its_own_on_new_releases(self) -> None:
        found = of(reg("HibernateEnabledDefault", "REG_DWORD", "0x1", POWER))
        assert value(found, HIBERNATION) is True
        assert value(of(), HIBERNATION) is None
        assert "hibernation: HibernateEnabled is not set" in of().notes

    def test_a_number_that_is_none_is_noted(self) -> None:
        printed = reg("WaitToKillServiceTimeout", "REG_SZ", "soon", rf"{SYSTEM}\Control")
        assert value(of(printed), WAIT_TO_KILL_SERVICE) is None
        assert 'WaitToKillServiceTimeout: it is REG_SZ "soon"' in of(printed).notes

    def test_only_keys_of_services_are_services(self) -> None:
        services = rf"{SYSTEM}\Services"
        found = of(
            reg("PreshutdownTimeout", "REG_DWORD", "0x2bf20", rf"{services}\UsoSvc"),
            reg("PreshutdownTimeout", "REG_DWORD", "0x1", rf"{services}\x\Parameters"),
            reg("PreshutdownTimeout", "REG_SZ", "long", rf"{services}\y"),
        )
        assert preshutdown_ms(found) == {"UsoSvc": 180_000, "y": None}

    def test_a_missing_program_is_noted_with_its_words(self) -> None:
        found = read(sessions=PartAnswer(False, "'query' wurde\nnicht gefunden\x1b[2J\n"))
        assert found.console is None
        assert "console session: the guest says \"'query' wurde nicht gefunden [2J\"" in found.notes

    def test_the_button_needs_two_numbers(self) -> None:
        found = read(powercfg_power_button=PartAnswer(False, "Ungültige Parameter"))
        assert found.button is None
        assert any(note.startswith("PBUTTONACTION: powercfg printed no") for note in found.notes)

    def test_the_settings_are_the_console_users(self) -> None:
        row = ">console           bob                       2  Aktiv\n"
        sid = "S-1-5-21-1-2-3-1002"
        desktop = f"HKEY_USERS\\{sid}\\Control Panel\\Desktop"
        profiles = reg("AutoEndTasks", "REG_SZ", "1", desktop)
        other = "HKEY_USERS\\S-1-5-21-1-2-3-1001\\Control Panel\\Desktop"
        both = profiles + reg("AutoEndTasks", "REG_SZ", "0", other)
        found = read(
            sessions=PartAnswer(True, row),
            profiles=PartAnswer(False, both),
            folders=PartAnswer(
                True, reg("ProfileImagePath", "REG_EXPAND_SZ", "C:\\Users\\bob", f"HKEY_L\\{sid}")
            ),
        )
        assert value(found, AUTO_END_TASKS) is True
        unknown = read(sessions=PartAnswer(True, row), profiles=PartAnswer(False, both))
        assert value(unknown, AUTO_END_TASKS) is None
        assert (
            "console user's settings: none of the loaded profiles belongs to the user"
            in unknown.notes
        )


@given(st.dictionaries(st.sampled_from([p.name for p in PARTS]), st.text()), st.booleans())
def test_whatever_a_guest_says_is_a_baseline(texts: dict[str, str], succeeded: bool) -> None:
    answers = {name: PartAnswer(succeeded, text) for name, text in texts.items()}
    found = read_baseline({**answers, **READ}, at=1.0)
    assert found.last_record == 77
    assert all("\n" not in note for note in found.notes)


@given(st.text())
def test_damaged_settings_are_a_baseline(text: str) -> None:
    answers = {
        part.name: PartAnswer(
            True, f"\nHKEY_USERS\\S-1-5-21-1\\{text}\n    {text}    REG_SZ    {text}"
        )
        for part in PARTS
    }
    read_baseline({**answers, **READ}, at=1.0)
