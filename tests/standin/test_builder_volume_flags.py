"""Where the boot script finds the dirty flag of the NTFS volume."""

from __future__ import annotations

from pathlib import Path

import pytest
from builder.command import run
from builder.disk_layout import DiskLayout
from builder.errors import BuildError
from builder.partitions import make_ntfs
from builder.tools import which
from builder.volume_flags import flags_offsets
from hypothesis import given
from hypothesis import strategies as st

needs_ntfs_tools = pytest.mark.skipif(
    which("mkfs.ntfs") is None or which("ntfsinfo") is None, reason="ntfs-3g is not installed"
)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    path = tmp_path / "volume"
    make_ntfs(path, DiskLayout(runtime_bytes=1).partitions[2])
    return path


@needs_ntfs_tools
def test_the_dirty_bit_set_there_is_the_one_others_see(volume: Path) -> None:
    def flags() -> str:
        shown = run(["ntfsinfo", "--force", "--mft", str(volume)], seconds=30).decode()
        (line,) = [line for line in shown.splitlines() if "Volume Flags" in line]
        return line.split(":")[1].strip()

    def write(value: int) -> None:
        with volume.open("r+b") as file:
            for offset in flags_offsets(volume):
                file.seek(offset)
                file.write(bytes([value]))

    assert flags() == "0x0000"
    write(1)
    # ntfsinfo compares the MFT with its copy first: both were found.
    assert flags().startswith("0x0001")
    write(0)
    assert flags() == "0x0000"


@needs_ntfs_tools
def test_a_volume_whose_record_is_not_there_is_refused(volume: Path) -> None:
    table, _ = flags_offsets(volume)
    with volume.open("r+b") as file:
        file.seek(table - table % 1024)
        file.write(bytes(1024))
    with pytest.raises(BuildError, match="no volume record"):
        flags_offsets(volume)


@given(content=st.binary(max_size=2048), ntfs=st.booleans())
def test_anything_else_is_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, ntfs: bool
) -> None:
    if ntfs and len(content) >= 11:
        content = content[:3] + b"NTFS    " + content[11:]
    path = tmp_path_factory.mktemp("volumes") / "volume"
    path.write_bytes(content)
    with pytest.raises(BuildError):
        flags_offsets(path)
