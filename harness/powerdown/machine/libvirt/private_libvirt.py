"""A libvirt of the harness's own: QEMU's driver within this process, without a daemon.

libvirt:docs/drvqemu.rst, "Embedded driver": everything it keeps is under one root directory, and a
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
# QEMU as the user who runs the harness, as without libvirt: whoever may enter its directories.
user = "{user}"
group = "{group}"
security_driver = "none"
# Every file is this user's already.
dynamic_ownership = 0
remember_owner = 0
# Without virtlogd, which is another daemon.
stdio_handler = "file"
# Not in a bare container; the sandbox of QEMU itself stays on.
namespaces = []
cgroup_controllers = []
"""


class PrivateLibvirt:
    """The root of an embedded driver, removed when it is closed.

    :param cache: where libvirt remembers what QEMU can do, from run to run: asking takes seconds.
    :raise HostError: there is no room for it.
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
                f"prepare libvirt in {root}", error.strerror or str(error), "Make room there."
            ) from error

    @property
    def root(self) -> Path:
        """The directory; its QEMUs have it on their command lines."""
        return self._directory.path

    @property
    def uri(self) -> str:
        """What libvirt is asked to open."""
        return f"qemu:///embed?root={self._directory.path}"

    def close(self) -> None:
        """Remove what it kept; never raises, may be called twice."""
        self._directory.close()


def _parent() -> Path:
    """Where its root can be made: the temporary directory unless its path is too long.

    :raise HostError: there is no other.
    """
    wanted = Path(tempfile.gettempdir())
    for directory in (wanted, _SHORT):
        if len(str(directory)) + _ADDED <= _LONGEST_ROOT and os.access(directory, os.W_OK):
            return directory
    raise HostError(
        f"make room for libvirt's sockets in {wanted}",
        f"its path is longer than {_LONGEST_ROOT - _ADDED} characters, and {_SHORT} is not ours",
        "Set TMPDIR to a directory with a shorter name, or use a daemon (--connect URI).",
    )
