import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standin import hive
from standin.errors import Win32Error
from standin.registry import (
    CONFIG,
    Registry,
    RegistryKeyError,
    RegistryType,
    RegistryValue,
    decode,
    encode,
)
from standin.volume import Volume

ACCOUNT = "S-1-5-21-1004336348-1177238915-682003330-1001"


def dword(name, data):
    return RegistryValue(name, RegistryType.DWORD, data)


@pytest.fixture
def registry(machine):
    return Registry(machine.volume)


def test_current_control_set_follows_select(machine, registry):
    registry.set(r"HKLM\SYSTEM\CurrentControlSet\Control\X", dword("a", 5))
    assert registry.dword(r"HKLM\SYSTEM\ControlSet001\Control\X", "a") == 5
    registry.set(r"HKLM\SYSTEM\Select", dword("Current", 2))
    registry.set(r"HKLM\SYSTEM\ControlSet002\Control\X", dword("a", 6))
    again = Registry(machine.volume)
    assert again.dword(r"HKLM\SYSTEM\CurrentControlSet\Control\X", "a") == 6


def test_names_are_compared_without_case_and_keep_their_first_case(registry):
    registry.set(r"HKLM\Software\Test", dword("AcSettingIndex", 1))
    registry.set(r"hkey_local_machine\SOFTWARE\test", dword("ACSETTINGINDEX", 2))
    assert registry.values(r"HKLM\SOFTWARE\Test") == [dword("AcSettingIndex", 2)]
    assert "Test" in registry.subkeys(r"HKLM\SOFTWARE")


def test_current_user_is_the_loaded_profile(registry):
    registry.load_profile(ACCOUNT)
    registry.set(r"HKCU\Control Panel\Desktop", dword("x", 1))
    assert registry.dword(rf"HKU\{ACCOUNT}\Control Panel\Desktop", "x") == 1
    assert ACCOUNT in registry.subkeys("HKU")
    assert registry.get(r"HKU\.DEFAULT\Control Panel\Desktop", "x") is None


def test_what_is_missing(registry):
    assert registry.get(r"HKLM\SOFTWARE\Nothing\Here", "x") is None
    assert registry.values(r"HKLM\SOFTWARE\Nothing") == []
    assert registry.subkeys(r"HKLM\SOFTWARE\Nothing") == []
    assert not registry.exists(r"HKLM\SOFTWARE\Nothing")
    assert registry.exists(r"HKLM\SOFTWARE")
    assert not registry.delete_value(r"HKLM\SOFTWARE\Nothing", "x")
    assert not registry.delete_key(r"HKLM\SOFTWARE\Nothing")
    with pytest.raises(RegistryKeyError):
        registry.get(r"HKXX\a", "x")
    with pytest.raises(Win32Error):
        registry.set(r"HKLM\NOHIVE\a", dword("x", 1))
    with pytest.raises(Win32Error):
        registry.delete_key(r"HKLM\SOFTWARE")


def test_deleting_one_value_keeps_the_others(machine, registry):
    for number in range(5):
        registry.set(r"HKLM\SOFTWARE\T", dword(f"v{number}", number))
    assert registry.delete_value(r"HKLM\SOFTWARE\T", "V2")
    names = [value.name for value in Registry(machine.volume).values(r"HKLM\SOFTWARE\T")]
    assert names == ["v0", "v1", "v3", "v4"]


def test_reg_load_and_unload(machine, registry):
    hive.create(machine.volume.path("C:\\t.dat"))
    registry.load(r"HKU\T", "C:\\t.dat")
    registry.set(r"HKU\T\a\b", dword("x", 7))
    with pytest.raises(Win32Error) as taken:
        registry.load(r"HKU\T2", "C:\\T.DAT")
    assert taken.value.code == 32
    registry.unload(r"HKU\T")
    assert registry.get(r"HKU\T\a\b", "x") is None
    registry.load(r"HKLM\Other", "C:\\t.dat")
    assert registry.dword(r"HKLM\Other\A\B", "x") == 7


