"""The choices of options, which are written out so that nothing need be imported for them."""

from __future__ import annotations

from powerdown.machine.backend import Backend
from powerdown.pytest_plugin.options import BACKENDS, INJECTIONS
from powerdown.scenario.injection import Injection


def test_choices_are_the_values_of_what_they_choose() -> None:
    assert tuple(Backend) == BACKENDS
    assert tuple(Injection) == INJECTIONS
    assert INJECTIONS[0] == Injection.ONLINE
