"""A template belongs to one image on one kind of machine under one QEMU."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from powerdown.host.snapshots import template_key as module
from powerdown.host.snapshots.template_key import template_key
from powerdown.images.image import (
    ControlConfig,
    Credentials,
    DiskBus,
    Firmware,
    Image,
    MachineType,
    NicModel,
    Transport,
    WinrmAuthentication,
)
from powerdown.machine.accelerator import Accelerator, AcceleratorKind
from powerdown.machine.hypervisor import QemuHypervisor
from tests.support.boot_sector import HALT, boot_image

HOST = QemuHypervisor(Accelerator(AcceleratorKind.TCG, "test"))


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return boot_image(tmp_path, HALT)


def test_the_same_makes_the_same(image: Image) -> None:
    assert template_key(image, HOST, "digest") == template_key(image, HOST, "digest")


def test_what_does_not_reach_the_guest_does_not_matter(image: Image) -> None:
    retold = replace(image, description="new", budgets=replace(image.budgets, boot=99))
    assert template_key(retold, HOST, "digest") == template_key(image, HOST, "digest")


def test_without_a_channel_the_time_to_settle_is_what_ready_means(image: Image) -> None:
    settled = replace(image, budgets=replace(image.budgets, settle=99))
    assert template_key(settled, HOST, "digest") != template_key(image, HOST, "digest")
    asked = replace(image, control=control("tester"))
    patient = replace(asked, budgets=settled.budgets)
    assert template_key(patient, HOST, "digest") == template_key(asked, HOST, "digest")


def test_who_was_logged_on_matters_and_the_password_stays_out(image: Image) -> None:
    asked, other, changed = (
        template_key(replace(image, control=one), HOST, "digest")
        for one in (control("tester"), control("other"), control("tester", "changed"))
    )
    assert asked != other
    assert asked == changed


def control(user: str, password: str = "secret") -> ControlConfig:
    credentials = Credentials(user, password)
    return ControlConfig(Transport.WINRM, 5985, WinrmAuthentication.BASIC, credentials)


@pytest.mark.parametrize(
    "change",
    [
        {"machine": MachineType.Q35},
        {"firmware": Firmware.UEFI},
        {"memory_mib": 64},
        {"vcpus": 2},
        {"tpm": True},
        {"nic": NicModel.RTL8139},
        {"name": "other"},
    ],
)
def test_every_change_of_the_machine_matters(image: Image, change: dict[str, object]) -> None:
    changed = replace(image, **change)  # type: ignore[arg-type]
    assert template_key(changed, HOST, "digest") != template_key(image, HOST, "digest")


def test_the_disk_matters(image: Image) -> None:
    key = template_key(image, HOST, "digest")
    assert template_key(image, HOST, "changed") != key
    on_virtio = replace(image, disk=replace(image.disk, bus=DiskBus.VIRTIO))
    assert template_key(on_virtio, HOST, "digest") != key
    moved = replace(image, disk=replace(image.disk, path=Path("/elsewhere")))
    assert template_key(moved, HOST, "digest") != key


def test_the_tpm_of_the_host_matters_where_one_is_wanted(
    image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanting = replace(image, tpm=True)
    without, with_tpm = (template_key(one, HOST, "digest") for one in (image, wanting))
    monkeypatch.setattr(module, "SWTPM", "true")
    assert template_key(image, HOST, "digest") == without
    assert template_key(wanting, HOST, "digest") != with_tpm


def test_the_host_matters(image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    key = template_key(image, HOST, "digest")
    assert (
        template_key(image, QemuHypervisor(Accelerator(AcceleratorKind.KVM, "")), "digest") != key
    )
    monkeypatch.setattr(module, "qemu_version", lambda: "QEMU emulator version 99")
    assert template_key(image, HOST, "digest") != key
