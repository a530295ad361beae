"""``powerdown diagnose`` on guests of one boot sector that somebody else has started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from powerdown.cli import guest_access
from powerdown.cli import main as cli_main
from powerdown.cli.diagnose_options import DomainName
from powerdown.cli.guest_access import winrm_address
from powerdown.core.deadline import Deadline
from powerdown.core.errors import HostError
from powerdown.images.image import Budgets
from powerdown.machine.events import EventStream, named
from powerdown.machine.external.external_qemu import ExternalQemu
from powerdown.machine.external.qmp_socket import QmpAddress
from powerdown.machine.protocol import RunState
from tests.support.boot_sector import HUNG, IGNORING, OBEDIENT, SLEEPY, UNARMED, boot_image
from tests.support.hand_started_qemu import qemu_by_hand

FAST = ("--reaction", "1", "--soft", "3", "--hard", "4")
SECONDS = 60.0

Start = Callable[..., subprocess.Popen[bytes]]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "q.sock"


@pytest.fixture
def start(tmp_path: Path, place: Path) -> Iterator[Start]:
    """Starts a boot sector by hand and waits until somebody who looks finds it like this."""
    with ExitStack() as running:

        def started(
            code: bytes,
            *arguments: str,
            until: Callable[[ExternalQemu], bool] = lambda machine: (
                machine.probe_pm1().button_armed
            ),
        ) -> subprocess.Popen[bytes]:
            disk = boot_image(tmp_path, code).disk.path
            process = running.enter_context(qemu_by_hand(disk, place, *arguments))
            machine = attached(place)
            deadline, nothing = Deadline.after(SECONDS), EventStream()
            while not until(machine):
                assert not deadline.expired
                nothing.wait(named(), deadline.at_most(0.02))
            machine.close()
            return process

        yield started


def attached(place: Path) -> ExternalQemu:
    budgets = Budgets(boot=20, reaction=1, shutdown_soft=3, shutdown_hard=4, settle=0)
    return ExternalQemu(QmpAddress(place), budgets, place.with_suffix(".jsonl"))


def state_of(place: Path) -> RunState:
    machine = attached(place)
    try:
        return machine.run_state()
    finally:
        machine.close()


def diagnosed(capsys: Capture, place: Path, *arguments: str) -> tuple[int, dict[str, object]]:
    """Exit status and JSON."""
    status = cli_main.main(["diagnose", "--qmp", str(place), "--json", *FAST, *arguments])
    printed: dict[str, object] = json.loads(capsys.readouterr().out)
    return status, printed


def findings(looked: dict[str, object]) -> list[tuple[str, str]]:
    listed = looked["findings"]
    assert isinstance(listed, list)
    return [(finding["severity"], finding["cause"]) for finding in listed]


def verdict(pressed: dict[str, object]) -> tuple[str, str]:
    told = pressed["verdict"]
    assert isinstance(told, dict)
    return told["outcome"], told["cause"]


@pytest.mark.guest
def test_a_look_touches_nothing_and_a_press_tells(
    start: Start, place: Path, capsys: Capture
) -> None:
    qemu = start(IGNORING, "-name", "by hand")
    status, looked = diagnosed(capsys, place)
    assert (status, looked["mode"], looked["guest"]) == (3, "observe", "by hand")
    # It does nothing but look at its button, again and again.
    assert (looked["state"], looked["expected"]) == ("busy", None)
    assert qemu.poll() is None
    # Had it taken a press, it would halt now.
    status, pressed = diagnosed(capsys, place, "--press")
    assert (status, verdict(pressed)) == (3, ("inconclusive", "unknown"))
    assert pressed["forced"] is None
    assert [step["state"] for step in pressed["steps"]] == [  # type: ignore[attr-defined]
        *("done", "done"),
        *("not seen", "not seen", "not seen"),
    ]
    assert state_of(place) is RunState.RUNNING


@pytest.mark.guest
@pytest.mark.parametrize("stays", [False, True])
def test_a_guest_that_powers_off(start: Start, place: Path, capsys: Capture, stays: bool) -> None:
    start(OBEDIENT, *(("-no-shutdown",) if stays else ()))
    status, pressed = diagnosed(capsys, place, "--press")
    assert (status, verdict(pressed)) == (0, ("completed", "none"))
    if stays:
        status, looked = diagnosed(capsys, place)
        assert (status, looked["state"]) == (1, "off")
        assert cli_main.main(["diagnose", "--qmp", str(place), "--press"]) == 2
        assert "is off already" in capsys.readouterr().err


@pytest.mark.guest
@pytest.mark.parametrize(
    ("code", "until", "state", "looked_for", "pressed_for", "status"),
    [
        (
            UNARMED,
            lambda machine: machine.probe_pm1().mapped,
            "not-armed",
            "press-lost",
            ("stayed-up", "press-lost"),
            1,
        ),
        (
            SLEEPY,
            lambda machine: machine.run_state() is RunState.SUSPENDED,
            "asleep",
            "asleep",
            ("suspended", "asleep"),
            1,
        ),
    ],
)
def test_what_a_look_finds_a_press_confirms(
    start: Start,
    place: Path,
    capsys: Capture,
    code: bytes,
    until: Callable[[ExternalQemu], bool],
    state: str,
    looked_for: str,
    pressed_for: tuple[str, str],
    status: int,
) -> None:
    start(code, until=until)
    looked_status, looked = diagnosed(capsys, place)
    assert (looked_status, looked["state"]) == (1, state)
    assert findings(looked) == [("stops", looked_for)]
    pressed_status, pressed = diagnosed(capsys, place, "--press")
    assert (pressed_status, verdict(pressed)) == (status, pressed_for)


@pytest.mark.guest
def test_a_guest_that_hangs_is_told_by_its_latch(
    start: Start, place: Path, capsys: Capture
) -> None:
    start(HUNG)
    status, pressed = diagnosed(capsys, place, "--press")
    assert (status, verdict(pressed)) == (1, ("stayed-up", "damaged-system"))
    # The press is latched since: now a look alone tells.
    status, looked = diagnosed(capsys, place)
    assert (status, looked["state"]) == (1, "unresponsive")
    assert findings(looked) == [("stops", "damaged-system")]


@pytest.mark.guest
def test_a_paused_guest_is_the_hosts_affair(start: Start, place: Path, capsys: Capture) -> None:
    start(OBEDIENT, "-S", until=lambda machine: True)
    status, looked = diagnosed(capsys, place)
    assert (status, looked["state"], findings(looked)) == (
        1,
        "held-by-host",
        [("stops", "host-fault")],
    )
    status, pressed = diagnosed(capsys, place, "--press")
    assert (status, verdict(pressed)) == (2, ("host-fault", "host-fault"))
    assert state_of(place) is RunState.PRELAUNCH


@pytest.mark.guest
def test_the_power_is_cut_only_when_told_and_its_cost_is_said(
    start: Start, place: Path, capsys: Capture
) -> None:
    qemu = start(HUNG)
    status, pressed = diagnosed(capsys, place, "--press", "--force-after", "2")
    assert status == 4
    assert verdict(pressed) == ("stayed-up", "damaged-system")
    forced = pressed["forced"]
    assert isinstance(forced, dict)
    assert 2 <= forced["after"] < 10
    bases = {loss["basis"] for loss in forced["losses"]}
    assert {"documented", "not-seen"} <= bases
    assert qemu.wait(SECONDS) == 0


@pytest.mark.guest
def test_a_guest_that_goes_down_is_not_forced(start: Start, place: Path, capsys: Capture) -> None:
    start(OBEDIENT)
    status, pressed = diagnosed(capsys, place, "--press", "--force-after", "2")
    assert (status, verdict(pressed), pressed["forced"]) == (0, ("completed", "none"), None)


@pytest.mark.guest
def test_text_for_people(start: Start, place: Path, capsys: Capture) -> None:
    start(HUNG, "-name", "by\x1bhand")
    arguments = ["diagnose", "--qmp", str(place), *FAST]
    assert cli_main.main(arguments) == 3
    printed = capsys.readouterr().out
    assert printed.startswith(r"by\x1bhand: guest ready; a press now: unknown without pressing")
    assert "unknown:" in printed
    assert cli_main.main([*arguments, "--press", "--force-after", "2"]) == 4
    lines = capsys.readouterr().out.splitlines()
    assert any("2 ACPI" in line and "latched" in line for line in lines)
    assert any(line.startswith("stayed-up because of damaged-system") for line in lines)
    assert any("its power was cut" in line for line in lines)
    assert any(line.startswith("  documented") for line in lines)


@pytest.mark.guest
def test_interrupted_it_leaves_the_guest_alone(start: Start, place: Path) -> None:
    start(HUNG)
    command = [sys.executable, "-m", "powerdown", "diagnose", "--qmp", str(place), "--press"]
    process = subprocess.Popen(
        [*command, "--force-after", "60"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        # Pressed, and now it is waited for.
        assert any("2 ACPI" in line for line in iter(process.stdout.readline, ""))
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
        process.wait(SECONDS)
    assert (process.returncode, complaints) == (130, "powerdown: interrupted\n")
    assert state_of(place) is RunState.RUNNING


@pytest.mark.guest
def test_a_watch_that_nobody_reads_any_more_ends(start: Start, place: Path) -> None:
    qemu = start(HUNG)
    command = [sys.executable, "-m", "powerdown", "diagnose", "--qmp", str(place), "--press"]
    process = subprocess.Popen(
        [*command, "--reaction", "2", "--force-after", "60"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert "1 command" in process.stdout.readline()
        process.stdout.close()
        complaints = process.stderr.read() if process.stderr is not None else ""
        assert (process.wait(SECONDS), complaints) == (141, "")
    finally:
        process.kill()
        process.wait(SECONDS)
    assert qemu.poll() is None
    assert state_of(place) is RunState.RUNNING


@pytest.mark.guest
def test_the_transcript_is_kept_where_wanted(
    start: Start, place: Path, tmp_path: Path, capsys: Capture
) -> None:
    start(HUNG)
    transcript = tmp_path / "said.jsonl"
    diagnosed(capsys, place, "--transcript", str(transcript))
    assert "query-status" in transcript.read_text()
    missing = str(tmp_path / "absent" / "said.jsonl")
    assert cli_main.main(["diagnose", "--qmp", str(place), "--transcript", missing]) == 2
    assert "could not write the transcript" in capsys.readouterr().err


@pytest.mark.guest
def test_a_missing_agent_is_one_line(
    start: Start, place: Path, tmp_path: Path, capsys: Capture
) -> None:
    start(HUNG)
    missing = str(tmp_path / "agent.sock")
    assert cli_main.main(["diagnose", "--qmp", str(place), "--agent", missing]) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert "guest agent's socket" in printed.err


@pytest.mark.guest
def test_an_agent_that_never_answers_leaves_the_view_from_outside(
    start: Start, place: Path, tmp_path: Path, capsys: Capture
) -> None:
    agent = tmp_path / "agent.sock"
    port = ("-chardev", f"socket,id=a,path={agent},server=on,wait=off")
    serial = ("-device", "virtio-serial", "-device", "virtserialport,chardev=a,name=qga")
    start(HUNG, *port, *serial)
    status, looked = diagnosed(capsys, place, "--agent", str(agent))
    assert status == 3
    assert "did not answer" in str(looked["unknown"])


def test_no_qemu_is_one_line(place: Path, capsys: Capture) -> None:
    assert cli_main.main(["diagnose", "--qmp", str(place)]) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert printed.err.startswith("powerdown: could not connect to QMP at")


def test_a_libvirt_that_is_missing_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def missing(target: DomainName, options: object) -> None:
        raise HostError("import libvirt-python", "No module named 'libvirt'", "Install it.")

    monkeypatch.setattr("powerdown.cli.diagnose_command._domain", missing)
    assert cli_main.main(["diagnose", "--domain", "win11"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--qmp", "q", "--domain", "d"],
        ["--qmp", ""],
        ["--qmp", "host:0"],
        ["--qmp", "a..b:4444"],
        ["--qmp", f"{'a' * 300}:4444"],
        ["--qmp", "q", "--winrm", "a..b", "--user", "u"],
        ["--qmp", "q", "--reaction", "soon"],
        ["--qmp", "q", "--connect", "qemu:///system"],
        ["--domain", "d", "--transcript", "t"],
        ["--qmp", "q", "--force-after", "10"],
        ["--qmp", "q", "--press", "--force-after", "1"],
        ["--qmp", "q", "--press", "--force-after", "-1"],
        ["--qmp", "q", "--reaction", "nan"],
        ["--qmp", "q", "--soft", "5"],
        ["--qmp", "q", "--winrm", "host"],
        ["--qmp", "q", "--user", "u"],
        ["--qmp", "q", "--winrm", "host:x", "--user", "u"],
        ["--qmp", "q", "--winrm", "h", "--user", "u", "--agent", "a"],
        ["--qmp", "q", "--authentication", "ntlm"],
        ["--qmp", "q", "--winrm", "h", "--user", "u", "--authentication", "kerberos"],
    ],
)
def test_options_that_do_not_fit_together(arguments: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        cli_main.main(["diagnose", *arguments])
    assert ended.value.code == 2
    printed = capsys.readouterr().err
    assert "powerdown diagnose: error:" in printed
    # What argparse says of a type by the name of its function.
    assert "invalid _" not in printed


def test_help_explains_every_exit_status(capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        cli_main.main(["diagnose", "--help"])
    printed = capsys.readouterr().out
    for status in ("0  ", "1  ", "2  ", "3  ", "4  ", "130  "):
        assert f"\n  {status}" in printed
    assert "POWERDOWN_PASSWORD" in printed


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.5", ("10.0.0.5", 5985)),
        ("win11:15985", ("win11", 15985)),
        ("[fe80::1]", ("fe80::1", 5985)),
        ("[::1]:80", ("::1", 80)),
    ],
)
def test_addresses_of_winrm(text: str, address: tuple[str, int]) -> None:
    assert winrm_address(text) == address


@pytest.mark.guest
def test_no_password_at_the_prompt_is_one_line(
    start: Start, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def ended(prompt: str) -> str:
        raise EOFError

    monkeypatch.delenv(guest_access.PASSWORD_VARIABLE, raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", ended)
    start(HUNG)
    inside = ("--winrm", "127.0.0.1:9", "--user", "tester")
    assert cli_main.main(["diagnose", "--qmp", str(place), *inside]) == 2
    assert "no password was given" in capsys.readouterr().err


@pytest.mark.guest
def test_the_password_is_never_asked_of_a_pipe(
    start: Start, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.delenv(guest_access.PASSWORD_VARIABLE, raising=False)
    start(HUNG)
    inside = ("--winrm", "127.0.0.1:9", "--user", "tester")
    assert cli_main.main(["diagnose", "--qmp", str(place), *inside]) == 2
    assert "POWERDOWN_PASSWORD" in capsys.readouterr().err
