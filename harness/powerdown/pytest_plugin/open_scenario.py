"""Opens scenarios on the guests of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from powerdown.host.host import Host
from powerdown.images.image import Image
from powerdown.pytest_plugin.artifacts import Artifacts
from powerdown.scenario.injection import Injection
from powerdown.scenario.scenario import Scenario


class OpenScenario:
    """Opens scenarios that outlive one test: the fixture ``powerdown_open_scenario``.

    :param host: where their guests run.
    :param artifacts: where their pictures and transcripts go.
    :param injection: when faults are injected.
    """

    def __init__(self, host: Host, artifacts: Artifacts, injection: Injection) -> None:
        self._host = host
        self._artifacts = artifacts
        self._injection = injection

    @contextmanager
    def __call__(self, image: Image, title: str) -> Iterator[Scenario]:
        """A scenario, which ends its guests when the ``with`` block ends.

        :param title: what it is called in pictures; names its artifact directory.
        """
        directory = self._artifacts.directory(image.name, title)
        scenario = Scenario(self._host, image, title, directory, self._injection)
        try:
            yield scenario
        finally:
            scenario.close()
