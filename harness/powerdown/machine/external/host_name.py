"""Host names given by a user."""

from __future__ import annotations


def host_name(text: str) -> str:
    """``text``, if it is a valid host name; otherwise the resolver would not raise an OSError.

    :raise ValueError: a label is empty or too long (RFC 1035: 63 bytes).
    """
    try:
        text.encode("idna")
    except UnicodeError as error:
        raise ValueError(f"{text!r} is not a valid host name") from error
    return text
