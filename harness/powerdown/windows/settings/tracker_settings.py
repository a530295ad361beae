"""The Shutdown Event Tracker, which asks for the reason of a shutdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from powerdown.core.outcome import Cause
from powerdown.core.severity import Severity
from powerdown.windows.facts import tracker_facts as facts
from powerdown.windows.settings import registry_keys as keys
from powerdown.windows.settings.change import Change, joined
from powerdown.windows.settings.declaration import Default, TakesEffect, Unit
from powerdown.windows.settings.harm import Harm, is_on
from powerdown.windows.settings.readings import Group, Origin, Reading
from powerdown.windows.settings.registry_setting import RegistrySetting
from powerdown.windows.settings.setting_value import SettingValue
from powerdown.windows.settings.stored_value import Registry

_COPIES = rf"{keys.CURRENT_VERSION}\Reliability"
_COPY = "a copy outside of the policies, as set by image builders"

TRACKER_POLICY_ON = RegistrySetting(
    id="tracker-policy-on",
    group=Group.TRACKER,
    name="ShutdownReasonOn",
    unit=Unit.SWITCH,
    key=keys.TRACKER_POLICY,
    takes_effect=TakesEffect.NEXT_DIALOG,
    safe=False,
    facts=(facts.TRACKER_POLICY,),
)
"""The policy, on or off."""

TRACKER_POLICY_UI = RegistrySetting(
    id="tracker-policy-ui",
    group=Group.TRACKER,
    name="ShutdownReasonUI",
    unit=Unit.NUMBER,
    key=keys.TRACKER_POLICY,
    takes_effect=TakesEffect.NEXT_DIALOG,
    safe=0,
    facts=(facts.TRACKER_POLICY, facts.TRACKER_UI_VALUES),
    note="1: always, 0: never; 2 and 3: only clients or servers (fact:tracker-ui-values)",
)
"""The policy's second value."""

TRACKER_COPY_ON = RegistrySetting(
    id="tracker-copy-on",
    group=Group.TRACKER,
    name="ShutdownReasonOn, copy",
    value_name="ShutdownReasonOn",
    unit=Unit.NUMBER,
    key=_COPIES,
    facts=(facts.TRACKER_LOCAL,),
    note=_COPY,
)

TRACKER_COPY_UI = RegistrySetting(
    id="tracker-copy-ui",
    group=Group.TRACKER,
    name="ShutdownReasonUI, copy",
    value_name="ShutdownReasonUI",
    unit=Unit.NUMBER,
    key=_COPIES,
    facts=(facts.TRACKER_LOCAL,),
    note=_COPY,
)


@dataclass(frozen=True, kw_only=True)
class EventTracker(RegistrySetting):
    """The tracker as it is effective; both values of the policy belong to it
    (fact:tracker-policy).

    Not looked at: ShutdownReasonUI, which may limit it to clients or servers
    (fact:tracker-ui-values), and the copies outside of the policies.
    """

    def queries(self) -> Iterable[str]:
        """Prints all values of the policy (learn: reg query)."""
        yield f'reg query "{self.key}"'

    def set(self, value: SettingValue) -> Change:
        """Turn it on or off by policy."""
        parts = (TRACKER_POLICY_ON.set(value), TRACKER_POLICY_UI.set(self.number_for(value)))
        return joined(parts)

    def read(self, registry: Registry) -> Iterator[Reading]:
        """Whether Windows asks for reasons."""
        for reading in super().read(registry):
            if reading.origin is Origin.DOCUMENTED and reading.value is None:
                yield replace(reading, origin=Origin.NOT_READ)
            else:
                yield reading


EVENT_TRACKER = EventTracker(
    id="tracker",
    group=Group.TRACKER,
    name="asks for the reason of a shutdown",
    value_name=TRACKER_POLICY_ON.value_name,
    unit=Unit.SWITCH,
    key=keys.TRACKER_POLICY,
    default=Default(
        by_product=(False, True),
        facts=(facts.TRACKER_DEFAULT,),
        note="on servers, not on clients",
    ),
    takes_effect=TakesEffect.NEXT_DIALOG,
    safe=False,
    advice="Close the dialog (Esc) and turn the Shutdown Event Tracker off: {commands}",
    harms=(
        Harm(
            Cause.EVENT_TRACKER,
            Severity.LATENT,
            is_on,
            "the Shutdown Event Tracker is on: a dialog left open may block a press",
            facts=(facts.TRACKER_HOLDS_PRESS,),
        ),
    ),
    facts=(facts.TRACKER_POLICY,),
    online=True,
)
"""Whether Windows asks for the reason of a shutdown."""
