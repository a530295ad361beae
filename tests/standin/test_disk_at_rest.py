"""The stand-in's disk as it is built, read by the harness and by tools that share nothing with it.

NTFS by ntfs-3g's tools, hives by hivexsh.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from powerdown.core.deadline import Deadline
from powerdown.disk.disk_contents import DiskContents
from powerdown.disk.disk_request import DiskRequest
from powerdown.disk.hiberfil import Hibernation
from powerdown.disk.image.disk_image import DiskImage
from powerdown.disk.ntfs.windows_volume import WindowsVolume, find_windows
from powerdown.disk.reader.sandboxed_reader import DiskReader
from powerdown.images.definition import load
from powerdown.images.image import DiskFormat
from powerdown.windows.settings.key_request import KeyRequest
from tests.standin.offline import SFDISK, output, system_volume
from tests.support.paths import REPOSITORY

# Building it takes Debian's mirror, as starting it does.
pytestmark = [pytest.mark.guest, pytest.mark.xdist_group("standin-disk-at-rest")]

DEFINITION = REPOSITORY / "fixtures/images/standin.toml"
CONFIG = "Windows/System32/config"
HIVES = {"SYSTEM": r"HKLM\SYSTEM", "SOFTWARE": r"HKLM\SOFTWARE", "DEFAULT": r"HKU\.DEFAULT"}


@pytest.fixture(scope="module")
def disk() -> Path:
    for program in ("ntfscat", "ntfsls", "ntfsinfo", "hivexsh", SFDISK):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (ci/packages-test.txt)")
    return load(DEFINITION).disk.path


@pytest.fixture(scope="module")
def volume(disk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return system_volume(disk, tmp_path_factory.mktemp("volume"))


@pytest.fixture(scope="module")
def windows(disk: Path) -> Iterator[WindowsVolume]:
    with (
        DiskImage(disk, DiskFormat.QCOW2, Deadline.after(120)) as image,
        find_windows(image) as found,
    ):
        yield found


@pytest.fixture(scope="module")
def contents(disk: Path) -> DiskContents:
    request = DiskRequest(
        keys=tuple(KeyRequest(at, 64) for at in HIVES.values()),
        files=(r"Windows\System32\config\SYSTEM", r"Windows\nothing"),
    )
    with DiskReader() as reader:
        return reader.read_disk(disk, None, request, Deadline.after(60))


def test_directories(volume: Path, windows: WindowsVolume) -> None:
    seen = 0
    for path in (
        "",
        "Windows",
        "Windows/System32",
        CONFIG,
        "Users",
        "Users/tester",
        "Program Files",
    ):
        listed = output("ntfsls", "--system", "--all", "--path", f"/{path}", str(volume)).decode()
        expected = {name for name in listed.splitlines() if name not in (".", "..", "")}
        assert set(windows.names(path.replace("/", "\\"))) == expected
        seen += len(expected)
    assert seen > 15


def test_files(volume: Path, windows: WindowsVolume) -> None:
    paths = [f"{CONFIG}/{name}" for name in HIVES]
    paths += ["$Boot", "$UpCase"]
    for path in paths:
        content = output("ntfscat", "--force", str(volume), path)
        file = windows.find(path.replace("/", "\\"))
        assert file is not None
        assert file.size == len(content)
        assert file.read(1 << 30) == content


def test_the_volume(volume: Path, contents: DiskContents) -> None:
    told = output("ntfsinfo", "--force", "--mft", str(volume)).decode()
    flags = re.search(r"Volume Flags:\s*(0x[0-9a-fA-F]+)", told)
    version = re.search(r"Volume Version:\s*(\d+)\.(\d+)", told)
    assert flags is not None
    assert version is not None
    assert contents.volume.flags == int(flags[1], 16)
    assert contents.volume.dirty == bool(int(flags[1], 16) & 1)
    assert contents.volume.version == (int(version[1]), int(version[2]))
    assert contents.hibernation is Hibernation.NONE
    assert contents.files[r"Windows\nothing"] is None
    size = len(output("ntfscat", "--force", str(volume), f"{CONFIG}/SYSTEM"))
    assert contents.files[r"Windows\System32\config\SYSTEM"] == size


@pytest.mark.parametrize("name", HIVES)
def test_hives(volume: Path, contents: DiskContents, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(output("ntfscat", "--force", str(volume), f"{CONFIG}/{name}"))
    seen, waiting = 0, [HIVES[name]]
    while waiting:
        at = waiting.pop()
        key = contents.registry.key(at)
        assert key is not None, at
        below, values = by_hivexsh(path, at.removeprefix(HIVES[name]) or "\\")
        assert sorted(key.subkeys) == sorted(below)
        assert sorted(value.name for value in key.values) == sorted(values)
        for value in key.values:
            if isinstance(value.data, int):
                assert values[value.name] == f"dword:{value.data:08x}"
            elif isinstance(value.data, str) and value.type == 1:
                assert values[value.name] == f'"{value.data}"'.replace("\\", "\\\\")
            seen += 1
        waiting += [f"{at}\\{subkey}" for subkey in key.subkeys]
    assert seen > 0


def by_hivexsh(path: Path, key: str) -> tuple[list[str], dict[str, str]]:
    """Names of a key's subkeys, and its values as hivexsh prints them."""
    listed = output("hivexsh", str(path), text=f"cd {key}\nls\n").decode()
    values = {}
    for line in output("hivexsh", str(path), text=f"cd {key}\nlsval\n").decode().splitlines():
        name, _, data = line.partition("=")
        values["" if name == "@" else name.strip('"')] = data
    return listed.splitlines(), values
