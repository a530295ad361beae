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
    choose_memory_backing,
    memory_directories,
)
from powerdown.host.snapshots.template import MANIFEST, PartialTemplate, Template, read_template

Waiting = Callable[[str], None]
"""Called with the id of the process that is waited for."""

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
    """Keeps templates, one directory each, named by key and a unique suffix.

    A new template never replaces an old one: guests may still run from it, and a disk may be
    booted again. Two locks: *lock*, one for each key, is held by whoever makes, checks or
    removes templates of it; *use*, one for each template, is shared by every process that has a
    guest whose disk or memory is based on it. The kernel drops both with the process.

    :param cache: the user's cache directory.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._root = cache / "templates"

    def known_names(self) -> list[str]:
        """Names of all templates, including damaged and incomplete ones."""
        found = {path.name for path in self._directories() if _NAME.fullmatch(path.name)}
        return sorted(found)

    def find(self, key: str) -> Template | None:
        """The latest template of a key, unchecked; ``None`` if there is none."""
        named = (self.named(name) for name in self.known_names() if name.startswith(key))
        found = [one for one in named if one is not None and one.key == key]
        return max(found, key=lambda one: one.made_at, default=None)

    def named(self, name: str) -> Template | None:
        """A template by name, unchecked; ``None`` if it is missing or incomplete."""
        return read_template(self._root / name)

    def directory(self, name: str) -> Path:
        """The directory of a template."""
        return self._root / name

    def stored_bytes(self, name: str) -> int:
        """Bytes that a template occupies, complete or not."""
        total = 0
        for place in memory_directories(self._root):
            # os.walk skips what is removed meanwhile.
            for directory, _, files in os.walk(place / name):
                total += sum(_allocated(Path(directory, file)) for file in files)
        return total

    def in_use(self, name: str) -> bool:
        """Whether some process is making it or has guests of it."""
        for lock_name in (key_of(name) + _LOCK_SUFFIX, name + _USE_SUFFIX):
            with self._open(lock_name) as lock:
                if not _try_lock(lock):
                    return True
        return False

    def describe_memory(self, template: Template) -> str:
        """Where the memory of a template is kept, for reports."""
        on_disk = template.partial.memory.is_relative_to(self._root)
        return "on disk" if on_disk else f"on tmpfs {TMPFS}"

    def memory_backing(self, memory_bytes: int) -> MemoryBacking:
        """Choose where the memory of a new template is kept."""
        return choose_memory_backing(memory_bytes, self._root)

    def partial(self, key: str, place: MemoryBacking) -> PartialTemplate:
        """Make the directories of a new template; take :meth:`locked` before.

        :param place: for its memory.
        :raise HostError: they cannot be made.
        """
        name = f"{key}-{secrets.token_hex(_MARK_BYTES)}"
        directory, memory = self._root / name, place.directory / name
        try:
            self._cache.mkdir(parents=True, exist_ok=True)
            try:
                _make_private(self._root, directory, place.directory, memory)
            except FileNotFoundError:
                # Another process has removed its last template and this directory with it.
                _make_private(place.directory, memory)
            foreign = place.directory not in memory_directories(self._root)
        except OSError as error:
            raise _no_room(directory, memory, error.strerror or str(error)) from error
        if foreign:
            raise _no_room(directory, memory, f"{place.directory} is not private to this user")
        return PartialTemplate(directory, memory / "memory")

    @contextmanager
    def locked(
        self, key: str, deadline: Deadline, waiting: Waiting | None = None
    ) -> Iterator[None]:
        """Hold the exclusive right to make, check or remove templates of a key.

        :param waiting: called at once and then every ten seconds while another process holds it.
        :raise DeadlineExpired: another process does not release it.
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
                        f"process {holder} release the lock of template {key}",
                        "it still holds it",
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
        """Withdraw a template: no guest starts from it again. It is removed once unused.

        Take :meth:`locked` before.
        """
        with suppress(OSError):
            (self._root / name / MANIFEST).unlink()
        self.remove(name)

    def remove(self, name: str) -> bool:
        """Remove a template, complete or not, unless it is in use; return whether it is gone.

        Take :meth:`locked` before.
        """
        with self._open(name + _USE_SUFFIX) as use:
            if not _try_lock(use):
                return False
            # First the manifest: should this be interrupted, the rest counts as incomplete.
            with suppress(OSError):
                (self._root / name / MANIFEST).unlink()
            for place in memory_directories(self._root):
                shutil.rmtree(place / name, ignore_errors=True)
            with suppress(OSError):
                self._lock_file(name + _USE_SUFFIX).unlink()
        for place in memory_directories(self._root):
            # Succeeds only if this was the last template.
            with suppress(OSError):
                place.rmdir()
        return True

    def remove_invalidated(self, name: str) -> None:
        """Remove a withdrawn template unless some guest still needs it."""
        if self.named(name) is None:
            # Another worker that ends may hold the lock just now.
            patience = Deadline.after(_REMOVAL_SECONDS)
            with suppress(DeadlineExpired), self.locked(key_of(name), patience):
                self.remove(name)

    def collect_garbage(self, image: str, keep: str, oldest: float) -> None:
        """Remove incomplete and old templates, and older templates of the same image.

        Templates that another process makes or uses are kept. Call it without a lock.

        :param image: name of the image whose current template is ``keep``.
        :param oldest: remove templates made before this, in seconds since the epoch.
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
        for place in memory_directories(self._root):
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
    # One by one: parents made by `parents=True` would not be private.
    for directory in directories:
        directory.mkdir(mode=0o700, exist_ok=True)


def _no_room(directory: Path, memory: Path, actual: str) -> HostError:
    return HostError(
        f"make a template in {directory} and {memory}",
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
