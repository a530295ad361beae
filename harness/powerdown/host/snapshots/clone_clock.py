"""The clock of a guest that was saved and goes on later."""

from __future__ import annotations

import time

from powerdown.core.errors import MachineError
from powerdown.host.snapshots.template import Template

_TOLERANCE_SECONDS = 5.0
"""How far a clone's clock may be from where it must be; HTTP tells it to the second."""


def check_clock(template: Template, ahead: float | None) -> None:
    """See that a clone's clock is where it must be.

    It goes on from where it was saved, so that it is behind by the template's age; or the guest
    has noticed and has set it right.

    :param ahead: seconds it is ahead of the host's UTC; ``None`` if that is not known.
    :raise MachineError: it is somewhere else.
    """
    if ahead is None or template.clock_ahead is None:
        return
    age = time.time() - template.made_at
    for expected in (template.clock_ahead - age, template.clock_ahead):
        if abs(ahead - expected) <= _TOLERANCE_SECONDS:
            return
    raise MachineError(
        f"see the clock of a clone of {template.image}",
        f"it is {ahead:+.0f} s from the host's; {template.clock_ahead - age:+.0f} s was expected, "
        f"the template being {age:.0f} s old",
        "Start it cold (--powerdown-cold).",
    )
