"""Requests to the guest agent through libvirt, which holds the agent's socket."""

from __future__ import annotations

from math import ceil

from powerdown.core.deadline import Deadline
from powerdown.machine.libvirt.binding import libvirt, libvirt_qemu
from powerdown.machine.libvirt.domain_handle import DomainHandle
from powerdown.machine.libvirt.libvirt_errors import error_text
from powerdown.machine.protocol import AgentRefused

_REFUSED = "unable to execute QEMU agent command"
"""The start of libvirt's message for an agent's error (libvirt:src/qemu/qemu_agent.c)."""


class LibvirtAgent:
    """An :class:`AgentProxy` over virDomainQemuAgentCommand.

    :param handle: the domain.
    """

    def __init__(self, handle: DomainHandle) -> None:
        self._handle = handle

    def __call__(self, request: str, deadline: Deadline) -> str:
        """Send a request, as JSON, and return the answer, as JSON."""
        # libvirt counts whole seconds; 0 would be "do not wait" (libvirt-qemu.h).
        seconds = max(1, ceil(deadline.remaining))

        def work(domain: libvirt.virDomain) -> str:
            try:
                return str(libvirt_qemu.qemuAgentCommand(domain, request, seconds, 0))
            except libvirt.libvirtError as error:
                text = error_text(error)
                if _REFUSED in text:
                    reason = text.partition(_REFUSED)[2].partition(": ")[2]
                    raise AgentRefused("call the guest agent", reason, "See its log.") from error
                raise

        return self._handle.call("call the guest agent", work, deadline, once=True)
