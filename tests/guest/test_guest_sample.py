from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from powerdown.guest.guest_sample import GuestSample, read_sample
from powerdown.guest.windows import Windows
from powerdown.windows import commands
from powerdown.windows.command_parts import PartAnswer
from powerdown.windows.query_commands import SAMPLE_PROVIDERS
from tests.support.modelled_machine import Machine

NAMES = ("records", "services", "processes")


def record(event_id: int, provider: str, number: int = 8) -> str:
    return (
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
        f"<Provider Name='{provider}'/><EventID>{event_id}</EventID>"
        "<TimeCreated SystemTime='2026-11-23T01:02:04Z'/>"
        f"<EventRecordID>{number}</EventRecordID></System></Event>"
    )


def sample(**texts: str) -> GuestSample:
    answers = {name: PartAnswer(True, texts.get(name, "")) for name in NAMES}
    return read_sample(answers, at=5.0)


class TestStandIn:
    def test_nothing_happens(self, windows: Windows, machine: Machine) -> None:
        found = windows.sample(machine.last_record())
        assert found.records == ()
        assert found.notes == ()
        assert "WinRM" in {service.name for service in found.services}
        assert "explorer.exe" in {process.name for process in found.processes}

    def test_a_shutdown_that_was_asked_for_is_seen(
        self, windows: Windows, machine: Machine
    ) -> None:
        before = machine.last_record()
        machine.program(
            r"C:\t\app.exe",
            kind="application",
            window={"visible": True},
            query_end_session="refuse",
        )
        windows.start_on_desktop("pd", r"C:\t\app.exe", "app.exe")
        windows.run(commands.SHUT_DOWN).checked()
        machine.clock.until(lambda: machine.last_record() > before)
        found = windows.sample(before)
        assert found.records[0].event_id == 1074
        assert "app.exe" in {process.name for process in found.processes}

    def test_it_is_one_round_trip_in_the_time_allowed(self, windows: Windows) -> None:
        sent = []

        class Channel:
            def run(self, command: str, deadline: object) -> object:
                sent.append(command)
                return windows.channel.run(command, deadline)  # type: ignore[arg-type]

        Windows(Channel()).sample(0, 30.0)  # type: ignore[arg-type]
        assert len(sent) == 1


class TestAnswers:
    def test_records_count_by_provider(self) -> None:
        text = "".join(
            record(event_id, provider.upper(), number)
            for number, (event_id, provider) in enumerate(SAMPLE_PROVIDERS.items())
        )
        others = "".join(record(event_id, "Other") for event_id in SAMPLE_PROVIDERS)
        assert len(sample(records=others + text).records) == len(SAMPLE_PROVIDERS)
        assert sample(records=record(6005, "EventLog")).records == ()

    def test_what_cannot_be_read_is_noted_and_the_rest_is_there(self) -> None:
        answers = {
            "records": PartAnswer(False, "Der RPC-Server ist nicht verfügbar."),
            "processes": PartAnswer(True, '"a.exe","1","Console","1","1 K"\n'),
        }
        found = read_sample(answers, at=5.0)
        assert found.notes == ("records: the command failed", "services: no answer")
        assert found.records == ()
        assert [process.name for process in found.processes] == ["a.exe"]

    def test_records_that_are_none_are_noted(self) -> None:
        (note,) = sample(records="<Event>").notes
        assert note.startswith("records: ParseError")


@given(st.dictionaries(st.sampled_from(NAMES), st.text()), st.booleans())
def test_whatever_a_guest_says_is_a_look(texts: dict[str, str], succeeded: bool) -> None:
    read_sample({name: PartAnswer(succeeded, text) for name, text in texts.items()}, at=1.0)
