"""Prepares the next clone before it is needed: QEMU has loaded the state, the CPUs are stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable

from powerdown.machine.protocol import BootedMachine

_JOIN_SECONDS = 60.0
"""Longer than QEMU may take to start and to load the saved state."""


class Standby:
    """Keeps one machine ready, prepared by a background thread."""

    def __init__(self) -> None:
        self._next: _Making | None = None

    def begin(self, template: str, restore: Callable[[], BootedMachine]) -> None:
        """Start preparing a clone in the background; an unused earlier one is ended.

        :param template: name of its template.
        :param restore: makes it, with its CPUs stopped.
        """
        self.close()
        self._next = _Making(template, restore)

    def take(self, template: str) -> BootedMachine | None:
        """The prepared clone if it is one of ``template``; the caller owns it from now on."""
        if self._next is None:
            return None
        made_from, machine = self._next.template, self._next.machine()
        self._next = None
        if machine is None:
            return None
        if made_from != template or machine.events.exit is not None:
            machine.close()
            return None
        return machine

    def close(self) -> None:
        """End the prepared clone, if there is one."""
        if self._next is None:
            return
        machine = self._next.machine()
        self._next = None
        if machine is not None:
            machine.close()


class _Making:
    """One clone that is being prepared.

    :ivar template: name of its template.
    """

    def __init__(self, template: str, restore: Callable[[], BootedMachine]) -> None:
        self.template = template
        self._restore = restore
        self._lock = threading.Lock()
        self._machine: BootedMachine | None = None
        self._given_up = False
        self._thread = threading.Thread(target=self._run, name="standby", daemon=True)
        self._thread.start()

    def machine(self) -> BootedMachine | None:
        """Wait for the clone; ``None`` if it failed. One that arrives later is ended at once."""
        self._thread.join(_JOIN_SECONDS)
        with self._lock:
            self._given_up = self._machine is None
            return self._machine

    def _run(self) -> None:
        try:
            machine = self._restore()
        except Exception:
            # The next test that needs a clone makes one itself and reports what is wrong.
            return
        with self._lock:
            too_late = self._given_up
            if not too_late:
                self._machine = machine
        if too_late:
            machine.close()
