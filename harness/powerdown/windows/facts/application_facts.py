"""Applications and services at a shutdown."""

from __future__ import annotations

from powerdown.windows.facts.fact import Fact, Status

DESKTOP_VALUES = Fact(
    "desktop-values",
    r"`HKCU\Control Panel\Desktop` decides for programs that do not end: `HungAppTimeout`, "
    "`WaitToKillAppTimeout` and `AutoEndTasks`, REG_SZ.",
    Status.DOCUMENTED,
    ("WI6",),
)

HUNG_APP_TIMEOUT = Fact(
    "hung-app-timeout",
    "`HungAppTimeout` is 5000 ms by default: how long one program may take to answer.",
    Status.DOCUMENTED,
    ("WI6",),
)

WAIT_TO_KILL_APP = Fact(
    "wait-to-kill-app",
    "`WaitToKillAppTimeout`, the time after WM_ENDSESSION, is 20 000 ms where it is absent.",
    Status.UNCONFIRMED,
    ("learn: SystemParametersInfo", "ReactOS notes"),
)

AUTO_END_TASKS = Fact(
    "auto-end-tasks",
    'With `AutoEndTasks` "0" the screen that lists blocking programs has no timeout; "1" ends '
    "them.",
    Status.DOCUMENTED,
    ("WI6",),
)

BLOCKING_SCREEN_GIVES_UP = Fact(
    "blocking-screen-gives-up",
    "Some guests give the shutdown up after about a minute of that screen.",
    Status.REPORTED,
    ("FanControl.Releases#2046",),
)

ONE_PROFILE_HIVE = Fact(
    "one-profile-hive",
    "An account has one hive: what is set for a user over WinRM is set for the same user's "
    "desktop.",
    Status.DOCUMENTED,
    ("learn: Registry Hives",),
)

DESKTOP_VALUES_EFFECT = Fact(
    "desktop-values-effect",
    "They count from the user's next logon.",
    Status.UNCONFIRMED,
    (),
)

SERVICE_TIMEOUT = Fact(
    "service-timeout",
    r"`CCS\Control` `WaitToKillServiceTimeout`, REG_SZ, milliseconds, is how long services may "
    "take at SHUTDOWN; it counts after a restart.",
    Status.DOCUMENTED,
    ("w32: Services",),
)

SERVICE_TIMEOUT_DEFAULT = Fact(
    "service-timeout-default",
    'Windows 8 and later set it to "5000", 2008 R2 to "12000".',
    Status.SEEN,
    ("hives",),
)

SERVICE_TIMEOUT_DOCUMENTED = Fact(
    "service-timeout-documented",
    "The documentation speaks of some 20 seconds.",
    Status.DOCUMENTED,
    ("w32: Services",),
)

HIDDEN_PROGRAMS = Fact(
    "hidden-programs",
    r"`POL\Windows\System` `AllowBlockingAppsAtShutdown` (REG_DWORD), off by default: console "
    "programs and programs without a visible window cannot block and are ended.",
    Status.DOCUMENTED,
    ("itpro: ADMX_Winsrv",),
)

QUERY_END_SESSION = Fact(
    "query-end-session",
    "A program that answers FALSE to WM_QUERYENDSESSION, or not at all, is put on the blocking "
    "screen; ShutdownBlockReasonCreate only adds the text.",
    Status.DOCUMENTED,
    ("learn: WM_QUERYENDSESSION message", "learn: ShutdownBlockReasonCreate function"),
)

END_SESSION_FLAGS = Fact(
    "end-session-flags",
    "lParam has ENDSESSION_CLOSEAPP 1, ENDSESSION_CRITICAL 0x40000000 and ENDSESSION_LOGOFF "
    "0x80000000.",
    Status.DOCUMENTED,
    ("learn: WM_QUERYENDSESSION message",),
)

ONE_SHUTDOWN_AT_A_TIME = Fact(
    "one-shutdown-at-a-time",
    "While a shutdown waits for the console user no other begins: error 1115.",
    Status.DOCUMENTED,
    ("learn: ExitWindowsEx function",),
)

SHUTDOWN_EXE_FORCE = Fact(
    "shutdown-exe-force",
    "`shutdown /t` beyond 0 implies `/f`, which ends applications; `/s /t 0` does not force.",
    Status.DOCUMENTED,
    ("srv: shutdown",),
)

BUTTON_FORCES = Fact(
    "button-forces",
    "Whether the button forces applications is not known; the hidden setting SHUTDOWN "
    "833a6b62-dfa4-46d1-82f8-e09e34d029d6 may decide it.",
    Status.UNCONFIRMED,
    ("learn: power settings", "qcloud-documents 213/2917"),
)

CLEAR_PAGE_FILE = Fact(
    "clear-page-file",
    r"`ClearPageFileAtShutdown` 1 below `CCS\Control\Session Manager\Memory Management` "
    "makes a shutdown slow that still completes.",
    Status.DOCUMENTED,
    ("itpro: Shutdown: Clear virtual memory pagefile",),
)

SESSION_ZERO = Fact(
    "session-zero",
    "Commands over WinRM and the guest agent run in session 0: no window of theirs is visible "
    "to the user.",
    Status.DOCUMENTED,
    ("learn: Service Changes for Windows Vista",),
)

HIDDEN_PROGRAMS_EFFECT = Fact(
    "hidden-programs-effect",
    "A change of `AllowBlockingAppsAtShutdown` counts without a restart.",
    Status.UNCONFIRMED,
    (),
)

SERVICE_TIMEOUT_EFFECT = Fact(
    "service-timeout-effect",
    "A change of `WaitToKillServiceTimeout` counts after a restart.",
    Status.UNCONFIRMED,
    (),
)

FACTS = (
    DESKTOP_VALUES,
    HUNG_APP_TIMEOUT,
    WAIT_TO_KILL_APP,
    AUTO_END_TASKS,
    BLOCKING_SCREEN_GIVES_UP,
    ONE_PROFILE_HIVE,
    DESKTOP_VALUES_EFFECT,
    SERVICE_TIMEOUT,
    SERVICE_TIMEOUT_DEFAULT,
    SERVICE_TIMEOUT_DOCUMENTED,
    HIDDEN_PROGRAMS,
    QUERY_END_SESSION,
    END_SESSION_FLAGS,
    ONE_SHUTDOWN_AT_A_TIME,
    SHUTDOWN_EXE_FORCE,
    BUTTON_FORCES,
    CLEAR_PAGE_FILE,
    SESSION_ZERO,
    HIDDEN_PROGRAMS_EFFECT,
    SERVICE_TIMEOUT_EFFECT,
)
"""In the order of ``docs/windows-facts.md``."""
