"""Command lines that only look: the state of a guest before and during a shutdown.

Sources: ``fact:`` and an id name a row of ``docs/windows-facts.md``;
``learn`` is the Microsoft Learn page of that title. Each is fit to be a
:class:`Part`.
"""

from __future__ import annotations

from powerdown.windows import commands, registry_paths
from powerdown.windows.command_parts import Part

PRODUCT_TYPE = f'reg query "{registry_paths.PRODUCT_OPTIONS}" /v ProductType'
"""WinNT on a client, ServerNT on a server, LanmanNT on a domain controller (learn:
RtlGetNtProductType; seen in every public SYSTEM hive)."""

SHUTDOWN_WITHOUT_LOGON = f'reg query "{registry_paths.SYSTEM_POLICIES}" /v ShutdownWithoutLogon'
"""1: the logon screen offers to shut down (fact:no-logon-policy)."""

EVENT_TRACKER_POLICY = f'reg query "{registry_paths.TRACKER_POLICY}"'
"""ShutdownReasonOn: the Shutdown Event Tracker, by policy (fact:tracker-policy)."""

SYSTEM_POLICY = f'reg query "{registry_paths.WINDOWS_POLICY}"'
"""AllowBlockingAppsAtShutdown (fact:hidden-programs) and HiberbootEnabled
(fact:fast-startup-value)."""

SERVICE_TIMEOUT = f'reg query "{registry_paths.CONTROL}" /v WaitToKillServiceTimeout'
"""Milliseconds that services have to stop (fact:service-timeout)."""

POWER_CONTROL = f'reg query "{registry_paths.POWER}"'
"""HibernateEnabled, and HibernateEnabledDefault which newer releases have besides
(fact:hibernate-values)."""

FAST_STARTUP = f'reg query "{registry_paths.FAST_STARTUP}" /v HiberbootEnabled'
"""Fast startup, as set locally (fact:fast-startup-value)."""

PRESHUTDOWN_TIMEOUTS = f"reg query {registry_paths.SERVICES} /s /v PreshutdownTimeout"
"""Milliseconds each service may take before the others are stopped (fact:preshutdown-value)."""


def _name_if(command: str, name: str) -> str:
    return f"{command} >nul 2>nul&&echo {name}"


UPDATE_MARKERS = "&".join(
    (
        _name_if(f'reg query "{registry_paths.REBOOT_PENDING}"', "RebootPending"),
        _name_if(f'reg query "{registry_paths.REBOOT_IN_PROGRESS}"', "RebootInProgress"),
        _name_if(
            f'reg query "{registry_paths.REBOOT_REQUIRED}"',
            "RebootRequired",
        ),
        _name_if(
            f'reg query "{registry_paths.SESSION_MANAGER}" /v PendingFileRenameOperations',
            "PendingFileRenameOperations",
        ),
        _name_if(r'dir /b "%SystemRoot%\WinSxS\pending.xml"', "pending.xml"),
        f'reg query "{registry_paths.SESSION_MANAGER}" /v SetupExecute 2>nul',
    )
)
"""Names the marks of pending update work that are there (fact:update-markers, fact:pending-xml).

Their content is not printed, as it may be large, except that of SetupExecute: it is always there,
mostly empty.
"""

LOADED_PROFILES = (
    """for /f "delims=" %u in ('reg query HKU') do @("""
    rf'reg query "%u\{registry_paths.DESKTOP}" 2>nul&reg query "%u\Volatile Environment" /s 2>nul)'
)
"""Desktop settings and session of every loaded profile (fact:desktop-values; learn: for, reg
query).

What is to be asked for depends on which profiles are loaded; a loop in the guest saves a second
round trip. Public administration scripts find the user's profile so. The control channel sets code
page 65001, under which FOR must read programs (fact:for-f-65001).
"""

PROFILE_FOLDERS = f'reg query "{registry_paths.PROFILES}" /s /v ProfileImagePath'
"""Folder of every profile, by SID (learn: Roaming user profiles; public administration scripts)."""

