"""Whether a Windows is a client or a server, by which defaults differ."""

from __future__ import annotations

from powerdown.windows.settings import registry_keys as keys
from powerdown.windows.settings.stored_value import Registry

PRODUCT_TYPE = "ProductType"
"""Name of the value."""


def is_client(product_type: str) -> bool:
    """Whether a ``ProductType`` is a client's: WinNT. Servers have ServerNT, domain controllers
    LanmanNT (learn: RtlGetNtProductType; seen in every public SYSTEM hive).
    """
    return product_type.strip().lower() == "winnt"


def is_client_of(registry: Registry) -> bool | None:
    """Whether it is a client rather than a server; ``None`` if it is not known."""
    kind = registry.at(keys.PRODUCT_OPTIONS, PRODUCT_TYPE).text
    return None if kind is None else is_client(kind)
