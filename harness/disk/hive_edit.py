"""Changing the registry of a guest that is off.

Hives are written in their place: the clusters they have on the overlay, by QEMU's own code. Nothing
of the file system changes with them, so no file can become larger; what is new goes into cells
that are free (:mod:`harness.disk.hive_writer`). A process of its own, with limits, reads the disk
and says which sectors have to become what; only sectors and their numbers come back from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from harness.deadline import Deadline
from harness.disk.contained import DiskReader
from harness.disk.disk_image import DiskImage
from harness.disk.disk_request import DiskRequest, KeyRequest
from harness.disk.edit_plan import DiskInUse, Patch
from harness.disk.overlay_check import overlay_size
from harness.disk.registry_snapshot import RegistrySnapshot
from harness.errors import DiskError, PowerdownError
from harness.guest.registry_edit import EditAction, RegistryEdit
from harness.images.image import DiskFormat

_TRIED = "change the registry on"

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
        before = _exchange(overlay, plan.patches, deadline)
        request = DiskRequest(keys=tuple(KeyRequest(path) for path in _paths(plan.edits)))
        seen = reader.read_disk(overlay, DiskFormat.QCOW2, request, deadline).registry
    wrong = _not_as_edited(seen, plan.edits)
    if wrong:
        _exchange(overlay, before, deadline)
        raise DiskError(
            f"{_TRIED} {overlay}",
            f"it did not read back: {'; '.join(wrong[:3])}; what was there was put back",
            "Inject online. This is a bug in Powerdown, or its reader does not know the hive.",
        )


def _exchange(overlay: Path, patches: Sequence[Patch], deadline: Deadline) -> tuple[Patch, ...]:
    """Write these sectors; what was there before. If that fails, it is put back."""
    with DiskImage(overlay, DiskFormat.QCOW2, deadline, writable=True) as image:
        before = tuple(
            Patch(patch.offset, image.read(patch.offset, len(patch.data))) for patch in patches
        )
        try:
            _write(image, patches)
        except PowerdownError as error:
            _put_back(overlay, image, before, error)
            raise
    return before


def _put_back(
    overlay: Path, image: DiskImage, before: Iterable[Patch], why: PowerdownError
) -> None:
    try:
        _write(image, before)
    except PowerdownError as error:
        raise DiskError(
            f"{_TRIED} {overlay}",
            f"{why.saw}; and what was there could not be put back: {error.saw}",
            "It is written in part: throw the overlay away.",
        ) from why


def _write(image: DiskImage, patches: Iterable[Patch]) -> None:
    for patch in patches:
        image.write(patch.offset, patch.data)


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
            return value is not None and (value.type, value.data) == (edit.type, edit.data)
