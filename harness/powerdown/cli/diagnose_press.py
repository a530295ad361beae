"""Press the power button of a running guest, follow its shutdown and cut its power if requested."""

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

_LAST_SAMPLE_SECONDS = 15.0
"""For asking a guest what still runs just before its power is cut."""


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
    """The result of a press.

    :param obs: what was observed up to the power cut, if there was one.
    :param cut: the power cut; ``None`` without one.
    :param failure: why the power could not be cut as requested.
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
    """Press the power button and follow the shutdown until the result is known.

    :param windows: the guest from inside; ``None`` to observe it from outside only.
    :param force_after: seconds after the press at which the power of a guest that is still up is
        cut; ``None`` to leave it up.
    :param view: shows the progress.
    :raise MachineError: QEMU refuses the press, or has ended.
    """
    if machine.run_state() is RunState.SHUTDOWN:
        raise MachineError(
            f"press the power button of {machine.name}",
            "the guest is off already (run state shutdown)",
            "End this QEMU (QMP quit, or virsh destroy) and start the guest again.",
        )
    obs = press_power_button(machine, windows, is_conclusive=is_conclusive, listener=view.update)
    view.update(obs)
    if machine.events.first(_no_power_to_cut) is not None or force_after is None:
        return Pressed(with_qemu_end(obs, machine))
    due = Deadline(obs.commanded_at + force_after, force_after)
    view.note(f"still up: its power will be cut {force_after:g} s after the press")
    if machine.events.wait(_no_power_to_cut, due) is None:
        last = _last_sample(machine, windows, obs)
        if machine.events.first(_no_power_to_cut) is None:
            return _cut(machine, obs, last)
    # It shut down by itself after all.
    later = replace(obs, events=machine.events.since(obs.commanded_at), run_state=None)
    return Pressed(with_qemu_end(later, machine))


def _no_power_to_cut(event: HostEvent) -> bool:
    """Whether the power is off, or QEMU cannot be told to cut it any more."""
    return POWER_IS_OFF(event) or (event.name == MONITOR_LOST and "for_good" in event.data)


def _last_sample(machine: Machine, windows: Windows | None, obs: Observation) -> Observation:
    """The observation with one more sample, if the guest still answers."""
    if windows is None or obs.baseline is None or obs.control is not ChannelState.ALIVE:
        return obs
    try:
        sample = windows.sample(obs.baseline.last_record, _LAST_SAMPLE_SECONDS)
    except PowerdownError:
        # The previous sample has to do; it is dated.
        return obs
    return replace(obs, samples=(*obs.samples, sample))


def _cut(machine: Machine, obs: Observation, last: Observation) -> Pressed:
    try:
        forced = cut_power(machine, Command.QUIT)
    except PowerdownError as error:
        return Pressed(obs, failure=error)
    losses = cost_of_cut(last, forced.commanded_at)
    return Pressed(obs, Cut(forced.commanded_at - obs.commanded_at, losses))
