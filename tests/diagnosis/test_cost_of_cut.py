"""What a power cut cost."""

from __future__ import annotations

from powerdown.diagnosis.cost_of_cut import Basis, Loss, cost_of_cut
from powerdown.machine.protocol import RunState
from tests.support.observations import (
    APP,
    DESKTOP,
    HELPER,
    SPENT,
    UPDATER,
    baseline,
    obs,
    preparing,
    sample,
    under_way,
    works,
)


def of_basis(losses: tuple[Loss, ...], basis: Basis) -> str:
    return "\n".join(f"{loss.fact} ({loss.source})" for loss in losses if loss.basis is basis)


def test_programs_that_ran_are_named_as_they_were_last_seen() -> None:
    last = sample(SPENT - 3, processes=(*DESKTOP, HELPER))
    told = of_basis(cost_of_cut(obs(samples=(sample(), last)), SPENT), Basis.SEEN)
    assert HELPER.name in told
    assert APP.name not in told
    assert "asked 3 s before" in told


def test_without_looks_the_baseline_has_to_do() -> None:
    told = of_basis(cost_of_cut(obs(samples=()), SPENT), Basis.SEEN)
    assert APP.name in told


def test_from_outside_only_what_is_documented_is_said() -> None:
    losses = cost_of_cut(obs(baseline=None, samples=(), activity=()), SPENT)
    assert of_basis(losses, Basis.SEEN) == ""
    assert "which programs" in of_basis(losses, Basis.NOT_SEEN)
    assert "not saved" in of_basis(losses, Basis.DOCUMENTED)
    assert "Kernel-Power 41" in of_basis(losses, Basis.DOCUMENTED)
    assert "fsutil dirty query" in of_basis(losses, Basis.NOT_SEEN)


def test_interrupted_update_work() -> None:
    working = under_way(
        *preparing((110, SPENT - 1), UPDATER), baseline=baseline(update_markers=("RebootPending",))
    )
    losses = cost_of_cut(working, SPENT)
    assert f"update work was interrupted: {UPDATER}" in of_basis(losses, Basis.SEEN)
    assert "RebootPending" in of_basis(losses, Basis.SEEN)
    assert "services that were still stopping" in of_basis(losses, Basis.SEEN)
    assert "rolled back" in of_basis(losses, Basis.UNCONFIRMED)


def test_what_was_written_shortly_before() -> None:
    writing = obs(activity=works(0.5, bytes_a_second=1000))
    assert "in 30 s: 30000 bytes" in of_basis(cost_of_cut(writing, SPENT), Basis.SEEN)


def test_a_sleeping_guest_loses_its_memory() -> None:
    asleep = obs(run_state=RunState.SUSPENDED, baseline=None, samples=())
    assert "memory" in of_basis(cost_of_cut(asleep, SPENT), Basis.SEEN)
