"""From an attempt to its verdict: diagnosed at once, and again with what its end adds."""

from __future__ import annotations

from dataclasses import dataclass

from powerdown.core.deadline import now
from powerdown.diagnosis.diagnose import diagnose
from powerdown.diagnosis.verdict import Verdict
from powerdown.disk.post_mortem_reader import PostMortemReader
from powerdown.guest.guest import Guest
from powerdown.shutdown.observation import Observation
from powerdown.shutdown.qemu_end import with_qemu_end


@dataclass(frozen=True)
class Conclusion:
    """What came of one attempt.

    :param obs: all that was observed, QEMU's end and the post-mortem included.
    :param verdict: from all of it.
    :param verdict_at: when the first verdict was reached, before QEMU's end was waited for; seconds
        on the host-monotonic clock.
    :param from_outside: the verdict without anything that the control channel told.
    """

    obs: Observation
    verdict: Verdict
    verdict_at: float
    from_outside: Verdict

    @property
    def verdict_delay(self) -> float | None:
        """Seconds from ``SHUTDOWN`` of a guest that powered itself off to the verdict."""
        off = self.obs.event("SHUTDOWN")
        return self.verdict_at - off.at if off is not None and off.data.get("guest") else None


def conclude(obs: Observation, guest: Guest, reader: PostMortemReader) -> Conclusion:
    """Diagnose an attempt, and once more after QEMU's end, which its disk tells more of.

    :param obs: of the attempt, as it ended.
    :param reader: for the disk; started beforehand, so that nobody waits for its start.
    """
    verdict, verdict_at = diagnose(obs), now()
    guest.time.add(obs.commanded_at, obs.ended_at)
    if obs.event("SHUTDOWN") is not None:
        with guest.time.counted():
            obs = with_qemu_end(obs, guest.machine)
    obs = reader.examine(obs, guest.machine)
    if obs.exit is not None:
        # Seldom another verdict, but QEMU may have crashed at its end, and the disk knows more.
        verdict = diagnose(obs)
    return Conclusion(obs, verdict, verdict_at, diagnose(obs.from_outside()))
