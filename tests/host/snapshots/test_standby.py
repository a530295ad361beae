"""One clone is at hand, or none: never a wrong one, and none is left behind."""

from __future__ import annotations

import threading
from typing import cast

import pytest

from powerdown.core.deadline import Deadline
from powerdown.core.errors import MachineError
from powerdown.host.snapshots import standby as module
from powerdown.host.snapshots.standby import Standby
from powerdown.machine.events import PROCESS_EXIT, EventStream
from powerdown.machine.qemu.qemu_machine import QemuMachine


class Clone:
    """What :class:`Standby` asks of a machine."""

    def __init__(self) -> None:
        self.events = EventStream()
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()

    def restore(self) -> QemuMachine:
        return cast(QemuMachine, self)


@pytest.fixture
def standby() -> Standby:
    return Standby()


def test_nothing_is_at_hand_at_first(standby: Standby) -> None:
    assert standby.take("one") is None
    standby.close()


def test_a_clone_is_taken_once(standby: Standby) -> None:
    clone = Clone()
    standby.begin("one", clone.restore)
    assert standby.take("one") is clone
    assert standby.take("one") is None
    standby.close()
    assert not clone.closed.is_set()


def test_a_clone_of_another_template_is_ended(standby: Standby) -> None:
    clone = Clone()
    standby.begin("one", clone.restore)
    assert standby.take("two") is None
    assert clone.closed.is_set()


def test_a_clone_that_has_died_is_none(standby: Standby) -> None:
    clone = Clone()
    clone.events.record(PROCESS_EXIT, {"status": 1})
    standby.begin("one", clone.restore)
    assert standby.take("one") is None
    assert clone.closed.is_set()


def test_what_is_at_hand_goes_with_it_and_before_the_next(standby: Standby) -> None:
    first, second = Clone(), Clone()
    standby.begin("one", first.restore)
    standby.begin("one", second.restore)
    assert first.closed.is_set()
    standby.close()
    assert second.closed.is_set()


@pytest.mark.parametrize("error", [MachineError("a", "b", "c"), OSError("no room")])
@pytest.mark.filterwarnings("error")
def test_a_failure_is_left_to_whoever_needs_a_clone(standby: Standby, error: Exception) -> None:
    def fail() -> QemuMachine:
        raise error

    standby.begin("one", fail)
    assert standby.take("one") is None


def test_a_clone_that_comes_too_late_is_ended(
    standby: Standby, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above all it is not taken for the next one, which may be of another template."""
    monkeypatch.setattr(module, "_JOIN_SECONDS", 0.01)
    late, go_on = Clone(), threading.Event()

    def slowly() -> QemuMachine:
        go_on.wait(10)
        return late.restore()

    standby.begin("one", slowly)
    assert standby.take("one") is None
    go_on.set()
    assert late.closed.wait(Deadline.after(10).remaining)
    monkeypatch.undo()
    clone = Clone()
    standby.begin("two", clone.restore)
    assert standby.take("two") is clone
