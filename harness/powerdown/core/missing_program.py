"""The error for an external program that is not installed."""

from __future__ import annotations

from powerdown.core.errors import HostError

_PACKAGES = {
    "qemu-img": "qemu-utils",
    "qemu-io": "qemu-utils",
    "qemu-nbd": "qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
    "setpriv": "util-linux",
}
"""Debian packages by program."""


def missing_program(program: str, actual: str = "it is not installed") -> HostError:
    """The error for a program that cannot be run because it is missing.

    :param program: its name.
    :param actual: what the operating system reported.
    """
    package = _PACKAGES.get(program)
    remedy = "Install it." if package is None else f"Install it (Debian: package {package})."
    return HostError(f"run {program}", actual, remedy)
