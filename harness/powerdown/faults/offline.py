"""How a fault is injected while its guest is off: its settings are written to the disk's hives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from powerdown.faults.fault_target import FaultTarget
from powerdown.images.image import Image
from powerdown.windows.facts.fact import Fact
from powerdown.windows.registry_edit import RegistryEdit
from powerdown.windows.settings.change import Change, joined

Edits = tuple[RegistryEdit, ...]

NO_SETTING = "it is not a setting that Windows reads at boot"
"""Why most of the others can be injected online only."""


def _nothing_more(target: FaultTarget) -> None:
    """Nothing else is needed."""


@dataclass(frozen=True)
class Offline:
    """What is written before the guest starts.

    :param edits: registry changes, for an image.
    :param then: what else makes the fault once the guest is up: keys, a program.
    :param remedy: what undoes it, likewise; ``None`` where that is no setting, or nothing is left
        to undo.
    :param then_again: what makes the rest of the fault again after the remedy, where the remedy
        is to have Windows cope with it.
    :param facts: what it rests on besides what the fault does online.
    """

    edits: Callable[[Image], Edits]
    then: Callable[[FaultTarget], None] = _nothing_more
    remedy: Callable[[Image], Edits] | None = None
    then_again: Callable[[FaultTarget], None] = _nothing_more
    facts: tuple[Fact, ...] = ()

    @property
    def in_full(self) -> bool:
        """Whether the settings alone make the fault."""
        return self.then is _nothing_more


@dataclass(frozen=True)
class OnlineOnly:
    """A fault that needs a running guest.

    :param reason: why, one clause.
    """

    reason: str = NO_SETTING


ONLINE_ONLY = OnlineOnly()
"""The usual reason."""


def fixed(*changes: Change) -> Callable[[Image], Edits]:
    """The edits of these changes, for every image."""
    edits = joined(changes).edits
    return lambda image: edits
