"""The plugin as its user meets it: real pytest, with and without xdist, on tiny real guests."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from powerdown.core.outcome import Cause, Outcome
from powerdown.report.scenario_record import ScenarioRecord, Status
from tests.support.boot_sector import HUNG, IGNORING, OBEDIENT, UNARMED
from tests.support.gate_directory import GateDirectory
from tests.support.schema_check import faults

GATE = """
@pytest.mark.powerdown_scenario("soft-shutdown", variant="control")
def test_press(powerdown_scenario):
    powerdown_scenario.press(powerdown_scenario.boot(), "press", COMPLETED)

@pytest.mark.powerdown_scenario("forced-shutdown")
@pytest.mark.parametrize("way", [Command.QUIT, Command.RESET], ids=str)
def test_cut(powerdown_scenario, way):
    powerdown_scenario.cut_power(powerdown_scenario.boot(), way, FORCED)

@pytest.mark.powerdown_scenario("power-button-ignored", variant="inside")
def test_inside(powerdown_scenario):
    powerdown_scenario.boot().expect_windows()

def test_of_something_else():
    pass
"""

ONE = """
@pytest.mark.powerdown_scenario("soft-shutdown", variant="control")
def test_press(powerdown_scenario):
    powerdown_scenario.press(powerdown_scenario.boot(), "press", COMPLETED)
