"""Who is logged on after a start, and what counts while nobody or somebody else is
(fact:no-logon-policy, fact:autologon)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from powerdown.windows.facts import logon_facts as facts
from powerdown.windows.registry_edit import ValueType
from powerdown.windows.settings import registry_keys as keys
from powerdown.windows.settings.declaration import Default, TakesEffect, Unit
from powerdown.windows.settings.derived_setting import DerivedSetting
from powerdown.windows.settings.key_request import KeyRequest
from powerdown.windows.settings.readings import NOT_READ, Group, Origin, Reading, reading_of
from powerdown.windows.settings.registry_setting import RegistrySetting
from powerdown.windows.settings.stored_value import Registry

_WINLOGON = rf"{keys.NT_CURRENT_VERSION}\Winlogon"
_NOTICE = ("LegalNoticeCaption", "LegalNoticeText")
_BANNERS = tuple((key, name) for key in (keys.SYSTEM_POLICIES, _WINLOGON) for name in _NOTICE)
"""Text that a user must confirm before logging on (sup: turn-on-automatic-logon)."""

SHUTDOWN_WITHOUT_LOGON = RegistrySetting(
    id="shutdown-without-logon",
    group=Group.LOGON,
    name="ShutdownWithoutLogon",
    unit=Unit.SWITCH,
    words={0: "not allowed", 1: "allowed"},
    key=keys.SYSTEM_POLICIES,
    default=Default(
        by_product=(True, False),
        facts=(facts.NO_LOGON_DEFAULT,),
        note="allowed on clients, not on servers",
    ),
    takes_effect=TakesEffect.AT_ONCE,
    safe=True,
    advice="Allow it: {commands}",
    facts=(facts.NO_LOGON_POLICY,),
    online=True,
)
"""Whether a shutdown is allowed while nobody is logged on."""

WARNING_DIALOG_TIMEOUT = RegistrySetting(
    id="warning-dialog-timeout",
    group=Group.LOGON,
    name="ShutdownWarningDialogTimeout",
    unit=Unit.NUMBER,
    key=rf"{keys.NT_CURRENT_VERSION}\Windows",
    takes_effect=TakesEffect.NOT_KNOWN,
    safe=1,
    facts=(facts.OTHERS_LOGGED_ON,),
    note="how long the warning about other users who are logged on waits (fact:others-logged-on)",
)
"""How long the warning about other users waits."""

SESSION_TIMEOUT = RegistrySetting(
    id="session-timeout",
    group=Group.LOGON,
    name="ShutdownSessionTimeout",
    unit=Unit.MINUTES,
    key=keys.SYSTEM_POLICIES,
    takes_effect=TakesEffect.NOT_KNOWN,
    facts=(facts.SESSION_TIMEOUT,),
    note="minutes for which hung sessions can delay a shutdown; default: 3 on clients, 15 on "
    "servers",
)
"""How long hung sessions can delay a shutdown."""


def _automatic_logon(id: str, name: str) -> RegistrySetting:
    return RegistrySetting(
        id=id,
        group=Group.LOGON,
        name=name,
        unit=Unit.SWITCH,
        key=_WINLOGON,
        type=ValueType.SZ,
        default=Default(False),
        takes_effect=TakesEffect.RESTART,
        facts=(facts.AUTOLOGON,),
    )


AUTO_ADMIN_LOGON = _automatic_logon("auto-admin-logon", "AutoAdminLogon")
"""Automatic logon is wanted."""

FORCE_AUTO_LOGON = _automatic_logon("force-auto-logon", "ForceAutoLogon")
"""Automatic logon happens again after a logoff (sup: turn-on-automatic-logon)."""

DEFAULT_USER = RegistrySetting(
    id="default-user",
    group=Group.LOGON,
    name="DefaultUserName",
    unit=Unit.TEXT,
    key=_WINLOGON,
    facts=(facts.AUTOLOGON,),
)
"""Who is logged on."""

AUTO_LOGON_COUNT = RegistrySetting(
    id="auto-logon-count",
    group=Group.LOGON,
    name="AutoLogonCount",
    unit=Unit.NUMBER,
    key=_WINLOGON,
    default=Default(shown="no limit"),
    facts=(facts.AUTOLOGON,),
)
"""How many automatic logons are left."""

NOBODY_LOGS_ON = AUTO_ADMIN_LOGON.set(False) + FORCE_AUTO_LOGON.clear()
"""No automatic logon: the guest starts to its logon screen (fact:autologon)."""


@dataclass(frozen=True, kw_only=True)
class DefaultPassword(DerivedSetting):
    """Whether a plaintext password is stored. It is never shown."""

    @property
    def requests(self) -> tuple[KeyRequest, ...]:
        """Only the existence of the value is ever reported."""
        return (KeyRequest(_WINLOGON, values=("DefaultPassword",)),)

    def read(self, registry: Registry) -> Iterator[Reading]:
        """Whether there is one."""
        stored = registry.at(_WINLOGON, "DefaultPassword")
        there = stored.value is not None
        if not stored.known:
            value, shown, origin, note = None, NOT_READ, Origin.NOT_READ, ""
        elif there:
            value, shown, origin = True, "set", Origin.REGISTRY
            note = "in plain text: every user can read it"
        else:
            value, shown, origin = False, "absent", Origin.ABSENT
            note = "Windows may also store it as an LSA secret, which is not read"
        yield replace(reading_of(self, stored, value, shown, origin, note=note), raw=None)


@dataclass(frozen=True, kw_only=True)
class LogonBanner(DerivedSetting):
    """A text that must be confirmed before a logon."""

    @property
    def requests(self) -> tuple[KeyRequest, ...]:
        """Its caption and text, as policy and locally."""
        return tuple(KeyRequest(key, values=_NOTICE) for key in (keys.SYSTEM_POLICIES, _WINLOGON))

    def read(self, registry: Registry) -> Iterator[Reading]:
        """Whether there is one."""
        found = [registry.at(*place) for place in _BANNERS]
        shown_by = next((s for s in found if s.text is not None and s.text.strip()), None)
        stored = found[0] if shown_by is None else shown_by
        if shown_by is not None:
            value, shown, origin = True, "yes", Origin.REGISTRY
        elif not stored.known:
            value, shown, origin = None, NOT_READ, Origin.NOT_READ
        else:
            value, shown, origin = False, "no", Origin.ABSENT
        note = "stops automatic logon" if value else ""
        yield reading_of(self, stored, value, shown, origin, note=note)


DEFAULT_PASSWORD = DefaultPassword(
    id="default-password",
    group=Group.LOGON,
    name="DefaultPassword",
    unit=Unit.SWITCH,
    facts=(facts.AUTOLOGON,),
)

LOGON_BANNER = LogonBanner(
    id="logon-banner",
    group=Group.LOGON,
    name="logon banner",
    unit=Unit.SWITCH,
    facts=(facts.AUTOLOGON,),
)


@dataclass(frozen=True, kw_only=True)
class Autologon(DerivedSetting):
    """Whether automatic logon is effective, by all values that decide it."""

    def read(self, registry: Registry) -> Iterator[Reading]:
        """Whether somebody is logged on after a start."""
        switch = AUTO_ADMIN_LOGON.stored(registry)
        count = AUTO_LOGON_COUNT.stored(registry)
        banner = next(LOGON_BANNER.read(registry))
        known = switch.absent or switch.number is not None
        named = bool((DEFAULT_USER.stored(registry).text or "").strip())
        counted = count.absent or bool(count.number)
        effective = bool(switch.number) and named and counted and banner.value is not True
        yield reading_of(
            self,
            switch,
            effective if known else None,
            ("yes" if effective else "no") if known else NOT_READ,
            Origin.TOGETHER if known else Origin.NOT_READ,
            note=self.note if effective else "",
        )


AUTOLOGON = Autologon(
    id="autologon",
    group=Group.LOGON,
    name="automatic logon is effective",
    unit=Unit.SWITCH,
    facts=(facts.AUTOLOGON,),
    note="from the values above; whether the password is right is not known",
)
"""Whether somebody is logged on after a start."""
