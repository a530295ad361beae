"""The records of the System log that belong to the power history, and access to their fields.

The log has ten times as many others; they are dropped where the log is read, in
:mod:`system_log`. Numbers and meanings: fact:record-1074, fact:record-109,
fact:record-42-107, fact:record-12-13, fact:record-eventlog, fact:record-41, fact:record-bugcheck.
"""

from __future__ import annotations

from collections.abc import Mapping

from powerdown.windows.event_records import EventRecord

EVENT_LOG = "EventLog"
EVENT_LOG_SERVICE = "Microsoft-Windows-Eventlog"
KERNEL_BOOT = "Microsoft-Windows-Kernel-Boot"
KERNEL_GENERAL = "Microsoft-Windows-Kernel-General"
KERNEL_POWER = "Microsoft-Windows-Kernel-Power"
POWER_TROUBLESHOOTER = "Microsoft-Windows-Power-Troubleshooter"
SERVICE_CONTROL = "Service Control Manager"
USER32 = "User32"
BUGCHECK_SOURCES = ("BugCheck", "Microsoft-Windows-WER-SystemErrorReporting")
WINSRV = ("Winsrv", "Microsoft-Windows-Winsrv")

POWER_RECORDS: Mapping[str, frozenset[int]] = {
    name.casefold(): frozenset(ids)
    for name, ids in {
        EVENT_LOG: (6005, 6006, 6008, 6009, 6011, 6013),
        # The log was cleared.
        EVENT_LOG_SERVICE: (104,),
        KERNEL_BOOT: (20, 27),
        KERNEL_GENERAL: (1, 12, 13),
        # 9, 10 and 40: what blocked a transition; 506 and 507: modern standby.
        KERNEL_POWER: (9, 10, 40, 41, 42, 105, 107, 109, 172, 506, 507),
        POWER_TROUBLESHOOTER: (1,),
        SERVICE_CONTROL: (7011, 7031, 7034, 7043),
        USER32: (1073, 1074, 1075, 1076),
        **dict.fromkeys(BUGCHECK_SOURCES, (1001,)),
        **dict.fromkeys(WINSRV, (10001, 10002)),
        "Microsoft-Windows-WindowsUpdateClient": (19, 20, 43, 44),
        "Microsoft-Windows-Servicing": (1, 2, 3, 4),
        "Microsoft-Windows-Ntfs": (55, 98, 130, 131, 132, 133),
        "Ntfs": (55, 98, 130, 131, 132, 133),
        "volmgr": (46,),
    }.items()
}
"""By the casefolded name of the provider, because older releases use another case."""

POWER_RECORD_IDS = frozenset(number for ids in POWER_RECORDS.values() for number in ids)


def is_power_record(record: EventRecord) -> bool:
    """Whether a record is one of :data:`POWER_RECORDS`."""
    return record.event_id in POWER_RECORDS.get(record.provider.casefold(), ())


def is_one(record: EventRecord, provider: str | tuple[str, ...], *event_ids: int) -> bool:
    """Whether a record has one of these ids and providers; names are compared ignoring case."""
    names = (provider,) if isinstance(provider, str) else provider
    known = record.event_id in event_ids
    return known and record.provider.casefold() in {name.casefold() for name in names}


def parameter(record: EventRecord, number: int) -> str:
    """The text ``paramN`` of a record, or its Nth unnamed one, as in older releases."""
    return (record.data.get(f"param{number}") or record.data.get(str(number)) or "").strip()


def whole_number(record: EventRecord, name: str) -> int | None:
    """A number in a record, decimal or as ``0x...``; ``None`` if there is none, or if it is
    negative, which is not valid for any of these.
    """
    text = record.data.get(name, "").strip()
    # Python refuses thousands of digits; no valid number has more than 64 bits.
    if len(text) > _LONGEST_NUMBER:
        return None
    try:
        number = int(text, 16) if text.lower().startswith("0x") else int(text)
    except ValueError:
        return None
    return number if number >= 0 else None


def is_true(record: EventRecord, name: str) -> bool:
    """Whether a field is ``true`` or a number other than 0."""
    return record.data.get(name, "").strip().lower() == "true" or bool(whole_number(record, name))


_LONGEST_NUMBER = 24
