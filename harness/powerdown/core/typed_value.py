"""Plain values, as parsed from JSON or TOML, made into typed ones; what does not fit is named."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import inspect

from powerdown.core.text import printable

T = TypeVar("T")

_MESSAGE = re.compile(
    r"(?P<reason>.*?)"
    r"(?: - at `(?:key` in `)?\$(?P<path>(?:\.[a-z0-9_-]+|\[(?:\d+|\.\.\.)\])*)`)?",
    re.DOTALL | re.IGNORECASE,
)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_LACKS = re.compile(r"Object missing required field `(.*)`")
_HOLDS_MORE = "Object contains unknown field"

MISSING = "is missing"
UNKNOWN = "this key is not known"
"""Problems of a :class:`Mismatch`."""


class Mismatch(ValueError):
    """A value is not what its type says.

    :param path: the keys and indexes that lead to it.
    :param problem: what is wrong with it, as a clause, such as :data:`MISSING`.
    :param expected: what it should be, as a noun phrase, empty if the problem says it; for an
        unknown key, the known ones.
    :param nearest: for an unknown key, the known one that is like it, if there is one; else empty.
    """

    def __init__(
        self, path: tuple[str | int, ...], problem: str, expected: str, nearest: str = ""
    ) -> None:
        super().__init__(path, problem, expected, nearest)
        self.path = path
        self.problem = problem
        self.expected = expected
        self.nearest = nearest


def typed(value: object, kind: type[T]) -> T:
    """A plain value as a :class:`msgspec.Struct`. Nothing is converted from one type to another.

    A field may name what it expects in its ``Meta``: ``extra={"expected": "a number of seconds"}``.

    :raise Mismatch: the value has another form, or holds a number that is not finite.
    """
    try:
        _refuse_infinite(value, ())
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _mismatch(value, kind, str(error)) from error
    except RecursionError as error:
        raise Mismatch((), "is nested too deeply", "") from error


def described(value: object) -> str:
    """A value for a message: short, on one line, harmless; of a group of values only what it is."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    text = printable(repr(value))
    return text if len(text) <= 60 else f"{text[:57]}..."


def _refuse_infinite(value: object, path: tuple[str | int, ...]) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise Mismatch(path, f"is {value}", "a finite number")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _refuse_infinite(inner, (*path, key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            _refuse_infinite(inner, (*path, index))


def _mismatch(value: object, kind: type, message: str) -> Mismatch:
    """The mismatch that msgspec tells of, with the value found and the type expected there."""
    parts = _MESSAGE.fullmatch(message)
    reason, steps = (parts["reason"], parts["path"] or "") if parts else (message, "")
    path = tuple(int(index) if index.isdigit() else key or index for key, index in _steps(steps))
    try:
        found, wanted = _at(value, inspect.type_info(kind), path)
    except LookupError:
        # msgspec does not name the keys of free-form objects.
        return Mismatch(path, f"is wrong: {printable(reason)}".replace("`", ""), "")
    lacks = _LACKS.fullmatch(reason)
    fields = {field.encode_name: field.type for field in _fields(wanted)}
    if lacks and lacks[1] in fields:
        return Mismatch((*path, lacks[1]), MISSING, _words(fields[lacks[1]]))
    if reason.startswith(_HOLDS_MORE) and isinstance(found, Mapping):
        key = next((key for key in found if key not in fields), "")
        close = difflib.get_close_matches(key[:80], fields, n=1)
        return Mismatch((*path, key), UNKNOWN, ", ".join(fields), "".join(close))
    return Mismatch(path, f"is {described(found)}", _words(wanted))


def _steps(path: str) -> list[tuple[str, str]]:
    return _STEP.findall(path)


def _at(
    value: object, kind: inspect.Type, path: tuple[str | int, ...]
) -> tuple[object, inspect.Type]:
    """What is found at a path, and the type expected there.

    :raise LookupError: the path leads nowhere.
    """
    for step in path:
        options = _options(kind)
        if isinstance(step, int) and isinstance(value, list | tuple):
            value = value[step]
            kind = next(
                (each.item_type for each in options if isinstance(each, inspect.VarTupleType)),
                inspect.AnyType(),
            )
        elif isinstance(step, str) and isinstance(value, Mapping):
            value = value[step]
            kind = next(
                field.type
                for each in options
                for field in _fields(each)
                if field.encode_name == step
            )
        else:
            raise LookupError(step)
    return value, kind


def _options(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    if isinstance(kind, inspect.Metadata):
        return _options(kind.type)
    return kind.types if isinstance(kind, inspect.UnionType) else (kind,)


def _fields(kind: inspect.Type) -> tuple[inspect.Field, ...]:
    return tuple(
        field
        for each in _options(kind)
        if isinstance(each, inspect.StructType)
        for field in each.fields
    )


def _words(kind: inspect.Type) -> str:
    """A type in words, as a noun phrase."""
    match kind:
        case inspect.Metadata(extra={"expected": str(words)}):
            return words
        case inspect.Metadata(type=inner):
            return _words(inner)
        case inspect.UnionType(types=kinds):
            return " or ".join(map(_words, kinds))
        case inspect.NoneType():
            return "null"
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return f"a whole number{_range(kind)}"
        case inspect.FloatType():
            return f"a number{_range(kind)}"
        case inspect.DateTimeType():
            return "a time with its time zone, by RFC 3339"
        case inspect.StrType(pattern=None):
            return "a string"
        case inspect.StrType(pattern=pattern):
            return f"a string like {pattern}"
        case inspect.EnumType(cls=members):
            return "one of " + ", ".join(f'"{member.value}"' for member in members)
        case inspect.LiteralType(values=values):
            return " or ".join(map(repr, values))
        case inspect.VarTupleType():
            return "a list"
        case _:
            return "an object"


def _range(kind: inspect.IntType | inspect.FloatType) -> str:
    if kind.ge is not None and kind.le is not None:
        return f" from {kind.ge} to {kind.le}"
    if kind.ge is not None:
        return f" of at least {kind.ge}"
    return "" if kind.gt is None else f" above {kind.gt}"
