"""A modelled machine on a plain directory, with a clock that moves only when told to."""

from __future__ import annotations

import pytest
from standin.setup import install
from standin.volume import Volume

from tests.support.modelled_machine import Machine, make_pe


@pytest.fixture(scope="session")
def host(powerdown_host):
    """This host, with templates and admission as in a run of the gate."""
    return powerdown_host


@pytest.fixture(scope="session")
def image(powerdown_image):
    """The stand-in: the image that pyproject.toml names."""
    return powerdown_image


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """A default installation that no test writes to."""
    root = tmp_path_factory.mktemp("volume")
    install(Volume(root))
    return root


@pytest.fixture
def machine(installed, tmp_path):
    """A machine with the default installation, not booted yet."""
    import shutil

    root = tmp_path / "c"
    shutil.copytree(installed, root)
    return Machine(root)


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path)


@pytest.fixture(scope="session")
def pe():
    return make_pe
