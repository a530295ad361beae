"""Which ways to QEMU a run takes, and through which libvirt: ``--via`` and ``--connect``."""

from __future__ import annotations

import os

import pytest

from powerdown.machine.backend import Backend
from powerdown.report.gate_result import GateResult
from powerdown.report.scenario_record import ScenarioRecord

_WORKER = "PYTEST_XDIST_WORKER"
"""Environment variable in which xdist tells a worker its name: ``gw0``, ``gw1`` and so on."""


def add_options(group: pytest.OptionGroup) -> None:
    """Add the options."""
    group.addoption(
        "--via",
        action="append",
        choices=[way.value for way in Backend],
        help="which way commands take to QEMU (default: qmp); given twice, every scenario runs "
        "both ways and what they disagree about is told",
    )
    group.addoption(
        "--connect",
        action="append",
        metavar="URI",
        help="libvirt to use with --via libvirt, such as qemu:///system; given several times, "
        "workers are spread over them (default: one of our own for each worker, without a daemon)",
    )
    group.addoption(
        "--compare",
        metavar="GATE.JSON",
        help="result of a run that went the other way, to tell what the two disagree about",
    )


def ways(config: pytest.Config) -> tuple[Backend, ...]:
    """The ways to take, each once.

    :raise pytest.UsageError: ``--connect`` without libvirt.
    """
    chosen = tuple(
        dict.fromkeys(Backend(way) for way in config.getoption("--via") or [Backend.QMP])
    )
    if config.getoption("--connect") and Backend.LIBVIRT not in chosen:
        raise pytest.UsageError("--connect names a libvirt: give --via libvirt too")
    return chosen


def records_to_compare(config: pytest.Config) -> tuple[ScenarioRecord, ...]:
    """Of ``--compare``: the scenarios that went another way than this run's.

    :raise ReportFormatError: that is no gate result.
    :raise pytest.UsageError: there is nothing in it to compare with.
    """
    given = config.getoption("--compare")
    if not given:
        return ()
    result = GateResult.read(config.invocation_params.dir / given)
    others = tuple(record for record in result.scenarios if record.backend not in ways(config))
    if not others:
        raise pytest.UsageError(f"--compare: no scenario of {given} went another way than this run")
    return others


def libvirt_uri(config: pytest.Config) -> str | None:
    """The libvirt of this worker; ``None`` for one of its own."""
    uris: list[str] = config.getoption("--connect") or []
    if not uris:
        return None
    number = os.environ.get(_WORKER, "").removeprefix("gw")
    return uris[int(number) % len(uris) if number.isdecimal() else 0]
