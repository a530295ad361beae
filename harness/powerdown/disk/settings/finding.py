"""What threatens a soft shutdown of a Windows at rest, and the settings that show it."""

from __future__ import annotations

from dataclasses import dataclass

from powerdown.diagnosis.risks.risk import Risk
from powerdown.disk.settings.setting import Setting


@dataclass(frozen=True)
class Finding:
    """One of them.

    :param risk: the same that a look at the running guest would find.
    :param settings: what shows it; the first one decides.
    :param doubt: what of it is not confirmed by documentation or measurement; empty for nothing.
    """

    risk: Risk
    settings: tuple[Setting, ...]
    doubt: str = ""
