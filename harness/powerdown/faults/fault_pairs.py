"""Two faults at once: which pairs are sensible, and what must be diagnosed then.

Derived from the catalogue. A shutdown passes the stages of :class:`BlockedAt` in
their order, so of two faults the one that holds earlier is named; the other is mentioned where its
settings show it beforehand. A fault that only delays lets the shutdown go on to the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.faults.catalogue import CATALOGUE
from powerdown.faults.fault import COMPLETED, BlockedAt, Fault, Trigger
from powerdown.images.image import Image
from powerdown.windows import commands

_CHAIN = tuple(BlockedAt)

_CANNOT_BE_ASKED = frozenset({BlockedAt.DELIVERY, BlockedAt.KERNEL})
"""A guest blocked here does not answer: its settings are not known."""

_SHOWN_BY_SETTINGS = frozenset(
    {
        BlockedAt.DISPLAY,
        BlockedAt.BUTTON,
        BlockedAt.LOGON,
        BlockedAt.HYBRID,
        BlockedAt.PRESHUTDOWN,
        BlockedAt.SERVICES,
        BlockedAt.POWER_OFF,
    }
)
"""What holds here is seen before the press, in settings, sessions or marks; that a program or a
dialog will hold is not."""


@dataclass(frozen=True)
class Exclusion:
    """Two faults that exclude each other.

    :param one: pattern for ``scenario/variant`` of either.
    :param other: likewise for the other.
    :param reason: why, one clause.
    """

    one: str
    other: str
    reason: str

    def covers(self, fault: Fault, other: Fault) -> bool:
        """Whether it covers these two, in any order."""
        return (_is(fault, self.one) and _is(other, self.other)) or (
            _is(fault, self.other) and _is(other, self.one)
        )


ALONE = {
    "damaged-system/boot-failure": "Windows does not run: nothing else can be provoked in it",
    "damaged-system/core-process-killed": (
        "Windows announces a restart at once, and refuses every other shutdown meanwhile"
    ),
}
"""Faults that go with no other, by pattern for ``scenario/variant``, and why."""

EXCLUSIONS = (
    Exclusion(
        "no-logon-shutdown/forbidden",
        "unresponsive-app/*",
        "logging off ends the programs of the desktop",
    ),
    Exclusion(
        "no-logon-shutdown/allowed",
        "unresponsive-app/*",
        "logging off ends the programs of the desktop",
    ),
    Exclusion(
        "no-logon-shutdown/forbidden",
        "event-tracker/dialog-open",
        "without a desktop there is no dialog to open",
    ),
    Exclusion(
        "no-logon-shutdown/allowed",
        "event-tracker/dialog-open",
        "without a desktop there is no dialog to open",
    ),
    Exclusion(
        "event-tracker/dialog-open",
        "unresponsive-app/*",
        "Alt+F4 closes the program in front instead",
    ),
    Exclusion(
        "asleep/already-asleep",
        "damaged-system/*",
        "a sleeping guest runs nothing, and one that does not run cannot be put to sleep",
    ),
)
"""Pairs whose injections exclude each other."""


@dataclass(frozen=True)
class FaultPair:
    """Two faults of different scenarios, the one that holds earlier first.

    :param expected: the verdicts that are right, the likeliest first.
    :param mentions: causes of which the verdict must name those that it does not blame, as also
        seen.
    """

    first: Fault
    second: Fault
    expected: tuple[Expected, ...]
    mentions: frozenset[Cause]

    @property
    def variant(self) -> str:
        """Its name in reports."""
        return f"{self.first.variant}+{self.second.variant}"

    @property
    def injected(self) -> tuple[Fault, ...]:
        """Both, in the order of injection.

        What restarts the guest comes first, since little lives through that; then what holds late,
        since what holds early can keep the guest from being asked any more.
        """
        both = (self.second, self.first)
        return tuple(sorted(both, key=lambda fault: not restarts(fault)))

    def missing(self, image: Image) -> str | None:
        """Why an image cannot run it; ``None`` when it can."""
        return self.first.missing(image) or self.second.missing(image)

    def __str__(self) -> str:
        return f"{self.first} + {self.second}"


def restarts(fault: Fault) -> bool:
    """Whether injecting it restarts the guest."""
    return commands.RESTART in fault.injects


def sensible_pairs(catalogue: Iterable[Fault] = CATALOGUE) -> tuple[FaultPair, ...]:
    """The pairs worth a guest.

    Of every stage one fault stands for all that hold there, of every scenario one control for its
    controls; where there is a choice, one that is injected without a restart. Then

    * every two that hold in a guest that can be asked are a pair, but of what comes later one
      of each scenario: the shutdown does not get there;
    * one that holds in a guest that cannot be asked hides whatever comes after it: it is paired
      with the next alone;
    * every control is paired with one that holds in a guest that can be asked, with each in turn.
    """
    single = [fault for fault in catalogue if _may_be_paired(fault)]
    holding = _holding(single)
    pairs: list[FaultPair] = []
    for number, fault in enumerate(holding):
        after = _one_of_each(_goes_with(fault, holding[number + 1 :]))
        pairs += [made(fault, other) for other in after[: _partners(fault)]]
    askable = [fault for fault in holding if _partners(fault) is None]
    return (*pairs, *_with_controls(_controls(single), askable))


def made(one: Fault, other: Fault) -> FaultPair:
    """The pair of two faults."""
    first, second = sorted((one, other), key=lambda fault: _CHAIN.index(fault.blocked_at))
    mentions: set[Cause] = set()
    if first.blocked_at not in _CANNOT_BE_ASKED:
        mentions = {
            Cause(fault.scenario)
            for fault in (first, second)
            if fault.blocked_at in _SHOWN_BY_SETTINGS
        }
    return FaultPair(first, second, _expected(first, second), frozenset(mentions))


def _expected(first: Fault, second: Fault) -> tuple[Expected, ...]:
    if only_delays(first) and not only_delays(second) and second.blocked_at is not BlockedAt.NONE:
        return second.expected
    right = [expected for expected in first.expected if expected != COMPLETED]
    # Where the first may let the press through, the second decides.
    if COMPLETED in first.expected:
        right += [expected for expected in second.expected if expected not in right]
    return tuple(right)


def only_delays(fault: Fault) -> bool:
    """Whether a shutdown gets past the fault."""
    return fault.expected[0].outcome is Outcome.SLOW_BUT_COMPLETED


def _may_be_paired(fault: Fault) -> bool:
    # A pair is pressed; what holds a shutdown asked for from inside may not hold a press.
    alone = any(_is(fault, pattern) for pattern in ALONE)
    return fault.trigger is Trigger.BUTTON and not alone


def _holding(faults: Iterable[Fault]) -> list[Fault]:
    """One for every stage, in the order of the chain."""
    chosen: dict[BlockedAt, Fault] = {}
    for fault in sorted(faults, key=restarts):
        if fault.blocked_at is not BlockedAt.NONE:
            chosen.setdefault(fault.blocked_at, fault)
    return sorted(chosen.values(), key=lambda fault: _CHAIN.index(fault.blocked_at))


def _partners(fault: Fault) -> int | None:
    """How many of those that hold later it is paired with; ``None`` for all."""
    return 1 if fault.blocked_at in _CANNOT_BE_ASKED else None


def _one_of_each(faults: Iterable[Fault]) -> list[Fault]:
    """The first of every scenario."""
    chosen: dict[str, Fault] = {}
    for fault in faults:
        chosen.setdefault(fault.scenario, fault)
    return list(chosen.values())


def _controls(faults: Iterable[Fault]) -> list[Fault]:
    """One for every scenario, in the order of the catalogue."""
    return _one_of_each(f for f in sorted(faults, key=restarts) if f.blocked_at is BlockedAt.NONE)


def _with_controls(controls: Iterable[Fault], holding: list[Fault]) -> Iterator[FaultPair]:
    waiting = list(holding)
    for control in controls:
        other = next(iter(_goes_with(control, waiting)), None)
        if other is None:
            waiting = list(holding)
            other = next(iter(_goes_with(control, waiting)), None)
        if other is not None:
            waiting.remove(other)
            yield made(other, control)


def _goes_with(fault: Fault, others: Iterable[Fault]) -> list[Fault]:
    return [other for other in others if not _excluded(fault, other)]


def _excluded(one: Fault, other: Fault) -> bool:
    # The variants of one scenario mostly set the same thing.
    same = one.scenario is other.scenario
    return same or any(exclusion.covers(one, other) for exclusion in EXCLUSIONS)


def _is(fault: Fault, pattern: str) -> bool:
    return fnmatchcase(str(fault), pattern)
