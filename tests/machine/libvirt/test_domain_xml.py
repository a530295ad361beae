"""The domain that libvirt is asked for has the hardware that QEMU alone would be given."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from powerdown.core.errors import MachineError
from powerdown.images.image import DiskBus, Image, MachineType, Transport
from powerdown.machine.accelerator import HYPERV_FLAGS, Accelerator, AcceleratorKind
from powerdown.machine.libvirt.domain_xml import DomainWiring, domain_xml, uuid_in, with_disk
from powerdown.machine.qemu.command_line import AGENT_PORT_ID, isolated_network, translated_code_mib
from powerdown.machine.qemu.firmware import UefiFlash
from tests.support.boot_sector import HALT, boot_image

TCG = Accelerator(AcceleratorKind.TCG, "test")
KVM = Accelerator(AcceleratorKind.KVM, "test")
UUID = "6f1e2d3c-0000-4000-8000-000000000001"
FLASH = UefiFlash(Path("/firmware/CODE.fd"), Path("/run/first.efivars"))
WIRING = DomainWiring("powerdown-test", UUID, Path("/usr/bin/qemu"), Path("/run/a&b.qcow2"))
VALUE = "{http://libvirt.org/schemas/domain/qemu/1.0}"


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return boot_image(tmp_path, HALT)


def domain(image: Image, wiring: DomainWiring = WIRING, on: Accelerator = TCG) -> ET.Element:
    return ET.fromstring(domain_xml(image, wiring, on))


def passed_on(element: ET.Element) -> list[str]:
    return [a.get("value", "") for a in element.findall(f"{VALUE}commandline/{VALUE}arg")]


def test_the_network_is_that_of_qemu_alone(image: Image) -> None:
    arguments = passed_on(domain(image))
    assert arguments[arguments.index("-netdev") + 1] == isolated_network(image)
    assert domain(image).findall("devices/interface") == []


def test_only_the_overlay_is_named(image: Image) -> None:
    element = domain(image)
    (source,) = element.findall("devices/disk/source")
    assert source.attrib == {"file": "/run/a&b.qcow2"}
    assert str(image.disk.path) not in domain_xml(image, WIRING, TCG)


@pytest.mark.parametrize(
    ("machine", "bus", "target"),
    [
        (MachineType.PC, DiskBus.IDE, "ide"),
        (MachineType.Q35, DiskBus.IDE, "sata"),
        (MachineType.Q35, DiskBus.VIRTIO, "virtio"),
    ],
)
def test_the_disk_is_where_the_definition_says(
    image: Image, machine: MachineType, bus: DiskBus, target: str
) -> None:
    image = replace(image, machine=machine, disk=replace(image.disk, bus=bus))
    (found,) = domain(image).findall("devices/disk/target")
    assert found.get("bus") == target


def test_a_disk_that_libvirt_does_not_emulate(image: Image) -> None:
    image = replace(image, disk=replace(image.disk, bus=DiskBus.NVME))
    with pytest.raises(MachineError, match=r"nvme.*--powerdown-backend qmp"):
        domain_xml(image, WIRING, TCG)


def test_software_emulation_keeps_as_little_code_as_without_libvirt(image: Image) -> None:
    element = domain(image)
    assert element.findtext("features/tcg/tb-cache") == str(translated_code_mib(image))
    assert element.get("type") == "qemu"


def test_kvm_gives_windows_the_same_interface_as_without_libvirt(image: Image) -> None:
    element = domain(image, on=KVM)
    hyperv = {e.tag for e in element.findall("features/hyperv/*") if e.get("state") == "on"}
    # time is libvirt's hypervclock; crash is its panic device.
    wanted = {flag.removeprefix("hv-").partition("=")[0] for flag in HYPERV_FLAGS}
    assert hyperv == wanted - {"time", "crash"}
    assert element.find("clock/timer[@name='hypervclock']") is not None
    assert element.find("devices/panic[@model='hyperv']") is not None
    (spinlocks,) = element.findall("features/hyperv/spinlocks")
    assert f"hv-spinlocks={int(spinlocks.get('retries', '0')):#x}" in HYPERV_FLAGS


def test_the_agent_has_a_port_of_a_known_name_only_where_it_is_used(image: Image) -> None:
    assert domain(image).find("devices/channel") is None
    control = replace(image.control, transport=Transport.GUEST_AGENT)
    (channel,) = domain(replace(image, control=control)).findall("devices/channel")
    assert channel.find("target[@name='org.qemu.guest_agent.0']") is not None
    assert channel.find(f"alias[@name='{AGENT_PORT_ID}']") is not None


def test_a_copy_of_a_saved_domain_has_its_own_files_and_nothing_else_new(image: Image) -> None:
    wiring = replace(WIRING, flash=FLASH)
    element = ET.fromstring(domain_xml(image, wiring, TCG))
    disk, serial = element.find("devices/disk"), element.find("devices/serial")
    assert disk is not None and serial is not None
    # As libvirt describes what it has saved.
    ET.SubElement(ET.SubElement(disk, "backingStore"), "source", {"file": "/image.qcow2"})
    ET.SubElement(serial, "source", {"path": "/dev/pts/7"})
    mine = replace(
        WIRING,
        overlay=Path("/run/mine.qcow2"),
        flash=replace(FLASH, variables=Path("/run/mine.efivars")),
    )
    copy = with_disk(ET.tostring(element, encoding="unicode"), mine)
    again = ET.fromstring(copy)
    assert uuid_in(copy) == UUID
    assert [s.get("file") for s in again.iter("source")] == ["/run/mine.qcow2"]
    assert again.findtext("os/nvram") == "/run/mine.efivars"
    assert passed_on(again) == passed_on(element)


@pytest.mark.parametrize("text", ["", "<domain", "<domain/>", "<domain><devices/></domain>"])
def test_what_is_no_description_is_refused(text: str) -> None:
    with pytest.raises(MachineError, match="its XML is unusable"):
        with_disk(text, WIRING)
