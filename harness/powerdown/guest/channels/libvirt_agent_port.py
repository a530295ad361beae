"""The guest agent where somebody else keeps its wire: libvirt, which passes on single calls."""

from __future__ import annotations

import json
from collections.abc import Mapping

from powerdown.core.deadline import Deadline
from powerdown.core.errors import ControlChannelError, MachineError
from powerdown.guest.channels.agent_port import quoted, refused
from powerdown.machine.protocol import AgentProxy, AgentRefused


class LibvirtAgentPort:
    """An :class:`AgentPort` through whoever keeps the wire.

    :param ask: passes on one request.
    """

    def __init__(self, ask: AgentProxy) -> None:
        self._ask = ask

    def execute(
        self, command: str, arguments: Mapping[str, object] | None, deadline: Deadline
    ) -> object:
        """Call the agent; what it returns.

        :raise ControlChannelError: it refuses, does not answer, or its answer is none.
        :raise DeadlineExpired: it does not answer in time.
        """
        request: dict[str, object] = {"execute": command}
        if arguments is not None:
            request["arguments"] = dict(arguments)
        try:
            said = self._ask(json.dumps(request), deadline)
        except AgentRefused as error:
            raise refused(command, error.actual) from error
        except MachineError as error:
            if deadline.expired:
                raise deadline.expire(
                    f"an answer of the guest agent to {command}",
                    error.actual,
                    "Does the agent run in the guest?",
                ) from error
            raise ControlChannelError(
                f"call {command} of the guest agent", error.actual, error.remedy
            ) from error
        return _returned(command, said)

    def interrupt(self) -> None:
        """Nothing can be broken off: a call ends with its deadline, or with the domain."""

    def close(self) -> None:
        """Nothing to release."""


def _returned(command: str, said: str) -> object:
    try:
        answer = json.loads(said)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict) and "return" in answer:
        return answer["return"]
    raise ControlChannelError(
        f"call {command} of the guest agent",
        f"the answer is none: {quoted(said)}",
        "Something else may listen on the agent's port in the guest.",
    )
