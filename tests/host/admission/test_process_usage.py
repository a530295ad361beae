from __future__ import annotations

import os
from pathlib import Path

import pytest

from powerdown.host.admission.process_usage import read_memory, read_usage, read_wanted, start_time
from tests.support.fake_kernel import FakeProc


def test_running_and_waiting_of_all_threads_is_wanted(tmp_path: Path) -> None:
    proc = FakeProc(tmp_path)
    proc.process(7, threads={7: (1.0, 0.5), 9: (2.0, 0.25)})
    assert read_wanted(7, tmp_path) == pytest.approx(3.75)


def test_a_thread_that_has_just_ended_is_left_out(tmp_path: Path) -> None:
    FakeProc(tmp_path).process(7, threads={7: (1.0, 0.0)})
    (tmp_path / "7" / "task" / "8").mkdir()
    assert read_wanted(7, tmp_path) == pytest.approx(1.0)


def test_own_memory_leaves_out_what_is_mapped_of_files(tmp_path: Path) -> None:
    FakeProc(tmp_path).process(7, anonymous_kib=1000)
    assert read_memory(7, tmp_path) == (1000 + 24) * 1024


def test_an_ended_process_tells_nothing(tmp_path: Path) -> None:
    proc = FakeProc(tmp_path)
    proc.process(7, state="Z", anonymous_kib=None)
    assert read_usage(7, tmp_path) is None
    assert start_time(7, tmp_path) is None
    assert read_usage(8, tmp_path) is None
    assert start_time(8, tmp_path) is None


def test_start_time_is_found_behind_a_name_with_parentheses(tmp_path: Path) -> None:
    FakeProc(tmp_path).process(7, started=4711)
    assert start_time(7, tmp_path) == 4711


def test_the_real_kernel_is_understood() -> None:
    usage = read_usage(os.getpid())
    assert usage is not None
    assert usage.wanted > 0
    assert usage.memory > 1 << 20
    assert (start_time(os.getpid()) or 0) > 0
