"""Update work: services that wait at a shutdown, and marks of work that is left."""

from __future__ import annotations

from powerdown.windows.facts.fact import Experiment, Fact, FactStatus

PRESHUTDOWN_PHASE = Fact(
    "preshutdown-phase",
    "A service that accepts PRESHUTDOWN (accept bit 0x100, control 0x0F) gets it before "
    "SHUTDOWN, and the service control manager waits until it has stopped or its timeout is "
    "over.",
    FactStatus.DOCUMENTED,
    ("w32: Services, service control handler function",),
)

PRESHUTDOWN_DEFAULT = Fact(
    "preshutdown-default",
    "The default preshutdown timeout is 10 000 ms from build 15063, 180 000 ms before.",
    FactStatus.DOCUMENTED,
    ("learn: SERVICE_PRESHUTDOWN_INFO structure",),
)

PRESHUTDOWN_VALUE = Fact(
    "preshutdown-value",
    r"A service's preshutdown timeout is stored as `CCS\Services\<service>` `PreshutdownTimeout`, "
    "REG_DWORD, milliseconds.",
    FactStatus.SEEN,
    ("hives",),
)

PRESHUTDOWN_VALUE_EFFECT = Fact(
    "preshutdown-value-effect",
    "A `PreshutdownTimeout` that was written by `reg add` counts after a restart.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up=(
            "Install a service that accepts PRESHUTDOWN and never stops, with the timeout at 20 "
            "seconds."
        ),
        action=(
            "Set `PreshutdownTimeout` to 60 seconds by `reg add` and press the button; start the "
            "guest and press again."
        ),
        shows="The time from PRESHUTDOWN to the end of the wait: 20 and then 60 seconds.",
    ),
)

PROTECTED_SERVICE_KEYS = Fact(
    "protected-service-keys",
    "The keys of Windows' own update services (TrustedInstaller, UsoSvc, wuauserv) refuse writes "
    "by administrators.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Use an elevated account of the Administrators group.",
        action=(
            "Run `reg add` for `PreshutdownTimeout` on the key of every service that has the value."
        ),
        shows=(
            "Access is denied for these services, and `reg add` succeeds for a third-party service."
        ),
    ),
)

PRESHUTDOWN_ORDER = Fact(
    "preshutdown-order",
    r"`CCS\Control` `PreshutdownOrder`, REG_MULTI_SZ, orders the services that get PRESHUTDOWN.",
    FactStatus.DOCUMENTED,
    ("w32: Services, service control handler function",),
)

PRESHUTDOWN_OWN_SERVICES = Fact(
    "preshutdown-own-services",
    "Windows' own services ask for long: gpsvc 900 000 ms, TrustedInstaller, UsoSvc and "
    "DeviceInstall 3 600 000 ms, wuauserv of 2008 R2 57 600 000 ms.",
    FactStatus.SEEN,
    ("hives",),
)

PRESHUTDOWN_ENDLESS = Fact(
    "preshutdown-endless",
    "Third-party services ask for 2 147 483 647 ms, as VMTools does.",
    FactStatus.SEEN,
    ("hives",),
)

UPDATE_MARKERS = Fact(
    "update-markers",
    r"Pending work leaves the keys `RebootPending` and `RebootInProgress` below `WCV\Component "
    r"Based Servicing` and `RebootRequired` below `WCV\WindowsUpdate\Auto Update`, though a "
    "marker does not prove that this shutdown will be slow.",
    FactStatus.REPORTED,
    ("public administration scripts",),
)

MARKER_KEY_WRITABLE = Fact(
    "marker-key-writable",
    r"An administrator may add `RebootPending` below `WCV\Component Based Servicing`, whose key "
    "belongs to TrustedInstaller.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Use an elevated account of the Administrators group, with no update pending.",
        action="Run `reg add` for the key `RebootPending`, and remove it again.",
        shows="Exit code 0, and the key is there in between.",
    ),
)

