"""What QEMU is told for each kind of image."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from powerdown.images.image import (
    DiskBus,
    Firmware,
    Image,
    MachineType,
    NicModel,
    Transport,
)
from powerdown.machine.accelerator import HYPERV_FLAGS, Accelerator, AcceleratorKind
from powerdown.machine.qemu.command_line import AGENT_PORT_ID, Wiring, command_line
from powerdown.machine.qemu.firmware import UefiFlash
from tests.support.boot_sector import HALT, boot_image

TCG = Accelerator(AcceleratorKind.TCG, "test")
KVM = Accelerator(AcceleratorKind.KVM, "test")
WIRING = Wiring(Path("/run/a,b.qcow2"), commands=7, events=8, serial=9)


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return boot_image(tmp_path, HALT)


def options(command: list[str], name: str) -> list[str]:
    return [after for option, after in pairwise(command) if option == name]


def test_nothing_of_the_host_reaches_the_guest_but_one_port(image: Image) -> None:
    command = command_line(image, WIRING, TCG)
    assert "-nodefaults" in command
    assert "-no-user-config" in command
    assert options(command, "-netdev") == [
        "user,id=control,restrict=on,hostfwd=tcp:127.0.0.1:0-:5985"
    ]
    assert "spawn=deny" in options(command, "-sandbox")[0]


def test_only_the_overlay_is_opened(image: Image) -> None:
    command = command_line(image, WIRING, TCG)
    nodes = [json.loads(node) for node in options(command, "-blockdev")]
    assert [node["file"]["filename"] for node in nodes] == ["/run/a,b.qcow2"]
    assert str(image.disk.path) not in " ".join(command)


@pytest.mark.parametrize(
    ("bus", "device"),
    [(DiskBus.IDE, "ide-hd"), (DiskBus.NVME, "nvme"), (DiskBus.VIRTIO, "virtio-blk-pci")],
)
def test_disk_bus(image: Image, bus: DiskBus, device: str) -> None:
    command = command_line(replace(image, disk=replace(image.disk, bus=bus)), WIRING, TCG)
    assert any(option.startswith(f"{device},") for option in options(command, "-device"))


def test_machine(image: Image) -> None:
    chosen = replace(image, machine=MachineType.Q35, memory_mib=768, vcpus=3, nic=NicModel.RTL8139)
    command = command_line(chosen, WIRING, TCG)
    assert options(command, "-machine") == ["q35,vmport=off"]
    assert options(command, "-m") == ["768M"]
    assert options(command, "-smp") == ["cpus=3,sockets=1,cores=3,threads=1"]
    assert options(command, "-accel") == ["tcg,tb-size=96"]
    assert options(command, "-cpu") == ["max"]
    assert any(option.startswith("rtl8139,") for option in options(command, "-device"))


def test_kvm_shows_windows_a_hypervisor(image: Image) -> None:
    command = command_line(image, WIRING, KVM)
    assert options(command, "-accel") == ["kvm"]
    assert options(command, "-cpu")[0].startswith("host,hv-relaxed,")


def test_uefi_has_its_own_variables(image: Image) -> None:
    wiring = replace(WIRING, flash=UefiFlash(Path("/code.fd"), Path("/run/vars")))
    command = command_line(replace(image, firmware=Firmware.UEFI), wiring, TCG)
    nodes = {n["node-name"]: n for n in map(json.loads, options(command, "-blockdev"))}
    assert nodes["firmware"]["read-only"] is True
    assert nodes["variables"]["read-only"] is False
    assert "pflash0=firmware,pflash1=variables" in options(command, "-machine")[0]


def test_a_tpm_is_there_where_it_is_wired(image: Image) -> None:
    assert "-tpmdev" not in command_line(image, WIRING, TCG)
    command = command_line(replace(image, tpm=True), replace(WIRING, tpm=10), TCG)
    assert "socket,id=tpm-control,fd=10" in options(command, "-chardev")
    assert "tpm-crb,tpmdev=tpm" in options(command, "-device")


def test_a_guest_agent_is_reached_through_its_port_and_no_other(image: Image) -> None:
    assert "virtio-serial" not in " ".join(command_line(image, WIRING, TCG))
    control = replace(image.control, transport=Transport.GUEST_AGENT)
    command = command_line(replace(image, control=control), replace(WIRING, agent=11), TCG)
    assert "socket,id=agent,fd=11" in options(command, "-chardev")
    (port,) = (d for d in options(command, "-device") if d.startswith("virtserialport,"))
    assert "chardev=agent,name=org.qemu.guest_agent.0" in port
    assert f"id={AGENT_PORT_ID}" in port
    assert options(command, "-netdev") == ["user,id=control,restrict=on"]


@pytest.mark.guest
def test_qemu_knows_the_hyperv_flags() -> None:
    # The flags are only used with KVM, where a wrong name would fail every start.
    command = ["qemu-system-x86_64", "-machine", "none", "-nodefaults", "-display", "none"]
    asked = [
        {"execute": "qmp_capabilities"},
        {"execute": "qom-list-properties", "arguments": {"typename": "max-x86_64-cpu"}},
        {"execute": "quit"},
    ]
    result = subprocess.run(
        [*command, "-accel", "tcg", "-qmp", "stdio"],
        input="".join(json.dumps(line) for line in asked),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    listed = next(a["return"] for a in answers if isinstance(a.get("return"), list))
    known = {entry["name"] for entry in listed}
    assert {flag.partition("=")[0] for flag in HYPERV_FLAGS} <= known
