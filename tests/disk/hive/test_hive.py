"""Hives read as a registry, against hivex."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import hivex
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from powerdown.core.errors import DiskError, HostError
from powerdown.disk.hive.hive import Hive, ReadBudget
from powerdown.disk.hive.hive_file import BytesSource
from powerdown.disk.hive.registry_reader import (
    DEFAULT,
    SOFTWARE,
    SYSTEM,
    Mounted,
    kind_of,
    read_alone,
    read_registry,
    wanted_mounts,
)
from powerdown.disk.hive.value_data import decode_data
from powerdown.disk.registry_snapshot import RegistrySnapshot, StoredKey, StoredValue
from powerdown.windows.settings.key_request import KeyRequest
from tests.support.ntfs_volumes import (
    SOFTWARE_KEYS,
    SYSTEM_KEYS,
    USER_KEYS,
    Values,
    dword,
    hive,
    text,
)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return hive(tmp_path_factory.mktemp("hive") / "SYSTEM", SYSTEM_KEYS)


def opened(content: bytes, name: str = "SYSTEM") -> Hive:
    return Hive(name, BytesSource(content))


def snapshot(content: bytes, *requests: KeyRequest) -> RegistrySnapshot:
    return read_registry([Mounted(SYSTEM, opened(content))], requests)


def test_the_current_control_set(system: bytes) -> None:
    path = r"HKLM\System\CURRENTCONTROLSET\Control"
    found = snapshot(system, KeyRequest(path))
    value = found.value(path.lower(), "waittokillservicetimeout")
    assert value == StoredValue("WaitToKillServiceTimeout", 1, "5000")
    both = snapshot(system, KeyRequest(r"HKLM\SYSTEM", 2))
    value = both.value(r"HKLM\SYSTEM\ControlSet001\Control", "WaitToKillServiceTimeout")
    assert value is not None
    assert value.data == "1"


def test_depth_and_what_is_below(system: bytes) -> None:
    services = r"HKLM\SYSTEM\CurrentControlSet\Services"
    found = snapshot(system, KeyRequest(services))
    assert list(found.keys) == [services.casefold()]
    key = found.key(services)
    assert key is not None
    assert sorted(key.subkeys) == ["Gpsvc", "wuauserv"]
    assert found.below(services) == ()
    found = snapshot(system, KeyRequest(services, 1, ("preshutdowntimeout",)))
    assert {key.name: [value.data for value in key.values] for key in found.below(services)} == {
        "Gpsvc": [900_000],
        "wuauserv": [3_600_000],
    }


def test_two_requests_for_one_key(system: bytes) -> None:
    path = r"HKLM\SYSTEM\CurrentControlSet\Services\gpsvc"
    found = snapshot(
        system,
        KeyRequest(path, values=("Start",)),
        KeyRequest(path, values=("Nope", "START", "PreshutdownTimeout")),
    )
    key = found.key(path)
    assert key is not None
    assert [value.name for value in key.values] == ["Start", "PreshutdownTimeout"]


def test_what_is_not_there(system: bytes) -> None:
    found = snapshot(system, KeyRequest(r"HKLM\SYSTEM\Nothing"), KeyRequest(r"HKLM\SOFTWARE\X"))
    assert not found.keys
    assert found.value(r"HKLM\SYSTEM\Nothing", "x") is None
    for path in ("HKLM", "", r"HKCR\.txt"):
        with pytest.raises(DiskError):
            wanted_mounts([KeyRequest(path)])


def test_every_user(tmp_path: Path) -> None:
    content = hive(tmp_path / "NTUSER.DAT", USER_KEYS)
    mounted = [
        Mounted(at, opened(content, at)) for at in (DEFAULT, r"HKU\tester", r"HKU\A name.DOMAIN")
    ]
    found = read_registry(mounted, [KeyRequest(r"HKU\*\Control Panel\Desktop")])
    assert {key.path for key in found.keys.values()} == {
        r"HKU\tester\Control Panel\Desktop",
        r"HKU\A name.DOMAIN\Control Panel\Desktop",
    }
    found = read_registry(mounted, [KeyRequest(r"HKU\.default\Control Panel\Desktop")])
    assert found.value(r"HKU\.DEFAULT\Control Panel\Desktop", "AutoEndTasks") is not None


def test_a_current_set_that_cannot_be_told(tmp_path: Path) -> None:
    for select in ({}, {"Current": (1, text("x"))}, {"Current": dword(0)}):
        keys: dict[str, Values] = {**SYSTEM_KEYS, "Select": select}
        content = hive(tmp_path / "SYSTEM", keys)
        found = snapshot(content, KeyRequest(r"HKLM\SYSTEM\CurrentControlSet\Control"))
        assert not found.keys
        assert "cannot be determined" in found.notes[0]


@pytest.mark.parametrize(
    ("name", "keys", "expected"),
    [
        ("x", SYSTEM_KEYS, SYSTEM),
        ("x", SOFTWARE_KEYS, SOFTWARE),
        ("DEFAULT", {**USER_KEYS, "Software": {}}, DEFAULT),
        ("x.dat", {**USER_KEYS, "Software": {}}, r"HKU\x.dat"),
        ("x", {"Something": {}}, None),
    ],
)
def test_which_hive_it_is(
    tmp_path: Path, name: str, keys: dict[str, Values], expected: str | None
) -> None:
    alone = opened(hive(tmp_path / "hive", keys), name)
    assert kind_of(alone, name) == expected
    first = next(iter(keys))
    path = first if expected is None else f"{expected}\\{first}"
    found = read_alone(alone, name, [KeyRequest(path)])
    assert found.key(path) is not None
    assert found.notes


@pytest.mark.parametrize(
    ("type", "raw", "expected"),
    [
        (4, b"\1\0\0\0", 1),
        (4, b"\1\0", b"\1\0"),
        (5, b"\0\0\0\1", 1),
        (11, b"\xff" * 8, 2**64 - 1),
        (1, text("5000"), "5000"),
        (1, "no end".encode("utf-16-le"), "no end"),
        (1, text("one") + text("hidden"), "one"),
        (1, b"odd", b"odd"),
        (1, b"", ""),
        (2, text("%x%"), "%x%"),
        (7, text("one") + text("two") + b"\0\0", ("one", "two")),
        (7, text("one") + text("two"), ("one", "two")),
        (7, text("from") + text("") + b"\0\0", ("from", "")),
        (7, text("from") + text("") + text("more") + b"\0\0", ("from", "", "more")),
        (7, b"\0\0", ()),
        (7, b"", ()),
        (3, b"\1", b"\1"),
        (0xFFFF0009, b"\1\2\3\4", b"\1\2\3\4"),
    ],
)
def test_data(type: int, raw: bytes, expected: object) -> None:
    assert decode_data(type, raw) == expected


@given(type=st.integers(0, 2**32 - 1) | st.integers(0, 12), raw=st.binary(max_size=40))
def test_data_of_anything(type: int, raw: bytes) -> None:
    assert isinstance(decode_data(type, raw), int | str | tuple | bytes)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 5, 16_000])
def test_binary_of_every_length(tmp_path: Path, length: int) -> None:
    # Up to four bytes stand in the value itself; libregf misreads fewer.
    data = (bytes(range(1, 251)) * 80)[:length]
    content = hive(tmp_path / "SYSTEM", {"Key": {"Value": (3, data)}})
    value = opened(content).value("Key", "value")
    assert value is not None
    assert value.data == data


def hivex_contents(path: Path) -> dict[str, dict[str, tuple[int, bytes]]]:
    handle = hivex.Hivex(str(path))
    found: dict[str, dict[str, tuple[int, bytes]]] = {}
    waiting = [(SYSTEM, handle.root())]
    while waiting:
        at, node = waiting.pop()
        found[at] = {
            handle.value_key(value): handle.value_value(value) for value in handle.node_values(node)
        }
        waiting += [(f"{at}\\{handle.node_name(n)}", n) for n in handle.node_children(node)]
    return found


def test_a_whole_hive_agrees_with_hivex(system_hive: Path) -> None:
    mounted = [Mounted(SYSTEM, opened(system_hive.read_bytes()))]
    # Big enough to be cut off, were the limit too low for what inspect asks.
    services = read_registry(mounted, [KeyRequest(r"HKLM\SYSTEM\ControlSet001\Services", 1)])
    assert services.notes == ()
    expected = {path.casefold(): values for path, values in hivex_contents(system_hive).items()}
    seen = 0
    for key in services.keys.values():
        raw = expected[key.path.casefold()]
        assert [value.name for value in key.values] == list(raw)
        for value in key.values:
            kind, content = raw[value.name]
            assert value.type == kind
            assert value.data == decode_data(kind, content)
            seen += 1
    assert seen > 3000
    assert len(services.keys) == 1 + sum(
        path.count("\\") == 4 and path.startswith(r"hklm\system\controlset001\services" + "\\")
        for path in expected
    )


def test_a_flood_is_cut_off(system: bytes) -> None:
    budget = ReadBudget(keys=3)
    found = list(opened(system).read("", SYSTEM, 5, None, budget))
    assert len(found) == 3
    assert "the rest was left out" in budget.notes[0]
    budget = ReadBudget(data=10)
    assert len(list(opened(system).read("", SYSTEM, 5, None, budget))) < 8
    assert "the rest was left out" in budget.notes[0]


@pytest.mark.parametrize("content", [b"", bytes(8192), b"MZ" + bytes(8192), b"regf", b"regf" * 99])
def test_what_is_no_hive(content: bytes) -> None:
    with pytest.raises(DiskError, match="read the registry hive x"):
        opened(content, "x")


def test_half_a_hive(system: bytes) -> None:
    with pytest.raises(DiskError, match=rf"truncated: it has 6000 of {len(system)} bytes"):
        opened(system[:6000])


def test_the_library_is_named_when_it_is_missing(
    system: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyregf", None)
    with pytest.raises(HostError, match="libregf-python"):
        opened(system)


def test_a_key_that_is_below_itself(system: bytes, tmp_path: Path) -> None:
    content = bytearray(system)
    # The list of ControlSet001's subkeys leads to the root.
    at = content.index(b"ControlSet001") - 76
    (root,) = struct.unpack_from("<I", content, 36)
    (subkeys,) = struct.unpack_from("<I", content, at + 28)
    struct.pack_into("<I", content, 4096 + subkeys + 8, root)
    budget = ReadBudget(keys=1000)
    assert len(list(opened(bytes(content)).read("", SYSTEM, 10**6, None, budget))) <= 1000


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 20_000), st.binary(min_size=1, max_size=8)), max_size=10))
def test_any_damage_is_an_error_or_a_note(system: bytes, changes: list[tuple[int, bytes]]) -> None:
    content = bytearray(system)
    for at, piece in changes:
        content[at % len(content) : at % len(content) + len(piece)] = piece
    try:
        found = snapshot(bytes(content), KeyRequest(SYSTEM, 6))
    except DiskError:
        return
    assert all(isinstance(key, StoredKey) for key in found.keys.values())
