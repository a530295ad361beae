"""Starting, watching and never leaving behind a process. Shell scripts stand in for QEMU."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from powerdown.core.deadline import Deadline
from powerdown.core.errors import HostError
from powerdown.machine.events import PROCESS_EXIT, EventStream
from powerdown.machine.qemu.process import ONLY_UNDER, QemuProcess

PARENT = """
import sys
from pathlib import Path
from powerdown.machine.events import EventStream
from powerdown.machine.qemu.process import QemuProcess
process = QemuProcess(["sleep", "60"], (), Path(sys.argv[1]), EventStream(), lambda: None)
print(process.pid, flush=True)
sys.stdin.read()
"""


def start(directory: Path, script: str, events: EventStream | None = None) -> QemuProcess:
    command = ["sh", "-c", script]
    return QemuProcess(command, (), directory / "stderr", events or EventStream(), lambda: None)


def test_a_command_that_cannot_be_passed_on_is_an_error_and_no_hang(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="could not start sh"):
        start(tmp_path, "exit \0")


def test_exit_status(tmp_path: Path) -> None:
    process = start(tmp_path, "exit 3")
    assert process.wait(Deadline.after(10)) == 3
    assert process.pid is None
    process.kill()


def test_kill(tmp_path: Path) -> None:
    process = start(tmp_path, "exec sleep 60")
    assert process.wait(Deadline.after(0)) is None
    process.kill()
    assert process.wait(Deadline.after(10)) == -signal.SIGKILL


def test_its_end_is_recorded_after_its_last_words(tmp_path: Path) -> None:
    events = EventStream()

    def drain() -> None:
        events.record("SHUTDOWN")

    process = QemuProcess(["true"], (), tmp_path / "stderr", events, drain)
    process.wait(Deadline.after(10))
    assert [event.name for event in events.since()] == ["SHUTDOWN", PROCESS_EXIT]


def test_launch_failure_says_what_happened(tmp_path: Path) -> None:
    process = start(tmp_path, "echo no such machine >&2; exit 1")
    error = process.launch_failure(process.wait(Deadline.after(10)))
    assert "status 1" in str(error)
    assert "no such machine" in str(error)
    assert "sh -c" in str(error)


def test_only_the_end_of_a_long_complaint_is_shown(tmp_path: Path) -> None:
    process = start(tmp_path, "yes complaint | head -c 100000 >&2; echo last >&2")
    process.wait(Deadline.after(10))
    assert len(process.stderr_tail()) <= 2000
    assert process.stderr_tail().endswith("last")


def test_a_program_that_is_not_installed(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="run no-such-qemu"):
        QemuProcess(["no-such-qemu"], (), tmp_path / "stderr", EventStream(), lambda: None)


def test_descriptors_are_inherited_and_no_others(tmp_path: Path) -> None:
    read, write = os.pipe()
    other = os.open("/dev/null", os.O_RDONLY)
    script = f"echo through >/proc/self/fd/{write}; test ! -e /proc/self/fd/{other}"
    events = EventStream()
    command = ["sh", "-c", script]
    process = QemuProcess(command, (write,), tmp_path / "stderr", events, lambda: None)
    assert process.wait(Deadline.after(10)) == 0
    assert os.read(read, 100) == b"through\n"
    for descriptor in (read, write, other):
        os.close(descriptor)


def test_killing_the_parent_kills_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path / "stderr")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    assert ends_within(child, 2.0)


def test_it_does_not_start_without_its_parent(tmp_path: Path) -> None:
    # What the shell before QEMU does when the process that asked for it is gone already.
    command = ["sh", "-c", ONLY_UNDER, "sh", "1", "touch", str(tmp_path / "started")]
    assert subprocess.run(command, timeout=10, check=False).returncode == 1
    assert not (tmp_path / "started").exists()


def ends_within(pidfd: int, seconds: float) -> bool:
    """Whether a process ends in time; it is no child of this one, so it is watched by its fd."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    ended = bool(poll.poll(seconds * 1000))
    os.close(pidfd)
    return ended
