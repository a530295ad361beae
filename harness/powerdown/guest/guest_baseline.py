"""The baseline of a guest: everything inside that affects a shutdown, read before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from powerdown.core.errors import ControlChannelError
from powerdown.guest.guest_sample import GuestSample
from powerdown.windows.command_parts import PartAnswer
from powerdown.windows.console_session import ConsoleSession, parse_console_session, with_lock
from powerdown.windows.event_records import parse_events
from powerdown.windows.guest_lines import guest_lines
from powerdown.windows.power_button import PowerButton, parse_powercfg_indexes
from powerdown.windows.processes import ProcessEntry, parse_processes
from powerdown.windows.query_commands import REGISTRY_PARTS, scheme_part
from powerdown.windows.registry_output import RegistryOutput, parse_registry
from powerdown.windows.services import ServiceStatus, parse_services
from powerdown.windows.settings.all_settings import ALL_SETTINGS
from powerdown.windows.settings.button_settings import POWER_BUTTON
from powerdown.windows.settings.declaration import Declaration
from powerdown.windows.settings.live_registry import LiveRegistry
from powerdown.windows.settings.power_scheme import SchemeSetting
from powerdown.windows.settings.readings import Origin, Reading, Readings, in_groups
from powerdown.windows.settings.registry_setting import RegistrySetting
from powerdown.windows.settings.stored_value import PowerSource
from powerdown.windows.update_markers import parse_update_markers
from powerdown.windows.user_profiles import find_console_profile

_T = TypeVar("_T")
_QUOTED_CHARACTERS = 200


@dataclass(frozen=True)
class GuestBaseline:
    """What was read; ``None`` or an empty value stands for what could not be read.

    :param at: when it was answered, host-monotonic.
    :param last_record: newest ``EventRecordID`` of the System log.
    :param console: who is at the console.
    :param settings: the settings that are read from a running guest; those of users are the console
        user's.
    :param update_markers: marks of pending update work, of :data:`MARKERS`.
    :param services: all that are not stopped.
    :param notes: what could not be read and why, one line each.
    """

    at: float
    last_record: int
    button: PowerButton | None = None
    console: ConsoleSession | None = None
    settings: Readings = field(default_factory=Readings)
    update_markers: tuple[str, ...] = ()
    services: tuple[ServiceStatus, ...] = ()
    processes: tuple[ProcessEntry, ...] = ()
    notes: tuple[str, ...] = ()

    def of_user(self, setting: RegistrySetting) -> Reading | None:
        """A setting of the console's user; ``None`` while nobody is logged on."""
        return next(iter(self.settings.of_each(setting).values()), None)

    def number_of_user(self, setting: RegistrySetting) -> int | None:
        """A number among those settings; ``None`` if it is not known."""
        reading = self.of_user(setting)
        return None if reading is None else reading.number

    def as_sample(self) -> GuestSample:
        """The services and programs of the baseline as a sample."""
        unread = [
            f"{part}: no answer"
            for part, found in (("services", self.services), ("processes", self.processes))
            if not found
        ]
        return GuestSample(self.at, (), self.services, self.processes, tuple(unread))


def read_baseline(
    answers: Mapping[str, PartAnswer], at: float, settings: Iterable[Declaration] = ALL_SETTINGS
) -> GuestBaseline:
    """Parse the answers to ``query_commands.baseline_parts``.

    :param at: when they arrived.
    :param settings: those that were asked for.
    :raise ControlChannelError: the event log could not be read, without which nothing that
        happens later could be told from what happened before.
    """
    return _Reader(answers).baseline(at, settings)


