"""The result in a terminal, letter by letter."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from powerdown.report.scenario_record import Status
from powerdown.report.summary import render
from tests.support.report_examples import CONTROL, GATE, IGNORED, REMEDIED, SKIPPED

REPORTS = {"timelines": Path("reports/timelines"), "gate": Path("reports/gate.json")}

EXPECTED = """\
standin  A model of Windows
      scenario              variant  verdict                                                  conf.   guest s  harness s
ok    soft-shutdown         control  completed, ntfs dirty after=False, records=3, bugche...  high       20.5        1.2
FAIL  power-button-ignored  policy                                                                      120.0        0.8
        press                        stayed-up/power-button-ignored                           medium
        press after remedy           stayed-up/power-button-ignored, expected completed       medium
       AssertionError: stayed-up\\x1b[2J because of power-button-ignored

windows  Server 2022
THE DISK IMAGE WAS WRITTEN TO: its digest has changed during the run
      scenario         variant  verdict  conf.  guest s  harness s
skip  forced-shutdown  kill                         0.0        0.0
       no control channel

1 passed, 1 failed, 1 skipped, 0 errors
guest 140.5 s, harness 2.0 s
  skipped 1: no control channel
confusion matrix: 1 of 1 right, 0 inconclusive, 0 confidently wrong
  from outside only: 1 of 1 right, 0 inconclusive, 0 confidently wrong
QEMU 7.2.19, tcg: POWERDOWN_ACCEL=tcg
timelines  reports/timelines
gate       reports/gate.json
"""  # noqa: E501

NARROW = """\
standin  A model of Windows
      scenario              variant  conf.   guest s  harness s
          verdict
ok    soft-shutdown         control  high       20.5        1.2
          completed, ntfs dirty after=False, records=3, bugcheck=None, last=6006
FAIL  power-button-ignored  policy             120.0        0.8
        press                        medium
          stayed-up/power-button-ignored
        press after remedy           medium
          stayed-up/power-button-ignored, expected completed
"""


def test_exact_text() -> None:
    assert render(GATE, 120, False, REPORTS) == EXPECTED


def test_a_narrow_terminal_gets_verdicts_on_their_own_lines() -> None:
    assert render(GATE, 80, False).startswith(NARROW)


@pytest.mark.parametrize("width", [60, 72, 80, 100, 200])
def test_lines_keep_within_the_terminal(width: int) -> None:
    long = replace(SKIPPED, variant="v" * 90, message="m" * 300)
    gate = replace(GATE, scenarios=(*GATE.scenarios, long))
    assert max(map(len, render(gate, width, False).splitlines())) <= width


def test_colour_changes_nothing_but_colour() -> None:
    coloured = render(GATE, 100, True, REPORTS)
    assert "\x1b[1;31mFAIL" in coloured
    assert "\x1b[32mok" in coloured
    stripped = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in stripped.splitlines()] == render(
        GATE, 100, False, REPORTS
    ).splitlines()


def test_a_guest_cannot_drive_the_terminal() -> None:
    evil = "a\x1b[2J\x07\r\nb\u202e"
    record = replace(
        REMEDIED, variant=evil, message=evil, stages=(replace(REMEDIED.stages[0], name=evil),) * 2
    )
    text = render(replace(GATE, scenarios=(record,)), 100, False)
    assert all(c.isprintable() or c == "\n" for c in text)


def test_skips_are_counted_by_reason_most_frequent_first() -> None:
    other = replace(SKIPPED, message="needs libvirt")
    gate = replace(GATE, scenarios=(other, SKIPPED, SKIPPED, replace(SKIPPED, message="")))
    lines = render(gate, 100, False).splitlines()
    start = next(n for n, line in enumerate(lines) if "4 skipped" in line)
    assert lines[start + 2 : start + 5] == [
        "  skipped 2: no control channel",
        "  skipped 1: no reason given",
        "  skipped 1: needs libvirt",
    ]


def test_a_wrong_confident_verdict_has_a_line_of_its_own() -> None:
    stage = replace(CONTROL.stages[0], diagnosed=IGNORED, degraded=True)
    text = render(replace(GATE, scenarios=(replace(CONTROL, stages=(stage,)),)), 120, True)
    lines = text.splitlines()
    assert (
        "\x1b[1;31m  without a usable channel: 0 of 1 right, 0 inconclusive, "
        "1 confidently wrong\x1b[0m"
    ) in lines
    assert (
        "\x1b[1;31m  WRONG (degraded) soft-shutdown/control, press: actual completed, "
        "predicted stayed-up (power-button-ignored) (medium)\x1b[0m"
    ) in lines


def test_no_record_is_left_out_whatever_its_image() -> None:
    stray = replace(CONTROL, image="elsewhere", variant="stray", status=Status.ERROR)
    text = render(replace(GATE, scenarios=(stray,)), 100, False)
    assert "stray" in text
    assert "1 errors" in text
    assert text.count("no scenario was run") == 2
