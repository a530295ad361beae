"""Which accelerator works here. ``/dev/kvm`` that opens is not KVM that works.

On some hosts KVM opens, creates a virtual machine and then spins for ever before the first guest
instruction. So a tiny guest has to run to its own end, under a deadline, before KVM is believed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from powerdown.core.errors import HostError
from powerdown.core.files import write_atomically
from powerdown.machine.qemu.process import bound_to_this_thread
from powerdown.machine.run_directory import RunDirectory

QEMU = "qemu-system-x86_64"
"""The emulator's program."""

OVERRIDE = "POWERDOWN_ACCEL"
"""Environment variable that names the accelerator and skips the probe."""

_PROBE_SECONDS = 10.0
"""Time for the probe guest. It needs some 0.1 s, under software emulation too."""

_EXIT_VALUE = 0x10
_EXIT_STATUS = (_EXIT_VALUE << 1) | 1
"""What isa-debug-exit makes of the value written to it (qemu:hw/misc/debugexit.c)."""

_FIRMWARE_BYTES = 64 * 1024
"""QEMU wants firmware in multiples of 64 KiB; the CPU starts 16 bytes before its end."""

_RESET_VECTOR = bytes([0xB0, _EXIT_VALUE, 0xE6, 0xF4, 0xF4, 0xEB, 0xFD])
"""mov al, VALUE; out 0xf4, al; hlt; jmp to the hlt."""


HYPERV_FLAGS = (
    # What Windows expects of a hypervisor (qemu:docs/system/i386/hyperv.rst).
    "hv-relaxed",
    "hv-vapic",
    "hv-spinlocks=0x1fff",
    "hv-vpindex",
    "hv-runtime",
    "hv-synic",
    "hv-time",
    "hv-stimer",
    "hv-frequencies",
    "hv-tlbflush",
    "hv-ipi",
    # GUEST_PANICKED with the stop code, without a driver in the guest.
    "hv-crash",
)
"""CPU flags for Windows under KVM; software emulation has no Hyper-V interface."""


class AcceleratorKind(StrEnum):
    """QEMU accelerators, by QEMU's names."""

    KVM = "kvm"
    TCG = "tcg"

    @property
    def cpu_model(self) -> str:
        """What goes with QEMU's ``-cpu``: the best that the accelerator has, fit for Windows."""
        if self is AcceleratorKind.KVM:
            return ",".join(("host", *HYPERV_FLAGS))
        return "max"


@dataclass(frozen=True)
class Accelerator:
    """The accelerator to use.

    :param kind: which one.
    :param why: how that was found out, for reports.
    """

    kind: AcceleratorKind
    why: str

    def __str__(self) -> str:
        return f"{self.kind.value} ({self.why})"


def detect(
    cache_directory: Path,
    *,
    environment: Mapping[str, str] = os.environ,
    kvm_device: Path = Path("/dev/kvm"),
    qemu: str = QEMU,
    seconds: float = _PROBE_SECONDS,
) -> Accelerator:
    """The accelerator that works on this host.

    The probe's answer is kept in ``cache_directory`` until QEMU or the running kernel changes.

    :param seconds: time allowed for the probe guest.
    :raise HostError: :data:`OVERRIDE` names no accelerator, or QEMU is not installed.
    """
    chosen = environment.get(OVERRIDE)
    if chosen:
        return _override(chosen)
    try:
        os.close(os.open(kvm_device, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return Accelerator(AcceleratorKind.TCG, f"{kvm_device}: {error.strerror}")
    cache = cache_directory / "accelerator.json"
    key = f"{qemu_version(qemu)}, {AcceleratorKind.KVM.cpu_model}, on boot {_boot_id()}"
    known = _cached(cache, key)
    if known is not None:
        return known
    found = _judge(probe(AcceleratorKind.KVM, qemu=qemu, seconds=seconds))
    _store(cache, key, found)
    return found


def probe(kind: AcceleratorKind, *, qemu: str = QEMU, seconds: float = _PROBE_SECONDS) -> str:
    """Run a tiny guest to its own end; empty when it got there, else what happened instead.

    It is killed with the harness: where KVM spins it would go on for ever.

    :param seconds: time allowed; then the guest is killed.
    :raise HostError: QEMU or setpriv is not installed.
    """
    if shutil.which(qemu) is None:
        raise _no_qemu(qemu, FileNotFoundError("it is not installed"))
    with RunDirectory("probe") as directory:
        firmware = directory.path / "firmware"
        firmware.write_bytes(_firmware())
        command = [qemu, "-nodefaults", "-no-user-config", "-machine", "pc", "-accel", kind]
        # With the CPU that guests will get: a KVM inside another may run code and yet lack some
        # of Hyper-V's interface ("kernel doesn't allow setting HyperV VP_INDEX").
        command += ["-cpu", kind.cpu_model]
        command += ["-m", "16", "-display", "none", "-bios", str(firmware)]
        command += ["-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
        try:
            result = subprocess.run(
                bound_to_this_thread(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"a tiny guest did not end within {seconds:.0f} s"
        except OSError as error:
            raise _no_qemu("setpriv", error) from error
    if result.returncode == _EXIT_STATUS:
        return ""
    said = result.stderr.decode(errors="replace").strip().splitlines()
    why = said[-1][:200] if said else "it said nothing"
    return f"a tiny guest ended with status {result.returncode}: {why}"


def _firmware() -> bytes:
    return bytes(_FIRMWARE_BYTES - 16) + _RESET_VECTOR.ljust(16, b"\0")


def _override(chosen: str) -> Accelerator:
    try:
        return Accelerator(AcceleratorKind(chosen), f"{OVERRIDE}={chosen}")
    except ValueError:
        raise HostError(
            "choose an accelerator",
            f"{OVERRIDE} is {chosen!r}",
            f"Set it to {' or '.join(AcceleratorKind)}, or unset it to find out.",
        ) from None


def _judge(failure: str) -> Accelerator:
    if failure:
        return Accelerator(AcceleratorKind.TCG, f"KVM does not work here: {failure}")
    return Accelerator(AcceleratorKind.KVM, "a tiny guest ran to its end")


def qemu_version(qemu: str = QEMU) -> str:
    """What QEMU says of its version.

    :raise HostError: QEMU is not installed.
    """
    try:
        result = subprocess.run(
            [qemu, "--version"], capture_output=True, timeout=_PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _no_qemu(qemu, error) from error
    return result.stdout.decode(errors="replace").partition("\n")[0].strip()


def _boot_id() -> str:
    # Random for each start of the host (man 4 random).
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _cached(cache: Path, key: str) -> Accelerator | None:
    try:
        stored = json.loads(cache.read_text())
        if stored["key"] != key:
            return None
        return Accelerator(AcceleratorKind(stored["kind"]), str(stored["why"]))
    except (OSError, ValueError, KeyError, TypeError):
        # Absent or damaged: the probe answers again.
        return None


def _store(cache: Path, key: str, found: Accelerator) -> None:
    text = json.dumps({"key": key, "kind": found.kind, "why": found.why})
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(cache, text)
    except OSError:
        # Without a cache the next run probes again.
        return


def _no_qemu(qemu: str, error: Exception) -> HostError:
    return HostError(f"run {qemu}", str(error), "Install it: ci/setup does.")
