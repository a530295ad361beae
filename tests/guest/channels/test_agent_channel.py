"""Commands through an agent that follows a script."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.core.deadline import Deadline
from powerdown.core.errors import ControlChannelError, DeadlineExpired, PowerdownError
from powerdown.guest.channels import agent_channel
from powerdown.guest.channels.agent_channel import AgentChannel
from powerdown.guest.channels.agent_port import refused

SECONDS = 10.0
SOON = 0.2


def encoded(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


class ScriptedPort:
    """Answers ``guest-exec`` with a process and its status by ``statuses``, the last for ever."""

    def __init__(self, *statuses: object, process: object = 7) -> None:
        self._statuses = list(statuses)
        self._process = process
        self.calls: list[tuple[str, Mapping[str, object] | None]] = []
        self.broken: dict[str, Callable[[], PowerdownError]] = {}
        self.time: object = 0
        self.interrupts = 0

    def execute(
        self, command: str, arguments: Mapping[str, object] | None, deadline: Deadline
    ) -> object:
        self.calls.append((command, arguments))
        if command in self.broken:
            raise self.broken[command]()
        if command == "guest-exec":
            return {"pid": self._process} if isinstance(self._process, int) else self._process
        if command == "guest-exec-status":
            return self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        return self.time if command == "guest-get-time" else {}

    def interrupt(self) -> None:
        self.interrupts += 1

    def named(self, command: str) -> list[Mapping[str, object] | None]:
        return [arguments for name, arguments in self.calls if name == command]


def ended(code: int = 0, **more: Any) -> dict[str, object]:
    return {"exited": True, "exitcode": code, **more}


def run(port: ScriptedPort, command: str = "ver", seconds: float = SECONDS) -> object:
    return AgentChannel(port).run(command, Deadline.after(seconds))


def test_output_and_exit_code() -> None:
    status = ended(5, **{"out-data": encoded("eins\r\nzwei ä\r\n"), "err-data": encoded("oh\r\n")})
    port = ScriptedPort({"exited": False}, {"exited": False}, status)
    result = AgentChannel(port).run("ver", Deadline.after(SECONDS))
    assert result.command == "ver"
    assert (result.exit_code, result.output, result.error_output) == (5, "eins\nzwei ä\n", "oh\n")
    assert port.named("guest-exec-status") == [{"pid": 7}] * 3


@pytest.mark.parametrize(
    "command", ["ver", 'reg query "HKLM\\A B" /v "x"', "echo a&b|c>d ^ %PATH% !x! ä", "dir C:\\"]
)
def test_a_command_line_reaches_the_last_interpreter_untouched(command: str) -> None:
    """What is among the words has no quotation mark, which the agent's library would change."""
    port = ScriptedPort(ended())
    run(port, command)
    (call,) = port.named("guest-exec")
    assert call is not None
    assert call["path"] == "cmd.exe"
    words = call["arg"]
    assert isinstance(words, list)
    assert not any('"' in word or word.endswith("\\") for word in words)
    assert base64.b64decode(str(call["input-data"])).decode() == f'"{command}"\r\n'


class TellingPort(ScriptedPort):
    """Prints ``printed`` and the exit code as the command line asks it to."""

    def __init__(self, printed: str, code: str) -> None:
        super().__init__({})
        self._printed, self._code = printed, code

    def execute(
        self, command: str, arguments: Mapping[str, object] | None, deadline: Deadline
    ) -> object:
        if command == "guest-exec" and arguments is not None:
            words = arguments["arg"]
            assert isinstance(words, list)
            told = words[-1].replace("%^errorlevel%", self._code).rpartition("call echo ")[2]
            self._statuses = [ended(0, **{"out-data": encoded(f"{self._printed}{told[:-1]}\r\n")})]
        return super().execute(command, arguments, deadline)


@pytest.mark.parametrize("printed", ["", "one\r\n", "no end of line", "pd-0123456789abcdef 5\r\n"])
@pytest.mark.parametrize(("told", "code"), [("0", 0), ("3010", 3010), ("-1073741510", -1073741510)])
def test_the_exit_code_is_told_behind_the_output(printed: str, told: str, code: int) -> None:
    result = AgentChannel(TellingPort(printed, told)).run("x", Deadline.after(SECONDS))
    assert (result.output, result.exit_code) == (printed.replace("\r\n", "\n"), code)


@pytest.mark.parametrize("told", ["", "x", "%errorlevel%", "1 2", "9" * 5000])
def test_an_exit_code_that_is_none(told: str) -> None:
    with pytest.raises(ControlChannelError, match="without an exit code"):
        run(TellingPort("", told))


def test_several_lines_are_refused() -> None:
    port = ScriptedPort(ended())
    with pytest.raises(ControlChannelError, match="several lines"):
        run(port, "ver\nver")
    assert port.calls == []


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (ended(3010), 3010),
        (ended(-1), -1),
        ({"exited": True, "signal": 0xC000013A}, -1073741510),
        ({"exited": True, "signal": 0xC000013A - (1 << 32)}, -1073741510),
    ],
)
def test_exit_codes_are_those_of_winrm(status: dict[str, object], code: int) -> None:
    result = AgentChannel(ScriptedPort(status)).run("x", Deadline.after(SECONDS))
    assert result.exit_code == code


