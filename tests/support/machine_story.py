"""What happens to an invented Windows machine, and the records that its System log gets of it.

The order of the records is that of Windows 10 (``docs/windows-facts.md``). How each session began
and ended is kept beside them, so it is known without reading the log. Most records are not about
power; some of these have the number of one that is, from another provider.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from powerdown.disk.history.power_history import StartKind
from powerdown.disk.history.session_end import EndKind
from tests.support.evtx_builder import Data, Provider, Record

EVENT_LOG = Provider("EventLog", classic=True)
EVENT_LOG_SERVICE = Provider("Microsoft-Windows-Eventlog", "{fc65ddd8-d6ef-4962-83d5-6e5cfe9ce148}")
GENERAL = Provider("Microsoft-Windows-Kernel-General", "{a68ca8b7-004f-d7b6-a698-07e2de0f1f5d}")
POWER = Provider("Microsoft-Windows-Kernel-Power", "{331c3b3a-2005-44c2-ac5e-77220c37d6b4}")
BOOT = Provider("Microsoft-Windows-Kernel-Boot", "{15ca44ff-4d7a-4baa-bba5-0998955e531e}")
USER32 = Provider("User32", "{b0aa8734-56f7-41cc-b2f4-de228e98b946}", "User32", classic=True)
WAKING = Provider(
    "Microsoft-Windows-Power-Troubleshooter", "{cdc05e28-c449-49c6-b9d2-88cf761644df}"
)
CRASH = Provider(
    "Microsoft-Windows-WER-SystemErrorReporting",
    "{abce23e7-de45-4366-8631-84fa6c525952}",
    "BugCheck",
    classic=True,
)
UPDATE = Provider("Microsoft-Windows-WindowsUpdateClient", "{945a8954-c147-4acd-923f-40c45405a658}")
NTFS = Provider("Microsoft-Windows-Ntfs", "{3ff37a1c-a68d-4d6e-8c9b-f79e8b16c482}")
SERVICES = Provider(
    "Service Control Manager",
    "{555908d1-a6d7-4695-8e1e-26931d2012f4}",
    "Service Control Manager",
    classic=True,
)
DNS = Provider("Microsoft-Windows-DNS-Client", "{1c95126e-7eea-49a9-a3fe-a378b03ddb4d}")
# These use numbers of records of power.
PROCESSOR = Provider(
    "Microsoft-Windows-Kernel-Processor-Power", "{0f67e49f-fe51-4e9f-b490-6f2948cc6027}"
)
NETWORK = Provider("netdriver", classic=True)
SERIAL = Provider("Serial", classic=True)
DEVICES = Provider("Microsoft-Windows-UserPnp", "{96f4a050-7e31-453c-88be-9634f4e02139}")

_SHUTDOWN_EXE = r"C:\Windows\system32\shutdown.exe (MADE-PC)"
_WINLOGON = r"C:\Windows\system32\winlogon.exe (MADE-PC)"
_RESTART, _POWER_OFF = 5, 6
"""ShutdownActionType (fact:record-109)."""
_SLEEPING, _HIBERNATED = 4, 5
"""POWER_SYSTEM_STATE (wdm.h)."""


@dataclass(frozen=True)
class KnownLog:
    """What is known of a System log without reading it with the code under test.

    :param sessions: how each session began and ended.
    :param records: the number of its records.
    :param last: the number in the last one.
    :param missing: first and last number of the records that are missing; ``None`` if none are.
    """

    sessions: tuple[tuple[StartKind, EndKind], ...]
    records: int
    last: int
    missing: tuple[int, int] | None = None


class Story:
    """What happens to a machine, in order of the calls.

    :ivar records: its records so far.
    """

    def __init__(self, number: int = 1) -> None:
        """:param number: of the first record."""
        self.records: list[Record] = []
        self._sessions: list[tuple[StartKind, EndKind]] = []
        self._missing: tuple[int, int] | None = None
        self._number = number
        self._now = datetime(2025, 2, 3, 7, 30, tzinfo=UTC)
        self._began = StartKind.COLD
        self._dice = random.Random(20251103)
        self._stop: list[tuple[Provider, int, dict[str, Data], datetime]] = []

    def known(self) -> KnownLog:
        """What is known of the log as it is now."""
        last = self.records[-1].number
        return KnownLog(tuple(self._sessions), len(self.records), last, self._missing)

    # Starts

    def boot(
        self, reports: Callable[[], None] = lambda: None, *, kernel_first: bool = False
    ) -> None:
        """A cold start.

        :param reports: records what it found of the end before, but for 6008.
        :param kernel_first: whether the kernel's record of it comes before those of EventLog.
        """
        self._began = StartKind.COLD
        self.wait(seconds=20)
        started = self._now
        self.wait(seconds=14)
        kernel: dict[str, Data] = {"MajorVersion": 10, "MinorVersion": 0, "BuildVersion": 17763}
        kernel |= {"QfeVersion": 1, "ServiceVersion": 0, "BootMode": 0, "StartTime": started}
        if kernel_first:
            self.add(GENERAL, 12, kernel, at=started)
        self.add(EVENT_LOG, 6009, ["10.00.", "17763", "", "Multiprocessor Free", "0"])
        self.add(EVENT_LOG, 6005, [""], binary=bytes(range(24)))
        self.add(SERIAL, 13, ["COM1"])
        # The kernel's records of the stop before: EventLog had ended by then.
        for provider, event_id, data, at in self._stop:
            self.add(provider, event_id, data, at=at)
        orderly = bool(self._stop) or not self._sessions
        self._stop = []
        if not kernel_first:
            self.add(GENERAL, 12, kernel, at=started)
        good: dict[str, Data] = {"LastShutdownGood": orderly, "LastBootGood": True}
        self.add(BOOT, 20, good | {"LastBootId": len(self._sessions)}, at=started)
        self.add(BOOT, 27, {"BootType": 0, "LoadOptions": " NOEXECUTE=OPTOUT"}, at=started)
        self.add(BOOT, 153, {"EntryCount": 0}, at=started)
        reports()
        self.add(PROCESSOR, 55, {"Group": 0, "Number": 0, "NominalFrequency": 2400})
        self.add(POWER, 172, {"State": 2, "Reason": 6})
        self.add(NTFS, 98, {"DriveName": "C:", "DeviceName": r"\Device\HarddiskVolume2"})

    def boot_after_loss(self, *, code: int = 0, held: bool = False) -> None:
        """A cold start that finds that the last session ended without a stop."""
        last = self._now

        def reports() -> None:
            cut: dict[str, Data] = {"BugcheckCode": code, "SleepInProgress": 0}
            pressed = 133_500_000 if held else 0
            self.add(POWER, 41, cut | {"PowerButtonTimestamp": pressed, "BootAppStatus": 0})
            if code:
                parameters: dict[str, Data] = {
                    "param1": f"0x{code:08x} (0x0000000000000003, 0x1, 0x2, 0x3)",
                    "param2": r"C:\Windows\MEMORY.DMP",
                    "param3": "{5f0a1a3e-2f5e-4b8e-9d34-0f0c54d0c111}",
                }
                self.add(CRASH, 1001, parameters)

        self.wait(minutes=7)
        # With marks of the direction of writing, as Windows prints dates.
        date = "\u200e" + last.strftime("%d") + ".\u200e" + last.strftime("%m.\u200e%Y")
        text = [last.strftime("%H:%M:%S"), date, "", "", "5000", "", ""]
        self.add(EVENT_LOG, 6008, text, binary=bytes(64))
        self.boot(reports)

    def resume_from_hibernation(self) -> None:
        """A start that loads the saved session (fact:record-boot-type-resume)."""
        self._began = StartKind.RESUMED
        self.wait(hours=9)
        self.add(BOOT, 27, {"BootType": 2, "LoadOptions": ""})
        self._woke(_HIBERNATED)

    # Ends

    def shut_down(
        self, action: int = _POWER_OFF, process: str = _SHUTDOWN_EXE, *, request_last: bool = False
    ) -> None:
        """An orderly end.

        :param request_last: whether the request is recorded behind the end of the event log
            service, as it may be when both happen at once (seen in logs of Windows 10).
        """
        kind = "restart" if action == _RESTART else "power off"
        texts: dict[str, Data] = {"param1": process, "param2": "MADE-PC"}
        texts |= {"param3": "Operating System: Upgrade (Planned)", "param4": "0x80020003"}
        texts |= {
            "param5": kind,
            "param6": "Gr\u00fc\u00dfe \U0001f600 <&>",
            "param7": r"PC\tester",
        }
        requested = self._now
        if not request_last:
            self.add(USER32, 1074, texts)
        self.wait(seconds=3)
        self.add(EVENT_LOG, 6006, [""], binary=bytes(8))
        if request_last:
            self.add(USER32, 1074, texts, at=requested)
        self.wait(seconds=1)
        transition: dict[str, Data] = {"ShutdownActionType": action, "ShutdownEventCode": 0}
        self._stop.append((POWER, 109, transition | {"ShutdownReason": 5}, self._now))
        self.wait(seconds=1)
        self._stop.append((GENERAL, 13, {"StopTime": self._now}, self._now))
        self._ended(EndKind.RESTARTED if action == _RESTART else EndKind.POWERED_OFF)

    def restart(self, process: str = _WINLOGON, *, request_last: bool = False) -> None:
        """An orderly end, and a cold start."""
        self.shut_down(_RESTART, process, request_last=request_last)
        self.boot()

    def hibernate(self) -> None:
        """The session is saved to disk."""
        self._goes_to(_HIBERNATED)
        self._ended(EndKind.HIBERNATED)

    def lose_power(self) -> None:
        """The session ends at once."""
        self._ended(EndKind.POWER_LOST)
        self.boot_after_loss()

    def crash(self, code: int) -> None:
        """The session ends with a bugcheck."""
        self._ended(EndKind.BUGCHECK)
        self.boot_after_loss(code=code)

    def hold_button(self) -> None:
        """The session ends because the power button is held."""
        self._ended(EndKind.BUTTON_HELD)
        self.boot_after_loss(held=True)

    def end_of_log(self, kind: EndKind) -> None:
        """The log was copied while the session ran."""
        self._network()
        self._ended(kind)

    def _ended(self, kind: EndKind) -> None:
        self._sessions.append((self._began, kind))

    # In between

    def days(self, number: int) -> None:
        """Ordinary days."""
        for day in range(number):
            self.wait(hours=5)
            self._hives(3)
            self.add(
                EVENT_LOG, 6013, ["", "", "", "", f"{86400 * day}", "60", "0 UTC"], b"\1\0" * 90
            )
            self._clock_set(1 + self._dice.randrange(900))
            self._network()
            self._update(day)
            self._services(day)
            self.wait(hours=19)

    def sleep(self) -> None:
        """Sleep in S3, and waking from it."""
        self._goes_to(_SLEEPING)
        self.wait(hours=2)
        self._woke(_SLEEPING)

    def clear_another_log(self) -> None:
        """The log of another channel is cleared, which is recorded here."""
        fields: dict[str, Data] = {"SubjectUserName": "tester", "SubjectDomainName": "MADE-PC"}
        fields |= {"Channel": "Microsoft-Windows-Made/Operational", "BackupPath": ""}
        self.add(EVENT_LOG_SERVICE, 104, fields, user_data="LogFileCleared")

    def lose_records(self, number: int) -> None:
        """Records whose numbers were given and which are not in the log."""
        self._missing = self._number, self._number + number - 1
        self._number += number

    def wait(self, **time: float) -> None:
        """Time passes."""
        self._now += timedelta(**time)

    def add(
        self,
        provider: Provider,
        event_id: int,
        data: dict[str, Data] | list[str],
        binary: bytes = b"",
        *,
        at: datetime | None = None,
        user_data: str | None = None,
    ) -> None:
        """One record."""
        self.wait(milliseconds=30)
        created = at or self._now
        record = Record(self._number, provider, event_id, created, data, binary, user_data)
        self.records.append(record)
        self._number += 1

    def _goes_to(self, state: int) -> None:
        states: dict[str, Data] = {"TargetState": state, "EffectiveState": state, "Reason": 7}
        self.add(POWER, 42, states | {"Flags": 0, "TransitionsToOn": 1})

    def _woke(self, state: int) -> None:
        self.add(
            POWER, 107, {"TargetState": state, "EffectiveState": state, "WakeFromState": state}
        )
        self._clock_set(7200)
        times: dict[str, Data] = {"SleepTime": self._now, "WakeTime": self._now}
        source: dict[str, Data] = {"WakeSourceType": 4, "WakeSourceText": "HID-Tastatur \u00e4"}
        self.add(WAKING, 1, times | {"TargetState": state} | source)

    def _clock_set(self, seconds: int) -> None:
        later = self._now + timedelta(seconds=seconds)
        self.add(GENERAL, 1, {"NewTime": later, "OldTime": self._now, "Reason": 1})
        self._now = later

    def _hives(self, number: int) -> None:
        for _ in range(number):
            hive = rf"\??\C:\Users\tester\AppData\Local\Packages\{self._dice.getrandbits(64):x}.dat"
            self.add(GENERAL, 16, {"HiveNameLength": len(hive), "HiveName": hive, "KeysUpdated": 5})

    def _network(self) -> None:
        self.add(NETWORK, 27, ["", "Link has been disconnected."], b"\0\0\4\0" * 6)
        self.add(NETWORK, 32, ["", "Link has been established: 1 Gbps"], b"\0\0\4\0" * 6)
        self.add(DNS, 1014, {"QueryName": "\u4f8b\u3048.example", "Address": b"\2\0\0\x35" * 7})

    def _update(self, day: int) -> None:
        update: dict[str, Data] = {
            "updateTitle": f"2025-02 Cumulative Update {day} (KB50{day:05})",
            "updateGuid": f"{{b13b6e94-6eec-42bf-aca5-{day:012x}}}",
            "updateRevisionNumber": 200 + day,
        }
        for event_id in (44, 43, 19):
            self.add(UPDATE, event_id, update)

    def _services(self, day: int) -> None:
        changed: dict[str, Data] = {"param1": "Dienst \u00fc", "param2": "demand start"}
        self.add(SERVICES, 7040, changed | {"param3": "auto start", "param4": f"svc{day}"})
        if day % 3 == 0:
            driver: dict[str, Data] = {"DriverName": "netdriver.inf", "Primary": True}
            self.add(DEVICES, 20003, driver, user_data="AddServiceID")
        self._hives(2)
