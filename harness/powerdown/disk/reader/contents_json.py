"""JSON form of requests and answers exchanged with the disk reader's process.

Answers are not trusted: a hostile disk may have compromised that process. So they are JSON of
bounded size, and the type of every part is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from powerdown.core.errors import DiskError
from powerdown.disk.disk_contents import DiskContents
from powerdown.disk.disk_request import DiskRequest
from powerdown.disk.hiberfil import Hibernation
from powerdown.disk.history.system_log import system_log_from_json, system_log_to_json
from powerdown.disk.ntfs.ntfs import NtfsVolumeState
from powerdown.disk.registry_snapshot import (
    RegistrySnapshot,
    StoredKey,
    StoredValue,
    ValueData,
)
from powerdown.windows.settings.key_request import KeyRequest

_T = TypeVar("_T")


def request_to_json(request: DiskRequest) -> dict[str, object]:
    """A request as JSON."""
    return {
        "keys": [
            {
                "path": key.path,
                "depth": key.depth,
                "values": None if key.values is None else list(key.values),
            }
            for key in request.keys
        ],
        "system_log": request.system_log,
        "log_after": request.log_after,
        "files": list(request.files),
    }


def request_from_json(value: object) -> DiskRequest:
    """The request in a JSON value.

    :raise KeyError: a part is missing.
    :raise TypeError: a part has another type.
    """
    item = _item(value)
    return DiskRequest(
        keys=tuple(_key_request(key) for key in _list(item, "keys")),
        system_log=_is(item, "system_log", bool),
        log_after=_is(item, "log_after", int),
        files=_strings(item["files"]),
    )


def _key_request(value: object) -> KeyRequest:
    item = _item(value)
    values = None if item["values"] is None else _strings(item["values"])
    return KeyRequest(_is(item, "path", str), _is(item, "depth", int), values)


def snapshot_to_json(snapshot: RegistrySnapshot) -> dict[str, object]:
    """Part of a registry as JSON."""
    return {
        "keys": [
            [key.path, [[v.name, v.type, _data_to_json(v.data)] for v in key.values], key.subkeys]
            for key in snapshot.keys.values()
        ],
        "notes": snapshot.notes,
    }


def snapshot_from_json(value: object) -> RegistrySnapshot:
    """The part of a registry in a JSON value.

    :raise DiskError: the value has another form.
    """
    return _checked(value, _snapshot)


def contents_to_json(contents: DiskContents) -> dict[str, object]:
    """The data of a disk as JSON."""
    state = contents.volume
    return {
        "volume": [state.dirty, *state.version, state.flags],
        "hibernation": contents.hibernation,
        "registry": snapshot_to_json(contents.registry),
        "log": None if contents.log is None else system_log_to_json(contents.log),
        "files": dict(contents.files),
        "notes": contents.notes,
    }


def contents_from_json(value: object) -> DiskContents:
    """The data of a disk in a JSON value.

    :raise DiskError: the value has another form.
    """
    return _checked(value, _contents)


def _checked(value: object, read: Callable[[Mapping[str, object]], _T]) -> _T:
    try:
        return read(_item(value))
    except (KeyError, ValueError, TypeError, IndexError, RecursionError) as error:
        raise _malformed(f"{type(error).__name__}: {error}"[:200]) from error


def _contents(item: Mapping[str, object]) -> DiskContents:
    dirty, major, minor, flags = _list(item, "volume")
    if not isinstance(dirty, bool):
        raise TypeError("volume")
    state = NtfsVolumeState(dirty, (_integer(major), _integer(minor)), _integer(flags))
    files = _item(item["files"])
    if not all(size is None or type(size) is int for size in files.values()):
        raise TypeError("files")
    return DiskContents(
        volume=state,
        hibernation=Hibernation(_is(item, "hibernation", str)),
        registry=_snapshot(_item(item["registry"])),
        log=None if item["log"] is None else system_log_from_json(item["log"]),
        files={path: None if size is None else _integer(size) for path, size in files.items()},
        notes=_strings(item["notes"]),
    )


def _snapshot(item: Mapping[str, object]) -> RegistrySnapshot:
    keys = (_key(value) for value in _list(item, "keys"))
    return RegistrySnapshot.of(*keys, notes=_strings(item["notes"]))


def _key(value: object) -> StoredKey:
    if not isinstance(value, list):
        raise TypeError("key")
    path, values, subkeys = value
    if not isinstance(path, str) or not isinstance(values, list):
        raise TypeError("key")
    return StoredKey(path, tuple(_value(value) for value in values), _strings(subkeys))


def _value(value: object) -> StoredValue:
    if not isinstance(value, list):
        raise TypeError("value")
    name, kind, data = value
    if not isinstance(name, str):
        raise TypeError("value")
    return StoredValue(name, _integer(kind), _data_from_json(data))


def _data_to_json(data: ValueData) -> object:
    if isinstance(data, bytes):
        return {"hex": data.hex()}
    return list(data) if isinstance(data, tuple) else data


def _data_from_json(data: object) -> ValueData:
    if isinstance(data, str):
        return data
    if isinstance(data, list):
        return _strings(data)
    if isinstance(data, dict):
        return bytes.fromhex(_is(data, "hex", str))
    return _integer(data)


def _integer(value: object) -> int:
    # A bool is an int to Python.
    if type(value) is not int:
        raise TypeError("number")
    return value


def _strings(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise TypeError("texts")
    return tuple(value)


def _item(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TypeError("object")
    return value


def _list(item: Mapping[str, object], key: str) -> list[object]:
    return _is(item, key, list)


def _is(item: Mapping[str, object], key: str, kind: type[_T]) -> _T:
    value = item[key]
    if not isinstance(value, kind):
        raise TypeError(key)
    return value


def _malformed(actual: str) -> DiskError:
    return DiskError(
        "decode the answer of the disk reader",
        actual,
        "A hostile disk may have compromised the reader, or this is a bug in Powerdown.",
    )
