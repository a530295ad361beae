"""What was read of the settings of a Windows: effective values, and where they come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from powerdown.windows.facts.fact import Fact, FactStatus
from powerdown.windows.settings.harm import Harm
from powerdown.windows.settings.setting_value import Identified, SettingValue
from powerdown.windows.settings.stored_value import Stored

NOT_READ = "?"
"""Shown for a value that is not known."""


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
    CRASH = "stop on request"


@dataclass(frozen=True)
class Reading:
    """One setting as it was read, and its provenance.

    :param id: of the setting; of one that exists for each user or service, with its name behind a
        colon.
    :param name: Windows' name of it, for people.
    :param value: the effective value.
    :param shown: the value as text.
    :param key: the registry key of the value, as in the running system; empty if it does not come
        from the registry. For an absent value, the key where it would be.
    :param value_name: name of the registry value; empty if the key itself is the setting.
    :param raw: the stored data; ``None`` if there is none.
    :param facts: what its meaning rests on.
    :param note: a remark, as one clause.
    :param harm: what the value endangers by itself; ``None`` for nothing.
    :param remedy: how to repair that, with commands to paste into the guest.
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
    facts: tuple[Fact, ...] = ()
    note: str = ""
    harm: Harm | None = None
    remedy: str = ""

    @property
    def path(self) -> str:
        """Key and value name where it is, or would be, stored."""
        return rf"{self.key}\{self.value_name}" if self.value_name else self.key

    @property
    def known(self) -> bool:
        """Whether it could be read."""
        return self.origin not in (Origin.UNREADABLE, Origin.NOT_READ)

    @property
    def confirmed(self) -> bool:
        """Whether its meaning rests on no unconfirmed fact."""
        return all(fact.status is not FactStatus.UNCONFIRMED for fact in self.facts)

    @property
    def truth(self) -> bool | None:
        """The value of a switch; ``None`` if it is not known."""
        return self.value if isinstance(self.value, bool) else None

    @property
    def number(self) -> int | None:
        """The value of a number; ``None`` if it is not known."""
        value = self.value
        return value if isinstance(value, int) and not isinstance(value, bool) else None


class Named(Identified, Protocol):
    """What a reading is of."""

    @property
    def group(self) -> Group:
        """Where it is shown."""
        ...

    @property
    def name(self) -> str:
        """Windows' name of it, for people."""
        ...

    @property
    def facts(self) -> tuple[Fact, ...]:
        """What its meaning rests on."""
        ...


def reading_of(
    setting: Named,
    stored: Stored,
    value: SettingValue,
    shown: str,
    origin: Origin,
    *,
    note: str = "",
    facts: tuple[Fact, ...] = (),
) -> Reading:
    """The reading that a stored value determines.

    :param facts: what it rests on besides the setting's own.
    """
    return Reading(
        setting.id,
        setting.group,
        setting.name,
        value,
        shown,
        origin,
        stored.key,
        stored.name,
        stored.raw,
        (*setting.facts, *facts),
        note,
    )


def unknown(setting: Named, stored: Stored, note: str = "") -> Reading:
    """The reading if the hive was not read, or the data does not fit."""
    origin = Origin.UNREADABLE if stored.known else Origin.NOT_READ
    return reading_of(setting, stored, None, stored.raw or NOT_READ, origin, note=note)


class Readings:
    """All that was read, by id.

    :param readings: in the order in which they are shown, with unique ids.
    """

    def __init__(self, readings: Iterable[Reading] = ()) -> None:
        self._by_id = {reading.id: reading for reading in readings}

    def __iter__(self) -> Iterator[Reading]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def __getitem__(self, id: str) -> Reading:
        return self._by_id[id]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Readings) and self._by_id == other._by_id

    def __hash__(self) -> int:
        return hash(tuple(self._by_id.values()))

    def __repr__(self) -> str:
        return f"Readings({list(self._by_id.values())!r})"

    def of(self, setting: Identified) -> Reading | None:
        """What was read of a setting; ``None`` if it was not asked for."""
        return self._by_id.get(setting.id)

    def of_each(self, setting: Identified) -> dict[str, Reading]:
        """What was read of a setting that exists for each user, service or power source; by its
        name."""
        prefix = f"{setting.id}:"
        return {
            id.removeprefix(prefix): reading
            for id, reading in self._by_id.items()
            if id.startswith(prefix)
        }

    def starting(self, prefix: str) -> tuple[Reading, ...]:
        """Those whose ids start with ``prefix``."""
        return tuple(r for id, r in self._by_id.items() if id.startswith(prefix))

    def truth(self, setting: Identified) -> bool | None:
        """The value of a switch; ``None`` if it is not known."""
        reading = self.of(setting)
        return None if reading is None else reading.truth

    def number(self, setting: Identified) -> int | None:
        """The value of a number; ``None`` if it is not known."""
        reading = self.of(setting)
        return None if reading is None else reading.number

    def text(self, setting: Identified) -> str | None:
        """The value of a text; ``None`` if it is not known."""
        reading = self.of(setting)
        return None if reading is None or not isinstance(reading.value, str) else reading.value


def in_groups(readings: Iterable[Reading]) -> Readings:
    """Readings in the order in which they are shown."""
    groups = tuple(Group)
    return Readings(sorted(readings, key=lambda reading: groups.index(reading.group)))
