"""One probe application that runs under Wine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO

from powerdown.guest.probe_programs import declared_behaviour
from tests.guest.wine.session import STEP_SECONDS, Wine, Witness


class Application:
    """A started program.

    :ivar title: of its window, by its declaration.
    :ivar window: handle, owning thread, and whether it is visible (1) or not (0).
    """

    def __init__(
        self,
        wine: Wine,
        executable: Path,
        arguments: Sequence[str],
        log: IO[bytes],
        debug: str = "-all",
    ) -> None:
        self.arguments = arguments
        self.behaviour = declared_behaviour(executable)
        self.title: str = self.behaviour["window"]["title"]
        self.visible: bool = self.behaviour["window"]["visible"]
        self.window: list[int] = []
        self._log = log
        self.process = wine.start(wine.install(executable), *arguments, debug=debug, log=log)

    def wait_for_window(self, witness: Witness) -> None:
        self.window = witness("visible-window" if self.visible else "window", self.title)

    @property
    def runs(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(STEP_SECONDS)

    def log(self) -> str:
        """What Wine wrote about it."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")
