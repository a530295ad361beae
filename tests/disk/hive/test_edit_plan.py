"""Which sectors a change of the registry takes, and when it is refused. The volume is made up."""

from __future__ import annotations

import json
import shutil
import struct
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import hivex
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standin import setup
from standin.volume import Volume

from powerdown.core.errors import DiskError
from powerdown.disk.hiberfil import Hibernation
from powerdown.disk.hive.edit_plan import (
    DiskInUse,
    EditPlan,
    Patch,
    edits_from_json,
    edits_to_json,
    encode,
    must_be_unused,
    plan_edits,
    plan_from_json,
    plan_to_json,
)
from powerdown.disk.hive.hive_logs import base_checksum
from powerdown.disk.hive.hive_on_disk import newest_number
from powerdown.disk.ntfs.ntfs import NtfsVolumeState
from powerdown.windows.registry_edit import RegistryEdit, ValueType, set_dword, set_text
from powerdown.windows.settings import registry_keys as paths
from powerdown.windows.settings.application_settings import AUTO_END_TASKS
from powerdown.windows.settings.button_settings import POWER_BUTTON, SUB_BUTTONS, ButtonAction
from powerdown.windows.settings.logon_settings import NOBODY_LOGS_ON
from powerdown.windows.settings.tracker_settings import EVENT_TRACKER
from tests.support.directory_volume import NOW, DirectoryFile, DirectoryVolume

CONFIG = "Windows/System32/config"
SYSTEM, SOFTWARE = f"{CONFIG}/SYSTEM", f"{CONFIG}/SOFTWARE"
CONTROL = r"HKLM\SYSTEM\CurrentControlSet\Control"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The stand-in's volume as a directory."""
    setup.install(Volume(tmp_path / "c"))
    return tmp_path / "c"


def numbers(hive: Path) -> tuple[int, int]:
    first, second = struct.unpack_from("<II", hive.read_bytes(), 4)
    return first, second


def set_numbers(hive: Path, first: int, second: int) -> None:
    data = bytearray(hive.read_bytes())
    struct.pack_into("<II", data, 4, first, second)
    struct.pack_into("<I", data, 508, base_checksum(data))
    hive.write_bytes(data)


def value(hive: Path, path: str, name: str) -> tuple[int, bytes]:
    """As hivex has it."""
    opened = hivex.Hivex(str(hive))
    node = opened.root()
    for part in path.split("\\"):
        node = opened.node_get_child(node, part)
    kind, data = opened.value_value(opened.node_get_value(node, name))
    return kind, data


