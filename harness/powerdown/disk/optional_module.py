"""Import of optional dependencies."""

from __future__ import annotations

import importlib
from types import ModuleType

from powerdown.core.errors import HostError


def optional_module(name: str, package: str) -> ModuleType:
    """Import an optional module.

    :param package: the package that provides it, by its name on PyPI or in Debian.
    :raise HostError: it is missing or cannot be loaded; the message names the package.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise HostError(
            f"import {name}",
            str(error),
            f"Install {package}, which provides {name}; in a checkout ci/setup does.",
        ) from error
