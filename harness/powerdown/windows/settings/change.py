"""A change of settings: the command lines for a running guest, the edits for one that is off."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from powerdown.windows.registry_edit import Data, EditAction, RegistryEdit

_IN_QUOTES = frozenset(" &|<>^()=;,")
"""Characters that cmd.exe takes literally within quotes only (learn: cmd)."""

_NEVER = frozenset('"%\r\n')
"""Characters that it does not take literally there either, or that end them."""


@dataclass(frozen=True)
class Change:
    """The same change twice.

    :param commands: for an elevated ``cmd.exe`` in the running guest, in order; each must succeed.
    :param edits: for the hives of a guest that is off; in effect at its next start.
    """

    commands: tuple[str, ...] = ()
    edits: tuple[RegistryEdit, ...] = ()

    def __add__(self, other: Change) -> Change:
        return Change(self.commands + other.commands, self.edits + other.edits)

    def __str__(self) -> str:
        return " & ".join(self.commands)


def change_by(*edits: RegistryEdit) -> Change:
    """A change that is made by ``reg`` online."""
    return Change(tuple(command_of(edit) for edit in edits), edits)


def joined(changes: Iterable[Change]) -> Change:
    """All of them, in order."""
    total = Change()
    for change in changes:
        total += change
    return total


def command_of(edit: RegistryEdit) -> str:
    """The command line that makes this edit in a running guest (learn: reg add; reg delete).

    Deleting what does not exist fails there with exit code 1.

    :raise ValueError: a name or text has characters that ``cmd.exe`` does not take literally.
    """
    key = _quoted(edit.path)
    match edit.action:
        case EditAction.CREATE_KEY:
            return f"reg add {key} /f"
        case EditAction.DELETE_KEY:
            return f"reg delete {key} /f"
        case EditAction.DELETE_VALUE:
            return f"reg delete {key} /v {_word(edit.name or '')} /f"
    assert edit.type is not None and edit.data is not None
    return (
        f"reg add {key} /v {_word(edit.name or '')} /t REG_{edit.type.name} "
        f"/d {_word(_printed(edit.data))} /f"
    )


def _printed(data: Data) -> str:
    if isinstance(data, tuple):
        return r"\0".join(data)
    return data.hex() if isinstance(data, bytes) else f"{data}"


def _word(text: str) -> str:
    """A word of a command line, in quotes where it needs them."""
    return text if text and not set(text) & (_IN_QUOTES | _NEVER) else _quoted(text)


def _quoted(text: str) -> str:
    if set(text) & _NEVER:
        raise ValueError(f"cmd.exe would not take it literally: {text!r}")
    return f'"{text}"'
