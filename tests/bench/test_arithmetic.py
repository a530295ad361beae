"""What benchmarks make of their samples; no guests."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bench import __main__ as command
from bench import growth, memory, starts, table, verdicts, waiting
from bench.attempt import BenchAttempt, attempts_of
from bench.catalogue import CatalogueRun, catalogue_rows, most_expensive, note_run, seconds_of_tests
from bench.figures import Figures
from bench.machine_facts import MachineFacts
from bench.proportional_memory import MIB, Memory, parse_rollup, plain_sum, with_file_once
from bench.result import Result
from bench.row import Row
from powerdown.core.errors import MachineError
from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis.verdict import Confidence, Verdict
from powerdown.machine.events import HostEvent
from powerdown.report.gate_result import GateResult, HostFacts
from powerdown.report.scenario_record import ScenarioRecord, StageRecord, Status

ROW = Row(1, "clone", 0.2, "s", 10)
FACTS = MachineFacts(2, "CPU", 4096, "6.1", "3.11", "7.2", "tcg", "asked for", 0.1)


def figures(unit: str = "s", **samples: list[float]) -> Figures:
    made = Figures()
    for name, values in samples.items():
        for value in values:
            made.add(name.replace("__", "/"), value, unit)
    return made


def named(rows: list[Row]) -> dict[str, Row]:
    return {f"{row.what.strip()} {row.to}".strip(): row for row in rows}


def test_a_name_has_one_unit() -> None:
    made = figures(start=[1.0, 9.0, 2.0])
    assert (made.median("start"), made.count("start")) == (2.0, 3)
    assert made.count("other") == 0
    with pytest.raises(ValueError, match="in s, not in ms"):
        made.add("start", 1.0, "ms")


@pytest.mark.parametrize(
    ("row", "reached"),
    [
        (ROW, None),
        (replace(ROW, limit=0.2), True),
        (replace(ROW, limit=0.19), False),
        # The ratio is what the limit is for, where there is one.
        (replace(ROW, ratio=4.1, limit=4.0), False),
        (replace(ROW, value=9.0, ratio=4.0, limit=4.0), True),
    ],
)
def test_limits(row: Row, reached: bool | None) -> None:
    assert row.reached is reached


@pytest.mark.parametrize(
    ("value", "text"), [(1234.5, "1234"), (99.95, "100"), (9.999, "10.0"), (0.9951, "1.00")]
)
def test_numbers(value: float, text: str) -> None:
    assert table.number(value) == text


@given(some.floats(min_value=0, max_value=1e6))
def test_numbers_are_never_off_by_more_than_their_last_digit(value: float) -> None:
    # A half is rounded to either side, and no float is exactly the half of a thousandth.
    assert float(table.number(value)) == pytest.approx(value, rel=0.006, abs=0.000500001)


def test_the_table_has_every_column_in_line() -> None:
    late = replace(ROW, benchmark=2, what="verdict", ratio=9.0, to="floor", limit=4.0)
    heading, first, second = table.row_table([replace(ROW, limit=1.0), late]).splitlines()
    assert first.endswith("yes")
    assert second.endswith("NO")
    assert heading.index("reached") == first.index("yes") == second.index("NO")
    assert heading.index("value") + len("value") == first.index("0.200") + len("0.200")


def test_a_clone_is_compared_with_floor_and_cold_boot_of_the_same_run() -> None:
    parts: Any = {f"start__clone__{part}": [0.1] for part in ("up", "restored", "answered")}
    made = figures(start__floor=[0.04, 0.05, 9.0], start__clone=[0.2] * 3, **parts)
    assert named(starts.start_rows(made))["clone ready floor"].ratio == pytest.approx(4.0)
    assert "clone ready cold boot" not in named(starts.start_rows(made))
    made.add("start/cold", 8.0, "s")
    made.add("start/prepared", 0.15, "s")
    rows = named(starts.start_rows(made))
    assert rows["clone ready cold boot"].ratio == pytest.approx(1 / 40)
    assert rows["clone ready cold boot"].reached
    assert rows["clone ready, its QEMU prepared floor"].ratio == pytest.approx(3.0)


def test_a_start_is_divided_by_the_events_of_the_restore() -> None:
    events = [
        HostEvent(10.04, "MIGRATION", {"status": "setup"}),
        HostEvent(10.05, "MIGRATION", {"status": "completed"}),
        HostEvent(10.06, "RESUME"),
    ]
    divided = starts.divided(10.0, events, 10.2)
    assert divided == pytest.approx({"up": 0.04, "restored": 0.01, "answered": 0.15})
    with pytest.raises(MachineError, match="RESUME"):
        starts.divided(10.0, events[2:], 10.2)


def test_the_longest_delay_has_the_limit_too() -> None:
    made = figures(**{"verdict__press-to-shutdown": [1.0], "verdict__press-to-verdict": [1.0]})  # type: ignore[arg-type]
    made.add("verdict/baseline", 1.0, "s")
    for delay in (1.0, 2.0, 21.0):
        made.add("verdict/delay", delay, "ms")
    rows = named(verdicts.verdict_rows(made))
    assert rows["SHUTDOWN event to verdict"].reached is True
    assert rows["the longest of them"].reached is False


ROLLUP = """55d0-7ffc ---p 00000000 00:00 0    [rollup]
Rss:              300000 kB
Pss:              204800 kB
Pss_Dirty:         90000 kB
Pss_Anon:          61440 kB
Pss_File:          10240 kB
Pss_Shmem:        133120 kB
"""


def test_a_rollup_is_read() -> None:
    assert parse_rollup(ROLLUP) == Memory(200 * MIB, 130 * MIB)


@pytest.mark.parametrize("text", ["", "55d0-7ffc ---p [rollup]\nPss: 1 kB\n", "x\nPss: y\n"])
def test_what_is_no_rollup_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_rollup(text)


def test_the_memory_file_is_counted_once_and_whole() -> None:
    # Both have read 100 MiB of a file of 150; the second wrote less.
    clones = [Memory(110 * MIB, 50 * MIB), Memory(80 * MIB, 50 * MIB)]
    assert plain_sum(clones) == 190
    assert with_file_once(clones, 150 * MIB) == 150 + 60 + 30


def test_a_second_clone_is_compared_with_a_booted_guest() -> None:
    made = figures("MiB", memory__cold__1=[240.0], memory__cold__2=[400.0])
    for name, value in (("clones/1", 180.0), ("clones/2", 220.0), ("second-clone", 40.0)):
        made.add(f"memory/{name}", value, "MiB")
    rows = named(memory.memory_rows(made))
    second = rows["second clone, when it is ready of a booted guest (240 MiB)"]
    assert second.value == pytest.approx(100 / 6)
    assert second.reached
    assert rows["2 clones, template's memory once 2 booted (400 MiB)"].ratio == 0.55


STAYED = Verdict(Outcome.STAYED_UP, Cause.EVENT_TRACKER, Confidence.HIGH, ())
OFF = Verdict(Outcome.COMPLETED, Cause.NONE, Confidence.HIGH, ())
CUT = Verdict(Outcome.FORCED_OFF, Cause.FORCED_SHUTDOWN, Confidence.HIGH, ())


def stage(
    name: str, verdict: Verdict | None, seconds: float, delay: float | None = None
) -> StageRecord:
    commanded_at = None if verdict is None else 1.0
    return StageRecord(
        name,
        None,
        verdict,
        guest_seconds=seconds - 0.5,
        harness_seconds=0.5,
        commanded_at=commanded_at,
        verdict_delay=delay,
    )


def record(*stages: StageRecord, status: Status = Status.PASSED) -> ScenarioRecord:
    return ScenarioRecord("standin", "event-tracker", "dialog", "id", status, stages)


RECORDS = (
    record(stage("clone", None, 1.0), stage("press", STAYED, 5.0), stage("again", OFF, 2.0, 0.5)),
    record(stage("kill", CUT, 1.0)),
    record(status=Status.SKIPPED),
)


def test_the_moment_of_the_verdict_is_taken_where_it_is_known() -> None:
    known = replace(stage("press", OFF, 9.0, delay=0.5), verdict_at=4.0)
    [attempt] = attempts_of([record(known)])
    assert (attempt.seconds, attempt.exact, attempt.off_seconds) == (3.0, True, 2.5)


def test_attempts_are_what_was_commanded_softly_and_judged() -> None:
    press, again = attempts_of(RECORDS)
    assert (press.stage, press.seconds, press.off_seconds, press.failed) == ("press", 5, None, True)
    assert (again.stage, again.seconds, again.off_seconds, again.failed) == ("again", 2, 1.5, False)


@pytest.mark.parametrize(
    ("off", "waited"), [(None, 60.0), (1.5, 1.5), (75.0, 60.0)], ids=["up", "off", "late"]
)
def test_waiting_ends_at_the_power_off_or_the_timeout(off: float | None, waited: float) -> None:
    attempt = BenchAttempt("s", "v", "press", "stayed-up", "none", 5.0, True, off)
    assert attempt.waited(60.0) == waited


def test_totals_against_waiting() -> None:
    attempts = attempts_of(RECORDS)
    rows = waiting.waiting_rows(attempts)
    assert [row.value for row in rows] == [5.0, 60, 120, 360, 7.0, 61.5, 121.5, 361.5]
    assert [row.ratio for row in rows[1:4]] == [12.0, 24.0, 72.0]
    assert rows[0].what == "failures (1), to verdict, at most"
    assert waiting.waiting_rows([]) == []
    told = "event-tracker dialog press stayed-up (event-tracker) <= 5.00 x 12.0 x 24.0 x 72.0"
    assert waiting.attempt_table(attempts).splitlines()[1].split() == told.split()


def catalogue_run(workers: int = 1) -> CatalogueRun:
    host = HostFacts("7.2", "tcg", "")
    result = GateResult("0", datetime(2026, 1, 31, tzinfo=UTC), host, (), RECORDS)
    return CatalogueRun(workers, 20.0, (4.0, 8.0), result)


def test_the_harness_is_held_against_its_guests() -> None:
    made = Figures()
    note_run(catalogue_run(), made)
    rows = named(catalogue_rows(made, [1]))
    assert rows["2 scenarios, 1 worker: wall time"].value == 20.0
    own = rows["harness's own time in scenarios guests' time"]
    # Two scenarios with three stages and one, half a second each, of nine seconds in all.
    assert (own.value, own.ratio, own.reached) == (2.0, pytest.approx(2 / 7), False)
    everything = rows["all in tests but guests' time, queueing too guests' time"]
    assert (everything.value, everything.limit) == (5.0, None)
    assert rows["harness's own time, one scenario"].value == 1000
    assert rows["the longest of them"].value == 1500
    assert "event-tracker dialog 1500 ms ('clone' 500)" in most_expensive(catalogue_run())


def test_the_times_of_tests_are_read_in_their_order() -> None:
    junit = (
        '<testsuites><testsuite><testcase time="2.5"/><testcase time="1"/></testsuite></testsuites>'
    )
    assert seconds_of_tests(junit) == (2.5, 1.0)


def test_growth_with_memory_is_held_against_the_least() -> None:
    made = figures(growth__512__clone=[0.2], growth__2048__clone=[0.3], growth__4096__clone=[0.25])
    rows = growth.memory_growth_rows(made, (512, 2048, 4096))
    assert [(row.ratio, row.limit) for row in rows] == [
        (None, None),
        (pytest.approx(1.5), None),
        (pytest.approx(1.25), 1.2),
    ]
    assert growth.memory_growth_rows(made, (512,))[0].limit is None


def test_growth_with_scenarios() -> None:
    rows = growth.scenario_growth_rows([4.0, 2.0, 1.0, 1.0, 2.0], wall=13.0)
    assert [(row.value, row.samples) for row in rows] == [(3.0, 1), (4, 1), (6, 2), (8, 4), (10, 5)]
    assert rows[1].ratio == 2.0
    assert rows[-1].ratio == 1.0
    assert growth.scenario_growth_rows([], wall=1.0) == []


def test_the_result_holds_every_sample(tmp_path: Path) -> None:
    result = Result("standin", FACTS, {"rounds": 2}, figures(clone=[0.1, 0.3]))
    result.rows.append(replace(ROW, ratio=5.0, to="floor", limit=4.0))
    result.attempts = attempts_of(RECORDS)
    read = json.loads(result.write(tmp_path / "reports" / "bench.json").read_text())
    assert read["samples"]["clone"]["values"] == [0.1, 0.3]
    assert read["samples"]["clone"]["median"] == 0.2
    assert read["rows"][0]["reached"] is False
    assert read["machine"]["qemu"] == "7.2"
    assert read["attempts"][0]["cause"] == "event-tracker"
    assert datetime.fromisoformat(read["created"]).tzinfo is not None


def test_waiting_needs_a_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--only", "5"]) == 2
    assert "--gate" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--only", "8"], ["--only", "a"], ["--rounds", "0"]])
def test_wrong_options_are_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        command.main(wrong)
    assert left.value.code == 2


def test_what_cannot_be_measured_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = str(tmp_path / "absent.toml")
    assert command.main(["--image", absent, "--output", str(tmp_path / "b.json")]) == 2
    assert absent in capsys.readouterr().err
    assert not (tmp_path / "b.json").exists()


def test_an_earlier_gate_is_enough_for_waiting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate = catalogue_run().result.write(tmp_path / "gate.json")
    output = tmp_path / "bench.json"
    definition = tmp_path / "image.toml"
    disk = tmp_path / "disk.raw"
    disk.write_bytes(bytes(512))
    definition.write_text(
        f'name = "tiny"\n[disk]\npath = "{disk}"\nformat = "raw"\n'
        '[control]\ntransport = "none"\n[machine]\nfirmware = "bios"\n[budgets]\n'
    )
    chosen = ["--only", "5", "--gate", str(gate), "--output", str(output)]
    assert command.main([*chosen, "--image", str(definition)]) == 0
    assert "failures (1), to verdict" in capsys.readouterr().out
    assert json.loads(output.read_text())["attempts"][0]["off_seconds"] is None
