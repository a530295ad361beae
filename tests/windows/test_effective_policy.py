"""What follows from several settings together."""

from __future__ import annotations

import pytest

from powerdown.windows.effective_policy import (
    allowed_without_logon,
    asks_for_reasons,
    is_client,
    starts_fast,
)


@pytest.mark.parametrize(
    ("product", "client"), [("WinNT", True), ("winnt ", True), ("ServerNT", False), ("", False)]
)
def test_clients(product: str, client: bool) -> None:
    assert is_client(product) is client


@pytest.mark.parametrize("client", [True, False, None])
def test_what_is_set_counts_and_else_the_kind_of_windows(client: bool | None) -> None:
    for value in (True, False):
        assert allowed_without_logon(value, client) is value
        assert asks_for_reasons(value, client) is value
    assert allowed_without_logon(None, client) is client
    assert asks_for_reasons(None, client) is (None if client is None else not client)


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
