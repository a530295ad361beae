"""What libfsntfs and libregf have in common: how they fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from powerdown.core.errors import DiskError

_T = TypeVar("_T")

LIBRARY_ERRORS = (OSError, MemoryError, ValueError, OverflowError, TypeError, SystemError)
"""What their bindings raise for damaged data; the last two are slips of their own."""


def told(what: str, ask: Callable[[], _T], remedy: str) -> _T:
    """What a library says, its errors as one of ours.

    :param what: what is tried.
    :raise DiskError: the library failed.
    """
    try:
        return ask()
    except LIBRARY_ERRORS as error:
        raise DiskError(what, plain_error(error), remedy) from error


def plain_error(error: BaseException) -> str:
    """What libyal says, on one line and without the names of its functions."""
    text = str(error).strip() or type(error).__name__
    last = text.splitlines()[-1]
    return last.rpartition(": ")[2][:200].rstrip(".")
