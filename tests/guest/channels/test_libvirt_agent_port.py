"""The guest agent where somebody else keeps its wire."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.core.deadline import Deadline
from powerdown.core.errors import ControlChannelError, DeadlineExpired, MachineError
from powerdown.guest.channels.agent_channel import AgentChannel
from powerdown.guest.channels.libvirt_agent_port import LibvirtAgentPort
from powerdown.machine.protocol import AgentRefused


def answering(answer: str) -> LibvirtAgentPort:
    return LibvirtAgentPort(lambda request, deadline: answer)


def failing(error: Callable[[], Exception]) -> LibvirtAgentPort:
    def ask(request: str, deadline: Deadline) -> str:
        raise error()

    return LibvirtAgentPort(ask)


def test_a_call_and_what_it_returns() -> None:
    asked: list[object] = []

    def ask(request: str, deadline: Deadline) -> str:
        asked.append(json.loads(request))
        return '{"return": {"pid": 7}}'

    port = LibvirtAgentPort(ask)
    assert port.execute("guest-exec", {"path": "cmd.exe"}, Deadline.after(1)) == {"pid": 7}
    assert port.execute("guest-ping", None, Deadline.after(1)) == {"pid": 7}
    assert asked == [
        {"execute": "guest-exec", "arguments": {"path": "cmd.exe"}},
        {"execute": "guest-ping"},
    ]


def test_a_refusal_says_why() -> None:
    words = "Command guest-exec has been disabled"
    port = failing(lambda: AgentRefused("ask the guest agent", words, "See its log."))
    with pytest.raises(ControlChannelError, match="blocks it"):
        port.execute("guest-exec", None, Deadline.after(1))


def test_nobody_answers() -> None:
    port = failing(lambda: MachineError("ask the guest agent", "it is not connected", "Start it."))
    with pytest.raises(ControlChannelError, match="not connected"):
        port.execute("guest-ping", None, Deadline.after(10))
    with pytest.raises(DeadlineExpired, match="answer of the guest agent"):
        port.execute("guest-ping", None, Deadline.after(0))
    assert AgentChannel(port).answers(Deadline.after(1)) is None


@given(st.text() | st.sampled_from(["[]", "{}", '{"return"', "null", "[" * 100_000]))
def test_garbage_is_one_error(answer: str) -> None:
    try:
        is_answer = isinstance(json.loads(answer), dict) and "return" in json.loads(answer)
    except (ValueError, RecursionError):
        is_answer = False
    if not is_answer:
        with pytest.raises(ControlChannelError, match="the answer is none"):
            answering(answer).execute("guest-ping", None, Deadline.after(1))
