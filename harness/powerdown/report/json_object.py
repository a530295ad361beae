"""One JSON object being read strictly: every key wanted, typed and accounted for."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from powerdown.core.errors import PowerdownError

Scalar = bool | int | float | str | None
"""A JSON value without parts."""

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")


class ReportFormatError(PowerdownError):
    """A report cannot be written, or what was read is not what this room writes."""


class JsonObject:
    """A JSON object and where it lies in its document, for messages.

    Every method raises :class:`ReportFormatError` naming the place and what was found.

    :param value: what ``json`` made of it.
    :param place: its path, such as ``scenarios[2].stages[0]``.
    """

    def __init__(self, value: object, place: str) -> None:
        if not isinstance(value, dict):
            raise _wrong(place, f"found {_kind(value)} where an object belongs")
        self._fields: dict[object, object] = value
        self._place = place
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
            raise _wrong(self._at(key), f"{value!r:.80} is none of {known}") from None

    def truth(self, key: str) -> bool:
        """``true`` or ``false``."""
        value = self._take(key)
        if not isinstance(value, bool):
            raise self._wrong_type(key, "true or false")
        return value

    def whole(self, key: str) -> int:
        """An integer that is not negative."""
        value = self._take(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self._wrong_type(key, "an integer from 0 on")
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
        """All of this object, whatever its keys, with values that have no parts."""
        found: dict[str, Scalar] = {}
        for key in self.keys():
            value = self._take(key)
            if isinstance(value, float) and not math.isfinite(value):
                raise self._wrong_type(key, "a finite number")
            if value is not None and not isinstance(value, bool | int | float | str):
                raise self._wrong_type(key, "a value without parts")
            found[key] = value
        return found

    def keys(self) -> tuple[str, ...]:
        """The keys, in the order of the document."""
        found = []
        for key in self._fields:
            if not isinstance(key, str):
                raise _wrong(self._place, f"found the key {key!r:.80}, which is not a string")
            found.append(key)
        return tuple(found)

    def finish(self) -> None:
        """Refuse keys nobody asked for."""
        for key in self.keys():
            if key not in self._taken:
                raise _wrong(self._at(key), "found a key that does not belong there")

    def wrong(self, key: str, actual: str) -> ReportFormatError:
        """The error for a value that has the right type and is wrong all the same."""
        return _wrong(self._at(key), actual)

    def _take(self, key: str) -> object:
        if key not in self._fields:
            raise _wrong(self._at(key), "it is missing")
        self._taken.add(key)
        return self._fields[key]

    def _at(self, key: str) -> str:
        return f"{self._place}.{key:.80}" if self._place else f"{key:.80}"

    def _wrong_type(self, key: str, wanted: str) -> ReportFormatError:
        return _wrong(self._at(key), f"found {_kind(self._fields[key])} where {wanted} belongs")


def _wrong(place: str, actual: str) -> ReportFormatError:
    return ReportFormatError(
        f"read {place or 'the document'} of a gate result",
        actual,
        "Write it anew with the same version of Powerdown; gate.schema.json says what belongs.",
    )


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "a string", type(None): "null"}
    return kinds.get(type(value), f"{value!r:.80}")
