"""The error for a program that is not installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from powerdown.core.missing_program import missing_program
from powerdown.machine.accelerator import QEMU
from tests.support.paths import REPOSITORY


@pytest.mark.parametrize("program", ["qemu-img", "qemu-io", "qemu-nbd", "setpriv", QEMU])
def test_it_names_the_package_that_ci_setup_installs(program: str) -> None:
    error = missing_program(program)
    package = error.remedy.removeprefix("Install it (Debian: package ").removesuffix(").")
    assert package != error.remedy
    listed = (REPOSITORY / Path("ci", "packages.txt")).read_text().splitlines()
    assert any(line.split()[:1] == [package] for line in listed)


def test_another_program_is_named_without_a_package() -> None:
    assert str(missing_program("pdtool", "No such file")) == (
        "could not run pdtool: No such file. Install it."
    )
