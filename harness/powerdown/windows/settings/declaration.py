"""What is declared of a setting, wherever it is stored: its meaning, unit, default and risk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum, auto

from powerdown.windows.facts.fact import Fact
from powerdown.windows.settings.change import Change
from powerdown.windows.settings.harm import Harm
from powerdown.windows.settings.key_request import KeyRequest
from powerdown.windows.settings.readings import Group, Reading
from powerdown.windows.settings.setting_value import SettingValue
from powerdown.windows.settings.stored_value import Registry


class Unit(Enum):
    """What a value is."""

    SWITCH = auto()
    """0 for off, any other number for on."""
    NUMBER = auto()
    CHOICE = auto()
    """One of the numbers that have a word."""
    MILLISECONDS = auto()
    SECONDS = auto()
    """Seconds of idleness; 0 for never."""
    MINUTES = auto()
    TEXT = auto()


class Scope(StrEnum):
    """What a setting exists for."""

    MACHINE = "the machine"
    USER = "each user"
    SERVICE = "each service"
    SCHEME = "each power scheme, on AC and on DC"


class TakesEffect(StrEnum):
    """When a change counts."""

    AT_ONCE = "at once"
    NEXT_DIALOG = "at the next dialog"
    NEXT_LOGON = "at the user's next logon"
    SCHEME_SET = "when the scheme is set active again"
    RESTART = "after a restart"
    NOT_KNOWN = "not known"
    READ_ONLY = "never: it is only read"


_AND_THEN = {
    TakesEffect.AT_ONCE: " (no restart needed)",
    TakesEffect.NEXT_LOGON: " for the user who is logged on, from the next logon on",
    TakesEffect.RESTART: " and restart",
}
"""What has to follow the commands."""


@dataclass(frozen=True)
class Default:
    """What counts where no value is stored.

    :param value: on every Windows; ``None`` if nothing is documented.
    :param by_product: on a client and on a server, where they differ.
    :param shown: what is shown where there is no such value.
    :param facts: what it rests on.
    :param note: a remark on it.
    """

    value: SettingValue = None
    by_product: tuple[SettingValue, SettingValue] | None = None
    shown: str = "not set"
    facts: tuple[Fact, ...] = ()
    note: str = ""

    def of(self, client: bool | None) -> SettingValue:
        """The default of a client or a server.

        :param client: ``None`` if it is not known which it is.
        """
        if self.by_product is None:
            return self.value
        return None if client is None else self.by_product[0 if client else 1]


NO_DEFAULT = Default()


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What every kind of setting has.

    :param id: stable, for programs; see ``docs/settings.md``.
    :param name: Windows' name of it, for people.
    :param words: words for its values; those of a switch are "on" and "off" without it.
    :param lowest: and ``highest``: the documented range; ``None`` where none is documented.
    :param takes_effect: when a change counts.
    :param safe: the value with which a soft shutdown works; ``None`` where a value that does harm
        is deleted, or where none does.
    :param advice: how the remedy is worded: ``{commands}`` stands for the command lines,
        ``{policy}`` for those that remove its policy.
    :param harms: values that are a risk whatever else is so.
    :param facts: what its meaning rests on.
    :param note: a remark, as one clause.
    :param online: whether it is read from a running guest too.
    """

    id: str
    group: Group
    name: str
    unit: Unit
    words: Mapping[int, str] = field(default_factory=dict, hash=False)
    lowest: int | None = None
    highest: int | None = None
    default: Default = NO_DEFAULT
    takes_effect: TakesEffect = TakesEffect.READ_ONLY
    safe: SettingValue = None
    advice: str = ""
    harms: tuple[Harm, ...] = ()
    facts: tuple[Fact, ...] = ()
    note: str = ""
    online: bool = False

    @property
    def scope(self) -> Scope:
        """What it exists for."""
        raise NotImplementedError

    @property
    def places(self) -> tuple[str, ...]:
        """Where its value is stored, as paths with the value's name."""
        raise NotImplementedError

    @property
    def requests(self) -> tuple[KeyRequest, ...]:
        """The registry keys that it is read from at rest."""
        raise NotImplementedError

    def queries(self) -> Iterable[str]:
        """Command lines that print its value in a running guest (learn: reg query)."""
        raise NotImplementedError

    def read(self, registry: Registry) -> Iterator[Reading]:
        """Read it: one reading, or one for each user, service or power source."""
        raise NotImplementedError

    def repair(self) -> Change:
        """The change to the value with which a soft shutdown works."""
        raise NotImplementedError

    @property
    def rests_on(self) -> tuple[Fact, ...]:
        """All that its meaning, its default and its harms rest on."""
        harms = (fact for harm in self.harms for fact in harm.facts)
        return tuple(dict.fromkeys((*self.facts, *self.default.facts, *harms)))

    @property
    def remedy(self) -> str:
        """How to repair it, with commands to paste into the guest."""
        return self.remedy_of(None)

    def remedy_of(self, harm: Harm | None) -> str:
        """How to repair it where it does this harm."""
        change = self.repair()
        commands = f"{change}{_AND_THEN.get(self.takes_effect, '')}" if change.commands else ""
        advice = (harm and harm.advice) or self.advice
        return advice.format(commands=commands, policy=self.no_policy()) if advice else commands

    def no_policy(self) -> Change:
        """The change that removes a policy which overrides it, where it has one."""
        return Change()

    def shown(self, value: SettingValue) -> str:
        """A value as text."""
        if value is None:
            return self.default.shown
        if isinstance(value, bool):
            return self.words.get(int(value), "on" if value else "off")
        if not isinstance(value, int):
            return value or '""'
        match self.unit:
            case Unit.MILLISECONDS:
                return milliseconds(value)
            case Unit.SECONDS:
                return "never" if value == 0 else f"after {value} s"
            case Unit.CHOICE:
                return f"{value} ({self.words.get(value, 'undocumented')})"
        return self.words.get(value, f"{value}")

    def harm_of(self, value: SettingValue) -> Harm | None:
        """The harm of a value, worded for it; ``None`` if it does none by itself."""
        harm = next((harm for harm in self.harms if harm.values(value)), None)
        if harm is None:
            return None
        word = self.words.get(value, "") if isinstance(value, int) else ""
        says = harm.says.format(shown=self.shown(value), value=value, word=word)
        return replace(harm, says=says)

    def judged(self, reading: Reading) -> Reading:
        """A reading with the harm of its value."""
        harm = self.harm_of(reading.value)
        return reading if harm is None else replace(reading, harm=harm, remedy=self.remedy_of(harm))

    def number_for(self, value: SettingValue) -> int:
        """A value as the number that is stored.

        :raise ValueError: it is none, or outside of the documented range.
        """
        if not isinstance(value, int):
            raise ValueError(f"{self.name}: {value!r} is not a number")
        if self.unit is Unit.CHOICE and self.words and int(value) not in self.words:
            raise ValueError(f"{self.name}: {value} is none of {sorted(self.words)}")
        too_low = self.lowest is not None and value < self.lowest
        if too_low or (self.highest is not None and value > self.highest):
            raise ValueError(f"{self.name}: {value} is not in {self.lowest} to {self.highest}")
        return int(value)


def milliseconds(time: int) -> str:
    """A time in milliseconds, in a readable unit.

    >>> milliseconds(900_000)
    '15 min'
    """
    for unit, length, most in (("s", 1000, 120), ("min", 60_000, 120), ("h", 3_600_000, 48)):
        if time < length * most:
            return f"{time / length:.3g} {unit}"
    return f"{time / 86_400_000:.3g} days"
