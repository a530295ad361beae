"""A libvirt of the harness's own: QEMU's driver within this process, without a daemon.

libvirt:docs/drvqemu.rst, "Embedded driver": everything it keeps is under one root directory, and a
process can have only one such root.
"""

from __future__ import annotations

import os
from pathlib import Path

from harness.errors import HostError
from harness.machine.run_directory import RunDirectory

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
        self._directory = RunDirectory("libvirt")
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
    def uri(self) -> str:
        """What libvirt is asked to open."""
        return f"qemu:///embed?root={self._directory.path}"

    def close(self) -> None:
        """Remove what it kept; never raises, may be called twice."""
        self._directory.close()
