"""The record of one scenario as JSON: part of ``gate.json``, and what xdist carries."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from powerdown.machine.backend import Backend
from powerdown.report.document import Document, Scalar
from powerdown.report.verdict_json import ExpectedJson, VerdictJson


class Status(StrEnum):
    """The result of a test, in pytest's words."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    ERROR = "error"


class PhasesJson(Document, frozen=True, rename="kebab"):
    """The steps of a shutdown, by the names of ``powerdown.shutdown.timeline.Step``."""

    command: float | None
    acpi: float | None
    applications_and_services: float | None
    core_services: float | None
    power_off: float | None


class StageJson(Document, frozen=True):
    """One part of a scenario with a verdict of its own, such as one press."""

    name: str
    expected: ExpectedJson | None
    """The verdict asserted; null if only facts are."""
    diagnosed: VerdictJson | None
    """The verdict reached; null without one."""
    diagnosed_outside: VerdictJson | None
    """The verdict on the same attempt as if there had been no control channel; null without an
    attempt."""
    phases: PhasesJson
    """Seconds of each step of the shutdown; null for a step not reached or not seen to end."""
    harness_seconds: float
    guest_seconds: float
    facts: dict[str, Scalar]
    """Measured consequences, such as {"ntfs dirty after": true}."""
    commanded_at: float | None
    """The moment of the command on the host-monotonic clock, which evidence times use too."""
    degraded: bool
    """Whether the control channel was impaired on purpose; then an inconclusive verdict is right
    as well."""
    verdict_at: float | None
    """The moment of the verdict on the clock of commanded_at; null without one."""
    verdict_delay: Annotated[float, Meta(ge=0)] | None
    """Seconds from QEMU's SHUTDOWN event to the verdict; null if the guest did not power off by
    itself."""


class ScenarioJson(Document, frozen=True):
    """One test: a scenario in one variant on one image."""

    image: str
    """The name of an image in images."""
    scenario: str
    """Its id, such as power-button-ignored."""
    variant: str
    test_id: str
    """pytest's node id."""
    status: Status
    message: str
    """Why it was skipped, or what failed; empty when it passed."""
    backend: Backend
    """The backend through which QEMU was controlled."""
    stages: tuple[StageJson, ...]
