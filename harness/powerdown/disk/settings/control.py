"""Whether a control channel is available: WinRM and the guest agent (fact:winrm-defaults).

WinRM's configuration in the registry is not documented: the listeners are as in registry exports of
real systems, AllowUnencrypted and Basic as set by public image scripts.
"""

from __future__ import annotations

from collections.abc import Iterator

from powerdown.disk.disk_request import KeyRequest
from powerdown.disk.settings.service_timeouts import START
from powerdown.disk.settings.setting import Group, Origin, Setting
from powerdown.disk.settings.stored import NOT_READ, Hives, Stored
from powerdown.windows import registry_paths as paths

_WSMAN = rf"{paths.CURRENT_VERSION}\WSMAN"
_LISTENERS = rf"{_WSMAN}\Listener"
_SERVICE = rf"{_WSMAN}\Service"
_POLICY = rf"{paths.POLICIES}\Windows\WinRM\Service"
_FIREWALL = rf"{paths.SERVICES}\SharedAccess\Parameters\FirewallPolicy"
_RULES = rf"{_FIREWALL}\FirewallRules"
_PROFILES = {
    "Domain": "DomainProfile",
    "Private": "StandardProfile",
    "Public": "PublicProfile",
}
_PORTS = ("5985", "5986")
_TCP = "6"
_AUTOMATIC = 2
_GROUP = Group.CONTROL
_AGENT = "QEMU-GA"
"""The service's name (qemu: qga/service-win32.h)."""

CONTROL_KEYS = (
    KeyRequest(rf"{paths.SERVICES}\WinRM", values=("Start", "DelayedAutostart")),
    KeyRequest(rf"{paths.SERVICES}\{_AGENT}", values=("Start",)),
    KeyRequest(_WSMAN, values=()),
    KeyRequest(_LISTENERS, depth=1, values=("Port", "enabled")),
    KeyRequest(_SERVICE, values=("allow_unencrypted", "auth_basic")),
    KeyRequest(_POLICY, values=("AllowAutoConfig", "AllowBasic", "AllowUnencryptedTraffic")),
    KeyRequest(_RULES),
    *(
        KeyRequest(rf"{_FIREWALL}\{name}", values=("EnableFirewall",))
        for name in _PROFILES.values()
    ),
    KeyRequest(paths.SYSTEM_POLICIES, values=("LocalAccountTokenFilterPolicy",)),
)
"""Keys to read for :func:`control_settings`."""


def control_settings(hives: Hives) -> Iterator[Setting]:
    """WinRM, the firewall for it, and the guest agent."""
    service = _start(hives, "winrm-start", "WinRM service", "WinRM")
    listener = _listener(hives)
    firewall = _firewall(hives)
    yield service
    yield listener
    yield firewall
    yield _allowed(
        hives,
        "winrm-unencrypted",
        "AllowUnencrypted",
        "allow_unencrypted",
        "AllowUnencryptedTraffic",
    )
    yield _allowed(hives, "winrm-basic", "Basic authentication", "auth_basic", "AllowBasic")
    yield _token_filter(hives)
    yield _reachable(service, listener, firewall)
    yield _start(hives, "guest-agent", "QEMU guest agent", _AGENT)


def _start(hives: Hives, id: str, name: str, service: str) -> Setting:
    stored = hives.at(rf"{paths.SERVICES}\{service}", "Start")
    if stored.absent:
        return stored.setting(id, _GROUP, name, None, "not installed", Origin.ABSENT)
    number = stored.number
    if number is None:
        return stored.unknown(id, _GROUP, name)
    shown = START.get(number, f"start {number}")
    return stored.setting(id, _GROUP, name, number, shown, Origin.REGISTRY)


def _listener(hives: Hives) -> Setting:
    id, name = "winrm-listener", "WinRM listener"
    policy = hives.at(_POLICY, "AllowAutoConfig")
    if not policy.known:
        return policy.unknown(id, _GROUP, name)
    if policy.number:
        return policy.setting(id, _GROUP, name, True, "by policy", Origin.POLICY)
    for key in hives.below(_LISTENERS):
        stored = hives.at(rf"{_LISTENERS}\{key.name}", "Port")
        enabled = hives.at(rf"{_LISTENERS}\{key.name}", "enabled")
        # Absent means enabled, as in registry exports of systems that listen.
        if enabled.number != 0:
            port = "" if stored.number is None else f" on port {stored.number}"
            return stored.setting(id, _GROUP, name, True, f"{key.name}{port}", Origin.REGISTRY)
    if hives.key(_WSMAN) is None:
        # Its configuration is elsewhere, or does not exist yet.
        return Setting(id, _GROUP, name, None, "not set", Origin.ABSENT, _WSMAN, confirmed=False)
    return Setting(id, _GROUP, name, False, "none", Origin.ABSENT, _LISTENERS)


