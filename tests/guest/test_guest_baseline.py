from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.core.errors import ControlChannelError
from powerdown.guest.guest_baseline import GuestBaseline, read_baseline
from powerdown.guest.windows import Windows
from powerdown.windows import commands
from powerdown.windows.command_parts import PartAnswer
from powerdown.windows.commands import ButtonAction, PowerSource
from powerdown.windows.console_session import ConsoleSession
from powerdown.windows.query_commands import BASELINE_PARTS
from powerdown.windows.services import ServiceState
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
READ = {"last_record": PartAnswer(True, RECORD)}


def value(key: str, name: str, kind: str, data: str) -> str:
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
        assert (found.shutdown_without_logon, found.event_tracker) == (False, True), "a server"
        assert (found.auto_end_tasks, found.hung_app_ms) == (False, 5000)
        assert (found.wait_to_kill_app_ms, found.wait_to_kill_service_ms) == (20000, 5000)
        assert found.allow_blocking_apps is False
        assert (found.hibernation, found.fast_startup) == (False, False)
        assert found.update_markers == ()
        assert found.preshutdown_ms["TrustedInstaller"] == 3_600_000
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
                [value(rf"{CURRENT_VERSION}\Policies\System", "ShutdownWithoutLogon", *number)],
                "shutdown_without_logon",
                number[1] == "1",
            )
            for number in (("REG_DWORD", "0"), ("REG_DWORD", "1"))
        ]
        + [
            (
                [
                    without(rf"{CURRENT_VERSION}\Policies\System", "ShutdownWithoutLogon"),
                    value(rf"{CONTROL}\ProductOptions", "ProductType", "REG_SZ", product),
                ],
                "shutdown_without_logon",
                product == "WinNT",
            )
            for product in ("WinNT", "ServerNT", "LanmanNT")
        ]
        + [
            (
                [value(rf"{CONTROL}\ProductOptions", "ProductType", "REG_SZ", "WinNT")],
                "event_tracker",
                False,
            ),
            *(
                (
                    [
                        value(
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
            ([value(DESKTOP, "AutoEndTasks", "REG_SZ", "1")], "auto_end_tasks", True),
            ([value(DESKTOP, "HungAppTimeout", "REG_SZ", "1234")], "hung_app_ms", 1234),
            ([without(DESKTOP, "HungAppTimeout")], "hung_app_ms", 5000),
            ([value(DESKTOP, "WaitToKillAppTimeout", "REG_SZ", "9")], "wait_to_kill_app_ms", 9),
            (
                [
                    value(
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
                [value(CONTROL, "WaitToKillServiceTimeout", "REG_SZ", "12000")],
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
        assert getattr(windows.baseline(), field) == expected

    def test_a_policy_on_the_button_is_read(self, windows: Windows) -> None:
        windows.run_all(commands.set_power_button_policy(ButtonAction.NOTHING))
        button = windows.baseline().button
        assert button is not None
        assert button.policy == dict.fromkeys(PowerSource, ButtonAction.NOTHING)


def reg(name: str, kind: str, data: str, key: str = "HKEY_LOCAL_MACHINE\\X") -> PartAnswer:
    return PartAnswer(True, f"\n{key}\n    {name}    {kind}    {data}\n\n")


ABSENT = PartAnswer(False, "FEHLER: Der angegebene Registrierungsschlüssel wurde nicht gefunden.\n")


def read(**answers: PartAnswer) -> GuestBaseline:
    return read_baseline({**READ, **answers}, at=5.0)


class TestAnswers:
    def test_nothing_but_the_event_log(self) -> None:
        found = read()
        assert (found.at, found.last_record) == (5.0, 77)
        for field in dataclasses.fields(GuestBaseline):
            if field.name not in ("at", "last_record", "notes"):
                assert not getattr(found, field.name)
        unread = {part.name for part in BASELINE_PARTS}
        unread -= {"last_record", "product_type", "profiles", "folders"}
        assert {note.partition(":")[0] for note in found.notes if "no answer" in note} == unread
        assert len(found.notes) == len(set(found.notes))

    def test_a_default_stands_for_an_absent_value_not_for_a_missing_answer(self) -> None:
        product = reg("ProductType", "REG_SZ", "WinNT")
        asked = read(product_type=product, no_logon=ABSENT, tracker=ABSENT)
        assert (asked.shutdown_without_logon, asked.event_tracker) == (True, False)
        unasked = read(product_type=product)
        assert (unasked.shutdown_without_logon, unasked.event_tracker) == (None, None)
        unknown = read(product_type=ABSENT, no_logon=ABSENT, tracker=ABSENT)
        assert (unknown.shutdown_without_logon, unknown.event_tracker) == (None, None)
        assert unknown.notes.count("product type: there is no such value") == 1

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
        def dword(name: str, data: str | None) -> PartAnswer:
            return ABSENT if data is None else reg(name, "REG_DWORD", f"0x{data}")

        found = read(
            power=dword("HibernateEnabled", hibernate),
            fast_startup=dword("HiberbootEnabled", local),
            system_policy=dword("HiberbootEnabled", policy),
        )
        assert found.fast_startup is fast

    def test_hibernation_has_a_default_of_its_own_on_new_releases(self) -> None:
        assert read(power=reg("HibernateEnabledDefault", "REG_DWORD", "0x1")).hibernation is True
        assert read(power=ABSENT).hibernation is None

    def test_a_number_that_is_none_is_noted(self) -> None:
        found = read(service_timeout=reg("WaitToKillServiceTimeout", "REG_SZ", "soon"))
        assert found.wait_to_kill_service_ms is None
        assert "WaitToKillServiceTimeout: it is 'soon'" in found.notes

    def test_only_keys_of_services_are_services(self) -> None:
        services = "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services"
        texts = [
            reg("PreshutdownTimeout", "REG_DWORD", "0x2bf20", f"{services}\\UsoSvc").text,
            reg("PreshutdownTimeout", "REG_DWORD", "0x1", f"{services}\\x\\Parameters").text,
            reg("PreshutdownTimeout", "REG_SZ", "long", f"{services}\\y").text,
        ]
        found = read(preshutdown=PartAnswer(True, "".join(texts)))
        assert found.preshutdown_ms == {"UsoSvc": 180_000}

    def test_a_missing_program_is_noted_with_its_words(self) -> None:
        found = read(sessions=PartAnswer(False, "'query' wurde\nnicht gefunden\x1b[2J\n"))
        assert found.console is None
        assert "console session: the guest says \"'query' wurde nicht gefunden [2J\"" in found.notes

    def test_the_button_needs_two_numbers(self) -> None:
        found = read(button=PartAnswer(False, "Ungültige Parameter"), button_policy=ABSENT)
        assert found.button is None
        assert any(note.startswith("power button: powercfg printed no") for note in found.notes)

    def test_the_settings_are_the_console_users(self) -> None:
        row = ">console           bob                       2  Aktiv\n"
        sid = "S-1-5-21-1-2-3-1002"
        desktop = f"HKEY_USERS\\{sid}\\Control Panel\\Desktop"
        profiles = reg("AutoEndTasks", "REG_SZ", "1", desktop).text
        other = "HKEY_USERS\\S-1-5-21-1-2-3-1001\\Control Panel\\Desktop"
        both = profiles + reg("AutoEndTasks", "REG_SZ", "0", other).text
        found = read(
            sessions=PartAnswer(True, row),
            profiles=PartAnswer(False, both),
            folders=reg("ProfileImagePath", "REG_EXPAND_SZ", "C:\\Users\\bob", f"HKEY_L\\{sid}"),
        )
        assert found.auto_end_tasks is True
        unknown = read(sessions=PartAnswer(True, row), profiles=PartAnswer(False, both))
        assert unknown.auto_end_tasks is None
        assert (
            "console user's settings: none of the loaded profiles belongs to the user"
            in unknown.notes
        )


@given(st.dictionaries(st.sampled_from([p.name for p in BASELINE_PARTS]), st.text()), st.booleans())
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
        for part in BASELINE_PARTS
    }
    read_baseline({**answers, **READ}, at=1.0)
