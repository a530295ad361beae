"""``powerdown inspect``: what it prints, writes and ends with."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from powerdown.cli import inspect_command
from powerdown.core.deadline import Deadline
from powerdown.core.errors import DiskError, PowerdownError
from powerdown.disk.disk_contents import DiskContents
from powerdown.disk.disk_request import DiskRequest
from powerdown.disk.registry_snapshot import RegistrySnapshot
from powerdown.images.image import DiskFormat
from powerdown.windows.settings import registry_keys as paths
from tests.support.stock_registry import disk, snapshot, stock

Run = Callable[..., int]


class FakeReader:
    """Gives what a test has put there."""

    contents = disk()
    registry = RegistrySnapshot()
    asked: tuple[Path, DiskFormat | None, int | None] | None = None

    def read_disk(
        self,
        path: Path,
        format: DiskFormat | None,
        request: DiskRequest,
        deadline: Deadline,
        *,
        volume: int | None = None,
    ) -> DiskContents:
        FakeReader.asked = path, format, volume
        return self.contents

    def read_hive(self, path: Path, request: DiskRequest, deadline: Deadline) -> RegistrySnapshot:
        return self.registry

    def close(self) -> None:
        pass


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(inspect_command, "DiskReader", FakeReader)

    def run(*arguments: str) -> int:
        parser = argparse.ArgumentParser()
        inspect_command.add_options(parser)
        return inspect_command.run_inspect(parser.parse_args(arguments))

    return run


@pytest.mark.parametrize(
    ("fail_on", "status"), [("stops", 0), ("may-stop", 0), ("delays", 1), ("latent", 1)]
)
def test_exit_status(run: Run, monkeypatch: pytest.MonkeyPatch, fail_on: str, status: int) -> None:
    keys = stock()
    keys[paths.SYSTEM_POLICIES] = {"ShutdownWithoutLogon": 1}
    keys[paths.REBOOT_PENDING] = {}
    monkeypatch.setattr(FakeReader, "contents", disk(keys))
    assert run("d.qcow2", "--fail-on", fail_on) == status


def test_by_default_what_stops_fails(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("d.qcow2", "--format", "vhdx", "--volume", "2") == 1
    assert FakeReader.asked == (Path("d.qcow2"), DiskFormat.VHDX, 2)
    assert "stops: no-logon-shutdown" in capsys.readouterr().out


def test_reports_are_written_though_it_fails(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sarif, junit = tmp_path / "out/a.sarif", tmp_path / "out/a.xml"
    assert run("d.qcow2", "--json", "--sarif", str(sarif), "--junit", str(junit)) == 1
    assert json.loads(capsys.readouterr().out)["kind"] == "disk"
    assert json.loads(sarif.read_text())["version"] == "2.1.0"
    assert "<testsuites>" in junit.read_text()


def test_a_report_that_cannot_be_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PowerdownError, match="SARIF"):
        run("d.qcow2", "--sarif", str(tmp_path / "file/a.sarif"))


def test_a_hive_alone(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = {path: values for path, values in stock().items() if path.startswith(r"HKLM\SYSTEM")}
    monkeypatch.setattr(FakeReader, "registry", snapshot(keys))
    assert run("--hive", "SYSTEM", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["kind"], told["path"]) == ("hive", "SYSTEM")


def test_a_hive_that_says_nothing(run: Run) -> None:
    with pytest.raises(DiskError, match="none of the settings"):
        run("--hive", "SAM")


def test_a_hive_is_not_taken_for_a_disk(run: Run, tmp_path: Path) -> None:
    hive = tmp_path / "SYSTEM"
    hive.write_bytes(b"regf".ljust(4096, b"\0"))
    with pytest.raises(DiskError, match=r"registry hive.*--hive"):
        run(str(hive))
    FakeReader.asked = None
    assert run(str(hive), "--format", "raw") == 1, "who names the format is believed"
    assert FakeReader.asked is not None


@pytest.mark.parametrize("option", ["--sarif", "--junit"])
def test_no_report_is_written_over_the_disk(run: Run, tmp_path: Path, option: str) -> None:
    image = tmp_path / "disk.qcow2"
    image.write_bytes(b"QFI\xfb")
    (tmp_path / "link").symlink_to(image)
    with pytest.raises(DiskError, match="would overwrite it"):
        run(str(image), option, str(tmp_path / "link"))
    assert image.read_bytes() == b"QFI\xfb"


def test_options_of_disks_do_not_fit_a_hive(run: Run) -> None:
    with pytest.raises(DiskError, match="Leave out --format and --volume"):
        run("--hive", "SYSTEM", "--volume", "2")


@pytest.mark.parametrize(
    "arguments", [(), ("d", "--hive", "h"), ("d", "--fail-on", "never"), ("d", "--volume", "x")]
)
def test_wrong_arguments(
    run: Run, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 2
