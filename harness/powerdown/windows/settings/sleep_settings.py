"""Sleep, hibernation, fast startup and the display's rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from powerdown.core.outcome import Cause
from powerdown.core.severity import Severity
from powerdown.windows.facts import logon_facts as display_facts
from powerdown.windows.facts import sleep_facts as facts
from powerdown.windows.settings import registry_keys as keys
from powerdown.windows.settings.change import Change
from powerdown.windows.settings.declaration import Default, TakesEffect, Unit
from powerdown.windows.settings.derived_setting import DerivedSetting
from powerdown.windows.settings.harm import Harm, is_on, longer_than
from powerdown.windows.settings.power_scheme import SET_ACTIVE, SchemeSetting
from powerdown.windows.settings.readings import NOT_READ, Group, Origin, Reading
from powerdown.windows.settings.registry_setting import RegistrySetting
from powerdown.windows.settings.setting_value import SettingValue
from powerdown.windows.settings.stored_value import PowerSource, Registry

_SUB_SLEEP = "238c9fa8-0aad-41ed-83f4-97be242c8f20"
"""Sleep sub-group (fact:sleep-settings)."""

_SUB_VIDEO = "7516b95f-f776-4464-8c53-06167f40cc99"
"""Display sub-group (fact:display-settings)."""

_VIDEOCONLOCK = "8ec4b3a5-6868-48c2-be75-4f3044be88a7"

KEEP_DISPLAY_ON = (
    "powercfg /change monitor-timeout-ac 0 & powercfg /setacvalueindex SCHEME_CURRENT "
    f"{_SUB_VIDEO} {_VIDEOCONLOCK} 0 & {SET_ACTIVE}"
)
"""Command lines that keep the display on, of a locked console too (learn: powercfg)."""

_STAY_AWAKE = (
    "Keep it awake: powercfg /change standby-timeout-ac 0 & powercfg /change hibernate-timeout-ac 0"
    ". S3 and S4 can also be disabled on the host (-global ICH9-LPC.disable_s3=1, "
    "disable_s4=1; libvirt: <pm>)."
)


@dataclass(frozen=True, kw_only=True)
class HibernationSetting(RegistrySetting):
    """Hibernation: ``powercfg`` sets it online, because it makes and removes its file too
    (fact:hibernate-switch)."""

    def set(self, value: SettingValue) -> Change:
        """Make hibernation available, or not; offline fact:hibernation-file-made.

        Online it fails where the firmware has no S4.
        """
        command = f"powercfg /hibernate {'on' if value else 'off'}"
        return Change((command,), super().set(value).edits)


HIBERNATION = HibernationSetting(
    id="hibernation",
    group=Group.SLEEP,
    name="hibernation",
    unit=Unit.SWITCH,
    key=keys.POWER,
    value_name="HibernateEnabled",
    otherwise=RegistrySetting(
        id="hibernation-default",
        group=Group.SLEEP,
        name="HibernateEnabledDefault",
        unit=Unit.SWITCH,
        key=keys.POWER,
        default=Default(note="HibernateEnabled is not set"),
    ),
    default=Default(note="HibernateEnabled is not set", facts=(facts.HIBERNATE_DEFAULT,)),
    takes_effect=TakesEffect.AT_ONCE,
    safe=False,
    facts=(facts.HIBERNATE_SWITCH, facts.HIBERNATE_VALUES),
    online=True,
)
"""Whether the system can be saved to disk."""

FAST_STARTUP_LOCAL = RegistrySetting(
    id="fast-startup-local",
    group=Group.SLEEP,
    name="HiberbootEnabled",
    unit=Unit.SWITCH,
    key=keys.FAST_STARTUP,
    takes_effect=TakesEffect.AT_ONCE,
    safe=False,
    facts=(facts.FAST_STARTUP_VALUE,),
    online=True,
)
"""Fast startup as set locally."""

FAST_STARTUP_POLICY = RegistrySetting(
    id="fast-startup-policy",
    group=Group.SLEEP,
    name="HiberbootEnabled (policy)",
    value_name="HiberbootEnabled",
    unit=Unit.SWITCH,
    key=keys.WINDOWS_POLICY,
    takes_effect=TakesEffect.AT_ONCE,
    facts=(facts.FAST_STARTUP_VALUE,),
    online=True,
)
"""Fast startup as required by policy."""


def starts_fast(local: bool | None, policy: bool | None, hibernation: bool | None) -> bool | None:
    """Whether fast startup is on. Off without hibernation. The policy can only require it:
    disabled, the local value counts (learn: ADMX_WinInit, Hiberboot).
    """
    wanted = True if policy or local else None if policy is None or local is None else False
    if hibernation is False or wanted is False:
        return False
    return None if hibernation is None else wanted


@dataclass(frozen=True, kw_only=True)
class FastStartup(DerivedSetting):
    """Fast startup as it is effective: its value, the policy, and hibernation, which it needs."""

    @property
    def places(self) -> tuple[str, ...]:
        """Where its value is stored."""
        return (*FAST_STARTUP_LOCAL.places, *FAST_STARTUP_POLICY.places)

    def set(self, value: SettingValue) -> Change:
        """Set it; needs hibernation (fact:fast-startup-value)."""
        return FAST_STARTUP_LOCAL.set(value)

    def repair(self) -> Change:
        """Turn it off."""
        return FAST_STARTUP_LOCAL.set(False)

    def read(self, registry: Registry) -> Iterator[Reading]:
        """Whether a shutdown that a user asks for hibernates the kernel.

        An absent value means off, as in a release without fast startup.
        """
        parts = [
            next(iter(part.read(registry)))
            for part in (FAST_STARTUP_LOCAL, FAST_STARTUP_POLICY, HIBERNATION)
        ]
        local, policy, hibernation = parts
        on = starts_fast(_or_off(local), _or_off(policy), hibernation.truth)
        hidden = on is None and any(part.origin is Origin.NOT_READ for part in parts)
        yield self.judged(
            replace(
                local,
                id=self.id,
                name=self.name,
                value=on,
                shown=NOT_READ if on is None else self.shown(on),
                origin=Origin.NOT_READ if hidden else Origin.TOGETHER,
                facts=self.facts,
                note=self.note,
            )
        )


FAST_STARTUP = FastStartup(
    id="fast-startup",
    group=Group.SLEEP,
    name="fast startup",
    unit=Unit.SWITCH,
    takes_effect=TakesEffect.NOT_KNOWN,
    safe=False,
    advice="Fast startup saves the kernel to disk instead of ending it: powercfg /hibernate off, "
    "or {commands}",
    harms=(
        Harm(
            Cause.ASLEEP,
            Severity.MAY_STOP,
            is_on,
            "fast startup is on",
            facts=(facts.FAST_STARTUP_PRESS,),
        ),
    ),
    facts=(facts.FAST_STARTUP_VALUE, facts.FAST_STARTUP_SCOPE),
    note="from HiberbootEnabled, its policy, and hibernation, which it requires",
    online=True,
)
"""Whether a shutdown that a user asks for hibernates the kernel."""

STANDBY_IDLE = SchemeSetting(
    id="standby-idle",
    group=Group.SLEEP,
    name="STANDBYIDLE",
    unit=Unit.SECONDS,
    lowest=0,
    highest=0xFFFFFFFF,
    sub=_SUB_SLEEP,
    guid="29f6c1db-86da-48c5-9fdb-f2b67b1f44da",
    safe=0,
    advice=_STAY_AWAKE,
    harms=(
        Harm(
            Cause.ASLEEP,
            Severity.MAY_STOP,
            longer_than(0),
            "an idle guest goes to sleep {shown}; a press does not shut down a sleeping guest",
            facts=(facts.SLEEP_SETTINGS,),
            limits="only if its machine and its display driver support S3",
        ),
    ),
    facts=(facts.SLEEP_SETTINGS,),
)
"""Idle time until sleep."""

HIBERNATE_IDLE = SchemeSetting(
    id="hibernate-idle",
    group=Group.SLEEP,
    name="HIBERNATEIDLE",
    unit=Unit.SECONDS,
    lowest=0,
    highest=0xFFFFFFFF,
    sub=_SUB_SLEEP,
    guid="9d7815a6-7ee4-497e-8888-515a05f02364",
    safe=0,
    advice=_STAY_AWAKE,
    harms=(
        Harm(
            Cause.ASLEEP,
            Severity.MAY_STOP,
            longer_than(0),
            "an idle guest hibernates {shown}: it is then off without a shutdown",
            facts=(facts.SLEEP_SETTINGS,),
            limits="only if its machine supports S4",
            while_on=HIBERNATION,
        ),
    ),
    facts=(facts.SLEEP_SETTINGS,),
)
"""Idle time until hibernation."""

DISPLAY_IDLE = SchemeSetting(
    id="video-idle",
    group=Group.SLEEP,
    name="VIDEOIDLE",
    unit=Unit.SECONDS,
    lowest=0,
    highest=0xFFFFFFFF,
    sub=_SUB_VIDEO,
    guid="3c0bc021-c8a8-4e07-a973-6b14cbcb2b7e",
    safe=0,
    advice=f"Keep the display on: {KEEP_DISPLAY_ON}",
    harms=(
        Harm(
            Cause.ASLEEP,
            Severity.LATENT,
            longer_than(0),
            "the display turns off {shown}; the first press may only turn it on",
            facts=(display_facts.DISPLAY_WAKE,),
        ),
    ),
    facts=(display_facts.DISPLAY_SETTINGS,),
)
"""Idle time until the display is turned off (learn: Display idle timeout)."""

CONSOLE_LOCK_DISPLAY_IDLE = SchemeSetting(
    id="console-lock-video-idle",
    group=Group.SLEEP,
    name="VIDEOCONLOCK",
    unit=Unit.SECONDS,
    lowest=0,
    highest=0xFFFFFFFF,
    sub=_SUB_VIDEO,
    guid=_VIDEOCONLOCK,
    sources=(PowerSource.AC,),
    default=Default(60),
    safe=0,
    facts=(display_facts.CONSOLE_LOCK_BLANKING,),
)
"""Idle time until the display of a locked console is turned off."""


def _or_off(reading: Reading) -> bool | None:
    return False if reading.origin is Origin.ABSENT else reading.truth
