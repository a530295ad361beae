"""The modules of command lines that the table of tests covers."""

from __future__ import annotations

from powerdown.windows import (
    damage_commands,
    power_commands,
    service_commands,
    session_commands,
    update_commands,
)

MODULES = (
    damage_commands,
    power_commands,
    service_commands,
    session_commands,
    update_commands,
)
