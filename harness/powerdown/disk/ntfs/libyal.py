"""Errors of libfsntfs and libregf."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from powerdown.core.errors import DiskError

_T = TypeVar("_T")

LIBRARY_ERRORS = (OSError, MemoryError, ValueError, OverflowError, TypeError, SystemError)
"""What their bindings raise for damaged data; the last two are bugs in the bindings."""


def wrap_errors(what: str, call: Callable[[], _T], remedy: str) -> _T:
    """Call a library, and raise its errors as a DiskError.

    :param what: what is done, for messages.
    :raise DiskError: the library failed.
    """
    try:
        return call()
    except LIBRARY_ERRORS as error:
        raise DiskError(what, plain_error(error), remedy) from error


def plain_error(error: BaseException) -> str:
    """libyal's message, on one line and without the names of its functions."""
    text = str(error).strip() or type(error).__name__
    last = text.splitlines()[-1]
    return last.rpartition(": ")[2][:200].rstrip(".")
