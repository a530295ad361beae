"""The modes in which libvirt shuts a guest down, as clouds use them.

The first step, from the host to libvirt. A mode that a cloud takes by default must end in
the same way as the power button, or whoever runs the guest must know how it differs.
"""

from __future__ import annotations

import pytest

from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.images.image import Transport
from powerdown.machine.backend import Backend
from powerdown.machine.shutdown_mode import ShutdownMode
from powerdown.scenario.scenario import Scenario

COMPLETED = Expected(Outcome.COMPLETED, Cause.NONE)


@pytest.mark.scenario("soft-shutdown")
@pytest.mark.parametrize("mode", list(ShutdownMode), ids=str)
def test_every_mode_completes(mode: ShutdownMode, scenario: Scenario, backend: Backend) -> None:
    """A guest with nothing in its way powers off, whichever way it is asked."""
    if backend is Backend.QMP and mode is not ShutdownMode.ACPI:
        pytest.skip("libvirt's own modes of shutdown: run with --via libvirt")
    transport = scenario.image.control.transport
    if mode is ShutdownMode.AGENT and transport is not Transport.GUEST_AGENT:
        pytest.skip("needs a guest agent: [control] transport of the image is another")
    guest = scenario.boot()
    scenario.shut_down_by(guest, mode, f"shutdown --mode {mode}", COMPLETED)
