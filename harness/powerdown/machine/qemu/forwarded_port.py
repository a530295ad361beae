"""The host port, chosen by the kernel, that is forwarded to the guest's control port."""

from __future__ import annotations

import re

from powerdown.core.deadline import Deadline
from powerdown.core.errors import MachineError
from powerdown.machine.qmp import Qmp

_FORWARD = re.compile(r"TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s")
"""A forwarded port in the human monitor's ``info usernet``."""


def forwarded_port(qmp: Qmp, deadline: Deadline) -> int:
    """The number of the forwarded port.

    :raise MachineError: QEMU does not list one.
    """
    printed = qmp.human("info usernet", deadline)
    match = _FORWARD.search(printed)
    if match is None:
        raise MachineError(
            "find the forwarded control port",
            f"QEMU's `info usernet` printed {printed[:300]!r}",
            "See the QMP transcript; this version of QEMU may use another format.",
        )
    return int(match[1])
