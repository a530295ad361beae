"""What reads disks is a process that may crash, hang or lie; and it leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DeadlineExpired, DiskError, HostError
from powerdown.disk.disk_contents import DiskContents
from powerdown.disk.disk_request import DiskRequest
from powerdown.disk.hiberfil import Hibernation
from powerdown.disk.ntfs.ntfs import NtfsVolumeState
from powerdown.disk.reader import reader_pipe, sandboxed_reader
from powerdown.disk.reader.contents_json import (
    contents_from_json,
    contents_to_json,
    request_from_json,
    request_to_json,
    snapshot_from_json,
    snapshot_to_json,
)
from powerdown.disk.reader.sandboxed_reader import DiskReader, ReaderCrashed, ReaderInternalError
from powerdown.disk.registry_snapshot import RegistrySnapshot, StoredKey, StoredValue
from powerdown.images.image import DiskFormat
from powerdown.windows.settings.key_request import KeyRequest
from tests.support.ntfs_volumes import (
    CONFIG,
    SYSTEM_KEYS,
    being_written,
    change,
    changed_pages,
    hive,
    log_entry,
    new_log,
    partitioned,
    put,
    run,
    windows,
)
from tests.support.processes import children, gone

SERVICES = r"HKLM\SYSTEM\CurrentControlSet\Services"
REQUEST = DiskRequest(
    keys=(KeyRequest(SERVICES, 1), KeyRequest(r"HKU\*\Control Panel\Desktop")),
    files=(r"Windows\WinSxS\pending.xml", r"users\TESTER\ntuser.dat"),
)


def deadline() -> Deadline:
    return Deadline.after(30)


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return windows(tmp_path_factory.mktemp("windows") / "volume.raw")


@pytest.fixture(scope="module")
def reader() -> Iterator[DiskReader]:
    with DiskReader() as started:
        yield started


def pid(reader: DiskReader) -> int:
    assert reader._process is not None
    return reader._process.pid


@pytest.mark.parametrize("format", ["raw", "qcow2", "vhdx", "vmdk"])
def test_a_disk(reader: DiskReader, volume: Path, tmp_path: Path, format: str) -> None:
    raw, path = tmp_path / "disk", tmp_path / f"disk.{format}"
    partitioned(raw, [volume.read_bytes()])
    run("qemu-img", "convert", "-f", "raw", "-O", format, str(raw), str(path))
    found = reader.read_disk(path, None, REQUEST, deadline())
    assert found.volume == NtfsVolumeState(False, (3, 1), 0)
    assert found.hibernation is Hibernation.NONE
    assert {key.name for key in found.registry.below(SERVICES)} == {"Gpsvc", "wuauserv"}
    assert found.registry.value(rf"{SERVICES}\gpsvc", "Start") == StoredValue("Start", 4, 2)
    assert found.registry.key(r"HKU\tester\Control Panel\Desktop") is not None
    assert found.files[REQUEST.files[0]] is None
    assert found.files[REQUEST.files[1]]
    assert (found.log, found.notes, found.registry.notes) == (None, (), ())


def test_what_is_missing_is_noted(reader: DiskReader, tmp_path: Path) -> None:
    path = windows(tmp_path / "volume")
    put(path, f"{CONFIG}/SOFTWARE", b"no hive")
    request = DiskRequest(
        keys=(KeyRequest(r"HKLM\SOFTWARE\Microsoft"), KeyRequest(r"HKU\nobody\Software")),
        system_log=True,
    )
    found = reader.read_disk(path, None, request, deadline())
    assert any("SOFTWARE could not be read" in note for note in found.registry.notes)
    assert r"there is no Users\nobody\NTUSER.DAT" in found.registry.notes
    assert found.log is None
    assert any("System.evtx" in note for note in found.notes)


def test_logs_on_the_disk_are_replayed(reader: DiskReader, tmp_path: Path) -> None:
    path, made = windows(tmp_path / "volume"), tmp_path / "SYSTEM"
    old = hive(made, SYSTEM_KEYS)
    change(made, {r"ControlSet002\Services\Late": {}})
    new = made.read_bytes()
    entry = log_entry(5, len(new) - 4096, changed_pages(old, new, 4096))
    put(path, f"{CONFIG}/SYSTEM", being_written(old, 6, 5))
    put(path, f"{CONFIG}/SYSTEM.LOG1", new_log(old, 5, [entry]))
    put(path, f"{CONFIG}/SYSTEM.LOG2", b"")
    found = reader.read_disk(path, DiskFormat.RAW, REQUEST, deadline())
    assert found.registry.key(rf"{SERVICES}\Late") is not None
    assert "1 entries of .LOG1 replayed" in found.registry.notes[0]
    # The same with the files alone.
    made.write_bytes(being_written(old, 6, 5))
    (tmp_path / "SYSTEM.LOG1").write_bytes(new_log(old, 5, [entry]))
    alone = reader.read_hive(made, REQUEST, deadline())
    assert alone.key(rf"{SERVICES}\Late") is not None


def test_errors_cross_as_what_they_are(reader: DiskReader, tmp_path: Path) -> None:
    process = pid(reader)
    with pytest.raises(DiskError, match="No such file"):
        reader.read_disk(tmp_path / "absent", None, REQUEST, deadline())
    with pytest.raises(DiskError, match="not a registry hive"):
        reader.read_hive(Path(__file__), REQUEST, deadline())
    with pytest.raises(DiskError, match="System log"):
        reader.read_log(Path(__file__), deadline())
    # It goes on.
    assert pid(reader) == process


def test_a_missing_library_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, volume: Path
) -> None:
    (tmp_path / "pyfsntfs.py").write_text("raise ImportError('not here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with DiskReader() as reader, pytest.raises(HostError, match="libfsntfs-python"):
        reader.read_disk(volume, None, REQUEST, deadline())


def test_it_has_limits_and_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGE_PASSWORD", "hush")
    with DiskReader() as reader:
        with pytest.raises(DiskError):
            reader.read_log(Path("/nonexistent"), deadline())
        process = Path(f"/proc/{pid(reader)}")
        assert b"hush" not in (process / "environ").read_bytes()
        limits = {
            line[:26].strip(): line[26:].split()[0]
            for line in (process / "limits").read_text().splitlines()[1:]
        }
    assert limits["Max core file size"] == "0"
    assert int(limits["Max file size"]) <= 4096
    assert int(limits["Max address space"]) <= 2 << 30
    assert int(limits["Max cpu time"]) <= 200


LISTEN = "import os, sys, time, json\nline = sys.stdin.readline()\n"


@pytest.mark.parametrize(
    ("course", "actual"),
    [
        ("os.abort()", "SIGABRT"),
        ("os.kill(os.getpid(), 11)", "SIGSEGV"),
        ("sys.exit('no more')", "no more"),
        ("os.write(1, b'nonsense\\n')", "malformed"),
        ("os.write(1, b'[' * 200_000 + b'\\n'); time.sleep(60)", "malformed"),
        ("os.write(1, b'{\"answer\": 1}\\n')", "TypeError"),
        ("os.write(1, b'{\"answer\": {}}\\n')", "KeyError"),
        ('os.write(1, b\'{"error": ["SystemExit", 1, 2, 3]}\\n\')', "malformed"),
        ("os.write(1, b'{\"error\": []}\\n')", "malformed"),
        ('os.write(1, b\'{"error": [[], "a", "b", "c"]}\\n\')', "malformed"),
        (
            'os.write(1, b\'{"internal_error": "deep\\\\nin it: ValueError: x"}\\n\')',
            "ValueError: x",
        ),
        ("while True: os.write(1, b'x' * 1_000_000)", "too long"),
        ("while True: os.write(2, b'x' * 1_000_000)", None),
        ("time.sleep(60)", None),
        ("os.close(1); time.sleep(60)", None),
    ],
)
def test_whatever_it_does_is_one_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, course: str, actual: str | None
) -> None:
    monkeypatch.setattr(sandboxed_reader, "_START", LISTEN + course)
    monkeypatch.setattr(reader_pipe, "MOST_ANSWER_BYTES", 10_000_000)
    with DiskReader() as reader:
        limit = Deadline.after(20 if actual else 1.5)
        with pytest.raises((DiskError, DeadlineExpired)) as caught:
            reader.read_hive(tmp_path / "hive", REQUEST, limit)
        if actual is not None:
            assert actual in str(caught.value)
            assert isinstance(caught.value, DiskError)
        elif "close" not in course:
            assert isinstance(caught.value, DeadlineExpired)
        assert "hive" in str(caught.value) or "decode the answer" in str(caught.value)
        # Another is started, and reads.
        monkeypatch.undo()
        if isinstance(caught.value, ReaderCrashed | DeadlineExpired):
            with pytest.raises(DiskError, match="No such file"):
                reader.read_hive(tmp_path / "hive", REQUEST, deadline())
    assert not isinstance(caught.value, ReaderInternalError) or caught.value.__notes__


HOLD = """
import sys
from pathlib import Path
from powerdown.core.deadline import Deadline
from powerdown.disk.reader.sandboxed_reader import DiskReader
from powerdown.disk.disk_request import DiskRequest
reader = DiskReader()
print(reader._process.pid, flush=True)
reader.read_disk(Path(sys.argv[1]), None, DiskRequest(), Deadline.after(60))
print("read", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("how", [None, signal.SIGKILL, signal.SIGTERM])
def test_it_does_not_outlive_its_parent(
    volume: Path, tmp_path: Path, how: signal.Signals | None
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(volume)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    assert process.stdout.readline() == "read\n"
    if how is not None:
        process.send_signal(how)
    process.communicate(timeout=30)
    assert gone(child)
    assert list(tmp_path.iterdir()) == []


def test_a_reader_killed_at_work_takes_its_server_along(
    volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One that never answers: the child waits for it when its time is up.
    programs, told = tmp_path / "bin", tmp_path / "pid"
    programs.mkdir()
    fake = programs / "qemu-nbd"
    fake.write_text(f"#!/bin/sh\necho $$ > {told}.new; mv {told}.new {told}\nexec sleep 60\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with DiskReader() as reader:
        with pytest.raises((DeadlineExpired, DiskError)):
            reader.read_disk(volume, None, REQUEST, Deadline.after(3))
        server = int(told.read_text())
        assert gone(server)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "pid"]


def test_closing_ends_the_process() -> None:
    reader = DiskReader()
    process = pid(reader)
    reader.close()
    reader.close()
    assert gone(process)


names = st.text(max_size=8)
data = (
    st.integers(0, 2**64 - 1)
    | names
    | st.lists(names, max_size=3).map(tuple)
    | st.binary(max_size=9)
)
values = st.builds(StoredValue, names, st.integers(0, 2**32 - 1), data)
keys = st.builds(
    StoredKey,
    names,
    st.lists(values, max_size=3).map(tuple),
    st.lists(names, max_size=3).map(tuple),
)
texts = st.lists(names, max_size=3).map(tuple)
snapshots = st.builds(
    lambda found, notes: RegistrySnapshot.of(*found, notes=notes), st.lists(keys, max_size=4), texts
)


@given(snapshots, st.sampled_from(Hibernation), st.dictionaries(names, st.none() | st.integers()))
def test_contents_cross_unchanged(
    snapshot: RegistrySnapshot, hibernation: Hibernation, files: dict[str, int | None]
) -> None:
    volume = NtfsVolumeState(True, (3, 1), 1)
    contents = DiskContents(volume, hibernation, snapshot, None, files, ("a note",))
    assert contents_from_json(json.loads(json.dumps(contents_to_json(contents)))) == contents
    assert snapshot_from_json(json.loads(json.dumps(snapshot_to_json(snapshot)))) == snapshot


@given(
    st.lists(st.builds(KeyRequest, names, st.integers(0, 9), st.none() | texts), max_size=3),
    st.booleans(),
    texts,
)
def test_requests_cross_unchanged(found: list[KeyRequest], log: bool, files: tuple[str]) -> None:
    request = DiskRequest(tuple(found), log, 7, files)
    assert request_from_json(json.loads(json.dumps(request_to_json(request)))) == request


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | names,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["keys", "notes", "volume", "registry", "log", "files", "hibernation"])
            | names,
            inner,
            max_size=7,
        )
    ),
)


@given(json_values)
def test_any_answer_is_understood_or_refused(value: object) -> None:
    for read in (contents_from_json, snapshot_from_json):
        try:
            read(value)
        except DiskError:
            continue


def test_children_of_a_process_are_seen() -> None:
    with DiskReader() as reader:
        assert pid(reader) in children(os.getpid())
