"""What to do about each cause and risk; the commands can be pasted into the guest."""

from __future__ import annotations

from powerdown.guest.guest_baseline import GuestBaseline
from powerdown.windows.settings.application_settings import (
    AUTO_END_TASKS,
    HUNG_APP_TIMEOUT,
    WAIT_TO_KILL_APP_TIMEOUT,
)
from powerdown.windows.settings.button_settings import POWER_BUTTON, ButtonAction
from powerdown.windows.settings.logon_settings import SHUTDOWN_WITHOUT_LOGON
from powerdown.windows.settings.service_settings import PRESHUTDOWN_TIMEOUT
from powerdown.windows.settings.sleep_settings import KEEP_DISPLAY_ON as KEEP_DISPLAY_ON_COMMANDS

_BUTTON = f"{POWER_BUTTON.repair()}"
_NAME = "NAME"
_SID = "SID"

PRESS_AGAIN = (
    "Press again once the guest has armed its power button (PM1_EN bit 8); QEMU drops a press "
    "before that without a trace."
)
BOOT_FAILURE = (
    "The guest has used its whole boot budget without arming its power button: look at the "
    "screenshot. Restore the image, or raise [budgets] boot if it is only slow."
)
SET_BUTTON = POWER_BUTTON.remedy
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
NO_HIBERNATION = POWER_BUTTON.remedy_of(POWER_BUTTON.harm_of(ButtonAction.HIBERNATE))
KEEP_DISPLAY_ON = (
    "The display was off and the press only lit it: press again. To prevent it: "
    + KEEP_DISPLAY_ON_COMMANDS
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
    f"goes on. To let Windows end such applications by itself: {AUTO_END_TASKS.of(_SID).remedy}"
)
LIMIT_APPLICATIONS = (
    f"Windows ends such applications by itself here ({AUTO_END_TASKS.name}), but late. Limit their "
    f"time: {WAIT_TO_KILL_APP_TIMEOUT.of(_SID).remedy}, and the same for {HUNG_APP_TIMEOUT.name}. "
    "What the application has not saved by then is lost: close it before instead"
)
STOP_SERVICE = (
    f"Stop the service before (sc.exe stop {_NAME}), update or remove it (sc.exe delete {_NAME}), "
    f"or limit its time: {PRESHUTDOWN_TIMEOUT.of(_NAME).remedy}"
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
    f"({POWER_BUTTON.powercfg_query}); nobody is logged on and "
    f"{SHUTDOWN_WITHOUT_LOGON.value_name} is 0; "
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
    return STOP_SERVICE.replace(_NAME, name) if harmless else STOP_SERVICE


def for_applications(baseline: GuestBaseline | None) -> str:
    """What to do about applications that block a shutdown, by what is already set."""
    ends = None if baseline is None else baseline.of_user(AUTO_END_TASKS)
    return LIMIT_APPLICATIONS if ends is not None and ends.value is True else END_APPLICATION
