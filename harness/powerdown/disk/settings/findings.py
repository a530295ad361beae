"""Risks to the soft shutdown of a Windows, from the settings on its disk.

What a value does by itself is declared with the setting, and what running guests show too is in
:mod:`setting_risks`. Here is what only the disk shows, and what depends on who will be logged on
after the next start.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from powerdown.core.outcome import Cause
from powerdown.core.severity import Severity
from powerdown.diagnosis import remedies
from powerdown.diagnosis.risks import setting_risks
from powerdown.diagnosis.risks.risk import Risk
from powerdown.diagnosis.verdict import Evidence, Source
from powerdown.disk.hiberfil import Hibernation
from powerdown.disk.settings.finding import Finding
from powerdown.windows.facts import application_facts, damage_facts, power_facts, update_facts
from powerdown.windows.settings import windows_version
from powerdown.windows.settings.application_settings import (
    AUTO_END_TASKS,
    HUNG_APP_TIMEOUT,
    WAIT_TO_KILL_APP_TIMEOUT,
)
from powerdown.windows.settings.button_settings import POWER_BUTTON, ButtonAction
from powerdown.windows.settings.logon_settings import (
    AUTOLOGON,
    DEFAULT_USER,
    SHUTDOWN_WITHOUT_LOGON,
)
from powerdown.windows.settings.readings import Origin, Reading, Readings
from powerdown.windows.settings.service_settings import PRESHUTDOWN_TIMEOUT, WINDOWS_OWN
from powerdown.windows.settings.stored_value import PowerSource
from powerdown.windows.settings.update_settings import MARK
from powerdown.windows.update_markers import MARKERS, update_work

_SERVICE_DEFAULT_MS = 180_000
"""What a service got before build 15063 that asked for nothing (fact:preshutdown-default)."""

_LONG_APPLICATION_MS = 60_000
"""Longer than anyone waits after a press."""


def findings(settings: Readings) -> tuple[Finding, ...]:
    """All findings, the most severe first."""
    found = (
        *_volume(settings),
        *_hives(settings),
        *_button(settings),
        *_by_themselves(settings),
        *_logon(settings),
        *_updates(settings),
        *_applications(settings),
        *_services(settings),
        *_setup(settings),
    )
    return tuple(sorted(found, key=lambda finding: finding.risk.severity.rank))


def _shown(*settings: Reading) -> tuple[Evidence, ...]:
    return tuple(evidence(setting) for setting in settings)


def evidence(setting: Reading) -> Evidence:
    """A setting as evidence."""
    raw = setting.shown if setting.raw is None else setting.raw
    path = f"{setting.path}: " if setting.path else ""
    return Evidence(Source.SETTINGS, None, f"{setting.name}, {setting.origin}", f"{path}{raw}")


def _by_themselves(settings: Readings) -> Iterator[Finding]:
    """Values that do harm whatever else is so."""
    for shown in setting_risks.harmful(settings):
        yield Finding(setting_risks.of_reading(shown[0], _shown(*shown)), shown)


def _volume(settings: Readings) -> Iterator[Finding]:
    for setting in settings.starting("volume-dirty"):
        if setting.value is True:
            risk = Risk(
                Cause.FORCED_SHUTDOWN,
                Severity.DELAYS,
                "the system volume is marked dirty: the power was cut, and the next start checks "
                "it, during which a press may be lost",
                _shown(setting),
                remedies.CLOSE_VOLUME,
            )
            yield Finding(risk, (setting,))
    for setting in settings.starting("hibernated"):
        if setting.value in (Hibernation.HIBERNATED, Hibernation.RESUMING):
            risk = Risk(
                Cause.ASLEEP,
                Severity.MAY_STOP,
                "the last power-off was not a full shutdown: a saved system uses the volume and is "
                "resumed at the next start",
                _shown(setting),
                remedies.NO_HIBERNATION,
                limits="the file does not show whether it was full hibernation or fast startup",
            )
            yield Finding(risk, (setting,))


def _hives(settings: Readings) -> Iterator[Finding]:
    """Hives of a disk that cannot be read; with a single hive, the others are not expected."""
    if not settings.starting("volume-dirty"):
        return
    for declared, hive in (
        (windows_version.PRODUCT, "SYSTEM"),
        (windows_version.PRODUCT_NAME, "SOFTWARE"),
    ):
        setting = settings.of(declared)
        if setting is not None and setting.origin is Origin.NOT_READ:
            risk = Risk(
                Cause.DAMAGED_SYSTEM,
                Severity.STOPS,
                f"the registry hive {hive} could not be read, and Windows needs it to start",
                _shown(setting),
                remedies.RESTORE_HIVE,
            )
            yield Finding(risk, (setting,))


def _button(settings: Readings) -> Iterator[Finding]:
    """A button that is not set, or set for a battery only."""
    on_ac = settings.of(POWER_BUTTON.on(PowerSource.AC))
    on_dc = settings.of(POWER_BUTTON.on(PowerSource.DC))
    if on_ac is None or on_dc is None or on_ac.origin is Origin.NOT_READ:
        return
    if on_ac.value == ButtonAction.SHUT_DOWN:
        harm = POWER_BUTTON.harm_of(on_dc.value)
        if harm is not None:
            risk = Risk(
                harm.cause,
                Severity.LATENT,
                f"{harm.says} on battery power",
                _shown(on_dc),
                POWER_BUTTON.remedy,
            )
            yield Finding(risk, (on_dc,))
    elif on_ac.harm is None:
        says = "is not stored" if on_ac.origin is Origin.ABSENT else "is invalid"
        risk = Risk(
            Cause.POWER_BUTTON_IGNORED,
            Severity.MAY_STOP,
            f"the action of the power button {says}",
            _shown(on_ac),
            remedies.SET_BUTTON,
            (power_facts.BUTTON_UNSET_IGNORED,),
        )
        yield Finding(risk, (on_ac,))


def _logon(settings: Readings) -> Iterator[Finding]:
    allowed, logged_on = settings.of(SHUTDOWN_WITHOUT_LOGON), settings.of(AUTOLOGON)
    if allowed is None or logged_on is None or allowed.value is not False:
        return
    says, severity = "nobody is logged on after a start", Severity.STOPS
    if logged_on.value is True:
        says, severity = "while nobody is logged on, a press may be discarded", Severity.LATENT
    shown = (allowed, logged_on)
    yield Finding(setting_risks.of_no_logon(says, severity, _shown(*shown)), shown)


def _updates(settings: Readings) -> Iterator[Finding]:
    there = [setting for setting in settings.starting(MARK) if setting.value is True]
    names = update_work(setting.name for setting in there if setting.name in MARKERS)
    shown = tuple(setting for setting in there if setting.name in names)
    if not names:
        # Only marks that no documentation names.
        shown = tuple(setting for setting in there if setting.name not in MARKERS)
    if shown:
        risk = setting_risks.of_pending_updates([s.name for s in shown], _shown(*shown))
        rests_on = tuple(dict.fromkeys(fact for setting in shown for fact in setting.facts))
        yield Finding(replace(risk, rests_on=rests_on), shown)


def _applications(settings: Readings) -> Iterator[Finding]:
    logged_on = settings.of(AUTOLOGON)
    if logged_on is None or logged_on.value is not True:
        return
    user = settings.text(DEFAULT_USER) or ""
    ends = settings.of(AUTO_END_TASKS.of(user))
    if ends is not None and ends.value is False:
        risk = Risk(
            Cause.UNRESPONSIVE_APP,
            Severity.LATENT,
            "a user is logged on automatically, and a program that does not end blocks a shutdown "
            f"without limit ({AUTO_END_TASKS.name} is 0)",
            _shown(ends, logged_on),
            remedies.END_APPLICATION,
            (application_facts.AUTO_END_TASKS,),
        )
        yield Finding(risk, (ends, logged_on))
    for declared in (HUNG_APP_TIMEOUT, WAIT_TO_KILL_APP_TIMEOUT):
        setting = settings.of(declared.of(user))
        time = None if setting is None else setting.number
        if setting is not None and time is not None and time > _LONG_APPLICATION_MS:
            risk = Risk(
                Cause.UNRESPONSIVE_APP,
                Severity.LATENT,
                f"a program that does not end delays a shutdown by {time} ms",
                _shown(setting, logged_on),
                remedies.LIMIT_APPLICATIONS,
            )
            yield Finding(risk, (setting, logged_on))


def _services(settings: Readings) -> Iterator[Finding]:
    for service, setting in settings.of_each(PRESHUTDOWN_TIMEOUT).items():
        time = setting.number
        if time is None or "disabled" in setting.note:
            continue
        risk = setting_risks.of_preshutdown(service, time, _shown(setting))
        if risk is None and time > _SERVICE_DEFAULT_MS and service.lower() not in WINDOWS_OWN:
            risk = Risk(
                Cause.UNRESPONSIVE_SERVICE,
                Severity.LATENT,
                f"service {service}, which is not one of Windows' own, may delay a shutdown by "
                f"{time} ms ({PRESHUTDOWN_TIMEOUT.name})",
                _shown(setting),
                remedies.for_service(service),
                (update_facts.PRESHUTDOWN_PHASE,),
            )
        if risk is not None:
            limits = "only a running guest shows whether it accepts preshutdown"
            yield Finding(replace(risk, limits=limits), (setting,))


def _setup(settings: Readings) -> Iterator[Finding]:
    """Tencent's page on failed shutdowns lists guests in Sysprep or their first start
    (fact:setup-ignores)."""
    switches = (windows_version.SETUP_IN_PROGRESS, windows_version.OOBE_IN_PROGRESS)
    found = (settings.of(switch) for switch in switches)
    unfinished = [setting for setting in found if setting is not None and setting.value is True]
    state = settings.of(windows_version.IMAGE_STATE)
    text = settings.text(windows_version.IMAGE_STATE)
    complete = windows_version.IMAGE_IS_COMPLETE
    if state is not None and text is not None and text.strip().upper() != complete:
        unfinished.insert(0, state)
    if unfinished:
        risk = Risk(
            Cause.DAMAGED_SYSTEM,
            Severity.MAY_STOP,
            "Windows Setup is not complete: until it is, a press may be ignored",
            _shown(*unfinished),
            remedies.FINISH_SETUP,
            (damage_facts.SETUP_IGNORES,),
        )
        yield Finding(risk, tuple(unfinished))
