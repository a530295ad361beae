"""Changing the registry of a guest that is off.

Hives are written in their place: the clusters they have on the overlay, by QEMU's own code. Nothing
of the file system changes with them, so no file can become larger; what is new goes into cells
that are free (:mod:`hive_writer`). A process of its own, with limits, reads the disk
and says which sectors have to become what; only sectors and their numbers come back from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DiskError, PowerdownError
from powerdown.disk.disk_request import DiskRequest, KeyRequest
from powerdown.disk.hive.edit_plan import DiskInUse, Patch, encode
from powerdown.disk.hive.value_data import decode_data
from powerdown.disk.image.disk_image import DiskImage
from powerdown.disk.image.overlay_check import overlay_size
from powerdown.disk.reader.sandboxed_reader import DiskReader
from powerdown.disk.registry_snapshot import RegistrySnapshot
from powerdown.images.image import DiskFormat
from powerdown.windows.registry_edit import EditAction, RegistryEdit

_TRIED = "change the registry on"
_PUT_BACK_SECONDS = 20.0
"""For writing some sectors, once more."""

__all__ = ["DiskInUse", "edit_registry"]


def edit_registry(
    overlay: Path,
    edits: Sequence[RegistryEdit],
    deadline: Deadline,
    *,
    allow_unclean: bool = False,
) -> None:
    """Change the registry of the Windows on an overlay, and see that it is changed.

    A hive that was being written when the power went is first brought to where its logs lead, as
    Windows would do at its next start.

    :param overlay: newest overlay of a guest that is off. The image under it is not changed.
    :param edits: made in this order, all or none.
    :param deadline: for all of it.
    :param allow_unclean: change it though its volume is dirty or its system hibernated, whose
        resume then meets a disk that it does not expect.
    :raise DiskInUse: the volume is dirty or in use by a hibernated system.
    :raise DiskError: it is no overlay, a guest has it open, there is no Windows on it, a hive is
        damaged or has no room, or it cannot be written.
    :raise HostError: a tool is missing.
    :raise DeadlineExpired: it took too long.
    """
    overlay = overlay.absolute()
    overlay_size(overlay, _TRIED)
    if not edits:
        return
    with closing(DiskReader()) as reader:
        plan = reader.plan_edits(
            overlay, DiskFormat.QCOW2, edits, deadline, allow_unclean=allow_unclean
        )
        before: tuple[Patch, ...] = ()
        try:
            with DiskImage(overlay, DiskFormat.QCOW2, deadline, writable=True) as image:
                before = _now_there(image, plan.patches)
                _write(image, plan.patches)
            _see_that_it_is_so(reader, overlay, plan.edits, deadline)
        except BaseException as error:
            # After an interrupt too: half a hive must not stay.
            if before:
                _put_back(overlay, before, error)
            raise


def _see_that_it_is_so(
    reader: DiskReader, overlay: Path, edits: Sequence[RegistryEdit], deadline: Deadline
) -> None:
    request = DiskRequest(keys=tuple(KeyRequest(path) for path in _paths(edits)))
    seen = reader.read_disk(overlay, DiskFormat.QCOW2, request, deadline).registry
    wrong = _not_as_edited(seen, edits)
    if wrong:
        raise DiskError(
            f"{_TRIED} {overlay}",
            f"it did not read back: {'; '.join(wrong[:3])}; what was there was put back",
            "Inject online. This is a bug in Powerdown, or its reader does not know the hive.",
        )


def _now_there(image: DiskImage, patches: Iterable[Patch]) -> tuple[Patch, ...]:
    """What the sectors hold that these patches are for."""
    return tuple(
        Patch(patch.offset, image.read(patch.offset, len(patch.data))) for patch in patches
    )


def _write(image: DiskImage, patches: Iterable[Patch]) -> None:
    for patch in patches:
        image.write(patch.offset, patch.data)


def _put_back(overlay: Path, before: Iterable[Patch], why: BaseException) -> None:
    """Put back what was there; in time of its own, as it may be time that ran out."""
    deadline = Deadline.after(_PUT_BACK_SECONDS)
    try:
        with DiskImage(overlay, DiskFormat.QCOW2, deadline, writable=True) as image:
            _write(image, before)
    except PowerdownError as error:
        first = why.actual if isinstance(why, PowerdownError) else repr(why)
        raise DiskError(
            f"{_TRIED} {overlay}",
            f"{first}; and what was there could not be put back: {error.actual}",
            "It may be written in part: throw the overlay away.",
        ) from why


def _paths(edits: Iterable[RegistryEdit]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(edit.path for edit in edits))


def _not_as_edited(seen: RegistrySnapshot, edits: Sequence[RegistryEdit]) -> list[str]:
    """What is not as the edits leave it; of several that touch the same, the last counts."""
    wrong = []
    for number, edit in enumerate(edits):
        undone = any(_undoes(later, edit) for later in edits[number + 1 :])
        if not undone and not _holds(seen, edit):
            wrong.append(str(edit))
    return wrong


def _undoes(later: RegistryEdit, edit: RegistryEdit) -> bool:
    path, other = edit.path.lower(), later.path.lower()
    if later.action is EditAction.DELETE_KEY:
        return path == other or path.startswith(f"{other}\\")
    if edit.action is EditAction.DELETE_KEY:
        # What is set below it makes it again.
        return later.action is not EditAction.DELETE_VALUE and f"{other}\\".startswith(f"{path}\\")
    same_name = (edit.name or "").lower() == (later.name or "").lower()
    return path == other and later.name is not None and edit.name is not None and same_name


def _holds(seen: RegistrySnapshot, edit: RegistryEdit) -> bool:
    key = seen.key(edit.path)
    match edit.action:
        case EditAction.CREATE_KEY:
            return key is not None
        case EditAction.DELETE_KEY:
            return key is None
        case EditAction.DELETE_VALUE:
            return key is None or key.value(edit.name or "") is None
        case EditAction.SET_VALUE:
            value = None if key is None else key.value(edit.name or "")
            if value is None or edit.type is None:
                return False
            data = decode_data(edit.type, encode(edit.type, edit.data))
            return (value.type, value.data) == (edit.type, data)
