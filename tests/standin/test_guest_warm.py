"""Clones of the stand-in: they sleep, restart, crash, lose their power and boot as after a boot."""

from __future__ import annotations

from dataclasses import replace

import pytest

from powerdown.core.deadline import Deadline
from powerdown.disk.ntfs.volume_state import volume_state
from powerdown.host.snapshots.template import content_digest
from powerdown.host.snapshots.template_store import TemplateStore
from powerdown.host.snapshots.warm_start import WarmStart
from powerdown.images.definition import load
from powerdown.images.image import Firmware, MachineType
from powerdown.machine.events import PROCESS_EXIT, named
from powerdown.machine.protocol import RunState
from powerdown.machine.qemu.launch import variables_beside
from powerdown.windows.event_records import parse_events
from powerdown.windows.settings.button_settings import POWER_BUTTON, ButtonAction
from tests.support.paths import REPOSITORY
from tests.support.standin_image import cloned

pytestmark = [pytest.mark.guest]
# The first of each makes or finds the template.
plain = pytest.mark.xdist_group("standin-warm")
with_uefi = pytest.mark.xdist_group("standin-warm-uefi")

DEFINITION = REPOSITORY / "fixtures/images/standin.toml"
SECONDS = 60.0
"""For what takes the guest a second or two when the host is idle."""
LOOK_SECONDS = 0.2
"""No event tells that a file changes."""


@pytest.fixture(scope="module")
def image():
    return load(DEFINITION)


@pytest.fixture
def clone(host, image):
    """A clone of the image that the scenarios run on."""
    with cloned(host, image) as guest:
        yield guest


@pytest.fixture(scope="module")
def uefi(host, image, tmp_path_factory):
    """Another machine for the image: its template is not worth keeping."""
    directory = tmp_path_factory.mktemp("warm-uefi")
    # What is remembered of an image is remembered by name and definition.
    name, definition = "standin-uefi", directory / "standin-uefi.toml"
    machine = replace(image, name=name, definition=definition, machine=MachineType.Q35, vcpus=2)
    cache = directory / "cache"
    starts = WarmStart(host.hypervisor, cache, directory / "notes")
    yield Uefi(starts, cache, replace(machine, firmware=Firmware.UEFI))
    starts.close()
    store = TemplateStore(cache)
    for template in store.known_names():
        assert store.remove(template)


class Uefi:
    def __init__(self, starts, cache, image):
        self.starts = starts
        self.cache = cache
        self.image = image

    def cloned(self):
        return cloned(self.starts, self.image)

    def template(self):
        store = TemplateStore(self.cache)
        (name,) = store.known_names()
        return store.named(name)


def set_button(guest, action):
    guest.windows.run_all(POWER_BUTTON.set(action).commands)


def happens(guest, event):
    return guest.machine.events.expect(named(event), Deadline.after(SECONDS), event)


def press(guest):
    """Why the guest ended, by QMP's name."""
    guest.machine.press_power_button()
    reason = happens(guest, "SHUTDOWN").data["reason"]
    happens(guest, PROCESS_EXIT)
    return reason


def restart(guest):
    guest.windows.run("shutdown /r /t 0").checked()
    happens(guest, "RESET")
    guest.wait_until_ready()


def log(guest):
    """Ids of the records of the System log, oldest first."""
    output = guest.windows.run("wevtutil qe System /f:xml").checked().output
    return [record.event_id for record in parse_events(output)]


@plain
def test_it_sleeps_and_wakes(clone):
    machine = clone.machine
    set_button(clone, ButtonAction.SLEEP)
    machine.press_power_button()
    happens(clone, "SUSPEND")
    assert machine.run_state() is RunState.SUSPENDED
    machine.wake()
    clone.wait_until_ready()
    assert log(clone)[-2:] == [42, 107]
    set_button(clone, ButtonAction.SHUT_DOWN)
    assert press(clone) == "guest-shutdown"
    assert not volume_state(clone.machine.overlay).dirty


@plain
def test_it_restarts_and_its_disk_boots_again(host, clone, image, tmp_path):
    restart(clone)
    assert log(clone).count(12) == 2
    assert press(clone) == "guest-shutdown"
    assert not volume_state(clone.machine.overlay).dirty
    with host.boot(image, tmp_path, clone.machine.overlay) as later:
        later.wait_until_ready()
        ids = log(later)
        assert ids.count(12) == 3
        assert 41 not in ids
        assert press(later) == "guest-shutdown"


@plain
def test_without_power_it_leaves_a_dirty_volume(host, clone, image, tmp_path):
    clone.machine.kill(Deadline.after(SECONDS))
    assert volume_state(clone.machine.overlay).dirty
    with host.boot(image, tmp_path, clone.machine.overlay) as later:
        later.wait_until_ready()
        assert log(later).count(41) == 1


@plain
def test_its_crash_reaches_the_host(clone):
    clone.machine.inject_nmi()
    happens(clone, "GUEST_PANICKED")
    assert clone.machine.run_state() is RunState.GUEST_PANICKED
    assert volume_state(clone.machine.overlay).dirty


@with_uefi
def test_each_has_firmware_variables_of_its_own(uefi):
    with uefi.cloned() as first, uefi.cloned() as second:
        template = uefi.template()
        saved = template.digests[str(template.partial.variables)]
        stores = [variables_beside(guest.machine.overlay) for guest in (first, second)]
        assert [content_digest(store) for store in stores] == [saved, saved]
        # The firmware runs again, and writes to its variables.
        first.machine.reset()
        deadline = Deadline.after(SECONDS)
        while content_digest(stores[0]) == saved:
            assert not deadline.expired, "its firmware writes nothing"
            first.machine.events.wait(named(), deadline.at_most(LOOK_SECONDS))
        assert press(second) == "guest-shutdown"
        assert content_digest(stores[1]) == saved
        assert template.damage() == ""


@with_uefi
def test_with_uefi_and_two_cpus_its_crash_reaches_the_host(uefi):
    with uefi.cloned() as guest:
        guest.machine.inject_nmi()
        happens(guest, "GUEST_PANICKED")
