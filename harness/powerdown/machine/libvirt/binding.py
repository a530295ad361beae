"""Import of libvirt-python, or an error that says how to install it."""

from __future__ import annotations

import os

from powerdown.core.errors import HostError

# An embedded driver logs to standard error; errors are raised anyway. The variable is read once,
# when libvirt is loaded (libvirt:docs/logging.rst).
os.environ.setdefault("LIBVIRT_LOG_OUTPUTS", "4:file:/dev/null")

try:
    import libvirt
    import libvirt_qemu
except ImportError as error:
    raise HostError(
        "import libvirt-python",
        str(error),
        "Install it: pip install 'powerdown[libvirt]', or Debian's python3-libvirt; in a checkout "
        "ci/setup does.",
    ) from error

__all__ = ["libvirt", "libvirt_qemu"]
