"""The screen of a guest whose QEMU may run as somebody else, or in a container."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from PIL import Image as Picture

from powerdown.core.deadline import Deadline
from powerdown.core.errors import MachineError
from powerdown.machine.qmp import HasDescriptor, Qmp
from powerdown.machine.screen import NO_PICTURE

_MAY_ONLY_ADD = 0o733
"""Others can make files there whose names they know, and cannot list any: nobody but QEMU knows
the name, so nobody can put a link in its place."""

_SECONDS = 5.0
"""For tidying up behind a picture."""


class FdPasser(Qmp, Protocol):
    """A QMP connection over which QEMU can be handed files."""

    def add_fd(self, end: HasDescriptor, deadline: Deadline) -> int:
        """Give QEMU a file, which QMP commands then know as ``/dev/fdset/N``; what ``N`` is."""


class ExternalScreen:
    """Takes pictures of the screen: into a file that QEMU is handed, else one that both can reach.

    :param qmp: the connection to QEMU.
    :param lends: whether files can be handed over on it, as over a UNIX socket.
    :param local: whether QEMU is on this host, so that a name of a file may mean the same to it.
    """

    def __init__(self, qmp: FdPasser, *, lends: bool, local: bool) -> None:
        self._qmp = qmp
        self._lends = lends
        self._local = local

    def take(self, deadline: Deadline) -> Picture.Image:
        """The screen as it is now, in colour.

        :raise MachineError: QEMU is gone, or can write no picture that can be read here.
        """
        if self._lends and self._local and not self._runs(deadline):
            # QEMU closes files that it was handed only while its guest runs (qemu:monitor/fds.c,
            # monitor_fdset_cleanup): they would pile up in it.
            with contextlib.suppress(MachineError):
                return self._into_directory(deadline)
        if self._lends:
            try:
                return self._into_memory(deadline)
            except MachineError:
                if not self._local:
                    raise
                picture = self._into_directory(deadline)
                # Only where the other way has worked instead: QEMU may have been about to end.
                self._lends = False
                return picture
        if self._local:
            return self._into_directory(deadline)
        raise MachineError(
            "look at the screen",
            "a QEMU on another host cannot hand its picture over",
            "Run on QEMU's own host, with a UNIX socket.",
        )

    def _into_memory(self, deadline: Deadline) -> Picture.Image:
        with os.fdopen(os.memfd_create("screen"), "rb") as file:
            # QEMU wants one that is open for writing and nothing else, as it would open it itself.
            with Path(f"/proc/self/fd/{file.fileno()}").open("wb") as passed:
                number = self._qmp.add_fd(passed, deadline)
            try:
                name = f"/dev/fdset/{number}"
                self._qmp.execute("screendump", {"filename": name}, deadline)
            finally:
                # QEMU may be gone, and its set of files with it.
                with contextlib.suppress(MachineError):
                    arguments = {"fdset-id": number}
                    self._qmp.execute("remove-fd", arguments, deadline.at_most(_SECONDS))
            try:
                return _read(file.fileno())
            finally:
                # Should QEMU keep it, then without what is in it.
                os.ftruncate(file.fileno(), 0)

    def _runs(self, deadline: Deadline) -> bool:
        answer = self._qmp.execute("query-status", None, deadline)
        return isinstance(answer, dict) and answer.get("running") is True

    def _into_directory(self, deadline: Deadline) -> Picture.Image:
        with TemporaryDirectory(prefix="powerdown-screen-") as directory:
            place = Path(directory)
            place.chmod(_MAY_ONLY_ADD)
            file = place / f"{secrets.token_hex(16)}.ppm"
            self._qmp.execute("screendump", {"filename": str(file)}, deadline)
            try:
                descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
            except OSError as error:
                raise _no_picture(error) from error
            try:
                return _read(descriptor)
            finally:
                os.close(descriptor)


def _read(descriptor: int) -> Picture.Image:
    try:
        with (
            os.fdopen(os.dup(descriptor), "rb") as file,
            Picture.open(file, formats=["PPM"]) as picture,
        ):
            picture.load()
            return picture
    except NO_PICTURE as error:
        raise _no_picture(error) from error


def _no_picture(error: Exception) -> MachineError:
    return MachineError(
        "look at the screen", f"QEMU wrote no picture that can be read here: {error}", "Go on."
    )
