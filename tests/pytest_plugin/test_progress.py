"""What Powerdown logs is shown while it runs, past pytest's capturing and xdist's silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.boot_sector import HUNG
from tests.support.gate_directory import GateDirectory

LOGGING = """
import logging

@pytest.mark.powerdown_scenario("x")
def test_it():
    log = logging.getLogger("powerdown.somewhere")
    log.info("under way with %s", "something")
    log.debug("in detail")
    logging.getLogger("theirs").warning("of theirs")
"""

SHOWN = "powerdown: under way with something"


@pytest.fixture
def directory(tmp_path: Path) -> GateDirectory:
    made = GateDirectory(tmp_path, LOGGING)
    made.image("hung", HUNG)
    return made


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_line_is_shown_at_once(directory: GateDirectory, workers: str) -> None:
    output = directory.run("-n", workers, "--powerdown-image=hung.toml").stdout
    assert "1 passed" in output
    assert output.count(SHOWN) == 1
    assert "in detail" not in output
    assert "of theirs" not in output


def test_a_live_log_of_pytest_shows_it_instead(directory: GateDirectory) -> None:
    options = ("-o", "log_cli=true", "--log-cli-level=INFO", "--powerdown-image=hung.toml")
    output = directory.run(*options).stdout
    assert SHOWN not in output
    assert output.count("under way with something") == 1


def test_a_log_level_of_pytest_holds_for_reports(directory: GateDirectory) -> None:
    suite = directory.path / "test_suite.py"
    suite.write_text(suite.read_text() + "    assert False\n")
    line, image = "under way with something", "--powerdown-image=hung.toml"
    assert directory.run(image).stdout.count(line) == 2
    assert directory.run(image, "--log-level=ERROR").stdout.count(line) == 1


def test_without_an_image_nothing_is_shown(directory: GateDirectory) -> None:
    output = directory.run().stdout
    assert "1 passed" in output
    assert "under way" not in output
