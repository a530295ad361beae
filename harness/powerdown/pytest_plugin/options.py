"""The options and ini settings of the pytest plugin; nothing heavy is imported to declare them."""

from __future__ import annotations

from pathlib import Path

import pytest

IMAGE = "--powerdown-image"
REPORTS = "--powerdown-reports"
COLD = "--powerdown-cold"
INJECT = "--powerdown-inject"
BACKEND = "--powerdown-backend"
CONNECT = "--powerdown-connect"
COMPARE = "--powerdown-compare"

IMAGES_INI = "powerdown_images"

BACKENDS = ("qmp", "libvirt")
"""The values of :class:`powerdown.machine.backend.Backend`; importing it here would cost time in
every session of pytest."""

INJECTIONS = ("online", "offline")
"""Likewise of :class:`powerdown.scenario.injection.Injection`."""

_DEFAULT_REPORTS = "reports"

NO_IMAGE = (
    f"no image to test: give {IMAGE}=FILE, an image definition (TOML), or set {IMAGES_INI} in "
    "the ini file"
)


def add_options(parser: pytest.Parser) -> None:
    """Add the options and the ini settings."""
    group = parser.getgroup("powerdown", "Powerdown: soft shutdown of Windows images")
    group.addoption(
        IMAGE,
        action="append",
        metavar="FILE",
        help="image definition (TOML) to test; may be given several times",
    )
    group.addoption(
        REPORTS,
        metavar="DIRECTORY",
        default=_DEFAULT_REPORTS,
        help="directory for gate.json, pictures and transcripts (default: %(default)s)",
    )
    group.addoption(
        COLD,
        action="store_true",
        help="boot every guest from power-on instead of cloning one that was saved when ready",
    )
    group.addoption(
        INJECT,
        choices=INJECTIONS,
        default=INJECTIONS[0],
        help="when the settings of a fault are written: online, in the running guest, or offline, "
        "to the registry hives on its overlay before it starts; offline, faults that are not "
        "settings are skipped (default: %(default)s)",
    )
    group.addoption(
        BACKEND,
        action="append",
        choices=BACKENDS,
        help="how guests are run (default: qmp); given twice, every scenario runs on both backends "
        "and their disagreements are reported",
    )
    group.addoption(
        CONNECT,
        action="append",
        metavar="URI",
        help=f"libvirt connection of {BACKEND} libvirt, such as qemu:///system; given several "
        "times, workers are spread over them (default: a private libvirt for each worker, "
        "without a daemon)",
    )
    group.addoption(
        COMPARE,
        metavar="GATE.JSON",
        help="result of a run on the other backend, to report the disagreements with it",
    )
    parser.addini(
        IMAGES_INI, f"image definitions to test without {IMAGE}", type="paths", default=[]
    )


def images_given(config: pytest.Config) -> bool:
    """Whether the command line or the ini file names an image to test."""
    return bool(config.getoption(IMAGE) or config.getini(IMAGES_INI))


def given_on_command_line(config: pytest.Config) -> bool:
    """Whether an option of Powerdown is worth a check before anything runs."""
    given = any(config.getoption(option) for option in (IMAGE, BACKEND, CONNECT, COMPARE))
    return given or config.getoption(REPORTS) != _DEFAULT_REPORTS


def definition_paths(config: pytest.Config) -> list[Path]:
    """The image definitions to test: of the command line, or else of the ini file."""
    given: list[str] = config.getoption(IMAGE) or []
    configured: list[Path] = config.getini(IMAGES_INI)
    return [config.invocation_params.dir / path for path in given] or configured


def reports_directory(config: pytest.Config) -> Path:
    """Where the result and the artifacts of a run go."""
    return config.invocation_params.dir / str(config.getoption(REPORTS))
