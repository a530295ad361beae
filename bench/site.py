"""Where guests are measured: one image on this host, started in three ways."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp

from bench.floor import floor_seconds
from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import DeadlineExpired, MachineError
from powerdown.guest.guest import Guest
from powerdown.guest.guest_time import GuestTime
from powerdown.host.host import Host
from powerdown.host.snapshots.memory_backing import TMPFS
from powerdown.host.snapshots.start_notes import StartNotes
from powerdown.host.snapshots.template import Template
from powerdown.host.snapshots.template_store import TemplateStore
from powerdown.images.image import Image
from powerdown.images.overlay import create_overlay
from powerdown.machine.qemu.qemu_machine import QemuMachine
from powerdown.machine.run_directory import RunDirectory

Say = Callable[[str], None]

_FLOOR_SECONDS = 60.0
_LOCK_SECONDS = 5.0


@dataclass(frozen=True)
class Started:
    """A guest that is ready.

    :param began_at: just before anything was done for it, on the host-monotonic clock.
    :param ready_at: when it was known to be ready.
    """

    guest: Guest
    began_at: float
    ready_at: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ready_at - self.began_at


class Site:
    """One image on this host.

    :param host: the host.
    :param image: what guests run.
    :param directory: private; holds disks and what is known of templates.
    """

    def __init__(self, host: Host, image: Image, directory: Path) -> None:
        self.image = image
        self._laboratory = host
        self._store = TemplateStore(host.cache)
        self._directory = directory
        self._prepared: Host | None = None
        self._use: int | None = None

    def make_template(self) -> None:
        """Have the template made, or checked, and a first clone of it seen to get ready.

        :raise MachineError: this image cannot be cloned; says why.
        """
        with self.clone_prepared():
            template = self.template()
            with self._store.locked(template.key, Deadline.after(_LOCK_SECONDS)):
                self._use = self._store.use(template.name)
        self.end_prepared()

    def floor(self) -> float:
        """See :func:`~bench.floor.floor_seconds`, on a new overlay."""
        with self._disk() as directory:
            overlay = create_overlay(self.image.disk, directory)
            deadline = Deadline.after(_FLOOR_SECONDS)
            return floor_seconds(self.image, self._laboratory.accelerator, overlay, deadline)

    @contextmanager
    def clone(self) -> Iterator[Started]:
        """A clone that is ready, for the time of the block; nothing was done ahead of need."""
        template = self.template()
        with self._disk() as directory:
            began_at = now()
            overlay = template.clone_disk(directory)
            accelerator, saved = self._laboratory.accelerator, template.saved_state
            guest = Guest.of(
                QemuMachine.restore(self.image, accelerator, overlay, saved), GuestTime()
            )
            try:
                guest.resume_restored(Deadline.after(self.image.budgets.boot))
                yield Started(guest, began_at, now())
            finally:
                guest.close()

    @contextmanager
    def clone_prepared(self) -> Iterator[Started]:
        """A clone as scenarios get theirs, the next one made ahead while the block goes on.

        :raise MachineError: this image cannot be cloned; says why.
        """
        if self._prepared is None:
            self._prepared = self._laboratory.with_templates(self._notes)
        began_at = now()
        guest = self._prepared.clone(self.image, GuestTime())
        ready_at = now()
        if guest is None:
            why = StartNotes(self._notes).read(self.image.name).description
            raise MachineError(f"clone {self.image.name}", why, "Nothing can be compared.")
        try:
            yield Started(guest, began_at, ready_at)
        finally:
            guest.close()
            shutil.rmtree(guest.machine.overlay.parent, ignore_errors=True)

    def end_prepared(self) -> None:
        """End what was made ahead."""
        if self._prepared is not None:
            self._prepared.close()
            self._prepared = None

    @contextmanager
    def cold(self) -> Iterator[Started]:
        """A guest that was booted until it was ready, for the time of the block."""
        with self._disk() as directory:
            began_at = now()
            with self._laboratory.boot(self.image, directory) as guest:
                guest.wait_until_ready()
                yield Started(guest, began_at, now())

    def template(self) -> Template:
        """The template that clones are made from.

        :raise MachineError: there is none.
        """
        names = map(self._store.named, self._store.known_names())
        found = [one for one in names if one is not None and one.image == self.image.name]
        same = [one for one in found if one.memory_mib == self.image.memory_mib]
        if not same:
            raise MachineError(f"find the template of {self.image.name}", "there is none", "")
        return max(same, key=lambda one: one.made_at)

    def template_memory(self) -> tuple[int, bool]:
        """Bytes that the template's memory file takes up, and whether it lies on a tmpfs."""
        file = self.template().partial.memory
        return file.stat().st_blocks * 512, file.is_relative_to(TMPFS)

    def close(self, *, keep_templates: bool) -> None:
        """Let go of the templates; no guest may run any more."""
        self.end_prepared()
        if self._use is not None:
            os.close(self._use)
            self._use = None
        if keep_templates:
            return
        for name in self._store.known_names():
            template = self._store.named(name)
            if template is not None and template.image == self.image.name:
                with (
                    suppress(DeadlineExpired),
                    self._store.locked(template.key, Deadline.after(_LOCK_SECONDS)),
                ):
                    self._store.remove(name)

    @property
    def _notes(self) -> Path:
        return self._directory / "starts"

    @contextmanager
    def _disk(self) -> Iterator[Path]:
        directory = Path(mkdtemp(dir=self._directory, prefix="disk-"))
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def open_site(host: Host, image: Image, *, keep_templates: bool) -> Iterator[Site]:
    """A site for the time of the block, its template made.

    :param keep_templates: leave them in the cache for later runs.
    """
    with RunDirectory("bench") as directory:
        site = Site(host, image, directory.path)
        try:
            site.make_template()
            yield site
        finally:
            site.close(keep_templates=keep_templates)


def with_memory(image: Image, memory_mib: int) -> Image:
    """The image with another size of memory, under a name of its own.

    Templates are kept by name: without one, each size would drive out the others' templates.
    """
    if memory_mib == image.memory_mib:
        return image
    return replace(image, name=f"{image.name}-{memory_mib}", memory_mib=memory_mib)
