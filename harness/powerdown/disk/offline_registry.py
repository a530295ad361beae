"""Changing the registry of a guest that is off.

Hives are written in place, to the clusters they occupy on the overlay, through QEMU's own code. The
file system is not changed, so no file can grow; new data goes into free cells (:mod:`hive_writer`).
The disk is parsed in a sandboxed process, which returns only the sectors to write and their
content.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DiskError, PowerdownError
from powerdown.disk.disk_request import DiskRequest
from powerdown.disk.hive.edit_plan import DiskInUse, Patch, encode
from powerdown.disk.hive.value_data import decode_data
from powerdown.disk.image.disk_image import DiskImage
from powerdown.disk.image.overlay_check import overlay_size
from powerdown.disk.reader.sandboxed_reader import DiskReader
from powerdown.disk.registry_snapshot import RegistrySnapshot
from powerdown.images.image import DiskFormat
from powerdown.windows.registry_edit import EditAction, RegistryEdit
from powerdown.windows.settings.key_request import KeyRequest

_ACTION = "change the registry on"
_RESTORE_SECONDS = 20.0
"""For writing the old sectors back."""

__all__ = ["DiskInUse", "edit_registry"]


def edit_registry(
    overlay: Path,
    edits: Sequence[RegistryEdit],
    deadline: Deadline,
    *,
    allow_unclean: bool = False,
) -> None:
    """Change the registry of the Windows on an overlay, and verify the change.

    The transaction logs of a hive that was being written when the power was lost are replayed
    first, as Windows would do at its next start.

    :param overlay: newest overlay of a guest that is off. The image under it is not changed.
    :param edits: applied in this order, all or none.
    :param deadline: for the whole operation.
    :param allow_unclean: proceed even if the volume is dirty or its system hibernated, whose
        resume then finds an unexpected disk.
    :raise DiskInUse: the volume is dirty or in use by a hibernated system.
    :raise DiskError: it is not an overlay, a guest has it open, there is no Windows on it, a hive
        is damaged or full, or it cannot be written.
    :raise HostError: a tool is missing.
    :raise DeadlineExpired: it took too long.
    """
    overlay = overlay.absolute()
    overlay_size(overlay, _ACTION)
    if not edits:
        return
    with closing(DiskReader()) as reader:
        plan = reader.plan_edits(
            overlay, DiskFormat.QCOW2, edits, deadline, allow_unclean=allow_unclean
        )
        before: tuple[Patch, ...] = ()
        try:
            with DiskImage(overlay, DiskFormat.QCOW2, deadline, writable=True) as image:
                before = _current_content(image, plan.patches)
                _write(image, plan.patches)
            _verify(reader, overlay, plan.edits, deadline)
        except BaseException as error:
            # Also after an interrupt: a half-written hive must not remain.
            if before:
                _restore(overlay, before, error)
            raise


def _verify(
    reader: DiskReader, overlay: Path, edits: Sequence[RegistryEdit], deadline: Deadline
) -> None:
    request = DiskRequest(keys=tuple(KeyRequest(path) for path in _paths(edits)))
    snapshot = reader.read_disk(overlay, DiskFormat.QCOW2, request, deadline).registry
    wrong = _mismatches(snapshot, edits)
    if wrong:
        raise DiskError(
            f"{_ACTION} {overlay}",
            f"the change did not read back: {'; '.join(wrong[:3])}; the old content was restored",
            "Inject online. This is a bug in Powerdown, or its reader does not support the hive.",
        )


def _current_content(image: DiskImage, patches: Iterable[Patch]) -> tuple[Patch, ...]:
    """The current content of the sectors that patches replace."""
    return tuple(
        Patch(patch.offset, image.read(patch.offset, len(patch.data))) for patch in patches
    )


def _write(image: DiskImage, patches: Iterable[Patch]) -> None:
    for patch in patches:
        image.write(patch.offset, patch.data)


def _restore(overlay: Path, before: Iterable[Patch], why: BaseException) -> None:
    """Restore the old content, under a deadline of its own: the other one may have passed."""
    deadline = Deadline.after(_RESTORE_SECONDS)
    try:
        with DiskImage(overlay, DiskFormat.QCOW2, deadline, writable=True) as image:
            _write(image, before)
    except PowerdownError as error:
        first = why.actual if isinstance(why, PowerdownError) else repr(why)
        raise DiskError(
            f"{_ACTION} {overlay}",
            f"{first}; and the old content could not be restored: {error.actual}",
            "The overlay may be written in part: discard it.",
        ) from why


def _paths(edits: Iterable[RegistryEdit]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(edit.path for edit in edits))


def _mismatches(snapshot: RegistrySnapshot, edits: Sequence[RegistryEdit]) -> list[str]:
    """The edits that are not in effect; of several for the same value, the last counts."""
    wrong = []
    for number, edit in enumerate(edits):
        undone = any(_overrides(later, edit) for later in edits[number + 1 :])
        if not undone and not _holds(snapshot, edit):
            wrong.append(str(edit))
    return wrong


def _overrides(later: RegistryEdit, edit: RegistryEdit) -> bool:
    path, other = edit.path.lower(), later.path.lower()
    if later.action is EditAction.DELETE_KEY:
        return path == other or path.startswith(f"{other}\\")
    if edit.action is EditAction.DELETE_KEY:
        # An edit below the key creates it again.
        return later.action is not EditAction.DELETE_VALUE and f"{other}\\".startswith(f"{path}\\")
    same_name = (edit.name or "").lower() == (later.name or "").lower()
    return path == other and later.name is not None and edit.name is not None and same_name


def _holds(snapshot: RegistrySnapshot, edit: RegistryEdit) -> bool:
    key = snapshot.key(edit.path)
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
