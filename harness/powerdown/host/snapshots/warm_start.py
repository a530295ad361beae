"""Ready guests without waiting: clones of a guest that was booted once and saved when ready.

What a template is made from decides its key; what was found out about it in this run is noted in
the run's directory, so that of many workers one makes or checks it and the others trust that.
Whatever goes wrong with a template ends in a cold start, and in a note that says why.
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
"""A template older than this is made anew: its guest believes that it is still that day."""

_log = logging.getLogger(__name__)

_DIGEST_SECONDS = 900.0
"""Time allowed to read a whole disk; public images have some tens of GB."""

_MAKING_BOOTS = 3.0
"""Time allowed to another process for making a template, in ``boot`` budgets."""

_RESTORED_REACTIONS = 10.0
"""Time allowed for a clone to answer, in ``reaction`` budgets; then the template is not trusted."""

_MOST_TRIES = 2
"""Templates of an image that may turn out bad in one run, before its guests start cold."""


class WarmStart:
    """Clones of templates, which are made when they are first asked for.

    :param hypervisor: who starts guests.
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
        """A ready guest of its own, or ``None`` where this image's guests must start cold.

        The directory of its overlay is its own; remove it when the disk is not needed any more.

        :param time: where the time spent waiting for it is counted.
        :raise HostError: no guest can be started on this host just now.
        :raise PowerdownError: as for :meth:`prepare`.
        """
        while (template := self._template(image, time)) is not None:
            try:
                guest = self._clone_of(template, image, time)
            except HostError:
                # No room, or a program that is gone: no other template would help, nor a boot.
                raise
            except PowerdownError as error:
                self._invalidate(image, template, error)
            else:
                self._restore_ahead(template, image)
                return guest
        return None

    def prepare(self, image: Image) -> None:
        """Have a template at hand, and the first clone of it.

        A template that cannot be made, or cannot be had, shows in a note.

        :raise PowerdownError: the image's disk cannot be read, or its firmware is not installed.
        """
        template = self._template(image, GuestTime())
        if template is not None:
            self._restore_ahead(template, image)

    def close(self) -> None:
        """Let go of the templates; no guest of theirs may run any more."""
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
                self._start_cold(image, f"its template is not to be had ({error})", note.failed)
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
        """A template that can be trusted, if there is one."""
        template = self._store.find(key)
        if template is None:
            return None
        if note.fingerprint != template.fingerprint():
            age = time.time() - template.made_at
            if age < 0:
                fault = "it was made later than the host's clock shows"
            elif not template.made_at > _oldest():
                fault = f"it is {age / 3600:.0f} h old"
            else:
                fault = template.damage()
            if fault:
                _log.info("%s: making its template anew, %s", image.name, fault)
                self._store.invalidate(template.name)
                return None
            self._trust(image, template, note, f"made {age / 60:.0f} min before")
        return template

    def _made(self, image: Image, key: str, note: StartNote) -> Template | None:
        """A new template; ``None``, and a note, if it cannot be made."""
        place = self._store.memory_place(image.memory_mib << 20)
        _log.info(
            "%s: making its template, one cold boot; its memory goes %s", image.name, place.why
        )
        began = now()
        try:
            template = make_template(self._store, self._hypervisor, image, key, place)
        except PowerdownError as error:
            self._start_cold(
                image, f"no template could be made ({_one_line(error.actual)})", note.failed
            )
            return None
        self._trust(image, template, note, f"made in {now() - began:.0f} s")
        return template

    def _restore(self, template: Template, image: Image) -> BootedMachine:
        """A clone whose CPUs stand still."""
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
            readiness = guest.go_on(Deadline.after(patience))
            check_clock(template, readiness.clock_ahead)
        except BaseException:
            guest.close()
            raise
        return guest

    def _invalidate(self, image: Image, template: Template, error: PowerdownError) -> None:
        """A clone did not come up: its template is not used again."""
        _log.info("%s: a clone of its template did not come up: %s", image.name, error)
        with ExitStack() as lock:
            try:
                lock.enter_context(self._locked(image, template.key))
            except DeadlineExpired as expired:
                # Whoever holds it may be about to give out that template again.
                why = f"its template is not to be had ({expired})"
                self._start_cold(image, why, self._notes.read(self._label(image)).failed)
                return
            if self._store.named(template.name) is None:
                # Another worker has seen it too.
                return
            self._store.invalidate(template.name)
            failed = self._notes.read(self._label(image)).failed + 1
            if failed >= _MOST_TRIES:
                why = f"clones of its template do not come up ({_one_line(error.actual)})"
                self._start_cold(image, why, failed)
            else:
                self._notes.write(self._label(image), StartNote(failed=failed))

    def _start_cold(self, image: Image, why: str, failed: int) -> None:
        """Have every guest of an image start cold from now on in this run."""
        told = f"cold: {why}"
        self._notes.write(self._label(image), StartNote(told, cold=True, failed=failed))
        _log.info("%s: every guest starts %s", image.name, told)

    def _trust(self, image: Image, template: Template, note: StartNote, how: str) -> None:
        stored = self._store.stored_bytes(template.name) >> 20
        place = self._store.place_of(template)
        told = f"warm, from template {template.key[:8]} ({how}; {stored} MiB, memory {place})"
        self._notes.write(
            self._label(image),
            StartNote(told, fingerprint=template.fingerprint(), failed=note.failed),
        )

    def _key(self, image: Image) -> str:
        key = self._keys.get(image)
        if key is None:
            digest = self._digests.of(image.disk.path, Deadline.after(_DIGEST_SECONDS))
            key = self._keys[image] = template_key(image, self._hypervisor, digest)
        return key


def _one_line(text: str) -> str:
    """What QEMU says may have several lines."""
    return " ".join(text.split())


def _oldest() -> float:
    """When the oldest template was made that may still be used, in seconds since the epoch."""
    return time.time() - OLDEST_SECONDS
