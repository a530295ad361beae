"""A fault: one variant of a failure, with its injection, its remedy and the expected verdicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypedDict

from powerdown.core.errors import NotOnThisGuest
from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.faults.fault_target import FaultTarget
from powerdown.faults.offline import ONLINE_ONLY, Offline, OnlineOnly, fixed
from powerdown.images.image import Image
from powerdown.windows.settings.change import Change, joined

COMPLETED = Expected(Outcome.COMPLETED, Cause.NONE)
"""The verdict on a guest with nothing in its way."""


class ScenarioId(StrEnum):
    """The failures, by the ids of ``docs/scenarios.md``."""

    WINDOWS_UPDATE = "windows-update"
    EVENT_TRACKER = "event-tracker"
    NO_LOGON_SHUTDOWN = "no-logon-shutdown"
    UNRESPONSIVE_APP = "unresponsive-app"
    UNRESPONSIVE_SERVICE = "unresponsive-service"
    POWER_BUTTON_IGNORED = "power-button-ignored"
    ASLEEP = "asleep"
    DAMAGED_SYSTEM = "damaged-system"


class BlockedAt(StrEnum):
    """Where a fault blocks the way from press to power-off, in the order of that way."""

    DELIVERY = "delivery"
    """The press does not reach a guest that has armed its button."""
    KERNEL = "kernel"
    """The kernel does not take it, or nothing else gets CPU time."""
    DISPLAY = "display"
    """The press only wakes the display."""
    BUTTON = "button"
    """The button is set to something else."""
    LOGON = "logon"
    DIALOG = "dialog"
    APPLICATIONS = "applications"
    HYBRID = "hybrid"
    """Services and kernel are hibernated instead of ended (fast startup)."""
    PRESHUTDOWN = "preshutdown"
    SERVICES = "services"
    POWER_OFF = "power-off"
    """Everything has ended, but the last step is not a power-off."""
    NONE = "none"
    """Nowhere: a control that must not be blamed."""


class Trigger(StrEnum):
    """How the guest is asked to shut down."""

    BUTTON = "button"
    INSIDE = "inside"


class Recovery(StrEnum):
    """How to get a guest that can be asked, between the fault and its remedy.

    A guest that has powered off or crashed meanwhile is always booted again from the same disk
    first, and one that restarts is waited for.
    """

    IN_PLACE = "in place"
    """It still answers: the remedy is applied as it is, or brings the guest back itself."""
    PENDING = "the shutdown under way goes on"
    """It still answers and waits; the remedy lets the shutdown under way go on to its end."""
    FINISH = "wait"
    """The shutdown under way ends by itself, later than anyone would wait."""
    POWER_CUT = "power cut"
    """It no longer answers and does not end: it has to be forced off first."""


@dataclass(frozen=True)
class Fault:
    """One way to keep Windows from shutting down, or a control that only looks like one.

    :param scenario: the failure it is a variant of.
    :param variant: its name within that.
    :param summary: what is injected, one line.
    :param injects: command lines, keys and host actions, as text to read.
    :param remedies: what undoes it, likewise; command lines can be pasted into the guest.
    :param sources: where the facts come from.
    :param inject: does it. It may raise :class:`NotOnThisGuest`.
    :param remedy: undoes it; ``None`` where the guest shuts down and nothing is left to remedy.
    :param expected: the verdicts that are right. The first is what documented policy implies; the
        others stand where what Windows does is not settled by the facts in ``sources``.
    :param blocked_at: where it blocks the shutdown.
    :param trigger: how the guest is asked to shut down.
    :param command: with :attr:`Trigger.INSIDE`, the command line.
    :param recovery: how to get at the guest afterwards.
    :param missing: why an image cannot run it; ``None`` when it can.
    :param boots_itself: whether its injection starts the guest, so that none is booted before.
    :param offline: how it is injected while the guest is off, or why it cannot be.
    """

    scenario: ScenarioId
    variant: str
    summary: str
    injects: tuple[str, ...]
    remedies: tuple[str, ...]
    sources: tuple[str, ...]
    inject: Callable[[FaultTarget], None]
    remedy: Callable[[FaultTarget], None] | None
    expected: tuple[Expected, ...]
    blocked_at: BlockedAt
    trigger: Trigger = Trigger.BUTTON
    command: str = ""
    recovery: Recovery = Recovery.IN_PLACE
    missing: Callable[[Image], str | None] = lambda image: None
    boots_itself: bool = False
    offline: Offline | OnlineOnly = ONLINE_ONLY

    def __str__(self) -> str:
        return f"{self.scenario}/{self.variant}"


def settings(*command_lines: str) -> Callable[[FaultTarget], None]:
    """An injection or remedy that only runs command lines in the guest, which must succeed."""

    def change(target: FaultTarget) -> None:
        target.windows.run_all(command_lines)

    return change


def changes(*made: Change) -> Callable[[FaultTarget], None]:
    """An injection or remedy that only changes settings of the running guest."""
    return settings(*joined(made).commands)


class _OfSettings(TypedDict):
    injects: tuple[str, ...]
    remedies: tuple[str, ...]
    inject: Callable[[FaultTarget], None]
    remedy: Callable[[FaultTarget], None] | None
    offline: Offline


def of_settings(change: Change, remedy: Change | None = None) -> _OfSettings:
    """The fields of a fault that consists of settings alone: how it is injected and remedied, in a
    running guest and in one that is off.

    :param remedy: ``None`` where nothing is left to remedy.
    """
    undone = Change() if remedy is None else remedy
    return {
        "injects": change.commands,
        "remedies": undone.commands,
        "inject": changes(change),
        "remedy": None if remedy is None else changes(remedy),
        "offline": Offline(fixed(change), remedy=None if remedy is None else fixed(remedy)),
    }


def set_if_permitted(target: FaultTarget, *command_lines: str) -> None:
    """Run command lines that some releases refuse even to administrators.

    :raise NotOnThisGuest: the guest refuses one.
    """
    for line in command_lines:
        result = target.windows.run(line)
        if result.exit_code != 0:
            answer = (result.error_output or result.output).strip()
            raise NotOnThisGuest(
                f"run {line!r} in the guest",
                f"exit code {result.exit_code}, it printed: {answer[:300]}",
                "Run it by hand as SYSTEM or TrustedInstaller to see whether it matters.",
            )


def beyond_soft_ms(image: Image) -> int:
    """Milliseconds that make a shutdown exceed the soft budget, but not the hard one."""
    soft, hard = image.budgets.shutdown_soft, image.budgets.shutdown_hard
    return round(1000 * (soft + min(4.0, (hard - soft) / 3)))


def beyond_hard_ms(image: Image) -> int:
    """Milliseconds longer than any attempt waits: ten times the hard budget."""
    return round(10_000 * image.budgets.shutdown_hard)
