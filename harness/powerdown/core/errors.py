"""The errors that Powerdown raises.

Every message has three parts: what was tried, what was seen instead, and what
to do about it.  Any other exception is a bug in Powerdown.
"""

from __future__ import annotations


class PowerdownError(Exception):
    """Root of every error raised on purpose.

    :param action: what was being done, as a clause (``"read image definition /x.toml"``).
    :param actual: what was seen instead, as a clause without a full stop.
    :param remedy: what the user can do about it, as sentences.
    """

    def __init__(self, action: str, actual: str, remedy: str) -> None:
        super().__init__(action, actual, remedy)
        self.action = action
        self.actual = actual
        self.remedy = remedy

    def __str__(self) -> str:
        return f"could not {self.action}: {self.actual}. {self.remedy}"


class DefinitionError(PowerdownError):
    """An image definition cannot be used; the message names the file and the key."""


class HostError(PowerdownError):
    """The host lacks something, or a tool on it failed."""


class HostFault(HostError):
    """QEMU stopped a guest because QEMU, KVM or the host's storage failed, not the guest."""


class MachineError(PowerdownError):
    """QEMU did not start, ended, refused a command, or gave a malformed answer."""


class ControlChannelError(PowerdownError):
    """The guest could not be reached through its control channel, or its answer was malformed."""


class CredentialsRejected(ControlChannelError):
    """The guest answers but rejects the account, so waiting does not help."""


class DiskError(PowerdownError):
    """A disk image or a structure on it could not be read."""


class DeadlineExpired(PowerdownError):
    """A deadline passed before what was awaited happened."""


class NotOnThisGuest(PowerdownError):
    """A scenario cannot be provoked on this guest, which says nothing about its shutdown."""