SERVICING_LISTS = Fact(
    "servicing-lists",
    r"`PackagesPending` and `SessionsPending` below `WCV\Component Based Servicing` mark work "
    "that a shutdown still has to do.",
    FactStatus.UNCONFIRMED,
    ("public administration scripts",),
    experiment=Experiment(
        set_up="Use a guest without pending work, and a package that needs a restart.",
        action="Read both keys before `dism /add-package`, after it, and after the restart.",
        shows=(
            "They appear with the package, or `Exclusive` of the second is no longer 0, and are "
            "as before once it is complete."
        ),
    ),
)

PENDING_RENAMES = Fact(
    "pending-renames",
    r"`CCS\Control\Session Manager` `PendingFileRenameOperations` and `SetupExecute` "
    "(REG_MULTI_SZ) act at the next boot.",
    FactStatus.DOCUMENTED,
    ("learn: MoveFileEx function",),
)

PENDING_XML = Fact(
    "pending-xml",
    r"`Windows\WinSxS\pending.xml` and `PendingXmlIdentifier` are there exactly while servicing "
    "has work left for a shutdown or start.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Use a guest without pending work, and a package that needs a restart.",
        action=(
            "Look for the file and the value before `dism /add-package`, after it, after the "
            "restart, and a day later."
        ),
        shows="Both appear with the package and are gone when it is complete.",
    ),
)

UPDATE_SERVICES = Fact(
    "update-services",
    "TrustedInstaller (Windows Modules Installer), wuauserv (Windows Update) and UsoSvc (Update "
    "Orchestrator) do the work at shutdown.",
    FactStatus.SEEN,
    (
        "hives",
        "a 7043 record of UsoSvc",
    ),
)

PACKAGE_INSTALL = Fact(
    "package-install",
    "`dism /online /add-package /packagepath:… /quiet /norestart` installs a package and leaves "
    "its completion to the next shutdown and start.",
    FactStatus.DOCUMENTED,
    ("learn: DISM operating system package servicing command-line options",),
)

WUSA_REMOTE = Fact(
    "wusa-remote",
    "wusa is refused over WinRM and Windows Remote Shell with error 5.",
    FactStatus.DOCUMENTED,
    ("sup: Windows Update Standalone Installer (WUSA) returns 0x5 ERROR_ACCESS_DENIED",),
)

DISM_MSU = Fact(
    "dism-msu",
    "`dism /online /add-package` takes an .msu of a running system on every release, as it takes "
    "a .cab.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Copy one update as .msu and as .cab to a guest of each release.",
        action=(
            "Run `dism /online /add-package` with the .msu, and with the .cab after a return to "
            "the same state."
        ),
        shows="Exit code 0 or 3010, and `RebootPending`, for both.",
    ),
)

POWER_OFF_BECOMES_RESTART = Fact(
    "power-off-becomes-restart",
    "A power-off with a package pending that needs a restart is turned into a restart, by "
    "TrustedInstaller.exe with reason 0x80020003.",
    FactStatus.UNCONFIRMED,
    ("real logs, which do not show what had been asked for",),
    experiment=Experiment(
        set_up="Add a package by `dism /online /add-package` that exits with 3010.",
        action="Press the button, and read the 1074s once the guest answers again or is off.",
        shows=(
            "QEMU emits RESET instead of the power-off, and a 1074 of type restart by "
            "TrustedInstaller.exe follows that of the press."
        ),
    ),
)

INTERRUPTED_SERVICING = Fact(
    "interrupted-servicing",
    "Servicing whose power is cut is finished or rolled back at the next start, and the shutdown "
    "after that is no longer held up.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Add a package that needs a restart.",
        action=(
            "Shut down, cut the power while TrustedInstaller works, start the guest and wait "
            "until it is idle, then press the button."
        ),
        shows=(
            "By `dism /online /get-packages` the package is installed or absent, no longer "
            "pending, and the second shutdown is as quick as one without updates."
        ),
    ),
)

NO_AUTO_UPDATE = Fact(
    "no-auto-update",
    r"`POL\Windows\WindowsUpdate\AU` `NoAutoUpdate` 1 keeps Windows from looking for updates by "
    "itself.",
    FactStatus.DOCUMENTED,
    ("learn: Windows Update policy",),
)
