"""What the stand-in leaves on its disk, read by programs that share nothing with it.

NTFS by ntfs-3g's tools and libfsntfs, hives by hivexsh and libregf, the System log by
omerbenamram/evtx. One disk: an orderly stop, then a boot that loses its power.
"""

from __future__ import annotations

import re
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path

import pyfsntfs
import pyregf
import pytest

from powerdown.core.deadline import Deadline
from powerdown.images.definition import load
from powerdown.machine.events import named
from tests.standin.offline import (
    NTFSRESIZE,
    SECONDS,
    SFDISK,
    log_records,
    output,
    plain,
    system_volume,
)
from tests.support.paths import REPOSITORY

pytestmark = [pytest.mark.guest, pytest.mark.xdist_group("standin-at-rest")]

DEFINITION = REPOSITORY / "fixtures/images/standin.toml"
LOG = "Windows/System32/winevt/Logs/System.evtx"
SYSTEM = "Windows/System32/config/SYSTEM"
SOFTWARE = "Windows/System32/config/SOFTWARE"
TEST_KEY = "Powerdown test"

# Type as reg.exe and as the registry have it, what reg.exe is given, what is then in the hive.
VALUES = {
    "Number": ("REG_DWORD", 4, "48879", struct.pack("<I", 0xBEEF)),
    "Long": ("REG_QWORD", 11, "0x1234567890", struct.pack("<Q", 0x1234567890)),
    "Text": ("REG_SZ", 1, "a text", "a text\0".encode("utf-16-le")),
    "Path": ("REG_EXPAND_SZ", 2, r"%Elsewhere%\x", "%Elsewhere%\\x\0".encode("utf-16-le")),
    "List": ("REG_MULTI_SZ", 7, r"one\0two", "one\0two\0\0".encode("utf-16-le")),
    # Not fewer than four: libregf takes fewer from the end of the four that hold them.
    "Bytes": ("REG_BINARY", 3, "00ff102030", b"\0\xff\x10\x20\x30"),
}


@dataclass
class AtRest:
    """A disk that no guest uses any more.

    :ivar volume: its NTFS volume as a file.
    :ivar printed: the System log as wevtutil printed it last.
    :ivar directory: where files of the volume may be put.
    """

    volume: Path
    printed: list[str]
    directory: Path

    def file(self, path: str) -> Path:
        """A file of the volume, copied out of it by ntfscat."""
        copy = self.directory / path.rpartition("/")[2]
        copy.write_bytes(output("ntfscat", "--force", str(self.volume), path))
        return copy


@pytest.fixture(scope="module")
def tools():
    for program in ("ntfscat", "ntfsls", "ntfsinfo", NTFSRESIZE, "hivexsh", SFDISK):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (ci/packages-test.txt)")


@pytest.fixture(scope="module")
def stopped(tools, host, tmp_path_factory):
    """Its registry is written to, and the button is pressed."""
    directory = tmp_path_factory.mktemp("stopped")
    with host.boot(load(DEFINITION), directory) as guest:
        guest.wait_until_ready()
        for hive in (r"HKLM\SYSTEM\CurrentControlSet\Control", r"HKLM\SOFTWARE"):
            guest.windows.run_all(
                f'reg add "{hive}\\{TEST_KEY}" /v {name} /t {kind} /d "{text}" /f'
                for name, (kind, _, text, _) in VALUES.items()
            )
        printed = guest.windows.run("wevtutil qe System /f:xml").checked().output
        guest.machine.press_power_button()
        guest.machine.events.expect(named("PROCESS_EXIT"), Deadline.after(SECONDS), "the end")
        overlay = guest.machine.overlay
    return AtRest(system_volume(overlay, directory), lines(printed), directory), overlay


@pytest.fixture(scope="module")
def cut(stopped, host, tmp_path_factory):
    """The next boot of the same disk; its power goes while a shutdown counts down."""
    directory = tmp_path_factory.mktemp("cut")
    with host.boot(load(DEFINITION), directory, stopped[1]) as guest:
        guest.wait_until_ready()
        guest.windows.run_all(
            [
                rf'reg add "HKLM\SOFTWARE\{TEST_KEY}" /v Late /t REG_SZ /d "the last" /f',
                "shutdown /s /t 600",
            ]
        )
        printed = guest.windows.run("wevtutil qe System /f:xml").checked().output
        guest.machine.kill(Deadline.after(SECONDS))
        overlay = guest.machine.overlay
    return AtRest(system_volume(overlay, directory), lines(printed), directory)


