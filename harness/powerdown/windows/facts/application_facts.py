"""What Windows does with applications and services that do not end."""

from __future__ import annotations

from powerdown.windows.facts.fact import Experiment, Fact, FactStatus

DESKTOP_VALUES = Fact(
    "desktop-values",
    r"`HKCU\Control Panel\Desktop` decides for programs that do not end: `HungAppTimeout`, "
    "`WaitToKillAppTimeout` and `AutoEndTasks`, REG_SZ.",
    FactStatus.DOCUMENTED,
    ("WI6",),
)

HUNG_APP_TIMEOUT = Fact(
    "hung-app-timeout",
    "`HungAppTimeout` is 5000 ms by default: how long one program may take to answer.",
    FactStatus.DOCUMENTED,
    ("WI6",),
)

WAIT_TO_KILL_APP = Fact(
    "wait-to-kill-app",
    "`WaitToKillAppTimeout`, the time after WM_ENDSESSION, is 20 000 ms where it is absent.",
    FactStatus.UNCONFIRMED,
    (
        "learn: SystemParametersInfo",
        "ReactOS notes",
    ),
    experiment=Experiment(
        set_up='Delete `WaitToKillAppTimeout`, set `AutoEndTasks` "1", and log the user on again.',
        action=(
            "Start a program that agrees to WM_QUERYENDSESSION and then does not return from "
            "WM_ENDSESSION; press the button."
        ),
        shows=(
            "The time from WM_ENDSESSION, which the program writes to a file, to its end: 20 "
            "seconds."
        ),
    ),
)

END_SESSION_WAIT = Fact(
    "end-session-wait",
    'With `AutoEndTasks` "1", a program that agreed and then lingers in WM_ENDSESSION is ended '
    "after `WaitToKillAppTimeout`, not after `HungAppTimeout`.",
    FactStatus.UNCONFIRMED,
    (
        "learn: SystemParametersInfo function",
        "WI6",
    ),
    experiment=Experiment(
        set_up=(
            'Set `AutoEndTasks` "1", `HungAppTimeout` "5000" and `WaitToKillAppTimeout` "30000", '
            "and log the user on again."
        ),
        action=(
            "Start a program that agrees and then stays in WM_ENDSESSION, writing the time to a "
            "file; press the button."
        ),
        shows="How long it lives after WM_ENDSESSION: 30 seconds and not 5.",
    ),
)

AUTO_END_TASKS = Fact(
    "auto-end-tasks",
    'With `AutoEndTasks` "0" the screen that lists blocking programs has no timeout; "1" ends '
    "them.",
    FactStatus.DOCUMENTED,
    ("WI6",),
)

BLOCKING_SCREEN_GIVES_UP = Fact(
    "blocking-screen-gives-up",
    "Some guests give the shutdown up after about a minute of the screen that lists blocking "
    "programs.",
    FactStatus.REPORTED,
    ("FanControl.Releases#2046",),
)

SHUTDOWN_RESUMES = Fact(
    "shutdown-resumes",
    "A shutdown that waits on its blocking screen goes on by itself once the blocking program is "
    "gone.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Start a visible program on the desktop that refuses WM_QUERYENDSESSION.",
        action=(
            "Press the button, wait for the blocking screen, and end the program with `taskkill "
            "/f` over the control channel."
        ),
        shows="The guest powers off without another press.",
    ),
)

ONE_PROFILE_HIVE = Fact(
    "one-profile-hive",
    "An account has one hive: what is set for a user over WinRM is set for the same user's "
    "desktop.",
    FactStatus.DOCUMENTED,
    ("learn: Registry Hives",),
)

DESKTOP_VALUES_EFFECT = Fact(
    "desktop-values-effect",
    r"The values of `Control Panel\Desktop` count from the user's next logon.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up=(
            'Log a user on with `AutoEndTasks` "0", and start a visible program that refuses '
            "WM_QUERYENDSESSION."
        ),
        action=(
            'Set `AutoEndTasks` "1" and press the button; give the shutdown up, log off and on, '
            "start the program and press again."
        ),
        shows=(
            "The blocking screen stays after the first press; after the second the program is "
            "ended."
        ),
    ),
)

SERVICE_TIMEOUT = Fact(
    "service-timeout",
    r"`CCS\Control` `WaitToKillServiceTimeout`, REG_SZ, milliseconds, is how long services may "
    "take at SHUTDOWN.",
    FactStatus.DOCUMENTED,
    ("w32: Services",),
)

SERVICE_TIMEOUT_EFFECT = Fact(
    "service-timeout-effect",
    "A changed `WaitToKillServiceTimeout` counts after a restart.",
    FactStatus.REPORTED,
    ("aelassas/servy, wiki: Shutdown & Teardown",),
    experiment=Experiment(
        set_up=(
            "Install a service that accepts SHUTDOWN and never stops, with the timeout at 5 "
            "seconds."
        ),
        action=(
            "Set `WaitToKillServiceTimeout` to 60 seconds and press the button; start the guest "
            "and press again."
        ),
        shows="The time from SHUTDOWN to the end of the wait: 5 and then 60 seconds.",
    ),
)

SERVICE_TIMEOUT_DEFAULT = Fact(
    "service-timeout-default",
    'Windows 8 and later set `WaitToKillServiceTimeout` to "5000", 2008 R2 to "12000".',
    FactStatus.SEEN,
    ("hives",),
)

