"""The wire to a guest agent whose other end says anything at all."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.core.deadline import Deadline
from powerdown.core.errors import ControlChannelError, DeadlineExpired, PowerdownError
from powerdown.guest.channels.agent_socket import AgentSocket

Request = dict[str, object]
Answer = Callable[[Request], bytes]

SOON = 0.2
"""Seconds for what must not happen."""
SECONDS = 10.0
"""For what must happen."""


def honest(request: Request) -> bytes:
    """An agent that answers each call with its name, and keeps to the protocol."""
    if request["execute"] == "guest-sync-delimited":
        return b"\xff" + returned(request["arguments"]["id"])  # type: ignore[index]
    return returned(request["execute"])


def returned(value: object) -> bytes:
    return json.dumps({"return": value}).encode() + b"\n"


class Agent:
    """Reads requests as an agent does and sends whatever ``answer`` says.

    :ivar requests: what it was asked, without synchronisation.
    """

    def __init__(self, answer: Answer = honest) -> None:
        self.ours, self._theirs = socket.socketpair()
        self.answer = answer
        self.requests: list[Request] = []
        self.syncs = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def say(self, data: bytes) -> None:
        self._theirs.sendall(data)

    def hang_up(self) -> None:
        with suppress(OSError):
            self._theirs.shutdown(socket.SHUT_RDWR)
        self._thread.join(SECONDS)
        self._theirs.close()

    def _serve(self) -> None:
        received = b""
        with suppress(OSError):
            while chunk := self._theirs.recv(4096):
                received += chunk
                while b"\n" in received:
                    line, received = received.split(b"\n", 1)
                    # The byte makes it forget what it has half read.
                    request = json.loads(line.rpartition(b"\xff")[2])
                    if request["execute"] == "guest-sync-delimited":
                        assert line.startswith(b"\xff")
                        self.syncs += 1
                    else:
                        self.requests.append(request)
                    self._theirs.sendall(self.answer(request))


@pytest.fixture
def agent() -> Iterator[Agent]:
    agent = Agent()
    yield agent
    agent.hang_up()


@pytest.fixture
def port(agent: Agent) -> Iterator[AgentSocket]:
    port = AgentSocket(agent.ours, max_bytes=10_000)
    yield port
    port.close()


def call(port: AgentSocket, command: str = "guest-ping", seconds: float = SECONDS) -> object:
    return port.execute(command, None, Deadline.after(seconds))


def test_a_conversation_begins_in_step_and_stays_so(agent: Agent, port: AgentSocket) -> None:
    assert call(port, "guest-info") == "guest-info"
    assert port.execute("guest-exec", {"path": "cmd.exe"}, Deadline.after(SECONDS)) == "guest-exec"
    assert agent.requests == [
        {"execute": "guest-info"},
        {"execute": "guest-exec", "arguments": {"path": "cmd.exe"}},
    ]
    assert agent.syncs == 1


def test_what_an_earlier_agent_has_said_is_forgotten(agent: Agent, port: AgentSocket) -> None:
    agent.say(b'{"return": "old"}\n{"return": "half')
    assert call(port) == "guest-ping"


@given(
    stale=st.binary(max_size=200),
    wrong=st.lists(st.integers(), max_size=3),
    pieces=st.integers(1, 40),
)
def test_any_stale_bytes_are_skipped(stale: bytes, wrong: list[int], pieces: int) -> None:
    def answer(request: Request) -> bytes:
        if request["execute"] != "guest-sync-delimited":
            return honest(request)
        number = request["arguments"]["id"]  # type: ignore[index]
        others = b"".join(b"\xff" + returned(one) for one in wrong if one != number)
        return stale + others + honest(request)

    agent = Agent(lambda request: b"")

    def in_pieces(request: Request) -> bytes:
        data = answer(request)
        for start in range(0, len(data), pieces):
            agent.say(data[start : start + pieces])
        return b""

    agent.answer = in_pieces
    port = AgentSocket(agent.ours)
    try:
        assert call(port) == "guest-ping"
    finally:
        port.close()
        agent.hang_up()


@given(answer=st.binary(max_size=300).map(lambda data: data + b"\n"))
def test_any_answer_is_a_result_or_one_of_our_errors(answer: bytes) -> None:
    agent = Agent(lambda request: honest(request) if "arguments" in request else answer)
    port = AgentSocket(agent.ours)
    try:
        with suppress(PowerdownError):
            call(port, seconds=0.05)
        # Whatever it was, the next call is in step again.
        agent.answer = honest
        assert call(port) == "guest-ping"
    finally:
        port.close()
        agent.hang_up()


@pytest.mark.parametrize(
    "answer",
    [b"nonsense\n", b"[]\n", b'"text"\n', b"{}\n", b"[" * 5000 + b"\n", b"\x80\n", b"\n"],
    ids=["words", "list", "text", "empty", "deep", "no text", "blank"],
)
def test_nonsense_is_an_error_and_the_next_call_works(answer: bytes) -> None:
    agent = Agent(lambda request: honest(request) if "arguments" in request else answer)
    port = AgentSocket(agent.ours)
    with pytest.raises(ControlChannelError, match="guest-ping"):
        call(port)
    agent.answer = honest
    assert call(port) == "guest-ping"
    port.close()
    agent.hang_up()


def test_nobody_answers(agent: Agent, port: AgentSocket) -> None:
    agent.answer = lambda request: b""
    began = time.monotonic()
    with pytest.raises(DeadlineExpired, match=r"guest-ping.*no answer"):
        call(port, seconds=SOON)
    assert time.monotonic() - began < SECONDS


def test_a_late_answer_is_not_taken_for_that_of_the_next_call(
    agent: Agent, port: AgentSocket
) -> None:
    call(port)
    agent.answer = lambda request: b""
    with pytest.raises(DeadlineExpired):
        call(port, "guest-get-time", seconds=SOON)
    agent.say(returned("late"))
    agent.answer = honest
    assert call(port, "guest-info") == "guest-info"
    assert agent.syncs == 2


def test_a_trickle_does_not_hold_the_caller(agent: Agent, port: AgentSocket) -> None:
    call(port)
    agent.answer = lambda request: b'{"return"'
    stop = threading.Event()

    def trickle() -> None:
        while not stop.wait(0.01):
            agent.say(b" ")

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        with pytest.raises(DeadlineExpired):
            call(port, seconds=SOON)
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("data", [b"x" * 20_000, b"\xff" * 20_000], ids=["text", "sentinels"])
def test_what_never_ends_is_cut_off(agent: Agent, port: AgentSocket, data: bytes) -> None:
    agent.answer = lambda request: data
    with pytest.raises(ControlChannelError, match="larger than 10000 bytes"):
        call(port)


def test_the_agents_own_errors(agent: Agent, port: AgentSocket) -> None:
    call(port)
    error = {"class": "GenericError", "desc": "File not found\x1b[2J"}
    agent.answer = lambda request: json.dumps({"error": error}).encode() + b"\n"
    with pytest.raises(ControlChannelError, match=r"it refuses: .*File not found \[2J"):
        call(port, "guest-file-open")
    agent.answer = honest
    call(port)
    assert agent.syncs == 1, "an error is an answer too"


@pytest.mark.parametrize(
    "said",
    [
        "The command guest-exec has been disabled for this instance",
        "Command guest-exec has been disabled",
        "Command guest-exec has been disabled: the command is not allowed",
    ],
)
def test_a_blocked_command_is_told_so(agent: Agent, port: AgentSocket, said: str) -> None:
    call(port)
    error = {"class": "CommandNotFound", "desc": said}
    agent.answer = lambda request: json.dumps({"error": error}).encode() + b"\n"
    with pytest.raises(ControlChannelError, match=r"configuration blocks it.*block-rpcs"):
        call(port, "guest-exec")


def test_an_agent_that_is_too_old(agent: Agent, port: AgentSocket) -> None:
    call(port)
    error = {"class": "CommandNotFound", "desc": "The command guest-exec has not been found"}
    agent.answer = lambda request: json.dumps({"error": error}).encode() + b"\n"
    with pytest.raises(ControlChannelError, match=r"does not know it.*newer guest agent"):
        call(port, "guest-exec")


def test_qemu_is_gone(agent: Agent, port: AgentSocket) -> None:
    call(port)
    agent.hang_up()
    with pytest.raises(ControlChannelError, match="connection failed"):
        call(port)


def test_a_call_is_broken_off_and_the_next_one_works(agent: Agent, port: AgentSocket) -> None:
    call(port)
    asked = threading.Event()

    def silent(request: Request) -> bytes:
        asked.set()
        return b""

    agent.answer = silent
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            call(port)
        except ControlChannelError as error:
            failures.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    assert asked.wait(SECONDS)
    port.interrupt()
    thread.join(SECONDS)
    assert "interrupted" in str(failures[0])
    agent.answer = honest
    assert call(port) == "guest-ping"


def test_a_call_that_nobody_hears_fails_at_once(agent: Agent, port: AgentSocket) -> None:
    call(port)
    asked = threading.Event()

    def closing(request: Request) -> bytes:
        asked.set()
        return b""

    agent.answer = closing
    threading.Thread(
        target=lambda: asked.wait(SECONDS) and port.port_is(is_open=False), daemon=True
    ).start()
    with pytest.raises(ControlChannelError, match="no agent has its port open"):
        call(port)
    with pytest.raises(ControlChannelError, match="no agent has its port open"):
        call(port, "guest-shutdown")
    assert [request["execute"] for request in agent.requests] == ["guest-ping"] * 2
    agent.answer = honest
    port.port_is(is_open=True)
    assert call(port) == "guest-ping"


def test_threads_take_turns(agent: Agent, port: AgentSocket) -> None:
    answers: dict[str, object] = {}

    def ask(name: str) -> None:
        answers[name] = call(port, name)

    names = [f"guest-{number}" for number in range(20)]
    threads = [threading.Thread(target=ask, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert answers == {name: name for name in names}


def test_a_busy_port_is_not_waited_for_without_end(agent: Agent, port: AgentSocket) -> None:
    call(port)
    asked = threading.Event()

    def silent(request: Request) -> bytes:
        asked.set()
        return b""

    agent.answer = silent

    def ask() -> None:
        with suppress(ControlChannelError):
            call(port)

    thread = threading.Thread(target=ask)
    thread.start()
    assert asked.wait(SECONDS)
    with pytest.raises(DeadlineExpired, match="busy"):
        call(port, seconds=SOON)
    port.interrupt()
    thread.join(SECONDS)


def test_closing_ends_a_call_and_every_later_one(agent: Agent, port: AgentSocket) -> None:
    port.close()
    port.close()
    port.interrupt()
    with pytest.raises(ControlChannelError, match="port is closed"):
        call(port)
