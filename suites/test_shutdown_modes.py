"""The modes in which libvirt shuts a guest down, as clouds use them.

The first step, from the host to libvirt. A mode that a cloud takes by default must end in
the same way as the power button, or whoever runs the guest must know how it differs.
"""

from __future__ import annotations

import pytest

from powerdown import Backend, Cause, Expected, Outcome, Scenario, ShutdownMode, Transport

COMPLETED = Expected(Outcome.COMPLETED, Cause.NONE)


@pytest.mark.powerdown_scenario("soft-shutdown")
@pytest.mark.parametrize("mode", list(ShutdownMode), ids=str)
def test_every_mode_completes(
    mode: ShutdownMode, powerdown_scenario: Scenario, powerdown_backend: Backend
) -> None:
    """A guest with nothing in its way powers off, whichever way it is asked."""
    if powerdown_backend is Backend.QMP and mode is not ShutdownMode.ACPI:
        pytest.skip("libvirt's own modes of shutdown: run with --powerdown-backend libvirt")
    transport = powerdown_scenario.image.control.transport
    if mode is ShutdownMode.AGENT and transport is not Transport.GUEST_AGENT:
        pytest.skip("needs a guest agent: [control] transport of the image is another")
    guest = powerdown_scenario.boot()
    powerdown_scenario.shut_down_by(guest, mode, f"shutdown --mode {mode}", COMPLETED)
