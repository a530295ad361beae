"""``powerdown diagnose`` on the stand-in in a QEMU that somebody has started by hand.

That QEMU has another order of devices, other names and default devices; all that is known of it is
its QMP socket, and for some questions the port that it forwards.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from powerdown.core.deadline import Deadline
from powerdown.guest.channels.winrm_channel import WinrmChannel
from powerdown.guest.readiness import await_ready
from powerdown.guest.windows import Windows
from powerdown.images.definition import load
from powerdown.images.image import Image
from powerdown.images.overlay import create_overlay
from powerdown.machine.external.external_qemu import ExternalQemu
from powerdown.machine.external.qmp_socket import QmpAddress
from powerdown.windows.settings.button_settings import POWER_BUTTON, ButtonAction
from tests.support.hand_started_qemu import wait_for
from tests.support.paths import REPOSITORY

pytestmark = [pytest.mark.guest]

DEFINITION = REPOSITORY / "fixtures/images/standin.toml"
SECONDS = 120.0
FORWARDED = re.compile(r"TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s")


@pytest.fixture(scope="module")
def image() -> Image:
    return load(DEFINITION)


@dataclass
class Foreign:
    """A guest of somebody else's."""

    image: Image
    place: Path
    process: subprocess.Popen[bytes]

    @contextmanager
    def attached(self) -> Iterator[ExternalQemu]:
        transcript = self.place.with_suffix(".jsonl")
        machine = ExternalQemu(QmpAddress(self.place), self.image.budgets, transcript)
        try:
            yield machine
        finally:
            machine.close()

    def port(self) -> int:
        """What the kernel has chosen."""
        with self.attached() as machine:
            printed = machine._monitor.human("info usernet", Deadline.after(10))
        found = FORWARDED.search(printed)
        assert found is not None, printed
        return int(found[1])

    @contextmanager
    def channel(self) -> Iterator[WinrmChannel]:
        channel = WinrmChannel(("127.0.0.1", self.port()), self.image.control)
        try:
            yield channel
        finally:
            channel.close()

    def wait_until_ready(self) -> None:
        with self.channel() as channel, self.attached() as machine:
            await_ready(machine, channel, Deadline.after(SECONDS))

    def set_button(self, action: ButtonAction) -> None:
        with self.channel() as channel:
            Windows(channel).run_all(POWER_BUTTON.set(action).commands)

    def diagnose(self, *arguments: str, inside: bool = True) -> tuple[int, dict[str, object]]:
        """Exit status and JSON, as a user gets them."""
        user = self.image.control.credentials
        assert user is not None
        command = [
            sys.executable,
            "-m",
            "powerdown",
            "diagnose",
            "--qmp",
            str(self.place),
            "--json",
        ]
        if inside:
            command += ["--winrm", f"127.0.0.1:{self.port()}", "--user", user.user]
            command += ["--authentication", "basic"]
        budgets = self.image.budgets
        command += ["--reaction", f"{budgets.reaction:g}", "--soft", f"{budgets.shutdown_soft:g}"]
        command += ["--hard", f"{budgets.shutdown_hard:g}", *arguments]
        ended = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            env={**os.environ, "POWERDOWN_PASSWORD": user.password},
        )
        assert ended.stdout, ended.stderr
        return ended.returncode, json.loads(ended.stdout)


@pytest.fixture
def foreign(image: Image, tmp_path: Path) -> Iterator[Foreign]:
    """The stand-in, switched on just now by somebody who has never heard of Powerdown."""
    disk, place = create_overlay(image.disk, tmp_path), tmp_path / "monitor"
    command = [
        *("qemu-system-x86_64", "-name", "guest=web-7,process=web-7", "-accel", "tcg"),
        *("-qmp", f"unix:{place},server=on,wait=off", "-display", "none", "-smp", "1"),
        *("-device", "virtio-rng-pci", "-usb", "-device", "usb-tablet"),
        *("-nic", "user,model=e1000,hostfwd=tcp:127.0.0.1:0-:5985"),
        *("-device", "virtio-serial", "-chardev"),
        f"socket,id=ga0,path={tmp_path / 'agent'},server=on,wait=off",
        *("-device", "virtserialport,chardev=ga0,name=org.qemu.guest_agent.0"),
        *("-m", "512", "-drive", f"file={disk},if=virtio", "-vga", "std"),
    ]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        wait_for(place, process)
        yield Foreign(image, place, process)
    finally:
        process.kill()
        process.wait(SECONDS)


