"""A directory that passes for a Windows volume on a disk, for what plans changes to its hives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from powerdown.disk.hive.edit_plan import EditPlan, plan_edits
from powerdown.disk.ntfs.windows_volume import Extent
from powerdown.windows.registry_edit import RegistryEdit

_FIRST = 4096
"""How much of each file lies apart from the rest, behind it."""

NOW = 134_000_000_000_000_000


@dataclass
class DirectoryFile:
    """A file in two pieces, the second before the first."""

    path: Path
    offset: int
    room: int

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    @property
    def initialized(self) -> int:
        return min(self.room, self.size)

    def read(self, most: int) -> bytes:
        return self.path.read_bytes()[:most]

    def extents(self) -> tuple[Extent, ...]:
        behind = self.size - _FIRST
        return (
            Extent(self.offset + behind, _FIRST, sparse=False),
            Extent(self.offset, behind, sparse=False),
        )


class DirectoryVolume:
    """Finds files without case; its "disk" is all files that were found, one after another.

    :ivar written: offset and length of what was written.
    """

    def __init__(self, root: Path, room: int = 1 << 62) -> None:
        self._root = root
        self._room = room
        self._files: list[DirectoryFile] = []
        self._end = 1 << 20
        self.size = 1 << 40

    def find(self, path: str) -> DirectoryFile | None:
        at = self._root
        for part in path.split("\\"):
            names = {each.name.lower(): each for each in at.iterdir()}
            if part.lower() not in names:
                return None
            at = names[part.lower()]
        file = DirectoryFile(at, self._end, self._room)
        self._end += file.size + 4096
        self._files.append(file)
        return file

    def read(self, offset: int, length: int) -> bytes:
        file, at = self._at(offset)
        return file.path.read_bytes()[at : at + length]

    def write(self, offset: int, data: bytes) -> None:
        file, at = self._at(offset)
        content = bytearray(file.path.read_bytes())
        content[at : at + len(data)] = data
        file.path.write_bytes(content)

    def _at(self, offset: int) -> tuple[DirectoryFile, int]:
        for file in self._files:
            at = 0
            for extent in file.extents():
                if extent.offset <= offset < extent.offset + extent.length:
                    return file, at + offset - extent.offset
                at += extent.length
        raise AssertionError(f"nothing lies at {offset}")

    def change(self, edits: Sequence[RegistryEdit]) -> EditPlan:
        """Plan these and write them."""
        plan = plan_edits(self, self, edits, NOW)  # type: ignore[arg-type]
        for patch in plan.patches:
            self.write(patch.offset, patch.data)
        return plan
