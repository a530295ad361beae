from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from powerdown.core.deadline import Deadline
from powerdown.host.admission.guest_meter import GuestMeter
from tests.support.fake_kernel import MIB, FakeProc

PID = 70


def test_a_life_is_what_came_after_the_first_look(tmp_path: Path) -> None:
    proc = FakeProc(tmp_path)
    proc.process(PID, threads={PID: (1.0, 0.5)}, anonymous_kib=1000)
    meter = GuestMeter(PID, tmp_path, interval=60)
    proc.process(PID, threads={PID: (2.0, 0.5), 71: (0.25, 0.25)}, anonymous_kib=3000)
    life = meter.close()
    assert life is not None
    assert life.wanted == pytest.approx(1.5)
    assert life.memory == (3000 + 24) * 1024
    assert life.seconds > 0
    assert meter.close() == life


def test_a_guest_never_seen_alive_has_no_life(tmp_path: Path) -> None:
    FakeProc(tmp_path)
    assert GuestMeter(PID, tmp_path).close() is None


PROGRAM = """
import time
block = bytearray(b"x") * (32 << 20)
print("up", flush=True)
end = time.thread_time() + 0.3
while time.thread_time() < end:
    pass
print("done", flush=True)
input()
"""


def test_a_process_that_ended_by_itself_has_told_enough() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        meter = GuestMeter(process.pid, interval=0.02)
        assert process.stdout.readline() == b"done\n"
        deadline = Deadline.after(10)
        while (seen := meter.life()) is None or seen.wanted < 0.25:
            assert not deadline.expired
            time.sleep(0.01)
        process.communicate(b"\n", timeout=10)
    life = meter.close()
    assert life is not None
    assert life.wanted >= 0.25
    assert life.memory > 32 * MIB
