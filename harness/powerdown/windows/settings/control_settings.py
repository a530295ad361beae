"""Whether a control channel is available after a start: WinRM and the guest agent
(fact:winrm-defaults).

WinRM's configuration in the registry is not documented (fact:winrm-registry): listeners are as in
registry exports of real systems, AllowUnencrypted and Basic as set by public image scripts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from powerdown.windows.facts import channel_facts as facts
from powerdown.windows.settings import registry_keys as keys
from powerdown.windows.settings.declaration import Default, TakesEffect, Unit
from powerdown.windows.settings.derived_setting import DerivedSetting
from powerdown.windows.settings.key_request import KeyRequest
from powerdown.windows.settings.readings import (
    NOT_READ,
    Group,
    Origin,
    Reading,
    reading_of,
    unknown,
)
from powerdown.windows.settings.registry_setting import RegistrySetting
from powerdown.windows.settings.service_settings import AUTOMATIC, SERVICE_START, START_WORDS
from powerdown.windows.settings.stored_value import Registry, Stored

_WSMAN = rf"{keys.CURRENT_VERSION}\WSMAN"
_LISTENERS = rf"{_WSMAN}\Listener"
_SERVICE = rf"{_WSMAN}\Service"
_POLICY = rf"{keys.POLICIES}\Windows\WinRM\Service"
_FIREWALL = rf"{keys.SERVICES}\SharedAccess\Parameters\FirewallPolicy"
_RULES = rf"{_FIREWALL}\FirewallRules"
_ENABLED = "EnableFirewall"
_NETWORKS = {
    "Domain": "DomainProfile",
    "Private": "StandardProfile",
    "Public": "PublicProfile",
}
_PORTS = ("5985", "5986")
_TCP = "6"


def _service(id: str, name: str, service: str) -> RegistrySetting:
    return RegistrySetting(
        id=id,
        group=Group.CONTROL,
        name=name,
        value_name=SERVICE_START.value_name,
        unit=Unit.NUMBER,
        words=START_WORDS,
        key=rf"{keys.SERVICES}\{service}",
        default=Default(shown="not installed"),
    )


WINRM_START = _service("winrm-start", "WinRM service", "WinRM")
GUEST_AGENT = _service("guest-agent", "QEMU guest agent", "QEMU-GA")
"""How its service is started, by the name it registers (qemu: qga/service-win32.h)."""


def _allowed(id: str, name: str, value_name: str, policy: str) -> RegistrySetting:
    return RegistrySetting(
        id=id,
        group=Group.CONTROL,
        name=name,
        value_name=value_name,
        unit=Unit.SWITCH,
        key=_SERVICE,
        default=Default(False, note="not needed for NTLM"),
        policy=RegistrySetting(
            id=f"{id}-policy", group=Group.CONTROL, name=policy, unit=Unit.SWITCH, key=_POLICY
        ),
        facts=(facts.WINRM_REGISTRY,),
    )


WINRM_UNENCRYPTED = _allowed(
    "winrm-unencrypted", "AllowUnencrypted", "allow_unencrypted", "AllowUnencryptedTraffic"
)
WINRM_BASIC = _allowed("winrm-basic", "Basic authentication", "auth_basic", "AllowBasic")

TOKEN_FILTER = RegistrySetting(
    id="local-account-token-filter",
    group=Group.CONTROL,
    name="LocalAccountTokenFilterPolicy",
    unit=Unit.SWITCH,
    key=keys.SYSTEM_POLICIES,
    default=Default(False),
    takes_effect=TakesEffect.NOT_KNOWN,
    facts=(facts.WINRM_TOKEN_FILTER,),
    note="off: over WinRM only the built-in administrator has full rights",
)

_AUTO_CONFIG = RegistrySetting(
    id="winrm-auto-config",
    group=Group.CONTROL,
    name="AllowAutoConfig",
    unit=Unit.SWITCH,
    key=_POLICY,
)


@dataclass(frozen=True, kw_only=True)
class Listener(DerivedSetting):
    """A listener of WinRM, by policy or of its own."""

    @property
    def requests(self) -> tuple[KeyRequest, ...]:
        """The policy, and WinRM's own configuration."""
        return (
            *_AUTO_CONFIG.requests,
            KeyRequest(_WSMAN, values=()),
            KeyRequest(_LISTENERS, depth=1, values=("Port", "enabled")),
        )

    def read(self, registry: Registry) -> Iterator[Reading]:
        """Whether there is one."""
        policy = _AUTO_CONFIG.stored(registry)
        if not policy.known:
            yield unknown(self, policy)
        elif policy.number:
            yield reading_of(self, policy, True, "by policy", Origin.POLICY)
        else:
            yield self._own(registry)

    def _own(self, registry: Registry) -> Reading:
        for listener in registry.below(_LISTENERS):
            key = rf"{_LISTENERS}\{listener}"
            # Absent means enabled, as in registry exports of systems that listen.
            if registry.at(key, "enabled").number != 0:
                stored = registry.at(key, "Port")
                port = "" if stored.number is None else f" on port {stored.number}"
                return reading_of(self, stored, True, f"{listener}{port}", Origin.REGISTRY)
        if registry.exists(_WSMAN):
            none = Stored(_LISTENERS, "", True, None)
            return reading_of(self, none, False, "none", Origin.ABSENT)
        # Its configuration is elsewhere, or does not exist yet.
        nowhere = Stored(_WSMAN, "", True, None)
        more = (facts.WINRM_REGISTRY,)
        return reading_of(self, nowhere, None, "not set", Origin.ABSENT, facts=more)


