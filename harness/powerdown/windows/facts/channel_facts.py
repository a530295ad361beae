"""WinRM, the guest agent, and the commands that they run."""

from __future__ import annotations

from powerdown.windows.facts.fact import Experiment, Fact, FactStatus

WINRM_DEFAULTS = Fact(
    "winrm-defaults",
    "WinRM listens at ports 5985 and 5986 and refuses Basic authentication and unencrypted "
    "traffic by default; NTLM needs neither.",
    FactStatus.DOCUMENTED,
    ("learn: Installation and configuration for Windows Remote Management",),
)

WINRM_REGISTRY = Fact(
    "winrm-registry",
    "WinRM's configuration is in the registry as public exports and image scripts have it: "
    r"listeners below `WCV\WSMAN\Listener`, `allow_unencrypted` and `auth_basic` below "
    r"`WCV\WSMAN\Service`.",
    FactStatus.UNCONFIRMED,
    (
        "registry exports",
        "image build scripts",
    ),
    experiment=Experiment(
        set_up="Run `winrm quickconfig` on a fresh installation.",
        action=(
            "Change a listener, AllowUnencrypted and Basic by `winrm set`, and read the keys "
            "after each."
        ),
        shows=(
            "Each change is at its place in the registry, and a value written there while the "
            "guest is off is what `winrm get` prints."
        ),
    ),
)

HTTP_DATE_HEADER = Fact(
    "http-date-header",
    "http.sys sends the header `Date` with every answer, the 401 of WinRM included.",
    FactStatus.UNCONFIRMED,
    ("RFC 9110, 6.6.1",),
    experiment=Experiment(
        set_up="Turn WinRM on.",
        action="Send a POST without authentication to `/wsman` at port 5985.",
        shows="The 401 has a header `Date`, within a second of the guest's clock.",
    ),
)

HTTP_SYS_CLOSES_LATE = Fact(
    "http-sys-closes-late",
    "http.sys closes its idle connections when the WinRM service stops, not as late as the end "
    "of the network.",
    FactStatus.UNCONFIRMED,
    ("learn: Configuring the HTTP Server API Wide Timers",),
    experiment=Experiment(
        set_up="Turn WinRM on, and install a service that takes a minute for PRESHUTDOWN.",
        action=(
            "Open a connection to port 5985, send nothing, press the button, and note when it is "
            "closed and when the port refuses."
        ),
        shows=(
            "The connection ends within a second of the 7036 that says that WinRM has stopped, "
            "while the other service still waits."
        ),
    ),
)

SHUTDOWN_EXE_OTHERS = Fact(
    "shutdown-exe-others",
    "`shutdown /s /t 0` over WinRM fails with error 1191 while another user is logged on.",
    FactStatus.UNCONFIRMED,
    ("learn: InitiateShutdownW function",),
    experiment=Experiment(
        set_up="Log another user on at the console than the one of WinRM.",
        action="Run `shutdown /s /t 0` over WinRM.",
        shows=(
            "It ends with 1191, and the guest stays up; after a logoff of the other user it "
            "powers off."
        ),
    ),
)

CERTUTIL_ANTIVIRUS = Fact(
    "certutil-antivirus",
    "Windows' own antivirus lets `certutil -decode` pass.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Leave Windows Defender on, with current definitions.",
        action=(
            "Decode a probe program with `certutil -decode` over the control channel, and run it."
        ),
        shows="Exit code 0, the file is there a minute later, and Defender's log has no entry.",
    ),
)

TASK_NO_PASSWORD = Fact(
    "task-no-password",
    "`schtasks /create /it` over WinRM asks for no password when the task is for the caller's "
    "own account.",
    FactStatus.UNCONFIRMED,
    ("learn: schtasks create",),
    experiment=Experiment(
        set_up="Log the user of WinRM on at the console.",
        action=(
            "Run `schtasks /create /f /it /sc once /st 00:00 /tn T /tr notepad.exe` over WinRM, "
            "then `schtasks /run /tn T`."
        ),
        shows="Exit code 0 without a prompt, and the program runs in the console's session.",
    ),
)

