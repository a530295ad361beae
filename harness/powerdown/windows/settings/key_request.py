"""Which registry keys settings are read from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class KeyRequest:
    r"""A request for a registry key.

    :param path: as in the running system: ``HKLM\...``; ``HKU\.DEFAULT\...``; ``HKU\*\...`` is read
        from every user's profile.
    :param depth: how many levels of subkeys to read too.
    :param values: names of the values to read, ignoring case; ``None`` for all.
    """

    path: str
    depth: int = 0
    values: tuple[str, ...] | None = None


def merged(requests: Iterable[KeyRequest]) -> tuple[KeyRequest, ...]:
    """The same requests, each key and depth once."""
    values: dict[tuple[str, int], tuple[str, ...] | None] = {}
    for request in requests:
        place = (request.path, request.depth)
        before = values.get(place, ())
        both = None if before is None or request.values is None else (*before, *request.values)
        values[place] = None if both is None else tuple(dict.fromkeys(both))
    return tuple(KeyRequest(path, depth, names) for (path, depth), names in values.items())
