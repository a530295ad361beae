"""Attempts to shut a guest down, as a gate run recorded them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from powerdown.core.outcome import Outcome
from powerdown.report.scenario_record import ScenarioRecord, StageRecord


@dataclass(frozen=True)
class BenchAttempt:
    """One attempt and how long it took to judge it.

    :param scenario: its id.
    :param variant: which form of it.
    :param stage: what was done.
    :param outcome: of the verdict.
    :param cause: of the verdict.
    :param seconds: from the command to the verdict.
    :param exact: whether that was measured; if not, it is an upper bound.
    :param off_seconds: from the command to the guest's power-off; ``None`` without one.
    """

    scenario: str
    variant: str
    stage: str
    outcome: str
    cause: str
    seconds: float
    exact: bool
    off_seconds: float | None

    @property
    def failed(self) -> bool:
        """Whether the guest did anything but simply power off."""
        return self.outcome != Outcome.COMPLETED

    def waited(self, timeout: float) -> float:
        """Seconds that a tool takes which only waits for the power-off, ``timeout`` at most."""
        return timeout if self.off_seconds is None else min(self.off_seconds, timeout)


def attempts_of(records: Iterable[ScenarioRecord]) -> list[BenchAttempt]:
    """All soft attempts of a gate run that have a verdict, in its order."""
    return [
        _attempt(record, stage)
        for record in records
        for stage in record.stages
        if stage.commanded_at is not None
        and stage.diagnosed is not None
        and stage.diagnosed.outcome is not Outcome.FORCED_OFF
    ]


def _attempt(record: ScenarioRecord, stage: StageRecord) -> BenchAttempt:
    assert stage.diagnosed is not None
    measured = None
    if stage.verdict_at is not None and stage.commanded_at is not None:
        measured = stage.verdict_at - stage.commanded_at
    # The stage begins where the previous one ended: injection and baseline are included.
    seconds = stage.guest_seconds + stage.harness_seconds if measured is None else measured
    delay = stage.verdict_delay
    return BenchAttempt(
        scenario=record.scenario,
        variant=record.variant,
        stage=stage.name,
        outcome=str(stage.diagnosed.outcome),
        cause=str(stage.diagnosed.cause),
        seconds=seconds,
        exact=measured is not None,
        off_seconds=None if delay is None else max(0.0, seconds - delay),
    )
