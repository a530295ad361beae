"""The baseline of a guest: everything inside that affects a shutdown, read before it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from powerdown.core.errors import ControlChannelError
from powerdown.guest.guest_sample import GuestSample
from powerdown.windows.command_parts import PartAnswer
from powerdown.windows.commands import PowerSource
from powerdown.windows.console_session import ConsoleSession, parse_console_session, with_lock
from powerdown.windows.effective_policy import (
    allowed_without_logon,
    asks_for_reasons,
    is_client,
    starts_fast,
)
from powerdown.windows.event_records import parse_events
from powerdown.windows.guest_lines import guest_lines
from powerdown.windows.power_button import (
    PowerButton,
    parse_policy_values,
    parse_powercfg_indexes,
)
from powerdown.windows.processes import ProcessEntry, parse_processes
from powerdown.windows.registry_output import RegistryOutput, RegistryValue, parse_registry
from powerdown.windows.service_commands import DEFAULT_WAIT_TO_KILL_SERVICE_MS
from powerdown.windows.services import ServiceStatus, parse_services
from powerdown.windows.update_markers import parse_update_markers
from powerdown.windows.user_settings import UserSettings, desktop_settings, find_console_profile

_T = TypeVar("_T")
_SERVICE_KEY = re.compile(r".*\\Services\\([^\\]+)", re.IGNORECASE)
_UNREAD = UserSettings(None, None, None)
_QUOTED_CHARACTERS = 200


@dataclass(frozen=True)
class GuestBaseline:
    """What was read; ``None`` or an empty value stands for what could not be read.

    :param at: when it was answered, host-monotonic.
    :param last_record: newest ``EventRecordID`` of the System log.
    :param console: who is at the console.
    :param shutdown_without_logon: whether a shutdown is allowed while nobody is logged on.
    :param event_tracker: whether the Shutdown Event Tracker asks for reasons.
    :param auto_end_tasks: see :class:`UserSettings`, of the console's
        user; ``None`` while nobody is logged on, as are the next two.
    :param allow_blocking_apps: whether programs without a visible window may hold a shutdown.
    :param wait_to_kill_service_ms: milliseconds that services have to stop.
    :param hibernation: whether the system can be saved to disk.
    :param fast_startup: whether a shutdown that a user asks for is such a saving, in part.
    :param update_markers: marks of pending update work, of
        :data:`MARKERS`.
    :param preshutdown_ms: milliseconds a service may take before the others are stopped, by key
        name of the service, where it is set.
    :param services: all that are not stopped.
    :param notes: what could not be read and why, one line each.
    """

    at: float
    last_record: int
    button: PowerButton | None = None
    console: ConsoleSession | None = None
    shutdown_without_logon: bool | None = None
    event_tracker: bool | None = None
    auto_end_tasks: bool | None = None
    hung_app_ms: int | None = None
    wait_to_kill_app_ms: int | None = None
    allow_blocking_apps: bool | None = None
    wait_to_kill_service_ms: int | None = None
    hibernation: bool | None = None
    fast_startup: bool | None = None
    update_markers: tuple[str, ...] = ()
    preshutdown_ms: Mapping[str, int] = field(default_factory=dict)
    services: tuple[ServiceStatus, ...] = ()
    processes: tuple[ProcessEntry, ...] = ()
    notes: tuple[str, ...] = ()

    def as_sample(self) -> GuestSample:
        """The services and programs of the baseline as a sample."""
        unread = [
            f"{part}: no answer"
            for part, found in (("services", self.services), ("processes", self.processes))
            if not found
        ]
        return GuestSample(self.at, (), self.services, self.processes, tuple(unread))


def read_baseline(answers: Mapping[str, PartAnswer], at: float) -> GuestBaseline:
    """Parse the answers to ``query_commands.BASELINE_PARTS``.

    :param at: when they arrived.
    :raise ControlChannelError: the event log could not be read, without which nothing that
        happens later could be told from what happened before.
    """
    return _Reader(answers).baseline(at)


class _Reader:
    """Reads one part after the other and notes what it cannot understand."""

    def __init__(self, answers: Mapping[str, PartAnswer]) -> None:
        self._answers = answers
        self._notes: list[str] = []

    def baseline(self, at: float) -> GuestBaseline:
        last_record = self._last_record()
        processes = self._listed("processes", parse_processes)
        services = self._listed("services", parse_services)
        console = self._console(processes)
        settings = self._user_settings(console)
        hibernation = self._hibernation()
        return GuestBaseline(
            at=at,
            last_record=last_record,
            button=self._button(),
            console=console,
            shutdown_without_logon=self._no_logon(),
            event_tracker=self._event_tracker(),
            auto_end_tasks=settings.auto_end_tasks,
            hung_app_ms=settings.hung_app_ms,
            wait_to_kill_app_ms=settings.wait_to_kill_app_ms,
            allow_blocking_apps=self._switch("system_policy", "AllowBlockingAppsAtShutdown", False),
            wait_to_kill_service_ms=self._number(
                "service_timeout", "WaitToKillServiceTimeout", DEFAULT_WAIT_TO_KILL_SERVICE_MS
            ),
            hibernation=hibernation,
            fast_startup=self._fast_startup(hibernation),
            update_markers=self._parsed("markers", parse_update_markers, ()),
            preshutdown_ms=self._preshutdown(),
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

    def _button(self) -> PowerButton | None:
        nothing_set: dict[PowerSource, int] = {}
        policy = self._parsed("button_policy", parse_policy_values, nothing_set)
        answer = self._answer("button")
        if answer is None:
            return None
        try:
            return PowerButton(scheme=parse_powercfg_indexes(answer.text), policy=policy)
        except ControlChannelError as error:
            self._note(f"power button: {error.actual}")
            return None

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

    def _user_settings(self, console: ConsoleSession | None) -> UserSettings:
        if console is None or console.user is None:
            return _UNREAD
        profiles = self._registry("profiles")
        sid = find_console_profile(profiles, self._registry("folders"), console)
        if sid is None:
            self._note("console user's settings: none of the loaded profiles belongs to the user")
            return _UNREAD
        return desktop_settings(profiles, sid)

    def _is_client(self) -> bool | None:
        value = self._registry("product_type").value("ProductType")
        if value is None:
            self._note("product type: there is no such value")
            return None
        return is_client(value.data)

    def _no_logon(self) -> bool | None:
        if self._answer("no_logon") is None:
            return None
        if self._value("no_logon", "ShutdownWithoutLogon") is None:
            return allowed_without_logon(None, self._is_client())
        return self._switch("no_logon", "ShutdownWithoutLogon", False)

    def _event_tracker(self) -> bool | None:
        if self._answer("tracker") is None:
            return None
        if self._value("tracker", "ShutdownReasonOn") is None:
            return asks_for_reasons(None, self._is_client())
        return self._switch("tracker", "ShutdownReasonOn", False)

    def _hibernation(self) -> bool | None:
        if self._answer("power") is None:
            return None
        for name in ("HibernateEnabled", "HibernateEnabledDefault"):
            if self._value("power", name) is not None:
                return self._switch("power", name, False)
        self._note("hibernation: HibernateEnabled is not set")
        return None

    def _fast_startup(self, hibernation: bool | None) -> bool | None:
        """Absent where the release has none."""
        local = self._switch("fast_startup", "HiberbootEnabled", False)
        policy = self._switch("system_policy", "HiberbootEnabled", False)
        return starts_fast(local, policy, hibernation)

    def _preshutdown(self) -> dict[str, int]:
        found = {}
        for key, values in self._registry("preshutdown").keys.items():
            service, value = _SERVICE_KEY.fullmatch(key), values.get("preshutdowntimeout")
            if service is not None and value is not None and value.number is not None:
                found[service[1]] = value.number
        return found

    def _listed(self, part: str, parse: Callable[[str], tuple[_T, ...]]) -> tuple[_T, ...]:
        """A list that is never empty in a running guest."""
        nothing: tuple[_T, ...] = ()
        found = self._parsed(part, parse, nothing)
        if not found and part in self._answers:
            self._note(f"{part}: {_said(self._answers[part])}")
        return found

    def _value(self, part: str, name: str) -> RegistryValue | None:
        return self._registry(part).value(name)

    def _number(self, part: str, name: str, default: int) -> int | None:
        """The number; ``default`` where the value is absent, ``None`` where it holds none."""
        if self._answer(part) is None:
            return None
        value = self._value(part, name)
        if value is None:
            return default
        if value.number is None:
            self._note(f"{name}: it is {value.data[:40]!r}")
        return value.number

    def _switch(self, part: str, name: str, default: bool) -> bool | None:
        number = self._number(part, name, int(default))
        return None if number is None else number != 0

    def _registry(self, part: str) -> RegistryOutput:
        """What a ``reg query`` printed: nothing where the key or the value is absent."""
        return self._parsed(part, parse_registry, RegistryOutput())

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


def _said(answer: PartAnswer | None) -> str:
    """What a command that failed printed, on one line."""
    if answer is None:
        return "no answer"
    said = " ".join(" ".join(guest_lines(answer.text[:4000])).split())
    return f"the guest says {said[:_QUOTED_CHARACTERS]!r}"
