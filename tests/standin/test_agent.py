"""The stand-in's side of the guest agent: its ``cmd.exe``, and the service behind the port."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standin.agent import interpreter, service
from standin.agent.interpreter import AgentInterpreter
from standin.agent.quoting import command_line
from standin.agent.service import AgentService
from standin.commands import Context, arguments, run

from powerdown.core.deadline import Deadline
from powerdown.guest.channels.agent_channel import AgentChannel

PATIENCE = 20.0
PING = "ping -n 1000 127.0.0.1"
"""Takes its time."""
BUSYBOX = shutil.which("busybox")
needs_busybox = pytest.mark.skipif(BUSYBOX is None, reason="runs the guest's shell: busybox")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["/c", "ver"], "/c ver"),
        (["/c", "echo a b"], '/c "echo a b"'),
        (['"a"'], r"\"a\""),
        (['a "b c"'], r'"a \"b c\""'),
        (["a\\ b\\"], r'"a\ b\\"'),
        (["C:\\x\\"], "C:\\x\\"),
        (['\\\\"'], r"\\\\\""),
        (["a\tb"], '"a\tb"'),
    ],
)
def test_words_become_a_line_as_on_windows(words, line):
    assert command_line(words) == line


@given(st.lists(st.text(st.sampled_from('ab \\"&^%'), min_size=1), max_size=4))
def test_programs_get_the_words_back(words):
    assert arguments.split(command_line(words)) == words


@pytest.fixture
def cmd(machine, tmp_path, monkeypatch):
    """Starts the agent's ``cmd.exe`` as the agent does."""
    monkeypatch.setattr(interpreter, "_SCRIPT", interpreter._SCRIPT.replace("/busybox", BUSYBOX))  # type: ignore[arg-type]
    served = AgentInterpreter(machine.boot(), tmp_path / "agent")

    def start(*words, stdin=b"", timeout=PATIENCE):
        return subprocess.run(
            [tmp_path / "agent/cmd.exe", *words],
            input=stdin,
            capture_output=True,
            timeout=timeout,
            check=False,
        )

    start.interpreter = served  # type: ignore[attr-defined]
    return start


@needs_busybox
def test_streams_and_exit_code(cmd):
    result = cmd("/c", "echo out&echo ä&reg query HKLM\\NONE&exit 7")
    assert result.stdout.decode() == "out\r\nä\r\n"
    assert b"unable to find" in result.stderr
    assert result.returncode == 7


@needs_busybox
def test_exit_codes_beyond_8_bits_do_not_look_like_success(cmd):
    assert cmd("/s", "/c", "exit 0").returncode == 0
    for code in (256, 3010, -1):
        assert cmd("/s", "/c", f"exit {code}").returncode == 255


@needs_busybox
def test_standard_input_is_read_however_large(cmd):
    data = b"line of input\r\n" * 20_000
    assert cmd("/s", "/c", "findstr .", stdin=data).stdout == data


@needs_busybox
@pytest.mark.parametrize(
    "line",
    [
        'reg query "HKLM\\SYSTEM\\Select" /v Current',
        'echo "a & b" & echo c^&d | findstr d',
        "for %i in (a b) do @echo %i",
        "(echo a)&(echo b)",
        "whoami",
        "exit 9",
        "exit -1",
        "exit 3010",
        "echo %OS% 100%",
    ],
)
def test_the_harness_command_lines_arrive_as_they_are(cmd, machine, line):
    """Through the interpreter twice, and still what one interpreter makes of it."""

    class Port:
        def execute(self, command, arguments, deadline):
            if command == "guest-exec":
                self.ended = cmd(*arguments["arg"], stdin=b64decode(arguments["input-data"]))
                return {"pid": 1}
            out, err = (b64encode(s).decode() for s in (self.ended.stdout, self.ended.stderr))
            code = self.ended.returncode
            return {"exited": True, "exitcode": code, "out-data": out, "err-data": err}

    through = AgentChannel(Port()).run(line, Deadline.after(PATIENCE))  # type: ignore[arg-type]
    context = Context.of_user(machine.system, "SYSTEM", directory="C:\\Windows\\System32")
    plain = run(machine.system, context, line)
    assert through.output == plain.stdout.replace("\r\n", "\n")
    assert (through.error_output, through.exit_code) == (plain.stderr, plain.exit_code)
    assert through.output or line.startswith("exit")


@needs_busybox
def test_commands_run_side_by_side_and_are_told_to_end(cmd):
    results = []
    thread = threading.Thread(target=lambda: results.append(cmd("/s", "/c", PING)))
    thread.start()
    deadline = time.monotonic() + PATIENCE
    while not cmd.interpreter._running and time.monotonic() < deadline:
        assert cmd("/c", "ver").returncode == 0
    cmd.interpreter.end_all()
    thread.join(PATIENCE)
    assert results[0].returncode != 0


@needs_busybox
def test_one_that_was_killed_leaves_nothing_behind(cmd, tmp_path):
    with pytest.raises(subprocess.TimeoutExpired):
        cmd("/s", "/c", PING, timeout=1.0)
    cmd.interpreter.end_all()
    assert cmd("/c", "ver").returncode == 0
    assert sorted(p.name for p in (tmp_path / "agent").iterdir()) == [
        "cmd.exe",
        "requests",
        "shutdown",
    ]


class TestService:
    def test_without_a_port_there_is_no_process(self, machine, tmp_path, monkeypatch):
        monkeypatch.setattr(service, "_PORTS", tmp_path / "none")
        log = []
        agent = AgentService(machine.boot(), log.append)
        agent.start()
        agent.stop()
        assert log == []

    @pytest.fixture
    def agent(self, machine, tmp_path, monkeypatch):
        """With a port, and a program in place of the agent."""
        for name, port in (("vport0p1", "org.other"), ("vport0p2", "org.qemu.guest_agent.0")):
            (tmp_path / "ports" / name).mkdir(parents=True)
            (tmp_path / "ports" / name / "name").write_text(f"{port}\n")
        program = tmp_path / "qemu-ga"
        monkeypatch.setattr(service, "_PORTS", tmp_path / "ports")
        monkeypatch.setattr(service, "_PROGRAM", str(program))
        monkeypatch.setattr(service, "_DIRECTORY", tmp_path / "run")
        self.said = tmp_path / "said"
        self.program = program
        return AgentService(machine.boot(), lambda line: None)

    def script(self, body):
        self.program.write_text(f"#!/bin/sh\n{body}\n")
        self.program.chmod(0o755)

    def test_it_is_started_on_its_port_and_ended(self, agent):
        self.script(f"echo $$ $4 >{self.said}.new; mv {self.said}.new {self.said}; exec sleep 600")
        for _ in range(2):
            agent.start()
            pid, port = self.await_words()
            assert port == "/dev/vport0p2"
            agent.stop()
            agent.stop()
            with pytest.raises(ProcessLookupError):
                os.kill(int(pid), 0)
            self.said.unlink()

    def test_one_that_does_not_end_is_killed(self, agent, monkeypatch):
        monkeypatch.setattr(service, "_PATIENCE_MS", 100)
        self.script(
            f"trap '' TERM; echo $$ x >{self.said}.new; mv {self.said}.new {self.said}; "
            "while :; do sleep 1; done"
        )
        agent.start()
        pid, _ = self.await_words()
        agent.stop()
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), signal.SIGTERM)

    def await_words(self):
        deadline = time.monotonic() + PATIENCE
        while not self.said.exists():
            assert time.monotonic() < deadline, "the agent was not started"
        return self.said.read_text().split()
