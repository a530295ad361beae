"""What the marker ``powerdown_scenario`` says of a test."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from powerdown.pytest_plugin.names import BACKEND, DEFINITION, MARKER

_NO_VARIANT = (DEFINITION, BACKEND)
"""Parameters of tests that say where a scenario runs, not what it is."""


@dataclass(frozen=True)
class ScenarioMark:
    """The scenario that a test carries out.

    :param id: of the scenario; empty if the marker lacks it.
    :param variant: parameters of the test other than image and backend, then the marker's variant.
    """

    id: str
    variant: str

    @classmethod
    def of(cls, item: pytest.Item) -> ScenarioMark | None:
        """The mark of a test; ``None`` if it is not a scenario."""
        marker = item.get_closest_marker(MARKER)
        if marker is None:
            return None
        callspec = getattr(item, "callspec", None)
        parameters = callspec.params.items() if callspec else ()
        words = [_word(value) for name, value in parameters if name not in _NO_VARIANT]
        variant = " ".join([*words, str(marker.kwargs.get("variant", ""))]).strip()
        return cls(str(marker.args[0]) if marker.args else "", variant)

    @property
    def title(self) -> str:
        """The scenario and its variant in one line."""
        return f"{self.id} {self.variant}".strip()


def _word(value: object) -> str:
    return str(getattr(value, "variant", value))
