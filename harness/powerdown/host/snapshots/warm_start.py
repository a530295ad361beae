"""Starts guests as clones of a template: a guest that was booted once and saved when ready.

The key of a template names all that it was made from. The run's directory holds a note on each
template, so that one worker makes or checks it and the others rely on that. If anything is wrong
with a template, guests start cold and the note says why.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import DeadlineExpired, HostError, PowerdownError
from powerdown.core.text import one_line
from powerdown.guest.guest import Guest
from powerdown.guest.guest_time import GuestTime
from powerdown.host.snapshots.clone_clock import check_clock
from powerdown.host.snapshots.standby import Standby
from powerdown.host.snapshots.start_notes import StartNote, StartNotes
from powerdown.host.snapshots.template import Template
from powerdown.host.snapshots.template_key import template_key
from powerdown.host.snapshots.template_making import make_template
from powerdown.host.snapshots.template_store import TemplateStore
from powerdown.images.digest import KnownDigests
from powerdown.images.image import Image, Start
from powerdown.machine.hypervisor import Hypervisor, label
from powerdown.machine.protocol import BootedMachine
from powerdown.machine.run_directory import RunDirectory

OLDEST_SECONDS = 24 * 3600.0
"""A template older than this is made again, because its guest's clock is behind by its age."""

_log = logging.getLogger(__name__)

_DIGEST_SECONDS = 900.0
"""Time allowed to read a whole disk; public images have tens of GB."""

_MAKING_BOOTS = 3.0
"""Time that another process may take to make a template, in ``boot`` budgets."""

_RESTORED_REACTIONS = 10.0
"""Time for a clone to answer, in ``reaction`` budgets; after it the template is withdrawn."""

_MOST_TRIES = 2
"""After so many bad templates of an image in one run, its guests start cold."""


