"""Finding an accelerator. KVM itself is never started here: fakes stand in for such a QEMU."""

from __future__ import annotations

import contextlib
import json
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
from powerdown.machine import accelerator
from powerdown.machine.accelerator import HYPERV_FLAGS, AcceleratorKind, detect
from powerdown.machine.accelerator_probe import REVISION
from powerdown.machine.probe_guest import RIGHT_VALUE

_Seen = TypeVar("_Seen")


RIGHT_END = f"exit {RIGHT_VALUE << 1 | 1}"
"""What the shell script does that stands in for a QEMU whose test guest came to its right end."""

STOPPING = """
import json, re, socket, sys, threading

print("KVM internal error. Suberror: 1\\nemulation failure\\nEAX=00000000", file=sys.stderr)
ends = {
    name: socket.socket(fileno=int(fd))
    for name, fd in re.findall(r"socket,id=(\\w+),fd=(\\d+)", " ".join(sys.argv))
}


def serve(end):
    send(end, {"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": []}})
    while received := end.recv(4096):
        request = json.loads(received)
        state = {"status": "internal-error", "running": False}
        answer = state if request["execute"] == "query-status" else {}
        send(end, {"return": answer, "id": request.get("id")})
        if request["execute"] == "cont":
            stop = {"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 0}}
            send(ends["events"], stop)


def send(end, message):
    end.sendall(json.dumps(message).encode() + b"\\r\\n")


for end in ends.values():
    threading.Thread(target=serve, args=[end]).start()
"""
"""A QEMU whose KVM fails at emulating an instruction as soon as the guest runs."""


class FakeQemu:
    """A program that counts its probes and behaves as told, and a device that opens."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.program = directory / "qemu"
        self.device = directory / "kvm"
        self.device.touch()
        self.behave(RIGHT_END)

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

    def detect(
        self, environment: dict[str, str] | None = None, seconds: float = 1.0
    ) -> tuple[AcceleratorKind, str]:
        found = detect(
            self.directory / "cache",
            environment=environment or {},
            kvm_device=self.device,
            qemu=str(self.program),
            seconds=seconds,
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
    assert fake.detect() == fake.detect() == (AcceleratorKind.KVM, "a test guest ran to its end")
    assert fake.probes == 1


@pytest.mark.parametrize(
    ("flag", "refusal", "lacks"),
    [
        (
            "hv-vpindex",
            "kernel doesn't allow setting HyperV VP_INDEX",
            "lacks hv-vpindex (and therefore hv-synic, hv-stimer, hv-tlbflush, hv-ipi);",
        ),
        (
            "hv-time",
            "error: failed to set MSR 0x40000021 to 0x0",
            "lacks hv-time (and therefore hv-stimer);",
        ),
        ("hv-spinlocks", "not supported", "lacks hv-spinlocks;"),
    ],
)
def test_kvm_without_the_interface_that_windows_gets_is_not_used(
    fake: FakeQemu, flag: str, refusal: str, lacks: str
) -> None:
    # As seen on a KVM inside another: a guest ran, and none with such a flag started.
    fake.behave(f'case "$*" in *{flag}*) echo "{refusal}" >&2; exit 1;; esac; {RIGHT_END}')
    kind, why = fake.detect()
    assert kind is AcceleratorKind.TCG
    assert why.startswith("KVM works, but not with the CPU flags for Windows")
    assert lacks in why
    assert refusal in why
    assert fake.probes <= 2 + len(HYPERV_FLAGS)


def test_the_search_for_flags_is_bounded_in_time(
    fake: FakeQemu, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerator, "_SEARCH_SECONDS", 2.8)
    fake.behave(f'case "$*" in *hv-*) exec sleep 60;; esac; {RIGHT_END}')
    kind, why = fake.detect(seconds=1.0)
    assert kind is AcceleratorKind.TCG
    assert "lacks hv-relaxed, hv-vapic, and there was not enough time to try all flags" in why
    assert fake.probes == 2 + 2


def test_kvm_that_stops_the_guest_is_not_kvm_that_works(fake: FakeQemu) -> None:
    # As seen on another KVM inside a virtual machine, in the boot loader of each guest.
    program = fake.directory / "stopping.py"
    program.write_text(STOPPING)
    fake.behave(f'exec {sys.executable} -I {program} "$@"')
    deadline = Deadline.after(30.0)
    kind, why = fake.detect(seconds=30.0)
    assert not deadline.expired, "it is not waited for"
    assert kind is AcceleratorKind.TCG
    assert "stopped a test guest with run state internal-error" in why
    assert "KVM internal error. Suberror: 1 emulation failure" in why
    assert fake.probes == 1, "no CPU flag is to blame"


def test_another_qemu_is_probed_anew(fake: FakeQemu) -> None:
    fake.detect()
    fake.behave("echo no KVM >&2; exit 1", version="8.0")
    kind, why = fake.detect()
    assert kind is AcceleratorKind.TCG
    assert "status 1, the test guest before its boot sector: no KVM" in why
    assert fake.probes == 3, "once more without the CPU flags for Windows"


@pytest.mark.parametrize(
    "older",
    [
        # Of the probe that believed a KVM after a few 16-bit instructions.
        lambda key: key.partition(", ")[2],
        lambda key: key.replace(f"probe {REVISION}", f"probe {REVISION - 1}"),
    ],
)
def test_the_answer_of_an_older_probe_is_not_believed(
    fake: FakeQemu, older: Callable[[str], str]
) -> None:
    fake.behave("exit 1")
    assert fake.detect()[0] is AcceleratorKind.TCG
    cache = fake.directory / "cache" / "accelerator.json"
    stored = json.loads(cache.read_text())
    assert older(stored["key"]) != stored["key"]
    cache.write_text(json.dumps({"key": older(stored["key"]), "kind": "kvm", "why": "it ran"}))
    assert fake.detect()[0] is AcceleratorKind.TCG


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
        "from powerdown.machine.accelerator_probe import probe\n"
        f"probe('tcg', 'max', qemu={str(fake.program)!r}, seconds=60)"
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
