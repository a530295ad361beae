"""What to do about each cause and risk; the commands can be pasted into the guest."""

from __future__ import annotations

from powerdown.guest.guest_baseline import GuestBaseline
from powerdown.windows import commands, registry_paths
from powerdown.windows.commands import ButtonAction

_BUTTON = " & ".join(commands.set_power_button(ButtonAction.SHUT_DOWN))

PRESS_AGAIN = (
    "Press again once the guest has armed its power button (PM1_EN bit 8); QEMU drops a press "
    "before that without a trace."
)
BOOT_FAILURE = (
    "The guest has used its whole boot budget without arming its power button: look at the "
    "screenshot. Restore the image, or raise [budgets] boot if it is only slow."
)
SET_BUTTON = (
    f"Set the power button to shut down: {_BUTTON}. If a policy sets it: "
    f'reg delete "{commands.POWER_BUTTON_POLICY_KEY}" /f & powercfg /setactive SCHEME_CURRENT'
)
FIND_RESTART = (
    "Find who asked for the restart: User32 1074 in the System log names the process. If an "
    "update asked, install pending updates and restart before the image is published."
)
SHUT_DOWN_SOFTLY = (
    "Shut down softly. After a forced stop check the volume (fsutil dirty query C:), pending "
    "updates and documents."
)
LOOK_AT_HOST = "Look at the host: QEMU's standard error and the QMP transcript."
START_IT = "The guest is off already. Start it again: QMP quit or virsh destroy, then start."
LET_IT_BOOT = (
    "Wait until the guest has armed its power button (PM1_EN bit 8) and look again. If it never "
    "does, look at its screen: it hangs or waits for input in its firmware or boot loader, or its "
    "system does not use ACPI."
)
SHUTDOWN_IS_UNDER_WAY = (
    "A shutdown or restart seems to be under way already: wait for it, or find who asked for it "
    "(User32 1074 in the System log)."
)
LET_IT_RUN = (
    "The host has stopped the guest's CPUs: let them run (QMP cont, virsh resume) and press again. "
    "If you did not pause it, see QEMU's log: a full disk of the host pauses guests too."
)
LOOK_HOW_IT_ENDED = (
    "Repeat the press with a stable connection. How this one ended may be in libvirt (virsh "
    "domstate --reason NAME; its log of the domain) and in the guest's System log at its "
    "next start."
)
LOOK_WHERE_IT_IS = (
    "The guest was migrated or saved: continue where it was migrated to, or start the domain "
    "again, and press there."
)
CONNECT_AGAIN = (
    "The guest's state since then is not known: another client may have taken QEMU's monitor, or "
    "the management daemon was restarted. Connect again and check."
)
WAKE_FAILED = (
    "After the wake-up the firmware has not mapped the ACPI registers again: a fault of QEMU's "
    "machine or firmware, not of the guest. Known of SeaBIOS on q35; use machine type pc, or UEFI."
)
WAKE = (
    "Wake the guest (QMP system_wakeup, virsh dompmwakeup) and press again. To keep it awake: "
    "powercfg /change standby-timeout-ac 0, and where the button sleeps: " + _BUTTON
)
NO_HIBERNATION = (
    "A guest that is saved to disk is not shut down. powercfg /hibernate off removes hibernation "
    "and fast startup; where the button hibernates: " + _BUTTON
)
NO_FAST_STARTUP = (
    "Fast startup saves the kernel to disk instead of ending it: powercfg /hibernate off, or "
    r'reg add "HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Power" /v HiberbootEnabled '
    "/t REG_DWORD /d 0 /f"
)
_DISPLAY_ON = (
    "powercfg /change monitor-timeout-ac 0 & powercfg /setacvalueindex SCHEME_CURRENT "
    "7516b95f-f776-4464-8c53-06167f40cc99 8ec4b3a5-6868-48c2-be75-4f3044be88a7 0 & "
    "powercfg /setactive SCHEME_CURRENT"
)
KEEP_DISPLAY_ON = (
    "The display was off and the press only lit it: press again. To prevent it: " + _DISPLAY_ON
)
DISPLAY_STAYS_ON = f"Keep the display on: {_DISPLAY_ON}"
ALLOW_WITHOUT_LOGON = (
    r"Allow it: reg add HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System "
    "/v ShutdownWithoutLogon /t REG_DWORD /d 1 /f (no restart needed)"
)
TRACKER_OFF = (
    "Close the dialog (Esc) and turn the Shutdown Event Tracker off: "
    r'reg add "HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Reliability" /v ShutdownReasonOn '
    "/t REG_DWORD /d 0 /f, and the same for ShutdownReasonUI"
)
STAY_AWAKE = (
    "Keep it awake: powercfg /change standby-timeout-ac 0 & powercfg /change hibernate-timeout-ac 0"
    ". S3 and S4 can also be disabled on the host (-global ICH9-LPC.disable_s3=1, "
    "disable_s4=1; libvirt: <pm>)."
)
POWER_OFF_AT_THE_END = (
    f'reg delete "{registry_paths.NT_POLICY}" /v DontPowerOffAfterShutdown /f'
    ", or disable the policy that sets it"
)
NO_BLOCKING_APPS = (
    f'reg delete "{registry_paths.WINDOWS_POLICY}" /v AllowBlockingAppsAtShutdown /f'
    ", or disable the policy that sets it"
)
CLOSE_VOLUME = (
    "Start it once, let Windows check its volume, and shut it down softly (shutdown /s /t 0) "
    "before it is published."
)
RESTORE_HIVE = (
    r"Restore the image, or the hive in Windows\System32\config from a backup: Windows cannot "
    "start without it."
)
FINISH_SETUP = (
    "Let its setup finish (Sysprep, out-of-box experience) before you press; an answer file "
    "answers its questions. In a generalized image this state is intended."
)
END_APPLICATION = (
    "Close the application (taskkill /f /im NAME; unsaved work in it is lost) and the shutdown "
    "goes on. To let Windows end such applications by itself: reg add "
    r'"HKU\SID\Control Panel\Desktop" /v AutoEndTasks /t REG_SZ /d 1 /f for the user who is '
    "logged on, from the next logon on"
)
LIMIT_APPLICATIONS = (
    "Windows ends such applications by itself here (AutoEndTasks), but late. Limit their time; "
    r'reg add "HKU\SID\Control Panel\Desktop" /v WaitToKillAppTimeout /t REG_SZ /d 2000 /f '
    "for the user who is logged on, and the same for HungAppTimeout, from the next logon on. What "
    "the application has not saved by then is lost: close it before instead"
)
STOP_SERVICE = (
    "Stop the service before (sc.exe stop NAME), update or remove it (sc.exe delete NAME), or "
    r"limit its time: reg add HKLM\SYSTEM\CurrentControlSet\Services\NAME /v PreshutdownTimeout "
    "/t REG_DWORD /d 10000 /f and restart"
)
LIMIT_SERVICES = (
    r"Limit the time of services: reg add HKLM\SYSTEM\CurrentControlSet\Control "
    "/v WaitToKillServiceTimeout /t REG_SZ /d 5000 /f and restart; then find the service that "
    "does not stop (sc.exe queryex type= service)"
)
FINISH_UPDATES = (
    "Let the updates finish: restart the guest (shutdown /r /t 0) until none is pending, before "
    "the image is published; until then give the shutdown more time. Do not force it off."
)
INVESTIGATE_CRASH = (
    "The system crashed. Start it again (virsh reset, or power off and on), look up the stop code "
    "and the dump, and check what was installed last."
)
INVESTIGATE_HANG = (
    "The guest does not service interrupts: only a reset or forced power-off helps. Start it "
    "again, check drivers and firmware, and look for the cause in its System log."
)
FIND_BUSY_PROCESS = (
    "Something keeps every virtual CPU busy at top priority. If the guest never "
    "answers again, force it off, start it and find the process or service before it starts: "
    "scan for malware."
)
FIND_ABORTER = (
    "Something aborts shutdowns: User32 1075 names the account. Find the process or scheduled "
    "task that calls shutdown /a, and scan for malware."
)
RESTORE_PRIVILEGE = (
    "The account lacks the right to shut the system down (SeShutdownPrivilege): give it back with "
    "secedit or in Local Security Policy, User Rights Assignment."
)
REPAIR_SYSTEM = (
    "A core process of Windows ended and forced a restart: check the system files (sfc /scannow), "
    "security software, and scan for malware."
)
ASK_INSIDE = (
    "The guest took the press and did nothing, and its inside could not be asked. From outside "
    "these look alike: the power button is set to nothing, or to the display only "
    f"({commands.QUERY_POWER_BUTTON}); nobody is logged on and ShutdownWithoutLogon is 0; "
    "the account lacks the right to shut down; something aborts shutdowns. Ask it over WinRM or "
    "the guest agent, or look at its screen."
)
LOOK_AT_EVIDENCE = "The evidence fits no known cause: look at the screenshot and the System log."


def for_service(name: str) -> str:
    """What to do about a service that blocks a shutdown.

    A hostile guest may choose a service name that does something else in a command line: then the
    text has a placeholder instead.
    """
    harmless = all(c.isascii() and (c.isalnum() or c in "_.$-") for c in name)
    return STOP_SERVICE.replace("NAME", name) if harmless else STOP_SERVICE


def for_applications(baseline: GuestBaseline | None) -> str:
    """What to do about applications that block a shutdown, by what is already set."""
    ends_tasks = baseline is not None and baseline.auto_end_tasks is True
    return LIMIT_APPLICATIONS if ends_tasks else END_APPLICATION
