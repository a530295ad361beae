"""The monitor against a scripted QEMU at the other end of its sockets."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import MachineError
from powerdown.machine.events import EventStream, named
from powerdown.machine.monitor import Monitor
from tests.support.boot_sector import traffic

GREETING = {"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": []}}

Answer = Callable[[dict[str, object]], dict[str, object] | None]


class ScriptedQemu:
    """Greets on both sockets and answers commands as told; ``None`` is no answer at all."""

    def __init__(self, directory: Path, answer: Answer, *, greet: bool = True) -> None:
        commands, self.commands = socket.socketpair()
        events, self.events = socket.socketpair()
        self.stream = EventStream()
        self.transcript = directory / "qmp.jsonl"
        self.monitor = Monitor(commands, events, self.stream, self.transcript)
        self._answer = answer
        self._threads = [
            threading.Thread(target=self._serve, args=(end,), daemon=True)
            for end in (self.commands, self.events)
        ]
        if greet:
            for thread in self._threads:
                thread.start()

    def event(self, name: str) -> None:
        message = {"event": name, "data": {"n": 1}, "timestamp": {"seconds": 1}}
        for end in (self.commands, self.events):
            end.sendall(json.dumps(message).encode() + b"\r\n")

    def die(self) -> None:
        for end in (self.commands, self.events):
            end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _serve(self, end: socket.socket) -> None:
        try:
            end.sendall(json.dumps(GREETING).encode() + b"\r\n")
            for request in _requests(end):
                known = request["execute"] == "qmp_capabilities"
                answer = {"return": {}} if known else self._answer(request)
                if answer is not None:
                    reply = {**answer, "id": request["id"]} if "id" in request else answer
                    end.sendall(json.dumps(reply).encode() + b"\r\n")
        except OSError:
            return


def _requests(end: socket.socket) -> Iterator[dict[str, object]]:
    """The commands that arrive; qemu.qmp puts nothing between them."""
    text = ""
    while received := end.recv(4096):
        text += received.decode()
        while text:
            try:
                request, length = json.JSONDecoder().raw_decode(text)
            except ValueError:
                break
            text = text[length:]
            yield request


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., ScriptedQemu]]:
    made: list[ScriptedQemu] = []

    def make_qemu(answer: Answer = lambda request: {"return": {}}, greet: bool = True):  # type: ignore[no-untyped-def]
        made.append(ScriptedQemu(tmp_path, answer, greet=greet))
        return made[-1]

    yield make_qemu
    for qemu in made:
        qemu.monitor.close()
        qemu.monitor.close()
        qemu.commands.close()
        qemu.events.close()


def connected(qemu: ScriptedQemu) -> ScriptedQemu:
    qemu.monitor.connect(Deadline.after(10))
    return qemu


def test_answers_and_arguments(make: Callable[..., ScriptedQemu]) -> None:
    qemu = connected(make(lambda request: {"return": request.get("arguments")}))
    assert qemu.monitor.execute("x", {"a": [1]}, Deadline.after(10)) == {"a": [1]}
    assert qemu.monitor.human("info", Deadline.after(10)) == ""


def test_a_refusal_says_why(make: Callable[..., ScriptedQemu]) -> None:
    refusal = {"error": {"class": "GenericError", "desc": "not now"}}
    qemu = connected(make(lambda request: refusal))
    with pytest.raises(MachineError, match="QMP command cont: QEMU refused: not now"):
        qemu.monitor.execute("cont", None, Deadline.after(10))


def test_a_qemu_that_does_not_answer_holds_nobody_up(make: Callable[..., ScriptedQemu]) -> None:
    qemu = connected(make(lambda request: None))
    begun = now()
    with pytest.raises(MachineError, match=r"did not answer within 0\.2 s"):
        qemu.monitor.execute("query-status", None, Deadline.after(0.2))
    assert now() - begun < 5


def test_after_one_silence_the_next_questions_are_short_until_something_arrives(
    make: Callable[..., ScriptedQemu],
) -> None:
    answers: list[dict[str, object] | None] = [None, None, {"return": 1}]
    qemu = connected(make(lambda request: answers.pop(0)))
    with pytest.raises(MachineError, match=r"within 0\.1 s"):
        qemu.monitor.execute("query-status", None, Deadline.after(0.1))
    with pytest.raises(MachineError, match=r"within 1\.0 s"):
        qemu.monitor.execute("query-status", None, Deadline.after(600))
    qemu.event("RESUME")
    assert qemu.stream.wait(named("RESUME"), Deadline.after(10)) is not None
    # As patient as before: there is an answer to wait for.
    assert qemu.monitor.execute("query-status", None, Deadline.after(600)) == 1


def test_events_are_stamped_recorded_and_transcribed_once(
    make: Callable[..., ScriptedQemu],
) -> None:
    qemu = connected(make())
    before = now()
    qemu.event("POWERDOWN")
    found = qemu.stream.wait(named("POWERDOWN"), Deadline.after(10))
    assert found is not None
    assert before <= found.at <= now()
    assert found.data == {"n": 1}
    qemu.monitor.execute("cont", None, Deadline.after(10))
    lines = traffic(qemu.transcript)
    assert sum("event" in line["message"] for line in lines) == 1  # type: ignore[operator]
    assert any("QMP" in line["message"] for line in lines)  # type: ignore[operator]
    assert [line["way"] for line in lines if "cont" in str(line["message"])] == ["->"]


def test_last_words_arrive_though_commands_are_under_way(
    make: Callable[..., ScriptedQemu],
) -> None:
    def last_words(request: dict[str, object]) -> None:
        qemu.event("SHUTDOWN")
        qemu.die()

    qemu = connected(make(last_words))
    with pytest.raises(MachineError, match=r"connection to QEMU is lost|QEMU is ending"):
        qemu.monitor.execute("query-status", None, Deadline.after(10))
    qemu.monitor.drain()
    assert [event.name for event in qemu.stream.since()] == ["SHUTDOWN"]


def test_nobody_waits_for_an_answer_of_a_qemu_that_ends(
    make: Callable[..., ScriptedQemu],
) -> None:
    def say_only_that_the_power_is_off(request: dict[str, object]) -> None:
        qemu.event("SHUTDOWN")

    qemu = connected(make(say_only_that_the_power_is_off))
    for _ in range(2):
        with pytest.raises(MachineError, match="QEMU is ending"):
            qemu.monitor.execute("screendump", None, Deadline.after(10))
        off = qemu.stream.first(named("SHUTDOWN"))
        assert off is not None
        assert now() - off.at < 2, "5 ms on a quiet host"


def test_a_command_that_crosses_the_end_is_given_up_like_the_others(
    make: Callable[..., ScriptedQemu], monkeypatch: pytest.MonkeyPatch
) -> None:
    qemu = connected(make(lambda request: None))
    execute = qemu.monitor._commands.execute

    def slowly(command: str, arguments: dict[str, object] | None) -> object:
        qemu.event("SHUTDOWN")
        assert qemu.stream.wait(named("SHUTDOWN"), Deadline.after(10)) is not None
        # Time enough for all others to have been given up.
        qemu.stream.wait(named(), Deadline.after(0.2))
        return execute(command, arguments)

    monkeypatch.setattr(qemu.monitor._commands, "execute", slowly)
    begun = now()
    with pytest.raises(MachineError, match="QEMU is ending"):
        qemu.monitor.execute("query-status", None, Deadline.after(10))
    assert now() - begun < 5


def test_an_answer_given_before_the_power_went_off_arrives(
    make: Callable[..., ScriptedQemu],
) -> None:
    def answer_too(request: dict[str, object]) -> dict[str, object]:
        qemu.event("SHUTDOWN")
        return {"return": {}}

    qemu = connected(make(answer_too))
    assert qemu.monitor.execute("system_powerdown", None, Deadline.after(10)) == {}


def test_after_the_end_commands_fail_at_once(make: Callable[..., ScriptedQemu]) -> None:
    qemu = connected(make())
    qemu.die()
    qemu.monitor.drain()
    begun = now()
    for _ in range(3):
        with pytest.raises(MachineError):
            qemu.monitor.execute("query-status", None, Deadline.after(10))
    qemu.monitor.close()
    with pytest.raises(MachineError, match="closed"):
        qemu.monitor.execute("query-status", None, Deadline.after(10))
    assert now() - begun < 5


def test_no_greeting(make: Callable[..., ScriptedQemu]) -> None:
    silent = make(greet=False)
    with pytest.raises(MachineError, match="did not answer within"):
        silent.monitor.connect(Deadline.after(0.2))


def test_a_connection_that_closes_instead_of_greeting(make: Callable[..., ScriptedQemu]) -> None:
    dead = make(greet=False)
    dead.die()
    with pytest.raises(MachineError, match="connect to QEMU's monitor"):
        dead.monitor.connect(Deadline.after(10))
    begun = now()
    dead.monitor.drain()
    assert now() - begun < 1


@pytest.mark.parametrize("garbage", [b"{}\r\n", b"garbage\r\n", b"[1]\r\n", b"\xff\xff\r\n"])
def test_a_greeting_that_is_none(make: Callable[..., ScriptedQemu], garbage: bytes) -> None:
    qemu = make(greet=False)
    for end in (qemu.commands, qemu.events):
        end.sendall(garbage)
    with pytest.raises(MachineError):
        qemu.monitor.connect(Deadline.after(5))
