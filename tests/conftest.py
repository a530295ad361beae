"""Settings of the harness's own tests."""

from __future__ import annotations

from hypothesis import settings

# CI machines are slow and shared: an example's time says nothing about the code.
settings.register_profile("powerdown", deadline=None, print_blob=True)
settings.load_profile("powerdown")
