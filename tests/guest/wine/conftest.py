"""One Wine prefix for all tests of a worker, running at the start of each test."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from powerdown.guest.probe_programs import ProbeProgram, compile_probe
from tests.guest.wine.application import Application
from tests.guest.wine.control_manager import ControlManager
from tests.guest.wine.service import Service
from tests.guest.wine.session import Wine, Witness, windows_session
from tests.support.wine_types import InstallService, OpenApplication, OpenManager


@pytest.fixture(scope="session")
def session_wine() -> Iterator[Wine]:
    with windows_session() as wine:
        yield wine


@pytest.fixture
def wine(session_wine: Wine) -> Wine:
    session_wine.power_on()
    return session_wine


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("probes")


@pytest.fixture
def witness(wine: Wine) -> Witness:
    return Witness(wine)


@pytest.fixture
def place(request: pytest.FixtureRequest) -> str:
    """A Windows directory of the test's own that does not exist yet."""
    return "C:\\" + re.sub(r"\W+", "-", request.node.name)


@pytest.fixture
def open_application(wine: Wine, witness: Witness, compiled: Path) -> Iterator[OpenApplication]:
    """Start probe applications, whose windows are then there; they are killed after the test."""
    with ExitStack() as stack:

        def open_one(program: ProbeProgram, *arguments: str, debug: str = "-all") -> Application:
            log = stack.enter_context(tempfile.TemporaryFile())
            executable = compile_probe(program, compiled)
            application = Application(wine, executable, arguments, log, debug)
            stack.callback(application.kill)
            application.wait_for_window(witness)
            return application

        yield open_one


@pytest.fixture
def install_service(
    wine: Wine, witness: Witness, compiled: Path, place: str
) -> Iterator[InstallService]:
    """Enter probe services, named after the test, in Wine's manager; they end with the test."""
    with ExitStack() as stack:

        def install_one(program: ProbeProgram, *arguments: str) -> Service:
            name = place.removeprefix("C:\\")
            service = Service(wine, witness, compile_probe(program, compiled), name, arguments)
            stack.callback(service.kill)
            return service

        yield install_one


@pytest.fixture
def open_manager(wine: Wine) -> Iterator[OpenManager]:
    """Run probe services under a service control manager of the tests' own."""
    with ExitStack() as stack:

        def open_one(program: ProbeProgram, *arguments: str) -> ControlManager:
            manager = ControlManager(wine, program, arguments)
            stack.callback(manager.kill)
            return manager

        yield open_one
