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
    MachineError,
    PowerdownError,
)
from powerdown.guest.channels.channel import CommandResult
from powerdown.guest.readiness import await_ready
from powerdown.machine.events import PROCESS_EXIT
from tests.shutdown.fake_machine import ARMED, IMAGE, UNARMED, ScriptedChannel, ScriptedMachine

SHORT = 0.5
PATIENCE = 15.0


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
    return lambda: machine.events.record(PROCESS_EXIT, {"status": status}) and None


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
