"""Services, as ``sc.exe query`` and ``queryex`` print them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from powerdown.windows.guest_lines import guest_lines

MAX_SERVICES = 5000

_HEAD = re.compile(r"[^\s:][^:]*: ?(.*)")
_FIELD = re.compile(r"\s[^:]*:\s*(\S+)(.*)")
_FLAGS = re.compile(r"\s*\(([A-Z_, ]*)\)\s*")


class ServiceState(StrEnum):
    """What a service does; ``OTHER`` is paused, or on the way to or from it."""

    STOPPED = "stopped"
    START_PENDING = "start-pending"
    STOP_PENDING = "stop-pending"
    RUNNING = "running"
    OTHER = "other"


_STATES = {
    "1": ServiceState.STOPPED,
    "2": ServiceState.START_PENDING,
    "3": ServiceState.STOP_PENDING,
    "4": ServiceState.RUNNING,
    "5": ServiceState.OTHER,
    "6": ServiceState.OTHER,
    "7": ServiceState.OTHER,
}
"""By dwCurrentState (learn: SERVICE_STATUS_PROCESS)."""


@dataclass(frozen=True)
class ServiceStatus:
    """One service.

    :param name: its key name.
    :param accepts_preshutdown: whether it is told of a shutdown first, and waited for long.
    :param accepts_shutdown: whether it is told of a shutdown in the ordinary turn.
    :param pid: its process; 0 when it has none or it was not asked for.
    """

    name: str
    state: ServiceState
    accepts_preshutdown: bool
    accepts_shutdown: bool
    pid: int


def parse_services(text: str) -> tuple[ServiceStatus, ...]:
    """The services in the output of ``sc.exe query`` or ``queryex``, in the order printed.

    Labels are not read: some releases translate them (seen so is only the display name). A
    service begins with a line at the margin, whose text behind the colon is its key name. Of the
    indented lines the first is the type, the second begins with the number of the state, and
    the one with nothing but a decimal number is the process. The words in brackets are
    taken to be English everywhere (fact:sc-words-english).
    """
    services: list[ServiceStatus] = []
    block: list[str] = []
    for line in (*guest_lines(text), ""):
        if line.strip():
            block.append(line)
            continue
        service = _service(block)
        if service is not None:
            services.append(service)
        block = []
    return tuple(services[:MAX_SERVICES])


def _service(block: list[str]) -> ServiceStatus | None:
    head = next((found for line in block if (found := _HEAD.fullmatch(line))), None)
    fields = [found for line in block if (found := _FIELD.fullmatch(line))]
    if head is None or not head[1].strip() or len(fields) < 2 or fields[1][1] not in _STATES:
        return None
    flags = {word for line in block if (f := _FLAGS.fullmatch(line)) for word in _words(f[1])}
    alone = [f[1] for f in fields[2:] if not f[2].strip() and re.fullmatch(r"[0-9]{1,10}", f[1])]
    return ServiceStatus(
        name=head[1].strip(),
        state=_STATES[fields[1][1]],
        accepts_preshutdown="ACCEPTS_PRESHUTDOWN" in flags,
        accepts_shutdown="ACCEPTS_SHUTDOWN" in flags,
        pid=int(alone[-1]) if alone else 0,
    )


def _words(flags: str) -> list[str]:
    return [word.strip() for word in flags.split(",")]
