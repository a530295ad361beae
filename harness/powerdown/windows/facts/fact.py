"""A fact: what is assumed, who says so, and how it could be settled where nobody does."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FactStatus(StrEnum):
    """How well a fact is known."""

    DOCUMENTED = "documented"
    """The vendor's documentation or source code says so."""
    SEEN = "seen in real artefacts"
    """Read from real hives, event logs or packet traces."""
    MEASURED = "measured"
    """An experiment on a real Windows showed it, on the builds that the fact names."""
    REPORTED = "reported"
    """Administrators, tools or clouds say so; nothing of the vendor's was found."""
    UNCONFIRMED = "unconfirmed"
    """No source was found, or sources conflict."""

    @property
    def settled(self) -> bool:
        """Whether it may be relied on without measuring it first."""
        return self in (FactStatus.DOCUMENTED, FactStatus.SEEN, FactStatus.MEASURED)


@dataclass(frozen=True)
class Experiment:
    """How a program could settle a fact on a real Windows, in words.

    :param set_up: what to set and to start before, from a guest that is up.
    :param action: what to do.
    :param shows: what would show that the claim is true.
    """

    set_up: str
    action: str
    shows: str


@dataclass(frozen=True)
class Fact:
    """One thing that the harness assumes.

    :param id: what ``fact:`` citations name; words in lower case with hyphens.
    :param claim: what would be true, one sentence in Markdown. The status says whether it is.
    :param status: how well it is known.
    :param sources: who says so, in the abbreviations of ``docs/windows-facts.md``; empty where
        nothing was found.
    :param builds: of Windows, on which it was measured.
    :param experiment: how to settle it; ``None`` where that is not needed or no program could.
    """

    id: str
    claim: str
    status: FactStatus
    sources: tuple[str, ...]
    builds: tuple[int, ...] = ()
    experiment: Experiment | None = None

    @property
    def plain_claim(self) -> str:
        """The claim without marks of Markdown, for a terminal or a picture."""
        return self.claim.replace("`", "")

    @property
    def standing(self) -> str:
        """The status as it is shown, with the builds on which it was measured."""
        if not self.builds:
            return str(self.status)
        return f"{self.status} on build {', '.join(map(str, self.builds))}"