def _allowed(hives: Hives, id: str, name: str, local: str, policy: str) -> Setting:
    by_policy, own = hives.at(_POLICY, policy), hives.at(_SERVICE, local)
    for stored, origin in ((by_policy, Origin.POLICY), (own, Origin.REGISTRY)):
        if stored.value is not None:
            number = stored.number
            if number is None:
                return stored.unknown(id, _GROUP, name)
            return stored.setting(
                id,
                _GROUP,
                name,
                number != 0,
                "on" if number else "off",
                origin,
                confirmed=origin is Origin.POLICY,
            )
    if not own.known:
        return own.unknown(id, _GROUP, name)
    note = "not needed for NTLM"
    return own.setting(
        id, _GROUP, name, False, "off", Origin.DOCUMENTED, confirmed=False, note=note
    )


def _token_filter(hives: Hives) -> Setting:
    id, name = "local-account-token-filter", "LocalAccountTokenFilterPolicy"
    stored = hives.at(paths.SYSTEM_POLICIES, name)
    number = 0 if stored.absent else stored.number
    if number is None:
        return stored.unknown(id, _GROUP, name)
    return stored.setting(
        id,
        _GROUP,
        name,
        number != 0,
        "on" if number else "off",
        Origin.DOCUMENTED if stored.absent else Origin.REGISTRY,
        note="off: over WinRM only the built-in administrator has full rights",
    )


def _firewall(hives: Hives) -> Setting:
    id, name = "winrm-firewall", "firewall for WinRM"
    if not hives.has(_FIREWALL):
        return Setting(id, _GROUP, name, None, NOT_READ, Origin.NOT_READ, _RULES)
    off = [
        profile
        for profile, key in _PROFILES.items()
        if hives.at(rf"{_FIREWALL}\{key}", "EnableFirewall").number == 0
    ]
    if len(off) == len(_PROFILES):
        return hives.at(rf"{_FIREWALL}\PublicProfile", "EnableFirewall").setting(
            id, _GROUP, name, True, "off", Origin.REGISTRY
        )
    rules = hives.key(_RULES)
    for value in () if rules is None else rules.values:
        networks = _networks_allowed(value.data)
        if networks is not None:
            stored = Stored(hives.at(_RULES, value.name).path, True, value)
            return stored.setting(
                id, _GROUP, name, True, f"open ({networks})", Origin.REGISTRY, confirmed=False
            )
    if rules is None:
        return Setting(id, _GROUP, name, None, "no rules", Origin.ABSENT, _RULES, confirmed=False)
    return Setting(id, _GROUP, name, False, "no rule", Origin.ABSENT, _RULES, confirmed=False)


def _networks_allowed(rule: object) -> str | None:
    """The networks for which a rule allows WinRM; ``None`` if it does not.

    Such as ``v2.10|Action=Allow|Active=TRUE|Dir=In|Protocol=6|Profile=Public|LPort=5985|``
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
    allowed = [name for name in _PROFILES if name.lower() in named]
    return ", ".join(allowed) or ("other networks" if named else "every network")


def _reachable(service: Setting, listener: Setting, firewall: Setting) -> Setting:
    id, name = "winrm-reachable", "WinRM is reachable after a start"
    parts = (service, listener, firewall)
    there = (
        None if service.origin is Origin.NOT_READ else service.value == _AUTOMATIC,
        listener.value,
        firewall.value,
    )
    missing = [part.name for part, is_there in zip(parts, there, strict=True) if is_there is False]
    unknown = [part.name for part, is_there in zip(parts, there, strict=True) if is_there is None]
    if missing:
        value, shown, why = False, "no", f"missing: {', '.join(missing)}"
    elif unknown:
        value, shown, why = None, NOT_READ, f"not known: {', '.join(unknown)}"
    else:
        value, shown, why = True, "yes", ""
    hidden = value is None and any(part.origin is Origin.NOT_READ for part in parts)
    origin = Origin.NOT_READ if hidden else Origin.TOGETHER
    return Setting(id, _GROUP, name, value, shown, origin, confirmed=False, note=why)
