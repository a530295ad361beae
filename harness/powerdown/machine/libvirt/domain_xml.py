"""The domain XML for an image, with the same hardware as without libvirt.

Source: libvirt's "Domain XML format" (docs/formatdomain.rst). What it cannot express is passed to
QEMU directly (docs/drvqemu.rst, "Pass-through of arbitrary QEMU commands"): the isolated network
with the forwarded control port, and the PCI panic device. libvirt marks the domain as tainted for
this.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from powerdown.core.errors import MachineError
from powerdown.images.image import DiskBus, Image, MachineType, Transport
from powerdown.machine.accelerator import Accelerator, AcceleratorKind
from powerdown.machine.qemu.command_line import AGENT_PORT_ID, isolated_network, translated_code_mib
from powerdown.machine.qemu.firmware import UefiFlash

AGENT_PORT = "org.qemu.guest_agent.0"
"""The name of the guest agent's port (libvirt: docs/formatdomain.rst, Channel)."""

_QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"

_NETWORK_SLOT = "0x10"
_PANIC_SLOT = "0x11"
"""PCI addresses outside the range that libvirt assigns."""

_HYPERV = ("relaxed", "vapic", "vpindex", "runtime", "synic", "stimer", "frequencies", "tlbflush")
"""As :data:`HYPERV_FLAGS`, by libvirt's names; ``ipi`` likewise."""

_DISKS = {DiskBus.IDE: ("sda", "ide"), DiskBus.VIRTIO: ("vda", "virtio")}


@dataclass(frozen=True)
class DomainWiring:
    """The parts of a domain that differ between guests of one image.

    :param name: the domain's name, unique on its host.
    :param uuid: the domain's UUID, unique on its host.
    :param emulator: QEMU's executable.
    :param overlay: the qcow2 disk it writes to.
    :param flash: UEFI firmware, or ``None`` for QEMU's BIOS.
    """

    name: str
    uuid: str
    emulator: Path
    overlay: Path
    flash: UefiFlash | None = None


def domain_xml(image: Image, wiring: DomainWiring, accelerator: Accelerator) -> str:
    """The XML of a domain, for virDomainCreateXML.

    :raise MachineError: libvirt does not support the hardware.
    """
    ET.register_namespace("qemu", _QEMU)
    kvm = accelerator.kind is AcceleratorKind.KVM
    domain = ET.Element("domain", {"type": "kvm" if kvm else "qemu"})
    _add(domain, "name", wiring.name)
    _add(domain, "uuid", wiring.uuid)
    _add(domain, "memory", str(image.memory_mib), unit="MiB")
    _add(domain, "vcpu", str(image.vcpus))
    _system(domain, image, wiring.flash)
    _features(domain, image, kvm=kvm)
    cpu = _add(domain, "cpu", mode="host-passthrough" if kvm else "maximum")
    _add(cpu, "topology", sockets="1", cores=str(image.vcpus), threads="1")
    # Windows keeps local time in the clock (fact:clock-local-time).
    clock = _add(domain, "clock", offset="localtime")
    if kvm:
        _add(clock, "timer", name="hypervclock", present="yes")
    _add(domain, "on_poweroff", "destroy")
    _add(domain, "on_reboot", "restart")
    # Stopped after a crash, so that the evidence is kept.
    _add(domain, "on_crash", "preserve")
    power = _add(domain, "pm")
    _add(power, "suspend-to-mem", enabled="yes")
    _add(power, "suspend-to-disk", enabled="yes")
    _devices(_add(domain, "devices"), image, wiring, kvm=kvm)
    _passthrough(domain, image)
    return ET.tostring(domain, encoding="unicode")


def with_disk(xml: str, wiring: DomainWiring) -> str:
    """A saved domain's XML, with the disk and the flash of a copy.

    Paths of sockets and files that libvirt has filled in are removed, to be filled in again.

    :raise MachineError: the XML is not that of a saved domain.
    """
    ET.register_namespace("qemu", _QEMU)
    try:
        domain = ET.fromstring(xml)
    except ET.ParseError as error:
        raise _not_restorable(str(error)) from error
    disk = domain.find("devices/disk")
    source = None if disk is None else disk.find("source")
    if disk is None or source is None:
        raise _not_restorable("it has no disk")
    source.set("file", str(wiring.overlay))
    for chain in disk.findall("backingStore"):
        disk.remove(chain)
    nvram = domain.find("os/nvram")
    if nvram is not None and wiring.flash is not None:
        nvram.text = str(wiring.flash.variables)
    devices = domain.find("devices")
    for device in [] if devices is None else devices:
        if device.tag in ("serial", "console", "channel"):
            for filled_in in device.findall("source"):
                device.remove(filled_in)
    return ET.tostring(domain, encoding="unicode")