class WarmStart:
    """Clones of templates, which are made when first needed.

    :param hypervisor: starts the guests.
    :param cache: where templates are kept.
    :param notes: directory shared by the workers of a run.
    """

    def __init__(self, hypervisor: Hypervisor, cache: Path, notes: Path) -> None:
        self._hypervisor = hypervisor
        self._store = TemplateStore(cache)
        self._digests = KnownDigests(cache)
        self._notes = StartNotes(notes)
        self._keys: dict[Image, str] = {}
        self._uses: dict[str, int] = {}
        self._disks: RunDirectory | None = None
        self._standby = Standby()

    def clone(self, image: Image, time: GuestTime) -> Guest | None:
        """A ready guest, or ``None`` if guests of this image must start cold.

        Its overlay has a directory of its own; remove that when the disk is no longer needed.

        :param time: where the time spent waiting for it is counted.
        :raise HostError: no guest can be started on this host just now.
        :raise PowerdownError: as for :meth:`prepare`.
        """
        while (template := self._template(image, time)) is not None:
            try:
                guest = self._clone_of(template, image, time)
            except HostError:
                # No space, or a missing program: neither another template nor a cold boot would
                # help.
                raise
            except PowerdownError as error:
                self._invalidate(image, template, error)
            else:
                self._restore_ahead(template, image)
                return guest
        return None

    def prepare(self, image: Image) -> None:
        """Make the template, if need be, and prepare the first clone of it.

        Why a template could not be made or used is in the run's note.

        :raise PowerdownError: the image's disk cannot be read, or its firmware is not installed.
        """
        template = self._template(image, GuestTime())
        if template is not None:
            self._restore_ahead(template, image)

    def close(self) -> None:
        """Release the templates; no guest of theirs may run any more."""
        self._standby.close()
        if self._disks is not None:
            self._disks.close()
        while self._uses:
            name, use = self._uses.popitem()
            os.close(use)
            self._store.remove_invalidated(name)

    def _template(self, image: Image, time: GuestTime) -> Template | None:
        """The template of an image, made if need be; ``None`` to start cold."""
        note = self._notes.read(self._label(image))
        if note.cold:
            return None
        if image.start is Start.COLD:
            self._notes.write(
                self._label(image), StartNote("cold, as its definition says", cold=True)
            )
            return None
        key = self._key(image)
        template = self._store.find(key)
        if template is not None and self._is_used_as(template, note):
            return template
        with ExitStack() as lock:
            try:
                with time.counted():
                    lock.enter_context(self._locked(image, key))
            except DeadlineExpired as error:
                self._start_cold(image, f"its template is not available ({error})", note.failed)
                return None
            note = self._notes.read(self._label(image))
            if note.cold:
                return None
            template = self._valid(image, key, note)
            if template is not None:
                self._use(template)
                return template
            with time.counted():
                template = self._made(image, key, note)
            if template is None:
                return None
            self._use(template)
        self._store.collect_garbage(self._label(image), template.name, _oldest())
        return template

    def _locked(self, image: Image, key: str) -> AbstractContextManager[None]:
        def waiting(holder: str) -> None:
            _log.info("%s: waiting for its template, which process %s makes", image.name, holder)

        deadline = Deadline.after(image.budgets.boot * _MAKING_BOOTS)
        return self._store.locked(key, deadline, waiting)

    def _is_used_as(self, template: Template, note: StartNote) -> bool:
        return template.name in self._uses and note.fingerprint == template.fingerprint()

    def _use(self, template: Template) -> None:
        if template.name not in self._uses:
            self._uses[template.name] = self._store.use(template.name)

    def _valid(self, image: Image, key: str, note: StartNote) -> Template | None:
        """The existing template of a key if it is sound, else ``None``."""
        template = self._store.find(key)
        if template is None:
            return None
        if note.fingerprint != template.fingerprint():
            age = time.time() - template.made_at
            if age < 0:
                fault = "its time of making is in the future"
            elif not template.made_at > _oldest():
                fault = f"it is {age / 3600:.0f} h old"
            else:
                fault = template.damage()
            if fault:
                _log.info("%s: making its template again: %s", image.name, fault)
                self._store.invalidate(template.name)
                return None
            self._trust(image, template, note, f"made {age / 60:.0f} min before")
        return template

    def _made(self, image: Image, key: str, note: StartNote) -> Template | None:
        """A new template; ``None``, and a note, if it cannot be made."""
        place = self._store.memory_backing(image.memory_mib << 20)
        _log.info("%s: making its template (one cold boot), memory %s", image.name, place.why)
        began = now()
        try:
            template = make_template(self._store, self._hypervisor, image, key, place)
        except PowerdownError as error:
            self._start_cold(
                image, f"no template could be made ({one_line(error.actual)})", note.failed
            )
            return None
        self._trust(image, template, note, f"made in {now() - began:.0f} s")
        return template

    def _restore(self, template: Template, image: Image) -> BootedMachine:
        """A clone whose CPUs are stopped."""
        if self._disks is None:
            self._disks = RunDirectory("clones")
        overlay = template.clone_disk(self._disks.path)
        return self._hypervisor.restore(image, overlay, template.saved_state)

    def _restore_ahead(self, template: Template, image: Image) -> None:
        if self._hypervisor.restores_ahead:
            self._standby.begin(template.name, partial(self._restore, template, image))

    def _label(self, image: Image) -> str:
        return label(image.name, self._hypervisor.backend)

    def _clone_of(self, template: Template, image: Image, time: GuestTime) -> Guest:
        with time.counted():
            machine = self._standby.take(template.name) or self._restore(template, image)
        guest = Guest.of(machine, time)
        try:
            patience = min(image.budgets.boot, image.budgets.reaction * _RESTORED_REACTIONS)
            readiness = guest.resume_restored(Deadline.after(patience))
            check_clock(template, readiness.clock_ahead)
        except BaseException:
            guest.close()
            raise
        return guest

    def _invalidate(self, image: Image, template: Template, error: PowerdownError) -> None:
        """Withdraw the template of a clone that did not answer."""
        _log.info("%s: a clone of its template did not answer: %s", image.name, error)
        with ExitStack() as lock:
            try:
                lock.enter_context(self._locked(image, template.key))
            except DeadlineExpired as expired:
                # The holder of the lock may be about to start guests from that template.
                why = f"its template is not available ({expired})"
                self._start_cold(image, why, self._notes.read(self._label(image)).failed)
                return
            if self._store.named(template.name) is None:
                # Another worker has withdrawn it.
                return
            self._store.invalidate(template.name)
            failed = self._notes.read(self._label(image)).failed + 1
            if failed >= _MOST_TRIES:
                why = f"clones of its template do not answer ({one_line(error.actual)})"
                self._start_cold(image, why, failed)
            else:
                self._notes.write(self._label(image), StartNote(failed=failed))

    def _start_cold(self, image: Image, why: str, failed: int) -> None:
        """From now on every guest of an image starts cold in this run."""
        description = f"cold: {why}"
        self._notes.write(self._label(image), StartNote(description, cold=True, failed=failed))
        _log.info("%s: every guest starts %s", image.name, description)

    def _trust(self, image: Image, template: Template, note: StartNote, how: str) -> None:
        stored = self._store.stored_bytes(template.name) >> 20
        place = self._store.describe_memory(template)
        description = (
            f"warm, from template {template.key[:8]} ({how}; {stored} MiB, memory {place})"
        )
        self._notes.write(
            self._label(image),
            StartNote(description, fingerprint=template.fingerprint(), failed=note.failed),
        )

    def _key(self, image: Image) -> str:
        key = self._keys.get(image)
        if key is None:
            digest = self._digests.of(image.disk.path, Deadline.after(_DIGEST_SECONDS))
            key = self._keys[image] = template_key(image, self._hypervisor, digest)
        return key


def _oldest() -> float:
    """Time of making of the oldest usable template, in seconds since the epoch."""
    return time.time() - OLDEST_SECONDS
