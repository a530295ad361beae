"""libvirt-python, or one line that says how to get it."""

from __future__ import annotations

import os

from powerdown.core.errors import HostError

# A driver within the process logs to its standard error; what goes wrong is raised besides. Read
# once, when libvirt is loaded (libvirt:docs/logging.rst).
os.environ.setdefault("LIBVIRT_LOG_OUTPUTS", "4:file:/dev/null")

try:
    import libvirt
    import libvirt_qemu
except ImportError as error:
    raise HostError(
        "load libvirt-python",
        str(error),
        "Install it: ci/setup does; or pip install 'powerdown[libvirt]', or Debian's "
        "python3-libvirt.",
    ) from error

__all__ = ["libvirt", "libvirt_qemu"]
