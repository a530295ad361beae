"""What an image definition says, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class DiskFormat(StrEnum):
    """Disk image formats, by QEMU's names."""

    QCOW2 = "qcow2"
    RAW = "raw"
    VHDX = "vhdx"
    VMDK = "vmdk"


class DiskBus(StrEnum):
    """How the system disk is attached. ``ide`` is SATA on machine ``q35``."""

    IDE = "ide"
    NVME = "nvme"
    VIRTIO = "virtio"


class MachineType(StrEnum):
    """QEMU machine types with a fixed ACPI power button, which Windows needs."""

    PC = "pc"
    Q35 = "q35"


class Firmware(StrEnum):
    """What runs before the boot loader."""

    BIOS = "bios"
    UEFI = "uefi"


class NicModel(StrEnum):
    """Network card models, by QEMU's device names."""

    E1000 = "e1000"
    E1000E = "e1000e"
    VIRTIO = "virtio-net-pci"
    RTL8139 = "rtl8139"


class Start(StrEnum):
    """How the guests of an image start unless a test wants otherwise."""

    WARM = "warm"
    COLD = "cold"


class Transport(StrEnum):
    """How commands reach the inside of the guest."""

    WINRM = "winrm"
    GUEST_AGENT = "guest-agent"
    NONE = "none"


class WinrmAuthentication(StrEnum):
    """WinRM authentication, by pywinrm's names for the transports used here."""

    BASIC = "basic"
    NTLM = "ntlm"


@dataclass(frozen=True)
class Disk:
    """The system disk.

    :param path: absolute path of the image; never written.
    :param format: its format.
    :param bus: where it is attached.
    """

    path: Path
    format: DiskFormat
    bus: DiskBus


@dataclass(frozen=True)
class Credentials:
    """Whom the control channel logs on as. The password stays out of ``repr``.

    :param user: account name; it should be the one Windows logs on by itself, so that
        programs can be started on its desktop.
    :param password: the secret, from the environment or a definition that has none to keep.
    """

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials(user={self.user!r}, password=***)"


@dataclass(frozen=True)
class ControlConfig:
    """The control channel.

    :param transport: how to talk to the guest; ``none`` leaves only what is seen from outside.
    :param port: TCP port inside the guest (5985 for WinRM over HTTP).
    :param authentication: how WinRM identifies the user.
    :param credentials: whom to log on as; ``None`` exactly when ``transport`` is not ``winrm``:
        the guest agent runs commands as LocalSystem and asks nobody who they are.
    """

    transport: Transport
    port: int
    authentication: WinrmAuthentication
    credentials: Credentials | None


@dataclass(frozen=True)
class Budgets:
    """How long this image may take, all in seconds.

    :param boot: power-on until the control channel answers and the power button is armed.
    :param reaction: press until anything at all must be seen of a guest that reacts.
    :param shutdown_soft: press to power off; longer is *slow but completed*.
    :param shutdown_hard: press to power off; after that nothing more is waited for.
    :param settle: without a control channel, time after the button was armed until Windows is
        taken to listen to it: the kernel arms it early, and from outside nothing shows the rest.
    """

    boot: float
    reaction: float
    shutdown_soft: float
    shutdown_hard: float
    settle: float = 0.0


@dataclass(frozen=True)
class Updates:
    """Update packages that lie on the image; all are Windows paths in the guest.

    Each is what ``dism /add-package`` takes: a ``.cab``. Scenarios that need one are skipped where
    it is ``None``.

    :param package: its work at shutdown lasts longer than the soft budget and shorter than the
        hard one.
    :param long_package: its work outlives the hard budget.
    :param restarting_package: it is complete only after a restart, which it brings about itself.
    """

    package: str | None = None
    long_package: str | None = None
    restarting_package: str | None = None


@dataclass(frozen=True)
class Image:
    """One Windows image to test, as its definition describes it.

    :param name: short name used in reports and test ids.
    :param definition: the TOML file it was read from.
    :param description: one line for reports.
    :param disk: the system disk.
    :param machine: QEMU machine type.
    :param firmware: BIOS or UEFI.
    :param memory_mib: guest memory in MiB.
    :param vcpus: number of virtual CPUs.
    :param nic: network card model.
    :param control: the control channel.
    :param budgets: time limits in seconds.
    :param updates: update packages that lie on it.
    :param start: from a template, or from power-on.
    :param tpm: whether it has a TPM 2.0.
    """

    name: str
    definition: Path
    description: str
    disk: Disk
    machine: MachineType
    firmware: Firmware
    memory_mib: int
    vcpus: int
    nic: NicModel
    control: ControlConfig
    budgets: Budgets
    updates: Updates = Updates()
    start: Start = Start.WARM
    tpm: bool = False
