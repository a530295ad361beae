"""Synthetic System logs, written as words: one record a word, and what Windows puts in it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from powerdown.disk.history.power_history import PowerHistory, power_history
from powerdown.disk.history.system_log import Gap, SystemLog
from powerdown.windows.event_records import EventRecord

BEGINNING = datetime(2026, 3, 1, 8, tzinfo=UTC)
APART = timedelta(seconds=5)

GENERAL = "Microsoft-Windows-Kernel-General"
POWER = "Microsoft-Windows-Kernel-Power"
BOOT = "Microsoft-Windows-Kernel-Boot"

_CUT = {"BugcheckCode": "0", "SleepInProgress": "0", "PowerButtonTimestamp": "0"}
_ASKED = {"param2": "PC", "param3": "Other (Planned)", "param6": "", "param7": "PC\\tester"}
_SHUTDOWN_EXE = _ASKED | {
    "param1": r"C:\Windows\system32\shutdown.exe (PC)",
    "param4": "0x800000ff",
}
_WINLOGON = _ASKED | {"param1": r"C:\Windows\System32\winlogon.exe (PC)", "param4": "0x500ff"}
_SHELL = _ASKED | {"param1": r"C:\Windows\Explorer.EXE (PC)", "param4": "0x0"}

WORDS: dict[str, tuple[str, int, dict[str, str]]] = {
    "12": (GENERAL, 12, {"StartTime": "2026-03-01T08:00:00Z"}),
    "13": (GENERAL, 13, {"StopTime": "2026-03-01T08:00:00Z"}),
    "20": (BOOT, 20, {"LastShutdownGood": "true"}),
    "27": (BOOT, 27, {"BootType": "0"}),
    "27fast": (BOOT, 27, {"BootType": "1"}),
    "27resume": (BOOT, 27, {"BootType": "2"}),
    "6005": ("EventLog", 6005, {}),
    "6006": ("EventLog", 6006, {}),
    "6008": ("EventLog", 6008, {"1": "08:00:00", "2": "‎01.‎03.‎2026"}),
    "6009": ("EventLog", 6009, {"1": "10.00.", "2": "17763"}),
    "6013": ("EventLog", 6013, {"5": "86400"}),
    "41": (POWER, 41, _CUT),
    "41held": (POWER, 41, _CUT | {"PowerButtonTimestamp": "133500000000000000"}),
    "41long": (POWER, 41, _CUT | {"LongPowerButtonPressDetected": "true"}),
    "41code": (POWER, 41, _CUT | {"BugcheckCode": "159"}),
    "41asleep": (POWER, 41, _CUT | {"SleepInProgress": "4"}),
    "41bare": (POWER, 41, {}),
    "42": (POWER, 42, {"TargetState": "4", "EffectiveState": "4", "Reason": "7", "Flags": "0"}),
    "42old": (POWER, 42, {"TargetState": "4"}),
    "42save": (POWER, 42, {"TargetState": "5", "EffectiveState": "5", "Reason": "0"}),
    "42fast": (POWER, 42, {"TargetState": "5", "EffectiveState": "6", "Reason": "5"}),
    "107": (POWER, 107, {"TargetState": "4", "EffectiveState": "4", "WakeFromState": "4"}),
    "woke": (
        "Microsoft-Windows-Power-Troubleshooter",
        1,
        {"WakeSourceType": "4", "WakeSourceText": "HID Keyboard Device"},
    ),
    "506": (POWER, 506, {"Reason": "1"}),
    "507": (POWER, 507, {"Reason": "1"}),
    "109": (POWER, 109, {"ShutdownActionType": "6", "ShutdownEventCode": "0"}),
    "109again": (POWER, 109, {"ShutdownActionType": "5", "ShutdownReason": "5"}),
    "109halt": (POWER, 109, {"ShutdownActionType": "4", "ShutdownReason": "5"}),
    "1073": ("User32", 1073, {"param1": "PC", "param2": "PC\\tester"}),
    "1074": ("User32", 1074, _SHUTDOWN_EXE | {"param5": "power off"}),
    "1074again": ("User32", 1074, _SHUTDOWN_EXE | {"param5": "restart"}),
    "1074other": ("User32", 1074, _SHUTDOWN_EXE | {"param5": "Herunterfahren"}),
    "1074shell": ("User32", 1074, _SHELL | {"param5": "power off"}),
    "1074winlogon": ("User32", 1074, _WINLOGON | {"param5": "power off"}),
    "1074old": (
        "USER32",
        1074,
        {"1": "winlogon.exe", "2": "PC", "4": "0x500ff", "5": "power off", "7": "PC\\tester"},
    ),
    "1075": ("User32", 1075, {"param1": "PC", "param2": "PC\\tester"}),
    "1076": (
        "User32",
        1076,
        {"param1": "Other (Unplanned)", "param2": "0xa000000", "param6": "PC\\tester"},
    ),
    "1001": ("BugCheck", 1001, {"param1": "0x0000009f (0x3, 0x1, 0x2, 0x3)", "param2": "x.dmp"}),
    "1001bare": ("Microsoft-Windows-WER-SystemErrorReporting", 1001, {}),
    "10001": ("Microsoft-Windows-Winsrv", 10001, {"AppName": "notes.exe"}),
    "7043": ("Service Control Manager", 7043, {"param1": "Update Orchestrator Service"}),
    "cleared": (
        "Microsoft-Windows-Eventlog",
        104,
        {"SubjectUserName": "tester", "Channel": "System"},
    ),
    "55": ("Microsoft-Windows-Ntfs", 55, {}),
    "19": ("Microsoft-Windows-WindowsUpdateClient", 19, {}),
}
"""A record by its word: provider, number, data."""


def record(word: str, number: int, created: datetime) -> EventRecord:
    """The record that a word stands for."""
    provider, event_id, data = WORDS[word]
    return EventRecord(number, provider, event_id, created, data)


def clock_set(number: int, old: datetime, new: datetime) -> EventRecord:
    """Kernel-General 1."""
    data = {"OldTime": old.isoformat(), "NewTime": new.isoformat()}
    return EventRecord(number, GENERAL, 1, new, data)


def log_of(words: str) -> list[EventRecord]:
    """A record for each word, five seconds apart; ``41@-20`` was created 20 s earlier than that.

    A word that is a number in brackets, as ``[600]``, lets so many seconds pass.
    """
    found: list[EventRecord] = []
    moment = BEGINNING
    for word in words.split():
        if word.startswith("["):
            moment += timedelta(seconds=int(word[1:-1]))
            continue
        name, _, shift = word.partition("@")
        moment += APART
        created = moment + timedelta(seconds=int(shift or 0))
        found.append(record(name, len(found) + 1, created))
    return found


def history_of(
    records: str | Iterable[EventRecord], gaps: tuple[tuple[int, int], ...] = ()
) -> PowerHistory:
    """The history that such a log tells."""
    found = log_of(records) if isinstance(records, str) else list(records)
    return power_history(SystemLog(tuple(found), 0, (), tuple(Gap(*gap) for gap in gaps)))
