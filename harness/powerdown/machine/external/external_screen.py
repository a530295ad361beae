"""Screenshots from a QEMU that may run as another user or in a container."""

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

_CREATE_ONLY = 0o733
"""Others can create files there but not list them: only QEMU knows the name, so no one else can put
a link in its place."""

_SECONDS = 5.0
"""For cleaning up after a screenshot."""


class FdPasser(Qmp, Protocol):
    """A QMP connection that can pass files to QEMU."""

    def add_fd(self, end: HasDescriptor, deadline: Deadline) -> int:
        """Pass QEMU a file, which QMP commands then refer to as ``/dev/fdset/N``; return ``N``."""


class ExternalScreen:
    """Takes screenshots, into a file passed to QEMU or else into one at a path both can reach.

    :param qmp: the connection to QEMU.
    :param passes_fds: whether it can pass files, as a UNIX socket can.
    :param local: whether QEMU is on this host, so that it may see the same paths.
    """

    def __init__(self, qmp: FdPasser, *, passes_fds: bool, local: bool) -> None:
        self._qmp = qmp
        self._passes_fds = passes_fds
        self._local = local

    def take(self, deadline: Deadline) -> Picture.Image:
        """The screen as it is now, in colour.

        :raise MachineError: QEMU has ended, or cannot write a picture that can be read here.
        """
        if self._passes_fds and self._local and not self._is_running(deadline):
            # QEMU closes passed files only while its guest runs (qemu:monitor/fds.c,
            # monitor_fdset_cleanup): they would accumulate.
            with contextlib.suppress(MachineError):
                return self._into_directory(deadline)
        if self._passes_fds:
            try:
                return self._into_memory(deadline)
            except MachineError:
                if not self._local:
                    raise
                picture = self._into_directory(deadline)
                # Only once the other way has worked: QEMU may have been ending.
                self._passes_fds = False
                return picture
        if self._local:
            return self._into_directory(deadline)
        raise MachineError(
            "take a screenshot",
            "QEMU is on another host and cannot pass its picture to this one",
            "Run on QEMU's own host, with a UNIX socket.",
        )

    def _into_memory(self, deadline: Deadline) -> Picture.Image:
        with os.fdopen(os.memfd_create("screen"), "rb") as file:
            # QEMU requires it to be open for writing only, as if it had opened the file itself.
            with Path(f"/proc/self/fd/{file.fileno()}").open("wb") as passed:
                number = self._qmp.add_fd(passed, deadline)
            try:
                name = f"/dev/fdset/{number}"
                self._qmp.execute("screendump", {"filename": name}, deadline)
            finally:
                # QEMU may have ended.
                with contextlib.suppress(MachineError):
                    arguments = {"fdset-id": number}
                    self._qmp.execute("remove-fd", arguments, deadline.at_most(_SECONDS))
            try:
                return _read(file.fileno())
            finally:
                # In case QEMU keeps it open.
                os.ftruncate(file.fileno(), 0)

    def _is_running(self, deadline: Deadline) -> bool:
        answer = self._qmp.execute("query-status", None, deadline)
        return isinstance(answer, dict) and answer.get("running") is True

    def _into_directory(self, deadline: Deadline) -> Picture.Image:
        with TemporaryDirectory(prefix="powerdown-screen-") as directory:
            shared = Path(directory)
            shared.chmod(_CREATE_ONLY)
            file = shared / f"{secrets.token_hex(16)}.ppm"
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
        "take a screenshot",
        f"QEMU wrote no picture that can be read here: {error}",
        "Run as the user that runs QEMU, outside of containers.",
    )
