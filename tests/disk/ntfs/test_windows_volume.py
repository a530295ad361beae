"""The volume with Windows on it, among others, against ntfs-3g's tools."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdown.core.errors import DiskError, HostError
from powerdown.disk.hiberfil import Hibernation, hibernation_of
from powerdown.disk.ntfs.windows_volume import SYSTEM_HIVE, Extent, find_windows
from tests.support.ntfs_volumes import (
    CONFIG,
    MIB,
    PROFILE_HIVE,
    partitioned,
    put,
    windows,
    windows_volume,
)


@dataclass
class Bytes:
    """A disk in memory."""

    content: bytes

    @property
    def size(self) -> int:
        return len(self.content)

    def read(self, offset: int, length: int) -> bytes:
        if offset < 0 or length < 0 or offset + length > len(self.content):
            raise DiskError("read", "out of bounds", "")
        return self.content[offset : offset + length]


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return windows(tmp_path_factory.mktemp("windows") / "volume")


@pytest.fixture
def copy(volume: Path, tmp_path: Path) -> Path:
    path = tmp_path / "volume"
    path.write_bytes(volume.read_bytes())
    return path


def ntfscat(volume: Path, path: str) -> bytes:
    return subprocess.run(
        ["ntfscat", str(volume), path], check=True, capture_output=True, timeout=30
    ).stdout


def test_a_bare_volume(volume: Path) -> None:
    disk = Bytes(volume.read_bytes())
    with find_windows(disk) as found:
        assert (found.partition.offset, found.partition.length) == (0, disk.size)
        assert found.state.version == (3, 1)
        for path in (f"{CONFIG}/SYSTEM", f"{CONFIG}/SOFTWARE", PROFILE_HIVE):
            file = found.find(path.replace("/", "\\").upper())
            assert file is not None
            assert file.name == path.rpartition("/")[2]
            content = ntfscat(volume, path)
            assert file.size == len(content)
            assert file.read(1 << 30) == content
            assert file.read(5000) == content[:5000]
            assert file.read_at(4096, 1 << 30) == content[4096:]
            assert b"".join(map(piece_of(disk), file.extents())).startswith(content)
        assert found.names("USERS") == ("Public", "tester")
        assert found.names(r"Users\nobody") == ()
        assert found.find(r"Users\nobody\NTUSER.DAT") is None
        assert found.find(r"Windows\System32\config\SYSTEM\x") is None
        assert found.find(r"Windows\System32\config\SYSTEM\x\y") is None


def piece_of(disk: Bytes):
    def piece(extent: Extent) -> bytes:
        return bytes(extent.length) if extent.sparse else disk.read(extent.offset, extent.length)

    return piece


@pytest.mark.parametrize("label", ["gpt", "dos"])
def test_among_others(volume: Path, tmp_path: Path, label: str) -> None:
    content, other = volume.read_bytes(), windows_volume()
    path = tmp_path / "disk"
    places = partitioned(path, [bytes(MIB), other, content], label)
    disk = Bytes(path.read_bytes())
    with find_windows(disk) as found:
        assert found.partition.offset == places[2]
        file = found.find(SYSTEM_HIVE)
        assert file is not None
        (extent, *_) = file.extents()
        assert disk.read(extent.offset, 4) == b"regf"
    with find_windows(disk, 3) as found:
        assert found.partition.offset == places[2]
    with pytest.raises(DiskError, match=r"volume 2 .* has no Windows.System32"):
        find_windows(disk, 2)
    with pytest.raises(DiskError, match="the disk has 3"):
        find_windows(disk, 4)


def test_several_windows(volume: Path, tmp_path: Path) -> None:
    content = volume.read_bytes()
    path = tmp_path / "disk"
    places = partitioned(path, [content, bytes(MIB), content])
    disk = Bytes(path.read_bytes())
    with pytest.raises(DiskError, match=r"several: volume 1 .*, volume 3 .* Give the number"):
        find_windows(disk)
    with find_windows(disk, 3) as found:
        assert found.partition.offset == places[2]


def test_no_windows(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="no partition table"):
        find_windows(Bytes(bytes(MIB)))
    with pytest.raises(DiskError, match="no partition table"):
        find_windows(Bytes(b""))
    with pytest.raises(DiskError, match=r"has no Windows.System32.config.SYSTEM"):
        find_windows(Bytes(windows_volume()))
    path = tmp_path / "disk"
    partitioned(path, [bytes(MIB)])
    with pytest.raises(DiskError, match=r"volume 1 .* is not NTFS"):
        find_windows(Bytes(path.read_bytes()))


def test_bitlocker(tmp_path: Path) -> None:
    encrypted = b"\xeb\x58\x90-FVE-FS-".ljust(MIB, b"?")
    path = tmp_path / "disk"
    partitioned(path, [bytes(MIB), encrypted])
    for content in (path.read_bytes(), encrypted[:510] + b"\x55\xaa" + encrypted[512:]):
        with pytest.raises(DiskError, match=r"encrypted with BitLocker.*suspend BitLocker"):
            find_windows(Bytes(content))


@pytest.mark.parametrize(
    ("begin", "end"), [(11, 84), (16384, 16384 + 4096), (16384, 16384 + 65536), (0, 512)]
)
def test_damaged_volumes(volume: Path, tmp_path: Path, begin: int, end: int) -> None:
    content = bytearray(volume.read_bytes())
    content[begin:end] = b"\xa5" * (end - begin)
    path = tmp_path / "disk"
    partitioned(path, [bytes(content)])
    with pytest.raises(DiskError, match=r"damaged NTFS|is not NTFS"):
        find_windows(Bytes(path.read_bytes()))


def test_a_table_that_leads_beyond_the_disk(volume: Path, tmp_path: Path) -> None:
    path = tmp_path / "disk"
    partitioned(path, [volume.read_bytes(), bytes(20 * MIB)], "dos")
    # Cut off in the second volume, then before the first.
    with find_windows(Bytes(path.read_bytes()[: 10 * MIB])):
        pass
    with pytest.raises(DiskError, match="beyond the end of the disk"):
        find_windows(Bytes(path.read_bytes()[:MIB]))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, Hibernation.NONE),
        (b"hibr" + bytes(8188), Hibernation.HIBERNATED),
        (b"HIBR" + bytes(8188), Hibernation.HIBERNATED),
        (b"RSTR" + bytes(8188), Hibernation.RESUMING),
        (b"wake" + bytes(8188), Hibernation.RESUMED),
        (bytes(8192), Hibernation.RESUMED),
        (b"else" + bytes(8188), Hibernation.UNKNOWN),
        (bytes(512), Hibernation.UNKNOWN),
    ],
)
def test_hibernation(copy: Path, content: bytes | None, expected: Hibernation) -> None:
    if content is not None:
        put(copy, "hiberfil.sys", content)
    with find_windows(Bytes(copy.read_bytes())) as found:
        assert found.hibernation is expected
        assert found.hibernation.volume_in_use == (
            expected not in (Hibernation.NONE, Hibernation.RESUMED)
        )


@given(size=st.none() | st.integers(0, 1 << 40), first=st.binary(max_size=8))
def test_hibernation_of_anything(size: int | None, first: bytes) -> None:
    found = hibernation_of(size, first)
    assert (found is Hibernation.NONE) == (size is None)


def test_the_library_is_named_when_it_is_missing(
    volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyfsntfs", None)
    with pytest.raises(HostError, match="libfsntfs-python"):
        find_windows(Bytes(volume.read_bytes()))


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(11, 83) | st.integers(16384, 16384 + 65536), st.integers(0, 255)),
        min_size=1,
        max_size=20,
    )
)
def test_any_damage_is_one_error(volume_bytes: bytes, changes: list[tuple[int, int]]) -> None:
    content = bytearray(volume_bytes)
    for at, value in changes:
        content[at] = value
    try:
        with find_windows(Bytes(bytes(content))) as found:
            file = found.find(SYSTEM_HIVE)
            if file is not None:
                file.read(1 << 16)
                file.extents()
            found.names("Users")
            assert isinstance(found.hibernation, Hibernation)
    except DiskError:
        pass


@pytest.fixture(scope="module")
def volume_bytes(volume: Path) -> bytes:
    return volume.read_bytes()
