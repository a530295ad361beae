"""The state of a paused guest in files, and clones of it that share its memory.

The guest's memory is a file that the saved guest maps shared. What else there is of it, the state
of CPUs and devices, goes through QEMU's migration to a second file: under a megabyte, or some
megabytes with flash. A clone maps the memory privately, so that reading costs nothing and only
what it writes is copied. Sources: qemu:qapi/migration.json (``x-ignore-shared``, "fd:" in
``migrate``), qemu:docs/devel/migration.

Files are handed over open, so that QEMU needs neither a name nor a helper process for them.
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
    # Tells of the end, so that nobody has to ask for it.
    {"capability": "events", "state": True},
]


@dataclass(frozen=True)
class SavedState:
    """A guest at rest; its disk is kept elsewhere.

    :param memory: file that holds the guest's memory.
    :param devices: file that holds the state of its CPUs and devices.
    :param uptime: seconds its CPUs had run.
    """

    memory: Path
    devices: Path
    uptime: float


@dataclass(frozen=True)
class MemoryFile:
    """A guest's memory in a file.

    :param shared: whether what the guest writes reaches the file; if not, the guest keeps it to
        itself and the file stays as it is.
    """

    path: Path
    shared: bool


def save_devices(qmp: Qmp, events: EventStream, file: Path, deadline: Deadline) -> None:
    """Write the state of a paused guest, all but its shared memory.

    :raise MachineError: QEMU cannot save this guest; says why.
    :raise HostError: the file cannot be written.
    :raise DeadlineExpired: it took too long.
    """
    _migrate(qmp, events, "migrate", file, "wb", deadline)


def load_devices(qmp: Qmp, events: EventStream, file: Path, deadline: Deadline) -> None:
    """Give a QEMU that was started with ``-incoming defer`` the state of a guest.

    :raise MachineError: QEMU does not take it, or ends over it.
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
            f"QEMU says {ended} ({_why(qmp, deadline)})",
            "See QEMU's standard error and the QMP transcript.",
        )


def _over(event: HostEvent) -> bool:
    return event.name == "MIGRATION" and event.data.get("status") in ("completed", "failed")


def _why(qmp: Qmp, deadline: Deadline) -> str:
    try:
        answer = qmp.execute("query-migrate", None, deadline)
    except MachineError:
        return "and ended"
    reason = answer.get("error-desc") if isinstance(answer, dict) else None
    return str(reason or "without a reason")
