from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import (
    ControlChannelError,
    CredentialsRejected,
    DeadlineExpired,
    HostFault,
    MachineError,
    PowerdownError,
)
from powerdown.guest.channels.channel import CommandResult
from powerdown.guest.readiness import await_ready, await_restored
from powerdown.machine.events import PROCESS_EXIT
from powerdown.machine.protocol import RunState
from tests.support.fake_machine import ARMED, IMAGE, UNARMED, ScriptedChannel, ScriptedMachine

SHORT = 0.5
PATIENCE = 15.0
PATIENT = replace(IMAGE.budgets, settle=PATIENCE)


class StubbornChannel(ScriptedChannel):
    """Answers the port and fails commands: with each of ``errors`` in turn, then no more."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__({"ver": "Microsoft Windows"})
        self.errors = list(errors)
        self.tries = 0

    def run(self, command: str, deadline: Deadline) -> CommandResult:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return super().run(command, deadline)


def ending(machine: ScriptedMachine, status: int = 1) -> Callable[[], None]:
    return lambda: (machine.events.record(PROCESS_EXIT, {"status": status}), None)[1]


class HangingChannel(ScriptedChannel):
    """Answers the port; a command gets no answer until somebody interrupts it."""

    def __init__(self) -> None:
        super().__init__({})
        self.asked = threading.Event()

    def run(self, command: str, deadline: Deadline) -> CommandResult:
        self.asked.set()
        if not self.interrupted.wait(deadline.remaining):
            raise DeadlineExpired("see an answer", "none", "Wait.")
        self.interrupted.clear()
        raise ControlChannelError(f"run {command!r}", "the connection failed", "Wait.")


def stopping(machine: ScriptedMachine, state: RunState) -> Callable[[], None]:
    """What QEMU does when it stops a guest: first the run state, then the event."""

    def stop() -> None:
        machine.state = state
        machine.events.record("STOP")

    return stop


def test_ready_is_armed_and_answering() -> None:
    machine = ScriptedMachine([UNARMED, (0xFFFF, 0xFFFF), ARMED])
    started = now()
    channel = ScriptedChannel({"ver": "Microsoft Windows"})
    ready = await_ready(machine, channel, Deadline.after(PATIENCE))
    assert ready.answered_at is not None
    assert started < ready.armed_at <= ready.answered_at == ready.at
    assert ready.pm1.button_armed
    assert channel.commands == ["ver"]


def test_a_guest_that_restarts_before_it_answers_must_arm_again() -> None:
    machine = ScriptedMachine([ARMED, UNARMED, ARMED])
    ready = await_ready(machine, ScriptedChannel({"ver": ""}), Deadline.after(PATIENCE))
    assert ready.pm1.button_armed


def test_a_guest_without_channel_is_ready_when_it_is_armed() -> None:
    ready = await_ready(ScriptedMachine([ARMED]), None, Deadline.after(PATIENCE))
    assert ready.answered_at is None
    assert ready.at == ready.armed_at


def test_a_guest_without_channel_gets_its_time_to_settle() -> None:
    patient = replace(IMAGE, budgets=replace(IMAGE.budgets, settle=0.2))
    machine = ScriptedMachine([ARMED], image=patient)
    ready = await_ready(machine, None, Deadline.after(PATIENCE))
    assert ready.pm1.at >= ready.armed_at + 0.2


def test_a_guest_that_ends_while_it_settles_is_an_error() -> None:
    patient = replace(IMAGE, budgets=replace(IMAGE.budgets, settle=PATIENCE))
    machine = ScriptedMachine([ARMED], image=patient)
    threading.Timer(0.1, ending(machine)).start()
    with pytest.raises(MachineError, match="its QEMU ended"):
        await_ready(machine, None, Deadline.after(PATIENCE))


def test_a_guest_that_never_arms_is_told_apart() -> None:
    channel = ScriptedChannel({"ver": ""})
    with pytest.raises(DeadlineExpired, match=r"arm its power button within 0\.5 s"):
        await_ready(ScriptedMachine([UNARMED]), channel, Deadline.after(SHORT))
    assert channel.commands == [], "an unarmed guest is asked nothing"


def test_a_guest_that_arms_but_never_answers_is_told_apart() -> None:
    channel = ScriptedChannel({}, alive=False)
    with pytest.raises(DeadlineExpired, match="control channel of scripted answer") as caught:
        await_ready(ScriptedMachine([ARMED]), channel, Deadline.after(SHORT))
    assert "nothing answers" in caught.value.actual


def test_the_last_reason_is_told() -> None:
    # Port answers, every command fails.
    with pytest.raises(DeadlineExpired, match="not recognized"):
        await_ready(ScriptedMachine([ARMED]), ScriptedChannel({}), Deadline.after(SHORT))


@pytest.mark.parametrize(
    "error",
    [
        ControlChannelError("run 'ver'", "the connection failed", "Wait."),
        # Text that merely speaks of credentials is no reason to give up.
        ControlChannelError("run 'ver'", "credentials cache not up yet", "Wait."),
        DeadlineExpired("see an answer", "none", "Wait."),
    ],
)
def test_a_guest_that_is_still_starting_is_tried_again(error: PowerdownError) -> None:
    channel = StubbornChannel(error, error)
    ready = await_ready(ScriptedMachine([ARMED]), channel, Deadline.after(PATIENCE))
    assert ready.answered_at is not None
    assert channel.tries == 3


def test_wrong_credentials_are_raised_at_once() -> None:
    rejected = CredentialsRejected("run 'ver'", "the guest rejects 'tester'", "Check.")
    channel = StubbornChannel(*[rejected] * 1000)
    deadline = Deadline.after(PATIENCE)
    with pytest.raises(CredentialsRejected) as caught:
        await_ready(ScriptedMachine([ARMED]), channel, deadline)
    assert caught.value is rejected
    assert channel.tries == 1
    assert not deadline.expired


def test_one_command_does_not_use_up_the_boot_budget() -> None:
    allowed = []

    class Recording(ScriptedChannel):
        def run(self, command: str, deadline: Deadline) -> CommandResult:
            allowed.append(deadline.remaining)
            return super().run(command, deadline)

    channel = Recording({"ver": ""})
    await_ready(ScriptedMachine([ARMED]), channel, Deadline.after(3600))
    assert allowed[0] < 600


@pytest.mark.parametrize(
    ("pm1", "alive"), [(UNARMED, True), (ARMED, False)], ids=["before arming", "before answering"]
)
def test_qemu_that_ends_meanwhile_is_said_at_once(pm1: tuple[int, int], alive: bool) -> None:
    machine = ScriptedMachine([pm1])
    deadline = Deadline.after(PATIENCE)
    end = threading.Timer(0.2, ending(machine))
    end.start()
    try:
        with pytest.raises(MachineError, match="ended"):
            await_ready(machine, ScriptedChannel({"ver": ""}, alive=alive), deadline)
    finally:
        end.join()
    assert not deadline.expired


class TestAGuestThatQemuStops:
    @pytest.mark.parametrize(
        ("pm1", "channel"),
        [
            (UNARMED, ScriptedChannel({"ver": ""})),
            (ARMED, ScriptedChannel({"ver": ""}, alive=False)),
            (ARMED, ScriptedChannel({})),
            (ARMED, None),
        ],
        ids=["before arming", "before answering", "before commands work", "while it settles"],
    )
    def test_a_fault_of_the_host_is_said_at_once(
        self, pm1: tuple[int, int], channel: ScriptedChannel | None
    ) -> None:
        machine = ScriptedMachine([pm1], image=replace(IMAGE, budgets=PATIENT))
        deadline = Deadline.after(PATIENCE)
        stop = threading.Timer(0.2, stopping(machine, RunState.INTERNAL_ERROR))
        stop.start()
        with pytest.raises(HostFault) as caught:
            await_ready(machine, channel, deadline)
        assert not deadline.expired
        assert caught.value.action == "wait for scripted to get ready"
        assert caught.value.actual == (
            "QEMU stopped the guest with run state internal-error "
            "(a fault of KVM or QEMU, not of the guest)"
        )
        assert "POWERDOWN_ACCEL=tcg" in caught.value.remedy

    def test_the_event_counts_and_not_the_next_look(self) -> None:
        machine = ScriptedMachine([ARMED], image=replace(IMAGE, budgets=PATIENT))
        reached: list[float] = []

        def stop() -> None:
            stopping(machine, RunState.INTERNAL_ERROR)()
            reached.append(now())

        threading.Timer(0.2, stop).start()
        with pytest.raises(HostFault):
            await_ready(machine, None, Deadline.after(PATIENCE))
        assert now() - reached[0] < 1.0, "some ms on a quiet host; it would settle for 15 s"

    def test_a_command_under_way_is_not_waited_for(self) -> None:
        machine, channel = ScriptedMachine([ARMED]), HangingChannel()
        deadline = Deadline.after(PATIENCE)

        def stop() -> None:
            assert channel.asked.wait(PATIENCE)
            stopping(machine, RunState.INTERNAL_ERROR)()

        thread = threading.Thread(target=stop)
        thread.start()
        with pytest.raises(HostFault, match="internal-error"):
            await_ready(machine, channel, deadline)
        thread.join()
        assert not deadline.expired

    def test_one_that_is_stopped_already_is_not_waited_for(self) -> None:
        machine = ScriptedMachine([UNARMED], state=RunState.INTERNAL_ERROR)
        deadline = Deadline.after(PATIENCE)
        with pytest.raises(HostFault, match="internal-error"):
            await_ready(machine, ScriptedChannel({"ver": ""}), deadline)
        assert not deadline.expired

    def test_a_restored_one_likewise(self) -> None:
        machine = ScriptedMachine([ARMED])
        deadline = Deadline.after(PATIENCE)
        threading.Timer(0.2, stopping(machine, RunState.INTERNAL_ERROR)).start()
        with pytest.raises(HostFault, match="internal-error"):
            await_restored(machine, ScriptedChannel({}, alive=False), deadline)
        assert not deadline.expired

    def test_a_full_disk_of_the_host_is_named(self) -> None:
        machine = ScriptedMachine([UNARMED])
        machine.events.record("BLOCK_IO_ERROR", {"action": "stop", "nospace": True})
        stopping(machine, RunState.IO_ERROR)()
        with pytest.raises(HostFault, match=r"state io-error .*nospace=True.* Check free space"):
            await_ready(machine, None, Deadline.after(PATIENCE))

    def test_a_crash_while_it_boots_is_said_at_once_and_not_the_hosts_fault(self) -> None:
        machine = ScriptedMachine([UNARMED])
        deadline = Deadline.after(PATIENCE)

        def crash() -> None:
            machine.events.record("GUEST_PANICKED", {"action": "pause"})
            stopping(machine, RunState.GUEST_PANICKED)()

        threading.Timer(0.2, crash).start()
        with pytest.raises(MachineError, match=r"the guest crashed.*GUEST_PANICKED\(action=pause"):
            await_ready(machine, None, deadline)
        assert not deadline.expired

    @pytest.mark.parametrize("state", [RunState.PAUSED, RunState.OTHER])
    def test_one_that_the_host_pauses_is_waited_for(self, state: RunState) -> None:
        machine = ScriptedMachine([UNARMED])

        def resume() -> None:
            machine.state = RunState.RUNNING
            machine.events.record("RESUME")
            machine.pm1[:] = [ARMED]

        threading.Timer(0.1, stopping(machine, state)).start()
        threading.Timer(0.4, resume).start()
        ready = await_ready(machine, None, Deadline.after(PATIENCE))
        assert ready.pm1.button_armed

    def test_stops_that_are_over_cost_no_time(self) -> None:
        samples = []

        class Counting(ScriptedMachine):
            def run_state(self) -> RunState:
                samples.append(now())
                return super().run_state()

        machine = Counting([UNARMED])
        for _ in range(50):
            machine.events.record("STOP")
            machine.events.record("RESUME")
        with pytest.raises(DeadlineExpired):
            await_ready(machine, None, Deadline.after(SHORT))
        assert len(samples) == 1, "and it is not asked at every look"
