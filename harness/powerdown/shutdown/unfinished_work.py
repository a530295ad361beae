"""Work in a guest that an orderly shutdown finishes and a forced one destroys.

Two probe programs represent it: one holds a document that is not saved yet and saves it when its
session ends, the other installs an update file by file and finishes that before it lets the
system shut down. Both are ordinary Win32 programs (``harness/powerdown/guest/probes``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.core.errors import ControlChannelError
from powerdown.guest.windows import WORK_DIRECTORY, Windows
from powerdown.windows import commands

DOCUMENT = rf"{WORK_DIRECTORY}\document.txt"
UNSAVED_TEXT = "written-but-not-saved"

_UPDATE = rf"{WORK_DIRECTORY}\update"
_SERVICE = "PowerdownUpdater"
_TASK = "powerdown-document"
_NEW_VERSION = "2.0"
_COMPONENTS = 20
_COMPONENT_MILLISECONDS = 600
_STARTED_SECONDS = 60.0


@dataclass(frozen=True)
class UpdateState:
    """How far the update has come.

    :param state: ``installing``, ``installed``, or ``None`` when it never began.
    :param replaced: number of components at the new version.
    :param components: number of components in all.
    """

    state: str | None
    replaced: int
    components: int = _COMPONENTS

    @property
    def finished(self) -> bool:
        """Whether every component is at the new version and the update says so."""
        return self.state == "installed" and self.replaced == self.components

    @property
    def interrupted(self) -> bool:
        """Whether it stopped half-way: some components new, some not, and not finished."""
        return self.state == "installing" and 0 < self.replaced < self.components

    def __str__(self) -> str:
        return f"{self.replaced} of {self.components} {self.state}"


def begin(windows: Windows, document_program: Path, updater_program: Path) -> None:
    """Open a document with unsaved text, and start an update and wait until it is half-way.

    :raise ControlChannelError: one of them did not start.
    """
    document = windows.upload(document_program)
    windows.start_on_desktop(_TASK, f"{document} {DOCUMENT} {UNSAVED_TEXT}", document_program.name)
    updater = windows.upload(updater_program)
    arguments = f"{_UPDATE} {_NEW_VERSION} {_COMPONENTS} {_COMPONENT_MILLISECONDS}"
    windows.start_service(_SERVICE, f"{updater} {arguments}")
    _wait_until_under_way(windows)


def document(windows: Windows) -> str | None:
    """What is in the document's file; ``None`` when there is none."""
    return windows.read_file(DOCUMENT)


def update(windows: Windows) -> UpdateState:
    """How far the update has come; it creates each component as it installs it."""
    listed = windows.run(commands.list_names(rf"{_UPDATE}\component-*.txt"))
    return UpdateState(
        state=windows.read_file(rf"{_UPDATE}\state.txt"),
        replaced=len(listed.output.split()) if listed.exit_code == 0 else 0,
    )


def _wait_until_under_way(windows: Windows) -> None:
    deadline = Deadline.after(_STARTED_SECONDS)
    # Each question is a round trip into the guest: that paces the loop.
    while windows.read_file(rf"{_UPDATE}\component-1.txt") != _NEW_VERSION:
        if deadline.expired:
            raise ControlChannelError(
                "see the update under way in the guest",
                "its first component was not replaced",
                f"Look at 'sc.exe query {_SERVICE}' in the guest.",
            )
