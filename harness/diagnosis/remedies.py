"""What to do about each cause, as text for people; commands can be pasted into the guest."""

from __future__ import annotations

from types import MappingProxyType

from harness.diagnosis.verdict import Cause
from harness.guest import commands

REMEDIES = MappingProxyType(
    {
        Cause.PRESS_LOST: (
            "Press again once the guest has armed its power button (PM1_EN bit 8); QEMU drops a "
            "press before that without a trace."
        ),
        Cause.POWER_BUTTON_IGNORED: (
            "Set the power button to shut down: "
            "powercfg /setacvalueindex SCHEME_CURRENT SUB_BUTTONS PBUTTONACTION 3 & "
            "powercfg /setdcvalueindex SCHEME_CURRENT SUB_BUTTONS PBUTTONACTION 3 & "
            "powercfg /setactive SCHEME_CURRENT. "
            f'If a policy sets it: reg delete "{commands.POWER_BUTTON_POLICY_KEY}" /f'
        ),
        Cause.RESTART_REQUESTED: (
            "Find who asked for the restart: User32 1074 in the System log names the process. If "
            "an update asked, install pending updates and restart before the image is published."
        ),
        Cause.FORCED_SHUTDOWN: (
            "Shut down softly. After a forced stop check the volume (fsutil dirty query C:), "
            "pending updates and documents."
        ),
        Cause.HOST_FAULT: "Look at the host: QEMU's standard error and the QMP transcript.",
    }
)
"""Remedy by cause; causes without one have no entry."""