class TestPlaces:
    def test_the_control_set_that_windows_takes_next(self, root: Path) -> None:
        hive = hivex.Hivex(str(root / SYSTEM), write=True)
        select = hive.node_get_child(hive.root(), "Select")
        hive.node_set_value(select, {"key": "Current", "t": 4, "value": b"\2\0\0\0"})
        hive.node_add_child(hive.root(), "ControlSet002")
        hive.commit(None)
        DirectoryVolume(root).change([set_dword(CONTROL, "x", 7)])
        assert value(root / SYSTEM, r"ControlSet002\Control", "x") == (4, b"\7\0\0\0")

    def test_the_scheme_that_is_active_or_that_a_policy_makes_so(self, root: Path) -> None:
        scheme = "8c5e7fda-e8bf-4a96-9a85-a6e23a8c635c"
        edits = POWER_BUTTON.set(ButtonAction.SLEEP).edits
        volume = DirectoryVolume(root)
        (balanced, _) = volume.change(edits).edits
        assert rf"\PowerSchemes\381b4222-f694-41f0-9685-ff5bb260df2e\{SUB_BUTTONS}" in (
            balanced.path
        )
        volume.change([set_text(paths.POWER_POLICY, "ActivePowerScheme", scheme)])
        (other, _) = volume.change(edits).edits
        assert rf"\PowerSchemes\{scheme}" in other.path

    def test_the_user_who_is_logged_on_by_itself(self, root: Path) -> None:
        plan = DirectoryVolume(root).change(AUTO_END_TASKS.set(True).edits)
        assert plan.edits[0].path == r"HKU\tester\Control Panel\Desktop"
        ntuser = root / "Users" / "tester" / "NTUSER.DAT"
        assert value(ntuser, r"Control Panel\Desktop", "AutoEndTasks") == (1, b"1\0\0\0")

    @pytest.mark.parametrize(
        ("name", "actual"), [("nobody", "no ProfileImagePath ends"), ("", "no DefaultUserName")]
    )
    def test_without_such_a_user(self, root: Path, name: str, actual: str) -> None:
        volume = DirectoryVolume(root)
        winlogon = rf"{paths.NT_CURRENT_VERSION}\Winlogon"
        volume.change([set_text(winlogon, "DefaultUserName", name)])
        with pytest.raises(DiskError, match=actual):
            volume.change(AUTO_END_TASKS.set(True).edits)

    def test_a_profile_of_that_very_name_comes_before_others(self, root: Path) -> None:
        volume = DirectoryVolume(root)
        places_of = rf"{paths.PROFILES}\S-1-5-21"
        volume.change([set_text(f"{places_of}-0", "ProfileImagePath", r"C:\Users\tester.CORP")])
        (edit,) = volume.change(AUTO_END_TASKS.set(True).edits).edits
        assert edit.path == r"HKU\tester\Control Panel\Desktop"
        winlogon = rf"{paths.NT_CURRENT_VERSION}\Winlogon"
        volume.change(
            [
                set_text(winlogon, "DefaultUserName", "other"),
                set_text(f"{places_of}-1", "ProfileImagePath", r"C:\Users\other.CORP"),
                set_text(f"{places_of}-2", "ProfileImagePath", r"C:\Users\other.HOME"),
            ]
        )
        with pytest.raises(DiskError, match=r"any of other\.CORP, other\.HOME"):
            volume.change(AUTO_END_TASKS.set(True).edits)

    @pytest.mark.parametrize("path", [r"HKLM\SAM\SAM", "HKCR", r"HKU", r"HKLM"])
    def test_other_hives_are_not_changed(self, root: Path, path: str) -> None:
        with pytest.raises(DiskError, match="none of the known hives"):
            DirectoryVolume(root).change([set_dword(path, "x", 1)])

    def test_a_hive_that_is_missing(self, root: Path) -> None:
        (root / SOFTWARE).unlink()
        with pytest.raises(DiskError, match="there is no such file"):
            DirectoryVolume(root).change(EVENT_TRACKER.set(True).edits)