def test_a_batch_is_written_at_its_end(machine, registry):
    path = machine.volume.path(f"{CONFIG}\\SOFTWARE")
    before = path.read_bytes()
    with registry.batch():
        registry.set(r"HKLM\SOFTWARE\T", dword("x", 1))
        assert path.read_bytes() == before
    assert Registry(machine.volume).dword(r"HKLM\SOFTWARE\T", "x") == 1


def test_a_hive_is_whole_after_a_cut_at_any_moment_of_a_write(machine, registry):
    """The files as a power cut could leave them: the log whole, the hive half old, half new."""
    path = machine.volume.path(f"{CONFIG}\\SOFTWARE")
    before = path.read_bytes()
    registry.set(r"HKLM\SOFTWARE\T", dword("x", 1))
    after = path.read_bytes()
    writing = bytearray(after[:4096])
    struct.pack_into("<I", writing, 8, 0)
    for torn in (bytes(writing) + before[4096:], bytes(writing) + after[4096:8192], b""):
        path.write_bytes(torn)
        assert Registry(machine.volume).dword(r"HKLM\SOFTWARE\T", "x") == 1
        assert path.read_bytes() == after


def test_a_cut_before_the_hive_is_touched_leaves_the_old_one(machine, registry):
    path = machine.volume.path(f"{CONFIG}\\SOFTWARE")
    log = path.with_name("SOFTWARE.standin-log")
    registry.set(r"HKLM\SOFTWARE\T", dword("x", 1))
    log.write_bytes(log.read_bytes()[:5000])
    assert Registry(machine.volume).dword(r"HKLM\SOFTWARE\T", "x") == 1


def test_damage_without_a_log_is_an_error(machine):
    path = machine.volume.path(f"{CONFIG}\\SYSTEM")
    path.write_bytes(b"regf" + bytes(9000))
    path.with_name("SYSTEM.standin-log").unlink()
    with pytest.raises(hive.HiveError):
        Registry(machine.volume).dword(r"HKLM\SYSTEM\Select", "Current")


TAGS = "".join(map(chr, range(0xE0000, 0xE0080)))
"""Language tags, which the C library's iconv drops where hivex has it read names."""

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
VALUES = st.one_of(
    st.tuples(st.just(RegistryType.DWORD), st.integers(0, 2**32 - 1)),
    st.tuples(st.just(RegistryType.QWORD), st.integers(0, 2**64 - 1)),
    st.tuples(st.sampled_from([RegistryType.SZ, RegistryType.EXPAND_SZ]), TEXT),
    st.tuples(st.just(RegistryType.MULTI_SZ), st.lists(TEXT.filter(bool), max_size=4)),
    st.tuples(st.just(RegistryType.BINARY), st.binary(max_size=100)),
)
NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\\" + TAGS), max_size=20
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(NAMES.map(str.lower), VALUES, max_size=6))
def test_values_come_back_as_written(tmp_path_factory, wanted):
    volume = Volume(tmp_path_factory.mktemp("registry"))
    volume.path(CONFIG).mkdir(parents=True)
    hive.create(volume.path(f"{CONFIG}\\SOFTWARE"))
    registry = Registry(volume)
    with registry.batch():
        registry.create_key(r"HKLM\SOFTWARE\Round\Trip")
        for name, (kind, data) in wanted.items():
            registry.set(r"HKLM\SOFTWARE\Round\Trip", RegistryValue(name, kind, data))
    again = Registry(volume)
    found = {v.name: (v.type, v.data) for v in again.values(r"HKLM\SOFTWARE\Round\Trip")}
    assert found == wanted


@given(st.integers(0, 20), st.binary(max_size=40))
def test_bytes_of_any_type_are_read_without_error(kind, data):
    known, content = decode(kind, data)
    if isinstance(content, bytes):
        assert content == data
    elif isinstance(content, int):
        assert encode(RegistryValue("", known, content)) == data


def test_data_must_fit_its_type():
    for value in (dword("x", -1), dword("x", 2**32), dword("x", "1")):
        with pytest.raises(ValueError):
            encode(value)
