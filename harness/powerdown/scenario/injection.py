"""When the settings of a fault are written: while its guest runs, or before it starts."""

from __future__ import annotations

from enum import StrEnum


class Injection(StrEnum):
    """The values of ``--powerdown-inject``."""

    ONLINE = "online"
    """By commands in the running guest."""
    OFFLINE = "offline"
    """To the registry hives on its overlay, while it is off. Faults that are no settings are
    skipped."""