SERVICE_TIMEOUT_DOCUMENTED = Fact(
    "service-timeout-documented",
    "The documentation gives services some 20 seconds where `WaitToKillServiceTimeout` says "
    "nothing else.",
    FactStatus.DOCUMENTED,
    (
        "w32: Services",
        "learn: RM_SHUTDOWN_TYPE enumeration",
    ),
)

HIDDEN_PROGRAMS = Fact(
    "hidden-programs",
    r"`POL\Windows\System` `AllowBlockingAppsAtShutdown` (REG_DWORD), off by default: console "
    "programs and programs without a visible window cannot block and are ended.",
    FactStatus.DOCUMENTED,
    ("itpro: ADMX_Winsrv",),
)

BLOCKING_POLICY_EFFECT = Fact(
    "blocking-policy-effect",
    "`AllowBlockingAppsAtShutdown` counts for the next shutdown, without a restart.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up=(
            "Log a user on with `AllowBlockingAppsAtShutdown` off, and start a program without a "
            "visible window that refuses WM_QUERYENDSESSION."
        ),
        action="Set it to 1 and press the button.",
        shows="The program holds the shutdown.",
    ),
)

BLOCKING_POLICY_HANDLER = Fact(
    "blocking-policy-handler",
    "With `AllowBlockingAppsAtShutdown` 1, the time limit of a console program's handler no "
    "longer applies.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up=(
            "Set `AllowBlockingAppsAtShutdown` to 1, restart, and start a console program on the "
            "desktop whose handler does not return."
        ),
        action="Press the button and let the handler write the time to a file every second.",
        shows="It goes on beyond 5 seconds, and the program is on the blocking screen.",
    ),
)

QUERY_END_SESSION = Fact(
    "query-end-session",
    "A program that answers FALSE to WM_QUERYENDSESSION, or not at all, is put on the blocking "
    "screen; ShutdownBlockReasonCreate only adds the text.",
    FactStatus.DOCUMENTED,
    (
        "learn: WM_QUERYENDSESSION message",
        "learn: ShutdownBlockReasonCreate function",
    ),
)

CONSOLE_CLOSE_EVENT = Fact(
    "console-close-event",
    "At a shutdown, a console program on the desktop gets CTRL_CLOSE_EVENT.",
    FactStatus.UNCONFIRMED,
    ("learn: HandlerRoutine callback function",),
    experiment=Experiment(
        set_up=(
            "Start a console program on the desktop that links kernel32 only and writes each "
            "event's number to a file."
        ),
        action="Press the button, let the guest power off, start it and read the file.",
        shows=(
            "The file has 2 (CTRL_CLOSE_EVENT), not 5 (CTRL_LOGOFF_EVENT) or 6 "
            "(CTRL_SHUTDOWN_EVENT)."
        ),
    ),
)

END_SESSION_FLAGS = Fact(
    "end-session-flags",
    "lParam has ENDSESSION_CLOSEAPP 1, ENDSESSION_CRITICAL 0x40000000 and ENDSESSION_LOGOFF "
    "0x80000000.",
    FactStatus.DOCUMENTED,
    ("learn: WM_QUERYENDSESSION message",),
)

ONE_SHUTDOWN_AT_A_TIME = Fact(
    "one-shutdown-at-a-time",
    "While a shutdown waits for the console user no other begins: error 1115.",
    FactStatus.DOCUMENTED,
    ("learn: ExitWindowsEx function",),
)

SHUTDOWN_EXE_FORCE = Fact(
    "shutdown-exe-force",
    "`shutdown /t` beyond 0 implies `/f`, which ends applications; `/s /t 0` does not force.",
    FactStatus.DOCUMENTED,
    ("srv: shutdown",),
)

BUTTON_FORCES = Fact(
    "button-forces",
    "A press of the button does not force applications: one that refuses holds the shutdown.",
    FactStatus.UNCONFIRMED,
    (
        "learn: power settings",
        "qcloud-documents 213/2917",
    ),
    experiment=Experiment(
        set_up=(
            "Leave the hidden setting SHUTDOWN 833a6b62-dfa4-46d1-82f8-e09e34d029d6 as it was "
            "installed, and start a visible program on the desktop that refuses "
            "WM_QUERYENDSESSION."
        ),
        action="Press the button.",
        shows="The blocking screen names the program, and the guest stays up.",
    ),
)

FORCED_SHUTDOWN_SETTING = Fact(
    "forced-shutdown-setting",
    "With the hidden setting SHUTDOWN 833a6b62-dfa4-46d1-82f8-e09e34d029d6 at 1, a press of the "
    "button forces applications.",
    FactStatus.UNCONFIRMED,
    ("learn: power settings",),
    experiment=Experiment(
        set_up=(
            "Set the hidden setting to 1 for AC and DC by `powercfg`, activate the scheme, and "
            "start a visible program on the desktop that refuses WM_QUERYENDSESSION."
        ),
        action="Press the button.",
        shows="The guest powers off without a blocking screen.",
    ),
)

CLEAR_PAGE_FILE = Fact(
    "clear-page-file",
    r"`ClearPageFileAtShutdown` 1 below `CCS\Control\Session Manager\Memory Management` makes a "
    "shutdown slow that still completes.",
    FactStatus.DOCUMENTED,
    ("itpro: Shutdown: Clear virtual memory pagefile",),
)

SESSION_ZERO = Fact(
    "session-zero",
    "Commands over WinRM and the guest agent run in session 0: no window of theirs is visible to "
    "the user.",
    FactStatus.DOCUMENTED,
    ("learn: Service Changes for Windows Vista",),
)
