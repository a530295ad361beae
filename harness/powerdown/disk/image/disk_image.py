"""A disk as the guest sees it, in any format and through overlays, by QEMU's own code.

``qemu-nbd`` serves it and libnbd (LGPL, by maintainers of QEMU's NBD code) reads it: no root, no
loop device, and no process per read. Every layer of the chain is given with its format, so QEMU
probes nothing (:mod:`image_chain`).

Nothing is left behind when a process is killed: the socket is unlinked before ``qemu-nbd`` starts,
and the kernel kills ``qemu-nbd`` with its parent.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from powerdown.core.closeable import Closeable
from powerdown.core.deadline import Deadline
from powerdown.core.errors import DiskError
from powerdown.core.missing_program import missing_program
from powerdown.disk.image.image_chain import block_node
from powerdown.disk.optional_module import optional_module
from powerdown.images.image import DiskFormat

_PROGRAM = "qemu-nbd"
_BLOCK_BYTES = 1 << 16
_MOST_BLOCKS = 512
"""Cached blocks: 32 MiB."""

MOST_READ_BYTES = 1 << 26
"""Limit of one read; longer ones come from a damaged structure."""
_MOST_REQUEST_BYTES = 1 << 24
"""Servers need not accept more than 32 MiB at once (NBD protocol, "Block size constraints")."""

_LAST_WORDS_SECONDS = 1.0
"""For a server to end that closed the connection."""
_BYE_SECONDS = 10.0
"""For a server to close an image after writing."""

_START = 'test "$PPID" = "$1" || exit; shift; exec 3<&0 </dev/null; LISTEN_PID=$$ exec "$@"'
"""Passes the listening socket as systemd would (man 3 sd_listen_fds). When the shell checks its
parent, the death signal is already set."""


class DiskImage(Closeable):
    """An open disk; a context manager.

    :param path: the image, or the newest overlay on it; unless writable, QEMU may have it locked.
    :param format: its format.
    :param deadline: for all operations on it.
    :param writable: whether it may be written; the caller must make sure that it is an overlay.
    :raise DiskError: it cannot be opened.
    :raise HostError: libnbd or qemu-nbd is not installed.
    :raise DeadlineExpired: opening took too long.
    """

    size: int
    """Size of the disk in bytes, as the guest sees it."""

    def __init__(
        self, path: Path, format: DiskFormat, deadline: Deadline, *, writable: bool = False
    ) -> None:
        self._path = path.absolute()
        self._deadline = deadline
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._dirty = False
        nbd_module = optional_module("nbd", "python3-libnbd")
        node = block_node(self._path, format, writable=writable)
        self._nbd: Any = nbd_module.NBD()
        self._error: type[Exception] = nbd_module.Error
        self._buffer = nbd_module.Buffer.from_buffer
        ours, self._server = _serve(node, writable)
        try:
            self._connect(ours)
            self.size = self._nbd.get_size()
        except BaseException:
            self._end(0.0)
            raise

    def read(self, offset: int, length: int) -> bytes:
        """Read ``length`` bytes at ``offset``.

        :raise DiskError: the range is beyond the disk, or cannot be read.
        :raise DeadlineExpired: it took too long.
        """
        if offset < 0 or not 0 <= length <= MOST_READ_BYTES or offset + length > self.size:
            raise DiskError(
                f"read {self._path}",
                f"{length} bytes at {offset} were requested from a disk of {self.size} bytes",
                "A structure on the disk is damaged, or this is a bug in Powerdown.",
            )
        if length == 0:
            return b""
        first, last = offset // _BLOCK_BYTES, (offset + length - 1) // _BLOCK_BYTES
        if last - first > _MOST_BLOCKS // 4:
            # Too much for the cache.
            return self._fetch(offset, length)
        self._load(first, last)
        data = b"".join(self._block(number) for number in range(first, last + 1))
        begin = offset - first * _BLOCK_BYTES
        return data[begin : begin + length]

    def write(self, offset: int, data: bytes) -> None:
        """Write ``data`` at ``offset``; it is flushed on close.

        :raise DiskError: the image is not writable, the range is beyond it, or writing failed.
        :raise DeadlineExpired: it took too long.
        """
        if offset < 0 or offset + len(data) > self.size:
            raise DiskError(
                f"write {self._path}",
                f"{len(data)} bytes at {offset} do not fit a disk of {self.size} bytes",
                "This is a bug in Powerdown.",
            )
        self._blocks.clear()
        self._dirty = True
        for begin in range(0, len(data), _MOST_REQUEST_BYTES):
            piece = bytearray(data[begin : begin + _MOST_REQUEST_BYTES])
            with self._wrapped_errors("write"):
                cookie = self._nbd.aio_pwrite(self._buffer(piece), offset + begin)
                self._complete(cookie)

    def close(self) -> None:
        """Close the disk.

        :raise DiskError: written data could not be flushed.
        """
        if not self._dirty:
            self._end(0.0)
            return
        self._dirty = False
        try:
            with self._wrapped_errors("write"):
                self._complete(self._nbd.aio_flush())
                # Not shutdown(), which waits for the server without a limit.
                self._nbd.aio_disconnect()
                while not (self._nbd.aio_is_closed() or self._nbd.aio_is_dead()):
                    self._poll()
        finally:
            self._end(_BYE_SECONDS)

    def _connect(self, ours: socket.socket) -> None:
        try:
            self._nbd.aio_connect_socket(ours.detach())
            # Fails when the server is gone.
            while not self._nbd.aio_is_ready():
                self._poll()
        except self._error as error:
            # If it has ended, its standard error says why.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._server.wait(_LAST_WORDS_SECONDS)
            raise DiskError(
                f"open {self._path}",
                _stderr_of(self._server) or str(error),
                "Check the image with `qemu-img check`, and its format.",
            ) from error

    def _load(self, first: int, last: int) -> None:
        """Read these blocks into the cache, adjacent ones at once."""
        number = first
        while number <= last:
            if number in self._blocks:
                self._blocks.move_to_end(number)
                number += 1
                continue
            end = number
            while end <= last and end not in self._blocks:
                end += 1
            offset = number * _BLOCK_BYTES
            data = self._fetch(offset, min(end * _BLOCK_BYTES, self.size) - offset)
            for index in range(number, end):
                at = (index - number) * _BLOCK_BYTES
                self._blocks[index] = data[at : at + _BLOCK_BYTES]
            number = end
        while len(self._blocks) > _MOST_BLOCKS:
            self._blocks.popitem(last=False)

    def _block(self, number: int) -> bytes:
        return self._blocks[number]

    def _fetch(self, offset: int, length: int) -> bytes:
        pieces: list[bytes] = []
        for begin in range(0, length, _MOST_REQUEST_BYTES):
            piece = bytearray(min(_MOST_REQUEST_BYTES, length - begin))
            with self._wrapped_errors("read"):
                self._complete(self._nbd.aio_pread(self._buffer(piece), offset + begin))
            pieces.append(bytes(piece))
        return b"".join(pieces)

    def _complete(self, cookie: int) -> None:
        while not self._nbd.aio_command_completed(cookie):
            self._poll()

    def _poll(self) -> None:
        milliseconds = int(self._deadline.remaining * 1000)
        if milliseconds <= 0 or self._nbd.poll(milliseconds) == 0:
            raise self._deadline.expire(
                f"{_PROGRAM} answer",
                f"it was still reading {self._path}",
                "Check for a slow or failing disk.",
            )

    @contextlib.contextmanager
    def _wrapped_errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            raise DiskError(
                f"{what} {self._path}",
                str(error),
                "Check the image and its base images with `qemu-img check`.",
            ) from error

    def _end(self, seconds: float) -> None:
        """End the server, giving it this many seconds to end by itself."""
        self._nbd = None
        server = self._server
        try:
            if seconds:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    server.wait(seconds)
        finally:
            server.kill()
            server.wait()
            if server.stderr is not None:
                server.stderr.close()


def _serve(
    node: dict[str, object], writable: bool
) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Start a server for one disk, whose only client is already connected.

    No one else can connect: the socket has a name only for a moment, in a private directory.
    """
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    ours = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with tempfile.TemporaryDirectory(prefix="powerdown-disk-") as directory:
            # Through a descriptor: a socket's path is limited to 107 bytes, a directory's is not.
            handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
            try:
                name = f"/proc/self/fd/{handle}/nbd"
                listening.bind(name)
                listening.listen(1)
                ours.connect(name)
            finally:
                os.close(handle)
        command = ["setpriv", "--pdeathsig", "KILL", "sh", "-c", _START, "sh", str(os.getpid())]
        command += [_PROGRAM, f"json:{json.dumps(node)}"]
        if not writable:
            command.append("--read-only")
        server = subprocess.Popen(
            command,
            stdin=listening.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            # Its address space may be limited, and each malloc arena of a thread takes 64 MiB.
            env={**os.environ, "LISTEN_FDS": "1", "LC_ALL": "C", "MALLOC_ARENA_MAX": "2"},
        )
    except BaseException as error:
        ours.close()
        if isinstance(error, FileNotFoundError):
            raise missing_program(error.filename or "setpriv") from error
        raise
    finally:
        listening.close()
    return ours, server


def _stderr_of(server: subprocess.Popen[bytes]) -> str:
    """Standard error of a server that has ended."""
    if server.poll() is None or server.stderr is None:
        return ""
    if server.returncode == 127:
        raise missing_program(_PROGRAM)
    text = server.stderr.read(4096).decode(errors="replace").strip()
    return text.removeprefix(f"{_PROGRAM}: ")
