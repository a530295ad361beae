"""Logon, and the display."""

from __future__ import annotations

from powerdown.windows.facts.fact import Fact, Status

NO_LOGON_POLICY = Fact(
    "no-logon-policy",
    r"`WCV\Policies\System` `ShutdownWithoutLogon` (REG_DWORD) 1 allows a shutdown from the "
    "logon screen; it takes effect without a restart.",
    Status.DOCUMENTED,
    ("itpro: Shutdown: Allow system to be shut down without having to log on",),
)

NO_LOGON_DEFAULT = Fact(
    "no-logon-default",
    "Its default is 1 on clients, 0 on servers and domain controllers.",
    Status.DOCUMENTED,
    ("itpro: Shutdown: Allow system to be shut down without having to log on",),
)

NO_LOGON_PRESS = Fact(
    "no-logon-press",
    "With 0, a press at the logon screen is discarded; for which releases is not known.",
    Status.UNCONFIRMED,
    ("qcloud-documents 213/2917",),
)

SHUTDOWN_RIGHT = Fact(
    "shutdown-right",
    "Clients let Administrators, Backup Operators and Users shut down, servers the first two.",
    Status.DOCUMENTED,
    ("itpro: Shut down the system",),
)

OTHERS_LOGGED_ON = Fact(
    "others-logged-on",
    r"While others are logged on a prompt waits; `WNT\Windows` `ShutdownWarningDialogTimeout` "
    "limits it, in a unit that is not known.",
    Status.UNCONFIRMED,
    ("oVirt and Yandex image guides",),
)

DISPLAY_WAKE = Fact(
    "display-wake",
    "With the display off, the first press only lights it and the second shuts down.",
    Status.REPORTED,
    ("Nutanix AHV blog", "vm-bhyve#350"),
)

DISPLAY_SETTINGS = Fact(
    "display-settings",
    "Display sub-group 7516b95f-f776-4464-8c53-06167f40cc99 (SUB_VIDEO); timeouts are seconds, "
    "0 is never.",
    Status.DOCUMENTED,
    ("learn: Display settings overview",),
)

CONSOLE_LOCK_BLANKING = Fact(
    "console-lock-blanking",
    "VIDEOCONLOCK 8ec4b3a5-6868-48c2-be75-4f3044be88a7 blanks a locked console, by default "
    "after 60 s.",
    Status.UNCONFIRMED,
    ("winnt.h",),
)

AUTOLOGON = Fact(
    "autologon",
    '`WNT\\Winlogon` `AutoAdminLogon` "1" with user and password logs on at start; a logon '
    "banner or `AutoLogonCount` 0 ends that.",
    Status.DOCUMENTED,
    ("sup: turn-on-automatic-logon",),
)

SESSION_TIMEOUT = Fact(
    "session-timeout",
    r"`WCV\Policies\System` `ShutdownSessionTimeout` (REG_DWORD, minutes) limits how long "
    "hung sessions delay a shutdown: 3 on clients, 15 on servers.",
    Status.DOCUMENTED,
    ("policy reference",),
)

FACTS = (
    NO_LOGON_POLICY,
    NO_LOGON_DEFAULT,
    NO_LOGON_PRESS,
    SHUTDOWN_RIGHT,
    OTHERS_LOGGED_ON,
    DISPLAY_WAKE,
    DISPLAY_SETTINGS,
    CONSOLE_LOCK_BLANKING,
    AUTOLOGON,
    SESSION_TIMEOUT,
)
"""In the order of ``docs/windows-facts.md``."""
