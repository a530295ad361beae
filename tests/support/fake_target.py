"""A subject whose inside is the stand-in's commands on this host, and whose outside is a script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from powerdown.guest.probe_programs import ProbeProgram, compile_probe
from powerdown.guest.windows import Windows
from powerdown.images.image import Image, Updates
from tests.support.fake_machine import ARMED, IMAGE, ScriptedMachine

UPDATES = Updates(
    package=r"C:\u\p.cab", long_package=r"C:\u\l.cab", restarting_package=r"C:\u\r.cab"
)


GUEST = replace(IMAGE, updates=UPDATES, budgets=replace(IMAGE.budgets, shutdown_hard=2.0))


@dataclass
class FakeTarget:
    """Notes what was done to it in ``done``; ``on_restart`` makes a restart change something."""

    windows: Windows
    cache: Path
    machine: ScriptedMachine = field(default_factory=lambda: ScriptedMachine([ARMED]))
    image: Image = field(default_factory=lambda: GUEST)
    done: list[str] = field(default_factory=list)
    on_restart: Callable[[], None] = lambda: None

    def upload(self, program: ProbeProgram) -> str:
        return self.windows.upload(compile_probe(program, self.cache))

    def restart(self) -> None:
        self.done.append("restart")
        self.on_restart()

    def wake(self) -> None:
        self.done.append("wake")
        self.machine.wake()

    def wait_until_ready(self) -> None:
        self.done.append("wait until ready")

    def wait_until_ended(self) -> None:
        self.done.append("wait until ended")

    def boot_again(self) -> None:
        self.done.append("boot again")
        self.machine = ScriptedMachine([ARMED])

    def boot_fresh(self, *, wait: bool = True) -> None:
        self.done.append("boot fresh" if wait else "boot fresh, not waiting")
        self.machine = ScriptedMachine([ARMED])

    def boot_unbootable(self) -> None:
        self.done.append("boot unbootable")
        self.machine = ScriptedMachine([ARMED])
