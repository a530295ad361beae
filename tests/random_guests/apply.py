"""Brings a real guest into a configuration and asks it to shut down.

With the command lines and keys that the faults use. What is read at logon or at start comes first,
then a restart where it is needed, then what lives only as long as the guest is up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import PowerdownError
from powerdown.diagnosis.diagnose import is_conclusive
from powerdown.faults.no_logon_shutdown import lock, log_off
from powerdown.faults.scenario_target import ScenarioTarget
from powerdown.faults.waiting import wait_until
from powerdown.faults.windows_update import install
from powerdown.guest.probe_programs import (
    ABORTER,
    CONSOLE,
    DOCUMENT,
    HANGER,
    HIDDEN,
    HOLDER,
    LINGERER,
    REASONED,
    REFUSER,
    STUBBORN,
)
from powerdown.guest.windows import WORK_DIRECTORY
from powerdown.machine.events import named
from powerdown.scenario.scenario import Scenario
from powerdown.shutdown.observation import Observation
from powerdown.shutdown.soft_shutdown import command_inside, press_power_button
from powerdown.windows import (
    commands,
    damage_commands,
    power_commands,
)
from powerdown.windows.settings.application_settings import (
    AUTO_END_TASKS,
    BLOCKING_APPS,
    HUNG_APP_TIMEOUT,
    WAIT_TO_KILL_APP_TIMEOUT,
)
from powerdown.windows.settings.button_settings import POWER_BUTTON
from powerdown.windows.settings.logon_settings import SHUTDOWN_WITHOUT_LOGON
from powerdown.windows.settings.service_settings import WAIT_TO_KILL_SERVICE
from powerdown.windows.settings.sleep_settings import DISPLAY_IDLE, FAST_STARTUP, HIBERNATION
from powerdown.windows.settings.tracker_settings import EVENT_TRACKER
from powerdown.windows.settings.update_settings import REBOOT_PENDING

from .configuration import Ask, Configuration, Damage, Program, Session, Update

_PROGRAMS = {
    Program.DOCUMENT: (DOCUMENT, rf"{WORK_DIRECTORY}\document.txt Unsaved"),
    Program.REFUSER: (REFUSER, ""),
    Program.REASONED: (REASONED, "Copying-photos"),
    Program.HANGER: (HANGER, ""),
    Program.LINGERER: (LINGERER, "{linger_ms}"),
    Program.HIDDEN: (HIDDEN, ""),
    Program.CONSOLE: (CONSOLE, ""),
}
_SLEEP_TASK = "powerdown-sleep"
_DISPLAY_SECONDS = 2
_EVENT_SECONDS = 60.0
_DIALOG_SECONDS = 15.0


def start(scenario: Scenario, guest: Configuration) -> ScenarioTarget:
    """Boot a guest, unless it is to be caught on its way up and needs no settings before."""
    caught = guest.ask.early and not any(_settings(guest))
    return ScenarioTarget(scenario, None if caught else scenario.boot())


def bring(target: ScenarioTarget, guest: Configuration) -> None:
    """Make the guest what ``guest`` says.

    :raise PowerdownError: it cannot be made so.
    """
    settings = tuple(_settings(guest))
    if guest.ask.early:
        _begin_to_boot(target, guest, settings)
        return
    target.windows.run_all(settings)
    if guest.needs_restart:
        target.restart()
    _start_services(target, guest)
    _leave_updates(target, guest)
    if guest.dialog:
        _open_dialog(target)
    for program in guest.programs:
        probe, arguments = _PROGRAMS[program]
        arguments = arguments.format(linger_ms=guest.linger_ms)
        path = target.upload(probe)
        task = f"powerdown-{program}"
        target.windows.start_on_desktop(task, f"{path} {arguments}".strip(), probe.name)
    if guest.session is Session.LOCKED:
        lock(target)
    elif guest.session is Session.LOGGED_OFF:
        log_off(target)
    if guest.dark:
        _darken(target)
    if guest.asleep:
        _fall_asleep(target)
    if guest.damage is Damage.HANG:
        target.machine.hang_cpus()
    elif guest.damage is Damage.CRASH:
        _crash(target)


def ask(target: ScenarioTarget, guest: Configuration) -> Observation:
    """Ask it to shut down as ``guest`` says, and watch to the end."""
    machine = target.machine
    match guest.ask:
        case Ask.COMMAND:
            return command_inside(
                machine, target.windows, commands.SHUT_DOWN, is_conclusive=is_conclusive
            )
        case Ask.COMMAND_WITH_COUNTDOWN:
            return command_inside(
                machine, target.windows, damage_commands.SHUT_DOWN_SOON, is_conclusive=is_conclusive
            )
    # One that is not up has nobody inside who could be asked.
    windows = None if guest.ask.early else target.windows
    return press_power_button(
        machine, windows, is_conclusive=is_conclusive, second_press=guest.ask is Ask.PRESS_TWICE
    )


def _settings(guest: Configuration) -> Iterator[str]:
    if guest.button_ac is not None and guest.button_dc is not None:
        yield from POWER_BUTTON.set(guest.button_ac, guest.button_dc).commands
    if guest.button_policy is not None:
        yield from POWER_BUTTON.set_policy(guest.button_policy).commands
    if guest.hibernation:
        yield from HIBERNATION.set(True).commands
        yield from FAST_STARTUP.set(guest.fast_startup).commands
    if guest.shutdown_without_logon is not None:
        yield from SHUTDOWN_WITHOUT_LOGON.set(guest.shutdown_without_logon).commands
    if guest.tracker is not None:
        yield from EVENT_TRACKER.set(guest.tracker).commands
    if guest.allow_blocking_apps:
        yield from BLOCKING_APPS.set(True).commands
    if guest.auto_end_tasks:
        yield from AUTO_END_TASKS.set(True).commands
    if guest.hung_app_ms is not None:
        yield from HUNG_APP_TIMEOUT.set(guest.hung_app_ms).commands
    if guest.wait_to_kill_app_ms is not None:
        yield from WAIT_TO_KILL_APP_TIMEOUT.set(guest.wait_to_kill_app_ms).commands
    if guest.wait_to_kill_service_ms is not None:
        yield from WAIT_TO_KILL_SERVICE.set(guest.wait_to_kill_service_ms).commands
    if guest.update is Update.MARKER:
        yield from REBOOT_PENDING.set().commands


def _begin_to_boot(target: ScenarioTarget, guest: Configuration, settings: tuple[str, ...]) -> None:
    """Catch it on its way up, after a restart where it was given settings."""
    if settings:
        target.windows.run_all(settings)
        since = now()
        # The answer may be cut off by the very restart it starts.
        with suppress(PowerdownError):
            target.windows.run(commands.RESTART).checked()
        _expect(target, "RESET", since, "Run 'shutdown /r /t 0' in the guest by hand.")
    else:
        target.boot_fresh(wait=False)
    machine = target.machine
    if guest.ask is Ask.PRESS_WHEN_ARMED:
        wait_until(
            lambda: machine.probe_pm1().button_armed,
            machine,
            "the guest arm its power button",
            "Look at the screenshot.",
            target.image.budgets.boot,
        )


def _start_services(target: ScenarioTarget, guest: Configuration) -> None:
    windows = target.windows
    if guest.stubborn:
        path = target.upload(STUBBORN)
        for number in range(guest.stubborn):
            windows.start_service(f"PowerdownStubborn{number}", path)
    if guest.holders:
        path = target.upload(HOLDER)
        for number, holder in enumerate(guest.holders):
            program = f"{path} {holder.timeout_ms} {holder.work_ms}"
            windows.start_service(f"PowerdownHolder{number}", program)
    if guest.aborter:
        windows.start_service("PowerdownAborter", target.upload(ABORTER))


def _leave_updates(target: ScenarioTarget, guest: Configuration) -> None:
    package = getattr(target.image.updates, guest.update, None)
    if package is not None:
        install(target, package)


def _open_dialog(target: ScenarioTarget) -> None:
    """Alt+F4 on the empty desktop: Shut Down Windows."""
    machine = target.machine
    before = machine.sample_screen().digest
    machine.press_keys("alt", "f4")
    wait_until(
        lambda: machine.sample_screen().digest != before,
        machine,
        "a dialog after Alt+F4",
        "Is anybody logged on?",
        _DIALOG_SECONDS,
    )


def _darken(target: ScenarioTarget) -> None:
    target.windows.run_all(DISPLAY_IDLE.set(_DISPLAY_SECONDS).commands)
    machine = target.machine
    wait_until(
        lambda: machine.sample_screen().dark,
        machine,
        "the display go dark",
        "See 'powercfg /requests' in the guest.",
    )


def _fall_asleep(target: ScenarioTarget) -> None:
    target.windows.run(
        power_commands.create_system_task(_SLEEP_TASK, power_commands.SLEEP)
    ).checked()
    since = now()
    # The answer may not get out before it sleeps.
    with suppress(PowerdownError):
        target.windows.run(commands.run_task(_SLEEP_TASK)).checked()
    _expect(target, "SUSPEND", since, "See 'powercfg /a' in the guest.")


def _crash(target: ScenarioTarget) -> None:
    since = now()
    target.machine.inject_nmi()
    _expect(target, "GUEST_PANICKED", since, "Does the guest report its crashes?")


def _expect(target: ScenarioTarget, event: str, since: float, remedy: str) -> None:
    deadline = Deadline.after(_EVENT_SECONDS)
    obs = target.machine.events.wait(named(event), deadline, since)
    if obs is None or obs.name != event:
        raise deadline.expire(event, "nothing" if obs is None else str(obs), remedy)
