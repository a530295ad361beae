"""A risk to the soft shutdown of a Windows, and the settings that show it."""

from __future__ import annotations

from dataclasses import dataclass

from powerdown.diagnosis.risks.risk import Risk
from powerdown.disk.settings.setting import Setting


@dataclass(frozen=True)
class Finding:
    """A risk found on a disk.

    :param risk: the same risk that inspecting the running guest would find.
    :param settings: the settings that show it; the first one decides.
    :param doubt: what is not confirmed by documentation or measurement; empty for nothing.
    """

    risk: Risk
    settings: tuple[Setting, ...]
    doubt: str = ""
