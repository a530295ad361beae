"""The stand-in as a real guest: three sessions of one disk, and boots on other machines.

A boot takes some 7 s, so a session is lived through once, in a fixture that notes what it sees; the
tests judge the notes and may run in any order.
"""

from __future__ import annotations

import http.client
import json
import re
import shutil
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from PIL import Image as Picture
from standin.framebuffer import BLACK, MemoryFramebuffer
from standin.screen import BLUE, DESKTOP_BLUE, Screen

from powerdown.core.deadline import Deadline
from powerdown.core.errors import CredentialsRejected
from powerdown.disk.ntfs.volume_state import volume_state
from powerdown.guest.channels.winrm_channel import WinrmChannel
from powerdown.images.definition import load
from powerdown.images.image import Credentials, DiskBus, Firmware, MachineType, NicModel
from powerdown.machine.events import named
from powerdown.machine.protocol import RunState
from powerdown.shutdown.observation import Command
from powerdown.shutdown.soft_shutdown import press_power_button
from powerdown.windows.event_records import EventRecord, parse_events
from powerdown.windows.settings.button_settings import POWER_BUTTON, ButtonAction
from tests.standin.offline import SFDISK, output, system_volume
from tests.support.paths import REPOSITORY

pytestmark = [pytest.mark.guest]
# One worker lives the sessions, another boots the other machines.
lived = pytest.mark.xdist_group("standin-sessions")

DEFINITION = REPOSITORY / "fixtures/images/standin.toml"
DOCUMENT = "Quarterly figures - Document"
SAVER = "Saves on exit"
SAVED = r"C:\Users\tester\saved.txt"
CONTROL = r"SYSTEM\CurrentControlSet\Control"
SECONDS = 60.0
"""For what takes the guest a second or two when the host is idle."""

BOOT = [12, 20, 27, 6009, 6005, 6013]
BOOT_AFTER_LOSS = [12, 20, 27, 41, 6008, 6009, 6005, 6013]
STOP = [1074, 6006, 109, 13]


@dataclass
class Session:
    """What was noted of one session.

    :ivar overlay: its disk; nothing uses it any more.
    :ivar records: records of the System log that are new in it, oldest first.
    :ivar screens: pictures by what they should show.
    :ivar notes: answers by question.
    """

    overlay: Path
    records: tuple[EventRecord, ...]
    screens: dict[str, bytes]
    notes: dict[str, object]
    serial: str = ""

    def ids(self) -> list[int]:
        return [record.event_id for record in self.records]

    def record(self, event_id: int) -> EventRecord:
        (found,) = (record for record in self.records if record.event_id == event_id)
        return found


@pytest.fixture(scope="session")
def image():
    return load(DEFINITION)


@pytest.fixture(scope="module")
def first(host, image, tmp_path_factory, pe) -> Session:
    """Boots, is asked things, presses a program that refuses to end, and ends orderly."""
    directory = tmp_path_factory.mktemp("standin")
    screens, notes = {}, {}
    with host.boot(image, directory) as guest:
        guest.wait_until_ready()
        windows = guest.windows
        screens["desktop"] = shown(guest, lambda s: s.desktop([]))
        notes["answers"] = answers(guest.machine.control_address, image)
        notes["rejected"] = rejected(guest.machine.control_address, image)
        write_registry(windows)
        notes["reg query"] = {name: windows.run(question).output for name, question in ASKED}
        for name, title, reply, last in (
            ("document.exe", DOCUMENT, "refuse", []),
            ("saver.exe", SAVER, "agree", [{"wait_ms": 1500}, {"write": SAVED, "text": "all"}]),
        ):
            program = directory / name
            window = {"visible": True, "title": title}
            program.write_bytes(
                pe(
                    json.dumps(
                        {
                            "format": 1,
                            "kind": "application",
                            "window": window,
                            "query_end_session": reply,
                            "end_session": last,
                        }
                    ).encode()
                )
            )
            windows.start_on_desktop(name[:-4], windows.upload(program), name)
        screens["windows"] = shown(guest, lambda s: s.desktop([DOCUMENT, SAVER]))
        guest.machine.press_power_button()
        screens["blocking"] = shown(guest, lambda s: s.blocking([(DOCUMENT, None)]))
        windows.run("taskkill /f /im document.exe").checked()
        screens["shutting down"] = shown(guest, lambda s: s.shutting_down())
        notes["end"] = ended(guest)
        notes["volume"] = volume_state(guest.machine.overlay)
        return Session(guest.machine.overlay, (), screens, notes)


