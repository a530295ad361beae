"""A setting that is one registry value: of the machine, of each user or of each service."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from powerdown.windows.registry_edit import RegistryEdit, ValueType, delete_value, set_value
from powerdown.windows.settings import registry_keys as keys
from powerdown.windows.settings.change import Change, change_by
from powerdown.windows.settings.declaration import Declaration, Scope, TakesEffect, Unit
from powerdown.windows.settings.key_request import KeyRequest
from powerdown.windows.settings.product_type import is_client_of
from powerdown.windows.settings.readings import Origin, Reading, reading_of, unknown
from powerdown.windows.settings.setting_value import SettingValue
from powerdown.windows.settings.stored_value import Registry, Stored

_USER = "<user>"
_SERVICE = "<service>"
_MOST_PROFILES = 64
_MOST_SERVICES = 4096
"""Windows has several hundred."""


def _is_harmless(name: str) -> bool:
    """Whether the name of a user or service does nothing else in a command line."""
    return all(c.isascii() and (c.isalnum() or c in "_.$- ") for c in name)


def of_each_user(key: str) -> str:
    """A key of every profile, for a declaration."""
    return rf"HKU\{_USER}\{key}"


def of_each_service(key: str = "") -> str:
    """The key of every service or one below it, for a declaration."""
    return "\\".join(filter(None, (keys.SERVICES, _SERVICE, key)))


@dataclass(frozen=True, kw_only=True)
class RegistrySetting(Declaration):
    """One registry value.

    :param key: as in the running system; :func:`of_each_user` and :func:`of_each_service` make
        those that exist more than once.
    :param value_name: the value's name, if it is not ``name``.
    :param type: as which it is set; when it is read, numbers may be stored as text too.
    :param policy: counts before this one where it is set.
    :param otherwise: counts where this one is absent.
    :param remark: a further remark on what was read, by the registry and the name of the user or
        service.
    """

    key: str
    value_name: str = ""
    type: ValueType = ValueType.DWORD
    policy: RegistrySetting | None = None
    otherwise: RegistrySetting | None = None
    remark: Callable[[Registry, str], str] | None = None
    instance: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "value_name", self.value_name or self.name)

    @property
    def key_of_user(self) -> str | None:
        """Its key in a profile, if it is a user's."""
        _, user, key = self.key.partition(f"{_USER}\\")
        return key if user else None

    @property
    def scope(self) -> Scope:
        """What it exists for."""
        if self.key.startswith("HKU"):
            return Scope.USER
        return Scope.SERVICE if _SERVICE in self.key else Scope.MACHINE

    @property
    def places(self) -> tuple[str, ...]:
        """Where its value is stored, the one that counts first."""
        more = [other.places for other in (self.policy, self.otherwise) if other is not None]
        own = rf"{self.key}\{self.value_name}"
        if self.policy is not None:
            return (*more[0], own, *(place for places in more[1:] for place in places))
        return (own, *(place for places in more for place in places))

    @property
    def requests(self) -> tuple[KeyRequest, ...]:
        """The registry keys that it is read from at rest."""
        found = [
            request
            for other in (self.policy, self.otherwise)
            if other is not None
            for request in other.requests
        ]
        names = (self.value_name,)
        if _USER in self.key:
            profiles = (self.key.replace(_USER, name) for name in (".DEFAULT", "*"))
            return (*found, *(KeyRequest(path, values=names) for path in profiles))
        if _SERVICE in self.key:
            above, _, below = self.key.partition(rf"\{_SERVICE}")
            depth = 1 + below.count("\\")
            return (*found, KeyRequest(above, depth=depth, values=names))
        return (*found, KeyRequest(self.key, values=names))

    def queries(self) -> Iterable[str]:
        """Command lines that print its value in a running guest (learn: reg query).

        Values of users are found by a loop over the loaded profiles.
        """
        for other in (self.policy, self.otherwise):
            if other is not None:
                yield from other.queries()
        if _SERVICE in self.key:
            yield f'reg query "{keys.SERVICES}" /s /v {self.value_name}'
        elif _USER not in self.key:
            yield f'reg query "{self.key}" /v {self.value_name}'

    def of(self, name: str) -> RegistrySetting:
        """That of one user or service.

        :param name: of the user: its SID while it is logged on; at rest the name of its profile's
            folder. Of a service: its key's.
        """
        key = self.key.replace(_USER, name).replace(_SERVICE, name)
        shown = f"{self.name} of {name}"
        folded = name.lower() if _USER in self.key else name
        return replace(self, id=f"{self.id}:{folded}", name=shown, key=key, instance=name)

    def set(self, value: SettingValue) -> Change:
        """Set it. That of a user is set for the control channel's own (fact:one-profile-hive).

        :raise ValueError: the value does not fit.
        """
        if self.takes_effect is TakesEffect.READ_ONLY:
            raise ValueError(f"{self.name} is not set, only read")
        return change_by(self._edit(value))

    def command_for(self, value: str) -> str:
        """The command line that sets it, to show to people where the value is not known yet.

        :param value: stands for the value.
        """
        [command] = self.set("" if self.unit is Unit.TEXT else self.lowest or 0).commands
        before, _, after = command.rpartition(" /d ")
        return f"{before} /d {value} {after.rpartition(' ')[2]}"

    def clear(self) -> Change:
        """Delete the value, so that the default counts. Fails online where there is none."""
        return change_by(delete_value(self._own_key, self.value_name))

    def repair(self) -> Change:
        """The change to the value with which a soft shutdown works; none where nothing harms it."""
        one = self if _is_harmless(self.instance) else self._of_placeholder()
        if self.safe is not None:
            return one.set(self.safe)
        return one.clear() if self.harms else Change()

    def _of_placeholder(self) -> RegistrySetting:
        """The same of no one in particular: a hostile guest chooses the names of its services."""
        return replace(self, key=self.key.replace(self.instance, "NAME"))

    def read(self, registry: Registry) -> Iterator[Reading]:
        """Read it: once, or for each user or service that has it."""
        if _USER in self.key:
            for profile in list(registry.profiles)[:_MOST_PROFILES]:
                yield self.of(profile).read_one(registry)
        elif _SERVICE in self.key:
            for service in list(registry.below(keys.SERVICES))[:_MOST_SERVICES]:
                one = self.of(service)
                if not one.stored(registry).absent:
                    yield one.read_one(registry)
        else:
            yield self.read_one(registry)

    def stored(self, registry: Registry) -> Stored:
        """The value as it is stored."""
        return registry.at(self.key, self.value_name)

    def read_one(self, registry: Registry) -> Reading:
        """Read one value, through its policy and its default."""
        if self.policy is not None and self.policy.stored(registry).value is not None:
            return replace(self.policy.read_one(registry), id=self.id, name=self.name)
        stored = self.stored(registry)
        if stored.absent:
            return self._absent(registry, stored)
        value = self.value_in(stored)
        if value is None:
            return unknown(self, stored)
        origin = Origin.POLICY if self.key.startswith(keys.POLICIES) else Origin.REGISTRY
        return self._reading(registry, stored, value, origin)

    def value_in(self, stored: Stored) -> SettingValue:
        """The value that is stored; ``None`` if it is absent or does not fit."""
        if self.unit is Unit.TEXT:
            return stored.text
        number = stored.number
        return number != 0 if self.unit is Unit.SWITCH and number is not None else number

    def _absent(self, registry: Registry, stored: Stored) -> Reading:
        if self.otherwise is not None and self.otherwise.stored(registry).value is not None:
            return replace(self.otherwise.read_one(registry), id=self.id, name=self.name)
        default = self.default
        if default.by_product is not None and is_client_of(registry) is None:
            missing = unknown(self, stored, "there is no ProductType")
            return replace(missing, origin=Origin.NOT_READ)
        value = default.of(is_client_of(registry) if default.by_product else None)
        origin = Origin.ABSENT if value is None else Origin.DOCUMENTED
        return self._reading(registry, stored, value, origin)

    def _reading(
        self, registry: Registry, stored: Stored, value: SettingValue, origin: Origin
    ) -> Reading:
        by_default = origin in (Origin.DOCUMENTED, Origin.ABSENT)
        remark = "" if self.remark is None else self.remark(registry, self.instance)
        note = (by_default and self.default.note) or self.note
        found = reading_of(
            self,
            stored,
            value,
            self.shown(value),
            origin,
            note=", ".join(filter(None, (note, remark))),
            facts=self.default.facts if by_default else (),
        )
        return self.judged(found)

    @property
    def _own_key(self) -> str:
        return self.key.replace(rf"HKU\{_USER}", "HKCU")

    def _edit(self, value: SettingValue) -> RegistryEdit:
        if self.unit is Unit.TEXT:
            if not isinstance(value, str):
                raise ValueError(f"{self.name}: {value!r} is not a text")
            return set_value(self._own_key, self.value_name, self.type, value)
        number = self.number_for(value)
        data = f"{number}" if self.type is ValueType.SZ else number
        return set_value(self._own_key, self.value_name, self.type, data)