class _Reader:
    """Reads one part after the other and notes what it cannot understand."""

    def __init__(self, answers: Mapping[str, PartAnswer]) -> None:
        self._answers = answers
        self._notes: list[str] = []

    def baseline(self, at: float, settings: Iterable[Declaration]) -> GuestBaseline:
        last_record = self._last_record()
        processes = self._listed("processes", parse_processes)
        services = self._listed("services", parse_services)
        console = self._console(processes)
        settings = tuple(setting for setting in settings if setting.online)
        printed = self._printed()
        registry = LiveRegistry(
            printed,
            self._users(console, printed or RegistryOutput()),
            {s.guid: self._indexes(s) for s in settings if isinstance(s, SchemeSetting)},
        )
        return GuestBaseline(
            at=at,
            last_record=last_record,
            button=_button(registry),
            console=console,
            settings=in_groups(self._readings(settings, registry)),
            update_markers=self._parsed("markers", parse_update_markers, ()),
            services=services,
            processes=processes,
            notes=tuple(self._notes),
        )

    def _last_record(self) -> int:
        answer = self._answers.get("last_record")
        if answer is None or not answer.succeeded:
            raise ControlChannelError(
                "read the guest's event log",
                _said(answer),
                "Is the Windows Event Log service running in the guest?",
            )
        records = parse_events(answer.text)
        return records[-1].record_id if records else 0

    def _indexes(self, setting: SchemeSetting) -> Mapping[PowerSource, int]:
        """What ``powercfg`` printed of a setting of the active scheme."""
        answer = self._answer(scheme_part(setting))
        if answer is None:
            return {}
        try:
            return parse_powercfg_indexes(answer.text, setting)
        except ControlChannelError as error:
            self._note(f"{setting.name}: {error.actual}")
            return {}

    def _console(self, processes: tuple[ProcessEntry, ...]) -> ConsoleSession | None:
        answer = self._answer("sessions")
        if answer is None:
            return None
        console = parse_console_session(answer.text)
        if console is None:
            # Its exit code tells nothing: it is 1 with a full list too, on some releases.
            self._note(f"console session: {_said(answer)}")
            return None
        return with_lock(console, processes)

    def _readings(
        self, settings: Iterable[Declaration], registry: LiveRegistry
    ) -> Iterator[Reading]:
        for setting in settings:
            for reading in setting.read(registry):
                self._note_unknown(reading)
                yield reading

    def _printed(self) -> RegistryOutput | None:
        """Everything that ``reg query`` printed; ``None`` if nothing was answered."""
        answers = (self._answer(part) for part in REGISTRY_PARTS)
        texts = [answer.text for answer in answers if answer is not None]
        return parse_registry("\n".join(texts)) if texts else None

    def _users(self, console: ConsoleSession | None, printed: RegistryOutput) -> dict[str, str]:
        """The console's user, by SID; nobody while nobody is logged on."""
        if console is None or console.user is None:
            return {}
        folders = self._parsed("folders", parse_registry, RegistryOutput())
        sid = find_console_profile(printed, folders, console)
        if sid is None:
            self._note("console user's settings: none of the loaded profiles belongs to the user")
            return {}
        return {sid: console.user}

    def _note_unknown(self, reading: Reading) -> None:
        if reading.origin is Origin.UNREADABLE:
            self._note(f"{reading.value_name}: it is {(reading.raw or '')[:_QUOTED_CHARACTERS]}")
        elif reading.value is None and reading.note:
            self._note(f"{reading.name}: {reading.note}")

    def _listed(self, part: str, parse: Callable[[str], tuple[_T, ...]]) -> tuple[_T, ...]:
        """A list that is never empty in a running guest."""
        nothing: tuple[_T, ...] = ()
        found = self._parsed(part, parse, nothing)
        if not found and part in self._answers:
            self._note(f"{part}: {_said(self._answers[part])}")
        return found

    def _parsed(self, part: str, parse: Callable[[str], _T], otherwise: _T) -> _T:
        answer = self._answer(part)
        return otherwise if answer is None else parse(answer.text)

    def _answer(self, part: str) -> PartAnswer | None:
        answer = self._answers.get(part)
        if answer is None:
            self._note(f"{part}: no answer")
        return answer

    def _note(self, note: str) -> None:
        """Note what could not be read, once."""
        if note not in self._notes:
            self._notes.append(note)


def _button(registry: LiveRegistry) -> PowerButton | None:
    scheme = registry.indexes.get(POWER_BUTTON.guid)
    if not scheme:
        return None
    stored = {s: registry.at(POWER_BUTTON.policy_key, s.index_name).number for s in PowerSource}
    policy = {source: number for source, number in stored.items() if number is not None}
    return PowerButton(scheme, policy)


def _said(answer: PartAnswer | None) -> str:
    """What a command that failed printed, on one line."""
    if answer is None:
        return "no answer"
    said = " ".join(" ".join(guest_lines(answer.text[:4000])).split())
    return f"the guest says {said[:_QUOTED_CHARACTERS]!r}"
