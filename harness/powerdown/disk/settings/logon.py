"""Who is logged on after a start, and what applies while nobody is (fact:no-logon-policy,
fact:autologon)."""

from __future__ import annotations

from collections.abc import Iterator

from powerdown.disk.disk_request import KeyRequest
from powerdown.disk.settings.setting import Group, Origin, Setting
from powerdown.disk.settings.stored import NOT_READ, Hives
from powerdown.windows import registry_paths as paths
from powerdown.windows.effective_policy import allowed_without_logon, asks_for_reasons, is_client

WINLOGON = rf"{paths.NT_CURRENT_VERSION}\Winlogon"
_NOTICE = ("LegalNoticeCaption", "LegalNoticeText")

LOGON_KEYS = (
    KeyRequest(paths.PRODUCT_OPTIONS, values=("ProductType",)),
    KeyRequest(paths.SYSTEM_POLICIES, values=("ShutdownWithoutLogon", *_NOTICE)),
    KeyRequest(
        WINLOGON,
        values=(
            "AutoAdminLogon",
            "DefaultUserName",
            # Only its existence is ever reported.
            "DefaultPassword",
            "AutoLogonCount",
            *_NOTICE,
        ),
    ),
    KeyRequest(paths.TRACKER_POLICY, values=("ShutdownReasonOn", "ShutdownReasonUI")),
)
"""Keys to read for this module's settings."""

_BANNERS = tuple((key, name) for key in (paths.SYSTEM_POLICIES, WINLOGON) for name in _NOTICE)
"""Text that a user must confirm before logging on (sup: turn-on-automatic-logon)."""


def client(hives: Hives) -> bool | None:
    """Whether it is a client rather than a server; ``None`` if it is not known."""
    kind = hives.at(paths.PRODUCT_OPTIONS, "ProductType").text
    return None if kind is None else is_client(kind)


def logon_settings(hives: Hives) -> Iterator[Setting]:
    """Automatic logon, and shutdown while no one is logged on."""
    yield _without_logon(hives)
    switch = hives.at(WINLOGON, "AutoAdminLogon")
    user = hives.at(WINLOGON, "DefaultUserName")
    count = hives.at(WINLOGON, "AutoLogonCount")
    wanted = switch.number
    if switch.absent:
        yield switch.setting(
            "auto-admin-logon", Group.LOGON, "AutoAdminLogon", False, "off", Origin.DOCUMENTED
        )
    elif wanted is None:
        yield switch.unknown("auto-admin-logon", Group.LOGON, "AutoAdminLogon")
    else:
        yield switch.setting(
            "auto-admin-logon",
            Group.LOGON,
            "AutoAdminLogon",
            wanted != 0,
            "on" if wanted else "off",
            Origin.REGISTRY,
        )
    yield _text(hives, "default-user", "DefaultUserName")
    yield _password(hives)
    if count.absent:
        yield count.setting(
            "auto-logon-count", Group.LOGON, "AutoLogonCount", None, "no limit", Origin.ABSENT
        )
    elif count.number is None:
        yield count.unknown("auto-logon-count", Group.LOGON, "AutoLogonCount")
    else:
        yield count.setting(
            "auto-logon-count",
            Group.LOGON,
            "AutoLogonCount",
            count.number,
            f"{count.number} more",
            Origin.REGISTRY,
        )
    banner = _banner(hives)
    yield banner
    known = switch.absent or wanted is not None
    named = bool((user.text or "").strip())
    counted = count.absent or bool(count.number)
    effective = bool(wanted) and named and counted and banner.value is not True
    yield Setting(
        "autologon",
        Group.LOGON,
        "automatic logon is effective",
        effective if known else None,
        ("yes" if effective else "no") if known else NOT_READ,
        Origin.TOGETHER if known else Origin.NOT_READ,
        key=WINLOGON,
        value_name="AutoAdminLogon",
        raw=switch.raw,
        note="from the values above; whether the password is right is not known"
        if effective
        else "",
    )


def tracker_settings(hives: Hives) -> Iterator[Setting]:
    """Whether Windows asks for a shutdown's reason (fact:tracker-policy, fact:tracker-default)."""
    id, name = "tracker", "asks for the reason of a shutdown"
    stored = hives.at(paths.TRACKER_POLICY, "ShutdownReasonOn")
    number = stored.number
    policy = None if number is None else number != 0
    if stored.value is not None and policy is None:
        yield stored.unknown(id, Group.TRACKER, name)
        return
    asks = asks_for_reasons(policy, client(hives)) if stored.known else None
    if asks is None:
        yield stored.setting(id, Group.TRACKER, name, None, NOT_READ, Origin.NOT_READ)
        return
    origin = Origin.DOCUMENTED if policy is None else Origin.POLICY
    note = "" if policy is not None else "on servers, not on clients"
    shown = "on" if asks else "off"
    yield stored.setting(id, Group.TRACKER, name, asks, shown, origin, note=note)


def _without_logon(hives: Hives) -> Setting:
    id, name = "shutdown-without-logon", "ShutdownWithoutLogon"
    stored = hives.at(paths.SYSTEM_POLICIES, name)
    number = stored.number
    if stored.value is not None and number is None:
        return stored.unknown(id, Group.LOGON, name)
    if not stored.known:
        return stored.unknown(id, Group.LOGON, name)
    value = allowed_without_logon(None if number is None else number != 0, client(hives))
    if value is None:
        return stored.setting(id, Group.LOGON, name, None, NOT_READ, Origin.NOT_READ)
    origin = Origin.REGISTRY if number is not None else Origin.DOCUMENTED
    note = "" if number is not None else "allowed on clients, not on servers"
    shown = "allowed" if value else "not allowed"
    return stored.setting(id, Group.LOGON, name, value, shown, origin, note=note)


def _text(hives: Hives, id: str, name: str) -> Setting:
    stored = hives.at(WINLOGON, name)
    if stored.absent:
        return stored.setting(id, Group.LOGON, name, None, "not set", Origin.ABSENT)
    if stored.text is None:
        return stored.unknown(id, Group.LOGON, name)
    return stored.setting(id, Group.LOGON, name, stored.text, stored.text or '""', Origin.REGISTRY)


def _password(hives: Hives) -> Setting:
    """Whether a plaintext password is stored. It is never shown."""
    id, name = "default-password", "DefaultPassword"
    stored = hives.at(WINLOGON, name)
    note = "Windows may also store it as an LSA secret, which is not read"
    if not stored.known:
        return stored.unknown(id, Group.LOGON, name, secret=True)
    there = stored.value is not None
    return stored.setting(
        id,
        Group.LOGON,
        name,
        there,
        "set" if there else "absent",
        Origin.REGISTRY if there else Origin.ABSENT,
        note="in plain text: every user can read it" if there else note,
        secret=True,
    )


def _banner(hives: Hives) -> Setting:
    id, name = "logon-banner", "logon banner"
    found = [hives.at(*path) for path in _BANNERS]
    for stored in found:
        if stored.text is not None and stored.text.strip():
            return stored.setting(
                id, Group.LOGON, name, True, "yes", Origin.REGISTRY, note="stops automatic logon"
            )
    if not found[0].known:
        return found[0].unknown(id, Group.LOGON, name)
    return found[0].setting(id, Group.LOGON, name, False, "no", Origin.ABSENT)
