r"""Settings of power schemes: policy, the active scheme's own value, or its default
(fact:button-action-store).

A scheme usually has no value of its own, so the default must be read too: that is where a stock
image's button may be set to sleep (fact:button-default-sleep). GUIDs are used instead of
``powercfg`` aliases, which some releases hide.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from powerdown.windows.facts import power_facts as facts
from powerdown.windows.facts.fact import Fact
from powerdown.windows.registry_edit import ACTIVE_SCHEME, RegistryEdit, delete_key, set_dword
from powerdown.windows.settings import registry_keys as keys
from powerdown.windows.settings.change import Change, change_by
from powerdown.windows.settings.declaration import Declaration, Scope, TakesEffect
from powerdown.windows.settings.key_request import KeyRequest
from powerdown.windows.settings.readings import (
    NOT_READ,
    Group,
    Origin,
    Reading,
    reading_of,
    unknown,
)
from powerdown.windows.settings.setting_value import SettingValue
from powerdown.windows.settings.stored_value import PowerSource, Registry, Stored

SCHEMES = {
    "381b4222-f694-41f0-9685-ff5bb260df2e": "Balanced",
    "8c5e7fda-e8bf-4a96-9a85-a6e23a8c635c": "High performance",
    "a1841308-3541-4fab-bc81-f71556f20b4a": "Power saver",
}
"""The schemes that every Windows has (fact:active-scheme)."""

SET_ACTIVE = "powercfg /setactive SCHEME_CURRENT"
"""Puts changed values of the active scheme into effect (fact:powercfg-set)."""

ACTIVE_SCHEME_VALUE = "ActivePowerScheme"
"""Name of the value that names the active scheme (fact:active-scheme)."""

_GUID = re.compile(r"\{?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\}?", re.IGNORECASE)
_PROVISIONED = "Prov"
"""Prefix of the names of additional defaults that a manufacturer can provision. Public tools
disagree on which of the two Windows uses (fact:provisioned-defaults)."""

QUERY_ACTIVE_SCHEME = f'reg query "{keys.POWER_SCHEMES}" /v {ACTIVE_SCHEME_VALUE}'
"""Prints the active scheme's GUID (fact:active-scheme; learn: reg query)."""


_INDEXES = tuple(source.index_name for source in PowerSource)


@dataclass(frozen=True)
class ActiveScheme:
    """The active power scheme; a policy overrides the choice."""

    id: str = "power-scheme"
    group: Group = Group.BUTTON
    name: str = "active power scheme"
    facts: tuple[Fact, ...] = (facts.ACTIVE_SCHEME,)

    @property
    def requests(self) -> tuple[KeyRequest, ...]:
        """The registry keys that it is read from at rest."""
        return tuple(KeyRequest(key, values=(ACTIVE_SCHEME_VALUE,)) for key, _ in self._places)

    @property
    def _places(self) -> tuple[tuple[str, Origin], ...]:
        return (keys.POWER_POLICY, Origin.POLICY), (keys.POWER_SCHEMES, Origin.REGISTRY)

    def guid(self, registry: Registry) -> str | None:
        """Its GUID in lower case; ``None`` if it is not known."""
        found = (
            scheme_guid(registry.at(key, ACTIVE_SCHEME_VALUE).text or "") for key, _ in self._places
        )
        return next((guid for guid in found if guid is not None), None)

    def read(self, registry: Registry) -> Iterator[Reading]:
        """Which scheme is active."""
        for key, origin in self._places:
            stored = registry.at(key, ACTIVE_SCHEME_VALUE)
            scheme = scheme_guid(stored.text or "")
            if scheme is not None:
                yield reading_of(self, stored, scheme, SCHEMES.get(scheme, scheme), origin)
                return
        if stored.absent:
            yield reading_of(self, stored, None, "not set", Origin.ABSENT)
        else:
            yield unknown(self, stored)


ACTIVE_POWER_SCHEME = ActiveScheme()


def scheme_guid(text: str) -> str | None:
    """The GUID that a text consists of, in lower case; ``None`` for anything else."""
    found = _GUID.fullmatch(text.strip())
    return None if found is None else found[1].lower()


