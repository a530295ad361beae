"""Hives changed in place, read back by two readers that are not ours: pyregf and hivex."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hivex
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from standin.hive import empty_hive

from powerdown.core.errors import DiskError
from powerdown.disk.hive.hive_cells import PAGE, HiveCells
from powerdown.disk.hive.hive_logs import base_checksum
from powerdown.disk.hive.hive_writer import HiveValue, HiveWriter
from tests.support.hive_contents import (
    Contents,
    contents_by_hivex,
    contents_by_pyregf,
    without_short,
)
from tests.support.made_system_hive import made_system_hive
from tests.support.samples import MADE_HIVE, SampleFiles

NOW = 134_000_000_000_000_000
ROOM = 1 << 18
DWORD, SZ = 4, 1
RAW = (0, 3, 8, 9, 10)
"""Types whose data pyregf does not interpret."""


def opened(data: bytes, room: int | None = None) -> tuple[HiveCells, HiveWriter]:
    cells = HiveCells(data, len(data) if room is None else room)
    return cells, HiveWriter(cells, NOW)


def roomy(data: bytes) -> bytes:
    """With room in the file behind the last bin."""
    return data + bytes(ROOM)


def used_cells(data: bytes) -> int:
    """How many cells are in use; the bins have to be full of cells to the last byte."""
    (size,) = struct.unpack_from("<I", data, 40)
    used, begin = 0, PAGE
    while begin < PAGE + size:
        assert data[begin : begin + 4] == b"hbin"
        (length,) = struct.unpack_from("<I", data, begin + 8)
        at = begin + 32
        while at < begin + length:
            (cell,) = struct.unpack_from("<i", data, at)
            assert cell % 8 == 0
            used += cell < 0
            at += abs(cell)
        assert at == begin + length
        begin += length
    return used


def set_dword(hive: HiveWriter, path: str, name: str, number: int) -> None:
    hive.set_value(path, HiveValue(name, DWORD, struct.pack("<I", number)))


@pytest.fixture(scope="module")
def sample(system_hive: Path) -> bytes:
    return system_hive.read_bytes()


@pytest.fixture(scope="module")
def before(sample: bytes) -> Contents:
    return contents_by_pyregf(sample)


class TestWholeHive:
    def test_what_is_changed_is_changed_and_nothing_else(
        self, sample: bytes, before: Contents
    ) -> None:
        cells, hive = opened(sample)
        control = ("ControlSet001", "Control")
        power = (*control, "Session Manager", "Power")
        schemes = (*control, "Power", "User", "PowerSchemes")
        scheme = (*schemes, "381b4222-f694-41f0-9685-ff5bb260df2e")
        setting = (*scheme, "new sub-group", "new setting")
        set_dword(hive, "\\".join(power), "hiberbootENABLED", 1)
        hive.set_value(
            "\\".join(control), HiveValue("WaitToKillServiceTimeout", SZ, b"6\0000\0000\0\0\0")
        )
        set_dword(hive, "\\".join(setting).upper(), "ACSettingIndex", 3)
        hive.delete_value("\\".join(control), "CurrentUser")
        cells.seal(0)
        expected = {path: dict(values) for path, values in before.items()}
        # A name that is not there yet is written as given.
        expected[power]["hiberbootENABLED"] = (DWORD, b"\1\0\0\0")
        expected[control]["WaitToKillServiceTimeout"] = (SZ, b"6\0000\0000\0\0\0")
        del expected[control]["CurrentUser"]
        made = tuple(part.upper() for part in setting[-2:])
        expected[(*scheme, made[0])] = {}
        expected[(*scheme, *made)] = {"ACSettingIndex": (DWORD, b"\3\0\0\0")}
        assert contents_by_pyregf(cells.data) == expected

    def test_it_has_no_room_for_appending_and_needs_none(self, sample: bytes) -> None:
        # Which is why hivex, which appends, cannot do it.
        (bins,) = struct.unpack_from("<I", sample, 40)
        assert PAGE + bins == len(sample)
        cells, hive = opened(sample)
        set_dword(hive, r"ControlSet001\Services\kbdhid\new", "CrashOnCtrlScroll", 1)
        assert len(cells.data) == len(sample)

    def test_what_is_made_and_removed_again_leaves_no_trace(
        self, sample: bytes, before: Contents
    ) -> None:
        cells, hive = opened(sample)
        hive.create_key(r"ControlSet001\Services\kbdhid\powerdown\Parameters")
        set_dword(hive, r"ControlSet001\Services\kbdhid\powerdown", "Start", 3)
        hive.delete_key(r"controlset001\services\KBDHID\POWERDOWN")
        assert contents_by_pyregf(cells.data) == before
        assert used_cells(cells.data) == used_cells(sample)

    def test_a_key_with_many_below_it_goes_with_them(self, sample: bytes, before: Contents) -> None:
        cells, hive = opened(sample)
        hive.delete_key(r"ControlSet002\Control\SafeBoot")
        gone = ("ControlSet002", "Control", "SafeBoot")
        left = {path: values for path, values in before.items() if path[:3] != gone}
        assert len(before) - len(left) > 100
        assert contents_by_pyregf(cells.data) == left


class TestMadeHive:
    """What is only known to be in the made hive: a list of lists of keys, data in segments."""

    @pytest.fixture
    def made(self, sample_files: SampleFiles) -> bytes:
        return sample_files.path(MADE_HIVE).read_bytes()

    def test_keys_in_a_list_of_lists(self, made: bytes, tmp_path: Path) -> None:
        classes = ("ControlSet002", "Control", "DeviceClasses")
        expected = made_system_hive().contents()
        names = sorted(path[-1] for path in expected if path[:-1] == classes)
        cells, hive = opened(made)
        # In the middle of each of its three lists, and at the ends.
        for name in (names[0], names[200], names[700], names[1200], names[-1]):
            hive.delete_key("\\".join((*classes, name)))
            del expected[(*classes, name)]
        for name in ("##?#ROOT#DEVICE#0300a", "##?#ROOT#DEVICE#0800a", "zzz"):
            hive.create_key("\\".join((*classes, name)))
            expected[(*classes, name)] = {}
        cells.seal(0)
        file = tmp_path / "hive"
        file.write_bytes(cells.data)
        assert contents_by_hivex(file) == expected

    def test_data_in_segments_is_freed(self, made: bytes, tmp_path: Path) -> None:
        path = ("ControlSet002", "Control", "Session Manager", "AppCompatCache")
        expected = made_system_hive().contents()
        cells, hive = opened(made)
        hive.delete_value("\\".join(path), "AppCompatCache")
        # The value, five segments, their list, and what refers to the list.
        assert used_cells(cells.data) == used_cells(made) - 8
        set_dword(hive, "\\".join(path), "SHORTEST of two", 7)
        # The value stays, and its data is in it.
        assert used_cells(cells.data) == used_cells(made) - 8 - 4
        cells.seal(0)
        del expected[path]["AppCompatCache"]
        expected[path]["shortest of two"] = (DWORD, b"\7\0\0\0")
        file = tmp_path / "hive"
        file.write_bytes(cells.data)
        assert contents_by_hivex(file) == expected


names = st.text("abAB\u00e4\u00c4\u4e2d ", min_size=1, max_size=9).map(str.strip).filter(bool)
paths = st.lists(names, min_size=1, max_size=3).map(tuple)
data = st.binary(max_size=40) | st.sampled_from([5, 16_344]).map(bytes)
edits = st.one_of(
    st.tuples(st.just("set"), paths, names | st.just(""), st.sampled_from(RAW), data),
    st.tuples(st.just("delete value"), paths, names),
    st.tuples(st.just("create"), paths),
    st.tuples(st.just("delete"), paths),
)


def same(one: str, other: str) -> bool:
    return one.upper() == other.upper()


class Model:
    """What the edits should come to: a plain dictionary."""

    def __init__(self) -> None:
        self.keys: Contents = {(): {}}

    def real(self, path: tuple[str, ...], *, make: bool = False) -> tuple[str, ...] | None:
        at: tuple[str, ...] = ()
        for part in path:
            below = [p for p in self.keys if p[:-1] == at and p and same(p[-1], part)]
            if not below and not make:
                return None
            at = below[0] if below else (*at, part)
            self.keys.setdefault(at, {})
        return at

    def apply(self, edit: tuple[Any, ...]) -> None:
        match edit:
            case ("set", path, name, kind, content):
                values = self.keys[self.real(path, make=True) or ()]
                old = next((each for each in values if same(each, name)), name)
                values[old] = (kind, content)
            case ("delete value", path, name):
                values = self.keys.get(self.real(path) or (None,), {})  # type: ignore[arg-type, call-overload]
                for old in [each for each in values if same(each, name)]:
                    del values[old]
            case ("create", path):
                self.real(path, make=True)
            case ("delete", path):
                real = self.real(path)
                if real is not None:
                    for each in [p for p in self.keys if p[: len(real)] == real]:
                        del self.keys[each]


def apply(hive: HiveWriter, edit: tuple[Any, ...]) -> None:
    path = "\\".join(edit[1])
    match edit:
        case ("set", _, name, kind, content):
            hive.set_value(path, HiveValue(name, kind, content))
        case ("delete value", _, name):
            hive.delete_value(path, name)
        case ("create", _):
            hive.create_key(path)
        case ("delete", _):
            hive.delete_key(path)


class TestRandomHive:
    @settings(
        max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(done=st.lists(edits, max_size=30))
    @example(done=[("set", ("a",), "", 3, b"12345"), ("set", ("a",), "", 3, b"1")])
    def test_edits_do_what_they_say_and_no_more(self, tmp_path: Path, done: list[Any]) -> None:
        cells, hive = opened(roomy(empty_hive("TEST")))
        model = Model()
        for edit in done:
            apply(hive, edit)
            model.apply(edit)
        cells.seal(0)
        file = tmp_path / "hive"
        file.write_bytes(cells.data)
        assert contents_by_hivex(file) == model.keys
        assert without_short(contents_by_pyregf(cells.data)) == without_short(model.keys)
        for path in [p for p in model.keys if len(p) == 1]:
            hive.delete_key(path[0])
        # The root key and its security descriptor.
        assert used_cells(cells.data) == 2

    def test_many_keys_stay_sorted(self, tmp_path: Path) -> None:
        cells, hive = opened(roomy(empty_hive("TEST")))
        names = [f"{(number * 7919) % 1000:x}" for number in range(400)]
        for name in names:
            hive.create_key(name)
        for name in names[::3]:
            hive.delete_key(name)
        left = sorted(set(names) - set(names[::3]), key=str.upper)
        cells.seal(0)
        file = tmp_path / "hive"
        file.write_bytes(cells.data)
        found = contents_by_hivex(file)
        assert list(hive.subkeys("")) == left
        assert {path[0] for path in found if path} == set(left)

    def test_a_hive_of_hivex_is_changed_too(self, tmp_path: Path) -> None:
        file = tmp_path / "hive"
        file.write_bytes(empty_hive("TEST"))
        made = hivex.Hivex(str(file), write=True)
        for name in "cab":
            node = made.node_add_child(made.root(), name)
            value = {"key": "v", "t": SZ, "value": "text of some length\0".encode("utf-16-le")}
            made.node_set_value(node, value)
        made.commit(None)
        cells, hive = opened(file.read_bytes())
        set_dword(hive, r"a\new", "n", 7)
        hive.delete_value("b", "V")
        hive.delete_key("c")
        assert contents_by_pyregf(cells.data) == {
            (): {},
            ("a",): {"v": (SZ, "text of some length\0".encode("utf-16-le"))},
            ("a", "new"): {"n": (DWORD, b"\7\0\0\0")},
            ("b",): {},
        }


@pytest.mark.parametrize(
    ("name", "hint"), [("ab", b"ab\0\0"), ("\u00e4bcde", b"\xe4bcd"), ("a\u4e2d", bytes(4))]
)
def test_a_list_of_old_hives_has_the_beginning_of_names(name: str, hint: bytes) -> None:
    data = bytearray(roomy(empty_hive("TEST")))
    struct.pack_into("<I", data, 24, 3)
    struct.pack_into("<I", data, 508, base_checksum(data))
    cells, hive = opened(bytes(data))
    hive.create_key(name)
    (at,) = struct.unpack_from("<I", cells.data, PAGE + cells.root + 4 + 28)
    assert cells.read(at, 0, 4) == b"lf\1\0"
    assert cells.read(at, 8, 4) == hint


class TestRoom:
    def test_a_value_of_the_same_size_stays_where_it_is(self) -> None:
        cells, hive = opened(roomy(empty_hive("TEST")))
        hive.set_value("a", HiveValue("v", SZ, b"5\0000\0\0\0"))
        before = cells.data
        hive.set_value("a", HiveValue("v", SZ, b"6\0000\0\0\0"))
        assert sum(a != b for a, b in zip(before, cells.data, strict=True)) == 1

    def test_without_room_it_says_what_to_do_instead(self) -> None:
        _, hive = opened(empty_hive("TEST"))
        with pytest.raises(DiskError, match=r"no free cell of \d+ bytes.*[Ii]nject online"):
            for number in range(200):
                hive.set_value("a", HiveValue(str(number), SZ, bytes(40)))

    def test_room_that_ntfs_reads_as_zeros_is_not_used(self) -> None:
        data = roomy(empty_hive("TEST"))
        _, hive = opened(data, room=len(empty_hive("TEST")))
        with pytest.raises(DiskError, match="no space for another bin"):
            hive.set_value("a", HiveValue("v", SZ, bytes(5000)))


class TestBaseBlock:
    def test_it_is_that_of_a_hive_just_written(self) -> None:
        cells, hive = opened(roomy(empty_hive("TEST")))
        hive.create_key("a")
        cells.seal(newer_than=41)
        assert cells.sequence == (42, 42)
        # Opening it checks signature, checksum and numbers.
        assert HiveCells(cells.data, len(cells.data)).sequence == (42, 42)

    def test_its_number_never_goes_back(self) -> None:
        cells, _ = opened(empty_hive("TEST"))
        cells.seal(newer_than=0)
        assert cells.sequence == (2, 2)

    @pytest.mark.parametrize(
        ("at", "bad", "actual"),
        [
            (0, b"fger", "does not begin with a base block"),
            (8, struct.pack("<I", 9), "dirty"),
            (24, struct.pack("<I", 1), "version 1.1"),
            (40, struct.pack("<I", 1 << 20), "of bins"),
            (508, bytes(4), "checksum"),
        ],
    )
    def test_what_is_not_sound_and_clean_is_refused(self, at: int, bad: bytes, actual: str) -> None:
        data = bytearray(empty_hive("TEST"))
        data[at : at + len(bad)] = bad
        if at < 508:
            value = 0
            for (word,) in struct.iter_unpack("<I", data[:508]):
                value ^= word
            struct.pack_into("<I", data, 508, value)
        with pytest.raises(DiskError, match=actual):
            HiveCells(bytes(data), len(data))


def mutated() -> Iterator[bytes]:
    cells, hive = opened(roomy(empty_hive("TEST")))
    for name in ("a", "b", r"b\c"):
        hive.set_value(name, HiveValue("v", SZ, bytes(20)))
    cells.seal(0)
    yield cells.data[: 3 * PAGE]


HIVE = next(mutated())


@settings(max_examples=300, deadline=None)
@given(
    changes=st.lists(
        st.tuples(st.integers(PAGE, len(HIVE) - 4), st.binary(min_size=1, max_size=4)),
        min_size=1,
        max_size=4,
    ),
    edit=edits,
)
def test_a_damaged_hive_is_changed_or_refused(changes: list[Any], edit: Any) -> None:
    data = bytearray(HIVE)
    for at, content in changes:
        data[at : at + len(content)] = content
    cells, hive = opened(bytes(data))
    try:
        apply(hive, edit)
        for name in ("a", "b", r"b\c"):
            hive.set_value(name, HiveValue("v", SZ, bytes(30)))
            hive.delete_value(name, "v")
            hive.delete_key(name)
    except DiskError:
        pass
    assert len(cells.data) == len(HIVE)
