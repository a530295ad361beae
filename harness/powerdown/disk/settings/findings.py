"""Risks to the soft shutdown of a Windows, from the settings on its disk.

Rules that also apply to a running guest are in :mod:`setting_risks`. Here are those for data that
is only on the disk, and those that depend on who will be logged on after the next start.
"""

from __future__ import annotations

from collections.abc import Iterator

from powerdown.core.outcome import Cause
from powerdown.diagnosis import remedies
from powerdown.diagnosis.risks import setting_risks
from powerdown.diagnosis.risks.risk import Risk, Severity
from powerdown.diagnosis.verdict import Evidence, Source
from powerdown.disk.hiberfil import Hibernation
from powerdown.disk.settings.finding import Finding
from powerdown.disk.settings.profiles import auto_end_tasks
from powerdown.disk.settings.service_timeouts import PRESHUTDOWN, WINDOWS_OWN
from powerdown.disk.settings.setting import Origin, Setting, Settings
from powerdown.disk.settings.updates import MARK
from powerdown.windows.commands import ButtonAction
from powerdown.windows.update_markers import MARKERS, update_work

_SERVICE_DEFAULT_MS = 180_000
"""What a service got before build 15063 that asked for nothing (fact:preshutdown-default)."""

_LONG_APPLICATION_MS = 60_000
"""Longer than anyone waits after a press."""

_PRESS_IGNORED = "how a press is handled then differs by release: UNCONFIRMED, test it"


def findings(settings: Settings) -> tuple[Finding, ...]:
    """All findings, the most severe first."""
    found = (
        *_volume(settings),
        *_hives(settings),
        *_button(settings),
        *_logon(settings),
        *_sleep(settings),
        *_updates(settings),
        *_applications(settings),
        *_services(settings),
        *_tracker(settings),
        *_setup(settings),
    )
    return tuple(sorted(found, key=lambda finding: finding.risk.severity.rank))


def _found(risk: Risk | None, *settings: Setting, doubt: str = "") -> Iterator[Finding]:
    if risk is not None:
        yield Finding(risk, settings, doubt)


def _shown(*settings: Setting) -> tuple[Evidence, ...]:
    return tuple(evidence(setting) for setting in settings)


def evidence(setting: Setting) -> Evidence:
    """A setting as evidence."""
    raw = setting.shown if setting.raw is None else setting.raw
    path = f"{setting.path}: " if setting.path else ""
    return Evidence(Source.SETTINGS, None, f"{setting.name}, {setting.origin}", f"{path}{raw}")


def _volume(settings: Settings) -> Iterator[Finding]:
    for setting in settings.starting("volume-dirty"):
        if setting.value is True:
            yield from _found(
                Risk(
                    Cause.FORCED_SHUTDOWN,
                    Severity.DELAYS,
                    "the system volume is marked dirty: the power was cut, and the next start "
                    "checks it, during which a press may be lost",
                    _shown(setting),
                    remedies.CLOSE_VOLUME,
                ),
                setting,
            )
    for setting in settings.starting("hibernated"):
        if setting.value in (Hibernation.HIBERNATED, Hibernation.RESUMING):
            yield from _found(
                Risk(
                    Cause.ASLEEP,
                    Severity.MAY_STOP,
                    "the last power-off was not a full shutdown: a saved system uses the volume "
                    "and is resumed at the next start",
                    _shown(setting),
                    remedies.NO_HIBERNATION,
                ),
                setting,
                doubt="the file does not show whether it was full hibernation or fast startup",
            )


def _hives(settings: Settings) -> Iterator[Finding]:
    """Hives of a disk that cannot be read; with a single hive, the others are not expected."""
    if not settings.starting("volume-dirty"):
        return
    for id, hive in (("product-type", "SYSTEM"), ("product-name", "SOFTWARE")):
        setting = settings[id]
        if setting.origin is Origin.NOT_READ:
            yield from _found(
                Risk(
                    Cause.DAMAGED_SYSTEM,
                    Severity.STOPS,
                    f"the registry hive {hive} could not be read, and Windows needs it to start",
                    _shown(setting),
                    remedies.RESTORE_HIVE,
                ),
                setting,
            )


