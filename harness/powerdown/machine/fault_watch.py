"""Waiting for a guest that QEMU may stop for good, which is detected by the event ``STOP``.

QEMU sets the run state before it emits ``STOP`` (qemu:softmmu/cpus.c, do_vm_stop), so that
``query-status`` after the event shows the reason. Other stops, such as by a debugger or by a host
that pauses the guest, are temporary and waited for.
"""

from __future__ import annotations

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import HostFault, MachineError
from powerdown.machine.events import HostEvent, Match, named
from powerdown.machine.protocol import Machine, RunState

_FAULTS = {
    RunState.INTERNAL_ERROR: (
        "a fault of KVM or QEMU, not of the guest",
        "If it runs under KVM, use POWERDOWN_ACCEL=tcg. QEMU's standard error shows what failed.",
    ),
    RunState.IO_ERROR: (
        "a fault of the host's storage, not of the guest",
        "Check free space where its overlay is (TMPDIR), and the file of the image.",
    ),
}
"""Run states caused by the host (qapi/run-state.json), with their meaning and a remedy."""


class FaultWatch:
    """Waits for events of one machine, and raises as soon as its guest cannot go on.

    :param machine: the guest from outside.
    :param action: what is being waited for, as a clause for messages.
    :param crash_is_final: whether a crash that the guest reported (run state ``guest-panicked``)
        is an error too.
    """

    def __init__(self, machine: Machine, action: str, *, crash_is_final: bool = False) -> None:
        self._machine = machine
        self._action = action
        self._crash_is_final = crash_is_final
        self._checked_at: float | None = None

    def wait(self, match: Match, deadline: Deadline, since: float = 0.0) -> HostEvent | None:
        """Like :meth:`EventStream.wait`.

        :raise HostFault: QEMU stopped the guest because the host failed, now or before.
        :raise MachineError: the guest crashed, where that is an error.
        """
        if self._checked_at is None:
            self._check()

        def wanted(event: HostEvent) -> bool:
            return event.at >= since and match(event)

        while True:
            found = self._machine.events.wait(
                lambda event: wanted(event) or self._is_unchecked_stop(event), deadline
            )
            if found is None or wanted(found) or not self._is_unchecked_stop(found):
                return found
            self._check()

    def _is_unchecked_stop(self, event: HostEvent) -> bool:
        return event.name == "STOP" and (self._checked_at is None or event.at > self._checked_at)

    def _check(self) -> None:
        self._checked_at = now()
        try:
            state = self._machine.run_state()
        except MachineError:
            # QEMU is ending, which will be an event too.
            return
        if state in _FAULTS:
            raise self._fault(state)
        if state is RunState.GUEST_PANICKED and self._crash_is_final:
            raise MachineError(
                self._action,
                f"the guest crashed, and QEMU stopped it ({self._last('GUEST_PANICKED') or state})",
                "See the screenshot: the stop screen shows the stop code.",
            )

    def _fault(self, state: RunState) -> HostFault:
        meaning, remedy = _FAULTS[state]
        failed = self._last("BLOCK_IO_ERROR") if state is RunState.IO_ERROR else None
        obs = "" if failed is None else f": {failed}"
        return HostFault(
            self._action, f"QEMU stopped the guest with run state {state} ({meaning}){obs}", remedy
        )

    def _last(self, name: str) -> HostEvent | None:
        matches = named(name)
        events = self._machine.events.since()
        return next((event for event in reversed(events) if matches(event)), None)
