"""One setting of a Windows at rest: what it is, and where that comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

SettingValue = bool | int | str | None
"""An effective value; ``None`` where it is not known, or where there is none."""


class Origin(StrEnum):
    """Where an effective value comes from."""

    REGISTRY = "registry value"
    POLICY = "policy"
    SCHEME = "power scheme"
    SCHEME_DEFAULT = "default of scheme"
    DOCUMENTED = "documented default"
    """The value is absent; this is what the documentation says holds then."""
    ABSENT = "absent"
    """It is absent, and either that is the answer, or no default is documented."""
    TOGETHER = "other settings"
    """It follows from the settings named in the note."""
    VOLUME = "volume"
    UNREADABLE = "unreadable"
    """There is something of another type, or no number where one belongs."""
    NOT_READ = "not read"
    """The hive that it would be in was not given, or could not be read."""


class Group(StrEnum):
    """What settings are about, in the order in which they are shown."""

    WINDOWS = "Windows"
    VOLUME = "volume"
    BUTTON = "power button"
    SLEEP = "sleep, hibernation, fast startup"
    LOGON = "logon"
    TRACKER = "Shutdown Event Tracker"
    APPLICATIONS = "applications"
    SERVICES = "services"
    UPDATES = "updates"
    CONTROL = "control from outside"


@dataclass(frozen=True)
class Setting:
    """A setting and its provenance.

    :param id: stable, for programs; see ``docs/inspect.md``.
    :param name: what Windows calls it, for people.
    :param value: the effective value.
    :param shown: the same in words.
    :param key: registry key that decided, as online; empty where none did. Of an absent value the
        one where it would be.
    :param value_name: of the registry value; empty where the key itself is the setting.
    :param raw: what is stored there; ``None`` where nothing is.
    :param confirmed: whether documentation, or real hives, bear the meaning out.
    :param note: what else to know, one clause.
    """

    id: str
    group: Group
    name: str
    value: SettingValue
    shown: str
    origin: Origin
    key: str = ""
    value_name: str = ""
    raw: str | None = None
    confirmed: bool = True
    note: str = ""

    @property
    def path(self) -> str:
        """Where it is stored, or would be: key and name of the value."""
        return rf"{self.key}\{self.value_name}" if self.value_name else self.key

    @property
    def known(self) -> bool:
        """Whether it could be read."""
        return self.origin not in (Origin.UNREADABLE, Origin.NOT_READ)


class Settings:
    """All settings, by id.

    :param settings: in the order in which they are shown; no id twice.
    """

    def __init__(self, settings: Iterable[Setting]) -> None:
        self._by_id = {setting.id: setting for setting in settings}

    def __iter__(self) -> Iterator[Setting]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def __getitem__(self, id: str) -> Setting:
        return self._by_id[id]

    def starting(self, prefix: str) -> tuple[Setting, ...]:
        """Those whose ids begin so."""
        return tuple(s for id, s in self._by_id.items() if id.startswith(prefix))

    def truth(self, id: str) -> bool | None:
        """The value of a switch; ``None`` where it is not known."""
        value = self._by_id[id].value
        return value if isinstance(value, bool) else None

    def number(self, id: str) -> int | None:
        """The value of a number; ``None`` where it is not known."""
        value = self._by_id[id].value
        return value if isinstance(value, int) and not isinstance(value, bool) else None
