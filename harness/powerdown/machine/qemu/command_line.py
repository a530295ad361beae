"""QEMU's command line for an image.

No default devices, no user configuration, no network except the forwarded control port, and a
sandbox in which QEMU cannot start programs: the guest may be infected.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from powerdown.images.image import DiskBus, Image, Transport
from powerdown.machine.accelerator import QEMU, Accelerator, AcceleratorKind
from powerdown.machine.qemu.firmware import UefiFlash
from powerdown.machine.saved_state import MemoryFile

LOOPBACK = "127.0.0.1"
"""The host address from which the guest's control port is forwarded."""

AGENT_PORT_ID = "ua-agent"
"""QEMU's id of the guest agent's port, used in ``VSERPORT_CHANGE``. libvirt requires the prefix
``ua-`` for user-defined aliases (libvirt:formatdomain, ``alias``)."""

_AGENT_CHANNEL = "org.qemu.guest_agent.0"
"""The name of the port in the guest (qemu:qga/main.c)."""

SYSTEM_DISK = "disk"
"""QEMU's name (node-name) for the image's disk."""


@dataclass(frozen=True)
class Wiring:
    """File descriptors and files of one machine.

    :param overlay: the qcow2 disk it writes to.
    :param commands: inherited file descriptor of the socket for QMP commands.
    :param events: descriptor of the socket on which the harness only receives events.
    :param serial: descriptor of the socket of the first serial port.
    :param tpm: descriptor of the control channel of the TPM; ``None`` without one.
    :param agent: descriptor of the socket of the guest agent's port; ``None`` without one.
    :param flash: UEFI firmware, or ``None`` for QEMU's BIOS.
    :param memory: file with the guest's memory, if there is one.
    :param incoming: wait for the state of a saved guest instead of starting the firmware.
    """

    overlay: Path
    commands: int
    events: int
    serial: int
    tpm: int | None = None
    agent: int | None = None
    flash: UefiFlash | None = None
    memory: MemoryFile | None = None
    incoming: bool = False


def command_line(image: Image, wiring: Wiring, accelerator: Accelerator) -> list[str]:
    """The command that starts QEMU with the guest's CPUs stopped."""
    return [
        QEMU,
        *("-name", f"powerdown-{image.name}"),
        *("-nodefaults", "-no-user-config"),
        *_sandbox(),
        *_machine(image, wiring, accelerator),
        *_socket("commands", wiring.commands),
        *_socket("events", wiring.events),
        *("-mon", "chardev=commands,mode=control", "-mon", "chardev=events,mode=control"),
        *_disk(image, wiring.overlay),
        *_network(image),
        *(() if wiring.tpm is None else _tpm(wiring.tpm)),
        *(() if wiring.agent is None else _agent(wiring.agent)),
        # Boot from the image's disk only: no network boot, no menu.
        *("-boot", "menu=off,strict=on"),
        *("-display", "none", "-vga", "std"),
        # Windows keeps local time in the clock (fact:clock-local-time).
        *("-rtc", "base=localtime"),
        *_socket("serial", wiring.serial),
        *("-serial", "chardev:serial"),
        # Lets a guest report a crash; pausing then keeps the evidence. Windows needs a driver
        # for it (virtio-win); under KVM it reports through hv-crash without one
        # (fact:panic-report).
        *("-device", "pvpanic-pci", "-action", "panic=pause"),
        *(("-incoming", "defer") if wiring.incoming else ()),
        "-S",
    ]


def _sandbox() -> tuple[str, ...]:
    return (
        "-sandbox",
        "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
    )


def _machine(image: Image, wiring: Wiring, accelerator: Accelerator) -> list[str]:
    kvm = accelerator.kind is AcceleratorKind.KVM
    machine = f"{image.machine},vmport=off"
    arguments: list[str] = []
    flash, memory = wiring.flash, wiring.memory
    if memory is not None:
        machine += ",memory-backend=memory"
        arguments += ("-object", json.dumps(_memory_backend(image, memory)))
    if flash is not None:
        machine += ",pflash0=firmware,pflash1=variables"
        arguments += _flash("firmware", flash.code, read_only=True)
        arguments += _flash("variables", flash.variables, read_only=False)
    return [
        *("-machine", machine),
        *("-accel", accelerator.kind if kvm else f"tcg,tb-size={translated_code_mib(image)}"),
        *("-cpu", accelerator.kind.cpu_model),
        *("-m", f"{image.memory_mib}M"),
        # One socket: Windows client editions use no more than one or two.
        *("-smp", f"cpus={image.vcpus},sockets=1,cores={image.vcpus},threads=1"),
        *arguments,
    ]


