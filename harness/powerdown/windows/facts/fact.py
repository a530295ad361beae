"""A fact about Windows, QEMU or libvirt, its status and its sources."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How sure a fact is."""

    DOCUMENTED = "documented"
    """The vendor's documentation or source code says so."""
    SEEN = "seen in real artefacts"
    """Read from real hives, event logs or packet traces."""
    MEASURED = "measured"
    """Measured on the builds that the fact names."""
    REPORTED = "reported"
    """Administrators, tools or clouds say so; nothing of the vendor's was found."""
    UNCONFIRMED = "unconfirmed"
    """No source was found, or sources conflict."""

    @property
    def settled(self) -> bool:
        """Whether it is sure enough for high confidence."""
        return self in (Status.DOCUMENTED, Status.SEEN, Status.MEASURED)


@dataclass(frozen=True)
class Experiment:
    """How a program could settle a fact on a real Windows, in words.

    :param set_up: what to set before.
    :param action: what to do.
    :param shows: what would show that it is so, and what that it is not.
    """

    set_up: str
    action: str
    shows: str


@dataclass(frozen=True)
class Fact:
    """One fact.

    :param id: stable; code and documents cite it as ``fact:<id>``.
    :param claim: what would be so, in one sentence.
    :param sources: where it comes from.
    :param builds: build numbers of the releases that it was measured on.
    :param experiment: how to settle it, where a program could.
    """

    id: str
    claim: str
    status: Status
    sources: tuple[str, ...]
    builds: tuple[int, ...] = ()
    experiment: Experiment | None = None
