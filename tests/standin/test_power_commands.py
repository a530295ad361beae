"""powercfg, shutdown and fsutil as far as they are about power states and room on the disk."""

import os
import re
from collections import namedtuple

import pytest
from standin.commands import Context, run
from standin.hibernation import FILE
from standin.power import STANDBYIDLE, VIDEOIDLE

State = namedtuple("State", "available missing")


@pytest.fixture
def command(machine):
    """Runs a command line as the default user."""
    system = machine.boot()

    def run_line(line):
        context = Context.of_user(system, "tester")
        context.stdin.end()
        return run(system, context, line, b"")

    return run_line


def states(command):
    """What ``powercfg /a`` lists: available, and missing with the reason."""
    output = command("powercfg /a").stdout.replace("\r\n", "\n")
    available, missing = output.split("The following sleep states are not available")
    reasons = dict(re.findall(r"^ {4}(\S.*)\n\t(.*)$", missing, re.M))
    return State(re.findall(r"^ {4}(\S.*)$", available, re.M), reasons)


def test_hibernation_on_and_off(machine, command):
    assert states(command).available == ["Standby (S3)"]
    assert states(command).missing["Hibernate"] == "Hibernation has not been enabled."
    assert command("powercfg /hibernate on") == ("", "", 0)
    assert machine.volume.path(FILE).exists()
    shown = states(command)
    assert shown.available == ["Standby (S3)", "Hibernate"]
    assert "Fast Startup" in shown.missing
    command(
        r'reg add "HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Power" '
        "/v HiberbootEnabled /t REG_DWORD /d 1 /f"
    )
    assert states(command).available == ["Standby (S3)", "Hibernate", "Fast Startup"]
    assert command("powercfg -h off").exit_code == 0
    assert not machine.volume.path(FILE).exists()
    assert states(command).missing["Fast Startup"] == "Hibernation is not available."


def test_hibernation_needs_room_for_its_file(machine, command, monkeypatch):
    def full(*_):
        raise OSError(28, "full")

    monkeypatch.setattr(os, "pwrite", full)
    output = command("powercfg /hibernate on")
    assert (output.stdout, output.exit_code) == ("", 1)
    assert "not enough space" in output.stderr
    monkeypatch.undo()
    assert not machine.system.hibernation.enabled
    assert not machine.volume.path(FILE).exists()


def test_change_takes_effect_at_once(machine, command):
    assert command("powercfg /change standby-timeout-ac 5").exit_code == 0
    assert machine.system.power.effective(STANDBYIDLE) == 300
    command("powercfg /setacvalueindex SCHEME_CURRENT SUB_VIDEO VIDEOIDLE 45")
    assert machine.system.power.effective(VIDEOIDLE) == 0
    command("powercfg /setactive SCHEME_CURRENT")
    assert machine.system.power.effective(VIDEOIDLE) == 45


def test_aliases_name_what_query_takes(command):
    lines = command("powercfg /aliases").stdout.split("\r\n")
    pairs = dict(reversed(line.split("  ")) for line in lines if line)
    assert pairs["PBUTTONACTION"] == "7648efa3-dd9c-4e3e-b566-50f929386280"
    query = f"powercfg /query {pairs['SCHEME_BALANCED']} {pairs['SUB_VIDEO']}"
    assert command(query).exit_code == 0


def test_shutdown_hibernates(machine, command):
    assert command("shutdown /h").exit_code == 50
    command("powercfg /hibernate on")
    assert command("shutdown /h /t 5").exit_code == 1
    assert command("shutdown /h").exit_code == 0
    assert machine.ended() == "hibernate"


@pytest.mark.parametrize(("line", "hybrid"), [("/s /hybrid", True), ("/s", False)])
def test_shutdown_is_hybrid_only_when_asked(machine, command, line, hybrid):
    assert command(f"shutdown {line} /t 0").exit_code == 0
    assert machine.system.shutdown.request.hybrid is hybrid


def test_hybrid_goes_with_s_only(machine, command):
    assert command("shutdown /r /hybrid /t 0").exit_code == 1
    assert machine.system.shutdown is None


def test_fsutil_fills_the_disk(machine, command):
    output = command(r"fsutil file createnew C:\t.bin 5000")
    assert output == ("File C:\\t.bin is created\r\n", "", 0)
    path = machine.volume.path("C:\\t.bin")
    assert path.stat().st_size == 5000
    assert path.stat().st_blocks * 512 >= 5000
    again = command(r"fsutil file createnew C:\t.bin 1")
    assert (again.stderr, again.exit_code) == ("Error:  The file exists.\r\n", 1)
    assert path.stat().st_size == 5000


def test_fsutil_without_room_leaves_no_file(machine, command, monkeypatch):
    def full(*_):
        raise OSError(28, "full")

    monkeypatch.setattr(os, "posix_fallocate", full)
    output = command(r"fsutil file createnew C:\t.bin 5000")
    assert output.stderr == "Error:  There is not enough space on the disk.\r\n"
    assert not machine.volume.path("C:\\t.bin").exists()


def test_fsutil_tells_the_free_space(machine, command):
    output = command("fsutil volume diskfree C:").stdout
    shown = dict(re.findall(r"^(Total [a-z ]*?) *: +([\d,]+) \(", output, re.M))
    assert list(shown) == ["Total free bytes", "Total bytes", "Total quota free bytes"]
    free, total = (int(shown[f"Total {what}"].replace(",", "")) for what in ("free bytes", "bytes"))
    state = os.statvfs(machine.volume.root)
    assert total == state.f_blocks * state.f_frsize
    assert 0 < free < total


@pytest.mark.parametrize("line", ["volume diskfree D:", "file createnew C:\\t.bin many"])
def test_fsutil_refuses(command, line):
    output = command(f"fsutil {line}")
    assert (output.stdout, output.exit_code) == ("", 1)
    assert output.stderr.startswith("Error:  ")
