"""libvirts for tests, and the guests on them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.libvirt_daemon import Daemon
from tests.support.libvirt_lab import TCG, Lab, MakeDaemon

if find_spec("libvirt") is None:
    # Without libvirt-python its tests cannot even be imported.
    collect_ignore_glob = ["test_*.py"]
else:
    from powerdown.machine.libvirt.libvirt_hypervisor import LibvirtHypervisor


@pytest.fixture(scope="session")
def daemons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeDaemon]:
    """Starts daemons, which end with the session."""
    if shutil.which("libvirtd") is None:
        pytest.skip("libvirtd is not installed")
    started: list[Daemon] = []
    knowledge = tmp_path_factory.mktemp("libvirt") / "cache"
    with ExitStack() as closing:

        def start() -> Daemon:
            if started and not knowledge.exists() and started[0].knowledge.is_dir():
                shutil.copytree(started[0].knowledge, knowledge)
            started.append(Daemon(knowledge))
            closing.callback(started[-1].close)
            return started[-1]

        yield start


@pytest.fixture(scope="session")
def _the_daemon(daemons: MakeDaemon) -> Daemon:
    return daemons()


@pytest.fixture
def daemon(_the_daemon: Daemon) -> Daemon:
    """A daemon that runs, whatever the test before has done to it."""
    _the_daemon.start()
    return _the_daemon


@pytest.fixture
def on_daemon(daemon: Daemon, tmp_path: Path) -> Iterator[Lab]:
    """A lab with that daemon, over a connection of its own."""
    disks = daemon.disks / tmp_path.name
    disks.mkdir()
    hypervisor = LibvirtHypervisor(TCG, daemon.uri, tmp_path / "cache")
    lab = Lab(hypervisor, disks, daemon)
    yield lab
    daemon.start()
    lab.close()
    hypervisor.close()


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LibvirtHypervisor]:
    """The driver within this process, which has but one."""
    hypervisor = LibvirtHypervisor(TCG, None, tmp_path_factory.mktemp("cache"))
    yield hypervisor
    hypervisor.close()


@pytest.fixture
def within(embedded: LibvirtHypervisor, tmp_path: Path) -> Iterator[Lab]:
    """A lab with that driver."""
    lab = Lab(embedded, tmp_path)
    yield lab
    lab.close()


@pytest.fixture(params=["within", "on_daemon"])
def lab(request: pytest.FixtureRequest) -> Lab:
    """Either lab."""
    found: Lab = request.getfixturevalue(request.param)
    return found