@pytest.fixture(scope="module")
def second(host, image, first, tmp_path_factory) -> Session:
    """Starts on the disk of the first, reads the log that it finds, and loses its power."""
    directory = tmp_path_factory.mktemp("standin")
    notes = {}
    with host.boot(image, directory, first.overlay) as guest:
        guest.wait_until_ready()
        log = guest.windows.run("wevtutil qe System /f:xml").checked().output
        notes["saved"] = guest.windows.read_file(SAVED)
        guest.machine.kill(Deadline.after(SECONDS))
        notes["volume"] = volume_state(guest.machine.overlay)
    everything = parse_events(log)
    starts = [at for at, record in enumerate(everything) if record.event_id == 12]
    assert len(starts) == 2
    first.records = everything[: starts[1]]
    return Session(first.overlay, everything[starts[1] :], {}, notes)


@pytest.fixture(scope="module")
def third(host, image, second, tmp_path_factory) -> Session:
    """Starts after the loss of power, sleeps, wakes, and ends orderly."""
    directory = tmp_path_factory.mktemp("standin")
    screens, notes = {}, {}
    with host.boot(image, directory, second.overlay) as guest:
        machine = guest.machine
        # Shown for half a second only.
        serial_says(guest, "has been checked")
        machine.pause()
        screens["repairing"] = look(guest)
        machine.resume()
        guest.wait_until_ready()
        windows = guest.windows
        notes["fsutil"] = windows.volume_is_dirty()
        windows.run_all(POWER_BUTTON.set(ButtonAction.SLEEP).commands)
        machine.press_power_button()
        notes["slept"] = machine.events.wait(named("SUSPEND"), Deadline.after(SECONDS))
        notes["state asleep"] = machine.run_state()
        notes["asleep"] = windows.channel.answers(Deadline.after(1))
        machine.wake()
        notes["woke"] = machine.events.wait(named("WAKEUP"), Deadline.after(SECONDS))
        guest.wait_until_ready()
        windows = guest.windows
        windows.run_all(POWER_BUTTON.set(ButtonAction.SHUT_DOWN).commands)
        log = windows.run("wevtutil qe System /f:xml").checked().output
        seen = press_power_button(machine, windows)
        notes["press"] = seen
        notes["volume"] = volume_state(guest.machine.overlay)
        serial = (machine.run_directory / "serial.log").read_text(errors="replace")
    everything = parse_events(log)
    last = second.records[-1].record_id
    records = tuple(record for record in everything if record.record_id > last)
    return Session(second.overlay, records, screens, notes, serial)


@lived
def test_the_log_keeps_a_whole_session_in_the_documented_order(first, second):
    assert [i for i in first.ids() if i in (*BOOT, *STOP, 41, 6008)] == BOOT + STOP
    assert second.ids()[: len(BOOT)] == BOOT
    ids = [record.record_id for record in (*first.records, *second.records)]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    times = [record.created for record in (*first.records, *second.records)]
    assert times == sorted(times)


@lived
def test_the_stop_records_have_the_documented_fields(first, second):
    pressed = first.record(1074)
    assert pressed.provider == "User32"
    assert list(pressed.data) == [f"param{n}" for n in range(1, 8)]
    assert pressed.data["param1"].lower().startswith(r"c:\windows\system32\winlogon.exe")
    assert pressed.data["param2"] == "STANDIN"
    assert pressed.data["param4"] == "0x500ff"
    assert pressed.data["param5"] == "power off"
    assert pressed.data["param7"].endswith("tester")
    off = first.record(109)
    assert off.provider == "Microsoft-Windows-Kernel-Power"
    assert dict(off.data) == {
        "ShutdownActionType": "6",
        "ShutdownEventCode": "0",
        "ShutdownReason": "5",
    }
    assert first.record(6006).provider == "EventLog"
    assert list(first.record(13).data) == ["StopTime"]


@lived
def test_the_start_records_tell_how_the_last_session_ended(second, third):
    assert second.record(20).data["LastShutdownGood"] == "true"
    assert [i for i in third.ids() if i in BOOT_AFTER_LOSS] == BOOT_AFTER_LOSS
    assert third.record(20).data["LastShutdownGood"] == "false"
    lost = third.record(41)
    assert lost.provider == "Microsoft-Windows-Kernel-Power"
    assert (lost.data["BugcheckCode"], lost.data["PowerButtonTimestamp"]) == ("0", "0")


@lived
def test_a_program_that_refuses_holds_the_machine_until_it_is_killed(first, second):
    assert first.notes["end"] == "guest-shutdown"
    # The program after it had its time to save: the end was orderly.
    assert second.notes["saved"] == "all"
    assert not first.notes["volume"].dirty


@lived
@pytest.mark.parametrize(
    ("scene", "ground", "draw"),
    [
        ("desktop", DESKTOP_BLUE, lambda s: s.desktop([])),
        ("windows", DESKTOP_BLUE, lambda s: s.desktop([DOCUMENT, SAVER])),
        ("blocking", BLUE, lambda s: s.blocking([(DOCUMENT, None)])),
        ("shutting down", BLUE, lambda s: s.shutting_down()),
    ],
)
def test_screen(first, scene, ground, draw):
    assert_shows(first.screens[scene], ground, draw)


