"""Strict reading of a JSON object: every key is required and typed, and no other is accepted."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from powerdown.core.errors import PowerdownError

Scalar = bool | int | float | str | None
"""A JSON value that is neither an object nor a list."""

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")


class ReportFormatError(PowerdownError):
    """A report cannot be written, or what was read is not a report in the expected format."""


class JsonObject:
    """A JSON object and its path in the document, for messages.

    Every method raises :class:`ReportFormatError` with the path and what was found there.

    :param value: as ``json`` parsed it.
    :param path: its path, such as ``scenarios[2].stages[0]``.
    """

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise _wrong(path, f"found {_kind(value)}, expected an object")
        self._fields: dict[object, object] = value
        self._path = path
        self._taken: set[str] = set()

    def text(self, key: str) -> str:
        """A string."""
        value = self._take(key)
        if not isinstance(value, str):
            raise self._wrong_type(key, "a string")
        return value

    def optional_text(self, key: str) -> str | None:
        """A string or ``null``."""
        return None if self._take(key) is None else self.text(key)

    def choice(self, key: str, kind: type[E]) -> E:
        """One of the values of an enumeration."""
        value = self.text(key)
        try:
            return kind(value)
        except ValueError:
            known = ", ".join(kind)
            raise _wrong(self._at(key), f"found {value!r:.80}, expected one of {known}") from None

    def boolean(self, key: str) -> bool:
        """``true`` or ``false``."""
        value = self._take(key)
        if not isinstance(value, bool):
            raise self._wrong_type(key, "true or false")
        return value

    def count(self, key: str) -> int:
        """An integer that is not negative."""
        value = self._take(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self._wrong_type(key, "a non-negative integer")
        return value

    def number(self, key: str) -> float:
        """A finite number."""
        value = self._take(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self._wrong_type(key, "a number")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self._wrong_type(key, "a finite number")
        return number

    def optional_number(self, key: str) -> float | None:
        """A finite number or ``null``."""
        return None if self._take(key) is None else self.number(key)

    def inner(self, key: str) -> JsonObject:
        """An object inside this one."""
        return JsonObject(self._take(key), self._at(key))

    def optional_inner(self, key: str) -> JsonObject | None:
        """An object inside this one, or ``null``."""
        return None if self._take(key) is None else self.inner(key)

    def objects(self, key: str, read: Callable[[JsonObject], T]) -> tuple[T, ...]:
        """A list of objects, each made into a value by ``read``."""
        value = self._take(key)
        if not isinstance(value, list):
            raise self._wrong_type(key, "a list")
        return tuple(
            read(JsonObject(one, f"{self._at(key)}[{index}]")) for index, one in enumerate(value)
        )

    def scalars(self) -> dict[str, Scalar]:
        """All keys and values of this object, where no value is an object or list."""
        found: dict[str, Scalar] = {}
        for key in self.keys():
            value = self._take(key)
            if isinstance(value, float) and not math.isfinite(value):
                raise self._wrong_type(key, "a finite number")
            if value is not None and not isinstance(value, bool | int | float | str):
                raise self._wrong_type(key, "a string, number, boolean or null")
            found[key] = value
        return found

    def keys(self) -> tuple[str, ...]:
        """The keys, in the order of the document."""
        found = []
        for key in self._fields:
            if not isinstance(key, str):
                raise _wrong(self._path, f"found the key {key!r:.80}, expected a string")
            found.append(key)
        return tuple(found)

    def finish(self) -> None:
        """Refuse keys that were not read."""
        for key in self.keys():
            if key not in self._taken:
                raise _wrong(self._at(key), "this key is unknown")

    def wrong(self, key: str, actual: str) -> ReportFormatError:
        """The error for a value of the right type that is wrong nevertheless."""
        return _wrong(self._at(key), actual)

    def _take(self, key: str) -> object:
        if key not in self._fields:
            raise _wrong(self._at(key), "it is missing")
        self._taken.add(key)
        return self._fields[key]

    def _at(self, key: str) -> str:
        return f"{self._path}.{key:.80}" if self._path else f"{key:.80}"

    def _wrong_type(self, key: str, wanted: str) -> ReportFormatError:
        return _wrong(self._at(key), f"found {_kind(self._fields[key])}, expected {wanted}")


def _wrong(path: str, actual: str) -> ReportFormatError:
    return ReportFormatError(
        f"read {path or 'the document'} of a gate result",
        actual,
        "Rewrite it with this version of Powerdown; gate.schema.json documents the format.",
    )


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "a string", type(None): "null"}
    return kinds.get(type(value), f"{value!r:.80}")
