"""Finding an accelerator. KVM itself is never started here: fakes stand in for such a QEMU."""

from __future__ import annotations

import contextlib
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from powerdown.core.deadline import Deadline
from powerdown.core.errors import HostError
from powerdown.machine.accelerator import AcceleratorKind, detect, probe

_Seen = TypeVar("_Seen")


class FakeQemu:
    """A program that counts its probes and behaves as told, and a device that opens."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.program = directory / "qemu"
        self.device = directory / "kvm"
        self.device.touch()
        self.behave("exit 33")

    def behave(self, probe: str, version: str = "7.2") -> None:
        self.program.write_text(
            f"#!/bin/sh\n[ $1 = --version ] && {{ echo QEMU {version}; exit; }}\n"
            f"echo >> {self.directory}/probes\n{probe}\n"
        )
        self.program.chmod(stat.S_IRWXU)

    @property
    def probes(self) -> int:
        counted = self.directory / "probes"
        return len(counted.read_text().splitlines()) if counted.exists() else 0

    def detect(self, environment: dict[str, str] | None = None) -> tuple[AcceleratorKind, str]:
        found = detect(
            self.directory / "cache",
            environment=environment or {},
            kvm_device=self.device,
            qemu=str(self.program),
            seconds=1.0,
        )
        return found.kind, found.why


@pytest.fixture
def fake(tmp_path: Path) -> FakeQemu:
    return FakeQemu(tmp_path)


@pytest.mark.parametrize("kind", list(AcceleratorKind))
def test_the_override_skips_the_probe(fake: FakeQemu, kind: AcceleratorKind) -> None:
    assert fake.detect({"POWERDOWN_ACCEL": kind})[0] is kind
    assert fake.probes == 0


def test_an_unknown_override(fake: FakeQemu) -> None:
    with pytest.raises(HostError, match=r"POWERDOWN_ACCEL is 'hvf'.*kvm or tcg"):
        fake.detect({"POWERDOWN_ACCEL": "hvf"})


def test_kvm_that_runs_a_guest_is_used_and_remembered(fake: FakeQemu) -> None:
    assert fake.detect() == fake.detect() == (AcceleratorKind.KVM, "a tiny guest ran to its end")
    assert fake.probes == 1


def test_kvm_without_the_interface_that_windows_gets_is_not_used(fake: FakeQemu) -> None:
    # As seen on a KVM inside another: the tiny guest ran, and no guest with hv-vpindex started.
    refusal = "kernel doesn't allow setting HyperV VP_INDEX"
    fake.behave(f'case "$*" in *hv-vpindex*) echo "{refusal}" >&2; exit 1;; esac; exit 33')
    kind, why = fake.detect()
    assert kind is AcceleratorKind.TCG
    assert refusal in why


def test_another_qemu_is_probed_anew(fake: FakeQemu) -> None:
    fake.detect()
    fake.behave("echo no KVM >&2; exit 1", version="8.0")
    kind, why = fake.detect()
    assert kind is AcceleratorKind.TCG
    assert "status 1: no KVM" in why
    assert fake.probes == 2


def test_a_damaged_cache_is_no_answer(fake: FakeQemu) -> None:
    (fake.directory / "cache").mkdir()
    for content in ("", "[]", "null", '{"key": 1}'):
        (fake.directory / "cache" / "accelerator.json").write_text(content)
        assert fake.detect()[0] is AcceleratorKind.KVM
    assert fake.probes == 4


def test_kvm_that_hangs_is_not_kvm_that_works(fake: FakeQemu) -> None:
    fake.behave("exec sleep 60")
    kind, why = fake.detect()
    assert kind is AcceleratorKind.TCG
    assert "did not end within 1 s" in why


def test_a_probe_that_hangs_ends_with_the_harness(fake: FakeQemu) -> None:
    fake.behave(f"echo $$ > {fake.directory}/pid; exec sleep 60")
    program = (
        "from powerdown.machine.accelerator import AcceleratorKind, probe\n"
        f"probe(AcceleratorKind.TCG, qemu={str(fake.program)!r}, seconds=60)"
    )
    harness = subprocess.Popen([sys.executable, "-c", program])
    try:
        pid = _eventually((fake.directory / "pid").read_text, str.strip)
    finally:
        harness.kill()
        harness.wait()
    _eventually(lambda: _is_gone(int(pid)), bool)


def _eventually(look: Callable[[], _Seen], good: Callable[[_Seen], object]) -> _Seen:
    deadline = Deadline.after(10.0)
    while not deadline.expired:
        with contextlib.suppress(OSError):
            if good(seen := look()):
                return seen
        time.sleep(0.01)
    raise AssertionError("not seen in time")


def _is_gone(pid: int) -> bool:
    # Killed and not reaped yet it is a zombie: gone all the same.
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_no_device_no_probe(fake: FakeQemu) -> None:
    fake.device.unlink()
    kind, why = fake.detect()
    assert kind is AcceleratorKind.TCG
    assert "No such file" in why
    assert fake.probes == 0


def test_no_qemu(fake: FakeQemu) -> None:
    fake.program.unlink()
    with pytest.raises(HostError, match="Install"):
        fake.detect()


@pytest.mark.guest
def test_the_tiny_guest_runs_to_its_end() -> None:
    assert probe(AcceleratorKind.TCG) == ""
