"""The power button of a guest that was found running: pressed, watched, and cut if so wanted."""

from __future__ import annotations

from dataclasses import dataclass, replace

from powerdown.cli.live_view import LiveView
from powerdown.core.deadline import Deadline
from powerdown.core.errors import MachineError, PowerdownError
from powerdown.diagnosis.cost_of_cut import Loss, cost_of_cut
from powerdown.diagnosis.diagnose import diagnose, is_conclusive
from powerdown.diagnosis.verdict import Verdict
from powerdown.guest.windows import Windows
from powerdown.machine.events import MONITOR_LOST, POWER_IS_OFF, HostEvent
from powerdown.machine.protocol import Machine, RunState
from powerdown.shutdown.forced_shutdown import cut_power
from powerdown.shutdown.observation import ChannelState, Command, Observation
from powerdown.shutdown.qemu_end import with_qemu_end
from powerdown.shutdown.soft_shutdown import press_power_button

_LAST_LOOK_SECONDS = 15.0
"""For asking a guest what still runs, just before its power is cut."""


@dataclass(frozen=True)
class Cut:
    """A power cut.

    :param after: seconds from the press.
    :param losses: what it cost.
    """

    after: float
    losses: tuple[Loss, ...]


@dataclass(frozen=True)
class Pressed:
    """What became of a guest.

    :param obs: what was seen of it before its power was cut, if it was.
    :param cut: the power cut; ``None`` without one.
    :param failure: why its power could not be cut, although it was to be.
    """

    obs: Observation
    cut: Cut | None = None
    failure: PowerdownError | None = None

    @property
    def verdict(self) -> Verdict:
        """Why it did, or did not, go down by itself."""
        return diagnose(self.obs)


def press_and_watch(
    machine: Machine, windows: Windows | None, force_after: float | None, view: LiveView
) -> Pressed:
    """Press the power button and watch until the result is known.

    :param windows: the inside of the guest; ``None`` to watch from outside only.
    :param force_after: seconds after the press at which the power of a guest that is still up is
        cut; ``None`` to leave it up.
    :param view: is shown all of it.
    :raise MachineError: QEMU refuses the press, or is gone.
    """
    if machine.run_state() is RunState.SHUTDOWN:
        raise MachineError(
            f"press the power button of {machine.name}",
            "its guest is off already (run state shutdown)",
            "Start it again: QMP quit or virsh destroy, then start.",
        )
    obs = press_power_button(machine, windows, is_conclusive=is_conclusive, listener=view.update)
    view.update(obs)
    if machine.events.first(_no_power_to_cut) is not None or force_after is None:
        return Pressed(with_qemu_end(obs, machine))
    due = Deadline(obs.commanded_at + force_after, force_after)
    view.note(f"still up: its power will be cut {force_after:g} s after the press")
    if machine.events.wait(_no_power_to_cut, due) is None:
        last = _last_look(machine, windows, obs)
        if machine.events.first(_no_power_to_cut) is None:
            return _cut(machine, obs, last)
    # It went down by itself after all.
    later = replace(obs, events=machine.events.since(obs.commanded_at), run_state=None)
    return Pressed(with_qemu_end(later, machine))


def _no_power_to_cut(event: HostEvent) -> bool:
    """Whether the power is off, or QEMU cannot be told to cut it any more."""
    return POWER_IS_OFF(event) or (event.name == MONITOR_LOST and "for_good" in event.data)


def _last_look(machine: Machine, windows: Windows | None, obs: Observation) -> Observation:
    """What still runs, asked for the last time where the guest answers."""
    if windows is None or obs.baseline is None or obs.control is not ChannelState.ALIVE:
        return obs
    try:
        sample = windows.sample(obs.baseline.last_record, _LAST_LOOK_SECONDS)
    except PowerdownError:
        # What was seen before will have to do; it says when that was.
        return obs
    return replace(obs, samples=(*obs.samples, sample))


def _cut(machine: Machine, obs: Observation, last: Observation) -> Pressed:
    try:
        forced = cut_power(machine, Command.QUIT)
    except PowerdownError as error:
        return Pressed(obs, failure=error)
    losses = cost_of_cut(last, forced.commanded_at)
    return Pressed(obs, Cut(forced.commanded_at - obs.commanded_at, losses))
