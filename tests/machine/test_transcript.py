"""The transcript's size, whatever a guest causes."""

from __future__ import annotations

from pathlib import Path

import pytest

from powerdown.machine.transcript import Direction, Transcript
from tests.support.boot_sector import traffic

RESET = {"event": "RESET", "data": {"guest": True}}
PROBE = {"execute": "human-monitor-command", "arguments": {"command-line": "i/h 0x600"}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "qmp.jsonl"


def test_a_storm_is_cut_with_a_last_line_that_says_so(file: Path) -> None:
    transcript = Transcript(file, most_bytes=1000)
    for number in range(1000):
        transcript.write(number, Direction.RECEIVED, RESET)
    transcript.close()
    assert file.stat().st_size < 1200
    lines = traffic(file)
    assert [line["message"] for line in lines[:-1]] == [RESET] * (len(lines) - 1)
    assert lines[-1]["way"] == "--"
    assert lines[-1]["message"] == "no more events: the limit of 1000 bytes is reached"


def test_commands_do_not_crowd_out_the_last_words(file: Path) -> None:
    transcript = Transcript(file, most_bytes=1000)
    for number in range(1000):
        transcript.write(number, Direction.SENT, PROBE)
    transcript.write(1000.0, Direction.RECEIVED, {"event": "SHUTDOWN"})
    transcript.close()
    messages = [line["message"] for line in traffic(file)]
    assert messages[-2:] == [
        "no more commands: the limit of 1000 bytes is reached",
        {"event": "SHUTDOWN"},
    ]


def test_one_message_larger_than_the_file_may_be(file: Path) -> None:
    transcript = Transcript(file, most_bytes=500)
    transcript.write(0.0, Direction.RECEIVED, {"return": "\u00fc" * 100_000})
    transcript.close()
    assert file.stat().st_size < 200


def test_after_its_end_nothing_is_written_and_nobody_is_told(file: Path) -> None:
    transcript = Transcript(file)
    transcript.close()
    transcript.close()
    transcript.write(0.0, Direction.SENT, PROBE)
    assert file.read_text() == ""
