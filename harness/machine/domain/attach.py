"""A domain that somebody else has started, as it is found."""

from __future__ import annotations

from harness.deadline import now
from harness.errors import MachineError
from harness.images.image import Budgets
from harness.machine.domain.binding import libvirt
from harness.machine.domain.connection import Connection
from harness.machine.domain.domain_machine import DomainMachine
from harness.machine.domain.errors import machine_error
from harness.machine.foreign_process import ForeignProcess
from harness.machine.run_directory import RunDirectory

_STATES = {
    libvirt.VIR_DOMAIN_SHUTOFF: "it is shut off",
    libvirt.VIR_DOMAIN_CRASHED: "it has crashed and is off",
}
_REASONS = {
    libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN: "it was shut down",
    libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED: "it was forced off (virDomainDestroy)",
    libvirt.VIR_DOMAIN_SHUTOFF_CRASHED: "it crashed",
    libvirt.VIR_DOMAIN_SHUTOFF_MIGRATED: "it was migrated to another host",
    libvirt.VIR_DOMAIN_SHUTOFF_SAVED: "it was saved to a file",
    libvirt.VIR_DOMAIN_SHUTOFF_FAILED: "it did not start",
    libvirt.VIR_DOMAIN_SHUTOFF_FROM_SNAPSHOT: "it was reverted to a snapshot",
    libvirt.VIR_DOMAIN_SHUTOFF_DAEMON: "libvirt's daemon lost it",
}
"""libvirt-domain.h, virDomainShutoffReason."""


class AttachedDomain(DomainMachine):
    """A domain of somebody else; :meth:`close` leaves it as it is."""

    def __init__(
        self, connection: Connection, uuid: str, name: str, budgets: Budgets, vcpus: int
    ) -> None:
        self._connection = connection
        self._directory = RunDirectory("attached")
        try:
            super().__init__(
                connection, uuid, name, budgets, vcpus, self._directory.path / "qmp.jsonl"
            )
        except BaseException:
            self._directory.close()
            raise
        self._listener.began()
        self._started_at = _started_at(self.pid)

    @property
    def started_at(self) -> float:
        """When its QEMU was started, on the host-monotonic clock; when it was found, if it runs on
        another host."""
        return self._started_at

    def close(self) -> None:
        """Let go of it."""
        super().close()
        self._connection.close()
        self._directory.close()


def attach_domain(uri: str | None, name: str, budgets: Budgets) -> AttachedDomain:
    """The running domain of a name, or of a UUID.

    :param uri: of its libvirt; ``None`` for the one that libvirt takes by default.
    :raise HostError: libvirt cannot be reached, or does not let us in.
    :raise MachineError: there is no such domain, or it does not run.
    """
    connection = Connection(uri)
    try:
        domain = _find(connection.virt, name)
        state, reason = domain.state()
        if state in _STATES or not domain.isActive():
            why = _REASONS.get(reason, "nobody knows why")
            raise MachineError(
                f"look at domain {name}",
                f"{_STATES.get(state, 'it is off')}: {why}",
                f"Start it: virsh start {domain.name()}",
            )
        vcpus = domain.info()[3]
        return AttachedDomain(connection, domain.UUIDString(), domain.name(), budgets, vcpus)
    except libvirt.libvirtError as error:
        connection.close()
        raise machine_error(f"look at domain {name}", error) from error
    except BaseException:
        connection.close()
        raise


def _started_at(pid: int | None) -> float:
    if pid is None:
        return now()
    try:
        process = ForeignProcess(pid)
    except (OSError, ValueError, LookupError):
        return now()
    process.close()
    return process.started_at


def _find(virt: libvirt.virConnect, name: str) -> libvirt.virDomain:
    try:
        return virt.lookupByName(name)
    except libvirt.libvirtError as error:
        try:
            return virt.lookupByUUIDString(name)
        except libvirt.libvirtError:
            pass
        known = ", ".join(sorted(domain.name() for domain in virt.listAllDomains())) or "none"
        raise MachineError(
            f"look at domain {name}",
            f"there is none of that name or UUID; there are: {known}",
            "Check --domain and --connect (virsh list --all).",
        ) from error
