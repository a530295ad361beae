"""Makes a template: boots a guest, waits until it is ready and idle, and saves it."""

from __future__ import annotations

import time

from powerdown.core.deadline import Deadline
from powerdown.core.errors import MachineError
from powerdown.guest.guest import Guest
from powerdown.guest.guest_time import GuestTime
from powerdown.host.snapshots.memory_backing import MemoryBacking
from powerdown.host.snapshots.template import PartialTemplate, Template, content_digest
from powerdown.host.snapshots.template_store import TemplateStore
from powerdown.images.image import Disk, DiskFormat, Image
from powerdown.images.overlay import create_overlay
from powerdown.machine.events import named
from powerdown.machine.hypervisor import Hypervisor, label
from powerdown.machine.protocol import Machine
from powerdown.machine.saved_state import MemoryFile

_QUIT_SECONDS = 30.0
_QUIET_SECONDS = 30.0
"""After this time a guest is saved even if it is not idle."""

_QUIET_SAMPLE_SECONDS = 2.0
_QUIET_CORES = 0.1
"""A guest that wants less than this of a CPU during a sample is idle.

The sample is long enough to include work after the last command, such as disk writes.
"""


def make_template(
    store: TemplateStore, hypervisor: Hypervisor, image: Image, key: str, place: MemoryBacking
) -> Template:
    """Make a template in ``store``; the caller holds the lock on ``key``.

    :param place: for its memory.
    :raise PowerdownError: the guest does not become ready or cannot be saved; nothing is left.
    """
    partial = store.partial(key, place)
    try:
        template = _saved(partial, hypervisor, image, key)
        template.write_manifest()
    except OSError as error:
        store.remove(partial.directory.name)
        raise MachineError(
            f"make a template of {image.name}", str(error), "Check free space."
        ) from error
    except BaseException:
        store.remove(partial.directory.name)
        raise
    return template


def _saved(partial: PartialTemplate, hypervisor: Hypervisor, image: Image, key: str) -> Template:
    """Boot the image and save it: all files except the manifest."""
    create_overlay(image.disk, partial.directory).rename(partial.disk)
    memory = MemoryFile(partial.memory, shared=True)
    guest = Guest.power_on(hypervisor, image, partial.disk, GuestTime(), memory=memory)
    try:
        guest.wait_until_ready()
        if guest.windows is not None:
            # Every scenario reads the baseline first: after this, clones answer from cache.
            guest.windows.baseline(image.budgets.boot)
        clock_ahead = guest.clock_ahead()
        # Last, because work left over from an answer would be repeated in every clone.
        _wait_until_quiet(
            guest.machine, Deadline.after(min(_QUIET_SECONDS, image.budgets.boot / 4))
        )
        guest.machine.pause()
        made_at = time.time()
        uptime = guest.machine.save(partial.devices)
        guest.machine.quit(Deadline.after(_QUIT_SECONDS))
    finally:
        guest.close()
    saved_disk = Disk(partial.disk, DiskFormat.QCOW2, image.disk.bus)
    create_overlay(saved_disk, partial.directory).rename(partial.empty_overlay)
    for file in partial.files():
        # QEMU opens the memory file for writing even if it maps it privately.
        file.chmod(0o600 if file == partial.memory else 0o400)
    return Template(
        key=key,
        image=label(image.name, hypervisor.backend),
        made_at=made_at,
        uptime=uptime,
        clock_ahead=clock_ahead,
        memory_mib=image.memory_mib,
        partial=partial,
        digests={str(file): content_digest(file) for file in partial.files()},
    )


def _wait_until_quiet(machine: Machine, deadline: Deadline) -> None:
    before = machine.activity()
    while not deadline.expired:
        # No event reports that a guest is idle.
        machine.events.wait(named(), deadline.at_most(_QUIET_SAMPLE_SECONDS))
        after = machine.activity()
        wanted = after.wanted_cpu_seconds - before.wanted_cpu_seconds
        if wanted < _QUIET_CORES * (after.at - before.at):
            return
        before = after
