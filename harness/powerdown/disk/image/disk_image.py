"""A disk as the guest sees it: any format, through overlays, by QEMU's own code.

``qemu-nbd`` serves it and libnbd (LGPL, kept by people of QEMU's NBD code) reads it: no root, no
loop device, and no process per read. Every layer of the chain is named with its format, so QEMU
probes nothing (:mod:`image_chain`).

Nothing is left behind, whoever is killed: the socket's name is gone before ``qemu-nbd`` starts, and
the kernel kills ``qemu-nbd`` with whoever started it.
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
from powerdown.core.errors import DiskError, HostError
from powerdown.disk.image.image_chain import block_node
from powerdown.disk.optional_module import optional_module
from powerdown.images.image import DiskFormat

_PROGRAM = "qemu-nbd"
_BLOCK_BYTES = 1 << 16
_MOST_BLOCKS = 512
"""What is kept of what was read: 32 MiB."""

MOST_READ_BYTES = 1 << 26
"""The most one read may ask for; longer ones are a damaged structure."""
_MOST_REQUEST_BYTES = 1 << 24
"""Servers need not take more at once than 32 MiB (NBD protocol, "Block size constraints")."""

_LAST_WORDS_SECONDS = 1.0
"""For a server that hung up to end."""
_BYE_SECONDS = 10.0
"""For a server to close an image that was written."""

_START = 'test "$PPID" = "$1" || exit; shift; exec 3<&0 </dev/null; LISTEN_PID=$$ exec "$@"'
"""Hands over the listening socket as systemd would (man 3 sd_listen_fds). By the time the shell
looks at its parent, the kernel has been asked to kill it with its parent."""


class DiskImage(Closeable):
    """An open disk; a context manager.

    :param path: the image, or the newest overlay on it; QEMU may hold it locked unless writable.
    :param format: its format.
    :param deadline: for everything done with it.
    :param writable: whether it may be written; whoever asks for it answers for what it is.
    :raise DiskError: it cannot be opened.
    :raise HostError: libnbd or qemu-nbd is not installed.
    :raise DeadlineExpired: opening took too long.
    """

    size: int
    """Bytes the guest sees."""

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

        :raise DiskError: that is not on the disk, or cannot be read.
        :raise DeadlineExpired: it took too long.
        """
        if offset < 0 or not 0 <= length <= MOST_READ_BYTES or offset + length > self.size:
            raise DiskError(
                f"read {self._path}",
                f"asked for {length} bytes at {offset} of a disk of {self.size}",
                "A structure on the disk is damaged, or this is a bug in Powerdown.",
            )
        if length == 0:
            return b""
        first, last = offset // _BLOCK_BYTES, (offset + length - 1) // _BLOCK_BYTES
        if last - first > _MOST_BLOCKS // 4:
            # Too much to keep.
            return self._fetch(offset, length)
        self._have(first, last)
        data = b"".join(self._block(number) for number in range(first, last + 1))
        begin = offset - first * _BLOCK_BYTES
        return data[begin : begin + length]

    def write(self, offset: int, data: bytes) -> None:
        """Write ``data`` at ``offset``; on the disk for good once closed.

        :raise DiskError: the image is not writable, that is not on the disk, or writing failed.
        :raise DeadlineExpired: it took too long.
        """
        if offset < 0 or offset + len(data) > self.size:
            raise DiskError(
                f"write {self._path}",
                f"asked for {len(data)} bytes at {offset} of a disk of {self.size}",
                "This is a bug in Powerdown.",
            )
        self._blocks.clear()
        self._dirty = True
        for begin in range(0, len(data), _MOST_REQUEST_BYTES):
            piece = bytearray(data[begin : begin + _MOST_REQUEST_BYTES])
            with self._told("write"):
                cookie = self._nbd.aio_pwrite(self._buffer(piece), offset + begin)
                self._complete(cookie)

    def close(self) -> None:
        """Let go of the disk.

        :raise DiskError: what was written could not be kept.
        """
        if not self._dirty:
            self._end(0.0)
            return
        self._dirty = False
        try:
            with self._told("write"):
                self._complete(self._nbd.aio_flush())
                # Not shutdown(), which waits for the server without end.
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
            # If it ended, it has said why; else it ends now.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._server.wait(_LAST_WORDS_SECONDS)
            raise DiskError(
                f"open {self._path}",
                _said(self._server) or str(error),
                "Check the image with `qemu-img check`, and its format.",
            ) from error

    def _have(self, first: int, last: int) -> None:
        """Have these blocks at hand, those that lie together by one read."""
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
            with self._told("read"):
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
                "Look for a slow or broken disk.",
            )

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            raise DiskError(
                f"{what} {self._path}",
                str(error),
                "Check the image and those under it with `qemu-img check`.",
            ) from error

    def _end(self, seconds: float) -> None:
        """Have no server any more; it may end by itself for so long."""
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
    """Start a server of one disk; its socket has one client, already connected.

    Nobody else can connect: the socket has its name for a moment only, in a directory of ours.
    """
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    ours = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with tempfile.TemporaryDirectory(prefix="powerdown-disk-") as directory:
            # By its handle: the name of a socket may have 107 bytes, that of a directory more.
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
            # Its address space may be limited, and each arena of its threads takes 64 MiB of it.
            env={**os.environ, "LISTEN_FDS": "1", "LC_ALL": "C", "MALLOC_ARENA_MAX": "2"},
        )
    except BaseException as error:
        ours.close()
        if isinstance(error, FileNotFoundError):
            raise HostError(f"run {_PROGRAM}", str(error), "Run ci/setup.") from error
        raise
    finally:
        listening.close()
    return ours, server


def _said(server: subprocess.Popen[bytes]) -> str:
    """What a server said that ended."""
    if server.poll() is None or server.stderr is None:
        return ""
    if server.returncode == 127:
        raise HostError(f"run {_PROGRAM}", "it is not installed", "Run ci/setup.")
    text = server.stderr.read(4096).decode(errors="replace").strip()
    return text.removeprefix(f"{_PROGRAM}: ")