@pytest.mark.parametrize(
    "status",
    [
        ended(0, **{"out-truncated": True, "out-data": encoded("a")}),
        ended(0, **{"err-truncated": True}),
        ended(0, **{"out-data": encoded(b"x" * 60), "err-data": encoded(b"x" * 60)}),
    ],
)
def test_too_much_output(status: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_channel, "MAX_OUTPUT_BYTES", 100)
    with pytest.raises(ControlChannelError, match="output of 'ver'"):
        run(ScriptedPort(status))


@pytest.mark.parametrize(
    "port",
    [
        ScriptedPort(ended(), process=None),
        ScriptedPort(ended(), process=True),
        ScriptedPort([]),
        ScriptedPort({"exited": True}),
        ScriptedPort(ended(0, **{"out-data": "no base64!"})),
        ScriptedPort(ended(0, **{"out-data": 5})),
        ScriptedPort(ended(0, **{"err-data": "=" * 5})),
        ScriptedPort({"exited": True, "exitcode": "0"}),
    ],
)
def test_nonsense(port: ScriptedPort) -> None:
    with pytest.raises(ControlChannelError, match="not an agent's"):
        run(port)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
)


@given(
    exited=st.sampled_from([True, 1, "true"]),
    status=st.dictionaries(
        st.sampled_from(["exitcode", "signal", "out-data", "err-data", "out-truncated"]), VALUES
    ),
)
def test_any_status_is_a_result_or_one_of_our_errors(
    exited: object, status: dict[str, object]
) -> None:
    try:
        result = AgentChannel(ScriptedPort({"exited": exited, **status})).run(
            "x", Deadline.after(0.01)
        )
    except PowerdownError:
        return
    assert -(1 << 31) <= result.exit_code < 1 << 31


def test_a_command_that_does_not_end_is_ended_by_force() -> None:
    port = ScriptedPort({"exited": False})
    with pytest.raises(DeadlineExpired, match=r"end of 'ver'.*still runs"):
        run(port, seconds=SOON)
    assert len(port.named("guest-exec-status")) > 3
    last = port.named("guest-exec")[-1]
    assert last == {"path": "taskkill.exe", "arg": ["/f", "/t", "/pid", "7"]}


def test_the_pauses_grow() -> None:
    port = ScriptedPort({"exited": False})
    with pytest.raises(DeadlineExpired):
        run(port, seconds=1.0)
    assert len(port.named("guest-exec-status")) < 25


def test_a_blocked_command_is_told_so() -> None:
    port = ScriptedPort(ended())
    said = "CommandNotFound: Command guest-exec has been disabled"
    port.broken["guest-exec"] = lambda: refused("guest-exec", said)
    with pytest.raises(ControlChannelError, match="blocks it"):
        run(port)
    assert AgentChannel(port).answers(Deadline.after(SECONDS)) is not None


def test_the_clock() -> None:
    port = ScriptedPort(ended())
    port.time = int((time.time() + 3600) * 1e9)
    answer = AgentChannel(port).answers(Deadline.after(SECONDS))
    assert answer is not None
    assert answer.clock_ahead == pytest.approx(3600, abs=5)


def test_an_agent_that_does_not_tell_the_time_answers_all_the_same() -> None:
    port = ScriptedPort(ended())
    port.broken["guest-get-time"] = lambda: refused("guest-get-time", "has been disabled")
    answer = AgentChannel(port).answers(Deadline.after(SECONDS))
    assert answer is not None
    assert answer.clock_ahead is None


@pytest.mark.parametrize("told", ["noon", None, True, {}, -5, 10**400])
def test_a_time_that_is_none(told: object) -> None:
    port = ScriptedPort(ended())
    port.time = told
    answer = AgentChannel(port).answers(Deadline.after(SECONDS))
    assert answer is not None
    assert answer.clock_ahead is None


def test_nobody_answers() -> None:
    port = ScriptedPort(ended())
    for command in ("guest-get-time", "guest-ping"):
        port.broken[command] = lambda: Deadline.after(0).expire("an answer", "none", "Wait.")
    assert AgentChannel(port).answers(Deadline.after(SECONDS)) is None


def test_what_is_waited_for_is_broken_off_from_another_thread() -> None:
    port = ScriptedPort({"exited": False})
    channel = AgentChannel(port)
    failures: list[str] = []

    def ask() -> None:
        try:
            channel.run("ver", Deadline.after(SECONDS))
        except ControlChannelError as error:
            failures.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    while not port.named("guest-exec-status"):
        assert thread.is_alive()
    channel.interrupt()
    thread.join(SECONDS)
    assert "interrupted" in failures[0]
    assert port.interrupts == 1
    assert len(port.named("guest-exec")) == 1, "the command is not ended: its time was not up"


def test_it_has_no_address_and_is_not_the_user() -> None:
    channel = AgentChannel(ScriptedPort(ended()))
    assert channel.address is None
    assert channel.runs_as_system
