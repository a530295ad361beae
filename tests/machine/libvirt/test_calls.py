"""libvirt waits for QEMU without a limit; the harness does not."""

from __future__ import annotations

import threading
from concurrent.futures import wait

import pytest

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import MachineError
from powerdown.machine.events import named
from powerdown.machine.libvirt.calls import Calls, call_alone
from tests.support.boot_sector import HUNG, OBEDIENT
from tests.support.libvirt_lab import Lab
from tests.support.processes import stopped
from tests.support.real_qemu import armed


def test_calls_are_made_at_once_and_answered_in_any_order() -> None:
    calls, first = Calls(2), threading.Event()

    def second() -> int:
        first.set()
        return 2

    answers = [calls.begin(lambda: first.wait(10)), calls.begin(second)]
    assert [answer.result(10) for answer in answers if answer] == [True, 2]
    calls.close()


def test_no_more_calls_than_threads() -> None:
    calls, go_on = Calls(2), threading.Event()
    hanging = [calls.begin(lambda: go_on.wait(10)) for _ in range(2)]
    late = calls.begin(lambda: 3)
    assert late is not None
    assert not wait([late], 0.05).done
    go_on.set()
    assert late.result(10) == 3
    assert all(answer and answer.result(10) for answer in hanging)
    calls.close()


def test_one_that_was_cancelled_is_not_made() -> None:
    calls, go_on = Calls(1), threading.Event()
    calls.begin(lambda: go_on.wait(10))
    made: list[int] = []
    cancelled, last = calls.begin(lambda: made.append(1)), calls.begin(lambda: None)
    assert cancelled is not None
    assert last is not None
    assert cancelled.cancel()
    go_on.set()
    last.result(10)
    assert made == []


def test_after_closing_there_are_none() -> None:
    calls = Calls(1)
    calls.close()
    calls.close()
    assert calls.begin(lambda: 1) is None


def test_a_call_alone() -> None:
    assert call_alone(lambda: 1, 10) == 1
    with pytest.raises(TimeoutError):
        call_alone(lambda: threading.Event().wait(5), 0.05)
    with pytest.raises(ZeroDivisionError):
        call_alone(lambda: 1 // 0, 10)


@pytest.mark.guest
def test_a_qemu_that_hangs_is_not_waited_for(on_daemon: Lab) -> None:
    machine = on_daemon.boot(HUNG)
    armed(machine)
    pid = machine.pid
    assert pid is not None
    begun = now()
    with stopped(pid):
        with pytest.raises(MachineError, match=r"did not answer within 0\.3 s"):
            machine._qmp.execute("query-status", None, Deadline.after(0.3))
        # Neither are those that come behind it, however many.
        for _ in range(6):
            with pytest.raises(MachineError, match="did not answer"):
                machine._qmp.human("info status", Deadline.after(0.1))
        assert now() - begun < 3
        assert machine.pid == pid
    armed(machine)


@pytest.mark.guest
def test_closing_ends_even_a_qemu_that_hangs(
    on_daemon: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("powerdown.machine.libvirt.domain_machine._DESTROY_SECONDS", 1.0)
    machine = on_daemon.boot(HUNG)
    pid = machine.pid
    assert pid is not None
    begun = now()
    with stopped(pid):
        with pytest.raises(MachineError):
            machine._qmp.execute("query-status", None, Deadline.after(0.1))
        machine.close()
        assert now() - begun < 8
        assert on_daemon.domains() == []


@pytest.mark.guest
def test_nobody_waits_for_answers_of_one_that_is_off(on_daemon: Lab) -> None:
    machine = on_daemon.boot(OBEDIENT)
    armed(machine)
    gave_up: list[float] = []

    def ask() -> None:
        try:
            while True:
                machine.run_state()
        except MachineError:
            gave_up.append(now())

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    machine.press_power_button()
    off = machine.events.expect(named("SHUTDOWN"), Deadline.after(20), "the power-off")
    for thread in threads:
        thread.join(10)
    assert len(gave_up) == 3
    # Milliseconds on a quiet host.
    assert max(gave_up) - off.at < 0.5