"""


class FullRun:
    """One run with everything on, which several tests look at."""

    def __init__(self, path: Path) -> None:
        self.directory = GateDirectory(path, GATE)
        self.directory.image("obedient", OBEDIENT, file="first")
        self.directory.image("ignoring", IGNORING)
        ended = self.directory.run(
            *("-n", "2", "--dist", "loadgroup", "--powerdown-image", "first.toml"),
            *("--powerdown-image", "ignoring.toml", "--powerdown-reports", "out/there"),
            *("--junitxml", "out/junit.xml", "--alluredir", "out/allure"),
        )
        self.status, self.output = ended.returncode, ended.stdout
        self.reports = path / "out" / "there"
        self.gate = self.directory.gate("out/there")

    def record(self, image: str, scenario: str, variant: str) -> ScenarioRecord:
        wanted = (image, scenario, variant)
        found = [r for r in self.gate.scenarios if (r.image, r.scenario, r.variant) == wanted]
        assert len(found) == 1, [(r.image, r.scenario, r.variant) for r in self.gate.scenarios]
        return found[0]


@pytest.fixture(scope="module")
def full_run(tmp_path_factory: pytest.TempPathFactory) -> FullRun:
    return FullRun(tmp_path_factory.mktemp("full"))


@pytest.mark.guest
@pytest.mark.xdist_group("full_run")
class TestFullRun:
    def test_every_scenario_ran_on_every_image(self, full_run: FullRun) -> None:
        assert full_run.status == pytest.ExitCode.TESTS_FAILED
        assert [image.name for image in full_run.gate.images] == ["ignoring", "obedient"]
        assert [image.untouched for image in full_run.gate.images] == [True, True]
        assert len(full_run.gate.scenarios) == 8
        counts = {status: full_run.gate.count(status) for status in Status}
        assert counts == {
            Status.PASSED: 5,
            Status.FAILED: 1,
            Status.SKIPPED: 2,
            Status.ERROR: 0,
        }
        assert full_run.directory.qemus() == []
        assert full_run.directory.leftovers() == []

    def test_the_image_is_called_by_its_name_and_not_its_file(self, full_run: FullRun) -> None:
        record = full_run.record("obedient", "soft-shutdown", "control")
        assert record.test_id == "test_suite.py::test_press[obedient]"
        assert record.message == ""
        definitions = {image.name: image.definition for image in full_run.gate.images}
        assert Path(definitions["obedient"]).name == "first.toml"

    def test_a_pass_tells_its_stages_with_times(self, full_run: FullRun) -> None:
        boot, press = full_run.record("obedient", "soft-shutdown", "control").stages
        assert (boot.name, boot.diagnosed) == ("boot", None)
        assert press.diagnosed is not None
        assert (press.diagnosed.outcome, press.as_expected) == (Outcome.COMPLETED, True)
        assert boot.guest_seconds > 0
        assert boot.harness_seconds > 0
        assert press.guest_seconds > 0

    def test_parameters_name_the_variant(self, full_run: FullRun) -> None:
        record = full_run.record("ignoring", "forced-shutdown", "reset")
        assert record.status is Status.PASSED

    def test_a_wrong_verdict_fails_with_what_was_expected_and_found(
        self, full_run: FullRun
    ) -> None:
        record = full_run.record("ignoring", "soft-shutdown", "control")
        assert record.status is Status.FAILED
        assert re.search(
            r"press: expected completed \(none\), diagnosed inconclusive", record.message
        )
        assert "remedy: " in record.message
        diagnosed = record.stages[-1].diagnosed
        assert diagnosed is not None
        assert diagnosed.cause is Cause.UNKNOWN
        # The test's reader is shown the scenario, not the inside of the harness.
        assert "must_match" not in full_run.output
        assert "_conclude" not in full_run.output

    def test_what_needs_the_inside_is_skipped_and_counted(self, full_run: FullRun) -> None:
        record = full_run.record("obedient", "power-button-ignored", "inside")
        assert record.status is Status.SKIPPED
        assert full_run.gate.skip_reasons == {
            "cannot be provoked here: could not ask ignoring from inside: its image defines no "
            "control channel. Give it one in [control].": 1,
            "cannot be provoked here: could not ask obedient from inside: its image defines no "
            "control channel. Give it one in [control].": 1,
        }

    def test_the_file_follows_its_schema(self, full_run: FullRun) -> None:
        from powerdown.report import gate_result

        schema = json.loads(Path(gate_result.__file__).with_name("gate.schema.json").read_text())
        written = json.loads((full_run.reports / "gate.json").read_text())
        assert faults(written, schema) == []

    def test_the_confusion_matrix_lies_beside_it(self, full_run: FullRun) -> None:
        written = json.loads((full_run.reports / "confusion.json").read_text())
        totals = written["views"]["full"]["totals"]
        # Two guests pressed and four cut off; one ignores the press, and nothing tells why.
        assert (totals["attempts"], totals["right"], totals["inconclusive"]) == (6, 5, 1)
        assert written["views"]["outside"]["totals"] == totals
        assert (full_run.reports / "confusion.png").read_bytes().startswith(b"\x89PNG")
        assert "confusion matrix: 5 of 6 right, 1 inconclusive" in full_run.output

    def test_pictures_and_transcripts_lie_by_image_and_scenario(self, full_run: FullRun) -> None:
        names = {p.name for p in (full_run.reports / "scenarios").glob("ignoring/soft-*/*")}
        wanted = {"01-press.png", "01-press.json", "01-press.screen.png", "01-press.qmp.jsonl"}
        assert wanted <= names

    def test_the_terminal_shows_the_result(self, full_run: FullRun) -> None:
        assert "5 passed, 1 failed, 2 skipped, 0 errors" in full_run.output
        assert str(full_run.reports / "gate.json") in full_run.output

    def test_junit_and_allure_have_it_too(self, full_run: FullRun) -> None:
        out = full_run.directory.path / "out"
        suite = ElementTree.parse(out / "junit.xml").getroot()[0]
        assert [suite.get(key) for key in ("tests", "failures", "skipped", "errors")] == [
            *("9", "1", "2", "0")
        ]
        results = [json.loads(path.read_text()) for path in out.glob("allure/*-result.json")]
        assert len(results) == 9
        pressed = [r for r in results if "test_press[obedient]" in r["name"]]
        (step,) = pressed[0]["steps"]
        assert step["name"].startswith("press: completed")
        assert {"timeline", "evidence"} <= {a["name"] for a in step["attachments"]}
        for attachment in step["attachments"]:
            assert (out / "allure" / attachment["source"]).stat().st_size > 0


def _no_traceback(output: str) -> bool:
    return "Traceback" not in output and "harness/" not in output and "INTERNAL" not in output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--powerdown-image", "absent.toml"),
            "ERROR: could not read image definition .*absent.toml: No",
        ),
        (
            ("--powerdown-image", "bad.toml", "-n", "2"),
            r"ERROR: could .*\[disk\] pth: this key is not known",
        ),
        (
            ("--powerdown-image", "bad.toml", "-n", "auto"),
            r"ERROR: could .*\[disk\] pth: this key is not known",
        ),
        (
            ("--powerdown-image", "one.toml", "--powerdown-image", "two.toml"),
            "ERROR: both .*one.toml and .*two.toml",
        ),
        (
            ("--powerdown-reports", "pytest.ini"),
            "ERROR: --powerdown-reports: .*pytest.ini is not a directory",
        ),
    ],
)
def test_bad_options_are_one_line_before_anything_runs(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    directory = GateDirectory(tmp_path, ONE)
    one = directory.image("same", HUNG, file="one")
    (tmp_path / "two.toml").write_text(one.read_text())
    (tmp_path / "bad.toml").write_text(one.read_text().replace("path =", "pth ="))
    ended = directory.run(*arguments)
    assert ended.returncode == pytest.ExitCode.USAGE_ERROR
    assert re.fullmatch(said + r".*\n*", ended.stdout)
    assert directory.leftovers() == []


@pytest.mark.parametrize("workers", ["0", "2", "auto"])
def test_a_bad_ini_file_is_reported_where_a_test_needs_an_image(
    tmp_path: Path, workers: str
) -> None:
    directory = GateDirectory(tmp_path, ONE)
    (tmp_path / "pytest.ini").write_text("[pytest]\npowerdown_images = absent.toml\n")
    ended = directory.run("-n", workers)
    assert ended.returncode not in (pytest.ExitCode.OK, pytest.ExitCode.INTERNAL_ERROR)
    assert re.search("could not read image definition .*absent.toml: No such file", ended.stdout)
    assert _no_traceback(ended.stdout)


@pytest.mark.parametrize("workers", ["0", "2", "auto"])
def test_without_an_image_a_test_that_needs_one_is_skipped(tmp_path: Path, workers: str) -> None:
    directory = GateDirectory(tmp_path, ONE)
    ended = directory.run("-rs", "-n", workers)
    assert ended.returncode == pytest.ExitCode.OK
    assert "1 skipped" in ended.stdout
    assert ended.stdout.count("no image to test: give --powerdown-image=FILE") == 1
    assert not (tmp_path / "reports").exists()
    assert directory.leftovers() == []


def test_a_marker_without_an_id_fails_its_test_alone(tmp_path: Path) -> None:
    directory = GateDirectory(
        tmp_path,
        """
