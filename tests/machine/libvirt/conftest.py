"""libvirts for tests, and the guests on them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import pytest

from powerdown.images.image import Image
from powerdown.images.overlay import create_overlay
from powerdown.machine.accelerator import Accelerator, AcceleratorKind
from tests.machine.boot_sector import boot_image
from tests.machine.libvirt.daemon import Daemon, give_away

if find_spec("libvirt") is None:
    # Without libvirt-python its tests cannot even be imported.
    collect_ignore_glob = ["test_*.py"]
else:
    from powerdown.machine.libvirt.booted_domain import BootedDomain
    from powerdown.machine.libvirt.libvirt_hypervisor import LibvirtHypervisor

TCG = Accelerator(AcceleratorKind.TCG, "never KVM in the harness's own tests")


@dataclass
class Lab:
    """A libvirt, and a directory where its guests' disks can lie.

    :param daemon: ``None`` for the driver within this process.
    """

    hypervisor: LibvirtHypervisor
    disks: Path
    daemon: Daemon | None = None
    machines: list[BootedDomain] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    def image(self, guest: bytes) -> Image:
        """An image whose disk starts with this code."""
        directory = self.disks / str(next(self.numbers))
        directory.mkdir()
        return boot_image(directory, guest)

    def boot(self, guest: bytes | Image, overlay: Path | None = None) -> BootedDomain:
        """A guest; with the overlay of an earlier one or a new one."""
        image = self.image(guest) if isinstance(guest, bytes) else guest
        overlay = overlay or create_overlay(image.disk, image.disk.path.parent)
        if self.daemon is not None:
            give_away(image.disk.path.parent)
        self.machines.append(self.hypervisor.start(image, overlay))
        return self.machines[-1]

    def domains(self) -> list[str]:
        """The names of those that libvirt has."""
        found = self.hypervisor._site.connection.virt.listAllDomains()
        ours = {machine._handle.uuid for machine in self.machines}
        return [domain.name() for domain in found if domain.UUIDString() in ours]

    def close(self) -> None:
        """End its guests, all at once: libvirt takes its time over each."""
        with ThreadPoolExecutor(max(1, len(self.machines))) as each:
            list(each.map(lambda machine: machine.close(), self.machines))


MakeDaemon = Callable[[], Daemon]


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
