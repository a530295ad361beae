from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from powerdown.cli import main as cli_main
from powerdown.cli import try_command
from powerdown.core.deadline import Deadline
from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis.verdict import Confidence, Evidence, Source, Verdict
from powerdown.images.image import Image
from powerdown.machine.protocol import RunState
from powerdown.machine.qemu.qemu_machine import QemuMachine
from tests.support.boot_sector import HUNG, OBEDIENT, UNARMED
from tests.support.gate_directory import GateDirectory
from tests.support.paths import REPOSITORY

IGNORED = Verdict(
    Outcome.STAYED_UP,
    Cause.POWER_BUTTON_IGNORED,
    Confidence.HIGH,
    (Evidence(Source.ACPI, 1.0, "the press was taken", "0x0001"),),
    ruled_out=((Cause.PRESS_LOST, "it was taken"),),
    remedy="Set it to shut down.",
)


@pytest.fixture
def directory(tmp_path: Path) -> GateDirectory:
    return GateDirectory(tmp_path, "")


def test_a_sound_definition_is_described(
    directory: GateDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli_main.main(["check", str(directory.image("hung", HUNG))]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("hung: hung of 512 bytes\n")
    assert "(raw, ide)" in printed.out
    assert "control  none" in printed.out
    assert printed.err == ""


@pytest.mark.parametrize("action", ["check", "try"])
def test_a_bad_definition_is_one_line_and_status_2(
    action: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli_main.main([action, str(tmp_path / "absent.toml")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("powerdown: could not read image definition")
    assert printed.err.count("\n") == 1


def test_a_failing_build_is_one_line_and_status_2(
    directory: GateDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli_main.main(["try", str(directory.unbuildable("unbuilt"))]) == 2
    assert "mmdebstrap is missing" in capsys.readouterr().err


def test_a_check_builds_nothing_and_says_so(
    directory: GateDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    definition = directory.unbuildable("unbuilt")
    before = sorted(definition.parent.rglob("*"))
    assert cli_main.main(["check", str(definition)]) == 0
    assert sorted(definition.parent.rglob("*")) == before
    printed = capsys.readouterr()
    assert "not built or checked now" in printed.out
    assert printed.err == ""


@pytest.mark.guest
def test_an_obedient_guest_is_tried_as_its_user_does(directory: GateDirectory) -> None:
    definition = directory.image("obedient", OBEDIENT)
    ended = subprocess.run(
        [sys.executable, "-m", "powerdown", "try", "--json", str(definition)],
        capture_output=True,
        text=True,
        timeout=60,
        env=directory.environment({}),
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    verdict = json.loads(ended.stdout)
    assert (verdict["outcome"], verdict["cause"]) == ("completed", "none")
    assert directory.leftovers() == []


@pytest.mark.guest
def test_a_guest_that_qemu_stops_while_it_boots_is_a_host_fault_and_status_2(
    directory: GateDirectory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # As under a KVM that cannot emulate an instruction; software emulation never comes to it.
    monkeypatch.setattr(QemuMachine, "run_state", lambda machine: RunState.INTERNAL_ERROR)
    deadline = Deadline.after(15.0)
    assert cli_main.main(["try", str(directory.image("unarmed", UNARMED))]) == 2
    assert not deadline.expired, "its boot budget is 20 s"
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        "powerdown: could not wait for unarmed to get ready: QEMU stopped the guest with run state "
        "internal-error (a fault of KVM or QEMU, not of the guest). If it runs under KVM, use "
        "POWERDOWN_ACCEL=tcg. QEMU's standard error shows what failed.\n"
    )


@pytest.mark.guest
def test_with_a_wrong_password_the_guest_is_judged_from_outside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    standin = REPOSITORY / "fixtures" / "images" / "standin.toml"
    (tmp_path / "standin").symlink_to(standin.with_suffix(""))
    definition = tmp_path / "wrong.toml"
    definition.write_text(standin.read_text().replace("Powerdown-1", "not-the-password"))
    assert cli_main.main(["try", "--json", str(definition)]) == 0
    printed = capsys.readouterr()
    assert "rejects the credentials" in printed.err
    assert "Going on from outside only" in printed.err
    verdict = json.loads(printed.out)
    assert (verdict["outcome"], verdict["cause"]) == ("completed", "none")


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome.COMPLETED, 0),
        (Outcome.SLOW_BUT_COMPLETED, 0),
        (Outcome.STAYED_UP, 1),
        (Outcome.RESTARTED_INSTEAD, 1),
        (Outcome.HOST_FAULT, 2),
        (Outcome.INCONCLUSIVE, 3),
    ],
)
def test_the_exit_status_says_what_became_of_the_guest(
    directory: GateDirectory, monkeypatch: pytest.MonkeyPatch, outcome: Outcome, status: int
) -> None:
    verdict = Verdict(outcome, Cause.UNKNOWN, Confidence.LOW, ())
    monkeypatch.setattr(try_command, "_try", lambda image: verdict)
    assert cli_main.main(["try", str(directory.image("hung", HUNG))]) == status


def test_a_verdict_is_told_with_evidence_rivals_and_remedy(
    directory: GateDirectory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(try_command, "_try", lambda image: IGNORED)
    assert cli_main.main(["try", str(directory.image("hung", HUNG))]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == str(IGNORED)
    assert lines[1].split(maxsplit=1) == ["acpi", "the press was taken: 0x0001"]
    assert lines[2:] == ["  ruled out: press-lost: it was taken", "  remedy: Set it to shut down."]


def test_an_interrupt_is_no_traceback(
    directory: GateDirectory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(image: Image) -> Verdict:
        raise KeyboardInterrupt

    monkeypatch.setattr(try_command, "_try", interrupted)
    assert cli_main.main(["try", str(directory.image("hung", HUNG))]) == 130
    assert capsys.readouterr().err == "powerdown: interrupted\n"


@pytest.mark.parametrize("arguments", [[], ["templates"]])
def test_without_a_command_the_help_is_printed(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli_main.main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(" ".join(["usage: powerdown", *arguments]))
    assert "commands:" in printed.err


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli_main.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"powerdown {version('powerdown')}\n"


COMMANDS = (
    ["check"],
    ["try"],
    ["diagnose"],
    ["inspect"],
    ["history"],
    ["scenarios"],
    ["templates", "list"],
    ["templates", "prune"],
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_explains_the_exit_status(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli_main.main([*command, "--help"])
    printed = capsys.readouterr().out
    assert "exit status" in printed
    assert all(f"\n  {status}" in printed for status in (0, 2, 130, 141))
    assert all(len(line) < 80 for line in printed.splitlines())