def _button(settings: Settings) -> Iterator[Finding]:
    left_on = settings["power-left-on"]
    if left_on.value is True:
        yield from _found(
            setting_risks.of_power_left_on(_shown(left_on)),
            left_on,
            doubt="documented for shutdowns that programs request; UNCONFIRMED for a press",
        )
    on_ac, on_dc = settings["power-button-ac"], settings["power-button-dc"]
    action = _action(on_ac)
    if action is not None:
        yield from _found(setting_risks.of_button(action, _shown(on_ac)), on_ac)
        if action is ButtonAction.SHUT_DOWN:
            risk = setting_risks.of_button(
                _action(on_dc), _shown(on_dc), Severity.LATENT, on=" on battery power"
            )
            yield from _found(risk, on_dc)
        return
    if on_ac.origin is Origin.NOT_READ:
        return
    fact = (
        "the action of the power button is not stored"
        if on_ac.origin is Origin.ABSENT
        else "the stored action of the power button is invalid"
    )
    yield from _found(
        Risk(
            Cause.POWER_BUTTON_IGNORED,
            Severity.MAY_STOP,
            fact,
            _shown(on_ac),
            remedies.SET_BUTTON,
        ),
        on_ac,
        doubt="one such guest ignored the button (OpenXT#605); UNCONFIRMED for others",
    )


def _action(setting: Setting) -> ButtonAction | None:
    index = setting.value
    return ButtonAction(index) if index in set(ButtonAction) else None


def _logon(settings: Settings) -> Iterator[Finding]:
    allowed, logged_on = settings["shutdown-without-logon"], settings["autologon"]
    if allowed.value is not False:
        return
    fact, severity = "nobody is logged on after a start", Severity.STOPS
    if logged_on.value is True:
        fact, severity = "while nobody is logged on, a press may be discarded", Severity.LATENT
    fact = f"{fact} (ShutdownWithoutLogon is 0)"
    risk = setting_risks.of_no_logon(fact, severity, _shown(allowed, logged_on))
    yield from _found(risk, allowed, logged_on, doubt=_PRESS_IGNORED)


def _sleep(settings: Settings) -> Iterator[Finding]:
    fast, hibernation = settings["fast-startup"], settings["hibernation"]
    if fast.value is True:
        yield from _found(
            setting_risks.of_fast_startup(_shown(fast)),
            *(fast, hibernation),
            doubt="whether a press then causes a full shutdown is UNCONFIRMED",
        )
    standby, hibernate = settings["standby-idle-ac"], settings["hibernate-idle-ac"]
    if _positive(standby):
        yield from _found(
            Risk(
                Cause.ASLEEP,
                Severity.MAY_STOP,
                f"an idle guest goes to sleep {standby.shown}; a press does not shut down a "
                "sleeping guest",
                _shown(standby),
                remedies.STAY_AWAKE,
            ),
            standby,
            doubt="only if its machine and its display driver support S3",
        )
    if _positive(hibernate) and hibernation.value is True:
        yield from _found(
            Risk(
                Cause.ASLEEP,
                Severity.MAY_STOP,
                f"an idle guest hibernates {hibernate.shown}: it is then off without a shutdown",
                _shown(hibernate, hibernation),
                remedies.STAY_AWAKE,
            ),
            *(hibernate, hibernation),
            doubt="only if its machine supports S4",
        )
    display = settings["video-idle-ac"]
    if _positive(display):
        yield from _found(
            Risk(
                Cause.ASLEEP,
                Severity.LATENT,
                f"the display turns off {display.shown}; the first press may only turn it on",
                _shown(display),
                remedies.DISPLAY_STAYS_ON,
            ),
            display,
            doubt="reported by users of several hypervisors; UNCONFIRMED by documentation",
        )


def _positive(setting: Setting) -> bool:
    value = setting.value
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _updates(settings: Settings) -> Iterator[Finding]:
    there = [setting for setting in settings.starting(MARK) if setting.value is True]
    names = update_work(setting.name for setting in there if setting.name in MARKERS)
    shown = [setting for setting in there if setting.name in names]
    if names:
        yield from _found(
            setting_risks.of_pending_updates(names, _shown(*shown)),
            *shown,
            doubt="a marker does not prove that this shutdown is slow",
        )
    elif any(setting.name not in MARKERS for setting in there):
        more = [setting for setting in there if setting.name not in MARKERS]
        yield from _found(
            setting_risks.of_pending_updates([s.name for s in more], _shown(*more)),
            *more,
            doubt="UNCONFIRMED that these markers mean work during the shutdown",
        )


