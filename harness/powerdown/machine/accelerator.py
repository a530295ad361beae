"""Detection of the accelerator that works on this host. That ``/dev/kvm`` opens is not enough.

Three defects of nested KVM were seen: it spins for ever before the first guest instruction, it runs
16-bit code and fails in the boot loader ("KVM internal error: emulation failure"), or it lacks a
part of Hyper-V's interface. So KVM is used only after a test guest has run to its end that uses the
same CPU features as Windows, with the same CPU model as later guests.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.core.errors import HostError
from powerdown.core.files import write_atomically
from powerdown.core.missing_program import missing_program
from powerdown.machine.accelerator_probe import REVISION, ProbeResult, probe

QEMU = "qemu-system-x86_64"
"""QEMU's executable."""

OVERRIDE = "POWERDOWN_ACCEL"
"""Environment variable that sets the accelerator and skips the probe."""

_PROBE_SECONDS = 10.0
"""For the test guest, which takes some 0.2 s, also under software emulation."""

_SEARCH_SECONDS = 20.0
"""For finding all flags that a KVM lacks."""

_FLAG_SECONDS = 3.0
"""For the test guest with one more flag than a set that works."""


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
"""CPU flags for Windows under KVM; software emulation has no Hyper-V interface. Each flag
comes after those that it requires."""

_NEEDED_FLAGS = {
    "hv-synic": ("hv-vpindex",),
    "hv-stimer": ("hv-vpindex", "hv-synic", "hv-time"),
    "hv-tlbflush": ("hv-vpindex",),
    "hv-ipi": ("hv-vpindex",),
}
"""The flags that a flag requires (qemu:docs/system/i386/hyperv.rst, "Requires")."""

_HOST_CPU = "host"
"""QEMU's CPU model with all features of the host's CPU; KVM only."""


class AcceleratorKind(StrEnum):
    """QEMU accelerators, by QEMU's names."""

    KVM = "kvm"
    TCG = "tcg"

    @property
    def cpu_model(self) -> str:
        """The value of QEMU's ``-cpu``: the most capable model, with what Windows expects."""
        if self is AcceleratorKind.KVM:
            return _kvm_cpu(HYPERV_FLAGS)
        return "max"


@dataclass(frozen=True)
class Accelerator:
    """The accelerator to use.

    :param kind: which one.
    :param why: the reason for the choice, for reports.
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

    The answer is kept in ``cache_directory`` until QEMU, the probe or the running kernel changes.

    KVM is used with all of :data:`HYPERV_FLAGS` or not at all, so that verdicts do not depend on
    which flags a host happens to have.

    :param seconds: time allowed for one run of the test guest.
    :raise HostError: :data:`OVERRIDE` has an invalid value, or QEMU is not installed.
    """
    chosen = environment.get(OVERRIDE)
    if chosen:
        return _override(chosen)
    try:
        os.close(os.open(kvm_device, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return Accelerator(AcceleratorKind.TCG, f"{kvm_device}: {error.strerror}")
    cache = cache_directory / "accelerator.json"
    cpu = AcceleratorKind.KVM.cpu_model
    key = f"probe {REVISION}, {qemu_version(qemu)}, {cpu}, on boot {_boot_id()}"
    known = _cached(cache, key)
    if known is not None:
        return known
    found = _detect_kvm(qemu, seconds)
    _store(cache, key, found)
    return found


def _detect_kvm(qemu: str, seconds: float) -> Accelerator:
    """Determine whether KVM works and, if not, what it lacks."""
    found = _probe_kvm(HYPERV_FLAGS, qemu, seconds)
    if found.works:
        return Accelerator(AcceleratorKind.KVM, "a test guest ran to its end")
    if not found.stopped:
        # The flags may be the cause. A KVM that stopped the guest failed while running it.
        plain = _probe_kvm((), qemu, seconds)
        if plain.works:
            lacks = _lacking(qemu, seconds)
            return _no_kvm(f"KVM works, but not with the CPU flags for Windows{lacks}", found)
        found = plain
    return _no_kvm("KVM does not work here", found)


def _lacking(qemu: str, seconds: float) -> str:
    """The flags that a KVM lacks which works without any, as a clause for :func:`_detect_kvm`."""
    deadline, each = Deadline.after(_SEARCH_SECONDS), min(_FLAG_SECONDS, seconds)
    has: list[str] = []
    lacks: list[str] = []
    needing: list[str] = []
    for flag in HYPERV_FLAGS:
        if deadline.remaining < each:
            break
        name = _flag_name(flag)
        if not {*_NEEDED_FLAGS.get(name, ())} <= {_flag_name(other) for other in has}:
            needing.append(name)
            continue
        if _probe_kvm((*has, flag), qemu, each).works:
            has.append(flag)
        else:
            lacks.append(name)
    text = f": this host's KVM lacks {', '.join(lacks)}" if lacks else ""
    if needing:
        text += f" (and therefore {', '.join(needing)})"
    if len(has) + len(lacks) + len(needing) < len(HYPERV_FLAGS):
        text += ", and there was not enough time to try all flags"
    return text


def _probe_kvm(flags: Sequence[str], qemu: str, seconds: float) -> ProbeResult:
    return probe(AcceleratorKind.KVM, _kvm_cpu(flags), qemu=qemu, seconds=seconds)


def _kvm_cpu(flags: Sequence[str]) -> str:
    return ",".join((_HOST_CPU, *flags))


def _flag_name(flag: str) -> str:
    return flag.partition("=")[0]


def _no_kvm(what: str, found: ProbeResult) -> Accelerator:
    return Accelerator(AcceleratorKind.TCG, f"{what}; {found.failure}")


def _override(chosen: str) -> Accelerator:
    try:
        return Accelerator(AcceleratorKind(chosen), f"{OVERRIDE}={chosen}")
    except ValueError:
        raise HostError(
            "choose an accelerator",
            f"{OVERRIDE} is {chosen!r}",
            f"Set it to {' or '.join(AcceleratorKind)}, or unset it to have it detected.",
        ) from None


def qemu_version(qemu: str = QEMU) -> str:
    """The version QEMU reports.

    :raise HostError: QEMU is not installed.
    """
    try:
        result = subprocess.run(
            [qemu, "--version"], capture_output=True, timeout=_PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise missing_program(qemu, str(error)) from error
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
