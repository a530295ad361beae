from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from powerdown.core.deadline import Deadline
from powerdown.core.errors import HostError, PowerdownError
from powerdown.disk.ntfs.volume_state import volume_state
from powerdown.guest.guest import Guest
from powerdown.guest.guest_time import GuestTime
from powerdown.guest.probe_programs import DOCUMENT
from powerdown.host.admission.admission import Slot
from powerdown.host.host import Host
from powerdown.images.image import ControlConfig, Credentials, Transport, WinrmAuthentication
from powerdown.machine.accelerator import Accelerator, AcceleratorKind
from powerdown.machine.hypervisor import QemuHypervisor
from powerdown.report.gate_result import HostFacts
from tests.support.boot_sector import HUNG, UNARMED, boot_image
from tests.support.fake_machine import IMAGE, ScriptedChannel, ScriptedMachine

TCG = Accelerator(AcceleratorKind.TCG, "never KVM in the harness's own tests")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(QemuHypervisor(TCG), tmp_path / "cache")


def test_this_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("POWERDOWN_ACCEL", "tcg")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    facts = HostFacts.of(Host.of_this_host().accelerator)
    assert facts.qemu_version[0].isdigit()
    assert (facts.accelerator, facts.why) == ("tcg", "POWERDOWN_ACCEL=tcg")
    monkeypatch.setenv("POWERDOWN_ACCEL", "steam")
    with pytest.raises(HostError, match="POWERDOWN_ACCEL is 'steam'"):
        Host.of_this_host()


def test_probe_programs_are_compiled_into_the_cache(host: Host) -> None:
    program = host.probe_program(DOCUMENT)
    assert program.read_bytes()[:2] == b"MZ"
    assert host.cache in program.parents
    assert host.probe_program(DOCUMENT) == program


def test_a_guest_that_cannot_be_reached_is_switched_off(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_credentials = ControlConfig(Transport.WINRM, 5985, WinrmAuthentication.BASIC, None)
    started = ScriptedMachine([], image=replace(IMAGE, control=no_credentials))
    monkeypatch.setattr("powerdown.machine.hypervisor.QemuMachine.start", lambda *_, **__: started)
    with pytest.raises(PowerdownError, match="no credentials"):
        Guest.power_on(host.hypervisor, started.image, tmp_path, GuestTime())
    assert started.events.exit is not None


class RefusingGuest:
    """A guest that nobody can enter into the ledger."""

    def __init__(self) -> None:
        self.closed = False

    def hold(self, place: Slot) -> None:
        raise HostError("write the ledger", "no space left", "Make room.")

    def close(self) -> None:
        self.closed = True


class TestWithoutALedger:
    @pytest.fixture
    def admitting(self, host: Host, tmp_path: Path) -> Host:
        return host.with_admission(tmp_path / "admission")

    def test_no_guest_stays_that_was_booted(
        self, admitting: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        started = RefusingGuest()
        monkeypatch.setattr(Guest, "power_on", lambda *_: started)
        with (
            pytest.raises(HostError, match="ledger"),
            admitting.boot(IMAGE, tmp_path, tmp_path / "overlay"),
        ):
            pass
        assert started.closed

    def test_no_clone_stays(self, admitting: Host, tmp_path: Path) -> None:
        cloned = RefusingGuest()
        warm = admitting.with_templates(tmp_path / "notes")
        assert warm.warm_start is not None
        warm.warm_start.clone = lambda *_: cloned  # type: ignore[assignment,method-assign,return-value]
        with pytest.raises(HostError, match="ledger"):
            warm.clone(IMAGE, GuestTime())
        assert cloned.closed


@pytest.mark.guest
class TestGuest:
    def test_it_is_gone_after_the_block_whatever_happens(self, host: Host, tmp_path: Path) -> None:
        image = boot_image(tmp_path, HUNG)
        with pytest.raises(KeyError), host.boot(image, tmp_path) as guest:
            assert guest.machine.pid is not None
            raise KeyError
        assert guest.machine.pid is None
        assert not guest.machine.run_directory.exists()  # type: ignore[attr-defined]
        guest.close()

    def test_without_a_channel_it_is_ready_when_its_button_is_armed(
        self, host: Host, tmp_path: Path
    ) -> None:
        with host.boot(boot_image(tmp_path, HUNG), tmp_path) as guest:
            readiness = guest.wait_until_ready()
            assert readiness.answered_at is None
            assert guest.windows is None
            assert guest.machine.probe_pm1().button_armed
            assert guest.time.take() > 0

    def test_waiting_has_an_end_and_counts_as_the_guests_time(
        self, host: Host, tmp_path: Path
    ) -> None:
        image = boot_image(tmp_path, UNARMED)
        image = replace(image, budgets=replace(image.budgets, boot=0.2))
        with host.boot(image, tmp_path) as guest:
            with pytest.raises(PowerdownError, match="arm its power button"):
                guest.wait_until_ready()
            assert guest.time.take() >= 0.2

    def test_another_guest_may_boot_what_one_has_left(self, host: Host, tmp_path: Path) -> None:
        image = boot_image(tmp_path, HUNG)
        with host.boot(image, tmp_path) as first:
            overlay = first.machine.overlay
            first.machine.kill(Deadline.after(10))
        with host.boot(image, tmp_path / "unused", overlay) as again:
            assert again.machine.overlay == overlay
            again.wait_until_ready()

    def test_a_disk_without_windows_has_no_volume_state(self, host: Host, tmp_path: Path) -> None:
        with host.boot(boot_image(tmp_path, HUNG), tmp_path) as guest:
            guest.machine.kill(Deadline.after(10))
            with pytest.raises(PowerdownError):
                volume_state(guest.machine.overlay)

    def test_with_winrm_it_has_a_channel_that_does_not_answer_yet(
        self, host: Host, tmp_path: Path
    ) -> None:
        control = ControlConfig(
            Transport.WINRM, 5985, WinrmAuthentication.BASIC, Credentials("tester", "secret")
        )
        image = boot_image(tmp_path, HUNG)
        image = replace(image, control=control, budgets=replace(image.budgets, boot=1.5))
        guest: Guest
        with host.boot(image, tmp_path) as guest:
            with pytest.raises(PowerdownError, match="control channel") as caught:
                guest.wait_until_ready()
            assert "secret" not in str(caught.value)
            assert guest.windows is None

    def test_it_may_be_asked_as_somebody_else_for_a_while(
        self, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        control = ControlConfig(
            Transport.WINRM, 5985, WinrmAuthentication.BASIC, Credentials("tester", "secret")
        )
        asked: list[ControlConfig] = []
        channel = ScriptedChannel({})
        monkeypatch.setattr(
            "powerdown.guest.guest.WinrmChannel",
            lambda address, control: asked.append(control) or channel,
        )
        image = replace(boot_image(tmp_path, HUNG), control=control)
        with host.boot(image, tmp_path) as guest:
            before = guest.windows
            with guest.logged_on_as(Credentials("tester", "another")):
                assert guest.windows is not before
            assert guest.windows is before
        assert [one.credentials and one.credentials.password for one in asked] == [
            "secret",
            "another",
        ]
        assert not channel.alive

    def test_without_a_channel_it_is_asked_as_nobody(self, host: Host, tmp_path: Path) -> None:
        with host.boot(boot_image(tmp_path, HUNG), tmp_path) as guest:
            assert guest.open_channel() is None
            with guest.logged_on_as(Credentials("tester", "another")):
                assert guest.windows is None