def verdict(pressed: dict[str, object]) -> tuple[str, str, str]:
    told = pressed["verdict"]
    assert isinstance(told, dict)
    return told["outcome"], told["cause"], told["confidence"]


def findings(looked: dict[str, object], severity: str = "stops") -> list[str]:
    listed = looked["findings"]
    assert isinstance(listed, list)
    return [finding["cause"] for finding in listed if finding["severity"] == severity]


def test_first_in_its_firmware_and_later_healthy(foreign: Foreign) -> None:
    status, pressed = foreign.diagnose("--press", inside=False)
    assert (status, verdict(pressed)) == (1, ("stayed-up", "press-lost", "high"))
    foreign.wait_until_ready()
    status, looked = foreign.diagnose()
    assert (status, looked["guest"], looked["state"]) == (0, "web-7", "ready")
    assert looked["expected"] == "completed"
    assert findings(looked) == []
    status, asked = foreign.diagnose("--agent", str(foreign.place.parent / "agent"), inside=False)
    assert (status, asked["expected"], asked["findings"]) == (0, "completed", looked["findings"])
    # As documented for servers: it is told, and nothing is wrong now.
    assert set(findings(looked, "latent")) == {"no-logon-shutdown", "event-tracker"}
    status, pressed = foreign.diagnose("--press")
    assert (status, verdict(pressed)) == (0, ("completed", "none", "high"))
    assert [step["state"] for step in pressed["steps"]] == ["done"] * 5  # type: ignore[attr-defined]
    assert foreign.process.wait(SECONDS) == 0


def test_a_button_set_to_nothing_and_then_to_sleep(foreign: Foreign) -> None:
    foreign.wait_until_ready()
    foreign.set_button(ButtonAction.NOTHING)
    status, looked = foreign.diagnose()
    assert (status, looked["expected"], findings(looked)) == (
        1,
        "stayed-up",
        ["power-button-ignored"],
    )
    # From outside nobody can know.
    status, looked = foreign.diagnose(inside=False)
    assert (status, looked["expected"], findings(looked)) == (3, None, [])
    # With nothing but the QMP socket: QEMU tells where its guest agent is.
    status, pressed = foreign.diagnose("--agent", "--press", inside=False)
    assert (status, verdict(pressed)) == (1, ("stayed-up", "power-button-ignored", "high"))
    assert "powercfg" in str(pressed["verdict"])
    foreign.set_button(ButtonAction.SLEEP)
    status, looked = foreign.diagnose()
    assert (status, looked["expected"], findings(looked)) == (1, "suspended", ["asleep"])
    status, pressed = foreign.diagnose("--press")
    assert (status, verdict(pressed)) == (1, ("suspended", "asleep", "high"))
    # It sleeps now.
    status, looked = foreign.diagnose()
    assert (status, looked["state"], findings(looked)) == (1, "asleep", ["asleep"])
    status, pressed = foreign.diagnose("--press", inside=False)
    assert (status, verdict(pressed)) == (1, ("suspended", "asleep", "high"))
    assert foreign.process.poll() is None


def test_a_guest_that_hangs(foreign: Foreign) -> None:
    foreign.wait_until_ready()
    with foreign.attached() as machine:
        machine.hang_cpus()
    status, looked = foreign.diagnose()
    assert (status, looked["state"], looked["expected"]) == (3, "busy", None)
    assert findings(looked, "may-stop") == ["damaged-system"]
    status, pressed = foreign.diagnose("--press", "--force-after", "8")
    # How sure depends on whether the host gave its CPUs the time they wanted.
    assert (status, *verdict(pressed)[:2]) == (4, "stayed-up", "damaged-system")
    assert "Kernel-Power 41" in str(pressed["forced"])
    assert foreign.process.wait(SECONDS) == 0
