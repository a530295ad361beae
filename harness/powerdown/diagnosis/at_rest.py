"""What the disk of a guest that is off tells about its stop."""

from __future__ import annotations

from powerdown.diagnosis import observed
from powerdown.diagnosis.verdict import Evidence
from powerdown.shutdown.observation import Observation
from powerdown.windows.event_records import EventRecord

_ORDERLY_ENDS = {
    ("EventLog", 6006): "the event log service ended",
    ("Microsoft-Windows-Kernel-Power", 109): "the kernel began to power off",
    ("Microsoft-Windows-Kernel-General", 13): "the kernel ended",
}
"""Any of them shows that Windows itself ended (fact:record-order-client). On a client only 6006 is
on the disk by then, the others being recorded at its next start."""

_INITIATED = 1074


def found(obs: Observation) -> tuple[Evidence, ...]:
    """Evidence from the disk, in order of time; nothing where it was not read."""
    post_mortem = obs.post_mortem
    if post_mortem is None:
        return ()
    told = [
        observed.timed_record(obs, record, f"{fact} (read from the disk)")
        for record in (obs.records or () if tells_records(obs) else ())
        if (fact := _meaning(record)) is not None
    ]
    if lacks_orderly_end(obs):
        told.append(
            observed.at_rest(post_mortem, "no record of an orderly end", "no 6006, 109 or 13")
        )
    if post_mortem.volume_dirty is not None:
        dirty = post_mortem.volume_dirty
        fact = "the Windows volume is marked dirty" if dirty else "the Windows volume is clean"
        told.append(observed.at_rest(post_mortem, fact, f"$Volume dirty={dirty}"))
    if post_mortem.hibernated:
        fact = "the hibernation file holds a saved system"
        told.append(observed.at_rest(post_mortem, fact, "hiberfil.sys"))
    return (*told, *(observed.note(text) for text in post_mortem.notes))


def tells_records(obs: Observation) -> bool:
    """Whether the records that are known were read from the disk, and not by a look."""
    return obs.post_mortem is not None and obs.post_mortem.records is not None


def _meaning(record: EventRecord) -> str | None:
    if record.event_id == _INITIATED:
        return "a shutdown was initiated"
    return _ORDERLY_ENDS.get((record.provider, record.event_id))


def lacks_orderly_end(obs: Observation) -> bool:
    """Whether the log was read and lacks what every orderly stop leaves in it.

    Only where it is known what the log held before the command.
    """
    if obs.baseline is None or not tells_records(obs):
        return False
    ends = {(record.provider, record.event_id) for record in obs.records or ()}
    return ends.isdisjoint(_ORDERLY_ENDS)


def is_hibernated(obs: Observation) -> bool:
    """Whether the disk holds a saved system."""
    return obs.post_mortem is not None and obs.post_mortem.hibernated is True
