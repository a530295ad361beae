"""Checks the clock of a guest that was restored from a saved state."""

from __future__ import annotations

import time

from powerdown.core.errors import MachineError
from powerdown.host.snapshots.template import Template

_TOLERANCE_SECONDS = 5.0
"""Allowed difference; HTTP gives the time to the second."""


def check_clock(template: Template, ahead: float | None) -> None:
    """Check that a clone's clock shows what its template lets one expect.

    A restored clock continues from the saved time, so it is behind by the template's age, unless
    the guest has noticed and has corrected it.

    :param ahead: seconds it is ahead of the host's UTC; ``None`` if unknown.
    :raise MachineError: it shows another time.
    """
    if ahead is None or template.clock_ahead is None:
        return
    age = time.time() - template.made_at
    for expected in (template.clock_ahead - age, template.clock_ahead):
        if abs(ahead - expected) <= _TOLERANCE_SECONDS:
            return
    raise MachineError(
        f"check the clock of a clone of {template.image}",
        f"it is {ahead:+.0f} s from the host's clock; {template.clock_ahead - age:+.0f} s was "
        f"expected, because the template is {age:.0f} s old",
        "Start it cold (--powerdown-cold).",
    )
