"""A real libvirt daemon with everything it keeps in a directory of its own.

It is a *session* daemon: one of an ordinary user, which keeps to the directories that its
environment names (libvirt:docs/daemons.rst). So root runs it as ``nobody``, who may be anybody.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.machine.qemu.process import BoundProcess

NOBODY = 65534
"""User and group that owns nothing (Debian policy, 9.2.2)."""

_START_SECONDS = 30.0
_STOP_SECONDS = 20.0

_QEMU_CONF = """\
stdio_handler = "file"
security_driver = "none"
namespaces = []
cgroup_controllers = []
"""

_LIBVIRTD_CONF = """\
unix_sock_dir = "{root}/run"
auth_unix_rw = "none"
auth_unix_ro = "none"
log_outputs = "3:file:{root}/log"
"""


_REAPER = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
daemon = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
while os.wait()[0] != daemon:
    pass
"""
"""Runs the daemon and is told of its QEMUs' ends too (man 2 PR_SET_CHILD_SUBREAPER): libvirt waits
until their parent has taken notice, which some containers' first process takes seconds for."""


class Daemon:
    """A daemon that can be stopped, killed and started again; its domains go on meanwhile.

    :param knows: what an earlier daemon found out about QEMU, which takes seconds.
    """

    def __init__(self, knows: Path | None = None) -> None:
        # Of sockets the whole path counts, so the short directory.
        self.root = Path(tempfile.mkdtemp(prefix="pd-virt-", dir="/tmp"))
        for name in ("run", "config/libvirt", "cache", "data", "disks"):
            (self.root / name).mkdir(parents=True)
        (self.root / "config/libvirt/qemu.conf").write_text(_QEMU_CONF)
        (self.root / "libvirtd.conf").write_text(_LIBVIRTD_CONF.format(root=self.root))
        if knows is not None and knows.is_dir():
            shutil.copytree(knows, self.knowledge)
        give_away(self.root)
        self._process: BoundProcess | None = None
        self._ended = threading.Event()
        self.start()

    @property
    def knowledge(self) -> Path:
        """Where it remembers what QEMU can do."""
        return self.root / "cache/libvirt/qemu/cache"

    @property
    def uri(self) -> str:
        """How to reach it."""
        return f"qemu+unix:///session?socket={self.socket}"

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.root / "run/libvirt-sock"

    @property
    def logs(self) -> Path:
        """Where it keeps a log of each guest."""
        return self.root / "cache/libvirt/qemu/log"

    @property
    def disks(self) -> Path:
        """A directory that its QEMUs may enter."""
        return self.root / "disks"

    @property
    def pid(self) -> int:
        """Its process id."""
        return int((self.root / "run/pid").read_text())

    def start(self) -> None:
        """Start it, unless it runs; back once it takes connections."""
        if self._process is not None and self._process.pid is not None:
            return
        self._ended = ended = threading.Event()
        daemon = ["libvirtd", "-f", f"{self.root}/libvirtd.conf", "-p", f"{self.root}/run/pid"]
        command = [sys.executable, "-I", "-c", _REAPER, *as_its_user(daemon)]
        environment = {
            "HOME": str(self.root),
            "XDG_RUNTIME_DIR": f"{self.root}/run",
            "XDG_CONFIG_HOME": f"{self.root}/config",
            "XDG_CACHE_HOME": f"{self.root}/cache",
            "XDG_DATA_HOME": f"{self.root}/data",
        }
        self._process = BoundProcess(
            command, (), self.root / "stderr", lambda status: ended.set(), environment
        )
        deadline = Deadline.after(_START_SECONDS)
        while not self._listens():
            assert not deadline.expired, self._process.stderr_tail()
            assert not ended.wait(0.02), self._process.stderr_tail()

    def stop(self) -> None:
        """Have it end in good order."""
        os.kill(self.pid, signal.SIGTERM)
        assert self._ended.wait(_STOP_SECONDS)

    def kill(self) -> None:
        """End it at once."""
        os.kill(self.pid, signal.SIGKILL)
        assert self._ended.wait(_STOP_SECONDS)

    def restart(self) -> None:
        """What an upgrade of its package does."""
        self.stop()
        self.start()

    def qemus(self) -> list[int]:
        """Process ids of its guests."""
        needle, found = os.fsencode(self.disks), []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (process / "cmdline").read_bytes()
                if needle in command and b"-uuid" in command.split(b"\0"):
                    found.append(int(process.name))
        return found

    def close(self) -> None:
        """End it and whatever it still runs."""
        assert self._process is not None
        self._process.kill()
        self._ended.wait(_STOP_SECONDS)
        for qemu in self.qemus():
            with contextlib.suppress(ProcessLookupError):
                os.kill(qemu, signal.SIGKILL)
        shutil.rmtree(self.root, ignore_errors=True)

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as end:
            try:
                end.connect(str(self.socket))
            except OSError:
                return False
        return True


def as_its_user(command: list[str]) -> list[str]:
    """The command as the daemon's user, ended with who starts it."""
    user: list[str] = []
    if os.geteuid() == 0:
        user = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    # After a change of user it has to be asked for again.
    return ["setpriv", *user, "--pdeathsig=KILL", "--", *command]


def give_away(path: Path) -> None:
    """Let the daemon's user have a file, or a directory and all in it."""
    if os.geteuid() != 0:
        return
    for one in [path, *path.rglob("*")]:
        os.chown(one, NOBODY, NOBODY)