class TestPatches:
    def test_only_sectors_that_differ_and_the_base_block_last(self, root: Path) -> None:
        before = (root / SOFTWARE).read_bytes()
        volume = DirectoryVolume(root)
        plan = volume.change(EVENT_TRACKER.set(True).edits)
        assert sum(len(patch.data) for patch in plan.patches) < len(before) / 2
        assert plan.patches[-1].data.startswith(b"regf")
        assert not any(patch.data.startswith(b"regf") for patch in plan.patches[:-1])

    def test_what_was_written_reads_as_a_hive_that_is_clean(self, root: Path) -> None:
        first, _ = numbers(root / SOFTWARE)
        DirectoryVolume(root).change(EVENT_TRACKER.set(True).edits)
        assert numbers(root / SOFTWARE) == (first + 1, first + 1)
        key = r"Policies\Microsoft\Windows NT\Reliability"
        assert value(root / SOFTWARE, key, "ShutdownReasonOn") == (4, b"\1\0\0\0")

    def test_planning_writes_nothing(self, root: Path) -> None:
        before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
        volume = DirectoryVolume(root)
        plan_edits(volume, volume, EVENT_TRACKER.set(True).edits, NOW)  # type: ignore[arg-type]
        assert {path: path.read_bytes() for path in before} == before

    def test_they_cross_the_border_of_a_process(self, root: Path) -> None:
        edits = AUTO_END_TASKS.set(True).edits
        plan = DirectoryVolume(root).change(edits)
        assert plan_from_json(plan_to_json(plan), edits) == plan

    def test_so_do_the_edits(self, root: Path) -> None:
        edits = (POWER_BUTTON.set_default(ButtonAction.NOTHING) + NOBODY_LOGS_ON).edits
        told = edits_from_json(json.loads(json.dumps(edits_to_json(edits))))
        assert edits_to_json(told) == edits_to_json(edits)
        shutil.copytree(root, root.parent / "copy")
        patches = DirectoryVolume(root).change(told).patches
        assert patches == DirectoryVolume(root.parent / "copy").change(edits).patches

    @pytest.mark.parametrize(
        "told",
        [
            {},
            {"patches": [], "paths": []},
            {"patches": [{"offset": 5, "data": "AAAA"}], "paths": ["x"]},
            {"patches": [{"offset": -512, "data": "AA" * 256}], "paths": ["x"]},
            {"patches": [{"offset": 512, "data": ""}], "paths": ["x"]},
            {"patches": [{"offset": 512, "data": "\u00e4"}], "paths": ["x"]},
            {"patches": [{"offset": 512}], "paths": ["x"]},
            {"patches": 3, "paths": ["x"]},
            {"patches": [], "paths": [5]},
        ],
    )
    def test_what_is_no_plan_is_refused(self, told: dict[str, object]) -> None:
        with pytest.raises((ValueError, KeyError, TypeError)):
            plan_from_json(told, (set_dword(CONTROL, "x", 1),))

    def test_a_hive_whose_bytes_lie_elsewhere_is_refused(self, root: Path) -> None:
        class Encrypted(DirectoryVolume):
            def read(self, offset: int, length: int) -> bytes:
                return bytes(byte ^ 0x55 for byte in super().read(offset, length))

        with pytest.raises(DiskError, match="encrypted or compressed"):
            Encrypted(root).change(EVENT_TRACKER.set(True).edits)

    def test_so_is_one_without_sectors_of_its_own(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(DirectoryFile, "extents", lambda file: ())
        with pytest.raises(DiskError, match="sectors of its own"):
            DirectoryVolume(root).change(EVENT_TRACKER.set(True).edits)

    def test_a_full_hive_is_refused_before_anything_is_written(self, root: Path) -> None:
        before = (root / SOFTWARE).read_bytes()
        many = [set_text(paths.WINDOWS_POLICY, f"value {n}", "x" * 50) for n in range(200)]
        with pytest.raises(DiskError, match="no free cell"):
            DirectoryVolume(root).change(many)
        assert (root / SOFTWARE).read_bytes() == before

    def test_room_behind_the_last_bin_is_used_where_ntfs_has_it(self, root: Path) -> None:
        hive = root / SOFTWARE
        hive.write_bytes(hive.read_bytes() + bytes(1 << 16))
        many = [set_text(paths.WINDOWS_POLICY, f"value {n}", "x" * 50) for n in range(200)]
        with pytest.raises(DiskError, match="no space for another bin"):
            DirectoryVolume(root, room=12288).change(many)
        DirectoryVolume(root).change(many)
        key = r"Policies\Microsoft\Windows\System"
        text = ("x" * 50 + "\0").encode("utf-16-le")
        assert value(hive, key, "value 199") == (1, text)


class TestLogs:
    def test_a_dirty_hive_without_its_logs_is_refused(self, root: Path) -> None:
        set_numbers(root / SYSTEM, 5, 4)
        with pytest.raises(DiskError, match="dirty"):
            DirectoryVolume(root).change([set_dword(CONTROL, "x", 1)])

    def test_a_dirty_hive_is_recovered_and_then_newer_than_its_logs(self, root: Path) -> None:
        # A log of the old format that holds the whole hive, with another value in it.
        hive = root / SYSTEM
        old = hive.read_bytes()
        DirectoryVolume(root).change([set_dword(CONTROL, "from the log", 9)])
        new = hive.read_bytes()
        bins = new[4096:]
        base = bytearray(new[:512])
        struct.pack_into("<II", base, 4, 40, 40)
        struct.pack_into("<I", base, 28, 1)
        struct.pack_into("<I", base, 508, base_checksum(base))
        vector = b"DIRT" + b"\xff" * (len(bins) // 512 // 8)
        log = bytes(base) + vector.ljust(-(-len(vector) // 512) * 512, b"\0") + bins
        (root / f"{SYSTEM}.LOG1").write_bytes(log)
        hive.write_bytes(old)
        set_numbers(hive, 6, 5)
        DirectoryVolume(root).change([set_dword(CONTROL, "x", 1)])
        key = r"ControlSet001\Control"
        assert value(hive, key, "from the log") == (4, b"\x09\0\0\0")
        assert value(hive, key, "x") == (4, b"\1\0\0\0")
        assert numbers(hive) == (41, 41)

    def test_a_clean_hive_is_not_touched_by_its_logs_and_newer_too(self, root: Path) -> None:
        log = bytearray(1024)
        log[:512] = (root / SYSTEM).read_bytes()[:512]
        struct.pack_into("<II", log, 4, 90, 90)
        struct.pack_into("<I", log, 508, base_checksum(log))
        struct.pack_into("<4sIII", log, 512, b"HvLE", 512, 0, 95)
        (root / f"{SYSTEM}.LOG2").write_bytes(log)
        assert newest_number(bytes(log)) == 95
        DirectoryVolume(root).change([set_dword(CONTROL, "x", 1)])
        assert numbers(root / SYSTEM) == (96, 96)

    @given(st.binary(max_size=2048))
    def test_what_is_no_log_has_no_number(self, log: bytes) -> None:
        assert newest_number(log) == 0


@dataclass
class Journal:
    content: bytes

    def read(self, most: int) -> bytes:
        return self.content[:most]


@dataclass
class Left:
    """How a volume was left."""

    dirty: bool = False
    hibernation: Hibernation = Hibernation.NONE
    journal: bytes = b"\xff" * 4096

    @property
    def state(self) -> NtfsVolumeState:
        return NtfsVolumeState(self.dirty, (3, 1), int(self.dirty))

    def find(self, path: str) -> Journal:
        assert path == "$LogFile"
        return Journal(self.journal)


def restart_page(number: int, clients: int, flags: int) -> bytes:
    page = bytearray(4096)
    struct.pack_into("<4sHHQIIH", page, 0, b"RSTR", 30, 9, 0, 4096, 4096, 48)
    struct.pack_into("<qHHHH", page, 48, number, 1, 0xFFFF, clients, flags)
    return bytes(page)


CLEAN, OPEN = restart_page(7, 0xFFFF, 2), restart_page(8, 0, 0)


@pytest.mark.parametrize(
    ("left", "why"),
    [
        (Left(), None),
        (Left(dirty=True), "marked dirty"),
        (Left(hibernation=Hibernation.HIBERNATED), "state of its hiberfil.sys"),
        (Left(hibernation=Hibernation.RESUMED), None),
        (Left(journal=CLEAN + CLEAN), None),
        (Left(journal=CLEAN + OPEN), "journal"),
        (Left(journal=OPEN + CLEAN), "journal"),
        (Left(journal=OPEN + restart_page(9, 0, 2)), None),
        (Left(journal=b"garbage" * 100), "journal"),
        (Left(journal=b""), "journal"),
    ],
)
def test_only_a_volume_that_was_left_in_order_is_written(left: Left, why: str | None) -> None:
    with nullcontext() if why is None else pytest.raises(DiskInUse, match=why):
        must_be_unused(left)  # type: ignore[arg-type]


@given(st.binary(max_size=200), st.integers(0, 100))
def test_a_damaged_journal_is_told_without_a_traceback(damage: bytes, at: int) -> None:
    page = bytearray(CLEAN)
    page[at : at + len(damage)] = damage
    with suppress(DiskInUse):
        must_be_unused(Left(journal=bytes(page)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "data", "stored"),
    [
        (ValueType.SZ, "\u00e4", b"\xe4\0\0\0"),
        (ValueType.MULTI_SZ, ("a", "b"), b"a\0\0\0b\0\0\0\0\0"),
        (ValueType.QWORD, 1, b"\1" + bytes(7)),
        (ValueType.BINARY, b"x", b"x"),
    ],
)
def test_data_is_stored_as_its_type_has_it(kind: ValueType, data: object, stored: bytes) -> None:
    assert encode(kind, data) == stored


@pytest.mark.parametrize(("kind", "data"), [(ValueType.DWORD, "1"), (ValueType.DWORD, 1 << 32)])
def test_data_that_does_not_fit_its_type_is_refused(kind: ValueType, data: object) -> None:
    with pytest.raises(DiskError, match="is not valid for REG_DWORD"):
        encode(kind, data)


def test_a_plan_of_nothing_is_empty(root: Path) -> None:
    none: tuple[RegistryEdit, ...] = ()
    assert DirectoryVolume(root).change(none) == EditPlan((), ())
    assert Patch(0, bytes(512)) != Patch(512, bytes(512))
