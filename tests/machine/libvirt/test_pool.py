"""Workers of one run spread over two libvirts, as they would be over two hosts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from powerdown.report.scenario_record import Status
from tests.support.boot_sector import OBEDIENT
from tests.support.gate_directory import GateDirectory
from tests.support.libvirt_daemon import Daemon, as_its_user, give_away
from tests.support.libvirt_lab import MakeDaemon
from tests.support.paths import REPOSITORY

CHECKOUT = REPOSITORY

SUITE = """
@pytest.mark.powerdown_scenario("soft-shutdown", variant="control")
@pytest.mark.parametrize("number", range(4))
def test_press(powerdown_scenario, number):
    powerdown_scenario.press(powerdown_scenario.boot(), "press", COMPLETED)
"""


class PoolDirectory(GateDirectory):
    """A place for a run as the user whose daemons they are: their QEMUs open its files."""

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        give_away(self.path)
        return as_its_user(super()._command(arguments))


def guests(daemon: Daemon) -> set[str]:
    """The names of the guests that a daemon has had; it keeps a log of each."""
    return {log.stem for log in daemon.logs.glob("powerdown-*.log")}


@pytest.mark.guest
def test_each_gets_guests(daemon: Daemon, daemons: MakeDaemon, tmp_path: Path) -> None:
    may_read = as_its_user([sys.executable, "-c", "import powerdown.pytest_plugin.run"])
    if subprocess.run(may_read, cwd=CHECKOUT, capture_output=True, check=False).returncode:
        pytest.skip("the daemons' user may not read this checkout")
    other = daemons()
    before = guests(daemon)
    place = daemon.disks / tmp_path.name
    place.mkdir()
    directory = PoolDirectory(place, SUITE)
    directory.image("obedient", OBEDIENT)
    ended = directory.run(
        *("-n", "2", "--powerdown-image", "obedient.toml", "--powerdown-backend", "libvirt"),
        *("--powerdown-connect", daemon.uri, "--powerdown-connect", other.uri),
        PYTHONPATH=str(CHECKOUT),
        HOME=str(place),
    )
    assert ended.returncode == 0, ended.stdout
    assert directory.gate().count(Status.PASSED) == 4
    here, there = guests(daemon) - before, guests(other)
    assert here
    assert there
    assert len(here | there) == 4
    assert daemon.qemus() == other.qemus() == []
    assert directory.leftovers() == []
