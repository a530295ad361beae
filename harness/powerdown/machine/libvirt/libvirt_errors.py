"""Translation of libvirt's errors."""

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
    """libvirt does not forward a request, because the guest's CPUs are stopped."""


def error_text(error: libvirt.libvirtError) -> str:
    """libvirt's message, on one line, of bounded length."""
    return " ".join(str(error).split())[:_MOST]


def is_gone(error: libvirt.libvirtError) -> bool:
    """Whether it means that the domain does not exist."""
    return error.get_error_code() in _GONE


def is_lost(error: libvirt.libvirtError, connection: libvirt.virConnect) -> bool:
    """Whether the connection was lost, rather than the request refused."""
    if error.get_error_code() not in _LOST:
        return False
    try:
        return not connection.isAlive()
    except libvirt.libvirtError:
        return True


def machine_error(action: str, error: libvirt.libvirtError) -> MachineError:
    """The error for a request that failed for one domain."""
    if is_gone(error):
        return MachineError(
            action,
            f"the domain does not exist any more ({error_text(error)})",
            f"It has ended, or was ended by someone else. {_LOG}",
        )
    if error.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID:
        return NotRunning(
            action, f"libvirt refused: {error_text(error)}", "Wake or resume the guest."
        )
    if error.get_error_code() in _FORBIDDEN:
        return MachineError(action, f"libvirt denies access ({error_text(error)})", _PERMISSIONS)
    return MachineError(
        action, f"libvirt refused: {error_text(error)}", "See libvirt's log of the domain."
    )


def connect_error(uri: str, error: libvirt.libvirtError) -> PowerdownError:
    """The error for a connection that failed."""
    action, code, text = f"connect to libvirt at {uri}", error.get_error_code(), error_text(error)
    if code in _FORBIDDEN or "Permission denied" in text:
        return HostError(action, f"access is denied ({text})", _PERMISSIONS)
    if "Failed to parse user" in text:
        return HostError(
            action,
            text,
            "As root, libvirt's QEMU driver requires that user: install libvirt's packages, or run "
            "useradd --system libvirt-qemu.",
        )
    return HostError(
        action, text, "Check that the daemon runs there. Try: virsh --connect URI uri."
    )


_LOG = "See libvirt's log of the domain."
_PERMISSIONS = (
    "Join the group libvirt, use a session connection (qemu:///session), or request permission."
)
