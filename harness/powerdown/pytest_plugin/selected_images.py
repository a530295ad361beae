"""The images that a run tests, by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from powerdown.core.errors import DefinitionError
from powerdown.images.definition import read
from powerdown.pytest_plugin.options import definition_paths

_images_key = pytest.StashKey[dict[Path, str]]()


def image_names(config: pytest.Config) -> dict[Path, str]:
    """The definitions to test and their images' names.

    :raise pytest.UsageError: one cannot be used, or two have the same name.
    """
    if _images_key not in config.stash:
        config.stash[_images_key] = _read_names(definition_paths(config))
    return config.stash[_images_key]


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
