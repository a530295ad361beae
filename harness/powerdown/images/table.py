"""Reading a TOML table key by key, with errors that name file, key and remedy."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from powerdown.core.errors import DefinitionError
from powerdown.core.text import printable

_Choice = TypeVar("_Choice", bound=StrEnum)


class Table:
    """One table of a definition; each method checks the type and range of a value.

    :param file: the definition, for messages.
    :param name: the table's name, empty for the top level.
    :param values: the parsed TOML.
    :param known: all keys the table may contain.
    :raise DefinitionError: it contains an unknown key.
    """

    def __init__(
        self, file: Path, name: str, values: Mapping[str, object], known: tuple[str, ...]
    ) -> None:
        self._file = file
        self._name = name
        self._values = values
        for key in values:
            if key not in known:
                raise self.error(key, "this key is not known", _did_you_mean(key, known))

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def error(self, key: str, actual: str, remedy: str) -> DefinitionError:
        """The error for this key."""
        where = f"[{self._name}] {key}" if self._name else key
        return DefinitionError(
            f"read image definition {self._file}", f"{printable(where)}: {actual}", remedy
        )

    def table(self, key: str, known: tuple[str, ...]) -> Table:
        """The sub-table ``key``; empty if absent."""
        value = self._values.get(key, {})
        if not isinstance(value, Mapping):
            raise self.error(key, f"is {_described(value)}", f"Make it a table: [{key}].")
        return Table(self._file, key, value, known)

    def string(self, key: str, default: str | None = None) -> str:
        """A non-empty string; required without a default."""
        value = self._get(key, default, "a string in quotes")
        if not isinstance(value, str):
            raise self.error(key, f"is {_described(value)}", "Write a string in quotes.")
        if not value and default != "":
            raise self.error(key, "is empty", "Give it a value.")
        return value

    def choice(self, key: str, kind: type[_Choice], default: _Choice | None = None) -> _Choice:
        """One of the values of an enumeration; required without a default."""
        allowed = ", ".join(f'"{member.value}"' for member in kind)
        value = self._get(key, default, f"one of {allowed}")
        if isinstance(value, str):
            for member in kind:
                if member.value == value:
                    return member
        raise self.error(key, f"is {_described(value)}", f"Use one of {allowed}.")

    def integer(self, key: str, default: int, most: int) -> int:
        """A whole number from 1 to ``most``."""
        value = self._values.get(key, default)
        # TOML's true is an int to Python.
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
            raise self.error(
                key, f"is {_described(value)}", f"Use a whole number from 1 to {most}."
            )
        return value

    def boolean(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._values.get(key, default)
        if not isinstance(value, bool):
            raise self.error(key, f"is {_described(value)}", "Use true or false.")
        return value

    def seconds(self, key: str, default: float) -> float:
        """A finite number of seconds above zero."""
        value = self._values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(key, f"is {_described(value)}", "Use a number of seconds.")
        try:
            seconds = float(value)
        except OverflowError:
            seconds = math.inf
        if not math.isfinite(seconds) or seconds <= 0:
            raise self.error(key, f"is {_described(value)}", "Use a number of seconds above 0.")
        return seconds

    def _get(self, key: str, default: object, wanted: str) -> object:
        value = self._values.get(key, default)
        if value is None:
            raise self.error(key, "is missing", f"Add it: {wanted}.")
        return value


def _did_you_mean(key: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    hint = f'Did you mean "{close[0]}"? ' if close else ""
    return f"{hint}Keys here: {', '.join(known)}."


def _described(value: object) -> str:
    """A value for a message, short and on one line."""
    text = printable(repr(value))
    return text if len(text) <= 60 else f"{text[:57]}..."
