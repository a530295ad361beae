"""The fixtures of the pytest plugin; what they need is imported when a test requests one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from powerdown.pytest_plugin.options import COLD, INJECT, NO_IMAGE, definition_paths, images_given

if TYPE_CHECKING:
    from powerdown.core.errors import PowerdownError
    from powerdown.host.host import Host
    from powerdown.images.image import Image
    from powerdown.machine.backend import Backend
    from powerdown.pytest_plugin.open_scenario import OpenScenario
    from powerdown.scenario.scenario import Scenario


@pytest.fixture(scope="session")
def powerdown_image_definition(request: pytest.FixtureRequest) -> Path:
    """Path of the image definition under test; a test runs once for each image of the run."""
    # With images, tests are parametrized with it; only getfixturevalue() gets here then.
    _skip_without_image(request.config)
    paths = definition_paths(request.config)
    if len(paths) > 1:
        pytest.fail("several images are tested: request a powerdown fixture as an argument")
    return paths[0]


@pytest.fixture(scope="session")
def powerdown_backend(request: pytest.FixtureRequest) -> Backend:
    """How guests are run."""
    from powerdown.pytest_plugin.backends import backends

    return getattr(request, "param", None) or backends(request.config)[0]


@pytest.fixture(scope="session")
def powerdown_host(powerdown_backend: Backend, request: pytest.FixtureRequest) -> Iterator[Host]:
    """The host that guests run on."""
    config = request.config
    _skip_without_image(config)
    from powerdown.core.errors import PowerdownError
    from powerdown.host.host import Host
    from powerdown.pytest_plugin.backends import libvirt_uri
    from powerdown.pytest_plugin.run import Run

    try:
        host = Host.of_this_host(powerdown_backend, libvirt_uri(config))
    except PowerdownError as error:
        _stop_run(request.session, error)
    run = Run.of(config)
    host = host.with_admission(run.directory / "admission")
    if not config.getoption(COLD):
        host = host.with_templates(run.images.start_notes)
    yield host
    host.close()


@pytest.fixture(scope="session")
def powerdown_image(
    powerdown_image_definition: Path, powerdown_host: Host, request: pytest.FixtureRequest
) -> Image:
    """The image under test; its disk and its template are made if need be, once in a run."""
    from powerdown.core.errors import PowerdownError
    from powerdown.pytest_plugin.run import Run

    try:
        image = Run.of(request.config).images.prepare(powerdown_image_definition)
        powerdown_host.prepare(image)
    except PowerdownError as error:
        if len(definition_paths(request.config)) > 1:
            # The others can still be tested; what failed once is not tried again.
            pytest.fail(str(error), pytrace=False)
        _stop_run(request.session, error)
    return image


@pytest.fixture(scope="session")
def powerdown_open_scenario(powerdown_host: Host, request: pytest.FixtureRequest) -> OpenScenario:
    """Opens scenarios that outlive one test; most tests want ``powerdown_scenario`` instead."""
    from powerdown.pytest_plugin.open_scenario import OpenScenario
    from powerdown.pytest_plugin.run import Run
    from powerdown.scenario.injection import Injection

    injection = Injection(request.config.getoption(INJECT))
    return OpenScenario(powerdown_host, Run.of(request.config).artifacts, injection)


@pytest.fixture
def powerdown_scenario(
    request: pytest.FixtureRequest, powerdown_image: Image, powerdown_open_scenario: OpenScenario
) -> Iterator[Scenario]:
    """The scenario of this test: boots guests, and ends them all when the test ends."""
    from powerdown.pytest_plugin.item_record import keep_scenario
    from powerdown.pytest_plugin.scenario_mark import ScenarioMark

    mark = ScenarioMark.of(request.node)
    if mark is None:
        pytest.fail(
            f"{request.node.nodeid} uses 'powerdown_scenario' but does not have this marker",
            pytrace=False,
        )
    with powerdown_open_scenario(powerdown_image, mark.title) as scenario:
        keep_scenario(request.node, scenario)
        yield scenario


def _skip_without_image(config: pytest.Config) -> None:
    if not images_given(config):
        pytest.skip(NO_IMAGE)


def _stop_run(session: pytest.Session, error: PowerdownError) -> NoReturn:
    """End the run with one line: every further test would fail in the same way."""
    session.shouldstop = str(error)
    raise pytest.fail.Exception(str(error), pytrace=False) from None
