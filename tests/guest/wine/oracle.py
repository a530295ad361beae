"""The oracle: what a program writes, by the JSON it declares."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any


def writes(
    actions: Sequence[Mapping[str, Any]], arguments: Sequence[str], index: int | None = None
) -> list[tuple[str, str, int]]:
    """Windows path, text and milliseconds waited after it, in the declared order."""
    done: list[tuple[str, str, int]] = []
    for action in actions:
        if "write" in action:
            path = expand(action["write"], arguments, index)
            done.append((path, expand(action["text"], arguments, index), 0))
        elif "wait_ms" in action:
            path, text, waited = done[-1]
            wait = int(expand(str(action["wait_ms"]), arguments, index))
            done[-1] = (path, text, waited + wait)
        else:
            for number in range(int(expand(str(action["repeat"]), arguments, index))):
                done += writes(action["actions"], arguments, number + 1)
    return done


def expand(template: str, arguments: Sequence[str], index: int | None = None) -> str:
    """Replace ``%1`` to ``%9``, ``%i`` and ``%%``."""

    def value(match: re.Match[str]) -> str:
        if match[1] == "i":
            return str(index)
        return "%" if match[1] == "%" else arguments[int(match[1]) - 1]

    return re.sub("%([1-9i%])", value, template)
