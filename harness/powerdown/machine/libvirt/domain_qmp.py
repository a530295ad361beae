"""QMP through libvirt, which holds the monitor connection.

libvirt marks the domain as *tainted* from the first command on (``custom-monitor`` in its log),
because such commands may change state that it tracks. The harness's commands do not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import MachineError
from powerdown.machine.libvirt.binding import libvirt, libvirt_qemu
from powerdown.machine.libvirt.domain_handle import DomainHandle
from powerdown.machine.qmp import HasDescriptor
from powerdown.machine.transcript import Direction, Transcript


class DomainQmp:
    """A :class:`Qmp` over virDomainQemuMonitorCommand (libvirt-qemu.h).

    :param handle: the domain.
    :param transcript: receives the traffic.
    """

    def __init__(self, handle: DomainHandle, transcript: Transcript) -> None:
        self._handle = handle
        self._transcript = transcript

    def execute(
        self, command: str, arguments: Mapping[str, object] | None, deadline: Deadline
    ) -> object:
        """Run a QMP command and return its result."""
        return self._run(command, arguments, deadline, passed=None)

    def human(self, command_line: str, deadline: Deadline) -> str:
        """Run a command of the human monitor and return its output."""
        answer = self.execute("human-monitor-command", {"command-line": command_line}, deadline)
        return answer if isinstance(answer, str) else ""

    def pass_fd(self, name: str, end: HasDescriptor, deadline: Deadline) -> None:
        """Pass QEMU a socket or file, which QMP commands then refer to as descriptor ``name``."""
        self._run("getfd", {"fdname": name}, deadline, passed=end.fileno())

    def _run(
        self,
        command: str,
        arguments: Mapping[str, object] | None,
        deadline: Deadline,
        passed: int | None,
    ) -> object:
        message: dict[str, object] = {"execute": command}
        if arguments is not None:
            message["arguments"] = dict(arguments)
        text = json.dumps(message)

        def work(domain: libvirt.virDomain) -> str:
            if passed is None:
                return str(libvirt_qemu.qemuMonitorCommand(domain, text, 0))
            answer, _ = libvirt_qemu.qemuMonitorCommandWithFiles(domain, text, [passed], 0)
            return str(answer)

        self._transcript.write(now(), Direction.SENT, message)
        reply = self._handle.call(f"run QMP command {command}", work, deadline)
        answer = _answer(command, reply)
        self._transcript.write(now(), Direction.RECEIVED, answer)
        if "error" in answer:
            raise MachineError(
                f"run QMP command {command}",
                f"QEMU refused: {answer['error']}",
                "See the QMP transcript.",
            )
        return answer.get("return")


def _answer(command: str, reply: str) -> Mapping[str, object]:
    try:
        answer = json.loads(reply)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict):
        return answer
    raise MachineError(
        f"run QMP command {command}",
        f"libvirt returned {reply[:200]!r}, which is not QMP",
        "See libvirt's log of the domain.",
    )
