"""What the disk of a stand-in says after its power is off, without a second boot."""

from __future__ import annotations

from contextlib import closing

import pytest

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis.diagnose import diagnose, is_conclusive
from powerdown.diagnosis.verdict import Confidence
from powerdown.disk.post_mortem_reader import PostMortemReader
from powerdown.images.definition import load
from powerdown.shutdown.forced_shutdown import cut_power
from powerdown.shutdown.observation import Command
from powerdown.shutdown.phases import timeline_of
from powerdown.shutdown.qemu_end import with_qemu_end
from powerdown.shutdown.soft_shutdown import press_power_button
from powerdown.shutdown.timeline import Step
from powerdown.windows.settings.button_settings import POWER_BUTTON, ButtonAction
from tests.support.paths import REPOSITORY
from tests.support.standin_image import cloned

pytestmark = [pytest.mark.guest, pytest.mark.xdist_group("standin-warm")]

DEFINITION = REPOSITORY / "fixtures/images/standin.toml"


@pytest.fixture(scope="module")
def image():
    return load(DEFINITION)


@pytest.fixture
def clone(host, image):
    with cloned(host, image) as guest:
        yield guest


def examined(guest, seen):
    with closing(PostMortemReader()) as reader:
        return reader.examine(with_qemu_end(seen, guest.machine), guest.machine)


def pressed(guest):
    return examined(
        guest, press_power_button(guest.machine, guest.windows, is_conclusive=is_conclusive)
    )


def test_a_soft_shutdown(clone):
    seen = pressed(clone)
    assert seen.post_mortem.notes == ()
    assert [record.event_id for record in seen.records] == [1074, 6006, 109, 13]
    assert (seen.post_mortem.volume_dirty, seen.post_mortem.hibernated) == (False, False)
    off = seen.event("SHUTDOWN").at
    moments = [seen.moment_of(record) for record in seen.records]
    assert all(seen.commanded_at - 0.1 < m.at < off + 0.1 for m in moments)
    steps = {phase.step: phase for phase in timeline_of(seen).phases}
    # Known as well as this guest is quick, which it is not on a busy host.
    border = moments[1].at if moments[1].doubt <= 1 else seen.control_lost_at
    assert steps[Step.CORE_SERVICES].start == pytest.approx(border)
    # The control port is shut before the event log.
    assert seen.control_lost_at <= moments[1].latest
    verdict = diagnose(seen)
    assert (verdict.outcome, verdict.confidence) == (Outcome.COMPLETED, Confidence.HIGH)


def test_a_power_cut(clone):
    clone.windows.baseline()
    seen = examined(clone, cut_power(clone.machine, Command.KILL))
    assert seen.post_mortem.notes == ()
    assert 6005 in [record.event_id for record in seen.post_mortem.records]
    assert seen.post_mortem.volume_dirty
    assert seen.records == (), "nothing was initiated"
    assert diagnose(seen).outcome is Outcome.FORCED_OFF


def test_a_hibernation(clone):
    windows = clone.windows
    windows.run_all(("powercfg /hibernate on", *POWER_BUTTON.set(ButtonAction.HIBERNATE).commands))
    seen = pressed(clone)
    assert seen.post_mortem.hibernated
    verdict = diagnose(seen)
    assert (verdict.outcome, verdict.cause) == (Outcome.HIBERNATED, Cause.ASLEEP)


def test_an_overlay_without_windows(clone):
    seen = cut_power(clone.machine, Command.KILL)
    clone.machine.overlay.write_bytes(b"no image")
    seen = examined(clone, seen)
    assert seen.post_mortem.records is None
    assert len(seen.post_mortem.notes) == 1
    assert diagnose(seen).outcome is Outcome.FORCED_OFF
