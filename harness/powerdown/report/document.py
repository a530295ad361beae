"""What the JSON documents have in common: strictly typed, readable by any program."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self, TypeVar

import msgspec

from powerdown.core.errors import PowerdownError
from powerdown.core.text import clean, printable
from powerdown.core.typed_value import UNKNOWN, Mismatch, typed

Json = dict[str, object]
"""A JSON object: plain dicts, lists and scalars, valid UTF-8 throughout."""

Scalar = bool | int | float | str | None
"""A JSON value that is neither an object nor a list."""

T = TypeVar("T")


class ReportFormatError(PowerdownError):
    """A report cannot be written, or what was read is not a report in the expected format."""


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A JSON object with exactly these keys, in this order.

    Docstrings and the descriptions of fields become the schema that ``schemas`` writes.
    """

    @classmethod
    def from_attributes(cls, source: object, **other: Any) -> Self:
        """A document with the attributes of an object, which may have more.

        :param other: fields that the object lacks, or holds in another form.
        """
        same = (name for name in cls.__struct_fields__ if name not in other)
        return cls(**{name: getattr(source, name) for name in same}, **other)

    def into(self, kind: type[T], **other: Any) -> T:
        """The dataclass with the fields of this document.

        :param other: fields that it holds in another form.
        """
        return kind(**{**msgspec.structs.asdict(self), **other})

    def to_json(self) -> Json:
        """As plain values."""
        plain = _plain(msgspec.to_builtins(self, builtin_types=(datetime,)))
        assert isinstance(plain, dict)
        return plain

    @classmethod
    def read(cls, value: object, what: str, root: str = "") -> Self:
        """The document in a value as a JSON parser gives it.

        :param what: what it is, for messages.
        :param root: what the path of a part begins with, for messages.
        :raise ReportFormatError: it is not exactly such a document.
        """
        try:
            return typed(value, cls)
        except Mismatch as error:
            raise wrong(root, error.path, _actual(error), what) from error


def wrong(root: str, path: tuple[str | int, ...], actual: str, what: str) -> ReportFormatError:
    """The error for a part of a document."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step!s:.80}" for step in path)
    place = printable("".join((root, *steps)).removeprefix("."))
    return ReportFormatError(
        f"read {place or 'the document'} of {what}",
        actual,
        "Rewrite it with this version of Powerdown; gate.schema.json documents the format.",
    )


def _actual(error: Mismatch) -> str:
    if error.problem == UNKNOWN:
        return f"{error.problem}, expected one of {error.expected}"
    return f"it {error.problem}" + (f", expected {error.expected}" if error.expected else "")


def _plain(value: object) -> object:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {clean(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