def _applications(settings: Settings) -> Iterator[Finding]:
    blocking = settings["allow-blocking-apps"]
    if blocking.value is True:
        yield from _found(
            Risk(
                Cause.UNRESPONSIVE_APP,
                Severity.LATENT,
                "programs without a visible window can also block a shutdown",
                _shown(blocking),
                remedies.NO_BLOCKING_APPS,
            ),
            blocking,
        )
    logged_on = settings["autologon"]
    if logged_on.value is not True:
        return
    user = f"{settings['default-user'].value}"
    for setting in settings.starting(auto_end_tasks(user)):
        if setting.value is False:
            yield from _found(
                Risk(
                    Cause.UNRESPONSIVE_APP,
                    Severity.LATENT,
                    "a user is logged on automatically, and a program that does not end blocks a "
                    "shutdown without limit (AutoEndTasks is 0)",
                    _shown(setting, logged_on),
                    remedies.END_APPLICATION,
                ),
                setting,
                logged_on,
            )
    for prefix in ("hung-app-timeout:", "wait-to-kill-app-timeout:"):
        for setting in settings.starting(f"{prefix}{user.lower()}"):
            time = setting.value
            if isinstance(time, int) and time > _LONG_APPLICATION_MS:
                yield from _found(
                    Risk(
                        Cause.UNRESPONSIVE_APP,
                        Severity.LATENT,
                        f"a program that does not end delays a shutdown by {time} ms",
                        _shown(setting, logged_on),
                        remedies.LIMIT_APPLICATIONS,
                    ),
                    setting,
                    logged_on,
                )


def _services(settings: Settings) -> Iterator[Finding]:
    for setting in settings.starting(PRESHUTDOWN):
        service, time = setting.id.removeprefix(PRESHUTDOWN), setting.value
        if not isinstance(time, int) or "disabled" in setting.note:
            continue
        risk = setting_risks.of_preshutdown(service, time, _shown(setting))
        if risk is None and time > _SERVICE_DEFAULT_MS and service.lower() not in WINDOWS_OWN:
            risk = Risk(
                Cause.UNRESPONSIVE_SERVICE,
                Severity.LATENT,
                f"service {service}, which is not one of Windows' own, may delay a shutdown by "
                f"{time} ms (PreshutdownTimeout)",
                _shown(setting),
                remedies.for_service(service),
            )
        yield from _found(
            risk, setting, doubt="only a running guest shows whether it accepts preshutdown"
        )
    limit = settings["wait-to-kill-service"]
    time = settings.number("wait-to-kill-service")
    if time is not None:
        yield from _found(setting_risks.of_service_limit(time, _shown(limit)), limit)


def _tracker(settings: Settings) -> Iterator[Finding]:
    tracker = settings["tracker"]
    if tracker.value is True:
        yield from _found(
            setting_risks.of_tracker(opened=False, shown=_shown(tracker)),
            tracker,
            doubt="UNCONFIRMED that its dialog delays a shutdown by the power button",
        )


def _setup(settings: Settings) -> Iterator[Finding]:
    """Tencent's page on failed shutdowns lists guests in Sysprep or their first start
    (fact:setup-ignores)."""
    state = settings["image-state"]
    unfinished = [
        settings[id]
        for id in ("setup-in-progress", "oobe-in-progress")
        if settings[id].value is True
    ]
    if isinstance(state.value, str) and state.value.strip().upper() != "IMAGE_STATE_COMPLETE":
        unfinished.insert(0, state)
    if unfinished:
        yield from _found(
            Risk(
                Cause.DAMAGED_SYSTEM,
                Severity.MAY_STOP,
                "Windows Setup is not complete: until it is, a press may be ignored",
                _shown(*unfinished),
                remedies.FINISH_SETUP,
            ),
            *unfinished,
            doubt="documented by one cloud provider; UNCONFIRMED by Microsoft's documentation",
        )
