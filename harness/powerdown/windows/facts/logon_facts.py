"""Who is logged on, and what the display shows."""

from __future__ import annotations

from powerdown.windows.facts.fact import Experiment, Fact, FactStatus

NO_LOGON_POLICY = Fact(
    "no-logon-policy",
    r"`WCV\Policies\System` `ShutdownWithoutLogon` (REG_DWORD) 1 allows a shutdown from the logon "
    "screen; it takes effect without a restart.",
    FactStatus.DOCUMENTED,
    ("itpro: Shutdown: Allow system to be shut down without having to log on",),
)

NO_LOGON_DEFAULT = Fact(
    "no-logon-default",
    "`ShutdownWithoutLogon` is 1 by default on clients, 0 on servers and domain controllers.",
    FactStatus.DOCUMENTED,
    ("itpro: Shutdown: Allow system to be shut down without having to log on",),
)

NO_LOGON_PRESS = Fact(
    "no-logon-press",
    "With `ShutdownWithoutLogon` 0, a press at the logon screen is discarded.",
    FactStatus.UNCONFIRMED,
    ("qcloud-documents 213/2917",),
    experiment=Experiment(
        set_up=(
            "Set `ShutdownWithoutLogon` to 0, turn automatic logon off, and set the button to "
            "shut down."
        ),
        action=(
            "Start to the logon screen, light it with a key, and press the button; repeat with 1."
        ),
        shows="The guest stays up without a 1074 with 0, and powers off with 1.",
    ),
)

SHUTDOWN_RIGHT = Fact(
    "shutdown-right",
    "Clients let Administrators, Backup Operators and Users shut down, servers the first two.",
    FactStatus.DOCUMENTED,
    ("itpro: Shut down the system",),
)

OTHERS_LOGGED_ON = Fact(
    "others-logged-on",
    r"While others are logged on a prompt waits, for as many seconds as `WNT\Windows` "
    "`ShutdownWarningDialogTimeout` says.",
    FactStatus.UNCONFIRMED,
    ("oVirt and Yandex image guides",),
    experiment=Experiment(
        set_up=(
            "Set `ShutdownWarningDialogTimeout` to 30, restart, and log two users on, the second "
            "at the console."
        ),
        action="Press the button and watch the screen.",
        shows=(
            "The prompt goes away 30 seconds after it came, not 30 milliseconds or minutes after."
        ),
    ),
)

DISPLAY_WAKE = Fact(
    "display-wake",
    "With the display off, the first press only lights it and the second shuts down.",
    FactStatus.REPORTED,
    (
        "Nutanix AHV blog",
        "vm-bhyve#350",
    ),
)

DISPLAY_SETTINGS = Fact(
    "display-settings",
    "Display sub-group 7516b95f-f776-4464-8c53-06167f40cc99 (SUB_VIDEO); timeouts are seconds, 0 "
    "is never.",
    FactStatus.DOCUMENTED,
    ("learn: Display settings overview",),
)

CONSOLE_LOCK_BLANKING = Fact(
    "console-lock-blanking",
    "VIDEOCONLOCK 8ec4b3a5-6868-48c2-be75-4f3044be88a7 blanks a locked console, by default after "
    "60 s.",
    FactStatus.UNCONFIRMED,
    ("winnt.h",),
    experiment=Experiment(
        set_up="Set VIDEOIDLE to 0 and leave VIDEOCONLOCK as it was installed.",
        action=(
            "Log a user on, lock the console, touch nothing, and take a picture of the screen "
            "every five seconds."
        ),
        shows="The screen turns black a minute after the lock.",
    ),
)

LOGONUI_IS_LOCKED = Fact(
    "logonui-is-locked",
    "In the session of a user who is logged on, LogonUI.exe runs exactly while the console is "
    "locked.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Log a user on.",
        action=(
            "List the processes of the console's session on the desktop, while it is locked, and "
            "at the screen of Ctrl+Alt+Del."
        ),
        shows="LogonUI.exe is listed while it is locked, and at no other time.",
    ),
)

VOLATILE_BY_SESSION = Fact(
    "volatile-by-session",
    r"`HKU\<SID>\Volatile Environment` has a subkey that is named by the number of the user's "
    "session.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up=(
            "Log one user on at the console and, where the release allows it, another over "
            "Remote Desktop."
        ),
        action="Run `query session` and `reg query` of both `Volatile Environment` keys.",
        shows="Each key's subkey is the number of its user's session.",
    ),
)

LOGOFF_HOME = Fact(
    "logoff-home",
    "Home editions have logoff.exe.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Start a guest with a Home edition.",
        action="Run `where logoff`.",
        shows="Exit code 0.",
    ),
)

AUTOLOGON = Fact(
    "autologon",
    r'`WNT\Winlogon` `AutoAdminLogon` "1" with user and password logs on at start; a logon banner '
    "or `AutoLogonCount` 0 ends that.",
    FactStatus.DOCUMENTED,
    ("sup: turn-on-automatic-logon",),
)

SESSION_TIMEOUT = Fact(
    "session-timeout",
    r"`WCV\Policies\System` `ShutdownSessionTimeout` (REG_DWORD, minutes) limits how long hung "
    "sessions delay a shutdown: 3 on clients, 15 on servers.",
    FactStatus.DOCUMENTED,
    ("policy reference",),
)
