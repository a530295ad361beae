"""Clients and servers."""

from __future__ import annotations

import pytest

from powerdown.windows.settings.product_type import is_client


@pytest.mark.parametrize(
    ("product", "client"), [("WinNT", True), ("winnt ", True), ("ServerNT", False), ("", False)]
)
def test_clients(product: str, client: bool) -> None:
    assert is_client(product) is client
