"""However a process ends that has started domains: none outlives it, and it ends in good order."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from powerdown.core.deadline import Deadline
from tests.support.libvirt_daemon import Daemon

pytestmark = pytest.mark.guest

_SECONDS = 60

PARENT = """
import sys
from pathlib import Path
from powerdown.images.overlay import create_overlay
from powerdown.machine.libvirt.libvirt_hypervisor import LibvirtHypervisor
from tests.support.boot_sector import HUNG, boot_image
from tests.support.libvirt_lab import TCG
from tests.support.libvirt_daemon import give_away
from tests.support.real_qemu import armed

directory, uri, then = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
hypervisor = LibvirtHypervisor(TCG, uri or None, Path(sys.argv[4]))
image = boot_image(directory, HUNG)
overlay = create_overlay(image.disk, directory)
if uri:
    give_away(directory)
machine = hypervisor.start(image, overlay)
armed(machine)
print(machine.pid, flush=True)
if then == "close":
    machine.close()
    hypervisor.close()
elif then == "wait":
    sys.stdin.read()
"""


class Parent:
    """Such a process, once its guest runs.

    :param uri: of the libvirt it uses; empty for one within it.
    :param then: what it does then: ``wait``, ``close``, or ``end`` without closing anything.
    :param cache: what a libvirt within it knows of QEMU.
    """

    def __init__(self, directory: Path, uri: str, then: str, cache: Path) -> None:
        directory.mkdir()
        (directory / "tmp").mkdir()
        environment = {
            **os.environ,
            "TMPDIR": str(directory / "tmp"),
            "PYTHONPATH": str(Path.cwd()),
        }
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-X",
                "faulthandler",
                "-c",
                PARENT,
                str(directory),
                uri,
                then,
                str(cache),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )

    def guest(self) -> int:
        """The process id of its guest's QEMU."""
        assert self.process.stdout is not None
        told = self.process.stdout.readline()
        assert told, self.process.communicate(timeout=_SECONDS)
        return int(told)

    def await_guest(self) -> int:
        """A descriptor of its guest's QEMU."""
        return os.pidfd_open(self.guest())

    def ended(self) -> tuple[int, bytes]:
        """Its exit status and what it complained of."""
        _, complaints = self.process.communicate(timeout=_SECONDS)
        return self.process.returncode, complaints

    def kill(self) -> None:
        """End it."""
        self.process.kill()
        self.process.communicate(timeout=_SECONDS)

    def console_locks(self) -> list[Path]:
        """What its libvirt has locked."""
        found = []
        for lock in Path("/var/lock").glob("LCK..*"):
            with suppress(FileNotFoundError):
                if lock.read_text().strip() == str(self.process.pid):
                    found.append(lock)
        return found


Start = Callable[..., Parent]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def start(cache: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts one, with a libvirt of its own or a daemon."""
    started: list[Parent] = []

    def parent(daemon: Daemon | None = None, then: str = "wait") -> Parent:
        place = tmp_path if daemon is None else daemon.disks
        directory = place / f"{tmp_path.name}-{len(started)}"
        uri = "" if daemon is None else daemon.uri
        started.append(Parent(directory, uri, then, cache))
        return started[-1]

    yield parent
    for one in started:
        one.kill()


def ends(qemu: int, seconds: float = 10.0) -> bool:
    poll = select.poll()
    poll.register(qemu, select.POLLIN)
    ended = bool(poll.poll(seconds * 1000))
    os.close(qemu)
    return ended


def runs(qemu: int) -> bool:
    """Whether a QEMU is there; its parent need not have taken notice of its end."""
    try:
        return bool((Path("/proc") / str(qemu) / "cmdline").read_bytes())
    except OSError:
        return False


def test_killed_with_a_libvirt_of_its_own(start: Start) -> None:
    it = start()
    qemu = it.await_guest()
    assert it.console_locks()
    it.process.kill()
    assert ends(qemu)
    # Another user's libvirt could never open a console on that pseudo-terminal again.
    assert not it.console_locks()


def test_killed_with_a_daemon(daemon: Daemon, start: Start) -> None:
    it = start(daemon)
    qemu = it.await_guest()
    it.process.kill()
    assert ends(qemu)
    assert daemon.qemus() == []


def test_killed_together_with_its_daemon(daemon: Daemon, start: Start) -> None:
    it = start(daemon)
    qemu = it.await_guest()
    daemon.kill()
    it.process.kill()
    assert ends(qemu)


def test_interrupted(start: Start) -> None:
    it = start()
    qemu = it.await_guest()
    it.process.send_signal(signal.SIGINT)
    status, complaints = it.ended()
    assert status == -signal.SIGINT
    assert complaints.count(b"Traceback") == 1
    assert complaints.rstrip().endswith(b"KeyboardInterrupt")
    assert ends(qemu)


def test_ended_without_closing_anything(daemon: Daemon, start: Start) -> None:
    for it in (start(then="end"), start(daemon, then="end")):
        qemu = it.guest()
        assert it.ended() == (0, b"")
        deadline = Deadline.after(10)
        # Somebody else ends it then, who gives no sign.
        while runs(qemu):
            assert not deadline.expired
            threading.Event().wait(0.05)


def test_ended_in_good_order_again_and_again(daemon: Daemon, start: Start, tmp_path: Path) -> None:
    for it in [start(place, then="close") for place in (None, None, daemon, daemon)]:
        qemu = it.guest()
        assert it.ended() == (0, b"")
        assert not runs(qemu)
    assert daemon.qemus() == []
    assert list(daemon.disks.glob(f"{tmp_path.name}-*/tmp/*")) == []
    assert list(tmp_path.glob("*/tmp/*")) == []