TASK_INTERACTIVE_GROUP = Fact(
    "task-interactive-group",
    "A task of the group INTERACTIVE runs on the desktop of whoever is logged on, without a "
    "password.",
    FactStatus.REPORTED,
    ("public administration scripts",),
    experiment=Experiment(
        set_up="Log a user on, and use the guest agent, which is LocalSystem.",
        action="Create a task with `/ru INTERACTIVE` and run it.",
        shows="The program runs in the console's session as the user.",
    ),
)

TASKLIST_FILTER_NAMES = Fact(
    "tasklist-filter-names",
    "`tasklist /fi` takes the English names of filters on localised releases.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Install releases in German and in Japanese.",
        action='Run `tasklist /fo csv /nh /fi "IMAGENAME eq lsass.exe"`.',
        shows="One line that names lsass.exe.",
    ),
)

SC_WORDS_ENGLISH = Fact(
    "sc-words-english",
    "The words in brackets that `sc.exe query` prints are English on localised releases.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Install releases in German and in Japanese.",
        action="Run `sc.exe query` and compare with an English release.",
        shows="The same words, such as STOPPABLE and ACCEPTS_PRESHUTDOWN.",
    ),
)

FOR_F_65001 = Fact(
    "for-f-65001",
    "`for /f` reads the output of programs under code page 65001 on releases before Windows 10.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Start Windows 7 or Server 2008 R2.",
        action=(
            "Over WinRM run `chcp 65001` and then a `for /f` that echoes each line of a "
            "command's output."
        ),
        shows="All lines are printed.",
    ),
)

FOR_EXIT_CODE = Fact(
    "for-exit-code",
    "The interpreter that runs a FOR loop exits with the code of the last command in it.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Use any release.",
        action='Run `cmd /c "for %i in (1) do cmd /c exit 7"` through the guest agent.',
        shows="The exit code that the agent reports: 7.",
    ),
)

CHCP_BELOW_SERVICE = Fact(
    "chcp-below-service",
    "chcp finds a console below a service such as the guest agent.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Install the guest agent and a file whose name is not ASCII.",
        action="Run `chcp 65001` and then `dir` of that file through the agent.",
        shows="The name arrives as UTF-8.",
    ),
)

WINRM_TOKEN_FILTER = Fact(
    "winrm-token-filter",
    r"A local administrator over the network has full rights only with `WCV\Policies\System` "
    "`LocalAccountTokenFilterPolicy` 1.",
    FactStatus.DOCUMENTED,
    ("learn: User Account Control and remote restrictions",),
)

AGENT_SERVICE = Fact(
    "agent-service",
    "The guest agent is the service QEMU-GA and runs as LocalSystem.",
    FactStatus.DOCUMENTED,
    ("qemu:qga/installer/qemu-ga.wxs",),
)

AGENT_FORCES = Fact(
    "agent-forces",
    "guest-shutdown forces applications (EWX_FORCE), with reason 0x80000000.",
    FactStatus.DOCUMENTED,
    ("qemu:qga/commands-win32.c",),
)

CLOCK_LOCAL_TIME = Fact(
    "clock-local-time",
    "Windows keeps local time in the hardware clock unless `RealTimeIsUniversal` is 1.",
    FactStatus.REPORTED,
    (
        "qemu documentation, -rtc",
        "image guides",
    ),
)

VIRTIO_DRIVERS = Fact(
    "virtio-drivers",
    "Without virtio drivers a guest needs SATA or NVMe, e1000e and a standard display.",
    FactStatus.DOCUMENTED,
    ("virtio-win",),
)

HYPERV_FLAGS = Fact(
    "hyperv-flags",
    "Every Hyper-V enlightenment is off unless asked for; stimer needs vpindex, synic and time.",
    FactStatus.DOCUMENTED,
    ("qemu:docs/system/i386/hyperv.rst",),
)