@dataclass(frozen=True, kw_only=True)
class SchemeSetting(Declaration):
    r"""A setting of every power scheme, with a value for AC and one for DC.

    Its readings have the ids ``<id>-ac`` and ``<id>-dc``.

    :param sub: GUID of its sub-group.
    :param guid: its own.
    :param sources: those of which it is read.
    """

    sub: str
    guid: str
    sources: tuple[PowerSource, ...] = tuple(PowerSource)
    takes_effect: TakesEffect = TakesEffect.SCHEME_SET

    @property
    def scope(self) -> Scope:
        """What it exists for."""
        return Scope.SCHEME

    @property
    def policy_key(self) -> str:
        """Key of the policy that overrides every scheme (fact:button-policy)."""
        return rf"{keys.POWER_POLICY}\{self.guid.upper()}"

    @property
    def places(self) -> tuple[str, ...]:
        """Where its value is stored, the one that counts first."""
        index = "<AC or DC>SettingIndex"
        found = (self.policy_key, self._own_key("<scheme>"), self._default_key("<scheme>"))
        return tuple(rf"{key}\{index}" for key in found)

    @property
    def requests(self) -> tuple[KeyRequest, ...]:
        """The registry keys that it is read from at rest. Schemes can have any GUID; a setting is
        three levels below."""
        provisioned = tuple(f"{_PROVISIONED}{index}" for index in _INDEXES)
        defaults, _, _ = self._default_key("").rpartition("\\")
        return (
            KeyRequest(keys.POWER_SCHEMES, depth=3, values=_INDEXES),
            KeyRequest(keys.POWER_POLICY, depth=1, values=_INDEXES),
            KeyRequest(defaults, depth=1, values=(*_INDEXES, *provisioned)),
        )

    @property
    def powercfg_query(self) -> str:
        """Prints its indexes in the active scheme, defaults read through (fact:powercfg-output).

        Localised: the last two lines end in the hexadecimal numbers. If an image's ``/query``
        leaves the setting out, only ``/qh`` prints it (fact:powercfg-query-hidden).
        """
        return f"powercfg /query SCHEME_CURRENT {self.sub} {self.guid}"

    def queries(self) -> Iterable[str]:
        """Prints the policy's indexes; fails with exit code 1 where there is no policy."""
        yield f'reg query "{self.policy_key}"'

    def set(self, ac: SettingValue, dc: SettingValue = None) -> Change:
        """Set it in the active scheme (fact:powercfg-set; fact:button-action-store).

        ``powercfg`` may refuse while a policy sets the same value (fact:powercfg-under-policy).

        :param dc: on battery; as on AC if not given.
        :raise ValueError: a value does not fit.
        """
        values = (self.number_for(ac), self.number_for(ac if dc is None else dc))
        setting = f"SCHEME_CURRENT {self.sub} {self.guid}"
        commands = tuple(
            f"powercfg /set{source.name.lower()}valueindex {setting} {value}"
            for source, value in zip(PowerSource, values, strict=True)
        )
        edits = _indexes(self._own_key(ACTIVE_SCHEME), values)
        return Change((*commands, SET_ACTIVE), edits)

    def set_default(self, value: SettingValue, scheme: str = ACTIVE_SCHEME) -> Change:
        """No value in the scheme, and this as the default that is read through, after a restart
        (fact:button-default-read-through; fact:scheme-value-delete, fact:default-value-write).

        The first command fails where the scheme has no value of its own, as in most images.

        :param scheme: GUID of the scheme.
        """
        number = self.number_for(value)
        default = self._default_key(scheme)
        return change_by(delete_key(self._own_key(scheme)), *_indexes(default, (number, number)))

    def set_policy(self, value: SettingValue) -> Change:
        """Set the policy, which overrides every scheme (fact:button-policy;
        fact:policy-reactivate)."""
        number = self.number_for(value)
        return change_by(*_indexes(self.policy_key, (number, number))) + Change((SET_ACTIVE,))

    def no_policy(self) -> Change:
        """Remove the policy. Fails online where there is none."""
        return change_by(delete_key(self.policy_key)) + Change((SET_ACTIVE,))

    def repair(self) -> Change:
        """The change to the value with which a soft shutdown works."""
        return Change() if self.safe is None else self.set(self.safe)

    def read(self, registry: Registry) -> Iterator[Reading]:
        """Read it for each power source."""
        for source in self.sources:
            yield self._read(registry, source)

    def _read(self, registry: Registry, source: PowerSource) -> Reading:
        policy = registry.at(self.policy_key, source.index_name)
        candidates = [(policy, Origin.POLICY)]
        current = registry.current_index(self.guid, source)
        if policy.value is None and current is not None:
            stored = Stored(keys.POWER_SCHEMES, source.index_name, True, None)
            return self._reading(source, stored, current, self.shown(current), Origin.SCHEME)
        scheme = registry.scheme
        if scheme is not None:
            own, default = self._own_key(scheme), self._default_key(scheme)
            candidates.append((registry.at(own, source.index_name), Origin.SCHEME))
            candidates.append((registry.at(default, source.index_name), Origin.SCHEME_DEFAULT))
        for stored, origin in candidates:
            if stored.value is None:
                continue
            index = stored.number
            if index is None:
                raw = stored.raw or NOT_READ
                return self._reading(source, stored, None, raw, Origin.UNREADABLE)
            other = self._provisioned(registry, stored) if origin is Origin.SCHEME_DEFAULT else ""
            more = (facts.PROVISIONED_DEFAULTS,) if other else ()
            return self._reading(
                source, stored, index, self.shown(index), origin, note=other, more=more
            )
        return self._nowhere(registry, source, candidates[-1][0])

    def _provisioned(self, registry: Registry, stored: Stored) -> str:
        """A note on a provisioned default that differs; empty if there is none."""
        other = registry.at(stored.key, f"{_PROVISIONED}{stored.name}")
        if other.number in (None, stored.number):
            return ""
        return f"{other.name} there is {self.shown(other.number)} and may apply instead"

    def _nowhere(self, registry: Registry, source: PowerSource, last: Stored) -> Reading:
        """The reading if no hive that was read has a value for it."""
        scheme = registry.scheme
        if not registry.has(keys.POWER_SCHEMES) or scheme is None:
            note = "" if scheme is None else "no power scheme was read"
            return self._reading(source, last, None, NOT_READ, Origin.NOT_READ, note=note)
        value = self.default.value
        more = (facts.POWER_SETTING_DEFAULTS, *self.default.facts)
        if value is not None:
            shown = self.shown(value)
            return self._reading(source, last, value, shown, Origin.DOCUMENTED, more=more)
        custom = "a custom scheme: the scheme it was derived from is not known"
        note = "" if scheme in SCHEMES else custom
        return self._reading(source, last, None, "not set", Origin.ABSENT, note=note, more=more)

    def _reading(
        self,
        source: PowerSource,
        stored: Stored,
        value: SettingValue,
        shown: str,
        origin: Origin,
        *,
        note: str = "",
        more: tuple[Fact, ...] = (),
    ) -> Reading:
        found = reading_of(self, stored, value, shown, origin, note=note or self.note, facts=more)
        found = replace(
            found,
            id=f"{self.id}-{source.name.lower()}",
            name=f"{self.name} on {source.name}",
        )
        # A guest runs on AC: what is set for a battery does no harm by itself.
        return self.judged(found) if source is PowerSource.AC else found

    def on(self, source: PowerSource) -> SourceOf:
        """Its value on one power source, to look up what was read."""
        return SourceOf(f"{self.id}-{source.name.lower()}")

    def _own_key(self, scheme: str) -> str:
        return rf"{keys.POWER_SCHEMES}\{scheme}\{self.sub}\{self.guid}"

    def _default_key(self, scheme: str) -> str:
        below = rf"{self.sub}\{self.guid}\DefaultPowerSchemeValues\{scheme}"
        return rf"{keys.POWER_DEFAULTS}\{below}"


@dataclass(frozen=True)
class SourceOf:
    """A scheme setting on one power source."""

    id: str


def _indexes(key: str, values: tuple[int, int]) -> tuple[RegistryEdit, ...]:
    pairs = zip(PowerSource, values, strict=True)
    return tuple(set_dword(key, source.index_name, value) for source, value in pairs)
