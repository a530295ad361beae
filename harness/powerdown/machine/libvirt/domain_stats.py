"""How busy a domain is, as libvirt counts it on the domain's host."""

from __future__ import annotations

from collections.abc import Mapping

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import MachineError
from powerdown.machine.activity import Activity
from powerdown.machine.libvirt.binding import libvirt
from powerdown.machine.libvirt.domain_handle import DomainHandle

_NANOSECONDS = 1e-9
_GROUPS = libvirt.VIR_DOMAIN_STATS_VCPU | libvirt.VIR_DOMAIN_STATS_BLOCK


def read_stats(handle: DomainHandle, deadline: Deadline) -> Activity:
    """CPU time and disk traffic of a domain so far (libvirt-domain.h, virConnectGetAllDomainStats).

    ``vcpu.N.delay``, the time for which a CPU waited for one of the host, exists since libvirt 7.2;
    without it a busy host hides part of the guest's demand.

    :raise MachineError: libvirt refuses, or reports no CPU time.
    """

    def work(domain: libvirt.virDomain) -> Mapping[str, object]:
        ((_, stats),) = domain.connect().domainListGetStats([domain], _GROUPS, 0)
        return dict(stats)

    stats = handle.call("read the guest's CPU and disk activity", work, deadline)
    ran, waited = (_sum(stats, "vcpu", name) for name in ("time", "delay"))
    if not any(name.startswith("vcpu.") and name.endswith(".time") for name in stats):
        raise MachineError(
            "read the guest's CPU and disk activity",
            "libvirt reports no CPU time",
            "Use a newer libvirt, or --qmp.",
        )
    return Activity(
        at=now(),
        cpu_seconds=ran * _NANOSECONDS,
        wanted_cpu_seconds=(ran + waited) * _NANOSECONDS,
        read_bytes=_sum(stats, "block", "rd.bytes"),
        written_bytes=_sum(stats, "block", "wr.bytes"),
    )


def _sum(stats: Mapping[str, object], group: str, name: str) -> int:
    """The sum over all members of a group, as in ``vcpu.0.time`` and ``vcpu.1.time``."""
    found = (
        value
        for key, value in stats.items()
        if key.startswith(f"{group}.") and key.partition(".")[2].partition(".")[2] == name
    )
    return sum(value for value in found if isinstance(value, int))