@lived
def test_every_screen_is_another(first, third):
    pictures = [*first.screens.values(), *third.screens.values()]
    assert len({pixels for _, pixels in pictures}) == len(pictures) == 5


@lived
def test_the_hives_on_the_disk_hold_what_reg_said(first, tmp_path):
    for program in ("ntfscat", "hivexget", SFDISK):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (ci/packages-test.txt)")
    volume = system_volume(first.overlay, tmp_path)
    for (name, _), (hive, key, value, online) in zip(ASKED, OFFLINE, strict=True):
        file = tmp_path / hive.rpartition("/")[2]
        if not file.exists():
            file.write_bytes(output("ntfscat", str(volume), hive))
        offline = output("hivexget", str(file), key, value).decode().strip()
        assert re.search(online, first.notes["reg query"][name]), name
        said = re.search(rf"^ +{value} +(REG_\w+) +(.*)$", first.notes["reg query"][name], re.M)
        assert said is not None, name
        assert said[2].strip() == as_reg_prints(offline, said[1]), name


@lived
def test_who_may_not_and_what_is_no_request_is_refused(first):
    assert "rejects the credentials" in str(first.notes["rejected"])
    assert first.notes["answers"] == {
        "wrong password": 401,
        "no credentials": 401,
        "not XML": 400,
        "not SOAP": 500,
        "document type": 400,
        "unknown action": 500,
        "oversized": 413,
        "elsewhere": 404,
    }


@lived
def test_a_kill_leaves_the_volume_dirty_and_the_next_start_repairs_it(first, second, third):
    assert not first.notes["volume"].dirty
    assert second.notes["volume"].dirty
    assert "the volume is dirty" in third.serial
    assert_shows(third.screens["repairing"], BLACK, lambda s: s.repairing())
    assert "not dirty" in third.notes["fsutil"].lower()
    assert not third.notes["volume"].dirty


@lived
def test_sleep_is_real_and_the_button_works_after_it(third):
    assert third.notes["slept"] is not None
    assert third.notes["slept"].name == "SUSPEND"
    assert third.notes["state asleep"] is RunState.SUSPENDED
    assert third.notes["asleep"] is None
    assert third.notes["woke"] is not None
    assert [i for i in third.ids() if i in (42, 107)] == [42, 107]
    slept, woke = third.record(42), third.record(107)
    assert slept.data["TargetState"] == woke.data["WakeFromState"] == "4"
    pressed = third.notes["press"]
    assert pressed.command is Command.PRESS
    assert [e.data.get("reason") for e in pressed.events if e.name == "SHUTDOWN"] == [
        "guest-shutdown"
    ]


@pytest.mark.xdist_group("standin-machines")
@pytest.mark.parametrize(
    ("machine", "firmware", "bus", "nic"),
    [
        pytest.param(MachineType.Q35, Firmware.BIOS, DiskBus.IDE, NicModel.E1000E, id="q35-sata"),
        pytest.param(MachineType.Q35, Firmware.UEFI, DiskBus.NVME, NicModel.E1000, id="uefi"),
    ],
)
def test_other_machines_boot_and_power_off(host, image, tmp_path, machine, firmware, bus, nic):
    disk = replace(image.disk, bus=bus)
    other = replace(image, machine=machine, firmware=firmware, disk=disk, nic=nic)
    with host.boot(other, tmp_path) as guest:
        guest.wait_until_ready()
        guest.machine.press_power_button()
        assert ended(guest) == "guest-shutdown"
        assert not volume_state(guest.machine.overlay).dirty


# What is asked of the registry inside, and where it is in the hive files.

ASKED = (
    ("service wait", rf'reg query "HKLM\{CONTROL}" /v WaitToKillServiceTimeout'),
    ("written number", r'reg query "HKLM\SOFTWARE\Powerdown test" /v Number'),
    ("written text", r'reg query "HKLM\SOFTWARE\Powerdown test" /v Text'),
    ("desktop", r'reg query "HKCU\Control Panel\Desktop" /v HungAppTimeout'),
)
OFFLINE = (
    (
        "Windows/System32/config/SYSTEM",
        r"\ControlSet001\Control",
        "WaitToKillServiceTimeout",
        "REG_SZ",
    ),
    ("Windows/System32/config/SOFTWARE", r"\Powerdown test", "Number", "REG_DWORD +0xbeef"),
    ("Windows/System32/config/SOFTWARE", r"\Powerdown test", "Text", "REG_SZ +a text"),
    ("Users/tester/NTUSER.DAT", r"\Control Panel\Desktop", "HungAppTimeout", "REG_SZ +4321"),
)


