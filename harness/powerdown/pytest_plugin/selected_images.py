"""Which images a run tests: those of ``--image``, or else those that the ini file names."""

from __future__ import annotations

from pathlib import Path

import pytest

from powerdown.core.errors import DefinitionError
from powerdown.images.definition import read

_images_key = pytest.StashKey[dict[Path, str]]()


def image_names(config: pytest.Config) -> dict[Path, str]:
    """The definitions to test, of ``--image`` or else of the ini file, and their images' names.

    :raise pytest.UsageError: there are none, one cannot be used, or two have the same name.
    """
    if _images_key not in config.stash:
        config.stash[_images_key] = _read_names(_definition_paths(config))
    return config.stash[_images_key]


def _definition_paths(config: pytest.Config) -> list[Path]:
    given = config.getoption("--image")
    if given:
        return [config.invocation_params.dir / path for path in given]
    configured: list[Path] = config.getini("powerdown_images")
    if not configured:
        raise pytest.UsageError("no image to test: give --image FILE, an image definition (TOML)")
    return configured


def _read_names(paths: list[Path]) -> dict[Path, str]:
    names: dict[Path, str] = {}
    for path in paths:
        try:
            name = read(path).described.name
        except DefinitionError as error:
            raise pytest.UsageError(str(error)) from error
        for other, taken in names.items():
            if taken == name and other != path:
                raise pytest.UsageError(
                    f"both {other} and {path} are named {name!r}: give one of them another name"
                )
        names[path] = name
    return names
