"""The key of a template: a digest of everything that its saved state depends on.

Two machines with the same key run the same guest from the same files on the same virtual
hardware, so that the saved state of one can be loaded by the other. The command line of QEMU
contains most of it, whichever part of the harness or of the definition it comes from.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
from pathlib import Path

from powerdown.images.image import Firmware, Image, Transport
from powerdown.machine.accelerator import QEMU, Accelerator, AcceleratorKind, qemu_version
from powerdown.machine.hypervisor import Hypervisor
from powerdown.machine.qemu.firmware import UefiFlash, uefi_candidate
from powerdown.machine.qemu.tpm import SWTPM

_LENGTH = 20


def template_key(image: Image, hypervisor: Hypervisor, image_digest: str) -> str:
    """The key of an image's template on this host.

    :param image_digest: of its disk.
    :raise HostError: QEMU or the firmware is not installed.
    """
    parts: dict[str, object] = {
        # Raise it when the layout of templates or the readiness of the saved guest changes.
        "revision": 2,
        "image": image.name,
        "disk": [str(image.disk.path), image_digest, image.disk.format],
        "ready": _readiness(image),
        "command": hypervisor.hardware(image),
        "qemu": [qemu_version(), *_identity(shutil.which(QEMU))],
        "firmware": _firmware(image),
        "tpm": _identity(shutil.which(SWTPM)) if image.tpm else "none",
        "host": _host(hypervisor.accelerator),
    }
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]


def _readiness(image: Image) -> object:
    """How the harness knows that the guest is ready to be saved."""
    control = image.control
    if control.transport is Transport.NONE:
        return image.budgets.settle
    # Without the password, because the key appears in reports.
    user = control.credentials and control.credentials.user
    return [control.transport, control.port, control.authentication, user]


def _firmware(image: Image) -> object:
    if image.firmware is not Firmware.UEFI:
        # SeaBIOS comes with QEMU's data and is part of the saved state.
        return "bios"
    flash: UefiFlash = uefi_candidate()
    return [_identity(str(flash.code)), _identity(str(flash.variables))]


def _host(accelerator: Accelerator) -> object:
    """What the guest sees of the host's CPU and kernel."""
    if accelerator.kind is not AcceleratorKind.KVM:
        return platform.machine()
    lines = Path("/proc/cpuinfo").read_text().partition("\n\n")[0].splitlines()
    visible = ("model name", "stepping", "microcode", "flags")
    return [platform.release(), [line for line in lines if line.startswith(visible)]]


def _identity(path: str | None) -> list[object]:
    """Identify a file without reading it: packages replace files and never change them in place."""
    if path is None:
        return []
    status = Path(path).resolve().stat()
    return [str(Path(path).resolve()), status.st_size, status.st_mtime_ns]
