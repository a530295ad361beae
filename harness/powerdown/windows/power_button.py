"""The power button's setting, as ``powercfg`` and ``reg`` print it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from powerdown.core.errors import ControlChannelError
from powerdown.windows.settings.button_settings import ButtonAction
from powerdown.windows.settings.power_scheme import SchemeSetting
from powerdown.windows.settings.stored_value import PowerSource

# Not tied to the colon before it: translations may use another one, or a no-break space.
_HEX_INDEX = re.compile(r"(?<!\w)0x([0-9a-fA-F]{8})\s*$", re.MULTILINE)


@dataclass(frozen=True)
class PowerButton:
    """What a press of the power button is set to do.

    :param scheme: index by power source in the active scheme, defaults read through.
    :param policy: index by power source set by policy; overrides the scheme where present.
    """

    scheme: Mapping[PowerSource, int]
    policy: Mapping[PowerSource, int]

    def effective(self, source: PowerSource = PowerSource.AC) -> ButtonAction | None:
        """The action on this power source; ``None`` for an index no documentation names."""
        index = self.policy.get(source, self.scheme[source])
        return ButtonAction(index) if index in set(ButtonAction) else None

    def __str__(self) -> str:
        scheme = "/".join(f"{self.scheme[s]}" for s in PowerSource)
        if not self.policy:
            return f"power button AC/DC {scheme} by the active scheme"
        policy = "/".join(f"{self.policy.get(s, '-')}" for s in PowerSource)
        return f"power button AC/DC {policy} by policy, {scheme} by the active scheme"


def parse_powercfg_indexes(text: str, setting: SchemeSetting) -> dict[PowerSource, int]:
    """AC and DC index in the output of ``powercfg /query`` for one setting.

    The words are localised; the current values are the last two lines that end in a
    hexadecimal number of eight digits, AC first (fact:powercfg-output).

    :raise ControlChannelError: they are not there.
    """
    found = _HEX_INDEX.findall(text)
    if len(found) < 2:
        raise ControlChannelError(
            f"read the guest's {setting.name}",
            f"powercfg printed no AC and DC index: {text.strip()[:200]!r}",
            f"Run 'powercfg /query SCHEME_CURRENT {setting.sub}' in the guest; /qh instead of "
            "/query also shows hidden settings.",
        )
    return {PowerSource.AC: int(found[-2], 16), PowerSource.DC: int(found[-1], 16)}
