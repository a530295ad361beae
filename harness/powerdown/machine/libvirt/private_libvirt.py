"""libvirt's embedded QEMU driver, which runs within this process and needs no daemon.

libvirt:docs/drvqemu.rst, "Embedded driver": all its files are under one root directory, and a
process can have only one such root.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from powerdown.core.errors import HostError
from powerdown.machine.run_directory import RunDirectory

_LONGEST_ROOT = 26
"""Characters. libvirt puts sockets under it, whose whole path the kernel limits to 107 (man 7
unix): ``ROOT/lib/qemu/channel/target/domain-NUMBER-NAME/org.qemu.guest_agent.0``, with twenty
characters of the name (libvirt:src/conf/domain_conf.c, virDomainDefGetShortName)."""

_SHORT = Path("/tmp")
_SHORT_LABEL = "v"
_ADDED = len(f"/powerdown-{_SHORT_LABEL}-12345678")

_CONFIGURATION = """\
# QEMU runs as the user of the harness, who has access to its directories.
user = "{user}"
group = "{group}"
security_driver = "none"
# All files belong to this user.
dynamic_ownership = 0
remember_owner = 0
# Without virtlogd, which is a daemon.
stdio_handler = "file"
# Not available in a bare container; QEMU's own sandbox stays on.
namespaces = []
cgroup_controllers = []
"""


class PrivateLibvirt:
    """The root directory of an embedded driver, removed when it is closed.

    :param cache: directory where libvirt caches QEMU's capabilities between runs, because querying
        them takes seconds.
    :raise HostError: the directory cannot be created.
    """

    def __init__(self, cache: Path) -> None:
        self._directory = RunDirectory(_SHORT_LABEL, _parent())
        root = self._directory.path
        try:
            (root / "etc").mkdir()
            configuration = _CONFIGURATION.format(user=f"+{os.getuid()}", group=f"+{os.getgid()}")
            (root / "etc" / "qemu.conf").write_text(configuration)
            (root / "cache").mkdir()
            known = cache / "libvirt"
            known.mkdir(parents=True, exist_ok=True)
            (root / "cache" / "qemu").symlink_to(known)
        except OSError as error:
            self.close()
            raise HostError(
                f"prepare libvirt in {root}",
                error.strerror or str(error),
                "Check free space and permissions.",
            ) from error

    @property
    def root(self) -> Path:
        """The directory, which is on the command line of every QEMU of the driver."""
        return self._directory.path

    @property
    def uri(self) -> str:
        """The URI of the driver."""
        return f"qemu:///embed?root={self._directory.path}"

    def close(self) -> None:
        """Remove the directory; never raises, may be called twice."""
        self._directory.close()


def _parent() -> Path:
    """The parent of the root: the temporary directory unless its path is too long.

    :raise HostError: no suitable directory is writable.
    """
    wanted = Path(tempfile.gettempdir())
    for directory in (wanted, _SHORT):
        if len(str(directory)) + _ADDED <= _LONGEST_ROOT and os.access(directory, os.W_OK):
            return directory
    raise HostError(
        f"create a directory for libvirt's sockets in {wanted}",
        f"its path is longer than {_LONGEST_ROOT - _ADDED} characters and {_SHORT} not writable",
        "Set TMPDIR to a directory with a shorter path, or use a daemon (--connect URI).",
    )
