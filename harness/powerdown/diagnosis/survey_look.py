"""A survey as the look that it is, too."""

from __future__ import annotations

from powerdown.guest.guest_baseline import GuestBaseline
from powerdown.guest.guest_sample import GuestSample


def as_sample(baseline: GuestBaseline | None) -> GuestSample | None:
    """What a survey shows of services and programs; ``None`` without one."""
    if baseline is None:
        return None
    unread = [
        f"{part}: no answer"
        for part, found in (("services", baseline.services), ("processes", baseline.processes))
        if not found
    ]
    return GuestSample(baseline.at, (), baseline.services, baseline.processes, tuple(unread))
