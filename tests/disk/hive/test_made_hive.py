"""The made SYSTEM hive contains what its builder says, according to readers that are not ours.

Other tests rely on it where there is no real one.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from regipy.registry import RegistryHive

from tests.support.hive_builder import PAGE
from tests.support.hive_contents import contents_by_hivex, contents_by_pyregf, without_short
from tests.support.made_system_hive import made_system_hive
from tests.support.samples import MADE_HIVE, SampleFiles

STRUCTURES = (b"nk", b"vk", b"sk", b"lf", b"lh", b"li", b"ri", b"db")


@pytest.fixture(scope="module")
def file(sample_files: SampleFiles) -> Path:
    return sample_files.path(MADE_HIVE)


def test_other_readers_find_what_was_built(file: Path) -> None:
    built = made_system_hive().contents()
    assert contents_by_hivex(file) == built
    assert without_short(contents_by_pyregf(file.read_bytes())) == without_short(built)


def test_a_third_reader_finds_the_same_keys(file: Path) -> None:
    paths = ["\\".join(path) for path in made_system_hive().contents()]
    found = [key.path.strip("\\") for key in RegistryHive(str(file)).recurse_subkeys()]
    assert len(found) == len(paths)
    # It decodes names of one byte per character as UTF-8.
    assert {path for path in found if path.isascii()} == {path for path in paths if path.isascii()}


def cells(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Size of each cell, negative when in use, and its content."""
    begin = PAGE
    while begin < len(data):
        (length,) = struct.unpack_from("<I", data, begin + 8)
        at = begin + 32
        while at < begin + length:
            (size,) = struct.unpack_from("<i", data, at)
            yield size, data[at + 4 : at + abs(size)]
            at += abs(size)
        begin += length


def test_it_is_as_difficult_as_real_ones(file: Path) -> None:
    data = file.read_bytes()
    used = Counter(content[:2] for size, content in cells(data) if size < 0)
    assert all(used[structure] for structure in STRUCTURES)
    assert used[b"sk"] == 3
    free = b"".join(content for size, content in cells(data) if size > 0)
    assert free.count(b"removed") > 50
    built = made_system_hive().contents()
    assert max(map(len, built)) == 11
    kinds = {kind for values in built.values() for kind, _ in values.values()}
    assert kinds > set(range(12))
    names = [name for path, values in built.items() for name in (*path, *values)]
    assert any(ord(character) > 0xFFFF for name in names for character in name)
    assert any("\\" in name for values in built.values() for name in values)
    # No space for another cell behind the bins.
    (bins,) = struct.unpack_from("<I", data, 40)
    assert len(data) == PAGE + bins