def lines(printed):
    return [line for line in printed.splitlines() if line.strip()]


def ids(records):
    return [int(re.search(r"<EventID[^>]*>(\d+)<", r["data"])[1]) for r in records]  # type: ignore[index]


def last_session(records):
    """The records from the last start on."""
    found = ids(records)
    return found[len(found) - 1 - found[::-1].index(12) :]


def test_an_orderly_stop_leaves_a_sound_clean_volume(stopped):
    disk, _ = stopped
    # Counts every cluster that a file has and compares with the volume's bitmap.
    said = output(NTFSRESIZE, "--info", "--no-progress-bar", str(disk.volume)).decode()
    assert "You might resize" in said or "nothing to" in said.lower(), said
    info = output("ntfsinfo", "--mft", str(disk.volume)).decode()
    assert re.search(r"Volume Flags: +0x0000", info), info
    names = output("ntfsls", "--path", "Windows/System32/config", str(disk.volume)).decode().split()
    assert {"SYSTEM", "SOFTWARE"} <= set(names)
    assert (
        "System.evtx"
        in output("ntfsls", "--path", LOG.rpartition("/")[0], str(disk.volume)).decode()
    )


def test_a_loss_of_power_leaves_a_dirty_volume(cut):
    info = output("ntfsinfo", "--force", "--mft", str(cut.volume)).decode()
    assert re.search(r"Volume Flags: +0x0001", info), info


@pytest.mark.parametrize("path", [LOG, SYSTEM, SOFTWARE])
def test_two_readers_of_ntfs_agree(stopped, cut, path):
    for disk in (stopped[0], cut):
        volume = pyfsntfs.volume()
        volume.open(str(disk.volume))
        entry = volume.get_file_entry_by_path("\\" + path.replace("/", "\\"))
        assert entry.read(entry.size) == disk.file(path).read_bytes()
        volume.close()


@pytest.mark.parametrize(
    ("path", "key"), [(SYSTEM, rf"ControlSet001\Control\{TEST_KEY}"), (SOFTWARE, TEST_KEY)]
)
def test_hives_hold_what_reg_wrote(stopped, cut, path, key):
    for disk in (stopped[0], cut):
        hive = pyregf.file()
        hive.open(str(disk.file(path)))
        assert not hive.is_corrupted()
        found = {value.name: value for value in hive.get_key_by_path(key).values}
        for name, (_, kind, _, data) in VALUES.items():
            assert (found[name].type, found[name].data) == (kind, data), name
        assert sum(1 for _ in keys(hive.root_key)) > 10
        hive.close()
        shell = output(
            "hivexsh", str(disk.directory / path.rpartition("/")[2]), text=f"cd \\{key}\nlsval\n"
        )
        said = shell.decode()
        assert '"Text"="a text"' in said
        assert '"Number"=dword:0000beef' in said
        assert '"Bytes"=hex(3):00,ff,10,20,30' in said


def keys(key):
    """Every key below one, each value of which can be read.

    Not asked: whether a key is corrupted, which libregf says of each without values.
    """
    for below in key.sub_keys:
        for value in below.values:
            assert not value.is_corrupted()
            assert value.data_size == len(value.data or b"")
        yield below
        yield from keys(below)


def test_what_was_written_last_outlives_the_loss_of_power(cut):
    hive = pyregf.file()
    hive.open(str(cut.file(SOFTWARE)))
    assert hive.get_key_by_path(TEST_KEY).get_value_by_name("Late").data_as_string == "the last"


def test_the_log_of_an_orderly_stop_has_its_end(stopped):
    disk, _ = stopped
    path = disk.file(LOG)
    records = list(log_records(path).values())
    assert last_session(records)[-4:] == [1074, 6006, 109, 13]
    # What wevtutil printed before the stop, record by record.
    assert [plain(r["data"]) for r in records[:-4]] == [plain(xml) for xml in disk.printed]
    assert header_flags(path) == 0


def test_the_log_of_a_cut_has_all_that_was_written_and_no_end(cut):
    path = cut.file(LOG)
    records = list(log_records(path).values())
    assert [plain(r["data"]) for r in records] == [plain(xml) for xml in cut.printed]
    since = last_session(records)
    assert since[-1] == 1074
    assert not {6006, 109, 13} & set(since)
    assert header_flags(path) == 1


def header_flags(path):
    return struct.unpack_from("<I", path.read_bytes(), 120)[0]
