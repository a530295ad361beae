"""Every scenario of a run has an artifact directory of its own."""

from __future__ import annotations

from pathlib import Path

from powerdown.pytest_plugin.artifacts import Artifacts


def test_scenarios_of_one_title_get_a_number(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    one, other = (Artifacts(reports, tmp_path / "claims") for _ in range(2))
    scenarios = reports / "scenarios"
    assert one.directory("win", "asleep: S3!") == scenarios / "win" / "asleep-s3"
    # Another worker, another test of that title, another image.
    assert other.directory("win", "asleep: S3!") == scenarios / "win" / "asleep-s3-2"
    assert one.directory("win", "asleep S3") == scenarios / "win" / "asleep-s3-3"
    assert other.directory("other", "asleep S3") == scenarios / "other" / "asleep-s3"
    assert not reports.exists()