def _memory_backend(image: Image, memory: MemoryFile) -> dict[str, object]:
    return {
        "qom-type": "memory-backend-file",
        "id": "memory",
        "size": image.memory_mib << 20,
        "mem-path": str(memory.path),
        "share": memory.shared,
    }


def translated_code_mib(image: Image) -> int:
    """The size of the buffer for translated code under software emulation, in MiB.

    QEMU's default is up to 1 GiB. After a reset the boot overwrites the old kernel, and each
    write to a page searches all code ever translated from it (qemu:accel/tcg/translate-all.c):
    with the default a restart of a small Linux guest takes ten seconds more than its first start. A
    buffer that fills up is flushed as a whole, which removes such old code.
    """
    return min(1024, max(32, image.memory_mib // 8))


def _flash(name: str, path: Path, *, read_only: bool) -> tuple[str, str]:
    return _blockdev(
        {
            "driver": "raw",
            "node-name": name,
            "read-only": read_only,
            "file": {"driver": "file", "filename": str(path)},
        }
    )


def _socket(name: str, descriptor: int) -> tuple[str, str]:
    return "-chardev", f"socket,id={name},fd={descriptor}"


def _disk(image: Image, overlay: Path) -> tuple[str, ...]:
    device = {
        # Both machine types name their first bus ide.0; on q35 it is SATA.
        DiskBus.IDE: "ide-hd,bus=ide.0",
        DiskBus.NVME: "nvme,serial=powerdown",
        DiskBus.VIRTIO: "virtio-blk-pci",
    }[image.disk.bus]
    node: dict[str, object] = {
        "driver": "qcow2",
        "node-name": SYSTEM_DISK,
        "discard": "unmap",
        # What the guest flushes reaches the host's page cache and survives the end of QEMU. The
        # overlay need not survive a failure of the host.
        "cache": {"no-flush": True},
        "file": {"driver": "file", "filename": str(overlay), "discard": "unmap"},
    }
    return (*_blockdev(node), "-device", f"{device},drive={SYSTEM_DISK},bootindex=0")


def isolated_network(image: Image) -> str:
    """QEMU's ``-netdev`` without access to anything but the forwarded control port, if any.

    The kernel picks the loopback port (``:0``), so parallel guests cannot collide.
    """
    netdev = "user,id=control,restrict=on"
    if image.control.transport is Transport.GUEST_AGENT:
        return netdev
    return f"{netdev},hostfwd=tcp:{LOOPBACK}:0-:{image.control.port}"


def _network(image: Image) -> tuple[str, ...]:
    return (
        *("-netdev", isolated_network(image)),
        # No option ROM: it could only boot from the network.
        *("-device", f"{image.nic},netdev=control,romfile="),
    )


def _tpm(control: int) -> tuple[str, ...]:
    # CRB is the interface of TPM 2.0, which Windows 11 requires
    # (qemu:docs/specs/tpm.rst).
    return (
        *_socket("tpm-control", control),
        *("-tpmdev", "emulator,id=tpm,chardev=tpm-control"),
        *("-device", "tpm-crb,tpmdev=tpm"),
    )


def _agent(port: int) -> tuple[str, ...]:
    channel = f"chardev=agent,name={_AGENT_CHANNEL},id={AGENT_PORT_ID}"
    return (
        *_socket("agent", port),
        *("-device", "virtio-serial-pci,id=agent-bus,max_ports=2"),
        # Number 0 is reserved for a console.
        *("-device", f"virtserialport,bus=agent-bus.0,nr=1,{channel}"),
    )


def _blockdev(node: dict[str, object]) -> tuple[str, str]:
    # As JSON, because paths may contain commas.
    return "-blockdev", json.dumps(node)
