"""How a run's guests are run, and through which libvirt."""

from __future__ import annotations

import os

import pytest

from powerdown.machine.backend import Backend
from powerdown.pytest_plugin.options import BACKEND, CONNECT

_WORKER = "PYTEST_XDIST_WORKER"
"""Environment variable in which xdist gives a worker its name: ``gw0``, ``gw1`` and so on."""


def backends(config: pytest.Config) -> tuple[Backend, ...]:
    """The backends to use, each once.

    :raise pytest.UsageError: a libvirt connection is given without the libvirt backend.
    """
    given = config.getoption(BACKEND) or [Backend.QMP]
    chosen = tuple(dict.fromkeys(Backend(backend) for backend in given))
    if config.getoption(CONNECT) and Backend.LIBVIRT not in chosen:
        raise pytest.UsageError(f"{CONNECT} requires {BACKEND} libvirt")
    return chosen


def libvirt_uri(config: pytest.Config) -> str | None:
    """The libvirt connection of this worker; ``None`` for a private one."""
    uris: list[str] = config.getoption(CONNECT) or []
    if not uris:
        return None
    number = os.environ.get(_WORKER, "").removeprefix("gw")
    return uris[int(number) % len(uris) if number.isdecimal() else 0]
