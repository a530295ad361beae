"""``powerdown diagnose --domain`` on the stand-in, as somebody else's domain on a real daemon."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec

import pytest

from powerdown.core.deadline import Deadline
from powerdown.guest.channels.winrm_channel import WinrmChannel
from powerdown.guest.readiness import await_ready
from powerdown.guest.windows import Windows
from powerdown.images.definition import load
from powerdown.images.image import Image
from powerdown.windows.settings.button_settings import POWER_BUTTON, ButtonAction
from tests.support.libvirt_daemon import Daemon, give_away
from tests.support.paths import REPOSITORY

pytestmark = [
    pytest.mark.guest,
    pytest.mark.skipif(find_spec("libvirt") is None, reason="libvirt-python is not installed"),
    pytest.mark.skipif(shutil.which("libvirtd") is None, reason="libvirtd is not installed"),
]

DEFINITION = REPOSITORY / "fixtures/images/standin.toml"
NAME = "web-7"
SECONDS = 180.0
FORWARDED = re.compile(r"TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s")
XML = """\
<domain type="qemu" xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0">
  <name>{name}</name><memory unit="MiB">512</memory><vcpu>1</vcpu>
  <os><type arch="x86_64" machine="pc">hvm</type></os>
  <features><acpi/><apic/></features>
  <clock offset="localtime"/>
  <pm><suspend-to-mem enabled="yes"/></pm>
  <devices>
    <disk type="file" device="disk">
      <driver name="qemu" type="qcow2"/><source file="{disk}"/><target dev="vdb" bus="virtio"/>
    </disk>
    <input type="tablet" bus="usb"/>
    <video><model type="vga"/></video>
    <channel type="unix"><target type="virtio" name="org.qemu.guest_agent.0"/></channel>
  </devices>
  <qemu:commandline>
    <qemu:arg value="-netdev"/>
    <qemu:arg value="user,id=lan,hostfwd=tcp:127.0.0.1:0-:5985"/>
    <qemu:arg value="-device"/><qemu:arg value="e1000,netdev=lan,addr=0x18"/>
  </qemu:commandline>
</domain>
"""


@dataclass
class ForeignDomain:
    """A domain of somebody else's."""

    image: Image
    uri: str

    @contextmanager
    def windows(self) -> Iterator[Windows]:
        """It from inside, once it is ready."""
        from powerdown.machine.libvirt.external_domain import attach_domain

        machine = attach_domain(self.uri, NAME, self.image.budgets)
        printed = machine._qmp.human("info usernet", Deadline.after(10))
        found = FORWARDED.search(printed)
        assert found is not None, printed
        channel = WinrmChannel(("127.0.0.1", int(found[1])), self.image.control)
        try:
            await_ready(machine, channel, Deadline.after(SECONDS))
            yield Windows(channel)
        finally:
            channel.close()
            machine.close()

    def diagnose(self, *arguments: str, domain: str = NAME) -> tuple[int, dict[str, object]]:
        """Exit status and JSON, as a user gets them."""
        command = [sys.executable, "-m", "powerdown", "diagnose", "--connect", self.uri]
        command += ["--domain", domain, "--json"]
        budgets = self.image.budgets
        command += ["--reaction", f"{budgets.reaction:g}", "--soft", f"{budgets.shutdown_soft:g}"]
        command += ["--hard", f"{budgets.shutdown_hard:g}", *arguments]
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS, check=False, env=os.environ
        )
        if not ended.stdout:
            return ended.returncode, {"error": ended.stderr}
        return ended.returncode, json.loads(ended.stdout)


@pytest.fixture(scope="module")
def domain() -> Iterator[ForeignDomain]:
    """The stand-in, switched on just now by somebody who has never heard of Powerdown."""
    from powerdown.machine.libvirt.connection import Connection

    image, daemon = load(DEFINITION), Daemon()
    try:
        disk = daemon.disks / "web-7.qcow2"
        shutil.copyfile(image.disk.path, disk)
        give_away(daemon.disks)
        connection = Connection(daemon.uri)
        connection.virt.createXML(XML.format(name=NAME, disk=disk), 0)
        yield ForeignDomain(image, daemon.uri)
        connection.close()
    finally:
        daemon.close()


def verdict(pressed: dict[str, object]) -> tuple[str, str]:
    told = pressed["verdict"]
    assert isinstance(told, dict), pressed
    return told["outcome"], told["cause"]


def causes(looked: dict[str, object]) -> list[str]:
    listed = looked["findings"]
    assert isinstance(listed, list), looked
    return [finding["cause"] for finding in listed if finding["severity"] == "stops"]


def test_in_its_firmware_set_to_nothing_asleep_hung_and_off(domain: ForeignDomain) -> None:
    status, pressed = domain.diagnose("--press")
    assert (status, verdict(pressed)) == (1, ("stayed-up", "press-lost"))
    with domain.windows() as windows:
        status, looked = domain.diagnose("--agent")
        assert (status, looked["expected"], causes(looked)) == (0, "completed", [])
        windows.run_all(POWER_BUTTON.set(ButtonAction.NOTHING).commands)
    status, looked = domain.diagnose("--agent")
    assert (status, looked["expected"], causes(looked)) == (
        1,
        "stayed-up",
        ["power-button-ignored"],
    )
    status, pressed = domain.diagnose("--agent", "--press")
    assert (status, verdict(pressed)) == (1, ("stayed-up", "power-button-ignored"))
    with domain.windows() as windows:
        windows.run_all(POWER_BUTTON.set(ButtonAction.SLEEP).commands)
    status, pressed = domain.diagnose("--agent", "--press")
    assert (status, verdict(pressed)) == (1, ("suspended", "asleep"))
    # libvirt passes no press on to it now.
    status, pressed = domain.diagnose("--press")
    assert (status, verdict(pressed)) == (1, ("suspended", "asleep"))
    wake_and_hang(domain)
    status, pressed = domain.diagnose("--press", "--force-after", "8")
    assert (status, verdict(pressed)) == (4, ("stayed-up", "damaged-system"))
    status, nothing = domain.diagnose()
    assert status == 2
    assert "web-7" in str(nothing["error"])


def wake_and_hang(domain: ForeignDomain) -> None:
    from powerdown.machine.libvirt.external_domain import attach_domain

    machine = attach_domain(domain.uri, NAME, domain.image.budgets)
    try:
        machine.wake()
    finally:
        machine.close()
    with domain.windows():
        pass
    machine = attach_domain(domain.uri, NAME, domain.image.budgets)
    try:
        machine.hang_cpus()
    finally:
        machine.close()
