"""The state of a paused guest in files, and clones that share its memory.

The guest's memory is a file that the saved guest maps shared. The state of its CPUs and devices
goes through QEMU's migration to a second file: under a megabyte, or some megabytes with flash. A
clone maps the memory privately, so that reading costs nothing and only what it writes is copied.
Sources: qemu:qapi/migration.json (``x-ignore-shared``, "fd:" in ``migrate``),
qemu:docs/devel/migration.

Files are passed as open descriptors, so that QEMU needs neither a path nor a helper process.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.core.errors import HostError, MachineError
from powerdown.machine.events import EventStream, HostEvent
from powerdown.machine.qmp import Qmp

_NAME = "state"
_CAPABILITIES = [
    # Memory that is mapped shared stays where it is.
    {"capability": "x-ignore-shared", "state": True},
    # Reports the end as an event, so that it need not be polled.
    {"capability": "events", "state": True},
]


@dataclass(frozen=True)
class SavedState:
    """A saved guest; its disk is kept elsewhere.

    :param memory: file that holds the guest's memory.
    :param devices: file that holds the state of its CPUs and devices.
    :param uptime: seconds for which its CPUs had run.
    """

    memory: Path
    devices: Path
    uptime: float


@dataclass(frozen=True)
class MemoryFile:
    """A guest's memory in a file.

    :param shared: whether the guest's writes go to the file; otherwise they are private to the
        guest and the file does not change.
    """

    path: Path
    shared: bool


def save_devices(qmp: Qmp, events: EventStream, file: Path, deadline: Deadline) -> None:
    """Write the state of a paused guest except its shared memory.

    :raise MachineError: QEMU cannot save this guest; the message has the reason.
    :raise HostError: the file cannot be written.
    :raise DeadlineExpired: it took too long.
    """
    _migrate(qmp, events, "migrate", file, "wb", deadline)


def load_devices(qmp: Qmp, events: EventStream, file: Path, deadline: Deadline) -> None:
    """Load the state of a guest into a QEMU that was started with ``-incoming defer``.

    :raise MachineError: QEMU rejects it or ends.
    :raise HostError: the file cannot be read.
    :raise DeadlineExpired: it took too long.
    """
    _migrate(qmp, events, "migrate-incoming", file, "rb", deadline)


def _migrate(
    qmp: Qmp, events: EventStream, command: str, file: Path, mode: str, deadline: Deadline
) -> None:
    qmp.execute("migrate-set-capabilities", {"capabilities": _CAPABILITIES}, deadline)
    try:
        with file.open(mode) as opened:
            qmp.pass_fd(_NAME, opened, deadline)
    except OSError as error:
        raise HostError(
            f"open {file}", error.strerror or str(error), "Check free space and permissions."
        ) from error
    qmp.execute(command, {"uri": f"fd:{_NAME}"}, deadline)
    ended = events.expect(_over, deadline, f"the end of {command}")
    if ended.data.get("status") != "completed":
        raise MachineError(
            f"run QMP command {command}",
            f"QEMU reported {ended} ({_why(qmp, deadline)})",
            "See QEMU's standard error and the QMP transcript.",
        )


def _over(event: HostEvent) -> bool:
    return event.name == "MIGRATION" and event.data.get("status") in ("completed", "failed")


def _why(qmp: Qmp, deadline: Deadline) -> str:
    try:
        answer = qmp.execute("query-migrate", None, deadline)
    except MachineError:
        return "QEMU ended"
    reason = answer.get("error-desc") if isinstance(answer, dict) else None
    return str(reason or "no reason given")
