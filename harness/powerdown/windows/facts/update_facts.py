"""Update work at a shutdown, and services before it."""

from __future__ import annotations

from powerdown.windows.facts.fact import Fact, Status

PRESHUTDOWN_PHASE = Fact(
    "preshutdown-phase",
    "A service that accepts PRESHUTDOWN (accept bit 0x100, control 0x0F) gets it before "
    "SHUTDOWN, and the service control manager waits until it has stopped or its timeout is "
    "over.",
    Status.DOCUMENTED,
    ("w32: Services, service control handler function",),
)

PRESHUTDOWN_DEFAULT = Fact(
    "preshutdown-default",
    "The default preshutdown timeout is 10 000 ms from build 15063, 180 000 ms before.",
    Status.DOCUMENTED,
    ("learn: SERVICE_PRESHUTDOWN_INFO structure",),
)

PRESHUTDOWN_VALUE = Fact(
    "preshutdown-value",
    r"It is stored as `CCS\Services\<service>` `PreshutdownTimeout`, REG_DWORD, milliseconds.",
    Status.SEEN,
    ("hives",),
)

PRESHUTDOWN_VALUE_EFFECT = Fact(
    "preshutdown-value-effect",
    "A value written by `reg add` counts after a restart.",
    Status.UNCONFIRMED,
    (),
)

PRESHUTDOWN_ORDER = Fact(
    "preshutdown-order",
    r"`CCS\Control` `PreshutdownOrder`, REG_MULTI_SZ, orders the services of that phase.",
    Status.DOCUMENTED,
    ("w32: Services, service control handler function",),
)

PRESHUTDOWN_OWN_SERVICES = Fact(
    "preshutdown-own-services",
    "Windows' own services ask for long: gpsvc 900 000 ms, TrustedInstaller, UsoSvc and "
    "DeviceInstall 3 600 000 ms, wuauserv of 2008 R2 57 600 000 ms.",
    Status.SEEN,
    ("hives",),
)

PRESHUTDOWN_ENDLESS = Fact(
    "preshutdown-endless",
    "Third-party services ask for 2 147 483 647 ms, as VMTools does.",
    Status.SEEN,
    ("hives",),
)

UPDATE_MARKERS = Fact(
    "update-markers",
    r"Pending work leaves the keys `RebootPending` and `RebootInProgress` below `WCV\Component "
    r"Based Servicing` and `RebootRequired` below `WCV\WindowsUpdate\Auto Update`. A marker "
    "does not prove that this shutdown will be slow.",
    Status.REPORTED,
    ("public administration scripts",),
)

PENDING_RENAMES = Fact(
    "pending-renames",
    r"`CCS\Control\Session Manager` `PendingFileRenameOperations` and `SetupExecute` "
    "(REG_MULTI_SZ) act at the next boot.",
    Status.DOCUMENTED,
    ("learn: MoveFileEx function",),
)

PENDING_XML = Fact(
    "pending-xml",
    r"`Windows\WinSxS\pending.xml` and `PendingXmlIdentifier` mark pending servicing.",
    Status.UNCONFIRMED,
    (),
)

UPDATE_SERVICES = Fact(
    "update-services",
    "TrustedInstaller (Windows Modules Installer), wuauserv (Windows Update) and UsoSvc "
    "(Update Orchestrator) do the work at shutdown.",
    Status.SEEN,
    ("hives", "a 7043 record of UsoSvc"),
)

PACKAGE_INSTALL = Fact(
    "package-install",
    "`dism /online /add-package /packagepath:… /quiet /norestart` installs a package and "
    "leaves its completion to the next shutdown and start.",
    Status.DOCUMENTED,
    ("learn: DISM operating system package servicing command-line options",),
)

WUSA_REMOTE = Fact(
    "wusa-remote",
    "wusa is refused in remote sessions.",
    Status.UNCONFIRMED,
    ("administrators' reports",),
)

SERVICING_LISTS = Fact(
    "servicing-lists",
    r"`PackagesPending` and `SessionsPending` below `WCV\Component Based Servicing` mark work "
    "that a shutdown still has to do.",
    Status.UNCONFIRMED,
    ("public administration scripts",),
)

SERVICING_KEY_WRITE = Fact(
    "servicing-key-write",
    r"An administrator may add a key below `WCV\Component Based Servicing`, which belongs to "
    "TrustedInstaller.",
    Status.UNCONFIRMED,
    (),
)

NO_AUTO_UPDATE = Fact(
    "no-auto-update",
    r"`POL\Windows\WindowsUpdate\AU` `NoAutoUpdate` 1 keeps Windows from looking for updates "
    "by itself.",
    Status.DOCUMENTED,
    ("learn: Windows Update policy",),
)

FACTS = (
    PRESHUTDOWN_PHASE,
    PRESHUTDOWN_DEFAULT,
    PRESHUTDOWN_VALUE,
    PRESHUTDOWN_VALUE_EFFECT,
    PRESHUTDOWN_ORDER,
    PRESHUTDOWN_OWN_SERVICES,
    PRESHUTDOWN_ENDLESS,
    UPDATE_MARKERS,
    PENDING_RENAMES,
    PENDING_XML,
    UPDATE_SERVICES,
    PACKAGE_INSTALL,
    WUSA_REMOTE,
    SERVICING_LISTS,
    SERVICING_KEY_WRITE,
    NO_AUTO_UPDATE,
)
"""In the order of ``docs/windows-facts.md``."""
