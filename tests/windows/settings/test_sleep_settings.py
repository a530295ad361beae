"""Fast startup follows from several settings together."""

from __future__ import annotations

import pytest

from powerdown.windows.settings.sleep_settings import starts_fast


@pytest.mark.parametrize(
    ("local", "policy", "hibernation", "fast"),
    [
        (True, False, True, True),
        (False, True, True, True),
        (False, False, True, False),
        (True, True, False, False),
        (True, False, None, None),
        (False, False, None, False),
        # The policy may require it.
        (False, None, True, None),
        (None, False, True, None),
        (True, None, True, True),
    ],
)
def test_fast_startup(
    local: bool | None, policy: bool | None, hibernation: bool | None, fast: bool | None
) -> None:
    assert starts_fast(local, policy, hibernation) is fast
