"""Which values of a setting endanger a soft shutdown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from powerdown.core.outcome import Cause
from powerdown.core.severity import Severity
from powerdown.windows.facts.fact import Fact
from powerdown.windows.settings.setting_value import Identified, SettingValue


@dataclass(frozen=True)
class Harm:
    """When a value endangers a soft shutdown, and what to say of it.

    What depends on more than this value, such as who is logged on, is decided by diagnosis.

    :param cause: the cause that a diagnosis would name.
    :param values: whether a value does.
    :param says: what was found, one clause; ``{shown}``, ``{value}`` and ``{word}`` stand for
        the value as text, as a number and in a word.
    :param facts: what that rests on.
    :param limits: what the value alone does not show; one clause.
    :param while_on: a switch without which it does no harm.
    :param advice: how the remedy is worded, if not as the setting's.
    """

    cause: Cause
    severity: Severity
    values: Callable[[SettingValue], bool]
    says: str
    facts: tuple[Fact, ...] = ()
    limits: str = ""
    while_on: Identified | None = None
    advice: str = ""


def is_on(value: SettingValue) -> bool:
    """A switch that is on."""
    return value is True


def longer_than(limit: int) -> Callable[[SettingValue], bool]:
    """A number above this limit."""
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and value > limit


def one_of(*values: int) -> Callable[[SettingValue], bool]:
    """A number among these."""
    return lambda value: value in values and not isinstance(value, bool)
