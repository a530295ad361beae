"""The one family of errors Powerdown raises.

Every message says three things: what was tried, what was seen instead and what
to do about it.  Whatever is not a :class:`PowerdownError` is a bug in Powerdown.
"""

from __future__ import annotations


class PowerdownError(Exception):
    """Root of every error raised on purpose.

    :param action: what was being done, as a clause (``"read image definition /x.toml"``).
    :param actual: what was found instead of success.
    :param remedy: what the reader can do about it.
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
    """This host lacks something, or a tool on it failed."""


class HostFault(HostError):
    """QEMU stopped a guest because QEMU, KVM or the host's storage failed, not the guest."""


class MachineError(PowerdownError):
    """QEMU did not start, died, or answered what QMP does not allow."""


class ControlChannelError(PowerdownError):
    """The inside of the guest could not be reached, or answered nonsense."""


class CredentialsRejected(ControlChannelError):
    """The guest answers, and refuses the user it was asked for: waiting will not help."""


class DiskError(PowerdownError):
    """A disk image or a structure on it could not be read."""


class DeadlineExpired(PowerdownError):
    """A wait ended without what it waited for."""


class NotOnThisGuest(PowerdownError):
    """A scenario cannot be provoked on this guest; that says nothing of its shutdown."""
