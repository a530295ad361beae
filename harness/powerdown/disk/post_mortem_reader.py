"""Reading the disk of a guest once it is off."""

from __future__ import annotations

from dataclasses import replace

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import PowerdownError
from powerdown.disk.disk_contents import DiskContents
from powerdown.disk.disk_request import DiskRequest
from powerdown.disk.hiberfil import Hibernation
from powerdown.disk.reader.sandboxed_reader import DiskReader
from powerdown.images.image import DiskFormat
from powerdown.machine.protocol import BootedMachine
from powerdown.shutdown.observation import Observation
from powerdown.shutdown.post_mortem import PostMortem, worth_keeping

_SECONDS = 20.0
"""For a task of some 50 ms."""


class PostMortemReader:
    """A disk reader, started while the guest still runs so that its start takes no extra time.

    Never raises: what cannot be read becomes a note of the post-mortem.
    """

    def __init__(self) -> None:
        self._failed: PowerdownError | None = None
        self._reader: DiskReader | None = None
        try:
            self._reader = DiskReader()
        except PowerdownError as error:
            self._failed = error

    def examine(self, obs: Observation, machine: BootedMachine) -> Observation:
        """Add the data on the disk to an observation; unchanged while QEMU still has the disk."""
        if obs.exit is None:
            return obs
        return replace(obs, post_mortem=self._read(obs, machine))

    def close(self) -> None:
        """End the reader; never raises, may be called twice."""
        if self._reader is not None:
            self._reader.close()

    def _read(self, obs: Observation, machine: BootedMachine) -> PostMortem:
        if self._reader is None:
            return PostMortem(now(), None, notes=(f"post-mortem: {self._failed}",))
        after = 0 if obs.baseline is None else obs.baseline.last_record
        request = DiskRequest(system_log=True, log_after=after)
        deadline = Deadline.after(_SECONDS)
        try:
            contents = self._reader.read_disk(machine.overlay, DiskFormat.QCOW2, request, deadline)
        except PowerdownError as error:
            return PostMortem(now(), None, notes=(f"post-mortem: {error}",))
        return _post_mortem(contents)


def _post_mortem(contents: DiskContents) -> PostMortem:
    log = contents.log
    notes = [*contents.notes, *(() if log is None else log.notes)]
    return PostMortem(
        at=now(),
        records=None if log is None else tuple(r for r in log.records if worth_keeping(r)),
        volume_dirty=contents.volume.dirty,
        hibernated=_HIBERNATED.get(contents.hibernation),
        notes=tuple(f"post-mortem: {note}" for note in notes),
    )


_HIBERNATED = {
    Hibernation.NONE: False,
    Hibernation.RESUMED: False,
    Hibernation.HIBERNATED: True,
}
"""For the other states it is not known."""
