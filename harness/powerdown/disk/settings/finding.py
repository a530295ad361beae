"""A risk to the soft shutdown of a Windows, and the settings that show it."""

from __future__ import annotations

from dataclasses import dataclass

from powerdown.diagnosis.risks.risk import Risk
from powerdown.windows.settings.readings import Reading


@dataclass(frozen=True)
class Finding:
    """A risk found on a disk.

    :param risk: the same risk that inspecting the running guest would find.
    :param settings: the settings that show it; the first one decides.
    """

    risk: Risk
    settings: tuple[Reading, ...]

    @property
    def doubt(self) -> str:
        """What is not confirmed of it, or not shown by a disk; empty for nothing."""
        return self.risk.doubt
