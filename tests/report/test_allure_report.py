"""What a stage looks like in Allure's own result files."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from powerdown.diagnosis.verdict import Verdict
from powerdown.report import allure_report
from powerdown.report.allure_report import report_stage
from tests.support.paths import REPOSITORY
from tests.support.report_examples import COMPLETED, COMPLETED_TIMELINE

ROOT = REPOSITORY

PROGRAM = """
from dataclasses import replace
from pathlib import Path
import threading

from powerdown.core.deadline import now
from powerdown.diagnosis.verdict import Evidence, Source
from powerdown.report.allure_report import report_stage
from powerdown.shutdown.timeline import Mark, Phase, Timeline
from tests.support.report_examples import COMPLETED, COMPLETED_TIMELINE
from tests.support.report_examples import IGNORED, IGNORED_TIMELINE, ORIGIN
from tests.support.paths import REPOSITORY


def long_ago(timeline):
    # The same timeline, with the command a thousand seconds ago.
    by = now() - 1000 - timeline.origin
    phases = [
        replace(p, start=p.start + by, end=None if p.end is None else p.end + by)
        for p in timeline.phases
    ]
    return replace(
        timeline, origin=timeline.origin + by, end=timeline.end + by, phases=tuple(phases)
    )


def test_two_stages():
    picture = Path("timeline.png")
    picture.write_bytes(b"picture")
    Path("qmp.log").write_text("{}")
    Path("evidence.json").write_text("{}")
    ignored = replace(
        IGNORED, evidence=(Evidence(Source.SETTINGS, None, "bad \\udcff\\n\\x00", "x" * 9000),)
    )
    report_stage("press", long_ago(IGNORED_TIMELINE), ignored)
    timeline = long_ago(COMPLETED_TIMELINE)
    evidence = tuple(replace(e, at=timeline.origin + 20.4) for e in COMPLETED.evidence)
    report_stage(
        "press after remedy",
        timeline,
        replace(COMPLETED, evidence=evidence),
        [
            (picture, "timeline"),
            (Path("qmp.log"), "QMP transcript"),
            (Path("evidence.json"), "evidence"),
            (Path("absent.png"), "screen"),
        ],
    )


def test_a_promise():
    drawn, never = Path("drawn.png"), Path("never.png")
    fill = report_stage(
        "press", IGNORED_TIMELINE, IGNORED, promised=[(drawn, "timeline"), (never, "other")]
    )
    drawn.write_bytes(b"drawn later")
    drawing = threading.Thread(target=fill)
    drawing.start()
    drawing.join()


def test_times_that_cannot_be():
    nan = float("nan")
    timeline = Timeline(nan, nan, (Phase(list(IGNORED_TIMELINE.phases)[0].step, nan, nan, ()),),
                        (Mark(nan, ""),), nan, nan)
    report_stage("odd", timeline, COMPLETED)
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("allure")
    program = directory / "test_program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=."]
    done = subprocess.run(
        [*command, "-c", "/dev/null", "--alluredir=results", program.name],
        cwd=directory,
        env={
            "PYTHONPATH": str(ROOT),
            "PATH": "/usr/bin:/bin",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_PLUGINS": "allure_pytest.plugin",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return directory / "results"


def _result(results: Path, name: str) -> dict[str, Any]:
    read = [json.loads(path.read_text()) for path in results.glob("*-result.json")]
    found: dict[str, Any] = next(one for one in read if one["name"] == name)
    return found


def test_phases_are_steps_with_evidence_inside(results: Path) -> None:
    _, after = _result(results, "test_two_stages")["steps"]
    assert after["name"] == "press after remedy: completed (high confidence)"
    assert [step["name"] for step in after["steps"]] == [
        "1 command: 0.004 s",
        "2 acpi: 0.010 s",
        "3 applications-and-services: 19.986 s",
        "4 core-services: 0.400 s",
        "5 power-off: 0.100 s",
        "verdict: completed (high confidence)",
    ]
    inside = [step["name"] for step in after["steps"][2]["steps"]]
    assert inside == ["control port closed", "1074"]


def test_steps_have_the_times_at_which_they_happened(results: Path) -> None:
    _, after = _result(results, "test_two_stages")["steps"]
    assert after["stop"] - after["start"] == pytest.approx(20_500, abs=2)
    assert after["start"] / 1000 == pytest.approx(time.time() - 1000, abs=90)
    applications = after["steps"][2]
    assert applications["start"] - after["start"] == pytest.approx(14, abs=2)
    assert applications["stop"] - applications["start"] == pytest.approx(19_986, abs=2)


def test_status_says_where_it_stopped(results: Path) -> None:
    whole = _result(results, "test_two_stages")
    before, _ = whole["steps"]
    assert [step["status"] for step in before["steps"][:5]] == [
        "passed", "broken", "skipped", "skipped", "skipped",
    ]  # fmt: skip
    assert before["steps"][4]["name"] == "5 power-off: not reached"
    assert whole["status"] == "passed"


def test_verdict_names_evidence_rivals_and_remedy(results: Path) -> None:
    before, after = _result(results, "test_two_stages")["steps"]
    named = [step["name"] for step in before["steps"][5]["steps"]]
    assert named[0].startswith("settings: bad \\udcff \\x00 [xxx")
    assert len(named[0]) == 500
    assert named[1:] == [
        "ruled out: press-lost: the guest took the press",
        "remedy: Set the power button to shut down.",
    ]
    assert after["steps"][5]["steps"][0]["name"] == (
        "qmp (+20.400 s): the guest powered itself off [SHUTDOWN(guest=True)]"
    )


def test_attachments_have_their_type_and_content(results: Path) -> None:
    _, after = _result(results, "test_two_stages")["steps"]
    attached = {one["name"]: one for one in after["attachments"]}
    assert {name: one["type"] for name, one in attached.items()} == {
        "timeline": "image/png",
        "QMP transcript": "text/plain",
        "evidence": "application/json",
        "screen": "text/plain",
    }
    assert (results / attached["timeline"]["source"]).read_bytes() == b"picture"
    assert (results / attached["screen"]["source"]).read_text() == "absent.png was not written"


def test_a_file_that_was_promised_is_attached_once_it_is_there(results: Path) -> None:
    (step,) = _result(results, "test_a_promise")["steps"]
    attached = {one["name"]: one for one in step["attachments"]}
    assert {name: one["type"] for name, one in attached.items()} == {
        "timeline": "image/png",
        "other": "image/png",
    }
    assert (results / attached["timeline"]["source"]).read_bytes() == b"drawn later"
    assert (results / attached["other"]["source"]).read_bytes() == b""


def test_times_that_cannot_be_do_not_fail_the_test(results: Path) -> None:
    assert _result(results, "test_times_that_cannot_be")["status"] == "passed"


def test_without_allure_nothing_is_read_or_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    if not pytestconfig.getoption("allure_report_dir", None):
        assert not allure_report._listening()

    def fail(_: Verdict) -> str:
        raise AssertionError("the stage was formatted although nobody listens")

    monkeypatch.setattr(allure_report, "_listening", lambda: False)
    monkeypatch.setattr(Verdict, "__str__", fail)
    report_stage("press", COMPLETED_TIMELINE, COMPLETED, [(tmp_path / "absent", "x")])