WINRM_LISTENER = Listener(
    id="winrm-listener", group=Group.CONTROL, name="WinRM listener", unit=Unit.SWITCH
)


@dataclass(frozen=True, kw_only=True)
class Firewall(DerivedSetting):
    """Whether Windows' firewall lets WinRM's ports through, for at least one kind of network."""

    @property
    def requests(self) -> tuple[KeyRequest, ...]:
        """All rules, and whether it is on."""
        networks = (rf"{_FIREWALL}\{name}" for name in _NETWORKS.values())
        return (KeyRequest(_RULES), *(KeyRequest(key, values=(_ENABLED,)) for key in networks))

    def read(self, registry: Registry) -> Iterator[Reading]:
        """Whether it does."""
        yield self._read(registry)

    def _read(self, registry: Registry) -> Reading:
        rules = Stored(_RULES, "", registry.has(_FIREWALL), None)
        if not rules.known:
            return unknown(self, rules)
        switches = [registry.at(rf"{_FIREWALL}\{key}", _ENABLED) for key in _NETWORKS.values()]
        if all(switch.number == 0 for switch in switches):
            return reading_of(self, switches[-1], True, "off", Origin.REGISTRY)
        more = (facts.WINRM_REGISTRY,)
        for name, value in registry.values(_RULES):
            networks = networks_allowed(value.data)
            if networks is not None:
                stored, shown = Stored(_RULES, name, True, value), f"open ({networks})"
                return reading_of(self, stored, True, shown, Origin.REGISTRY, facts=more)
        if registry.exists(_RULES):
            return reading_of(self, rules, False, "no rule", Origin.ABSENT, facts=more)
        return reading_of(self, rules, None, "no rules", Origin.ABSENT, facts=more)


WINRM_FIREWALL = Firewall(
    id="winrm-firewall", group=Group.CONTROL, name="firewall for WinRM", unit=Unit.SWITCH
)


def networks_allowed(rule: object) -> str | None:
    """The networks for which a rule of the firewall allows WinRM; ``None`` if it does not.

    :param rule: such as
        ``v2.10|Action=Allow|Active=TRUE|Dir=In|Protocol=6|Profile=Public|LPort=5985|``
        (MS-GPFAS, 2.2.2.19).
    """
    if not isinstance(rule, str):
        return None
    pairs = [part.partition("=") for part in rule.split("|")]
    fields: dict[str, list[str]] = {}
    for field, _, value in pairs:
        fields.setdefault(field.lower(), []).append(value.strip())
    wanted = {"action": "allow", "active": "true", "dir": "in", "protocol": _TCP}
    if any(fields.get(name, [""])[0].lower() != value for name, value in wanted.items()):
        return None
    if not any(port in fields.get("lport", []) for port in _PORTS):
        return None
    named = {network.lower() for network in fields.get("profile", [])}
    allowed = [name for name in _NETWORKS if name.lower() in named]
    return ", ".join(allowed) or ("other networks" if named else "every network")


@dataclass(frozen=True, kw_only=True)
class Reachable(DerivedSetting):
    """Whether all that WinRM needs is there."""

    def read(self, registry: Registry) -> Iterator[Reading]:
        """Whether it answers after a start."""
        service, listener, firewall = (
            next(part.read(registry)) for part in (WINRM_START, WINRM_LISTENER, WINRM_FIREWALL)
        )
        starts = None if service.origin is Origin.NOT_READ else service.value == AUTOMATIC
        parts = ((service, starts), (listener, listener.value), (firewall, firewall.value))
        missing = [part.name for part, there in parts if there is False]
        not_known = [part.name for part, there in parts if there is None]
        if missing:
            value, shown, why = False, "no", f"missing: {', '.join(missing)}"
        elif not_known:
            value, shown, why = None, NOT_READ, f"not known: {', '.join(not_known)}"
        else:
            value, shown, why = True, "yes", ""
        hidden = value is None and any(part.origin is Origin.NOT_READ for part, _ in parts)
        origin = Origin.NOT_READ if hidden else Origin.TOGETHER
        yield Reading(
            self.id, self.group, self.name, value, shown, origin, facts=self.facts, note=why
        )


WINRM_REACHABLE = Reachable(
    id="winrm-reachable",
    group=Group.CONTROL,
    name="WinRM is reachable after a start",
    unit=Unit.SWITCH,
    facts=(facts.WINRM_REGISTRY,),
)
