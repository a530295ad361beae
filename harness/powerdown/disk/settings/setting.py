"""A setting of a Windows on a disk: its effective value, and where that comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

SettingValue = bool | int | str | None
"""An effective value; ``None`` if it is not known, or if there is none."""


class Origin(StrEnum):
    """Where an effective value comes from."""

    REGISTRY = "registry value"
    POLICY = "policy"
    SCHEME = "power scheme"
    SCHEME_DEFAULT = "default of scheme"
    DOCUMENTED = "documented default"
    """The value is absent; this is the documented default."""
    ABSENT = "absent"
    """The value is absent, and that is meaningful, or no default is documented."""
    TOGETHER = "other settings"
    """It is derived from the settings in the note."""
    VOLUME = "volume"
    UNREADABLE = "unreadable"
    """The value has another type, or is not a valid number."""
    NOT_READ = "not read"
    """The hive was not given, or could not be read."""


class Group(StrEnum):
    """Groups of settings, in the order in which they are shown."""

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

    :param id: stable id, for programs; see ``docs/inspect.md``.
    :param name: Windows' name of it, for people.
    :param value: the effective value.
    :param shown: the value as text.
    :param key: the registry key of the value, as in the running system; empty if it does not come
        from the registry. For an absent value, the key where it would be.
    :param value_name: name of the registry value; empty if the key itself is the setting.
    :param raw: the stored data; ``None`` if there is none.
    :param confirmed: whether documentation or real hives confirm the meaning.
    :param note: a remark, as one clause.
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
        """Key and value name where it is, or would be, stored."""
        return rf"{self.key}\{self.value_name}" if self.value_name else self.key

    @property
    def known(self) -> bool:
        """Whether it could be read."""
        return self.origin not in (Origin.UNREADABLE, Origin.NOT_READ)


class Settings:
    """All settings, by id.

    :param settings: in the order in which they are shown, with unique ids.
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
        """The settings whose ids start with ``prefix``."""
        return tuple(s for id, s in self._by_id.items() if id.startswith(prefix))

    def truth(self, id: str) -> bool | None:
        """The value of a switch; ``None`` if it is not known."""
        value = self._by_id[id].value
        return value if isinstance(value, bool) else None

    def number(self, id: str) -> int | None:
        """The value of a number; ``None`` if it is not known."""
        value = self._by_id[id].value
        return value if isinstance(value, int) and not isinstance(value, bool) else None
