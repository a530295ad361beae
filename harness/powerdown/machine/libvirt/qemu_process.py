"""The process of a domain's QEMU on this host."""

from __future__ import annotations

import os
from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.core.errors import MachineError
from powerdown.machine.external_process import ExternalProcess
from powerdown.machine.qmp import Qmp

_PROC = Path("/proc")


def find_qemu(qmp: Qmp, uuid: str, deadline: Deadline) -> ExternalProcess | None:
    """The process with the threads that QEMU reports for its CPUs and with the domain's UUID.

    Thread ids mean something else in another PID namespace and on another host, which a URI does
    not always show. So the UUID is checked, which libvirt puts on every QEMU's command line.

    :return: ``None`` where it is not known.
    """
    try:
        cpus = qmp.execute("query-cpus-fast", None, deadline)
        thread = cpus[0]["thread-id"] if isinstance(cpus, list) else None
        status = (_PROC / str(thread) / "status").read_text()
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        process = ExternalProcess(int(fields["Tgid"]))
    except (MachineError, OSError, LookupError, TypeError, ValueError):
        return None
    if _has_uuid(process.pid, uuid):
        return process
    process.close()
    return None


def _has_uuid(pid: int | None, uuid: str) -> bool:
    try:
        command = (_PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(uuid) in command
