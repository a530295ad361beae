"""Names of hosts, as somebody has typed them."""

from __future__ import annotations


def host_name(text: str) -> str:
    """``text``, if a resolver can be asked for it: Python raises no OSError where it cannot.

    :raise ValueError: a part of it is empty or too long (RFC 1035: 63 bytes).
    """
    try:
        text.encode("idna")
    except UnicodeError as error:
        raise ValueError(f"{text!r} is no name of a host") from error
    return text
