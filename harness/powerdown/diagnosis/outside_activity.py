"""CPU time, disk writes and screen changes of a guest, as the host measures them."""

from __future__ import annotations

from collections.abc import Iterable

from powerdown.machine.activity import Activity
from powerdown.machine.screen_sample import ScreenSample
from powerdown.shutdown.observation import Observation

_BUSY_SHARE = 0.8
_STOPPED_SHARE = 0.002
"""Less than the timer of an idle system takes; a CPU that is halted for good takes none."""

_NOTICEABLE_BYTES = 64 * 1024
"""Written between two looks; an idle system writes a few kilobytes now and then."""


def cpu_share(obs: Observation) -> float | None:
    """How much of its virtual CPUs' time the guest wanted since the command, 0 to 1."""
    samples = _since_command(obs)
    if len(samples) < 2 or samples[-1].at <= samples[0].at:
        return None
    wanted = samples[-1].wanted_cpu_seconds - samples[0].wanted_cpu_seconds
    return wanted / (samples[-1].at - samples[0].at) / obs.vcpus


def given_share(obs: Observation) -> float | None:
    """How much of its virtual CPUs' time the host gave the guest since the command, 0 to 1."""
    samples = _since_command(obs)
    if len(samples) < 2 or samples[-1].at <= samples[0].at:
        return None
    ran = samples[-1].cpu_seconds - samples[0].cpu_seconds
    return ran / (samples[-1].at - samples[0].at) / obs.vcpus


def is_pinned(obs: Observation) -> bool:
    """Whether all virtual CPUs were busy all the time since the command."""
    share = cpu_share(obs)
    return share is not None and share >= _BUSY_SHARE


def cpus_halted(obs: Observation) -> bool:
    """Whether the virtual CPUs have been halted since the command."""
    share = cpu_share(obs)
    return share is not None and share <= _STOPPED_SHARE


def is_starved(obs: Observation) -> bool:
    """Whether the host gave the guest too little CPU time: it may only be slow.

    Enough is what a guest on a quiet host has within the ``reaction`` budget.
    """
    samples = _since_command(obs)
    if len(samples) < 2 or cpus_halted(obs):
        return False
    ran = samples[-1].cpu_seconds - samples[0].cpu_seconds
    wanted = samples[-1].wanted_cpu_seconds - samples[0].wanted_cpu_seconds
    return ran < wanted / 2 and ran < max(obs.budgets.reaction * obs.vcpus, wanted / 10)


def writes_between(obs: Observation, start: float, end: float) -> int:
    """Bytes written to the system disk between two moments, as far as they were counted."""
    before = [sample for sample in obs.activity if sample.at <= start][-1:]
    samples = before + [sample for sample in obs.activity if start < sample.at <= end]
    return samples[-1].written_bytes - samples[0].written_bytes if len(samples) > 1 else 0


def wrote(obs: Observation, start: float, end: float) -> bool:
    """Whether a noticeable amount was written to the system disk in that time."""
    return writes_between(obs, start, end) >= _NOTICEABLE_BYTES


def still_writing(obs: Observation) -> bool:
    """Whether the disk was still written to in the last third of the watch."""
    return wrote(obs, obs.ended_at - obs.watched / 3, obs.ended_at)


def screen_changed(obs: Observation) -> bool | None:
    """Whether the screen has changed; ``None`` when it was not sampled."""
    if len(obs.screens) < 2:
        return None
    return any(sample.digest != obs.screens[0].digest for sample in obs.screens[1:])


def screen_was_dark(obs: Observation) -> bool | None:
    """Whether the screen was dark before the command; ``None`` when it was not sampled."""
    return obs.screens[0].dark if obs.screens else None


def screen_lit(obs: Observation) -> ScreenSample | None:
    """The first sample of a lit screen that was dark before; it may be dark again since."""
    if not screen_was_dark(obs):
        return None
    return next((sample for sample in obs.screens if not sample.dark), None)


def shows(text: str | None, words: Iterable[str]) -> str | None:
    """The first of ``words`` that is in ``text``, ignoring case and line breaks."""
    plain = " ".join((text or "").lower().split())
    return next((word for word in words if word in plain), None)


def _since_command(obs: Observation) -> list[Activity]:
    return [sample for sample in obs.activity if sample.at >= obs.commanded_at]
