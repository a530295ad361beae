"""Command lines that only look: the state of a guest before and during a shutdown.

Sources: ``fact:`` and an id name a row of ``docs/windows-facts.md``;
``learn`` is the Microsoft Learn page of that title. Each is fit to be a
:class:`Part`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from powerdown.windows import commands
from powerdown.windows.command_parts import Part
from powerdown.windows.settings import registry_keys, update_settings
from powerdown.windows.settings.all_settings import ALL_SETTINGS
from powerdown.windows.settings.declaration import Declaration
from powerdown.windows.settings.power_scheme import SchemeSetting
from powerdown.windows.settings.registry_setting import RegistrySetting

_SESSION_KEY = "Volatile Environment"


def loaded_profiles(settings: Iterable[Declaration] = ALL_SETTINGS) -> str:
    """Print the settings and the session of every loaded profile (learn: for, reg query).

    What is to be asked for depends on which profiles are loaded; a loop in the guest saves a second
    round trip. Public administration scripts find the user's profile so. The control channel sets
    code page 65001, under which FOR must read programs (fact:for-f-65001).

    :param settings: those of users among them, and that are read online, are printed.
    """
    found = [s.key_of_user for s in settings if isinstance(s, RegistrySetting) and s.online]
    keys = dict.fromkeys(key for key in found if key is not None)
    queries = (*(f'reg query "%u\\{key}"' for key in keys), f'reg query "%u\\{_SESSION_KEY}" /s')
    body = "&".join(f"{query} 2>nul" for query in queries)
    return f"""for /f "delims=" %u in ('reg query HKU') do @({body})"""


PROFILE_FOLDERS = f'reg query "{registry_keys.PROFILES}" /s /v ProfileImagePath'
"""Folder of every profile, by SID (learn: Roaming user profiles; public administration scripts)."""

SESSIONS = "query session"
"""Sessions with name, user and number (learn: query session). Home editions do not have it."""

ACTIVE_SERVICES = "sc.exe queryex type= service bufsize= 262144"
"""Services that are not stopped (learn: sc.exe query). The buffer is the largest there may be
(learn: EnumServicesStatusEx): old releases print no more than fits in it."""

PROCESSES = "tasklist /fo csv /nh"
"""All processes with number and session (learn: tasklist)."""

REGISTRY_PARTS = ("settings", "profiles")
"""Parts that ``reg query`` prints settings in."""


def query_settings(settings: Iterable[Declaration]) -> str:
    """Print all of these settings that are read from a running guest, each once.

    One that is absent prints nothing.
    """
    queries = [query for setting in settings if setting.online for query in setting.queries()]
    return "&".join(f"{query} 2>nul" for query in dict.fromkeys(queries))


def scheme_part(setting: SchemeSetting) -> str:
    """Name of the part that prints a setting of the active power scheme."""
    return f"powercfg_{setting.id.replace('-', '_')}"


def scheme_parts(settings: Iterable[Declaration]) -> Iterator[Part]:
    """Settings of the active power scheme, with their defaults (fact:powercfg-output)."""
    for setting in settings:
        if isinstance(setting, SchemeSetting) and setting.online:
            yield Part(scheme_part(setting), setting.powercfg_query)


def baseline_parts(settings: Iterable[Declaration] = ALL_SETTINGS) -> tuple[Part, ...]:
    """Everything that bears on a shutdown."""
    return (
        Part("last_record", commands.LAST_RECORD),
        *scheme_parts(settings),
        Part("settings", query_settings(settings)),
        Part("markers", update_settings.MARK_QUERY),
        Part("sessions", SESSIONS),
        Part("services", ACTIVE_SERVICES),
        Part("processes", PROCESSES),
        Part("folders", PROFILE_FOLDERS),
        # Last: its per cent signs must not pair with those of a variable behind them.
        Part("profiles", loaded_profiles(settings)),
    )


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
