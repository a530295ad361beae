"""One Windows image to test, as typed values; :mod:`.definition` reads them from TOML."""

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
    """Firmware of the virtual machine."""

    BIOS = "bios"
    UEFI = "uefi"


class NicModel(StrEnum):
    """Network card models, by QEMU's device names."""

    E1000 = "e1000"
    E1000E = "e1000e"
    VIRTIO = "virtio-net-pci"
    RTL8139 = "rtl8139"


class Start(StrEnum):
    """How the guests of an image start unless a test asks for something else."""

    WARM = "warm"
    """From a template, a saved guest that is ready."""
    COLD = "cold"
    """From power-on."""


class Transport(StrEnum):
    """How commands reach the inside of the guest."""

    WINRM = "winrm"
    GUEST_AGENT = "guest-agent"
    NONE = "none"


class WinrmAuthentication(StrEnum):
    """WinRM authentication, by pywinrm's names for the transports used here."""

    BASIC = "basic"
    NTLM = "ntlm"


WINRM_PORT = 5985
"""WinRM over HTTP (learn: Installation and configuration for Windows Remote Management)."""


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
    """The account that the control channel logs on with. ``repr`` hides the password.

    :param user: account name; it should be the autologon account, so that programs can be
        started on its desktop.
    :param password: its password.
    """

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials(user={self.user!r}, password=***)"


@dataclass(frozen=True)
class ControlConfig:
    """Configuration of the control channel.

    The default authentication is NTLM: a stock Windows accepts it over HTTP, because it encrypts
    the messages itself; Basic has to be enabled first.

    :param transport: how commands reach the guest; with ``none`` it is observed from outside only.
    :param port: TCP port inside the guest.
    :param authentication: how WinRM authenticates the user.
    :param credentials: the account to log on with; ``None`` exactly when ``transport`` is not
        ``winrm``: the guest agent runs commands as LocalSystem and needs no account.
    """

    transport: Transport = Transport.WINRM
    port: int = WINRM_PORT
    authentication: WinrmAuthentication = WinrmAuthentication.NTLM
    credentials: Credentials | None = None


@dataclass(frozen=True)
class Budgets:
    """Time limits of an image, in seconds. The defaults allow for Windows on a slow disk.

    :param boot: from power-on until the control channel answers and the power button is armed.
    :param reaction: from the press until the first sign that the guest acts on it.
    :param shutdown_soft: from the press to power off; longer is *slow but completed*.
    :param shutdown_hard: from the press to power off; the guest is not watched any longer.
    :param settle: without a control channel, from the arming of the power button until Windows is
        assumed to handle a press: the kernel arms it early in the boot, and nothing later can be
        seen from outside.
    """

    boot: float = 600.0
    reaction: float = 30.0
    shutdown_soft: float = 120.0
    shutdown_hard: float = 600.0
    settle: float = 60.0


@dataclass(frozen=True)
class Updates:
    """Update packages on the image: Windows paths of ``.cab`` files for ``dism /add-package``.

    Scenarios that need a package are skipped where it is ``None``.

    :param package: a package whose work at shutdown takes longer than the soft budget and less
        than the hard one.
    :param long_package: a package whose work takes longer than the hard budget.
    :param restarting_package: a package that restarts the guest to complete its installation.
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
    :param updates: update packages on its disk.
    :param start: from a template, or from power-on.
    :param tpm: whether the machine has a TPM 2.0.
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
