"""What ``reg query`` prints: keys at the margin, values indented by four blanks.

Public transcripts of Windows 7 to 11 show the layout; only the name of a default value and the
line about the end of a search are localised (learn: reg query).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from powerdown.windows.guest_lines import guest_lines
from powerdown.windows.settings.stored_value import number_in

_VALUE = re.compile(r" {4}(.+?) {4}(REG_[A-Z_]+)(?: {4}(.*))?")


@dataclass(frozen=True)
class RegistryValue:
    """One value.

    :param kind: its type, such as ``REG_DWORD``.
    :param data: as printed; of long data only the beginning.
    """

    kind: str
    data: str

    @property
    def number(self) -> int | None:
        """The number it holds, printed in hexadecimal (REG_DWORD) or as decimal text (REG_SZ).

        ``None`` when it holds none, or one of more than 32 bits.
        """
        return number_in(self.data)


@dataclass(frozen=True)
class RegistryOutput:
    """Keys and their values.

    :param keys: values by lower-case name, by the key's path as it was printed.
    """

    keys: Mapping[str, Mapping[str, RegistryValue]] = field(default_factory=dict)

    def value(self, name: str, key_end: str = "") -> RegistryValue | None:
        """The first value of this name, in a key whose path ends so; names fold case.

        Their case varies between installations (fact:button-action-store).
        """
        for key, values in self.keys.items():
            if key.lower().endswith(key_end.lower()) and name.lower() in values:
                return values[name.lower()]
        return None


def parse_registry(text: str) -> RegistryOutput:
    """Read the output of ``reg query``; other lines are ignored."""
    keys: dict[str, dict[str, RegistryValue]] = {}
    values: dict[str, RegistryValue] = {}
    for line in guest_lines(text):
        if line.startswith("HKEY_"):
            values = keys.setdefault(line.rstrip(), {})
        elif found := _VALUE.fullmatch(line):
            values[found[1].lower()] = RegistryValue(found[2], found[3] or "")
    return RegistryOutput(keys)