SESSIONS = "query session"
"""Sessions with name, user and number (learn: query session). Home editions do not have it."""

ACTIVE_SERVICES = "sc.exe queryex type= service bufsize= 262144"
"""Services that are not stopped (learn: sc.exe query). The buffer is the largest there may be
(learn: EnumServicesStatusEx): old releases print no more than fits in it."""

PROCESSES = "tasklist /fo csv /nh"
"""All processes with number and session (learn: tasklist)."""

BASELINE_PARTS = (
    Part("last_record", commands.LAST_RECORD),
    Part("button", commands.QUERY_POWER_BUTTON),
    Part("button_policy", commands.QUERY_POWER_BUTTON_POLICY),
    Part("product_type", PRODUCT_TYPE),
    Part("no_logon", SHUTDOWN_WITHOUT_LOGON),
    Part("tracker", EVENT_TRACKER_POLICY),
    Part("system_policy", SYSTEM_POLICY),
    Part("service_timeout", SERVICE_TIMEOUT),
    Part("power", POWER_CONTROL),
    Part("fast_startup", FAST_STARTUP),
    Part("markers", UPDATE_MARKERS),
    Part("preshutdown", PRESHUTDOWN_TIMEOUTS),
    Part("sessions", SESSIONS),
    Part("services", ACTIVE_SERVICES),
    Part("processes", PROCESSES),
    Part("folders", PROFILE_FOLDERS),
    # Last: its per cent signs must not pair with those of a variable behind them.
    Part("profiles", LOADED_PROFILES),
)
"""Everything that bears on a shutdown."""

SAMPLE_PROVIDERS = {
    1073: "User32",
    1074: "User32",
    1075: "User32",
    1076: "User32",
    6006: "EventLog",
    7031: "Service Control Manager",
    7034: "Service Control Manager",
    7043: "Service Control Manager",
    42: "Microsoft-Windows-Kernel-Power",
    107: "Microsoft-Windows-Kernel-Power",
    109: "Microsoft-Windows-Kernel-Power",
    13: "Microsoft-Windows-Kernel-General",
}
"""Records that tell of a shutdown under way, by event id, and who writes them (fact:record-1074,
fact:record-109).

Other providers use the same numbers. Some releases write ``USER32``: compare without case. In real
logs 109 and 13 are recorded behind 6005 of the *next* start, with the time of the stop: the event
log service has ended when they happen. So they are not seen while a guest stops.
"""


def sample_parts(after_record: int) -> tuple[Part, ...]:
    """What changes during a shutdown: newer records, services and processes."""
    return (
        Part("records", commands.query_events(after_record, SAMPLE_PROVIDERS)),
        Part("services", ACTIVE_SERVICES),
        Part("processes", PROCESSES),
    )


START_PROVIDERS = {
    "EventLog": (6005, 6006, 6008),
    "Microsoft-Windows-Kernel-General": (12, 13),
    "Microsoft-Windows-Kernel-Power": (41,),
    "Microsoft-Windows-WER-SystemErrorReporting": (1001,),
    "BugCheck": (1001,),
}
"""Records from which a start and the stop before it are read (fact:record-boot, fact:record-41,
fact:record-bugcheck), by provider."""

_START_RECORDS = 100
"""Many sessions of them: a start and a stop leave seven at most."""


def _written_by(provider: str, event_ids: tuple[int, ...]) -> str:
    ids = " or ".join(f"EventID={event_id}" for event_id in event_ids)
    return f"(Provider[@Name='{provider}'] and ({ids}))"


LAST_STARTS = (
    f"wevtutil qe System /f:xml /rd:true /c:{_START_RECORDS} "
    f'/q:"*[System[{" or ".join(_written_by(*item) for item in START_PROVIDERS.items())}]]"'
)
"""The newest records of starts and stops, without a record number to begin at: after a power cut
Windows may use numbers again (learn: wevtutil; learn: Consuming Events, XPath 1.0 limitations)."""
