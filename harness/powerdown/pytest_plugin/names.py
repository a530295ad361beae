"""Names that a user's tests refer to, apart from the options."""

from __future__ import annotations

MARKER = "powerdown_scenario"

FIXTURE_PREFIX = "powerdown_"

DEFINITION = "powerdown_image_definition"
"""The fixture, and the parameter, of the image definition under test."""

BACKEND = "powerdown_backend"
"""The fixture, and the parameter, of how guests are run."""
