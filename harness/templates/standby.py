"""The next clone, made ahead of need: its QEMU runs and is restored, its CPUs stand still."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from harness.errors import PowerdownError
from harness.machine.qemu import QemuMachine

_JOIN_SECONDS = 60.0
"""Longer than QEMU may take to start and to load the saved state."""


class Standby:
    """Keeps one machine at hand, made by a thread of its own while its owner does other things."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._template = ""
        self._machine: QemuMachine | None = None

    def begin(self, template: str, restore: Callable[[], QemuMachine]) -> None:
        """Make a clone while the caller goes on; one that is still at hand is ended.

        :param template: which one it is a clone of.
        :param restore: makes it, with its CPUs stopped.
        """
        self.close()
        self._template = template

        def run() -> None:
            # Whoever needs a clone then makes one and sees what is wrong.
            with suppress(PowerdownError):
                self._machine = restore()

        self._thread = threading.Thread(target=run, name="standby", daemon=True)
        self._thread.start()

    def take(self, template: str) -> QemuMachine | None:
        """The clone at hand, if it is one of ``template``; it is the caller's from now on."""
        machine = self._made()
        if machine is None:
            return None
        if self._template != template or machine.events.exit is not None:
            machine.close()
            return None
        return machine

    def close(self) -> None:
        """End the clone at hand."""
        machine = self._made()
        if machine is not None:
            machine.close()

    def _made(self) -> QemuMachine | None:
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)
            self._thread = None
        machine, self._machine = self._machine, None
        return machine
