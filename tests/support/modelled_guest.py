"""Fixtures: a modelled machine on this host, and its inside through the real control channel."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from standin.setup import DEFAULT_PASSWORD, DEFAULT_USER, install
from standin.volume import Volume
from standin.wsman import serve

from powerdown.guest.channels.winrm_channel import WinrmChannel
from powerdown.guest.windows import Windows
from powerdown.images.image import ControlConfig, Credentials, Transport, WinrmAuthentication
from tests.support.modelled_machine import Machine

OpenChannel = Callable[..., WinrmChannel]


@pytest.fixture
def open_channel() -> Iterator[OpenChannel]:
    """Open channels that are closed after the test."""
    opened = []

    def open_one(
        address: tuple[str, int],
        user: str = DEFAULT_USER,
        password: str = DEFAULT_PASSWORD,
        authentication: WinrmAuthentication = WinrmAuthentication.BASIC,
    ) -> WinrmChannel:
        credentials = Credentials(user, password)
        control = ControlConfig(Transport.WINRM, 5985, authentication, credentials)
        opened.append(WinrmChannel(address, control))
        return opened[-1]

    yield open_one
    for channel in opened:
        channel.close()


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A default installation that no test writes to."""
    root = tmp_path_factory.mktemp("installed")
    install(Volume(root))
    return root


@pytest.fixture
def machine(installed: Path, tmp_path: Path) -> Machine:
    """A modelled machine with the default installation, booted."""
    root = tmp_path / "c"
    shutil.copytree(installed, root)
    machine = Machine(root)
    machine.boot()
    return machine


@pytest.fixture
def address(machine: Machine) -> Iterator[tuple[str, int]]:
    """Where the machine's WS-Management endpoint listens."""
    with closing(serve(machine.system, port=0, host="127.0.0.1")) as server:
        yield "127.0.0.1", server.port


@pytest.fixture
def channel(address: tuple[str, int], open_channel: OpenChannel) -> WinrmChannel:
    return open_channel(address)


@pytest.fixture
def windows(channel: WinrmChannel) -> Windows:
    return Windows(channel)
