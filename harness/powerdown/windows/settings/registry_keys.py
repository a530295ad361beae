r"""Where Windows keeps the settings that affect a shutdown.

Commands query these keys in a running guest, and :mod:`powerdown.disk` reads them from the hives
of a disk, so each is named here once. ``fact:`` and ``learn`` sources are explained in
:mod:`commands`. Names of keys and values are not case-sensitive.
"""

from __future__ import annotations

CONTROL = r"HKLM\SYSTEM\CurrentControlSet\Control"
SERVICES = r"HKLM\SYSTEM\CurrentControlSet\Services"
CURRENT_VERSION = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion"
NT_CURRENT_VERSION = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
POLICIES = r"HKLM\SOFTWARE\Policies\Microsoft"

PRODUCT_OPTIONS = rf"{CONTROL}\ProductOptions"
"""``ProductType`` (learn: RtlGetNtProductType)."""

SESSION_MANAGER = rf"{CONTROL}\Session Manager"
"""``PendingFileRenameOperations``, ``SetupExecute`` (fact:pending-renames)."""

FAST_STARTUP = rf"{SESSION_MANAGER}\Power"
"""``HiberbootEnabled``, as set locally (fact:fast-startup-value)."""

POWER = rf"{CONTROL}\Power"
"""``HibernateEnabled``, and ``HibernateEnabledDefault`` which newer releases have besides."""

POWER_SCHEMES = rf"{POWER}\User\PowerSchemes"
"""``ActivePowerScheme``; below it the schemes' own values (fact:button-action-store)."""

POWER_DEFAULTS = rf"{POWER}\PowerSettings"
r"""``<sub>\<setting>\DefaultPowerSchemeValues\<scheme>``: what a scheme without own value has
(fact:button-default-read-through)."""

POWER_POLICY = rf"{POLICIES}\Power\PowerSettings"
"""Policies by setting, which override every scheme, and ``ActivePowerScheme``, which overrides the
choice of the scheme (fact:active-scheme; learn: Policy CSP, ADMX_Power)."""

SYSTEM_POLICIES = rf"{CURRENT_VERSION}\Policies\System"
"""``ShutdownWithoutLogon`` (fact:no-logon-policy), ``LocalAccountTokenFilterPolicy``
(fact:winrm-token-filter)."""

WINDOWS_POLICY = rf"{POLICIES}\Windows\System"
"""``AllowBlockingAppsAtShutdown`` (fact:hidden-programs), ``HiberbootEnabled`` as policy
(fact:fast-startup-value)."""

NT_POLICY = rf"{POLICIES}\Windows NT"
"""``DontPowerOffAfterShutdown`` (learn: Policy CSP, ADMX_Power)."""

TRACKER_POLICY = rf"{POLICIES}\Windows NT\Reliability"
"""``ShutdownReasonOn``, ``ShutdownReasonUI`` (fact:tracker-policy)."""

SERVICING = rf"{CURRENT_VERSION}\Component Based Servicing"
"""``RebootPending`` and ``RebootInProgress``, keys (fact:update-markers)."""

REBOOT_PENDING = rf"{SERVICING}\RebootPending"
REBOOT_IN_PROGRESS = rf"{SERVICING}\RebootInProgress"

REBOOT_REQUIRED = rf"{CURRENT_VERSION}\WindowsUpdate\Auto Update\RebootRequired"
"""A key too (fact:update-markers)."""

PROFILES = rf"{NT_CURRENT_VERSION}\ProfileList"
"""``ProfileImagePath`` by SID."""

DESKTOP = r"Control Panel\Desktop"
"""In every profile: what happens to programs that do not end (fact:desktop-values)."""