@pytest.mark.powerdown_scenario
def test_bare(powerdown_scenario):
    pass

def test_other():
    pass
""",
    )
    directory.image("obedient", OBEDIENT)
    ended = directory.run("-n", "2", "--powerdown-image", "obedient.toml")
    assert "1 passed, 1 error" in ended.stdout
    assert "the marker powerdown_scenario needs the id of a scenario" in ended.stdout
    assert _no_traceback(ended.stdout)


def test_tests_without_images_need_none(tmp_path: Path) -> None:
    directory = GateDirectory(tmp_path, "def test_without_image(): pass\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\npowerdown_images = absent.toml\n")
    assert directory.run().returncode == pytest.ExitCode.OK
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_failing_build_is_tried_once_and_ends_the_run(tmp_path: Path, workers: str) -> None:
    directory = GateDirectory(tmp_path, GATE)
    directory.unbuildable("unbuilt")
    ended = directory.run("-n", workers, "--dist", "loadgroup", "--powerdown-image", "unbuilt.toml")
    assert ended.returncode == pytest.ExitCode.INTERRUPTED
    assert (tmp_path / "built").read_text() == "\n"
    said = "could not build a disk with .*build: status 2: mmdebstrap is missing"
    assert re.search(f"! .*Interrupted: {said}", ended.stdout)
    assert 1 <= len(re.findall(f"^{said}", ended.stdout, re.MULTILINE)) <= max(1, int(workers))
    assert _no_traceback(ended.stdout)
    records = directory.gate().scenarios
    assert Status.ERROR in {record.status for record in records}
    # What the stopped run did not reach is in the result too.
    assert len(records) > 1
    for record in records:
        told = said if record.status is Status.ERROR else "not run: the run was stopped before it"
        assert record.status in (Status.ERROR, Status.SKIPPED)
        assert re.match(told, record.message)


def test_a_host_without_an_accelerator_ends_the_run(tmp_path: Path) -> None:
    directory = GateDirectory(tmp_path, GATE)
    directory.image("obedient", OBEDIENT)
    earlier = tmp_path / "reports" / "gate.json"
    earlier.parent.mkdir()
    earlier.write_text("{}")
    ended = directory.run("--powerdown-image", "obedient.toml", POWERDOWN_ACCEL="steam")
    assert not earlier.exists(), "an earlier result must not pass for this run's"
    assert ended.returncode == pytest.ExitCode.INTERNAL_ERROR
    assert (
        "Interrupted: could not choose an accelerator: POWERDOWN_ACCEL is 'steam'" in ended.stdout
    )
    assert "no gate result: could not choose an accelerator" in ended.stdout
    assert _no_traceback(ended.stdout)


def test_a_scenario_needs_its_marker(tmp_path: Path) -> None:
    directory = GateDirectory(tmp_path, "def test_it(powerdown_scenario): pass\n")
    directory.image("obedient", OBEDIENT)
    ended = directory.run("--powerdown-image", "obedient.toml")
    assert ended.returncode == pytest.ExitCode.TESTS_FAILED
    assert "uses 'powerdown_scenario' but does not have this marker" in ended.stdout
    assert not (tmp_path / "reports").exists()


def test_an_image_that_was_written_fails_the_run(tmp_path: Path) -> None:
    directory = GateDirectory(
        tmp_path,
        """
@pytest.mark.powerdown_scenario("soft-shutdown", variant="writes")
def test_writes(powerdown_image):
    powerdown_image.disk.path.write_bytes(b"infected")
