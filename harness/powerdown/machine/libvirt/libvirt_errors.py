"""libvirt's errors as ours."""

from __future__ import annotations

from powerdown.core.errors import HostError, MachineError, PowerdownError
from powerdown.machine.libvirt.binding import libvirt

_GONE = (libvirt.VIR_ERR_NO_DOMAIN,)
_LOST = (
    libvirt.VIR_ERR_RPC,
    libvirt.VIR_ERR_NO_CONNECT,
    libvirt.VIR_ERR_INVALID_CONN,
    libvirt.VIR_ERR_SYSTEM_ERROR,
    libvirt.VIR_ERR_INTERNAL_ERROR,
)
_FORBIDDEN = (
    libvirt.VIR_ERR_AUTH_FAILED,
    libvirt.VIR_ERR_AUTH_CANCELLED,
    libvirt.VIR_ERR_AUTH_UNAVAILABLE,
    libvirt.VIR_ERR_ACCESS_DENIED,
    libvirt.VIR_ERR_OPERATION_DENIED,
)
_MOST = 500


class NotRunning(MachineError):
    """libvirt does not pass it on, because the guest's CPUs stand still."""


def said(error: libvirt.libvirtError) -> str:
    """What libvirt says, on one line, of bounded length."""
    return " ".join(str(error).split())[:_MOST]


def is_gone(error: libvirt.libvirtError) -> bool:
    """Whether it says that there is no such domain."""
    return error.get_error_code() in _GONE


def is_lost(error: libvirt.libvirtError, connection: libvirt.virConnect) -> bool:
    """Whether the connection is to blame, and not what was asked for."""
    if error.get_error_code() not in _LOST:
        return False
    try:
        return not connection.isAlive()
    except libvirt.libvirtError:
        return True


def machine_error(action: str, error: libvirt.libvirtError) -> MachineError:
    """The error for a domain that cannot do what it was asked for."""
    if is_gone(error):
        return MachineError(
            action,
            f"the domain is gone ({said(error)})",
            f"It has ended, or somebody has ended it. {_LOG}",
        )
    if error.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID:
        return NotRunning(action, f"libvirt refused: {said(error)}", "Wake it, or let it go on.")
    if error.get_error_code() in _FORBIDDEN:
        return MachineError(action, f"libvirt does not allow it ({said(error)})", _PERMISSIONS)
    return MachineError(
        action, f"libvirt refused: {said(error)}", "See libvirt's log of the domain."
    )


def connect_error(uri: str, error: libvirt.libvirtError) -> PowerdownError:
    """The error for a host that cannot be reached."""
    action, code, text = f"connect to libvirt at {uri}", error.get_error_code(), said(error)
    if code in _FORBIDDEN or "Permission denied" in text:
        return HostError(action, f"it is not allowed ({text})", _PERMISSIONS)
    if "Failed to parse user" in text:
        return HostError(
            action,
            text,
            "As root, libvirt's QEMU driver wants that user to exist: install libvirt's own "
            "packages, or useradd --system libvirt-qemu.",
        )
    return HostError(action, text, "Does the daemon run there? Try: virsh --connect URI uri.")


_LOG = "See libvirt's log of the domain."
_PERMISSIONS = (
    "Join the group libvirt, use a connection of your own (qemu:///session), or ask for the rights."
)
