"""The value of a setting, and its identity."""

from __future__ import annotations

from typing import Protocol

SettingValue = bool | int | str | None
"""An effective value; ``None`` if it is not known, or if there is none."""


class Identified(Protocol):
    """What has the id of a setting."""

    @property
    def id(self) -> str:
        """Its id."""
        ...