def uuid_in(xml: str) -> str:
    """The UUID in the XML returned by :func:`with_disk`."""
    return ET.fromstring(xml).findtext("uuid", "")


def _system(domain: ET.Element, image: Image, flash: UefiFlash | None) -> None:
    system = _add(domain, "os")
    _add(system, "type", "hvm", arch="x86_64", machine=image.machine.value)
    if flash is not None:
        _add(system, "loader", str(flash.code), readonly="yes", type="pflash")
        _add(system, "nvram", str(flash.variables))


def _features(domain: ET.Element, image: Image, *, kvm: bool) -> None:
    features = _add(domain, "features")
    _add(features, "acpi")
    _add(features, "apic")
    if kvm:
        hyperv = _add(features, "hyperv", mode="custom")
        for name in (*_HYPERV, "ipi"):
            _add(hyperv, name, state="on")
        _add(hyperv, "spinlocks", state="on", retries=str(0x1FFF))
    else:
        cache = _add(_add(features, "tcg"), "tb-cache", str(translated_code_mib(image)))
        cache.set("unit", "MiB")
    _add(features, "vmport", state="off")


def _devices(devices: ET.Element, image: Image, wiring: DomainWiring, *, kvm: bool) -> None:
    _add(devices, "emulator", str(wiring.emulator))
    disk = _add(devices, "disk", type="file", device="disk")
    # Unsafe: the overlay need not survive a failure of the host.
    _add(disk, "driver", name="qemu", type="qcow2", cache="unsafe", discard="unmap")
    _add(disk, "source", file=str(wiring.overlay))
    name, bus = _disk_target(image)
    _add(disk, "target", dev=name, bus=bus)
    _add(disk, "boot", order="1")
    _add(devices, "controller", type="usb", model="none")
    _add(devices, "serial", type="pty")
    if image.control.transport is Transport.GUEST_AGENT:
        channel = _add(devices, "channel", type="unix")
        _add(channel, "target", type="virtio", name=AGENT_PORT)
        _add(channel, "alias", name=AGENT_PORT_ID)
    if image.tpm:
        tpm = _add(devices, "tpm", model="tpm-crb")
        _add(tpm, "backend", type="emulator", version="2.0", persistent_state="yes")
    _add(_add(devices, "video"), "model", type="vga")
    _add(devices, "memballoon", model="none")
    if kvm:
        _add(devices, "panic", model="hyperv")


def _disk_target(image: Image) -> tuple[str, str]:
    if image.disk.bus is DiskBus.IDE and image.machine is MachineType.Q35:
        return "sda", "sata"
    try:
        return _DISKS[image.disk.bus]
    except KeyError:
        raise MachineError(
            f"run {image.name} through libvirt",
            f"libvirt does not emulate a disk on {image.disk.bus}",
            "Use [disk] bus ide or virtio, or --powerdown-backend qmp.",
        ) from None


def _passthrough(domain: ET.Element, image: Image) -> None:
    arguments = (
        *("-netdev", isolated_network(image)),
        # No option ROM: it could only boot from the network.
        *("-device", f"{image.nic},netdev=control,romfile=,addr={_NETWORK_SLOT}"),
        *("-device", f"pvpanic-pci,addr={_PANIC_SLOT}"),
    )
    passed = ET.SubElement(domain, f"{{{_QEMU}}}commandline")
    for argument in arguments:
        ET.SubElement(passed, f"{{{_QEMU}}}arg", {"value": argument})


def _add(parent: ET.Element, tag: str, text: str = "", **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    element.text = text or None
    return element


def _not_restorable(actual: str) -> MachineError:
    return MachineError(
        "restore a saved domain",
        f"its XML is unusable: {actual}",
        "Start it cold (--powerdown-cold).",
    )
