"""The order of a shutdown, and the records that it leaves."""

from __future__ import annotations

from powerdown.windows.facts.fact import Experiment, Fact, FactStatus

SHUTDOWN_ORDER = Fact(
    "shutdown-order",
    "csrss asks the processes of the session, from high to low shutdown level (640 by default), "
    "by WM_QUERYENDSESSION and WM_ENDSESSION; then services get PRESHUTDOWN and SHUTDOWN; then "
    "the kernel powers off.",
    FactStatus.DOCUMENTED,
    (
        "WI6",
        "learn: WM_QUERYENDSESSION message",
    ),
)

BUTTON_HAND_OVER = Fact(
    "button-hand-over",
    "The kernel hands a press to winlogon.exe, which ends the session without forcing "
    "applications.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up=(
            "Start a trace session on the guest with the providers Microsoft-Windows-Winlogon "
            "and Microsoft-Windows-Kernel-Power (`logman create trace`), and let a visible "
            "program refuse WM_QUERYENDSESSION."
        ),
        action="Press the button, then stop the trace over the control channel.",
        shows=(
            "The Winlogon events behind the press name the request and its flags, and the "
            "program is asked instead of being ended."
        ),
    ),
)

BUTTON_PROCESS = Fact(
    "button-process",
    "The 1074 of a press names winlogon.exe as the process that asked.",
    FactStatus.UNCONFIRMED,
    ("administrators' logs",),
    experiment=Experiment(
        set_up=(
            "Log a user on and leave the desktop idle; note the newest record of the System log."
        ),
        action="Press the button, let the guest power off, start it and read the 1074 since then.",
        shows="The 1074 of type power off has winlogon.exe in param1.",
    ),
)

RECORD_1074 = Fact(
    "record-1074",
    "User32 1074 names the process that asked, computer, reason, reason code, type (power off, "
    "restart), comment and user.",
    FactStatus.DOCUMENTED,
    ("etw: User32",),
)

RECORD_1074_BEFORE_VETO = Fact(
    "record-1074-before-veto",
    "Windows records 1074 for a press before the applications have agreed to end.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Start a visible program on the desktop that answers FALSE to WM_QUERYENDSESSION.",
        action=(
            "Press the button and, while the blocking screen is shown, read the System log over "
            "the control channel."
        ),
        shows="A 1074 that is younger than the press is there while the program still runs.",
    ),
)

RECORD_1074_WINRM = Fact(
    "record-1074-winrm",
    "For `shutdown /s /t 0` over WinRM, 1074 names wininit.exe with reason 0x800000ff.",
    FactStatus.UNCONFIRMED,
    ("logs",),
    experiment=Experiment(
        set_up="Log nobody on, or a user with an idle desktop.",
        action="Run `shutdown /s /t 0` over WinRM, start the guest again and read the 1074.",
        shows=(
            "The 1074 names wininit.exe with that reason, and not shutdown.exe as it does for "
            "the same command on the desktop."
        ),
    ),
)

RECORD_1073_1075_1076 = Fact(
    "record-1073-1075-1076",
    "User32 1073 is a failed attempt, 1075 an aborted shutdown, 1076 the reason given for an "
    "unexpected one.",
    FactStatus.DOCUMENTED,
    ("etw: User32",),
)

RECORD_1073_GIVEN_UP = Fact(
    "record-1073-given-up",
    "A shutdown that is given up on its blocking screen is recorded as 1073.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Start a visible program on the desktop that refuses WM_QUERYENDSESSION.",
        action=(
            "Press the button, choose Cancel on the blocking screen by keys, and read the System "
            "log."
        ),
        shows=(
            "A 1073 that is younger than the press; without one, no record tells that it was "
            "given up."
        ),
    ),
)

RECORD_109 = Fact(
    "record-109",
    "Kernel-Power 109 carries ShutdownActionType (4 shut down, 5 restart, 6 power off) and "
    "ShutdownReason (0 button or lid, 4 application, 5 kernel call, 7 idle).",
    FactStatus.DOCUMENTED,
    (
        "etw: Kernel-Power",
        "logs",
    ),
)

RECORD_109_REASON = Fact(
    "record-109-reason",
    "109 has reason 5 (kernel call) in nearly every shutdown, those by the button included: it "
    "does not prove a button.",
    FactStatus.SEEN,
    (
        "cloud-hypervisor#7929",
        "sup: event-id-41-restart",
        "logs",
    ),
)

RECORD_42_107 = Fact(
    "record-42-107",
    "Kernel-Power 42 is the way to sleep, with target and effective state and a reason; 107 is "
    "the return.",
    FactStatus.DOCUMENTED,
    ("etw: Kernel-Power",),
)

RECORD_42_REASON = Fact(
    "record-42-reason",
    "The reasons of 42 have the numbers of 109: 0 button or lid, 7 idle.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Set the power button to sleep, and STANDBYIDLE to 60 seconds.",
        action=(
            "Press the button and wake the guest; then leave it alone until it sleeps, and wake "
            "it again."
        ),
        shows="The first record 42 has Reason 0, the second 7.",
    ),
)

RECORD_42_STATES = Fact(
    "record-42-states",
    "Kernel-Power 42 has TargetState 5 for both hibernation and a hybrid shutdown, and "
    "EffectiveState 5 for the first and 6 for the second, as the power IRP has.",
    FactStatus.UNCONFIRMED,
    ("learn: Distinguishing Fast Startup from Wake-from-Hibernation",),
    experiment=Experiment(
        set_up="Turn hibernation and fast startup on.",
        action=(
            "Run `shutdown /h`, start the guest, then shut it down with `shutdown /s /hybrid /t "
            "0` and start it again."
        ),
        shows="The first record 42 has TargetState 5 and EffectiveState 5, the second 5 and 6.",
    ),
)

