"""``powerdown history``: what it prints, and its exit status."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from powerdown.cli import history_command
from powerdown.cli.exit_status import ExitStatus
from powerdown.cli.history_command import add_options, run_history
from powerdown.core.deadline import Deadline
from powerdown.core.errors import DiskError
from powerdown.disk.disk_contents import DiskContents
from powerdown.disk.disk_request import DiskRequest
from powerdown.disk.hiberfil import Hibernation
from powerdown.disk.history.event_log_chunks import FILE_HEADER_SIZE, FILE_MAGIC
from powerdown.disk.history.session_end import BAD, EndKind
from powerdown.disk.history.system_log import SystemLog
from powerdown.disk.ntfs.ntfs import NtfsVolumeState
from powerdown.disk.registry_snapshot import RegistrySnapshot
from powerdown.images.image import DiskFormat
from powerdown.report.history_text import history_to_text
from tests.support.power_log import history_of, log_of
from tests.support.samples import LogFile

Capture = pytest.CaptureFixture[str]
Run = Callable[..., int]

START = "12 20 27 6009 6005"
ORDERLY = f"{START} [60] 1074again 6006 109again 13 [60] {START}"


def run(*arguments: str) -> int:
    """The command, as the lead's parser calls it."""
    parser = argparse.ArgumentParser()
    add_options(parser)
    return run_history(parser.parse_args(arguments))


class FakeReader:
    """A reader of disks that finds what a test has laid there."""

    log: SystemLog | None
    notes: tuple[str, ...] = ()
    dirty = False
    hibernation = Hibernation.NONE

    def __init__(self) -> None:
        self.closed = False

    def read_disk(
        self,
        path: Path,
        format: DiskFormat | None,
        request: DiskRequest,
        deadline: Deadline,
        *,
        volume: int | None = None,
    ) -> DiskContents:
        assert request == DiskRequest(system_log=True)
        assert format in (None, DiskFormat.RAW)
        assert volume in (None, 3)
        assert not deadline.expired
        state = NtfsVolumeState(dirty=self.dirty, version=(3, 1), flags=int(self.dirty))
        return DiskContents(
            state, self.hibernation, RegistrySnapshot({}, ()), self.log, notes=self.notes
        )

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """A disk whose System log is this one."""

    def laid(words: str | None, **state: object) -> str:
        log = None if words is None else SystemLog(tuple(log_of(words)), 0)
        kind = type("Laid", (FakeReader,), {"log": log, **state})
        monkeypatch.setattr(history_command, "DiskReader", kind)
        path = tmp_path / "disk.img"
        path.write_bytes(bytes(1024))
        return str(path)

    return laid


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (f"{START} [60] 1074 6006 109 13", 0),
        (f"{START} [60] 1074 6006", 0),
        (f"{START} 42save", 0),
        (f"{START} 1074shell 42fast", 0),
        (START, 3),
        (ORDERLY, 3),
        ("", 3),
        (f"{START} [60] 12 41 6008 6005", 1),
        (f"{START} [60] 12 41held 6008 6005", 1),
        (f"{START} [60] 12 41code 6008 6005", 1),
        # It went well since.
        (f"{START} [60] 12 41 6008 6005 [60] 1074 6006 109 13", 0),
        (f"{START} [60] 12 41 6008 6005 [60] 1074again 6006 109again 13 {START}", 3),
        (f"{START} [60] 12 41bare 6005", 3),
    ],
)
def test_the_exit_status_tells_of_the_newest_end(
    disk: Callable[..., str], words: str, status: int, capsys: Capture
) -> None:
    assert run(disk(words)) == status
    assert run(disk(words), "--json", "--last", "1") == status
    assert capsys.readouterr().err == ""


def test_a_session_is_a_row_and_what_is_known_of_it(
    disk: Callable[..., str], capsys: Capture
) -> None:
    run(disk(ORDERLY), "--format", "raw", "--volume", "3")
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "started (UTC)        start          ended (UTC)          end",
        "2026-03-01 08:00:05  cold boot      2026-03-01 08:01:45  restarted",
        r"    requested by shutdown.exe for PC\tester: Other (Planned) (0x800000ff); took",
        "      15.0 s",
    ]
    assert lines[4:] == [
        "2026-03-01 08:02:50  cold boot      -                    not recorded",
        "    running until 2026-03-01 08:03:10 at least",
    ]


def test_the_records_that_a_line_rests_on(disk: Callable[..., str], capsys: Capture) -> None:
    run(disk(f"{START} [60] 42 107 [60] 12 41held 6008 6005"), "-v")
    out = capsys.readouterr().out
    assert "BUTTON HELD" in out
    assert "      sleep  #6 2026-03-01 08:01:30 Microsoft-Windows-Kernel-Power 42 (" in out
    assert "      end    #9 2026-03-01 08:02:45 Microsoft-Windows-Kernel-Power 41 (" in out
    assert "PowerButtonTimestamp=133500000000000000" in out
    run(disk(f"{START} [60] 12 41held 6008 6005"))
    assert "PowerButtonTimestamp" not in capsys.readouterr().out


