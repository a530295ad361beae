"""The order of a shutdown, and what it leaves in the event log."""

from __future__ import annotations

from powerdown.windows.facts.fact import Fact, Status

SHUTDOWN_ORDER = Fact(
    "shutdown-order",
    "csrss asks the processes of the session, from high to low shutdown level (640 by "
    "default), by WM_QUERYENDSESSION and WM_ENDSESSION; then services get PRESHUTDOWN and "
    "SHUTDOWN; then the kernel powers off.",
    Status.DOCUMENTED,
    ("WI6", "learn: WM_QUERYENDSESSION message"),
)

BUTTON_HAND_OVER = Fact(
    "button-hand-over",
    "How the button is handed to winlogon, and with which flags, is not known.",
    Status.UNCONFIRMED,
    (),
)

RECORD_1074 = Fact(
    "record-1074",
    "User32 1074 names the process that asked, computer, reason, reason code, type (power off, "
    "restart), comment and user.",
    Status.DOCUMENTED,
    ("etw: User32",),
)

RECORD_1073_1075_1076 = Fact(
    "record-1073-1075-1076",
    "User32 1073 is a failed attempt, 1075 an aborted shutdown, 1076 the reason given for an "
    "unexpected one.",
    Status.DOCUMENTED,
    ("etw: User32",),
)

RECORD_109 = Fact(
    "record-109",
    "Kernel-Power 109 carries ShutdownActionType (4 shut down, 5 restart, 6 power off) and "
    "ShutdownReason (0 button or lid, 4 application, 5 kernel call, 7 idle).",
    Status.DOCUMENTED,
    ("etw: Kernel-Power", "logs"),
)

RECORD_109_REASON = Fact(
    "record-109-reason",
    "109 has reason 5 (kernel call) in nearly every shutdown, those by the button included: it "
    "does not prove a button.",
    Status.SEEN,
    ("cloud-hypervisor#7929", "sup: event-id-41-restart", "logs"),
)

RECORD_42_107 = Fact(
    "record-42-107",
    "Kernel-Power 42 is the way to sleep, with target and effective state and a reason; 107 is "
    "the return.",
    Status.DOCUMENTED,
    ("etw: Kernel-Power",),
)

RECORD_42_REASON = Fact(
    "record-42-reason",
    "The reasons of 42 have the numbers of 109: 0 button or lid, 7 idle.",
    Status.UNCONFIRMED,
    (),
)

RECORD_12_13 = Fact(
    "record-12-13",
    "Kernel-General 12 is the start of the system, 13 its stop.",
    Status.DOCUMENTED,
    ("etw: Kernel-General",),
)

RECORD_EVENTLOG = Fact(
    "record-eventlog",
    "EventLog 6005 is a start of the log, 6006 its orderly stop, 6008 an unexpected one, 6009 "
    "the version, 6013 the uptime.",
    Status.DOCUMENTED,
    ("etw: Eventlog",),
)

RECORD_SERVICE_CONTROL = Fact(
    "record-service-control",
    "Service Control Manager 7011 is a timeout, 7031 and 7034 a crash, 7036 a change of state, "
    "7043 a service that overran its preshutdown timeout.",
    Status.DOCUMENTED,
    ("etw: Service Control Manager",),
)

RECORD_BOOT = Fact(
    "record-boot",
    "Kernel-Boot 20 tells whether the last shutdown and boot were good; 27 has the boot type: "
    "0 cold, 1 hybrid.",
    Status.SEEN,
    ("logs of Windows 11",),
)

RECORD_BOOT_TYPE_RESUME = Fact(
    "record-boot-type-resume",
    "Boot type 2 of Kernel-Boot 27 is a resume from hibernation.",
    Status.UNCONFIRMED,
    ("one forensics test",),
)

RECORD_ORDER_CLIENT = Fact(
    "record-order-client",
    "A client records an orderly stop as 1074, 6006, 109, 13.",
    Status.SEEN,
    ("logs",),
)

RECORD_ORDER_DC = Fact(
    "record-order-dc",
    "A domain controller records it as 1074, 109, 6006, and 13 is sometimes missing.",
    Status.SEEN,
    ("logs",),
)

RECORD_1074_TWICE = Fact(
    "record-1074-twice",
    "A user's power-off is recorded twice: by the shell and by winlogon.exe with reason 0x500ff.",
    Status.SEEN,
    ("logs",),
)

BUTTON_REASON_CODE = Fact(
    "button-reason-code",
    'Reason 0x500ff in 1074, "No title for this reason could be found", is ascribed to the '
    "power button; older releases write it after the Start menu too. Which process it names is "
    "not known.",
    Status.REPORTED,
    ("administrators' logs",),
)

SERVICING_REASON_CODES = Fact(
    "servicing-reason-codes",
    "shutdown.exe writes reason 0x800000ff, servicing 0x80020003, Windows Update 0x80020010.",
    Status.SEEN,
    ("logs",),
)

WINSRV_RECORDS = Fact(
    "winsrv-records",
    "Winsrv 10001 and 10002 name applications that hold a shutdown; which log they go to is "
    "not known.",
    Status.UNCONFIRMED,
    ("etw: Winsrv", "two applications' changelogs"),
)

WINLOGON_ETW = Fact(
    "winlogon-etw",
    "The events of Winlogon and Wininit about a shutdown need a trace session; they are not in "
    "the default logs.",
    Status.DOCUMENTED,
    ("etw: Winlogon",),
)

BOOTSTAT_BUTTON = Fact(
    "bootstat-button",
    "`Bootstat.dat` records the time of the last button press; whether for a short press under "
    "QEMU is not known.",
    Status.UNCONFIRMED,
    ("ddk: blackbox BSD",),
)

FACTS = (
    SHUTDOWN_ORDER,
    BUTTON_HAND_OVER,
    RECORD_1074,
    RECORD_1073_1075_1076,
    RECORD_109,
    RECORD_109_REASON,
    RECORD_42_107,
    RECORD_42_REASON,
    RECORD_12_13,
    RECORD_EVENTLOG,
    RECORD_SERVICE_CONTROL,
    RECORD_BOOT,
    RECORD_BOOT_TYPE_RESUME,
    RECORD_ORDER_CLIENT,
    RECORD_ORDER_DC,
    RECORD_1074_TWICE,
    BUTTON_REASON_CODE,
    SERVICING_REASON_CODES,
    WINSRV_RECORDS,
    WINLOGON_ETW,
    BOOTSTAT_BUTTON,
)
"""In the order of ``docs/windows-facts.md``."""