""",
    )
    directory.image("obedient", OBEDIENT)
    ended = directory.run("--powerdown-image", "obedient.toml")
    assert "1 passed" in ended.stdout
    assert ended.returncode == pytest.ExitCode.TESTS_FAILED
    (image,) = directory.gate().images
    assert image.untouched is False
    assert str(image.digest_before) not in str(image.digest_after)


@pytest.mark.guest
def test_a_wrong_confident_verdict_fails_the_run(tmp_path: Path) -> None:
    directory = GateDirectory(
        tmp_path,
        """
@pytest.mark.powerdown_scenario("soft-shutdown", variant="wrong")
def test_nobody_looks(powerdown_scenario):
    with pytest.raises(AssertionError):
        powerdown_scenario.press(powerdown_scenario.boot(), "press", FORCED)
""",
    )
    directory.image("obedient", OBEDIENT)
    ended = directory.run("--powerdown-image", "obedient.toml")
    assert "1 passed, 0 failed" in ended.stdout
    assert ended.returncode == pytest.ExitCode.TESTS_FAILED
    assert "confusion matrix: 0 of 1 right, 0 inconclusive, 1 confidently wrong" in ended.stdout
    assert "WRONG (full) soft-shutdown/wrong, press: actual forced-off" in ended.stdout
    assert "WRONG (outside) soft-shutdown/wrong, press: actual forced-off" in ended.stdout


@pytest.mark.guest
def test_a_fault_of_the_host_is_an_error_and_no_verdict_on_the_image(tmp_path: Path) -> None:
    directory = GateDirectory(
        tmp_path,
        """
from powerdown.machine.protocol import RunState
from powerdown.machine.qemu.qemu_machine import QemuMachine

@pytest.mark.powerdown_scenario("soft-shutdown")
def test_boot(powerdown_scenario, monkeypatch):
    monkeypatch.setattr(QemuMachine, "run_state", lambda machine: RunState.INTERNAL_ERROR)
    powerdown_scenario.boot()
""",
    )
    directory.image("unarmed", UNARMED)
    ended = directory.run("--powerdown-image", "unarmed.toml")
    assert ended.returncode == pytest.ExitCode.TESTS_FAILED
    (record,) = directory.gate().scenarios
    assert record.status is Status.ERROR
    assert "QEMU stopped the guest with run state internal-error" in record.message
    assert "0 failed, 0 skipped, 1 errors" in ended.stdout
    assert directory.leftovers() == []


@pytest.mark.guest
def test_a_guest_is_gone_after_a_test_that_fails_or_cannot_be_set_up(tmp_path: Path) -> None:
    directory = GateDirectory(
        tmp_path,
        """
@pytest.fixture
def broken(powerdown_scenario):
    powerdown_scenario.power_on()
    raise RuntimeError("broken fixture")

@pytest.mark.powerdown_scenario("x", variant="set-up")
def test_set_up(broken):
    pass

@pytest.mark.powerdown_scenario("x", variant="call")
def test_call(powerdown_scenario):
    powerdown_scenario.power_on()
    assert False, "as it happens"

@pytest.mark.powerdown_scenario("x", variant="after")
def test_after():
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")]
    assert not [c for c in commands if c.startswith(b"qemu") and str(Path.cwd()).encode() in c]
""",
    )
    directory.image("hung", HUNG)
    ended = directory.run("--powerdown-image", "hung.toml")
    assert ended.returncode == pytest.ExitCode.TESTS_FAILED
    records = directory.records()
    assert {variant: record.status for variant, record in records.items()} == {
        "set-up": Status.ERROR,
        "call": Status.FAILED,
        "after": Status.PASSED,
    }
    assert "broken fixture" in records["set-up"].message
    assert "as it happens" in records["call"].message
    assert records["after"].image == ""
    assert directory.leftovers() == []


@pytest.mark.guest
def test_what_a_shared_fixture_cannot_provoke_skips_its_tests(tmp_path: Path) -> None:
    directory = GateDirectory(
        tmp_path,
        """
@pytest.fixture(scope="module")
def inside(powerdown_image, powerdown_open_scenario):
    with powerdown_open_scenario(powerdown_image, "shared") as scenario:
        return scenario.boot().expect_windows()

@pytest.mark.powerdown_scenario("x", variant="one")
def test_one(inside):
    pass

@pytest.mark.powerdown_scenario("x", variant="two")
def test_two(powerdown_scenario, inside):
    pass
""",
    )
    directory.image("obedient", OBEDIENT)
    ended = directory.run("--powerdown-image", "obedient.toml")
    assert ended.returncode == pytest.ExitCode.OK, ended.stdout
    assert {record.status for record in directory.records().values()} == {Status.SKIPPED}
    (reason,) = directory.gate().skip_reasons
    assert reason.startswith("cannot be provoked here: could not ask obedient from inside")