def test_only_the_newest_sessions(disk: Callable[..., str], capsys: Capture) -> None:
    path = disk(f"{START} [60] 12 41 6008 6005 [60] 1074 6006 109 13")
    run(path, "--last", "1")
    out = capsys.readouterr().out
    assert "powered off" in out
    assert "POWER LOST" not in out
    assert "(1 earlier session not shown)" in out
    run(path, "--last", "1", "--json")
    (session,) = json.loads(capsys.readouterr().out)["sessions"]
    assert session["end"]["kind"] == "powered-off"


def test_what_the_disk_tells_besides(disk: Callable[..., str], capsys: Capture) -> None:
    state = {"dirty": True, "hibernation": Hibernation.HIBERNATED, "notes": ("two of them",)}
    run(disk(START, **state))
    out = capsys.readouterr().out
    assert "note: two of them" in out
    assert "note: the system volume is marked dirty" in out
    assert "note: hiberfil.sys holds a saved system" in out


def test_the_json_holds_all_of_it(disk: Callable[..., str], capsys: Capture) -> None:
    path = disk(f"{START} 42 [9] woke 10001 1074 6006 109 13 [60] 12 41code 6008 6005 1001")
    assert run(path, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["schema_version"], told["path"], told["damaged"]) == (1, path, 0)
    first, second = told["sessions"]
    assert first["start"]["kind"] == "cold-boot"
    assert (first["end"]["kind"], first["end"]["in_order"]) == ("bugcheck", False)
    assert (first["end"]["bugcheck"], first["end"]["confidence"]) == ("0x9f", "low")
    assert first["end"]["asked"]["reason"] == "0x800000ff"
    assert first["sleeps"][0]["wake_text"] == "HID Keyboard Device"
    assert [(h["kind"], h["who"]) for h in first["happenings"]] == [("veto", "notes.exe")]
    numbers = [record["event_id"] for record in first["end"]["records"]]
    assert numbers == [1074, 6006, 109, 13, 41, 6008, 1001]
    assert (second["end"]["kind"], second["end"]["in_order"]) == ("log-ends", None)


def test_a_disk_without_a_log_is_an_error(disk: Callable[..., str]) -> None:
    with pytest.raises(DiskError, match="its Windows has none"):
        run(disk(None))
    with pytest.raises(DiskError, match=r"no System\.evtx"):
        run(disk(None, notes=("no System.evtx",)))


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="No such file"):
        run(str(tmp_path / "nothing"))
    with pytest.raises(DiskError, match="directory"):
        run(str(tmp_path))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DiskError, match="pipe"):
        run(str(tmp_path / "pipe"))


def test_options_of_disks_do_not_fit_a_log(tmp_path: Path) -> None:
    log = tmp_path / "System.evtx"
    log.write_bytes(FILE_MAGIC.ljust(FILE_HEADER_SIZE, b"\0"))
    with pytest.raises(DiskError, match="an event log, not a disk"):
        run(str(log), "--volume", "2")


@pytest.mark.parametrize("last", ["0", "-1", "many"])
def test_a_number_of_sessions_is_one(last: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        run("x", "--last", last)
    assert "is not a positive integer" in capsys.readouterr().err


def test_an_event_log_alone_is_read_by_the_reader_of_disks(tmp_path: Path, capsys: Capture) -> None:
    """The real one, in its own process."""
    log = tmp_path / "System.evtx"
    log.write_bytes(FILE_MAGIC.ljust(FILE_HEADER_SIZE, b"\0"))
    assert run(str(log)) == 3
    assert capsys.readouterr().out == "no session is recorded\n\nnote: it contains no records\n"


def test_a_whole_log(system_log: LogFile, capsys: Capture) -> None:
    ends = [end for _, end in system_log.known.sessions]
    # The last end is not recorded, so the one before it decides.
    status = ExitStatus.FAILURE if ends[-2] in BAD else ExitStatus.INCONCLUSIVE
    assert run(str(system_log.path)) == status
    out = capsys.readouterr().out
    assert out.count("  restarted\n") == ends.count(EndKind.RESTARTED)
    assert out.count("  POWER LOST\n") == ends.count(EndKind.POWER_LOST)
    assert max(map(len, out.splitlines())) <= 80


# What a hostile guest writes


def test_nothing_in_a_record_reaches_the_terminal_as_it_is(
    disk: Callable[..., str], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    log = log_of(f"{START} 1074 6006")
    evil = "\x1b[2J\u202e\n" + "A" * 3000
    changed = [
        type(r)(r.record_id, r.provider, r.event_id, r.created, dict.fromkeys(r.data, evil))
        for r in log
    ]
    path = disk("")
    fake = history_command.DiskReader  # type: ignore[attr-defined]
    monkeypatch.setattr(fake, "log", SystemLog(tuple(changed), 0), raising=False)
    run(path, "-v")
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert r"\x1b[2J\u202e\nAAA" in out


@pytest.mark.parametrize("width", [1, 60, 80, 120, 1000])
def test_lines_are_no_wider_than_the_terminal(width: int) -> None:
    history = history_of(f"{ORDERLY} 42 107 woke 1074winlogon 6006")
    lines = history_to_text(history, width).splitlines()
    assert max(map(len, lines)) <= max(72, min(width, 120))
