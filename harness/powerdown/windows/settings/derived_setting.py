"""A setting that is derived from others, and has no value of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from powerdown.windows.settings.change import Change
from powerdown.windows.settings.declaration import Declaration, Scope
from powerdown.windows.settings.key_request import KeyRequest


@dataclass(frozen=True, kw_only=True)
class DerivedSetting(Declaration):
    """Read from values of which each alone says little; by default at rest only, and never set."""

    @property
    def scope(self) -> Scope:
        """What it exists for."""
        return Scope.MACHINE

    @property
    def requests(self) -> tuple[KeyRequest, ...]:
        """None of its own: it is derived from other settings."""
        return ()

    @property
    def places(self) -> tuple[str, ...]:
        """Where its values are stored."""
        return tuple(rf"{r.path}\{name}" for r in self.requests for name in r.values or ())

    def queries(self) -> Iterable[str]:
        """None: it is read at rest only."""
        return ()

    def repair(self) -> Change:
        """No change."""
        return Change()