WAKE_SOURCE_NUMBERS = Fact(
    "wake-source-numbers",
    "Power-Troubleshooter 1 gives the wake source as a number of which 1 is the power button.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Let the guest sleep in S3.",
        action=(
            "Wake it by the power button, by `system_wakeup`, by a key and by a wake timer in turn."
        ),
        shows=(
            "WakeSourceType of the records: 1 after the button, and another number after each of "
            "the others."
        ),
    ),
)

RECORD_12_13 = Fact(
    "record-12-13",
    "Kernel-General 12 is the start of the system, 13 its stop.",
    FactStatus.DOCUMENTED,
    ("etw: Kernel-General",),
)

RECORD_EVENTLOG = Fact(
    "record-eventlog",
    "EventLog 6005 is a start of the log, 6006 its orderly stop, 6008 an unexpected one, 6009 "
    "the version, 6013 the uptime.",
    FactStatus.DOCUMENTED,
    ("etw: Eventlog",),
)

RECORD_SERVICE_CONTROL = Fact(
    "record-service-control",
    "Service Control Manager 7011 is a timeout, 7031 and 7034 a crash, 7036 a change of state, "
    "7043 a service that overran its preshutdown timeout.",
    FactStatus.DOCUMENTED,
    ("etw: Service Control Manager",),
)

RECORD_BOOT = Fact(
    "record-boot",
    "Kernel-Boot 20 tells whether the last shutdown and boot were good; 27 has the boot type: 0 "
    "cold, 1 hybrid.",
    FactStatus.SEEN,
    ("logs of Windows 11",),
)

RECORD_BOOT_TYPE_RESUME = Fact(
    "record-boot-type-resume",
    "Boot type 2 of Kernel-Boot 27 is a resume from hibernation.",
    FactStatus.UNCONFIRMED,
    ("one forensics test",),
    experiment=Experiment(
        set_up="Turn hibernation on.",
        action="Run `shutdown /h`, wait for the power-off, and start the guest.",
        shows="The Kernel-Boot 27 of that start has BootType 2.",
    ),
)

RECORD_ORDER_CLIENT = Fact(
    "record-order-client",
    "A client records an orderly stop as 1074, 6006, 109, 13.",
    FactStatus.SEEN,
    ("logs",),
)

RECORD_ORDER_DC = Fact(
    "record-order-dc",
    "A domain controller records an orderly stop as 1074, 109, 6006, and 13 is sometimes missing.",
    FactStatus.SEEN,
    ("logs",),
)

RECORD_1074_TWICE = Fact(
    "record-1074-twice",
    "A user's power-off is recorded twice: by the shell and by winlogon.exe with reason 0x500ff.",
    FactStatus.SEEN,
    ("logs",),
)

BUTTON_REASON_CODE = Fact(
    "button-reason-code",
    'Reason 0x500ff in 1074, "No title for this reason could be found", is ascribed to the power '
    "button, though older releases write it after the Start menu too.",
    FactStatus.REPORTED,
    ("administrators' logs",),
    experiment=Experiment(
        set_up="Log a user on and leave the desktop idle.",
        action=(
            "Shut down by the button, by the Start menu and by Alt+F4 in turn, with a start in "
            "between."
        ),
        shows="The 1074 of the button has 0x500ff, those of the other two another reason.",
    ),
)

SERVICING_REASON_CODES = Fact(
    "servicing-reason-codes",
    "shutdown.exe writes reason 0x800000ff, servicing 0x80020003, Windows Update 0x80020010.",
    FactStatus.SEEN,
    ("logs",),
)

WINSRV_RECORDS = Fact(
    "winsrv-records",
    "Winsrv 10001 and 10002 name the applications that hold a shutdown, in the Application log.",
    FactStatus.UNCONFIRMED,
    (
        "etw: Winsrv",
        "two applications' changelogs",
    ),
    experiment=Experiment(
        set_up=(
            "Start a visible program on the desktop that refuses WM_QUERYENDSESSION, then one "
            "whose window does not answer."
        ),
        action=(
            "Press the button, wait for the blocking screen, end the program, and after the next "
            "start search every log for provider Winsrv."
        ),
        shows=(
            "The Application log has 10001 or 10002 with the program as AppName, for the "
            "refusing program, the silent one, or both."
        ),
    ),
)

WINLOGON_ETW = Fact(
    "winlogon-etw",
    "The events of Winlogon and Wininit about a shutdown need a trace session; they are not in "
    "the default logs.",
    FactStatus.DOCUMENTED,
    ("etw: Winlogon",),
)

LATE_PROGRAMS_FAIL = Fact(
    "late-programs-fail",
    "While services are being stopped, Windows starts no new program for a control channel that "
    "still answers.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up=(
            "Install a service that takes two minutes for PRESHUTDOWN, and the guest agent, "
            "whose service may stop later than WinRM."
        ),
        action=(
            "Press the button and, every second from the moment that the service was told, run "
            "`cmd /c ver` over WinRM and over the agent."
        ),
        shows="A start fails, with 0xC0000142 or 1115, while the port or the agent still answers.",
    ),
)

BOOTSTAT_BUTTON = Fact(
    "bootstat-button",
    "`Bootstat.dat` records the time of a short press of the button under QEMU.",
    FactStatus.UNCONFIRMED,
    ("ddk: blackbox BSD",),
    experiment=Experiment(
        set_up=r"Set the power button to do nothing; copy `%SystemRoot%\Bootstat.dat`.",
        action="Press the button, copy the file again, and once more after an orderly restart.",
        shows="Bytes that hold a time within a second of the press.",
    ),
)