def write_registry(windows):
    windows.run_all(
        (
            r'reg add "HKLM\SOFTWARE\Powerdown test" /v Number /t REG_DWORD /d 48879 /f',
            r'reg add "HKLM\SOFTWARE\Powerdown test" /v Text /t REG_SZ /d "a text" /f',
            r'reg add "HKCU\Control Panel\Desktop" /v HungAppTimeout /t REG_SZ /d 4321 /f',
        )
    )


def as_reg_prints(offline, kind):
    """A value as hivexget prints it, in reg.exe's notation."""
    return hex(int(offline)) if kind == "REG_DWORD" else offline


# Requests over the real forwarded port.


def rejected(address, image):
    credentials = Credentials(image.control.credentials.user, "wrong")
    channel = WinrmChannel(address, replace(image.control, credentials=credentials))
    with pytest.raises(CredentialsRejected) as error:
        channel.run("ver", Deadline.after(SECONDS))
    channel.close()
    return error.value


def answers(address, image):
    user = image.control.credentials
    right, wrong = (f"{user.user}:{word}" for word in (user.password, "wrong"))
    soap = "http://www.w3.org/2003/05/soap-envelope"
    unknown = (
        f'<s:Envelope xmlns:s="{soap}" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing">'
        "<s:Header><a:Action>urn:nothing</a:Action><a:MessageID>uuid:1</a:MessageID></s:Header>"
        "<s:Body/></s:Envelope>"
    )
    return {
        "wrong password": status(address, wrong, unknown),
        "no credentials": status(address, None, unknown),
        "not XML": status(address, right, "<s:Envelope"),
        "not SOAP": status(address, right, "<html/>"),
        "document type": status(address, right, "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"),
        "unknown action": status(address, right, unknown),
        "oversized": status(address, right, " " * 2_000_000),
        "elsewhere": status(address, right, unknown, "/other"),
    }


def status(address, credentials, body, path="/wsman"):
    headers = {"Content-Type": "application/soap+xml;charset=UTF-8"}
    if credentials is not None:
        headers["Authorization"] = f"Basic {b64encode(credentials.encode()).decode()}"
    connection = http.client.HTTPConnection(*address, timeout=SECONDS)  # type: ignore[misc]
    try:
        connection.request("POST", path, headers={**headers, "Content-Length": str(len(body))})
        # Refused by its header: the answer comes before the body has gone.
        with suppress(OSError):
            connection.send(body.encode())
        return connection.getresponse().status
    finally:
        connection.close()


# Screens and ends.


def shown(guest, draw):
    """Size and pixels of the screen once it shows a scene, or of the last look if it never does."""
    deadline = Deadline.after(SECONDS)
    expected = None
    while True:
        size, pixels = look(guest)
        expected = expected or drawn(size, draw)
        if pixels == expected or deadline.expired or guest.machine.events.exit:
            return size, pixels
        # Looking slows the guest down; its end ends the wait.
        guest.machine.events.wait(named("SHUTDOWN"), deadline.at_most(0.1))


def serial_says(guest, text):
    """Wait until the guest has written something to its serial port.

    :raise DeadlineExpired: it did not.
    """
    deadline = Deadline.after(SECONDS)
    log = guest.machine.run_directory / "serial.log"
    while text not in log.read_text(errors="replace"):
        if deadline.expired:
            raise deadline.expire(f"{text!r} on the serial port", "other things", "Read it.")
        guest.machine.events.wait(named("SHUTDOWN"), deadline.at_most(0.02))


def look(guest):
    with Picture.open(guest.machine.screenshot(guest.machine.run_directory / "look.png")) as shot:
        return shot.size, shot.convert("RGB").tobytes()


def drawn(size, draw):
    """What the model draws on a screen of this size."""
    frame = MemoryFramebuffer(*size)
    draw(Screen(frame))
    return bytes(frame.pixels)


def assert_shows(seen, ground, draw):
    size, pixels = seen
    colours = Picture.frombytes("RGB", size, pixels).getcolors(size[0] * size[1])
    assert colours is not None
    colours.sort(reverse=True)
    # A person sees one ground and, on it, something: neither a blank screen nor noise.
    assert colours[0][1] == ground
    assert 2 < len(colours) < 256
    assert pixels == drawn(size, draw)


def ended(guest):
    """Why the guest ended, by QMP's name.

    :raise DeadlineExpired: it did not.
    """
    deadline = Deadline.after(SECONDS)
    off = guest.machine.events.wait(named("SHUTDOWN"), deadline)
    if off is None:
        raise deadline.expire("the guest's end", "it goes on", "Look at its screen.")
    guest.machine.events.wait(named("PROCESS_EXIT"), deadline)
    return off.data.get("reason")
