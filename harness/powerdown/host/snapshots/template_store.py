"""The templates of this user on this host."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DeadlineExpired, HostError
from powerdown.core.files import lock, try_lock
from powerdown.host.snapshots.memory_backing import (
    TMPFS,
    MemoryBacking,
    memory_place,
    private_places,
)
from powerdown.host.snapshots.template import MANIFEST, PartialTemplate, Template, read_template

Waiting = Callable[[str], None]
"""Told the process id of whoever has to be waited for."""

_NAME = re.compile(r"[0-9a-f]{20}-[0-9a-f]{8}")
_MARK_BYTES = 4
_LOCK_SUFFIX = ".lock"
_USE_SUFFIX = ".use"
_RETRY_SECONDS = 0.1
"""Between tries to get a lock: waiting for one in the kernel would have no deadline."""

_TELL_SECONDS = 10.0

_REMOVAL_SECONDS = 1.0
"""For another process to remove a template."""


class TemplateStore:
    """Keeps templates, one directory each, named by key and a mark of its own.

    A new template never takes the place of an old one: guests may still run from that, and a disk
    may be booted again. Two locks: *lock*, one for each key, is held by whoever makes, checks or
    removes templates of it; *use*, one for each template, is shared by every process that has a
    guest whose disk or memory is based on it. The kernel drops both with the process.

    :param cache: the user's cache directory.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._root = cache / "templates"

    def known_names(self) -> list[str]:
        """Of all templates, whole, damaged or half made."""
        found = {path.name for path in self._directories() if _NAME.fullmatch(path.name)}
        return sorted(found)

    def find(self, key: str) -> Template | None:
        """The latest template of a key as it lies there, unchecked; ``None`` if there is none."""
        named = (self.named(name) for name in self.known_names() if name.startswith(key))
        found = [one for one in named if one is not None and one.key == key]
        return max(found, key=lambda one: one.made_at, default=None)

    def named(self, name: str) -> Template | None:
        """A template by name, unchecked; ``None`` if it is not there or was never completed."""
        return read_template(self._root / name)

    def directory(self, name: str) -> Path:
        """Where a template is."""
        return self._root / name

    def stored_bytes(self, name: str) -> int:
        """What a template takes up, complete or not."""
        total = 0
        for place in private_places(self._root):
            # Passes over what is removed meanwhile.
            for directory, _, files in os.walk(place / name):
                total += sum(_allocated(Path(directory, file)) for file in files)
        return total

    def in_use(self, name: str) -> bool:
        """Whether some process makes it or has guests of it just now."""
        for lock_name in (key_of(name) + _LOCK_SUFFIX, name + _USE_SUFFIX):
            with self._open(lock_name) as lock:
                if not _try_lock(lock):
                    return True
        return False

    def place_of(self, template: Template) -> str:
        """Where the memory of a template lies, in a few words."""
        on_disk = template.partial.memory.is_relative_to(self._root)
        return "on disk" if on_disk else f"on tmpfs {TMPFS}"

    def memory_place(self, memory_bytes: int) -> MemoryBacking:
        """Where the memory of a new template goes."""
        return memory_place(memory_bytes, self._root)

    def partial(self, key: str, place: MemoryBacking) -> PartialTemplate:
        """Empty room for a new template; take :meth:`locked` before.

        :param place: for its memory.
        :raise HostError: it cannot be made.
        """
        name = f"{key}-{secrets.token_hex(_MARK_BYTES)}"
        directory, memory = self._root / name, place.directory / name
        try:
            self._cache.mkdir(parents=True, exist_ok=True)
            try:
                _make_private(self._root, directory, place.directory, memory)
            except FileNotFoundError:
                # Whoever removed the last template there took the directory along.
                _make_private(place.directory, memory)
            foreign = place.directory not in private_places(self._root)
        except OSError as error:
            raise _no_room(directory, memory, error.strerror or str(error)) from error
        if foreign:
            raise _no_room(directory, memory, f"{place.directory} belongs to somebody else")
        return PartialTemplate(directory, memory / "memory")

    @contextmanager
    def locked(
        self, key: str, deadline: Deadline, waiting: Waiting | None = None
    ) -> Iterator[None]:
        """Be the only one to make, check or remove a template.

        :param waiting: told at first and then every ten seconds while another process is waited
            for.
        :raise DeadlineExpired: another process does not let go of it.
        """
        with self._open(key + _LOCK_SUFFIX) as lock:
            patience, silence = Event(), Deadline.after(0.0)
            while not _try_lock(lock):
                holder = os.pread(lock, 20, 0).decode(errors="replace").strip()
                if silence.expired and waiting is not None:
                    waiting(holder)
                    silence = Deadline.after(_TELL_SECONDS)
                if deadline.expired:
                    raise deadline.expire(
                        f"process {holder} finish with template {key}",
                        "it goes on",
                        "End that process if it hangs.",
                    )
                patience.wait(deadline.at_most(_RETRY_SECONDS).remaining)
            os.pwrite(lock, f"{os.getpid():<20}".encode(), 0)
            yield

    def use(self, name: str) -> int:
        """Keep a template from being removed until the returned descriptor is closed.

        Take it while the template's key is :meth:`locked`.
        """
        descriptor = self._descriptor(name + _USE_SUFFIX)
        lock(descriptor, shared=True)
        return descriptor

    def invalidate(self, name: str) -> None:
        """See that nobody starts from a template any more; it goes when nobody uses it.

        Take :meth:`locked` before.
        """
        with suppress(OSError):
            (self._root / name / MANIFEST).unlink()
        self.remove(name)

    def remove(self, name: str) -> bool:
        """Remove a template, whole or not, unless it is used; whether it is gone.

        Take :meth:`locked` before.
        """
        with self._open(name + _USE_SUFFIX) as use:
            if not _try_lock(use):
                return False
            # Without its manifest the rest is nothing, should this be interrupted.
            with suppress(OSError):
                (self._root / name / MANIFEST).unlink()
            for place in private_places(self._root):
                shutil.rmtree(place / name, ignore_errors=True)
            with suppress(OSError):
                self._lock_file(name + _USE_SUFFIX).unlink()
        for place in private_places(self._root):
            # Not the last one's: what is not empty stays.
            with suppress(OSError):
                place.rmdir()
        return True

    def remove_invalidated(self, name: str) -> None:
        """Remove a template that nobody starts from any more, unless some guest still needs it."""
        if self.named(name) is None:
            # Another worker that ends may try just now, and find that we still used it.
            patience = Deadline.after(_REMOVAL_SECONDS)
            with suppress(DeadlineExpired), self.locked(key_of(name), patience):
                self.remove(name)

    def collect_garbage(self, image: str, keep: str, oldest: float) -> None:
        """Remove what is of no more use: half made templates, old ones, others of an image.

        What another process makes or uses just now stays. Holds no lock of its own before.

        :param image: name of the image whose template now is the one named ``keep``.
        :param oldest: remove what was made before, in seconds since the epoch.
        """
        for name in self.known_names():
            template = self.named(name)
            if name == keep or (
                template is not None and template.image != image and template.made_at >= oldest
            ):
                continue
            with suppress(DeadlineExpired), self.locked(key_of(name), Deadline.after(0.0)):
                self.remove(name)

    def _directories(self) -> Iterator[Path]:
        for place in private_places(self._root):
            try:
                paths = list(place.iterdir())
            except (FileNotFoundError, NotADirectoryError):
                continue
            yield from (path for path in paths if path.is_dir())

    def _lock_file(self, name: str) -> Path:
        return self._root / "locks" / name

    @contextmanager
    def _open(self, name: str) -> Iterator[int]:
        descriptor = self._descriptor(name)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _descriptor(self, name: str) -> int:
        file = self._lock_file(name)
        try:
            self._cache.mkdir(parents=True, exist_ok=True)
            _make_private(self._root, file.parent)
            return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise HostError(
                f"open {file}",
                error.strerror or str(error),
                "Check permissions, or set XDG_CACHE_HOME.",
            ) from error


def key_of(name: str) -> str:
    """The key that a template's name begins with."""
    return name.partition("-")[0]


def _make_private(*directories: Path) -> None:
    # One by one: parents made on the way would not be private.
    for directory in directories:
        directory.mkdir(mode=0o700, exist_ok=True)


def _no_room(directory: Path, memory: Path, actual: str) -> HostError:
    return HostError(
        f"make room for a template in {directory} and {memory}",
        actual,
        "Check permissions and free space, or set XDG_CACHE_HOME.",
    )


def _allocated(file: Path) -> int:
    try:
        return file.lstat().st_blocks * 512
    except OSError:
        return 0


def _try_lock(descriptor: int) -> bool:
    try:
        return try_lock(descriptor)
    except OSError as error:
        raise HostError(
            "lock a template",
            error.strerror or str(error),
            "Set XDG_CACHE_HOME to a file system with locks.",
        ) from error
