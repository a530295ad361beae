"""What it cost to cut the power of a guest that did not shut down: observed, or documented."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from powerdown.diagnosis import outside_activity, progress
from powerdown.machine.protocol import RunState
from powerdown.shutdown.observation import Observation

_LAST_SECONDS = 10.0
"""What was written within this time before the cut may be incomplete."""


class Basis(StrEnum):
    """Why something is said to be lost."""

    SEEN = "seen"
    DOCUMENTED = "documented"
    UNCONFIRMED = "unconfirmed"
    NOT_SEEN = "not-seen"


@dataclass(frozen=True)
class Loss:
    """One thing that the power cut cost, or may have cost.

    :param fact: one clause.
    :param source: where it was seen, or the public source.
    """

    basis: Basis
    fact: str
    source: str


def cost_of_cut(obs: Observation, cut_at: float) -> tuple[Loss, ...]:
    """What was lost, as far as it was seen or is documented.

    :param obs: everything up to the cut.
    :param cut_at: when the power was cut, on the host-monotonic clock.
    """
    return (
        *_programs(obs, cut_at),
        *_services(obs, cut_at),
        *_updates(obs),
        *_disk(obs, cut_at),
    )


def _programs(obs: Observation, cut_at: float) -> Iterator[Loss]:
    baseline = None if obs.baseline is None else obs.baseline.as_sample()
    sample = obs.samples[-1] if obs.samples else baseline
    if sample is None or not sample.knows("processes") or not sample.processes:
        yield Loss(Basis.NOT_SEEN, "which programs still ran", "the guest was not asked")
    else:
        names = sorted({program.name for program in progress.programs(obs, sample)})
        when = f"asked {max(0.0, cut_at - sample.at):.0f} s before"
        what = ", ".join(names) if names else "none but Windows' own"
        yield Loss(Basis.SEEN, f"programs of the console session that had not ended: {what}", when)
    if obs.run_state is RunState.SUSPENDED:
        yield Loss(
            Basis.SEEN, "it was asleep: everything it held in memory is lost", "QEMU's run state"
        )
    yield Loss(
        Basis.DOCUMENTED,
        "what programs had not saved is lost",
        "learn: shutdown, /f",
    )


def _services(obs: Observation, cut_at: float) -> Iterator[Loss]:
    if not obs.samples:
        return
    sample = obs.samples[-1]
    names = [service.name for service in progress.holders(obs, sample)]
    if names:
        yield Loss(
            Basis.SEEN,
            f"services that were still stopping: {', '.join(names)}",
            f"asked {max(0.0, cut_at - sample.at):.0f} s before",
        )


def _updates(obs: Observation) -> Iterator[Loss]:
    at_work = {
        service.name
        for sample in obs.samples[-1:]
        for service in progress.holders(obs, sample)
        if progress.is_update_service(service.name)
    }
    markers = progress.pending_updates(obs)
    if at_work:
        yield Loss(
            Basis.SEEN, f"update work was interrupted: {', '.join(sorted(at_work))}", "services"
        )
    if markers:
        yield Loss(Basis.SEEN, f"update work was pending: {', '.join(markers)}", "registry, files")
    if at_work or markers:
        yield Loss(
            Basis.UNCONFIRMED,
            "whether an interrupted update is rolled back or finished at the next start",
            "no public source",
        )


def _disk(obs: Observation, cut_at: float) -> Iterator[Loss]:
    if obs.activity:
        until = obs.activity[-1].at
        before = [sample.at for sample in obs.activity if sample.at <= until - _LAST_SECONDS]
        since = before[-1] if before else obs.activity[0].at
        written = outside_activity.writes_between(obs, since, until)
        when = f"counted by QEMU until {max(0.0, cut_at - until):.0f} s before"
        fact = f"written to its disks in {until - since:.0f} s: {written} bytes"
        yield Loss(Basis.SEEN, fact, when)
    yield Loss(
        Basis.DOCUMENTED,
        "the next start records an unexpected shutdown: Kernel-Power 41, EventLog 6008",
        "learn: Event ID 41",
    )
    yield Loss(
        Basis.NOT_SEEN,
        "whether a volume is marked dirty: ask the guest, fsutil dirty query C:",
        "learn: fsutil dirty; the mark may be clear after a cut (fact:kill-leaves-clean)",
    )
