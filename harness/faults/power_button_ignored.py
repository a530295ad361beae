"""The power button is set to do nothing: by the active scheme, or by policy.

Sources: fact sheet 6; Microsoft Learn, "Power button action" (PBUTTONACTION, index 0).
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.guest import commands
from harness.guest.commands import ButtonAction
from harness.guest.windows import Windows


@dataclass(frozen=True)
class PowerButtonIgnored:
    """One way to make Windows ignore the power button.

    :param variant: name of the way, for reports.
    :param injection: command lines that set it.
    :param remedy_commands: command lines that undo it.
    """

    variant: str
    injection: tuple[str, ...]
    remedy_commands: tuple[str, ...]

    def inject(self, windows: Windows) -> None:
        """Set the power button to do nothing."""
        windows.run_all(self.injection)

    def remedy(self, windows: Windows) -> None:
        """Let the power button shut down again."""
        windows.run_all(self.remedy_commands)


VARIANTS = (
    PowerButtonIgnored(
        "by-scheme",
        commands.set_power_button(ButtonAction.NOTHING),
        commands.set_power_button(ButtonAction.SHUT_DOWN),
    ),
    PowerButtonIgnored(
        "by-policy",
        commands.set_power_button_policy(ButtonAction.NOTHING),
        commands.CLEAR_POWER_BUTTON_POLICY,
    ),
)
"""Every way, in the order of reports."""
