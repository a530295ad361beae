"""A running domain that the harness did not start."""

from __future__ import annotations

from dataclasses import dataclass

from powerdown.core.deadline import now
from powerdown.core.errors import MachineError
from powerdown.images.image import Budgets
from powerdown.machine.libvirt.binding import libvirt
from powerdown.machine.libvirt.calls import call_alone
from powerdown.machine.libvirt.connection import Connection
from powerdown.machine.libvirt.domain_machine import DomainMachine
from powerdown.machine.libvirt.libvirt_agent import LibvirtAgent
from powerdown.machine.libvirt.libvirt_errors import machine_error
from powerdown.machine.protocol import AgentProxy
from powerdown.machine.run_directory import RunDirectory

_FIND_SECONDS = 15.0

_REASONS = {
    libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN: "it was shut down",
    libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED: "it was forced off (virDomainDestroy)",
    libvirt.VIR_DOMAIN_SHUTOFF_CRASHED: "it crashed, or its QEMU did",
    libvirt.VIR_DOMAIN_SHUTOFF_MIGRATED: "it was migrated to another host",
    libvirt.VIR_DOMAIN_SHUTOFF_SAVED: "it was saved to a file",
    libvirt.VIR_DOMAIN_SHUTOFF_FAILED: "it did not start",
    libvirt.VIR_DOMAIN_SHUTOFF_FROM_SNAPSHOT: "it was reverted to a snapshot",
    libvirt.VIR_DOMAIN_SHUTOFF_DAEMON: "libvirt's daemon lost track of it",
}
"""libvirt-domain.h, virDomainShutoffReason."""


@dataclass(frozen=True)
class _Found:
    """A running domain.

    :param number: libvirt's id of it, which changes when it is started again.
    """

    uuid: str
    name: str
    number: int
    vcpus: int


class ExternalDomain(DomainMachine):
    """An external domain; :meth:`close` leaves it as it is.

    :param connection: connection to its libvirt; closed by :meth:`close`.
    :param found: the domain.
    :param budgets: its time limits.
    :param directory: for its transcript; removed by :meth:`close`.
    """

    def __init__(
        self, connection: Connection, found: _Found, budgets: Budgets, directory: RunDirectory
    ) -> None:
        self._connection = connection
        self._directory = directory
        transcript = directory.path / "qmp.jsonl"
        super().__init__(connection, found.uuid, found.name, budgets, found.vcpus, transcript)
        self._listener.began(found.number)
        process = self._own_process()
        self._started_at = now() if process is None else process.started_at

    @property
    def started_at(self) -> float:
        """When its QEMU was started or, if that is not known, when the harness attached to it;
        seconds on the host-monotonic clock."""
        return self._started_at

    @property
    def agent_proxy(self) -> AgentProxy:
        """The way to the guest agent through libvirt, which reports if there is none."""
        return LibvirtAgent(self._handle)

    def find_agent_socket(self) -> None:
        """``None``: libvirt holds the socket."""

    def close(self) -> None:
        """Disconnect from it."""
        super().close()
        self._connection.close()
        self._directory.close()


def attach_domain(uri: str | None, name: str, budgets: Budgets) -> ExternalDomain:
    """Attach to a running domain by its name or UUID.

    :param uri: URI of its libvirt; ``None`` for libvirt's default.
    :raise HostError: libvirt cannot be reached, or denies access.
    :raise MachineError: the domain does not exist or run, or libvirt denies access to it.
    """
    connection = Connection(uri)
    action = f"attach to domain {name}"
    try:
        found = call_alone(lambda: _find(connection.virt, name), _FIND_SECONDS)
        directory = RunDirectory("attached")
        try:
            return ExternalDomain(connection, found, budgets, directory)
        except BaseException:
            directory.close()
            raise
    except libvirt.libvirtError as error:
        connection.close()
        raise machine_error(action, error) from error
    except TimeoutError as error:
        connection.close()
        raise MachineError(
            action,
            f"libvirt at {connection.uri} does not answer within {_FIND_SECONDS:.0f} s",
            "Its host may be overloaded; see libvirt's log there.",
        ) from error
    except BaseException:
        connection.close()
        raise


def _find(virt: libvirt.virConnect, name: str) -> _Found:
    domain = _look_up(virt, name)
    if not domain.isActive():
        _, reason = domain.state()
        raise MachineError(
            f"attach to domain {name}",
            f"it is shut off: {_REASONS.get(reason, 'for an unknown reason')}",
            f"Start it: virsh start {domain.name()}",
        )
    # The CPUs it has now; unlike most calls, this does not wait for QEMU, which may hang.
    vcpus = domain.vcpusFlags(libvirt.VIR_DOMAIN_AFFECT_LIVE)
    return _Found(domain.UUIDString(), domain.name(), domain.ID(), vcpus)


def _look_up(virt: libvirt.virConnect, name: str) -> libvirt.virDomain:
    try:
        return virt.lookupByName(name)
    except libvirt.libvirtError as error:
        try:
            return virt.lookupByUUIDString(name)
        except libvirt.libvirtError:
            pass
        known = ", ".join(sorted(domain.name() for domain in virt.listAllDomains())) or "none"
        raise MachineError(
            f"attach to domain {name}",
            f"no domain has that name or UUID; there are: {known}",
            "Check --domain and --connect (virsh list --all).",
        ) from error
